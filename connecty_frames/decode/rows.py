"""The rows of a response as columns of exact cells: plain rows by ``bulk``, all others here.

It also settles the shape of a table: what the columns are called, and that every row has as many cells as
there are columns. Nothing is padded, dropped or shifted.
"""

from __future__ import annotations

import gc
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Final, NoReturn

import msgspec
import pyarrow as pa

from connecty_frames.decode import exact_json
from connecty_frames.decode.column import ScalarColumn, section_of
from connecty_frames.decode.columnar import read_plain
from connecty_frames.decode.envelope import LooseRows
from connecty_frames.decode.exact_json import FloatText, IntText, Kind
from connecty_frames.errors import ColumnNameWarning, ResponseError
from connecty_frames.text import snippet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["Rows", "read_rows"]

#: For rows of no more bytes the general reader is faster: it has less to prepare.
_SMALL: Final = 1 << 15
#: In how many bytes the header is looked for at first.
_HEADER: Final = 1 << 16
#: What Arrow infers of cells that are all of one kind, and of no others.
_KINDS: Final = {pa.string(): Kind.TEXT, pa.bool_(): Kind.BOOLEAN, pa.int64(): Kind.WHOLE}
_CELLS: Final = msgspec.json.Decoder(list[list[msgspec.Raw]])


@dataclass(frozen=True)
class Rows:
    """The rows of a response, by column.

    Parameters
    ----------
    names
        The column names, each once.
    own_names
        The name of each column as the server knows it, None where it has none or shares it.
    warnings
        What had to be done to the names.
    columns
        The cells of each column as ``tokens.parse`` gives them, or would.
    count
        How many rows there are.
    source
        What the columns were read from.
    """

    names: list[str]
    own_names: list[str | None]
    warnings: list[ColumnNameWarning]
    columns: Sequence[Sequence[Any]]
    count: int
    source: memoryview | LooseRows

    def source_of(self, column: int) -> list[str | None]:
        """Give the cells of a column as the JSON texts they were, None for null."""
        if self._sources is None:
            return [None if value is None else exact_json.dump(value) for value in self.columns[column]]
        cells = (str(memoryview(row[column]), "utf-8").strip() for row in self._sources[1:])
        return [None if cell == "null" else cell for cell in cells]

    @cached_property
    def _sources(self) -> Sequence[Sequence[msgspec.Raw | bytes]] | None:
        """The header and the rows as JSON texts, cut once for all columns; None where they cannot be cut."""
        return self.source.sources() if isinstance(self.source, LooseRows) else _CELLS.decode(self.source)


def read_rows(source: memoryview | LooseRows, statistics: Mapping[str, dict[str, Any]] | None = None) -> Rows:
    """Read ``dataframe``: an array of column names first, then an array for each row.

    Parameters
    ----------
    source
        The JSON of it, or its cells where only ``tokens.parse`` could read them.
    statistics
        By column; they only tell what may be tried first.

    Raises
    ------
    ResponseError
        Where it is no array of arrays, has no header, or a row has more or fewer cells than the header.
    """
    if isinstance(source, LooseRows):
        return _by_column(*_taken_apart(source.cells), source, _as_they_are)
    sections = {name: section_of(found) for name, found in (statistics or {}).items()}
    plain = read_plain(source, sections) if len(source) > _SMALL else None
    if plain is not None:
        header, columns = plain
        return Rows(*_names(header), columns=columns, count=len(columns[0]), source=source)
    try:
        with _collector_paused():
            return _by_column(*_decoded(source), source, _typed)
    except (ValueError, msgspec.DecodeError, RecursionError, ResponseError):
        rows = _taken_apart(_parse(source))  # the patient reader knows more
        return _by_column(*rows, source, _as_they_are)


def _decoded(source: memoryview) -> tuple[list[Any], list[tuple[Any, ...]]]:
    """Read the header, and rows of as many cells; numbers with a fraction are given as the bytes they are."""
    try:
        header = _header(source[:_HEADER])
    except ValueError:
        header = _header(source)
    return header, _tuples(len(header)).decode(source)[1:]


def _header(beginning: memoryview) -> list[Any]:
    text = str(beginning, "utf-8", "ignore")  # a character may be cut off at the end
    header: list[Any]
    header, _ = exact_json.parse_first(text, text.index("[", 1))  # the first bracket is that of all rows
    return header


@lru_cache(maxsize=16)
def _tuples(width: int) -> msgspec.json.Decoder[list[tuple[Any, ...]]]:
    row: Any = tuple[(Any,) * width]  # type: ignore[misc]
    return msgspec.json.Decoder(list[row], float_hook=str.encode)


def _taken_apart(rows: object) -> tuple[list[Any], list[list[Any]]]:
    """Give the header and the rows under it, all of which have as many cells."""
    if not isinstance(rows, list):
        raise ResponseError(f"dataframe is no array of rows. It begins: {_shown(rows)}")
    if not rows or not isinstance(rows[0], list):
        raise ResponseError("dataframe has no header: its first row must be the array of column names.")
    header, *body = rows
    width = len(header)
    if {type(row) for row in body} - {list} or {len(row) for row in body} - {width}:
        _refuse_ragged(body, width)
    return header, body


