"""The sandbox as one thing: a database, a desk and a server that start and stop together."""

from __future__ import annotations

import math
import shlex
import socket
import threading
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypedDict, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import uvicorn

from connecty_frames.clock import SYSTEM_CLOCK
from connecty_frames.errors import ConfigError
from connecty_frames.sandbox import workspace
from connecty_frames.sandbox.catalogue import Catalogue
from connecty_frames.sandbox.connection_limits import LimitedProtocol
from connecty_frames.sandbox.fault_responses import FaultMiddleware
from connecty_frames.sandbox.faults import Faults
from connecty_frames.sandbox.jobs import JobQueue
from connecty_frames.sandbox.pool import WorkerPool
from connecty_frames.sandbox.request_checks import allowed_hosts
from connecty_frames.sandbox.request_log import RequestLog
from connecty_frames.sandbox.server import Server
from connecty_frames.sandbox.tokens import Tokens

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from starlette.types import ASGIApp

    from connecty_frames.clock import Clock
    from connecty_frames.sandbox.catalogue import Answerer
    from connecty_frames.sandbox.faults import Fault

__all__ = ["Connection", "Sandbox"]

Statistics = Literal["full", "documented"]

#: The one workspace there is, as in the API document.
DW_ID: Final = 13
#: Seconds that open requests get to end when the sandbox closes.
_GRACE: Final = 2
_MAX_PORT: Final = 65_535
#: How often Ctrl-C is looked for, in seconds.
_LISTEN_EVERY: Final = 0.5


class Connection(TypedDict):
    """What a client needs to reach a sandbox."""

    client_id: str
    client_secret: str
    base_url: str
    dw_id: int


