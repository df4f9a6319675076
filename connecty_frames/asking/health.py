"""The health of the backend, which needs no credentials."""

from __future__ import annotations

import random as _random
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal

from connecty_frames._base.clock import SYSTEM_CLOCK, Clock, Deadline
from connecty_frames.errors import ConfigError, ConnectionFailed, ServerError
from connecty_frames.http.models import Failure, Request
from connecty_frames.http.retry import retry
from connecty_frames.http.transport import Transport
from connecty_frames.options import AskOptions
from connecty_frames.protocol import HEALTH
from connecty_frames.settings.sources import resolve

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

#: The default timeout in seconds.
_TIMEOUT: Final = 10.0


def check_health(
    *,
    region: Literal["eu1", "us1"] | None = None,
    base_url: str | None = None,
    timeout: float | None = None,
    verify_tls: bool | None = None,
    ca_bundle: str | os.PathLike[str] | None = None,
    profile: str | None = None,
    clock: Clock = SYSTEM_CLOCK,
    random: Callable[[], float] = _random.random,
) -> bool:
    """Whether the backend is operational; needs no credentials. Parameters are those of ``Client``."""
    settings = resolve(
        region=region, base_url=base_url, verify_tls=verify_tls, ca_bundle=ca_bundle, profile=profile
    )
    transport = Transport.from_settings(settings, clock)
    try:
        return probe_health(transport, timeout=timeout, random=random)
    finally:
        transport.close()


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
