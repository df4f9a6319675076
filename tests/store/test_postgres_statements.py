"""Statements in PostgreSQL: what they return, and what becomes of one whose reply is late or lost."""

import importlib
import os
import resource
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.options import Asked
from connecty_frames.store.database import OutageError, Result, StoreError, UnfitError
from connecty_frames.store.table import set_limit
from tests.cases import cases
from tests.servers.postgres import PostgresServer, Relay
from tests.servers.timing import until, within
from tests.store.stores import create_role, history
from tests.store.stores import store as store_of

pytest.importorskip("psycopg")
postgres = pytest.importorskip("connecty_frames.store.postgres")


#: More bytes than the system takes while the other end reads none.
LONG = 8 << 20
PID = "SELECT pg_backend_pid()"
#: An error with this code at each odd call, and 7 at each even one.
ATTEMPT = """\
CREATE SEQUENCE attempts;
CREATE FUNCTION attempt(code text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('attempts') % 2 = 1 THEN RAISE EXCEPTION 'it said no.' USING ERRCODE = code; END IF;
    RETURN 7;
END $$"""


@pytest.fixture
def store(url: str) -> Iterator[Any]:
    with store_of(url) as found:
        yield found


@pytest.fixture
def relayed(running: PostgresServer, relay: Relay) -> Iterator[Any]:
    with store_of(running.url("store", port=relay.port)) as found:
        found.execute("SELECT 1")
        yield found


@pytest.fixture
def limited(running: PostgresServer, database: Any) -> Any:
    """Return a store of a role that may have no connection, and a function that allows it to."""
    create_role(database, "few LOGIN")
    database.execute("ALTER ROLE few CONNECTION LIMIT 0")
    database.execute("GRANT CREATE ON DATABASE store TO few")
    found = store_of(running.url("store", user="few"))
    return found, lambda: database.execute("ALTER ROLE few CONNECTION LIMIT 9")


def test_rows_and_parameters(store: Any, database: Any) -> None:
    """Whole numbers, texts and nulls; a NUL is escaped; tables are those of the schema; by one connection."""
    pid = store.execute(PID).rows
    rows = "SELECT 1::bigint, NULL::int, '5' UNION ALL SELECT -2, 3, ? UNION ALL SELECT 7, 8, ?"
    assert store.execute(rows, ("é", None)).rows == [(1, None, "5"), (-2, 3, "é"), (7, 8, None)]
    joined = (
        "SELECT count(*), 'items' FROM questions JOIN items ON questions.key = items.key WHERE number > ?"
    )
    assert store.execute(joined, (5,)).rows == [(0, "items")]
    database.execute("CREATE TABLE texts (number bigint, text text)")
    assert store.execute("INSERT INTO texts VALUES (1), (2)") == Result([], 2)
    assert store.execute("UPDATE texts SET text = ? WHERE number < ?", ("a\0b", 2)).changed == 1
    assert store.execute("SELECT text FROM texts ORDER BY number").rows == [(r"a\x00b",), (None,)]
    assert store.execute(PID).rows == pid


#: The time of a question, as in the view.
AT = (
    "(to_timestamp(( CASE WHEN ((asked_at >= 0) AND (asked_at <= '253402300799000000'::bigint)) "
    "THEN ((asked_at)::numeric / '1000000'::numeric) ELSE NULL::numeric END)::double precision))"
)


@cases("before", [[], ["CREATE SCHEMA connecty"]])
def test_tables_are_made(store: Any, database: Any, before: list[str]) -> None:
    """Those that are missing, with their version and an id, and are found with them."""
    database.execute("DROP SCHEMA IF EXISTS connecty CASCADE")
    store.close()
    for statement in before:
        database.execute(statement)
    assert store.execute("SELECT count(*) FROM questions").rows == [(0,)]
    indexes = database.execute(
        r"SELECT tablename, array_agg(regexp_replace(split_part(indexdef, 'btree ', 2), '\s+', ' ', 'g')) "
        "FROM pg_indexes WHERE schemaname = 'connecty' GROUP BY 1"
    )
    assert {table: sorted(columns) for table, columns in indexes} == {
        "items": ["(batch, folded)", "(batch, number)", "(key)"],
        "limits": ["(job)"],
        "questions": [
            *("(client, asked_at)", "(id)", "(job, asked_at) WHERE (job IS NOT NULL)", "(key, asked_at)"),
            *("(key, previous)", "(question_id) WHERE (question_id IS NOT NULL)", AT, "(token)"),
        ],
    }
    ((version, oldest_writer, store_id),) = database.execute("SELECT * FROM connecty.version").fetchall()
    assert (version, oldest_writer, store.store_id) == (1, 1, store_id)
    assert str(uuid.UUID(store_id)) == store_id
    assert store.exists
    assert store.execute("SELECT 2").rows == [(2,)]


