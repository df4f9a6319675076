"""A frame and its story as a Parquet file, and back in any of the libraries.

The file is ordinary Parquet. The story stands in the schema's metadata under ``connecty``, and a second time
where pandas looks for attrs, so that ``pandas.read_parquet`` finds it as well. Each page has a checksum, and
so has what is beside the pages. Reading verifies them: without, one flipped bit is most often read as another
value, in silence.

pandas keeps two things that Parquet does not. An index of its own is written as a column, which becomes the
index again in pandas and, where it has a name, a column elsewhere. Dates, which pandas holds as seconds, come
back as what the story says that they are.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, overload

import pyarrow as pa
from pyarrow import parquet

from connecty_frames.errors import ConfigError
from connecty_frames.escape import snippet, terminal
from connecty_frames.frames.files import ATTRS, PANDAS, SEAL, STORY, WRITERS, seal, whole_file
from connecty_frames.frames.story import attach, metadata, module_of
from connecty_frames.options import AskOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd
    import polars as pl

    from connecty_frames.frames.metadata import AnswerMetadata
    from connecty_frames.options import DtypeBackend, Engine

__all__ = ["read_parquet", "to_arrow", "write_parquet"]

#: How pandas calls the column of an index that has no name.
_UNNAMED: Final = "__index_level_"
#: Columns that polars holds and Arrow does not.
_ONLY_POLARS: Final = frozenset({"Object", "Int128", "UInt128", "Float16", "Unknown"})


# --- from a frame -----------------------------------------------------------------------------------


def write_parquet(frame: object, path: str | os.PathLike[str], story: AnswerMetadata) -> Path:
    """Write a frame and a story to a file, whole or not at all; told at ``frame.connecty.write_parquet``."""
    table = attach(to_arrow(frame), story)
    attrs = {STORY.decode(): story.to_json(), **_attrs(frame)}
    table = table.replace_schema_metadata({**table.schema.metadata, ATTRS: json.dumps(attrs).encode()})
    try:
        with whole_file(path) as file:
            WRITERS["parquet"](table, file)
    except pa.ArrowException as error:
        raise ConfigError(f"This frame cannot be written as Parquet: {snippet(str(error), 200)}") from None
    return Path(path)


def to_arrow(frame: object) -> pa.Table:
    """Give a frame of any library as an Arrow table of the same values.

    Raises
    ------
    ConfigError
        Where it is no frame, or holds what Arrow does not.
    """
    return _TO_ARROW[module_of(frame)](frame)


def _of_pandas(frame: pd.DataFrame) -> pa.Table:
    names = list(frame.columns)
    if not all(isinstance(name, str) for name in names):
        raise ConfigError(
            "The columns of this frame have names that are not text, as after a pivot: give them such names, "
            'for example by frame.columns = ["_".join(map(str, name)) for name in frame.columns].'
        )
    if not frame.columns.is_unique:
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"Two columns of this frame are called {terminal(twice)!r}: rename one.")
    plain = frame.copy(deep=False)
    plain.attrs = {}  # pyarrow would warn of attrs that are not JSON
    try:
        return pa.Table.from_pandas(plain)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"This frame holds values that Arrow has no type for: {snippet(str(error), 200)}"
        ) from None


def _of_polars(frame: pl.DataFrame) -> pa.Table:
    # Found from the types: polars says it by a panic, which no `except Exception` catches.
    for name, dtype in frame.schema.items():
        if any("\0" in each for each in (name, *_field_names(dtype))):
            raise ConfigError(
                f"Column {snippet(name)!r} has a NUL character in its name or that of a field, which polars "
                "cannot give to Arrow: rename it."
            )
        if str(dtype.base_type()) in _ONLY_POLARS:
            raise ConfigError(f"Column {terminal(name)!r} is of polars' {dtype}, which Arrow lacks: cast it.")
    try:
        return frame.to_arrow()
    except pa.ArrowException as error:
        raise ConfigError(
            f"This frame holds values that Arrow has no type for: {snippet(str(error), 200)}"
        ) from None


def _field_names(dtype: Any) -> Iterator[str]:  # noqa: ANN401 - of polars, which is not imported
    """Yield the names of the fields of structs, at any depth."""
    for field in getattr(dtype, "fields", ()):
        yield field.name
        yield from _field_names(field.dtype)
    if hasattr(dtype, "inner"):
        yield from _field_names(dtype.inner)


_TO_ARROW: Final[dict[str, Callable[[Any], pa.Table]]] = {
    "pandas": _of_pandas,
    "polars": _of_polars,
    "pyarrow": lambda table: table,
}


def _attrs(frame: object) -> dict[str, Any]:
    """Give pandas' attrs, held to be what JSON can hold."""
    attrs: dict[str, Any] = getattr(frame, "attrs", {})
    for key, value in attrs.items():
        try:
            json.dumps({key: value})
        except (TypeError, ValueError):
            raise ConfigError(
                f"frame.attrs[{snippet(repr(key))}] is no JSON, which is how Parquet keeps attrs: remove it, "
                "or make it text."
            ) from None
    return attrs


