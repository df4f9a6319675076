"""The body of each case: the same seed and number always return the same body."""

import random
import re
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import Final

from tests.verification.fuzz import tables
from tests.verification.fuzz.grammar import ACCEPT, LENIENT, REJECT

_TOKENS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[-+.\w]+|\s+|.', re.DOTALL)

#: The places of a text of the grammar list: each text is put in each place.
_PLACES: Final[tuple[bytes, ...]] = (
    b"%s",
    b'{"state":%s,"results":{"dataframe":[["a"],[1]]}}',
    b'{"state":"COMPLETED","results":%s}',
    b'{"state":"COMPLETED","results":{"dataframe":%s}}',
    b'{"state":"COMPLETED","results":{"dataframe":[%s]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[%s,[1]]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[[%s],[1]]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],%s]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[%s]]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[1],[%s],[2]]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[0.5],[%s]]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],["x"],[%s],["y,"]]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],["x,],["],[%s]]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[true],[%s]]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[null],[%s]]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a","b"],[1,"x"],[%s,"y"]]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a","b"],["x",1],["y",%s],["z",2]]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[[%s]]]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[{"k":%s}]]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[1]]},"more":%s}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[1]],"sql_query":%s}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[1]],"dataframe_stats":%s}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[1]],"dataframe_stats":{"a":%s}}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[1]],"dataframe_stats":{"a":{"numeric":%s}}}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[1]],"dataframe_stats":{"a":{"numeric":{"min":%s}}}}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],["x"]],"dataframe_stats":{"a":{"temporal":{"max":%s}}}}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[%s]],"dataframe_stats":{"a":{"string":{"n":1}}}}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[%s]],"dataframe_stats":{"a":{"numeric":{"n":1}}}}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[%s]],"dataframe_stats":{"a":{"temporal":{"n":1}}}}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[%s]],"dataframe_stats":{"a":{"boolean":{"n":1}}}}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[1]],"dataframe_stats":{"a":{"general":{"count":%s}}}}}',
    b'{"state":"FAILED","results":%s}',
    b'{"state":"COMPLETED" %s,"results":{"dataframe":[["a"],[1]]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[1] %s]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[1]]}}%s',
    b'%s{"state":"COMPLETED","results":{"dataframe":[["a"],[1]]}}',
)  # fmt: skip


def _payload(rng: random.Random, _: int = 0) -> bytes:
    """Return a well-formed response; its table may be ragged."""
    dataframe, names, kinds = tables.table(rng, tables.Spelling.any_of(rng))
    found = tables.statistics(rng, names, kinds) if rng.random() < 0.4 else None
    return tables.response(rng, dataframe, found).encode("utf-8", "surrogatepass")


def _bytes_changed(rng: random.Random, _: int) -> bytes:
    """Flip, replace, insert, delete, repeat or swap bytes, most of them in the rows."""
    body = bytearray(_payload(rng))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        first = body.find(b'"dataframe"') + 12 if rng.random() < 0.8 else 0
        place = min(rng.randrange(first, len(body) + 1) if first < len(body) else 0, len(body) - 1)
        end = place + rng.choice((1, 1, 1, 2, 3, 8))
        drawn = rng.randrange(6)
        if drawn == 0:
            body[place] ^= 1 << rng.randrange(8)
        elif drawn == 1:
            body[place] = rng.choice(tables.BYTES)
        elif drawn == 2:
            body.insert(place, rng.choice(tables.BYTES))
        elif drawn == 3 and len(body) > end:
            del body[place:end]
        elif drawn == 4:
            body[place:place] = body[place:end]
        else:
            other = rng.randrange(len(body))
            body[place], body[other] = body[other], body[place]
    return bytes(body)


def _tokens_changed(rng: random.Random, _: int) -> bytes:
    """Insert, delete, repeat or swap whole tokens: the result is often JSON, but no table."""
    found = _TOKENS.findall(_payload(rng))
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        scalars = [place for place, token in enumerate(found) if token[:1] not in b"[]{},: \t\n\r"] or [0]
        place, other = rng.choice(scalars), rng.choice(scalars)
        drawn = rng.randrange(8)
        if drawn <= 1:
            space = rng.choice((b" ", b"\n", b"\r", b"\t", b"\r\n"))
            found.insert(rng.randrange(len(found) + 1), space)
        elif drawn == 2:
            found[place] = rng.choice(ACCEPT)
        elif drawn == 3:
            found[place], found[other] = found[other], found[place]
        elif drawn == 4:
            found[place:place] = [found[other], rng.choice((b",", b"],[", b"],[],[", b"],\n["))]
        elif drawn == 5:
            del found[place : place + 2]
        elif drawn == 6:
            found[place:place] = [b"[", found[other], b"]", b","]
        else:
            found[rng.randrange(len(found))] = rng.choice((b",", b"[", b"]", b"],[", b"", b"null"))
        found = found or [b" "]
    return b"".join(found)


def _truncated(rng: random.Random, _: int) -> bytes:
    body = _payload(rng)
    return body[: rng.randrange(len(body))]


def _grammar(_: random.Random, index: int) -> bytes:
    """Put each text of the grammar list in each place, one after another."""
    texts = (*ACCEPT, *REJECT, *LENIENT)
    place, which = divmod(index, len(texts))
    return _PLACES[place % len(_PLACES)].replace(b"%s", texts[which])


def _statistics(rng: random.Random, _: int) -> bytes:
    """Write a table with statistics that do not fit it."""
    dataframe, names, kinds = tables.table(rng, tables.Spelling.any_of(rng))
    found = tables.statistics(rng, names, kinds, malformed=True)
    return tables.response(rng, dataframe, found).encode("utf-8", "surrogatepass")


#: The families of bodies, and their shares of 100 cases.
FAMILIES: Final[dict[str, tuple[int, Callable[[random.Random, int], bytes]]]] = {
    "random tables": (26, _payload),
    "bytes changed": (20, _bytes_changed),
    "tokens changed": (22, _tokens_changed),
    "truncated": (10, _truncated),
    "grammar": (16, _grammar),
    "statistics": (6, _statistics),
}
_ENDS: Final = list(accumulate(share for share, _ in FAMILIES.values()))


def body_of(seed: int, number: int) -> tuple[str, bytes]:
    cycle, place = divmod(number, _ENDS[-1])
    which = bisect_right(_ENDS, place)
    family = list(FAMILIES)[which]
    share, make = FAMILIES[family]
    index = cycle * share + place - (_ENDS[which - 1] if which else 0)
    return family, make(random.Random(f"{seed} {number}"), index)
