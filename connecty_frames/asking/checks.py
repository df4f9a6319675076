"""Checks of the health, the connection and the credentials, for ``Client.health`` and the command line.

They call the endpoints for health and tokens alone: nothing is asked, so nothing costs. One request shows all
steps of the connection, since an attempt records how far it got; the errors of every call say what is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal

import requests

from connecty_frames._base.clock import SYSTEM_CLOCK, Clock, Deadline
from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import counted, path_text, terminal
from connecty_frames.asking.auth import Auth, content_failure
from connecty_frames.errors import ConfigError, ConnectionFailed, ConnectyError, ServerError
from connecty_frames.http.errors import host_port
from connecty_frames.http.models import Attempt, Failure, Request, RequestFailed, Response
from connecty_frames.http.transport import VERSION_TWICE, Transport, http_date
from connecty_frames.options import AskOptions
from connecty_frames.protocol import HEALTH

if TYPE_CHECKING:
    from connecty_frames.settings.values import Settings

#: The names of the checks of :func:`check_connection`, in their order.
CONNECTION_CHECKS: Final = ("address", "connection", "proxy", "certificate", "service", "clock", "token")
#: The failed check of an attempt, by its last phase.
_FAILED_CHECK: Final = {
    None: "address",
    "resolve": "address",
    "connect": "connection",
    "proxy": "proxy",
    "tls": "certificate",
    "sent": "service",
}
_TIMEOUT: Final = 10.0  # the most seconds of one call
_CLOCK_TOLERANCE: Final = 60  # the allowed difference between two clocks, in seconds
_SHORT_LIFETIME: Final = 60.0  # the shortest usual lifetime of a token, in seconds


class Check(Immutable):
    """One check."""

    name: str  # the thing checked, in one word
    status: Literal["ok", "warning", "failed", "skipped"]
    text: str = ""  # the finding, without secrets
    error: ConnectyError | None = None  # the problem and the remedy, after a failure

    @classmethod
    def failed(cls, name: str, error: ConnectyError, *, found: str = "") -> Check:
        """Return a failed check."""
        return cls(name, "failed", found, error)

    @classmethod
    def skipped(cls, name: str, reason: str) -> Check:
        """Return a skipped check."""
        return cls(name, "skipped", reason)


def probe_health(transport: Transport, *, timeout: float | None) -> bool:
    """Return True if the backend answers with status 200; raises ConfigError or ConnectionFailed."""
    status = transport.retry(
        partial(transport.send, Request("GET", HEALTH), read=lambda response: response.status),
        policy={},  # a failure is the outcome of the probe
        deadline=Deadline.after(AskOptions(timeout=timeout).timeout or _TIMEOUT, transport.clock),
    )
    if isinstance(status, Failure):
        if isinstance(status.error, ConfigError | ConnectionFailed):
            status.raise_()
        return False
    return status == HTTPStatus.OK


def check_connection(settings: Settings, *, clock: Clock = SYSTEM_CLOCK) -> Iterator[Check]:
    """Check each step from here to a token, in the order of :data:`CONNECTION_CHECKS`."""
    # Each of the two calls ends after ten seconds, or the settings' timeout if shorter.
    try:
        transport = Transport(settings, clock)
    except ConfigError as error:  # the host has no valid name, or ca_bundle no certificates
        wrong = "address" if error.setting == "base_url" else "certificate"
        for name in CONNECTION_CHECKS:
            failed = name == wrong
            yield Check.failed(name, error) if failed else Check.skipped(name, f"{error.setting} is wrong")
        return
    with closing(transport):
        probe = _Probe(transport, settings)
        yield from probe.checks()
        yield probe.clock()
        if not probe.connected:
            yield Check.skipped("token", "there is no connection")
        elif settings.client_id is None or settings.client_secret is None:
            yield Check.skipped("token", "there are no credentials")
        else:
            yield _token(transport, settings)


def check_token(settings: Settings, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """Request a token, for at most ten seconds; raises a ConnectyError if there is none."""
    with closing(Transport(settings, clock)) as transport:
        _request_token(transport, settings)


def _request_token(transport: Transport, settings: Settings) -> float:
    """Return the lifetime of a new token, in seconds."""
    client_id, client_secret = settings.credentials()
    bearer = Auth(client_id, client_secret, transport=transport).bearer(_deadline(transport, settings))
    if isinstance(bearer, Failure):
        bearer.raise_()
    return bearer.expires - transport.clock.monotonic()


def _token(transport: Transport, settings: Settings) -> Check:
    try:
        seconds = _request_token(transport, settings)
    except ConnectyError as error:
        return Check.failed("token", error)
    if seconds < _SHORT_LIFETIME:
        text = f"credentials accepted; a token is used for {seconds:.0f} s only: it names no later expires_at"
        return Check("token", "warning", text)
    return Check("token", "ok", f"credentials accepted; a token is used for {seconds / 60:.0f} min")


def _deadline(transport: Transport, settings: Settings) -> Deadline:
    return Deadline.after(min(settings.timeout, _TIMEOUT), transport.clock)


class _Probe:
    """One request for the health of the service, and its findings on the way."""

    def __init__(self, transport: Transport, settings: Settings) -> None:
        self._transport = transport
        self._settings = settings
        self._attempt: Attempt
        deadline = _deadline(transport, settings)
        # By no policy: a failure is the outcome.
        self._found: Response | Failure = transport.retry(self._send, policy={}, deadline=deadline)
        self._received_at = transport.clock.now()

    def _send(self, attempt: Attempt) -> Response:
        self._attempt = attempt
        return self._transport.send(Request("GET", HEALTH), attempt, read=self._unless_page)

    def _unless_page(self, response: Response) -> Response:
        """Return a response, unless it is a page: a proxy sends one with any status."""
        is_page = "html" in response.headers.get("Content-Type", "")
        failure = content_failure(response, self._transport) if is_page else None
        if failure is not None:
            raise RequestFailed(failure)
        return response

    @property
    def connected(self) -> bool:
        return self._attempt.phase == "sent"

    def checks(self) -> Iterator[Check]:
        """Yield the checks up to the service; skip those after a failed one."""
        failure = self._found if isinstance(self._found, Failure) else None
        failed, peer = False, terminal(self._attempt.peer)
        makers: dict[str, Callable[[str], Check]] = {
            "address": lambda name: Check(name, "ok", f"{peer} resolves"),
            "connection": lambda name: Check(name, "ok", f"{peer} accepts connections"),
            "proxy": self._proxy,
            "certificate": self._certificate,
            "service": self._service,
        }
        for name, make in makers.items():
            if failed:
                yield Check.skipped(name, "a step before it failed")
            elif failure is not None and name == _FAILED_CHECK[self._attempt.phase]:
                failed = True
                yield Check.failed(name, failure.error)
            else:
                yield make(name)

    def _proxy(self, name: str) -> Check:
        proxy = requests.utils.select_proxy(self._transport.address, self._transport.proxies())
        if proxy is None:
            return Check(name, "ok", "none is used")
        scheme = self._transport.address.partition(":")[0]
        variables = (f"{scheme}_proxy", f"{scheme}_PROXY".upper(), "all_proxy", "ALL_PROXY")
        named = (each for each in variables if os.environ.get(each) == proxy)
        variable = next(named, "the system's settings")
        return Check(name, "ok", f"{terminal(host_port(proxy))}, from {variable}")

    def _certificate(self, name: str) -> Check:
        if self._transport.address.startswith("http:"):
            return Check.skipped(name, "plain HTTP, which does not leave this machine")
        if not self._settings.verify_tls:
            text = "not verified, since verify_tls is False: anyone in between can read the credentials"
            return Check(name, "warning", text)
        certificate = self._attempt.certificate
        issuer = _name(certificate.get("issuer", ()))
        until = certificate.get("notAfter", "an unknown date")
        variable, trusted = self._transport.trusted()  # no path if the settings name one
        verified_by = f"{variable} ({path_text(trusted or str(self._settings.ca_bundle))})"
        return Check(name, "ok", f"issued by {issuer}, valid until {until}; verified by {verified_by}")

    def _service(self, name: str) -> Check:
        address, found = self._transport.address, self._found
        if isinstance(found, Response) and found.status == HTTPStatus.OK:
            return Check(name, "ok", f"{address} is operational")
        advice = VERSION_TWICE if address.endswith("/v1") else "Try again later."
        problem = f"{address} is not operational: its health check is not 200 OK. {advice}"
        return Check.failed(name, ServerError(problem))

    def clock(self) -> Check:
        date = http_date(self._found.headers.get("Date")) if isinstance(self._found, Response) else None
        if date is None:
            return Check.skipped("clock", "no time was received from the service")
        ahead = round((self._received_at - date).total_seconds())
        where = "ahead of" if ahead > 0 else "behind"
        text = "as the service's"
        if abs(ahead) > 1:
            text = f"{counted(abs(ahead), 'second')} {where} the service's"
        if abs(ahead) <= _CLOCK_TOLERANCE:
            return Check("clock", "ok", text)
        text += "; tokens do not depend on it, but the verification of certificates does. Set the clock."
        return Check("clock", "warning", text)


def _name(fields: Any) -> str:
    named = {key: value for group in fields for key, value in group}
    return terminal(named.get("organizationName") or named.get("commonName") or "an unknown authority")