# --- to a frame -------------------------------------------------------------------------------------


@overload
def read_parquet(
    path: str | os.PathLike[str], *, engine: Literal["pandas"] = ..., dtype_backend: DtypeBackend = ...
) -> pd.DataFrame: ...
@overload
def read_parquet(
    path: str | os.PathLike[str], *, engine: Literal["polars"], dtype_backend: DtypeBackend = ...
) -> pl.DataFrame: ...
@overload
def read_parquet(
    path: str | os.PathLike[str], *, engine: Literal["pyarrow"], dtype_backend: DtypeBackend = ...
) -> pa.Table: ...
def read_parquet(
    path: str | os.PathLike[str],
    *,
    engine: Engine = "pandas",
    dtype_backend: DtypeBackend = "numpy_nullable",
) -> Any:
    """Read a Parquet file as a frame, with the story of the answer where the file keeps one.

    Parameters
    ----------
    path
        A file that ``frame.connecty.write_parquet`` or pandas wrote; or any other, which has no story.
    engine
        The library of the frame: ``"pandas"``, ``"polars"`` or ``"pyarrow"``.
    dtype_backend
        What pandas columns are made of, as in :func:`ask_df`.

    Returns
    -------
    pandas.DataFrame, polars.DataFrame or pyarrow.Table
        An index of pandas that has no name is left out of the other libraries' frames.

    Raises
    ------
    ConfigError
        Where an argument is wrong, or the file is no Parquet, or damaged: every page's checksum is verified.
    OSError
        Where the file cannot be opened.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> df = cf.ask_df("how many orders are there")
    >>> path = df.connecty.write_parquet("orders.parquet")
    >>> cf.read_parquet(path, engine="polars").connecty.question
    'how many orders are there'
    """
    options = AskOptions(engine=engine, dtype_backend=dtype_backend)
    table, story, attrs = _read(path)
    index, seconds = _notes_of_pandas(table)
    table = _typed(table, seconds, story)
    frame = _FRAMES[options.engine](table, index, options.dtype_backend)
    if engine == "pandas":
        frame.attrs = attrs
    return frame if story is None else attach(frame, story)


def _read(path: str | os.PathLike[str]) -> tuple[pa.Table, AnswerMetadata | None, dict[str, Any]]:
    """Give the table of a file, its story, and its attrs of pandas."""
    if not isinstance(path, str | os.PathLike):
        raise ConfigError(f"path is of type {type(path).__name__}: expected a file's path.", setting="path")
    Path(path).open("rb").close()  # for Python's own error where it cannot be opened
    try:
        # Arrow's own file: over one of Python's, pyarrow 17 aborts now and then as the process ends.
        with pa.OSFile(os.fsdecode(path)) as file:
            table = parquet.ParquetFile(file, page_checksum_verification=True).read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ConfigError(
            f"{terminal(str(path))} is no Parquet file, or damaged: {snippet(str(error), 200)}",
            setting="path",
        ) from None
    kept = dict(table.schema.metadata or {})
    if SEAL in kept and kept.pop(SEAL) != seal(table):
        raise ConfigError(
            f"{terminal(str(path))} is damaged: its names or its story are not what was written.",
            setting="path",
        )
    attrs = _object(kept.get(ATTRS))
    if STORY not in kept and STORY.decode() in attrs:  # pandas wrote it
        kept[STORY] = str(attrs[STORY.decode()]).encode(errors="backslashreplace")
    table = table.replace_schema_metadata(kept)
    return table, metadata(table), attrs


