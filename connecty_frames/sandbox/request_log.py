"""The log of the requests and questions that a sandbox received, for tests that count them.

With the real service every question costs money. Here a test can check how often a pipeline really asked.

The newest requests and questions are kept, up to :data:`KEPT_BYTES` each; up to there, counts are exact.
:meth:`RequestLog.clear` starts again.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final, NamedTuple

KEPT_BYTES: Final = 2**26  # memory for requests, and for questions, in bytes: more than 100,000 short ones


class SeenRequest(NamedTuple):
    """A request and its response.

    Parameters
    ----------
    status
        The status of the response, or None if a fault prevented one.
    question
        The text of the question that it asked or asked about with a valid token, even if refused, or None.
    fault
        The fault that was applied to it, as text, or None.
    size
        The size of its body, in bytes.
    """

    method: str
    path: str
    status: int | None
    request_id: str
    question: str | None = None
    fault: str | None = None
    size: int = 0


class AskedQuestion(NamedTuple):
    """A question that was accepted."""

    question_id: str
    dw_id: int
    question: str


@dataclass(slots=True)
class RequestLog:
    """Everything that the sandbox received, in order.

    Parameters
    ----------
    requests
        The requests, each added when its response begins.
    questions
        The accepted questions.
    tokens
        How many tokens were issued.
    """

    requests: list[SeenRequest] = field(default_factory=list)
    questions: list[AskedQuestion] = field(default_factory=list)
    tokens: int = 0
    _added: int = field(default=0, init=False, repr=False, compare=False)

    def counts(self) -> Counter[str]:
        """Count the requests by method and endpoint, as in ``POST /v1/dw/{dw_id}/questions``."""
        counted: Counter[str] = Counter()
        for request in list(self.requests):
            path = re.sub(r"/dw/[^/]+", "/dw/{dw_id}", request.path)
            path = re.sub(r"/questions/[^/]+", "/questions/{question_id}", path)
            counted[f"{request.method} {path}"] += 1
        return counted

    def submissions(self) -> Counter[str]:
        """Count how often each question was accepted, by its text."""
        return Counter(asked.question for asked in list(self.questions))

    def add(self, entry: SeenRequest | AskedQuestion) -> None:
        """Add an entry, and delete the oldest ones: many at a time, because that moves all others."""
        entries: list[Any] = self.requests if isinstance(entry, SeenRequest) else self.questions
        entries.append(entry)
        self._added += _size(entry)
        if self._added > KEPT_BYTES // 4:
            self._added = 0
            for kept in (self.requests, self.questions):
                sizes = accumulate(map(_size, reversed(kept)))
                del kept[: len(kept) - sum(size <= KEPT_BYTES for size in sizes)]

    def clear(self) -> None:
        """Delete all entries, and count from 0."""
        self.requests.clear()
        self.questions.clear()
        self.tokens = 0


def _size(entry: tuple[object, ...]) -> int:
    return sum(map(sys.getsizeof, (entry, *entry)))
