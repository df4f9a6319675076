"""The history in a PostgreSQL database, on a server that is stopped and cut off."""

import json
import re
import subprocess
import sys
import threading
import time
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import connecty_frames as cf
from connecty_frames._base.clock import Clock
from connecty_frames.batch import Batch, BatchSummary
from connecty_frames.client import Client
from connecty_frames.options import Asked
from connecty_frames.records import forget_in, limits_table
from connecty_frames.settings.sources import resolve
from connecty_frames.store import leases
from connecty_frames.store.answers import answers_beside
from connecty_frames.store.database import close_databases
from connecty_frames.store.history import History
from connecty_frames.store.table import Row, read_records
from tests.servers.postgres import PostgresServer, Relay
from tests.servers.scripted import QUESTION_ID, Script
from tests.servers.timing import until, within
from tests.store.stores import ANSWER, HOW_MANY, client, create_role, history, store

psycopg = pytest.importorskip("psycopg")
postgres = pytest.importorskip("connecty_frames.store.postgres")


pytestmark = pytest.mark.timeout(100)
slow = pytest.mark.slow


def sent(found: History, asked: Asked = HOW_MANY, *, seconds: float = 9) -> Row | None:
    return found.sent(asked, asked_at=datetime.now(UTC), seconds=seconds)


def states(database: Any) -> list[tuple[Any, ...]]:
    return database.execute("SELECT state, question_id FROM connecty.questions ORDER BY id").fetchall()


def test_kept_answers_are_local(
    server: Script, url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a file of this user, which is erased with the question."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with client(server, url, keep_answers=True) as asking:
        asking.ask("how many?", max_age="6h")
        server.on("results", server.answer(500))
        assert asking.ask("how many?", max_age="6h").rows == 1
    found = answers_beside(store(url))
    assert found.path.parent == tmp_path / "connecty"
    assert len(found.execute("SELECT 1 FROM answers").rows) == 1
    forget_in(resolve(history=url), QUESTION_ID, None)
    assert found.execute("SELECT 1 FROM answers").rows == []


@slow
def test_one_of_many_claims(url: str, database: Any) -> None:
    """Of 16 callers, each with a connection of its own, one gets each of 40 keys."""
    callers, together = [history(url, required=True) for _ in range(16)], threading.Barrier(16)

    def claim(caller: History) -> int:
        got = 0
        for number in range(40):
            together.wait()
            asked = Asked(f"question {number}", 13)
            got += caller.sent(asked, asked_at=datetime.now(UTC), after=0, seconds=30) is not None
        return got

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(claim, callers)) == 40
    assert database.execute("SELECT count(*) FROM connecty.questions").fetchone() == (40,)
    for caller in callers:
        caller.close()


@slow
def test_claims_without_their_index(url: str, database: Any) -> None:
    """Of 4 callers, one gets the key, even if all insert before the first commits."""
    callers, together = [history(url, required=True) for _ in range(4)], threading.Barrier(4)
    sent(callers[0], Asked("why?", 13))
    database.execute("DROP INDEX connecty.questions_by_claim")
    body = "BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END"
    database.execute(f"CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS '{body}'")
    database.execute(
        "CREATE TRIGGER w BEFORE INSERT ON connecty.questions FOR EACH ROW EXECUTE FUNCTION wait()"
    )

    def claim(caller: History) -> bool:
        together.wait()
        return caller.sent(HOW_MANY, asked_at=datetime.now(UTC), after=0, seconds=30) is not None

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(claim, callers)) == 1
    for caller in callers:
        caller.close()


def test_a_lost_reply_to_an_insert(database: Any, relay: Relay, running: PostgresServer, pauses: Any) -> None:
    """The row is found by its token, once, by a question and a claim; the id and the end get there."""
    found, now = history(running.url("store", port=relay.port), required=True), datetime.now(UTC)
    pauses.after = lambda: setattr(relay, "cut", None)
    relay.cut = b"INSERT INTO connecty.questions"
    row = sent(found)
    relay.cut = b"INSERT INTO connecty.questions"
    claimed = found.sent(Asked("why?", 13), asked_at=now, after=0, seconds=9)
    for each, question_id in ((row, "one"), (claimed, "two")):
        found.accepted(each, question_id, asked_at=now, now=now)

    assert relay.cuts == 2
    assert states(database) == [("ASKED", "one"), ("ASKED", "two")]
    assert found.sent(Asked("why?", 13), asked_at=now, after=0, seconds=9) is None
    found.close()


