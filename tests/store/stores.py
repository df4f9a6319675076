"""Stores of each kind with connections of their own, and clients that record there."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from connecty_frames._base.text import SecretStr
from connecty_frames.client import Client
from connecty_frames.options import Asked
from connecty_frames.settings.values import parse_setting
from connecty_frames.store.database import close_databases
from connecty_frames.store.history import History
from connecty_frames.store.schema import in_sqlite
from connecty_frames.store.table import store_at
from tests.servers import clients
from tests.servers.scripted import Script

HOW_MANY = Asked("how many?", 13)
ANSWER = {"state": "COMPLETED", "results": {"dataframe": [["n"], [1]]}}


def client(server: Script, place: object, answer: Any = ANSWER, **settings: Any) -> Client:
    """Return a client that records there, of a scripted server that answers every question."""
    server.on("results", server.answer(200, answer))
    given = {"client_id": "a-client", "client_secret": "secret", "history": place, **settings}
    return clients.make(server, **given)


def another_client(server: Script, place: str, **settings: Any) -> Client:
    """Return a client with a new connection to its store."""
    close_databases()
    return client(server, place, **settings)


def store(place: str) -> Any:
    """Return a store with a connection of its own, as another process has."""
    parsed: Any = parse_setting("history", place, is_text=False)
    shared: Any = store_at(parsed)
    return type(shared)(parsed)


def history(database: Any, **options: Any) -> History:
    """Return what one client records, in a store or with a connection of its own to a place."""
    options = {"required": False, "base_url": "u", "client_id": SecretStr("c"), "redact": str, **options}
    return History(store(database) if isinstance(database, str) else database, **options)


def create_role(database: Any, role: str) -> None:
    """Create a role of PostgreSQL, unless an earlier test did."""
    with suppress(pytest.importorskip("psycopg").errors.DuplicateObject):
        database.execute(f"CREATE ROLE {role}")


def execute(place: str, *statements: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
    """Execute statements in a store by another connection, and return the rows of the last one."""
    close_databases()
    if not place.startswith("postgresql:"):
        with closing(sqlite3.connect(place, isolation_level=None)) as connection:
            statements = tuple(in_sqlite(each).replace("%s", "?") for each in statements)
            return [connection.execute(each, parameters).fetchall() for each in statements][-1]
    with pytest.importorskip("psycopg").connect(place, autocommit=True) as connection:
        cursors = [connection.execute(each, parameters or None) for each in statements]
        return [cursor.fetchall() if cursor.description else [] for cursor in cursors][-1]


@contextmanager
def locked(path: Path, kind: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
    """Lock a file, as another process does in a transaction."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"BEGIN {kind}")
        yield other
