"""AskOptions: the options of one call, as one frozen object.

The keywords of ``ask``, ``ask_df``, ``ask_many`` and ``read_connecty`` are the fields of :class:`AskOptions`.
Their defaults, rules and descriptions are only here. The functions take them as ``**options:
Unpack[AskOptionsDict]`` and pass the object on. ``make docstrings`` copies the descriptions into the
docstrings of ``ask`` and ``ask_df``.
"""

from __future__ import annotations

import inspect
import math
import re
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from itertools import chain
from numbers import Integral, Real
from typing import Any, Final, Literal, TypedDict, TypeVar, cast, get_args
from uuid import UUID

from connecty_frames._base.clock import named_zone
from connecty_frames._base.text import did_you_mean
from connecty_frames.errors import ConfigError, wrong_value

_Function = TypeVar("_Function", bound="Callable[..., Any]")

Engine = Literal["pandas", "polars", "pyarrow"]
DtypeBackend = Literal["numpy_nullable", "pyarrow", "numpy"]
Decimals = Literal["auto", "exact", "float"]
OnTruncation = Literal["warn", "raise", "ignore"]

MAX_TIMEOUT: Final = 2_592_000.0  # 30 days in seconds: sockets and locks take no more on every system
DW_ID_LIMIT: Final = 10**100  # ids of workspaces are below this, to fit into a URL
_AGE: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([smhdw]?)", re.ASCII)  # such as "6h" or "90"
#: What first guesses at an option mean.
_GUESSES: Final = {
    **dict.fromkeys(("limit", "n", "nrows", "num_rows", "rows", "top"), "max_rows"),
    **dict.fromkeys(("dtype", "dtypes", "types", "schema_overrides", "parse_dates"), "schema"),
    **dict.fromkeys(("backend", "library", "format", "return_type"), "engine"),
    **dict.fromkeys(("cache", "ttl"), "max_age"),
    **dict.fromkeys(("timezone", "time_zone"), "tz"),
    **dict.fromkeys(("workspace", "workspace_id"), "dw_id"),
    "try_parse_dates": "infer_temporal",
    "engine": "answer.to_pandas(), to_polars() or to_arrow()",
    "question_id": "cf.fetch(question_id)",
}
_UNITS: Final = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
#: The id of a question, and a UUID.
_match_id: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:=+@-]{0,199}").fullmatch
_match_uuid: Final = re.compile(r"(?i)[0-9a-f]{8}(-?)(?:[0-9a-f]{4}\1){3}[0-9a-f]{12}").fullmatch
_MAX_ROWS_LIMIT: Final = 10**18  # ``max_rows`` is below this, far more than in any answer


class FetchOptionsDict(TypedDict, total=False):
    """The options of a call that fetches an answer, as keywords."""

    dw_id: int | None
    """The data workspace to ask; None uses the configured one."""
    dtype_backend: DtypeBackend
    """The dtypes of pandas columns: ``"numpy_nullable"`` (null and NaN differ), ``"pyarrow"``, or ``"numpy"``
    (plain numpy, with a warning about what it cannot hold)."""
    max_rows: int | None
    """The maximum number of rows to fetch, 0 or more; None fetches all."""
    schema: Any
    """Column types that replace the inferred ones: a dict or a pandera model for some columns, or a full
    schema as a contract."""
    tz: str
    """The time zone for showing timestamps that have an offset: an IANA name, or an offset such as
    ``"+05:30"``. The instants do not change, and timestamps without an offset are not affected."""
    infer_temporal: bool
    """Convert text to dates and timestamps if the column has no statistics and every value is a full date, or
    a timestamp with hours and minutes."""
    decimals: Decimals
    """How to type fractional numbers that float64 cannot represent exactly: ``"exact"`` as decimal,
    ``"float"`` as the nearest float64. ``"auto"`` takes the nearest float64 for computed numbers (more than 9
    decimal places, unquoted), otherwise decimal."""
    strict: bool
    """Raise instead of warning when a type or value is in doubt."""
    on_truncation: OnTruncation
    """What to do if rows were cut: ``"warn"``, ``"raise"`` or ``"ignore"``."""
    timeout: float | None
    """Seconds for the whole call; None uses the configured timeout."""
    progress: bool | Callable[..., object] | None
    """True shows and False hides the progress line; a callable receives each step. None shows the line in a
    terminal or notebook."""


