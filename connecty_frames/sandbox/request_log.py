"""The log of the requests and questions that a sandbox received, for tests that count them.

With the real service every question costs money. Here a test can check how often a pipeline really asked.

The newest :data:`KEPT` requests and as many questions are kept; up to there, counts are exact.
:meth:`RequestLog.clear` starts again.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

#: The number of requests that are kept, and of questions.
KEPT: Final = 100_000


class SeenRequest(NamedTuple):
    """A request and its response.

    Parameters
    ----------
    status
        The status of the response, or None if a fault prevented one.
    question
        The text of the question that it asked or asked about, even if that was not accepted, or None.
    fault
        The fault that was applied to it, as text, or None.
    """

    method: str
    path: str
    status: int | None
    request_id: str
    question: str | None = None
    fault: str | None = None


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

    def add_request(self, request: SeenRequest) -> None:
        """Add a request."""
        _add(self.requests, request)

    def add_question(self, asked: AskedQuestion) -> None:
        """Add an accepted question."""
        _add(self.questions, asked)

    def clear(self) -> None:
        """Delete all entries, and count from 0."""
        self.requests.clear()
        self.questions.clear()
        self.tokens = 0


def _add(entries: list[Any], entry: object) -> None:
    """Append an entry, and delete the oldest ones: many at a time, because that moves all others."""
    entries.append(entry)
    if len(entries) > KEPT + KEPT // 10:
        del entries[:-KEPT]
