"""A scripted server in front of a sandbox: it forwards each request and sends a mutation of the reply."""

import http.client
import json
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from connecty_frames.sandbox import Connection
from tests.servers.mutations import Mutation, UpstreamReply
from tests.servers.scripted import RecordedRequest, Script, Step

#: Seconds in which the sandbox replies; a longer wait is an error of the test itself.
_TIMEOUT: Final = 30.0


def relay(
    server: Script, sandbox: Connection, select: Callable[[RecordedRequest, UpstreamReply], Mutation]
) -> None:
    """Let a server forward its requests to a sandbox, whose credentials take the place of those in them."""

    def handle(request: RecordedRequest) -> Step:
        reply = _forward(request, sandbox)
        return select(request, reply)(server, reply)

    server.handler = handle


def _forward(request: RecordedRequest, sandbox: Connection) -> UpstreamReply:
    body = request.body
    if b'"client_secret"' in body:
        body = json.dumps({name: sandbox[name] for name in ("client_id", "client_secret")}).encode()
    kept = ("authorization", "content-type")
    headers = {name: value for name, value in request.headers.items() if name in kept}
    connection = http.client.HTTPConnection(urlsplit(sandbox["base_url"]).netloc, timeout=_TIMEOUT)
    try:
        connection.request(request.method, request.target, body=body, headers=headers)
        reply = connection.getresponse()
        named = {name.lower(): value for name, value in reply.getheaders()}
        return UpstreamReply(reply.status, named, reply.read())
    finally:
        connection.close()
