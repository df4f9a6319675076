"""Connection settings: argument > ``configure()`` > environment > profile > default.

One object, :class:`Settings`, is made from these sources and passed on; nothing below reads the environment
or a file.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)

from connecty_frames.errors import ConfigError
from connecty_frames.options import DW_ID_LIMIT, MAX_TIMEOUT
from connecty_frames.profiles import DEFAULT, Profiles
from connecty_frames.protocol import REGIONS
from connecty_frames.text import path_text, snippet

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LARGEST_BODY", "Settings", "configure", "configured", "explain", "is_loopback", "resolve"]

#: The longest response body that is read where nothing else is set, in bytes after unpacking.
LARGEST_BODY: Final = 2 * 1024**3

_NO_CREDENTIALS: Final = (
    "Set it {}in the environment, or in a profile (`connecty config path` names the file); ConnectyAI "
    "support gives out credentials. To try connecty_frames without an account, run `connecty sandbox` and "
    "export what it prints, or in Python: `from connecty_frames.sandbox import Sandbox` and `with Sandbox() "
    "as sandbox: Client(**sandbox.connection)`."
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
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(
            "http:// would send the secret in the clear; use https:// (http is for loopback only)"
        )
    return address.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether what is sent to a host stays on this machine."""
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


def _expanded(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("expected a path, which has no NUL character in it")
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("expected a number")  # noqa: TRY004 - pydantic collects these and no TypeError
    return value


class Settings(BaseModel):
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
    profile
        The table of ``config.toml`` to take what is set nowhere else from; ``default`` where none is named.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    client_id: Annotated[str, AfterValidator(_plain)] | None = None
    client_secret: Annotated[SecretStr, AfterValidator(_plain_secret)] | None = None
    region: Literal["eu1", "us1"] = "eu1"
    base_url: Annotated[str, AfterValidator(_checked_address)] | None = None
    dw_id: Annotated[int, Field(ge=0, lt=DW_ID_LIMIT), BeforeValidator(_no_truth)] | None = None
    timeout: Annotated[
        float, Field(gt=0, le=MAX_TIMEOUT, allow_inf_nan=False), BeforeValidator(_no_truth)
    ] = 300.0
    max_body_bytes: Annotated[int, Field(gt=0), BeforeValidator(_no_truth)] = LARGEST_BODY
    verify_tls: bool = True
    ca_bundle: Annotated[Path, AfterValidator(_expanded)] | None = None
    profile: Annotated[str, AfterValidator(_plain)] | None = None

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
            f"No {where}.",
            hint=_NO_CREDENTIALS.format("as an argument of Client, by connecty_frames.configure(), "),
            shell_hint=_NO_CREDENTIALS.format(""),
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


class _Source(NamedTuple):
    """Somewhere that settings come from."""

    #: In words; ``{NAME}`` stands for the name of the setting in capitals.
    place: str
    values: dict[str, Any]
    #: Whether a number is written as text, as the environment has nothing else.
    text: bool = False

    def of(self, setting: str) -> str:
        return self.place.replace("{NAME}", setting.upper())


class _Found(NamedTuple):
    """The strongest value of a setting, and its source."""

    value: Any
    source: _Source


def configure(**settings: Any) -> None:
    """Set connection settings for the whole process.

    They hold for every later call and Client that does not name its own; environment and profile count only
    where neither does. None takes a setting back.

    Parameters
    ----------
    **settings
        ``client_id client_secret region base_url dw_id timeout max_body_bytes verify_tls ca_bundle profile``,
        as for ``Client``.

    Raises
    ------
    ConfigError
        Where a name or value is wrong; nothing is set then.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> cf.configure(dw_id=13, timeout=60)
    >>> cf.configure(timeout=None)  # takes it back
    """
    before = dict(_configured)
    if settings.get("region") is not None and settings.get("base_url") is None:
        before.pop("base_url", None)  # the later word counts
    after = {name: value for name, value in {**before, **settings}.items() if value is not None}
    try:
        _read(_Source("argument", after))
    except BaseException:
        for held in (settings, before, after):
            held.clear()  # a traceback with locals would show the secret in it
        raise
    _configured.clear()
    _configured.update(after)


@contextmanager
def configured(**settings: Any) -> Iterator[None]:
    """Let these settings and no others be configured for as long as the context lasts."""
    before = dict(_configured)
    _configured.clear()
    try:
        try:
            configure(**settings)
        finally:
            settings.clear()  # a traceback with locals would show the secret in it
        yield
    finally:
        _configured.clear()
        _configured.update(before)


def resolve(**arguments: Any) -> Settings:
    """Give the settings that hold, from arguments (None is not given) and the weaker sources.

    Raises
    ------
    ConfigError
        Where a name or value is wrong.
    """
    try:
        return _read(_Source("argument", arguments), _Source("configure()", _configured))[0]
    except BaseException:
        arguments.clear()
        raise


def explain(**arguments: Any) -> list[tuple[str, Any, str]]:
    """Give each setting that holds: its name, its value and where it comes from.

    Raises
    ------
    ConfigError
        Where a name or value is wrong.
    """
    try:
        settings, found = _read(_Source("argument", arguments), _Source("configure()", _configured))
    except BaseException:
        arguments.clear()
        raise
    return [
        (name, getattr(settings, name), found[name].source.of(name) if name in found else "default")
        for name in Settings.model_fields
    ]


def _read(*given: _Source) -> tuple[Settings, dict[str, _Found]]:
    """Make the settings. Whatever ends that leaves without the frames in which a secret stands open."""
    try:
        found = _found(given)
        return _settings(found), found
    except BaseException as error:  # noqa: BLE001 - raised again below
        refused = error
    refused.__cause__ = refused.__context__ = None
    given, found = (), {}
    raise refused.with_traceback(None)


def _found(given: tuple[_Source, ...]) -> dict[str, _Found]:
    """Give the strongest value of each setting that any source has."""
    environment = _Source("environment variable CONNECTY_{NAME}", _environment(), text=True)
    found: dict[str, _Found] = {}
    for source in (*given, environment):
        _fill(found, source)
    named = found["profile"].value if "profile" in found else None
    if named is None or isinstance(named, str):  # else it is refused, like any setting of a wrong kind
        _fill(found, _profile(named))
    return found


def _environment() -> dict[str, Any]:
    """Return the settings of the environment, named in any case; an empty one is not set."""
    variables = {name.upper(): value for name, value in os.environ.items() if value}
    return {name: variables.get(f"CONNECTY_{name.upper()}") for name in Settings.model_fields}


def _fill(found: dict[str, _Found], source: _Source) -> None:
    """Take from a source what no stronger one has."""
    # Region and address are one decision: a region beats the address that a weaker source names.
    decided = {"region", "base_url"} if {"region", "base_url"} & set(found) else set()
    for name, value in source.values.items():
        if value is not None and name not in decided:
            found.setdefault(name, _Found(value, source))


def _profile(name: str | None) -> _Source:
    profiles = Profiles.read(needed=name is not None)
    values = dict(profiles.settings(name))
    bundle = values.get("ca_bundle")
    if isinstance(bundle, str) and not bundle.startswith("~"):
        # A file names its neighbours, wherever one stands.
        values["ca_bundle"] = profiles.path.absolute().parent / bundle
    place = f"profile {snippet(name or DEFAULT)} in {path_text(profiles.path)}"
    if "profile" in values:
        raise ConfigError(f"profile ({place}): a profile cannot name another.", setting="profile")
    return _Source(place, values)


def _settings(found: dict[str, _Found]) -> Settings:
    for name, (kind, expected) in _KINDS.items():
        each = found.get(name)
        if each is not None and not each.source.text and not isinstance(each.value, kind):
            raise ConfigError(f"{name} ({each.source.of(name)}): expected {expected}.", setting=name)
    try:
        return Settings(**{name: each.value for name, each in found.items()})
    except ValidationError as error:
        raise _config_error(error, found) from None


def _config_error(error: ValidationError, found: dict[str, _Found]) -> ConfigError:
    """Say which setting is wrong and where it came from, without its value: it may be a secret."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name = str(first["loc"][0])
    place = found[name].source.of(name)
    if first["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, Settings.model_fields, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(Settings.model_fields)}."
        return ConfigError(f"Unknown setting {snippet(name)!r} ({place}); {hint}", setting=name)
    reason = first["msg"].removeprefix("Value error, ")
    return ConfigError(f"{name} ({place}): {reason}.", setting=name)
