"""The sandbox: a database, a queue of questions and a server that start and stop together."""

from __future__ import annotations

import atexit
import math
import os
import shlex
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final, TypedDict

from connecty_frames._base.clock import SYSTEM_CLOCK, Clock
from connecty_frames._base.text import value_text
from connecty_frames.errors import ConfigError
from connecty_frames.files import checked_path
from connecty_frames.sandbox import workspace
from connecty_frames.sandbox.canned_answers import CannedAnswers
from connecty_frames.sandbox.catalogue import plan_select
from connecty_frames.sandbox.faults import Faults
from connecty_frames.sandbox.jobs import DW_ID, JobQueue
from connecty_frames.sandbox.listening import open_listener, run_server
from connecty_frames.sandbox.request_log import RequestLog
from connecty_frames.sandbox.server import Server, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Self

    from connecty_frames.sandbox.catalogue import Answerer
    from connecty_frames.sandbox.faults import Fault

if find_spec("duckdb") is None:  # imported when a sandbox starts
    raise ModuleNotFoundError("No module named 'duckdb'", name="duckdb")


class Connection(TypedDict):
    """What a client needs to reach a sandbox."""

    client_id: str
    client_secret: str
    base_url: str
    dw_id: int


class SandboxOptions(TypedDict, total=False):
    """The parameters of :class:`Sandbox` as keywords."""

    database: str | os.PathLike[str] | None
    """A DuckDB file to query with SELECT statements, opened read-only. By default, the sample workspace is
    built in memory, which also answers questions in English."""
    latency: float
    """Seconds to wait on each question before its query runs."""
    port: int
    """The port to listen on; 0 chooses a free one."""
    workers: int
    """How many questions are answered at once, each on its own thread; others are PENDING."""
    time_limit: float
    """Seconds after which a query is stopped and its question FAILED."""
    token_lifetime: float
    """Seconds for which an access token is valid."""
    answerer: Answerer | None
    """Translates questions into SQL. By default, questions about the sample workspace are read in English."""
    answers: Mapping[str, object] | None
    """Answers to single questions, which take precedence over the answerer: see ``Sandbox.answer``."""
    faults: Iterable[Fault]
    """The faults to inject; by default none."""
    clock: Clock
    """The clock for the expiry of tokens and for time limits."""


