"""The client of the Public API: the only package that opens a connection, by means of ``http``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connecty_frames.client.asynchronous import Call, in_thread
from connecty_frames.client.client import Client
from connecty_frames.client.concurrent import QuestionFuture
from connecty_frames.client.question import Question
from connecty_frames.lazy import lazy_getattr

if TYPE_CHECKING:
    from connecty_frames.client.assumptions import ASSUMPTIONS, UNSHOWN, Finding, judge
    from connecty_frames.client.checks import (
        CONNECTION_CHECKS,
        Check,
        Status,
        check_connection,
        check_token,
    )
    from connecty_frames.client.contact import Contact
    from connecty_frames.client.health import check_health, not_operational
    from connecty_frames.client.masking import anonymized

__all__ = [
    "ASSUMPTIONS",
    "CONNECTION_CHECKS",
    "UNSHOWN",
    "Call",
    "Check",
    "Client",
    "Contact",
    "Finding",
    "Question",
    "QuestionFuture",
    "Status",
    "anonymized",
    "check_connection",
    "check_health",
    "check_token",
    "in_thread",
    "judge",
    "not_operational",
]

_LAZY: Final = {
    "anonymized": "masking",
    **dict.fromkeys(("ASSUMPTIONS", "UNSHOWN", "Finding", "judge"), "assumptions"),
    "Contact": "contact",
    **dict.fromkeys(("CONNECTION_CHECKS", "Check", "Status", "check_connection", "check_token"), "checks"),
    **dict.fromkeys(("check_health", "not_operational"), "health"),
}


__getattr__ = lazy_getattr(__name__, _LAZY)
