"""What a body contains, and whether a table contains the same.

The body is read by ``json.loads(body, parse_int=str, parse_float=str)`` from strict UTF-8, and the class of
each number is kept. What that rejects must be rejected. What it reads must become a table whose every cell is
the cell of the JSON, in a type that may hold it, or must be rejected for a reason that is found here as well.
Which type it must be is a matter of fidelity.
"""

import json
import math
import re
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation
from typing import Any, Final

import pyarrow as pa

_EXACT: Final = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[InvalidOperation])
_MAX_DEPTH: Final = 100
#: Numbers in quotes, as other writers than those of JSON have them.
_quoted_number: Final = re.compile(
    r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII
).fullmatch
_quoted_word: Final = re.compile(r"[+-]?(?:nan|inf(?:inity)?)", re.ASCII | re.IGNORECASE).fullmatch
_TRUTH_VALUES: Final = {
    **dict.fromkeys(("true", "True", "TRUE", "t", "T", "1"), True),
    **dict.fromkeys(("false", "False", "FALSE", "f", "F", "0", "-0"), False),
}
_clock: Final = re.compile(r"\d\d:[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?", re.ASCII).fullmatch
_stamp: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt ](?:[01]\d|2[0-4])(?::[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?)?(?: ?[^\d.:].*)?)?",
    re.ASCII,
).fullmatch
_WORDS: Final = ("NaN", "Infinity", "-Infinity")
_NANOSECONDS: Final = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
#: The prefix of a reason that allows a rejection and does not require it: the part may not have been read.
MAY: Final = "may: "
_HALF: Final = f"{MAY}half of a surrogate pair"


class NotJSON(Exception):
    """The body is not JSON."""


class MayBeRejected(Exception):
    """The body is JSON, but need not be read; the message says why."""


class Whole(str):
    """A number without fraction and exponent, as written."""

    __slots__ = ()


class Fraction(str):
    """A number with a fraction or an exponent, as written."""

    __slots__ = ()


class Constant(str):
    __slots__ = ()


