"""The settings of a connection: names, defaults and checks.

``sources`` finds the values, in the order of their sources.
"""

from __future__ import annotations

import ipaddress
import math
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from functools import partial
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from connecty_frames._base.text import SecretStr, snippet
from connecty_frames.errors import ConfigError, is_of_handler
from connecty_frames.files import local_path
from connecty_frames.options import DW_ID_LIMIT, MAX_TIMEOUT, check_age
from connecty_frames.protocol import REGIONS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from pathlib import Path

    from connecty_frames._base.text import SupportsSecret

LARGEST_BODY: Final = 2 * 1024**3  # the default limit of a response body, in bytes after decompression
KEPT_BYTES: Final = 1024**3  # the default limit of kept answers, in bytes
_LARGEST_INTEGER: Final = 2**63 - 1  # the largest integer of SQLite

#: Spellings of true and false as text, in any case.
_BOOLS: Final = {
    **dict.fromkeys(("1", "true", "yes", "on", "y", "t"), True),
    **dict.fromkeys(("0", "false", "no", "off", "n", "f"), False),
}
#: Texts that are no path for ``history``: its words, and texts likely meant as one (None: refused).
HISTORY_WORDS: Final[dict[str, bool | Literal["require"] | None]] = {
    **dict.fromkeys(("1", "true"), True),
    **dict.fromkeys(("0", "false"), False),
    "require": "require",
    **dict.fromkeys(("", ".", "on", "off", "yes", "no")),
}

_POSTGRES: Final = re.compile("postgres(?:ql)?://", re.IGNORECASE)  # the scheme of a store
#: Other spellings of a database, perhaps with a password: libpq's, those of other programs, and a scheme
#: without slashes. In a profile, a folder stands before them.
_OTHER_STORES: Final = re.compile(
    r"(?:^|[\s/\\])(?:[\w+.:-]*postgres(?:ql)?[\w+.-]*:|(?:ssl)?password\s*=)"
    r"|^\s*(?:host|hostaddr|port|dbname|user|service|passfile)\s*=",
    re.IGNORECASE,
)
_STORE_URL: Final = (
    "expected postgresql://user@host/database, without a password; set PGPASSWORD, or store it in ~/.pgpass"
)
_PORT: Final = re.compile(r"(?<![^]:])?:\d*$|(?<=\]):\d*$")  # behind the host of a store
#: The parameters allowed in a URL: none names another server or a secret.
_PARAMETERS: Final = frozenset(
    {
        *("schema", "host", "port", "user", "application_name", "options", "passfile"),
        "target_session_attrs",
        *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "channel_binding", "gssencmode"),
        *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"),
    }
)
_SCHEMA: Final = re.compile("(?!pg_)[a-z_][a-z0-9_]{0,62}")  # schema names that need no quotation marks


def is_loopback(host: str) -> bool:
    """Return True for this machine, by its name or address."""
    with suppress(ValueError):
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    return False


# --- values -----------------------------------------------------------------------------------------
# Each function returns the value of a setting, or raises ValueError with a reason that does not show it.


def _visible_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("expected text")
    if not value.strip():
        raise ValueError("it is empty")
    if not value.isprintable():
        raise ValueError("expected text without control characters")
    return value


def _secret(value: Any) -> SecretStr:
    if callable(value):
        read = partial(_called, value)
        return SecretStr(read(), read)
    with suppress(Exception):  # text has no such method, and any error may show the secret
        value = str.__str__(value.get_secret_value())
    return SecretStr(_visible_text(value))


def _called(function: Callable[[], object]) -> str:
    try:
        value = function()
    except Exception as error:
        if is_of_handler(error):
            raise
        # Its message may show the secret.
        reason = f"its function raised {type(error).__name__}"
        if isinstance(error, OSError):
            reason = f"it cannot be read: {error.strerror or type(error).__name__}"
        raise ValueError(reason) from None
    return _secret(value).get_secret_value()


def _region(value: object) -> str:
    if not isinstance(value, str) or value not in REGIONS:
        raise ValueError(f"expected {' or '.join(map(repr, REGIONS))}")
    return value


