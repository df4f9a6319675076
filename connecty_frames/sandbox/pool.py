"""The processes that run the queries, and an end to every query.

Each question has a process to itself while its query runs. The process is killed when the query takes too
long or the sandbox closes, and the next question gets another one; none is started before there is a question
for it. What a query may do and how much memory it may take is up to the process:
:mod:`connecty_frames.sandbox.worker`.

A process is started as a program of its own and not by :mod:`multiprocessing`: fork is not safe in a process
that has threads, and spawn imports the main module again, which runs a script without ``if __name__ ==
"__main__"`` a second time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import msgspec

from connecty_frames.errors import ConfigError, QuestionFailed
from connecty_frames.sandbox.pipes import WorkerReply, WorkerSetup, receive, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

    from connecty_frames.clock import Clock
    from connecty_frames.sandbox.results import QueryResult

__all__ = ["WorkerPool"]

#: What one question may take, in MiB.
MEMORY: Final = 1024
#: How often a running question is looked at, in seconds.
_WATCH_EVERY: Final = 0.05
#: How long a process may take to start, in seconds: it is some 0.3 on an idle machine.
_START_LIMIT: Final = 60.0
_CLOSING: Final = "the sandbox is closing"
#: The program. It looks for modules where this process does, and not in the current directory (``-P``).
_PROGRAM: Final = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]);"
    " from connecty_frames.sandbox.worker import main; main()"
)


class WorkerPool:
    """Answers SELECT statements, from several threads at once.

    Parameters
    ----------
    database
        A DuckDB file to open read-only; None builds the sample workspace in memory.
    timezone
        The zone that instants are written in.
    time_limit
        Seconds after which a question is stopped.
    documented_only
        Leave out the sections of the statistics that the API document does not show.
    memory
        What one question may take, in MiB.

    Raises
    ------
    ConfigError
        The database cannot be opened.
    """

    def __init__(
        self,
        database: Path | None,
        *,
        timezone: str,
        time_limit: float,
        documented_only: bool,
        clock: Clock,
        memory: int = MEMORY,
    ) -> None:
        self._setup = WorkerSetup(
            database=None if database is None else str(database),
            timezone=timezone,
            documented_only=documented_only,
            memory=memory,
        )
        self._time_limit = time_limit
        self._clock = clock
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        if database is not None:
            # Whether it can be opened is found out by opening it.
            try:
                self._idle.append(self._start())
            except QuestionFailed as error:
                raise ConfigError(str(error), setting="database") from None

    def run(self, sql: str) -> QueryResult:
        """Run one SELECT and give its whole result.

        Raises
        ------
        QuestionFailed
            It is not one SELECT statement, DuckDB refuses it, or it took too long or too much memory.
        """
        if self._stopping.is_set():
            raise QuestionFailed(f"The query was not started: {_CLOSING}.\n\n{sql}")
        query = sql.encode()
        worker = self._take() or self._start()
        reply = self._ask(worker, query, self._time_limit)
        if not reply.spent:
            with self._lock:
                self._idle.append(worker)
        if reply.result is None:
            raise QuestionFailed(f"{reply.failure}\n\n{sql}")
        return reply.result

    def stop(self) -> None:
        """Kill what runs, and start nothing any more."""
        self._stopping.set()

    def close(self) -> None:
        """End every process, when nothing runs any more."""
        while (worker := self._take()) is not None:
            worker.close()

    def _take(self) -> _Worker | None:
        """Take a process that waits for work, if there is one; one that died meanwhile is put away."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                worker = self._idle.pop()
            if worker.lives():
                return worker
            worker.close()

    def _start(self) -> _Worker:
        """Start a process and let it open the database."""
        try:
            worker = _Worker()
        except OSError as error:
            raise QuestionFailed(f"The process for the query could not be started: {error}.") from error
        reply = self._ask(worker, msgspec.msgpack.encode(self._setup), _START_LIMIT)
        if reply.failure is not None:
            worker.close()
            raise QuestionFailed(reply.failure)
        return worker

    def _ask(self, worker: _Worker, message: bytes, limit: float) -> WorkerReply:
        """Give the reply to a message; a process that has said its last is closed."""
        try:
            with self._watched(worker, limit) as reasons:
                reply = worker.exchange(message)
        except BaseException:
            worker.close()
            raise
        if reply is None:
            reason = reasons[0] if reasons else f"its process ended by itself, exit code {worker.exit_code()}"
            reply = WorkerReply(failure=f"The query was stopped: {reason}.", spent=True)
        if reasons:
            reply = msgspec.structs.replace(reply, spent=True)  # killed, though its reply was faster
        if reply.spent:
            worker.close()
        return reply

    @contextmanager
    def _watched(self, worker: _Worker, limit: float) -> Iterator[list[str]]:
        """Kill a process at a time limit or on stopping; the reason is put in the list."""
        reasons: list[str] = []
        done = threading.Event()
        until = self._clock.monotonic() + limit

        def watch() -> None:
            while not done.wait(_WATCH_EVERY):
                if self._stopping.is_set():
                    reasons.append(_CLOSING)
                elif self._clock.monotonic() >= until:
                    reasons.append(f"it ran longer than {limit:g} s")
                else:
                    continue
                worker.kill()
                return

        watcher = threading.Thread(target=watch, name="connecty-sandbox-watch", daemon=True)
        watcher.start()
        try:
            yield reasons
        finally:
            done.set()
            watcher.join()


class _Worker:
    """A process at the other end of two pipes."""

    def __init__(self) -> None:
        # In a session of its own, so that Ctrl-C in a terminal does not reach it while it starts.
        self._process = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-P", "-c", _PROGRAM, json.dumps([*map(str, sys.path)])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101 - as it was told above
        assert self._process.stdout is not None  # noqa: S101
        self._queries: IO[bytes] = self._process.stdin
        self._replies: IO[bytes] = self._process.stdout

    def exchange(self, message: bytes) -> WorkerReply | None:
        """Say something and give the reply; None if it died over it."""
        try:
            send(self._queries, message)
            reply = receive(self._replies)
        except BrokenPipeError:
            return None
        return None if reply is None else msgspec.msgpack.decode(reply, type=WorkerReply)

    def lives(self) -> bool:
        """Tell whether it is there to be asked."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self._process.kill()

    def exit_code(self) -> int:
        """Give how it ended, once it has closed its pipes."""
        return self._process.wait()

    def close(self) -> None:
        """End it, and leave nothing of it."""
        self._process.kill()
        self._process.wait()
        self._replies.close()
        with suppress(BrokenPipeError):  # what was never read is nobody's loss
            self._queries.close()
