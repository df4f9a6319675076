"""A running sandbox for tests that do not change it, and a minimal client for it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from connecty_frames._base.clock import SYSTEM_CLOCK, Clock
from connecty_frames.sandbox import Sandbox
from connecty_frames.sandbox.database import Database
from connecty_frames.sandbox.results import QueryResult


class ShiftedClock(Clock):
    shift = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.shift


@dataclass
class Api:
    """A client of a sandbox that uses nothing of the library."""

    sandbox: Sandbox
    session: requests.Session

    def url(self, path: str) -> str:
        return self.sandbox.connection["base_url"] + path

    def credentials(self) -> dict[str, str]:
        connection = self.sandbox.connection
        return {"client_id": connection["client_id"], "client_secret": connection["client_secret"]}

    def login(self) -> None:
        """Get a token and send it with later requests."""
        token = self.session.post(self.url("/v1/auth/token"), json=self.credentials()).json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.session.get(self.url(path), params=params)

    def ask(self, question: str) -> str:
        reply = self.session.post(self.url("/v1/dw/13/questions"), json={"question": question})
        assert reply.status_code == 200, reply.text
        return reply.json()["question_id"]

    def results(self, question_id: str, **params: Any) -> requests.Response:
        return self.get(f"/v1/dw/13/questions/{question_id}/results", **params)

    def answer(self, question: str, **params: Any) -> requests.Response:
        """Ask a question, wait until it has finished, and fetch its results."""
        question_id = self.ask(question)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            reply = self.results(question_id, **params)
            if reply.json().get("state") not in {"PENDING", "IN_PROGRESS"}:
                return reply
            time.sleep(0.005)
        raise AssertionError(f"{question!r} did not finish")


@pytest.fixture
def shifted_clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def connect() -> Iterator[Callable[[Sandbox], Api]]:
    """Return a function that logs in to a running sandbox."""
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
def shared_api(sandbox: Sandbox) -> Iterator[Api]:
    with requests.Session() as session:
        api = Api(sandbox, session)
        yield api


@pytest.fixture
def api(shared_api: Api) -> Api:
    """Return the shared sandbox, with a valid token."""
    shared_api.login()
    return shared_api


@pytest.fixture(scope="session")
def database() -> Iterator[Database]:
    database = Database(None, time_limit=20, clock=SYSTEM_CLOCK)
    yield database
    database.close()


@pytest.fixture
def run(database: Database) -> Callable[[str], QueryResult]:
    """Return a function that runs a query on the sample workspace."""
    return database.run