@slow
@pytest.mark.parametrize("moment", ["connecting", "connected"])
def test_a_server_that_stops_answering(
    running: PostgresServer, url: str, server: Script, relay: Relay, moment: str
) -> None:
    """A call ends with its deadline and sends nothing; one that needs no record warns once."""
    url = running.url("store", port=relay.port)
    asking = client(server, url, history_required=True)
    asking.ask("how many?")
    if moment == "connecting":
        close_databases()
    relay.hangs = True
    began = time.monotonic()
    with within(1.5), pytest.raises(cf.ConfigError, match=r"\(its server did not answer in time\), and"):
        asking.ask("who?", timeout=1.5)
    assert time.monotonic() - began > 1.4
    began = time.monotonic()
    with (
        within(1.5),
        pytest.raises(cf.ConfigError, match="so it is unknown whether the question was asked before"),
    ):
        asking.ask("who?", timeout=1.5, max_age=60)
    assert time.monotonic() - began > 1.4
    assert server.questions == ["how many?"]
    close_databases()
    with (
        pytest.warns(cf.HistoryWarning, match="did not answer in time"),
        within(2 + 1),  # a second as it is closed
        client(server, url, history_required=True) as other,
        pytest.raises(cf.ConfigError, match="did not answer in time"),
    ):
        other.ask("who?", timeout=2)
    close_databases()
    with client(server, url) as optional, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with within(1, slack=2):
            assert [optional.ask("why?").rows for _ in range(3)] == [1, 1, 1]
        relay.hangs = False
    assert [each.category for each in caught] == [cf.HistoryWarning]
    asking.close()
    assert server.questions == ["how many?", "why?", "why?", "why?"]


@slow
@pytest.mark.parametrize("fault", ["silent", "locked"])
def test_a_batch_begins_within_its_timeout(
    running: PostgresServer, url: str, server: Script, relay: Relay, tmp_path: Path, fault: str
) -> None:
    """It waits for its store no longer, whether it begins or goes on, asks or fetches; nothing is sent."""
    with client(server, running.url("store", port=relay.port)) as asking, psycopg.connect(url) as other:
        batch = cf.ask_batch(["how many?"], tmp_path / "old", client=asking, progress=False)
        if fault == "silent":
            relay.drop()
            relay.hangs = True
        else:
            other.execute("LOCK TABLE connecty.items IN ACCESS EXCLUSIVE MODE")
        for act in (
            lambda: cf.ask_batch(["who?"], tmp_path / "new", client=asking, timeout=1.5, progress=False),
            lambda: cf.ask_batch(["who?"], tmp_path / "old", client=asking, timeout=1.5, progress=False),
            lambda: batch.refetch(timeout=1.5, progress=False),
        ):
            with (
                within(1.5),
                pytest.raises(cf.ConfigError, match=r"The index of the batch, .* cannot be used"),
            ):
                act()
        relay.hangs = False
    assert server.questions == ["how many?"]


@slow
def test_a_client_is_closed_while_the_server_is_away(
    running: PostgresServer, server: Script, relay: Relay
) -> None:
    """What is not written yet, and was not required, is tried for a second, and counted."""
    asking = client(server, running.url("store", port=relay.port))
    asking.ask("how many?")
    relay.hangs = True
    with pytest.warns(cf.HistoryWarning, match="its server did not answer in time"):
        asking.ask("who?")
    with within(1), pytest.warns(cf.HistoryWarning, match="^Lost: 3 changes of the history in "):
        asking.close()


