"""Arrow tables to pandas, with three dtype backends.

Each backend has a table of tests on Arrow types and functions that build a column. The first matching test
decides; any other type becomes :class:`pandas.ArrowDtype`.

Nullable columns are built from values and mask, because pandas' own conversion turns NaN into NA (pandas 3),
and converts integers through floats, which changes large ones.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames._base.text import listed, snippet
from connecty_frames.answer_metadata import AnswerMetadata, to_attrs
from connecty_frames.decode.arrow import TypeTest, any_of, first_match, is_text
from connecty_frames.decode.exact_json import EXACT_CONTEXT
from connecty_frames.decode.types.numbers import MAX_EXACT_INTEGER
from connecty_frames.errors import TypeFidelityWarning, warn
from connecty_frames.frames.accessor import register_accessors
from connecty_frames.frames.dtypes import check_zones

if TYPE_CHECKING:
    from connecty_frames.options import DtypeBackend

ColumnArray: TypeAlias = Any  # the data of one column of a frame: a numpy array or a pandas extension array
Builder: TypeAlias = Callable[[pa.ChunkedArray], ColumnArray]

_NULLABLE_STRING: Any = pd.StringDtype("pyarrow")
#: pandas 3 has a second string dtype, with NaN as missing value, and uses it for column names; pandas 2 has
#: only the first, and keeps names and texts as objects.
_NUMPY_STRING: Any = None if pd.__version__.startswith("2.") else pd.StringDtype("pyarrow", na_value=np.nan)
#: With more numpy columns, pandas would warn of a fragmented frame (100 blocks) when columns are added.
_MAX_BLOCKS: Final = 50

register_accessors()


def to_pandas(
    table: pa.Table, *, dtype_backend: DtypeBackend = "numpy_nullable", metadata: AnswerMetadata | None = None
) -> pd.DataFrame:
    """Convert an Arrow table to a pandas frame of the same names, rows and values; raises ConfigError."""
    # Except with ``"pyarrow"``, numbers share no memory with the table. ``docs/types.md`` has the dtypes.
    names, types = table.column_names, table.schema.types
    if any(type_.num_fields or pa.types.is_timestamp(type_) for type_ in types):
        check_zones(zip(names, types, strict=True), "pandas", _is_zone)
    table_columns = table.columns
    if metadata is not None and any(map(pa.types.is_decimal128, types)):
        table_columns = _narrow_decimals(names, table_columns, metadata)
    arrays = [_builder(dtype_backend, column.type)(column) for column in table_columns]
    if dtype_backend == "numpy":
        _warn_of_losses(names, table_columns, arrays)
    many_blocks = sum(isinstance(array, np.ndarray) for array in arrays) > _MAX_BLOCKS
    frame = pd.DataFrame(dict(enumerate(arrays)), index=pd.RangeIndex(table.num_rows), copy=many_blocks)
    frame.columns = pd.Index(names, dtype=_NUMPY_STRING or "str")
    if metadata is not None:
        frame.attrs = to_attrs(metadata)
    return frame


@lru_cache
def _is_zone(name: str) -> bool:
    with suppress(Exception):  # KeyError, ValueError, OSError and others, depending on the name
        pd.DatetimeTZDtype("us", name)
        return True
    return False


@lru_cache
def _builder(backend: DtypeBackend, type_: pa.DataType) -> Builder:
    return first_match(_BUILDERS[backend], type_) or _arrow


def _narrow_decimals(
    names: list[str], columns: list[pa.ChunkedArray], metadata: AnswerMetadata
) -> list[pa.ChunkedArray]:
    inferred = {each["name"]: each["type"] for each in metadata.schema if each.get("basis") != "schema"}
    return [
        _narrow(column)
        if pa.types.is_decimal128(column.type) and inferred.get(name) == str(column.type)
        else column
        for name, column in zip(names, columns, strict=True)
    ]


def _narrow(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Narrow a column of decimals to the least precision for all its values, even rounded."""
    # A result of Arrow's arithmetic has about as many digits as both operands together, and more than 38 are
    # an error: columns of 17 digits can be added, subtracted, multiplied and divided; of 28, added and
    # subtracted. If rounding carries over to one digit too many, as 9.97 to 10.0, the result is silently 0.
    extremes = [value for value in pc.min_max(column).as_py().values() if value is not None]
    doubled = EXACT_CONTEXT.multiply(max(map(abs, extremes), default=Decimal(0)), 2)
    for precision in (17, 28):
        integer_digits = precision - column.type.scale
        # With one integer digit, 9.5 is the first value to carry when rounded.
        if doubled < 2 * 10**integer_digits - 10 ** max(integer_digits - 1, 0):
            return column.cast(pa.decimal128(precision, column.type.scale))
    return column


