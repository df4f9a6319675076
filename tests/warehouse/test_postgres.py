"""A live PostgreSQL: its rows have the types and values of the answer that came from it."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import dataset

import connecty_frames as cf
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

psycopg = pytest.importorskip("psycopg")
pytestmark = [pytest.mark.slow, pytest.mark.external]


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """Run a server, and return a connection to it."""
    from tests.verification.fidelity.warehouses.servers import postgres

    with ExitStack() as stack:
        try:
            connection = stack.enter_context(postgres())
        except FileNotFoundError as error:
            pytest.skip(str(error))
        connection.autocommit = True
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute(
            "CREATE FUNCTION write_one() RETURNS int LANGUAGE sql "
            "AS 'INSERT INTO kept VALUES (1) RETURNING n'"
        )
        for name in ("called", "talk"):
            connection.execute(f"CREATE FUNCTION {name}(text) RETURNS text RETURN 'called'")
        connection.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
        connection.execute("CREATE TYPE place AS (n int, city text)")
        yield connection


INSTANT = pa.timestamp("us", "UTC")
KINDS = [
    "psycopg", "psycopg autocommit", "psycopg2", "psycopg2 autocommit", "adbc", "adbc autocommit",
    "sqlalchemy psycopg", "sqlalchemy psycopg2",
]  # fmt: skip


@pytest.fixture(scope="module", params=KINDS)
def connection(server: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Connect by each client."""
    with connected(server, request.param) as made:
        yield made


@contextmanager
def connected(server: Any, client: str) -> Iterator[Any]:
    """Connect by a client."""
    host = server.info.host
    kind, _, rest = client.partition(" ")
    if kind == "psycopg":
        with psycopg.connect(f"host={host} user=postgres", autocommit=bool(rest)) as made:
            yield made
    elif kind == "adbc":
        adbc = pytest.importorskip("adbc_driver_postgresql.dbapi")
        uri = f"postgresql:///postgres?host={host}&user=postgres"
        with closing(adbc.connect(uri, autocommit=bool(rest))) as made:
            yield made
    elif kind == "psycopg2":
        psycopg2 = pytest.importorskip("psycopg2")
        with closing(psycopg2.connect(f"host={host} user=postgres dbname=postgres")) as made:
            made.autocommit = bool(rest)
            yield made
    else:
        sqlalchemy = pytest.importorskip("sqlalchemy")
        pytest.importorskip(rest)
        engine = sqlalchemy.create_engine(f"postgresql+{rest}:///postgres?host={host}&user=postgres")
        with engine.connect() as made:
            yield made
        engine.dispose()


def answer(server: Any, sql: str, sections: dict[str, str] | None = None, **options: Any) -> cf.Answer:
    """Return the answer of a service that sends the rows of a query as PostgreSQL writes them to JSON."""
    rows = [row for (row,) in server.execute(f"SELECT row_to_json(q)::text FROM ({sql}) AS q")]
    objects = [json.loads(row, parse_float=Number, parse_int=Number) for row in rows]
    names = list(objects[0])
    body = {
        "state": "COMPLETED",
        "results": {
            "sql_query": sql,
            "dataframe": [names, *([row[name] for name in names] for row in objects)],
            "dataframe_stats": {
                name: {
                    "general": {"count": len(rows), "nulls_count": sum(row[name] is None for row in objects)}
                }
                | ({sections[name]: {}} if sections and name in sections else {})
                for name in names
            },
        },
    }
    return cf.Answer.from_json(exact(body).encode(), **options)


class Number(str):
    """A number of JSON as it was written."""

    __slots__ = ()


