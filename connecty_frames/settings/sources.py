"""The sources of settings: argument > ``configure()`` > environment > profile > default.

:class:`Settings` is made from these and passed on; no other module uses the environment or the profile file.

A profile is a table of settings for an organisation or environment. It inherits nothing from another:
``[staging]`` uses no setting of ``[default]``, so that a question is never sent with the credentials of one
and the workspace of the other.

The file decides where questions and secrets are sent, so it must belong to the user or to root. A file with a
secret is refused if others can read it. Secrets are wrapped as soon as they are read, and no exception of the
TOML reader is passed on: its frames hold the text of the file.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from connecty_frames import files
from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import SecretStr, did_you_mean, hidden, listed, path_text, shell_path, snippet
from connecty_frames.errors import ConfigError
from connecty_frames.settings.values import HISTORY_WORDS, NAMES, Settings, parse_bool, parse_setting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import BufferedReader
    from typing import Unpack

    from connecty_frames.settings.values import SettingsDict

_DEFAULT: Final = "default"  # the default profile
_MAX_BYTES: Final = 2**20  # the largest file of profiles, in bytes
_LONGEST_SECRET: Final = 65_536  # the largest file with a secret, in bytes
CREDENTIALS: Final = ("client_id", "client_secret", "profile")  # the settings of an account
_ADDRESS: Final = frozenset({"region", "base_url"})


class _Process:
    # Each is replaced as a whole: other threads see all of a change or nothing of it.

    def __init__(self) -> None:
        self.configured: Mapping[str, Any] = {}
        self.sandbox: Mapping[str, Any] = {}
        self.lock = threading.Lock()  # held while ``configured`` is read and replaced

    def renew_lock(self) -> None:
        """Replace the lock in a forked child: the thread holding it does not exist there."""
        self.lock = threading.Lock()


_process: Final = _Process()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_process.renew_lock)


class _Source(NamedTuple):
    place: str  # in words; ``{NAME}`` stands for the name of the setting in capitals
    values: Mapping[str, Any]
    is_text: bool = False  # true if all values are text, as in the environment
    is_parsed: bool = False  # true if all values are those of :class:`Settings` already


def configure(**settings: Unpack[SettingsDict]) -> None:
    """Set connection settings for the whole process.

    They apply to all later calls and clients unless overridden there, and take precedence over the
    environment and profiles. None unsets a setting.

    Parameters
    ----------
    client_id : str or None, default None
        The client id; ConnectyAI support provides credentials.
    client_secret : str, SecretStr, callable or None, default None
        The client secret, or a function that returns it and is called once more if the secret is refused.
    region : {"eu1", "us1"} or None, default "eu1"
        The region of your organisation, ``"eu1"`` or ``"us1"``.
    base_url : str or None, default None
        The address of the API, instead of ``region``.
    dw_id : int or None, default None
        The data workspace to ask by default.
    timeout : float or None, default 300.0
        The default timeout of a whole call, in seconds, up to 30 days.
    max_body_bytes : int or None, default 2147483648
        The largest response to read, in bytes after decompression.
    verify_tls : bool or None, default True
        False turns off certificate verification, with an InsecureWarning for each client: anyone between the
        client and the API can then read the secret.
    ca_bundle : str, path-like or None, default None
        The certificates to trust: a PEM file, or a folder of them. The default is ``REQUESTS_CA_BUNDLE``,
        ``CURL_CA_BUNDLE`` or certifi's.
    history : bool, str, path-like or None, default False
        Record questions and their ids: True uses your own file, a path another one.
        ``"postgresql://user@host/database"`` can be shared by several machines.
    history_required : bool or None, default False
        Send no question that cannot be recorded; also ``history="require"``.
    max_questions_per_day : int, mapping or None, default None
        The maximum number of questions of this client id in any 24 hours, counted in the history by all that
        share it; or several, by the tag ``job``, and by ``"*"`` for all: ``{"nightly": 300, "*": 1000}``.
        Beyond it, QuestionLimitError is raised; reused answers do not count. It turns the history on.
    keep_answers : bool or None, default False
        Keep the answers to recorded questions in a file next to the history, so that ``max_age=`` needs no
        network. It turns the history on.
    keep_answers_max_bytes : int or None, default 1073741824
        The maximum size of all kept answers, in bytes after compression; the oldest are removed first.
    keep_answers_max_age : str, float, timedelta or None, default None
        The maximum age of kept answers, such as ``"30d"``; a new client removes older ones.
    profile : str or None, default None
        The profile in ``config.toml`` to use; by default ``default``.

    Raises
    ------
    ConfigError
        If a name or value is wrong; then nothing is set.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> cf.configure(dw_id=13, timeout=60)
    >>> cf.configure(timeout=None)  # unsets it
    """
    hide(settings)
    with _process.lock:  # another thread may be setting something else
        process, kept = _Process(), {**_process.configured}
        for name in settings:
            kept.pop(name, None)
        if settings.get("region") is not None and settings.get("base_url") is None:
            kept.pop("base_url", None)  # the last one set applies
        process.configured = kept  # checked before, and not read again
        checked = resolve(process, **settings)
        given = {name: getattr(checked, name) for name, value in settings.items() if value is not None}
        if settings.get("ca_bundle") is not None:
            # Each call expands its ~.
            given["ca_bundle"] = Path(hidden(settings["ca_bundle"]).get_secret_value())
        swap_configured({**kept, **given})


def set_sandbox(connection: Mapping[str, Any]) -> None:
    """Set the sandbox for calls to ask; an empty connection ends this."""
    _process.sandbox = connection


def swap_configured(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Replace the configured settings, unchecked, and return those before."""
    before, _process.configured = _process.configured, settings
    return before


