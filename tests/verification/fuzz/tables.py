"""Random tables, written in random spelling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.verification.fuzz.grammar import ACCEPT

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

__all__ = ["BYTES", "Spelling", "number", "response", "statistics", "table", "text"]

#: What texts are made of: all that stands for something in JSON, in CSV, or in the reader itself.
_PIECES: Final = (
    "],[", "],[", ",", ",", '"', '"', "\\", "\\", "[", "]", "{", "}", ":", "null", "true", "false", "5", "-",
    "NaN",
    " ", "\t", "\n", "\r", "\r\n", "\0", "\x01", "\x02", "\x03", "\x1f", "\x7f", "/", "'", "n", "u0041", "a",
    "b",
    "\u00e9", "\u2028", "\u2029", "\ufeff", "\uffff", "\U0001f600", "\U0010ffff", "\u0800", "\u00a0", "#",
    ";",
)  # fmt: skip
_WORDS: Final = (
    "", "", " ", "null", "true", "false", "5", "-0", "1.5", "1e5", "00123", "NaN", "Infinity", "-Infinity",
    "infinity",
    "],[", '"', '""', "\\", "\\\\", '\\"', ",", "],[],[", '"],["', "[", "]", "]]", "[[", "{}", " a", "a ",
    "NA", "N/A",
    "2025-01-01", "2025-02-30", "0000-01-01", "2025-01-01T24:00:00Z", "2025-01-01 BC", "10:00:00",
    "24:00:00", "P1D",
)  # fmt: skip
#: Bytes that mean something; with these a flip hits where it hurts.
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
    """How one producer writes JSON.

    Parameters
    ----------
    spaces, escapes
        The chance of white space between two tokens, and of an escape for a character that needs none.
    comma
        What stands between two values where there is no such white space.
    """

    chance: random.Random
    spaces: float = 0.0
    escapes: float = 0.0
    comma: str = ","

    @classmethod
    def any_of(cls, chance: random.Random) -> Spelling:
        """Choose a spelling, compact most often."""
        drawn = chance.random()
        if drawn < 0.6:
            return cls(chance, 0.0, chance.choice((0.0, 0.0, 0.3)))
        if drawn < 0.75:
            return cls(chance, 0.0, 0.0, ", ")
        return cls(chance, chance.choice((0.01, 0.05, 0.5)), chance.choice((0.0, 0.3)))

    def space(self) -> str:
        """Write white space, or none."""
        return self.chance.choice(_SPACES) if self.spaces and self.chance.random() < self.spaces else ""

    def text(self, value: str) -> str:
        """Write a text."""
        return '"' + "".join(map(self._character, value)) + '"'

    def _character(self, character: str) -> str:
        drawn = self.chance.random()
        if character in '"\\' or character < " " or drawn < self.escapes:
            if character in _SHORT and drawn < 0.9:
                return _SHORT[character]
            units = character.encode("utf-16-be", "surrogatepass").hex()
            units = units.upper() if drawn < self.escapes / 2 else units
            return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))
        return character if character.isascii() or not "\ud800" <= character <= "\udfff" else "\\ud800"

    def array(self, items: list[str]) -> str:
        """Write an array of what is JSON already."""
        return "[" + self.comma.join(self.space() + item + self.space() for item in items) + "]"


def text(chance: random.Random) -> str:
    """Make up a text."""
    if chance.random() < 0.4:
        return chance.choice(_WORDS)
    made = "".join(chance.choice(_PIECES) for _ in range(chance.choice((1, 1, 2, 3, 5, 12))))
    return made + "\ud800" if chance.random() < 0.002 else made


def _digits(chance: random.Random, longest: int) -> str:
    count = chance.randint(1, longest)
    first = chance.choice("123456789" if count > 1 else "0123456789")
    return first + "".join(chance.choice("0123456789") for _ in range(count - 1))


def whole(chance: random.Random) -> str:
    """Make up a whole number."""
    if chance.random() < 0.1:
        edge = chance.choice((0, 2**31, 2**53, 2**63, 2**64, 10**18, 10**19, 10**38, 10**76))
        return str(edge + chance.randint(-1, 1))
    longest = chance.choice((1, 2, 4, 9, 15, 18, 19, 20))
    return chance.choice(("", "", "-")) + _digits(chance, longest)


def number(chance: random.Random) -> str:
    """Make up a number of any spelling."""
    made = whole(chance)
    if chance.random() < 0.7:
        zeros = chance.choice(("", "", "0", "000", "00"))
        made += "." + chance.choice((_digits(chance, 4), _digits(chance, 12), zeros or "0", zeros + "5"))
    if chance.random() < 0.15:
        made += (
            chance.choice("eE")
            + chance.choice(("", "+", "-"))
            + chance.choice(("0", "05", "3", "22", "308", "400"))
        )
    return made


def _stamp(chance: random.Random) -> str:
    year = chance.choice((1, 1000, 1677, 1900, 1970, 2024, 2025, 2262, 9999))
    made = f"{year:04d}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
    made += (
        chance.choice("T ")
        + f"{chance.randint(0, 23):02d}:{chance.randint(0, 59):02d}:{chance.randint(0, 59):02d}"
    )
    if chance.random() < 0.5:
        made += "." + _digits(chance, chance.choice((3, 6, 9)))
    return made


def _aware(chance: random.Random) -> str:
    offsets = ("Z", "+00:00", "+02:00", "-05:30", "+0100", "+01", "+00:19:32", "-00:00", "+23:59")
    return _stamp(chance) + chance.choice(offsets)


def _date(chance: random.Random) -> str:
    return _stamp(chance)[:10]


def _time(chance: random.Random) -> str:
    return _stamp(chance)[11:]


def _nested(chance: random.Random, depth: int = 0) -> str:
    spelling = Spelling.any_of(chance)
    drawn = chance.random()
    if depth > 2 or drawn < 0.4:
        return cell(chance, spelling, chance.choice(("text", "whole", "number", "boolean", "null")))
    items = [_nested(chance, depth + 1) for _ in range(chance.choice((0, 1, 1, 2, 3)))]
    if drawn < 0.7:
        return spelling.array(items)
    keys = [spelling.text(chance.choice(("a", "b", "c", text(chance)))) for _ in items]
    return "{" + ",".join(f"{key}:{item}" for key, item in zip(keys, items, strict=True)) + "}"


_KINDS: Final[dict[str, Callable[[random.Random, Spelling], str]]] = {
    "text": lambda chance, spelling: spelling.text(text(chance)),
    "word": lambda chance, spelling: spelling.text(chance.choice(_WORDS)),
    "whole": lambda chance, _: whole(chance),
    "number": lambda chance, _: number(chance),
    "short": lambda chance, _: str(chance.randint(-99, 99) / 8),
    "boolean": lambda chance, _: chance.choice(("true", "false")),
    "aware": lambda chance, spelling: spelling.text(_aware(chance)),
    "naive": lambda chance, spelling: spelling.text(_stamp(chance)),
    "date": lambda chance, spelling: spelling.text(_date(chance)),
    "time": lambda chance, spelling: spelling.text(_time(chance)),
    "null": lambda _, __: "null",
    "nested": lambda chance, _: _nested(chance),
    "grammar": lambda chance, _: chance.choice(ACCEPT).decode(),
    "nan": lambda chance, _: chance.choice(("NaN", '"NaN"', '"Infinity"', "1.5")),
}
_COLUMNS: Final = (
    "text", "text", "text", "text", "word", "whole", "whole", "whole", "number", "number", "short", "short",
    "boolean",
    "boolean", "aware", "naive", "date", "time", "null", "nested", "grammar",
)  # fmt: skip


def cell(chance: random.Random, spelling: Spelling, kind: str) -> str:
    """Write a cell of a kind."""
    return _KINDS[kind](chance, spelling)


def table(chance: random.Random, spelling: Spelling) -> tuple[str, list[str], list[str]]:
    """Write a table; also gives its names and, for each column, the kind it begins with."""
    width = chance.choice((1, 1, 1, 2, 2, 3, 4, 6))
    height = chance.choice((0, 1, 2, 3, 5, 8, 13))
    kinds = [chance.choice(_COLUMNS) for _ in range(width)]
    nulls = [chance.choice((0.0, 0.0, 0.2, 0.9)) for _ in range(width)]
    later = {place: chance.choice((*_COLUMNS, "nan")) for place in range(width) if chance.random() < 0.08}
    change, empty_first = chance.randint(0, height), chance.random() < 0.1
    names = [chance.choice(_NAMES) if chance.random() < 0.2 else f"c{place}" for place in range(width)]
    header = [
        spelling.text(name) if chance.random() < 0.98 else chance.choice(("null", "5", "1.50", "true"))
        for name in names
    ]
    rows = [header]
    for height_now in range(height):
        row = []
        for place, kind in enumerate(kinds):
            now = later.get(place, kind) if height_now >= change else kind
            missing = chance.random() < nulls[place] or (empty_first and height_now == 0)
            row.append("null" if missing else cell(chance, spelling, now))
        rows.append(row)
    if chance.random() < 0.1:
        _make_ragged(chance, rows)
    return spelling.array([spelling.array(row) for row in rows]), names, kinds


def _make_ragged(chance: random.Random, rows: list[list[str]]) -> None:
    """Move a cell to another row, or let rows come and go: as many cells, in the wrong places."""
    for _ in range(chance.randint(1, 2)):
        drawn, row = chance.random(), chance.randrange(len(rows))
        if drawn < 0.5 and rows[row]:
            rows[chance.randrange(len(rows))].append(rows[row].pop())
        elif drawn < 0.8:
            rows.insert(row + 1, [])
        elif row:
            rows[row - 1] += rows.pop(row)


def _section(chance: random.Random, spelling: Spelling, kind: str) -> str:
    name = {
        "text": "string", "word": "string", "grammar": "string", "whole": "numeric", "number": "numeric",
        "short": "numeric",
        "boolean": "boolean", "aware": "temporal", "naive": "temporal", "date": "temporal",
        "time": "temporal",
    }.get(kind, "string")  # fmt: skip
    if chance.random() < 0.15:
        name = chance.choice(("string", "temporal", "numeric", "boolean", "geographic"))
    bounds = ""
    if chance.random() < 0.4:
        bounds = ",".join(f'"{end}":{cell(chance, spelling, kind)}' for end in ("min", "max"))
    return f'"{name}":{{{bounds}}}'


def statistics(chance: random.Random, names: list[str], kinds: list[str], *, hostile: bool = False) -> str:
    """Write statistics that fit, or that fit nothing."""
    spelling = Spelling(chance)
    columns = []
    for name, kind in zip(names, kinds, strict=True):
        drawn = chance.random()
        if hostile and drawn < 0.5:
            odd = [_nested(chance) for _ in range(chance.randint(0, 3))]
            keys = ("general", "temporal", "numeric", "string", "boolean", "count", "min", "max")
            inner = ",".join(f'"{chance.choice(keys)}":{{"{chance.choice(keys)}":{item}}}' for item in odd)
            columns.append(f"{spelling.text(name)}:" + chance.choice((f"{{{inner}}}", _nested(chance))))
        elif drawn < 0.8:
            counts = (
                chance.choice(("0", "1", "5", "100", whole(chance), number(chance), '"5"')) for _ in "ab"
            )
            general = '"general":{{"count":{},"nulls_count":{}}}'.format(*counts)
            columns.append(f"{spelling.text(name)}:{{{general},{_section(chance, spelling, kind)}}}")
    return "{" + ",".join(columns) + "}"


def response(
    chance: random.Random, dataframe: str, found: str | None = None, state: str = '"COMPLETED"'
) -> str:
    """Write a finished response around rows and statistics."""
    parts = [f'"dataframe":{dataframe}']
    if found is not None:
        parts.insert(chance.randint(0, 1), f'"dataframe_stats":{found}')
    if chance.random() < 0.2:
        parts.append(f'"sql_query":{Spelling(chance).text(text(chance))}')
    return f'{{"state":{state},"results":{{{",".join(parts)}}}}}'
