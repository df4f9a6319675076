"""A PostgreSQL server for the tests of the store, which share it, and an empty database for each test."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connecty_frames.store.database import close_databases
from tests.servers.postgres import PostgresServer, Relay
from tests.servers.programs import IN_CI


@pytest.fixture(scope="session")
def running() -> Iterator[PostgresServer]:
    """Run a server, for all tests of this process: it starts in a second."""
    psycopg = pytest.importorskip("psycopg")
    pytest.importorskip("pwd", reason="Windows cannot run it as another user")
    from tests.servers.postgres import postgres_server

    try:
        context = postgres_server()
        server = context.__enter__()
    except FileNotFoundError as error:
        (pytest.fail if IN_CI else pytest.skip)(str(error))
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE store")
    yield server
    context.__exit__(None, None, None)


@pytest.fixture
def database(running: PostgresServer) -> Iterator[Any]:
    """Return a connection to an empty database, of the name ``store``, that nobody else uses."""
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(running.url("store"), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = 'store' AND pid <> pg_backend_pid()"
        )
        connection.execute("DROP SCHEMA IF EXISTS connecty, public CASCADE")
        connection.execute("CREATE SCHEMA public")
        yield connection
    close_databases()


@pytest.fixture
def url(running: PostgresServer, database: Any) -> str:  # noqa: ARG001 - which has to be there
    return running.url("store")


@pytest.fixture
def named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTY_HISTORY", url)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the path or URL of an empty store, of each kind."""
    if request.param == "sqlite":
        return str(tmp_path / "history.sqlite3")
    return str(request.getfixturevalue("url"))


@pytest.fixture
def relay(running: PostgresServer, database: Any) -> Iterator[Relay]:  # noqa: ARG001 - the same
    from tests.servers.postgres import Relay

    made = Relay(running.port)
    yield made
    made.close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a clock of the store that pauses alone advance, and at once; ``after`` is called after each."""
    from connecty_frames.store import database, history, postgres

    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now, after=lambda: None)

    def sleep(seconds: float) -> None:
        clock.now += seconds
        clock.after()

    clock.sleep = sleep
    for module in (postgres, database, history):
        monkeypatch.setattr(module, "time", clock)
    return clock
