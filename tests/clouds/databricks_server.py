"""Databricks' thrift service, by the processor in the client's own package."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tests.clouds.http_server import serve

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Databricks:
    """What the server returns for a query, in batches, and what it was asked; its methods are thrift's."""

    kinds: list[str]  # of the columns, such as DECIMAL
    batches: list[pa.RecordBatch]
    running: bool = False
    error: str | None = None
    links: bool = False  # to files with the rows
    port: int = 0
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        from databricks.sql.thrift_api.TCLIService import TCLIService, ttypes

        self.types = ttypes
        self.processor = TCLIService.Processor(self)
        self.ok = ttypes.TStatus(ttypes.TStatusCode.SUCCESS_STATUS)
        self.id = ttypes.THandleIdentifier(b"1" * 16, b"2" * 16)
        self.fetched = 0

    def reply(self, method: str, target: str, _: Any, body: bytes) -> Any:
        """Answer a request of thrift, or for a file."""
        if method == "GET":
            batch = self.batches[int(target[1:])]
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
            return 200, {}, sink.getvalue().to_pybytes()
        from thrift.protocol.TBinaryProtocol import TBinaryProtocol
        from thrift.transport.TTransport import TMemoryBuffer

        output = TMemoryBuffer()
        self.processor.process(TBinaryProtocol(TMemoryBuffer(body)), TBinaryProtocol(output))
        return 200, {"Content-Type": "application/x-thrift"}, output.getvalue()

    def OpenSession(self, _: Any) -> Any:  # noqa: N802 - thrift's names, here and below
        """Open the one session."""
        version = self.types.TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V7
        return self.types.TOpenSessionResp(self.ok, version, self.types.TSessionHandle(self.id, version))

    def CloseSession(self, _: Any) -> Any:  # noqa: N802
        """Close it."""
        return self.types.TCloseSessionResp(self.ok)

    def ExecuteStatement(self, request: Any) -> Any:  # noqa: N802
        """Start a query, without its results."""
        self.requests.append(request.statement)
        kind = self.types.TOperationType.EXECUTE_STATEMENT
        handle = self.types.TOperationHandle(self.id, kind, hasResultSet=True)
        return self.types.TExecuteStatementResp(self.ok, handle)

    def GetOperationStatus(self, _: Any) -> Any:  # noqa: N802
        """Tell whether it is running."""
        states = self.types.TOperationState
        state = states.RUNNING_STATE if self.running else states.FINISHED_STATE
        if self.error:
            state = states.ERROR_STATE
        return self.types.TGetOperationStatusResp(self.ok, state, displayMessage=self.error)

    def GetResultSetMetadata(self, _: Any) -> Any:  # noqa: N802
        """Describe the columns, by Hive's types and Arrow's."""
        types, schema = self.types, self.batches[0].schema
        columns = []
        for number, (each, kind) in enumerate(zip(schema, self.kinds, strict=True)):
            facts = None
            if kind == "DECIMAL":
                digits = {"precision": each.type.precision, "scale": each.type.scale}
                values = {name: types.TTypeQualifierValue(i32Value=value) for name, value in digits.items()}
                facts = types.TTypeQualifiers(values)
            entry = types.TPrimitiveTypeEntry(getattr(types.TTypeId, f"{kind}_TYPE"), facts)
            description = types.TTypeDesc([types.TTypeEntry(primitiveEntry=entry)])
            columns.append(types.TColumnDesc(each.name, description, number + 1))
        return types.TGetResultSetMetadataResp(
            self.ok,
            types.TTableSchema(columns),
            types.TSparkRowSetType.URL_BASED_SET if self.links else types.TSparkRowSetType.ARROW_BASED_SET,
            lz4Compressed=False,
            arrowSchema=schema.serialize().to_pybytes(),
        )

    def FetchResults(self, _: Any) -> Any:  # noqa: N802
        """Return the next batch."""
        batch, start = self.batches[self.fetched], sum(len(each) for each in self.batches[: self.fetched])
        url = f"http://127.0.0.1:{self.port}/{self.fetched}"
        self.fetched += 1
        if self.links:
            link = self.types.TSparkArrowResultLink(url, 2**40, start, batch.num_rows, batch.nbytes)
            rows = self.types.TRowSet(start, [], resultLinks=[link])
        else:
            part = self.types.TSparkArrowBatch(batch.serialize().to_pybytes(), batch.num_rows)
            rows = self.types.TRowSet(start, [], arrowBatches=[part] if batch.num_rows else [])
        more = self.fetched < len(self.batches)
        return self.types.TFetchResultsResp(self.ok, more, rows, self.GetResultSetMetadata(None))

    def CancelOperation(self, _: Any) -> Any:  # noqa: N802
        """End the query."""
        self.requests.append("cancel")
        return self.types.TCancelOperationResp(self.ok)

    def CloseOperation(self, _: Any) -> Any:  # noqa: N802
        """Forget its results."""
        self.requests.append("close")
        return self.types.TCloseOperationResp(self.ok)


@contextmanager
def databricks(kinds: list[str], *batches: pa.RecordBatch, **facts: Any) -> Iterator[tuple[Databricks, Any]]:
    """Serve a result, and connect the real client."""
    from databricks import sql

    server = Databricks(kinds, list(batches), **facts)
    with serve(server.reply) as server.port:
        connection = sql.connect(
            server_hostname="127.0.0.1",
            http_path="/sql",
            access_token="t",
            _connection_uri=f"http://127.0.0.1:{server.port}/sql",
            enable_telemetry=False,
            _retry_stop_after_attempts_count=1,
        )
        try:
            yield server, connection
        finally:
            connection.close()
