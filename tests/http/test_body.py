"""Reading a body: whole or not at all, within its limit."""

import gzip
import io
import itertools
import math
import zlib
from typing import Any

import pytest
import urllib3

from connecty_frames._base.clock import SYSTEM_CLOCK, Clock, Deadline
from connecty_frames.http.connection import read_body
from connecty_frames.http.models import Attempt, UnusableResponse
from tests.cases import cases

TEXT = b'{"state": "PENDING"}' * 100


def raw(body: bytes, **headers: str) -> urllib3.HTTPResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return urllib3.HTTPResponse(io.BytesIO(body), headers=named, preload_content=False)


def attempting(clock: Clock = SYSTEM_CLOCK) -> Attempt:
    return Attempt(Deadline.after(60, clock), connect=60, idle=math.inf)


def read(response: urllib3.HTTPResponse, limit: int = 1_000_000) -> bytes:
    attempt = attempting()
    read_body(response, attempt, limit=limit)
    return attempt.received.getvalue()


def test_gzip_is_decompressed_also_in_several_members() -> None:
    """RFC 1952 allows several members in a row."""
    assert read(raw(gzip.compress(TEXT), Content_Encoding="gzip")) == TEXT
    both = gzip.compress(TEXT) + gzip.compress(b"more")
    assert read(raw(both, Content_Encoding="x-gzip")) == TEXT + b"more"


PACKED = gzip.compress(TEXT)


@cases(
    ("body", "encoding", "message"),
    [
        # Although Content-Length matches; the last byte of the trailer included.
        *((PACKED[:kept], "gzip", "gzip") for kept in (1, 10, 11, 20, -9, -8, -4, -1)),
        (PACKED[:-8] + bytes([PACKED[-8] ^ 1]) + PACKED[-7:], "gzip", "not valid gzip"),
        (TEXT, "gzip", "not valid gzip"),
        (zlib.compress(TEXT), "gzip", "not valid gzip"),
        (TEXT, "br", "'br', which was not requested"),
    ],
)
def test_a_broken_body_is_refused(body: bytes, encoding: str, message: str) -> None:
    """Cut anywhere, with one wrong bit of its checksum, or in another encoding than it says."""
    with pytest.raises(urllib3.exceptions.DecodeError, match=message):
        read(raw(body, Content_Encoding=encoding))


def test_an_empty_body_is_empty_whatever_its_encoding() -> None:
    """An empty body is not broken gzip; it is rejected elsewhere."""
    assert read(raw(b"", Content_Encoding="gzip")) == b""


def test_decompression_ends_at_the_deadline(clock: Any) -> None:
    """A small gzip body can take long to decompress: the time is checked for each piece."""
    attempt = attempting(clock)
    clock.monotonic = itertools.count(clock.at, 5).__next__  # each look takes 5 s
    bomb = raw(gzip.compress(bytes(100_000_000)), Content_Encoding="gzip")
    with pytest.raises(TimeoutError):
        read_body(bomb, attempt, limit=1_000_000_000)
    assert 0 < attempt.received.tell() < 5_000_000


def test_the_part_before_a_failure_is_kept() -> None:
    """The beginning of a truncated body is kept, since it may contain the id of a question."""
    attempt = attempting()
    with pytest.raises(urllib3.exceptions.ProtocolError, match="14 bytes read"):
        read_body(raw(b'{"question_id"', Content_Length="99"), attempt, limit=100)
    assert attempt.received.getvalue() == b'{"question_id"'


@cases("encoding", ["identity", "gzip"])
def test_the_limit_is_that_of_the_whole_body(encoding: str) -> None:
    """To the byte, after decompression."""
    body = gzip.compress(TEXT) if encoding == "gzip" else TEXT
    assert read(raw(body, Content_Encoding=encoding), len(TEXT)) == TEXT
    with pytest.raises(UnusableResponse, match=f"longer than the limit of {len(TEXT) - 1} bytes"):
        read(raw(body, Content_Encoding=encoding), len(TEXT) - 1)


@cases("size", [256 * 1024 * count + more for count in (1, 2) for more in (-1, 0, 1, 200, 2_000)])
def test_bodies_around_the_size_of_a_piece(size: int) -> None:
    """A piece has 256 KB; the last one may be short, or as long as the others."""
    assert read(raw(gzip.compress(bytes(size)), Content_Encoding="gzip"), size) == bytes(size)
