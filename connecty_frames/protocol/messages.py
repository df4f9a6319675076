"""One pydantic model for each JSON body of the API.

The models describe; they do not convert. Rows are left as whatever the caller's parser made of them
(``dataframe`` is validated as ``object``), for they are the decoder's and by far the largest part.
Fields the document does not name are kept: a server that says more is not wrong.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, SecretStr, StringConstraints

__all__ = [
    "QuestionAccepted",
    "QuestionRequest",
    "QuestionResults",
    "ResultsResponse",
    "TokenRequest",
    "TokenResponse",
]


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
