"""Response bytes to an Arrow table. Pure: no I/O, no clock, no pandas, no polars."""

from connecty_frames.decode.decoder import Decoded, decode, plain_statistics
from connecty_frames.decode.envelope import Envelope, read_envelope
from connecty_frames.decode.schema import ColumnSchema, Contract, Schema

__all__ = [
    "ColumnSchema",
    "Contract",
    "Decoded",
    "Envelope",
    "Schema",
    "decode",
    "plain_statistics",
    "read_envelope",
]
