"""PostgreSQL under locks, cuts and outages: what a call leaves behind, and what closing writes."""

import asyncio
import logging
import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.options import Asked
from connecty_frames.store import leases
from connecty_frames.store.database import close_databases
from connecty_frames.store.history import History
from tests.servers.postgres import PostgresServer, Relay
from tests.servers.scripted import QUESTION_ID, Script
from tests.servers.timing import pause, press_ctrl_c, until, within
from tests.store import stores
from tests.store.stores import HOW_MANY, client, history, store

psycopg = pytest.importorskip("psycopg")
postgres = pytest.importorskip("connecty_frames.store.postgres")


def states(database: Any) -> list[str]:
    return [state for (state,) in database.execute("SELECT state FROM connecty.questions ORDER BY id")]


@contextmanager
def locked(url: str) -> Iterator[None]:
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE connecty.questions IN SHARE MODE")
        yield


@contextmanager
def frozen(url: str) -> Iterator[None]:
    with psycopg.connect(url) as connection:
        name = "application_name = 'connecty_frames'"
        ((pid,),) = connection.execute(f"SELECT pid FROM pg_stat_activity WHERE {name}").fetchall()
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def stopped(running: PostgresServer) -> Iterator[None]:
    running.stop()
    try:
        yield
    finally:
        running.start()


@pytest.mark.slow
@pytest.mark.parametrize("timeout", [2, 15])
@pytest.mark.parametrize("fault", ["locked", "frozen", "stopped"])
def test_a_store_that_is_lost_after_acceptance(
    server: Script, running: PostgresServer, url: str, fault: str, timeout: float
) -> None:
    """The call returns its answer long before its deadline, with a warning; its row is completed later."""
    faults = {"locked": (locked, url), "frozen": (frozen, url), "stopped": (stopped, running)}
    begin, of = faults[fault]
    accept = server.answer(202, {"question_id": QUESTION_ID})
    with client(server, url, history_required=True) as asking:
        asking.ask("who?")
        with ExitStack() as stack:
            server.on("ask", server.after(lambda: stack.enter_context(begin(of)), accept))
            with within(2), pytest.warns(cf.HistoryWarning, match="changes to recorded ones wait"):
                assert asking.ask("how many?", timeout=timeout).rows == 1
        server.on("ask", accept)
        asking.ask("why?")
    with psycopg.connect(url) as again:
        assert states(again) == ["COMPLETED"] * 3


@pytest.mark.slow
@pytest.mark.parametrize("required", [False, True])
def test_a_file_that_is_locked_after_acceptance(server: Script, tmp_path: Path, *, required: bool) -> None:
    """The call has time left for its answer; its row is completed by the next question."""
    path, held, released = tmp_path / "history.sqlite3", threading.Event(), threading.Event()
    accept = server.answer(202, {"question_id": QUESTION_ID})

    def hold() -> None:
        with stores.locked(path):
            held.set()
            released.wait(20)

    holder = threading.Thread(target=hold)
    with client(server, path, history_required=required) as asking:
        asking.ask("who?")
        server.on("ask", server.after(lambda: (holder.start(), held.wait(20)), accept), accept)
        with within(1.2), pytest.warns(cf.HistoryWarning, match="database is locked"):
            assert asking.ask("how many?", timeout=1.2).rows == 1
        released.set()
        holder.join()
        asking.ask("why?")
    assert stores.execute(str(path), "SELECT state FROM questions") == [("COMPLETED",)] * 3


@pytest.mark.slow
@pytest.mark.parametrize("act", ["ask", "ask_many", "ask_async"])
@pytest.mark.parametrize("kind", ["file", "database"])
def test_ctrl_c_while_a_record_waits(
    server: Script, request: pytest.FixtureRequest, tmp_path: Path, kind: str, act: str
) -> None:
    """The call and the closing of its client end at once, and so does its thread; nothing is sent."""
    path = tmp_path / "history.sqlite3"
    place = path if kind == "file" else request.getfixturevalue("url")
    asking = client(server, place, history_required=True)
    asking.ask("who?")
    acts = {
        "ask": lambda: asking.ask("how many?"),
        "ask_many": lambda: asking.ask_many(["how many?", "why?"]),
        "ask_async": lambda: asyncio.run(asking.ask_async("how many?")),  # type: ignore[arg-type]
    }
    with stores.locked(path) if kind == "file" else locked(place), warnings.catch_warnings():
        warnings.simplefilter("ignore", cf.HistoryWarning)
        finger = press_ctrl_c(lambda: pause(0.3) is None)
        with within(1), pytest.raises(KeyboardInterrupt), asking:
            acts[act]()
        finger.join()
        until(lambda: "connecty-question" not in {thread.name for thread in threading.enumerate()})
    assert server.questions == ["who?"]


def test_each_outage_is_said(
    running: PostgresServer, server: Script, relay: Relay, database: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """By one warning, and by records with counts when it begins and once the changes are written."""
    caplog.set_level(logging.INFO, logger="connecty_frames.store")
    asking = client(server, running.url("store", port=relay.port))
    asking.ask("who?")
    assert asking.history is not None
    for number in range(3):
        relay.hangs = True
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(record=True) as caught:
            patch.setattr("connecty_frames.store.database._TIMEOUT", 0.05)
            warnings.simplefilter("always")
            for each in range(3):
                asking.ask(f"question {number} {each}")
        assert [each.category for each in caught] == [cf.HistoryWarning]
        relay.hangs = False
        relay.drop()
        asking.history.database._down_until = 0.0  # as after two seconds
        asking.ask("back")
    records = [each for each in caplog.records if each.name == "connecty_frames.store"]
    counts = [[getattr(each, name, None) for name in ("waiting", "late", "lost")] for each in records]
    assert [each.levelname for each in records] == ["WARNING", "INFO"] * 3
    assert counts == [[0, None, 0], [None, 9, 0]] * 3
    assert records[1].getMessage().endswith(" can be used again (recorded late: 9, lost: 0)")
    asking.close()
    assert states(database) == ["COMPLETED"] * 13


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


def test_an_idle_connection(server: Script, url: str, database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is closed after a minute, and the next question makes another one."""
    assert postgres._IDLE == 60.0
    monkeypatch.setattr(postgres, "_IDLE", 0.2)
    monkeypatch.setattr(leases, "PAUSE", 0.05)
    monkeypatch.setattr(leases, "renewals", leases.Renewals())
    open_now = "SELECT FROM pg_stat_activity WHERE application_name = 'connecty_frames'"
    with client(server, url) as asking:
        for _ in range(2):
            asking.ask("how many?")
            until(lambda: not database.execute(open_now).fetchall())
        until(lambda: not leases.renewals.held)
    assert states(database) == ["COMPLETED"] * 2


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
