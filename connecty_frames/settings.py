"""The settings of a connection: their names, their defaults, and which values they may have.

``config`` finds the values, in the order of their sources.
"""

from __future__ import annotations

import ipaddress
import os
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, TypedDict
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from connecty_frames.errors import ConfigError
from connecty_frames.options import DW_ID_LIMIT, MAX_TIMEOUT
from connecty_frames.protocol import REGIONS

__all__ = ["HISTORY_WORDS", "LARGEST_BODY", "TYPES", "Settings", "SettingsDict", "is_loopback"]

#: The default limit of a response body, in bytes after decompression.
LARGEST_BODY: Final = 2 * 1024**3
#: The default limit of kept answers, in bytes.
KEPT_BYTES: Final = 1024**3

#: What the setting ``history`` may be as text, if it is not a path.
_HISTORY_WORDS: Final[dict[str, bool | Literal["require"]]] = {
    "1": True,
    "true": True,
    "0": False,
    "false": False,
    "require": "require",
}
#: Texts that are no path for ``history``: these words, and what is more likely meant as one.
HISTORY_WORDS: Final = frozenset({*_HISTORY_WORDS, "", ".", "on", "off", "yes", "no"})

#: What to do without credentials, in Python and on the command line.
_NO_CREDENTIALS: Final = {
    "hint": "Set it as an argument of Client, by connecty_frames.configure(), in the environment, or in a "
    "profile, which `connecty login` stores; ConnectyAI support gives out credentials. To try it without "
    "an account: `cf.use_sandbox()` in Python, or `connecty ask --sandbox`.",
    "shell_hint": "Run `connecty login`, or set it in the environment; ConnectyAI support gives out "
    "credentials. To try it without an account, add --sandbox to `connecty ask`.",
}


def _base_address(address: str) -> str:
    """Return a base address without its final slash, checked: secrets and questions are sent there."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an address such as https://api.eu1.connecty-ai.com")
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "an address with user information in it would leak it; give credentials by themselves"
        )
    if parts.query or parts.fragment or "?" in address or "#" in address:
        raise ValueError("expected an address without ? or #")
    if any(not character.isprintable() or character.isspace() for character in address):
        raise ValueError("expected an address without spaces and control characters")
    _ = parts.port  # raises ValueError if the port is not a number
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(
            "http:// would send the secret in the clear; use https:// (http is for loopback only)"
        )
    return address.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _printable(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty")
    if not text.isprintable():
        raise ValueError("expected text without control characters")
    return text


def _printable_secret(secret: SecretStr) -> SecretStr:
    _printable(secret.get_secret_value())
    return secret


def _expand_user(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("expected a path, which has no NUL character in it")
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def _reject_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("expected a number")  # noqa: TRY004 - pydantic collects ValueErrors alone
    return value


def _history(value: object) -> object:
    """Return True, False, ``"require"`` or a path."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _HISTORY_WORDS:
        return _HISTORY_WORDS[value.lower()]
    if isinstance(value, str | os.PathLike) and str(value).lower() not in HISTORY_WORDS:
        return _expand_user(Path(value))
    raise ValueError("expected True (1), False (0), 'require' or the path of a file")


class SettingsDict(TypedDict, total=False):
    """The settings as keywords, for type checkers; described at :class:`Settings`. None unsets one."""

    client_id: str | None
    client_secret: str | SecretStr | None
    region: Literal["eu1", "us1"] | None
    base_url: str | None
    dw_id: int | None
    timeout: float | None
    max_body_bytes: int | None
    verify_tls: bool | None
    ca_bundle: str | os.PathLike[str] | None
    history: bool | str | os.PathLike[str] | None
    keep_answers: bool | None
    keep_answers_max_bytes: int | None
    profile: str | None


class Settings(BaseModel):
    """How to reach the API.

    Parameters
    ----------
    client_id
        The id of the credentials, which ConnectyAI support gives out.
    client_secret
        Their secret.
    region
        The region in which the organisation is registered, ``"eu1"`` or ``"us1"``.
    base_url
        The address of the API, instead of that of ``region``.
    dw_id
        The default data workspace of a call.
    timeout
        The default timeout of a whole call in seconds, up to 30 days.
    max_body_bytes
        The longest response that is read, in bytes after decompression.
    verify_tls
        False disables the verification of certificates, with an InsecureWarning for each client: anybody
        between the client and the API can then read the secret.
    ca_bundle
        The certificates to trust, a PEM file or a folder of them. By default those that
        ``REQUESTS_CA_BUNDLE`` or ``CURL_CA_BUNDLE`` names, else those of certifi.
    history
        Whether questions are recorded, with their ids, in a file of the user, or the path of another file;
        ``"require"`` sends no question that cannot be recorded.
    keep_answers
        Whether the answers to recorded questions are kept in a file beside the history, so that ``max_age=``
        needs no network. It turns the history on.
    keep_answers_max_bytes
        The most bytes that kept answers may have together, compressed; the oldest are removed first.
    profile
        The table of ``config.toml`` with the settings that no stronger source has; ``default`` if not set.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    client_id: Annotated[str, AfterValidator(_printable)] | None = None
    client_secret: Annotated[SecretStr, AfterValidator(_printable_secret)] | None = None
    region: Literal["eu1", "us1"] = "eu1"
    base_url: Annotated[str, AfterValidator(_base_address)] | None = None
    dw_id: Annotated[int, Field(ge=0, lt=DW_ID_LIMIT), BeforeValidator(_reject_bool)] | None = None
    timeout: Annotated[
        float, Field(gt=0, le=MAX_TIMEOUT, allow_inf_nan=False), BeforeValidator(_reject_bool)
    ] = 300.0
    max_body_bytes: Annotated[int, Field(gt=0), BeforeValidator(_reject_bool)] = LARGEST_BODY
    verify_tls: bool = True
    ca_bundle: Annotated[Path, AfterValidator(_expand_user)] | None = None
    history: Annotated[bool | Literal["require"] | Path, BeforeValidator(_history)] = False
    keep_answers: bool = False
    keep_answers_max_bytes: Annotated[int, Field(gt=0, lt=2**63), BeforeValidator(_reject_bool)] = KEPT_BYTES
    profile: Annotated[str, AfterValidator(_printable)] | None = None

    @property
    def address(self) -> str:
        """The address of the API, without a final slash."""
        return self.base_url or REGIONS[self.region]

    @property
    def keeps_history(self) -> bool:
        """Whether questions are recorded, of which kept answers are a part."""
        return self.history is not False or self.keep_answers

    @property
    def credentials(self) -> tuple[str, SecretStr]:
        """The client id and secret.

        Raises
        ------
        ConfigError
            If one is missing.
        """
        if self.client_id is not None and self.client_secret is not None:
            return self.client_id, self.client_secret
        missing = [name for name in ("client_id", "client_secret") if getattr(self, name) is None]
        where = " and ".join(f"{name} (environment: CONNECTY_{name.upper()})" for name in missing)
        raise ConfigError(
            f"No {where}.",
            setting=missing[0],
            **_NO_CREDENTIALS,
        )


#: The Python types of settings that are not text. The environment has text alone, which pydantic converts.
TYPES: Final = {
    "dw_id": (Integral, "a whole number, the workspace id that ConnectyAI shows, such as 13"),
    "timeout": (Real, "a number of seconds"),
    "max_body_bytes": (Integral, "a number of bytes"),
    "verify_tls": (bool, "True or False"),
    "keep_answers": (bool, "True or False"),
    "keep_answers_max_bytes": (Integral, "a number of bytes"),
}
