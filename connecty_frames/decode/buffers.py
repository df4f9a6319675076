"""Where arrays lie: the pool they come from, and the bytes of texts, which numpy answers faster about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["POOL", "Texts", "bytes_of", "chunks_of", "texts_of"]

#: Where threads that soon end take their memory from: Arrow's own pool keeps what they once needed.
POOL: Final = pa.system_memory_pool()


class Texts(NamedTuple):
    """All bytes of an array's texts, and where each that is not empty and not null starts and ends."""

    data: NDArray[np.uint8]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]


def chunks_of(column: pa.ChunkedArray | pa.Array) -> list[pa.Array]:
    """Give a column's chunks; an array is one."""
    return column.chunks if hasattr(column, "chunks") else [column]


def bytes_of(chunk: pa.StringArray) -> NDArray[np.uint8]:
    """Give the bytes of an array of ``string`` type as one run, without a copy."""
    _, offsets, data = chunk.buffers()
    if data is None or len(chunk) == 0:
        return np.empty(0, np.uint8)
    edges = np.frombuffer(offsets, np.int32)
    return np.frombuffer(data, np.uint8)[edges[chunk.offset] : edges[chunk.offset + len(chunk)]]


def texts_of(chunk: pa.StringArray) -> Texts:
    """Give the bytes of an array of ``string`` type, without a copy."""
    _, offsets, data = chunk.buffers()
    if data is None or len(chunk) == 0:
        nothing = np.empty(0, np.int32)
        return Texts(np.empty(0, np.uint8), nothing, nothing)
    edges = np.frombuffer(offsets, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
    filled = edges[1:] > edges[:-1]
    values = np.frombuffer(data, np.uint8)[: edges[-1]]
    return Texts(values, edges[:-1][filled], edges[1:][filled])
