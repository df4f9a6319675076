"""The service that a contract case runs against: golden answers, or a live sandbox."""

import json
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from connecty_frames import Client
from connecty_frames.sandbox import Sandbox

Answer: TypeAlias = tuple[int, dict[str, str], str]

GOLDEN: Final = Path(__file__).parents[1] / "golden"
#: What each question of the cases is answered with by the golden service.
ANSWERS: Final = {
    "list the top 5 countries with the most orders": "top_countries.json",
    "show the last 100 logins": "login_timestamps.json",
    "what is this workspace about": "summary_only.json",
    "which warehouse ships the fastest": "failed.json",
}
#: The API document: the field of the results that each value of ``include`` requests.
FIELDS: Final = {
    "dataframe": "dataframe",
    "statistics": "dataframe_stats",
    "sqlquery": "sql_query",
    "summary": "response_summary",
}


def golden(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


@dataclass
class Service:
    """A server of the API, with requests that need no client."""

    kind: str  # ``golden`` or ``live``
    connection: dict[str, Any]
    mock: responses.RequestsMock | None = None
    http: requests.Session = field(default_factory=requests.Session)
    clients: list[Client] = field(default_factory=list)

    @property
    def last_day(self) -> date:
        """The day of the last logins: in the document the 4th, in the sandbox the day before its today."""
        return date(2025, 11, 4) if self.kind == "golden" else date(2025, 10, 31)

    def calls(self) -> Any:
        """Return the requests that the golden service received."""
        assert self.mock is not None
        return self.mock.calls

    def client(self, **settings: Any) -> Client:
        """Return a client of the service with the shortest possible waits."""
        self.clients.append(Client(**{"random": lambda: 0.0, "timeout": 20, **self.connection, **settings}))
        return self.clients[-1]

    def send(self, method: str, path: str, **request: Any) -> requests.Response:
        return self.http.request(method, self.connection["base_url"] + path, timeout=10, **request)

    def token(self) -> dict[str, str]:
        credentials = {name: self.connection[name] for name in ("client_id", "client_secret")}
        reply = self.send("POST", "/v1/auth/token", json=credentials)
        assert reply.status_code == 200, reply.text
        return {"Authorization": f"Bearer {reply.json()['access_token']}"}

    def ask(self, question: str) -> requests.Response:
        return self.send("POST", "/v1/dw/13/questions", json={"question": question}, headers=self.token())

    def results(self, question_id: str, query: str = "") -> requests.Response:
        """Fetch the results once, with the query as it is sent."""
        return self.send("GET", f"/v1/dw/13/questions/{question_id}/results{query}", headers=self.token())

    def finished(self, question: str) -> str:
        """Ask a question, wait until its state is final, and return its id."""
        question_id: str = self.ask(question).json()["question_id"]
        until = time.monotonic() + 20
        while self.results(question_id).json()["state"] in {"PENDING", "IN_PROGRESS"}:
            assert time.monotonic() < until, f"no end to {question!r}"
            time.sleep(0.01)
        return question_id

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.http.close()


class GoldenServer:
    """A server of golden files: PENDING, then IN_PROGRESS, then the answer to the question."""

    base_url = "https://api.eu1.connecty-ai.com"
    connection: Final = {
        "client_id": "YOUR_CLIENT_ID",
        "client_secret": "YOUR_CLIENT_SECRET",
        "base_url": base_url,
        "dw_id": 13,
    }

    def __init__(self, mock: responses.RequestsMock) -> None:
        self._question_id: str = golden("question_accepted.json")["question_id"]
        self._bearer = f"Bearer {golden('token.json')['access_token']}"
        self._answer = ""
        self._looks: dict[str, int] = defaultdict(int)
        anything = re.compile(re.escape(self.base_url) + "/.*")
        mock.add_callback(responses.GET, anything, callback=self._respond)
        mock.add_callback(responses.POST, anything, callback=self._respond)

    def _respond(self, request: requests.PreparedRequest) -> Answer:
        status, name_or_body = self._find(request, urlsplit(str(request.url)).path)
        body = golden(name_or_body) if isinstance(name_or_body, str) else name_or_body
        return status, {"Content-Type": "application/json"}, json.dumps(body)

    def _find(self, request: requests.PreparedRequest, path: str) -> tuple[int, Any]:
        sent = json.loads(request.body) if request.body else {}
        if path == "/v1/health":
            return 200, {}
        if path == "/v1/auth/token":
            wanted = {name: self.connection[name] for name in ("client_id", "client_secret")}
            return (200, "token.json") if sent == wanted else (401, "error_401.json")
        if request.headers.get("Authorization") != self._bearer:
            return 401, "error_401.json"
        return self._find_in_workspace(request, path, sent)

    def _find_in_workspace(
        self, request: requests.PreparedRequest, path: str, sent: dict[str, str]
    ) -> tuple[int, Any]:
        if path == "/v1/dw/13/questions" and request.method == "POST":
            if list(sent) != ["question"]:
                return 422, "error_422.json"
            self._answer = ANSWERS[sent["question"]]
            return 200, "question_accepted.json"
        if path == f"/v1/dw/13/questions/{self._question_id}/results" and self._answer:
            return self._results(parse_qs(urlsplit(str(request.url)).query))
        return 404, "error_404.json"

    def _results(self, query: dict[str, list[str]]) -> tuple[int, Any]:
        self._looks[self._answer] += 1
        if self._looks[self._answer] <= 2:
            return 200, ("pending.json", "in_progress.json")[self._looks[self._answer] - 1]
        answer = golden(self._answer)
        if "results" in answer:
            include = query.get("include", ["dataframe"])[0].split(",")
            wanted = {FIELDS[component] for component in include}
            whole = answer["results"].items()
            answer["results"] = {name: part for name, part in whole if name in wanted}
            if "dataframe" in answer["results"]:
                shown = int(query.get("max_rows", ["1000"])[0])
                answer["results"]["dataframe"] = answer["results"]["dataframe"][: 1 + shown]
        return 200, answer


@pytest.fixture
def golden_service() -> Iterator[Service]:
    """Return the golden answers, served by a mock."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        served = Service("golden", dict(GoldenServer(mock).connection), mock)
        yield served
        served.close()


@pytest.fixture
def live(sandbox: Sandbox) -> Iterator[Service]:
    """Return the live service, for what the golden answers lack."""
    served = Service("live", dict(sandbox.connection))
    yield served
    served.close()


@pytest.fixture(params=["golden_service", "live"])
def service(request: pytest.FixtureRequest) -> Service:
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["golden", "live"])
def slow_service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """Return each service in turn, slow enough that a question is seen in each state."""
    if request.param == "golden":
        yield request.getfixturevalue("golden_service")
        return
    with Sandbox(latency=0.4, workers=1) as running:
        served = Service("live", dict(running.connection))
        yield served
        served.close()
