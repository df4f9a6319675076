"""HTTP responses as bytes, well-formed and malformed, for a server to send."""

import gzip
from collections.abc import Callable
from typing import Final

#: The status line and the content type; further headers and an empty line follow.
HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_GZIP: Final = b"Content-Encoding: gzip\r\n"


def with_length(body: bytes, headers: bytes = b"") -> bytes:
    return HEAD + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body


def without_length(body: bytes) -> bytes:
    """Return a response whose body ends where the connection does."""
    return HEAD + b"\r\n" + body


def chunked(body: bytes, size: int = 7, *, headers: bytes = b"", trailer: bytes = b"") -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return (
        HEAD + b"Transfer-Encoding: chunked\r\n" + headers + b"\r\n" + chunks + b"0\r\n" + trailer + b"\r\n"
    )


def gzipped(body: bytes) -> bytes:
    return with_length(gzip.compress(body, mtime=0), _GZIP)


def truncated_gzip(body: bytes) -> bytes:
    """Return the first half of the compressed body, with the length of that half."""
    content = gzip.compress(body, mtime=0)
    return with_length(content[: len(content) // 2], _GZIP)


def gzip_without_checksum(body: bytes) -> bytes:
    """Return all of the compressed body but its checksum and length, which say that it is complete."""
    return with_length(gzip.compress(body, mtime=0)[:-8], _GZIP)


def gzip_with_wrong_checksum(body: bytes) -> bytes:
    """Return a compressed body with one bit of the checksum changed."""
    content = bytearray(gzip.compress(body, mtime=0))
    content[-8] ^= 1
    return with_length(bytes(content), _GZIP)


def plain_text_as_gzip(body: bytes) -> bytes:
    """Return an uncompressed body that is declared as gzip."""
    return with_length(body, _GZIP)


def gzip_bomb(body: bytes) -> bytes:
    """Return two MiB of white space before the body, compressed to two KB."""
    return gzipped(b" " * 2**21 + body)


def switching_protocols(body: bytes) -> bytes:
    """Return 101, which the request did not ask for, before the response."""
    return b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + with_length(body)


def not_http(_body: bytes) -> bytes:
    return b"SSH-2.0-OpenSSH_9.6\r\n"


def long_header(body: bytes) -> bytes:
    return with_length(body, b"X: " + b"x" * 70_000 + b"\r\n")


def many_headers(body: bytes) -> bytes:
    """Return a response with three hundred headers."""
    return with_length(body, b"X: x\r\n" * 300)


def truncated(write: Callable[[bytes], bytes], end: int) -> Callable[[bytes], bytes]:
    """Return a function whose response ends at ``end``, as in a slice."""
    return lambda body: write(body)[:end]
