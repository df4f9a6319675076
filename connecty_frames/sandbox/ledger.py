"""What the sandbox was asked, for those who count.

A question costs money where this is not a sandbox. A test that wants to know how often its pipeline really
asked reads it here, at the other end of the line.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["AskedQuestion", "Ledger", "SeenRequest"]


class SeenRequest(NamedTuple):
    """A request that was answered."""

    method: str
    path: str
    status: int
    request_id: str


class AskedQuestion(NamedTuple):
    """A question that was accepted."""

    question_id: str
    dw_id: int
    question: str


@dataclass(slots=True)
class Ledger:
    """Everything that reached the sandbox, in order.

    Parameters
    ----------
    requests
        The requests, once each is answered.
    questions
        The questions that got an id.
    tokens
        How many tokens were given out.
    """

    requests: list[SeenRequest] = field(default_factory=list)
    questions: list[AskedQuestion] = field(default_factory=list)
    tokens: int = 0

    def counts(self) -> Counter[str]:
        """Count the requests by method and endpoint, as in ``POST /v1/dw/{dw_id}/questions``."""
        return Counter(f"{request.method} {_endpoint(request.path)}" for request in self.requests)

    def clear(self) -> None:
        """Start counting anew."""
        self.requests.clear()
        self.questions.clear()
        self.tokens = 0


def _endpoint(path: str) -> str:
    """Give a path as the API document writes it, with names in place of ids."""
    path = re.sub(r"/dw/[^/]+", "/dw/{dw_id}", path)
    return re.sub(r"/questions/[^/]+", "/questions/{question_id}", path)
