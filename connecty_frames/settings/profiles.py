"""Profiles: settings that a user keeps in a file, one table for each organisation or environment.

A table inherits nothing from another: ``[staging]`` uses no setting of ``[default]``, so that a question is
never sent with the credentials of one and the workspace of the other.

The file decides where questions and secrets are sent, so it must belong to the user or to root. A file with a
secret is refused if others can read it. Secrets are wrapped as soon as they are read, and no exception of the
TOML reader is passed on: its frames hold the text of the file.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from connecty_frames._base.immutable import Immutable
from connecty_frames._base.secret import SecretStr
from connecty_frames._base.text import listed, path_text, shell_path, snippet
from connecty_frames.errors import ConfigError
from connecty_frames.files import atomic_write, checked_path, locked_folder, open_regular, user_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import BufferedReader

#: The profile that is used if none is named.
DEFAULT: Final = "default"
#: The environment variable with the path of the file, if that is not the usual one.
VARIABLE: Final = "CONNECTY_CONFIG"

#: The largest file that is read, in bytes.
_MAX_BYTES: Final = 2**20


def environment() -> dict[str, str]:
    """Return the environment by names in capitals; an empty variable counts as not set."""
    return {name.upper(): value for name, value in os.environ.items() if value}


def config_file() -> Path:
    """Return the path of the file of profiles, existing or not; a ConfigError without a home or a name."""
    path = environment().get(VARIABLE)
    if path:
        return checked_path(path, VARIABLE)
    folder = user_folder("config")
    if folder is None:
        raise ConfigError(
            f"This user has no home folder for profiles. Set {VARIABLE} to name a profile file.",
            setting="profile",
        )
    return folder / "config.toml"


class Profiles(Immutable):
    """The profiles of a file: the settings of each by its name, as they are in the file."""

    hidden = frozenset({"tables"})

    path: Path
    tables: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, *, needed: bool) -> Profiles:
        """Read the file, which need not exist unless a profile is ``needed``; raises ConfigError."""
        # Invalid TOML, another owner than this user or root, and a secret that others can read are errors.
        is_usual = not needed and VARIABLE not in environment()
        if is_usual and user_folder("config") is None:
            return cls(Path(), {})
        path = config_file()
        try:
            with open_regular(path) as file:
                return cls(path, _tables(file, path))
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            # A service may run with the home directory of another user, which it cannot read.
            if is_usual:
                return cls(path, {})
            reason = error.strerror
        except OSError as error:
            reason = error.strerror
        raise ConfigError(
            f"The profiles in {path_text(path)} cannot be read: {reason}. Set {VARIABLE} to name another "
            "file.",
            setting="profile",
        )

    @classmethod
    def read_to_change(cls) -> Profiles:
        """Read the file in order to change it; one that does not exist yet has no profiles."""
        # A device such as ``/dev/null``, or a link to nothing, is a ConfigError.
        path = config_file()
        if os.path.isfile(path):  # noqa: PTH113 - unlike that of Path, it raises nothing
            return cls.read(needed=True)
        if os.path.lexists(path):
            raise ConfigError(
                f"{path_text(path)} is not a regular file. Remove it, or set {VARIABLE} to "
                "name another file.",
                setting="profile",
            )
        return cls(path, {})

    def save(self, name: str, changes: Mapping[str, Any]) -> None:
        """Set or, if None, remove settings of a profile; all else in the file stays as it is."""
        # The file is replaced when the new one is complete, and only its owner can read that (mode 600). Its
        # folder is made if need be, for the owner alone (mode 700). A change that would change more is a
        # ConfigError.
        self.path.parent.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        with locked_folder(self.path.parent):  # another caller may be setting another profile
            before = self.path.read_bytes() if self.path.exists() else b""
            text = _changed(before.decode("utf-8-sig"), name, changes)
            before = b""  # a traceback with locals would show the secrets in it
            if text is None:
                raise ConfigError(
                    f"Profile {snippet(name)!r} cannot be set in {path_text(self.path)} without changing "
                    "other parts. Edit the file yourself.",
                    setting="profile",
                )
            with atomic_write(self.path, private=True) as file:
                file.write(text.get_secret_value().encode())

    def settings(self, name: str) -> dict[str, Any]:
        """Return the settings of a profile; raises ConfigError."""
        if name not in self.tables:
            known = f"there are {listed([*map(snippet, self.tables)])}" if self.tables else "there are none"
            raise ConfigError(
                f"No profile {snippet(name)!r} in {path_text(self.path)}; {known}.", setting="profile"
            )
        return self.tables[name]


def _tables(file: BufferedReader, path: Path) -> dict[str, dict[str, Any]]:
    """Return the tables of a file with secrets wrapped, after checking its owner and permissions."""
    status = os.fstat(file.fileno())
    # On Windows, owner and mode have no meaning; the folder of a user is private there.
    if os.name != "nt" and status.st_uid not in (os.geteuid(), 0):
        raise ConfigError(
            f"{path_text(path)} belongs to another user (uid {status.st_uid}), who could send questions and "
            f"secrets elsewhere. Make it your own: chown {os.geteuid()} {shell_path(path)}",
            setting="profile",
        )
    tables = _parse(file, path)
    outside = [name for name, value in tables.items() if not isinstance(value, dict)]
    if outside:
        raise ConfigError(
            f"{snippet(outside[0])!r} in {path_text(path)} does not belong to a profile; put it under "
            f"[{DEFAULT}] or "
            "another name in brackets.",
            setting="profile",
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
    """Parse TOML and wrap secrets. Errors are raised where no frame holds the text of the file."""
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
    raise ConfigError(f"{path_text(path)} is not valid TOML: {reason}.", setting="profile")


def _changed(text: str, name: str, changes: Mapping[str, Any]) -> SecretStr | None:
    """Return the text of a file with a profile changed, or None if more than that would change."""
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
