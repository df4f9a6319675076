"""A response's body as bytes: whole or not at all, and never more than the limit.

requests accepts in silence a gzip body that was cut inside a matching Content-Length, and unpacks 300 MB
out of 300 KB without asking. So the bytes are taken as they came and unpacked here, where the end of the
gzip stream and its checksum are required (RFC 1952, section 2.3.1) and the limit holds before the memory is
taken. Content-Length and the end of a chunked body are checked by urllib3 as it reads.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator

    from urllib3.response import HTTPResponse

__all__ = ["BodyGarbled", "BodyTooLarge", "read_body"]

_STEP: Final = 256 * 1024
#: For ``zlib``: a gzip header and trailer, the largest window.
_GZIP: Final = 31


class BodyGarbled(Exception):
    """The body is not packed as its headers say, or the packing lost its end."""


class BodyTooLarge(Exception):
    """The body is longer than the limit."""


def read_body(
    raw: HTTPResponse, into: io.BytesIO, *, limit: int, in_time: Callable[[], object] = lambda: None
) -> None:
    """Read a body into ``into``, which holds what came when an exception says that it is not whole.

    Parameters
    ----------
    limit
        The longest body that is read, in bytes after unpacking.
    in_time
        Called for each piece, and raises once there is no time left: a little of gzip can be long unpacked.

    Raises
    ------
    BodyGarbled, BodyTooLarge
        As they say; what urllib3 raises (a body cut short, a timeout) passes through.
    """
    named = (raw.headers.get("Content-Encoding") or "identity").strip()
    encoding = named.lower()
    pieces = _pieces(raw)
    if encoding in ("gzip", "x-gzip"):
        pieces = _unpacked(pieces, limit + 1)
    elif encoding != "identity":
        raise BodyGarbled(f"it is packed with {named!r}, which was not asked for")
    for piece in pieces:
        in_time()
        if into.tell() + len(piece) > limit:
            raise BodyTooLarge(f"the answer is longer than the limit of {limit} bytes")
        into.write(piece)


def _pieces(raw: HTTPResponse) -> Iterator[bytes]:
    """Give what each read brings: ``read`` would lose the beginning of a body that is then cut."""
    while piece := raw.read1(_STEP, decode_content=False):
        yield piece


def _unpacked(pieces: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """Unpack gzip, a step at a time; an empty body is left empty, for the caller to judge."""
    stream, started = zlib.decompressobj(_GZIP), False
    for piece in pieces:
        packed = piece
        while packed:
            if stream.eof:  # RFC 1952, section 2.2: members may follow one another
                stream = zlib.decompressobj(_GZIP)
            started = True
            try:
                yield stream.decompress(packed, min(_STEP, limit))
            except zlib.error as error:
                raise BodyGarbled(f"it is no sound gzip ({error})") from None
            packed = stream.unconsumed_tail or stream.unused_data
    while started and not stream.eof:
        rest = stream.decompress(b"", _STEP)
        if not rest:
            raise BodyGarbled("its gzip stream lost its end")
        yield rest
