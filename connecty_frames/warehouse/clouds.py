"""Readers of cloud warehouses and of Spark. A column that a client would change is refused."""

from __future__ import annotations

import re
import sys
from base64 import b64decode
from contextlib import closing, contextmanager, suppress
from itertools import chain, takewhile
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from connecty_frames._base.text import snippet
from connecty_frames.decode.exact_json import dump
from connecty_frames.errors import ConfigError, ConversionError
from connecty_frames.warehouse.pairs import SQL_TYPES
from connecty_frames.warehouse.rows import BATCH_ROWS, Declared, Rows, columns, columns_of, open_transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from connecty_frames.warehouse.guard import Statement


@contextmanager
def _cancelling(cancel: Callable[[], object]) -> Iterator[None]:
    """End a query that would go on in the warehouse after an interrupt or an error."""
    try:
        yield
    except BaseException:
        with suppress(Exception):
            cancel()
        raise


def _refused(name: str, type_: str, advice: str) -> ConfigError:
    return ConfigError(
        f"The client does not return exact values of column {snippet(name)!r}, of type {snippet(type_)}: "
        f"{advice}.",
        setting="connection",
    )


def _unit(digits: int | None) -> str:
    return "ns" if (digits or 0) > _MICROSECOND_DIGITS else "us"


def _place(*parts: object) -> str:
    return "/".join(str(part) for part in parts if part)


# --- Snowflake ------------------------------------------------------------------------------------------

#: Arrow types by Snowflake's; None is that of the chunks. Semi-structured values come as JSON.
_SNOWFLAKE: Final = {
    **{name: SQL_TYPES[name] for name in ("real", "text", "date", "boolean")},
    "binary": pa.binary(),
    **dict.fromkeys(("variant", "object", "array", "map", "geography", "geometry", "vector")),
}
_JSON: Final = ("variant", "object", "array", "map", "struct")
#: The digits of a fraction of a second in microseconds, and those of any number that int64 holds.
_MICROSECOND_DIGITS: Final = 6
_INT64_DIGITS: Final = 18


@contextmanager
def read_snowflake(connection: Any, statement: Statement) -> Iterator[Rows]:
    """Run by the client of Snowflake."""
    with closing(connection.cursor()) as cursor:
        if cursor.execute("SELECT CURRENT_TRANSACTION()").fetchone()[0] is not None:
            raise open_transaction()
        if int(sys.modules["snowflake.connector"].__version__.partition(".")[0]) >= 5:  # noqa: PLR2004 - its execute() ignores Ctrl-C
            query = cursor.execute_async(statement.sql)["queryId"]
            with _cancelling(lambda: cursor.abort_query(query)):
                cursor.get_results_from_sfqid(query)
                chunks, options = cursor.get_result_batches(), {"number_to_decimal": True}
        else:
            before = connection.arrow_number_to_decimal
            connection.arrow_number_to_decimal_setter = True
            try:
                chunks, options = cursor.execute(statement.sql).get_result_batches(), {}
            finally:
                connection.arrow_number_to_decimal_setter = before
        declared = [_snowflake_column(*column[:2], *column[4:6]) for column in cursor.description]
        place = _place(connection.host, connection.database)
        yield Rows(
            declared, columns_of(_uncut(chunks, declared, {"connection": connection, **options})), place
        )


def _snowflake_column(name: str, code: int, precision: int | None, scale: int | None) -> Declared:
    kind = sys.modules["snowflake.connector.constants"].FIELD_ID_TO_NAME.get(code, "").lower()
    digits = scale or 0
    if kind in ("timestamp_ltz", "timestamp_tz", "timestamp_ntz"):
        _check_digits(name, kind, digits)
        return Declared(name, pa.timestamp(_unit(digits), None if kind == "timestamp_ntz" else "UTC"), kind)
    if kind == "time" and digits <= _MICROSECOND_DIGITS:
        return Declared(name, pa.time64("us"), kind)
    if kind == "fixed" and scale is not None:
        whole = not scale and precision is not None and precision <= _INT64_DIGITS
        return Declared(name, pa.int64() if whole else pa.decimal128(precision or 38, scale), "number")
    if kind in _SNOWFLAKE:
        return Declared(name, _SNOWFLAKE[kind], "json" if kind in _JSON else kind)
    advice = "to time(6) in the SQL, or connect by adbc_driver_snowflake" if kind == "time" else "in the SQL"
    raise _refused(name, kind, f"cast it {advice}")


def _check_digits(name: str, kind: str, digits: int) -> None:
    """Refuse what the connector moves from the year 9999 to 1816, and ADBC reads as microseconds."""
    if digits in (7, 8):
        raise _refused(name, f"{kind}({digits})", f"cast it to {kind}(6) in the SQL")


