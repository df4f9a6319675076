"""The API over HTTP: its four endpoints, and their description at ``/openapi.json``.

The sandbox listens on loopback, where any web page open in a browser can send requests too. Three rules keep
those out. The header ``Host`` must name loopback, which rejects an attacker's name that resolves to 127.0.0.1
(DNS rebinding). A POST must declare a JSON body, which a page may send to another origin only after a CORS
preflight. Preflights are never granted.

Where the API document is silent, this is assumed:

- All errors have the same shape: see :mod:`connecty_frames.sandbox.responses`.
- Every response has a request id in the header ``X-Request-Id``.
- A FAILED question has the reason in a field ``error`` next to its state.
- The token endpoint accepts GET, as the document's heading says, and POST, as its example shows.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import secrets
import threading
from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Route

from connecty_frames import protocol
from connecty_frames._base.text import snippet
from connecty_frames.sandbox.jobs import DW_ID
from connecty_frames.sandbox.request_log import AskedQuestion, SeenRequest
from connecty_frames.sandbox.responses import apply_fault, error_response, json_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send

    from connecty_frames._base.clock import Clock
    from connecty_frames.sandbox.faults import Endpoint, Faults
    from connecty_frames.sandbox.jobs import Job, JobQueue
    from connecty_frames.sandbox.request_log import RequestLog

_Body = TypeVar("_Body", protocol.TokenRequest, protocol.QuestionRequest)
_LOG: Final = logging.getLogger(__name__)
_BODY_LIMIT: Final = 2**20  # the largest request body, in bytes
#: A ``Host`` header that names loopback, with any port, because a forwarded port may differ.
_HOST: Final = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)


def document() -> dict[str, Any]:
    """Return the OpenAPI document of the service; ``docs/api/openapi.yaml`` is generated from it."""
    loaded: dict[str, Any] = json.loads((files(__package__) / "openapi.json").read_text(encoding="utf-8"))
    return loaded


async def admitted_body(request: Request) -> bytes:
    """Return the body of a request, cut if no valid token came with it; raises HTTPException."""
    body, limit = bytearray(), _BODY_LIMIT if request.state.is_trusted else 2**16  # enough for credentials
    # Read all of it, so that the client finishes sending and reads the response.
    async for chunk in request.stream():
        request.state.size += len(chunk)
        body += chunk[: limit - len(body)]
    if request.state.size > _BODY_LIMIT:
        raise HTTPException(413, f"The body is longer than {_BODY_LIMIT} bytes.")
    if _HOST.fullmatch(request.headers.get("host", "")) is None:
        raise HTTPException(421, "The header Host names another server than this one.")
    return bytes(body)


def is_json(request: Request) -> bool:
    """Return whether a request declares that its body is JSON."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


class Tokens:
    """Issues and validates tokens, which expire after some seconds by the sandbox's clock."""

    # Credentials and tokens are random: invalid at other sandboxes, and in no message by chance.

    def __init__(self, *, lifetime: float, clock: Clock) -> None:
        self.client_id: str = f"{protocol.SANDBOX_CLIENT}{secrets.token_hex(4)}"
        self.client_secret: str = secrets.token_urlsafe(24)
        self._lifetime = timedelta(seconds=lifetime)
        self._clock = clock
        self._expiries: dict[str, datetime] = {}

    def accepts(self, client_id: str, client_secret: str) -> bool:
        """Return whether the credentials are right, in constant time."""
        right_id = hmac.compare_digest(client_id.encode(), self.client_id.encode())
        right_secret = hmac.compare_digest(client_secret.encode(), self.client_secret.encode())
        return right_id and right_secret

    def issue(self) -> tuple[str, str]:
        """Return a new token, and its expiry as ISO-8601 text with an offset."""
        now = self._clock.now()
        self._expiries = {token: end for token, end in self._expiries.items() if now < end}
        token = secrets.token_urlsafe(48)
        self._expiries[token] = now + self._lifetime
        return token, (now + self._lifetime).isoformat()

    def expire_all(self) -> None:
        """Make every token issued so far invalid, even before its reported expiry."""
        self._expiries.clear()

    def is_valid(self, token: str) -> bool:
        """Return whether a token was issued here and has not expired."""
        return token in self._expiries and self._clock.now() < self._expiries[token]


