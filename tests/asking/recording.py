"""Clients that record their questions, and what they have recorded."""

from pathlib import Path
from typing import Any

from connecty_frames.client import Client
from connecty_frames.store.table import COLUMNS, read_records, store_at
from tests.servers import clients
from tests.servers.scripted import Script


def make(server: Script, history: object, **settings: Any) -> Client:
    return clients.make(server, history=history, **{"timeout": 10, **settings})


def rows(path: Path, *columns: str) -> list[tuple[Any, ...]]:
    """Return these columns of what is recorded, the latest first."""
    return [tuple(row[COLUMNS.index(each)] for each in columns) for row in read_records(store_at(path))]
