"""What the sandbox was asked, for those who count.

A question costs money where this is not a sandbox. A test that wants to know how often its pipeline really
asked reads it here, at the other end of the line.

A sandbox may run for weeks: of requests and of questions the newest :data:`KEPT` are kept. Up to that many,
every count is exact; :meth:`Ledger.clear` makes room.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

__all__ = ["KEPT", "AskedQuestion", "Ledger", "SeenRequest"]

#: How many requests, and how many questions, are remembered.
KEPT: Final = 100_000

_Entry = TypeVar("_Entry")


class SeenRequest(NamedTuple):
    """A request, as it came and as it was answered.

    Parameters
    ----------
    status
        The status of the reply; None where a fault let none be sent.
    question
        The words of the question that it asked or asked about, None if there are none. What was sent to be
        asked is here even if it was not accepted.
    fault
        The fault that struck it, as text; None if none did.
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
        return Counter(f"{request.method} {_endpoint(request.path)}" for request in list(self.requests))

    def submissions(self) -> Counter[str]:
        """Count by its words how often each question was accepted."""
        return Counter(asked.question for asked in list(self.questions))

    def enter_request(self, request: SeenRequest) -> None:
        """Write a request down."""
        _enter(self.requests, request)

    def enter_question(self, asked: AskedQuestion) -> None:
        """Write an accepted question down."""
        _enter(self.questions, asked)

    def clear(self) -> None:
        """Start counting anew."""
        self.requests.clear()
        self.questions.clear()
        self.tokens = 0


def _enter(entries: list[_Entry], entry: _Entry) -> None:
    """Append, and forget the oldest of too many: several at once, since each time moves all others."""
    entries.append(entry)
    if len(entries) > KEPT + KEPT // 10:
        del entries[:-KEPT]


def _endpoint(path: str) -> str:
    """Give a path as the API document writes it, with names in place of ids."""
    path = re.sub(r"/dw/[^/]+", "/dw/{dw_id}", path)
    return re.sub(r"/questions/[^/]+", "/questions/{question_id}", path)