class Object(dict[str, Any]):
    """An object, and all its pairs in their order, repeated keys included."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Object) and self.pairs == other.pairs

    __hash__ = None


def _loads(text: str) -> Any:
    return json.loads(
        text, parse_int=Whole, parse_float=Fraction, parse_constant=Constant, object_pairs_hook=Object
    )


def read(body: bytes) -> Any:
    """Read a body, unless it is not JSON.

    It may be rejected if it is nested too deeply for Python's own reader, or is not UTF-8 in parts that are
    not read.
    """
    try:
        return _loads(body.decode("utf-8"))
    except RecursionError:
        raise MayBeRejected(f"{MAY}nested too deeply for Python") from None
    except UnicodeDecodeError as error:
        raise (MayBeRejected(f"{MAY}{error}") if _is_utf8_where_read(body) else NotJSON(str(error))) from None
    except ValueError as error:
        raise NotJSON(str(error)) from None


def _is_utf8_where_read(body: bytes) -> bool:
    """Return whether a body is an answer whose parts that are read are UTF-8."""
    try:
        found = _loads(body.decode("utf-8", "surrogateescape"))
    except ValueError:
        return False
    read = [found.get("state"), found.get("results")] if isinstance(found, Object) else []
    return len(read) == 2 and read[0] == "COMPLETED" and not (_doubtful_text(read) or "").startswith(_HALF)


#: The words for a completed question, and the parts of the results.
_COMPLETED = {"COMPLETED", "SUCCESS", "SUCCEEDED", "DONE", "FINISHED", "COMPLETE"}
_OTHERS = {
    *("none", "PENDING", "IN_PROGRESS", "RUNNING", "PROCESSING", "QUEUED", "SUBMITTED"),
    *("FAILED", "CANCELLED", "CANCELED", "ERROR", "ABORTED", "EXPIRED"),
}
_PARTS = {"sql_query", "response_summary", "dataframe", "dataframe_stats"}


def rejection_reason(body: Any) -> str | None:
    """Return why a body is rejected; None where it must be read."""
    if not isinstance(body, Object):
        return "the body is not an object"
    state = body["state"].upper() if type(body.get("state")) is str else "none"
    if state not in _COMPLETED:
        # An unknown word with rows may be a saved answer.
        is_known = state in _OTHERS or not isinstance(body.get("results"), Object)
        return "not COMPLETED" if is_known else f"{MAY}not COMPLETED"
    results = body.get("results")
    if results is not None and not isinstance(results, Object):
        return "results is not an object"
    if results is None or (results.pairs and not _PARTS & {name for name, _ in results.pairs}):
        return f"{MAY}there are no results, unless they are somewhere else"
    rows = results.get("dataframe") if results else None
    if rows is not None:
        problem = _table_problem(rows)
        if problem:
            return problem
    return _doubtful_text(body)


def _table_problem(rows: Any) -> str | None:
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], list):
        return "no header"
    header, *cells = rows
    if any(isinstance(name, list | dict) for name in header):
        return "a name is an array or object"
    if any(not isinstance(row, list) or len(row) != len(header) for row in cells):
        return "ragged"
    if any(isinstance(name, str) and not _encodes(name) for name in header):
        return "a name is not a text"
    return None


def _doubtful_text(body: object) -> str | None:
    """Return whether something is nested deeper than any answer, or has half of a surrogate pair."""
    level = [body]
    for _ in range(_MAX_DEPTH):
        if any(isinstance(value, str) and not _encodes(value) for value in level):
            return _HALF
        level = [item for value in level for item in _items(value)]
        if not level:
            return None
    return f"{MAY}nested deeply"


def _items(value: object) -> list[Any]:
    if isinstance(value, Object):
        return [item for pair in value.pairs for item in pair]
    return value if isinstance(value, list) else []


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def differences(body: Object, table: pa.Table | None) -> list[str]:
    """Return the differences between a table and a body."""
    results = body.get("results") or {}
    rows = results.get("dataframe")
    if rows is None or table is None:
        return [] if (rows is None) == (table is None) else ["one of body and answer has a table"]
    header, *cells = rows
    if (table.num_rows, table.num_columns) != (len(cells), len(header)):
        return [f"{table.shape} for {len(cells)} rows of {len(header)}"]
    found = _names(header, table.column_names)
    for position, column in enumerate(table.columns):
        values = [row[position] for row in cells]
        is_json = _doubtful_text(values) == _HALF
        for row, (cell, value) in enumerate(zip(values, _plain(column), strict=True)):
            if is_json:  # with half of a surrogate pair
                is_same = cell is value or (isinstance(value, str) and _loads(value) == cell)
            else:
                is_same = _same(cell, value, column.type, inside=False)
            if not is_same:
                found.append(
                    f"row {row} of column {position} ({column.type}): {cell!r} was read as {value!r}"
                )
                break
    return found


def _names(header: list[Any], names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        return ["a name occurs twice"]
    seen: set[str] = set()
    for given, name in zip(map(_name, header), names, strict=True):
        if given and given not in seen and name != given:
            return [f"{given!r} is called {name!r}"]
        seen.add(given)
    return []


def _name(given: object) -> str:
    if isinstance(given, str):
        return "" if "\0" in given else str(given)  # a name with NUL counts as missing
    return {None: "", True: "true", False: "false"}[given]  # type: ignore[index]


def _plain(column: pa.ChunkedArray) -> list[Any]:
    """Return a column's values, dates and times as integers of their unit."""
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    elif pa.types.is_temporal(column.type):
        column = column.cast(pa.int64())
    values: list[Any] = column.to_pylist()
    return values