class Server:
    """The API of one workspace as an ASGI application."""

    def __init__(self, jobs: JobQueue, tokens: Tokens, request_log: RequestLog, faults: Faults) -> None:
        self._jobs = jobs
        self._tokens = tokens
        self._request_log = request_log
        self._faults = faults
        self._closing = threading.Event()
        self._app = Starlette(
            routes=[
                self._route(protocol.HEALTH, "health", self._health, ["GET"]),
                self._route(protocol.TOKEN, "token", self._token, ["GET", "POST"]),
                self._route(protocol.QUESTIONS, "ask", self._ask, ["POST"]),
                self._route(protocol.RESULTS, "results", self._results, ["GET"]),
                Route("/openapi.json", self._openapi),
            ],
            exception_handlers={HTTPException: error_response, Exception: error_response},
        )
        # Do not redirect a path with an extra slash: it is not found.
        self._app.router.redirect_slashes = False

    def close(self) -> None:
        """End the delays of all responses."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Assign an id to a request, read its body, log it and send the response."""
        # Outside Starlette's middleware, so that responses to unexpected errors have an id too.
        request_id = secrets.token_hex(8)

        def log_request(status: int | None) -> None:
            state = scope["state"]
            seen = (scope["method"], scope["path"][:1000], status, request_id)  # a path may have 64 KiB
            self._request_log.add(SeenRequest(*seen, *map(state.get, ("question", "fault", "size"))))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                log_request(message["status"])
            await send(message)

        scope["state"] |= {"request_id": request_id, "question": None, "fault": None, "size": 0}
        scope["state"]["log_request"] = log_request
        request = Request(scope, receive)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        request.state.token = token.strip() if scheme.lower() == "bearer" else ""
        request.state.is_trusted = self._tokens.is_valid(request.state.token)
        try:
            try:
                body = request.state.body = await admitted_body(request)
            except HTTPException as error:
                await (await error_response(request, error))(scope, receive, send_with_id)
            else:
                # Instrumentation of the process, such as sentry_sdk, may read the body before a handler runs.
                unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

                async def receive_again() -> Message:
                    return unread.pop() if unread else await receive()

                await self._app(scope, receive_again, send_with_id)
        except ClientDisconnect:
            pass  # The client left before its request was complete, so nobody waits for a response.
        except Exception:  # noqa: BLE001 - the last place where an error can be caught
            # Starlette answers an unexpected error with 500 and raises it again. uvicorn would then close the
            # connection, which the next request may already be using.
            _LOG.exception("Internal error of the sandbox in request %s", request_id)

    def _route(
        self,
        path: str,
        endpoint: Endpoint,
        handler: Callable[[Request], Awaitable[Response]],
        methods: list[str],
    ) -> Route:

        async def respond(request: Request) -> Response:
            question = request.state.question = self._question_of(request)
            fault = self._faults.next_for(endpoint, question, request.path_params.get("question_id"))
            if fault is None:
                return await handler(request)
            request.state.fault = str(fault)
            response = None
            if fault.timing == "after":
                try:
                    response = await handler(request)
                except HTTPException as error:
                    response = await error_response(request, error)
            replacement = await apply_fault(fault, request, response, self._tokens.expire_all, self._closing)
            return replacement or response or await handler(request)

        return Route(path, respond, methods=methods)

    def _question_of(self, request: Request) -> str | None:
        if not request.state.is_trusted:  # a client without a token must not fill the log
            return None
        question_id: str | None = request.path_params.get("question_id")
        if question_id is not None:
            job = self._jobs.find(question_id)
            return None if job is None else job.question
        try:
            return msgspec.json.decode(
                request.state.body * is_json(request), type=protocol.QuestionRequest
            ).question
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None

    async def _openapi(self, _request: Request) -> Response:
        served = document()
        # The address is relative, because a sandbox may be reached by several.
        served["servers"] = [{"url": "/", "description": "This sandbox"}]
        components = served["components"]
        components["parameters"]["dw_id"]["schema"]["enum"] = [DW_ID]
        components["schemas"]["Question"]["properties"]["question"]["minLength"] = 1
        return json_response(served)

    async def _health(self, _request: Request) -> Response:
        return json_response({"status": "OK"})

    async def _token(self, request: Request) -> Response:
        credentials = _parse_body(request, protocol.TokenRequest)
        if not self._tokens.accepts(credentials.client_id, credentials.client_secret.get_secret_value()):
            raise HTTPException(401, "The client_id or the client_secret is wrong.")
        token, expires_at = self._tokens.issue()
        self._request_log.tokens += 1
        return json_response({"access_token": token, "expires_at": expires_at})

    async def _ask(self, request: Request) -> Response:
        self._check_access(request)
        question = _parse_body(request, protocol.QuestionRequest).question
        job = self._jobs.submit(question)
        self._request_log.add(AskedQuestion(job.question_id, DW_ID, question))
        return json_response(protocol.QuestionAccepted(question_id=UUID(job.question_id)))

    async def _results(self, request: Request) -> Response:
        self._check_access(request)
        include, max_rows = _parse_include(request), _parse_max_rows(request)
        question_id: str = request.path_params["question_id"]
        job = self._jobs.find(question_id)
        if job is None:
            raise HTTPException(404, f"The workspace {DW_ID} has no question {snippet(question_id)}.")
        return json_response(_results_body(job, include, max_rows))

    def _check_access(self, request: Request) -> None:
        """Check the token before the workspace: without a token, a client must not learn what exists."""
        if not request.state.token:
            raise HTTPException(401, "The header Authorization: Bearer <ACCESS_TOKEN> is missing.")
        if not self._tokens.is_valid(request.state.token):
            raise HTTPException(401, "The token has expired, or is not one of this server's.")
        dw_id: str = request.path_params["dw_id"]
        if dw_id != str(DW_ID):
            raise HTTPException(404, f"There is no workspace {snippet(dw_id)} here.")


