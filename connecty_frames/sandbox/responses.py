"""JSON responses of the sandbox, with one shape for all errors.

The API document shows no error. This shape is assumed::

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

#: The values of the field ``error``. Python's own names of statuses differ between its versions.
_ERRORS: Final = {
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    421: "misdirected",
    422: "unprocessable",
    429: "too_many_requests",
    500: "internal_error",
    503: "unavailable",
}


def json_response(
    content: dict[str, Any] | msgspec.Struct, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response with a JSON body."""
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")


def status_response(request: Request, status: int, message: str, headers: Mapping[str, str]) -> Response:
    """Return a response with any status, and with an error body where the status allows a body."""
    if status in {204, 205, 304}:  # RFC 9110, 15
        return Response(status_code=status, headers=headers)
    error = _ERRORS.get(status, "error")
    body = {"error": error, "message": message, "request_id": request.state.request_id}
    return json_response(body, status, headers)


async def error_response(request: Request, error: Exception) -> Response:
    """Return the response to an error: its own status for an HTTPException, 500 for any other."""
    if not isinstance(error, HTTPException):
        return status_response(request, 500, "Internal error of the sandbox.", {})
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return status_response(request, error.status_code, error.detail, headers)
