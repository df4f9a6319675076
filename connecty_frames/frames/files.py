"""An Arrow table as a file: every value reads back as what it was.

========= ==============================================================================================
csv       nulls as nothing and texts in quotes, so that an empty text and null stay apart
json      an array of one object a row; numbers with all their digits
parquet   with the story of the answer in its metadata and a checksum on every page
========= ==============================================================================================

In csv and json, moments and durations are ISO-8601 text. What JSON has no number for (NaN, infinity) is
text, as in the API itself.
"""

from __future__ import annotations

import math
import os
import secrets
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["WRITERS", "texts", "whole_file"]

# The hook is for nanoseconds, which are pandas' own kinds of moment and duration in a list or struct.
_JSON: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=lambda value: value.isoformat())
_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give the values of a column as texts, nulls as null."""
    if pa.types.is_timestamp(column.type):
        # Arrow writes a space for the T, and the offset without a colon.
        spaced = pc.cast(column, pa.string())
        timed = pc.replace_substring(spaced, " ", "T", max_replacements=1)
        return pc.replace_substring_regex(timed, r"([+-]\d\d)(\d\d)$", r"\1:\2")
    if pa.types.is_duration(column.type):
        counts = pc.cast(column, pa.int64()).to_pylist()
        per_second = _PER_SECOND[column.type.unit]
        durations = [None if count is None else _duration(count, per_second) for count in counts]
        return pa.chunked_array([pa.array(durations, pa.string())])
    if pa.types.is_nested(column.type):
        values = [
            None if value is None else _JSON.encode(_plain(value)).decode() for value in column.to_pylist()
        ]
        return pa.chunked_array([pa.array(values, pa.string())])
    if pa.types.is_string_view(column.type):  # Arrow 17 cannot cast it
        return pa.chunked_array([pa.array(column.to_pylist(), pa.string())])
    return pc.cast(column, pa.string())


def _duration(count: int, per_second: int) -> str:
    seconds, rest = divmod(abs(count), per_second)
    fraction = f".{rest:0{len(str(per_second)) - 1}d}".rstrip("0") if rest else ""
    return f"{'-' if count < 0 else ''}PT{seconds}{fraction}S"


def _plain(value: Any) -> Any:  # noqa: ANN401 - any value of a cell
    """Give what JSON can hold: NaN and infinity are text."""
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _is_textual(type_: pa.DataType) -> bool:
    """Whether a file holds the text of a value instead of the value."""
    return bool(pa.types.is_temporal(type_) or pa.types.is_nested(type_) or pa.types.is_string_view(type_))


def _write_csv(table: pa.Table, file: BinaryIO) -> None:
    from pyarrow import csv

    columns = [texts(column) if _is_textual(column.type) else column for column in table.columns]
    csv.write_csv(pa.table(columns, names=table.column_names), file)


def _write_json(table: pa.Table, file: BinaryIO) -> None:
    columns = [
        (texts(column) if pa.types.is_temporal(column.type) else column).to_pylist()
        for column in table.columns
    ]
    names = table.column_names
    rows = [dict(zip(names, map(_plain, row), strict=True)) for row in zip(*columns, strict=True)]
    file.write(_JSON.encode(rows) + b"\n")


def _write_parquet(table: pa.Table, file: BinaryIO) -> None:
    from pyarrow import parquet

    # Without checksums, one flipped bit is most often read as another value, in silence.
    parquet.write_table(table, file, write_page_checksum=True)


#: How a table is written, by the name of the format.
WRITERS: Final[dict[str, Callable[[pa.Table, BinaryIO], None]]] = {
    "csv": _write_csv,
    "json": _write_json,
    "parquet": _write_parquet,
}


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing that appears only once it is whole, in place of one of that name.

    A link stays a link, and what it points at is replaced. What is no file, such as a pipe or
    ``/dev/stdout``, is written to as it stands.

    Raises
    ------
    OSError
        Where it cannot be written; a file that was there before is then as it was.
    """
    given = Path(path)
    if given.exists() and not given.is_file():
        with given.open("wb") as file:
            yield file
        return
    target = Path(os.path.realpath(given))
    # Not by tempfile, whose files nobody but their owner may read.
    part = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        file = part.open("xb")
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(target)) from None
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, part)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
