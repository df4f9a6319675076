"""Read Parquet files as frames of any library, with the metadata of the answer.

The file is ordinary Parquet. The metadata is under ``connecty`` in the schema's metadata, and again where
pandas looks for attrs, so that ``pandas.read_parquet`` finds it too.

A pandas index is written as a column. In pandas it becomes the index again, elsewhere a column if it has a
name. Dates, which pandas holds as seconds, get the type in the metadata back. So do decimals, which have
fewer digits in pandas, in other libraries.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Literal, cast, overload

import pyarrow as pa
from pyarrow import parquet

from connecty_frames._base.text import path_text, sentence, snippet
from connecty_frames.answer_metadata import KEY, AnswerMetadata
from connecty_frames.decode.arrow import is_list, parse_type
from connecty_frames.errors import ConfigError, ConnectyError
from connecty_frames.files import checked_path, open_regular
from connecty_frames.frames.accessor import attach, metadata
from connecty_frames.frames.attachment import categories_of
from connecty_frames.frames.dtypes import CATEGORY
from connecty_frames.frames.parquet_file import ATTRS_KEY, METADATA_KEY, PANDAS_KEY, is_intact
from connecty_frames.frames.to_arrow import repeated_name
from connecty_frames.options import AskOptions, DtypeBackend, Engine

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from connecty_frames.decode.types.encodings import Category
    from connecty_frames.frames.accessor import ArrowTable, PandasFrame, PolarsFrame

_UNNAMED: Final = "__index_level_"  # the prefix of pandas' column name for an unnamed index


@overload
def read_parquet(
    path: str | os.PathLike[str], *, engine: Literal["pandas"] = ..., dtype_backend: DtypeBackend = ...
) -> PandasFrame: ...
@overload
def read_parquet(
    path: str | os.PathLike[str], *, engine: Literal["polars"], dtype_backend: DtypeBackend = ...
) -> PolarsFrame: ...
@overload
def read_parquet(
    path: str | os.PathLike[str], *, engine: Literal["pyarrow"], dtype_backend: DtypeBackend = ...
) -> ArrowTable: ...
def read_parquet(
    path: str | os.PathLike[str], *, engine: Engine = "pandas", dtype_backend: DtypeBackend = "numpy_nullable"
) -> Any:
    """Read a Parquet file as a frame, with the metadata of the answer if the file has it.

    Parameters
    ----------
    path
        A Parquet file from ``to_parquet``, pandas or any other writer.
    engine
        The library of the frame: ``"pandas"``, ``"polars"`` or ``"pyarrow"``.
    dtype_backend
        The dtypes of pandas columns, as for :func:`ask_df`.

    Returns
    -------
    pandas.DataFrame, polars.DataFrame or pyarrow.Table
        The frame, with metadata if the file has it. Only pandas frames keep an unnamed pandas index.

    Raises
    ------
    ConfigError
        If an argument is wrong, the file is damaged or not Parquet, or its entry ``connecty`` is not
        metadata. Also if it contains something that the library cannot hold, such as an unknown time zone.
        Invalid pandas entries (index, attrs) are ignored.
    OSError
        If the file cannot be opened, or is not a regular file.

    Notes
    -----
    The checksum in a file from ``to_parquet`` is verified first: damage is an error, and never changes a
    value. In other files, page checksums are verified if there are any, and values are validated.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> df = cf.ask_df("how many orders are there")
    >>> path = df.connecty.to_parquet("orders.parquet")
    >>> cf.read_parquet(path, engine="polars").connecty.question
    'how many orders are there'
    """
    options = AskOptions(engine=engine, dtype_backend=dtype_backend)
    with open_regular(checked_path(path)) as file:
        # In Arrow's memory: over Python's memory, pyarrow 17 sometimes aborts as the process ends.
        content = pa.allocate_buffer(os.fstat(file.fileno()).st_size)
        content = content.slice(0, file.readinto(content))
    name = path_text(path)
    intact = is_intact(memoryview(content))
    if intact is False:
        raise ConfigError(f"{name} is damaged: its checksum does not match. Write it again.", setting="path")
    with _library_errors(f"{name} is damaged or not a Parquet file"):
        reader = pa.BufferReader(content)
        table = parquet.ParquetFile(reader, page_checksum_verification=intact is None).read()
        if intact is None:  # pragma: no mutate - saves time: our checksum is enough
            table.validate(full=True)  # polars panics if text is not UTF-8
        attrs, index_columns, seconds = _read_pandas_metadata(table)
        entries = dict(table.schema.metadata or {})
        if METADATA_KEY not in entries and KEY in attrs:  # pandas wrote the file
            entries[METADATA_KEY] = str(attrs[KEY]).encode(errors="backslashreplace")
        table = table.replace_schema_metadata(entries)
    try:
        found = metadata(table)
    except ConfigError:
        raise ConfigError(
            f"{name} is damaged: its entry {KEY!r} is not the metadata of an answer. "
            "pandas.read_parquet and polars.read_parquet read the table without it.",
            setting="path",
        ) from None
    with _library_errors(f"{name} is damaged, or holds a value that {engine} cannot"):
        table = _restore_types(table, seconds, found, options.engine)
        frame = _to_frame(table, index_columns, found, options)
        if engine == "pandas":
            frame.attrs = attrs
    return frame if found is None else attach(frame, found)


@contextmanager
def _library_errors(problem: str) -> Iterator[None]:
    try:
        yield
    except (ConnectyError, Warning):
        raise
    except Exception as error:  # noqa: BLE001 - libraries raise many kinds, some of them undocumented
        detail = f"{type(error).__name__}: {snippet(str(error), 200)}"
        raise ConfigError(f"{problem}: {sentence(detail)}", setting="path") from None


def _read_pandas_metadata(table: pa.Table) -> tuple[dict[Any, Any], list[Any], set[str]]:
    """Return pandas' attrs, the columns of its index, and the names of columns it held in seconds."""
    # The index is a list of column names, or the bounds of a range. Columns in seconds have no zone.
    entries = table.schema.metadata or {}
    attrs, noted = _json_object(entries.get(ATTRS_KEY)), _json_object(entries.get(PANDAS_KEY))
    try:
        seconds = {
            column["field_name"]
            for column in noted.get("columns", [])
            if column["numpy_type"] == "datetime64[s]" and not column["metadata"]
        }
        index = noted.get("index_columns")
    except (TypeError, KeyError):  # not written by pandas
        index, seconds = None, set()
    return attrs, index if isinstance(index, list) else [], seconds


