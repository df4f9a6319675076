"""What the sandbox and the processes that run its queries say to each other, over a pair of pipes.

A message is its length and then its bytes, so that a message that was cut by the death of its sender is
never taken for a whole one. The first one to a worker is its :class:`WorkerSetup`, each one after it is SQL;
everything it says is a :class:`WorkerReply`. It is data through and through: nothing is unpickled.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import msgspec

from connecty_frames.sandbox.results import QueryResult

if TYPE_CHECKING:
    from typing import IO


__all__ = ["WorkerReply", "WorkerSetup", "receive", "send"]

_LENGTH: Final = struct.Struct(">Q")


class WorkerSetup(msgspec.Struct, frozen=True):
    """What a worker opens, and within which bounds.

    Parameters
    ----------
    database
        A DuckDB file; None builds the sample workspace in memory.
    timezone
        The zone that instants are written in.
    documented_only
        Leave out the sections of the statistics that the API document does not show.
    memory
        What a query may take, in MiB.
    """

    database: str | None
    timezone: str
    documented_only: bool
    memory: int


class WorkerReply(msgspec.Struct, frozen=True):
    """What became of a query, or of opening the database.

    Parameters
    ----------
    result
        The table, where there is one.
    failure
        Why there is none.
    spent
        The worker has taken so much memory that the next query would miss it: it is to be replaced.
    """

    result: QueryResult | None = None
    failure: str | None = None
    spent: bool = False


def send(pipe: IO[bytes], message: bytes) -> None:
    """Write a message."""
    pipe.write(_LENGTH.pack(len(message)))
    pipe.write(message)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes | None:
    """Read a message; None once the other side is gone."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    message = pipe.read(length)
    return message if len(message) == length else None