class AskOptionsDict(FetchOptionsDict, total=False):
    """The options of a call that asks, as keywords."""

    max_age: float | timedelta | str | None
    """Reuse an answer to the same question up to this age, instead of asking again: seconds, a timedelta, or
    text such as ``"90s"``, ``"30m"``, ``"6h"`` or ``"7d"``. None always asks. It needs a history
    (``configure(history=True)``)."""
    tags: Mapping[str, str] | None
    """Texts to keep with the question in the history, by name, such as ``{"job": "nightly"}``."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The facts recorded before a question is sent: each field is a column of the history."""

    question: str
    dw_id: int
    key: str | None = None  # the same for equal questions; None uses the text
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOptions:
    """The options of one call: ``engine`` and the options of :func:`ask_df`, with the same defaults.

    Raises
    ------
    ConfigError
        If a value is of the wrong type or out of range, or ``decimals="float"`` is given with ``strict``.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> cf.AskOptions(max_rows=None, tz="Europe/Warsaw").engine
    'pandas'
    >>> cf.AskOptions(max_rows=-1)
    Traceback (most recent call last):
        ...
    connecty_frames.errors.ConfigError: max_rows=-1: expected a whole number of 0 or more, or None for all
    rows.
    """

    dw_id: int | None = None
    engine: Engine = "pandas"
    dtype_backend: DtypeBackend = "numpy_nullable"
    max_rows: int | None = 1000
    schema: Any = None
    tz: str = "UTC"
    infer_temporal: bool = True
    decimals: Decimals = "auto"
    strict: bool = False
    on_truncation: OnTruncation = "warn"
    timeout: float | None = None
    progress: bool | Callable[..., object] | None = None
    max_age: float | timedelta | str | None = None
    tags: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        for name, (is_valid, expected) in _EXPECTED.items():
            value = getattr(self, name)
            if value is _DEFAULT_VALUES[name]:
                continue
            if isinstance(value, Integral) and not isinstance(value, int):  # a numpy integer
                value = int(value)
                object.__setattr__(self, name, value)
            if not is_valid(value):
                raise wrong_value(name, value, expected)
        if self.max_age is not None:
            object.__setattr__(self, "max_age", check_age(self.max_age))
        if self.strict and self.decimals == "float":
            raise ConfigError(
                "decimals='float' rounds to the nearest float64, which strict=True does not allow.",
                hint="Drop decimals='float' for exact decimals, or strict=True for floats.",
                shell_hint="Drop --decimals float for exact decimals, or --strict for floats.",
                setting="decimals",
            )

    @classmethod
    def from_kwargs(
        cls, options: FetchOptionsDict, *, without: Collection[str] = (), **fixed: object
    ) -> AskOptions:
        """Return the options of a call from its keywords; an unknown one is a TypeError, as in Python.

        The call takes all options ``without`` these, and sets the ``fixed`` ones itself. Without an
        ``engine`` among them it returns no frame, and so needs pyarrow alone.
        """
        if not options and not fixed:
            return _DEFAULTS
        taken = [name for name in AskOptionsDict.__annotations__ if name not in {*without, *fixed}]
        unknown = next((name for name in options if name not in taken), None)
        if unknown is not None:
            known = [*({"engine"} & fixed.keys()), *taken]  # its caller names the engine in its signature
            guess = _GUESSES.get(unknown, unknown)
            hint = f"did you mean {guess}?" if "(" in guess else did_you_mean(guess, known)
            raise TypeError(f"unexpected keyword argument {unknown!r}; {hint.removesuffix('.')}")
        return cls(**cast("dict[str, Any]", {"engine": _DEFAULTS.engine, **options, **fixed}))


def shows_keywords(
    annotations: Mapping[str, Any], defaults: Mapping[str, object] | None = None
) -> Callable[[_Function], _Function]:
    """Return a decorator that makes ``help`` and editors show the keywords of a TypedDict, not ``**``."""
    keywords = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=(defaults or {}).get(name),
            annotation=annotation.__forward_arg__,
        )
        for name, annotation in annotations.items()
    ]

    def decorate(function: _Function) -> _Function:
        signature = inspect.signature(function)
        own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        function.__signature__ = signature.replace(parameters=[*own, *keywords])  # type: ignore[attr-defined]
        return function

    return decorate


def shows_options(*, without: Collection[str] = (), **defaults: object) -> Callable[[_Function], _Function]:
    """Return a decorator that shows all options ``without`` these; ``defaults`` differ from the usual."""
    annotations = {name: each for name, each in AskOptionsDict.__annotations__.items() if name not in without}
    return shows_keywords(annotations, _DEFAULT_VALUES | defaults)


def check_age(value: object) -> timedelta:
    """Return an age given as seconds, a timedelta or text such as ``"6h"``; a ConfigError for any other."""
    found: object = value
    match = _AGE.fullmatch(found.strip()) if isinstance(found, str) else None
    try:
        if match is not None:
            found = timedelta(**{_UNITS[match[2]]: float(match[1])})
        elif isinstance(found, Real) and not isinstance(found, bool):
            found = timedelta(seconds=float(found))
        if isinstance(found, timedelta) and found > timedelta():
            return found
    except (OverflowError, TypeError, ValueError):  # too large, NaN, or no number though it says so (numpy)
        pass
    expected = "an age above 0: seconds, a timedelta, or text such as '90s', '30m', '6h' or '7d'"
    raise wrong_value("max_age", value, expected)


def check_bool(value: object, setting: str) -> None:
    """Raise ConfigError if a value is not True or False: ``"no"`` would count as True."""
    if not isinstance(value, bool):
        raise wrong_value(setting, value, "True or False")


