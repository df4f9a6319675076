"""One case asked, and its outcome."""

import socket
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from connecty_frames.client import Client
from connecty_frames.errors import ConnectyError, QuestionError
from tests.servers.timing import Pulse
from tests.verification.soak.cases import SoakCase
from tests.verification.soak.checks import check_frame
from tests.verification.soak.server_process import Addresses

#: Seconds that a call may take whose scenario sets no deadline of its own.
_TIMEOUT: Final = 60.0
#: The longest answer that a relayed client accepts, in bytes: less than a gzip bomb unpacks to.
_LIMIT: Final = 2**20


@dataclass(frozen=True, slots=True)
class CallOutcome:
    error: type[ConnectyError] | None  # its class; None with a frame
    question_id: str | None  # the id on the frame or on the error
    warned: tuple[type[Warning], ...]  # the classes of the warnings that the call gave
    problems: tuple[str, ...]  # wrong in every scenario: other values, a foreign exception
    took: float  # seconds
    lateness: float  # of this machine: the seconds that it may have added to the timeout


class Asker(ExitStack):
    """The clients that ask the cases; a context manager."""

    def __init__(self, addresses: Addresses) -> None:
        super().__init__()
        self._sandbox, self._relay = addresses
        self._warned = self.enter_context(_warnings_by_thread())
        self._pulse = self.enter_context(Pulse().running())
        unused = self.enter_context(socket.socket())  # bound, so that no other process can listen there
        unused.bind(("127.0.0.1", 0))
        self._unreachable = f"http://127.0.0.1:{unused.getsockname()[1]}"
        self._direct = self.enter_context(Client(**self._sandbox, timeout=_TIMEOUT))
        self._relayed = self.enter_context(self._client("soak", self._relay))

    def ask(self, case: SoakCase) -> CallOutcome:
        """Ask a case; any thread may call this."""
        error: type[ConnectyError] | None = None
        question_id: str | None = None
        problems: list[str] = []
        warned: list[type[Warning]] = []
        self._warned[threading.get_ident()] = warned
        with self._client_for(case) as client:
            began = time.monotonic()
            try:
                frame = client.ask_df(case.question, engine="pyarrow", timeout=case.timeout)
                took = time.monotonic() - began
                question_id, problems = check_frame(case, frame)
            except ConnectyError as caught:
                took = time.monotonic() - began
                error, question_id = type(caught), caught.question_id
                known = (caught.question, caught.dw_id) if isinstance(caught, QuestionError) else None
                if known not in (None, (case.question, 13)):
                    problems = [f"{caught!r} has the question and the workspace {known}"]
            except Exception:
                took = time.monotonic() - began
                problems = [f"an exception that is not ours:\n{traceback.format_exc()}"]
        lateness = self._pulse.late(began, began + (case.timeout or _TIMEOUT))
        return CallOutcome(error, question_id, tuple(warned), tuple(problems), took, lateness)

    @contextmanager
    def _client_for(self, case: SoakCase) -> Iterator[Client]:
        match case.scenario.route:
            case "direct":
                yield self._direct
            case "relayed":
                yield self._relayed
            case "own client":
                with self._client(case.question, self._relay) as client:
                    yield client
            case "unreachable":
                with self._client(case.question, self._unreachable) as client:
                    yield client

    def _client(self, client_id: str, address: str) -> Client:
        """Return a client of the relay, which replaces these credentials by the right ones."""
        return Client(
            client_id,
            client_secret="soak secret",
            base_url=address,
            dw_id=self._sandbox["dw_id"],
            timeout=_TIMEOUT,
            max_body_bytes=_LIMIT,
        )


@contextmanager
def _warnings_by_thread() -> Iterator[dict[int, list[type[Warning]]]]:
    """Collect the warnings of each thread; the warnings module itself does not separate them."""
    given: dict[int, list[type[Warning]]] = {}

    def record(*arguments: Any, **_: object) -> None:
        category: type[Warning] = arguments[1]
        given.setdefault(threading.get_ident(), []).append(category)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = record
        yield given
