"""The rows of a response as columns of exact cells: plain rows by ``bulk``, any legal rows here.

It also settles the shape of a table: what the columns are called, and that every row has as many cells as
there are columns. Nothing is padded, dropped or shifted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Final

import msgspec

from connecty_frames.decode import tokens
from connecty_frames.decode.bulk import read_plain
from connecty_frames.decode.evidence import section_of
from connecty_frames.errors import ColumnNameWarning, ResponseError
from connecty_frames.escape import snippet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Rows", "read_rows"]

_CELLS: Final = msgspec.json.Decoder(list[list[msgspec.Raw]])


@dataclass(frozen=True)
class Rows:
    """The rows of a response, by column.

    Parameters
    ----------
    names
        The column names, each once.
    columns
        The cells of each column as ``tokens.parse`` gives them, or would.
    count
        How many rows there are.
    own_names
        The name of each column as the server knows it, None where it has none or shares it.
    warnings
        What had to be done to the names.
    source
        The JSON, None where it was no strict JSON.
    """

    names: list[str]
    columns: Sequence[Sequence[Any]]
    count: int
    own_names: list[str | None]
    warnings: list[ColumnNameWarning]
    source: memoryview | None

    def source_of(self, column: int) -> list[str | None]:
        """Give the cells of a column as the JSON texts they were, None for null."""
        if self.source is None:
            return [None if value is None else tokens.dump(value) for value in self.columns[column]]
        cells = (str(memoryview(row[column]), "utf-8").strip() for row in self._raw[1:])
        return [None if cell == "null" else cell for cell in cells]

    @cached_property
    def _raw(self) -> list[list[msgspec.Raw]]:
        """The header and the rows as JSON texts, cut once for all columns that need them."""
        rows: list[list[msgspec.Raw]] = _CELLS.decode(self.source or b"[]")
        return rows


def read_rows(source: object, statistics: Mapping[str, dict[str, Any]] | None = None) -> Rows:
    """Read ``dataframe``: an array of column names first, then an array for each row.

    Parameters
    ----------
    source
        The JSON of it, or what ``tokens.parse`` gave where that has been read.
    statistics
        By column; they only tell what may be tried first.

    Raises
    ------
    ResponseError
        Where it is no array of arrays, has no header, or a row has more or fewer cells than the header.
    """
    raw = source if isinstance(source, memoryview) else None
    sections = {name: section_of(found) for name, found in (statistics or {}).items()}
    plain = None if raw is None else read_plain(raw, sections)
    if plain is not None:
        header, columns = plain
        names, own_names, warnings = _names(header)
        return Rows(names, columns, len(columns[0]), own_names, warnings, raw)
    return _read_any(source if raw is None else _parse(raw), raw)


def _read_any(rows: object, raw: memoryview | None) -> Rows:
    """Read rows one by one, whatever they hold."""
    if not isinstance(rows, list):
        raise ResponseError(f"dataframe is no array of rows. It begins: {_shown(rows)}")
    if not rows or not isinstance(rows[0], list):
        raise ResponseError("dataframe has no header: its first row must be the array of column names.")
    header, *body = rows
    names, own_names, warnings = _names(header)
    width = len(names)
    for number, row in enumerate(body):
        if not isinstance(row, list):
            raise ResponseError(f"Row {number} of dataframe is no array: {_shown(row)}")
        if len(row) != width:
            raise ResponseError(
                f"Row {number} of dataframe has {len(row)} cells for {width} columns: {_shown(row)}"
            )
    columns = [list(column) for column in zip(*body, strict=True)] if body else [[] for _ in names]
    return Rows(names, columns, len(body), own_names, warnings, raw)


def _parse(source: memoryview) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return tokens.parse(str(source, "utf-8"))
    except UnicodeDecodeError as error:
        raise ResponseError(f"dataframe is not UTF-8 at byte {error.start} of it.") from None
    except RecursionError:
        raise ResponseError("dataframe is nested too deeply.") from None
    except ValueError as error:  # pragma: no cover - msgspec has proved the grammar
        raise ResponseError(f"dataframe is no JSON: {error}") from None


def _shown(value: object) -> str:
    """Show how a value begins; writing out a deeply nested one would recurse too far."""
    return "(deeply nested)" if tokens.too_deep([value]) else snippet(tokens.dump(value))


def _names(header: list[Any]) -> tuple[list[str], list[str | None], list[ColumnNameWarning]]:
    """Give each column a name of its own; the first of duplicates keeps it."""
    given = [_given_name(position, name) for position, name in enumerate(header)]
    times = Counter(given)
    taken = {name for name in given if name}
    numbers: defaultdict[str, count[int]] = defaultdict(lambda: count(1))
    seen: set[str] = set()
    names: list[str] = []
    warnings: list[ColumnNameWarning] = []
    for position, name in enumerate(given):
        final = name
        if not name or name in seen:
            base = name or f"column_{position}"
            # Numbers only ever grow, so that many columns of one name are not searched again and again.
            choices = chain(() if name else (base,), (f"{base}_{number}" for number in numbers[base]))
            final = next(choice for choice in choices if choice not in taken)
            taken.add(final)
        names.append(final)
        if final != header[position] or type(header[position]) is not str:
            what = snippet(tokens.dump(header[position]))
            reason = "is taken" if name in seen else "is no name"
            warnings.append(
                ColumnNameWarning(f"Column {position} is called {final!r}, since its name {what} {reason}.")
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
    text = "" if name is None else name if isinstance(name, str) else tokens.dump(name)
    if not tokens.encodes(text):
        raise ResponseError(
            f"The column name at position {position} holds half of a surrogate pair, which is no text: "
            f"{snippet(text)}"
        )
    return str(text)
