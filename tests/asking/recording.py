"""Clients that record their questions, and what they have recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connecty_frames.client import Client
from connecty_frames.store.table import COLUMNS, read_records, store_at

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.scripted import Script


def make(server: Script, history: object, **settings: Any) -> Client:
    """Return a client with a history."""
    named = {"client_id": "canary-client-id", "client_secret": "canary-secret", "dw_id": 13, "timeout": 10}
    given: dict[str, Any] = {**named, "history": history, **settings}
    return Client(base_url=server.address, random=lambda: 0.0, **given)


def rows(path: Path, *columns: str) -> list[tuple[Any, ...]]:
    """Return these columns of what is recorded, the latest first."""
    return [tuple(row[COLUMNS.index(each)] for each in columns) for row in read_records(store_at(path))]
