"""Bodies that cost a reader much more than their size: each shape grows with the bytes asked for."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["SHAPES"]

_DEEP: Final = 95
_ALTERNATING: Final = ('"2025-01-01"', '"2025-01-01T00:00:00"', '"2025-01-01 00:00:00.1234567"')


def _response(rows: Iterable[str], statistics: str = "{}") -> bytes:
    dataframe = ",".join(rows)
    parts = f'"dataframe":[{dataframe}],"dataframe_stats":{statistics}'
    return f'{{"state":"COMPLETED","results":{{{parts}}}}}'.encode()


def _column(size: int, *cells: str, last: str | None = None, section: str | None = None) -> bytes:
    """Return rows of one column: the cells again and again, then the last one."""
    rows = [f"[{cell}]" for cell in cells]
    times = size // (sum(map(len, rows)) + len(rows)) + 1
    ends = [] if last is None else [f"[{last}]"]
    return _response(['["a"]', *rows * times, *ends], f'{{"a":{{{section}}}}}' if section else "{}")


def _columns(size: int, cell: str = "1", *, name: str | None = None, section: str | None = None) -> bytes:
    """Return one row of many columns, of different names unless one is given."""
    entry = 0 if section is None else len(f'"c1234567":{{{section}}},')
    width = size // (len(name or '"c1234567"') + len(cell) + 2 + entry)
    names = [name or f'"c{number:07}"' for number in range(width)]
    entries = [] if section is None else [f"{each}:{{{section}}}" for each in names]
    return _response([f"[{','.join(names)}]", f"[{','.join([cell] * width)}]"], f"{{{','.join(entries)}}}")


def _keys(size: int, *, rows: bool) -> bytes:
    """Return one object of many keys, or as many rows of objects of one key each."""
    pairs = [f'"k{number:07}":{number:07}'.replace(":0", ":1") for number in range(size // 19)]
    cells = [f"[{{{pair}}}]" for pair in pairs] if rows else [f"[{{{','.join(pairs)}}}]"]
    return _response(['["a"]', *cells])


def _statistics(size: int, value: str) -> bytes:
    """Return statistics of many values in one section of the only column."""
    values = ",".join([value] * (size // (len(value) + 1)))
    return _response(['["a"]', "[1]"], f'{{"a":{{"more":[{values}]}}}}')


def _entries(size: int, entry: str) -> bytes:
    """Return statistics of many columns, none of which the table has."""
    entries = (f'"{number:x}":{entry}' for number in range(size // (len(entry) + 8)))
    return _response(['["a"]', "[1]"], f"{{{','.join(entries)}}}")


def _fields_of_statistics(size: int, field: str, frame: str) -> bytes:
    """Return statistics of many fields at one place of the entry of the only column."""
    fields = ",".join(f'"{number:x}":{field}' for number in range(size // (len(field) + 8)))
    return _response(['["a"]', "[1]"], f'{{"a":{frame % fields}}}')


def _item(size: int, item: str, frame: str = "[%s]") -> str:
    """Return an array of many items in a frame."""
    return frame % ",".join([item] * (size // (len(item) + 1)))


def _fields(size: int, state: str) -> bytes:
    fields = ",".join(f'"f{number:07}":{number}' for number in range(size // 18))
    return f'{{"state":"{state}",{fields},"results":{{"dataframe":[["a"],[1]]}}}}'.encode()


def _summary(size: int) -> bytes:
    text = json.dumps("é\n" * (size // 8))
    return f'{{"state":"COMPLETED","results":{{"response_summary":{text}}}}}'.encode()


def _ragged(size: int) -> bytes:
    return _response(['["a"]', *["[1]"] * (size // 4), "[1,2]"])


def _without_columns(size: int) -> bytes:
    return _response(["[]"] * (size // 3))


def _spaced(size: int, gap: str) -> bytes:
    row = f"{gap}[{gap}1{gap},{gap}[]{gap}]"
    return _response(['["a","b"]', *[row] * (size // (len(row) + 1))])


def _eight(size: int, cell: str, last: str) -> bytes:
    """Return rows of eight columns; the last cell of the last row is another than the others."""
    row = ",".join([cell] * 8)
    names = ",".join(f'"c{number}"' for number in range(8))
    rows = [f"[{row}]"] * (size // (len(row) + 3))
    return _response([f"[{names}]", *rows, f"[{','.join([*[cell] * 7, last])}]"])


#: The shapes by name. Each takes a number of bytes and returns a body of about that size.
SHAPES: Final[dict[str, Callable[[int], bytes]]] = {
    "plain rows": partial(_eight, cell="12345", last="12345"),
    "empty objects": lambda size: _column(size, "{}"),
    "empty arrays": lambda size: _column(size, "[]"),
    "small arrays": lambda size: _column(size, "[1,2]"),
    "arrays of arrays": lambda size: _column(size, "[[1,2],[3,4]]"),
    "small objects": lambda size: _column(size, '{"a":1,"b":"x"}'),
    "keys twice": lambda size: _column(size, '{"a":1,"a":2}'),
    "nested 95 deep": lambda size: _column(size, "[" * _DEEP + "]" * _DEEP),
    "objects 95 deep": lambda size: _column(size, '{"a":' * _DEEP + "1" + "}" * _DEEP),
    "one object of many keys": partial(_keys, rows=False),
    "an object of another key in each row": partial(_keys, rows=True),
    "one array of many items": lambda size: _column(1, _item(size, "1")),
    "one array of many texts": lambda size: _column(1, _item(size, '""')),
    "one array of many arrays": lambda size: _column(1, _item(size, "[]")),
    "one array of many objects": lambda size: _column(1, _item(size, '{"a":1}')),
    "one array of empty objects": lambda size: _column(1, _item(size, "{}")),
    "one array of all kinds": lambda size: _column(1, _item(size, '1,"x",[],{}')),
    "one array of nulls": lambda size: _column(1, _item(size, "null")),
    "one array of many items, 95 deep": lambda size: _column(
        1, _item(size, "1", f"{'[' * _DEEP}%s{']' * _DEEP}")
    ),
    "an array of many items in an object": lambda size: _column(1, _item(size, "1", '{"a":{"b":[%s]}}')),
    "an array of many items, a NaN at the end": lambda size: _column(1, _item(size, "1", "[%s,NaN]")),
    "an array of many items, a surrogate at the end": lambda size: _column(
        1, _item(size, '"x"', '[%s,"\\ud800"]')
    ),
    "an array of many items among numbers": lambda size: _column(1, "1", last=_item(size, "1", "[%s]")),
    "an array of many items among arrays of texts": lambda size: _column(
        1, '["x"]', last=_item(size, "1", "[%s]")
    ),
    "many columns": _columns,
    "many columns with statistics": partial(_columns, section='"numeric":{"min":1,"max":1}'),
    "many columns of nulls": partial(_columns, cell="null"),
    "many columns of objects": partial(_columns, cell='{"a":1}'),
    "many columns of text": partial(_columns, cell='"x"'),
    "many columns of times": partial(_columns, cell='"2025-01-01T00:00:00Z"', section='"temporal":{"n":1}'),
    "many columns that mix kinds": partial(_columns, cell="1", section='"boolean":{"n":1}'),
    "many columns of one name": partial(_columns, name='"a"'),
    "many columns without a name": partial(_columns, name="null"),
    "many columns with a lone surrogate": partial(_columns, cell='"\\ud800"'),
    "a ragged row at the end": _ragged,
    "a text at the end": lambda size: _column(size, "1", last='"x"'),
    "a text at the end of eight columns": partial(_eight, cell="1", last='"x"'),
    "an array at the end of eight columns": partial(_eight, cell="1", last="[]"),
    "a NaN at the end": lambda size: _column(size, "1", last="NaN"),
    "a NaN at the end of eight columns": partial(_eight, cell="1", last="NaN"),
    "a long number at the end": lambda size: _column(size, "1", last="9" * 30),
    "zeros with a minus": lambda size: _column(size, "-0"),
    "whole numbers among fractions": lambda size: _column(size, "1", "0.5"),
    "texts among numbers": lambda size: _column(size, "1", '"x"'),
    "all kinds": lambda size: _column(size, "1", '"x"', "[]", "{}", "true", "null", "0.5"),
    "truth values among numbers": lambda size: _column(size, "true", "1"),
    "numbers with truth statistics": lambda size: _column(size, "1", last="2", section='"boolean":{"n":1}'),
    "numbers with text statistics": lambda size: _column(size, "1", section='"string":{"n":1}'),
    "numbers with time statistics": lambda size: _column(size, "1", section='"temporal":{"n":1}'),
    "numbers in quotes": lambda size: _column(size, '"1"', section='"numeric":{"n":1}'),
    "words in numbers": lambda size: _column(size, "1", '"NaN"'),
    "huge exponents": lambda size: _column(size, "1e999999999"),
    "huge exponents with statistics": lambda size: _column(size, "1e999999999", section='"numeric":{"n":1}'),
    "long decimals": lambda size: _column(size, "1234567890123456.78", "0.1"),
    "long numbers": lambda size: _column(size, "1" * 5000),
    "one long number": lambda size: _column(1, "1" * size),
    "one long fraction": lambda size: _column(1, "0." + "1" * size),
    "nulls": lambda size: _column(size, "null"),
    "empty texts": lambda size: _column(size, '""'),
    "one text": lambda size: _column(1, f'"{"x" * size}"'),
    "one text of escapes": lambda size: _column(1, '"' + "\\n" * (size // 2) + '"'),
    "texts of escapes": lambda size: _column(size, '"' + "\\u00e9" * 10 + '"'),
    "texts with a comma": lambda size: _column(size, '","'),
    "texts, a lone surrogate at the end": lambda size: _column(size, '"x"', last='"\\ud800"'),
    "dates, a text at the end": lambda size: _column(size, '"2025-01-01"', last='"x"'),
    "times, a text at the end": lambda size: _column(
        size, '"2025-01-01T00:00:00Z"', last='"x"', section='"temporal":{"n":1}'
    ),
    "times in three spellings": lambda size: _column(size, *_ALTERNATING, section='"temporal":{"n":1}'),
    "times without statistics": lambda size: _column(size, *_ALTERNATING),
    "times of hour 24": lambda size: _column(size, '"2025-01-01T24:00:00"', section='"temporal":{"n":1}'),
    "times of day": lambda size: _column(size, '"10:30"', section='"temporal":{"n":1}'),
    "durations": lambda size: _column(size, '"P1DT2H"', section='"temporal":{"n":1}'),
    "no columns": _without_columns,
    "one space between tokens": partial(_spaced, gap=" "),
    "many spaces between tokens": partial(_spaced, gap=" " * 50),
    "statistics: empty objects": partial(_statistics, value="{}"),
    "statistics: numbers": partial(_statistics, value="1"),
    "statistics: nested 50 deep": partial(_statistics, value="[" * 50 + "]" * 50),
    "statistics: many sections": partial(_fields_of_statistics, field="{}", frame="{%s}"),
    "statistics: many fields": partial(_fields_of_statistics, field="1", frame='{"numeric":{%s}}'),
    "statistics: one min of many values": partial(
        _fields_of_statistics, field="1", frame='{"numeric":{"min":{%s}}}'
    ),
    "statistics: numbers and a NaN": partial(_fields_of_statistics, field="1", frame='{"more":{%s,"x":NaN}}'),
    "statistics: a long text": lambda size: _response(
        ['["a"]', "[1]"], f'{{"a":{{"string":{{"min":"{"x" * size}"}}}}}}'
    ),
    "statistics of no column": partial(_entries, entry='{"general":{"count":1}}'),
    "statistics of no column, empty": partial(_entries, entry="{}"),
    "fields beside the results": partial(_fields, state="COMPLETED"),
    "fields of a failure": partial(_fields, state="FAILED"),
    "a long summary": _summary,
    "brackets alone": lambda size: _response(["[" * (size // 2) + "]" * (size // 2)]),
}