@slow
def test_a_client_that_only_fetches(running: PostgresServer, url: str, server: Script, relay: Relay) -> None:
    """What it could not write is counted too."""
    with client(server, url) as asking:
        question = asking.submit("how many?")
    close_databases()
    relay.hangs = True
    fetching = client(server, running.url("store", port=relay.port))
    with pytest.warns(cf.HistoryWarning, match="its server did not answer in time"):
        fetching.fetch(question.question_id)
    with within(1), pytest.warns(cf.HistoryWarning, match="^Lost: 1 change of the history in "):
        fetching.close()


@pytest.mark.parametrize(
    "change",
    ["DROP COLUMN host CASCADE", "RENAME COLUMN job TO task", "ADD CHECK (length(question) < 5)"],
)
def test_tables_that_somebody_changed(url: str, server: Script, database: Any, change: str) -> None:
    """They are no outage: a ConfigError, and nothing is sent."""
    with client(server, url) as asking:
        asking.ask("why?")
        database.execute(f"ALTER TABLE connecty.questions {change}")
        with pytest.raises(cf.ConfigError, match="Nothing was sent"):
            asking.ask("how many?")
    assert server.questions == ["why?"]


@pytest.mark.parametrize(
    ("name", "user", "message"),
    [
        ("nowhere", "postgres", 'database "nowhere" does not exist'),
        ("d%bb", "postgres", 'database "d\ufffd" does not exist'),
        ("store", "nobody", 'role "nobody" does not exist'),
        ("store", "locked", "no password supplied"),
    ],
)
def test_what_is_no_outage(
    running: PostgresServer, server: Script, database: Any, name: str, user: str, message: str
) -> None:
    """A ConfigError at once, and nothing is sent, whether the history is required or not."""
    create_role(database, "locked LOGIN PASSWORD 'canary'")
    for options in ({}, {"max_age": 60}):
        with (
            within(0, slack=2),
            client(server, running.url(name, user=user)) as asking,
            pytest.raises(cf.ConfigError, match=message),
        ):
            asking.ask("how many?", timeout=60, **options)
    assert server.questions == []


@slow
def test_a_server_that_is_down_is_waited_for(running: PostgresServer, url: str) -> None:
    """Within the deadline; and a server that starts is no refusal."""
    found = history(url, required=True)
    running.stop()
    threading.Timer(0.5, running.start).start()
    assert sent(found) is not None
    found.close()