def test_tables_that_were_half_made(
    running: PostgresServer, relay: Relay, database: Any, pauses: Any
) -> None:
    """They are made in one transaction: after a lost reply, the next connection finds all of them."""
    relay.cut, pauses.after = b"CREATE TABLE", lambda: setattr(pauses, "now", 9)
    with store_of(running.url("store", port=relay.port)) as store:
        with pytest.raises(OutageError):
            store.execute("SELECT 1", until=8)
        assert relay.cuts == 1
        relay.cut = None
        until(lambda: database.execute("SELECT to_regnamespace('connecty')").fetchone() != (None,))
        assert store.exists
        assert database.execute("SELECT version FROM connecty.version").fetchall() == [(1,)]
        assert store.execute("SELECT 1 FROM questions, items").rows == []


def test_reading_makes_no_tables(store: Any, database: Any) -> None:
    """Without them there is no history, and nothing is executed."""
    assert not store.exists
    assert store.execute("CREATE TABLE other ()", creates=False) == Result([], 0)
    found = database.execute("SELECT to_regnamespace('connecty'), to_regclass('other')").fetchone()
    assert found == (None, None)


@cases("code", ["08006", "25006", "3F000", "40P01", "42P01", "53300", "57P01"])
def test_an_outage(store: Any, database: Any, pauses: Any, code: str) -> None:
    """After errors of the server, other than of the statement, another connection executes it again."""
    database.execute(f"DROP SEQUENCE IF EXISTS attempts; DROP FUNCTION IF EXISTS attempt; {ATTEMPT}")
    pid, began = store.execute(PID).rows, pauses.now
    assert store.execute("SELECT attempt(?)", (code,)).rows == [(7,)]
    assert store.execute(PID).rows != pid
    assert 0.1 <= pauses.now - began <= 0.2


@cases("code", ["23505", "42601", "XX001"])
def test_an_error(store: Any, database: Any, code: str) -> None:
    """It is raised at once, and the connection is given up although the error is kept."""
    database.execute(f"DROP SEQUENCE IF EXISTS attempts; DROP FUNCTION IF EXISTS attempt; {ATTEMPT}")
    ((pid,),) = store.execute(PID).rows
    with pytest.raises(UnfitError, match=r"^it said no$"):
        store.execute("SELECT attempt(?)", (code,))
    assert database.execute("SELECT last_value FROM attempts").fetchone() == (1,)
    activity = "SELECT FROM pg_stat_activity WHERE pid = %s"
    until(lambda: not database.execute(activity, (pid,)).fetchall())
    assert store.execute("SELECT 8").rows == [(8,)]


def test_no_result() -> None:
    """The driver has none if the connection ended between two messages."""
    with pytest.raises(OutageError, match=r"^its server ended the connection$"):
        postgres._result(None)


def test_a_refusal_that_passes(limited: Any, pauses: Any) -> None:
    """The connection is made again, after a moment; then the server is waited for as before."""
    store, allow = limited
    with pytest.raises(OutageError):
        store.execute("SELECT 1", until=store.soon())
    assert store.soon() == pauses.now
    began, pauses.after = pauses.now, allow
    assert store.execute("SELECT 1").rows == [(1,)]
    assert pauses.now - began <= 3.2
    assert store.soon() == pauses.now + 1