def _same(cell: Any, value: Any, type_: pa.DataType, *, inside: bool) -> bool:
    """Return whether a value of a type is the cell of the JSON."""
    if cell is None or value is None:
        # NaT is null where statistics count it, and a bare NaN beside what is no number.
        is_token = (
            isinstance(cell, Constant) and cell == "NaN" and not inside and not pa.types.is_float64(type_)
        )
        return cell is value or (value is None and (is_token or cell == "NaT"))
    if pa.types.is_string(type_):
        return _same_text(cell, value)
    if pa.types.is_boolean(type_):
        return cell is value or (isinstance(cell, str) and _TRUTH_VALUES.get(cell) is value)
    if pa.types.is_integer(type_) or pa.types.is_decimal(type_):
        exact = _exact(cell, inside=inside)
        return exact is not None and exact == Decimal(value)
    if pa.types.is_float64(type_):
        return _same_float(cell, value, inside=inside)
    if pa.types.is_temporal(type_):
        return type(cell) is str and _same_timestamp(cell, value, type_)
    if pa.types.is_list(type_):
        return (
            isinstance(cell, list)
            and len(cell) == len(value)
            and all(
                _same(item, held, type_.value_type, inside=True)
                for item, held in zip(cell, value, strict=True)
            )
        )
    fields = [type_.field(position) for position in range(type_.num_fields)]
    return (
        isinstance(cell, Object)
        and sorted(key for key, _ in cell.pairs) == sorted(field.name for field in fields)
        and all(_same(cell[field.name], value[field.name], field.type, inside=True) for field in fields)
    )


def _same_text(cell: object, text: str) -> bool:
    if isinstance(cell, str):
        return cell == text
    if isinstance(cell, bool):
        return text == str(cell).lower()
    return bool(_loads(text) == cell)


def _exact(cell: object, *, inside: bool) -> Decimal | None:
    """Return the exact number of a cell; None where it is not a number."""
    is_number = isinstance(cell, Whole | Fraction)
    if not is_number and (inside or type(cell) is not str or not _quoted_number(cell)):
        return None
    try:
        return Decimal(str(cell), _EXACT)
    except InvalidOperation:
        return None


def _same_float(cell: object, value: float, *, inside: bool) -> bool:
    if cell in _WORDS and (isinstance(cell, Constant) or not inside):
        return repr(value) == repr(float(str(cell)))
    if type(cell) is str and not inside and _quoted_word(cell):
        return repr(value) == repr(float(cell)).replace("-nan", "nan")
    exact = _exact(cell, inside=inside)
    if exact is None or not math.isfinite(value) or value != float(str(cell)):
        return False
    if isinstance(cell, Fraction) and math.copysign(1, value) != math.copysign(1, float(cell)):
        return False  # -0.0 differs from 0.0; the integer -0 is 0
    if exact in (Decimal(repr(value)), Decimal(value)):
        return True
    scale = -int(exact.normalize(_EXACT).as_tuple().exponent)
    return (
        isinstance(cell, Whole | Fraction)
        and scale > 9
        and abs(value) >= sys.float_info.min
        and abs(exact) < 2**53
    )


def _same_timestamp(cell: str, value: int, type_: pa.DataType) -> bool:
    """Compare with what Python reads of ISO 8601; durations and other spellings are a matter of fidelity."""
    if pa.types.is_duration(type_):
        return True
    ticks = value * (86_400 * 10**9 if pa.types.is_date32(type_) else _NANOSECONDS[type_.unit])
    if pa.types.is_time(type_):
        return _clock(cell) is not None and _nanoseconds(cell) == ticks
    if not _stamp(cell) or not _is_day(cell[:10]):
        return False
    try:
        read = datetime.fromisoformat(cell)
    except ValueError:  # what follows is another spelling
        return True
    if (read.tzinfo is None) is not (pa.types.is_date32(type_) or type_.tz is None):
        return False
    since = (read if read.tzinfo else read.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1) == ticks // 1_000


def _nanoseconds(clock: str) -> Decimal:
    hours, minutes, *seconds = map(Decimal, clock.split(":"))
    return ((hours * 60 + minutes) * 60 + sum(seconds)) * 10**9


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
