"""Changes that a relay makes to a reply which a well-behaved web server cannot be made to send.

A mutation takes the reply as it should have been and returns the step that is done instead.
"""

import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Final, NamedTuple, TypeAlias

from tests.servers.responses import with_length
from tests.servers.scripted import Script, Step

#: Where redirects point; no client may ever request it.
REDIRECT_TARGET: Final = "/elsewhere"


class UpstreamReply(NamedTuple):
    """A reply as the sandbox sent it, with the names of its headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


Mutation: TypeAlias = "Callable[[Script, UpstreamReply], Step]"


def unchanged(_script: Script, reply: UpstreamReply) -> Step:
    kept = {name: value for name, value in reply.headers.items() if name in ("date", "retry-after")}
    return Script.answer(reply.status, raw=reply.body, **kept)


def respond_with(status: int, body: bytes | None = b"", **headers: str) -> Mutation:
    """Send another status and body; None is the reply's own body."""
    return lambda _, reply: Script.answer(status, raw=reply.body if body is None else body, **headers)


def redirect(script: Script, _reply: UpstreamReply) -> Step:
    """Send a redirect to another path of the same server."""
    return Script.answer(307, Location=script.address + REDIRECT_TARGET)


def rate_limited_until_date(_script: Script, _reply: UpstreamReply) -> Step:
    """Send 429 with a date as Retry-After: one second from now, cut to the full second, as HTTP dates are."""
    date = datetime.now(UTC) + timedelta(seconds=1)
    return Script.answer(429, Retry_After=format_datetime(date, usegmt=True))


def send_bytes(write: Callable[[bytes], bytes], ending: str = "close") -> Mutation:
    """Send bytes made of the body, then ``close``, ``reset`` or ``hang``; or ``drip`` them one by one."""

    def mutation(script: Script, reply: UpstreamReply) -> Step:
        content = write(reply.body)
        if ending == "drip":
            return script.drip(content, 0.005)
        steps = {"close": script.send_and_close, "reset": script.send_and_reset, "hang": script.send_and_hang}
        return steps[ending](content)

    return mutation


def preceded_by(content: bytes) -> Mutation:
    return lambda script, reply: script.around(unchanged(script, reply), before=content)


def followed_by_another(script: Script, reply: UpstreamReply) -> Step:
    """Send the reply, and at once a second one that no request asked for."""
    second = script.send(with_length(b'{"state": "FAILED", "error": "an answer too many"}'))

    def step(connection: socket.socket) -> bool:
        return unchanged(script, reply)(connection) and second(connection)

    return step


def truncated_error(status: int) -> Mutation:
    content = b'HTTP/1.1 %d No\r\nContent-Length: 99\r\n\r\n{"detail": "No' % status
    return lambda script, _: script.send_and_close(content)


def with_last_value(text: bytes) -> Mutation:
    """Replace the last value of the first row by some bytes, and remove its column from the statistics."""

    def mutation(_script: Script, reply: UpstreamReply) -> Step:
        response = json.loads(reply.body)
        results = response["results"]
        results["dataframe"][1][-1] = "\0"
        del results["dataframe_stats"][results["dataframe"][0][-1]]
        body = json.dumps(response).encode().replace(b'"\\u0000"', text)
        return Script.answer(200, raw=body)

    return mutation


def with_token_fields(hours: int = 0, **changed: Any) -> Mutation:
    """Change fields of a token, by a clock that is some hours ahead."""

    def mutation(_script: Script, reply: UpstreamReply) -> Step:
        token = json.loads(reply.body) | changed
        date = parsedate_to_datetime(reply.headers["date"]) + timedelta(hours=hours)
        if hours:
            expires = datetime.fromisoformat(token["expires_at"]) + timedelta(hours=hours)
            token["expires_at"] = expires.isoformat()
        return Script.answer(200, token, Date=format_datetime(date, usegmt=True))

    return mutation
