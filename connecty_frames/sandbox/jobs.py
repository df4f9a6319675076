"""Where questions wait, are worked on, and are collected.

Threads take them in order: a question is PENDING until one is free, IN_PROGRESS while the latency passes and
the query runs, then COMPLETED or FAILED for good. The newest :data:`KEPT` finished questions are kept, as
long as their tables together stay within :data:`KEPT_BYTES`; older ones are forgotten, as if they were never
asked.
"""

from __future__ import annotations

import logging
import sys
import threading
import uuid
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from connecty_frames.errors import QuestionFailed
from connecty_frames.protocol import State
from connecty_frames.text import snippet

if TYPE_CHECKING:
    from connecty_frames.sandbox.catalogue import Answerer
    from connecty_frames.sandbox.pool import WorkerPool
    from connecty_frames.sandbox.results import QueryResult

__all__ = ["KEPT", "KEPT_BYTES", "Job", "JobQueue"]

#: How many finished questions are kept.
KEPT: Final = 10_000
#: How much memory their tables and texts may take; the newest is kept however large it is.
KEPT_BYTES: Final = 2**29

_LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class Job:
    """A question and what became of it.

    The state is set last, so that a reader who sees COMPLETED or FAILED sees the rest as well.
    """

    question_id: str
    dw_id: int
    question: str
    state: State = State.PENDING
    sql: str | None = None
    summary: str | None = None
    result: QueryResult | None = None
    error: str | None = None


class JobQueue:
    """Takes questions in, has them answered by a pool of threads, and gives them out by id.

    Parameters
    ----------
    workers
        How many questions are worked on at once.
    capacity
        How many may be unfinished at once.
    latency
        Seconds that are spent on each before its query runs.
    """

    def __init__(
        self, engine: WorkerPool, answerer: Answerer, *, workers: int, capacity: int, latency: float
    ) -> None:
        self._engine = engine
        self._answerer = answerer
        self._capacity = capacity
        self._latency = latency
        self._lock = threading.Lock()
        self._cases: dict[str, Job] = {}
        self._finished: deque[Job] = deque()
        self._finished_bytes = 0
        self._closing = threading.Event()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="connecty-sandbox-worker")

    def submit(self, question: str, dw_id: int) -> Job | None:
        """Take a question in; None if as many are unfinished as may be."""
        case = Job(str(uuid.uuid4()), dw_id, question)
        with self._lock:
            if len(self._cases) - len(self._finished) >= self._capacity:
                return None
            self._cases[case.question_id] = case
        self._pool.submit(self._work_on, case)
        return case

    def find(self, question_id: str, dw_id: int) -> Job | None:
        """Give a question by its id, None if that workspace was never asked it."""
        try:
            case = self._cases.get(str(uuid.UUID(question_id)))
        except ValueError:
            return None
        return case if case is not None and case.dw_id == dw_id else None

    def close(self) -> None:
        """Stop everything that is worked on; what still waits stays PENDING."""
        self._closing.set()
        self._engine.stop()
        self._pool.shutdown(cancel_futures=True)

    def _work_on(self, case: Job) -> None:
        """Answer one question."""
        case.state = State.IN_PROGRESS
        self._closing.wait(self._latency)
        try:
            plan = self._answerer.answer(case.question, case.dw_id)
            case.sql = plan.sql
            case.result = None if plan.sql is None else self._engine.run(plan.sql)
            case.summary = plan.summarise(case.result)
        except QuestionFailed as error:
            case.error = str(error)
        # Whatever a foreign answerer raises (pytest.fail and sys.exit raise no Exception), the question ends.
        except BaseException as error:  # noqa: BLE001
            case.error = f"{type(error).__name__}: {error}"
            if not self._closing.is_set():
                _LOG.exception("The sandbox could not answer %r", snippet(case.question))
        self._keep(case)
        case.state = State.COMPLETED if case.error is None else State.FAILED

    def _keep(self, case: Job) -> None:
        """Count a question as finished, and forget the oldest where there are too many."""
        with self._lock:
            self._finished.append(case)
            self._finished_bytes += _size(case)
            while len(self._finished) > 1 and (
                len(self._finished) > KEPT or self._finished_bytes > KEPT_BYTES
            ):
                oldest = self._finished.popleft()
                self._finished_bytes -= _size(oldest)
                del self._cases[oldest.question_id]


def _size(case: Job) -> int:
    texts = (case.question, case.sql, case.summary, case.error)
    return sum(map(sys.getsizeof, texts)) + (0 if case.result is None else case.result.size)
