"""``check``: what counts as a change, asked or not, and what is done about it."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames.pins import PinCheck, PinFolder, comparison
from connecty_frames.warehouse import sql as warehouse_sql
from tests.servers.scripted import Script

#: Fractions that make a column decimal128(38, 2).
LONG = "12345678901234567.25"
SQL = "SELECT o.id, o.name FROM shop.orders AS o WHERE o.id < 100 ORDER BY o.id"


@pytest.mark.parametrize(
    ("sql", "change"),
    [
        (SQL, None),
        (SQL.replace(" ", "\n  ") + ";", "layout"),
        (SQL.replace(" AS o", " o"), "layout"),
        ("/* all */ " + SQL, "comments"),
        (SQL.replace("SELECT", "select").replace("shop", "Shop"), "case"),
        ("/* all */ " + SQL.replace("shop", "Shop"), "case"),
        (SQL.replace("o.", "x.").replace("AS o", "AS x"), "aliases"),
        (SQL.replace("100", "200"), "literals"),
        (SQL.replace("100", "200").replace("o.", "x.").replace("AS o", "AS x"), "literals"),
        (SQL.replace("<", "<="), "query"),
        (SQL.replace("shop.orders", "shop.old_orders"), "query"),
        ("SELEC nothing", "query"),
        (None, "missing"),
    ],
)
def test_changes_of_sql(service: Any, sql: str | None, change: str | None) -> None:
    """Layout, comments, case and aliases are told apart, and are no change; literals and all else are."""
    pin = service.pin()
    service.answer(sql)
    seen: list[PinCheck] = []
    found = pin.check(ask=True, client=service.client, on_change=seen.append)
    assert [drift.sql for drift in found.drifts] == [change]
    assert found.changed is (change in {"literals", "query", "missing"})
    assert seen == ([found] if found.changed else [])


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ([["id", "name"], [3, "x"], [4, "y"]], ()),
        (
            [["id", "title"], [1, "a"], [2, "b"]],
            ("The columns were 'id', 'name', and now are 'id', 'title'.",),
        ),
        ([["name", "id"], ["a", 1], ["b", 2]], ("The columns were 'id', 'name', and now are 'name', 'id'.",)),
        ([["id", "name"], [1.5, "a"], [2, "b"]], ("Column 'id' was int64 and is now double.",)),
        ([["id", "name"], [1, "a"]], ("There were 2 rows; now there are 1.",)),
    ],
)
def test_changes_of_the_table(service: Any, rows: list[list[Any]], lines: tuple[str, ...]) -> None:
    """Names, their order, types, and the number of rows; other values are none."""
    pin = service.pin()
    before = Path("connecty-pins/orders.toml").read_bytes()
    service.answer(rows=rows)
    found = pin.check(ask=True, client=service.client, on_change=lambda _: None)
    assert found.lines == lines
    assert found.changed is bool(lines)
    assert Path("connecty-pins/orders.toml").read_bytes() == before


@pytest.mark.parametrize("type_", [cf.epoch("s"), "float64"])
def test_types_of_the_caller_are_not_compared(service: Any, type_: Any) -> None:
    """The question is asked without ``schema=``; so it would be a change each time."""
    service.pin(schema={"id": type_})
    assert cf.pinned("orders").check(ask=True, client=service.client).changed is False


def test_types_of_a_saved_schema_are_not_compared(service: Any) -> None:
    """A schema that another answer had is given by ``schema=`` as well."""
    service.answer(rows=[["id", "name"], [1.5, "a"]])
    saved = service.pin("saved").schema
    service.answer()
    service.pin(schema=saved)
    assert cf.pinned("orders").check(ask=True, client=service.client).changed is False


def test_sql_that_the_installed_sqlglot_cannot_read(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the pin was made by another version, the SQL was not edited, and is compared as text."""
    service.pin()
    monkeypatch.setattr("connecty_frames.pins.comparison.parsed", lambda *_: None)
    found = cf.pinned("orders").check(ask=True, client=service.client)
    assert (found.changed, found.by_text) == (False, True)


