"""The API over HTTP: four endpoints, in front of a desk, and their description at ``/openapi.json``.

What the API document leaves unsaid is our own guess:

- Errors have one shape, whatever the endpoint and status: :mod:`connecty_frames.sandbox.responses`.
- Every response names its request in the header ``X-Request-Id``.
- A FAILED question carries the reason in a field ``error`` beside its state.
- The token endpoint is headed GET in the document and shown with POST: it takes both.
- With too many unfinished questions another one is answered by 429 and ``Retry-After``.
"""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Route

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
)
from connecty_frames.sandbox.openapi import served_document
from connecty_frames.sandbox.request_checks import is_json, read_body
from connecty_frames.sandbox.request_log import AskedQuestion, SeenRequest
from connecty_frames.sandbox.responses import error_response, json_response
from connecty_frames.text import snippet

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from connecty_frames.sandbox.fault_responses import FaultMiddleware, Handler
    from connecty_frames.sandbox.faults import Endpoint
    from connecty_frames.sandbox.jobs import Job, JobQueue
    from connecty_frames.sandbox.request_log import RequestLog
    from connecty_frames.sandbox.tokens import Tokens

__all__ = ["Server"]

_Body = TypeVar("_Body", bound=BaseModel)
_LOG: Final = logging.getLogger(__name__)
#: A number of so many digits is more rows than any result has, whatever digits follow.
_MAX_DIGITS: Final = 18
#: Seconds after which a question may be asked again that was one too many.
_RETRY_AFTER: Final = 1