class Sandbox:
    """ConnectyAI's Public API, served over HTTP from an embedded DuckDB.

    A context manager: it serves from a thread, is ready when the ``with`` block begins, and leaves no
    thread, process, port or file behind when it ends. It can be entered again, and then starts afresh.

    The requests that it got are in ``request_log``. ``faults`` says how it misbehaves, and can be changed
    while it runs.

    Parameters
    ----------
    database
        A DuckDB file, opened read-only. Without, the sample workspace is built in memory.
    questions
        A TOML catalogue of questions. Without, the sample workspace's own, and none for another database.
        A SELECT statement asked as a question is answered with any.
    latency
        Seconds that are spent on each question before its query runs.
    timezone
        The IANA name of the zone that instants are written in.
    statistics
        ``"documented"`` sends only the sections that the API document shows; ``"full"`` sends our guess at
        what it would tell of numbers and booleans as well.
    host, port
        Where to listen: loopback unless told otherwise, and any free port.
    workers
        How many questions are worked on at once, each in a process of its own; others are PENDING.
    capacity
        How many questions may be unfinished at once; another one is answered by 429 and ``Retry-After``.
    time_limit
        Seconds after which a question is stopped and FAILED.
    token_lifetime
        Seconds for which an access token is good.
    answerer
        What turns questions into SQL, in place of the catalogue.
    token_by_post
        ``False`` makes the token endpoint answer POST by 405, since the API document heads it GET.
    faults
        How to misbehave; by default it does not.
    clock
        The clock by which tokens expire and questions take too long.

    Raises
    ------
    ConfigError
        An argument is wrong. What can only be found out by trying (a database that cannot be opened, a
        port that is taken) is told on entering.
    """

    def __init__(
        self,
        *,
        database: str | os.PathLike[str] | None = None,
        questions: str | os.PathLike[str] | None = None,
        latency: float = 0.0,
        timezone: str = "Europe/Warsaw",
        statistics: Statistics = "full",
        host: str = "127.0.0.1",
        port: int = 0,
        workers: int = 4,
        capacity: int = 100,
        time_limit: float = 30.0,
        token_lifetime: float = 300.0,
        answerer: Answerer | None = None,
        token_by_post: bool = True,
        faults: Iterable[Fault] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        _check_times(latency=latency, time_limit=time_limit, token_lifetime=token_lifetime)
        _check_counts(workers=workers, capacity=capacity)
        if not 0 <= port <= _MAX_PORT:
            raise ConfigError(
                f"port={port!r} is not a port. Give 0 (any free one) to {_MAX_PORT}.", setting="port"
            )
        if answerer is not None and questions is not None:
            raise ConfigError("Give either questions= or answerer=: one of them answers.", setting="answerer")
        if statistics not in get_args(Statistics):
            raise ConfigError(
                f"statistics={statistics!r} is not known. Choose 'full' or 'documented'.",
                setting="statistics",
            )
        self._timezone = _checked_zone(timezone)
        self._database = _existing_file(database, "database")
        if answerer is None:
            answerer = _catalogue(_existing_file(questions, "questions"), self._database)
        self._answerer = answerer
        self._documented_only = statistics == "documented"
        self._latency = latency
        self._host = host
        self._port = port
        self._workers = workers
        self._capacity = capacity
        self._time_limit = time_limit
        self._token_lifetime = token_lifetime
        self._token_by_post = token_by_post
        self._clock = clock
        self._connection: Connection | None = None
        self._open = ExitStack()
        self.request_log = RequestLog()
        self.faults = Faults(faults)

    @property
    def connection(self) -> Connection:
        """The keywords for a client: ``Client(**sandbox.connection)``.

        Raises
        ------
        ConfigError
            The sandbox is not running.
        """
        if self._connection is None:
            raise ConfigError("The sandbox is not running. Enter it first: with Sandbox() as sandbox: ...")
        return self._connection

    def exports(self) -> str:
        """Give the shell commands after which a client finds the sandbox, one a line."""
        return "\n".join(
            f"export CONNECTY_{name.upper()}={shlex.quote(str(value))}"
            for name, value in self.connection.items()
        )

    def serve(self, announce: Callable[[Sandbox], None] | None = None) -> None:
        """Serve in the foreground until Ctrl-C, or whatever else raises KeyboardInterrupt.

        Parameters
        ----------
        announce
            Called with the sandbox once it is ready, to tell how it is reached.
        """
        with self, suppress(KeyboardInterrupt):
            if announce is not None:
                announce(self)
            # In pieces: a signal in the moment before a wait is only noticed after it.
            while not threading.Event().wait(_LISTEN_EVERY):
                pass

    def __enter__(self) -> Self:
        if self._connection is not None:
            raise ConfigError("The sandbox is running already. Make another one to have two.")
        self.request_log.clear()
        self.faults.rearm()
        with ExitStack() as stack:
            listener = stack.enter_context(_listener(self._host, self._port))
            engine = WorkerPool(
                self._database,
                timezone=self._timezone,
                time_limit=self._time_limit,
                documented_only=self._documented_only,
                clock=self._clock,
            )
            stack.callback(engine.close)
            desk = JobQueue(
                engine, self._answerer, workers=self._workers, capacity=self._capacity, latency=self._latency
            )
            stack.callback(desk.close)
            tokens = Tokens(lifetime=self._token_lifetime, timezone=self._timezone, clock=self._clock)
            misbehaviour = FaultMiddleware(self.faults, tokens)
            server = Server(
                desk,
                tokens,
                self.request_log,
                misbehaviour,
                dw_id=DW_ID,
                token_by_post=self._token_by_post,
                allows=allowed_hosts(self._host, listener.getsockname()[0]),
            )
            stack.enter_context(_serving(server.app, listener))
            stack.callback(misbehaviour.close)
            self._connection = {
                "client_id": tokens.client_id,
                "client_secret": tokens.client_secret,
                "base_url": _address(listener),
                "dw_id": DW_ID,
            }
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection = None
        self._open.close()


def _listener(host: str, port: int) -> socket.socket:
    """Open the port, so that it is known before the server starts and nobody is turned away meanwhile."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"The sandbox cannot listen on host={host!r}, port={port}: {error}. port=0 takes any free port.",
            setting="port",
        ) from error
    # Each connection inherits it. Without, header and body are two packets, and the second waits 40 ms for
    # the first to be acknowledged; asyncio sees to it only on sockets that it makes itself.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _address(listener: socket.socket) -> str:
    """Give the address under which a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _serving(app: ASGIApp, listener: socket.socket) -> Iterator[None]:
    """Run the server in a thread; at the end nothing of it is left."""
    # No logging of its own: a library has no business configuring the logging of its host.
    config = uvicorn.Config(
        app,
        # Not what else is installed and faster: faults reach below HTTP.
        http=LimitedProtocol,
        loop="asyncio",
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="connecty-sandbox", daemon=True)
    thread.start()
    try:
        while thread.is_alive() and not server.started:
            SYSTEM_CLOCK.sleep(0.005)
        if not server.started:
            raise ConfigError(
                "The server of the sandbox could not be started; standard error tells why. A low limit of "
                "open files (`ulimit -n`) is a usual reason."
            )
        yield
    finally:
        server.should_exit = True
        thread.join()


def _check_times(**seconds: float) -> None:
    """Refuse times that make no sense."""
    for name, value in seconds.items():
        least = "0 or more" if name == "latency" else "more than 0"
        if not math.isfinite(value) or value < 0 or (value == 0 and name != "latency"):
            raise ConfigError(f"{name}={value!r} is not a time. Give {least} seconds.", setting=name)


def _check_counts(**counts: int) -> None:
    """Refuse to work with nothing."""
    for name, count in counts.items():
        if count < 1:
            raise ConfigError(f"{name}={count!r}: at least 1 is needed to answer anything.", setting=name)


def _checked_zone(timezone: str) -> str:
    """Refuse a zone that is not known."""
    try:
        return ZoneInfo(timezone).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"timezone={timezone!r} is not known. Give an IANA name such as 'Europe/Warsaw' or 'UTC'.",
            setting="timezone",
        ) from error


def _existing_file(path: str | os.PathLike[str] | None, setting: str) -> Path | None:
    """Refuse a path where there is no file."""
    if path is None or Path(path).is_file():
        return None if path is None else Path(path)
    raise ConfigError(f"{setting}={str(path)!r} is not a file.", setting=setting)


def _catalogue(questions: Path | None, database: Path | None) -> Catalogue:
    """Read the catalogue that goes with a database."""
    if questions is None:
        return Catalogue() if database is not None else Catalogue.from_toml(*workspace.catalogue())
    try:
        return Catalogue.from_toml(questions.read_text(encoding="utf-8"), str(questions))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"questions={str(questions)!r} cannot be read: {error}", setting="questions"
        ) from error