def _uncut(chunks: Iterable[Any], declared: list[Declared], options: dict[str, Any]) -> Iterator[pa.Table]:
    """Yield tables; ConversionError if the client cut nanoseconds, as it does beside the year 9999."""
    nanos = [(at, each) for at, each in enumerate(declared) if str(each.type).startswith("timestamp[ns")]
    for chunk in chunks:
        try:
            table = chunk.to_arrow(**options)
        except pa.ArrowInvalid:  # a part of the chunk was cut
            table = None
            if not nanos:
                raise
            cut = [nanos[0][1]]
        else:
            cut = [each for at, each in nanos if table is not None and table.schema.types[at].unit != "ns"]
        if cut:
            raise ConversionError(
                f"The client of Snowflake cuts column {snippet(cut[0].name)!r} to microseconds, because "
                f"nanoseconds cannot hold some of its years: cast it to {cut[0].origin}(6) in the SQL.",
                column=cut[0].name,
            )
        if table is not None:
            yield table


def prepare_adbc(connection: Any, cursor: Any) -> None:
    """Let ADBC's driver of Snowflake give exact values, or raise a ConfigError."""
    option, wanted = "adbc.snowflake.sql.client_option.", "nanoseconds_error_on_overflow"
    precision = ""
    with suppress(Exception):  # an older driver does not have it
        precision = connection.adbc_database.get_option(f"{option}max_timestamp_precision")
    if precision != wanted:
        raise ConfigError(
            "ADBC's driver of Snowflake moves the year 9999 to 1816, or cuts nanoseconds: connect with "
            f'db_kwargs={{"{option}max_timestamp_precision": "{wanted}"}} (adbc-driver-snowflake>=1.7).',
            setting="connection",
        )
    cursor.adbc_statement.set_options(**{f"{option}use_high_precision": "true"})


def adbc_column(field: pa.Field) -> Declared:
    """Return a column of ADBC's driver of Snowflake."""
    known = field.metadata or {}
    kind = known.get(b"logicalType", b"").decode().lower()
    if kind.startswith("timestamp"):
        _check_digits(field.name, kind, int(known.get(b"scale", 0)))
    return Declared(field.name, field.type, "json" if kind in _JSON else kind)


# --- Databricks, BigQuery -------------------------------------------------------------------------------


@contextmanager
def read_databricks(connection: Any, statement: Statement) -> Iterator[Rows]:
    """Run by the client of Databricks."""
    with closing(connection.cursor()) as cursor:
        with _cancelling(cursor.cancel):
            cursor.execute(statement.sql)
        tables = iter(lambda: cursor.fetchmany_arrow(BATCH_ROWS * 10), None)
        first = next(tables)  # an empty one has the types
        if not isinstance(first, pa.Table):
            raise ConfigError(
                "The server of Databricks does not send Arrow: fetch all rows by max_rows=None.",
                setting="connection",
            )
        place = _place(getattr(getattr(connection, "session", connection), "host", None))
        declared = [
            Declared(field.name, field.type, "json" if kind in _JSON else kind)
            for field, (_, kind, *_) in zip(first.schema, cursor.description, strict=True)
        ]
        yield Rows(declared, columns_of(takewhile(len, chain([first], tables))), place)


@contextmanager
def read_bigquery(connection: Any, statement: Statement) -> Iterator[Rows]:
    """Run by a client of BigQuery, or by a connection that has one and one of BigQuery Storage."""
    # A connection has no public names for its clients.
    client = getattr(connection, "_client", connection)
    if not hasattr(client, "query"):
        raise ConfigError(
            "This version of google-cloud-bigquery does not reveal the client of a connection: pass a "
            "Client.",
            setting="connection",
        )
    storage = getattr(connection, "_bqstorage_client", None)  # none over REST
    job = client.query(statement.sql)
    with _cancelling(lambda: job.done() or job.cancel()):
        rows = job.result()
    batches = rows.to_arrow_iterable(bqstorage_client=storage)
    first = [batch for batch in [next(batches, None)] if batch is not None]
    types = first[0].schema.types if first else [None] * len(rows.schema)
    declared = [
        Declared(field.name, type_, field.field_type.lower().replace("record", "struct"))
        for field, type_ in zip(rows.schema, types, strict=True)
    ]
    yield Rows(declared, columns_of(chain(first, batches)), client.project)


# --- Spark, in this process or by Spark Connect ---------------------------------------------------------


