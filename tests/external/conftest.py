"""nginx, haproxy and squid between a client and a sandbox or a scripted server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final, TypeAlias

import pytest

import connecty_frames as cf
from tests.servers import programs
from tests.servers.programs import Program

Run: TypeAlias = Callable[..., Program]
Make: TypeAlias = Callable[..., cf.Client]

#: The discard port, where nothing listens.
DEAD: Final = "127.0.0.1:9"


@pytest.fixture
def run() -> Iterator[Run]:
    """Start programs that end with the test: ``run("nginx", config, api=port)``."""
    with ExitStack() as stack:
        folder = stack.enter_context(programs.program_folder())

        def start(name: str, config: str, **values: object) -> Program:
            return stack.enter_context(programs.prepare(name, folder, config, **values))

        yield start


@pytest.fixture
def make() -> Iterator[Make]:
    """Make clients that are closed with the test, and draw the shortest of every wait."""
    with ExitStack() as stack:

        def client(**settings: Any) -> cf.Client:
            given = {
                "client_id": "id",
                "client_secret": "canary-secret",
                "dw_id": 13,
                "timeout": 5,
                "random": lambda: 0.0,
            }
            return stack.enter_context(cf.Client(**given | settings))

        yield client
