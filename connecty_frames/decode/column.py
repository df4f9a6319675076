"""One column before it has a type: its cells, and what the statistics say about it.

Everything here is found from the whole column, never from a sample: a type guessed from the first rows may
silently change later values.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias, overload

import pyarrow as pa

from connecty_frames.decode.arrow_buffers import to_array
from connecty_frames.decode.envelope import parse_count, stated_bounds
from connecty_frames.decode.exact_json import KIND_BY_TYPE, NUMBER_KINDS, FloatText, IntText, ValueKind
from connecty_frames.decode.numbers import FloatValues
from connecty_frames.decode.temporal_fast import TemporalValues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Array", "Column", "ScalarColumn", "Values", "concat", "section_of"]

Array: TypeAlias = pa.ChunkedArray | pa.Array
#: The cells of a column, or the temporal or float values that have been read from them.
Values: TypeAlias = Array | TemporalValues | FloatValues

#: The sections of the statistics that tell a type, strongest first; ``numeric`` and ``boolean`` are assumed,
#: since the API document leaves them out.
_SECTIONS: Final = ("string", "temporal", "numeric", "boolean")


def section_of(statistics: dict[str, Any]) -> str | None:
    """Return the section of a column's statistics that tells its type.

    It is ``general`` where there are statistics and none of them tells the type, None where there are none.
    """
    for name in _SECTIONS:
        if isinstance(statistics.get(name), dict):
            return name
    return "general" if statistics else None


def concat(parts: Sequence[Any]) -> Any:
    """Concatenate the values read from the parts of a column, None where those of a part are None."""
    if None in parts:
        return None
    return parts[0] if len(parts) == 1 else type(parts[0]).concat(parts)


class ScalarColumn(Sequence[Any]):
    """Cells of one kind in Arrow arrays; Python objects are made only where the cells are asked for.

    Parameters
    ----------
    kind
        The kind of the cells; where it is FRACTION, some of the numbers may be whole.
    values
        The cells as an array: texts as strings, whole numbers as int64, numbers with a fraction as the texts
        they are, truth values as bool. Or texts that have been read as temporal or float values already.
    texts
        Returns the texts that such values were read from; called only where they are needed.
    """

    def __init__(self, kind: ValueKind, values: Values, texts: Callable[[], Array] | None = None) -> None:
        self.kind = kind
        self.values = values
        self._texts = texts
        cells = values.values if isinstance(values, TemporalValues | FloatValues) else values
        self._length = len(cells)
        #: How many cells are not null.
        self.present_count: int = self._length - int(cells.null_count)

    @cached_property
    def array(self) -> Array:
        """The cells, or the texts that temporal or float values were read from."""
        return self.values if self._texts is None else self._texts()

    @cached_property
    def _cells(self) -> list[Any]:
        values: list[Any] = self.array.to_pylist()
        if self.kind not in NUMBER_KINDS:
            return values
        texts = (value if value is None else str(value) for value in values)
        return [
            text if text is None else IntText(text) if text.lstrip("-").isdecimal() else FloatText(text)
            for text in texts
        ]

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cells)

    @overload
    def __getitem__(self, key: int) -> object: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[object]: ...
    def __getitem__(self, key: int | slice) -> object:
        """Return cells as ``exact_json.parse`` would."""
        return self._cells[key]


class Column:
    """One column before it has a type.

    Parameters
    ----------
    name
        The column's name.
    cells
        Its cells as ``exact_json.parse`` returns them, None for null.
    statistics
        The server's statistics of the column by section; empty where there are none.
    whole
        Whether all rows of the result were received.

    Attributes
    ----------
    kinds
        The kinds of values that occur, null aside.
    count
        How many cells are not null.
    section
        The section of the statistics that tells the type, ``general`` where none does, None without any.
    bounds
        The min and max of the statistics, as far as they are evidence of the type. Where all rows were
        received they are not: the values decide.
    """

    def __init__(
        self,
        name: str,
        cells: Sequence[Any],
        statistics: dict[str, Any] | None = None,
        *,
        whole: bool = False,
    ) -> None:
        self.name = name
        self.cells = cells
        if isinstance(cells, ScalarColumn):
            self.count: int = cells.present_count
            self.kinds: frozenset[ValueKind] = frozenset((cells.kind,) if self.count else ())
        else:
            self.count = len(cells) - sum(cell is None for cell in cells)
            self.kinds = frozenset(KIND_BY_TYPE[type_] for type_ in set(map(type, cells)) - {type(None)})
        self._statistics = statistics = statistics or {}
        self._whole = whole
        self.section: str | None = section_of(statistics)
        self.bounds: list[str] = []
        if self.section in _SECTIONS and not (whole and self.count):
            self.bounds = list(stated_bounds(statistics[self.section]).values())

    @cached_property
    def values(self) -> Any:
        """The cells as an array, or what has been read from them; None if they are not of one scalar kind."""
        if isinstance(self.cells, ScalarColumn):
            return self.cells.values
        if self.kinds == {ValueKind.BOOLEAN}:
            return to_array(self.cells, pa.bool_())
        if self.kinds == {ValueKind.TEXT} or (self.kinds and self.kinds <= NUMBER_KINDS):
            return to_array(self.cells, pa.string())
        return None

    @property
    def array(self) -> Array | None:
        """The cells as an array of texts, number texts, int64 or bool, None where they are of other kinds."""
        return self.cells.array if isinstance(self.cells, ScalarColumn) else self.values

    @property
    def present(self) -> list[Any]:
        """The cells that are not null."""
        return [cell for cell in self.cells if cell is not None]

    def by_cell(self) -> Column:
        """Return the column with the kind of each cell, not that as which all were read."""
        return Column(self.name, list(self.cells), self._statistics, whole=self._whole)

    def row_of(self, position: int) -> int | None:
        """Return the row of a position in ``present``; None beyond its end, where the bounds stand."""
        rows = (row for row, cell in enumerate(self.cells) if cell is not None)
        return next((row for index, row in enumerate(rows) if index == position), None)

    def with_nat_as_null(self) -> Column | None:
        """Return the column with null for each ``NaT``, None unless the statistics count these as nulls."""
        general = self._statistics.get("general")
        stated = parse_count(general.get("nulls_count")) if isinstance(general, dict) else None
        cells = [None if cell == "NaT" else cell for cell in self.cells]
        nulls = cells.count(None)
        if stated is None or nulls == len(cells) - self.count:
            return None
        agrees = stated == nulls if self._whole else stated >= nulls
        return Column(self.name, cells, self._statistics, whole=self._whole) if agrees else None