def exact(value: Any) -> str:
    """Write JSON with numbers as they were."""
    if isinstance(value, Number):
        return str.__str__(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{exact(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(exact, value)) + "]"
    return json.dumps(value)


COLUMNS = {
    "smallint": "(1::int2), (-5), (NULL)",
    "integer": "(1::int4), (2147483647), (NULL)",
    "bigint": "(9007199254740993::int8), (-9223372036854775808), (NULL)",
    "beyond int64, as uint64": "(18446744073709551615::numeric), (1), (NULL)",
    "beyond uint64": "(123456789012345678901234567890::numeric), (1)",
    "boolean": "(true), (false), (NULL)",
    "double precision": "(0.1::float8), (-2.5), (1e300), (NULL)",
    "real": "(0.1::float4), (3.25), (NULL)",
    "money as numeric": "(984.18::numeric(10,2)), (0.10), (1999.99), (NULL)",
    "numeric of 18 digits": "(1234567890123456.78::numeric(38,2)), (0.01)",
    "numeric, averages": "(3.3333333333333333::numeric), (2.5000000000000000)",
    "text": "('Łódź'::text), (''), (NULL), ('NA')",
    "text of digits": "('00123'::varchar), ('1e5')",
    "char": "('ab'::char(5)), ('abcde')",
    "one byte": "('a'::\"char\"), (''), (NULL)",
    "uuid": "('729cb7a4-4b06-449e-a3c9-df40f5e570b8'::uuid), (NULL)",
    "enum": "('sad'::mood), ('ok'), (NULL)",
    "bytea": "('\\xdeadbeef'::bytea), ('\\x00ff')",
    "date": "('2025-03-30'::date), ('0001-01-01'), ('9999-12-31'), (NULL)",
    "date, infinite": "('2025-03-30'::date), ('infinity'), ('-infinity')",
    "date, BC": "('2025-03-30'::date), ('0044-03-15 BC')",
    "timestamp": "('2025-03-30 10:00:00.123456'::timestamp), ('2025-03-30 02:30:00'), (NULL)",
    "timestamp, infinite": "('-infinity'::timestamp), ('2025-03-30 10:00:00.5')",
    "timestamptz": "('2025-03-30 00:30:00.123456+00'::timestamptz), ('2025-10-26 01:30:00+02'), (NULL)",
    "timestamptz, infinite": "('infinity'::timestamptz), ('2025-03-30 10:00:00+00')",
    "timestamptz, BC": "('0044-03-15 10:00:00+00 BC'::timestamptz), ('2025-03-30 10:00:00.5+00')",
    "time": "('10:00:00'::time), ('23:59:59.999999'), (NULL)",
    "time, 24:00": "('10:00:00.12'::time), ('24:00:00')",
    "interval": "('1 day 02:00:00'::interval), ('10 days 02:00:00.5'), (NULL)",
    "array": "('{1,2}'::int8[]), ('{3}'), (NULL)",
    "array of numeric": "('{1.5,2.25}'::numeric[]), ('{}')",
    "array of text": "('{a,NULL}'::text[]), ('{\"b,c\"}')",
    "jsonb of one shape": '(\'{"city": "Łódź", "orders": 3}\'::jsonb), (\'{"city": "Oslo", "orders": 1}\')',
    "jsonb of two shapes": "('{\"a\": 1.50}'::jsonb), ('[1, 2]')",
    "json": '(\'{"a":  [1, {"b": null}]}\'::json), (NULL)',
    "only nulls": "(NULL::timestamptz), (NULL)",
}
SECTIONS = {
    **dict.fromkeys(
        ("bigint", "beyond int64, as uint64", "real", "double precision", "money as numeric"), "numeric"
    ),
    **dict.fromkeys(("text", "text of digits", "char", "uuid", "enum"), "string"),
    **{
        name: "temporal"
        for name in COLUMNS
        if name.split(",")[0] in {"date", "timestamp", "timestamptz", "time"}
    },
    "interval": "temporal",
    "only nulls": "temporal",
}


@pytest.mark.filterwarnings("ignore::connecty_frames.TypeFidelityWarning")
@pytest.mark.parametrize("name", COLUMNS)
def test_rows_are_those_of_the_answer(server: Any, connection: Any, name: str) -> None:
    """Each value and type, whichever client fetches them."""
    sql = f"SELECT v FROM (VALUES {COLUMNS[name]}) AS t (v)"
    section = {"v": SECTIONS[name]} if name in SECTIONS else None
    asked = answer(server, sql, section)
    if name.startswith("array") and is_adbc(connection):
        with pytest.raises(cf.ConfigError, match="flattens arrays"):
            asked.rerun(connection, dialect="postgres")
        return

    table = asked.rerun(connection, dialect="postgres").read_all()

    assert table.schema == asked.schema.arrow
    assert table.to_pylist() == asked.to_arrow().to_pylist()
    assert table.column(0).combine_chunks().equals(asked.to_arrow().column(0).combine_chunks())


def table(connection: Any, sql: str, type_: str, evidence: str = "written down", **options: Any) -> pa.Table:
    """Run a query of one column ``v``, which the answer has as a type."""
    columns = [{"name": "v", "type": type_, "evidence": evidence}]
    metadata = cf.AnswerMetadata(question_id="7", sql_query=sql, schema=columns)
    return cf.rerun(metadata, connection, dialect="postgres", **options).read_all()


def is_adbc(connection: Any) -> bool:
    """Whether values come in the binary format."""
    return type(connection).__module__.startswith("adbc")


def test_money(connection: Any) -> None:
    """It is text in an answer; ADBC sends cents without a currency, which are refused."""
    sql = "SELECT '$1,234.50'::money AS v"
    if is_adbc(connection):
        with pytest.raises(cf.ConversionError, match="the type money"):
            table(connection, sql, "int64")
    else:
        assert table(connection, sql, "string")["v"].to_pylist() == ["$1,234.50"]


@pytest.mark.parametrize("value", ["v::place", "ARRAY[v::place]", "ARRAY[[1, 2], [3, 4]]"])
def test_nested_values_by_adbc(server: Any, value: str) -> None:
    """They are refused: the driver flattens arrays, and loses composite values after a null."""
    sql = f"SELECT {value} AS v FROM (VALUES ('(1,x)'), (NULL), ('(2,y)')) AS t (v)"
    with (
        connected(server, "adbc") as connection,
        pytest.raises(cf.ConfigError, match="Use psycopg, or to_json"),
    ):
        table(connection, sql, "string")


@cases(
    ("value", "type_"),
    [
        ("'infinity'::timestamp", "timestamp[us]"),
        ("'infinity'::date", "date32[day]"),
        ("'24:00'::time", "time64[us]"),
        ("'2025-01-01'::timestamp", "timestamp[us, tz=UTC]"),
        ("now()", "timestamp[us]"),
        ("2147483648", "int32"),
        ("1.5::numeric", "int64"),
        ("9007199254740993::numeric", "double"),
        ("1234567890123456.78::numeric", "double"),
        ("'1 mon'::interval", "duration[us]"),
        ("'x'::text", "double"),
    ],
)
def test_what_does_not_fit_is_an_error_that_names_column_and_row(
    connection: Any, value: str, type_: str
) -> None:
    """A value or a pair of types that has no exact form; the transaction has ended."""
    with pytest.raises(cf.ConversionError) as caught:
        table(connection, f"SELECT {value} AS v", type_)

    assert (caught.value.column, caught.value.row, caught.value.question_id) == ("v", 0, "7")
    assert table(connection, "SELECT 1 AS v", "int64")["v"].to_pylist() == [1]


@cases(
    ("value", "answered", "type_", "expected"),
    [
        ("2.5::float8", "int64", pa.float64(), 2.5),
        ("2.25::numeric(12, 2)", "int64", pa.decimal128(12, 2), Decimal("2.25")),
        ("7::numeric(12, 0)", "int64", pa.int64(), 7),
        ("984.18::numeric(12, 2)", "double", pa.float64(), 984.18),
        ("'NaN'::numeric(12, 2)", "double", pa.float64(), pytest.approx(float("nan"), nan_ok=True)),
        ("'NaN'::numeric(12, 2)", "string", pa.string(), "NaN"),
        ("1.25::numeric(18, 2)", "double", pa.decimal128(18, 2), Decimal("1.25")),
        ("1.5::numeric(50, 1)", "double", pa.decimal256(50, 1), Decimal("1.5")),
        ("sum(984.18::numeric(12, 2))", "double", pa.float64(), 984.18),
        ("sum(7::int8)", "int64", pa.int64(), 7),
        ("avg(1::numeric)/3", "double", pa.float64(), 1 / 3),
        ("9007199254740993::int8", "double", pa.int64(), 9007199254740993),
        ("'30:00'::interval", "time64[us]", pa.duration("us"), timedelta(hours=30)),
        ("'2025-03-30 01:00+01'::timestamptz", "date32[day]", INSTANT, datetime(2025, 3, 30, tzinfo=UTC)),
        ("ARRAY[1.5::float8]", "list<item: int64>", pa.list_(pa.float64()), [1.5]),
        ("ARRAY[1.5::numeric]", "list<item: double>", pa.list_(pa.float64()), [1.5]),
    ],
)
def test_declared_types(
    connection: Any, value: str, answered: str, type_: pa.DataType, expected: Any
) -> None:
    """They come out, whichever client tells them, where the answer's type does not hold their values."""
    evidence = "exact text, since 'NaN'" if answered == "string" else "2 values"
    if value.startswith("ARRAY") and is_adbc(connection):
        with pytest.raises(cf.ConfigError, match="flattens arrays"):
            table(connection, f"SELECT {value} AS v", answered, evidence)
        return
    found = table(connection, f"SELECT {value} AS v", answered, evidence)

    assert (found["v"].type, found["v"].to_pylist()) == (type_, [expected])


def test_columns_without_a_value(connection: Any) -> None:
    """They have the declared type; numeric without digits has none, so the caller chooses."""
    for value, type_ in (
        ("NULL::numeric(12, 2)", pa.decimal128(12, 2)),
        ("NULL::int2", pa.int64()),
        ("NULL::text", pa.string()),
        ("NULL::timestamptz", INSTANT),
        *([] if is_adbc(connection) else [("NULL::float8[]", pa.list_(pa.float64()))]),
    ):
        found = table(connection, f"SELECT {value} AS v", "string", "no rows")
        assert (found["v"].type, found["v"].to_pylist()) == (type_, [None])
    with pytest.raises(cf.ConfigError, match="is text in the answer, but numeric in the warehouse"):
        table(connection, "SELECT sum(NULL::numeric) AS v", "string", "no rows")


def test_a_column_of_nulls_with_counts_alone(server: Any, connection: Any) -> None:
    """It has no value either, so it takes the declared type."""
    asked = answer(server, "SELECT NULL::numeric(12, 2) AS v")

    assert asked.rerun(connection, dialect="postgres").schema.field("v").type == pa.decimal128(12, 2)


def test_the_place_has_no_user(connection: Any) -> None:
    """The metadata names host and database alone."""
    found = cf.metadata(table(connection, "SELECT 1 AS v", "int64"))

    assert (found.warehouse, found.question_id) == ("localhost/postgres", "7")


def test_typecasters_of_a_session(server: Any) -> None:
    """psycopg2's, which make numbers floats and JSON objects, do not count in a rerun, and stay."""
    psycopg2 = pytest.importorskip("psycopg2")
    extensions = psycopg2.extensions
    with closing(psycopg2.connect(f"host={server.info.host} user=postgres dbname=postgres")) as connection:
        connection.autocommit = True
        floats = extensions.new_type((1700, 20), "FLOATS", lambda value, _: value and float(value) + 1)
        moods = extensions.new_type((999_999,), "MOODS", lambda _, __: "wrong")
        extensions.register_type(floats, connection)
        extensions.register_type(moods, connection)
        values = {"decimal128(38, 1)": "1.5::numeric", "int64": "7::int8", "string": "'[1,2]'::jsonb"}
        for type_, value in values.items():
            found = table(connection, f"SELECT {value} AS v", type_)["v"]
            assert str(found[0]) == {"string": "[1,2]", "int64": "7"}.get(type_, "1.5")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1.5::numeric")
            assert cursor.fetchone() == (2.5,)


def test_the_transaction_is_read_only(server: Any, connection: Any) -> None:
    """What a function that was allowed would write is an error of the driver, with a note."""
    with pytest.raises(Exception, match="read-only transaction") as caught:
        table(connection, "SELECT write_one() AS v", "int64", functions=["write_one"])

    # In the middle of a stream, ADBC's errors are those of Arrow.
    assert type(caught.value).__module__.startswith(("psycopg", "pyarrow"))
    assert caught.value.__notes__ == ["It was raised while rerun ran the SQL of question_id='7'."]
    assert server.execute("SELECT count(*) FROM kept").fetchone() == (0,)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT x.u&\"called\" AS v FROM unnest(ARRAY['a']) AS x(u)",
        f"SELECT {'a' * 63}.called AS v FROM unnest(ARRAY['a']) AS {'a' * 63}b(u)",
        "SELECT called.called AS v FROM jsonb_array_elements_text('[\"a\"]') AS called",
        "SELECT x.called AS v FROM current_catalog AS x",
        "SELECT x.called AS v FROM unnest(ARRAY['a']) AS x(\"CALLED\")",
        "SELECT x.talk AS v FROM unnest(ARRAY['a']) AS x(tal\u212a)",
        "SELECT ('a'::text).called AS v",
        "SELECT x.a[1].called AS v FROM (SELECT ARRAY['a'] AS a) AS x",
    ],
)
def test_a_function_that_sqlglot_does_not_see(server: Any, connection: Any, sql: str) -> None:
    """PostgreSQL calls it where sqlglot reads an operator or a column, so the query is refused."""
    assert server.execute(sql).fetchall() == [("called",)]

    with pytest.raises(cf.QueryRefused):
        table(connection, sql, "string")