@cases(
    ("said", "kind"),
    [
        ("FATAL:  the database system is starting up", OutageError),
        ("FATAL:  the database system is shutting down", OutageError),
        ("FATAL:  the database system is in recovery mode", OutageError),
        ("FATAL:  the database system is not yet accepting connections", OutageError),
        ("FATAL:  the database system is not accepting connections", OutageError),
        ("FATAL:  terminating connection due to administrator command", OutageError),
        ("FATAL:  sorry, too many clients already", OutageError),
        ("FATAL:  remaining connection slots are reserved for superusers", OutageError),
        ('could not translate host name "db" to address: Name or service not known', OutageError),
        ("SSL error: certificate verify failed", UnfitError),
        ('could not load private key file "k.pem": no such file', UnfitError),
        ("server does not support SSL, but SSL was required", UnfitError),
        ("fe_sendauth: no password supplied", UnfitError),
        ('invalid sslmode value: "x"', UnfitError),
    ],
)
def test_what_is_said_of_refusals(said: str, kind: type[StoreError]) -> None:
    """An UnfitError is one that waiting does not change."""
    assert type(postgres._refusal(said)) is kind


@pytest.mark.parametrize("moment", ["connecting", "executing", "sending"])
def test_a_server_that_is_silent(relayed: Any, relay: Relay, moment: str) -> None:
    """A statement ends in time, also while it is sent; the next one has a connection and reply of its own."""
    if moment == "connecting":
        relayed.close()
    relay.hangs = True
    began = time.monotonic()
    with pytest.raises(OutageError, match=r"^its server did not answer in time$"):
        relayed.execute("SELECT length(?)", ("a" * (LONG if moment == "sending" else 1),), until=began + 0.05)
    assert time.monotonic() - began > 0.04
    relay.hangs = False
    assert relayed.execute("SELECT 8").rows == [(8,)]


def test_a_long_statement(relayed: Any) -> None:
    """It is sent as fast as the server reads it, by one connection."""
    pid = relayed.execute(PID).rows
    assert relayed.execute("SELECT length(?)", ("a" * LONG,)).rows == [(LONG,)]
    assert relayed.execute(PID).rows == pid


def test_a_statement_alone(store: Any, database: Any) -> None:
    """No other process executes one of the same name until it is committed."""
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"

    def claim(statement: str, *alone: str, seconds: float = 9) -> Any:
        return store.claim((statement, ()), dict.fromkeys(alone, ""), time.monotonic() + seconds).rows

    assert claim(locks, "a client") == [(1,)]
    assert store.execute(locks).rows == claim(locks) == [(0,)]
    claim("CREATE TABLE made ()", "a client")
    assert database.execute("SELECT * FROM made").fetchall() == []
    database.execute("SELECT pg_advisory_lock(hashtextextended('a client', 0))")
    with pytest.raises(OutageError, match="did not answer in time"):
        claim("SELECT 7", "another", "a client", seconds=0.05)
    assert claim("SELECT 7", "another") == [(7,)]
    for job in ("nightly", "other"):
        set_limit(store, job, 9, "ops")
    assert claim(locks, "another") == [(3,)]  # that of the test too
    database.execute("SELECT pg_advisory_lock(hashtextextended('limits', 0))")
    with pytest.raises(OutageError, match="did not answer in time"):
        claim("SELECT 7", seconds=0.05)


def test_one_question_at_a_time(store: Any, database: Any) -> None:
    """Where questions are counted, those of a client are recorded one after the other, on all machines."""
    found = history(store, required=True)
    database.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (found._client,))
    assert found.sent(Asked("how many?", 13), asked_at=datetime.now(UTC), seconds=5) is not None
    found.limit = 3
    with pytest.raises(cf.ConfigError, match="did not answer in time"):
        found.sent(Asked("who?", 13), asked_at=datetime.now(UTC), seconds=0.05)
    found.close()


def test_threads_that_wait(store: Any) -> None:
    """Until their deadline, without a limit that has passed; then others have the connection."""
    is_held, is_released = threading.Event(), threading.Event()
    raised: list[StoreError] = []

    def hold() -> None:
        with store.locked(time.monotonic() + 1):
            is_held.set()
            is_released.wait(9)

    def execute(seconds: float) -> None:
        try:
            store.execute("SELECT 1", until=time.monotonic() + seconds)
        except StoreError as caught:
            raised.append(caught)

    holder = threading.Thread(target=hold)
    holder.start()
    is_held.wait()
    execute(-1)
    assert [(type(each), str(each)) for each in raised] == [(OutageError, "other calls are using it")]
    is_released.set()
    holder.join()
    for _ in range(2):
        thread = threading.Thread(target=execute, args=(5,))
        thread.start()
        thread.join()
    assert len(raised) == 1


