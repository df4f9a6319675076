"""The rows of a query while it is running, and what readers of all clients need."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa

from connecty_frames._base.text import snippet
from connecty_frames.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: The rows of a batch from drivers that have no batches of Arrow.
BATCH_ROWS: Final = 10_000


class Declared(NamedTuple):
    """A column as the warehouse declares it."""

    name: str
    type: pa.DataType | None = None  # in Arrow; decimal(38, 0) is a number of any scale; None if unknown
    origin: str = ""  # in the database's words, in lower case; empty if unknown

    @property
    def words(self) -> str:
        """The declared type in words."""
        return self.origin or str(self.type)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a query, while it is running."""

    columns: list[Declared]
    batches: Iterator[list[Any]]  # lists of columns as ``conversion.convert`` takes them
    place: str = ""  # host and database, without user and password


def open_transaction(advice: str = "commit or roll it back") -> ConfigError:
    """Return the error about a connection in whose transaction rerun would run."""
    return ConfigError(
        f"The connection has an open transaction, which rerun would end: {advice}.", setting="connection"
    )


def columns_of(batches: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield the columns of record batches or tables, the latter in batches."""
    for batch in batches:
        for part in batch.to_batches() if isinstance(batch, pa.Table) else [batch]:
            yield part.columns


@contextmanager
def ending(end: Callable[[], object]) -> Iterator[None]:
    """Call ``end`` after a block; if both fail, as after a lost server, the error is that of the block."""
    try:
        yield
    except BaseException as error:
        try:
            end()
        except Exception as failure:  # noqa: BLE001 - whatever a driver raises
            error.add_note(f"Afterwards the connection failed too: {snippet(str(failure))}")
        raise
    end()


def columns(cursor: Any) -> Iterator[list[Any]]:
    """Yield the rows of a cursor as columns."""
    while rows := cursor.fetchmany(BATCH_ROWS):
        yield list(zip(*rows, strict=True))