def test_a_statement_has_an_hour_unless_the_session_says_otherwise(server: Any) -> None:
    """A timeout of the session's own is kept, and that of a rerun ends with it."""
    sql = "SELECT current_setting('statement_timeout') AS v"
    allow = {"functions": ["current_setting"]}
    with psycopg.connect(f"host={server.info.host} user=postgres", autocommit=True) as connection:
        assert table(connection, sql, "string", **allow)["v"].to_pylist() == ["1h"]
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)
        connection.execute("SET statement_timeout = '90ms'")
        assert table(connection, sql, "string", **allow)["v"].to_pylist() == ["90ms"]
        with pytest.raises(psycopg.errors.QueryCanceled):
            table(connection, "SELECT pg_sleep(60)::text AS v", "string", functions=["pg_sleep"])


def test_values_do_not_depend_on_settings_of_the_session(server: Any) -> None:
    """Of dates, intervals, digits and bytes, which psycopg receives as texts."""
    settings = (
        "-c datestyle=SQL,DMY -c intervalstyle=sql_standard -c extra_float_digits=-15 -c bytea_output=escape"
    )
    values = {
        "date32[day]": "'2025-03-04'::date",
        "timestamp[us]": "'2025-03-04 10:00:00'::timestamp",
        "duration[us]": "'1 day 2 hours'::interval",
        "double": "0.12345678901234567::float8",
        "binary": "'\\xdead'::bytea",
    }
    with psycopg.connect(f"host={server.info.host} user=postgres", options=settings) as connection:
        found = [table(connection, f"SELECT {value} AS v", type_)["v"] for type_, value in values.items()]

    assert [column.cast(pa.string())[0].as_py() for column in found[:2]] == [
        "2025-03-04",
        "2025-03-04 10:00:00.000000",
    ]
    assert [column[0].as_py() for column in found[3:]] == [0.12345678901234567, b"\xde\xad"]
    assert found[2].cast(pa.int64())[0].as_py() == 93_600_000_000