def test_a_server_that_is_down(relayed: Any, relay: Relay, pauses: Any) -> None:
    """It is tried for ten seconds; for two more, calls without a deadline do without it."""
    assert relayed.soon() == 1.0
    relay.close()
    with pytest.raises(OutageError, match="Connection refused"):
        relayed.execute("SELECT 1")
    assert 9.8 < pauses.now < 10.05
    down = pauses.now
    assert relayed.soon() == down
    pauses.now = down + 1
    with pytest.raises(OutageError):
        relayed.execute("SELECT 1", until=relayed.soon())
    pauses.now = down + 2
    assert relayed.soon() == down + 3
    with pytest.raises(OutageError):
        relayed.execute("SELECT 1", until=pauses.now)
    assert relayed.soon() == pauses.now


def test_pauses_grow(relayed: Any, relay: Relay, pauses: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to 1.6 to 3.2 s: a minute without a server takes few attempts."""
    connect, began = postgres.Server._connect, list[float]()

    def counted(self: Any, until: float) -> None:
        began.append(pauses.now)
        connect(self, until)

    monkeypatch.setattr(postgres.Server, "_connect", counted)
    relay.close()
    with pytest.raises(OutageError, match="Connection refused"):
        relayed.execute("SELECT 1", until=60.0)
    between = [later - earlier for earlier, later in pairwise(began) if later < 50]
    assert 0.1 <= began[0] <= 0.2
    assert all(1.6 <= each <= 3.21 for each in between[5:])
    assert len(set(between[5:])) > 5
    assert len(began) < 50


def test_a_record_that_is_required(relayed: Any, relay: Relay, pauses: Any) -> None:
    """It is tried for as long as the call may take, which then sends nothing."""
    found = history(relayed, required=True)
    relay.close()
    with pytest.raises(cf.ConfigError, match="Connection refused") as caught:
        found.sent(Asked("how many?", 13), asked_at=datetime.now(UTC), seconds=3)
    assert caught.value.setting == "history"
    assert 2.8 < pauses.now <= 3.05


def test_a_record_that_was_not_required(relayed: Any, relay: Relay, pauses: Any) -> None:
    """It is written later if that takes longer than a second, with a warning."""
    found = history(relayed, required=False)
    relay.close()
    with pytest.warns(cf.HistoryWarning, match="Connection refused"):
        found.ended("an id", "COMPLETED", now=datetime.now(UTC), rows=3)
    assert pauses.now <= 1


def test_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages name it without options; answers are kept in a file of this user, if one can be made."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    url = "postgresql://u@127.0.0.1/d"
    store = store_of(f"{url}?application_name=a")
    assert store.place == url
    assert store.answers_path.parent == tmp_path / "connecty"
    assert store.answers_path == store_of(url).answers_path
    monkeypatch.setattr(postgres, "user_folder", lambda _: None)
    assert store.answers_path.parent.as_posix() == "/dev/null"


@pytest.mark.parametrize("has_poll", [True, False])
def test_waiting_for_a_socket(monkeypatch: pytest.MonkeyPatch, *, has_poll: bool) -> None:
    """To read or to write it, until a time that may have passed; also for one of many that are open."""
    if not has_poll:
        monkeypatch.delattr(postgres.select, "poll")
    one, other = socket.socketpair()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with one, other:
        number = one.fileno()
        if has_poll:  # beyond what select takes
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2_000)), hard))
            number = os.dup2(number, 1_500)
        try:
            postgres._wait(number, time.monotonic(), reads=False, writes=True)
            for seconds in (0.02, -1):
                began = time.monotonic()
                with within(0.02), pytest.raises(OutageError):
                    postgres._wait(number, began + seconds)
                assert time.monotonic() - began > seconds - 0.01
            other.send(b"a")
            postgres._wait(number, time.monotonic())
        finally:
            if has_poll:
                os.close(number)
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_psycopg(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ConfigError names the extra."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "connecty_frames.store.postgres")
    with pytest.raises(cf.ConfigError) as caught:
        importlib.import_module("connecty_frames.store.postgres")
    assert str(caught.value) == (
        "A history in PostgreSQL needs psycopg: pip install 'connecty-frames[postgres]'."
    )
