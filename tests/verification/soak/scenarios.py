"""The table of scenarios: what goes wrong, and how a call that meets it may end.

The numbers of the rows are those of ``tests/faults/promises.toml``; row 0 is no fault. Left out are faults
that no server can cause (Ctrl-C, a fork, settings, IPv6, proxies) or that take too long for a soak (a server
that answers 404 for ten seconds). Several scenarios can be the same fault at different points of a call.
"""

import math
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple, TypeAlias

from connecty_frames import errors
from connecty_frames.sandbox import Fault
from connecty_frames.sandbox.faults import Endpoint
from tests.servers import mutations, responses
from tests.servers.mutations import Mutation, respond_with, send_bytes

#: How a case reaches the sandbox: by a shared client without the relay, by one with it, by a client of its
#: own with the relay, by a client of its own for an address where nothing listens.
Route: TypeAlias = Literal["direct", "relayed", "own client", "unreachable"]


class Ending(NamedTuple):
    error: type[errors.ConnectyError] | None  # the error; None for the right frame
    known: bool  # True if the frame or the error has the id of the question
    accepted: int  # how often the question was accepted


@dataclass(frozen=True, slots=True)
class Scenario:
    row: int  # the row of ``tests/faults/promises.toml`` that describes it
    name: str  # the endpoint and the fault, as printed in the report
    endings: frozenset[Ending]  # how a call that meets it may end
    faults: tuple[Fault, ...] = ()  # the faults of the sandbox for its question
    #: How the relay changes the first replies of an endpoint, one after the other.
    endpoint: Endpoint | None = None
    mutations: tuple[Mutation, ...] = ()
    route: Route = "direct"  # how it reaches the sandbox
    #: The result of the question itself: a table, no table, or a failure.
    plan: Literal["table", "no table", "failure"] = "table"
    warnings: tuple[type[errors.ConnectyWarning], ...] = ()  # the warnings that are expected
    last_value: float | str | None = None  # the last value of the first row, in place of its own
    slow: bool = False  # whether only a deadline ends it


_SUCCESS: Final = frozenset({Ending(None, known=True, accepted=1)})
#: More often than the client repeats a request because of its reply.
_EVERY_TIME: Final = 9


def _with_id(error: type[errors.ConnectyError]) -> frozenset[Ending]:
    return frozenset({Ending(error, known=True, accepted=1)})


def _rejected(error: type[errors.ConnectyError], accepted: int = 0) -> frozenset[Ending]:
    return frozenset({Ending(error, known=False, accepted=accepted)})


def _uncertain(accepted: int) -> frozenset[Ending]:
    return _rejected(errors.SubmissionUncertain, accepted)


def _on(
    row: int,
    endpoint: Endpoint,
    name: str,
    endings: frozenset[Ending],
    *faults: str,
    warnings: tuple[type[errors.ConnectyWarning], ...] = (),
) -> Scenario:
    """Return a scenario of faults of the sandbox at an endpoint."""
    read = tuple(Fault.from_text(f"{endpoint}:{fault}") for fault in faults)
    return Scenario(row, f"{endpoint}: {name}", endings, read, warnings=warnings)


def _relayed(
    row: int, endpoint: Endpoint, name: str, endings: frozenset[Ending], *changes: Mutation
) -> Scenario:
    """Return a scenario of the relay; at the token endpoint it needs a client that has no token yet."""
    route: Route = "own client" if endpoint == "token" else "relayed"
    return Scenario(row, f"{endpoint}: {name}", endings, endpoint=endpoint, mutations=changes, route=route)


def _with_value(
    row: int,
    name: str,
    endings: frozenset[Ending],
    text: bytes,
    value: float | str = "",
    *warnings: type[errors.ConnectyWarning],
) -> Scenario:
    """Return a scenario whose answer has a value that no database produces."""
    scenario = _relayed(row, "results", name, endings, *(mutations.with_last_value(text),) * _EVERY_TIME)
    return replace(scenario, warnings=warnings, last_value=value)


def _rate_limited(row: int, endpoint: Endpoint, after: str) -> Scenario:
    """Return a scenario of one 429 with a Retry-After."""
    fault = Fault(endpoint, status=429, retry_after=after, times=1)
    return Scenario(row, f"{endpoint}: 429, Retry-After: {after}", _SUCCESS, (fault,))


NO_FAULT: Final = Scenario(0, "none", _SUCCESS)

