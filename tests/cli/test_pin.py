"""``connecty pin``: add, list, show, check, remove and run."""

import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connecty_frames.answer_metadata import Schema
from connecty_frames.decode.schema import ColumnSchema
from tests.servers.scripted import QUESTION_ID, Script

SQL = "SELECT id, name FROM orders WHERE id > 1 ORDER BY id"


def answered(sql: str = SQL, **results: Any) -> Any:
    return Script.completed(**{"sql_query": sql, "dataframe": [["id", "name"], [2, "b"]], **results})


@pytest.fixture
def pin(
    shell: Any, server: Script, settings: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command in a folder with two databases."""
    monkeypatch.chdir(tmp_path)
    server.on("results", answered())
    for connection in (duckdb.connect("a.duckdb"), sqlite3.connect("a.db")):
        connection.execute("CREATE TABLE orders (id INT, name TEXT)")
        connection.execute("INSERT INTO orders VALUES (1, 'a'), (3, 'c'), (2, 'b')")
        connection.commit()
        connection.close()

    def run(*arguments: str) -> tuple[int, str, str]:
        found: tuple[int, str, str] = shell.text(shell.run("pin", *arguments, **settings))
        return found

    return run


def test_add_and_show(pin: Any, server: Script) -> None:
    """The SQL alone goes to standard output."""
    code, out, err = pin("add", "orders", "list the orders", "--dialect", "duckdb")

    described = [
        "orders: list the orders",
        f"question_id {QUESTION_ID}, dw_id 13, asked ",
        "dialect duckdb; tables: orders",
        "id    int64   1 whole number",
        "name  string  1 of 1 values are texts",
    ]
    assert (code, out) == (0, "")
    assert [line in err for line in described] == [True] * 5, err
    code, out, err = pin("show", "orders")
    assert (code, out) == (0, f"{SQL}\n")
    assert [line in err for line in described] == [True] * 5
    assert server.questions == ["list the orders"]


def test_what_is_unknown_of_a_pin(pin: Any, server: Script) -> None:
    """It is said."""
    server.on("results", answered("SELEC 1"))
    assert "\ndialect unknown; tables: unknown\n" in pin("add", "orders", "list the orders")[2]


def test_a_check_of_several_pins_shows_no_password(pin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The errors of a warehouse's client may have the URL."""
    for name in ("a", "b"):
        pin("add", name, "list the orders")
    url = "postgresql://u:hunter22@h/d"
    monkeypatch.setattr("connecty_frames.cli.pin._connection", nullcontext)
    monkeypatch.setattr("connecty_frames.pins.Pin.check", mock.Mock(side_effect=RuntimeError(f"no {url}")))
    _, out, _ = pin("check", "--all", "--connection", url)
    assert out == "Pin 'a': not checked.\n  no ***\nPin 'b': not checked.\n  no ***\n"


def test_add_replaces_only_on_request(pin: Any, server: Script) -> None:
    """The hint is one for the command line."""
    assert pin("add", "orders", "list the orders")[0] == 0
    code, _, err = pin("add", "orders", "list the orders")
    assert code == 2
    assert "Choose another name, or pass --replace." in err
    assert pin("add", "orders", "list them", "--replace", "--question-id", QUESTION_ID)[0] == 0
    assert server.questions == ["list the orders"]


def test_list(pin: Any) -> None:
    """In the order of names, in the formats of answers."""
    for name in ("b", "a"):
        pin("add", name, f"question {name}", "--dialect", "sqlite", "--question-id", QUESTION_ID)
    code, out, _ = pin("list", "--format", "json")
    assert code == 0
    assert json.loads(out) == [
        {"name": name, "asked_at": None, "dialect": "sqlite", "question": f"question {name}"} for name in "ab"
    ]


def test_remove(pin: Any) -> None:
    """The others stay."""
    for name in ("a", "b"):
        pin("add", name, "q", "--question-id", QUESTION_ID)
    code, out, err = pin("remove", "a")
    assert (code, out) == (0, "")
    assert err.startswith("Pin 'a' was removed from ")
    assert pin("list", "--format", "csv")[1].splitlines()[1:] == ['"b",,,"q"']
    assert pin("remove", "a")[0] == 2
    assert pin("remove", "b")[0] == 0
    assert pin("list", "--format", "json")[:2] == (0, "[]\n")


def test_an_interrupt_after_asking(pin: Any, server: Script) -> None:
    """The id of the question that was paid for is shown."""
    with mock.patch("connecty_frames.pins.folder._toml", side_effect=KeyboardInterrupt):
        code, out, err = pin("add", "orders", "list the orders")
    assert (code, out) == (130, "")
    assert err.count(f"question_id='{QUESTION_ID}' pins its answer without asking again.") == 1
    assert server.questions == ["list the orders"]


def test_check_without_pins(pin: Any) -> None:
    """In a wrong folder it must not look as if nothing had changed."""
    code, out, err = pin("check", "--all")
    assert (code, out) == (2, "")
    assert "There are no pins in " in err
    assert "Name the pins, or pass --all instead." in pin("check")[2]


def test_check(pin: Any, server: Script) -> None:
    """Nothing is asked; the exit code is 12 if the warehouse has other columns, or the SQL is refused."""
    pin("add", "orders", "list the orders", "--dialect", "duckdb")
    server.on("results", answered("SELECT id, name INTO copies FROM orders"))
    pin("add", "others", "list the others", "--dialect", "postgres")
    requests = len(server.requests)

    assert pin("check", "orders") == (0, "Pin 'orders': unchanged.\n", "")
    assert pin("check", "orders", "--connection", "duckdb:///a.duckdb")[:2] == (
        0,
        "Pin 'orders': unchanged.\n",
    )
    code, out, err = pin("check", "--all", "--format", "json")
    assert (code, err) == (12, "")
    assert out.startswith('[\n  {\n    "name"')
    assert json.loads(out) == [
        {"name": "orders", "changed": False, "differences": []},
        {"name": "others", "changed": True, "differences": ["The SQL has INTO, which is more than a query."]},
    ]
    with duckdb.connect("a.duckdb") as connection:
        connection.execute("ALTER TABLE orders ALTER id TYPE DOUBLE")
    code, out, err = pin("check", "orders", "--connection", "duckdb:///a.duckdb")
    assert (code, out) == (12, "Pin 'orders': changed.\n  Column 'id' was int64 and is now double.\n")
    with duckdb.connect("a.duckdb") as connection:
        connection.execute("ALTER TABLE orders RENAME name TO title")
    code, out, err = pin("check", "--all", "--connection", "duckdb:///a.duckdb")
    assert (code, err) == (12, "")
    assert [line for line in out.splitlines() if line.startswith("Pin")] == [
        "Pin 'orders': changed.",
        "Pin 'others': changed.",
    ]
    assert "  The database no longer runs the SQL: Binder Error: " in out
    with duckdb.connect("a.duckdb") as connection:
        connection.execute("DROP TABLE orders")
    code, out, err = pin("check", "orders", "--connection", "duckdb:///a.duckdb")
    assert (code, err) == (12, "")
    assert "  The database no longer runs the SQL: Catalog Error: " in out
    code, _, err = pin("check", "orders", "--connection", "duckdb:///b/c.duckdb")
    assert (code, "The warehouse's client raised " in err) == (1, True)
    assert len(server.requests) == requests


def test_a_pin_in_a_merge_conflict(pin: Any, server: Script, tmp_path: Path) -> None:
    """It is named as that, and stops no other pin; the exit code is that of its error."""
    for name in ("conflict", "orders"):
        pin("add", name, "list the orders", "--dialect", "duckdb")
    path = tmp_path / "connecty-pins" / "conflict.toml"
    ours = path.read_text(encoding="utf-8")
    marked = f"\n<<<<<<< HEAD\n{SQL}\n=======\nSELECT 1\n>>>>>>> other\n"
    path.write_text(ours.replace(SQL, marked), encoding="utf-8")  # TOML can be read, as it is within the SQL
    message = f"{path} has a merge conflict. Keep one side of it."
    asked = len(server.questions)

    code, out, err = pin("check", "--all", "--format", "json")
    assert (code, message in err) == (2, True)
    assert json.loads(out) == [
        {"name": "conflict", "changed": None, "differences": [message]},
        {"name": "orders", "changed": False, "differences": []},
    ]
    assert pin("check", "conflict")[:2] == (2, "")  # alone it is the error
    code, out, err = pin("list", "--format", "csv")
    assert (code, out.count("list the orders"), message in err) == (2, 1, True)
    arguments = ("--all", "--connection", "duckdb:///a.duckdb", "--output-folder", "rows")
    assert pin("run", *arguments)[:2] == (2, "")
    assert [file.name for file in (tmp_path / "rows").iterdir()] == ["orders.parquet"]
    assert pin("run", "conflict", "--connection", "duckdb:///a.duckdb")[:2] == (2, "")
    assert len(server.questions) == asked
    code, out, err = pin("check", "--all", "--ask")
    assert (code, out.splitlines()[-1]) == (2, "Pin 'orders': unchanged.")
    assert err.startswith("This asks 1 question, which is paid for.\n")
    assert pin("check", "--ask", "orders", "nobody")[0] == 2
    assert len(server.questions) - asked == 1


@pytest.mark.slow
@pytest.mark.external
def test_check_in_postgres(pin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """12 is for a change, as a column that is text now, or gone; an error has the code of its kind."""
    pytest.importorskip("adbc_driver_postgresql")
    psycopg = pytest.importorskip("psycopg")
    postgres = pytest.importorskip("tests.servers.postgres", reason="Windows cannot run it as another user")
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "10")
    pin("add", "orders", "list the orders", "--dialect", "postgres")
    with postgres.postgres_server() as server, psycopg.connect(server.url(), autocommit=True) as admin:

        def check(change: str, url: str = server.url()) -> tuple[int, str]:
            admin.execute(change)
            code, out, err = pin("check", "orders", "--connection", url)
            assert "hunter22" not in out + err
            return code, out + err

        admin.execute("CREATE ROLE reader LOGIN")
        admin.execute("CREATE ROLE locked LOGIN PASSWORD 'other'")
        assert check("CREATE TABLE orders (id bigint, name text)") == (0, "Pin 'orders': unchanged.\n")
        code, shown = check("SELECT 1", server.url().replace("postgres@", "locked:hunter22@"))
        assert (code, "password authentication failed" in shown) == (1, True)
        code, shown = check("SELECT 1", server.url(user="reader"))
        assert (code, "permission denied for table orders" in shown) == (1, True)
        sql = "ALTER TABLE orders ALTER name TYPE bigint USING 1"
        assert check(sql) == (12, "Pin 'orders': changed.\n  Column 'name' was string and is now int64.\n")
        code, shown = check("ALTER TABLE orders DROP name")
        assert (code, 'column "name" does not exist' in shown) == (12, True)
        code, shown = check("DROP TABLE orders")
        assert (code, 'relation "orders" does not exist' in shown) == (12, True)


def test_a_failing_question_keeps_what_was_checked(pin: Any, server: Script) -> None:
    """What was paid for is shown; nothing else is asked."""
    for name in ("a", "b", "c"):
        pin("add", name, f"list {name}", "--dialect", "duckdb")
    server.on(
        "results",
        answered(SQL),
        Script.answer(200, {"state": "FAILED", "results": {"response_summary": "No credits."}}),
    )
    asked = len(server.questions)
    code, out, err = pin("check", "--all", "--ask")
    assert (code, server.questions[asked:]) == (7, ["list a", "list b"])
    assert out.startswith("Pin 'a': unchanged.\nPin 'b': not checked.\n  ")
    assert "Failed pin: 'b'." in err


def test_check_by_asking(pin: Any, server: Script) -> None:
    """It says what it costs."""
    pin("add", "orders", "list the orders", "--dialect", "duckdb")
    code, out, err = pin("check", "--all", "--ask")
    assert (code, out, err) == (0, "Pin 'orders': unchanged.\n", "This asks 1 question, which is paid for.\n")

    pin("add", "others", "list the others", "--dialect", "duckdb")
    server.on("results", answered(SQL.replace("1", "0"), dataframe=[["id"], [2]]))
    code, out, err = pin("check", "others", "--ask", "--times", "2")

    assert code == 12
    assert out.splitlines() == [
        "Pin 'others': changed.",
        "  The SQL differs in numbers or texts in it.",
        "  The columns were 'id', 'name', and now are 'id'.",
        "  Of 2 answers, 2 agree on the SQL, 2 on the columns and 2 on the rows.",
    ]
    assert err == "This asks 2 questions, each paid for.\n"
    assert server.questions == ["list the orders"] * 2 + ["list the others"] * 3


def test_run_several(pin: Any, tmp_path: Path) -> None:
    """Each has a file in a folder; the rows are those of one alone."""
    for name in ("a", "b"):
        pin("add", name, "list the orders", "--dialect", "duckdb")
    connection = ("--connection", "duckdb:///a.duckdb")

    assert "Several pins need --output-folder DIR." in pin("run", "--all", *connection)[2]
    assert pin("run", "b", "a", *connection, "--output-folder", "rows")[0] == 0
    assert pin("run", "--all", *connection, "--output-folder", "rows", "--format", "csv") == (0, "", "")
    assert sorted(path.name for path in (tmp_path / "rows").iterdir()) == [
        *("a.csv", "a.parquet", "b.csv", "b.parquet")
    ]
    assert (tmp_path / "rows" / "a.csv").read_text() == '"id","name"\n2,"b"\n3,"c"\n'
    assert pq.read_table(tmp_path / "rows" / "b.parquet").num_rows == 2
    both = pin("run", "a", *connection, "--output-folder", "rows", "-o", "a.csv")
    assert "Give --output or --output-folder, not both." in both[2]


@pytest.mark.parametrize(("url", "dialect"), [("duckdb:///a.duckdb", "duckdb"), ("sqlite:///a.db", "sqlite")])
def test_run(pin: Any, server: Script, tmp_path: Path, url: str, dialect: str) -> None:
    """All rows of now, as text or in a file; nothing is asked."""
    if dialect == "sqlite":
        pytest.importorskip("adbc_driver_sqlite")
    pin("add", "orders", "list the orders", "--dialect", dialect)
    asked = len(server.requests)

    code, out, err = pin("run", "orders", "--connection", url, "--format", "csv")
    assert (code, out, err) == (0, '"id","name"\n2,"b"\n3,"c"\n', "")
    assert pin("run", "orders", "--connection", url, "--output", "rows.parquet") == (0, "", "")
    assert pq.read_table(tmp_path / "rows.parquet").to_pylist() == [
        {"id": 2, "name": "b"},
        {"id": 3, "name": "c"},
    ]
    (tmp_path / "types.json").write_text(
        Schema([ColumnSchema("name", pa.string(), ""), ColumnSchema("id", pa.string(), "")]).to_json()
    )
    code, out, err = pin(
        "run", "orders", "--connection", url, "--format", "csv", "--schema-file", "types.json"
    )
    assert (code, out, err) == (0, '"name","id"\n"b","2"\n"c","3"\n', "")
    assert len(server.requests) == asked


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--connection", "a.duckdb"], 2, "--connection: expected a URL"),
        (["--connection", "duckdb://a.duckdb"], 2, "after three slashes"),
        (["--connection", "duckdb:///"], 2, "after three slashes"),
        (["--connection", "duckdb:///missing/a.duckdb"], 1, "The warehouse's client raised "),
        (["--connection", "sqlite:///missing.db"], 1, "failed to open"),
        (
            ["--connection", "mysql://u:hunter22@h/d"],
            2,
            "the schemes are duckdb, postgresql, sqlite, snowflake, bigquery, flightsql, postgres, grpc.",
        ),
        (
            ["--connection", "sqlite:///a.db"],
            2,
            "dialect='duckdb' does not fit adbc_driver_sqlite.dbapi.AdbcSqliteConnection",
        ),
        (["--connection", "duckdb:///a.duckdb", "--output", "rows.pdf"], 2, "unknown suffix"),
    ],
)
def test_a_wrong_connection(pin: Any, arguments: list[str], code: int, message: str) -> None:
    """One line without the password, and no file."""
    if "sqlite" in str(arguments):
        pytest.importorskip("adbc_driver_sqlite")
    pin("add", "orders", "list the orders", "--dialect", "duckdb")
    found, out, err = pin("run", "orders", *arguments)
    assert (found, out) == (code, "")
    assert message in err
    assert "hunter22" not in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("url", "driver", "given"),
    [
        ("snowflake://u:p@account/db", "snowflake", ("u:p@account/db", {"autocommit": True})),
        ("postgres://h/d", "postgresql", ("postgres://h/d", {"autocommit": False})),
        ("grpc://h:1", "flightsql", ("grpc://h:1", {"autocommit": True})),
    ],
)
def test_a_driver_of_adbc(
    monkeypatch: pytest.MonkeyPatch, url: str, driver: str, given: tuple[str, dict[str, bool]]
) -> None:
    """It is named by the scheme, and its connection is closed."""
    from connecty_frames.cli.pin import connected

    module = mock.Mock()
    monkeypatch.setitem(sys.modules, f"adbc_driver_{driver}", module)
    monkeypatch.setitem(sys.modules, f"adbc_driver_{driver}.dbapi", module)
    with connected(url) as connection:
        assert connection is module.connect.return_value
    module.connect.assert_called_once_with(given[0], **given[1])
    connection.close.assert_called_once_with()


