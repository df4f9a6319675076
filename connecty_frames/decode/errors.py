"""The error about one cell, later a warning or a ConversionError about its column."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from connecty_frames._base.text import cut, terminal
from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.exact_json import LONE_SURROGATE, dump, is_encodable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pyarrow as pa

    from connecty_frames.decode.arrow.buffers import Array

#: How many characters of a value a message shows.
_LONGEST_VALUE: Final = 60


class CellError(ValueError):
    """A value, as text, outside of its column's type, and why; ``row`` is None for a bound."""

    def __init__(self, row: int | None, value: str, reason: str) -> None:
        super().__init__(f"{value} {reason}")
        self.row = row
        self.value = value
        # It may contain a type of many fields, with names of a server.
        self.reason: str = terminal(cut(reason, 500))

    def at(self, row: int | None) -> CellError:
        """Return the error with another row."""
        return CellError(row, self.value, self.reason)

    @property
    def short_value(self) -> str:
        """The beginning of the value with its white space, a possible fault."""
        text = terminal(self.value[: _LONGEST_VALUE + 1])
        return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"

    @property
    def place(self) -> str:
        """Where the value stands, in words."""
        return "the statistics' min or max" if self.row is None else f"row {self.row}"


def cell_error(row: int, cell: object, reason: str) -> CellError:
    """Return the error about a cell of any kind, with its exact text or JSON as the value."""
    return CellError(row, cell if type(cell) is str else dump(cell), reason)


def check_texts(cells: Sequence[Any], reason: str, *, numbers: bool = False) -> Sequence[Any]:
    """Return cells; raise CellError at the first other than a text, None, or number if allowed."""
    for row, cell in enumerate(cells):
        if cell is not None and type(cell) is not str and not (numbers and isinstance(cell, str)):
            raise cell_error(row, cell, reason)
    return cells


def raise_at_first(wrong: pa.BooleanArray, texts: Sequence[str | None] | Array, reason: str) -> None:
    """Raise a CellError about the first text marked as wrong, if any."""
    if wrong.true_count:
        row = pc.indices_nonzero(wrong)[0].as_py()
        raise CellError(row, str(texts[row]), reason)


def read_each(
    parts: Iterable[tuple[int, pa.StringArray]], read: Callable[[pa.StringArray], Any]
) -> Iterator[tuple[int, Any]]:
    """Read each part; yield its first row and the result. A CellError has the row of the column."""
    for start, part in parts:
        try:
            yield start, read(part)
        except CellError as error:
            raise error.at(start + (error.row or 0)) from None


@contextmanager
def errors_as_written(texts: Sequence[str | None] | Array, bounds: Sequence[str] = ()) -> Iterator[None]:
    """Let a CellError show its text, or bound behind these, as it was written and not as it was read."""
    try:
        yield
    except CellError as error:
        row, count = error.row or 0, len(texts)
        if row < count:
            raise CellError(row, str(texts[row]), error.reason) from None
        raise CellError(None, bounds[row - count], error.reason) from None


def surrogate_error(cells: Iterable[object]) -> CellError:
    """Return the error about the first cell with a lone surrogate."""
    texts = enumerate(cell if type(cell) is str else dump(cell) for cell in cells)
    row, text = next((row, text) for row, text in texts if not is_encodable(text))
    return CellError(row, text, f"holds {LONE_SURROGATE}")
