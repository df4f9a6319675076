"""A response cut off after each byte, status line and headers included, is never a partial frame.

After each cut a second request returns all rows. The suite cuts at every 13th byte,
``make verify WHAT=cuts`` at each.
"""

import json
import os
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.client import Client
from tests.servers.responses import chunked, gzipped, with_length
from tests.servers.scripted import QUESTION_ID, Script


def rows(count: int) -> tuple[bytes, dict[str, Any]]:
    """Return a completed response of so many rows that hardly compress, and its table."""
    rng = random.Random(count)
    table = {
        "n": [rng.randrange(10**12) for _ in range(count)],
        "s": [f"{rng.random()}" for _ in range(count)],
    }
    content = [list(table), *map(list, zip(*table.values(), strict=True))]
    return json.dumps({"state": "COMPLETED", "results": {"dataframe": content}}).encode(), table


#: Encodings and numbers of rows: about 10,000 bytes together.
ENCODINGS: dict[str, tuple[Callable[[bytes], bytes], int]] = {
    "plain": (with_length, 85),
    "gzip": (gzipped, 170),
    "chunked": (lambda body: chunked(body, 51), 80),
}


#: Bytes between two cuts. A chunk has 57 bytes with its line ends, so that every position in a chunk is cut.
STEP = int(os.environ.get("CUTS_EVERY", "13"))
#: The bytes at the end that may be missing: the line ends of the last chunk.
WHOLE = {"plain": 0, "gzip": 0, "chunked": len("\r\n\r\n")}


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_cut_at_every_byte(server: Script, client: Client, encoding: str) -> None:
    """All rows each time, after exactly one more request where the first response was incomplete."""
    write, count = ENCODINGS[encoding]
    body, table = rows(count)
    whole = write(body)
    assert 3_000 <= len(whole) <= 4_000
    # As long as a slow machine may take.
    end = datetime.now(UTC) + timedelta(hours=1)
    server.on("token", server.answer(200, {"access_token": "t", "expires_at": end.isoformat()}))
    complete = server.answer(200, raw=body)
    ending = range(len(whole) - WHOLE[encoding], len(whole))
    cuts = sorted({*range(0, len(whole), STEP), *ending})
    outcomes: dict[int, tuple[str, int]] = {}
    for kept in cuts:
        server.on("results", server.send_and_close(whole[:kept]), complete)
        before = server.count("results")
        try:
            found = client.question(QUESTION_ID).result().to_arrow().to_pydict()
        except cf.ResponseError as error:
            outcome = repr(error)
        else:
            outcome = "the rows" if found == table else "other rows"
        outcomes[kept] = (outcome, server.count("results") - before)
    assert outcomes == {kept: ("the rows", 1 if kept in ending else 2) for kept in cuts}
    assert server.count("token") == 1
