"""The queue of questions, which are answered in order and kept with their results.

Threads answer them from the canned answers, otherwise by the answerer and a query. A question is PENDING
until a thread is free, IN_PROGRESS during the latency and the query, and finally COMPLETED or FAILED. The
newest finished questions are kept, up to :data:`KEPT_BYTES`. Older ones are deleted, as if never asked.
"""

from __future__ import annotations

import logging
import sys
import threading
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from connecty_frames._base.text import snippet
from connecty_frames.errors import QuestionFailed
from connecty_frames.protocol import State

if TYPE_CHECKING:
    from connecty_frames.sandbox.canned_answers import CannedAnswers
    from connecty_frames.sandbox.catalogue import Plan
    from connecty_frames.sandbox.database import Database
    from connecty_frames.sandbox.results import QueryResult

DW_ID: Final = 13  # the only workspace, as in the API document
#: The memory for finished questions and their tables, in bytes. The newest is kept even if it is larger.
KEPT_BYTES: Final = 2**29

_LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class Job:
    """A question and its results; the state is set last, after the results."""

    question_id: str
    question: str
    state: State = State.PENDING
    sql: str | None = None
    summary: str | None = None
    result: QueryResult | None = None
    error: str | None = None

    @property
    def size(self) -> int:
        """The memory that its texts and its table use, in bytes."""
        texts = (self.question_id, self.question, self.sql, self.summary, self.error)
        return sum(map(sys.getsizeof, (self, *texts))) + (0 if self.result is None else self.result.size)


class JobQueue:
    """Accepts questions, answers them in threads after ``latency`` seconds, and finds them by id."""

    def __init__(
        self,
        database: Database,
        answer: Callable[[str, int], Plan],
        *,
        canned_answers: CannedAnswers | None = None,
        workers: int,
        latency: float,
    ) -> None:
        self._database = database
        self._answer = answer
        self._canned_answers = canned_answers
        self._latency = latency
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._finished: deque[Job] = deque()
        self._finished_bytes = 0
        self._closing = threading.Event()
        self._pending: SimpleQueue[Job | None] = SimpleQueue()
        # Daemon threads: Python would wait for an executor's threads before it runs atexit functions, which
        # close the sandbox, so a script would only end after its last query.
        self._threads = [
            threading.Thread(target=self._run_jobs, name=f"connecty-sandbox-worker-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, question: str) -> Job:
        """Accept a question."""
        job = Job(str(uuid.uuid4()), question)
        self._jobs[job.question_id] = job
        self._pending.put(job)
        return job

    def find(self, question_id: str) -> Job | None:
        """Return a question by its id, or None."""
        try:
            return self._jobs.get(str(uuid.UUID(question_id)))
        except ValueError:
            return None

    def close(self) -> None:
        """Stop all running questions; waiting ones stay PENDING."""
        self._closing.set()
        self._database.stop()
        for _ in self._threads:
            self._pending.put(None)
        for thread in self._threads:
            thread.join()

    def _run_jobs(self) -> None:
        while (job := self._pending.get()) is not None and not self._closing.is_set():
            job.state = State.IN_PROGRESS
            self._closing.wait(self._latency)
            self._finish(job)
            # Count it as finished, and delete the oldest ones beyond the limit.
            with self._lock:
                self._finished.append(job)
                self._finished_bytes += job.size
                while len(self._finished) > 1 and self._finished_bytes > KEPT_BYTES:
                    oldest = self._finished.popleft()
                    self._finished_bytes -= oldest.size
                    del self._jobs[oldest.question_id]
            job.state = State.COMPLETED if job.error is None else State.FAILED

    def _finish(self, job: Job) -> None:
        try:
            canned = None if self._canned_answers is None else self._canned_answers.find(job.question)
            if canned is not None:
                job.sql, job.summary, job.result = canned.sql, canned.summary, canned.result
                job.error = canned.error
            else:
                plan = self._answer(job.question, DW_ID)
                job.sql = plan.sql
                job.result = None if plan.sql is None else self._database.run(plan.sql)
                job.summary = plan.summarise(job.result)
        except QuestionFailed as error:
            job.error = str(error)
        except BaseException as error:  # noqa: BLE001 - pytest.fail and sys.exit in an answerer end the question too
            job.error = f"The sandbox failed ({type(error).__name__}: {error}). Ask again."
            if not self._closing.is_set():
                _LOG.exception("The sandbox could not answer %r", snippet(job.question))