def test_no_password_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even if the message of the client has the URL in it, or the password decoded."""
    from connecty_frames.cli.pin import read_batches
    from connecty_frames.errors import ConnectyError

    url = "flightsql://user:hunter%2122@127.0.0.1:1/shop"
    module = mock.Mock()
    module.connect.side_effect = OSError(f"no host in {url}: hunter!22 hunter%2122")
    monkeypatch.setitem(sys.modules, "adbc_driver_flightsql", module)
    monkeypatch.setitem(sys.modules, "adbc_driver_flightsql.dbapi", module)
    with pytest.raises(ConnectyError) as caught:
        read_batches(url, lambda _: None)

    assert str(caught.value) == "The warehouse's client raised builtins.OSError: no host in ***: *** ***."
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://u:hunter/22@h/d", 'invalid integer value "***" for connection option "port"'),
        ("postgresql://u:hunter%22%zz@h/d", 'invalid percent-encoded token: "***"'),
        ("postgresql://u@h/d?password=hunter 22", 'unexpected spaces found in "***"'),
        ("postgresql://u@h/d?password=a&hunter22", 'separator "=" in URI query parameter: "***"'),
        ("postgresql://u@h/d?password=hunter22&ssl=x", 'invalid URI query parameter: "ssl"'),
        ("postgresql://u:hunter22@[::1/d", 'matching "]" in IPv6 host address in URI: "***"'),
    ],
)
def test_no_piece_of_a_password_is_shown(url: str, reason: str) -> None:
    """Libpq takes a piece of one that is not percent-encoded for a port, token or parameter."""
    pytest.importorskip("adbc_driver_postgresql")
    from connecty_frames.cli.pin import connected
    from connecty_frames.errors import ConnectyError

    with pytest.raises(ConnectyError) as caught, connected(url):
        pass
    assert reason in str(caught.value)
    assert "hunter" not in str(caught.value)
