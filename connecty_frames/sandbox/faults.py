"""Fault injection: make an endpoint fail in a given way.

Each :class:`Fault` names an endpoint and one effect::

    Fault("results", status=503, retry_after=1, times=2)   two polls get 503, later ones a normal response
    Fault("ask", reset=True, when="after")                 the question is accepted, but no response arrives
    Fault("results", cut=100, question="list all orders")  the body ends after 100 bytes, for one question

and the same as text, for the command line::

    results:status=503,retry_after=1,times=2
    ask:reset,when=after
    results:cut=100,question=list all orders

The kinds of faults:

==================  ======================================================================================
``latency=S``       the response takes S seconds longer
``status=N``        the response has this status and an error body; ``retry_after=`` adds that header
``reset``           the connection is reset (TCP RST)
``close``           the connection is closed without a response
``lost``            the response never arrives: the connection stays open and silent
``cut=N``           the response ends after N bytes of its body, though Content-Length promised all of it
``drip_headers=S``  the whole response, headers included, is sent byte by byte, S seconds apart
``drip_body=S``     the body is sent byte by byte, S seconds apart
``expired``         every access token issued so far has expired
``state=TEXT``      the question is reported in this state instead of its real one
==================  ======================================================================================

Only the first fault in the list that matches a request applies to it.
:mod:`connecty_frames.sandbox.responses` applies it.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, Final, Literal, TypeAlias, get_args

from connecty_frames._base.text import value_text
from connecty_frames.errors import ConfigError

Endpoint: TypeAlias = Literal["health", "token", "ask", "results"]
Timing: TypeAlias = Literal["before", "after"]

#: The kinds of faults, with their default timing; None depends on the endpoint.
_KINDS: Final[dict[str, Timing | None]] = {
    "latency": "before",
    "status": "before",
    "reset": "before",
    "close": "before",
    "lost": "after",
    "cut": "after",
    "drip_headers": "after",
    "drip_body": "after",
    "expired": None,
    "state": "after",
}
#: The kinds that send the response in part, or slowly.
PARTIAL_RESPONSES: Final = frozenset({"cut", "drip_headers", "drip_body"})
_MIN_STATUS: Final = 200
_MAX_STATUS: Final = 599


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault at one endpoint.

    Parameters
    ----------
    endpoint
        ``"health"``, ``"token"``, ``"ask"`` or ``"results"``.
    latency, status, reset, close, lost, cut, drip_headers, drip_body, expired, state
        The effect; give exactly one. Times are in seconds; the sandbox's documentation has a table of
        effects.
    retry_after
        The value of the header ``Retry-After`` to send with ``status``: seconds, a date, or an invalid value.
    when
        ``"before"`` the effect: the question is not accepted, the token not issued. ``"after"``: it is, and
        only the response is affected. The default is ``"after"`` for ``lost``, ``cut``, ``drip_headers``,
        ``drip_body`` and ``state``, and ``"before"`` for the others; at the token endpoint it is ``"after"``
        for ``expired``, so that the new token has expired too.
    times
        How many requests it applies to; None means all.
    chance
        The probability that it applies to a matching request.
    seed
        The seed of the random numbers for ``chance``.
    question
        Limit it to a question, by exact text or id; None means any.

    Raises
    ------
    ConfigError
        An argument is missing or invalid, or two cannot be combined.
    """

    endpoint: Endpoint
    _: KW_ONLY
    latency: float | None = None
    status: int | None = None
    reset: bool = False
    close: bool = False
    lost: bool = False
    cut: int | None = None
    drip_headers: float | None = None
    drip_body: float | None = None
    expired: bool = False
    state: str | None = None
    retry_after: float | str | None = None
    when: Timing | None = None
    times: int | None = None
    chance: float = 1.0
    seed: int = 0
    question: str | None = None

    def __post_init__(self) -> None:
        try:
            problem = next(self._problems(), None)
            shown = value_text(str(self))
        except Exception as error:  # noqa: BLE001 - a frame or a NaN of decimals may raise any when compared
            problem, shown = f"a value is of the wrong type: {error}.", f"for {value_text(self.endpoint)}"
        if problem is not None:
            raise ConfigError(f"The fault {shown} is invalid: {problem}", setting="fault")

    @property
    def kind(self) -> str:
        """The effect, as the name of its parameter."""
        return next(iter(self._kinds()), "")

    @property
    def timing(self) -> Timing:
        """Whether it applies before or after the effect of the request."""
        return self.when or _KINDS[self.kind] or ("after" if self.endpoint == "token" else "before")

    @classmethod
    def from_text(cls, text: str) -> Fault:
        """Parse a fault in the notation of the command line.

        Parameters
        ----------
        text
            ``ENDPOINT:KIND[=VALUE][,OPTION=VALUE...]``, with the names of this class. ``question`` comes
            last, because it takes everything that follows, commas included.

        Raises
        ------
        ConfigError
            The text is invalid; the message says what is accepted.
        """
        try:
            endpoint, options = _parse(text)
        except ValueError as error:
            raise ConfigError(
                f"The fault {value_text(text)} cannot be read: {error}. "
                "Write ENDPOINT:KIND[,OPTION...], as in results:status=503,retry_after=1,times=2. "
                f"Endpoints: {', '.join(get_args(Endpoint))}. Kinds: latency=S, status=N, reset, close, "
                "lost, cut=N, drip_headers=S, drip_body=S, expired, state=TEXT. Options: retry_after=, "
                "when=before|after, times=N, chance=P, seed=N, and last of all question=WORDS or an id.",
                setting="fault",
            ) from None
        return cls(endpoint, **options)  # type: ignore[arg-type]

    def __str__(self) -> str:
        """Return the text that :meth:`from_text` reads."""
        parts = []
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            if value is True:
                parts.append(field.name)
            elif value != field.default:
                parts.append(f"{field.name}={value}")
        return f"{self.endpoint}:{','.join(parts)}"

    def _kinds(self) -> list[str]:
        return [name for name in _KINDS if (value := getattr(self, name)) is not None and value is not False]

    def _problems(self) -> Iterator[str]:
        """Yield the problems of the fault. Only the first is reported; later checks rely on earlier ones."""
        if self.endpoint not in get_args(Endpoint):
            yield f"choose an endpoint of {', '.join(get_args(Endpoint))}."
        if len(self._kinds()) != 1:
            yield f"give exactly one of {', '.join(_KINDS)}."
        yield from self._invalid_values()
        yield from self._invalid_combinations()

    def _invalid_values(self) -> Iterator[str]:
        for name in ("latency", "drip_headers", "drip_body"):
            seconds = getattr(self, name)
            if seconds is not None and not 0 <= seconds < math.inf:
                yield f"{name} is 0 or more seconds."
        if self.status is not None and not _MIN_STATUS <= self.status <= _MAX_STATUS:
            yield f"status is {_MIN_STATUS} to {_MAX_STATUS}."
        if self.cut is not None and self.cut < 0:
            yield "cut is 0 or more bytes."
        # A line break would begin another header.
        if not str(self.retry_after).isprintable():
            yield "retry_after is one line of printable text."
        if self.when is not None and self.when not in get_args(Timing):
            yield "when is 'before' or 'after' the effect."
        if self.times is not None and self.times < 1:
            yield "times is 1 or more; None is every time."
        if not 0 <= self.chance <= 1:
            yield "chance is between 0 and 1."

    def _invalid_combinations(self) -> Iterator[str]:
        if self.retry_after is not None and self.status is None:
            yield "retry_after needs status."
        if self.expired and self.endpoint == "health":
            yield "health uses no token that could expire."
        if self.state is not None and self.endpoint != "results":
            yield "only results reports a state."
        if self.question is not None and self.endpoint not in {"ask", "results"}:
            yield f"a request to {self.endpoint} has no question."
        if self.when == "before" and self.kind in PARTIAL_RESPONSES | {"state"}:
            yield f"{self.kind} changes an existing response: leave out when, or set it to 'after'."


