"""Snowflake's HTTP API: login, a query that is waited for or polled, and results as Arrow in chunks."""

from __future__ import annotations

import gzip
import json
import threading
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tests.clouds.http_server import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

QUERY_ID = "01b2c3d4-0000-4000-8000-000000000001"
#: How Snowflake sends timestamps with more digits than microseconds.
EPOCH = pa.struct({"epoch": pa.int64(), "fraction": pa.int32()})
ZONED = pa.struct({"epoch": pa.int64(), "fraction": pa.int32(), "timezone": pa.int32()})


def column(name: str, values: list[Any], type_: pa.DataType, logical: str, **facts: int) -> Any:
    """Return a column as Snowflake sends it, which tells its type in the metadata of the field."""
    metadata = {"logicalType": logical, **{name: str(value) for name, value in facts.items()}}
    return pa.field(name, type_, metadata=metadata), pa.array(values, type_)


def chunk(*columns: Any) -> pa.RecordBatch:
    """Return a chunk of a result."""
    fields, arrays = zip(*columns, strict=True)
    return pa.record_batch(list(arrays), schema=pa.schema(fields))


@dataclass
class Snowflake:
    """What the server returns for a query, and what it was asked."""

    chunks: list[pa.RecordBatch]
    running: bool = False
    error: str | None = None
    transaction: str | None = None
    port: int = 0
    aborted: threading.Event = field(default_factory=threading.Event)
    requests: list[str] = field(default_factory=list)

    @property
    def queries(self) -> list[str]:
        """The SQL that was sent, and ``abort``."""
        return [each for each in self.requests if not each.startswith("/")]

    def reply(self, _: str, target: str, headers: Any, body: bytes) -> Any:
        """Answer a request."""
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        path = target.partition("?")[0]
        if path == "/session/v1/login-request":
            parameters = [{"name": "TIMEZONE", "value": "America/Los_Angeles"}]
            return _success({"token": "t", "masterToken": "m", "sessionId": 1, "parameters": parameters})
        if path.startswith("/chunk/"):
            self.requests.append(path)
            return 200, {"Content-Type": "application/octet-stream"}, _stream(self.chunks[int(path[7:])])
        if path.startswith("/monitoring/queries"):
            status = "RUNNING" if self.running else "FAILED_WITH_ERROR" if self.error else "SUCCESS"
            query = {"id": QUERY_ID, "status": status, "errorCode": "904", "errorMessage": self.error}
            return _success({"queries": [query]})
        if path.endswith("/abort-request"):
            self.aborted.set()
            self.requests.append("abort")
            return _success({})
        if path == "/queries/v1/query-request":
            return self._query(**json.loads(body))
        if path == f"/queries/{QUERY_ID}/result":
            return _result(self.chunks, f"http://127.0.0.1:{self.port}/chunk/")
        return _success({})

    def _query(self, sqlText: str, asyncExec: bool, **_: Any) -> Any:  # noqa: N803 - Snowflake's
        """Start a query, or wait for its end if that is not left to the client."""
        self.requests.append(sqlText)
        if "CURRENT_TRANSACTION" in sqlText:
            return _result([chunk(column("T", [self.transaction], pa.string(), "TEXT"))])
        if asyncExec:
            found = {"queryId": QUERY_ID, "getResultUrl": f"/queries/{QUERY_ID}/result"}
            return _success(found, code="333334")
        if self.running:
            self.aborted.wait()
        if self.error:
            return _success({}) | {"success": False, "code": "904", "message": self.error}
        return _result(self.chunks, f"http://127.0.0.1:{self.port}/chunk/")


def _success(data: dict[str, Any], code: str | None = None) -> dict[str, Any]:
    return {"success": True, "code": code, "message": None, "data": data}


def _result(chunks: list[pa.RecordBatch], url: str = "") -> dict[str, Any]:
    """Return the first chunk, and where the others are."""
    rows = [
        {
            "name": each.name,
            "type": each.metadata[b"logicalType"].decode().lower(),
            "nullable": True,
            "length": None,
            **{name: int(each.metadata.get(name.encode(), -1)) for name in ("precision", "scale")},
        }
        for each in chunks[0].schema
    ]
    rows = [{name: None if value == -1 else value for name, value in row.items()} for row in rows]
    count = sum(each.num_rows for each in chunks)
    return _success(
        {
            "rowtype": rows,
            "rowsetBase64": b64encode(_stream(chunks[0])).decode() if chunks[0].num_rows else "",
            "queryResultFormat": "arrow",
            "queryId": QUERY_ID,
            "total": count,
            "returned": count,
            "statementTypeId": 4096,
            "parameters": [],
            "chunkHeaders": {},
            "chunks": [
                {
                    "url": f"{url}{number}",
                    "rowCount": each.num_rows,
                    "uncompressedSize": each.nbytes,
                    "compressedSize": each.nbytes,
                }
                for number, each in enumerate(chunks[1:], start=1)
            ],
        }
    )


def _stream(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:  # a chunk may have several batches
        writer.write_batch(batch.slice(0, 1))
        writer.write_batch(batch.slice(1))
    content: bytes = sink.getvalue().to_pybytes()
    return content


@contextmanager
def snowflake(*chunks: pa.RecordBatch, **facts: Any) -> Iterator[tuple[Snowflake, Any]]:
    """Serve a result, and connect the real client."""
    import snowflake.connector

    server = Snowflake(list(chunks), **facts)
    with serve(server.reply) as server.port:
        connection = snowflake.connector.connect(
            user="u",
            password="p",
            account="a",
            host="127.0.0.1",
            port=server.port,
            protocol="http",
            enable_server_session_keep_alive_auto_detection=False,
        )
        try:
            yield server, connection
        finally:
            connection.close()