def _results_body(job: Job, include: frozenset[str], max_rows: int) -> dict[str, Any]:
    # Read the state once: if the question ended between two reads, its results would be missing.
    state = job.state
    if state is protocol.State.FAILED:
        return {"state": state, "error": job.error}
    if state is not protocol.State.COMPLETED:
        return {"state": state}
    results: dict[str, Any] = {}
    if "summary" in include:
        results["response_summary"] = job.summary
    if "sqlquery" in include and job.sql is not None:
        results["sql_query"] = job.sql
    if "dataframe" in include and job.result is not None:
        results["dataframe"] = msgspec.Raw(job.result.dataframe(max_rows))
    if "statistics" in include and job.result is not None and job.result.statistics:
        results["dataframe_stats"] = msgspec.Raw(job.result.statistics)
    return {"state": state, "results": results}


def _parse_body(request: Request, model: type[_Body]) -> _Body:
    if request.method == "POST" and not is_json(request):
        raise HTTPException(415, "The header Content-Type: application/json is missing.")
    try:
        return protocol.read_message(msgspec.json.decode(request.state.body), model)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise HTTPException(422, f"body: {error}") from None


def _parse_include(request: Request) -> frozenset[str]:
    text = request.query_params.get("include")
    if text is None:
        return frozenset(protocol.DEFAULT_INCLUDE)
    include = frozenset(text.split(","))
    if not include <= set(protocol.COMPONENTS):
        raise HTTPException(
            422,
            f"include={snippet(text)}: expected a comma-separated list of {', '.join(protocol.COMPONENTS)}.",
        )
    return include


def _parse_max_rows(request: Request) -> int:
    text = request.query_params.get("max_rows")
    if text is None:
        return protocol.DEFAULT_MAX_ROWS
    # int() would also accept " 5", "+5", "5_000" and digits of other scripts.
    if not (text.isascii() and text.isdigit()):
        raise HTTPException(422, f"max_rows={snippet(text)}: expected a whole number that is not negative.")
    return int(text.lstrip("0")[:18] or "0")  # no result has so many rows, and int() has a limit
