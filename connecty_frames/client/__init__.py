"""The client of the Public API: the only package that opens a connection, by means of ``http``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connecty_frames.client.asynchronous import Call, in_thread
from connecty_frames.client.client import Client
from connecty_frames.client.concurrent import QuestionFuture
from connecty_frames.client.question import Question
from connecty_frames.lazy import lazy_getattr

if TYPE_CHECKING:
    from connecty_frames.client.checks import (
        CONNECTION_CHECKS,
        Check,
        Status,
        check_connection,
        check_token,
    )
    from connecty_frames.client.health import check_health, not_operational

__all__ = [
    "CONNECTION_CHECKS",
    "Call",
    "Check",
    "Client",
    "Question",
    "QuestionFuture",
    "Status",
    "check_connection",
    "check_health",
    "check_token",
    "in_thread",
    "not_operational",
]

_LAZY: Final = {
    **dict.fromkeys(("CONNECTION_CHECKS", "Check", "Status", "check_connection", "check_token"), "checks"),
    **dict.fromkeys(("check_health", "not_operational"), "health"),
}


__getattr__ = lazy_getattr(__name__, _LAZY)