_ENDPOINTS: Final[tuple[Endpoint, ...]] = ("token", "ask", "results")
_LOGIN_PAGE: Final = respond_with(200, b"<html>Sign in</html>", Content_Type="text/html")
_EMPTY_BODY: Final = respond_with(200)
_UNKNOWN_STATE: Final = (errors.UnknownStateWarning,)
#: Retry-After in its forms; after one that is not usable the client waits as usual.
_RETRY_AFTER: Final = ("0", "1", "Wed, 05 Nov 2025 11:00:00 GMT", "-5", "nan", "1e35", "soon")
#: How the API rejects a question; the relay sends these also for one that the sandbox accepted.
_REJECTED: Final = {
    400: errors.APIError,
    403: errors.AuthError,
    404: errors.NotFoundError,
    422: errors.APIError,
}
_NOT_HTTP: Final = {
    "no HTTP": responses.not_http,
    "a header of 70 KB": responses.long_header,
    "300 headers": responses.many_headers,
}
_TRUNCATED: Final = {
    "cut in its length": send_bytes(responses.truncated(responses.with_length, -5)),
    "cut in a chunk": send_bytes(responses.truncated(responses.chunked, -9)),
    "cut in gzip": send_bytes(responses.truncated(responses.gzipped, -9)),
    "cut without a length": send_bytes(responses.truncated(responses.without_length, -5)),
    "reset in the body": send_bytes(responses.truncated(responses.with_length, -5), "reset"),
    "cut in the headers": send_bytes(responses.truncated(responses.with_length, 40)),
    "cut after the headers": send_bytes(responses.truncated(responses.without_length, 51)),
}
_INTERIM: Final = {
    "100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "102": b"HTTP/1.1 102 Processing\r\n\r\n",
    "103": b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",
}
_BAD_ENCODING: Final = {
    "gzip cut": responses.truncated_gzip,
    "gzip without its end": responses.gzip_without_checksum,
    "a wrong checksum": responses.gzip_with_wrong_checksum,
    "plain text called gzip": responses.plain_text_as_gzip,
}