def test_a_change_is_an_error(service: Any) -> None:
    """By default; the error has the changes, and the id of the question that was asked."""
    pin = service.pin()
    service.answer(SQL.replace("100", "200"), [["id"], [1]])

    with pytest.raises(cf.PinChanged) as caught:
        pin.check(ask=True, client=service.client)

    assert str(caught.value) == (
        "Pin 'orders': changed.\n"
        "  The SQL differs in numbers or texts in it.\n"
        "  The columns were 'id', 'name', and now are 'id'.\n"
        "  There were 2 rows; now there are 1."
    )
    assert caught.value.name == "orders"
    assert caught.value.changes[2] == "There were 2 rows; now there are 1."
    assert caught.value.question_id == "729cb7a4-4b06-449e-a3c9-df40f5e570b8"


def test_a_change_is_a_warning(service: Any) -> None:
    """On request."""
    pin = service.pin()
    service.answer(SQL.replace("100", "200"))
    with pytest.warns(cf.PinWarning, match="The SQL differs in numbers or texts in it"):
        assert pin.check(ask=True, client=service.client, on_change="warn").changed


def test_asking_several_times(service: Any) -> None:
    """It is counted how often the answers agree with each other, the rows in any order."""
    pin = service.pin()
    other = SQL.replace("100", "200")
    results = [
        {"sql_query": SQL, "dataframe": [["id", "name"], [1, "a"], [2, "b"]]},
        {"sql_query": SQL + ";", "dataframe": [["id", "name"], [2, "b"], [1, "a"]]},
        {"sql_query": other, "dataframe": [["id", "name"], [1, "a"], [3, "b"]]},
    ]
    service.script.on("results", *(Script.completed(**each) for each in results))

    found = pin.check(ask=True, times=3, client=service.client, on_change=lambda _: None)

    assert service.script.questions == ["list the orders"] * 4
    assert [drift.sql for drift in found.drifts] == [None, "layout", "literals"]
    assert str(found) == (
        "Pin 'orders': changed.\n"
        "  The SQL differs only in its layout.\n"
        "  The SQL differs in numbers or texts in it.\n"
        "  Of 3 answers, 2 agree on the SQL, 3 on the columns and 2 on the rows."
    )


def test_sql_that_cannot_be_parsed(service: Any) -> None:
    """It is pinned and compared as text, and the check says so."""
    service.answer("SELEC a FRM b;")
    pin = service.pin(dialect=None)
    assert (pin.sqlglot, pin.tables) == (None, ())

    service.answer("SELEC  a\nFRM b")
    found = pin.check(ask=True, client=service.client)
    assert str(found) == (
        "Pin 'orders': unchanged.\n"
        "  The SQL differs only in its layout.\n"
        "  The SQL could not be parsed, and was compared as text."
    )
    service.answer("SELEC A FRM b")
    with pytest.raises(cf.PinChanged, match="The SQL differs in what it computes"):
        pin.check(ask=True, client=service.client)


def test_text_that_was_edited_is_refused(service: Any) -> None:
    """As SQL that can be parsed is."""
    service.answer("SELEC a FRM b")
    service.pin()
    service.edit("SELEC a", "SELEC c")
    with pytest.raises(cf.ConfigError, match="the file was edited") as caught:
        cf.pinned("orders").check(ask=True, client=service.client)
    assert caught.value.setting == "path"


def test_quotes_mean_what_they_do_in_the_dialect(service: Any) -> None:
    """In MySQL double quotes are those of a text."""
    service.answer('SELECT "a" FROM shop.orders')
    pin = service.pin(dialect="mysql")
    service.answer("SELECT 'a' FROM shop.orders")
    assert not pin.check(ask=True, client=service.client).changed


