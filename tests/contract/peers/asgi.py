"""A peer on Starlette and pydantic: a team that would use FastAPI, with its 422s, nulls and request ids.

Switches besides the replies: ``expire`` after requests, ``forbid`` with 403 as HTTPBearer does, ``camel``
case of an alias generator, ``wrap`` in an envelope, ``cap`` of rows, ``includes`` that are known,
``slash`` at the end of paths, ``none`` to leave out what is null, ``other`` for a second question under
its own id.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import statistics
import uuid
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

import uvicorn
from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.contract.peers.common import Reply, Variation, fill, log_of, read_variations, tell_port

if TYPE_CHECKING:
    from starlette.requests import Request

VARIATIONS = read_variations()
USUAL_TOKEN = (
    '{"access_token": "eyJ$trace", "token_type": "bearer", "expires_at": "2099-11-05T10:54:22.793708Z"}'
)


class Credentials(BaseModel):
    client_id: str
    client_secret: str


class QuestionIn(BaseModel):
    question: str = Field(min_length=1)


class Query(BaseModel):
    include: str = "dataframe"
    max_rows: int = Field(1000, ge=1)


class General(BaseModel):
    count: int
    nulls_count: int


class Numeric(BaseModel):
    distinct_count: int
    distinct_approx: bool = False
    min: float
    max: float
    mean: float
    stddev: float | None = None


class String(BaseModel):
    distinct_count: int
    distinct_approx: bool = False
    empty_string_count: int
    min_len: int
    mean_len: float
    max_len: int


class ColumnStats(BaseModel):
    """Statistics of a column: those that do not fit its type are null."""

    general: General
    numeric: Numeric | None = None
    string: String | None = None
    temporal: dict[str, Any] | None = None

    @classmethod
    def of(cls, cells: list[Any]) -> ColumnStats:
        known = [cell for cell in cells if cell is not None]
        found = cls(general=General(count=len(cells), nulls_count=len(cells) - len(known)))
        distinct = len(set(map(str, known)))
        if known and all(type(cell) in {int, float} for cell in known):
            found.numeric = Numeric(
                distinct_count=distinct,
                min=min(known),
                max=max(known),
                mean=statistics.fmean(known),
                stddev=statistics.pstdev(known),
            )
        elif known and all(isinstance(cell, str) for cell in known):
            sizes = sorted(map(len, known))
            found.string = String(
                distinct_count=distinct,
                empty_string_count=sizes.count(0),
                min_len=sizes[0],
                mean_len=statistics.fmean(sizes),
                max_len=sizes[-1],
            )
        return found


class Results(BaseModel):
    """The components that were asked for; others are null."""

    response_summary: str | None = None
    sql_query: str | None = None
    dataframe: list[list[Any]] | None = None
    dataframe_stats: dict[str, ColumnStats] | None = None


class QuestionState(BaseModel):
    state: Literal["PENDING", "IN_PROGRESS", "COMPLETED", "FAILED"]
    results: Results | None = None


class Refused(Exception):
    """A parameter is wrong, and these are the details."""


def camel(value: Any) -> Any:
    """Rename the fields of models, which have an underscore."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if isinstance(value, dict):
        return {re.sub(r"_(\w)", lambda m: m[1].upper(), key): camel(item) for key, item in value.items()}
    return value


async def endpoint(request: Request) -> Response:
    """Answer a request as the middleware, the dependencies and the route would."""
    variation = VARIATIONS[request.path_params["variation"]]
    body = await request.body()
    path = "/" + request.path_params["rest"]
    try:
        reply = route(variation, request, path, body)
    except HTTPException as error:
        reply = Reply(error.status_code, json.dumps({"detail": error.detail}), dict(error.headers or {}))
    except Refused as error:
        reply = Reply(422, json.dumps({"detail": error.args}))
    except ValidationError as error:
        places = [
            {**e, "loc": ["body" if body else "query", *e["loc"]]} for e in error.errors(include_url=False)
        ]
        reply = Reply(422, json.dumps({"detail": places}, default=str))
    switches = variation.switches
    if "wrap" in switches and reply.body.startswith("{"):
        reply.body = fill(switches["wrap"], variation.values | {"body": json.loads(reply.body)})
    variation.note(request.method, request.url.path, body, reply)
    await asyncio.sleep(float(reply.headers.pop("delay", 0)))
    reply.headers.pop("starts", None)
    if reply.status == 307:
        return RedirectResponse(reply.headers["location"])
    kind = {"content-type": "application/json", "x-request-id": uuid.uuid4().hex, "x-process-time": "0.004"}
    headers = kind | {key.lower(): value for key, value in reply.headers.items()}
    return Response(reply.body, reply.status, headers)


