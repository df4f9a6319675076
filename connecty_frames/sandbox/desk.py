"""Where questions wait, are worked on, and are collected.

Workers take them in order: a question is PENDING until one is free, IN_PROGRESS while the latency passes and
the query runs, then COMPLETED or FAILED for good. Answers are kept as long as the sandbox lives.
"""

from __future__ import annotations

import logging
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from connecty_frames.errors import QuestionFailed
from connecty_frames.protocol import State

if TYPE_CHECKING:
    from connecty_frames.sandbox.engine import Engine
    from connecty_frames.sandbox.payload import Result
    from connecty_frames.sandbox.questions import Answerer

__all__ = ["Case", "Desk"]

_LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class Case:
    """A question and what became of it.

    The state is set last, so that a reader who sees COMPLETED or FAILED sees the rest as well.
    """

    question_id: str
    dw_id: int
    question: str
    state: State = State.PENDING
    sql: str | None = None
    summary: str | None = None
    result: Result | None = None
    error: str | None = None


class Desk:
    """Takes questions in, has them answered by a pool of threads, and gives them out by id.

    Parameters
    ----------
    workers
        How many questions are worked on at once.
    latency
        Seconds that are spent on each before its query runs.
    """

    def __init__(self, engine: Engine, answerer: Answerer, *, workers: int, latency: float) -> None:
        self._engine = engine
        self._answerer = answerer
        self._latency = latency
        self._cases: dict[str, Case] = {}
        self._closing = threading.Event()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="connecty-sandbox-worker")

    def submit(self, question: str, dw_id: int) -> Case:
        """Take a question in."""
        case = Case(str(uuid.uuid4()), dw_id, question)
        self._cases[case.question_id] = case
        self._pool.submit(self._work_on, case)
        return case

    def find(self, question_id: str, dw_id: int) -> Case | None:
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

    def _work_on(self, case: Case) -> None:
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
        except Exception as error:  # noqa: BLE001 - whatever a foreign answerer does, the question comes to an end
            case.error = f"{type(error).__name__}: {error}"
            if not self._closing.is_set():
                _LOG.exception("The sandbox could not answer %r", case.question)
        case.state = State.COMPLETED if case.error is None else State.FAILED
