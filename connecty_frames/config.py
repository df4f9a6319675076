"""Connection settings: argument > ``configure()`` > environment > default.

One object, :class:`Settings`, is made from the four sources and passed on; nothing below reads the
environment.
"""

from __future__ import annotations

import difflib
import ipaddress
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from connecty_frames.errors import ConfigError
from connecty_frames.options import LONGEST, NO_ID
from connecty_frames.protocol import REGIONS

__all__ = ["LARGEST_BODY", "Settings", "configure", "resolve"]

#: The longest response body that is read where nothing else is set, in bytes after unpacking.
LARGEST_BODY: Final = 2 * 1024**3

_HOW_TO_TRY: Final = (
    "To try connecty_frames without an account, run `connecty sandbox` and export what it prints, or in "
    "Python: `from connecty_frames.sandbox import Sandbox` and `with Sandbox() as sandbox: "
    "Client(**sandbox.connection)`."
)


def _checked_address(address: str) -> str:
    """Give a base address without its final slash; secrets and questions go there, so it must be safe."""
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
    _ = parts.port  # raises ValueError where the port is no number
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError(
            "http:// would send the secret in the clear; use https:// (http is for loopback only)"
        )
    return address.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _plain(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty")
    if not text.isprintable():
        raise ValueError("expected text without control characters")
    return text


def _plain_secret(secret: SecretStr) -> SecretStr:
    _plain(secret.get_secret_value())
    return secret


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("expected a number")  # noqa: TRY004 - pydantic collects these and no TypeError
    return value


class Settings(BaseSettings):
    """How to reach the API.

    Parameters
    ----------
    client_id, client_secret
        The credentials, which ConnectyAI support gives out.
    region
        Where the organisation is registered, ``"eu1"`` or ``"us1"``.
    base_url
        The address of the API; takes the place of ``region``.
    dw_id
        The data workspace to ask where a call names none.
    timeout
        Seconds for a whole call where it names none, up to 30 days.
    max_body_bytes
        The longest response that is read, in bytes after unpacking.
    verify_tls
        False turns the verification of certificates off, with an InsecureWarning for each client: whoever
        is between here and the API can then read the secret.
    ca_bundle
        The certificates to trust, a PEM file or a folder of them. Where none is set, those that
        ``REQUESTS_CA_BUNDLE`` or ``CURL_CA_BUNDLE`` names, else those of certifi.
    """

    model_config = SettingsConfigDict(
        env_prefix="CONNECTY_", env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    client_id: Annotated[str, AfterValidator(_plain)] | None = None
    client_secret: Annotated[SecretStr, AfterValidator(_plain_secret)] | None = None
    region: Literal["eu1", "us1"] = "eu1"
    base_url: Annotated[str, AfterValidator(_checked_address)] | None = None
    dw_id: Annotated[int, Field(ge=0, lt=NO_ID), BeforeValidator(_no_truth)] | None = None
    timeout: Annotated[float, Field(gt=0, le=LONGEST, allow_inf_nan=False), BeforeValidator(_no_truth)] = (
        300.0
    )
    max_body_bytes: Annotated[int, Field(gt=0), BeforeValidator(_no_truth)] = LARGEST_BODY
    verify_tls: bool = True
    ca_bundle: Annotated[Path, AfterValidator(Path.expanduser)] | None = None

    @property
    def address(self) -> str:
        """The address of the API, without a final slash."""
        return self.base_url or REGIONS[self.region]

    @property
    def credentials(self) -> tuple[str, SecretStr]:
        """The client id and secret.

        Raises
        ------
        ConfigError
            Where one is missing.
        """
        if self.client_id is not None and self.client_secret is not None:
            return self.client_id, self.client_secret
        missing = [name for name in ("client_id", "client_secret") if getattr(self, name) is None]
        where = " and ".join(f"{name} (environment: CONNECTY_{name.upper()})" for name in missing)
        raise ConfigError(
            f"No {where}. Set it as an argument of Client, by connecty_frames.configure(), or in the "
            f"environment; ConnectyAI support gives out credentials. {_HOW_TO_TRY}",
            setting=missing[0],
        )


#: What a setting must be where Python gives it. Only the environment has to write it as text.
_KINDS: Final = {
    "dw_id": (Integral, "a number, the whole one that ConnectyAI shows, such as 13"),
    "timeout": (Real, "a number of seconds"),
    "max_body_bytes": (Integral, "a number of bytes"),
    "verify_tls": (bool, "True or False"),
}
_configured: dict[str, Any] = {}


def configure(**settings: Any) -> None:  # noqa: ANN401 - the kinds are those of Settings, checked there
    """Set connection settings for the whole process.

    They hold for every later call and Client that does not name its own; the environment counts only
    where neither does. None takes a setting back.

    Parameters
    ----------
    **settings
        ``client_id client_secret region base_url dw_id timeout max_body_bytes verify_tls ca_bundle``, as
        for ``Client``.

    Raises
    ------
    ConfigError
        Where a name or value is wrong; nothing is set then.
    """
    before = dict(_configured)
    if settings.get("region") is not None and settings.get("base_url") is None:
        before.pop("base_url", None)  # the later word counts
    after = {name: value for name, value in {**before, **settings}.items() if value is not None}
    _settings(_one_address(after))
    _configured.clear()
    _configured.update(after)


def resolve(**arguments: Any) -> Settings:  # noqa: ANN401 - as above
    """Give the settings that hold, from arguments (None is not given), ``configure()``, environment, default.

    Raises
    ------
    ConfigError
        Where a name or value is wrong.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    return _settings({**_one_address(_configured), **_one_address(given)})


def _one_address(source: dict[str, Any]) -> dict[str, Any]:
    """Let a region also set the address, so that it beats an address from a weaker source."""
    region = source.get("region")
    if source.get("base_url") is None and isinstance(region, str) and region in REGIONS:
        return {**source, "base_url": REGIONS[region]}
    return source


def _settings(values: dict[str, Any]) -> Settings:
    for name, (kind, expected) in _KINDS.items():
        if not isinstance(values.get(name), kind | None):
            raise ConfigError(f"{name} (given): expected {expected}.", setting=name)
    try:
        return Settings(**values)
    except ValidationError as error:
        raise _config_error(error, values) from None


def _config_error(error: ValidationError, values: dict[str, Any]) -> ConfigError:
    """Say which setting is wrong and where it came from, without its value: it may be a secret."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, Settings.model_fields, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(Settings.model_fields)}."
        return ConfigError(f"Unknown setting {name!r}; {hint}", setting=name)
    source = "given" if name in values else f"environment variable CONNECTY_{name.upper()}"
    reason = first["msg"].removeprefix("Value error, ")
    return ConfigError(f"{name} ({source}): {reason}.", setting=name)
