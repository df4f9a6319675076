"""What both ends say to each other: the API document as code, without I/O."""

from connecty_frames.protocol.endpoints import (
    COMPONENTS,
    DEFAULT_INCLUDE,
    DEFAULT_MAX_ROWS,
    HEALTH,
    QUESTIONS,
    REGIONS,
    RESULTS,
    TOKEN,
)
from connecty_frames.protocol.messages import (
    QuestionAccepted,
    QuestionRequest,
    QuestionResults,
    ResultsResponse,
    TokenRequest,
    TokenResponse,
)
from connecty_frames.protocol.states import FINAL, FOLLOWERS, State

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