def test_the_dialect_is_that_of_the_server(connection: Any) -> None:
    """The guard would check by the rules of another one."""
    metadata = cf.AnswerMetadata(sql_query="SELECT 1 AS v", schema=[])
    with pytest.raises(cf.ConfigError, match=r"dialect='duckdb' does not fit .*: expected 'postgres'"):
        cf.rerun(metadata, connection, dialect="duckdb")


def test_an_open_transaction_is_refused_and_stays_open(server: Any) -> None:
    """It is the caller's; for ADBC, which always has one, if something was written in it."""
    with psycopg.connect(f"host={server.info.host} user=postgres") as connection:
        connection.execute("INSERT INTO kept VALUES (2)")
        with pytest.raises(cf.ConfigError, match="has an open transaction"):
            table(connection, "SELECT 1 AS v", "int64")
        assert connection.execute("SELECT n FROM kept").fetchall() == [(2,)]
        connection.rollback()
    adbc = pytest.importorskip("adbc_driver_postgresql.dbapi")
    uri = f"postgresql:///postgres?host={server.info.host}&user=postgres"
    with closing(adbc.connect(uri)) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO kept VALUES (3)")
        with pytest.raises(cf.ConfigError, match="has an open transaction"):
            table(connection, "SELECT 1 AS v", "int64")
        cursor.execute("SELECT n FROM kept")
        assert cursor.fetchall() == [(3,)]


