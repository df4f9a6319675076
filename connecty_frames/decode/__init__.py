"""Response bytes to an Arrow table. Pure: no I/O, no clock, no pandas, no polars.

Importing this does not load pyarrow: the client needs only the envelope until a question is answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connecty_frames._base.lazy import lazy_getattr
from connecty_frames.decode.envelope import Envelope, read_envelope
from connecty_frames.decode.limits import LIMITS, ReaderLimits

if TYPE_CHECKING:
    from connecty_frames.decode.decoder import Decoded, decode, python_statistics
    from connecty_frames.decode.schema import SAVED, SET_BY_CALLER, ColumnSchema, Schema, SchemaTypes
    from connecty_frames.decode.types.encodings import (
        AnyDecimal,
        Encoding,
        binary,
        epoch,
        local,
        strptime,
    )

__all__ = [
    "LIMITS",
    "SAVED",
    "SET_BY_CALLER",
    "AnyDecimal",
    "ColumnSchema",
    "Decoded",
    "Encoding",
    "Envelope",
    "ReaderLimits",
    "Schema",
    "SchemaTypes",
    "binary",
    "decode",
    "epoch",
    "local",
    "python_statistics",
    "read_envelope",
    "strptime",
]

_LAZY: Final = {
    **dict.fromkeys(("Decoded", "decode", "python_statistics"), "decoder"),
    **dict.fromkeys(("AnyDecimal", "Encoding", "binary", "epoch", "local", "strptime"), "types.encodings"),
    **dict.fromkeys(("SAVED", "SET_BY_CALLER", "ColumnSchema", "Schema", "SchemaTypes"), "schema"),
}


__getattr__ = lazy_getattr(__name__, _LAZY)
