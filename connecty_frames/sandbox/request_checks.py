"""Who may talk to the sandbox, how much, and how slowly.

It listens on loopback, where every web page that a browser shows can send requests too. Three things keep
those out: the header ``Host`` must name where the sandbox listens, so that a name which an attacker points
at 127.0.0.1 (DNS rebinding) reaches nothing; a body must say that it is JSON, which a page may not send
elsewhere without asking; and the answer to such asking, CORS, is not given.

A request has to arrive whole within limits on its time and size, so that nobody fills the memory or holds
connections open forever, and its answer must be read. :mod:`connecty_frames.sandbox.connection_limits` keeps
the time for heads and for reading.
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

__all__ = [
    "BODY_LIMIT",
    "BODY_SECONDS",
    "HEAD_SECONDS",
    "READ_SECONDS",
    "allowed_hosts",
    "is_json",
    "read_body",
]

#: How many seconds the head of a request may take to arrive, from its first byte or from the connection on.
HEAD_SECONDS: Final = 10.0
#: How many seconds its body may take, from the end of the head on.
BODY_SECONDS: Final = 30.0
#: How many seconds a client may read nothing while there is something to be read.
READ_SECONDS: Final = 30.0
#: How long a body may be, in bytes: a question is a sentence, or a query.
BODY_LIMIT: Final = 2**20
#: How much of a longer one is read and thrown away, so that its sender is there to hear the answer.
_DRAINED: Final = 2**24
#: What follows an answer to half a request is the rest of it, and no other request.
_CLOSE: Final = {"Connection": "close"}
_HOST: Final = re.compile(
    r"(?:\[(?P<literal>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::[0-9]{1,5})?", re.ASCII
)


def allowed_hosts(host: str, address: str) -> Callable[[str], bool]:
    """Give the test that a ``Host`` header has to pass.

    Its port is not looked at: a forwarded one is another, and rebinding changes the name.

    Parameters
    ----------
    host
        Where the sandbox was told to listen.
    address
        The IP address that it listens on for that.
    """
    ip = ipaddress.ip_address(address)
    names = {host.lower(), address}
    if ip.is_loopback or ip.is_unspecified:
        names |= {"localhost", "127.0.0.1", "::1"}
    if ip.is_unspecified:
        names.add(socket.gethostname().lower())

    def allows(header: str) -> bool:
        found = _HOST.fullmatch(header.lower())
        if found is None:
            return False
        named = found["literal"] or found["name"]
        return named in names or (ip.is_unspecified and _is_address(named))

    return allows


def is_json(request: Request) -> bool:
    """Tell whether a request says that its body is JSON."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


async def read_body(request: Request) -> bytes:
    """Return the body of a request.

    Raises
    ------
    HTTPException
        408 if it does not arrive in time, 413 if it is too long.
    """
    body, length = bytearray(), 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                length += len(chunk)
                if length <= BODY_LIMIT:
                    body += chunk
                elif length > _DRAINED:
                    break
    except TimeoutError:
        raise HTTPException(
            408, f"The body did not arrive whole within {BODY_SECONDS:g} seconds.", _CLOSE
        ) from None
    if length > BODY_LIMIT:
        raise HTTPException(413, f"The body is longer than {BODY_LIMIT} bytes.", _CLOSE)
    return bytes(body)


def _is_address(text: str) -> bool:
    """Tell an address from a name: nobody can point an address elsewhere."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
