"""The processes that run the queries, and a guaranteed end to every query.

Each question has a process to itself while its query runs. The process is killed when the query exceeds its
time limit or the sandbox closes, and the next question gets another one. A process is only started when a
question needs it. What a query may do and how much memory it may take is enforced in the process itself, by
:mod:`connecty_frames.sandbox.worker`.

Workers are separate programs and not started by :mod:`multiprocessing`. Fork is not safe in a process that
has threads, and spawn imports the main module again, which runs a script without ``if __name__ ==
"__main__"`` a second time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Final, cast

import msgspec

from connecty_frames.errors import ConfigError, QuestionFailed
from connecty_frames.sandbox.pipes import WorkerReply, WorkerSetup, receive, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from connecty_frames._base.clock import Clock
    from connecty_frames.sandbox.results import QueryResult

#: The memory that one question may take, in MiB.
MEMORY: Final = 1024
#: How often a running query is checked for its time limit, in seconds.
_WATCH_INTERVAL: Final = 0.05
#: The time limit for the start of a process, in seconds. It takes about 0.3 on an idle machine.
_START_LIMIT: Final = 60.0
_CLOSING: Final = "the sandbox is closing"
#: The program of a worker. It finds modules where this process does, not in the current directory (``-P``).
_PROGRAM: Final = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]);"
    " from connecty_frames.sandbox.worker import main; main()"
)


class WorkerPool:
    """Runs SELECT statements in processes, for several threads at once; limits are in seconds and MiB."""

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
            # Only opening the file shows whether it is a database.
            try:
                self._idle.append(self._start())
            except QuestionFailed as error:
                raise ConfigError(str(error), setting="database") from None

    def run(self, sql: str) -> QueryResult:
        """Run one SELECT and return its whole result; raises QuestionFailed."""
        if self._stopping.is_set():
            raise QuestionFailed(f"The query was not started: {_CLOSING}.\n\n{sql}")
        query = sql.encode()
        worker = self._pop_idle() or self._start()
        reply = self._exchange(worker, query, self._time_limit)
        if not reply.retire_worker:
            with self._lock:
                self._idle.append(worker)
        if reply.result is None:
            raise QuestionFailed(f"{reply.failure}\n\n{sql}")
        return reply.result

    def stop(self) -> None:
        """Stop all running queries, and start no more."""
        self._stopping.set()

    def close(self) -> None:
        """End every process; no query may be running."""
        while (worker := self._pop_idle()) is not None:
            worker.close()

    def _pop_idle(self) -> _Worker | None:
        """Return an idle worker, or None. Workers whose process has ended are closed."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                worker = self._idle.pop()
            if worker.is_alive():
                return worker
            worker.close()

    def _start(self) -> _Worker:
        """Start a worker and let it open the database."""
        try:
            worker = _Worker()
        except OSError as error:
            raise QuestionFailed(f"The process for the query could not be started: {error}.") from error
        reply = self._exchange(worker, msgspec.msgpack.encode(self._setup), _START_LIMIT)
        if reply.failure is not None:
            worker.close()
            raise QuestionFailed(reply.failure)
        return worker

    def _exchange(self, worker: _Worker, message: bytes, limit: float) -> WorkerReply:
        """Return the worker's reply to a message. A worker that must not be used again is closed."""
        try:
            with self._watch(worker, limit):
                reply = worker.exchange(message)
        except BaseException:
            worker.close()
            raise
        if reply is None:
            reason = worker.kill_reason or f"its process ended by itself, exit code {worker.wait()}"
            reply = WorkerReply(failure=f"The query was stopped: {reason}.", retire_worker=True)
        elif worker.kill_reason is not None:  # its reply arrived before the signal
            reply = msgspec.structs.replace(reply, retire_worker=True)
        if reply.retire_worker:
            worker.close()
        return reply

    @contextmanager
    def _watch(self, worker: _Worker, limit: float) -> Iterator[None]:
        """Kill a worker after a time limit, and when the pool is stopped."""
        done = threading.Event()
        end = self._clock.monotonic() + limit

        def watch() -> None:
            while not done.wait(_WATCH_INTERVAL):
                if self._stopping.is_set():
                    reason = _CLOSING
                elif self._clock.monotonic() >= end:
                    reason = f"it ran longer than {limit:g} s"
                else:
                    continue
                worker.kill(reason)
                return

        watcher = threading.Thread(target=watch, name="connecty-sandbox-watch", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()


class _Worker:
    """A process, with a pipe for queries and a pipe for replies."""

    def __init__(self) -> None:
        # In its own session, so that Ctrl-C in a terminal does not reach it while it starts.
        self._process = subprocess.Popen(  # noqa: S603 - our own program, and no shell
            [sys.executable, "-P", "-c", _PROGRAM, json.dumps([*map(str, sys.path)])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._queries = cast("IO[bytes]", self._process.stdin)
        self._replies = cast("IO[bytes]", self._process.stdout)
        #: Why it was killed, None if it was not.
        self.kill_reason: str | None = None

    def exchange(self, message: bytes) -> WorkerReply | None:
        """Send a message and return the reply, or None if the process ends instead."""
        try:
            send(self._queries, message)
            reply = receive(self._replies)
        except BrokenPipeError:
            return None
        return None if reply is None else msgspec.msgpack.decode(reply, type=WorkerReply)

    def is_alive(self) -> bool:
        """Return whether the process is running."""
        return self._process.poll() is None

    def kill(self, reason: str) -> None:
        """End the process at once, whatever it does."""
        self.kill_reason = reason
        self._process.kill()

    def wait(self) -> int:
        """Wait for the end of the process, and return its exit code."""
        return self._process.wait()

    def close(self) -> None:
        """End the process and close its pipes."""
        self._process.kill()
        self._process.wait()
        self._replies.close()
        with suppress(BrokenPipeError):  # a rest of a message that the process did not read
            self._queries.close()