def resolve(process: _Process = _process, /, **arguments: Any) -> Settings:
    """Return the current settings: arguments, if not None, then weaker sources; raises ConfigError."""
    if arguments:
        hide(arguments)
    try:
        return _settings(_sources(arguments, process))
    except BaseException as error:  # noqa: BLE001 - raised again below
        failure = error
    # Without frames: their locals hold a secret.
    failure.__cause__ = failure.__context__ = None
    raise failure.with_traceback(None)


def wants_sandbox() -> bool:
    """Return True if the environment sends calls to a sandbox; raises ConfigError."""
    # The variable is no setting: a Client does not look at it.
    text = environment().get("CONNECTY_SANDBOX", "0")
    try:
        return parse_bool(text)
    except ValueError as error:
        raise ConfigError(
            f"CONNECTY_SANDBOX={snippet(text)} in the environment: {error}.", setting="sandbox"
        ) from None


def explain(**arguments: Any) -> list[tuple[str, Any, str]]:
    """Return the name, value and source of each setting; raises ConfigError."""
    hide(arguments)
    settings = resolve(**arguments)
    return [(name, getattr(settings, name), settings.places.get(name, "default")) for name in NAMES]


def selected_profile(given: str | None) -> str:
    """Return the name of the profile in use, existing or not; raises ConfigError."""
    name = environment().get("CONNECTY_PROFILE") if given is None else given
    return check_settings({"profile": name}).profile or _DEFAULT


def check_settings(values: Mapping[str, Any]) -> Settings:
    """Return the settings with these values, regardless of other sources; raises ConfigError."""
    return _settings([_Source("given", values)])


def profile_settings(profiles: Profiles, name: str, changes: Mapping[str, Any]) -> Settings:
    """Return the settings of a profile with changes not stored yet; raises ConfigError."""
    # Settings missing in the profile come from the environment, else they have their defaults.
    stored = _from_profile(profiles, name) if name in profiles.tables else _Source("", {})
    kept = {key: value for key, value in stored.values.items() if key not in changes}
    return _settings([_Source("given", changes), stored._replace(values=kept), *_environment(environment())])