_SUBMISSION: Final = (
    _on(2, "ask", "reset before", _uncertain(0), "reset"),
    _on(2, "ask", "reset after", _uncertain(1), "reset,when=after"),
    _on(2, "ask", "closed before", _uncertain(0), "close"),
    _on(2, "ask", "closed after", _uncertain(1), "close,when=after"),
    _on(3, "ask", "408", _uncertain(0), "status=408"),
    _on(3, "ask", "500 after", _uncertain(1), "status=500,when=after"),
    _on(3, "ask", "502 before", _uncertain(0), "status=502"),
    _on(3, "ask", "503 after", _uncertain(1), "status=503,when=after"),
    _on(3, "ask", "503 before, come back", _uncertain(0), "status=503,retry_after=0"),
    _on(3, "ask", "504 after", _uncertain(1), "status=504,when=after"),
    _on(3, "ask", "cut before the id", _uncertain(1), "cut=30"),
    _on(3, "ask", "cut after the id", _SUCCESS, "cut=53"),
    _relayed(3, "ask", "503 with the id", _with_id(errors.SubmissionUncertain), respond_with(503, None)),
    *(_rate_limited(4, "ask", after) for after in _RETRY_AFTER),
    _on(4, "ask", "429 twice", _SUCCESS, "status=429,times=2"),
    _on(26, "ask", "429 too late", _rejected(errors.RateLimitError), "status=429,retry_after=9999"),
    _on(5, "ask", "401", _SUCCESS, "status=401,times=1"),
    _on(5, "ask", "401 always", _rejected(errors.AuthError), "status=401"),
    _on(24, "ask", "every token expires", _SUCCESS, "expired,times=1"),
    *(
        _on(6, "ask", str(status), _rejected(error), f"status={status}")
        for status, error in _REJECTED.items()
    ),
    _on(7, "ask", "a redirect", _rejected(errors.ConfigError), "status=307"),
    _on(16, "ask", "204", _uncertain(1), "status=204,when=after"),
    *(
        _relayed(10, "ask", name, _uncertain(1), mutation)
        for name, mutation in _TRUNCATED.items()
        if "headers" in name
    ),
    _relayed(33, "ask", "101", _uncertain(1), send_bytes(responses.switching_protocols)),
    *(
        _relayed(36, "ask", f"{status} cut", _rejected(error, 1), mutations.truncated_error(status))
        for status, error in _REJECTED.items()
    ),
    _relayed(11, "ask", "gzip cut", _uncertain(1), send_bytes(responses.truncated_gzip)),
    _relayed(11, "ask", "gzip without its end", _SUCCESS, send_bytes(responses.gzip_without_checksum)),
    _relayed(11, "ask", "plain text called gzip", _SUCCESS, send_bytes(responses.plain_text_as_gzip)),
    *(_relayed(14, "ask", name, _uncertain(1), send_bytes(write)) for name, write in _NOT_HTTP.items()),
    _relayed(15, "ask", "a login page", _uncertain(1), _LOGIN_PAGE),
    _relayed(16, "ask", "an empty 200", _uncertain(1), _EMPTY_BODY),
    _relayed(32, "ask", "an id that is none", _uncertain(1), respond_with(202, b'{"question_id": "../x"}')),
)
_RESULTS: Final = (
    *(_on(9, "results", name, _SUCCESS, f"{name},times=1") for name in ("reset", "close")),
    _on(9, "results", "429", _SUCCESS, "status=429,times=1"),
    *(
        _on(9, "results", f"{status} twice", _SUCCESS, f"status={status},times=2")
        for status in (502, 503, 504)
    ),
    _on(9, "results", "500", _with_id(errors.ServerError), "status=500"),
    _on(6, "results", "403", _with_id(errors.AuthError), "status=403"),
    _on(6, "results", "410", _with_id(errors.APIError), "status=410"),
    _on(35, "results", "408 twice", _SUCCESS, "status=408,times=2"),
    _relayed(33, "results", "101", _with_id(errors.ResponseError), send_bytes(responses.switching_protocols)),
    _relayed(33, "results", "an answer too many", _SUCCESS, mutations.followed_by_another),
    _relayed(7, "results", "a redirect", _with_id(errors.ConfigError), mutations.redirect),
    _on(10, "results", "cut", _SUCCESS, "cut=5,times=2"),
    *(_relayed(10, "results", name, _SUCCESS, mutation) for name, mutation in _TRUNCATED.items()),
    _relayed(10, "results", "gzip", _SUCCESS, send_bytes(responses.gzipped)),
    _relayed(10, "results", "chunks", _SUCCESS, send_bytes(responses.chunked)),
    *(_relayed(11, "results", name, _SUCCESS, send_bytes(write)) for name, write in _BAD_ENCODING.items()),
    *(
        _relayed(11, "results", f"{name}, twice", _with_id(errors.ResponseError), *(send_bytes(write),) * 2)
        for name, write in _BAD_ENCODING.items()
    ),
    _relayed(12, "results", "a bomb", _with_id(errors.ResponseTooLarge), send_bytes(responses.gzip_bomb)),
    *(
        _relayed(14, "results", name, _with_id(errors.ResponseError), send_bytes(write))
        for name, write in _NOT_HTTP.items()
    ),
    _relayed(15, "results", "a login page", _SUCCESS, _LOGIN_PAGE),  # which may pass
    _relayed(16, "results", "an empty 200, twice", _SUCCESS, _EMPTY_BODY, _EMPTY_BODY),
    _on(16, "results", "204 always", _with_id(errors.ResponseError), "status=204"),
    _with_value(17, "no UTF-8", _with_id(errors.ResponseError), b'"\xff"'),
    _with_value(17, "nested deeply", _with_id(errors.ResponseError), b"[" * 101 + b"]" * 101),
    _with_value(18, "half a character", _SUCCESS, b'"\\ud800"', '"\\ud800"', errors.TypeFidelityWarning),
    _with_value(19, "a bare NaN", _SUCCESS, b"NaN", math.nan, errors.TypeFidelityWarning),
    _with_value(20, "1e999", _SUCCESS, b"1e999", "1e999", errors.TypeFidelityWarning),
    _with_value(20, "-1e-400", _SUCCESS, b"-1e-400", "-1e-400", errors.TypeFidelityWarning),
    _on(21, "results", "an unknown state", _SUCCESS, "state=WAITING,times=2", warnings=_UNKNOWN_STATE),
    _on(
        21,
        "results",
        "a state that goes back",
        _SUCCESS,
        "state=IN_PROGRESS,times=1",
        "state=PENDING,times=1",
        warnings=_UNKNOWN_STATE,
    ),
    _on(22, "results", "404 twice", _SUCCESS, "status=404,times=2"),
    Scenario(23, "results: FAILED", _with_id(errors.QuestionFailed), plan="failure"),
    Scenario(23, "results: no table", _with_id(errors.NoTableError), plan="no table"),
    _on(24, "results", "401", _SUCCESS, "status=401,times=1"),
    _on(24, "results", "401 always", _with_id(errors.AuthError), "status=401"),
    _on(24, "results", "every token expires", _SUCCESS, "expired,times=1"),
    *(_rate_limited(26, "results", after) for after in _RETRY_AFTER),
    _relayed(26, "results", "429 until a date", _SUCCESS, mutations.rate_limited_until_date),
    _on(26, "results", "429 too late", _with_id(errors.RateLimitError), "status=429,retry_after=9999"),
)
_TOKEN: Final = (
    *(
        _relayed(25, "token", str(status), _rejected(errors.AuthError), respond_with(status))
        for status in (400, 401, 403)
    ),
    *(
        _relayed(34, "token", str(status), _SUCCESS, respond_with(status))
        for status in (408, 500, 502, 503, 504)
    ),
    _relayed(34, "token", "503 twice", _SUCCESS, respond_with(503), respond_with(503)),
    _relayed(25, "token", "429", _SUCCESS, respond_with(429, Retry_After="0")),
    _relayed(7, "token", "a redirect", _rejected(errors.ConfigError), mutations.redirect),
    _relayed(25, "token", "405", _SUCCESS, respond_with(405)),
    _relayed(
        34, "token", "reset", _SUCCESS, send_bytes(responses.truncated(responses.with_length, 0), "reset")
    ),
    _relayed(34, "token", "closed", _SUCCESS, send_bytes(responses.truncated(responses.with_length, 0))),
    _relayed(34, "token", "cut", _SUCCESS, send_bytes(responses.truncated(responses.with_length, -5))),
    _relayed(25, "token", "a login page", _rejected(errors.AuthError), _LOGIN_PAGE),
    _relayed(25, "token", "no HTTP", _rejected(errors.AuthError), send_bytes(responses.not_http)),
    _relayed(24, "token", "no token", _rejected(errors.AuthError), respond_with(200, b"{}")),
    *(
        _relayed(24, "token", f"an end of {end}", _SUCCESS, mutations.with_token_fields(expires_at=end))
        for end in (None, "2099-01-01T00:00:00", "2020-01-01T00:00:00Z")
    ),
    _relayed(24, "token", "an hour ahead", _SUCCESS, mutations.with_token_fields(hours=1)),
    Scenario(1, "nothing listens", _rejected(errors.ConnectionFailed), route="unreachable"),
)
_INTERIM_RESPONSES: Final = tuple(
    _relayed(33, endpoint, name, _SUCCESS, mutations.preceded_by(before))
    for endpoint in _ENDPOINTS
    for name, before in _INTERIM.items()
)
SCENARIOS: Final = (*_SUBMISSION, *_RESULTS, *_TOKEN, *_INTERIM_RESPONSES)

