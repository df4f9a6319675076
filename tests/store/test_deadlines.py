"""PostgreSQL under locks, cuts and outages: what a call leaves behind, and what closing writes."""

from __future__ import annotations

import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

import connecty_frames as cf
from connecty_frames.options import Asked
from connecty_frames.store.database import close_databases
from tests.servers.timing import until
from tests.store.stores import HOW_MANY, client, history, store

psycopg = pytest.importorskip("psycopg")
postgres = pytest.importorskip("connecty_frames.store.postgres")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connecty_frames.store.history import History
    from tests.servers.postgres import PostgresServer, Relay
    from tests.servers.scripted import Script


def states(database: Any) -> list[str]:
    """Return the states of all questions."""
    return [state for (state,) in database.execute("SELECT state FROM connecty.questions ORDER BY id")]


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Hold a lock that inserts wait for."""
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE connecty.questions IN SHARE MODE")
        yield


@pytest.mark.parametrize("options", [{}, {"max_age": 60}])
def test_a_call_that_waits_behind_a_lock(
    server: Script, url: str, database: Any, options: dict[str, Any]
) -> None:
    """It ends in time with nothing sent, leaves nothing waiting, and the next call asks."""
    with client(server, url, history_required=True) as asking:
        asking.ask("who?")
        with locked(url), pytest.raises(cf.ConfigError, match="did not answer in time"):
            asking.ask("how many?", timeout=0.5, **options)
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = 'store'"
        until(lambda: not database.execute(waiting).fetchall())
        assert server.questions == ["who?"]
        assert not asking.ask("how many?", max_age=60).metadata.reused
    assert states(database) == ["COMPLETED", "REJECTED", "COMPLETED"]


@pytest.mark.parametrize("is_claim", [False, True])
def test_an_insertion_that_arrives_late(
    running: PostgresServer, relay: Relay, database: Any, *, is_claim: bool
) -> None:
    """What the server executes after the call gave up becomes REJECTED, before or after it is recorded."""
    found = history(running.url("store", port=relay.port), required=True)
    found.sent(Asked("who?", 13), asked_at=datetime.now(UTC), seconds=9)
    relay.hangs = True
    record = partial(found.sent, after=0) if is_claim else found.sent
    with pytest.raises(cf.ConfigError, match="did not answer in time"):
        record(HOW_MANY, asked_at=datetime.now(UTC), seconds=0.2)
    relay.hangs = False
    now = datetime.now(UTC)
    rows, _ = found.earlier(HOW_MANY, max_age=timedelta(days=1), begun=None, now=now)
    assert [row.state for row in rows] == ["REJECTED"]
    assert found.sent(HOW_MANY, asked_at=now, after=rows[0].id, seconds=9) is not None
    assert states(database) == ["SENT", "REJECTED", "SENT"]
    found.close()


def test_an_insertion_whose_reply_is_lost(
    running: PostgresServer, relay: Relay, database: Any, pauses: Any
) -> None:
    """The row that was written becomes REJECTED, and keeps nobody from asking."""
    found = history(running.url("store", port=relay.port), required=True)
    relay.cut = b"INSERT INTO connecty.questions"
    with pytest.raises(cf.ConfigError, match="server closed the connection"):
        found.sent(HOW_MANY, asked_at=datetime.now(UTC), after=0, seconds=2)
    relay.cut = None
    pauses.now += 5
    found.close()
    assert states(database) == ["REJECTED"]


def test_a_default_that_is_repeatable_read(url: str, database: Any) -> None:
    """A limit of 1 lets one of eight through, and one of eight claims wins."""
    database.execute("ALTER DATABASE store SET default_transaction_isolation = 'repeatable read'")
    try:
        close_databases()
        callers, together = [history(url, required=True, limit=1) for _ in range(8)], threading.Barrier(8)

        def ask(caller: History) -> bool:
            together.wait()
            try:
                return (
                    caller.sent(Asked(f"{id(caller)}", 13), asked_at=datetime.now(UTC), seconds=30)
                    is not None
                )
            except cf.QuestionLimitError:
                return False

        def claim(caller: History) -> bool:
            caller.limit = None
            together.wait()
            return caller.sent(HOW_MANY, asked_at=datetime.now(UTC), after=0, seconds=30) is not None

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(ask, callers)) == 1
            assert sum(pool.map(claim, callers)) == 1
        for caller in callers:
            caller.close()
    finally:
        database.execute("ALTER DATABASE store RESET default_transaction_isolation")


def test_the_reason_of_the_first_attempts(
    running: PostgresServer, relay: Relay, database: Any, pauses: Any
) -> None:
    """It is what an error says, although the last attempt had too little time for any reply."""
    found = history(running.url("store", port=relay.port), required=True)
    found.close()
    database.execute("ALTER DATABASE store SET default_transaction_read_only = on")
    try:
        pauses.after = lambda: setattr(relay, "hangs", True)
        with pytest.raises(cf.ConfigError, match="in a read-only transaction"):
            found.sent(HOW_MANY, asked_at=datetime.now(UTC), seconds=0.35)
    finally:
        database.execute("ALTER DATABASE store RESET default_transaction_read_only")
        relay.hangs = False


@pytest.mark.parametrize("seconds", [9, None])
def test_the_connection_is_in_use(url: str, database: Any, seconds: float | None) -> None:
    """Another thread that has it for more than a second is waited for, not an error."""
    shared = store(url)
    shared.open()
    held, ends = threading.Event(), threading.Event()

    def hold() -> None:
        with shared.locked(time.monotonic() + 9):
            held.set()
            ends.wait(9)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("connecty_frames.store.database._TIMEOUT", 0.05)
        patch.setattr("connecty_frames.store.postgres._ATTEMPT", 1.0)
        found = history(shared, required=True)
        threading.Timer(1.2, ends.set).start()
        assert found.sent(HOW_MANY, asked_at=datetime.now(UTC), seconds=seconds) is not None
    thread.join()
    assert states(database) == ["SENT"]
    found.close()


def test_closing_after_an_outage(
    running: PostgresServer, server: Script, relay: Relay, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All questions that were asked meanwhile are recorded, by a few transactions."""
    asking = client(server, running.url("store", port=relay.port))
    asking.ask("how many?")
    relay.hangs = True
    monkeypatch.setattr("connecty_frames.store.database._TIMEOUT", 0.02)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cf.HistoryWarning)
        for number in range(120):
            asking.ask(f"question {number}")
    relay.hangs = False
    relay.drop()
    monkeypatch.setattr("connecty_frames.store.history._LAST_TRY", 20.0)
    before = database.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = 'store'").fetchone()
    asking.close()
    assert states(database) == ["COMPLETED"] * 121
    database.execute("SELECT pg_stat_clear_snapshot()")
    after = database.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = 'store'").fetchone()
    assert after[0] - before[0] < 60


def test_a_session(url: str) -> None:
    """Whatever the defaults are: its isolation, its limits in the time that is left, and its name."""
    shared = store(url)
    names = ("transaction_isolation", "lock_timeout", "statement_timeout", "client_connection_check_interval")
    shown = ", ".join(f"current_setting('{name}')" for name in (*names, "application_name"))
    ((isolation, lock, statement, check, name),) = shared.execute(
        f"SELECT {shown}", until=time.monotonic() + 7
    ).rows
    assert (isolation, check, name) == ("read committed", "1s", "connecty_frames")
    assert lock == statement
    assert 5000 < int(lock.removesuffix("ms").replace("7s", "7000")) <= 7000
    shared.close()
