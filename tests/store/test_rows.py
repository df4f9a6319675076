"""Rows are input: what somebody else wrote, or a role may only read, in a file and in PostgreSQL."""

import getpass
import socket
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.records import forget_in, recorded_place, records_table, summary_table
from connecty_frames.settings.sources import resolve
from connecty_frames.store.database import close_databases
from tests.servers.postgres import PostgresServer
from tests.servers.scripted import QUESTION_ID, Script
from tests.store.stores import another_client, create_role, execute

HOSTILE = "../../../../v2/admin/delete?x="


def change(place: str, assignment: str, value: object) -> None:
    """Change the row of the question ``how many?`` by another connection."""
    statement = f"UPDATE connecty.questions SET {assignment} = %s WHERE question = 'how many?'"
    execute(place, statement, parameters=(value,))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("question_id", HOSTILE),
        ("question_id", "x" * 201),
        ("state", "DONE"),
        ("asked_at", 9 * 10**18),
        ("accepted_at", 9 * 10**18),
    ],
)
def test_a_row_that_no_client_wrote(server: Script, place: str, column: str, value: object) -> None:
    """One warning names it; the others are shown. It is not reused, and nothing of it is in a request."""
    with another_client(server, place) as asking:
        asking.ask("who?")
        asking.ask("how many?")
    change(place, column, value)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            assert records_table(resolve(history=place), limit=1)["question"].to_pylist() == ["who?"]
    (warning,) = caught
    said = f"Left out: 1 row of the history in {place} that no client wrote, by the column id: 2. `connecty"
    assert str(warning.message).startswith(said)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cf.HistoryWarning)
        with another_client(server, place) as asking:
            assert not asking.ask("how many?", max_age="1d").metadata.reused
            assert asking.ask("how many?", max_age="1d").metadata.reused
        close_databases()
        assert forget_in(resolve(history=place), 2, None) == 1
        assert records_table(resolve(history=place))["question"].to_pylist() == ["how many?", "who?"]
    assert server.questions == ["who?", "how many?", "how many?"]
    assert not [each.target for each in server.requests if "admin" in each.target]


@pytest.mark.parametrize(
    ("column", "value", "only_in"),
    [
        ("reused", 2**63 - 1, ""),
        ("reused", -1, ""),
        ("asked_at", 9 * 10**18, ""),
        ("asked_at", -1, ""),
        ("state", "DONE", ""),
        ("asked_at", "soon", "sqlite"),
        ("asked_at", 1.5, "sqlite"),
        ("reused", 1.5, "sqlite"),
    ],
)
def test_what_is_not_counted(server: Script, place: str, column: str, value: object, only_in: str) -> None:
    """A row that no client wrote: one warning says how many there are, as for a list, and names the first."""
    if only_in == "sqlite" and place.startswith("postgresql:"):
        return  # it refuses the value
    with another_client(server, place) as asking:
        for question in ("how many?", "who?", "how many?"):
            asking.ask(question, tags={"job": "a"})
    change(place, column, value)
    settings = resolve(history=place)
    for read, options, found in (
        (summary_table, {"by": "job"}, "a"),
        (summary_table, {}, 1),
        (records_table, {}, "who?"),
    ):
        close_databases()
        with pytest.warns(cf.HistoryWarning, match="Left out: 2 rows .* wrote, by the column id: 1"):
            (row,) = read(settings, **options).to_pylist()
        assert found in row.values()


def test_tags_that_no_client_wrote(server: Script, place: str) -> None:
    """They are none where questions are counted; nested ones are no error."""
    with another_client(server, place) as asking:
        asking.ask("how many?", tags={"team": "a"})
    nested = f"{'[' * 3000}{']' * 3000}"
    for tags in ('["team"]', '"team"', "7", *["{"] * (not place.startswith("postgresql:")), nested):
        change(place, "tags", tags)
        rows = summary_table(resolve(history=place), by="team").to_pylist()
        assert [(row["team"], row["asked"]) for row in rows] == [(None, 1)]
    with pytest.warns(cf.HistoryWarning, match="Left out: 1 row"):
        assert records_table(resolve(history=place)).num_rows == 0


@pytest.mark.parametrize("lease", [-(2**63), 2**63 - 1])
def test_a_lease_that_no_client_wrote(server: Script, place: str, lease: int) -> None:
    """It is over, and hides no other row."""
    with another_client(server, place) as asking:
        asking.ask("who?")
        asking.ask("how many?")
    values: dict[str, object] = {"state": "SENT", "lease": lease}
    uptime = {} if place.startswith("postgresql:") else {"lease_uptime": lease}
    for column, value in {**values, **uptime}.items():
        change(place, column, value)
    assert records_table(resolve(history=place))["state"].to_pylist() == ["UNCERTAIN", "COMPLETED"]
    with another_client(server, place) as asking:
        assert asking.ask("how many?", max_age="1d").metadata.reused  # it has an id