def test_a_password(running: PostgresServer, database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """PGPASSWORD is used; a wrong one is in no message, and in no traceback with locals."""
    create_role(database, "locked LOGIN PASSWORD 'canary'")
    database.execute("GRANT CREATE ON DATABASE store TO locked")
    monkeypatch.setenv("PGPASSWORD", "canary")
    found = history(running.url("store", user="locked"), required=True)
    assert sent(found) is not None
    found.close()
    monkeypatch.setenv("PGPASSWORD", "another-canary")
    with pytest.raises(cf.ConfigError, match='password authentication failed for user "locked"') as caught:
        sent(history(running.url("store", user="locked"), required=True))
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "another-canary" not in shown
    monkeypatch.setenv("PGPASSWORD", "locked")
    with pytest.raises(cf.ConfigError, match=r'failed for user "\*\*\*"'):
        sent(history(running.url("store", user="locked"), required=True))


@pytest.mark.filterwarnings("ignore:Found a lone surrogate:connecty_frames.errors.TypeFidelityWarning")
def test_texts_that_do_not_fit(server: Script, url: str, database: Any) -> None:
    """NUL in a question is a ConfigError before anything is sent; in what the server says it is escaped."""
    with client(server, url) as asking:
        for options in ({}, {"max_age": 60}):
            with pytest.raises(cf.ConfigError, match="the question has a NUL character"):
                asking.ask("how many\0?", **options)
        assert server.questions == []
        answer = {"state": "COMPLETED", "results": {**ANSWER["results"], "response_summary": "a\0b \ud800"}}
        server.on("results", server.answer(200, answer))
        asking.ask("how many?")
    assert states(database) == [("COMPLETED", QUESTION_ID)]


def test_a_database_that_is_not_utf8(running: PostgresServer, server: Script, database: Any) -> None:
    """A ConfigError before anything is sent."""
    database.execute("DROP DATABASE IF EXISTS ascii")
    database.execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0")
    with (
        client(server, running.url("ascii")) as asking,
        pytest.raises(cf.ConfigError, match="its database is SQL_ASCII, not UTF8"),
    ):
        asking.ask("how many?")
    assert server.questions == []


def test_a_role_that_may_not_create(running: PostgresServer, server: Script, database: Any) -> None:
    """A ConfigError that says who can help; with tables and rights it may ask."""
    create_role(database, "poor LOGIN")
    poor = running.url("store", user="poor")
    with client(server, poor) as asking:
        with pytest.raises(cf.ConfigError, match="permission denied for database store; its role needs"):
            asking.ask("how many?")
        assert server.questions == []
        store(running.url("store")).open()
        with pytest.raises(cf.ConfigError, match="permission denied for schema connecty"):
            asking.ask("how many?")
        database.execute("GRANT USAGE ON SCHEMA connecty TO poor")
        database.execute("GRANT SELECT, INSERT, UPDATE ON connecty.questions TO poor")
        with pytest.raises(cf.ConfigError, match="permission denied for table version; its role needs"):
            asking.ask("how many?")
        database.execute("GRANT SELECT ON connecty.version TO poor")
        assert asking.ask("how many?").rows == 1
        limits_table(resolve(history=running.url("store")), "*", 1)
        with pytest.raises(cf.ConfigError, match="permission denied for table limits"):
            limits_table(resolve(history=poor), "*", 2)
        with pytest.raises(cf.QuestionLimitError):
            asking.ask("who?")


@pytest.mark.parametrize("hours", [-30, 30])
def test_ages_by_the_clock_of_the_database(server: Script, url: str, database: Any, hours: int) -> None:
    """A clock of a machine that is wrong by a day neither pays again nor reuses what is too old."""

    class Wrong(Clock):
        def now(self) -> datetime:
            return super().now() + timedelta(hours=hours)

    with client(server, url) as right, client(server, url, clock=Wrong()) as wrong:
        right.ask("how many?")
        assert wrong.ask("how many?", max_age=60).metadata.reused
        wrong.ask("who?")
        assert right.ask("who?", max_age=60).metadata.reused
        assert len(server.questions) == 2
        database.execute("UPDATE connecty.questions SET asked_at = asked_at - 120 * 1000000")
        assert not wrong.ask("who?", max_age=60).metadata.reused
    times = database.execute(
        "SELECT max(abs(asked_at - extract(epoch FROM now()) * 1e6)) FROM connecty.questions WHERE id > 2"
    ).fetchone()
    assert times[0] < 60e6


def test_leases_by_the_clock_of_the_database(
    url: str, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is renewed is SENT; one that is not becomes UNCERTAIN, and is healed by a late acceptance."""
    monkeypatch.setattr(leases, "PAUSE", 0.05)
    monkeypatch.setattr(leases, "renewals", leases.Renewals())
    found = history(url, required=True)
    row, held = sent(found), sent(found, Asked("who?", 13))
    leases.renewals.end(row)
    leases.renewals.hold(round_done := threading.Event(), threading.Event.set)  # one that still had the row
    assert round_done.wait(10)
    database.execute("UPDATE connecty.questions SET lease = lease - 61 * 1000000")
    renewed = "SELECT FROM connecty.questions WHERE question = 'who?' AND lease > asked_at - 9 * 1000000"
    until(lambda: database.execute(renewed).fetchall())
    assert [each[2] for each in read_records(store(url))] == ["SENT", "UNCERTAIN"]
    now = datetime.now(UTC)
    found.accepted(row, "late", asked_at=now, now=now)
    assert states(database) == [("ASKED", "late"), ("SENT", None)]
    assert held is not None
    found.close()


@slow
def test_a_restart(running: PostgresServer, url: str, database: Any, request: pytest.FixtureRequest) -> None:
    """A connection that a restart or an administrator ended is replaced, and its statement executed."""
    found = history(url, required=True)
    now, row = datetime.now(UTC), sent(found)
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'connecty_frames'"
    )
    found.accepted(row, "one", asked_at=now, now=now)
    assert states(database) == [("ASKED", "one")]
    running.stop()
    request.getfixturevalue("pauses")
    try:
        with pytest.warns(cf.HistoryWarning, match="Connection refused"):
            found.ended("one", "COMPLETED", now=now, rows=3)  # it is written later
    finally:
        running.start()
    found._write_pending(time.monotonic() + 9)
    with psycopg.connect(url) as again:
        assert states(again) == [("COMPLETED", "one")]
    found.close()


@slow
def test_a_fork(url: str, database: Any) -> None:
    """The child has a connection of its own, and does not end that of its parent."""
    code = """
import os, sys
from datetime import UTC, datetime
from connecty_frames._base.text import SecretStr
from connecty_frames.batch import Batch, BatchSummary
from connecty_frames.options import Asked
from connecty_frames.settings.values import parse_setting
from connecty_frames.store.history import History
from connecty_frames.store.table import store_at
store = store_at(parse_setting("history", sys.argv[1], is_text=False))
found = History(store, required=True, base_url="u", client_id=SecretStr("c"), redact=str)
def sent(found, asked=Asked("how many?", 13)):
    return found.sent(asked, asked_at=datetime.now(UTC), seconds=30)
sent(found)
child = os.fork()
row = sent(found, Asked("child" if not child else "parent", 13))
if not child:
    found.close()
    sys.exit(row is None)
assert os.waitpid(child, 0)[1] == 0
connection = found.database._connection
assert sent(found, Asked("later", 13)) is not None
assert found.database._connection is connection
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code, url], check=True, timeout=60)
    assert len(states(database)) == 4


