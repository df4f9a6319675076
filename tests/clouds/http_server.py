"""An HTTP server on loopback, whose replies a function makes."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    #: Gets the method, the target, the headers and the body; returns JSON, or bytes with their headers.
    Reply = Callable[[str, str, Any, bytes], Any]


@contextmanager
def serve(reply: Reply) -> Iterator[int]:
    """Serve on a free port, which is returned."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # header and body in one write

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found = reply(self.command, self.path, self.headers, body)
            status, headers, content = found if isinstance(found, tuple) else (200, {}, found)
            if not isinstance(content, bytes):
                headers = {"Content-Type": "application/json", **headers}
                content = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = do_PUT = do_HEAD = _answer  # noqa: N815 - of http.server

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
