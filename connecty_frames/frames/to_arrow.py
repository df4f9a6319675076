"""Convert frames of any library to Arrow tables with the same values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from connecty_frames._base.text import sentence, snippet
from connecty_frames.decode.arrow import is_text
from connecty_frames.decode.exact_json import NUL
from connecty_frames.errors import ConfigError, ConnectyError, ConversionError
from connecty_frames.frames.attachment import library_of

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


def to_arrow(frame: object) -> pa.Table:
    """Convert a frame of any library to an Arrow table with the same values; raises ConfigError."""
    library = library_of(frame)
    if library == "pyarrow":
        return frame
    try:
        return (_from_pandas if library == "pandas" else _from_polars)(frame)  # type: ignore[arg-type]
    except ConnectyError:
        raise
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        detail = sentence(snippet("; ".join(map(str, error.args)), 200))
        message = f"This frame holds values that Arrow has no type for: {detail} Convert them first."
        raise ConfigError(message) from None


def _from_pandas(frame: pd.DataFrame) -> pa.Table:
    names = list(frame.columns)
    if not all(isinstance(name, str) for name in names):
        raise ConfigError(
            "Some columns of this frame have names that are not text, as after a pivot. Rename them, for "
            'example with frame.columns = ["_".join(map(str, name)) for name in frame.columns].'
        )
    if (repeated := repeated_name(names)) is not None:
        raise ConfigError(f"Two columns of this frame are called {snippet(repeated)!r}: rename one.")
    plain = frame.copy(deep=False)
    plain.attrs = {}  # pyarrow would warn of attrs other than JSON
    table = pa.Table.from_pandas(plain)
    for name in names:
        values = frame[name]
        # pyarrow types objects by the first values; only texts are certainly unchanged.
        if getattr(values.dtype, "categories", values).dtype == object and not is_text(table[name].type):
            _check_objects(name, values, table[name])
    return table


def _check_objects(name: str, values: Any, made: pa.ChunkedArray) -> None:
    for row, (value, kept) in enumerate(zip(values, made.to_pylist(), strict=True)):
        if not _is_kept(value, kept, made.type):
            text = snippet(repr(value))
            problem = f"{text} does not fit in {made.type}, which pyarrow makes of the objects in this column"
            raise ConversionError(
                f"Column {snippet(name)!r}, row {row}: {problem}.",
                hint="Give the column one type first, for example with astype().",
                column=name,
                row=row,
                value=text,
            )


def _is_kept(value: Any, kept: Any, type_: pa.DataType) -> bool:
    if kept is None or kept != kept:  # noqa: PLR0124 - NaN
        from pandas import isna

        return not isinstance(value, Decimal) and bool(isna(value))
    if isinstance(kept, list):
        return all(_is_kept(*pair, type_.value_type) for pair in zip(value, kept, strict=True))
    if isinstance(kept, dict):
        return value.keys() == kept.keys() and all(
            _is_kept(value[key], item, type_.field(key).type) for key, item in kept.items()
        )
    if isinstance(value, np.floating) and value.itemsize * 8 < type_.bit_width:
        # As a wider float, np.float32(0.1) is 0.10000000149011612, and whole numbers seem exact.
        return bool(float(str(value)) == kept and abs(value) < 2 ** (np.finfo(value).nmant + 1))
    return bool(value == kept)


def _from_polars(frame: pl.DataFrame) -> pa.Table:
    # Check types beforehand: no `except Exception` catches a panic of polars.
    for name, dtype in frame.schema.items():
        if any(NUL in each for each in (name, *_field_names(dtype))):
            raise ConfigError(
                f"Column {snippet(name)!r} has a NUL character in its name or a field's name, which polars "
                "cannot export to Arrow: rename it."
            )
        if str(dtype.base_type()) in {"Object", "Int128", "UInt128", "Float16", "Unknown"}:
            raise ConfigError(
                f"Column {snippet(name)!r} is of polars' {snippet(str(dtype))}, which Arrow lacks: cast it."
            )
    return frame.to_arrow()


def repeated_name(names: list[str]) -> str | None:
    """Return the first repeated name, or None."""
    return next((name for name, count in Counter(names).items() if count > 1), None)


def _field_names(dtype: Any) -> Iterator[str]:
    for field in getattr(dtype, "fields", ()):
        yield field.name
        yield from _field_names(field.dtype)
    if hasattr(dtype, "inner"):
        yield from _field_names(dtype.inner)
