"""Where arrays lie: the pool they come from, and the bytes of texts, which numpy answers faster about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["POOL", "bytes_of"]

#: Where threads that soon end take their memory from: Arrow's own pool keeps what they once needed.
POOL: Final = pa.system_memory_pool()


def bytes_of(chunk: pa.StringArray) -> NDArray[np.uint8]:
    """Give the bytes of an array of ``string`` type as one run, without a copy."""
    _, offsets, data = chunk.buffers()
    if data is None or len(chunk) == 0:
        return np.empty(0, np.uint8)
    edges = np.frombuffer(offsets, np.int32)
    return np.frombuffer(data, np.uint8)[edges[chunk.offset] : edges[chunk.offset + len(chunk)]]
