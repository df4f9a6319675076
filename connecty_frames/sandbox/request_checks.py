"""Limits on requests: which hosts they may name, what they may contain, and how large they may be.

The sandbox listens on loopback, where every web page that a browser shows can send requests too. Three things
keep those out. The header ``Host`` must name loopback, so that a name which an attacker points at 127.0.0.1
(DNS rebinding) is rejected. A POST must declare a JSON body, which a page may send to another origin only
after a CORS preflight. Preflights are never granted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.requests import Request

#: The largest request body, in bytes. A question is a sentence or a query.
_BODY_LIMIT: Final = 2**20
#: How many bytes of a larger body are read and discarded, so that the client finishes sending and reads the
#: response.
_DRAIN_LIMIT: Final = 2**24
#: What names loopback in a header ``Host``, with any port: a forwarded port differs from that of the server.
_HOST: Final = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)


def is_own_host(header: str) -> bool:
    """Return whether a ``Host`` header names this machine's loopback."""
    return _HOST.fullmatch(header) is not None


def is_json(request: Request) -> bool:
    """Return whether a request declares that its body is JSON."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


async def read_body(request: Request) -> bytes:
    """Return the body of a request; HTTPException 413 if it is too long."""
    body, length = bytearray(), 0
    async for chunk in request.stream():
        length += len(chunk)
        if length <= _BODY_LIMIT:
            body += chunk
        elif length > _DRAIN_LIMIT:
            break
    if length > _BODY_LIMIT:
        # The rest of the body would be taken for the next request.
        raise HTTPException(413, f"The body is longer than {_BODY_LIMIT} bytes.", {"Connection": "close"})
    return bytes(body)
