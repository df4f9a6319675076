"""The body of each case, by its number: what is the same for a seed and a number is the same body."""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from tests.verification.fuzz import tables
from tests.verification.fuzz.grammar import ACCEPT, LENIENT, REJECT

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FAMILIES", "body_of"]

#: How many payloads are cut at every byte before the first is cut again.
_CUT: Final = 400
_TOKENS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[-+.\w]+|\s+|.', re.DOTALL)

#: Where a text of the grammar list is put: anything may stand anywhere.
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
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[%s]],"dataframe_stats":{"a":{"string":{}}}}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[%s]],"dataframe_stats":{"a":{"numeric":{}}}}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[%s]],"dataframe_stats":{"a":{"temporal":{}}}}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[%s]],"dataframe_stats":{"a":{"boolean":{}}}}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[1]],"dataframe_stats":{"a":{"general":{"count":%s}}}}}',
    b'{"state":"FAILED","results":%s}',
    b'{"state":"COMPLETED" %s,"results":{"dataframe":[["a"],[1]]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[1] %s]}}',
    b'{"state":"COMPLETED","results":{"dataframe":[["a"],[1]]}}%s',
    b'%s{"state":"COMPLETED","results":{"dataframe":[["a"],[1]]}}',
)  # fmt: skip


def _payload(chance: random.Random) -> bytes:
    """Write a response that is in order, as far as its table is."""
    dataframe, names, kinds = tables.table(chance, tables.Spelling.any_of(chance))
    found = tables.statistics(chance, names, kinds) if chance.random() < 0.4 else None
    return tables.response(chance, dataframe, found).encode("utf-8", "surrogatepass")


def _plain(chance: random.Random, _: int) -> bytes:
    return _payload(chance)


def _bytes_changed(chance: random.Random, _: int) -> bytes:
    """Flip, put in, take out, or repeat bytes, inside of the rows mostly."""
    body = bytearray(_payload(chance))
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        first = body.find(b'"dataframe"') + 12 if chance.random() < 0.8 else 0
        place = min(chance.randrange(first, len(body) + 1) if first < len(body) else 0, len(body) - 1)
        end = place + chance.choice((1, 1, 1, 2, 3, 8))
        drawn = chance.randrange(6)
        if drawn == 0:
            body[place] ^= 1 << chance.randrange(8)
        elif drawn == 1:
            body[place] = chance.choice(tables.BYTES)
        elif drawn == 2:
            body.insert(place, chance.choice(tables.BYTES))
        elif drawn == 3 and len(body) > end:
            del body[place:end]
        elif drawn == 4:
            body[place:place] = body[place:end]
        else:
            other = chance.randrange(len(body))
            body[place], body[other] = body[other], body[place]
    return bytes(body)


def _tokens_changed(chance: random.Random, _: int) -> bytes:
    """Put in, take out, repeat or swap whole tokens: what comes out is JSON often, though no table."""
    found = _TOKENS.findall(_payload(chance))
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        scalars = [place for place, token in enumerate(found) if _scalar(token)] or [0]
        place, other = chance.choice(scalars), chance.choice(scalars)
        drawn = chance.randrange(8)
        if drawn <= 1:
            space = chance.choice((b" ", b"\n", b"\r", b"\t", b"\r\n"))
            found.insert(chance.randrange(len(found) + 1), space)
        elif drawn == 2:
            found[place] = chance.choice(ACCEPT)
        elif drawn == 3:
            found[place], found[other] = found[other], found[place]
        elif drawn == 4:
            found[place:place] = [found[other], chance.choice((b",", b"],[", b"],[],[", b"],\n["))]
        elif drawn == 5:
            del found[place : place + 2]
        elif drawn == 6:
            found[place:place] = [b"[", found[other], b"]", b","]
        else:
            found[chance.randrange(len(found))] = chance.choice((b",", b"[", b"]", b"],[", b"", b"null"))
        found = found or [b" "]
    return b"".join(found)


def _scalar(token: bytes) -> bool:
    return token[:1] not in b"[]{},: \t\n\r"


def _spliced(chance: random.Random, _: int) -> bytes:
    """Join the beginning of one payload to the end of another, at places that are alike if possible."""
    one, two = _payload(chance), _payload(chance)
    mark = chance.choice((b"],[", b",", b'"', b"[", b"]", b"\\", b"null", b"}"))
    places = [[found.start() for found in re.finditer(re.escape(mark), body)] for body in (one, two)]
    if not all(places) or chance.random() < 0.2:
        return one[: chance.randrange(len(one))] + two[chance.randrange(len(two)) :]
    return one[: chance.choice(places[0])] + two[chance.choice(places[1]) :]


@cache
def _cut_payloads() -> tuple[list[bytes], list[int]]:
    payloads = [_payload(random.Random(f"cut {number}")) for number in range(_CUT)]
    return payloads, list(accumulate(map(len, payloads)))


def _truncated(_: random.Random, index: int) -> bytes:
    """Cut each of some payloads at every byte, one after another."""
    payloads, ends = _cut_payloads()
    place = index % ends[-1]
    which = bisect_right(ends, place)
    return payloads[which][: place - (ends[which - 1] if which else 0)]


