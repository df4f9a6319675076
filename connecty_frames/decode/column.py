"""What the statistics and the values say about each column.

Evidence is read off the whole column, never off a sample: frame libraries that look at the first rows
and type the rest by them are the source of most silent errors in this field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, overload

import pyarrow as pa

from connecty_frames.decode.exact_json import (
    _KIND_OF,
    NUMBERS,
    FloatText,
    IntText,
    Kind,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connecty_frames.decode.numbers import FloatValues
    from connecty_frames.decode.temporal import TemporalValues

__all__ = ["Evidence", "ScalarColumn", "concat", "section_of"]

#: The sections of the statistics that tell a type, strongest first. ``general`` stands with every column
#: and tells none; ``numeric`` and ``boolean`` are our guess at what the API document leaves out.
_SECTIONS: Final = ("string", "temporal", "numeric", "boolean")


def section_of(statistics: dict[str, Any]) -> str | None:
    """Give the section of a column's statistics that tells its type, None where none does."""
    for name in _SECTIONS:
        if isinstance(statistics.get(name), dict):
            return name
    return None


def concat(parts: Sequence[Any]) -> Any:
    """Put together what was read of the parts of a column, None where that of a part is not known."""
    if None in parts:
        return None
    return parts[0] if len(parts) == 1 else type(parts[0]).joined(parts)


class ScalarColumn(Sequence[Any]):
    """A column of one kind that was read as a whole: an Arrow array, and cells only where they are asked for.

    Parameters
    ----------
    kind
        What its values are; where it is FRACTION, some of the numbers may be whole.
    array
        Its values: texts as strings, whole numbers as int64 or, as numbers with a fraction, as the texts
        they are, truth values as bool. Or what gives them, where ``read`` is likely to be all that is asked
        for.
    read
        Its texts as what they mean, where they were read at once.
    """

    def __init__(
        self,
        kind: Kind,
        array: pa.ChunkedArray | pa.Array | Callable[[], pa.ChunkedArray | pa.Array],
        read: TemporalValues | FloatValues | None = None,
    ) -> None:
        self.kind = kind
        self.read = read
        self._array = array

    @property
    def array(self) -> pa.ChunkedArray | pa.Array:
        """Its values as they were before any meaning was read into them."""
        if callable(self._array):
            self._array = self._array()
        return self._array

    @property
    def filled(self) -> int:
        """How many of its cells are not null."""
        cells = self._any
        return len(cells) - int(cells.null_count)

    @property
    def _any(self) -> pa.ChunkedArray | pa.Array:
        return self.array if self.read is None else self.read.values

    def __len__(self) -> int:
        return len(self._any)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cells)

    @overload
    def __getitem__(self, key: int) -> object: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[object]: ...
    def __getitem__(self, key: int | slice) -> object:
        """Give cells as ``tokens.parse`` would have."""
        return self._cells[key]

    @cached_property
    def _cells(self) -> list[Any]:
        values: list[Any] = self.array.to_pylist()
        if self.kind not in NUMBERS:
            return values
        texts = (value if value is None else str(value) for value in values)
        return [
            text if text is None else IntText(text) if text.lstrip("-").isdecimal() else FloatText(text)
            for text in texts
        ]


@dataclass
class Evidence:
    """One column before it has a type.

    Parameters
    ----------
    name
        The column's name.
    values
        Its cells as ``tokens.parse`` gives them, None for null.
    statistics
        The server's statistics of the column by section; empty where there are none.

    Attributes
    ----------
    kinds
        Which kinds of values occur, null aside.
    count
        How many values there are, nulls not among them.
    section
        The section of the statistics that tells the type, None where none does.
    bounds
        The min and max of the statistics, as two more values of the column (see ``scalars``).
    """

    name: str
    values: Sequence[Any]
    statistics: dict[str, Any] = field(default_factory=dict)
    kinds: frozenset[Kind] = field(init=False)
    count: int = field(init=False)
    section: str | None = field(init=False)
    bounds: list[str] = field(init=False)

    def __post_init__(self) -> None:
        values = self.values
        if isinstance(values, ScalarColumn):
            self.count = values.filled
            self.kinds = frozenset((values.kind,) if self.count else ())
        else:
            self.count = len(values) - sum(value is None for value in values)
            self.kinds = frozenset(_KIND_OF[kind] for kind in set(map(type, values)) - {type(None)})
        self.section = section_of(self.statistics)
        found = {} if self.section is None else self.statistics[self.section]
        self.bounds = [value for name in ("min", "max") if isinstance(value := found.get(name), str)]

    @cached_property
    def array(self) -> pa.ChunkedArray | pa.Array | None:
        """The values as an Arrow array of texts, number texts, int64 or bool; None where they are no such."""
        if isinstance(self.values, ScalarColumn):
            return self.values.array
        if self.kinds == {Kind.BOOLEAN}:
            return pa.array(self.values, pa.bool_())
        if self.kinds == {Kind.TEXT} or (self.kinds and self.kinds <= NUMBERS):
            return pa.array(self.values, pa.string())
        return None

    @property
    def read(self) -> TemporalValues | FloatValues | None:
        """The values as what they mean, where they were read at once."""
        return self.values.read if isinstance(self.values, ScalarColumn) else None

    @cached_property
    def scalars(self) -> list[str]:
        """All values and then the bounds as texts, without nulls: what a type must hold."""
        return [*(value for value in self.values if value is not None), *self.bounds]

    def row_of(self, position: int) -> int | None:
        """Give the row of a position in ``scalars``, None for the bounds."""
        rows = (row for row, value in enumerate(self.values) if value is not None)
        return next((row for index, row in enumerate(rows) if index == position), None)
