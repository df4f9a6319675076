"""The health of the backend, which needs no credentials."""

from __future__ import annotations

import random
from contextlib import closing
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from connecty_frames._base.clock import SYSTEM_CLOCK, Deadline
from connecty_frames.errors import ConfigError, ConnectionFailed, ServerError
from connecty_frames.http.models import Failure, Request
from connecty_frames.http.retry import retry
from connecty_frames.http.transport import Transport
from connecty_frames.options import AskOptions
from connecty_frames.protocol import HEALTH
from connecty_frames.settings.sources import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

#: The default timeout in seconds.
_TIMEOUT: Final = 10.0


def check_health(*, timeout: float | None = None, **settings: Any) -> bool:
    """Whether the backend is operational; needs no credentials. ``settings`` are those of ``Client``."""
    with closing(Transport.from_settings(resolve(**settings), SYSTEM_CLOCK)) as transport:
        return probe_health(transport, timeout=timeout, random=random.random)


def probe_health(transport: Transport, *, timeout: float | None, random: Callable[[], float]) -> bool:
    """Whether the backend answers with status 200; raises ConfigError or ConnectionFailed."""
    status = retry(
        partial(transport.send, Request("GET", HEALTH), read=lambda response: response.status),
        policy={},  # a failure is the outcome of the probe
        deadline=Deadline.after(AskOptions(timeout=timeout).timeout or _TIMEOUT, transport.clock),
        random=random,
        budget=transport.budget,
    )
    if isinstance(status, Failure):
        if isinstance(status.error, ConfigError | ConnectionFailed):
            status.raise_()
        return False
    return status == HTTPStatus.OK


def not_operational(address: str) -> ServerError:
    """Return the error about a service whose answer to the check of its health is not 200."""
    return ServerError(f"{address} is not operational: it does not answer 200 OK. Try again later.")
