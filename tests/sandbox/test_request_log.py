"""The log of requests and questions."""

from typing import Any

import pytest
import requests

from connecty_frames.sandbox.request_log import AskedQuestion, RequestLog, SeenRequest


def test_requests_are_counted_by_endpoint() -> None:
    """Requests that differ in their ids have the same endpoint."""
    log = RequestLog()
    for path in ("/v1/dw/13/questions/a/results", "/v1/dw/14/questions/b/results", "/v1/health", "/x"):
        log.requests.append(SeenRequest("GET", path, 200, "id"))
    log.requests.append(SeenRequest("POST", "/v1/dw/13/questions", 200, "id"))
    assert log.counts() == {
        "GET /v1/dw/{dw_id}/questions/{question_id}/results": 2,
        "GET /v1/health": 1,
        "GET /x": 1,
        "POST /v1/dw/{dw_id}/questions": 1,
    }


def test_submissions_are_counted_by_their_text() -> None:
    """A question that was accepted twice is counted twice."""
    log = RequestLog()
    for question_id, words in (("1", "a"), ("2", "b"), ("3", "a")):
        log.add(AskedQuestion(question_id, 13, words))
    assert log.submissions() == {"a": 2, "b": 1}


def test_a_log_is_bounded_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest entries are kept, up to a limit for each list, also after entries were deleted by hand."""
    monkeypatch.setattr("connecty_frames.sandbox.request_log.KEPT_BYTES", 1_000_000)
    log = RequestLog()
    for n in range(5000):
        log.add(AskedQuestion(str(n), 13, "q" * 10_000))
        log.add(SeenRequest("GET", f"/{n}", 200, "id"))
        if n == 1000:
            log.requests.clear()
        assert min(n + 1, 90) <= len(log.questions) <= 130

    assert (log.questions[-1].question_id, log.requests[-1].path) == ("4999", "/4999")
    assert log.questions[-90].question_id == "4910"
    assert 1_000 < len(log.requests) < 4_000


def test_ordinary_entries_are_many() -> None:
    """A hundred thousand polls are counted exactly."""
    log = RequestLog()
    path = "/v1/dw/13/questions/00000000-0000-4000-8000-000000000000/results"
    for n in range(100_000):
        log.add(SeenRequest("GET", f"{path}?{n:06}", 200, f"{n:016}", "how many orders are there in 2024"))
    assert len(log.requests) == 100_000


def test_a_refused_request_is_logged_by_its_size(api: Any) -> None:
    """The log keeps neither the body of a request without a valid token, nor the end of a long path."""
    log = api.sandbox.request_log
    log.clear()
    body = {"question": "x" * 1_000_000}
    url = api.url("/v1/dw/13/questions")
    for headers in ({}, {"Authorization": "Bearer of another sandbox"}):
        assert requests.post(url, json=body, headers=headers, timeout=5).status_code == 401
    assert api.session.post(api.url("/v1/" + "x" * 5000), json={}).status_code == 404
    assert api.session.post(url, json={"question": "SELECT 1"}).status_code == 200

    assert [(len(seen.path), seen.status, seen.question, seen.size) for seen in log.requests] == [
        (19, 401, None, 1_000_016),
        (19, 401, None, 1_000_016),
        (1000, 404, None, 2),
        (19, 200, "SELECT 1", 24),
    ]


def test_a_running_sandbox_logs_everything(api: Any) -> None:
    """Tokens, questions and requests are logged as soon as they are answered."""
    log = api.sandbox.request_log
    log.clear()
    api.login()
    question_id = api.ask("SELECT 1")
    refused = api.get("/v1/nowhere")

    assert log.tokens == 1
    assert log.questions == [AskedQuestion(question_id, 13, "SELECT 1")]
    assert [seen[:3] for seen in log.requests] == [
        ("POST", "/v1/auth/token", 200),
        ("POST", "/v1/dw/13/questions", 200),
        ("GET", "/v1/nowhere", 404),
    ]
    assert [(seen.question, seen.fault) for seen in log.requests] == [
        (None, None),
        ("SELECT 1", None),
        (None, None),
    ]
    assert log.requests[2].request_id == refused.headers["X-Request-Id"]
