"""The readers: ours in its three engines, and code that people write by hand.

A reader returns the only column of a body: the name of its type as in ``expected``, its values as in
``ground_truth``, and the first warning. An exception that it raises counts like a warning.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from connecty_frames import Answer
from tests.verification.fidelity.equality import NumpyFloat
from tests.verification.fidelity.ground_truth import DAY, NANOS, TemporalTicks, values_of


@dataclass(frozen=True)
class Reading:
    type: str  # the name of the column's type, empty where there is none
    values: list[Any]
    message: str | None = None  # the warning or error; None where there was none


def read(body: bytes, readers: Readers) -> dict[str, Reading]:
    """Read a body with all readers of a group, which share their first step."""
    found = {}
    try:
        first, message = _with_warnings(lambda: readers.first(body))
    except BaseException as error:
        return dict.fromkeys(readers.each, _failed(error))
    for name, finish in readers.each.items():
        try:
            (type_, values), more = _with_warnings(lambda finish=finish: finish(first))  # type: ignore[misc]
            found[name] = Reading(type_, values, message or more)
        except BaseException as error:
            found[name] = _failed(error)
    return found


def _failed(error: BaseException) -> Reading:
    if isinstance(error, KeyboardInterrupt):
        raise error
    return Reading("", [], f"{type(error).__name__}: {str(error)[:200]}")


def _with_warnings(work: Callable[[], Any]) -> tuple[Any, str | None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = work()
    messages = [f"{entry.category.__name__}: {entry.message}" for entry in caught]
    # A warning of pandas about the time that it takes, not about a value.
    messages = [text for text in messages if "Could not infer format" not in text]
    return result, messages[0] if messages else None


@dataclass(frozen=True)
class Readers:
    first: Callable[[bytes], Any]
    each: dict[str, Callable[[Any], tuple[str, list[Any]]]]


# --- types and values -----------------------------------------------------------------------------------


def _arrow(column: pa.ChunkedArray | pa.Array) -> tuple[str, list[Any]]:
    return _arrow_name(column.type), values_of(column)


def _arrow_name(type_: pa.DataType) -> str:
    if pa.types.is_decimal(type_):
        whole = {pa.decimal128: (128, 38), pa.decimal256: (256, 76)}
        bits, digits = whole[pa.decimal256 if pa.types.is_decimal256(type_) else pa.decimal128]
        # Any precision but the largest would change with the rows that were fetched.
        return f"decimal{bits}({type_.scale})" if type_.precision == digits else str(type_)
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return f"list<{_arrow_name(type_.value_type)}>"
    if pa.types.is_struct(type_):
        fields = [type_.field(at) for at in range(type_.num_fields)]
        return "struct<" + ", ".join(f"{field.name}: {_arrow_name(field.type)}" for field in fields) + ">"
    if pa.types.is_timestamp(type_):
        return f"timestamp[{type_.unit}{f', {type_.tz}' if type_.tz else ''}]"
    text = str(type_).replace("time64", "time")
    return _ARROW_NAMES.get(text, text)


_ARROW_NAMES: Final = {
    "double": "float64", "float": "float32", "large_string": "string", "string_view": "string",
    "date32[day]": "date",
}  # fmt: skip


def _pandas(frame: pd.DataFrame) -> tuple[str, list[Any]]:
    column = frame.iloc[:, 0]
    kind = column.dtype
    if isinstance(kind, pd.ArrowDtype):
        array = pa.chunked_array(column.array.__arrow_array__())
        if pa.types.is_decimal128(array.type):  # pandas has narrower ones, of the same values
            array = array.cast(pa.decimal128(38, array.type.scale))
        name, values = _arrow(array)
        return f"{name}[pyarrow]", values
    if isinstance(kind, pd.DatetimeTZDtype) or getattr(kind, "kind", "") in "mM":
        return _pandas_temporal(column)
    if isinstance(kind, np.dtype) and kind.kind == "f":
        return str(kind), [NumpyFloat(value) for value in column.to_numpy()]
    names = {"Int64": "int64", "UInt64": "uint64", "Float64": "float64", "boolean": "bool", "str": "string"}
    return names.get(str(kind), str(kind)), [_python_value(value) for value in column.array]


def _pandas_temporal(column: Any) -> tuple[str, list[Any]]:
    unit, zone = column.dt.unit, getattr(column.dtype, "tz", None)
    if column.dtype.kind == "m":
        what, name = "interval", f"duration[{unit}]"
    elif zone is not None:
        what, name = "instant", f"timestamp[{unit}, {zone}]"
    else:  # only dates have the unit of seconds
        what, name = ("date", "date") if unit == "s" else ("timestamp", f"timestamp[{unit}]")
    missing = np.iinfo(np.int64).min
    ticks = [int(tick) for tick in column.array.asi8]
    return name, [None if tick == missing else TemporalTicks(what, tick * NANOS[unit]) for tick in ticks]


def _python_value(value: Any) -> Any:
    """Return the Python value of a cell of pandas."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, pd.Timestamp):
        ticks = int(value.as_unit("us").asm8.astype(np.int64)) * 1_000 + value.nanosecond
        return TemporalTicks("timestamp" if value.tz is None else "instant", ticks)
    if isinstance(value, np.generic):
        return value.item()
    return value


