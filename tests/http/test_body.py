"""Reading a body: whole or not at all, within its limit."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zlib

import pytest
import urllib3

from connecty_frames.http.models import BodyEncodingError, BodyTooLarge
from connecty_frames.http.transport import read_body
from tests.cases import cases

TEXT = b'{"state": "PENDING"}' * 100


def raw(body: bytes, **headers: str) -> urllib3.HTTPResponse:
    """Return a response as urllib3 does."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return urllib3.HTTPResponse(io.BytesIO(body), headers=named, preload_content=False)


def read(response: urllib3.HTTPResponse, limit: int = 1_000_000) -> bytes:
    """Read a body to its end."""
    into = io.BytesIO()
    read_body(response, into, limit=limit)
    return into.getvalue()


def test_a_plain_body_is_unchanged() -> None:
    """Bytes without an encoding are returned as received."""
    assert read(raw(TEXT)) == TEXT
    assert read(raw(TEXT, Content_Encoding="identity")) == TEXT


def test_gzip_is_decompressed_also_in_several_members() -> None:
    """RFC 1952 allows several members in a row."""
    assert read(raw(gzip.compress(TEXT), Content_Encoding="gzip")) == TEXT
    both = gzip.compress(TEXT) + gzip.compress(b"more")
    assert read(raw(both, Content_Encoding="x-gzip")) == TEXT + b"more"


@cases("kept", [1, 10, 11, 20, -9, -8, -4, -1])
def test_a_gzip_body_cut_anywhere_is_refused(kept: int) -> None:
    """A cut stream is refused although Content-Length matches, the last byte of the trailer included."""
    with pytest.raises(BodyEncodingError, match="gzip"):
        read(raw(gzip.compress(TEXT)[:kept], Content_Encoding="gzip"))


def test_a_wrong_checksum_and_a_wrong_encoding_are_refused() -> None:
    """One flipped bit of the CRC, or plain text or a zlib stream declared as gzip."""
    packed = bytearray(gzip.compress(TEXT))
    packed[-8] ^= 1
    for body in (bytes(packed), TEXT, zlib.compress(TEXT)):
        with pytest.raises(BodyEncodingError, match="not valid gzip"):
            read(raw(body, Content_Encoding="gzip"))


def test_an_encoding_that_was_not_requested_is_refused() -> None:
    """Brotli cannot be read."""
    with pytest.raises(BodyEncodingError, match="'br', which was not requested"):
        read(raw(TEXT, Content_Encoding="br"))


def test_an_empty_body_is_empty_whatever_its_encoding() -> None:
    """An empty body is not broken gzip; it is rejected elsewhere."""
    assert read(raw(b"", Content_Encoding="gzip")) == b""


@pytest.mark.slow
def test_the_limit_holds_before_the_memory_is_taken() -> None:
    """A gzip body of 200 KB with 200 MB is read up to a limit of 10 MB, in less than 20 MB of memory."""
    bomb = gzip.compress(bytes(200_000_000), 9)
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLarge, match="10000000 bytes"):
            read(raw(bomb, Content_Encoding="gzip"), limit=10_000_000)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    with pytest.raises(BodyTooLarge):
        read(raw(TEXT), limit=len(TEXT) - 1)
    assert read(raw(TEXT), limit=len(TEXT)) == TEXT


def test_decompression_ends_at_the_deadline() -> None:
    """A small gzip body can take long to decompress: the time is checked for each piece."""
    left = [1.0] * 10

    def in_time() -> None:
        if not left:
            raise TimeoutError
        left.pop()

    into, bomb = io.BytesIO(), raw(gzip.compress(bytes(100_000_000)), Content_Encoding="gzip")
    with pytest.raises(TimeoutError):
        read_body(bomb, into, limit=1_000_000_000, in_time=in_time)
    assert into.tell() < 5_000_000


def test_the_part_before_a_failure_is_kept() -> None:
    """The beginning of a truncated body is kept, since it may contain the id of a question."""
    into = io.BytesIO()
    with pytest.raises(urllib3.exceptions.ProtocolError, match="14 bytes read"):
        read_body(raw(b'{"question_id"', Content_Length="99"), into, limit=100)
    assert into.getvalue() == b'{"question_id"'


@cases("encoding", ["identity", "gzip"])
def test_the_limit_is_that_of_the_whole_body(encoding: str) -> None:
    """To the byte, after decompression."""
    body = gzip.compress(TEXT) if encoding == "gzip" else TEXT
    assert read(raw(body, Content_Encoding=encoding), len(TEXT)) == TEXT
    with pytest.raises(BodyTooLarge, match=f"longer than the limit of {len(TEXT) - 1} bytes"):
        read(raw(body, Content_Encoding=encoding), len(TEXT) - 1)


@cases("size", [256 * 1024 * count + more for count in (1, 2) for more in (-1, 0, 1, 200, 2_000)])
def test_bodies_around_the_size_of_a_piece(size: int) -> None:
    """A piece has 256 KB; the last one may be short, or as long as the others."""
    assert read(raw(gzip.compress(bytes(size)), Content_Encoding="gzip"), size) == bytes(size)
