"""Versions of the tables: later ones only add, and a store that cannot be read is an error."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.records import forget_in, limits_table, records_table
from connecty_frames.settings.sources import resolve
from connecty_frames.settings.values import parse_setting
from connecty_frames.store import schema, table
from connecty_frames.store.database import close_databases
from connecty_frames.store.table import store_at
from tests.servers.postgres import PostgresServer
from tests.servers.scripted import QUESTION_ID, Script
from tests.store.stores import another_client, create_role, execute

LATER = ("ALTER TABLE connecty.questions ADD COLUMN IF NOT EXISTS later text NOT NULL DEFAULT 'x'",)


@pytest.fixture
def upgraded(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a context in which clients are of a later version, whose tables have one more column."""

    def upgrade() -> pytest.MonkeyPatch:
        monkeypatch.setattr(schema, "POSTGRES", (*schema.POSTGRES, LATER))
        versions = table.QuestionFile.versions
        monkeypatch.setattr(table.QuestionFile, "versions", (*versions, LATER))
        return monkeypatch

    return upgrade


def test_a_later_client_upgrades_what_an_earlier_one_uses(server: Script, place: str, upgraded: Any) -> None:
    """The rows and the id stay; a client of each version asks, reads and erases after that."""
    with another_client(server, place) as asking:
        asking.ask("how many?")
    first = store_at(parse_setting("history", place, is_text=False)).store_id
    patch = upgraded()
    with another_client(server, place) as asking:
        asking.ask("who?")
    assert execute(place, schema.VERSION) == [(2, 1, first)]
    assert execute(place, "SELECT question, later FROM connecty.questions ORDER BY id") == [
        ("how many?", "x"), ("who?", "x"),
    ]  # fmt: skip
    patch.undo()
    with another_client(server, place) as asking:
        asking.ask("why?")
        assert asking.ask("why?", max_age=60).metadata.reused
        assert records_table(resolve(history=place))["question"].to_pylist() == ["why?", "who?", "how many?"]
        assert forget_in(resolve(history=place), QUESTION_ID, None) == 3
    assert execute(place, schema.VERSION) == [(2, 1, first)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["DELETE FROM connecty.version"], "it has tables, but no row that says their version"),
        (["INSERT INTO connecty.version VALUES (1, 1, 'b')"], "no row that says their version"),
        (["UPDATE connecty.version SET version = 0"], "no row that says their version"),
        (["DROP TABLE connecty.version"], "no row that says their version"),
        (["DROP TABLE connecty.version", "CREATE TABLE connecty.version (a text)"], "no row that says"),
        (
            ["UPDATE connecty.version SET version = 3, oldest_writer = 2"],
            "its tables are of version 3, which this version of connecty_frames cannot use; install a newer",
        ),
    ],
    ids=[
        "no row",
        "two rows",
        "zero",
        "no table",
        "another table",
        "a later one that does not admit this one",
    ],
)
def test_what_cannot_be_read(server: Script, place: str, changes: list[str], message: str) -> None:
    """A ConfigError says so: never no rows, and never that nothing was erased. Nothing is sent or changed."""
    with another_client(server, place) as asking:
        asking.ask("how many?")
    execute(place, *changes)
    settings = resolve(history=place)
    for attempt in (
        lambda: another_client(server, place, history_required=True).ask("how many?"),
        lambda: another_client(server, place).ask("how many?", max_age=60),
        lambda: records_table(settings),
        lambda: forget_in(settings, QUESTION_ID, None),
        lambda: forget_in(settings, None, "1s"),
    ):
        close_databases()
        with pytest.raises(cf.ConfigError, match=message):
            attempt()
    assert server.questions == ["how many?"]
    assert execute(place, "SELECT count(*) FROM connecty.questions") == [(1,)]


def test_comments_and_dumps(
    server: Script, running: PostgresServer, url: str, database: Any, tmp_path: Path
) -> None:
    """A comment of an administrator says nothing, and a restored dump without comments has all of it."""
    with another_client(server, url) as asking:
        asking.ask("how many?")
    database.execute("COMMENT ON TABLE connecty.questions IS 'do not touch'")
    close_databases()
    assert records_table(resolve(history=url)).num_rows == 1
    dump = [running.programs / "pg_dump", "--no-comments", "--no-owner", f"--dbname={url}"]
    (tmp_path / "dump.sql").write_bytes(subprocess.run(dump, check=True, capture_output=True).stdout)
    database.execute("DROP SCHEMA connecty CASCADE")
    restore = [running.programs / "psql", "--quiet", f"--dbname={url}", f"--file={tmp_path / 'dump.sql'}"]
    subprocess.run(restore, check=True, capture_output=True)
    with another_client(server, url) as asking:
        assert asking.ask("how many?", max_age=60).metadata.reused
    assert execute(url, "SELECT count(*) FROM connecty.questions") == [(1,)]


def test_older_tables_that_a_role_may_not_upgrade(
    server: Script, running: PostgresServer, database: Any, upgraded: Any
) -> None:
    """A later client asks, reuses, reads and erases as an earlier one does; one warning names the remedy."""
    roles = {"writes": "LOGIN", "looks": "LOGIN", "clears": "LOGIN"}
    for role, options in roles.items():
        create_role(database, f"{role} {options}")
    database.execute(schema.ddl("connecty", *roles).partition("COMMIT")[0] + "COMMIT")
    writes, looks, clears = (running.url("store", user=role) for role in roles)
    upgraded()
    message = (
        f"The tables in {writes} have version 1, and are used as they are: this role may not upgrade them to "
        "2. Have their owner run the SQL of `connecty history ddl`."
    )

    asking = another_client(server, writes)
    with pytest.warns(cf.HistoryWarning) as caught:
        asking.ask("how many?")
    assert [str(each.message) for each in caught] == [message]
    store_at(parse_setting("history", writes, is_text=False)).close()  # the next call connects again
    with asking:
        assert asking.ask("how many?", max_age=60).metadata.reused
    with pytest.warns(cf.HistoryWarning, match="may not upgrade"):
        assert records_table(resolve(history=looks))["state"].to_pylist() == ["COMPLETED"]
    with pytest.warns(cf.HistoryWarning, match="may not upgrade"):
        assert forget_in(resolve(history=clears), QUESTION_ID, None) == 1
    assert execute(running.url("store"), schema.VERSION)[0][:2] == (1, 1)