def _deep(chance: random.Random, _: int) -> bytes:
    """Nest to a depth around the limits: ours (100), Python's (1,000), and far beyond."""
    depth = chance.choice((1, 5, 98, 99, 100, 101, 102, 300, 900, 990, 1000, 1100, 5000))
    opening, closing = chance.choice((("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")))
    depth = depth // 2 if opening == '[{"a":' else depth
    inner = chance.choice(("1", "null", '"x"', "", "1.5", "true", "[]", "{}"))
    inner = "null" if not inner and ":" in opening else inner
    missing = chance.choice((0, 0, 0, 0, 1, depth))
    nested = opening * depth + inner + closing * (depth - missing)
    place = chance.choice(_PLACES)
    return place.replace(b"%s", nested.encode())


def _huge(chance: random.Random, _: int) -> bytes:
    """Write numbers of many digits and of exponents beyond everything."""
    numbers = []
    for _ in range(chance.randint(1, 3)):
        length = chance.choice(
            (15, 17, 20, 38, 39, 76, 77, 100, 308, 400, 640, 641, 1000, 4300, 4301, 20_000)
        )
        digits = chance.choice("123456789") + chance.choice(
            ("0" * length, "9" * length, str(chance.random())[2:] * (length // 16))
        )
        made = chance.choice(("", "-")) + chance.choice(
            (digits, f"0.{digits}", f"{digits}.{digits}", f"0.{'0' * length}1", "1")
        )
        if chance.random() < 0.4:
            exponents = (308, 309, 324, 400, 999, 6145, 999_999, 999_999_999, 10**18, 10**19, 10**40)
            made += chance.choice("eE") + chance.choice(("", "+", "-")) + str(chance.choice(exponents))
        numbers.append(made)
    if chance.random() < 0.3:
        return chance.choice(_PLACES).replace(b"%s", numbers[0].encode())
    cells = [
        *numbers,
        *chance.sample(("null", "1", "1.5", '"x"', "0", "-0.0", '"NaN"'), chance.randint(0, 2)),
    ]
    chance.shuffle(cells)
    rows = ",".join(f"[{cell}]" for cell in cells)
    found = (
        tables.statistics(chance, ["a"], [chance.choice(("number", "text"))])
        if chance.random() < 0.5
        else None
    )
    return tables.response(chance, f'[["a"],{rows}]', found).encode()


def _wrong_utf8(chance: random.Random, _: int) -> bytes:
    """Put bytes that are no UTF-8, or only look like it, into texts or elsewhere."""
    body = _payload(chance)
    odd = chance.choice((
        b"\xff", b"\x80", b"\xc3", b"\xc0\x80", b"\xe2\x82", b"\xed\xa0\x80", b"\xed\xa0\xbd\xed\xb8\x80",
        b"\xf0\x9f\x98",
        b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xef\xbb\xbf", b"\xc3\xa9", b"\xf0\x9f\x98\x80",
        b"\xfe\xff",
    ))  # fmt: skip
    places = (
        [found.end() for found in re.finditer(rb'"', body)] if chance.random() < 0.8 else range(len(body) + 1)
    )
    place = chance.choice(places)
    return body[:place] + odd + body[place + chance.choice((0, 0, 1)) :]


def _grammar(_: random.Random, index: int) -> bytes:
    """Put each text of the grammar list in each place, one after another."""
    texts = (*ACCEPT, *REJECT, *LENIENT)
    place, which = divmod(index, len(texts))
    return _PLACES[place % len(_PLACES)].replace(b"%s", texts[which])


def _statistics(chance: random.Random, _: int) -> bytes:
    """Write statistics that fit nothing around a table that is in order."""
    dataframe, names, kinds = tables.table(chance, tables.Spelling.any_of(chance))
    found = tables.statistics(chance, names, kinds, hostile=True)
    return tables.response(chance, dataframe, found).encode("utf-8", "surrogatepass")


#: The families of bodies, and how many of 100 cases are of each.
FAMILIES: Final[dict[str, tuple[int, Callable[[random.Random, int], bytes]]]] = {
    "random tables": (24, _plain),
    "bytes changed": (14, _bytes_changed),
    "tokens changed": (16, _tokens_changed),
    "spliced": (8, _spliced),
    "truncated": (10, _truncated),
    "nested deeply": (4, _deep),
    "huge numbers": (6, _huge),
    "wrong UTF-8": (4, _wrong_utf8),
    "grammar": (8, _grammar),
    "statistics": (6, _statistics),
}
_ENDS: Final = list(accumulate(share for share, _ in FAMILIES.values()))


def body_of(seed: int, number: int) -> tuple[str, bytes]:
    """Return the family and the body of a case."""
    cycle, place = divmod(number, _ENDS[-1])
    which = bisect_right(_ENDS, place)
    family = list(FAMILIES)[which]
    share, make = FAMILIES[family]
    index = cycle * share + place - (_ENDS[which - 1] if which else 0)
    return family, make(random.Random(f"{seed} {number}"), index)
