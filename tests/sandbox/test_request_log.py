"""The log of requests and questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connecty_frames.sandbox.request_log import AskedQuestion, RequestLog, SeenRequest

if TYPE_CHECKING:
    import pytest


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


def test_a_log_can_be_cleared() -> None:
    """Afterwards it is like a new one."""
    log = RequestLog([SeenRequest("GET", "/", 200, "id")], [AskedQuestion("id", 13, "q")], 3)
    log.clear()

    assert log == RequestLog([], [], 0)


def test_submissions_are_counted_by_their_text() -> None:
    """A question that was accepted twice is counted twice."""
    log = RequestLog()
    for question_id, words in (("1", "a"), ("2", "b"), ("3", "a")):
        log.add_question(AskedQuestion(question_id, 13, words))

    assert log.submissions() == {"a": 2, "b": 1}


def test_a_log_is_bounded_by_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest entries are kept, and never fewer than the limit."""
    monkeypatch.setattr("connecty_frames.sandbox.request_log.KEPT", 100)
    log = RequestLog()
    for n in range(1000):
        log.add_question(AskedQuestion(str(n), 13, "q"))
        log.add_request(SeenRequest("GET", f"/{n}", 200, "id"))
        assert min(n + 1, 100) <= len(log.questions) == len(log.requests) <= 110

    assert (log.questions[-1].question_id, log.requests[-1].path) == ("999", "/999")
    assert log.questions[-100].question_id == "900"


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
