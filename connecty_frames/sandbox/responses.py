"""The bodies of the sandbox: JSON, and one shape for every error.

The API document shows no error. This is our guess::

    {"error": "not_found", "message": "There is no workspace 14 here.", "request_id": "3f0c..."}
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

__all__ = ["error_response", "json_response", "status_response"]

_JSON: Final = "application/json"
#: What the field ``error`` says. Python's own names of the statuses change with its version.
_ERRORS: Final = {
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "too_large",
    415: "unsupported_media_type",
    421: "misdirected",
    422: "unprocessable",
    429: "too_many_requests",
    500: "internal_error",
    503: "unavailable",
}
#: Statuses that have no body (RFC 9110, 15).
_BODILESS: Final = frozenset({204, 205, 304})


def json_response(content: dict[str, Any]) -> Response:
    """Give a response with a JSON body."""
    return Response(msgspec.json.encode(content), media_type=_JSON)


def status_response(request: Request, status: int, message: str, headers: Mapping[str, str]) -> Response:
    """Give the response that a status has, with a body in the one shape where it may have any."""
    if status in _BODILESS:
        return Response(status_code=status, headers=headers)
    body = {
        "error": _ERRORS.get(status, "error"),
        "message": message,
        "request_id": request.state.request_id,
    }
    return Response(msgspec.json.encode(body), status, headers, media_type=_JSON)


async def error_response(request: Request, error: Exception) -> Response:
    """Give the response to an error."""
    status, message, headers = 500, "The sandbox is at fault.", {}
    if isinstance(error, HTTPException):
        status, message, headers = error.status_code, error.detail, dict(error.headers or {})
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return status_response(request, status, message, headers)
