"""The process that is measured: it asks, gets a cut answer, and writes all rows into a Parquet dataset.

It prints, as JSON, the rows and seconds, and the peak of its memory before and after, in MB.
"""

from __future__ import annotations

import json
import re
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from pyarrow import dataset

import connecty_frames as cf


def _connect(client: str, host: str) -> Any:
    if client == "adbc":
        import adbc_driver_postgresql.dbapi

        return adbc_driver_postgresql.dbapi.connect(f"postgresql:///postgres?host={host}&user=postgres")
    import psycopg

    return psycopg.connect(f"host={host} user=postgres")


def _peak() -> int:
    """Return the most memory of this process; getrusage would count that of the process that started it."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) // 1024 if found else 0


def main(client: str, host: str, question: str, folder: str) -> None:
    """Ask a question, and write the rows of its SQL."""
    answer = cf.ask(question, on_truncation="ignore")
    with closing(_connect(client, host)) as connection:
        before, started = _peak(), time.perf_counter()
        reader = answer.rerun(connection, dialect="postgres")
        dataset.write_dataset(
            reader, folder, format="parquet", max_rows_per_file=1_000_000, max_rows_per_group=100_000
        )
        seconds = time.perf_counter() - started
        del reader
    rows = dataset.dataset(folder).count_rows()
    print(
        json.dumps({"cut": answer.rows, "rows": rows, "seconds": seconds, "before": before, "after": _peak()})
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