class Sandbox:
    """ConnectyAI's Public API, served over HTTP from an embedded DuckDB.

    As a context manager, it serves from a thread, is ready when the ``with`` block begins, and leaves no
    thread, open port or file behind. :meth:`start` and :meth:`close` do the same without a block.
    After a restart, earlier questions are gone.

    ``request_log`` has the requests it received. ``faults`` has the injected faults, which can be changed
    while it runs. :meth:`answer` sets the answer to a question.

    Parameters
    ----------
    database : str, path-like or None, default None
        A DuckDB file to query with SELECT statements, opened read-only. By default, the sample workspace is
        built in memory, which also answers questions in English.
    latency : float, default 0.0
        Seconds to wait on each question before its query runs.
    port : int, default 0
        The port to listen on; 0 chooses a free one.
    workers : int, default 4
        How many questions are answered at once, each on its own thread; others are PENDING.
    time_limit : float, default 30.0
        Seconds after which a query is stopped and its question FAILED.
    token_lifetime : float, default 300.0
        Seconds for which an access token is valid.
    answerer : Answerer or None, default None
        Translates questions into SQL. By default, questions about the sample workspace are read in English.
    answers : mapping or None, default None
        Answers to single questions, which take precedence over the answerer: see ``Sandbox.answer``.
    faults : iterable of Fault, default ()
        The faults to inject; by default none.
    clock : Clock, optional
        The clock for the expiry of tokens and for time limits.

    Raises
    ------
    ConfigError
        An argument is invalid. If the database cannot be opened or the port is in use, starting fails.
    """

    def __init__(
        self,
        *,
        database: str | os.PathLike[str] | None = None,
        latency: float = 0.0,
        port: int = 0,
        workers: int = 4,
        time_limit: float = 30.0,
        token_lifetime: float = 300.0,
        answerer: Answerer | None = None,
        answers: Mapping[str, object] | None = None,
        faults: Iterable[Fault] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        given = locals()
        for name, (is_valid, problem) in _OPTIONS.items():
            if not is_valid(given[name]):
                raise ConfigError(f"{name}={value_text(given[name])} {problem}.", setting=name)
        self._database = None if database is None else checked_path(database, "database")
        if self._database is not None and not self._database.is_file():
            raise ConfigError(
                f"database={value_text(str(self._database))} is not a file.", setting="database"
            )
        if answerer is None and self._database is None:
            answerer = workspace.answerer()
        self._answer = plan_select if answerer is None else answerer.answer
        self._canned_answers = CannedAnswers({} if answers is None else answers)
        self._latency = latency
        self._port = port
        self._workers = workers
        self._time_limit = time_limit
        self._token_lifetime = token_lifetime
        self._clock = clock
        self._connection: Connection | None = None
        self._exit_stack = ExitStack()
        self._pid = os.getpid()
        self._is_entered = False
        self.request_log: RequestLog = RequestLog()
        self._initial_faults = tuple(faults)
        self.faults: Faults = Faults(self._initial_faults)

    @property
    def connection(self) -> Connection:
        """The keywords for a client: ``Client(**sandbox.connection)``.

        Raises
        ------
        ConfigError
            The sandbox is not running.
        """
        if self._connection is None:
            raise ConfigError("The sandbox is not running. Start it: with Sandbox() as sandbox: ...")
        return self._connection

    def __repr__(self) -> str:
        state = "not running" if self._connection is None else f"at {self._connection['base_url']}"
        return f"<Sandbox {state}>"

    def exports(self) -> str:
        """Return the shell commands that make a client use the sandbox, one per line."""
        return "\n".join(
            f"export CONNECTY_{name.upper()}={shlex.quote(str(value))}"
            for name, value in self.connection.items()
        )

    def serve(self, announce: Callable[[Sandbox], None] | None = None) -> None:
        """Serve in the foreground until Ctrl-C or another KeyboardInterrupt.

        Parameters
        ----------
        announce
            Called with the sandbox once it is ready, to report how to reach it.
        """
        with ExitStack() as stack:
            stack.enter_context(self)
            try:
                if announce is not None:
                    announce(self)
                # Wait briefly, because a signal that arrives just before a wait is noticed only after it.
                while not threading.Event().wait(0.5):
                    pass
            except KeyboardInterrupt:
                stack.close()  # within the handler, so that the interrupt does not count as lost

    def answer(
        self, question: str, value: object, *, sql: str | None = None, summary: str | None = None
    ) -> None:
        """Set the answer to a question, replacing an earlier one; also while the sandbox runs.

        Parameters
        ----------
        question
            The question. Case, extra whitespace and a final ``?``, ``.`` or ``!`` are ignored.
        value
            A table: any object with ``__arrow_c_stream__`` (a pandas, polars or Arrow frame), or a list of
            dicts. The sandbox computes its statistics. Only named levels of a pandas index become columns.

            An Answer, or the bytes of a response that ``Answer.to_json`` or ``connecty ask --save`` saved:
            replayed with its own SQL, summary and statistics.

            An exception or exception class: the question fails with its message.

            None: an answer with a ``summary`` and no table.
        sql
            The SQL to send with a table; none by default.
        summary
            The summary to send with a table. ``{rows}``, ``{columns}`` and names of columns are filled in.

        Raises
        ------
        ConfigError
            The value is none of these, or the sandbox cannot send a column exactly.
        """
        self._canned_answers.set(question, value, sql=sql, summary=summary)

    def reset(self) -> None:
        """Empty the request log, and restore the faults and answers of the constructor."""
        self.request_log.clear()
        self.faults.clear()
        self.faults.add(*self._initial_faults)
        self._canned_answers.reset()

    def start(self, *, on_close: Callable[[], object] | None = None) -> Self:
        """Start serving, and return the sandbox once it is ready.

        Parameters
        ----------
        on_close
            Called when the sandbox is closed, before it stops.

        Raises
        ------
        ConfigError
            It is running already, the database cannot be opened, or the port is in use.
        """
        if self._connection is not None:
            raise ConfigError("The sandbox is running already. Make another one to have two.")
        from connecty_frames.sandbox.database import Database

        self._pid = os.getpid()
        self.request_log.clear()
        self.faults.rearm()
        with ExitStack() as stack:
            # If Python ends while DuckDB runs a query, it aborts.
            atexit.register(self.close)
            stack.callback(atexit.unregister, self.close)
            listener = stack.enter_context(open_listener(self._port))
            database = Database(self._database, time_limit=self._time_limit, clock=self._clock)
            stack.callback(database.close)
            jobs = JobQueue(
                database,
                self._answer,
                canned_answers=self._canned_answers,
                workers=self._workers,
                latency=self._latency,
            )
            stack.callback(jobs.close)
            tokens = Tokens(lifetime=self._token_lifetime, clock=self._clock)
            server = Server(jobs, tokens, self.request_log, self.faults)
            stack.enter_context(run_server(server, listener))
            stack.callback(server.close)
            self._connection = {
                "client_id": tokens.client_id,
                "client_secret": tokens.client_secret,
                "base_url": "http://{}:{}".format(*listener.getsockname()),
                "dw_id": DW_ID,
            }
            if on_close is not None:
                stack.callback(on_close)
            self._exit_stack = stack.pop_all()
        return self

    def close(self) -> None:
        """Stop, and end every thread.

        This has no effect if the sandbox is not running, or in a forked process, which does not own it.
        """
        if os.getpid() != self._pid:
            return
        self._connection = None
        self._is_entered = False
        stack, self._exit_stack = self._exit_stack, ExitStack()
        stack.close()

    def __enter__(self) -> Self:
        if self._is_entered or self._connection is None:
            self.start()
        self._is_entered = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _is_within(kind: Any, least: float, most: float, value: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and bool(least <= value <= most)


#: For each option except files and answers, a test and the message for a value that fails it.
_OPTIONS: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "latency": (partial(_is_within, Real, 0, threading.TIMEOUT_MAX), "is not a time. Give 0 or more seconds"),
    "port": (partial(_is_within, Integral, 0, 65535), "is not a port. Give 0 (any free one) to 65535"),
    "workers": (
        partial(_is_within, Integral, 1, 1000),
        "is not a number of threads. Give at least 1 and at most 1000",
    ),
    **dict.fromkeys(
        ("time_limit", "token_lifetime"),
        (
            partial(_is_within, Real, math.ulp(0.0), threading.TIMEOUT_MAX),
            "is not a time. Give more than 0 seconds",
        ),
    ),
    "answerer": (
        lambda value: value is None or callable(getattr(value, "answer", None)),
        "has no method answer(question, dw_id)",
    ),
    "faults": (lambda value: isinstance(value, Iterable), "is not a list of Fault"),
    "clock": (lambda value: isinstance(value, Clock), "is not a Clock"),
}
