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
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, cast, overload

import pyarrow as pa
from pyarrow import parquet

from connecty_frames.errors import ConfigError, ConnectyError
from connecty_frames.files import checked_path, open_regular
from connecty_frames.frames.accessor import attach, metadata
from connecty_frames.frames.export import ATTRS, PANDAS, STORY, _repeated, is_intact
from connecty_frames.options import AskOptions
from connecty_frames.text import path_text, snippet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd
    import polars as pl

    from connecty_frames.answer_metadata import AnswerMetadata
    from connecty_frames.options import DtypeBackend, Engine

__all__ = ["read_parquet"]

#: How pandas calls the column of an index that has no name.
_UNNAMED: Final = "__index_level_"


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
        Where an argument is wrong; or the file is no Parquet, damaged, keeps under ``connecty`` what is not
        the metadata of an answer, or holds what the library cannot, such as a time zone that it does not
        know. What pandas keeps beside a table (index, attrs) is passed over where it makes no sense.
    OSError
        Where the file cannot be opened, or is no regular file.

    Notes
    -----
    A file that ``frame.connecty.write_parquet`` wrote has a checksum, which is verified before anything else:
    of such a file, damage is an error and never another value. Of other files, pages are verified where they
    have checksums, and values are checked to be valid.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> df = cf.ask_df("how many orders are there")
    >>> path = df.connecty.write_parquet("orders.parquet")
    >>> cf.read_parquet(path, engine="polars").connecty.question
    'how many orders are there'
    """
    options = AskOptions(engine=engine, dtype_backend=dtype_backend)
    with open_regular(checked_path(path)) as file:
        # Memory of Arrow's: over Python's own, pyarrow 17 aborts now and then as the process ends.
        content = pa.allocate_buffer(os.fstat(file.fileno()).st_size)
        content = content.slice(0, file.readinto(content))
    name = path_text(path)
    if (intact := is_intact(memoryview(content))) is False:
        raise ConfigError(
            f"{name} is damaged: its checksum is not the one that was written. Write it again.",
            setting="path",
        )
    with _errors_say(f"{name} is no Parquet file, or damaged"):
        table, attrs = _with_story(_table(content, checked=intact is True))
        index, seconds = _notes_of_pandas(table)
    try:
        story = metadata(table)
    except ConfigError:
        raise ConfigError(
            f"{name} is damaged: what it keeps under {STORY.decode()!r} is not the metadata of an answer. "
            "pandas.read_parquet and polars.read_parquet read the table without it.",
            setting="path",
        ) from None
    with _errors_say(f"{name} is damaged, or holds what {engine} cannot"):
        frame = _FRAMES[options.engine](_typed(table, seconds, story), index, options.dtype_backend)
    if engine == "pandas":
        frame.attrs = attrs
    return frame if story is None else attach(frame, story)


def _table(content: pa.Buffer, *, checked: bool) -> pa.Table:
    """Read the table of a file; one without a checksum of ours is checked as far as it can be."""
    file = parquet.ParquetFile(pa.BufferReader(content), page_checksum_verification=not checked)
    table = file.read()
    if not checked:
        table.validate(full=True)  # polars panics at text that is not UTF-8
    return table


@contextmanager
def _errors_say(problem: str) -> Iterator[None]:
    """Turn what libraries raise for a file that nobody checked, which may be anything, into our error."""
    try:
        yield
    except (ConnectyError, Warning):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is
        detail = f"{type(error).__name__}: {snippet(str(error), 200)}"
        raise ConfigError(f"{problem} ({detail}).", setting="path") from None


def _with_story(table: pa.Table) -> tuple[pa.Table, dict[str, Any]]:
    """Return a table with its story where ours looks for it, and its attrs of pandas."""
    kept = dict(table.schema.metadata or {})
    attrs = _object(kept.get(ATTRS))
    if STORY not in kept and STORY.decode() in attrs:  # pandas wrote it
        kept[STORY] = str(attrs[STORY.decode()]).encode(errors="backslashreplace")
    return table.replace_schema_metadata(kept), attrs


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
        index = noted.get("index_columns")
        return index if isinstance(index, list) else [], seconds
    except (TypeError, KeyError):  # somebody else's notes
        return [], set()


def _typed(table: pa.Table, seconds: set[str], story: AnswerMetadata | None) -> pa.Table:
    """Give columns the types again that the story tells and that pandas, polars or Parquet lack."""
    told = {column["name"]: column["type"] for column in story.schema} if story else {}
    columns = []
    for name, found in zip(table.column_names, table.columns, strict=True):
        column = found
        if name in seconds and pa.types.is_timestamp(column.type):
            column = _again(column, pa.timestamp("s"))
        stand_in, kind = _STAND_INS.get(told.get(name, ""), (None, None))
        if column.type == stand_in:
            column = _again(column, kind)
        columns.append(column)
    if not columns:
        return table  # its number of rows would be lost
    # At once: replacing column by column takes time in the square of their number.
    return pa.Table.from_arrays(columns, table.column_names, metadata=table.schema.metadata)


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
    names = set(table.column_names)
    labels = [each for each in index if isinstance(each, str) and each in names]
    try:
        found = _index_of_pandas(table, labels, index, backend)
    except Exception:  # noqa: BLE001 - notes that make no sense are passed over, and no column is left out
        labels, found = [], None
    frame = _columns_of_pandas(_without(table, set(labels)), backend)
    if found is not None:
        frame.index = found
    return frame


def _columns_of_pandas(table: pa.Table, backend: DtypeBackend) -> pd.DataFrame:
    from connecty_frames.frames.pandas import to_pandas

    frame = to_pandas(table, dtype_backend=backend)
    for at, kind in enumerate(table.schema.types):
        # Categories, periods and intervals are pandas' own; an answer has none.
        if backend != "pyarrow" and _is_of_pandas(kind):
            frame.isetitem(at, table.select([at]).to_pandas(ignore_metadata=True).iloc[:, 0].array)
    return frame


def _index_of_pandas(
    table: pa.Table, labels: list[str], index: list[Any], backend: DtypeBackend
) -> pd.Index | None:
    """Return the index that pandas noted, None where it noted none."""
    import pandas as pd

    if any(label.startswith(_UNNAMED) for label in labels):
        return cast("pd.Index", table.select(labels).to_pandas().index)  # pyarrow knows what it was
    if labels:
        frame = _columns_of_pandas(table.select(labels), backend)
        # set_index takes the columns out one by one, in time of the square of their number.
        return frame.set_index(labels).index if len(labels) == 1 else pd.MultiIndex.from_frame(frame)
    if index and isinstance(index[0], dict):
        noted = index[0]
        found = pd.RangeIndex(noted["start"], noted["stop"], noted["step"], name=noted.get("name"))
        return found if len(found) == table.num_rows else None
    return None


def _is_of_pandas(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.BaseExtensionType) or bool(pa.types.is_dictionary(kind))


def _as_polars(table: pa.Table, index: list[Any], _: DtypeBackend) -> pl.DataFrame:
    import polars as pl

    from connecty_frames.frames.polars import to_polars

    if (twice := _repeated(table.column_names)) is not None:
        raise ConfigError(f"Two columns are called {snippet(twice)!r}, which polars cannot hold.")
    try:
        return to_polars(_without_labels(table, index))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:  # such as pandas' periods
        raise ConfigError(
            f"This file holds a type that polars lacks: {snippet(str(error), 200)}", setting="engine"
        ) from None


def _as_arrow(table: pa.Table, index: list[Any], _: DtypeBackend) -> pa.Table:
    kept = {key: value for key, value in table.schema.metadata.items() if key not in {PANDAS, ATTRS}}
    return _without_labels(table, index).replace_schema_metadata(kept)


def _without_labels(table: pa.Table, index: list[Any]) -> pa.Table:
    """Leave out the labels of rows that pandas wrote as columns without a name."""
    labels = {each for each in index if isinstance(each, str) and each.startswith(_UNNAMED)}
    return _without(table, labels)


def _without(table: pa.Table, names: set[str]) -> pa.Table:
    """Leave out columns, all at once: Table.drop_columns does it one by one."""
    return table.select([at for at, name in enumerate(table.column_names) if name not in names])


_FRAMES: Final[dict[Engine, Callable[[pa.Table, list[Any], DtypeBackend], Any]]] = {
    "pandas": _as_pandas,
    "polars": _as_polars,
    "pyarrow": _as_arrow,
}