def route(variation: Variation, request: Request, path: str, body: bytes) -> Reply:
    switches = variation.switches
    if path == "/v1/health":
        return variation.reply(switches.get("health", '{"status": "ok", "version": "1.4.2"}'))
    if path == "/v1/auth/token":
        Credentials.model_validate_json(body or b"{}")
        return variation.reply(switches.get("token", USUAL_TOKEN))
    variation.uses += 1
    if not request.headers.get("authorization", "").startswith("Bearer eyJ"):
        raise HTTPException(403, "Not authenticated")
    if variation.uses == switches.get("expire", -1) + 1:
        headers = {"WWW-Authenticate": "Bearer"}
        raise HTTPException(403 if switches.get("forbid") else 401, "Signature has expired", headers)
    if switches.get("slash") and not path.endswith("/"):
        return Reply(307, "", {"location": str(request.url.replace(path=request.url.path + "/"))})
    match request.method, path.strip("/").split("/"):
        case "POST", ["v1", "dw", _, "questions"]:
            asked = QuestionIn.model_validate_json(body)
            return variation.ask(asked.question, '202 | {"question_id": "$id"}')
        case "GET", ["v1", "dw", _, "questions", number, "results"]:
            if switches.get("other") and unquote(number) == variation.values["id2"]:
                table = [["question", "amount"], ["another question", 7]]
                return Reply(200, json.dumps({"state": "COMPLETED", "results": {"dataframe": table}}))
            if not is_known(variation, unquote(number)):
                raise HTTPException(404, "Question not found")
            return results(variation, Query.model_validate(dict(request.query_params)))
    raise HTTPException(404, "Not Found")


def is_known(variation: Variation, number: str) -> bool:
    """Compare ids as a path parameter of its type does."""
    if variation.switches.get("id", "uuid") in {"uuid", "hex", "upper", "urn"}:
        return uuid.UUID(variation.values["id"]) == uuid.UUID(number)
    return number == str(variation.values["id"])


def results(variation: Variation, query: Query) -> Reply:
    switches = variation.switches
    known = switches.get("includes", "dataframe statistics sqlquery summary").split()
    for include in query.include.split(","):
        if include not in known:
            expected = f"Input should be {', '.join(map(repr, known))}"
            raise Refused({"type": "enum", "loc": ["query", "include"], "msg": expected, "input": include})
    if query.max_rows > switches.get("cap", query.max_rows):
        expected = f"Input should be less than or equal to {switches['cap']}"
        raise Refused({"type": "less_than_equal", "loc": ["query", "max_rows"], "msg": expected})
    table = variation.read_table(query.max_rows)
    stats = {name: ColumnStats.of(cells) for name, cells in variation.values["columns"].items()}
    variation.values["stats"] = {name: found.model_dump(mode="json") for name, found in stats.items()}
    reply = variation.poll(
        ['{"state": "PENDING", "results": null}', '{"state": "IN_PROGRESS", "results": null}']
    )
    if reply is not None:
        return reply
    parts = Results()
    wanted = query.include.split(",")
    parts.dataframe = table if "dataframe" in wanted else None
    parts.dataframe_stats = stats if "statistics" in wanted else None
    parts.sql_query = variation.values["sql"] if "sqlquery" in wanted else None
    parts.response_summary = variation.values["summary"] if "summary" in wanted else None
    found = QuestionState(state="COMPLETED", results=parts)
    dumped = found.model_dump(mode="json", exclude_none=bool(switches.get("none")))
    return Reply(200, json.dumps(camel(dumped) if switches.get("camel") else dumped))


async def log(_: Request) -> Response:
    return PlainTextResponse(log_of(VARIATIONS))


async def main() -> None:
    app = Starlette(
        routes=[Route("/_log", log), Route("/{variation}/{rest:path}", endpoint, methods=["GET", "POST"])]
    )
    app.add_middleware(GZipMiddleware, minimum_size=300)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        tell_port(listener.getsockname()[1])
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        await server.serve(sockets=[listener])


if __name__ == "__main__":
    asyncio.run(main())
