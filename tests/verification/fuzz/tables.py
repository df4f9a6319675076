"""Random tables, written in random spelling."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.verification.fuzz.grammar import ACCEPT

#: The parts of random texts: all that has a meaning in JSON, in CSV, or in the reader itself.
_PIECES: Final = (
    "],[", "],[", ",", ",", '"', '"', "\\", "\\", "[", "]", "{", "}", ":", "null", "true", "false", "5", "-",
    "NaN", " ", "\t", "\n", "\r", "\r\n", "\0", "\x01", "\x02", "\x03", "\x1f", "\x7f", "/", "'", "n",
    "u0041", "a", "b", "\u00e9", "\u2028", "\u2029", "\ufeff", "\uffff", "\U0001f600", "\U0010ffff", "\u0800",
    "\u00a0", "#", ";",
)  # fmt: skip
_WORDS: Final = (
    "", "", " ", "null", "true", "false", "5", "-0", "1.5", "1e5", "00123", "NaN", "Infinity", "-Infinity",
    "infinity", "],[", '"', '""', "\\", "\\\\", '\\"', ",", "],[],[", '"],["', "[", "]", "]]", "[[", "{}",
    " a", "a ", "NA", "N/A", "2025-01-01", "2025-02-30", "0000-01-01", "2025-01-01T24:00:00Z",
    "2025-01-01 BC", "10:00:00", "24:00:00", "P1D",
)  # fmt: skip
#: The bytes that have a meaning in JSON or in UTF-8, for changes that are likely to break something.
BYTES: Final = (
    b'"\\[]{},:0189-+.eEntfalsru \t\n\r\0\x01\x02\x03\x1f\x7f\x80\xbf\xc0\xc3\xa9\xe2\xed\xa0\xef\xbb\xf0\xff'
)
_SPACES: Final = (" ", "\n", "\r", "\t", "  ", "\r\n", "\n\n\n")
_SHORT: Final = {
    '"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t",
}  # fmt: skip
_NAMES: Final = ("a", "b", "c", "a", "", "a_1", "column_0", " a ", "],[", '"', "é", "null", "\0", "\u202e")


@dataclass(frozen=True)
class Spelling:
    rng: random.Random
    #: The chance of white space between two tokens, and of an escape for a character that needs none.
    spaces: float = 0.0
    escapes: float = 0.0
    comma: str = ","  # the separator of two values where there is no such white space

    @classmethod
    def any_of(cls, rng: random.Random) -> Spelling:
        """Return a random spelling, most often a compact one."""
        drawn = rng.random()
        if drawn < 0.6:
            return cls(rng, 0.0, rng.choice((0.0, 0.0, 0.3)))
        if drawn < 0.75:
            return cls(rng, 0.0, 0.0, ", ")
        return cls(rng, rng.choice((0.01, 0.05, 0.5)), rng.choice((0.0, 0.3)))

    def space(self) -> str:
        return self.rng.choice(_SPACES) if self.spaces and self.rng.random() < self.spaces else ""

    def text(self, value: str) -> str:
        return '"' + "".join(map(self._character, value)) + '"'

    def _character(self, character: str) -> str:
        drawn = self.rng.random()
        if character in '"\\' or character < " " or drawn < self.escapes:
            if character in _SHORT and drawn < 0.9:
                return _SHORT[character]
            units = character.encode("utf-16-be", "surrogatepass").hex()
            units = units.upper() if drawn < self.escapes / 2 else units
            return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))
        return character if character.isascii() or not "\ud800" <= character <= "\udfff" else "\\ud800"

    def array(self, items: list[str]) -> str:
        """Return an array of items that are JSON already."""
        return "[" + self.comma.join(self.space() + item + self.space() for item in items) + "]"


def text(rng: random.Random) -> str:
    if rng.random() < 0.4:
        return rng.choice(_WORDS)
    made = "".join(rng.choice(_PIECES) for _ in range(rng.choice((1, 1, 2, 3, 5, 12))))
    return made + "\ud800" if rng.random() < 0.002 else made


def _digits(rng: random.Random, longest: int) -> str:
    count = rng.randint(1, longest)
    first = rng.choice("123456789" if count > 1 else "0123456789")
    return first + "".join(rng.choice("0123456789") for _ in range(count - 1))


def whole(rng: random.Random) -> str:
    if rng.random() < 0.1:
        edge = rng.choice((0, 2**31, 2**53, 2**63, 2**64, 10**18, 10**19, 10**38, 10**76))
        return str(edge + rng.randint(-1, 1))
    longest = rng.choice((1, 2, 4, 9, 15, 18, 19, 20))
    return rng.choice(("", "", "-")) + _digits(rng, longest)


def number(rng: random.Random) -> str:
    made = whole(rng)
    if rng.random() < 0.7:
        zeros = rng.choice(("", "", "0", "000", "00"))
        made += "." + rng.choice((_digits(rng, 4), _digits(rng, 12), zeros or "0", zeros + "5"))
    if rng.random() < 0.15:
        made += (
            rng.choice("eE") + rng.choice(("", "+", "-")) + rng.choice(("0", "05", "3", "22", "308", "400"))
        )
    return made


def _stamp(rng: random.Random) -> str:
    year = rng.choice((1, 1000, 1677, 1900, 1970, 2024, 2025, 2262, 9999))
    made = f"{year:04d}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    made += rng.choice("T ") + f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}"
    if rng.random() < 0.5:
        made += "." + _digits(rng, rng.choice((3, 6, 9)))
    return made


def _aware(rng: random.Random) -> str:
    offsets = ("Z", "+00:00", "+02:00", "-05:30", "+0100", "+01", "+00:19:32", "-00:00", "+23:59")
    return _stamp(rng) + rng.choice(offsets)


def _nested(rng: random.Random, depth: int = 0) -> str:
    spelling = Spelling.any_of(rng)
    drawn = rng.random()
    if depth > 2 or drawn < 0.4:
        return cell(rng, spelling, rng.choice(("text", "whole", "number", "boolean", "null")))
    items = [_nested(rng, depth + 1) for _ in range(rng.choice((0, 1, 1, 2, 3)))]
    if drawn < 0.7:
        return spelling.array(items)
    keys = [spelling.text(rng.choice(("a", "b", "c", text(rng)))) for _ in items]
    return "{" + ",".join(f"{key}:{item}" for key, item in zip(keys, items, strict=True)) + "}"


_KINDS: Final[dict[str, Callable[[random.Random, Spelling], str]]] = {
    "text": lambda rng, spelling: spelling.text(text(rng)),
    "word": lambda rng, spelling: spelling.text(rng.choice(_WORDS)),
    "whole": lambda rng, _: whole(rng),
    "number": lambda rng, _: number(rng),
    "short": lambda rng, _: str(rng.randint(-99, 99) / 8),
    "boolean": lambda rng, _: rng.choice(("true", "false")),
    "aware": lambda rng, spelling: spelling.text(_aware(rng)),
    "naive": lambda rng, spelling: spelling.text(_stamp(rng)),
    "date": lambda rng, spelling: spelling.text(_stamp(rng)[:10]),
    "time": lambda rng, spelling: spelling.text(_stamp(rng)[11:]),
    "null": lambda _, __: "null",
    "nested": lambda rng, _: _nested(rng),
    "grammar": lambda rng, _: rng.choice(ACCEPT).decode(),
    "nan": lambda rng, _: rng.choice(("NaN", '"NaN"', '"Infinity"', "1.5")),
}
_COLUMNS: Final = (
    "text", "text", "text", "text", "word", "whole", "whole", "whole", "number", "number", "short", "short",
    "boolean", "boolean", "aware", "naive", "date", "time", "null", "nested", "grammar",
)  # fmt: skip


def cell(rng: random.Random, spelling: Spelling, kind: str) -> str:
    return _KINDS[kind](rng, spelling)


def table(rng: random.Random, spelling: Spelling) -> tuple[str, list[str], list[str]]:
    """Return a random table, its names, and the kind that each column begins with."""
    width = rng.choice((1, 1, 1, 2, 2, 3, 4, 6))
    height = rng.choice((0, 1, 2, 3, 5, 8, 13))
    kinds = [rng.choice(_COLUMNS) for _ in range(width)]
    nulls = [rng.choice((0.0, 0.0, 0.2, 0.9)) for _ in range(width)]
    later = {place: rng.choice((*_COLUMNS, "nan")) for place in range(width) if rng.random() < 0.08}
    change, empty_first = rng.randint(0, height), rng.random() < 0.1
    names = [rng.choice(_NAMES) if rng.random() < 0.2 else f"c{place}" for place in range(width)]
    header = [
        spelling.text(name) if rng.random() < 0.98 else rng.choice(("null", "5", "1.50", "true"))
        for name in names
    ]
    rows = [header]
    for number_of_row in range(height):
        row = []
        for place, kind in enumerate(kinds):
            current = later.get(place, kind) if number_of_row >= change else kind
            missing = rng.random() < nulls[place] or (empty_first and number_of_row == 0)
            row.append("null" if missing else cell(rng, spelling, current))
        rows.append(row)
    if rng.random() < 0.1:
        _make_ragged(rng, rows)
    return spelling.array([spelling.array(row) for row in rows]), names, kinds


def _make_ragged(rng: random.Random, rows: list[list[str]]) -> None:
    """Move cells between rows, or insert and merge rows: the same cells, in the wrong places."""
    for _ in range(rng.randint(1, 2)):
        drawn, row = rng.random(), rng.randrange(len(rows))
        if drawn < 0.5 and rows[row]:
            rows[rng.randrange(len(rows))].append(rows[row].pop())
        elif drawn < 0.8:
            rows.insert(row + 1, [])
        elif row:
            rows[row - 1] += rows.pop(row)


def _section(rng: random.Random, spelling: Spelling, kind: str) -> str:
    name = {
        "text": "string", "word": "string", "grammar": "string", "whole": "numeric", "number": "numeric",
        "short": "numeric",
        "boolean": "boolean", "aware": "temporal", "naive": "temporal", "date": "temporal",
        "time": "temporal",
    }.get(kind, "string")  # fmt: skip
    if rng.random() < 0.15:
        name = rng.choice(("string", "temporal", "numeric", "boolean", "geographic"))
    bounds = ""
    if rng.random() < 0.4:
        bounds = ",".join(f'"{end}":{cell(rng, spelling, kind)}' for end in ("min", "max"))
    return f'"{name}":{{{bounds}}}'


def statistics(rng: random.Random, names: list[str], kinds: list[str], *, malformed: bool = False) -> str:
    """Return random statistics, with ``malformed`` also some that do not have their shape."""
    spelling = Spelling(rng)
    columns = []
    for name, kind in zip(names, kinds, strict=True):
        drawn = rng.random()
        if malformed and drawn < 0.5:
            odd = [_nested(rng) for _ in range(rng.randint(0, 3))]
            keys = ("general", "temporal", "numeric", "string", "boolean", "count", "min", "max")
            inner = ",".join(f'"{rng.choice(keys)}":{{"{rng.choice(keys)}":{item}}}' for item in odd)
            columns.append(f"{spelling.text(name)}:" + rng.choice((f"{{{inner}}}", _nested(rng))))
        elif drawn < 0.8:
            counts = (rng.choice(("0", "1", "5", "100", whole(rng), number(rng), '"5"')) for _ in "ab")
            general = '"general":{{"count":{},"nulls_count":{}}}'.format(*counts)
            columns.append(f"{spelling.text(name)}:{{{general},{_section(rng, spelling, kind)}}}")
    return "{" + ",".join(columns) + "}"


def response(rng: random.Random, dataframe: str, found: str | None = None, state: str = '"COMPLETED"') -> str:
    """Return a response with these rows and statistics."""
    parts = [f'"dataframe":{dataframe}']
    if found is not None:
        parts.insert(rng.randint(0, 1), f'"dataframe_stats":{found}')
    if rng.random() < 0.2:
        parts.append(f'"sql_query":{Spelling(rng).text(text(rng))}')
    return f'{{"state":{state},"results":{{{",".join(parts)}}}}}'
