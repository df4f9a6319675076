"""The Public API as code: addresses, paths, query parameters, bodies and states.

Source: the API document, "API Address" and "Endpoints".
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import msgspec

from connecty_frames._base.text import SecretStr

#: The address of the API by the region of the organisation's registration.
REGIONS: Final[dict[str, str]] = {
    "eu1": "https://api.eu1.connecty-ai.com",
    "us1": "https://api.us1.connecty-ai.com",
}

SANDBOX_CLIENT: Final = "sandbox-"  # begins a sandbox's client ids: its questions are not paid for

HEALTH: Final = "/v1/health"
TOKEN: Final = "/v1/auth/token"  # noqa: S105 - a path, not a secret
QUESTIONS: Final = "/v1/dw/{dw_id}/questions"
RESULTS: Final = "/v1/dw/{dw_id}/questions/{question_id}/results"

#: The values of the query parameter ``include``, in the document's order.
COMPONENTS: Final = ("dataframe", "statistics", "sqlquery", "summary")
DEFAULT_INCLUDE: Final = ("dataframe",)  # the components sent without ``include``
DEFAULT_MAX_ROWS: Final = 1000  # the number of rows sent without ``max_rows``


def folded(name: str) -> str:
    """Return a name without case and underscores, as the names of the API document are compared."""
    return name.replace("_", "").lower()


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a request to the token endpoint."""

    client_id: str
    client_secret: SecretStr


class TokenResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The token, and its expiry as ISO-8601 text, which the client parses leniently."""

    access_token: SecretStr
    expires_at: Any = None


class QuestionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a request that asks a question."""

    question: Annotated[str, msgspec.Meta(min_length=1)]


class QuestionAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The id of a question that was accepted."""

    question_id: UUID


_Message = TypeVar("_Message", bound=msgspec.Struct)


def read_message(value: object, message: type[_Message]) -> _Message:
    """Return parsed JSON as a message; raises ValueError, without the value."""
    # It may have further fields.
    try:
        return msgspec.convert(value, message, dec_hook=_read_secret)
    except msgspec.ValidationError as error:
        reason = str(error)
    raise ValueError(reason)


def _read_secret(type_: type, value: Any) -> SecretStr:
    if type_ is not SecretStr or not isinstance(value, str):
        raise ValueError("Expected `str`")
    return SecretStr(value)


class State(StrEnum):
    """A question's processing state, spelled as the API spells it."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


#: The words for each state, in upper case: the API's, and those of other services. Ambiguous words are left
#: out: for a failure that may pass (TIMEOUT), or rows still growing (PARTIAL).
STATES: Final[dict[str, State]] = {
    **dict.fromkeys(("COMPLETED", "SUCCESS", "SUCCEEDED", "DONE", "FINISHED", "COMPLETE"), State.COMPLETED),
    **dict.fromkeys(("FAILED", "CANCELLED", "CANCELED", "ERROR", "ABORTED", "EXPIRED"), State.FAILED),
    **dict.fromkeys(("IN_PROGRESS", "RUNNING", "PROCESSING", "QUEUED", "SUBMITTED"), State.IN_PROGRESS),
    "PENDING": State.PENDING,
}

#: The possible next states of each state, itself included.
NEXT_STATES: Final[dict[State, frozenset[State]]] = {
    State.PENDING: frozenset(State),
    State.IN_PROGRESS: frozenset({State.IN_PROGRESS, State.COMPLETED, State.FAILED}),
    State.COMPLETED: frozenset({State.COMPLETED}),
    State.FAILED: frozenset({State.FAILED}),
}

FINAL_STATES: Final = frozenset(state for state, followers in NEXT_STATES.items() if followers == {state})