@pytest.mark.parametrize("client", KINDS)
@pytest.mark.parametrize("is_streaming", [True, False])
def test_a_lost_server_is_the_error(server: Any, client: str, is_streaming: bool) -> None:
    """Not that the transaction could not be ended on it, which is a note."""
    sql = "SELECT repeat('x', 999) || n AS v FROM generate_series(1, 300000) AS t (n)"
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    metadata = cf.AnswerMetadata(
        sql_query=sql if is_streaming else f"{sql} ORDER BY md5(n::text), v",
        schema=[{"name": "v", "type": "string", "evidence": "test"}],
    )
    error: Any = None
    with suppress(Exception), connected(server, client) as connection:  # closing one that is lost may fail
        timer = threading.Timer(0.3, server.execute, [end])
        try:
            if is_streaming:
                reader = cf.rerun(metadata, connection, dialect="postgres")
                server.execute(end)
            else:
                timer.start()
                reader = cf.rerun(metadata, connection, dialect="postgres")
            reader.read_all()
        except Exception as raised:
            error = raised
            raise
        finally:
            timer.cancel()

    assert "server closed the connection unexpectedly" in str(error) or "terminating connection" in str(error)
    assert error.__notes__[0].startswith("Afterwards the connection failed too: ")
    assert error.__notes__[1:] == ["It was raised while rerun ran the SQL of an answer."]