def test_sql_that_cannot_be_analysed(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What sqlglot parses but finds no tables in, such as a UNION with DESCRIBE in DuckDB, counts as text."""
    monkeypatch.setattr(comparison, "tables", mock.Mock(side_effect=cf.QueryRefused("no scope")))
    assert service.pin().sqlglot is None
    assert not cf.pinned("orders").check(ask=True, client=service.client).changed


def test_another_version_of_sqlglot(service: Any) -> None:
    """The fingerprint is that of another version: both are made anew from the SQL."""
    old = replace(service.pin(), fingerprint="0" * 64, sqlglot="1.0", digest=comparison.digest(SQL, "0" * 64))
    with PinFolder.find().writing("orders", replaces=True) as write:
        write(old)
    service.answer(SQL.lower())
    assert not cf.pinned("orders").check(ask=True, client=service.client).changed
    service.answer(SQL.replace("100", "200"))
    with pytest.raises(cf.PinChanged):
        cf.pinned("orders").check(ask=True, client=service.client)


@pytest.mark.parametrize("version", ["1.0", None])
@pytest.mark.parametrize("edit", ["sql", "fingerprint", "one digit", "both", "no digest"])
def test_a_wrong_fingerprint(service: Any, edit: str, version: str | None) -> None:
    """It is never unchanged, whatever version of sqlglot made it: the file was edited."""
    pin = service.pin()
    digit = "1" if pin.fingerprint[-1] == "0" else "0"
    changes = {
        "sql": {"100": "200"},
        "fingerprint": {pin.fingerprint: "0" * 64},
        "one digit": {pin.fingerprint: f"{pin.fingerprint[:-1]}{digit}"},
        "both": {"100": "200", pin.fingerprint: "0" * 64},
        "no digest": {f'digest = "{pin.digest}"': "", pin.fingerprint: "0" * 64},
    }[edit]
    changes[pin.sqlglot] = version or pin.sqlglot
    for before, after in changes.items():
        service.edit(before, after)

    found = cf.pinned("orders").check(on_change=lambda _: None)

    assert str(found) == ("Pin 'orders': changed.\n  The SQL is not the pinned SQL: the file was edited.")
    with pytest.raises(cf.ConfigError, match="the file was edited"):
        cf.pinned("orders").check(ask=True, client=service.client)


def test_sql_in_another_layout_and_version(service: Any) -> None:
    """It is as pinned if the installed sqlglot finds the same fingerprint."""
    pin = service.pin()
    service.edit(pin.sqlglot, "1.0")
    service.edit("WHERE", "\n  WHERE")
    assert cf.pinned("orders").check().changed is False


def test_the_options_of_the_pin_apply(service: Any) -> None:
    """Types are compared as they were inferred; those that ``schema=`` set are not compared."""
    numbers = [["id", "name"], ["1", "0.10"], ["2", "0.20"]]
    service.answer(rows=numbers)
    pin = service.pin(schema={"id": "int64"}, max_rows=5)
    assert not pin.check(ask=True, client=service.client).changed
    targets = [request.target for request in service.script.requests if "results" in request.target]
    assert all("max_rows=5" in target for target in targets)


@pytest.mark.parametrize(
    "arguments",
    [
        {"times": 0},
        {"times": True},
        {"times": 1.5},
        {"times": 2, "ask": False},
        {"on_change": "ignore"},
        {"on_change": np.array([1, 2])},
        {"ask": "yes"},
        {"ask": True, "connection": "duckdb"},
    ],
)
def test_a_wrong_argument(service: Any, arguments: dict[str, Any]) -> None:
    """Nothing is asked."""
    pin = service.pin()
    with pytest.raises(cf.ConfigError, match=f"{next(iter(arguments))}"):
        pin.check(**{"ask": True, "client": service.client, **arguments})
    assert len(service.script.questions) == 1


def test_nothing_is_asked(service: Any, database: duckdb.DuckDBPyConnection) -> None:
    """Neither without a connection nor with one; the pin is as it was."""
    pin = service.pin()
    requests = len(service.script.requests)
    for checked in (pin.check(), pin.check(database)):
        assert (checked.changed, checked.lines) == (False, ())
        assert str(checked) == "Pin 'orders': unchanged."
    assert len(service.script.requests) == requests
    assert pin.rerun(database).read_all().num_rows == 3  # no transaction is left open


@pytest.mark.parametrize(
    ("alter", "line"),
    [
        ("RENAME name TO title", "The database no longer runs the SQL: Binder Error: "),
        ("ALTER id TYPE DOUBLE", "Column 'id' was int64 and is now double."),
        ("ALTER id TYPE HUGEINT", None),
        ("ALTER name TYPE DECIMAL(25, 2)", "Column 'name' was string and is now decimal128(25, 2)."),
    ],
)
def test_what_the_warehouse_declares(
    service: Any, database: duckdb.DuckDBPyConnection, alter: str, line: str | None
) -> None:
    """Types are those that ``rerun`` would give; a column that is gone is a change."""
    database.execute("CREATE OR REPLACE TABLE shop.orders (id BIGINT, name VARCHAR)")
    pin = service.pin()
    database.execute(f"ALTER TABLE shop.orders {alter}")
    found = pin.check(database, on_change=lambda _: None)
    assert [shown.startswith(line or "") for shown in found.lines] == [True] * (line is not None)
    assert found.changed is (line is not None)
    assert database.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("value", "declared", "first", "second", "reason"),
    [
        ("2026-01-31", "TIMESTAMP", "2026-01-31", "2026-02-01 00:00:00", None),
        ("2026-01-31", "TIMESTAMP", "2026-01-31", "2026-02-01 10:00:00", "'2026-02-01T10:00:00' is"),
        ("2026-01-31T10:00:00", "TIMESTAMP_NS", "2026-01-31", "2026-02-01 10:00:00.000000001", ""),
        ("2026-01-31T10:00:00", "DATE", "2026-01-31", "2026-02-01", None),
        (0.5, "DECIMAL(38, 20)", "0.25", "0.25", None),
        (0.5, "DECIMAL(38, 20)", "0.25", "0.12345678901234567890", "'0.12345678901234567890' has more"),
        (LONG, "DOUBLE", "0.25", "0.25", None),
        (LONG, "DOUBLE", "0.25", "0.125", "'0.125' does not fit in decimal128(38, 2)."),
        (LONG, "DOUBLE", "0.25", "949999999999999.99", "'950000000000000.0' came as a float and may"),
        (LONG, "DECIMAL(38, 4)", "0.25", "0.1234", "'0.1234' does not fit in decimal128(38, 2)."),
    ],
)
def test_values_of_another_type(
    service: Any, value: object, declared: str, first: str, second: str, reason: str | None
) -> None:
    """They are read, up to the first that ``rerun`` refuses; the connection can be used after it."""
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE orders (c {declared})")
    connection.execute("INSERT INTO orders VALUES (?), (?)", [first, second])
    statistics = {"c": {"numeric": {"min": value, "max": value}}} if first == "0.25" else {}
    service.answer("SELECT c FROM orders", [["c"], [value]], dataframe_stats=statistics)
    pin = service.pin()

    checked = pin.check(connection, on_change=lambda _: None)
    start = f"Column 'c', row 1: {reason}"
    assert [line.startswith(start) for line in checked.lines] == [True] * (reason is not None)
    connection.execute("INSERT INTO orders VALUES (NULL)")
    if reason is None:
        found = pin.rerun(connection).read_all()["c"].to_pylist()
        assert len(found) == 3
        assert first != "0.25" or found[0] == pytest.approx(0.25)
    else:
        with pytest.raises(cf.ConversionError, match=re.escape(start)):
            pin.rerun(connection).read_all()


@pytest.mark.skipif(not hasattr(pa, "decimal64"), reason="this pyarrow reads no short decimals")
def test_short_decimals_are_not_read(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of at most 15 digits fits a double."""
    connection = duckdb.connect()
    connection.execute("CREATE TABLE orders (c DECIMAL(15, 2))")
    service.answer("SELECT c FROM orders", [["c"], [0.5]])
    pin = service.pin()
    monkeypatch.setattr(cf.Pin, "rerun", None)
    assert not pin.check(connection).changed


@pytest.mark.parametrize(
    ("value", "same", "others"),
    [
        ("a", "VARCHAR UUID", "BOOLEAN BIGINT DOUBLE DATE TIMESTAMPTZ"),
        (1, "BIGINT SMALLINT DECIMAL(19)", "VARCHAR BOOLEAN DOUBLE DECIMAL(19,2) DATE TIMESTAMP BLOB INT[]"),
        (0.5, "DOUBLE FLOAT DECIMAL(19,2)", "VARCHAR BOOLEAN BIGINT DECIMAL(19) DATE"),
        (True, "BOOLEAN", "VARCHAR BIGINT DOUBLE DATE UUID"),
        ("2026-01-31", "DATE", "VARCHAR BOOLEAN BIGINT TIMESTAMPTZ"),
        ("2026-01-31T10:00:00", "TIMESTAMP", "VARCHAR BOOLEAN BIGINT TIMESTAMPTZ"),
        ("2026-01-31T10:00:00Z", "TIMESTAMPTZ", "VARCHAR BOOLEAN BIGINT DATE TIMESTAMP"),
        ([1], "INT[] JSON", "VARCHAR BOOLEAN BIGINT"),
    ],
    ids=str,
)
def test_a_column_of_another_kind(service: Any, value: object, same: str, others: str) -> None:
    """It is a change, also where some values could still be read; but not if ``schema=`` set the type."""
    connection = duckdb.connect()
    rows = [["c"], [value]]
    service.answer("SELECT c FROM orders", rows)
    pin = service.pin()
    given = service.pin("given", schema={"c": pin.schema["c"].type})
    found = []
    for sql in [*same.split(), *others.split()]:
        connection.execute(f"CREATE OR REPLACE TABLE orders (c {sql})")
        found += [(sql, pin.check(connection, on_change=lambda _: None).changed)]
        assert given.check(connection).changed is False

    assert found == [(sql, False) for sql in same.split()] + [(sql, True) for sql in others.split()]


def test_a_table_that_is_gone(service: Any, database: duckdb.DuckDBPyConnection) -> None:
    """It is a change; any other error of the database passes."""
    pin = service.pin()
    database.execute("DROP TABLE shop.orders")
    with pytest.raises(cf.PinChanged, match="The database no longer runs the SQL: Catalog Error: Table with"):
        pin.check(database)
    database.close()
    with pytest.raises(duckdb.Error, match="closed"):
        pin.check(database)


def test_other_columns_of_the_warehouse(service: Any, database: duckdb.DuckDBPyConnection) -> None:
    """A star has the columns of today."""
    service.answer("SELECT * FROM shop.orders")
    pin = service.pin()
    database.execute("ALTER TABLE shop.orders ADD COLUMN total DOUBLE")
    with pytest.raises(
        cf.PinChanged, match="The columns were 'id', 'name', and now are 'id', 'name', 'total'"
    ):
        pin.check(database)


@pytest.mark.parametrize("ending", ["", " -- all of them", ";", " LIMIT 5"])
def test_no_row_is_read(service: Any, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the SQL ends with, the database is asked for no rows."""
    rows: list[Any] = []

    def relation_rows(relation: Any) -> Any:
        rows.append(relation.fetchall())
        return read(relation)

    read = warehouse_sql.relation_rows
    monkeypatch.setattr(warehouse_sql, "relation_rows", relation_rows)
    service.answer(f"SELECT id, name FROM orders ORDER BY id{ending}")
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS id, 'a' AS name")

        assert not service.pin().check(connection).changed
    assert rows == [[]]


def test_edited_or_refused_sql(service: Any) -> None:
    """Both are changes, so that all pins are checked."""
    service.pin()
    service.edit("< 100", "< 1000")
    with pytest.raises(cf.PinChanged, match="is not the pinned SQL: the file was edited"):
        cf.pinned("orders").check()
    service.answer("SELECT id, name INTO copies FROM orders")
    pin = service.pin("refused", dialect="postgres")
    with pytest.raises(cf.PinChanged, match="The SQL has INTO, which is more than a query"):
        pin.check()
    assert len(service.script.questions) == 2


def test_a_connection_needs_a_dialect(service: Any, database: duckdb.DuckDBPyConnection) -> None:
    """Without a connection, the first of the common dialects that can read the SQL is enough."""
    pin = service.pin(dialect=None)
    assert not pin.check().changed
    with pytest.raises(cf.ConfigError, match="Pin 'orders' has no dialect"):
        pin.check(database)
