"""The client of the Public API: the only package that opens a connection, by means of ``http``."""

from connecty_frames.client.asynchronous import Call, in_thread
from connecty_frames.client.checks import (
    CONNECTION_CHECKS,
    Check,
    Status,
    check_connection,
    check_token,
)
from connecty_frames.client.client import Client
from connecty_frames.client.concurrent import QuestionFuture
from connecty_frames.client.health import check_health, not_operational
from connecty_frames.client.question import Question

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
