"""The scripted server, and two clients of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connecty_frames.client import Client
from tests.servers.fixtures import client, clock, server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.scripted import Script
    from tests.servers.timing import FakeClock

__all__ = ["client", "clock", "fake_clock_client", "server"]


@pytest.fixture
def fake_clock_client(server: Script, clock: FakeClock) -> Iterator[Client]:
    """Return a client of that server on the fake clock, that draws the middle of every wait."""
    with Client(
        "id",
        client_secret="s",
        base_url=server.address,
        dw_id=13,
        timeout=60,
        clock=clock,
        random=lambda: 0.5,
    ) as client:
        yield client
