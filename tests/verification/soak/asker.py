"""One case asked, and what became of it."""

from __future__ import annotations

import socket
import threading
import time
import traceback
import warnings
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from connecty_frames.client import Client
from connecty_frames.errors import ConnectyError, QuestionError
from tests.servers.timing import Pulse
from tests.verification.soak.checks import check_frame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from tests.verification.soak.cases import SoakCase
    from tests.verification.soak.server_process import Addresses

__all__ = ["Asker", "CallOutcome"]

#: Seconds that a call may take whose kind sets no deadline of its own.
_TIMEOUT: Final = 60.0
#: The longest answer that a relayed client takes, in bytes: less than a bomb.
_LIMIT: Final = 2**20


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """What became of a case, as its asker saw it.

    Parameters
    ----------
    error
        The class of the error, None where there was a frame.
    question_id
        The id on the frame or on the error.
    warned
        The classes of the warnings given meanwhile.
    problems
        What is wrong whatever the kind: values that differ, an exception that is not ours.
    took
        Seconds.
    overslept
        The most by which this machine was late to wake a thread meanwhile, in seconds.
    """

    error: type[ConnectyError] | None
    question_id: str | None
    warned: tuple[type[Warning], ...]
    problems: tuple[str, ...]
    took: float
    overslept: float


class Asker:
    """The clients that the cases are asked by; a context manager.

    Parameters
    ----------
    addresses
        The other end.
    """

    def __init__(self, addresses: Addresses) -> None:
        self._sandbox = addresses.sandbox
        self._relay = addresses.relay
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._warned = stack.enter_context(_warnings_by_thread())
            self._pulse = stack.enter_context(Pulse().running())
            nobody = stack.enter_context(socket.socket())  # bound, so that nobody else can listen there
            nobody.bind(("127.0.0.1", 0))
            self._nowhere = f"http://127.0.0.1:{nobody.getsockname()[1]}"
            self._straight = stack.enter_context(Client(**self._sandbox, timeout=_TIMEOUT))
            self._relayed = stack.enter_context(self._client("soak", self._relay))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def ask(self, case: SoakCase) -> CallOutcome:
        """Ask a case, from whatever thread."""
        error: type[ConnectyError] | None = None
        question_id: str | None = None
        problems: list[str] = []
        warned: list[type[Warning]] = []
        self._warned[threading.get_ident()] = warned
        with self._client_of(case) as client:
            began = time.monotonic()
            try:
                frame = client.ask_df(case.question, engine=case.engine, timeout=case.timeout)
                took = time.monotonic() - began
                question_id, problems = check_frame(case, frame)
            except ConnectyError as caught:
                took = time.monotonic() - began
                error, question_id = type(caught), caught.question_id
                problems = _missing_context(case, caught)
            except Exception:  # noqa: BLE001 - none may come, and the soak is there to see it
                took = time.monotonic() - began
                problems = [f"an exception that is not ours:\n{traceback.format_exc()}"]
        overslept = self._pulse.most(began)
        return CallOutcome(error, question_id, tuple(warned), tuple(problems), took, overslept)

    @contextmanager
    def _client_of(self, case: SoakCase) -> Iterator[Client]:
        match case.kind.way:
            case "straight":
                yield self._straight
            case "relayed":
                yield self._relayed
            case "own":
                with self._client(case.question, self._relay) as client:
                    yield client
            case "nowhere":
                with self._client(case.question, self._nowhere) as client:
                    yield client

    def _client(self, client_id: str, address: str) -> Client:
        """Make a client of the relay, which puts the right credentials in the place of these."""
        return Client(
            client_id,
            client_secret="soak secret",
            base_url=address,
            dw_id=self._sandbox["dw_id"],
            timeout=_TIMEOUT,
            max_body_bytes=_LIMIT,
        )


def _missing_context(case: SoakCase, error: ConnectyError) -> list[str]:
    """Return what an error does not tell of its question, though it was known all along."""
    if isinstance(error, QuestionError) and (error.question, error.dw_id) != (case.question, 13):
        return [f"{error!r} tells of question {error.question!r}, workspace {error.dw_id}"]
    return []


@contextmanager
def _warnings_by_thread() -> Iterator[dict[int, list[type[Warning]]]]:
    """Collect the warnings of each thread, which the warnings module itself cannot tell apart."""
    given: dict[int, list[type[Warning]]] = {}

    def note(message: object, category: type[Warning], *_: object, **__: object) -> None:  # noqa: ARG001 - its name is the module's
        given.setdefault(threading.get_ident(), []).append(category)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = note
        yield given