def test_a_cut_answer_becomes_a_dataset_of_all_rows(server: Any, connection: Any, tmp_path: Path) -> None:
    """The short form of ``make verify WHAT=rerun``: 10 rows come, 30,000 are written, of the same values."""
    sql = (
        "SELECT n AS id, (n * 0.37)::numeric(12,2) AS amount, 'customer ' || n % 97 AS customer, "
        "timestamptz '2025-01-01 00:00:00+00' + n * interval '7 minutes' AS ordered_at "
        "FROM generate_series(1, 30000) AS t (n)"
    )
    whole = answer(server, sql, {"ordered_at": "temporal"})
    cut = cf.AnswerMetadata(
        sql_query=sql, schema=whole.metadata.schema, rows=10, total_rows=30_000, truncated=True
    )

    dataset.write_dataset(cf.rerun(cut, connection, dialect="postgres"), tmp_path, format="parquet")

    written = dataset.dataset(tmp_path).to_table()
    assert written.schema == whole.schema.arrow
    assert written.sort_by("id").to_pylist()[9_000] == {
        "id": 9_001,
        "amount": 3330.37,
        "customer": "customer 77",
        "ordered_at": datetime(2025, 2, 13, 18, 7, tzinfo=UTC),
    }
    assert written.sort_by("id").equals(whole.table)
