"""What the tests of all clients share: the answer whose SQL is run again, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import connecty_frames as cf

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

SQL = "SELECT * FROM shop.orders WHERE note LIKE '%a%%b'"  # signs of parameters to the clients


def open_reader(connection: Any, dialect: str, types: dict[str, str]) -> pa.RecordBatchReader:
    """Run the SQL of an answer with columns of these types of Arrow."""
    schema = [{"name": name, "type": type_, "evidence": ""} for name, type_ in types.items()]
    return cf.rerun(cf.AnswerMetadata(sql_query=f"{SQL};", schema=schema), connection, dialect=dialect)


def read(connection: Any, dialect: str, types: dict[str, str]) -> dict[str, list[Any]]:
    """Return the values of each column; those that Python has no type for are not in these tests."""
    table = open_reader(connection, dialect, types).read_all()
    assert {field.name: str(field.type) for field in table.schema} == types
    found: dict[str, list[Any]] = table.to_pydict()
    return found


@contextmanager
def ctrl_c(seconds: float = 0.3) -> Iterator[None]:
    """Interrupt the main thread, as Ctrl-C does."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
