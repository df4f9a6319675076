"""Clients of scripted servers."""

from typing import Any

from connecty_frames.client import Client
from tests.servers.scripted import Script


def make(at: Script | str, timeout: float = 20.0, **settings: Any) -> Client:
    """Return a client of a server or an address, which draws the shortest of every wait."""
    address = at if isinstance(at, str) else at.address
    named = {"client_id": "canary-client-id", "client_secret": "canary-secret", "dw_id": 13}
    given: dict[str, Any] = {**named, "random": lambda: 0.0, **settings}
    return Client(base_url=address, timeout=timeout, **given)
