"""Where arrays lie: the pool they come from, and the bytes of texts, which numpy answers faster about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["POOL", "bytes_of", "offsets_of"]

#: Where threads that soon end take their memory from: Arrow's own pool keeps what they once needed.
POOL: Final = pa.system_memory_pool()


def offsets_of(texts: pa.StringArray) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Give where each text starts and ends in its array's data, without a copy; a null is empty."""
    if len(texts) == 0:  # which may come without a buffer
        return np.empty(0, np.int32), np.empty(0, np.int32)
    edges = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return edges[:-1], edges[1:]


def bytes_of(texts: pa.StringArray) -> NDArray[np.uint8]:
    """Give the bytes of an array of ``string`` type as one run, without a copy."""
    starts, ends = offsets_of(texts)
    data = texts.buffers()[2]
    if data is None or len(ends) == 0:
        return np.empty(0, np.uint8)
    return np.frombuffer(data, np.uint8)[starts[0] : ends[-1]]
