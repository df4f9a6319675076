"""Messages between the sandbox and its worker processes, over a pair of pipes.

A message is preceded by its length, so that one cut short by the death of its sender is never taken for a
complete one. The first message to a worker is its :class:`WorkerSetup`, each later one is SQL; each message
from it is a :class:`WorkerReply`. Messages are plain data: nothing is unpickled.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import msgspec

from connecty_frames.sandbox.results import QueryResult

if TYPE_CHECKING:
    from typing import IO


_LENGTH: Final = struct.Struct(">Q")


class WorkerSetup(msgspec.Struct, frozen=True):
    """What a worker opens, and its limits."""

    database: str | None  # None builds the sample workspace in memory
    timezone: str  # of instants in answers
    documented_only: bool
    memory: int  # of a query, in MiB


class WorkerReply(msgspec.Struct, frozen=True):
    """The outcome of a query, or of opening the database."""

    result: QueryResult | None = None
    failure: str | None = None
    retire_worker: bool = False  # it failed, or lacks memory for the next query


def send(pipe: IO[bytes], message: bytes) -> None:
    """Write a message."""
    pipe.write(_LENGTH.pack(len(message)))
    pipe.write(message)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes | None:
    """Read a message; return None if the pipe ends before or within it."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    message = pipe.read(length)
    return message if len(message) == length else None
