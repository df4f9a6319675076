"""The bodies of the API: what each model takes and refuses, against the golden answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, ValidationError

from connecty_frames.protocol import (
    QuestionAccepted,
    QuestionRequest,
    QuestionResults,
    ResultsResponse,
    TokenRequest,
    TokenResponse,
)

GOLDEN = Path(__file__).parent / "golden"
BODIES: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (TokenRequest, {"client_id": "a", "client_secret": "b"}),
    (TokenResponse, {"access_token": "a", "expires_at": "2025-11-05T11:54:22.793708+01:00"}),
    (QuestionRequest, {"question": "how many?"}),
    (QuestionAccepted, {"question_id": "729cb7a4-4b06-449e-a3c9-df40f5e570b8"}),
    (QuestionResults, {"sql_query": "SELECT 1"}),
    (ResultsResponse, {"state": "PENDING"}),
]


def test_the_token_response_of_the_document() -> None:
    """The token is a secret, which no repr shows; the moment stays text."""
    response = TokenResponse.model_validate_json((GOLDEN / "token.json").read_bytes())

    assert response.access_token.get_secret_value() == "eyJhbGciOiJSUzI1N..."
    assert response.expires_at == "2025-11-05T11:54:22.793708+01:00"
    assert "eyJ" not in repr(response)
    assert "eyJ" not in response.model_dump_json()


def test_the_accepted_question_of_the_document() -> None:
    """Its id is a UUID."""
    accepted = QuestionAccepted.model_validate_json((GOLDEN / "question_accepted.json").read_bytes())

    assert accepted.question_id == UUID("729cb7a4-4b06-449e-a3c9-df40f5e570b8")


@pytest.mark.parametrize(
    ("name", "state"), [("pending", "PENDING"), ("in_progress", "IN_PROGRESS"), ("failed", "FAILED")]
)
def test_a_question_that_is_not_completed_has_a_state_alone(name: str, state: str) -> None:
    """No results, and nothing beside the state."""
    response = ResultsResponse.model_validate_json((GOLDEN / f"{name}.json").read_bytes())

    assert (response.state, response.results, response.model_extra) == (state, None, {})


def test_the_completed_example_of_the_document() -> None:
    """Everything but the summary, which was not asked for; rows and statistics as they were parsed."""
    response = ResultsResponse.model_validate_json((GOLDEN / "login_timestamps.json").read_bytes())

    assert response.state == "COMPLETED"
    assert response.results is not None
    assert response.results.response_summary is None
    assert response.results.sql_query is not None
    assert response.results.sql_query.startswith("WITH ranked_logins AS (\n    SELECT \n")
    assert response.results.dataframe == [
        ["login_timestamp", "user_email"],
        ["2025-11-04T13:05:01.146+01:00", "damian@connectyai.com"],
        ["2025-11-04T11:48:15.46+01:00", "damian@connectyai.com"],
        ["2025-11-04T10:49:22.91+01:00", "damian@connectyai.com"],
    ]


@pytest.mark.parametrize("part", ["response_summary", "sql_query", "dataframe", "dataframe_stats"])
def test_a_part_may_be_absent_or_null(part: str) -> None:
    """The document leaves open which, so that both mean the same."""
    absent = QuestionResults.model_validate_json(b"{}")
    null = QuestionResults.model_validate_json(json.dumps({part: None}))

    assert getattr(absent, part) is None
    assert getattr(null, part) is None


@pytest.mark.parametrize(("model", "body"), BODIES)
def test_what_the_document_does_not_name_is_kept(model: type[BaseModel], body: dict[str, Any]) -> None:
    """A server that says more is not wrong."""
    assert model.model_validate({**body, "trace": [1]}).model_extra == {"trace": [1]}


@pytest.mark.parametrize(("model", "body"), BODIES)
def test_a_message_does_not_change(model: type[BaseModel], body: dict[str, Any]) -> None:
    """It is frozen once it is made."""
    message = model.model_validate(body)

    with pytest.raises(ValidationError, match="frozen"):
        setattr(message, next(iter(body)), "x")


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (TokenRequest, {"client_id": "a"}),
        (TokenRequest, {"client_id": 1, "client_secret": "b"}),
        (TokenResponse, {}),
        (TokenResponse, {"access_token": None}),
        (QuestionRequest, {}),
        (QuestionRequest, {"question": ""}),
        (QuestionRequest, {"question": 5}),
        (QuestionRequest, {"question": b"bytes"}),
        (QuestionAccepted, {}),
        (QuestionAccepted, {"question_id": "not a uuid"}),
        (QuestionAccepted, {"question_id": None}),
        (ResultsResponse, {}),
        (ResultsResponse, {"state": 1}),
        (ResultsResponse, {"state": "COMPLETED", "results": []}),
        (QuestionResults, {"sql_query": 5}),
        (QuestionResults, {"response_summary": ["a"]}),
    ],
)
def test_what_is_no_such_body_is_refused(model: type[BaseModel], body: dict[str, Any]) -> None:
    """With a ValidationError, which whoever reads the body makes an error of ours."""
    with pytest.raises(ValidationError):
        model.model_validate(body)


def test_what_is_wrong_is_not_repeated() -> None:
    """The input may be a secret, so the error does not show it."""
    with pytest.raises(ValidationError) as raised:
        TokenRequest.model_validate({"client_id": "a", "client_secret": ["canary-secret"]})

    assert "canary-secret" not in str(raised.value)
