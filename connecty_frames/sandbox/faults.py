"""Misbehaviour on request: what goes wrong, where, when and how often.

A pipeline that has only met a well-behaved server has not been tested. Each :class:`Fault` names an endpoint
and one thing that goes wrong there::

    Fault("results", status=503, retry_after=1, times=2)   two polls are refused, then all is well
    Fault("ask", reset=True, when="after")                 the question was accepted, and nobody is told
    Fault("results", cut=100, question="list all orders")  the body ends after 100 bytes, for one question

and the same as text, for the command line::

    results:status=503,retry_after=1,times=2
    ask:reset,when=after
    results:cut=100,question=list all orders

What can go wrong:

==================  ======================================================================================
``latency=S``       the reply takes S seconds longer
``status=N``        that status instead, with our error body; ``retry_after=`` adds the header, as it stands
``reset``           the connection is reset (TCP RST)
``close``           the connection is closed without an answer
``lost``            the reply never arrives: the connection stays open and silent
``cut=N``           the reply ends after N bytes of its body, though Content-Length promised all of it
``drip_headers=S``  the reply comes byte by byte from its first one on, S seconds apart
``drip_body=S``     the body comes byte by byte, S seconds apart
``expired``         every access token given out so far has expired
``state=TEXT``      the question is in that state, whatever it is in
==================  ======================================================================================

One fault at most strikes a request: the first that was added and is due. How it is done is
:mod:`connecty_frames.sandbox.fault_responses`'s.
"""

from __future__ import annotations

import math
import random
import threading
from dataclasses import KW_ONLY, dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from connecty_frames.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Endpoint", "Fault", "Faults", "Timing"]

Endpoint: TypeAlias = Literal["health", "token", "ask", "results"]
Timing: TypeAlias = Literal["before", "after"]

_ENDPOINTS: Final = get_args(Endpoint)
_MOMENTS: Final = get_args(Timing)
#: What can go wrong, and when it does unless that is chosen: a reply must be there to be cut, and only what
#: has happened can be lost. None is decided by the endpoint.
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
#: What needs a reply to spoil.
_AFTER_ONLY: Final = frozenset({"cut", "drip_headers", "drip_body", "state"})
_LEAST_STATUS: Final = 200
_MOST_STATUS: Final = 599


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave.

    Parameters
    ----------
    endpoint
        Where: ``"health"``, ``"token"``, ``"ask"`` or ``"results"``.
    latency, status, reset, close, lost, cut, drip_headers, drip_body, expired, state
        What goes wrong, exactly one of them. Times are in seconds; the module's table tells what each does.
    retry_after
        What the header ``Retry-After`` says beside ``status``: seconds, a date, or nonsense.
    when
        ``"before"`` the effect: the question is not accepted, the token not given. ``"after"``: it is, and
        only the reply suffers. By default ``lost``, ``cut``, ``drip_headers``, ``drip_body`` and ``state``
        come after, and others before; ``expired`` comes after at the token endpoint, so that the new token is
        no good either.
    times
        How many requests it strikes; None is every one.
    chance
        The probability with which it strikes a request that it could.
    seed
        Of the randomness behind ``chance``.
    question
        The question it is about, by its exact words or its id; None is any.

    Raises
    ------
    ConfigError
        Something is missing, or does not go together.
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
            wrong = next((said for is_wrong, said in self._rules() if is_wrong), None)
        except TypeError as error:
            wrong = f"a value is of the wrong type: {error}."
        if wrong is not None:
            raise ConfigError(f"The fault {str(self)!r} does not go: {wrong}", setting="fault")

    @property
    def kind(self) -> str:
        """What goes wrong, by name."""
        return next(iter(self._kinds()), "")

    @property
    def moment(self) -> Timing:
        """When it strikes."""
        return self.when or _KINDS[self.kind] or ("after" if self.endpoint == "token" else "before")

    @classmethod
    def from_text(cls, text: str) -> Fault:
        """Read a fault as it stands on a command line.

        Parameters
        ----------
        text
            ``ENDPOINT:KIND[=VALUE][,OPTION=VALUE...]``, with the names of this class. ``question`` comes
            last, for it takes everything that follows, commas included.

        Raises
        ------
        ConfigError
            It is no fault; the message says what is accepted.
        """
        endpoint, colon, rest = text.partition(":")
        rest, _, question = rest.partition("question=")
        given: dict[str, Any] = {"question": question} if question else {}
        parts = [part.strip() for part in rest.split(",") if part.strip()]
        try:
            if not colon:
                raise ValueError("there is no colon behind an endpoint")  # noqa: TRY301 - said in one place
            for part in parts:
                name, _, value = part.partition("=")
                if name in given or name not in _READERS:
                    raise ValueError(f"{name!r} is not known, or there twice")  # noqa: TRY301 - the same
                given[name] = _READERS[name](value)
        except ValueError as error:
            raise ConfigError(
                f"The fault {text!r} cannot be read: {error}. {_GRAMMAR}", setting="fault"
            ) from None
        return cls(endpoint.strip(), **given)  # type: ignore[arg-type]

    def __str__(self) -> str:
        """Give the text that :meth:`from_text` reads."""
        said = []
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            if value is True:
                said.append(field.name)
            elif value != field.default:
                said.append(f"{field.name}={value}")
        return f"{self.endpoint}:{','.join(said)}"

    def _kinds(self) -> list[str]:
        return [
            name for name in _KINDS if getattr(self, name) is not None and getattr(self, name) is not False
        ]

    def _rules(self) -> Iterator[tuple[bool, str]]:
        """Give what would be wrong, each with what is to be done; the first that is true is told."""
        yield self.endpoint not in _ENDPOINTS, f"choose an endpoint of {', '.join(_ENDPOINTS)}."
        kinds = self._kinds()
        yield len(kinds) != 1, f"give exactly one of {', '.join(_KINDS)}."
        for name in ("latency", "drip_headers", "drip_body"):
            value = getattr(self, name)
            yield value is not None and not 0 <= value < math.inf, f"{name} is 0 or more seconds."
        status = self.status
        within = status is None or _LEAST_STATUS <= status <= _MOST_STATUS
        yield not within, f"status is {_LEAST_STATUS} to {_MOST_STATUS}."
        yield self.retry_after is not None and status is None, "retry_after goes with status."
        # A header ends with its line: what comes after it would be another header.
        yield not str(self.retry_after).isprintable(), "retry_after is one line of printable text."
        yield self.cut is not None and self.cut < 0, "cut is 0 or more bytes."
        yield self.expired and self.endpoint == "health", "health needs no token that could expire."
        yield self.state is not None and self.endpoint != "results", "state is told by results alone."
        yield (
            self.question is not None and self.endpoint not in {"ask", "results"},
            "it is about no question.",
        )
        yield self.when is not None and self.when not in _MOMENTS, "when is 'before' or 'after' the effect."
        needs_reply = self.when == "before" and kinds[0] in _AFTER_ONLY
        yield needs_reply, f"{kinds[0]} needs a reply to spoil: leave out when, or say 'after'."
        yield self.times is not None and self.times < 1, "times is 1 or more; None is every time."
        yield not 0 <= self.chance <= 1, "chance is between 0 and 1."