@pytest.mark.parametrize(("column", "value"), [("dw_id", "13/../7"), ("dw_id", "-1"), ("dw_id", "1" * 30)])
def test_a_workspace_that_no_client_wrote(server: Script, place: str, column: str, value: str) -> None:
    """Its question is not fetched; that of one that is longer than a number of SQLite is."""
    with another_client(server, place) as asking:
        asking.ask("how many?")
    change(place, column, value)
    settings = resolve(history=place, client_id="a-client", client_secret="s", base_url=server.address)
    if value.isdigit():
        assert recorded_place(settings, QUESTION_ID) == (server.address, int(value))
        return
    with (
        pytest.warns(cf.HistoryWarning, match="row of the history in .* that no client wrote"),
        pytest.raises(cf.ConfigError, match=r"No question .* is recorded"),
    ):
        recorded_place(settings, QUESTION_ID)


def test_an_address_of_a_row(server: Script, place: str) -> None:
    """The secret is not sent to an address that only a row names; those of the service are known."""
    with another_client(server, place) as asking:
        asking.ask("how many?")
    settings = resolve(history=place, client_id="a-client", client_secret="s", region="us1")
    change(place, "base_url", "https://api.evil.example")
    with pytest.raises(cf.ConfigError, match=r"was asked at https://api\.evil\.example"):
        recorded_place(settings, QUESTION_ID)
    change(place, "base_url", "https://api.eu1.connecty-ai.com")
    assert recorded_place(settings, QUESTION_ID) == ("https://api.eu1.connecty-ai.com", 13)


def test_who_asked(server: Script, place: str) -> None:
    """The machine and the user stand in the row."""
    with another_client(server, place) as asking:
        asking.ask("how many?")
    (row,) = records_table(resolve(history=place)).to_pylist()
    assert (row["host"], row["user_name"]) == (socket.gethostname(), getpass.getuser())


def test_a_role_that_may_only_read(server: Script, running: PostgresServer, url: str, database: Any) -> None:
    """It reads, also that a sender stopped; erasing and asking are errors that name what it lacks."""
    create_role(database, "looks LOGIN")
    with another_client(server, url) as asking:
        asking.ask("how many?")
        asking.ask("who?")
    database.execute(
        "UPDATE connecty.questions SET state = 'SENT', question_id = NULL, lease = lease - 61000000 "
        "WHERE id = 1"
    )
    database.execute("GRANT USAGE ON SCHEMA connecty TO looks")
    database.execute("GRANT SELECT ON ALL TABLES IN SCHEMA connecty TO looks")
    place = running.url("store", user="looks")
    close_databases()
    table = records_table(resolve(history=place), state=["UNCERTAIN"])
    assert table.select(["question", "error"]).to_pylist() == [
        {"question": "how many?", "error": "Its sender stopped responding before the question was accepted."}
    ]
    needs = r"permission denied for table \w+; its role needs .* `connecty history ddl` prints"
    for attempt in (
        lambda: forget_in(resolve(history=place), QUESTION_ID, None),
        lambda: another_client(server, place).ask("why?"),
    ):
        with pytest.raises(cf.ConfigError, match=needs):
            attempt()
    assert database.execute("SELECT state FROM connecty.questions ORDER BY id").fetchall() == [
        ("SENT",), ("COMPLETED",),
    ]  # fmt: skip


def test_the_view(server: Script, url: str, database: Any) -> None:
    """Times, tags as JSON, durations, and the state by the clock; a time of anybody's is no error."""
    with another_client(server, url) as asking:
        asking.ask("how many?", tags={"job": "night\0ly", "by": "a\0b \udc80"})
        asking.ask("who?")
        asking.ask("why?")
    database.execute(
        "UPDATE connecty.questions SET state = 'SENT', question_id = NULL, lease = 0 WHERE question = 'who?'"
    )
    database.execute("UPDATE connecty.questions SET asked_at = 9e18 WHERE question = 'why?'")
    rows = database.execute(
        "SELECT asked_at, state, tags ->> 'by', job, seconds >= seconds_to_accept, user_name "
        "FROM connecty.history ORDER BY id"
    ).fetchall()
    assert [row[1:] for row in rows] == [
        ("COMPLETED", r"a\x00b \udc80", r"night\x00ly", True, getpass.getuser()),
        ("UNCERTAIN", None, None, True, getpass.getuser()),
        ("COMPLETED", None, None, True, getpass.getuser()),
    ]
    assert abs(rows[0][0] - datetime.now(UTC)) < timedelta(minutes=1)
    assert rows[2][0] is None