def _sources(arguments: Mapping[str, Any], process: _Process) -> list[_Source]:
    configured = process.configured
    # All of the connection to the sandbox, or none of it: with only a part, an account's credentials would be
    # sent to the sandbox. Code with its own account, or a client of another address, gets no sample data.
    elsewhere = [arguments.get(name) for name in (*CREDENTIALS, *_ADDRESS)]
    elsewhere += [configured.get(name) for name in CREDENTIALS]
    sandbox = process.sandbox if all(value is None for value in elsewhere) else {}
    variables = environment()
    sources = [
        _Source("argument", arguments),
        _Source("use_sandbox()", sandbox),
        _Source("configure()", configured, is_parsed=True),
        *_environment(variables),
    ]
    named = (each.values["profile"] for each in sources if each.values.get("profile") is not None)
    profile = next(named, None)
    if profile is None or isinstance(profile, str):  # any other type, and "", are errors later
        profiles = Profiles.read(variables.get("CONNECTY_CONFIG"), needed=profile is not None)
        if profile is None and _DEFAULT in profiles.tables:
            profile = _DEFAULT
        if profile:
            sources.append(_from_profile(profiles, profile))
    return sources


def environment() -> dict[str, str]:
    """Return the variables of this package by names in capitals; an empty one counts as not set."""
    # Decoding the values of all others would take most of the time of a call's settings.
    names = [name for name in os.environ if name.upper().startswith("CONNECTY_")]
    return {name.upper(): value for name in names if (value := os.environ.get(name))}


def _environment(variables: Mapping[str, str]) -> tuple[_Source, _Source]:
    """Return the settings in the environment, and the secret of a file named there, as in containers."""
    values = {name: variables.get(f"CONNECTY_{name.upper()}") for name in NAMES}
    file = variables.get("CONNECTY_CLIENT_SECRET_FILE")
    if file and values["client_secret"]:
        raise ConfigError(
            "CONNECTY_CLIENT_SECRET and CONNECTY_CLIENT_SECRET_FILE are both set: unset one of them.",
            setting="client_secret",
        )
    secret = None if file is None else partial(_read_secret, file)
    return (
        _Source("environment variable CONNECTY_{NAME}", values, is_text=True),
        _Source("environment variable CONNECTY_{NAME}_FILE", {"client_secret": secret}),
    )


def _read_secret(file: str) -> str:
    with files.open_regular(files.local_path(file)) as opened, suppress(UnicodeDecodeError):
        if os.fstat(opened.fileno()).st_size > _LONGEST_SECRET:
            raise OSError(errno.EFBIG, "it is too long")
        return opened.read(_LONGEST_SECRET).decode().rstrip("\r\n")  # no variable has it
    raise OSError(errno.EILSEQ, "it is not UTF-8")


def hide(settings: Any) -> None:
    """Wrap possible secrets in place: a traceback with locals shows the caller's dict too."""
    for name, value in settings.items():
        is_text = isinstance(value, str | bytes | os.PathLike) and name != "profile"  # shown in messages
        if is_text or name in {"client_id", "client_secret", "base_url"}:
            settings[name] = hidden(value)


def _from_profile(profiles: Profiles, name: str) -> _Source:
    tables = profiles.tables
    if name not in tables:
        shown, known = snippet(name), listed([*map(snippet, tables)]) or "none"
        raise _profile_error(
            f"No profile {shown!r} in {path_text(profiles.path)}; it has {known}. "
            f"To create the profile, run: connecty login --profile {shell_path(shown)}"
        )
    values = dict(tables[name])
    for setting in ("ca_bundle", "history"):
        path = values.get(setting)
        is_word = setting == "history" and str(path).lower() in HISTORY_WORDS
        if isinstance(path, str) and not path.startswith("~") and not is_word:
            # Relative to the folder of the file, not to the working directory.
            with suppress(ValueError):  # anything but a path is an error later
                values[setting] = profiles.path.absolute().parent / files.local_path(path)
    place = f"profile {snippet(name)} in {path_text(profiles.path)}"
    if "profile" in values:
        raise ConfigError(f"profile ({place}): a profile cannot name another; remove it.", setting="profile")
    return _Source(place, values)


