"""trino's HTTP API: a query whose pages follow one another."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.clouds.http_server import serve

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Trino:
    """What the server returns for a query, in pages, and what it was asked."""

    columns: dict[str, str]
    pages: list[list[list[Any]]]
    running: bool = False
    error: str | None = None
    port: int = 0
    requests: list[str] = field(default_factory=list)

    def reply(self, method: str, target: str, _: Any, body: bytes) -> Any:
        """Answer a request."""
        if method == "DELETE":
            self.requests.append("cancel")
            return 204, {}, b""
        if method == "POST":
            self.requests.append(body.decode())
            return self._status("QUEUED", 0)
        if self.error:
            error = {"errorType": "USER_ERROR", "errorName": "COLUMN_NOT_FOUND", "message": self.error}
            return self._status("FAILED") | {"error": error}
        if self.running:
            return self._status("RUNNING", 0)
        page = int(target.rpartition("/")[2])
        columns = [
            {"name": name, "type": type_, "typeSignature": {"rawType": "unknown", "arguments": []}}
            for name, type_ in self.columns.items()
        ]
        found = {"columns": columns, **({"data": self.pages[page]} if page < len(self.pages) else {})}
        return self._status("FINISHED", page + 1 if page < len(self.pages) else None) | found

    def _status(self, state: str, page: int | None = None) -> dict[str, Any]:
        more = {} if page is None else {"nextUri": f"http://127.0.0.1:{self.port}/v1/statement/q1/{page}"}
        stats = {"state": state, "queued": False, "scheduled": True}
        return {"id": "q1", "infoUri": "http://127.0.0.1/q1", "stats": stats, **more}


@contextmanager
def trino(columns: dict[str, str], *pages: list[list[Any]], **facts: Any) -> Iterator[tuple[Trino, Any]]:
    """Serve a result, and connect the real client."""
    import trino.dbapi

    level = trino.dbapi.IsolationLevel[facts.pop("isolation_level", "AUTOCOMMIT")]
    server = Trino(columns, list(pages), **facts)
    with serve(server.reply) as server.port:
        connection = trino.dbapi.connect(host="127.0.0.1", port=server.port, user="u", isolation_level=level)
        try:
            yield server, connection
        finally:
            connection.close()
