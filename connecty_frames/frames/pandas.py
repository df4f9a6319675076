"""Arrow table to pandas, in three kinds of columns and never an ``object`` one.

Each backend is one table: what an Arrow type is, and what builds its column. The first line that holds
decides; a type in none of them stays what it is, as an :class:`pandas.ArrowDtype`.

Nullable columns are built from values and mask and not through pandas' own reading of Arrow: that turns
NaN into NA (pandas 3), and an integer that met a float on its way is no longer the integer it was.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from connecty_frames.errors import TypeFidelityWarning, warn
from connecty_frames.frames.dtypes import check_zones
from connecty_frames.text import listed, snippet

if TYPE_CHECKING:
    from connecty_frames.options import DtypeBackend

__all__ = ["to_pandas"]

#: What holds one column of a frame: a numpy array or a pandas extension array.
Column: TypeAlias = Any
Builder: TypeAlias = Callable[[pa.ChunkedArray], Column]

_NULLABLE_STR: Final = pd.StringDtype("pyarrow")
#: pandas 3 has a string type of numpy's manners (a missing value is NaN); pandas 2 has only the other, and
#: keeps names as objects. pandas 3 also takes columns from those who need no check of what they built.
if int(pd.__version__.partition(".")[0]) >= 3:  # noqa: PLR2004 - pandas' major version
    from pandas.api.internals import (  # type: ignore[import-not-found]
        create_dataframe_from_blocks as _from_blocks,
    )

    _STR: Any = pd.StringDtype("pyarrow", na_value=np.nan)
    _NAMES: Any = _STR
else:
    _from_blocks, _STR, _NAMES = None, _NULLABLE_STR, "str"
#: Whole numbers up to here are all exact in float64, whichever they are.
_EXACT: Final = 2**53
#: More numpy columns than this, each by itself, make pandas warn of a fragmented frame (it does so at
#: 100) when its owner adds a column.
_LOOSE: Final = 50


def to_pandas(table: pa.Table, *, dtype_backend: DtypeBackend = "numpy_nullable") -> pd.DataFrame:
    """Give an Arrow table as a pandas frame of the same names, rows and values.

    Parameters
    ----------
    table
        Of any types and chunks. It is not changed and, except under ``"pyarrow"``, shares no memory with
        the frame's numbers, which may be written to.
    dtype_backend
        ``"numpy_nullable"``: masked ``Int64``, ``Float64`` and ``boolean``, ``string``, and numpy's
        datetimes. NaN and null stay apart, and every integer is exact beside nulls.
        ``"pyarrow"``: an ArrowDtype for every column, with nothing copied.
        ``"numpy"``: numpy wherever it can hold the values, else ArrowDtype.

    Returns
    -------
    pandas.DataFrame
        With a RangeIndex and no column of dtype ``object``. Dates are ``datetime64[s]``; timestamps and
        durations keep their unit (s, ms, us, ns) and zone; times of day, decimals and nested values are
        ArrowDtype in every backend.

    Raises
    ------
    ConfigError
        For a time zone that the time zone database lacks.

    Warns
    -----
    TypeFidelityWarning
        Under ``"numpy"``, once, where something was lost: integers that became floats because of nulls,
        NaN and null that became one, types that numpy does not have.
    """
    names = table.column_names
    check_zones(zip(names, table.schema.types, strict=True), "pandas", _is_zone)
    builders = [_builder(dtype_backend, kind) for kind in table.schema.types]
    arrays = [build(column) for build, column in zip(builders, table.columns, strict=True)]
    if dtype_backend == "numpy":
        _warn_of_losses(names, table.columns, arrays)
    columns, index = pd.Index(names, dtype=_NAMES), pd.RangeIndex(table.num_rows)
    loose = sum(isinstance(array, np.ndarray) for array in arrays)
    if _from_blocks is not None and loose <= _LOOSE:
        blocks = list(map(_block, arrays, count()))
        return cast("pd.DataFrame", _from_blocks(blocks, index=index, columns=columns))
    frame = pd.DataFrame(dict(enumerate(arrays)), index=index, copy=loose > _LOOSE)
    frame.columns = columns
    return frame


def _block(array: Column, position: int) -> tuple[Column, npt.NDArray[np.intp]]:
    """Give an array as a block of one column: in two dimensions, where the array can have them."""
    flat = isinstance(array, np.ndarray | pd.arrays.DatetimeArray)
    return array.reshape(1, -1) if flat else array, np.array([position])


@lru_cache
def _is_zone(name: str) -> bool:
    try:
        pd.DatetimeTZDtype("us", name)
    except Exception:  # noqa: BLE001 - KeyError, ValueError, OSError and others, depending on the name
        return False
    return True


@lru_cache
def _builder(backend: DtypeBackend, kind: pa.DataType) -> Builder:
    """Look up what builds a column of one Arrow type."""
    for holds, build in _TABLES[backend]:
        if holds(kind):
            return build
    return _arrow


# --- values out of Arrow's buffers -------------------------------------------------------------------


def _cells(
    column: pa.ChunkedArray, dtype: npt.DTypeLike, under_nulls: int = 0
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Copy a column of fixed width out of its buffers, once: its values, and where it is null.

    ``ChunkedArray.to_numpy`` would go through float64 where there are nulls, and where there are none
    it gives Arrow's own memory, in which ``frame.loc[0, "x"] = 1`` fails. A NaN is a value, no null.
    """
    width = np.dtype(dtype)
    values = np.empty(len(column), dtype=width)
    start = 0
    for chunk in column.chunks:
        stop = start + len(chunk)
        buffer = chunk.buffers()[1]
        # An array of nulls alone may come without a buffer of values.
        if buffer is not None and stop > start:
            at = chunk.offset * width.itemsize
            values[start:stop] = np.frombuffer(buffer, width, count=len(chunk), offset=at)
        start = stop
    if column.null_count == 0:
        return values, np.zeros(len(column), dtype=np.bool_)
    mask = column.is_null().to_numpy()
    # What lies under a null is anything at all, and pandas computes with it before it masks the result.
    values[mask] = under_nulls
    return values, mask


