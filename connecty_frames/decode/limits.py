"""The limits of reading an answer."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from connecty_frames._base.immutable import Immutable

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

#: The most values of statistics: each takes up to 100 bytes, however short it is.
MOST_VALUES: Final = 2_000_000
MOST_KEPT: Final = 100_000
#: The most warnings of one category for one answer; the others are counted.
MOST_WARNINGS: Final = 10

#: Held while an answer is decoded, if one is set: of many questions, two are decoded at a time.
DECODING: Final[ContextVar[AbstractContextManager[object] | None]] = ContextVar("DECODING", default=None)


class ReaderLimits(Immutable):
    """The limits of reading: the sizes of blocks, in bytes, and the time."""

    block: int = 1 << 21  # pragma: no mutate - fits a processor's cache, and bounds the memory
    general_block: int = 1 << 18  # pragma: no mutate - of the general reader, whose work takes more memory
    longest_row: int = 1 << 23  # pragma: no mutate - columnar: commas take thirty times their memory
    most_columns: int = 100_000  # each takes about 2 KB, however short it is in the answer
    most_values: int = MOST_VALUES  # statistics of more are not read
    most_kept: int = MOST_KEPT  # nor, of more, kept in the metadata, written as JSON at once
    #: Called between blocks of rows, columns, batches of cells, and pieces of the other parts; an exception
    #: that it raises ends the reading.
    checkpoint: Callable[[], None] = lambda: None


LIMITS: Final = ReaderLimits()