def _by_column(
    header: list[Any],
    body: Sequence[Sequence[Any]],
    source: memoryview | LooseRows,
    column: Callable[[Rows, int, tuple[Any, ...]], Sequence[Any]],
) -> Rows:
    """Take rows that are as wide as their header apart into columns."""
    found = Rows(*_names(header), columns=[], count=len(body), source=source)
    cells = list(zip(*body, strict=True)) if body else [()] * len(header)
    return replace(found, columns=[column(found, *each) for each in enumerate(cells)])


def _refuse_ragged(body: list[Any], width: int) -> NoReturn:
    """Say which row is no row of the table."""
    for number, row in enumerate(body):
        if not isinstance(row, list):
            raise ResponseError(f"Row {number} of dataframe is no array: {_shown(row)}")
        if len(row) != width:
            raise ResponseError(
                f"Row {number} of dataframe has {len(row)} cells for {width} columns: {_shown(row)}"
            )
    raise AssertionError("every row is an array of the right length")  # pragma: no cover


def _as_they_are(_rows: Rows, _position: int, cells: tuple[Any, ...]) -> Sequence[Any]:
    return list(cells)


def _typed(rows: Rows, position: int, cells: tuple[Any, ...]) -> Sequence[Any]:
    """Give cells that msgspec has read as an array where they are scalars of one kind.

    Nested ones and zeros are read again: msgspec keeps one of two equal keys, and no minus of a zero.
    """
    first = next((cell for cell in cells if cell is not None), None)
    try:
        array = None if isinstance(first, list | dict) else pa.array(cells)
    except (pa.ArrowException, OverflowError):  # of more than one kind, or beyond 64 bits
        array = None
    kind = None if array is None else _KINDS.get(array.type)
    if kind is not None:
        return ScalarColumn(kind, array)
    kinds = set(map(type, cells)) - {type(None)}
    if kinds == {bytes}:
        return ScalarColumn(Kind.FRACTION, pa.array(cells, pa.string()))
    if kinds & {list, dict} or any(type(cell) is int and cell == 0 for cell in cells):
        exact = [text if text is None else exact_json.parse(text) for text in rows.source_of(position)]
    else:
        exact = [cell if (make := _EXACT.get(type(cell))) is None else make(cell) for cell in cells]
    if kinds and kinds <= {bytes, int}:
        return ScalarColumn(Kind.FRACTION, pa.array(exact, pa.string()))
    return exact


#: What makes a cell that msgspec gave what ``tokens.parse`` would have given, where that is not the same.
_EXACT: Final[dict[type, Callable[[Any], object]]] = {
    int: IntText,
    bytes: lambda digits: FloatText(digits.decode()),
}


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the garbage collector from looking at millions of cells again and again; none is garbage."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _parse(source: memoryview) -> Any:
    try:
        return exact_json.parse(str(source, "utf-8"))
    except UnicodeDecodeError as error:
        raise ResponseError(f"dataframe is not UTF-8 at byte {error.start} of it.") from None
    except RecursionError:
        raise ResponseError("dataframe is nested too deeply.") from None
    except ValueError as error:  # pragma: no cover - msgspec has proved the grammar
        raise ResponseError(f"dataframe is no JSON: {error}") from None


def _shown(value: object) -> str:
    """Show how a value begins; writing out a deeply nested one would recurse too far."""
    return "(deeply nested)" if exact_json.too_deep([value]) else snippet(exact_json.dump(value))


def _names(header: list[Any]) -> tuple[list[str], list[str | None], list[ColumnNameWarning]]:
    """Give each column a name of its own; the first of duplicates keeps it."""
    given = [_given_name(position, name) for position, name in enumerate(header)]
    times = Counter(given)
    taken = {name for name in given if name}
    numbers: defaultdict[str, count[int]] = defaultdict(lambda: count(1))
    seen: set[str] = set()
    names: list[str] = []
    warnings: list[ColumnNameWarning] = []
    for position, text in enumerate(given):
        name = "" if exact_json.NUL in text else text
        final = name
        if not name or name in seen:
            base = name or f"column_{position}"
            # Numbers only ever grow, so that many columns of one name are not searched again and again.
            choices = chain(() if name else (base,), (f"{base}_{number}" for number in numbers[base]))
            final = next(choice for choice in choices if choice not in taken)
            taken.add(final)
        names.append(final)
        if final != header[position] or type(header[position]) is not str:
            what = snippet(exact_json.dump(header[position]))
            reason = (
                "is taken"
                if name in seen
                else "holds a NUL character"
                if exact_json.NUL in text
                else "is no name"
            )
            warnings.append(
                ColumnNameWarning(
                    f"Column {position} is called {snippet(final)!r}, since its name {what} {reason}."
                )
            )
        seen.add(final)
    own: list[str | None] = [name if type(name) is str and times[name] == 1 else None for name in header]
    return names, own, warnings


def _given_name(position: int, name: object) -> str:
    """Give a name as text: empty for none, the exact text of a number or a truth value."""
    if isinstance(name, list | dict):
        raise ResponseError(
            f"The header of dataframe holds {_shown(name)} at position {position}, which is no "
            "column name; is the header row missing?"
        )
    text = "" if name is None else name if isinstance(name, str) else exact_json.dump(name)
    if not exact_json.encodes(text):
        raise ResponseError(
            f"The column name at position {position} holds half of a surrogate pair, which is no text: "
            f"{snippet(text)}"
        )
    return str(text)
