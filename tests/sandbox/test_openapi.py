"""The OpenAPI document agrees with the API document, the sandbox and the client."""

import json
import os
import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests

import connecty_frames as cf
from connecty_frames.sandbox import RequestLog, Sandbox
from connecty_frames.sandbox.server import document
from tests.servers.scripted import QUESTION_ID, Script, serve

ROOT = Path(__file__).parents[2]
EU = "https://api.eu1.connecty-ai.com"
RESULTS = f"/v1/dw/13/questions/{QUESTION_ID}/results"
#: The options of schemathesis: the same cases each time here, others in `make verify WHAT=schemathesis`.
OPTIONS = os.environ.get("SCHEMATHESIS", "--generation-deterministic --max-examples 10").split()


@pytest.fixture(scope="module")
def openapi() -> Any:
    """Return a validator by the document, which must be valid OpenAPI 3.1."""
    return pytest.importorskip("openapi_core").OpenAPI.from_dict(document())


def request_of(method: str, target: str, **parts: Any) -> Any:
    from openapi_core.contrib.requests import RequestsOpenAPIRequest

    return RequestsOpenAPIRequest(requests.Request(method, EU + target, **parts))


def is_valid(openapi: Any, request: Any, reply: requests.Response) -> bool:
    from openapi_core.contrib.requests import RequestsOpenAPIResponse
    from openapi_core.exceptions import OpenAPIError

    try:
        openapi.validate_response(request, RequestsOpenAPIResponse(reply))
    except OpenAPIError:
        return False
    return True


def answered(body: bytes, status: int = 200) -> requests.Response:
    reply = requests.Response()
    reply.status_code, reply.raw = status, BytesIO(body)
    reply.headers["Content-Type"] = "application/json"
    return reply


def test_it_agrees_with_the_api_document() -> None:
    """It has the addresses, endpoints, parameters and states of the API document."""
    described = document()
    operations = {
        f"{method.upper()} {path}"
        for path, item in described["paths"].items()
        for method in item
        if method != "parameters"
    }
    results = described["paths"]["/v1/dw/{dw_id}/questions/{question_id}/results"]["get"]
    include, max_rows = (parameter["schema"] for parameter in results["parameters"])
    schemas = described["components"]["schemas"]

    assert [server["url"] for server in described["servers"]] == [EU, "https://api.us1.connecty-ai.com"]
    assert operations == {
        "GET /v1/health",
        "GET /v1/auth/token",
        "POST /v1/auth/token",
        "POST /v1/dw/{dw_id}/questions",
        "GET /v1/dw/{dw_id}/questions/{question_id}/results",
    }
    assert include["items"]["enum"] == ["dataframe", "statistics", "sqlquery", "summary"]
    assert (include["default"], max_rows["default"]) == (["dataframe"], 1000)
    assert schemas["Unfinished"]["properties"]["state"]["enum"] == ["PENDING", "IN_PROGRESS"]
    assert schemas["Completed"]["properties"]["state"]["const"] == "COMPLETED"
    assert schemas["Failed"]["properties"]["state"]["const"] == "FAILED"
    assert list(schemas["QuestionResults"]["properties"]) == [
        "response_summary",
        "sql_query",
        "dataframe",
        "dataframe_stats",
    ]


def test_the_yaml_is_the_same() -> None:
    """The YAML file in the documentation is made from the document by `make openapi`."""
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load((ROOT / "docs/api/openapi.yaml").read_text(encoding="utf-8")) == document()


@pytest.mark.parametrize(
    "name",
    [
        "dataframe_only",
        "failed",
        "in_progress",
        "login_timestamps",
        "no_components",
        "pending",
        "summary_only",
        "top_countries",
    ],
)
def test_it_allows_the_responses_of_the_api_document(openapi: Any, golden: Path, name: str) -> None:
    """The responses written by hand from the API document are valid."""
    reply = answered((golden / f"{name}.json").read_bytes())
    assert is_valid(openapi, request_of("GET", RESULTS), reply)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {}),
        (200, {"state": "DONE"}),
        (200, {"state": "COMPLETED"}),
        (200, {"state": "PENDING", "results": {}}),
        (200, {"state": "COMPLETED", "results": {"dataframe": []}}),
        (200, {"state": "COMPLETED", "results": {"dataframe": [["a"], 1]}}),
        (200, {"state": "COMPLETED", "results": {"dataframe": [[1], [1]]}}),
        (200, {"state": "COMPLETED", "results": {"dataframe_stats": {"a": {}}}}),
        (404, {"detail": "Not found"}),
        (418, {"error": "teapot", "message": "", "request_id": ""}),
    ],
    ids=str,
)
def test_it_does_not_allow_everything(openapi: Any, status: int, body: Any) -> None:
    """A response of another form or status is invalid."""
    assert not is_valid(openapi, request_of("GET", RESULTS), answered(json.dumps(body).encode(), status))


