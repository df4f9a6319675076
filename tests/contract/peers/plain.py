"""A peer on the standard library: the first version of a small team, which does what the document shows.

Switches besides the replies: ``verbs`` of the token, ``expire`` after requests, ``http`` 1.0, ``type`` and
``encoding`` of bodies, ``cap`` of rows, ``once`` for results that are deleted as they are read.
"""

import gzip
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.contract.peers.common import Reply, Variation, log_of, read_variations, tell_port

VARIATIONS = read_variations()


def statistics(columns: dict[str, list[Any]]) -> dict[str, Any]:
    """Describe each column as the example of the document does."""
    found: dict[str, Any] = {}
    for name, cells in columns.items():
        known = [cell for cell in cells if cell is not None]
        found[name] = {"general": {"count": len(cells), "nulls_count": len(cells) - len(known)}}
        distinct = {"distinct_count": len(set(map(str, known))), "distinct_approx": False}
        if known and all(type(cell) in {int, float} for cell in known):
            mean = sum(known) / len(known)
            found[name]["numeric"] = distinct | {"min": min(known), "max": max(known), "mean": mean}
        elif known and all(isinstance(cell, str) for cell in known):
            sizes = [len(cell) for cell in known]
            found[name]["string"] = distinct | {
                "empty_string_count": sizes.count(0),
                "min_len": min(sizes),
                "mean_len": sum(sizes) / len(sizes),
                "max_len": max(sizes),
            }
    return found


def results(variation: Variation, query: dict[str, list[str]]) -> Reply:
    switches = variation.switches
    max_rows = int(query.get("max_rows", ["1000"])[0])
    if max_rows > switches.get("cap", max_rows):
        return Reply(400, json.dumps({"error": f"max_rows must not exceed {switches['cap']}"}))
    table = variation.read_table(max_rows)
    variation.values["stats"] = statistics(variation.values["columns"])
    if switches.get("once") and variation.polls > 2:
        return Reply(410, json.dumps({"error": "results were already delivered"}))
    reply = variation.poll(['{"state": "PENDING"}', '{"state": "IN_PROGRESS"}'])
    if reply is not None:
        return reply
    wanted = query.get("include", ["dataframe"])[0].split(",")
    components = {
        "summary": ("response_summary", variation.values["summary"]),
        "sqlquery": ("sql_query", variation.values["sql"]),
        "dataframe": ("dataframe", table),
        "statistics": ("dataframe_stats", variation.values["stats"]),
    }
    found = dict(value for name, value in components.items() if name in wanted)
    return Reply(200, json.dumps({"state": "COMPLETED", "results": found}))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        _, name, *parts = url.path.split("/")
        if name == "_log":
            self.send(Reply(200, log_of(VARIATIONS)), {})
            return
        variation = VARIATIONS[name]
        reply = self.route(variation, parts, body, parse_qs(url.query))
        variation.note(self.command, self.path, body, reply)
        self.send(reply, variation.switches)

    do_GET = do_POST = do_PUT = do_DELETE = handle_one  # noqa: N815 - the names of the library

    def route(self, variation: Variation, parts: list[str], body: bytes, query: dict[str, Any]) -> Reply:
        switches = variation.switches
        if parts == ["v1", "health"]:
            return Reply(200, "OK", {"Content-Type": "text/plain"})
        if parts == ["v1", "auth", "token"]:
            return self.token(variation, body)
        variation.uses += 1
        if not self.headers.get("Authorization", "").startswith("Bearer ey"):
            return Reply(401, '{"error": "missing token"}')
        if variation.uses == switches.get("expire", -1) + 1:
            return Reply(401, '{"error": "token expired"}')
        match self.command, parts:
            case "POST", ["v1", "dw", "13", "questions"]:
                return variation.ask(json.loads(body)["question"], '{"question_id": "$id"}')
            case "GET", ["v1", "dw", "13", "questions", number, "results"]:
                if unquote(number) == str(variation.values["id"]):
                    return results(variation, query)
                return Reply(404, '{"error": "no such question"}')
        self.close_connection = True
        return Reply(
            404, "<html><h1>Error response</h1><p>Message: Not Found.", {"Content-Type": "text/html"}
        )

    def token(self, variation: Variation, body: bytes) -> Reply:
        verbs = variation.switches.get("verbs", "GET POST")
        if self.command not in verbs:
            return Reply(405, '{"error": "method not allowed"}', {"Allow": verbs})
        credentials = json.loads(body or b"{}")
        if {"client_id", "client_secret"} - set(credentials):
            return Reply(400, '{"error": "client_id and client_secret are required"}')
        usual = '{"access_token": "eyJhbGciOiJSUzI1N", "expires_at": "2099-11-05T11:54:22.793708+01:00"}'
        return variation.reply(variation.switches.get("token", usual))

    def send(self, reply: Reply, switches: dict[str, Any]) -> None:
        time.sleep(float(reply.headers.pop("delay", 0)))
        reply.headers.pop("starts", None)
        if not reply.status:
            self.close_connection = True
            return
        body = reply.body.encode(switches.get("encoding", "utf-8"))
        if switches.get("gzip"):
            body = gzip.compress(body)
            reply.headers["Content-Encoding"] = "gzip"
        self.protocol_version = f"HTTP/{switches.get('http', '1.1')}"
        self.send_response(reply.status)
        kind = switches.get("type", "application/json")
        headers = ({"Content-Type": kind} if kind else {}) | reply.headers
        for name, value in headers.items():
            self.send_header(name, value)
        if self.protocol_version == "HTTP/1.1":
            self.send_header("Content-Length", str(len(body)))
        else:
            self.close_connection = True
        self.end_headers()
        if reply.status != 204:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep standard error for errors."""


if __name__ == "__main__":
    # By default 5 connections wait: if the machine is busy, Linux resets some of 16 at once.
    ThreadingHTTPServer.request_queue_size = 256
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    tell_port(server.server_port)
    server.serve_forever()