def test_a_view_that_gets_a_column(
    running: PostgresServer, url: str, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps its readers' grants and the views over it, as no DROP does: columns are added at its end."""
    errors = pytest.importorskip("psycopg").errors
    create_role(database, "looks LOGIN")
    upgrade = schema.ddl("connecty", None, "looks").partition("COMMIT")[0] + "COMMIT"
    database.execute(upgrade)
    database.execute("CREATE VIEW public.dashboard AS SELECT id, state FROM connecty.history")
    (view,) = (each for each in schema.POSTGRES[0] if "VIEW" in each)
    later = view.replace(", key\nFROM", ", key, lease AS later\nFROM")
    with pytest.raises(errors.DependentObjectsStillExist):
        database.execute("DROP VIEW connecty.history")
    with pytest.raises(errors.InvalidTableDefinition):
        database.execute(view.replace(" id,", " id, lease AS later,"))
    monkeypatch.setattr(schema, "POSTGRES", (*schema.POSTGRES, (later,)))

    store_at(parse_setting("history", url, is_text=False)).open()
    reading = running.url("store", user="looks")
    assert execute(reading, "SELECT later FROM connecty.history") == []
    assert execute(url, "SELECT * FROM public.dashboard") == []
    assert execute(url, schema.VERSION)[0][:2] == (2, 1)


def test_tables_without_limits(
    server: Script, running: PostgresServer, url: str, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are used as they are, which is said once; open clients keep to limits that are made and set."""
    monkeypatch.setattr("connecty_frames.store.postgres._ATTEMPT", 0.5)
    settings = resolve(history=url)
    with another_client(server, url) as asking:
        asking.ask("how many?")
        database.execute("DROP TABLE connecty.limits")
        with pytest.warns(cf.HistoryWarning, match="no limits of questions. Have their owner run"):
            asking.ask("who?", max_age=60)
        for number in (2, None):
            with pytest.raises(cf.ConfigError, match=r"relation .connecty\.limits. does not exist"):
                limits_table(settings, "*", number)
        assert limits_table(settings).num_rows == 0
        psql = [running.programs / "psql", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={url}"]
        subprocess.run(psql, input=schema.ddl("connecty").encode(), check=True)
        assert limits_table(settings, "*", 2)["per_day"].to_pylist() == [2]
        with pytest.raises(cf.QuestionLimitError):
            asking.ask("why?")
    assert server.questions == ["how many?", "who?"]


def test_a_file_without_limits(server: Script, tmp_path: Path) -> None:
    """It gets them when it is opened."""
    place = str(tmp_path / "h.sqlite3")
    with another_client(server, place) as asking:
        asking.ask("how many?")
    execute(place, "DROP TABLE limits")
    assert limits_table(resolve(history=place)).num_rows == 0
    assert limits_table(resolve(history=place), "*", 1)["per_day"].to_pylist() == [1]
    with another_client(server, place) as asking, pytest.raises(cf.QuestionLimitError):
        asking.ask("who?")


def test_ddl(server: Script, running: PostgresServer, database: Any, upgraded: Any) -> None:
    """An administrator makes and upgrades the tables by it, twice too, for a role that may not create.

    Indexes that a store lacks are made by nobody else.
    """
    psql = [running.programs / "psql", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={running.url('store')}"]
    for role in ("asks", "reads"):
        create_role(database, f"{role} LOGIN")
    asks, reads = (running.url("store", user=role) + "?schema=user" for role in ("asks", "reads"))
    database.execute('DROP SCHEMA IF EXISTS "user" CASCADE')
    with (
        another_client(server, asks) as asking,
        pytest.raises(cf.ConfigError, match="`connecty history ddl` prints"),
    ):
        asking.ask("how many?")
    index = "SELECT to_regclass('\"user\".questions_by_client') IS NOT NULL"
    for _ in range(2):
        subprocess.run(psql, input=schema.ddl("user", "asks", "reads").encode(), check=True)
    assert database.execute(index).fetchone() == (True,)
    database.execute('DROP INDEX "user".questions_by_client')
    with another_client(server, asks) as asking:
        asking.ask("how many?")
    assert database.execute(index).fetchone() == (False,)
    assert records_table(resolve(history=reads))["question"].to_pylist() == ["how many?"]
    patch = upgraded()
    for _ in range(2):
        subprocess.run(psql, input=schema.ddl("user", "asks").encode(), check=True)
    assert database.execute(index).fetchone() == (True,)
    for _ in range(2):
        with another_client(server, asks) as asking:
            asking.ask("how many?")
        assert records_table(resolve(history=reads)).num_rows > 1
        patch.undo()
    assert server.questions == ["how many?"] * 3
    assert database.execute('SELECT version, oldest_writer FROM "user".version').fetchall() == [(2, 1)]
    assert database.execute("SELECT to_regnamespace('connecty')").fetchone() == (None,)
    database.execute('DROP SCHEMA "user" CASCADE')
