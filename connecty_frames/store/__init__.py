"""The history: what was asked, kept in one SQLite file so that no id of a paid question is lost.

Only processes in which a history is on import this package.
"""

from connecty_frames.store.answers import KeptAnswers, answers_beside
from connecty_frames.store.database import Database, StoreError, close_databases, default_path
from connecty_frames.store.history import History
from connecty_frames.store.records import forget_records, read_records
from connecty_frames.store.table import (
    CLOSED,
    COLUMNS,
    LARGEST,
    Earlier,
    RecordState,
    Row,
    client_hash,
    database_at,
)

__all__ = [
    "CLOSED",
    "COLUMNS",
    "LARGEST",
    "Database",
    "Earlier",
    "History",
    "KeptAnswers",
    "RecordState",
    "Row",
    "StoreError",
    "answers_beside",
    "client_hash",
    "close_databases",
    "database_at",
    "default_path",
    "forget_records",
    "read_records",
]
