"""Response bytes to an Arrow table. Pure: no I/O, no clock, no pandas, no polars."""

from connecty_frames.decode.blocks import LIMITS, ReaderLimits
from connecty_frames.decode.decoder import Decoded, decode, python_statistics
from connecty_frames.decode.encodings import Encoding, binary, epoch, local
from connecty_frames.decode.envelope import Envelope, read_envelope
from connecty_frames.decode.schema import SAVED, SET_BY_CALLER, ColumnSchema, Schema, SchemaTypes

__all__ = [
    "LIMITS",
    "SAVED",
    "SET_BY_CALLER",
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
]
