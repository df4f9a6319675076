"""THE table: what goes wrong, and how a call that meets it may end.

The numbers of the rows are those of ``docs/reliability.md``; row 0 is no fault. What no server can cause is
not here (Ctrl-C, a fork, settings, IPv6, proxies), nor what takes longer than a soak has time for: a server
that answers 404 for ten seconds. Several kinds can be the same fault at other moments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from connecty_frames import errors
from connecty_frames.sandbox import Fault
from tests.verification.soak import tricks
from tests.verification.soak.tricks import answering, sending

if TYPE_CHECKING:
    from connecty_frames.sandbox.faults import Endpoint
    from tests.verification.soak.tricks import Trick

__all__ = ["KINDS", "SLOW", "SOUND", "End", "Kind", "Way"]

#: How a case reaches the sandbox: by the client that most use, by one whose requests are relayed, by a client
#: of its own that is relayed, by a client of its own at an address where nobody listens.
Way: TypeAlias = Literal["straight", "relayed", "own", "nowhere"]


class End(NamedTuple):
    """How a call may end.

    Parameters
    ----------
    error
        The error; None for the right frame.
    known
        Whether it carries the id of the question.
    accepted
        How often the question was accepted.
    """

    error: type[errors.ConnectyError] | None
    known: bool
    accepted: int


@dataclass(frozen=True, slots=True)
class Kind:
    """Something that goes wrong.

    Parameters
    ----------
    row
        The row that describes it.
    name
        Where and what, to be read by people.
    ends
        How a call may end that meets it.
    faults
        What the sandbox is told to do for its question.
    endpoint, played
        What the relay does to the first replies of an endpoint, one after the other.
    way
        How it reaches the sandbox.
    plan
        What becomes of the question itself: it has a table, it has none, or it fails.
    warns
        The warnings that are due.
    cell
        What the first row has as its last value, in place of its own.
    slow
        Whether it ends by a deadline alone.
    """

    row: int
    name: str
    ends: frozenset[End]
    faults: tuple[Fault, ...] = ()
    endpoint: Endpoint | None = None
    played: tuple[Trick, ...] = ()
    way: Way = "straight"
    plan: Literal["table", "no table", "failure"] = "table"
    warns: tuple[type[errors.ConnectyWarning], ...] = ()
    cell: float | str | None = None
    slow: bool = False


_RIGHT: Final = frozenset({End(None, known=True, accepted=1)})
#: As often as anything is tried that is tried again for its own sake, and more.
_ALWAYS: Final = 9


def _with_id(error: type[errors.ConnectyError]) -> frozenset[End]:
    return frozenset({End(error, known=True, accepted=1)})


def _not_started(error: type[errors.ConnectyError]) -> frozenset[End]:
    return frozenset({End(error, known=False, accepted=0)})


def _refused(error: type[errors.ConnectyError]) -> frozenset[End]:
    return frozenset({End(error, known=False, accepted=1)})


def _uncertain(accepted: int) -> frozenset[End]:
    return frozenset({End(errors.SubmissionUncertain, known=False, accepted=accepted)})


def _asked(row: int, name: str, ends: frozenset[End], *faults: str) -> Kind:
    """Give what the sandbox does to a question on its way in."""
    return Kind(row, f"ask: {name}", ends, tuple(Fault.from_text(f"ask:{fault}") for fault in faults))


def _fetched(
    row: int,
    name: str,
    ends: frozenset[End],
    *faults: str,
    warns: tuple[type[errors.ConnectyWarning], ...] = (),
) -> Kind:
    """Give what the sandbox does to a question that is looked at."""
    read = tuple(Fault.from_text(f"results:{fault}") for fault in faults)
    return Kind(row, f"results: {name}", ends, read, warns=warns)


def _played(row: int, endpoint: Endpoint, name: str, ends: frozenset[End], *played: Trick) -> Kind:
    """Give what the relay does; at the token endpoint it takes a client that has no token yet."""
    way: Way = "own" if endpoint == "token" else "relayed"
    return Kind(row, f"{endpoint}: {name}", ends, endpoint=endpoint, played=played, way=way)


def _valued(
    row: int,
    name: str,
    ends: frozenset[End],
    text: bytes,
    value: float | str = "",
    *warns: type[errors.ConnectyWarning],
) -> Kind:
    """Give an answer that holds a value as no database gives it."""
    kind = _played(row, "results", name, ends, *(tricks.with_cell(text),) * _ALWAYS)
    return replace(kind, warns=warns, cell=value)


def _busy(row: int, endpoint: Endpoint, after: str) -> Kind:
    """Give one 429 with a Retry-After."""
    fault = Fault(endpoint, status=429, retry_after=after, times=1)
    return Kind(row, f"{endpoint}: 429, Retry-After: {after}", _RIGHT, (fault,))


SOUND: Final = Kind(0, "none", _RIGHT)

_LOGIN: Final = answering(200, b"<html>Sign in</html>", Content_Type="text/html")
_EMPTY: Final = answering(200)
_A_STRANGE_STATE: Final = (errors.UnknownStateWarning,)
#: Retry-After in its forms; what says nothing usable means the usual wait.
_AFTER: Final = ("0", "1", "Wed, 05 Nov 2025 11:00:00 GMT", "-5", "nan", "1e35", "soon")
_NOT_HTTP: Final = {
    "no HTTP": tricks.no_http,
    "a header of 70 KB": tricks.long_header,
    "300 headers": tricks.many_headers,
}
_CUT: Final = {
    "cut in its length": sending(tricks.cut(tricks.sized, -5)),
    "cut in a chunk": sending(tricks.cut(tricks.chunked, -9)),
    "cut in gzip": sending(tricks.cut(tricks.packed, -9)),
    "cut without a length": sending(tricks.cut(tricks.without_length, -5)),
    "reset in the body": sending(tricks.cut(tricks.sized, -5), "reset"),
    "cut in the headers": sending(tricks.cut(tricks.sized, 40)),
    "cut after the headers": sending(tricks.cut(tricks.without_length, 51)),
}
_INTERIM: Final = {
    "100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "102": b"HTTP/1.1 102 Processing\r\n\r\n",
    "103": b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",
}
_GARBLED: Final = {
    "gzip cut": tricks.packed_and_cut,
    "gzip without its end": tricks.packed_without_end,
    "a wrong checksum": tricks.packed_with_wrong_checksum,
    "plain text called gzip": tricks.not_packed,
}

_ASKED: Final = (
    _asked(2, "reset before", _uncertain(0), "reset"),
    _asked(2, "reset after", _uncertain(1), "reset,when=after"),
    _asked(2, "closed before", _uncertain(0), "close"),
    _asked(2, "closed after", _uncertain(1), "close,when=after"),
    _asked(3, "408", _uncertain(0), "status=408"),
    _asked(3, "500 after", _uncertain(1), "status=500,when=after"),
    _asked(3, "502 before", _uncertain(0), "status=502"),
    _asked(3, "503 after", _uncertain(1), "status=503,when=after"),
    _asked(3, "503 before, come back", _uncertain(0), "status=503,retry_after=0"),
    _asked(3, "504 after", _uncertain(1), "status=504,when=after"),
    _asked(3, "cut before the id", _uncertain(1), "cut=30"),
    _asked(3, "cut after the id", _RIGHT, "cut=53"),
    _played(3, "ask", "503 with the id", _with_id(errors.SubmissionUncertain), answering(503, None)),
    *(_busy(4, "ask", after) for after in _AFTER),
    _asked(4, "429 twice", _RIGHT, "status=429,times=2"),
    _asked(26, "429 beyond the deadline", _not_started(errors.RateLimitError), "status=429,retry_after=9999"),
    _asked(5, "401", _RIGHT, "status=401,times=1"),
    _asked(5, "401 always", _not_started(errors.AuthError), "status=401"),
    _asked(24, "every token expires", _RIGHT, "expired,times=1"),
    _asked(6, "400", _not_started(errors.APIError), "status=400"),
    _asked(6, "403", _not_started(errors.AuthError), "status=403"),
    _asked(6, "404", _not_started(errors.NotFoundError), "status=404"),
    _asked(6, "422", _not_started(errors.APIError), "status=422"),
    _asked(7, "a redirect", _not_started(errors.ConfigError), "status=307"),
    _asked(16, "204", _uncertain(1), "status=204,when=after"),
    *(_played(10, "ask", name, _uncertain(1), trick) for name, trick in _CUT.items() if "headers" in name),
    *(_played(33, "ask", name, _RIGHT, tricks.after(before)) for name, before in _INTERIM.items()),
    _played(33, "ask", "101", _uncertain(1), sending(tricks.switching)),
    *(
        # The relay says so of a question that the sandbox did accept.
        _played(36, "ask", f"{status} cut", _refused(error), tricks.refusing(status))
        for status, error in (
            (400, errors.APIError),
            (403, errors.AuthError),
            (404, errors.NotFoundError),
            (422, errors.APIError),
        )
    ),
    _played(11, "ask", "gzip cut", _uncertain(1), sending(tricks.packed_and_cut)),
    _played(11, "ask", "gzip without its end", _RIGHT, sending(tricks.packed_without_end)),
    _played(11, "ask", "plain text called gzip", _uncertain(1), sending(tricks.not_packed)),
    *(_played(14, "ask", name, _uncertain(1), sending(write)) for name, write in _NOT_HTTP.items()),
    _played(15, "ask", "a login page", _uncertain(1), _LOGIN),
    _played(16, "ask", "an empty 200", _uncertain(1), _EMPTY),
    _played(32, "ask", "an id that is none", _uncertain(1), answering(202, b'{"question_id": "../x"}')),
)
_FETCHED: Final = (
    *(_fetched(9, name, _RIGHT, f"{name},times=1") for name in ("reset", "close")),
    _fetched(9, "429", _RIGHT, "status=429,times=1"),
    *(_fetched(9, f"{status} twice", _RIGHT, f"status={status},times=2") for status in (502, 503, 504)),
    _fetched(9, "500", _with_id(errors.ServerError), "status=500"),
    _fetched(6, "403", _with_id(errors.AuthError), "status=403"),
    _fetched(6, "410", _with_id(errors.APIError), "status=410"),
    _fetched(35, "408 twice", _RIGHT, "status=408,times=2"),
    *(_played(33, "results", name, _RIGHT, tricks.after(before)) for name, before in _INTERIM.items()),
    _played(33, "results", "101", _with_id(errors.ResponseError), sending(tricks.switching)),
    _played(33, "results", "an answer too many", _RIGHT, tricks.twice),
    _played(7, "results", "a redirect", _with_id(errors.ConfigError), tricks.redirect),
    _fetched(10, "cut", _RIGHT, "cut=5,times=2"),
    *(_played(10, "results", name, _RIGHT, trick) for name, trick in _CUT.items()),
    _played(10, "results", "gzip", _RIGHT, sending(tricks.packed)),
    _played(10, "results", "chunks", _RIGHT, sending(tricks.chunked)),
    *(_played(11, "results", name, _RIGHT, sending(write)) for name, write in _GARBLED.items()),
    *(
        _played(11, "results", f"{name}, twice", _with_id(errors.ResponseError), *(sending(write),) * 2)
        for name, write in _GARBLED.items()
    ),
    _played(12, "results", "a bomb", _with_id(errors.ResponseTooLarge), sending(tricks.bomb)),
    *(
        _played(14, "results", name, _with_id(errors.ResponseError), sending(write))
        for name, write in _NOT_HTTP.items()
    ),
    _played(15, "results", "a login page", _with_id(errors.ResponseError), _LOGIN),
    _played(16, "results", "an empty 200, twice", _RIGHT, _EMPTY, _EMPTY),
    _fetched(16, "204 always", _with_id(errors.ResponseError), "status=204"),
    _valued(17, "no UTF-8", _with_id(errors.ResponseError), b'"\xff"'),
    _valued(17, "nested deeply", _with_id(errors.ResponseError), b"[" * 101 + b"]" * 101),
    _valued(18, "half a character", _with_id(errors.ConversionError), b'"\\ud800"'),
    _valued(19, "a bare NaN", _RIGHT, b"NaN", math.nan, errors.TypeFidelityWarning),
    _valued(20, "1e999", _RIGHT, b"1e999", "1e999", errors.TypeFidelityWarning),
    _valued(20, "-1e-400", _RIGHT, b"-1e-400", "-1e-400", errors.TypeFidelityWarning),
    _fetched(21, "an unknown state", _RIGHT, "state=QUEUED,times=2", warns=_A_STRANGE_STATE),
    _fetched(
        21,
        "a state that goes back",
        _RIGHT,
        "state=IN_PROGRESS,times=1",
        "state=PENDING,times=1",
        warns=_A_STRANGE_STATE,
    ),
    _fetched(22, "404 twice", _RIGHT, "status=404,times=2"),
    Kind(23, "results: FAILED", _with_id(errors.QuestionFailed), plan="failure"),
    Kind(23, "results: no table", _with_id(errors.NoTableError), plan="no table"),
    _fetched(24, "401", _RIGHT, "status=401,times=1"),
    _fetched(24, "401 always", _with_id(errors.AuthError), "status=401"),
    _fetched(24, "every token expires", _RIGHT, "expired,times=1"),
    *(_busy(26, "results", after) for after in _AFTER),
    _played(26, "results", "429 until a date", _RIGHT, tricks.busy_until),
    _fetched(26, "429 beyond the deadline", _with_id(errors.RateLimitError), "status=429,retry_after=9999"),
)
_TOKEN: Final = (
    *(
        _played(25, "token", str(status), _not_started(errors.AuthError), answering(status))
        for status in (400, 401, 403)
    ),
    *(_played(34, "token", str(status), _RIGHT, answering(status)) for status in (408, 500, 502, 503, 504)),
    _played(34, "token", "503 twice", _RIGHT, answering(503), answering(503)),
    *(_played(33, "token", name, _RIGHT, tricks.after(before)) for name, before in _INTERIM.items()),
    _played(25, "token", "429", _RIGHT, answering(429, Retry_After="0")),
    _played(7, "token", "a redirect", _not_started(errors.ConfigError), tricks.redirect),
    _played(25, "token", "405", _RIGHT, answering(405)),
    _played(34, "token", "reset", _RIGHT, sending(tricks.cut(tricks.sized, 0), "reset")),
    _played(34, "token", "closed", _RIGHT, sending(tricks.cut(tricks.sized, 0))),
    _played(34, "token", "cut", _RIGHT, sending(tricks.cut(tricks.sized, -5))),
    _played(25, "token", "a login page", _not_started(errors.AuthError), _LOGIN),
    _played(25, "token", "no HTTP", _not_started(errors.AuthError), sending(tricks.no_http)),
    _played(24, "token", "no token", _not_started(errors.AuthError), answering(200, b"{}")),
    _played(24, "token", "no end", _RIGHT, tricks.telling(expires_at=None)),
    _played(24, "token", "an end without a zone", _RIGHT, tricks.telling(expires_at="2099-01-01T00:00:00")),
    _played(24, "token", "an end that is past", _RIGHT, tricks.telling(expires_at="2020-01-01T00:00:00Z")),
    _played(24, "token", "an hour ahead", _RIGHT, tricks.telling(hours=1)),
    Kind(1, "nobody listens", _not_started(errors.ConnectionFailed), way="nowhere"),
)
KINDS: Final = (*_ASKED, *_FETCHED, *_TOKEN)

#: Where it stands when the time is over is chance: not sent yet, sent, or known by its id.
_LATE: Final = frozenset(
    {
        End(errors.QuestionTimeout, known=False, accepted=0),
        End(errors.ConnectionFailed, known=False, accepted=0),
        End(errors.SubmissionUncertain, known=False, accepted=0),
        End(errors.SubmissionUncertain, known=False, accepted=1),
        End(errors.QuestionTimeout, known=True, accepted=1),
    }
)
_SLOWLY: Final = {
    "half the headers": sending(tricks.cut(tricks.sized, 40), "hang"),
    "half the body": sending(tricks.cut(tricks.sized, -20), "hang"),
    "body by the byte": sending(tricks.sized, "drip"),
    "gzip by the byte": sending(tricks.packed, "drip"),
    "chunks by the byte": sending(tricks.chunked, "drip"),
}
SLOW: Final = tuple(
    replace(kind, slow=True)
    for kind in (
        _asked(2, "silence", _LATE, "lost"),
        _asked(2, "too late", _LATE, "latency=5"),
        _asked(13, "headers by the byte", _LATE, "drip_headers=0.02"),
        _asked(13, "body by the byte, slower", _LATE, "drip_body=0.05"),
        _fetched(9, "silence", _LATE, "lost"),
        _fetched(9, "too late", _LATE, "latency=5"),
        _fetched(13, "headers by the byte", _LATE, "drip_headers=0.02"),
        _fetched(21, "an unknown state for ever", _LATE, "state=QUEUED", warns=_A_STRANGE_STATE),
        *(
            _played(13, endpoint, name, _LATE, *(trick,) * _ALWAYS)
            for endpoint in ("token", "ask", "results")
            for name, trick in _SLOWLY.items()
        ),
    )
)