def check_engine(engine: object) -> None:
    """Raise ConfigError if a value is not the engine of ``cast``."""
    is_valid, expected = _EXPECTED["engine"]
    if engine is not None and not is_valid(engine):
        raise wrong_value("engine", engine, f"{expected}, or None for the kind of the table")


def check_count(value: object, setting: str, *, least: int = 0, optional: bool = False) -> None:
    """Raise ConfigError if a value is not a whole number from ``least`` on, or None if it is ``optional``."""
    limit = math.inf if optional else sys.maxsize + 1  # a number of threads is counted by machine words
    if not (optional and value is None) and not _is_whole(value, limit, least):
        expected = f"a whole number of {least} or more{', or None for all' * optional}"
        raise wrong_value(setting, value, expected)


def is_question_id(value: object) -> bool:
    """Return True for a valid question id: text that is sent back as it was received."""
    return isinstance(value, str) and _match_id(value) is not None


def is_uuid(value: object) -> bool:
    """Return True for a UUID: 32 hexadecimal digits with or without hyphens."""
    return isinstance(value, str) and _match_uuid(value) is not None


def id_key(question_id: str) -> str:
    """Return the same key for all spellings of one id: UUIDs are compared by value."""
    return question_id.replace("-", "").lower() if is_uuid(question_id) else question_id


def id_spellings(question_id: str) -> tuple[str, ...]:
    """Return an id and the usual spellings of its value."""
    if not is_uuid(question_id):
        return (question_id,)
    found = UUID(question_id)
    return tuple({question_id: 0, str(found): 0, str(found).upper(): 0, found.hex: 0, found.hex.upper(): 0})


def check_question_id(value: object) -> str:
    """Return the id of a question as text; a ConfigError if it cannot be one."""
    text = str(value) if isinstance(value, str | UUID | int) and not isinstance(value, bool) else None
    if not is_question_id(text):
        raise wrong_value(
            "question_id",
            value,
            "the id of a question asked before, such as '729cb7a4-4b06-449e-a3c9-df40f5e570b8'",
        )
    return str(text)


def parse_max_rows(text: str) -> int | None:
    """Return the number of rows in a text, or None for ``all``; a ValueError for any other text."""
    if text == "all":
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    raise ValueError(f"{text!r} is neither a number of rows, such as 1000, nor 'all'")


def is_dw_id(value: object) -> bool:
    """Return True for a valid workspace id: a whole number from 0 that fits into a URL."""
    return _is_whole(value, DW_ID_LIMIT)


def _is_whole(value: Any, limit: float, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < limit


def _is_one_of(literal: Any) -> Callable[[Any], bool]:
    # The type first: comparing a frame or an array returns one, which has no truth value.
    return lambda value: isinstance(value, str) and value in get_args(literal)


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


ASK_ONLY: Final = ("max_age", "tags")  # the keywords of asking, which no call takes that fetches an answer
#: Client.submit does not take these: it reads no answer.
FRAME_ONLY: Final = tuple(AskOptionsDict.__annotations__.keys() - {"dw_id", "timeout", *ASK_ONLY})
#: The test of each option's values but a default None, and words for the error. Reading checks the schema.
_EXPECTED: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "dw_id": (is_dw_id, "a workspace id, a whole number such as 13"),
    "engine": (_is_one_of(Engine), "'pandas', 'polars' or 'pyarrow'"),
    "dtype_backend": (_is_one_of(DtypeBackend), "'numpy_nullable', 'pyarrow' or 'numpy'"),
    "max_rows": (
        lambda rows: rows is None or _is_whole(rows, _MAX_ROWS_LIMIT),
        "a whole number of 0 or more, or None for all rows",
    ),
    "tz": (
        lambda tz: named_zone(tz) is not None,
        "the IANA name of a time zone, such as 'UTC' or 'Europe/Warsaw', or an offset such as '+05:30'",
    ),
    "infer_temporal": (_is_bool, "True or False"),
    "decimals": (_is_one_of(Decimals), "'auto', 'exact' or 'float'"),
    "strict": (_is_bool, "True or False"),
    "on_truncation": (_is_one_of(OnTruncation), "'warn', 'raise' or 'ignore'"),
    "timeout": (
        lambda seconds: (
            isinstance(seconds, int | float) and seconds is not True and 0 < seconds <= MAX_TIMEOUT
        ),
        "seconds above 0 and up to 30 days, or None for the configured timeout",
    ),
    "progress": (lambda shown: _is_bool(shown) or callable(shown), "True, False, None or a callable"),
    "tags": (
        lambda tags: (
            isinstance(tags, Mapping)
            and all(isinstance(each, str) and not each[300:] for each in chain(*tags.items()))
        ),
        "a dict of names to texts, such as {'job': 'nightly'}, each of at most 300 characters",
    ),
}

_DEFAULT_VALUES: Final = {field.name: field.default for field in fields(AskOptions)}
_DEFAULTS: Final = AskOptions(engine="pyarrow")  # made and checked once, since options cannot change