def _polars(frame: pl.DataFrame) -> tuple[str, list[Any]]:
    column = frame.to_series(0)
    kind = column.dtype
    name = _polars_name(kind)
    # Compared, since a type without parameters is a class in older versions.
    what = next((what for base, what in _POLARS_TEMPORAL.items() if kind == base), None)
    if what is not None:
        if isinstance(kind, pl.Datetime) and kind.time_zone:
            what = "instant"
        unit = getattr(kind, "time_unit", "ns")
        scale = DAY if what == "date" else NANOS[unit]
        return name, [
            None if tick is None else TemporalTicks(what, tick * scale)
            for tick in column.to_physical().to_list()
        ]
    return name, column.to_list()


_POLARS_TEMPORAL: Final[dict[Any, str]] = {
    pl.Datetime: "timestamp",
    pl.Date: "date",
    pl.Time: "time",
    pl.Duration: "interval",
}


def _polars_name(kind: Any) -> str:
    if isinstance(kind, pl.List):
        return f"list<{_polars_name(kind.inner)}>"
    if isinstance(kind, pl.Struct):
        return (
            "struct<" + ", ".join(f"{field.name}: {_polars_name(field.dtype)}" for field in kind.fields) + ">"
        )
    if isinstance(kind, pl.Decimal):
        return f"decimal128({kind.scale})" if kind.precision == 38 else str(kind)
    if isinstance(kind, pl.Datetime):
        return f"timestamp[{kind.time_unit}{f', {kind.time_zone}' if kind.time_zone else ''}]"
    if isinstance(kind, pl.Duration):
        return f"duration[{kind.time_unit}]"
    names: dict[Any, str] = {pl.Boolean: "bool", pl.Time: "time[ns]"}
    return names.get(kind, str(kind).lower())


# --- ours -------------------------------------------------------------------------------------------------


def _answer(body: bytes) -> Answer:
    # Missing rows are reported for every answer with fewer rows, and are no warning about a value.
    return Answer.from_json(body, on_truncation="ignore")


OURS: Final = Readers(
    _answer,
    {
        "connecty_frames, pandas": lambda answer: _pandas(answer.to_pandas()),
        "connecty_frames, polars": lambda answer: _polars(answer.to_polars()),
        "connecty_frames, pyarrow": lambda answer: _arrow(answer.to_arrow().column(0)),
    },
)


#: Reader -> the type that it stores a type as; the others store it as it is.
STORED_AS: Final[dict[str, Callable[[str], str]]] = {
    "connecty_frames, pandas": lambda type_: (
        f"{type_}[pyarrow]" if type_.startswith(("decimal", "time[", "list", "struct")) else type_
    ),
    "connecty_frames, polars": lambda type_: re.sub(
        r"decimal256\(\d+\)", "string", "time[ns]" if type_ == "time[us]" else type_
    ),
}

# --- by hand ------------------------------------------------------------------------------------------------


def _rows(body: bytes) -> tuple[list[str], list[list[Any]]]:
    header, *rows = json.loads(body)["results"]["dataframe"]
    return header, rows


def _pandas_sniffing(table: tuple[list[str], list[list[Any]]]) -> pd.DataFrame:
    """Convert by ``to_datetime``, but only columns of which it reads every value."""
    header, rows = table
    frame = pd.DataFrame(rows, columns=header)
    for name in frame.columns:
        if frame[name].dtype in ("object", "str"):
            parsed = pd.to_datetime(frame[name], errors="coerce")
            if parsed.notna().any() and parsed.notna().sum() == frame[name].notna().sum():
                frame[name] = parsed
    return frame.convert_dtypes()


def _polars_by_hand(table: tuple[list[str], list[list[Any]]]) -> pl.DataFrame:
    header, rows = table
    frame = pl.DataFrame(rows, schema=header, orient="row")
    for name, kind in frame.schema.items():
        if kind == pl.String:
            parsed = frame[name].str.to_datetime(strict=False)
            if parsed.null_count() == frame[name].null_count() < len(frame):
                frame = frame.with_columns(parsed)
    return frame


def _arrow_by_hand(table: tuple[list[str], list[list[Any]]]) -> pa.ChunkedArray:
    header, rows = table
    made = pa.Table.from_pylist([dict(zip(header, row, strict=True)) for row in rows])
    column = made.column(0) if made.num_columns else pa.chunked_array([], pa.null())
    return next(_casts(column)) if pa.types.is_string(column.type) else column


def _casts(column: pa.ChunkedArray) -> Iterator[pa.ChunkedArray]:
    for kind in (pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            yield column.cast(kind)
        except pa.ArrowInvalid:
            continue
    yield column


PEERS: Final = Readers(
    _rows,
    {
        "pandas by hand": lambda table: _pandas(pd.DataFrame(table[1], columns=table[0]).convert_dtypes()),
        "pandas, to_datetime tried": lambda table: _pandas(_pandas_sniffing(table)),
        "polars by hand": lambda table: _polars(_polars_by_hand(table)),
        "pyarrow by hand": lambda table: _arrow(_arrow_by_hand(table)),
    },
)