def _base_address(value: object) -> str:
    """Return a base address without its final slash: secrets and questions are sent there."""
    if not isinstance(value, str):
        raise ValueError("expected text")
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:  # shows a part of the address, perhaps a password
        raise ValueError(
            "its host or port is not valid; expected an address such as https://api.eu1.connecty-ai.com"
        ) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an address such as https://api.eu1.connecty-ai.com")
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected an address without user and password; set client_id and client_secret")
    if any(character in "?#" or character.isspace() or not character.isprintable() for character in value):
        raise ValueError("expected an address without ?, #, spaces and control characters")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("http:// would send the secret unencrypted; use https:// (http is for loopback)")
    address = value.rstrip("/")
    versionless = address.removesuffix("/v1")  # each path begins with it
    return versionless if versionless in REGIONS.values() else address


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("expected True or False")
    return value


def parse_bool(text: str) -> bool:
    """Read text as true or false; ValueError if it is neither."""
    word = text.strip().lower()  # `set NAME=1 && ...` of Windows has a space at the end
    if word not in _BOOLS:
        raise ValueError("expected 1 or 0")
    return _BOOLS[word]


def _number(
    kind: Callable[[Any], float], expected: str, *, above: int = 0, most: float = math.inf
) -> Callable[[object], float]:
    abstract = Integral if kind is int else Real

    def check(value: Any) -> float:
        if isinstance(value, abstract) and not isinstance(value, bool):
            with suppress(OverflowError):  # too large for a float
                number = kind(value)
                if above < number <= most:
                    return number
        raise ValueError(f"expected {expected}")

    return check


def _limit(value: object) -> object:
    expected = "a whole number above 0, or such numbers by job: {'nightly': 300, '*': 1000}"
    check = _number(int, expected, most=_LARGEST_INTEGER)
    if not isinstance(value, Mapping):
        return check(value)
    if not value or not all(isinstance(job, str) for job in value):
        raise ValueError(f"expected {expected}")
    return tuple(sorted((_visible_text(job), check(limit)) for job, limit in value.items()))


def _age(value: object) -> object:
    try:
        check_age(value)
    except ConfigError:
        raise ValueError("expected an age above 0: seconds, a timedelta, or text such as '30d'") from None
    return value


def _path(value: Any) -> Path:
    path = local_path(value)
    try:
        return path.expanduser()
    except RuntimeError:  # of an unknown user, or one without a home
        raise ValueError("expected a path without ~, because no home folder was found") from None


def _history(value: object) -> bool | str | Path:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and (found := HISTORY_WORDS.get(value.lower())) is not None:
        return found
    if isinstance(value, str) and (match := _POSTGRES.match(value)):
        return _store_address(f"postgresql://{value[match.end() :]}")
    if isinstance(value, str | os.PathLike) and _OTHER_STORES.search(str(value)):
        raise ValueError(_STORE_URL)
    if isinstance(value, str | os.PathLike) and str(value).lower() not in HISTORY_WORDS:
        try:
            return _path(value)
        except ValueError as error:
            raise ValueError(f"{error}; or a PostgreSQL URL, postgresql://user@host/database") from None
    raise ValueError(
        "expected True (1), False (0), 'require', the path of a file, or postgresql://user@host/database"
    )