def test_an_interrupt_in_a_statement(url: str) -> None:
    """The connection is given up: the next statement gets a reply of its own."""
    found = store(url)
    found.execute("SELECT 1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres, "_wait", mock.Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            found.execute("SELECT 7")
    assert found.execute("SELECT 8").rows == [(8,)]
    found.close()


def ask(asking: Client, folder: Path, questions: Any, **options: Any) -> Batch:
    return cf.ask_batch(questions, folder, client=asking, progress=False, **options)


@pytest.mark.usefixtures("named")
def test_a_batch(server: Script, url: str, database: Any, tmp_path: Path) -> None:
    """Its questions are in the database with the rows, by the id of the batch; the folder has the parts."""
    folders = [tmp_path / name for name in "ab"]
    with client(server, url) as asking:
        for folder in folders:
            ask(asking, folder, {"n": "how many?", "w": "who?"})
        batch = ask(asking, folders[0], {"w": "who?", "n": "how many?", "y": "why?"})
        batch.refetch(schema={"n": "float64"})
    found = cf.open_batch(folders[0])

    assert sorted(server.questions) == ["how many?", "how many?", "who?", "who?", "why?"]
    assert found.summary() == batch.summary() == BatchSummary(3, answered=3)
    assert found.errors().empty
    assert {name: path.name for name, path in found.parts().items()} == {
        "n": "000001-n.parquet", "w": "000002-w.parquet", "y": "000003-y.parquet",
    }  # fmt: skip
    assert found.to_dataset().to_table().to_pydict() == {"n": [1.0, 1.0, 1.0]}
    assert sorted(path.name for path in folders[0].iterdir()) == ["batch.json", "parts"]
    manifest = json.loads((folders[0] / "batch.json").read_text())
    numbers = database.execute("SELECT number, name FROM connecty.items WHERE batch = %s ORDER BY number",
                               [manifest["batch"]]).fetchall()  # fmt: skip
    assert numbers == [(0, None), (1, "n"), (2, "w"), (3, "y")]
    assert manifest["store"].partition("?")[0] == url


@pytest.mark.usefixtures("named")
def test_a_batch_of_another_store(
    server: Script, url: str, database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent by who cannot know what was asked; a store is known by its id, not by its URL."""
    plain, shared = tmp_path / "plain", tmp_path / "shared"
    other = url.replace("postgres@127.0.0.1", "reader@localhost")
    database.execute("DROP ROLE IF EXISTS reader")
    database.execute("CREATE ROLE reader SUPERUSER LOGIN")

    def change(folder: Path, **changes: Any) -> None:
        manifest = {**json.loads((folder / "batch.json").read_text()), **changes}
        (folder / "batch.json").write_text(json.dumps(manifest))

    with client(server, url) as by_url, client(server, str(tmp_path / "h.sqlite3")) as by_file:
        ask(by_url, shared, ["how many?"])
        ask(by_file, plain, ["who?"])
        ask(by_url, plain, ["who?"])  # its index is in the folder
        with pytest.raises(
            cf.ConfigError, match=f"but now it is None.* set history='{re.escape(url)}[?'].* if you know it"
        ):
            ask(by_file, shared, ["how many?"])
        with client(server, other) as by_other_name:
            ask(by_other_name, shared, ["how many?"]).refetch()
        change(shared, store=f"{url}2")  # a name that a fail-over has taken away
        batch = ask(by_url, shared, ["how many?"])
        assert (batch.summary(), batch.retry().summary()) == (BatchSummary(1, answered=1),) * 2
        monkeypatch.setenv("CONNECTY_HISTORY", other)
        assert cf.open_batch(shared).summary().answered == 1
        change(shared, store_id="another")
        for call in (lambda: ask(by_url, shared, ["how many?"]), lambda: cf.open_batch(shared)):
            with pytest.raises(cf.ConfigError, match=r"in another store than .*: the ids differ\. Only"):
                call()
        database.execute("DELETE FROM connecty.items")
        with pytest.raises(cf.ConfigError, match="it does not have this batch"):
            ask(by_url, shared, ["how many?"])
    assert server.questions == ["how many?", "who?"]


@pytest.mark.usefixtures("named")
def test_a_batch_under_a_limit(server: Script, url: str, tmp_path: Path) -> None:
    """Its questions count with the others, and those beyond it stay unasked."""
    with client(server, url, max_questions_per_day=3) as asking:
        asking.ask("how many?")
        with pytest.raises(cf.QuestionLimitError, match="max_questions_per_day=3"):
            ask(asking, tmp_path / "batch", [f"q{number}" for number in range(5)], max_workers=4)
        with pytest.raises(cf.QuestionLimitError):
            asking.ask("why?")
    batch = cf.open_batch(tmp_path / "batch")
    assert (len(server.questions), batch.summary()) == (3, BatchSummary(5, answered=2, unasked=3))
    assert batch.errors().empty


@slow
@pytest.mark.usefixtures("named")
def test_processes_register_a_batch_at_once(server: Script, url: str, tmp_path: Path) -> None:
    """Of overlapping lists each question has one number, and is asked once."""

    def run(first: int) -> None:
        with client(server, f"{url}?application_name=t{first}") as asking:
            ask(asking, tmp_path / "batch", [f"q{number}" for number in range(first, first + 60)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, (0, 20, 40, 60)))
    batch = cf.open_batch(tmp_path / "batch")
    assert batch.summary() == BatchSummary(120, answered=120)
    assert sorted(server.questions) == sorted(f"q{number}" for number in range(120))


def test_a_nul_in_a_batch(server: Script, url: str, database: Any, tmp_path: Path) -> None:
    """A ConfigError before any of its questions gets a number or is sent."""
    with client(server, url) as asking, pytest.raises(cf.ConfigError, match="NUL"):
        ask(asking, tmp_path / "batch", ["how many?", "who\0?"])
    assert server.questions == []
    assert database.execute("SELECT number FROM connecty.items").fetchall() == [(0,)]  # the batch itself


def test_a_batch_whose_store_is_away(
    server: Script,
    relay: Relay,
    running: PostgresServer,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A ConfigError that names it."""
    place = running.url("store", port=relay.port)
    monkeypatch.setenv("CONNECTY_HISTORY", place)
    with client(server, place) as asking:
        ask(asking, tmp_path / "batch", ["how many?"])
    close_databases()
    relay.close()
    request.getfixturevalue("pauses")
    with pytest.raises(cf.ConfigError, match=rf"The index of the batch, {place}, cannot be used"):
        cf.open_batch(tmp_path / "batch")
    assert server.questions == ["how many?"]
