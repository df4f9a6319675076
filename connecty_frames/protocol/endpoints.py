"""Addresses, paths and query parameters of the Public API.

Source: the API document, "API Address" and "Endpoints".
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "COMPONENTS",
    "DEFAULT_INCLUDE",
    "DEFAULT_MAX_ROWS",
    "HEALTH",
    "QUESTIONS",
    "REGIONS",
    "RESULTS",
    "TOKEN",
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
