"""The API over HTTP: its four endpoints, and their description at ``/openapi.json``.

Where the API document is silent, this is assumed:

- Errors have one shape, whatever the endpoint and status: :mod:`connecty_frames.sandbox.responses`.
- Every response carries the id of its request in the header ``X-Request-Id``.
- A FAILED question carries the reason in a field ``error`` beside its state.
- The token endpoint accepts GET, as the document's heading says, and POST, as its example shows.
"""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Route

from connecty_frames._base.text import snippet
from connecty_frames.protocol import (
    COMPONENTS,
    DEFAULT_INCLUDE,
    DEFAULT_MAX_ROWS,
    HEALTH,
    QUESTIONS,
    RESULTS,
    TOKEN,
    QuestionAccepted,
    QuestionRequest,
    State,
    TokenRequest,
    read_message,
)
from connecty_frames.sandbox.openapi import served_document
from connecty_frames.sandbox.request_checks import is_json, is_own_host, read_body
from connecty_frames.sandbox.request_log import AskedQuestion, SeenRequest
from connecty_frames.sandbox.responses import error_response, json_response

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from connecty_frames.sandbox.fault_responses import FaultMiddleware, Handler
    from connecty_frames.sandbox.faults import Endpoint
    from connecty_frames.sandbox.jobs import Job, JobQueue
    from connecty_frames.sandbox.request_log import RequestLog
    from connecty_frames.sandbox.tokens import Tokens

_Body = TypeVar("_Body", TokenRequest, QuestionRequest)
_LOG: Final = logging.getLogger(__name__)
#: A number with this many digits is more rows than any result has; further digits are ignored.
_MAX_DIGITS: Final = 18