# --- columns that are the same in every backend -------------------------------------------------------


def _arrow(column: pa.ChunkedArray) -> Column:
    """Wrap what Arrow holds; nothing is copied."""
    return pd.arrays.ArrowExtensionArray(column)


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Make text a kind that every supported pandas takes; a column of no type at all counts as text."""
    if pa.types.is_null(column.type):
        return column.cast(pa.string())
    if not pa.types.is_string_view(column.type):
        return column
    try:
        return column.cast(pa.large_string())
    except pa.ArrowNotImplementedError:  # before pyarrow 18
        return pa.chunked_array([pa.array(column.to_pylist(), pa.large_string())])


def _dates(column: pa.ChunkedArray) -> Column:
    days, mask = _cells(column, np.int32)
    dates = days.astype(np.int64).view("datetime64[D]").astype("datetime64[s]")
    dates[mask] = np.datetime64("NaT", "s")
    return dates


def _instants(column: pa.ChunkedArray) -> Column:
    if column.type.tz is None:
        return _ticks(column, "datetime64")
    return _of_dtype(pd.DatetimeTZDtype(column.type.unit, column.type.tz), column).copy()


def _milliseconds(column: pa.ChunkedArray) -> Column:
    return _instants(column.cast(pa.timestamp("ms")))


def _durations(column: pa.ChunkedArray) -> Column:
    return _ticks(column, "timedelta64")


def _ticks(column: pa.ChunkedArray, kind: str) -> npt.NDArray[Any]:
    """Give counted units since 1970, or for themselves, as numpy has them: NaT is the lowest integer."""
    counted, _ = _cells(column, np.int64, under_nulls=np.iinfo(np.int64).min)
    return counted.view(f"{kind}[{column.type.unit}]")


# --- numpy_nullable ---------------------------------------------------------------------------------


def _masked_integers(column: pa.ChunkedArray) -> Column:
    return pd.arrays.IntegerArray(*_cells(column, column.type.to_pandas_dtype()))


def _masked_floats(column: pa.ChunkedArray) -> Column:
    return pd.arrays.FloatingArray(*_cells(column, column.type.to_pandas_dtype()))


def _masked_booleans(column: pa.ChunkedArray) -> Column:
    # pyarrow unpacks the bits into memory of its own, so this may be written to as it is.
    if column.null_count == 0:
        return pd.arrays.BooleanArray(column.to_numpy(), np.zeros(len(column), dtype=np.bool_))
    values = column.fill_null(False).to_numpy()  # noqa: FBT003 - the value to fill in
    return pd.arrays.BooleanArray(values, column.is_null().to_numpy())


def _strings(column: pa.ChunkedArray) -> Column:
    return _of_dtype(_NULLABLE_STR, _text(column))


def _of_dtype(dtype: Any, column: pa.ChunkedArray) -> Column:
    return dtype.__from_arrow__(column)


# --- numpy ------------------------------------------------------------------------------------------


def _plain_integers(column: pa.ChunkedArray) -> Column:
    values, mask = _cells(column, column.type.to_pandas_dtype())
    if column.null_count == 0:
        return values
    # The range and not the values themselves decide: 2**60 would survive, its neighbours would not.
    if values.min(initial=0) < -_EXACT or values.max(initial=0) > _EXACT:
        return _arrow(column)
    floats = values.astype(np.float64)
    floats[mask] = np.nan
    return floats


def _plain_floats(column: pa.ChunkedArray) -> Column:
    values, mask = _cells(column, column.type.to_pandas_dtype())
    values[mask] = np.nan
    return values


def _plain_booleans(column: pa.ChunkedArray) -> Column:
    # numpy's only column of True, False and nothing is one of Python objects.
    return _arrow(column) if column.null_count else column.to_numpy()


def _plain_strings(column: pa.ChunkedArray) -> Column:
    return _of_dtype(_STR, _text(column))


# --- the tables -------------------------------------------------------------------------------------


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_null(kind)
    )


def _is_wide_float(kind: pa.DataType) -> bool:
    return bool(pa.types.is_float32(kind) or pa.types.is_float64(kind))


Table: TypeAlias = tuple[tuple[Callable[[pa.DataType], bool], Builder], ...]

_TEMPORAL: Final[Table] = (
    (pa.types.is_timestamp, _instants),
    (pa.types.is_date32, _dates),
    (pa.types.is_date64, _milliseconds),
    (pa.types.is_duration, _durations),
)
_TABLES: Final[dict[str, Table]] = {
    "numpy_nullable": (
        (pa.types.is_integer, _masked_integers),
        (_is_wide_float, _masked_floats),
        (_is_text, _strings),
        (pa.types.is_boolean, _masked_booleans),
        *_TEMPORAL,
    ),
    "numpy": (
        (pa.types.is_integer, _plain_integers),
        (pa.types.is_floating, _plain_floats),
        (_is_text, _plain_strings),
        (pa.types.is_boolean, _plain_booleans),
        *_TEMPORAL,
    ),
    "pyarrow": ((pa.types.is_null, lambda column: _arrow(_text(column))),),
}


# --- what numpy lost --------------------------------------------------------------------------------


def _has_no_numpy_type(_: pa.ChunkedArray, array: Column) -> bool:
    return isinstance(getattr(array, "dtype", None), pd.ArrowDtype)


def _became_float(column: pa.ChunkedArray, array: Column) -> bool:
    return bool(pa.types.is_integer(column.type)) and array.dtype.kind == "f"


def _mixed_nan(column: pa.ChunkedArray, array: Column) -> bool:
    if column.null_count == 0 or not pa.types.is_floating(column.type):
        return False
    return bool(np.count_nonzero(np.isnan(array)) > column.null_count)


_LOSSES: Final[tuple[tuple[Callable[[pa.ChunkedArray, Column], bool], str], ...]] = (
    (_has_no_numpy_type, "kept as ArrowDtype, since numpy has no type that holds their values and nulls"),
    (_became_float, "whole numbers that became float64, since they have nulls"),
    (_mixed_nan, "NaN and null can no longer be told apart"),
)


def _warn_of_losses(names: list[str], columns: list[pa.ChunkedArray], arrays: list[Column]) -> None:
    """Say once what ``"numpy"`` lost and where, if it lost anything."""
    lost: dict[str, list[str]] = {}
    for name, column, array in zip(names, columns, arrays, strict=True):
        for holds, words in _LOSSES:
            if holds(column, array):
                lost.setdefault(words, []).append(f"{snippet(name)!r} ({snippet(str(column.type))})")
                break
    if lost:
        said = "; ".join(f"{words}: {listed(where)}" for words, where in lost.items())
        warn(
            TypeFidelityWarning(
                f'dtype_backend="numpy" does not hold all there is. {said[0].upper()}{said[1:]}. '
                'dtype_backend="numpy_nullable" or "pyarrow" loses nothing.'
            )
        )
