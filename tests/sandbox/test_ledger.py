"""What is written down of what the sandbox was asked."""

from __future__ import annotations

from typing import Any

from connecty_frames.sandbox.ledger import AskedQuestion, Ledger, SeenRequest


def test_requests_are_counted_by_endpoint() -> None:
    """Ids do not make an endpoint another one."""
    ledger = Ledger()
    for path in ("/v1/dw/13/questions/a/results", "/v1/dw/14/questions/b/results", "/v1/health", "/x"):
        ledger.requests.append(SeenRequest("GET", path, 200, "id"))
    ledger.requests.append(SeenRequest("POST", "/v1/dw/13/questions", 200, "id"))

    assert ledger.counts() == {
        "GET /v1/dw/{dw_id}/questions/{question_id}/results": 2,
        "GET /v1/health": 1,
        "GET /x": 1,
        "POST /v1/dw/{dw_id}/questions": 1,
    }


def test_a_ledger_can_be_cleared() -> None:
    """Afterwards it counts from nothing."""
    ledger = Ledger([SeenRequest("GET", "/", 200, "id")], [AskedQuestion("id", 13, "q")], 3)
    ledger.clear()

    assert ledger == Ledger([], [], 0)


def test_a_running_sandbox_writes_everything_down(api: Any) -> None:
    """Tokens, questions and requests are there as soon as they are answered."""
    ledger = api.sandbox.ledger
    ledger.clear()
    api.login()
    question_id = api.ask("SELECT 1")
    refused = api.get("/v1/nowhere")

    assert ledger.tokens == 1
    assert ledger.questions == [AskedQuestion(question_id, 13, "SELECT 1")]
    assert [seen[:3] for seen in ledger.requests] == [
        ("POST", "/v1/auth/token", 200),
        ("POST", "/v1/dw/13/questions", 200),
        ("GET", "/v1/nowhere", 404),
    ]
    assert ledger.requests[2].request_id == refused.headers["X-Request-Id"]
