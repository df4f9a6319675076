"""AskOptions: everything a call can choose, as one frozen object.

The keywords of ``ask``, ``ask_df`` and ``read_connecty`` are the fields of :class:`AskOptions`. They are
declared here, with their defaults and their rules, and nowhere else: the verbs take them as
``**choices: Unpack[AskOptionsDict]`` and everything below the verbs takes the object.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict, cast
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connecty_frames.errors import ConfigError
from connecty_frames.text import value_text

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "LONGEST",
    "NO_ID",
    "AskOptions",
    "AskOptionsDict",
    "DtypeBackend",
    "Engine",
    "OnTruncation",
    "check_dw_id",
    "check_question_id",
]

Engine = Literal["pandas", "polars", "pyarrow"]
DtypeBackend = Literal["numpy_nullable", "pyarrow", "numpy"]
OnTruncation = Literal["warn", "raise", "ignore"]

#: The longest timeout, 30 days in seconds: sockets and locks take no more on every system.
LONGEST: Final = 2_592_000.0
#: No address has room for the id of a workspace that is so large.
NO_ID: Final = 10**100
#: More rows than any answer has; what is meant is None.
_TOO_MANY: Final = 10**18


class AskOptionsDict(TypedDict, total=False):
    """The keywords of a verb, for type checkers; described at :class:`AskOptions`."""

    dw_id: int | None
    dtype_backend: DtypeBackend
    max_rows: int | None
    schema: Any
    tz: str
    infer_temporal: bool
    strict: bool
    on_truncation: OnTruncation
    timeout: float | None
    progress: bool | Callable[..., object] | None
    question_id: str | UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOptions:
    """Everything a call can choose.

    Parameters
    ----------
    dw_id
        The data workspace to ask; None takes the configured one.
    engine
        The library of the frame: ``"pandas"``, ``"polars"`` or ``"pyarrow"``.
    dtype_backend
        What pandas columns are made of: ``"numpy_nullable"`` (nulls stay apart from NaN),
        ``"pyarrow"``, or ``"numpy"`` (plain numpy, which warns of what it cannot hold).
    max_rows
        The most rows to fetch, 0 or more; None fetches all.
    schema
        Column types that settle what would otherwise be decided from the answer: a dict for some
        columns, or a full schema as a contract.
    tz
        The zone in which instants are shown, as an IANA name. The instants themselves do not change, and
        columns without an offset are not touched.
    infer_temporal
        Whether text becomes dates and timestamps where there are no statistics to say so, and every
        value is a full ISO-8601 date or timestamp.
    strict
        Whether a doubt about a type or a value is an error instead of a warning.
    on_truncation
        What to do when rows were cut: ``"warn"``, ``"raise"`` or ``"ignore"``.
    timeout
        Seconds for the whole call; None takes the configured ones.
    progress
        True or False shows or hides the progress line, a callable receives each step, None shows it
        where standard error is a terminal.
    question_id
        An answer asked before: it is fetched and nothing is asked again.

    Raises
    ------
    ConfigError
        Where a value is of the wrong kind or out of range.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> cf.AskOptions(max_rows=None, tz="Europe/Warsaw").engine
    'pandas'
    >>> cf.AskOptions(max_rows=-1)
    Traceback (most recent call last):
        ...
    connecty_frames.errors.ConfigError: max_rows=-1: expected a whole number from 0, or None for all rows.
    """

    dw_id: int | None = None
    engine: Engine = "pandas"
    dtype_backend: DtypeBackend = "numpy_nullable"
    max_rows: int | None = 1000
    schema: Any = None
    tz: str = "UTC"
    infer_temporal: bool = True
    strict: bool = False
    on_truncation: OnTruncation = "warn"
    timeout: float | None = None
    progress: bool | Callable[..., object] | None = None
    question_id: str | None = None

    def __post_init__(self) -> None:
        for name, (holds, expected) in _RULES.items():
            value = getattr(self, name)
            if isinstance(value, Integral) and not isinstance(value, int):  # of numpy: out of a frame
                value = int(value)
                object.__setattr__(self, name, value)
            if not holds(value):
                raise ConfigError(f"{name}={value_text(value)}: expected {expected}.", setting=name)
        if self.question_id is not None:
            object.__setattr__(self, "question_id", check_question_id(self.question_id))

    @classmethod
    def from_kwargs(cls, choices: AskOptionsDict, **fixed: object) -> AskOptions:
        """Make the options of a call from its keywords; an unknown one is a TypeError, as in Python."""
        if not choices and not fixed:
            return _DEFAULTS
        known = [name for name in AskOptionsDict.__annotations__ if name not in fixed]
        for name in choices:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(known)}"
                raise TypeError(f"unexpected keyword argument {name!r}{hint}")
        return cls(**cast("dict[str, Any]", {**choices, **fixed}))


def check_question_id(value: object) -> str:
    """Give a question's id in its usual spelling, or a ConfigError: it becomes part of an address."""
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise ConfigError(
            f"question_id={value_text(value)}: expected the UUID of a question asked before, such as "
            "'729cb7a4-4b06-449e-a3c9-df40f5e570b8'.",
            setting="question_id",
        ) from None


def check_dw_id(value: object) -> bool:
    """Whether a value can be the id of a data workspace: a whole number from 0 that an address can hold."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < NO_ID


def _known_zone(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _one_of(*known: str) -> Callable[[object], bool]:
    # With the kind first: a frame or an array compares to something without a truth value.
    return lambda value: isinstance(value, str) and value in known


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LONGEST


#: What each choice must be: a test, and the same in words for the error.
_RULES: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "dw_id": (lambda v: v is None or check_dw_id(v), "a workspace id, a whole number such as 13"),
    "engine": (_one_of("pandas", "polars", "pyarrow"), "'pandas', 'polars' or 'pyarrow'"),
    "dtype_backend": (
        _one_of("numpy_nullable", "pyarrow", "numpy"),
        "'numpy_nullable', 'pyarrow' or 'numpy'",
    ),
    "max_rows": (
        lambda v: v is None or (check_dw_id(v) and v < _TOO_MANY),
        "a whole number from 0, or None for all rows",
    ),
    "tz": (_known_zone, "the IANA name of a time zone, such as 'UTC' or 'Europe/Warsaw'"),
    "infer_temporal": (_is_bool, "True or False"),
    "strict": (_is_bool, "True or False"),
    "on_truncation": (_one_of("warn", "raise", "ignore"), "'warn', 'raise' or 'ignore'"),
    "timeout": (
        lambda v: v is None or _seconds(v),
        "seconds above 0 and up to 30 days, or None for the configured ones",
    ),
    "progress": (lambda v: v is None or _is_bool(v) or callable(v), "True, False, None or a callable"),
}

#: Checked once; they cannot be changed.
_DEFAULTS: Final = AskOptions()