class Server:
    """The API of one workspace as an ASGI application."""

    def __init__(
        self,
        jobs: JobQueue,
        tokens: Tokens,
        request_log: RequestLog,
        fault_middleware: FaultMiddleware,
        *,
        dw_id: int,
    ) -> None:
        self._jobs = jobs
        self._tokens = tokens
        self._request_log = request_log
        self._fault_middleware = fault_middleware
        self._dw_id = dw_id
        app = Starlette(
            routes=[
                self._route(HEALTH, "health", self._health, ["GET"]),
                self._route(TOKEN, "token", self._token, ["GET", "POST"]),
                self._route(QUESTIONS, "ask", self._ask, ["POST"]),
                self._route(RESULTS, "results", self._results, ["GET"]),
                Route("/openapi.json", self._openapi),
            ],
            exception_handlers={HTTPException: error_response, Exception: error_response},
        )
        # A path with one slash too many is another path, which is not found, and no reason for a redirect.
        app.router.redirect_slashes = False
        # Outside of Starlette's own middleware, so that responses to unexpected errors have an id too.
        self.app: ASGIApp = _RequestMiddleware(app, request_log)

    def _route(self, path: str, endpoint: Endpoint, handler: Handler, methods: list[str]) -> Route:
        """Return the route to an endpoint, to which faults may apply."""

        async def respond(request: Request) -> Response:
            request.state.question = self._question_of(request)
            return await self._fault_middleware.respond(endpoint, request, handler)

        return Route(path, respond, methods=methods)

    def _question_of(self, request: Request) -> str | None:
        """Return the text of the question that a request asks or asks about, or None."""
        question_id: str | None = request.path_params.get("question_id")
        if question_id is not None:
            job = self._jobs.find(question_id, self._dw_id)
            return None if job is None else job.question
        # A web page can send any text, but not as JSON: it must not be able to fill the log.
        if not is_json(request):
            return None
        try:
            return msgspec.json.decode(request.state.body, type=_QuestionBody).question
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None

    async def _openapi(self, _request: Request) -> Response:
        """Describe the API."""
        return json_response(served_document(self._dw_id))

    async def _health(self, _request: Request) -> Response:
        """Report that the service is up."""
        return json_response({"status": "OK"})

    async def _token(self, request: Request) -> Response:
        """Exchange credentials for a token."""
        credentials = _parse_body(request, TokenRequest)
        if not self._tokens.accepts(credentials.client_id, credentials.client_secret.get_secret_value()):
            raise HTTPException(401, "The client_id or the client_secret is wrong.")
        token, expires_at = self._tokens.issue()
        self._request_log.tokens += 1
        return json_response({"access_token": token, "expires_at": expires_at})

    async def _ask(self, request: Request) -> Response:
        """Accept a question and return its id."""
        self._check_access(request)
        question = _parse_body(request, QuestionRequest).question
        job = self._jobs.submit(question, self._dw_id)
        self._request_log.add_question(AskedQuestion(job.question_id, self._dw_id, question))
        return json_response(QuestionAccepted(question_id=UUID(job.question_id)))

    async def _results(self, request: Request) -> Response:
        """Return the state of a question, and its results once it is completed."""
        self._check_access(request)
        include = _parse_include(request)
        max_rows = _parse_max_rows(request)
        question_id: str = request.path_params["question_id"]
        job = self._jobs.find(question_id, self._dw_id)
        if job is None:
            raise HTTPException(404, f"The workspace {self._dw_id} has no question {snippet(question_id)}.")
        return json_response(_results_body(job, include, max_rows))

    def _check_access(self, request: Request) -> None:
        """Check the token, then the workspace: without a token a client does not learn what exists."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise HTTPException(401, "The header Authorization: Bearer <ACCESS_TOKEN> is missing.")
        if not self._tokens.is_valid(token.strip()):
            raise HTTPException(401, "The token has expired, or is not one of this server's.")
        dw_id: str = request.path_params["dw_id"]
        if dw_id != str(self._dw_id):
            raise HTTPException(404, f"There is no workspace {snippet(dw_id)} here.")


class _QuestionBody(msgspec.Struct):
    """The body that asks a question, as far as the request log and the faults need it."""

    question: str | None = None


class _RequestMiddleware:
    """Gives each request an id, reads its body, rejects it if it is for another host, and logs it."""

    def __init__(self, app: ASGIApp, request_log: RequestLog) -> None:
        self._app = app
        self._request_log = request_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = secrets.token_hex(8)

        def log_request(status: int | None) -> None:
            state = scope["state"]
            self._request_log.add_request(
                SeenRequest(
                    scope["method"], scope["path"], status, request_id, state["question"], state["fault"]
                )
            )

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                log_request(message["status"])
            await send(message)

        scope["state"] = {
            "request_id": request_id,
            "question": None,
            "fault": None,
            "log_request": log_request,
        }
        request = Request(scope, receive)
        app = self._app
        try:
            try:
                await self._admit(request)
            except HTTPException as error:
                app = await error_response(request, error)
            await app(scope, receive, send_with_id)
        except ClientDisconnect:
            pass  # The client left before its request was complete, so nobody waits for a response.
        except Exception:  # noqa: BLE001 - the last place where an error can be caught
            # Starlette answers an unexpected error by 500 and raises it again. uvicorn would then close the
            # connection, which the next request may already use.
            _LOG.exception("Internal error of the sandbox in request %s", request_id)

    async def _admit(self, request: Request) -> None:
        """Read the body, and raise HTTPException if the request is for another host."""
        # Read even if the request is rejected: unread data would keep the connection open.
        request.state.body = await read_body(request)
        if not is_own_host(request.headers.get("host", "")):
            raise HTTPException(421, "The header Host names another server than this one.")


def _results_body(job: Job, include: frozenset[str], max_rows: int) -> dict[str, Any]:
    """Return the body of a results response: the components asked for, as far as they exist."""
    # Read once: if the question ended between two looks, its end would be reported without its results.
    state = job.state
    if state is State.FAILED:
        return {"state": state, "error": job.error}
    if state is not State.COMPLETED:
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
    """Validate a body, or raise HTTPException."""
    if request.method == "POST" and not is_json(request):
        raise HTTPException(415, "The header Content-Type: application/json is missing.")
    try:
        return read_message(msgspec.json.decode(request.state.body), model)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise HTTPException(422, f"body: {error}") from None


def _parse_include(request: Request) -> frozenset[str]:
    """Return the components that the query parameter ``include`` lists, or raise HTTPException."""
    text = request.query_params.get("include")
    if text is None:
        return frozenset(DEFAULT_INCLUDE)
    include = frozenset(text.split(","))
    if not include <= set(COMPONENTS):
        raise HTTPException(
            422, f"include={snippet(text)}: expected a comma-separated list of {', '.join(COMPONENTS)}."
        )
    return include


def _parse_max_rows(request: Request) -> int:
    """Return the number in the query parameter ``max_rows``, or raise HTTPException."""
    text = request.query_params.get("max_rows")
    if text is None:
        return DEFAULT_MAX_ROWS
    # int() would accept " 5", "+5", "5_000" and digits of other scripts as well.
    if not (text.isascii() and text.isdigit()):
        raise HTTPException(422, f"max_rows={snippet(text)}: expected a whole number that is not negative.")
    return int(text.lstrip("0")[:_MAX_DIGITS] or "0")
