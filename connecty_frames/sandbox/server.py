"""The API over HTTP: four endpoints, in front of a desk.

What the API document leaves unsaid is our own guess:

- Errors have one shape, whatever the endpoint and status::

      {"error": "not_found", "message": "There is no workspace 14 here.", "request_id": "3f0c..."}

- Every response names its request in the header ``X-Request-Id``.
- A FAILED question carries the reason in a field ``error`` beside its state.
- The token endpoint is headed GET in the document and shown with POST: it takes both.
"""

from __future__ import annotations

import logging
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
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
from connecty_frames.sandbox.ledger import AskedQuestion, SeenRequest

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from connecty_frames.sandbox.desk import Case, Desk
    from connecty_frames.sandbox.ledger import Ledger
    from connecty_frames.sandbox.tokens import Tokens

__all__ = ["Server"]

_Body = TypeVar("_Body", bound=BaseModel)
_LOG: Final = logging.getLogger(__name__)
_JSON: Final = "application/json"
#: What the field ``error`` says. Python's own names of the statuses change with its version.
_ERRORS: Final = {
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    422: "unprocessable",
    500: "internal_error",
}
#: More rows than any result has; int() would take its time over more digits than these.
_MAX_DIGITS: Final = 18


class Server:
    """The API as an ASGI application.

    Parameters
    ----------
    dw_id
        The one workspace there is.
    token_by_post
        Whether the token endpoint takes POST; without, only GET.
    """

    def __init__(
        self, desk: Desk, tokens: Tokens, ledger: Ledger, *, dw_id: int, token_by_post: bool
    ) -> None:
        self._desk = desk
        self._tokens = tokens
        self._ledger = ledger
        self._dw_id = dw_id
        app = Starlette(
            routes=[
                Route(HEALTH, self._health, methods=["GET"]),
                Route(TOKEN, self._token, methods=["GET", "POST"] if token_by_post else ["GET"]),
                Route(QUESTIONS, self._ask, methods=["POST"]),
                Route(RESULTS, self._results, methods=["GET"]),
            ],
            exception_handlers={HTTPException: _error, Exception: _error},
        )
        # A path with a slash too many is another path, not a reason to send a client elsewhere.
        app.router.redirect_slashes = False
        # Pasted around the whole, so that even the answer to an unforeseen error has its number.
        self.app: ASGIApp = _Numbered(app, ledger)

    async def _health(self, _request: Request) -> Response:
        """Tell that the service is up."""
        return Response(b'{"status":"OK"}', media_type=_JSON)

    async def _token(self, request: Request) -> Response:
        """Exchange credentials for a token."""
        asked = await _body(request, TokenRequest)
        if not self._tokens.accepts(asked.client_id, asked.client_secret.get_secret_value()):
            raise HTTPException(401, "The client_id or the client_secret is wrong.")
        token, expires_at = self._tokens.issue()
        self._ledger.tokens += 1
        return _json({"access_token": token, "expires_at": expires_at})

    async def _ask(self, request: Request) -> Response:
        """Take a question in and give its id."""
        dw_id = self._authorised_workspace(request)
        asked = await _body(request, QuestionRequest)
        case = self._desk.submit(asked.question, dw_id)
        self._ledger.questions.append(AskedQuestion(case.question_id, dw_id, asked.question))
        accepted = QuestionAccepted.model_validate({"question_id": case.question_id})
        return Response(accepted.model_dump_json(), media_type=_JSON)

    async def _results(self, request: Request) -> Response:
        """Give the state of a question and, once there are any, its results."""
        dw_id = self._authorised_workspace(request)
        include = _include(request)
        max_rows = _max_rows(request)
        question_id: str = request.path_params["question_id"]
        case = self._desk.find(question_id, dw_id)
        if case is None:
            raise HTTPException(404, f"The workspace {dw_id} was not asked a question {question_id}.")
        return _json(_answer(case, include, max_rows))

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
            raise HTTPException(404, f"There is no workspace {dw_id} here.")
        return self._dw_id


class _Numbered:
    """Gives each request an id, names it in the response, and enters it in the ledger."""

    def __init__(self, app: ASGIApp, ledger: Ledger) -> None:
        self._app = app
        self._ledger = ledger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = secrets.token_hex(8)
        scope["state"] = {"request_id": request_id}

        async def send_numbered(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                seen = SeenRequest(scope["method"], scope["path"], message["status"], request_id)
                self._ledger.requests.append(seen)
            await send(message)

        try:
            await self._app(scope, receive, send_numbered)
        except Exception:  # noqa: BLE001 - the last place where an error can be caught
            # Starlette answers an unforeseen error by 500 and raises it again, upon which uvicorn would close
            # the connection under the next request.
            _LOG.exception("The sandbox is at fault in request %s", request_id)


def _answer(case: Case, include: frozenset[str], max_rows: int) -> dict[str, Any]:
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


async def _body(request: Request, model: type[_Body]) -> _Body:
    """Read a body as what it must be."""
    try:
        return model.model_validate_json(await request.body())
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
            422, f"include={given}: expected a comma-separated list of {', '.join(COMPONENTS)}."
        )
    return include


def _max_rows(request: Request) -> int:
    """Read the query parameter ``max_rows``."""
    given = request.query_params.get("max_rows")
    if given is None:
        return DEFAULT_MAX_ROWS
    # int() would take " 5", "+5", "5_000" and digits of other scripts as well.
    if not (given.isascii() and given.isdigit() and len(given) <= _MAX_DIGITS):
        raise HTTPException(422, f"max_rows={given}: expected a whole number that is not negative.")
    return int(given)


def _json(content: dict[str, Any]) -> Response:
    """Give a response with a JSON body."""
    return Response(msgspec.json.encode(content), media_type=_JSON)


async def _error(request: Request, error: Exception) -> Response:
    """Give the response to an error, always in the one shape."""
    status, message, headers = 500, "The sandbox is at fault.", {}
    if isinstance(error, HTTPException):
        status, message, headers = error.status_code, error.detail, dict(error.headers or {})
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    body = {
        "error": _ERRORS.get(status, "error"),
        "message": message,
        "request_id": request.scope["state"]["request_id"],
    }
    return Response(msgspec.json.encode(body), status, headers, media_type=_JSON)
