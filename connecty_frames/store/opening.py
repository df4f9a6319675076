"""Which store a history is in: an SQLite file, or PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connecty_frames.store.database import default_path, shared
from connecty_frames.store.table import database_at

if TYPE_CHECKING:
    from pathlib import Path

    from connecty_frames.store.postgres import Server
    from connecty_frames.store.table import QuestionFile

    QuestionStore = QuestionFile | Server


def store_at(place: Path | str | None) -> QuestionStore:
    """Return the history at a path or a URL of PostgreSQL, else that of the user; raises ConfigError."""
    if isinstance(place, str):
        from connecty_frames.store.postgres import Server

        return shared(place, Server(place))
    return database_at(place or default_path())
