"""The log of the requests and questions that a sandbox received, for tests that count them.

With the real service every question costs money. A test reads here how often a pipeline really asked, as the
server sees it.

A sandbox may run for weeks: the newest :data:`KEPT` requests and as many questions are kept, as long as each
list takes no more than :data:`KEPT_BYTES`. Up to there every count is exact; :meth:`RequestLog.clear` starts
again. A text longer than :data:`LONGEST` is cut. Its length and its SHA-256 replace the rest, so that
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

#: How many requests, and how many questions, are kept.
KEPT: Final = 100_000
#: How many bytes the requests, and how many the questions, may take.
KEPT_BYTES: Final = 2**27
#: How many characters of a text are kept.
LONGEST: Final = 10_000
#: The limits may be exceeded by a tenth before the oldest entries are deleted, because each deletion moves
#: all other entries.
_SLACK: Final = 10


class SeenRequest(NamedTuple):
    """A request, and how it was answered.

    Parameters
    ----------
    status
        The status of the response, or None if a fault prevented one.
    question
        The text of the question that it asked or asked about, or None. It is here even if the
        question was not accepted.
    fault
        The fault that was applied to it, as text, or None if there was none.
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
    #: The bytes added to each list since its oldest entries were last deleted.
    _added: Counter[type] = field(default_factory=Counter, init=False, repr=False, compare=False)

    def counts(self) -> Counter[str]:
        """Count the requests by method and endpoint, as in ``POST /v1/dw/{dw_id}/questions``."""
        return Counter(f"{request.method} {_endpoint(request.path)}" for request in list(self.requests))

    def submissions(self) -> Counter[str]:
        """Count by its text how often each question was accepted."""
        return Counter(asked.question for asked in list(self.questions))

    def add_request(self, request: SeenRequest) -> None:
        """Add a request."""
        self._add(self.requests, request)

    def add_question(self, asked: AskedQuestion) -> None:
        """Add an accepted question."""
        self._add(self.questions, asked)

    def clear(self) -> None:
        """Delete all entries, and count from 0."""
        self.requests.clear()
        self.questions.clear()
        self.tokens = 0

    def _add(self, entries: list[_Entry], entry: _Entry) -> None:
        """Append an entry, and delete the oldest ones where there are too many."""
        entry = type(entry)._make(map(_shorten, entry))
        entries.append(entry)
        self._added[type(entry)] += _size(entry)
        if len(entries) > KEPT + KEPT // _SLACK or self._added[type(entry)] > KEPT_BYTES // _SLACK:
            self._added[type(entry)] = 0
            # The total is computed again, since users may delete entries as well.
            sizes = accumulate(map(_size, islice(reversed(entries), KEPT)))
            kept = sum(1 for _ in takewhile(lambda size: size <= KEPT_BYTES, sizes))
            del entries[: len(entries) - kept]


def _shorten(value: object) -> object:
    """Return a field as it is kept: a long text is cut."""
    if not isinstance(value, str) or len(value) <= LONGEST:
        return value
    digest = hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()
    return f"{value[:LONGEST]}... [{len(value)} characters in all, SHA-256 {digest}]"


def _size(entry: tuple[object, ...]) -> int:
    """Return the bytes that an entry takes, as if it shared nothing with others."""
    return sum(map(sys.getsizeof, (entry, *entry)))


def _endpoint(path: str) -> str:
    """Return a path as the API document writes it, with names in place of ids."""
    path = re.sub(r"/dw/[^/]+", "/dw/{dw_id}", path)
    return re.sub(r"/questions/[^/]+", "/questions/{question_id}", path)