def _store_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        given = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        hosts = [host.rpartition("@")[2] for host in parts.netloc.split(",")]
    except ValueError:  # shows a part of the URL, perhaps a password
        raise ValueError("it is not a valid PostgreSQL URL") from None
    if (
        parts.password is not None
        or ":" in parts.netloc.rpartition("@")[0]
        or "@" in parts.path  # behind a slash in the password
        or {"password", "sslpassword"} & given.keys()
    ):
        raise ValueError(_STORE_URL)
    if not parts.path.strip("/") or parts.fragment or not url.isprintable() or " " in url:
        raise ValueError("expected a URL with the name of a database: postgresql://user@host/database")
    if unknown := sorted(given.keys() - _PARAMETERS):
        raise ValueError(
            f"unknown parameter {snippet(unknown[0])!r}; expected one of {', '.join(sorted(_PARAMETERS))}"
        )
    if not _SCHEMA.fullmatch(given.get("schema", "connecty")):
        raise ValueError("expected a schema of lower-case letters, digits and _")
    hosts = given.get("host", ",".join(hosts) or os.environ.get("PGHOST", "")).split(",")
    is_near = not os.environ.keys() & {"PGHOSTADDR", "PGSERVICE"} and all(
        not host or host.startswith("/") or is_loopback(_PORT.sub("", host).strip("[]")) for host in hosts
    )
    modes = {"require", "verify-ca", "verify-full"}
    if not is_near and given.setdefault("sslmode", "verify-full") not in modes:
        raise ValueError(f"its sslmode would send questions unencrypted; use {' or '.join(sorted(modes))}")
    # By quote, since libpq reads no + as a space.
    query = urlencode({"application_name": "connecty_frames", **given}, quote_via=quote)
    return f"{url.partition('?')[0]}?{query}"


# --- settings ---------------------------------------------------------------------------------------


class ClientSettingsDict(TypedDict, total=False):
    """The settings of a Client passed as keywords only."""

    client_secret: str | SupportsSecret | Callable[[], str] | None
    """The client secret, or a function that returns it and is called once more if the secret is refused."""
    region: Literal["eu1", "us1"] | None
    """The region of your organisation, ``"eu1"`` or ``"us1"``."""
    base_url: str | None
    """The address of the API, instead of ``region``."""
    dw_id: int | None
    """The data workspace to ask by default."""
    timeout: float | None
    """The default timeout of a whole call, in seconds, up to 30 days."""
    max_body_bytes: int | None
    """The largest response to read, in bytes after decompression."""
    verify_tls: bool | None
    """False turns off certificate verification, with an InsecureWarning for each client: anyone between the
    client and the API can then read the secret."""
    ca_bundle: str | os.PathLike[str] | None
    """The certificates to trust: a PEM file, or a folder of them. The default is ``REQUESTS_CA_BUNDLE``,
    ``CURL_CA_BUNDLE`` or certifi's."""
    history: bool | str | os.PathLike[str] | None
    """Record questions and their ids: True uses your own file, a path another one.
    ``"postgresql://user@host/database"`` can be shared by several machines."""
    history_required: bool | None
    """Send no question that cannot be recorded; also ``history="require"``."""
    max_questions_per_day: int | Mapping[str, int] | None
    """The maximum number of questions of this client id in any 24 hours, counted in the history by all that
    share it; or several, by the tag ``job``, and by ``"*"`` for all: ``{"nightly": 300, "*": 1000}``. Beyond
    it, QuestionLimitError is raised; reused answers do not count. It turns the history on."""
    keep_answers: bool | None
    """Keep the answers to recorded questions in a file next to the history, so that ``max_age=`` needs no
    network. It turns the history on."""
    keep_answers_max_bytes: int | None
    """The maximum size of all kept answers, in bytes after compression; the oldest are removed first."""
    keep_answers_max_age: str | float | timedelta | None
    """The maximum age of kept answers, such as ``"30d"``; a new client removes older ones."""
    profile: str | None
    """The profile in ``config.toml`` to use; by default ``default``."""