def _settings(sources: list[_Source]) -> Settings:
    found: dict[str, _Source] = {}
    for source in sources:
        # Region and address are one setting: a region takes precedence over the address of a weaker source.
        decided = _ADDRESS if found.keys() & _ADDRESS else frozenset()
        for name in source.values:  # no local variable for the value: it may be a secret
            if (source.values[name] is not None or name not in NAMES) and name not in decided:
                found.setdefault(name, source)
    places = {name: source.place.replace("{NAME}", name.upper()) for name, source in found.items()}
    values: dict[str, Any] = {}
    for name, source in found.items():
        if name not in NAMES:
            reason = f"Unknown setting {snippet(name)!r} ({places[name]})"
            raise ConfigError(f"{reason}; {did_you_mean(name, NAMES)}", setting=name)
        if source.is_parsed and name not in ("ca_bundle", "history"):  # these depend on the environment
            values[name] = source.values[name]
            continue
        try:
            values[name] = parse_setting(name, source.values[name], is_text=source.is_text)
            continue
        except ValueError as error:
            reason = str(error)
        # Not in the handler: the frames of the first error hold the value.
        raise ConfigError(f"{name} ({places[name]}): {reason}.", setting=name)
    return Settings(**values, places=places)


def config_file(named: str | None) -> Path:
    """Return the path of the file of profiles, existing or not; a ConfigError without a home or a name."""
    if named is not None:
        return files.checked_path(named, "CONNECTY_CONFIG")
    folder = files.user_folder("config")
    if folder is None:
        raise _profile_error(
            "This user has no home folder for profiles. Set CONNECTY_CONFIG to a profile file."
        )
    return folder / "config.toml"


class Profiles(Immutable):
    """The profiles of a file: the settings of each by its name, as they are in the file."""

    hidden = frozenset({"tables"})

    path: Path
    tables: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, named: str | None, *, needed: bool) -> Profiles:
        """Read the file; a ConfigError if it is ``named`` and missing, or ``needed`` and unreadable."""
        try:
            path = config_file(named)
        except ConfigError:  # there is no home
            if needed or named is not None:
                raise
            return cls(Path(), {})
        try:
            with files.open_regular(path) as file:
                return cls(path, _tables(file, path))
        except OSError as error:
            is_missing = isinstance(error, FileNotFoundError | NotADirectoryError)
            # A service may run with another user's home directory, and not be allowed to read it.
            if named is None and (is_missing or (isinstance(error, PermissionError) and not needed)):
                return cls(path, {})
            reason = error.strerror
        raise _profile_error(
            f"The profiles in {path_text(path)} cannot be read: {reason}. "
            "Set CONNECTY_CONFIG to another file."
        )


def _tables(file: BufferedReader, path: Path) -> dict[str, dict[str, Any]]:
    status = os.fstat(file.fileno())
    # On Windows, owner and mode have no meaning; the folder of a user is private there.
    if os.name != "nt" and status.st_uid not in (os.geteuid(), 0):
        raise _profile_error(
            f"{path_text(path)} belongs to another user (uid {status.st_uid}), who could send questions and "
            f"secrets elsewhere. Make it your own: chown {os.geteuid()} {shell_path(path)}"
        )
    tables = _parse(file, path)
    outside = [name for name, value in tables.items() if not isinstance(value, dict)]
    if outside:
        raise _profile_error(
            f"{snippet(outside[0])!r} in {path_text(path)} does not belong to a profile; put it under "
            f"[{_DEFAULT}] or another name in brackets."
        )
    is_shared = os.name != "nt" and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    if is_shared and any("client_secret" in table for table in tables.values()):
        raise ConfigError(
            f"{path_text(path)} holds a client_secret, and others can read or change it (mode "
            f"{stat.S_IMODE(status.st_mode):o}). Run: chmod 600 {shell_path(path)}",
            setting="client_secret",
        )
    return tables


