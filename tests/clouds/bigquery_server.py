"""BigQuery's REST API, with the rows of a query in pages, and its Storage API over gRPC."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.clouds.http_server import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa


@dataclass
class BigQuery:
    """What the server returns for a query, in pages, and what it was asked."""

    columns: list[dict[str, Any]]
    pages: list[list[list[Any]]]
    running: bool = False
    error: str | None = None
    requests: list[str] = field(default_factory=list)

    def reply(self, method: str, target: str, _: Any, body: bytes) -> Any:
        """Answer a request."""
        url = urlsplit(target)
        path = url.path.removeprefix("/bigquery/v2/projects/p")
        if path.endswith("/cancel"):
            self.requests.append("cancel")
            return {"kind": "bigquery#jobCancelResponse", "job": self._job()}
        if method == "POST":
            self.requests.append(json.loads(body)["configuration"]["query"]["query"])
        if path.startswith("/jobs"):
            return self._job()
        found = {"kind": "bigquery#getQueryResultsResponse", "jobReference": self._job()["jobReference"]}
        if self.error:
            return (
                400,
                {},
                {"error": {"code": 400, "message": self.error, "errors": [{"reason": "invalidQuery"}]}},
            )
        if self.running:
            return found | {"jobComplete": False}
        query = parse_qs(url.query)
        count = sum(map(len, self.pages))
        found |= {"jobComplete": True, "schema": {"fields": self.columns}, "totalRows": str(count)}
        page = int(query.get("pageToken", ["0"])[0])
        if query.get("maxResults") != ["0"] and page < len(self.pages):
            found["rows"] = [{"f": [{"v": value} for value in row]} for row in self.pages[page]]
            if page + 1 < len(self.pages):
                found["pageToken"] = str(page + 1)
        return found

    def _job(self) -> dict[str, Any]:
        status: dict[str, Any] = {"state": "RUNNING" if self.running else "DONE"}
        if self.error:
            status["errorResult"] = {"reason": "invalidQuery", "message": self.error}
        table = {"projectId": "p", "datasetId": "_d", "tableId": "anon"}
        return {
            "kind": "bigquery#job",
            "jobReference": {"projectId": "p", "jobId": "j1", "location": "EU"},
            "configuration": {"jobType": "QUERY", "query": {"query": "q", "destinationTable": table}},
            "statistics": {"query": {"statementType": "SELECT"}},
            "status": status,
        }


@contextmanager
def bigquery(
    columns: list[dict[str, Any]], *pages: list[list[Any]], **facts: Any
) -> Iterator[tuple[BigQuery, Any]]:
    """Serve a result, and connect the real client."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    server = BigQuery(columns, list(pages), **facts)
    with serve(server.reply) as port:
        endpoint = {"api_endpoint": f"http://127.0.0.1:{port}"}
        client = bigquery.Client("p", AnonymousCredentials(), client_options=endpoint)
        try:
            yield server, client
        finally:
            client.close()


@contextmanager
def storage(*batches: pa.RecordBatch) -> Iterator[Any]:
    """Serve batches over gRPC, and return the real client of the Storage API."""
    import grpc
    from google.cloud import bigquery_storage_v1 as api

    schema = api.types.ArrowSchema(serialized_schema=batches[0].schema.serialize().to_pybytes())

    def session(_: Any, __: Any) -> Any:
        stream = api.types.ReadStream(name="s1")
        return api.types.ReadSession(
            name="r1", data_format=api.types.DataFormat.ARROW, arrow_schema=schema, streams=[stream]
        )

    def rows(request: Any, _: Any) -> Iterator[Any]:
        for batch in batches[request.offset :]:
            sent = api.types.ArrowRecordBatch(serialized_record_batch=batch.serialize().to_pybytes())
            yield api.types.ReadRowsResponse(
                arrow_record_batch=sent, arrow_schema=schema, row_count=batch.num_rows
            )

    types = api.types
    methods = {
        "CreateReadSession": grpc.unary_unary_rpc_method_handler(
            session, types.CreateReadSessionRequest.deserialize, types.ReadSession.serialize
        ),
        "ReadRows": grpc.unary_stream_rpc_method_handler(
            rows, types.ReadRowsRequest.deserialize, types.ReadRowsResponse.serialize
        ),
    }
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool)
        name = "google.cloud.bigquery.storage.v1.BigQueryRead"
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(name, methods)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        transport = api.services.big_query_read.transports.BigQueryReadGrpcTransport
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield api.BigQueryReadClient(transport=transport(channel=channel))
        server.stop(None).wait()
