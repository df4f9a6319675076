"""The API document as code: addresses, paths, parameters, states, and what each body takes and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, ValidationError

from connecty_frames import protocol
from connecty_frames.protocol import (
    FINAL_STATES,
    NEXT_STATES,
    QuestionAccepted,
    QuestionRequest,
    QuestionResults,
    ResultsResponse,
    State,
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


# Addresses, paths and parameters


def test_addresses() -> None:
    """One for each region, without the final slash, so that no path begins with two slashes."""
    assert protocol.REGIONS == {
        "eu1": "https://api.eu1.connecty-ai.com",
        "us1": "https://api.us1.connecty-ai.com",
    }


def test_paths() -> None:
    """The four endpoints."""
    assert protocol.HEALTH == "/v1/health"
    assert protocol.TOKEN == "/v1/auth/token"
    assert protocol.QUESTIONS.format(dw_id=13) == "/v1/dw/13/questions"
    assert (
        protocol.RESULTS.format(dw_id=13, question_id="729cb7a4-4b06-449e-a3c9-df40f5e570b8")
        == "/v1/dw/13/questions/729cb7a4-4b06-449e-a3c9-df40f5e570b8/results"
    )


def test_parameters() -> None:
    """The four components in the document's order, and the two defaults."""
    assert protocol.COMPONENTS == ("dataframe", "statistics", "sqlquery", "summary")
    assert protocol.DEFAULT_INCLUDE == ("dataframe",)
    assert protocol.DEFAULT_MAX_ROWS == 1000


# Bodies


def test_the_token_response_of_the_document() -> None:
    """The token is a secret, which no repr shows; its expiry stays text."""
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
    """No results, and no other field."""
    response = ResultsResponse.model_validate_json((GOLDEN / f"{name}.json").read_bytes())

    assert (response.state, response.results, response.model_extra) == (state, None, {})


def test_the_completed_example_of_the_document() -> None:
    """Everything but the summary, which was not requested; rows and statistics as parsed."""
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
    """The document leaves open which, so both mean the same."""
    absent = QuestionResults.model_validate_json(b"{}")
    null = QuestionResults.model_validate_json(json.dumps({part: None}))

    assert getattr(absent, part) is None
    assert getattr(null, part) is None


@pytest.mark.parametrize(("model", "body"), BODIES)
def test_unknown_fields_are_kept(model: type[BaseModel], body: dict[str, Any]) -> None:
    """A server may send more than the document has."""
    assert model.model_validate({**body, "trace": [1]}).model_extra == {"trace": [1]}


@pytest.mark.parametrize(("model", "body"), BODIES)
def test_a_message_does_not_change(model: type[BaseModel], body: dict[str, Any]) -> None:
    """It is frozen."""
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
def test_an_invalid_body_is_refused(model: type[BaseModel], body: dict[str, Any]) -> None:
    """With a ValidationError, which the reader of the body maps to a ConnectyError."""
    with pytest.raises(ValidationError):
        model.model_validate(body)


def test_an_error_does_not_show_its_input() -> None:
    """It may be a secret."""
    with pytest.raises(ValidationError) as raised:
        TokenRequest.model_validate({"client_id": "a", "client_secret": ["canary-secret"]})

    assert "canary-secret" not in str(raised.value)


# States


def test_the_four_states_of_the_document() -> None:
    """Spelled as the API spells them, and equal to their spelling."""
    assert [str(state) for state in State] == ["PENDING", "IN_PROGRESS", "COMPLETED", "FAILED"]
    assert State.FAILED == "FAILED"


def test_the_states_after_each_state() -> None:
    """States only advance, and a poll may miss those in between."""
    assert dict(NEXT_STATES) == {
        State.PENDING: {State.PENDING, State.IN_PROGRESS, State.COMPLETED, State.FAILED},
        State.IN_PROGRESS: {State.IN_PROGRESS, State.COMPLETED, State.FAILED},
        State.COMPLETED: {State.COMPLETED},
        State.FAILED: {State.FAILED},
    }


def test_the_final_states() -> None:
    """A question ends COMPLETED or FAILED."""
    assert {State.COMPLETED, State.FAILED} == FINAL_STATES