@contextmanager
def read_spark(session: Any, statement: Statement) -> Iterator[Rows]:
    """Run in a session of this process, which hands over one partition after the other."""
    frame = session.sql(statement.sql)
    schema = frame.limit(0).toArrow().schema  # runs no job
    yield Rows(list(map(Declared, schema.names, schema.types)), _spark_batches(frame), _catalog(session))


@contextmanager
def read_spark_connect(session: Any, statement: Statement) -> Iterator[Rows]:
    """Run in a session of Spark Connect, which hands over all rows at once."""
    table = session.sql(statement.sql).toArrow()
    yield Rows(
        list(map(Declared, table.schema.names, table.schema.types)), columns_of([table]), _catalog(session)
    )


def _catalog(session: Any) -> str:
    return f"{session.catalog.currentCatalog()}/{session.catalog.currentDatabase()}"


def _spark_batches(frame: Any) -> Iterator[list[Any]]:
    """Yield the columns of batches, which Spark's processes send as bytes: its own rows are no Arrow."""

    # A function of this module would be imported there, where this package may not be installed.
    def serialize(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for batch in batches:
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
            yield pa.RecordBatch.from_arrays([pa.array([sink.getvalue().to_pybytes()])], ["batch"])

    numbered = frame.toDF(*map(str, range(len(frame.columns))))  # two columns may have one name
    for (batch,) in numbered.mapInArrow(serialize, "batch binary").toLocalIterator():
        yield from columns_of(pa.ipc.open_stream(batch))


# --- Athena, trino: by texts ----------------------------------------------------------------------------

_PARTS: Final = re.compile(r"([a-z ]+?)(?:\((\d+)(?:, ?(\d+))?\))?( with time zone)?", re.ASCII)


def _trino_column(name: str, type_: str) -> Declared:
    found = _PARTS.fullmatch(type_)
    if found is None or found[1] in ("array", "map", "row", "struct"):
        raise _refused(name, type_, "cast it to JSON or varchar in the SQL")
    kind, first, second, zone = found.groups()
    digits = int(first or 3)
    match kind:
        case "decimal":
            declared = pa.decimal128(digits, int(second or 0))
        case "timestamp":
            declared = pa.timestamp(_unit(digits), "UTC" if zone else None)
        case "time" if not zone:
            declared = pa.time64(_unit(digits))
        case _:
            declared = SQL_TYPES.get(kind)
    return Declared(name, declared, type_)


@contextmanager
def read_athena(connection: Any, statement: Statement) -> Iterator[Rows]:
    """Run by the client of Athena, and take the texts of its plain cursor."""
    texts = SimpleNamespace(convert=lambda _, value, **__: value)
    plain = sys.modules["pyathena.cursor"].Cursor
    options = {"converter": texts, "kill_on_interrupt": False}  # before 4, that swallows Ctrl-C
    try:
        found = connection.cursor(plain, **options)
    except TypeError as error:
        raise ConfigError(
            f"connection has options of another PyAthena cursor ({snippet(str(error))}): connect without "
            "cursor_kwargs.",
            setting="connection",
        ) from None
    with closing(found) as cursor:
        with _cancelling(cursor.cancel):
            cursor.execute(statement.sql)
        declared = [
            _trino_column(name, f"decimal({precision},{scale})" if type_ == "decimal" else type_)
            for name, type_, _, _, precision, scale, _ in cursor.description
        ]
        place = _place(connection.region_name, connection.schema_name)
        yield Rows(declared, _arrays(cursor, declared, bytes.fromhex), place)


@contextmanager
def read_trino(connection: Any, statement: Statement) -> Iterator[Rows]:
    """Run by the client of trino, and take the texts that the server sent."""
    if connection.isolation_level.name != "AUTOCOMMIT":
        raise open_transaction("connect without isolation_level")
    with closing(connection.cursor(legacy_primitive_types=True)) as cursor:  # close() ends the query
        cursor.execute(statement.sql)
        declared = [_trino_column(name, type_) for name, type_, *_ in cursor.description]
        yield Rows(declared, _arrays(cursor, declared, b64decode), f"{connection.host}:{connection.port}")


def _arrays(
    cursor: Any, declared: list[Declared], read_bytes: Callable[[str], bytes]
) -> Iterator[list[pa.Array]]:
    """Yield texts as arrays of text, bytes as such."""
    for batch in columns(cursor):
        yield [
            pa.array([value if value is None else read_bytes(value) for value in values], pa.binary())
            if column.origin == "varbinary"
            else pa.array(
                [value if value is None or isinstance(value, str) else dump(value) for value in values],
                pa.string(),
            )
            for column, values in zip(declared, batch, strict=True)
        ]
