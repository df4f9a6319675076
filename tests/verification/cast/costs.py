"""Processor time and memory of ``cast`` and ``Pin.rerun`` beside the client alone, a process for each."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb

import connecty_frames as cf
from connecty_frames.decode.schema import Schema, read_column
from tests.servers.postgres import postgres_server

__all__ = ["costs"]

_TIMES: Final = 3
_TYPES: Final = {"id": "int64", "price": "double", "name": "string", "made": "timestamp[us]"}
#: Of decimals as well, which become double.
_DUCKDB: Final = (
    "CREATE TABLE orders AS SELECT range AS id, (range * 7919 % 10000019 / 100.0)::DECIMAL(12, 2) AS price, "
    "'customer ' || range % 97 AS name, TIMESTAMP '2025-01-01' + INTERVAL (range) SECOND AS made "
    "FROM range({rows})"
)
_POSTGRES: Final = (
    "CREATE TABLE orders AS SELECT n AS id, (n * 7919 % 10000019 / 100.0)::numeric(12, 2) AS price, "
    "'customer ' || n % 97 AS name, timestamp '2025-01-01' + n * interval '1 second' AS made "
    "FROM generate_series(1, {rows}::bigint) AS t (n)"
)
_SQL: Final = "SELECT id, price, name, made FROM orders"


def costs(rows: int) -> list[str]:
    """Return a line for each way to get the rows."""
    lines = [f"{'client':11}{'way':8}{'rows':>10}{'seconds':>9}{'MB more':>9}"]
    with TemporaryDirectory() as folder:
        path = f"{folder}/orders.duckdb"
        with duckdb.connect(path) as connection:
            connection.execute(_DUCKDB.format(rows=rows))
        lines += _measured("duckdb", path, rows, ("alone", "cast", "reader", "rerun"))
    with postgres_server() as server:
        import adbc_driver_postgresql.dbapi as adbc

        with closing(adbc.connect(server.url(), autocommit=True)) as driver, driver.cursor() as cursor:
            cursor.execute(_POSTGRES.format(rows=rows // 3))
        lines += _measured("postgresql", server.url(), rows // 3, ("alone", "reader", "rerun"))
    return lines


def _measured(client: str, target: str, rows: int, ways: tuple[str, ...]) -> list[str]:
    lines = []
    for way in ways:
        found = []
        for _ in range(_TIMES):
            command = [sys.executable, "-m", "tests.verification.cast.costs", client, target, way]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found.append(json.loads(done.stdout))
        assert {each["rows"] for each in found} == {rows}
        seconds, memory = (min(each[key] for each in found) for key in ("seconds", "memory"))
        lines.append(f"{client:11}{way:8}{rows:>10,}{seconds:>9.2f}{memory:>9,}")
    return lines


def _peak() -> int:
    """Return the most memory of this process in MB; getrusage would count that of the process before it."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) // 1024 if found else 0


def _read(client: str, connection: Any, way: str) -> int:
    """Get the rows in one of the ways, and return how many there are."""
    columns = [{"name": name, "type": type_, "evidence": ""} for name, type_ in _TYPES.items()]
    metadata = cf.AnswerMetadata(sql_query=_SQL, schema=columns)
    if way == "rerun":
        pin = cf.Pin(
            name="p", question="q", dw_id=1, question_id="", asked_at=None, sql=_SQL, fingerprint="",
            dialect="duckdb" if client == "duckdb" else "postgres", sqlglot="of another version", tables=(),
            schema=Schema(map(read_column, columns)),
        )  # fmt: skip
        return sum(len(batch) for batch in pin.rerun(connection))
    if client == "duckdb":
        relation = connection.sql(_SQL)
        if way == "alone":
            return int(relation.to_arrow_table().num_rows)
        if way == "cast":
            return int(cf.cast(metadata, relation).num_rows)
        reader = relation.to_arrow_reader(100_000)
    else:
        cursor = connection.cursor()
        cursor.execute(_SQL)
        reader = cursor.fetch_record_batch()
    return sum(len(batch) for batch in (reader if way == "alone" else cf.cast(metadata, reader)))


def main(client: str, target: str, way: str) -> None:
    """Print the rows, the seconds of processor time and the growth of memory as JSON."""
    if client == "duckdb":
        connection: Any = duckdb.connect(target, read_only=True)
    else:
        import adbc_driver_postgresql.dbapi as adbc

        connection = adbc.connect(target)
    cf.cast(cf.AnswerMetadata(schema=[]), iter(()))  # imports what it needs
    before, started = _peak(), time.process_time()
    rows = _read(client, connection, way)
    print(json.dumps({"rows": rows, "seconds": time.process_time() - started, "memory": _peak() - before}))


if __name__ == "__main__":
    main(*sys.argv[1:])
