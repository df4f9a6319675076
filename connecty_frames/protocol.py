"""Addresses, paths and query parameters of the Public API.

Source: the API document, "API Address" and "Endpoints".
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, SecretStr, StringConstraints

__all__ = [
    "COMPONENTS",
    "DEFAULT_INCLUDE",
    "DEFAULT_MAX_ROWS",
    "FINAL",
    "FOLLOWERS",
    "HEALTH",
    "QUESTIONS",
    "REGIONS",
    "RESULTS",
    "TOKEN",
    "QuestionAccepted",
    "QuestionRequest",
    "QuestionResults",
    "ResultsResponse",
    "State",
    "TokenRequest",
    "TokenResponse",
]

#: Where an organisation's API is, by the region it is registered in.
REGIONS: Final[dict[str, str]] = {
    "eu1": "https://api.eu1.connecty-ai.com",
    "us1": "https://api.us1.connecty-ai.com",
}

HEALTH: Final = "/v1/health"
TOKEN: Final = "/v1/auth/token"  # noqa: S105 - a path, not a secret
QUESTIONS: Final = "/v1/dw/{dw_id}/questions"
RESULTS: Final = "/v1/dw/{dw_id}/questions/{question_id}/results"

#: What the query parameter ``include`` may ask for, in the document's order.
COMPONENTS: Final = ("dataframe", "statistics", "sqlquery", "summary")
#: What is sent when ``include`` is not given.
DEFAULT_INCLUDE: Final = ("dataframe",)
#: How many rows are sent when ``max_rows`` is not given.
DEFAULT_MAX_ROWS: Final = 1000


class _Message(BaseModel):
    """What all bodies share: fixed once made, unknown fields kept, nothing converted in silence."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)


class TokenRequest(_Message):
    """The body of a request to the token endpoint."""

    client_id: str
    client_secret: SecretStr


class TokenResponse(_Message):
    """The token, and when it expires as ISO-8601 text (which the client reads leniently)."""

    access_token: SecretStr
    expires_at: object = None


class QuestionRequest(_Message):
    """The body that asks a question."""

    question: Annotated[str, StringConstraints(strict=True, min_length=1)]


class QuestionAccepted(_Message):
    """The handle of a question that was started."""

    question_id: UUID


class QuestionResults(_Message):
    """The parts of a finished answer; one that was not asked for is absent or null."""

    response_summary: str | None = None
    sql_query: str | None = None
    dataframe: object = None
    dataframe_stats: object = None


class ResultsResponse(_Message):
    """The state of a question and, once it is COMPLETED, its results."""

    state: str
    results: QuestionResults | None = None


class State(StrEnum):
    """A question's processing state, spelled as the API spells it."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


#: The states that may be seen after each state, itself included.
FOLLOWERS: Final[dict[State, frozenset[State]]] = {
    State.PENDING: frozenset(State),
    State.IN_PROGRESS: frozenset({State.IN_PROGRESS, State.COMPLETED, State.FAILED}),
    State.COMPLETED: frozenset({State.COMPLETED}),
    State.FAILED: frozenset({State.FAILED}),
}

#: The states that nothing else follows.
FINAL: Final = frozenset(state for state, followers in FOLLOWERS.items() if followers == {state})
