"""The history: what was asked, kept in one SQLite file so that no id of a paid question is lost.

Only processes in which a history is on import this package.
"""

from connecty_frames.store.database import Database, StoreError, close_databases, database_at, default_path
from connecty_frames.store.history import (
    CLOSED,
    COLUMNS,
    History,
    RecordState,
    Row,
    client_hash,
    forget_records,
    read_records,
)

__all__ = [
    "CLOSED",
    "COLUMNS",
    "Database",
    "History",
    "RecordState",
    "Row",
    "StoreError",
    "client_hash",
    "close_databases",
    "database_at",
    "default_path",
    "forget_records",
    "read_records",
]
