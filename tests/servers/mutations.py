"""What a relay does to a reply that a well-behaved web server cannot be made to do.

Each trick takes the reply as it should have been and gives the step that takes its place.
"""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.servers.scripted import Script

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import TypeAlias

    from tests.servers.scripted import Step

__all__ = ["REDIRECT_TARGET", "Mutation", "UpstreamReply"]

#: Where redirects point; nobody must ever ask for it.
REDIRECT_TARGET: Final = "/elsewhere"
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class UpstreamReply(NamedTuple):
    """A reply as the sandbox gave it, with the names of its headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


Mutation: TypeAlias = "Callable[[Script, UpstreamReply], Step]"


def unchanged(_script: Script, reply: UpstreamReply) -> Step:
    """Pass a reply on as it is."""
    kept = {name: value for name, value in reply.headers.items() if name in ("date", "retry-after")}
    return Script.answer(reply.status, raw=reply.body, **kept)


def respond_with(status: int, body: bytes | None = b"", **headers: str) -> Mutation:
    """Say something else: a status, and the reply's own body for None."""
    return lambda _, reply: Script.answer(status, raw=reply.body if body is None else body, **headers)


def redirect(script: Script, _reply: UpstreamReply) -> Step:
    """Say that it is to be had elsewhere."""
    return Script.answer(307, Location=script.address + REDIRECT_TARGET)


def rate_limited_until_date(_script: Script, _reply: UpstreamReply) -> Step:
    """Say 429, and to come back at a date: the next full second but one, since dates have no parts of it."""
    date = datetime.now(UTC) + timedelta(seconds=1)
    return Script.answer(429, Retry_After=format_datetime(date, usegmt=True))


def send_bytes(write: Callable[[bytes], bytes], ending: str = "close") -> Mutation:
    """Write bytes made of the body, and then ``close``, ``reset``, ``hang``; or ``drip`` them."""

    def trick(script: Script, reply: UpstreamReply) -> Step:
        content = write(reply.body)
        if ending == "drip":
            return script.drip(content, 0.005)
        steps = {
            "close": script.send_and_close,
            "reset": script.send_and_reset,
            "hang": script.send_and_hang,
        }
        return steps[ending](content)

    return trick


def preceded_by(before: bytes) -> Mutation:
    """Send some bytes before the reply as it is."""
    return lambda script, reply: script.around(unchanged(script, reply), before=before)


def followed_by_another(script: Script, reply: UpstreamReply) -> Step:
    """Send the reply, and at once another one that nobody asked for."""
    again = script.send(with_length(b'{"state": "FAILED", "error": "an answer too many"}'))

    def step(connection: socket.socket) -> bool:
        return unchanged(script, reply)(connection) and again(connection)

    return step


def switching_protocols(body: bytes) -> bytes:
    """Switch to another protocol, which was not asked for."""
    return b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + with_length(body)


def truncated_error(status: int) -> Mutation:
    """Refuse, and cut the words that say why."""
    content = b'HTTP/1.1 %d No\r\nContent-Length: 99\r\n\r\n{"detail": "No' % status
    return lambda script, _: script.send_and_close(content)


def with_length(body: bytes, more: bytes = b"") -> bytes:
    """Write a response whose length is told."""
    return _HEAD + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


def gzipped(body: bytes) -> bytes:
    """Write a response that is packed."""
    return with_length(gzip.compress(body), b"Content-Encoding: gzip\r\n")


def truncated_gzip(body: bytes) -> bytes:
    """Cut what is packed, in the middle of it, and tell the length of what is left."""
    whole = gzip.compress(body)
    return with_length(whole[: len(whole) // 2], b"Content-Encoding: gzip\r\n")


def gzip_without_checksum(body: bytes) -> bytes:
    """Leave out the checksum: all that is said has arrived, and nothing says so."""
    return with_length(gzip.compress(body)[:-8], b"Content-Encoding: gzip\r\n")


def gzip_with_wrong_checksum(body: bytes) -> bytes:
    """Change one bit of the checksum."""
    whole = bytearray(gzip.compress(body))
    whole[-8] ^= 1
    return with_length(bytes(whole), b"Content-Encoding: gzip\r\n")


def plain_text_as_gzip(body: bytes) -> bytes:
    """Call plain text packed."""
    return with_length(body, b"Content-Encoding: gzip\r\n")


def gzip_bomb(body: bytes) -> bytes:
    """Pack two MiB of white space into two KB."""
    return gzipped(b" " * 2**21 + body)


def chunked(body: bytes) -> bytes:
    """Write a response in chunks of seven bytes."""
    pieces = (body[start : start + 7] for start in range(0, len(body), 7))
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return _HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


def without_length(body: bytes) -> bytes:
    """Write a response that ends with its connection."""
    return _HEAD + b"\r\n" + body


def not_http(_body: bytes) -> bytes:
    """Speak another language."""
    return b"SSH-2.0-OpenSSH_9.6\r\n"


def long_header(body: bytes) -> bytes:
    """Write a header of 70 KB."""
    return with_length(body, b"X: " + b"x" * 70_000 + b"\r\n")


def many_headers(body: bytes) -> bytes:
    """Write three hundred headers."""
    return with_length(body, b"X: x\r\n" * 300)


def truncated(write: Callable[[bytes], bytes], end: int) -> Callable[[bytes], bytes]:
    """Return only a part of what would be written, as a slice does."""
    return lambda body: write(body)[:end]


def with_last_value(text: bytes) -> Mutation:
    """Put some bytes in the place of the first row's last value, of which the statistics then say nothing."""

    def trick(_script: Script, reply: UpstreamReply) -> Step:
        said = json.loads(reply.body)
        results = said["results"]
        results["dataframe"][1][-1] = "\0"
        del results["dataframe_stats"][results["dataframe"][0][-1]]
        body = json.dumps(said).encode().replace(b'"\\u0000"', text)
        return Script.answer(200, raw=body)

    return trick


def with_token_fields(hours: int = 0, **changed: Any) -> Mutation:
    """Say other things of a token, by a clock that is so many hours ahead."""

    def trick(_script: Script, reply: UpstreamReply) -> Step:
        said = json.loads(reply.body) | changed
        date = parsedate_to_datetime(reply.headers["date"]) + timedelta(hours=hours)
        if hours:
            ends = datetime.fromisoformat(said["expires_at"]) + timedelta(hours=hours)
            said["expires_at"] = ends.isoformat()
        return Script.answer(200, said, Date=format_datetime(date, usegmt=True))

    return trick
