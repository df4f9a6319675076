"""Limits on requests: which hosts they may name, what they may contain, how large and how slow they may be.

The sandbox listens on loopback, where every web page that a browser shows can send requests too. Three things
keep those out. The header ``Host`` must name where the sandbox listens, so that a name which an attacker
points at 127.0.0.1 (DNS rebinding) is rejected. A POST must declare a JSON body, which a page may send to
another origin only after a CORS preflight. Preflights are never granted.

A request must arrive within limits on time and size, and the client must read the response. So no client can
fill the memory or hold connections open forever. The limits for request heads and for reading are enforced by
:mod:`connecty_frames.sandbox.connection_limits`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

#: Seconds within which a request head must arrive, from its first byte or from the connection on.
HEAD_SECONDS: Final = 10.0
#: Seconds within which a request body must arrive, from the end of the head on.
BODY_SECONDS: Final = 30.0
#: Seconds that a client may read nothing while a response is buffered.
READ_SECONDS: Final = 30.0
#: The largest request body, in bytes. A question is a sentence or a query.
BODY_LIMIT: Final = 2**20
#: How many bytes of a larger body are read and discarded, so that the client finishes sending and reads the
#: response.
_DRAIN_LIMIT: Final = 2**24
#: After the response to an incomplete request, the rest of that request would be taken for the next one.
_CLOSE: Final = {"Connection": "close"}
_HOST: Final = re.compile(
    r"(?:\[(?P<literal>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::[0-9]{1,5})?", re.ASCII
)


def allowed_hosts(host: str, address: str) -> Callable[[str], bool]:
    """Return the check of ``Host`` headers for a ``host`` argument and the address listened on."""
    # The port in the header is ignored: a forwarded port differs, and DNS rebinding changes the name alone.
    ip = ipaddress.ip_address(address)
    names = {host.lower(), address}
    if ip.is_loopback or ip.is_unspecified:
        names |= {"localhost", "127.0.0.1", "::1"}
    if ip.is_unspecified:
        names.add(socket.gethostname().lower())

    def is_allowed(header: str) -> bool:
        match = _HOST.fullmatch(header.lower())
        if match is None:
            return False
        name = match["literal"] or match["name"]
        return name in names or (ip.is_unspecified and _is_address(name))

    return is_allowed


def is_json(request: Request) -> bool:
    """Return whether a request declares that its body is JSON."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


async def read_body(request: Request) -> bytes:
    """Return the body of a request; HTTPException 408 if it is too late, 413 if it is too long."""
    body, length = bytearray(), 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                length += len(chunk)
                if length <= BODY_LIMIT:
                    body += chunk
                elif length > _DRAIN_LIMIT:
                    break
    except TimeoutError:
        raise HTTPException(
            408, f"The body did not arrive completely within {BODY_SECONDS:g} seconds.", _CLOSE
        ) from None
    if length > BODY_LIMIT:
        raise HTTPException(413, f"The body is longer than {BODY_LIMIT} bytes.", _CLOSE)
    return bytes(body)


def _is_address(text: str) -> bool:
    """Return whether a text is an IP address. Rebinding needs a name: an address cannot be redirected."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
