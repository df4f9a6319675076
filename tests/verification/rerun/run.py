"""PostgreSQL with orders, and a sandbox that answers with its rows as PostgreSQL writes them to JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow.compute as pc
from pyarrow import dataset

import connecty_frames as cf
from connecty_frames.sandbox import Sandbox
from connecty_frames.testing import connected
from tests.verification.fidelity.warehouses.servers import postgres
from tests.verification.rerun.ratio import LIMITS, make_duckdb, measure

if TYPE_CHECKING:
    import psycopg

__all__ = ["CLIENTS", "Report", "run"]

CLIENTS: Final = ("adbc", "psycopg")
_ORDERS: Final = "list all orders"
_SAMPLE: Final = "list every hundredth order"
#: Of each type that databases send differently from answers, one column.
_CREATE: Final = """
CREATE TABLE orders AS SELECT
  n AS id,
  (n * 7919 % 10000019 / 100.0)::numeric(12, 2) AS amount,
  CASE WHEN n % 7 <> 0 THEN 'customer ' || n % 9973 END AS customer,
  timestamptz '2015-01-01 00:00:00+00' + n * interval '61.25 seconds' AS ordered_at,
  date '2015-01-01' + (n % 4000)::int AS due,
  n % 3 = 0 AS paid,
  sqrt(n) AS score
FROM generate_series(1, {rows}::bigint) AS t (n)
"""
_SQL: Final = "SELECT id, amount, customer, ordered_at, due, paid, score FROM orders"
_SECTIONS: Final = {
    "id": "numeric", "amount": "numeric", "customer": "string", "ordered_at": "temporal", "due": "temporal",
    "paid": "boolean", "score": "numeric",
}  # fmt: skip


@dataclass
class Report:
    """What was written, and what differs from the answer."""

    lines: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(
            [*self.lines, *(self.broken or ["Every value is that of the answer with all rows."])]
        )


def _body(connection: psycopg.Connection[Any], sql: str, rows: int | None) -> bytes:
    """Return the response of a service: the first rows of a query, and statistics of all."""
    totals = ", ".join(f"count(*) - count({name})" for name in _SECTIONS)
    count, *nulls = connection.execute(f"SELECT count(*), {totals} FROM ({sql}) AS q").fetchall()[0]
    limit = "" if rows is None else f"LIMIT {rows}"
    written = connection.execute(f"SELECT row_to_json(q)::text FROM ({sql} ORDER BY id {limit}) AS q")
    values = [list(json.loads(text, parse_float=_number).values()) for (text,) in written]
    header = json.dumps(list(_SECTIONS))
    table = ",".join(
        [header, *(json.dumps(row).replace('"\\u0001', "").replace('\\u0001"', "") for row in values)]
    )
    statistics = {
        name: {"general": {"count": count, "nulls_count": null}, section: {}}
        for (name, section), null in zip(_SECTIONS.items(), nulls, strict=True)
    }
    return (
        f'{{"state":"COMPLETED","results":{{"sql_query":{json.dumps(sql + ";")},"dataframe":[{table}],'
        f'"dataframe_stats":{json.dumps(statistics)}}}}}'
    ).encode()


def _number(text: str) -> str:
    """Mark a number, so that it is written as it was."""
    return f"\x01{text}\x01"


def run(rows: int, clients: tuple[str, ...] = CLIENTS) -> Report:
    """Write all rows by each client in a process of its own, and compare a sample with the answer."""
    report = Report(
        [f"{'client':8} {'cut at':>6} {'rows':>10} {'seconds':>8} {'MB before':>9} {'MB peak':>7}"]
    )
    with postgres() as connection, tempfile.TemporaryDirectory() as folder:
        connection.execute(_CREATE.format(rows=rows))
        connection.commit()
        sample = f"{_SQL} WHERE id % 100 = 0"
        answers = {_ORDERS: _body(connection, _SQL, 1_000), _SAMPLE: _body(connection, sample, None)}
        connection.commit()
        with Sandbox(answers=answers) as sandbox:
            with connected(sandbox):
                whole = cf.ask(_SAMPLE, max_rows=None).table
                known = replace(cf.ask(_ORDERS, on_truncation="ignore").metadata, total_rows=None)
                environment = dict(os.environ)
            for client in clients:
                target = f"{folder}/{client}"
                command = [sys.executable, "-m", "tests.verification.rerun.writer", client]
                done = subprocess.run(
                    [*command, connection.info.host, _ORDERS, target],
                    capture_output=True, text=True, check=True, env=environment,
                )  # fmt: skip
                found = json.loads(done.stdout)
                report.lines.append(
                    f"{client:8} {found['cut']:>6,} {found['rows']:>10,} {found['seconds']:>8.1f} "
                    f"{found['before']:>9,} {found['after']:>7,}"
                )
                _compare(report, client, found, rows, target, whole)
        database = Path(folder, "orders.duckdb")
        small = make_duckdb(database, rows)
        for client, target, metadata in (
            ("adbc", connection.info.host, known),
            ("duckdb", str(database), small),
        ):
            alone, rerun = measure(client, target, metadata)
            report.lines.append(
                f"{client:8} processor time: {alone:.2f} s alone, {rerun:.2f} s by rerun, "
                f"{rerun / alone:.2f} times (at most {LIMITS[client]})"
            )
            if rerun > LIMITS[client] * alone:
                report.broken.append(f"{client}: more than {LIMITS[client]} times")
    return report


def _compare(report: Report, client: str, found: dict[str, Any], rows: int, target: str, whole: Any) -> None:
    if (found["cut"], found["rows"]) != (min(1_000, rows), rows):
        report.broken.append(f"{client}: {found['rows']:,} rows, expected {rows:,}")
    sampled = pc.field("id").isin(whole["id"].combine_chunks())
    written = dataset.dataset(target).to_table(filter=sampled).sort_by("id")
    if written.schema != whole.schema or not written.equals(whole):
        report.broken.append(f"{client}: values differ from those of the answer with all rows")
    report.lines.append(f"{'':8} {whole.num_rows:,} rows compared")