#: How far the question is at the deadline is chance: not sent yet, sent, or known by its id.
_DEADLINE: Final = frozenset().union(
    _rejected(errors.QuestionTimeout),
    _rejected(errors.ConnectionFailed),
    _uncertain(0),
    _uncertain(1),
    _with_id(errors.QuestionTimeout),
)
_SLOW_REPLIES: Final = {
    "half the headers": send_bytes(responses.truncated(responses.with_length, 40), "hang"),
    "half the body": send_bytes(responses.truncated(responses.with_length, -20), "hang"),
    "body by the byte": send_bytes(responses.with_length, "drip"),
    "gzip by the byte": send_bytes(responses.gzipped, "drip"),
    "chunks by the byte": send_bytes(responses.chunked, "drip"),
}
SLOW_SCENARIOS: Final = tuple(
    replace(scenario, slow=True)
    for scenario in (
        _on(2, "ask", "silence", _DEADLINE, "lost"),
        _on(2, "ask", "too late", _DEADLINE, "latency=5"),
        _on(13, "ask", "headers by the byte", _DEADLINE, "drip_headers=0.02"),
        _on(13, "ask", "body by the byte, slower", _DEADLINE, "drip_body=0.05"),
        _on(9, "results", "silence", _DEADLINE, "lost"),
        _on(9, "results", "too late", _DEADLINE, "latency=5"),
        _on(13, "results", "headers by the byte", _DEADLINE, "drip_headers=0.02"),
        _on(21, "results", "an unknown state for ever", _DEADLINE, "state=WAITING", warnings=_UNKNOWN_STATE),
        *(
            _relayed(13, endpoint, name, _DEADLINE, *(mutation,) * _EVERY_TIME)
            for endpoint in _ENDPOINTS
            for name, mutation in _SLOW_REPLIES.items()
        ),
    )
)
