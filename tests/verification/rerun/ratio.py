"""The processor time of rerun beside that of the client alone: in turn, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
from pyarrow import dataset

import connecty_frames as cf

__all__ = ["LIMITS", "make_duckdb", "measure"]

#: The most processor time that rerun may take, as a multiple of that of the client alone.
LIMITS: Final = {"adbc": 1.15, "duckdb": 1.3}
_DIALECTS: Final = {"adbc": "postgres", "duckdb": "duckdb"}
_TIMES: Final = 5
#: Two decimal columns, which an answer has as float64.
_CREATE: Final = """
CREATE TABLE orders AS SELECT
  range AS id,
  (range * 7919 % 10000019 / 100.0)::DECIMAL(12, 2) AS price,
  (range * 104729 % 999983 / 1000.0)::DECIMAL(10, 3) AS weight
FROM range({rows})
"""


def make_duckdb(path: Path, rows: int) -> cf.AnswerMetadata:
    """Make a database, and return the metadata of an answer from it."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(_CREATE.format(rows=rows))
    results = {
        "dataframe": [["id", "price", "weight"], [1, 79.19, 104.729], [2, 158.38, 209.458]],
        "sql_query": "SELECT id, price, weight FROM orders",
    }
    body = json.dumps({"state": "COMPLETED", "results": results})
    return cf.Answer.from_json(body.encode(), max_rows=2, on_truncation="ignore").metadata


def measure(client: str, target: str, metadata: cf.AnswerMetadata) -> tuple[float, float]:
    """Return the least seconds of processor time by the client alone and by rerun."""
    with TemporaryDirectory() as folder:
        saved = Path(folder, "metadata.json")
        saved.write_text(metadata.to_json(), encoding="utf-8")
        command = [sys.executable, "-m", "tests.verification.rerun.ratio", client, target, str(saved)]
        found: dict[str, list[float]] = {"alone": [], "rerun": []}
        for _ in range(_TIMES):
            for mode, seconds in found.items():
                done = subprocess.run([*command, mode], capture_output=True, text=True, check=True)
                seconds.append(float(done.stdout))
    return min(found["alone"]), min(found["rerun"])


def _connect(client: str, target: str) -> Any:
    if client == "duckdb":
        return duckdb.connect(target, read_only=True)
    import adbc_driver_postgresql.dbapi

    return adbc_driver_postgresql.dbapi.connect(f"postgresql:///postgres?host={target}&user=postgres")


def main(client: str, target: str, saved: str, mode: str) -> None:
    """Write the rows into a Parquet dataset, and print the seconds of processor time."""
    metadata = cf.AnswerMetadata.from_json(Path(saved).read_text(encoding="utf-8"))
    with TemporaryDirectory() as folder, closing(_connect(client, target)) as connection:
        started = time.process_time()
        with ExitStack() as stack:
            if mode == "rerun":
                reader: Any = cf.rerun(metadata, connection, dialect=_DIALECTS[client])
            elif client == "duckdb":
                reader = connection.sql(metadata.sql_query).to_arrow_reader(100_000)
            else:
                cursor = stack.enter_context(connection.cursor())
                cursor.execute(metadata.sql_query)
                reader = cursor.fetch_record_batch()
            dataset.write_dataset(reader, folder, format="parquet")
            del reader
        print(time.process_time() - started)


if __name__ == "__main__":
    main(*sys.argv[1:])
