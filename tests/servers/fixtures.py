"""Fixtures: the scripted server, a client of it, a clock that costs no time, and commands that are forked."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from connecty_frames.client import Client
from tests.servers import clients
from tests.servers.forking import Forking
from tests.servers.scripted import ROWS, Script, loopback_tls, serve
from tests.servers.timing import FakeClock


@pytest.fixture
def server() -> Iterator[Script]:
    """Return a server that issues a token and accepts questions."""
    with serve() as script:
        yield script


@pytest.fixture
def secured() -> Iterator[Script]:
    """Return a server over TLS that answers, with the certificate of the tests, which nothing else trusts."""
    with serve(tls=loopback_tls()) as script:
        script.on("results", script.answer(200, ROWS))
        yield script


@pytest.fixture
def client(server: Script) -> Iterator[Client]:
    """Return a client of that server on the real clock, which draws the shortest of every wait."""
    with clients.make(server, 10) as client:
        yield client


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def fake_clock_client(server: Script, clock: FakeClock) -> Iterator[Client]:
    """Return a client of that server on the fake clock, that draws the middle of every wait."""
    with clients.make(server, 60, clock=clock, random=lambda: 0.5) as client:
        yield client


@pytest.fixture(scope="session")
def forking() -> Iterator[Forking]:
    """Return the command line as a program whose processes are forked."""
    with closing(Forking()) as forking:
        yield forking
