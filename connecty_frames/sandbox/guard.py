"""Who may talk to the sandbox, and how much.

It listens on loopback, where every web page that a browser shows can send requests too. Three things keep
those out: the header ``Host`` must name where the sandbox listens, so that a name which an attacker points
at 127.0.0.1 (DNS rebinding) reaches nothing; a body must say that it is JSON, which a page may not send
elsewhere without asking; and the answer to such asking, CORS, is not given.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

__all__ = ["BODY_LIMIT", "allowed_hosts", "is_json", "read_body"]

#: How long a body may be, in bytes: a question is a sentence, or a query.
BODY_LIMIT: Final = 2**20
#: How much of a longer one is read and thrown away, so that its sender is there to hear the answer.
_DRAINED: Final = 2**24
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


async def read_body(request: Request) -> bytes | None:
    """Give the body of a request, None if it is too long."""
    body, length = bytearray(), 0
    async for chunk in request.stream():
        length += len(chunk)
        if length <= BODY_LIMIT:
            body += chunk
        elif length > _DRAINED:
            break
    return bytes(body) if length <= BODY_LIMIT else None


def _is_address(text: str) -> bool:
    """Tell an address from a name: nobody can point an address elsewhere."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
