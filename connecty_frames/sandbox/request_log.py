"""What the sandbox was asked, for those who count.

A question costs money where this is not a sandbox. A test that wants to know how often its pipeline really
asked reads it here, at the other end of the line.

A sandbox may run for weeks: of requests and of questions the newest :data:`KEPT` are kept, as long as they
take no more than :data:`KEPT_BYTES`. Up to there, every count is exact; :meth:`RequestLog.clear` makes room.
A text longer than :data:`LONGEST` is cut. Its length and its SHA-256 take the place of the rest, so that
different texts stay different.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate, islice, takewhile
from typing import Final, NamedTuple, TypeVar

__all__ = ["KEPT", "KEPT_BYTES", "LONGEST", "AskedQuestion", "RequestLog", "SeenRequest"]

#: How many requests, and how many questions, are remembered.
KEPT: Final = 100_000
#: How many bytes the requests, and how many the questions, may take.
KEPT_BYTES: Final = 2**27
#: How many characters of a text are kept.
LONGEST: Final = 10_000
#: What part of the limits may be exceeded before the oldest entries are deleted: to delete moves all others.
_SLACK: Final = 10


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


_Entry = TypeVar("_Entry", SeenRequest, AskedQuestion)


@dataclass(slots=True)
class RequestLog:
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
    #: The bytes entered into each list since its oldest entries were last deleted.
    _entered: Counter[type] = field(default_factory=Counter, init=False, repr=False, compare=False)

    def counts(self) -> Counter[str]:
        """Count the requests by method and endpoint, as in ``POST /v1/dw/{dw_id}/questions``."""
        return Counter(f"{request.method} {_endpoint(request.path)}" for request in list(self.requests))

    def submissions(self) -> Counter[str]:
        """Count by its words how often each question was accepted."""
        return Counter(asked.question for asked in list(self.questions))

    def add_request(self, request: SeenRequest) -> None:
        """Write a request down."""
        self._enter(self.requests, request)

    def add_question(self, asked: AskedQuestion) -> None:
        """Write an accepted question down."""
        self._enter(self.questions, asked)

    def clear(self) -> None:
        """Start counting anew."""
        self.requests.clear()
        self.questions.clear()
        self.tokens = 0

    def _enter(self, entries: list[_Entry], entry: _Entry) -> None:
        """Append an entry, and delete the oldest ones where there are too many."""
        entry = type(entry)._make(map(_cut, entry))
        entries.append(entry)
        self._entered[type(entry)] += _size(entry)
        if len(entries) > KEPT + KEPT // _SLACK or self._entered[type(entry)] > KEPT_BYTES // _SLACK:
            self._entered[type(entry)] = 0
            # Added up anew, since users delete entries as well.
            sizes = accumulate(map(_size, islice(reversed(entries), KEPT)))
            kept = sum(1 for _ in takewhile(lambda size: size <= KEPT_BYTES, sizes))
            del entries[: len(entries) - kept]


def _cut(value: object) -> object:
    """Return a value as it is kept: a long text without its end."""
    if not isinstance(value, str) or len(value) <= LONGEST:
        return value
    digest = hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()
    return f"{value[:LONGEST]}... [{len(value)} characters in all, SHA-256 {digest}]"


def _size(entry: tuple[object, ...]) -> int:
    """Return the bytes that an entry takes, as if it shared nothing with others."""
    return sum(map(sys.getsizeof, (entry, *entry)))


def _endpoint(path: str) -> str:
    """Give a path as the API document writes it, with names in place of ids."""
    path = re.sub(r"/dw/[^/]+", "/dw/{dw_id}", path)
    return re.sub(r"/questions/[^/]+", "/questions/{question_id}", path)