class SettingsDict(ClientSettingsDict, total=False):
    """The settings as keywords; None unsets one."""

    client_id: str | None
    """The client id; ConnectyAI support provides credentials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to reach the API; described at `SettingsDict`."""

    client_id: SecretStr | None = field(default=None, hash=False)
    client_secret: SecretStr | None = field(default=None, hash=False)
    region: Literal["eu1", "us1"] = "eu1"
    base_url: str | None = None
    dw_id: int | None = None
    timeout: float = 300.0
    max_body_bytes: int = LARGEST_BODY
    verify_tls: bool = True
    ca_bundle: Path | None = None
    history: bool | str | Path = False
    history_required: bool = False
    max_questions_per_day: int | tuple[tuple[str, int], ...] | None = None
    keep_answers: bool = False
    keep_answers_max_bytes: int = KEPT_BYTES
    keep_answers_max_age: str | float | timedelta | None = None
    profile: str | None = None
    #: In words, the source of each setting other than a default.
    places: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def address(self) -> str:
        """The address of the API, without a final slash."""
        return self.base_url or REGIONS[self.region]

    @property
    def keeps_history(self) -> bool:
        """True if questions are recorded; keeping answers requires it."""
        return self.history is not False or self.keep_answers or self.requires_history

    @property
    def requires_history(self) -> bool:
        """True if only recorded questions are sent."""
        return self.history_required or self.history == "require" or self.max_questions_per_day is not None

    @property
    def store(self) -> Path | str | None:
        """The path or URL of the history, or None for the file of the user."""
        return None if self.history in {True, False, "require"} else self.history  # type: ignore[return-value]

    def credentials(self) -> tuple[SecretStr, SecretStr]:
        """Return the client id and secret; ConfigError if one is missing."""
        # Not a property: some printers of tracebacks look up the attributes in the lines they show.
        if self.client_id is not None and self.client_secret is not None:
            return self.client_id, self.client_secret
        missing = [name for name in ("client_id", "client_secret") if getattr(self, name) is None]
        raise ConfigError(
            f"No {' and '.join(missing)}.",
            hint="Run `connecty login` once, set CONNECTY_CLIENT_ID and CONNECTY_CLIENT_SECRET, or call "
            "cf.configure(); ConnectyAI support provides them. Without an account, call cf.use_sandbox() "
            "(import connecty_frames as cf).",
            shell_hint="Run `connecty login` once, or set CONNECTY_CLIENT_ID and CONNECTY_CLIENT_SECRET; "
            "ConnectyAI support provides them. Without an account, add --sandbox to `connecty ask`.",
            setting=missing[0],
        )


NAMES: Final = tuple(each.name for each in fields(Settings) if each.compare)
_CHECKS: Final[Mapping[str, Callable[[object], object]]] = {
    "client_id": _secret,
    "client_secret": _secret,
    "region": _region,
    "base_url": _base_address,
    "dw_id": _number(
        int,
        "a whole number, the workspace id that ConnectyAI shows, such as 13",
        above=-1,
        most=DW_ID_LIMIT - 1,
    ),
    "timeout": _number(
        float, f"a number of seconds above 0 and at most {MAX_TIMEOUT:.0f} (30 days)", most=MAX_TIMEOUT
    ),
    "max_body_bytes": _number(int, "a number of bytes above 0"),
    "verify_tls": _bool,
    "ca_bundle": _path,
    "history": _history,
    "history_required": _bool,
    "max_questions_per_day": _limit,
    "keep_answers": _bool,
    "keep_answers_max_bytes": _number(
        int, f"a number of bytes above 0 and at most {_LARGEST_INTEGER}", most=_LARGEST_INTEGER
    ),
    "keep_answers_max_age": _age,
    "profile": _visible_text,
}
#: How text of the environment is made a value of another type.
_FROM_TEXT: Final[Mapping[str, Callable[[str], object]]] = {
    **dict.fromkeys(("dw_id", "max_body_bytes", "max_questions_per_day", "keep_answers_max_bytes"), int),
    **dict.fromkeys(("verify_tls", "history_required", "keep_answers"), parse_bool),
    "timeout": float,
}


def parse_setting(name: str, value: Any, *, is_text: bool) -> object:
    """Return a setting as it is stored; with ``is_text``, as in the environment, numbers are text too."""
    # The message of the ValueError is the reason, without the value: it may be a secret.
    if isinstance(value, SecretStr):
        if value.read is not None:
            return value
        value = value.get_secret_value()
    if isinstance(value, str):
        value = str.__str__(value)  # an enum, or a text of numpy, would be shown as another text than it is
    if is_text and name in _FROM_TEXT:
        with suppress(ValueError):  # text remains, and its refusal names the expected values
            value = _FROM_TEXT[name](value)
    return _CHECKS[name](value)