def _json_object(text: Any) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError):  # there may be none
        return {}
    return found if isinstance(found, dict) else {}


# --- types ------------------------------------------------------------------------------------------

#: Types of an answer missing in polars (first three) and pandas, and their written form.
_WRITTEN_AS: Final[dict[pa.DataType, pa.DataType]] = {
    pa.string(): pa.large_string(),
    pa.binary(): pa.large_binary(),
    pa.time64("us"): pa.time64("ns"),
    pa.date32(): pa.timestamp("s"),
}


def _restore_types(
    table: pa.Table, seconds: set[str], metadata: AnswerMetadata | None, engine: Engine
) -> pa.Table:
    answered = {column["name"]: column["type"] for column in metadata.schema} if metadata else {}
    categories = categories_of(metadata) if metadata else {}
    columns = []
    for name, written in zip(table.column_names, table.columns, strict=True):
        column = _restore_categories(written, categories.get(name))
        if name in seconds and pa.types.is_timestamp(column.type):
            column = _cast_exactly(column, pa.timestamp("s"))
        columns.append(_restore_type(column, answered.get(name, ""), engine))
    if not columns:
        return table  # otherwise its number of rows would be lost
    # All at once: replacing columns one by one takes quadratic time.
    fields = [
        pa.field(field.name, column.type, field.nullable)
        for field, column in zip(table.schema, columns, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, table.schema.metadata))


def _restore_type(column: pa.ChunkedArray, text: str, engine: Engine) -> pa.ChunkedArray:
    found = column.type
    if str(found) == text:
        return column
    try:
        type_ = parse_type(text)
    except ValueError:  # not a column of the answer
        return column
    if type_ == CATEGORY and pa.types.is_null(found):
        return column.cast(type_)  # pandas has no type for categories without one
    if engine != "pandas" and pa.types.is_decimal128(found) and type_ == pa.decimal128(38, found.scale):
        return column.cast(type_)  # pandas narrowed it
    return _cast_exactly(column, type_) if _is_written_as(found, type_) else column


def _is_written_as(found: pa.DataType, type_: pa.DataType) -> bool:
    """Return True if a file's type is the written form of another; Parquet calls list items ``element``."""
    if is_list(found) and is_list(type_):
        return _is_written_as(found.value_type, type_.value_type)
    if pa.types.is_struct(found) and pa.types.is_struct(type_):
        return found.num_fields == type_.num_fields and all(
            field.name == other.name and _is_written_as(field.type, other.type)
            for field, other in zip(found, type_, strict=True)
        )
    return bool(found in (type_, _WRITTEN_AS.get(type_)))


