"""Athena's API: a query that is started and polled, and its results in pages of texts."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.clouds.http_server import serve

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Athena:
    """What the server returns for a query, in pages, and what it was asked."""

    columns: dict[str, str]
    rows: list[list[str | None]]
    state: str = "SUCCEEDED"
    page: int = 1_000
    requests: list[Any] = field(default_factory=list)

    def reply(self, _: str, __: str, headers: Any, body: bytes) -> Any:
        """Answer a request."""
        request = json.loads(body)
        match headers["X-Amz-Target"].removeprefix("AmazonAthena."):
            case "StartQueryExecution":
                self.requests.append(request["QueryString"])
                return {"QueryExecutionId": "q1"}
            case "GetQueryExecution":
                status = {"State": self.state, "StateChangeReason": "COLUMN_NOT_FOUND: x"}
                statement = {"Query": "q", "StatementType": "DML", "SubstatementType": "SELECT"}
                return {"QueryExecution": {"QueryExecutionId": "q1", "Status": status, **statement}}
            case "StopQueryExecution":
                self.requests.append("stop")
                self.state = "CANCELLED"
                return {}
            case "GetQueryResults":
                return self._page(int(request.get("NextToken", 0)))
        raise AssertionError(headers["X-Amz-Target"])

    def _page(self, start: int) -> dict[str, Any]:
        """Return rows, the first of which are the names; the field of a NULL has no value."""
        rows = [list(self.columns), *self.rows]
        sent = rows[start : start + self.page]
        data = [[{} if value is None else {"VarCharValue": value} for value in row] for row in sent]
        info = []
        for name, type_ in self.columns.items():
            kind, _, digits = type_.removesuffix(")").partition("(")
            precision, _, scale = digits.partition(",")
            numbers = {"Precision": int(precision or 0), "Scale": int(scale or 0)}
            info.append({"Name": name, "Type": kind, "Nullable": "UNKNOWN", **numbers})
        more = {"NextToken": str(start + self.page)} if start + self.page < len(rows) else {}
        result = {"Rows": [{"Data": row} for row in data], "ResultSetMetadata": {"ColumnInfo": info}}
        return {"ResultSet": result, **more}


@contextmanager
def athena(columns: dict[str, str], *rows: list[str | None], **facts: Any) -> Iterator[tuple[Athena, Any]]:
    """Serve a result, and connect the real client."""
    import pyathena

    options = facts.pop("options", {})
    server = Athena(columns, list(rows), **facts)
    with serve(server.reply) as port:
        connection = pyathena.connect(
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="eu-central-1",
            aws_access_key_id="a",
            aws_secret_access_key="s",
            s3_staging_dir="s3://bucket/",
            poll_interval=0.05,
            **options,
        )
        try:
            yield server, connection
        finally:
            connection.close()
