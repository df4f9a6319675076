"""PostgreSQL: its types, its settings for a transaction, and what psycopg and psycopg2 run there.

Both drivers hand over the texts that the database sends: their own values have no infinity or 24:00, and
numbers that the session may have made floats.
"""

from __future__ import annotations

import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from connecty_frames.warehouse.cells import JSON_TYPES
from connecty_frames.warehouse.pairs import ANY_NUMBER, SQL_TYPES, decimal_type
from connecty_frames.warehouse.rows import BATCH_ROWS, Declared, Rows, ending, open_transaction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connecty_frames.warehouse.guard import Statement

#: A statement timeout, unless the session has one; the others make texts unambiguous, whatever the session
#: has set. The last column is the host and the database.
SETTINGS: Final = (
    "SELECT set_config('statement_timeout', "
    "CASE current_setting('statement_timeout') WHEN '0' THEN '1h' ELSE current_setting('statement_timeout') "
    "END, "
    "true), set_config('DateStyle', 'ISO', true), set_config('IntervalStyle', 'postgres', true), "
    "set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', true), "
    "set_config('standard_conforming_strings', 'on', true), "
    "coalesce(host(inet_server_addr()) || ':' || inet_server_port(), 'localhost') || '/' "
    "|| current_database()"
)
READ_ONLY: Final = "SET TRANSACTION READ ONLY"
_CURSOR: Final = "connecty_rerun"

#: The types that a query may declare, by the numbers that PostgreSQL has for them and for their arrays.
_OIDS: Final[dict[int, tuple[str, int]]] = {
    16: ("bool", 1000),
    17: ("bytea", 1001),
    19: ("name", 1003),
    20: ("int8", 1016),
    21: ("int2", 1005),
    23: ("int4", 1007),
    25: ("text", 1009),
    26: ("oid", 1028),
    114: ("json", 199),
    700: ("float4", 1021),
    701: ("float8", 1022),
    1042: ("bpchar", 1014),
    1043: ("varchar", 1015),
    1082: ("date", 1182),
    1083: ("time", 1183),
    1114: ("timestamp", 1115),
    1184: ("timestamptz", 1185),
    1186: ("interval", 1187),
    1700: ("numeric", 1231),
    2950: ("uuid", 2951),
    3802: ("jsonb", 3807),
}
_ARRAYS: Final = {array: oid for oid, (_, array) in _OIDS.items()}
_OWN_TYPES: Final = {
    **SQL_TYPES,
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
    "numeric": ANY_NUMBER,
    **dict.fromkeys(JSON_TYPES, pa.string()),
}
#: By name; None for ``oid``. Types that are not listed, as ``"char"``, are unknown.
_TYPES: Final = {name: _OWN_TYPES.get(name) for name, _ in _OIDS.values()}


def declared(name: str, origin: str, typmod: int = -1, *, is_array: bool = False) -> Declared:
    """Return a column of a type of PostgreSQL by the name of the type and its modifier."""
    type_ = _TYPES.get(origin)
    if origin == "numeric" and typmod >= 0:
        precision, scale = (typmod - 4) >> 16, ((typmod - 4) & 0x7FF ^ 0x400) - 0x400
        precision = max(precision - min(scale, 0), scale)  # numeric(3, -2) has 5 digits, numeric(2, 4) has 4
        type_ = decimal_type(precision, max(scale, 0)) or ANY_NUMBER
    return Declared(name, pa.list_(type_) if is_array and type_ is not None else type_, origin)


def _described(column: Any) -> Declared:
    """Return a column by its description in the DB-API."""
    oid = _ARRAYS.get(column.type_code, column.type_code)
    typmod = -1 if column.precision is None else (column.precision << 16 | column.scale & 0xFFFF) + 4
    origin = _OIDS[oid][0] if oid in _OIDS else ""
    return declared(column.name, origin, typmod, is_array=column.type_code in _ARRAYS)


@contextmanager
def read_psycopg(connection: Any, statement: Statement) -> Iterator[Rows]:
    """Run by psycopg."""
    psycopg: Any = sys.modules["psycopg"]
    if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
        raise open_transaction()
    # Not of a class that the connection names.
    with psycopg.Cursor(connection, row_factory=psycopg.rows.tuple_row) as cursor:
        text_loader = sys.modules["psycopg.types.string"].TextLoader
        for info in psycopg.postgres.types:
            cursor.adapters.register_loader(info.oid, text_loader)
        with _rows(connection, cursor, statement) as rows:
            yield rows


@contextmanager
def read_psycopg2(connection: Any, statement: Statement) -> Iterator[Rows]:
    """Run by psycopg2."""
    extensions: Any = sys.modules["psycopg2.extensions"]
    if connection.get_transaction_status() != extensions.TRANSACTION_STATUS_IDLE:
        raise open_transaction()
    with closing(connection.cursor(cursor_factory=extensions.cursor)) as cursor:
        # Values as texts, and arrays as lists of them, whatever the session has registered.
        others = {*extensions.string_types, *connection.string_types} - _ARRAYS.keys()
        text = extensions.new_type((*_OIDS, *others), "CONNECTY_TEXT", lambda value, _: value)
        extensions.register_type(text, cursor)
        extensions.register_type(extensions.new_array_type(tuple(_ARRAYS), "CONNECTY_TEXTS", text), cursor)
        with _rows(connection, cursor, statement) as rows:
            yield rows


@contextmanager
def _rows(connection: Any, cursor: Any, statement: Statement) -> Iterator[Rows]:
    """Run by a cursor of the server, declared here: psycopg2 describes its own only after rows came."""

    def end() -> None:
        if connection.autocommit:
            cursor.execute("ROLLBACK")
        else:
            connection.rollback()

    with ending(end):
        cursor.execute("BEGIN READ ONLY" if connection.autocommit else READ_ONLY)
        cursor.execute(SETTINGS)
        place = cursor.fetchone()[-1]
        cursor.execute(f"DECLARE {_CURSOR} NO SCROLL CURSOR FOR {statement.sql}")
        cursor.execute(f"FETCH 0 FROM {_CURSOR}")
        yield Rows(list(map(_described, cursor.description)), _fetched(cursor), place)


def _fetched(cursor: Any) -> Iterator[list[Any]]:
    while True:
        cursor.execute(f"FETCH {BATCH_ROWS} FROM {_CURSOR}")
        if not (rows := cursor.fetchall()):
            return
        yield list(zip(*rows, strict=True))
