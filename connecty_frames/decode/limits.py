"""The limits of reading an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connecty_frames._base.immutable import Immutable
from connecty_frames.errors import ResponseError

if TYPE_CHECKING:
    from collections.abc import Callable

#: The most values of statistics, which take up to 100 bytes each, however short they are.
MOST_VALUES: Final = 2_000_000
MOST_KEPT: Final = 100_000


class ReaderLimits(Immutable):
    """The limits of reading: sizes in bytes, by which a reader is chosen and blocks are cut, and the time.

    Parameters
    ----------
    smallest
        Up to this size, rows are read row by row, which needs less preparation and so is faster.
    block
        Blocks of this size stay in a processor's cache, and bound the memory that the work takes.
    general_block
        The same for the general reader, whose work takes more memory.
    longest_row
        A longer row is not supported: if it is nothing but commas, their positions take thirty times its
        memory.
    most_columns
        More are an error, since each takes about 2 KB, however short it is in the answer.
    most_values, most_kept
        Statistics of more values are not read, or not kept in the metadata, which is written as JSON at once.
    checkpoint
        Called between blocks of rows, columns, batches of cells, and pieces of the other parts; an exception
        that it raises ends the reading.
    """

    smallest: int = 1 << 15
    block: int = 1 << 21
    general_block: int = 1 << 18
    longest_row: int = 1 << 23
    most_columns: int = 100_000
    most_values: int = MOST_VALUES
    most_kept: int = MOST_KEPT
    checkpoint: Callable[[], None] = lambda: None

    def check_columns(self, count: int) -> None:
        """Raise ResponseError if an answer has too many columns."""
        if count > self.most_columns:
            raise ResponseError(
                f"The answer has {count:,} columns; at most {self.most_columns:,} are read. "
                "Ask for fewer, or for rows in place of a pivot."
            )


LIMITS: Final = ReaderLimits()
