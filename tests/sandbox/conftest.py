"""One running sandbox for the tests that only look, and the few words in which they talk to it."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from connecty_frames.clock import SYSTEM_CLOCK, Clock
from connecty_frames.sandbox import Sandbox
from connecty_frames.sandbox.pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from connecty_frames.sandbox.results import QueryResult


class ShiftedClock(Clock):
    """A clock whose wall time can be moved."""

    shift = timedelta(0)

    def now(self) -> datetime:
        """Give the moved time."""
        return super().now() + self.shift


@dataclass
class Api:
    """A sandbox as a client without any library sees it."""

    sandbox: Sandbox
    session: requests.Session

    def url(self, path: str) -> str:
        """Give the address of a path."""
        return self.sandbox.connection["base_url"] + path

    def credentials(self) -> dict[str, str]:
        """Give the body that gets a token."""
        connection = self.sandbox.connection
        return {"client_id": connection["client_id"], "client_secret": connection["client_secret"]}

    def login(self) -> None:
        """Get a token and use it from now on."""
        token = self.session.post(self.url("/v1/auth/token"), json=self.credentials()).json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **params: Any) -> requests.Response:
        """Send a GET."""
        return self.session.get(self.url(path), params=params)

    def ask(self, question: str) -> str:
        """Ask a question and give its id."""
        reply = self.session.post(self.url("/v1/dw/13/questions"), json={"question": question})
        assert reply.status_code == 200, reply.text
        return reply.json()["question_id"]

    def results(self, question_id: str, **params: Any) -> requests.Response:
        """Fetch the results, whatever the state."""
        return self.get(f"/v1/dw/13/questions/{question_id}/results", **params)

    def answer(self, question: str, **params: Any) -> requests.Response:
        """Ask a question and fetch its results once it has come to an end."""
        question_id = self.ask(question)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            reply = self.results(question_id, **params)
            if reply.json().get("state") not in {"PENDING", "IN_PROGRESS"}:
                return reply
            time.sleep(0.005)
        raise AssertionError(f"no end to {question!r}")


@pytest.fixture
def children() -> Callable[[], set[int]]:
    """Give a look at the processes that this one has started and not yet buried."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("processes are looked up in /proc")

    def look() -> set[int]:
        found = set()
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it ended meanwhile
                parent = stat.read_text().rpartition(")")[2].split()[1]
                if int(parent) == os.getpid():
                    found.add(int(stat.parent.name))
        return found

    return look


@pytest.fixture
def shifted_clock() -> ShiftedClock:
    """Give a clock that can be moved."""
    return ShiftedClock()


@pytest.fixture
def connect() -> Iterator[Callable[[Sandbox], Api]]:
    """Log in to a running sandbox."""
    sessions: list[requests.Session] = []

    def to(sandbox: Sandbox) -> Api:
        sessions.append(requests.Session())
        api = Api(sandbox, sessions[-1])
        api.login()
        return api

    yield to
    for session in sessions:
        session.close()


@pytest.fixture(scope="session")
def shared_api() -> Iterator[Api]:
    """Serve one sandbox for all tests."""
    with Sandbox() as sandbox, requests.Session() as session:
        api = Api(sandbox, session)
        yield api


@pytest.fixture
def api(shared_api: Api) -> Api:
    """Give the shared sandbox, with a token that is good."""
    shared_api.login()
    return shared_api


@pytest.fixture(scope="session")
def engine() -> Iterator[WorkerPool]:
    """Give an engine on the sample workspace."""
    engine = WorkerPool(
        None, timezone="Europe/Warsaw", time_limit=20, documented_only=False, clock=SYSTEM_CLOCK
    )
    yield engine
    engine.close()


@pytest.fixture
def run(engine: WorkerPool) -> Callable[[str], QueryResult]:
    """Run a query on the sample workspace."""
    return engine.run
