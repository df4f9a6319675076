"""A peer of a gateway before a function: a proxy event goes in, and a status, headers and a body come out.

The gateway checks the token, knows which paths exist, adds its headers and sends chunks. Switches besides
the replies: ``expire`` after requests, ``missing`` for the reply to an expired token, ``go`` for the
field names of structs without tags, ``wrap`` in an envelope, ``double`` for a body that is encoded twice,
``proxy`` for the event around a body, ``text`` as the type of bodies, ``cap`` of their size.
"""

import asyncio
import base64
import json
import uuid
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.contract.peers.common import Reply, Variation, fill, log_of, read_variations, tell_port

VARIATIONS = read_variations()
USUAL_TOKEN = '{"access_token":"eyJ$trace","expires_at":"2099-11-05T10:54:22.793708123Z"}'


def pascal(value: Any) -> Any:
    """Name fields as a struct of Go does; what a mapping holds keeps its names."""
    if not isinstance(value, dict):
        return value
    words = {"id": "ID", "sql": "SQL"}
    return {
        "".join(words.get(part, part.capitalize()) for part in key.split("_")): pascal(item)
        for key, item in value.items()
    }


def function(variation: Variation, event: dict[str, Any]) -> Reply:
    """Handle an event: the code that the team wrote."""
    switches = variation.switches
    match event["httpMethod"], event["path"]:
        case _, ["v1", "health"]:
            return Reply(200, "ok\n", {"Content-Type": "text/plain; charset=utf-8"})
        case _, ["v1", "auth", "token"]:
            credentials = json.loads(event["body"] or "{}")
            if not credentials.get("client_id"):
                return Reply(400, '{"message":"Invalid request body"}')
            return variation.reply(switches.get("token", USUAL_TOKEN))
        case "POST", ["v1", "dw", "13", "questions"]:
            question = json.loads(event["body"])["question"]
            return variation.ask(question, '202 | {"question_id":"$id"}')
        case "GET", ["v1", "dw", "13", "questions", number, "results"]:
            if unquote(number) != str(variation.values["id"]):
                return Reply(404, '{"message":"question not found"}')
            return results(variation, event["query"])
    return Reply(403, '{"message":"Missing Authentication Token"}')


def results(variation: Variation, query: dict[str, list[str]]) -> Reply:
    """Answer a poll; statistics are left out where the warehouse has none."""
    table = variation.read_table(int(query.get("max_rows", ["1000"])[0]))
    columns = variation.values["columns"]
    variation.values["stats"] = {
        name: {"general": {"count": len(cells), "nulls_count": cells.count(None)}}
        for name, cells in columns.items()
    }
    reply = variation.poll(['{"state":"PENDING"}', '{"state":"IN_PROGRESS"}'])
    if reply is None:
        found = {
            "dataframe": table,
            "sql_query": variation.values["sql"],
            "dataframe_stats": variation.values["stats"],
        }
        reply = Reply(200, json.dumps({"state": "COMPLETED", "results": found}))
    if len(reply.body) > variation.switches.get("cap", len(reply.body)):
        return Reply(413, '{"message":"Response payload size exceeded maximum allowed payload size"}')
    return reply


def gateway(variation: Variation, event: dict[str, Any]) -> Reply:
    """Authorize an event, call the function, and make its body that of a reply."""
    switches = variation.switches
    if event["path"][-1] == "" and len(event["path"]) > 1:
        return Reply(301, "", {"Location": f"/{variation.name}/" + "/".join(event["path"][:-1])})
    if event["path"] not in (["v1", "health"], ["v1", "auth", "token"]):
        variation.uses += 1
        if not event["authorization"].startswith("Bearer eyJ"):
            return Reply(401, '{"message":"Unauthorized"}', {"x-amzn-ErrorType": "UnauthorizedException"})
        if variation.uses == switches.get("expire", -1) + 1:
            return variation.reply(
                switches.get("missing", '401 | {"message":"The incoming token has expired"}')
            )
    reply = function(variation, event)
    if switches.get("go") and reply.body.startswith("{"):
        reply.body = json.dumps(pascal(json.loads(reply.body))) + "\n"
    if "wrap" in switches and reply.body.startswith("{"):
        reply.body = fill(switches["wrap"], variation.values | {"body": json.loads(reply.body)})
    if switches.get("double"):
        reply.body = json.dumps(reply.body)
    if switches.get("proxy"):
        encoded = switches["proxy"] == "base64"
        body = base64.b64encode(reply.body.encode()).decode() if encoded else reply.body
        reply.body = json.dumps({"statusCode": reply.status, "isBase64Encoded": encoded, "body": body})
    return reply


async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await answer(reader, writer):
            pass
    except (OSError, asyncio.IncompleteReadError):
        pass  # the client went away
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Answer a request; return False if there is none, or no reply."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    method, target, _ = first.split(" ")
    url = urlsplit(target)
    _, name, *path = url.path.split("/")
    if name == "_log":
        await write(writer, Reply(200, log_of(VARIATIONS)), {})
        return True
    variation = VARIATIONS[name]
    event = {
        "httpMethod": method,
        "path": path,
        "query": parse_qs(url.query),
        "body": body.decode(),
        "authorization": headers.get("authorization", ""),
    }
    reply = gateway(variation, event)
    variation.note(method, target, body, reply)
    await asyncio.sleep(float(reply.headers.pop("delay", 0)))
    reply.headers.pop("starts", None)
    if not reply.status:
        return False
    await write(writer, reply, variation.switches)
    return True


async def write(writer: asyncio.StreamWriter, reply: Reply, switches: dict[str, Any]) -> None:
    usual = {
        "Content-Type": "application/json",
        "x-amzn-RequestId": str(uuid.uuid4()),
        "x-amz-apigw-id": "Tx4=",
    }
    if switches.get("text"):
        usual["Content-Type"] = "text/plain; charset=utf-8"
    headers = usual | reply.headers
    if reply.status != HTTPStatus.NO_CONTENT:
        headers["Transfer-Encoding"] = "chunked"
    lines = [
        f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}",
        *(f"{k}: {v}" for k, v in headers.items()),
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    if reply.status != HTTPStatus.NO_CONTENT:
        body = reply.body.encode()
        for at in range(0, len(body), 256):
            chunk = body[at : at + 256]
            writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        writer.write(b"0\r\n\r\n")
    await writer.drain()


async def main() -> None:
    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    tell_port(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
