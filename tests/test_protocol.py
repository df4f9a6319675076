"""The API document as code: addresses, paths, parameters, states, and what each body takes and refuses."""

import json
import traceback
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from connecty_frames import protocol
from connecty_frames.protocol import (
    FINAL_STATES,
    NEXT_STATES,
    QuestionAccepted,
    QuestionRequest,
    State,
    TokenRequest,
    TokenResponse,
    read_message,
)
from tests.cases import cases

GOLDEN = Path(__file__).parent / "golden"
BODIES: list[tuple[type[msgspec.Struct], dict[str, Any]]] = [
    (TokenRequest, {"client_id": "a", "client_secret": "b"}),
    (TokenResponse, {"access_token": "a", "expires_at": "2025-11-05T11:54:22.793708+01:00"}),
    (QuestionRequest, {"question": "how many?"}),
    (QuestionAccepted, {"question_id": "729cb7a4-4b06-449e-a3c9-df40f5e570b8"}),
]


def read_golden(name: str, message: type[Any]) -> Any:
    return read_message(json.loads((GOLDEN / name).read_bytes()), message)


# Addresses, paths and parameters


def test_what_the_document_names() -> None:
    """Addresses without a final slash, paths, the components in its order, and the two defaults."""
    assert protocol.REGIONS == {
        "eu1": "https://api.eu1.connecty-ai.com",
        "us1": "https://api.us1.connecty-ai.com",
    }
    assert protocol.HEALTH == "/v1/health"
    assert protocol.TOKEN == "/v1/auth/token"
    assert protocol.QUESTIONS.format(dw_id=13) == "/v1/dw/13/questions"
    assert protocol.RESULTS.format(dw_id=13, question_id="7") == "/v1/dw/13/questions/7/results"
    assert protocol.COMPONENTS == ("dataframe", "statistics", "sqlquery", "summary")
    assert protocol.DEFAULT_INCLUDE == ("dataframe",)
    assert protocol.DEFAULT_MAX_ROWS == 1000


# Bodies


def test_the_token_response_of_the_document() -> None:
    """The token is a secret, which no repr shows; its expiry stays text."""
    response = read_golden("token.json", TokenResponse)
    assert response.access_token.get_secret_value() == "eyJhbGciOiJSUzI1N..."
    assert response.expires_at == "2025-11-05T11:54:22.793708+01:00"
    assert "eyJ" not in repr(response)


def test_the_accepted_question_of_the_document() -> None:
    """Its id is a UUID."""
    accepted = read_golden("question_accepted.json", QuestionAccepted)
    assert accepted.question_id == UUID("729cb7a4-4b06-449e-a3c9-df40f5e570b8")


@cases(("model", "body"), BODIES)
def test_a_body_may_have_other_fields(model: type[Any], body: dict[str, Any]) -> None:
    """A server may send more than the document has."""
    assert read_message({**body, "trace": [1]}, model) == read_message(body, model)


@cases(("model", "body"), BODIES)
def test_a_message_does_not_change(model: type[Any], body: dict[str, Any]) -> None:
    """It is frozen."""
    message = read_message(body, model)
    with pytest.raises(AttributeError, match="immutable"):
        setattr(message, next(iter(body)), "x")


@cases(
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
    ],
)
def test_an_invalid_body_is_refused(model: type[Any], body: dict[str, Any]) -> None:
    """With what was expected, from which the reader of the body makes a ConnectyError."""
    with pytest.raises(ValueError, match=r"Expected|missing required field|Invalid UUID"):
        read_message(body, model)


def test_an_error_does_not_show_its_input() -> None:
    """It may be a secret."""
    with pytest.raises(ValueError, match=r"Expected `str` - at `\$.client_secret`") as raised:
        read_message({"client_id": "a", "client_secret": ["canary-secret"]}, TokenRequest)
    trace = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
    assert "canary-secret" not in "".join(trace.format_exception_only())
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)


# States


def test_the_states_of_the_document() -> None:
    """Spelled as the API spells them. They only advance, a poll may miss some, and two are final."""
    assert [str(state) for state in State] == ["PENDING", "IN_PROGRESS", "COMPLETED", "FAILED"]
    assert State.FAILED == "FAILED"
    assert dict(NEXT_STATES) == {
        State.PENDING: {State.PENDING, State.IN_PROGRESS, State.COMPLETED, State.FAILED},
        State.IN_PROGRESS: {State.IN_PROGRESS, State.COMPLETED, State.FAILED},
        State.COMPLETED: {State.COMPLETED},
        State.FAILED: {State.FAILED},
    }
    assert {State.COMPLETED, State.FAILED} == FINAL_STATES