def _parse(text: str) -> tuple[str, dict[str, Any]]:
    endpoint, colon, rest = text.partition(":")
    if not colon:
        raise ValueError("there is no colon after an endpoint")
    rest, _, question = rest.partition("question=")
    options: dict[str, Any] = {"question": question} if question else {}
    types = {field.name: str(field.type).removesuffix(" | None") for field in fields(Fault)[1:]}
    for part in filter(None, map(str.strip, rest.split(","))):
        name, _, value = part.partition("=")
        if name in options or name not in types:
            raise ValueError(f"{name!r} is unknown or given twice")
        is_flag = types[name] == "bool"
        if is_flag and value:
            raise ValueError(f"{value!r} is unexpected: this option takes no value")
        try:
            options[name] = True if is_flag else {"float": float, "int": int}.get(types[name], str)(value)
        except ValueError:
            raise ValueError(f"{part!r} needs a number") from None
    return endpoint.strip(), options


class Faults:
    """The faults of a running sandbox.

    Any thread may change them while requests are served.

    Parameters
    ----------
    faults
        The initial faults.
    """

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._armed: list[tuple[Fault, Iterator[bool]]] = []
        self.add(*faults)

    def add(self, *faults: Fault) -> None:
        """Append faults."""
        for fault in faults:
            if not isinstance(fault, Fault):
                raise ConfigError(
                    f"{value_text(fault)} is not a Fault: write Fault('results', status=503) or "
                    "Fault.from_text(...).",
                    setting="fault",
                )
        with self._lock:
            self._armed += [(fault, _draws(fault)) for fault in faults]

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._armed.clear()

    def rearm(self) -> None:
        """Restart the count and the random numbers of each fault."""
        with self._lock:
            self._armed = [(fault, _draws(fault)) for fault, _ in self._armed]

    def next_for(self, endpoint: Endpoint, question: str | None, question_id: str | None) -> Fault | None:
        """Return the fault to apply to a request, or None, and count its use."""
        with self._lock:
            for fault, draws in self._armed:
                is_match = fault.endpoint == endpoint and fault.question in {None, question, question_id}
                if is_match and next(draws, False):
                    return fault
        return None

    def __iter__(self) -> Iterator[Fault]:
        with self._lock:
            return iter([fault for fault, _ in self._armed])

    def __len__(self) -> int:
        return len(self._armed)


def _draws(fault: Fault) -> Iterator[bool]:
    """Yield whether a fault applies, for each request that it matches, until it has applied ``times``."""
    numbers = random.Random(fault.seed)  # noqa: S311 - reproducible, not a secret
    remaining = math.inf if fault.times is None else fault.times
    while remaining > 0:
        applies = numbers.random() < fault.chance
        remaining -= applies
        yield applies