class Server:
    """The API as an ASGI application.

    Parameters
    ----------
    dw_id
        The one workspace there is.
    token_by_post
        Whether the token endpoint takes POST; without, only GET.
    allows
        Tells whether a ``Host`` header names this server.
    """

    def __init__(
        self,
        desk: JobQueue,
        tokens: Tokens,
        request_log: RequestLog,
        misbehaviour: FaultMiddleware,
        *,
        dw_id: int,
        token_by_post: bool,
        allows: Callable[[str], bool],
    ) -> None:
        self._desk = desk
        self._tokens = tokens
        self._request_log = request_log
        self._misbehaviour = misbehaviour
        self._dw_id = dw_id
        self._token_by_post = token_by_post
        app = Starlette(
            routes=[
                self._route(HEALTH, "health", self._health, ["GET"]),
                self._route(TOKEN, "token", self._token, ["GET", "POST"] if token_by_post else ["GET"]),
                self._route(QUESTIONS, "ask", self._ask, ["POST"]),
                self._route(RESULTS, "results", self._results, ["GET"]),
                Route("/openapi.json", self._openapi),
            ],
            exception_handlers={HTTPException: error_response, Exception: error_response},
        )
        # A path with a slash too many is another path, not a reason to send a client elsewhere.
        app.router.redirect_slashes = False
        # Pasted around the whole, so that even the answer to an unforeseen error has its number.
        self.app: ASGIApp = _Middleware(app, request_log, allows)

    def _route(self, path: str, endpoint: Endpoint, handler: Handler, methods: list[str]) -> Route:
        """Give the route to an endpoint, on which a fault may lie in wait."""

        async def answer(request: Request) -> Response:
            question_id: str | None = request.path_params.get("question_id")
            # A web page may send any text, though not as JSON: it does not get to fill the log.
            sent: bytes = request.state.body if is_json(request) else b"{}"
            request.state.question = self._question(sent, question_id)
            return await self._misbehaviour.answer(endpoint, request, handler)

        return Route(path, answer, methods=methods)

    def _question(self, body: bytes, question_id: str | None) -> str | None:
        """Give the words of the question that a request asks, or asks about."""
        if question_id is not None:
            case = self._desk.find(question_id, self._dw_id)
            return None if case is None else case.question
        try:
            return msgspec.json.decode(body, type=_Asked).question
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None

    async def _openapi(self, _request: Request) -> Response:
        """Describe the API."""
        return json_response(served_document(self._dw_id, token_by_post=self._token_by_post))

    async def _health(self, _request: Request) -> Response:
        """Tell that the service is up."""
        return json_response({"status": "OK"})

    async def _token(self, request: Request) -> Response:
        """Exchange credentials for a token."""
        asked = _body(request, TokenRequest)
        if not self._tokens.accepts(asked.client_id, asked.client_secret.get_secret_value()):
            raise HTTPException(401, "The client_id or the client_secret is wrong.")
        token, expires_at = self._tokens.issue()
        self._request_log.tokens += 1
        return json_response({"access_token": token, "expires_at": expires_at})

    async def _ask(self, request: Request) -> Response:
        """Take a question in and give its id."""
        dw_id = self._authorised_workspace(request)
        asked = _body(request, QuestionRequest)
        case = self._desk.submit(asked.question, dw_id)
        if case is None:
            raise HTTPException(
                429,
                "As many questions are unfinished as may be. Ask again when one has come to its end.",
                {"Retry-After": str(_RETRY_AFTER)},
            )
        self._request_log.add_question(AskedQuestion(case.question_id, dw_id, asked.question))
        accepted = QuestionAccepted.model_validate({"question_id": case.question_id})
        return json_response(accepted.model_dump(mode="json"))

    async def _results(self, request: Request) -> Response:
        """Give the state of a question and, once there are any, its results."""
        dw_id = self._authorised_workspace(request)
        include = _include(request)
        max_rows = _max_rows(request)
        question_id: str = request.path_params["question_id"]
        case = self._desk.find(question_id, dw_id)
        if case is None:
            raise HTTPException(
                404, f"The workspace {dw_id} was not asked a question {snippet(question_id)}."
            )
        return json_response(_answer(case, include, max_rows))

    def _authorised_workspace(self, request: Request) -> int:
        """Check the token, then the workspace: who has no token does not learn what there is."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise HTTPException(401, "The header Authorization: Bearer <ACCESS_TOKEN> is missing.")
        fault = self._tokens.fault(token.strip())
        if fault is not None:
            raise HTTPException(401, fault)
        dw_id: str = request.path_params["dw_id"]
        if dw_id != str(self._dw_id):
            raise HTTPException(404, f"There is no workspace {snippet(dw_id)} here.")
        return self._dw_id


class _Asked(msgspec.Struct):
    """The body that asks a question, as far as the request log and the faults care."""

    question: str | None = None


class _Middleware:
    """Numbers each request, reads it whole, turns away what is meant for others, logs all of them."""

    def __init__(self, app: ASGIApp, request_log: RequestLog, allows: Callable[[str], bool]) -> None:
        self._app = app
        self._request_log = request_log
        self._allows = allows

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = secrets.token_hex(8)

        def enter(status: int | None) -> None:
            state = scope["state"]
            self._request_log.add_request(
                SeenRequest(
                    scope["method"], scope["path"], status, request_id, state["question"], state["fault"]
                )
            )

        async def send_numbered(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                enter(message["status"])
            await send(message)

        scope["state"] = {"request_id": request_id, "question": None, "fault": None, "enter": enter}
        try:
            request = Request(scope, receive)
            try:
                await self._admit(request)
            except HTTPException as refusal:
                await (await error_response(request, refusal))(scope, receive, send_numbered)
            else:
                await self._app(scope, receive, send_numbered)
        except ClientDisconnect:
            pass  # in the middle of its own request; nobody is left to be answered
        except Exception:  # noqa: BLE001 - the last place where an error can be caught
            # Starlette answers an unforeseen error by 500 and raises it again, upon which uvicorn would close
            # the connection under the next request.
            _LOG.exception("The sandbox is at fault in request %s", request_id)

    async def _admit(self, request: Request) -> None:
        """Read the body of a request, whatever becomes of it: the rest would hold the connection open."""
        request.state.body = await read_body(request)
        if not self._allows(request.headers.get("host", "")):
            raise HTTPException(421, "The header Host names another server than this one.")


def _answer(case: Job, include: frozenset[str], max_rows: int) -> dict[str, Any]:
    """Give the body of a results response: what was asked for, and what there is of it."""
    if case.state is State.FAILED:
        return {"state": case.state, "error": case.error}
    if case.state is not State.COMPLETED:
        return {"state": case.state}
    results: dict[str, Any] = {}
    if "summary" in include:
        results["response_summary"] = case.summary
    if "sqlquery" in include and case.sql is not None:
        results["sql_query"] = case.sql
    if "dataframe" in include and case.result is not None:
        results["dataframe"] = msgspec.Raw(case.result.dataframe(max_rows))
    if "statistics" in include and case.result is not None:
        results["dataframe_stats"] = msgspec.Raw(case.result.statistics)
    return {"state": case.state, "results": results}


def _body(request: Request, model: type[_Body]) -> _Body:
    """Read a body as what it must be."""
    if request.method == "POST" and not is_json(request):
        raise HTTPException(415, "The header Content-Type: application/json is missing.")
    try:
        return model.model_validate_json(request.state.body)
    except ValidationError as error:
        faults = [
            ".".join(str(part) for part in ("body", *fault["loc"])) + ": " + fault["msg"]
            for fault in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise HTTPException(422, "; ".join(faults)) from None


def _include(request: Request) -> frozenset[str]:
    """Read the query parameter ``include``."""
    given = request.query_params.get("include")
    if given is None:
        return frozenset(DEFAULT_INCLUDE)
    include = frozenset(given.split(","))
    if not include <= set(COMPONENTS):
        raise HTTPException(
            422, f"include={snippet(given)}: expected a comma-separated list of {', '.join(COMPONENTS)}."
        )
    return include


def _max_rows(request: Request) -> int:
    """Read the query parameter ``max_rows``."""
    given = request.query_params.get("max_rows")
    if given is None:
        return DEFAULT_MAX_ROWS
    # int() would take " 5", "+5", "5_000" and digits of other scripts as well.
    if not (given.isascii() and given.isdigit()):
        raise HTTPException(422, f"max_rows={snippet(given)}: expected a whole number that is not negative.")
    return int(given.lstrip("0")[:_MAX_DIGITS] or "0")