#: SQL that does not end.
ENDLESS = "(WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n)"
LARGE = "(length(hex(zeroblob(100000000))))"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            [
                "DROP TABLE version",
                f"CREATE VIEW version AS SELECT {ENDLESS} AS version, 1 AS oldest_writer, 'a' AS store_id",
            ],
            "view version",
        ),
        (["DROP TABLE questions", f"CREATE VIEW questions AS SELECT {ENDLESS} AS id"], "view questions"),
        (
            [f"CREATE TRIGGER t AFTER INSERT ON questions BEGIN UPDATE questions SET rows = {ENDLESS}; END"],
            "trigger t",
        ),
        (["DROP TABLE items", "CREATE VIRTUAL TABLE items USING fts4(number, key, batch)"], "table items"),
        ([f"ALTER TABLE questions ADD COLUMN x AS {LARGE}"], "table questions"),
        ([f"ALTER TABLE items ADD COLUMN x CHECK {LARGE}"], "table items"),
        (["DROP TABLE items", f"CREATE TABLE items (batch, number, key DEFAULT {LARGE})"], "table items"),
        ([f"CREATE INDEX i ON questions ({LARGE})"], "index i"),
        ([f"CREATE INDEX i ON questions (key) WHERE {LARGE}"], "index i"),
    ],
    ids=["version", "questions", "trigger", "virtual", "computed", "check", "default", "index", "partial"],
)
def test_what_no_client_makes(server: Script, tmp_path: Path, changes: list[str], named: str) -> None:
    """A history or a batch with SQL of others is an error before any of it is executed."""
    place = str(tmp_path / "history.sqlite3")
    with another_client(server, place) as asking:
        asking.ask("how many?")
        cf.ask_batch(["how many?"], tmp_path / "batch", client=asking, progress=False)
    execute(place, *changes)
    execute(str(tmp_path / "batch" / "index.sqlite3"), *changes)
    message = rf"it is not an index of a batch or a history \(see its {named}\)"
    for attempt in (
        lambda: records_table(resolve(history=place)),
        lambda: forget_in(resolve(history=place), None, "1s"),
        lambda: another_client(server, place).ask("how many?", max_age=60),
        lambda: cf.open_batch(tmp_path / "batch"),
        lambda: forget_in(resolve(history=place), None, None, tmp_path / "batch"),
    ):
        with pytest.raises(cf.ConfigError, match=message):
            attempt()
    assert server.questions == ["how many?"] * 2


@pytest.mark.parametrize(
    ("column", "value", "is_reused"),
    [
        ("question", "why?", False),
        ("question", "how  many? ", True),
        ("question", "", True),  # erased
        ("base_url", "https://api.evil.example", False),
        ("dw_id", "14", False),
    ],
)
def test_a_row_of_another_question(
    server: Script, place: str, column: str, value: str, *, is_reused: bool
) -> None:
    """The key alone says nothing. The question of the metadata is the one that was asked."""
    with another_client(server, place) as asking:
        asking.ask("how many?")
    change(place, column, value)
    with another_client(server, place) as asking:
        found = asking.ask(" how many?", max_age="1d").metadata
        assert (found.reused, found.question) == (is_reused, " how many?")
        assert asking.ask("how many?", max_age="1d").metadata.reused
    assert len(server.questions) == 2 - is_reused


@pytest.mark.parametrize(
    ("assignment", "value"),
    [("name", "x/../../../elsewhere/sales"), ("number", 10**9), ("question", "s3://a/b")],
)
def test_a_part_that_no_batch_has(
    server: Script, url: str, tmp_path: Path, assignment: str, value: object
) -> None:
    """Erasing names only files that a batch may have written."""
    with another_client(server, url) as asking:
        for name in "ab":
            cf.ask_batch({name: f"{name}?"}, tmp_path / name, client=asking, progress=False)
    which = "question = %s" if assignment == "question" else "name = 'a'"
    parameters = (value, str(tmp_path / "a")) if assignment == "question" else (value,)
    execute(url, f"UPDATE connecty.items SET {assignment} = %s WHERE {which}", parameters=parameters)
    erased = forget_in(resolve(history=url), None, "2099-01-01")
    kept = tmp_path / "b" / "parts" / "000001-b.parquet"
    assert erased == 2
    assert erased.files == (kept,)


def test_a_row_with_a_masked_secret(server: Script, place: str) -> None:
    """Its text is compared with the question's as it would be recorded."""
    with another_client(server, place, client_secret="the-secret") as asking:
        assert [asking.ask("is the-secret 5?", max_age="1d").metadata.reused for _ in "ab"] == [False, True]