def _parse(file: BufferedReader, path: Path) -> dict[str, Any]:
    """Parse TOML and wrap secrets. Errors are raised outside the frames with the text of the file."""
    import tomllib  # not imported where there is no file

    if os.fstat(file.fileno()).st_size > _MAX_BYTES:
        reason = f"it is longer than {_MAX_BYTES:,} bytes"
    else:
        try:
            tables = tomllib.loads(file.read(_MAX_BYTES).decode("utf-8-sig"))
        except tomllib.TOMLDecodeError as error:
            reason = str(error)  # "... (at line 3, column 7)"
        except UnicodeDecodeError:
            reason = "it is not UTF-8 text"
        except RecursionError:
            reason = "its values are nested too deeply"
        except ValueError:  # Python's limit of digits
            reason = "a number in it has too many digits"
        else:
            for table in tables.values():
                if isinstance(table, dict) and isinstance(table.get("client_secret"), str):
                    table["client_secret"] = SecretStr(table["client_secret"])
            return tables
    raise _profile_error(
        f"{path_text(path)} is not valid TOML: {reason}. Correct it, or set CONNECTY_CONFIG to another file."
    )


def profiles_to_change() -> Profiles:
    """Read the file in order to change it; a missing one has no profiles."""
    # A device such as ``/dev/null``, or a link to nothing, is a ConfigError.
    named = environment().get("CONNECTY_CONFIG")
    path = config_file(named)
    if os.path.isfile(path):  # noqa: PTH113 - unlike Path's, it raises nothing
        return Profiles.read(named, needed=True)
    if os.path.lexists(path):
        raise _profile_error(
            f"{path_text(path)} is not a regular file. Remove it, or set CONNECTY_CONFIG to another file."
        )
    return Profiles(path, {})


def save_profile(path: Path, name: str, changes: Mapping[str, Any]) -> None:
    """Set or, if None, remove settings of a profile; all else in the file stays as it is."""
    # The complete new file replaces the old one, readable by its owner alone (mode 600). Its folder is made
    # if need be, for the owner alone (mode 700). A change with side effects is a ConfigError.
    path.parent.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    with files.locked_folder(path.parent):  # another caller may be setting another profile
        before = path.read_bytes() if path.exists() else b""
        text = _changed(before.decode("utf-8-sig"), name, changes)
        before = b""  # a traceback with locals would show the secrets in it
        if text is None:
            raise _profile_error(
                f"Profile {snippet(name)!r} cannot be set in {path_text(path)} without changing other parts; "
                "edit the file yourself."
            )
        with files.atomic_write(path, private=True) as file:
            file.write(text.get_secret_value().encode())


def _changed(text: str, name: str, changes: Mapping[str, Any]) -> SecretStr | None:
    import tomllib

    import tomlkit

    try:
        document, expected = tomlkit.parse(text), tomllib.loads(text)
        for tables in (document, expected):
            table: Any = tables.setdefault(name, {})
            for key, value in changes.items():
                if value is None:
                    table.pop(key, None)
                else:
                    table[key] = value.get_secret_value() if isinstance(value, SecretStr) else value
        changed = SecretStr(tomlkit.dumps(document))
        is_right = tomllib.loads(changed.get_secret_value()) == expected
    except Exception:  # noqa: BLE001 - the frames of whatever a library raises hold the text of the file
        return None
    return changed if is_right else None


def _profile_error(message: str) -> ConfigError:
    return ConfigError(message, setting="profile")