def _object(text: bytes | None) -> dict[str, Any]:
    """Read what a library keeps beside a table; what is something else is passed over."""
    try:
        found = json.loads(text or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _notes_of_pandas(table: pa.Table) -> tuple[list[Any], set[str]]:
    """Give what pandas noted of its index, and the columns that it held in seconds without a zone."""
    noted = _object(table.schema.metadata.get(PANDAS))
    try:
        seconds = {
            column["field_name"]
            for column in noted.get("columns", [])
            if column["numpy_type"] == "datetime64[s]" and not column["metadata"]
        }
        return list(noted.get("index_columns", [])), seconds
    except (TypeError, KeyError):  # somebody else's notes
        return [], set()


def _typed(table: pa.Table, seconds: set[str], story: AnswerMetadata | None) -> pa.Table:
    """Give columns the types again that the story tells and that pandas, polars or Parquet lack."""
    told = {column["name"]: column["type"] for column in story.schema} if story else {}
    for at, name in enumerate(table.column_names):
        column = table.column(at)
        if name in seconds and pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("s"))
        stand_in, kind = _STAND_INS.get(told.get(name, ""), (None, None))
        if column.type == stand_in:
            column = _again(column, kind)
        table = table.set_column(at, name, column)
    return table


#: What stands in for a type of an answer: in pandas, polars, and pandas again.
_STAND_INS: Final[dict[str, tuple[pa.DataType, pa.DataType]]] = {
    "string": (pa.large_string(), pa.string()),
    "time64[us]": (pa.time64("ns"), pa.time64("us")),
    "date32[day]": (pa.timestamp("s"), pa.date32()),
}


def _again(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Give a column in a type, where that changes no value: someone may have added hours to a date."""
    try:
        found = column.cast(kind)
    except pa.ArrowException:
        return column
    return found if found.cast(column.type).equals(column) else column


def _as_pandas(table: pa.Table, index: list[Any], backend: DtypeBackend) -> pd.DataFrame:
    from connecty_frames.frames.pandas import to_pandas

    labels = [each for each in index if isinstance(each, str) and each in table.column_names]
    frame = to_pandas(table.drop_columns(labels), dtype_backend=backend)
    for name, kind in zip(table.column_names, table.schema.types, strict=True):
        # Categories, periods and intervals are pandas' own; an answer has none.
        if backend != "pyarrow" and name in frame.columns and _is_of_pandas(kind):
            frame[name] = table.select([name]).to_pandas()[name].array
    if any(label.startswith(_UNNAMED) for label in labels):
        frame.index = table.select(labels).to_pandas().index  # pyarrow knows what it was
    elif labels:
        frame.index = to_pandas(table.select(labels), dtype_backend=backend).set_index(labels).index
    elif index and isinstance(index[0], dict):
        count = {key: index[0][key] for key in ("start", "stop", "step")}
        if len(range(*count.values())) == len(frame):
            import pandas as pd

            frame.index = pd.RangeIndex(**count, name=index[0].get("name"))
    return frame


def _is_of_pandas(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.BaseExtensionType) or bool(pa.types.is_dictionary(kind))


def _as_polars(table: pa.Table, index: list[Any], _: DtypeBackend) -> pl.DataFrame:
    import polars as pl

    from connecty_frames.frames.polars import to_polars

    names = table.column_names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"Two columns are called {terminal(twice)!r}, which polars cannot hold.")
    try:
        return to_polars(_without_labels(table, index))
    except pl.exceptions.PolarsError as error:  # such as pandas' periods, in older versions
        raise ConfigError(
            f"This file holds a type that polars lacks: {snippet(str(error), 200)}", setting="engine"
        ) from None


def _as_arrow(table: pa.Table, index: list[Any], _: DtypeBackend) -> pa.Table:
    kept = {key: value for key, value in table.schema.metadata.items() if key not in {PANDAS, ATTRS}}
    return _without_labels(table, index).replace_schema_metadata(kept)


def _without_labels(table: pa.Table, index: list[Any]) -> pa.Table:
    """Leave out the labels of rows that pandas wrote as columns without a name."""
    labels = {each for each in index if isinstance(each, str) and each.startswith(_UNNAMED)}
    return table.drop_columns([name for name in table.column_names if name in labels])


_FRAMES: Final[dict[Engine, Callable[[pa.Table, list[Any], DtypeBackend], Any]]] = {
    "pandas": _as_pandas,
    "polars": _as_polars,
    "pyarrow": _as_arrow,
}