def _flag(text: str) -> bool:
    """Read what is there or not."""
    if text:
        raise ValueError(f"{text!r} is too much: this takes no value")
    return True


_READERS: Final[dict[str, Callable[[str], object]]] = {
    "latency": float,
    "status": int,
    "reset": _flag,
    "close": _flag,
    "lost": _flag,
    "cut": int,
    "drip_headers": float,
    "drip_body": float,
    "expired": _flag,
    "state": str,
    "retry_after": str,
    "when": str,
    "times": int,
    "chance": float,
    "seed": int,
}
_GRAMMAR: Final = (
    "Write ENDPOINT:KIND[,OPTION...], as in results:status=503,retry_after=1,times=2."
    f" Endpoints: {', '.join(_ENDPOINTS)}. Kinds: latency=S, status=N, reset, close, lost, cut=N,"
    " drip_headers=S, drip_body=S, expired, state=TEXT. Options: retry_after=, when=before|after, times=N,"
    " chance=P, seed=N, and last of all question=WORDS or an id."
)


class Faults:
    """The faults of a running sandbox: none, until some are added.

    Safe to change from any thread while requests come in.

    Parameters
    ----------
    faults
        The faults that are there from the start.
    """

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._armed: list[_Armed] = []
        self.add(*faults)

    def add(self, *faults: Fault) -> None:
        """Add faults behind those that are there."""
        for fault in faults:
            if not isinstance(fault, Fault):
                raise ConfigError(
                    f"{fault!r} is no Fault: write Fault('results', status=503) or Fault.from_text(...).",
                    setting="fault",
                )
        with self._lock:
            self._armed += [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        """Behave from now on."""
        with self._lock:
            self._armed.clear()

    def rearm(self) -> None:
        """Let each count from the start again."""
        with self._lock:
            self._armed = [_Armed(armed.fault) for armed in self._armed]

    def strike(self, endpoint: Endpoint, question: str | None, question_id: str | None) -> Fault | None:
        """Give the fault that strikes a request, None if it is to be answered well."""
        about = (question, question_id)
        with self._lock:
            return next((armed.fault for armed in self._armed if armed.strikes(endpoint, about)), None)

    def __iter__(self) -> Iterator[Fault]:
        with self._lock:
            return iter([armed.fault for armed in self._armed])

    def __len__(self) -> int:
        return len(self._armed)


class _Armed:
    """A fault, and how often it has still to strike."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._left = math.inf if fault.times is None else fault.times
        self._random = random.Random(fault.seed)  # noqa: S311 - to be repeated, not to be kept secret

    def strikes(self, endpoint: Endpoint, about: tuple[str | None, ...]) -> bool:
        """Tell whether it strikes, and count that."""
        fault = self.fault
        if endpoint != fault.endpoint or self._left <= 0:
            return False
        if fault.question is not None and fault.question not in about:
            return False
        if self._random.random() >= fault.chance:
            return False
        self._left -= 1
        return True