def _copy_values(
    column: pa.ChunkedArray, dtype: npt.DTypeLike | None = None, *, under_nulls: float = 0
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Copy a column of fixed width out of its buffers, and return its values and its null mask."""
    # ``ChunkedArray.to_numpy`` would convert through float64 if there are nulls. Otherwise it would return
    # Arrow's read-only memory, and ``frame.loc[0, "x"] = 1`` would fail. NaN is a value, not a null.
    width = np.dtype(column.type.to_pandas_dtype() if dtype is None else dtype)
    values = np.empty(len(column), dtype=width)
    start = 0
    for chunk in column.chunks:
        stop = start + len(chunk)
        buffer = chunk.buffers()[1]
        # An array of only nulls may have no buffer of values.
        if buffer is not None and stop > start:
            offset = chunk.offset * width.itemsize
            values[start:stop] = np.frombuffer(buffer, width, count=len(chunk), offset=offset)
        start = stop
    if column.null_count == 0:
        return values, np.zeros(len(column), dtype=np.bool_)
    mask = column.is_null().to_numpy()
    # Arrow leaves values under nulls undefined, but pandas computes with them before it masks the result.
    values[mask] = under_nulls
    return values, mask


def _arrow(column: pa.ChunkedArray) -> ColumnArray:
    return pd.arrays.ArrowExtensionArray(column)


def _large_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return column.cast(pa.large_string())
    except pa.ArrowNotImplementedError:  # views before pyarrow 18
        return pa.chunked_array([pa.array(column.to_pylist(), pa.large_string())])


def _timestamps(column: pa.ChunkedArray) -> ColumnArray:
    if column.type.tz is None:
        return _counts(column, "datetime64")
    return pd.DatetimeTZDtype(column.type.unit, column.type.tz).__from_arrow__(column).copy()


def _counts(column: pa.ChunkedArray, numpy_type: str) -> npt.NDArray[Any]:
    counts, _ = _copy_values(column, np.int64, under_nulls=np.iinfo(np.int64).min)
    return counts.view(f"{numpy_type}[{column.type.unit}]")


def _nullable_booleans(column: pa.ChunkedArray) -> ColumnArray:
    # pyarrow unpacks the bits into new, writable memory: no copy is needed.
    if column.null_count == 0:
        return pd.arrays.BooleanArray(column.to_numpy(), np.zeros(len(column), dtype=np.bool_))
    values = column.fill_null(fill_value=False).to_numpy()
    return pd.arrays.BooleanArray(values, column.is_null().to_numpy())


def _numpy_integers(column: pa.ChunkedArray) -> ColumnArray:
    values, mask = _copy_values(column)
    if column.null_count == 0:
        return values
    # Decide by the range, not by each value: 2**60 is exact in float64, its neighbours are not.
    if values.min(initial=0) < -MAX_EXACT_INTEGER or values.max(initial=0) > MAX_EXACT_INTEGER:
        return _arrow(column)
    floats = values.astype(np.float64)
    floats[mask] = np.nan
    return floats


def _numpy_objects(column: pa.ChunkedArray) -> npt.NDArray[np.object_]:
    """Return Python objects and NaN, as pandas itself does: scikit-learn takes None for a value."""
    objects: npt.NDArray[np.object_] = column.to_numpy().astype(object)
    objects[column.is_null().to_numpy()] = np.nan
    return objects


def _numpy_strings(column: pa.ChunkedArray) -> ColumnArray:
    texts = _large_text(column)
    return _numpy_objects(texts) if _NUMPY_STRING is None else _NUMPY_STRING.__from_arrow__(texts)


_is_text: Final = any_of(is_text, pa.types.is_null)
_TEMPORAL: Final[list[tuple[TypeTest, Builder]]] = [
    (pa.types.is_timestamp, _timestamps),
    (pa.types.is_date32, lambda column: _counts(column.cast(pa.timestamp("s")), "datetime64")),
    (pa.types.is_date64, lambda column: _counts(column.cast(pa.timestamp("ms")), "datetime64")),
    (pa.types.is_duration, lambda column: _counts(column, "timedelta64")),
]
_CATEGORY: Final = (pa.types.is_dictionary, lambda column: column.to_pandas().array)
_BUILDERS: Final[dict[DtypeBackend, list[tuple[TypeTest, Builder]]]] = {
    "numpy_nullable": [
        (pa.types.is_integer, lambda column: pd.arrays.IntegerArray(*_copy_values(column))),
        # pandas has no Float16.
        (
            any_of(pa.types.is_float32, pa.types.is_float64),
            lambda column: pd.arrays.FloatingArray(*_copy_values(column)),
        ),
        (pa.types.is_string, _NULLABLE_STRING.__from_arrow__),  # pandas itself casts to large_string
        (_is_text, lambda column: _NULLABLE_STRING.__from_arrow__(_large_text(column))),
        (pa.types.is_boolean, _nullable_booleans),
        *_TEMPORAL,
        _CATEGORY,
    ],
    "numpy": [
        (pa.types.is_integer, _numpy_integers),
        (pa.types.is_floating, lambda column: _copy_values(column, under_nulls=np.nan)[0]),
        (_is_text, _numpy_strings),
        (
            pa.types.is_boolean,
            lambda column: _numpy_objects(column) if column.null_count else column.to_numpy(),
        ),
        *_TEMPORAL,
        _CATEGORY,
    ],
    "pyarrow": [(pa.types.is_null, lambda column: _arrow(column.cast(pa.string()))), _CATEGORY],
}


def _loss(column: pa.ChunkedArray, array: ColumnArray) -> str | None:
    if isinstance(array.dtype, pd.ArrowDtype):
        return "kept as ArrowDtype, since numpy has no type that holds their values and nulls"
    if pa.types.is_integer(column.type) and array.dtype.kind == "f":
        return "whole numbers that became float64, since they have nulls"
    if column.null_count and pa.types.is_floating(column.type):
        has_nan = np.count_nonzero(np.isnan(array)) > column.null_count
        return "NaN and null can no longer be told apart" if has_nan else None
    return None


def _warn_of_losses(names: list[str], columns: list[pa.ChunkedArray], arrays: list[ColumnArray]) -> None:
    lost: dict[str, list[str]] = {}
    for name, column, array in zip(names, columns, arrays, strict=True):
        if (loss := _loss(column, array)) is not None:
            lost.setdefault(loss, []).append(f"{snippet(name)!r} ({snippet(str(column.type))})")
    if lost:
        losses = "; ".join(f"{loss}: {listed(where)}" for loss, where in lost.items())
        warn(
            TypeFidelityWarning(
                f'dtype_backend="numpy" cannot hold everything. {losses[0].upper()}{losses[1:]}. '
                'dtype_backend="numpy_nullable" or "pyarrow" loses nothing.'
            )
        )