def _restore_categories(column: pa.ChunkedArray, category: Category | None) -> pa.ChunkedArray:
    """Restore the categories dropped by Parquet; leave the column unchanged if its values do not fit."""
    if category is None:
        return column
    value_type = category.type.value_type
    try:
        values = column.cast(value_type).combine_chunks()
    except pa.ArrowException:
        return column
    encoded = category.encode(values)
    return pa.chunked_array([encoded]) if encoded.null_count == values.null_count else column


def _cast_exactly(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    """Cast a column if no value changes: someone may have added hours to a date."""
    try:
        cast_column = column.cast(type_)
    except pa.ArrowException:
        return column
    return cast_column if cast_column.cast(column.type).equals(column) else column


# --- frames -----------------------------------------------------------------------------------------


def _to_frame(
    table: pa.Table, index_columns: list[Any], answer: AnswerMetadata | None, options: AskOptions
) -> Any:
    if options.engine == "pandas":
        return _to_pandas(table, index_columns, answer, options.dtype_backend)
    table = _without(table, {name for name in index_columns if str(name).startswith(_UNNAMED)})
    if options.engine == "polars":
        return _to_polars(table, answer)
    entries = table.schema.metadata or {}
    return table.replace_schema_metadata(
        {key: entries[key] for key in entries.keys() - {PANDAS_KEY, ATTRS_KEY}}
    )


def _to_pandas(
    table: pa.Table, index_columns: list[Any], answer: AnswerMetadata | None, backend: DtypeBackend
) -> pd.DataFrame:
    names: set[str] = set()
    index = None
    with suppress(Exception):  # ignore an invalid index, without losing a column
        names, index = _pandas_index(table, index_columns, backend)
    # Decimals from pandas keep their precision.
    answer = None if PANDAS_KEY in (table.schema.metadata or {}) else answer
    frame = _pandas_columns(_without(table, names), backend, answer)
    if index is not None:
        frame.index = index
    return frame


def _pandas_index(
    table: pa.Table, index_columns: list[Any], backend: DtypeBackend
) -> tuple[set[str], pd.Index | None]:
    import pandas as pd

    known = set(table.column_names)
    names = [each for each in index_columns if isinstance(each, str) and each in known]
    if any(name.startswith(_UNNAMED) for name in names):
        return set(names), cast("pd.Index", table.select(names).to_pandas().index)  # pyarrow knows its type
    if names:
        frame = _pandas_columns(table.select(names), backend)
        # set_index removes columns one by one, in quadratic time.
        index = frame.set_index(names).index if len(names) == 1 else pd.MultiIndex.from_frame(frame)
        return set(names), index
    if index_columns and isinstance(index_columns[0], dict):
        bounds = index_columns[0]
        index = pd.RangeIndex(bounds["start"], bounds["stop"], bounds["step"], name=bounds.get("name"))
        return set(), index if len(index) == table.num_rows else None
    return set(), None


def _pandas_columns(
    table: pa.Table, backend: DtypeBackend, answer: AnswerMetadata | None = None
) -> pd.DataFrame:
    from connecty_frames.frames.pandas import to_pandas

    frame = to_pandas(table, dtype_backend=backend, metadata=answer)
    if backend == "pyarrow":
        return frame
    for position, type_ in enumerate(table.schema.types):
        # Only pandas has periods and intervals; answers have none.
        if isinstance(type_, pa.BaseExtensionType):
            column = table.select([position]).to_pandas(ignore_metadata=True).iloc[:, 0]
            frame.isetitem(position, column.array)
    return frame


def _to_polars(table: pa.Table, answer: AnswerMetadata | None) -> pl.DataFrame:
    import polars as pl

    from connecty_frames.frames.polars import to_polars

    if (repeated := repeated_name(table.column_names)) is not None:
        raise ConfigError(f"Two columns are called {snippet(repeated)!r}, which polars cannot hold.")
    try:
        return to_polars(table, answer)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:  # such as pandas' periods
        raise ConfigError(
            f"This file holds a type that polars lacks: {snippet(str(error), 200)}", setting="engine"
        ) from None


def _without(table: pa.Table, names: set[str]) -> pa.Table:
    """Remove columns all at once; Table.drop_columns removes them one by one."""
    return table.select([at for at, name in enumerate(table.column_names) if name not in names])
