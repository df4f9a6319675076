"""An answer cut after each of its bytes, headers included: never a part of a frame.

Each cut is met by a client that would fetch again. What comes out is all the rows, or an error of ours.
"""

from __future__ import annotations

import gzip
import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from scripted import QUESTION_ID

import connecty_frames as cf

if TYPE_CHECKING:
    from scripted import Script

    from connecty_frames.client import Client

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def rows(count: int) -> tuple[bytes, dict[str, Any]]:
    """Give a completed response of so many rows that do not pack well, and its table."""
    draw = random.Random(count)  # noqa: S311 - no secret
    table = {
        "n": [draw.randrange(10**12) for _ in range(count)],
        "s": [f"{draw.random()}" for _ in range(count)],
    }
    content = [list(table), *map(list, zip(*table.values(), strict=True))]
    return json.dumps({"state": "COMPLETED", "results": {"dataframe": content}}).encode(), table


def plain(body: bytes) -> bytes:
    """Write it with its length."""
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def packed(body: bytes) -> bytes:
    """Write it packed, with the length of that."""
    body = gzip.compress(body, mtime=0)
    return HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def chunked(body: bytes) -> bytes:
    """Write it in chunks of 50 bytes."""
    pieces = [body[at : at + 50] for at in range(0, len(body), 50)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks


#: How it is written, and of how many rows: about 10,000 bytes together.
WAYS = {"plain": (plain, 85), "gzip": (packed, 170), "chunked": (chunked, 80)}


@pytest.mark.parametrize("way", WAYS)
def test_a_cut_at_every_byte(server: Script, client: Client, way: str) -> None:
    """All the rows each time, after a second look wherever the first was not whole."""
    write, count = WAYS[way]
    body, table = rows(count)
    whole = write(body)
    assert 3_000 <= len(whole) <= 4_000
    again = server.answer(200, raw=body)
    parts, looks = 0, 0
    for kept in range(len(whole)):
        server.on("results", server.send_and_close(whole[:kept]), again)
        try:
            found = client.question(QUESTION_ID).result().to_arrow().to_pydict()
        except cf.ConnectyError as error:
            assert error.question_id == QUESTION_ID  # noqa: PT017 - an error is as good as the rows
        else:
            parts += found != table
        looks += 1
    assert (parts, looks) == (0, len(whole))
    assert server.count("token") == 1