def test_the_sandbox_serves_it(api: Any) -> None:
    """It is served without a token, with the address, the workspace and the minimum length of a question."""
    api.sandbox.request_log.clear()
    reply = requests.get(api.url("/openapi.json"), timeout=5)

    expected = document()
    expected["servers"] = [{"url": "/", "description": "This sandbox"}]
    expected["components"]["parameters"]["dw_id"]["schema"] = {"type": "integer", "enum": [13]}
    expected["components"]["schemas"]["Question"]["properties"]["question"] = {
        "type": "string",
        "minLength": 1,
    }
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.json() == expected
    assert [seen[:3] for seen in api.sandbox.request_log.requests] == [("GET", "/openapi.json", 200)]


def test_it_is_served_under_the_names_of_the_sandbox_alone(api: Any) -> None:
    """A web page does not get it by DNS rebinding."""
    reply = requests.get(api.url("/openapi.json"), headers={"Host": "evil.example"}, timeout=5)
    assert reply.status_code == 421


@pytest.mark.parametrize(
    "question",
    [
        "show the last 100 logins",
        "what is this workspace about",
        "SELECT 1 WHERE false",
        "SELECT NULL AS a, NULL::VARCHAR AS b, NULL::TIMESTAMP AS c, 'NaN'::DOUBLE AS d, true AS e, [1] AS f",
        "SELECT no_such_column",
    ],
)
def test_the_responses_of_the_sandbox_are_valid(openapi: Any, api: Any, question: str) -> None:
    """Responses with all components are valid, for columns of all types and without values."""
    reply = api.answer(question, include="dataframe,statistics,sqlquery,summary")
    assert is_valid(openapi, request_of("GET", RESULTS), reply)


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/v1/dw/14/questions/x/results", 404),
        ("GET", "/v1/dw/13/questions/x/results?include=x", 422),
        ("POST", "/v1/dw/13/questions", 415),
        ("POST", "/v1/auth/token", 415),
    ],
)
def test_the_errors_of_the_sandbox_are_valid(
    openapi: Any, api: Any, method: str, target: str, status: int
) -> None:
    """Errors have the form that the document describes."""
    reply = api.session.request(method, api.url(target))
    assert reply.status_code == status
    assert is_valid(openapi, request_of(method, target), reply)


@pytest.mark.slow
def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    """Every check of every phase passes, questions are followed to results, each operation succeeds once."""
    pytest.importorskip("schemathesis")
    with Sandbox(token_lifetime=3600) as sandbox:
        url = sandbox.connection["base_url"]
        credentials = {key: sandbox.connection[key] for key in ("client_id", "client_secret")}
        token = requests.post(url + "/v1/auth/token", json=credentials, timeout=5).json()["access_token"]
        described = requests.get(url + "/openapi.json", timeout=5).json()
        described["components"]["requestBodies"]["Credentials"]["content"]["application/json"]["example"] = (
            credentials
        )
        (tmp_path / "openapi.json").write_text(json.dumps(described), encoding="utf-8")
        sandbox.request_log.clear()
        program = [str(Path(sys.executable).with_name("schemathesis")), "--no-color", "run", "openapi.json"]
        run = subprocess.run(
            [*program, "--url", url, "--header", f"Authorization: Bearer {token}", *OPTIONS],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    print(run.stdout, run.stderr)  # noqa: T201 - shown by pytest after a failure
    succeeded = RequestLog([seen for seen in sandbox.request_log.requests if seen.status == 200]).counts()

    assert run.returncode == 0
    assert re.search(r"API Links: +1 covered / 1 selected", run.stdout)
    assert sorted(succeeded) == [
        "GET /v1/auth/token",
        "GET /v1/dw/{dw_id}/questions/{question_id}/results",
        "GET /v1/health",
        "POST /v1/auth/token",
        "POST /v1/dw/{dw_id}/questions",
    ]


def test_the_requests_of_the_client_are_valid(openapi: Any, golden: Path) -> None:
    """All requests of one call are: for a token, for the question, and for its results."""
    from openapi_core.exceptions import OpenAPIError

    finished = json.loads((golden / "login_timestamps.json").read_bytes())
    with serve() as server:
        server.on("results", Script.answer(200, {"state": "PENDING"}), Script.answer(200, finished))
        with cf.Client("id", client_secret="secret", base_url=server.address, dw_id=13) as client:
            client.ask_df("show the last 100 logins", max_rows=3, on_truncation="ignore")
            client.health()

    invalid = []
    for seen in server.requests:
        try:
            openapi.validate_request(
                request_of(seen.method, seen.target, headers=seen.headers, data=seen.body)
            )
        except OpenAPIError as error:
            invalid.append((seen.method, seen.target, repr(error.__cause__ or error)))
    assert invalid == []
    assert [(seen.method, seen.target.partition("?")[0]) for seen in server.requests] == [
        ("POST", "/v1/auth/token"),
        ("POST", "/v1/dw/13/questions"),
        ("GET", RESULTS),
        ("GET", RESULTS),
        ("GET", "/v1/health"),
    ]
