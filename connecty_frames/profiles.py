"""Profiles: the settings that a person keeps in a file, one table for each place that they ask.

    [default]
    client_id = "..."
    client_secret = "..."
    dw_id = 13

    [staging]
    region = "us1"
    ...

A table is whole by itself: nothing of ``[default]`` holds for ``[staging]``, so that a question can never go
out with the credentials of one place and the workspace of another.

The file decides where questions and secrets go, so it must belong to the user or to root. It may hold
secrets, so it is refused where anybody else can read it then. Secrets are wrapped as soon as they are read,
and what the TOML reader raises is not passed on: its frames hold the text of the file.
"""

from __future__ import annotations

import os
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from connecty_frames.errors import ConfigError
from connecty_frames.files import open_regular
from connecty_frames.text import listed, path_text, shell_path, snippet

if TYPE_CHECKING:
    from io import BufferedReader

__all__ = ["DEFAULT", "Profiles", "config_file"]

#: The profile that holds where none is named.
DEFAULT: Final = "default"
#: Names a file to read in place of the usual one.
VARIABLE: Final = "CONNECTY_CONFIG"

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
#: The longest file that is read, in bytes.
_LONGEST: Final = 2**20


def config_file() -> Path:
    """Give the file of profiles, whether it is there or not."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    import platformdirs

    return platformdirs.user_config_path("connecty", appauthor=False) / "config.toml"


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profiles of a file.

    Parameters
    ----------
    path
        The file.
    tables
        The settings of each profile by its name, as they stand there.
    """

    path: Path
    tables: dict[str, dict[str, Any]] = field(repr=False)

    @classmethod
    def read(cls, *, needed: bool) -> Profiles:
        """Read the file.

        Parameters
        ----------
        needed
            Whether a profile was named. If not, and no other file was, there need not be one.

        Raises
        ------
        ConfigError
            Where the file cannot be read, belongs to another user than this one and root, is no TOML or no
            file of profiles, or holds a secret that others can read.
        """
        path = config_file()
        try:
            with open_regular(path) as file:
                return cls(path, _tables(file, path))
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            # A service may run with the home of somebody else, where it may not even look.
            if not needed and not os.environ.get(VARIABLE):
                return cls(path, {})
            reason = error.strerror
        except OSError as error:
            reason = error.strerror
        raise ConfigError(
            f"The profiles in {path_text(path)} cannot be read: {reason}. Set {VARIABLE} to name another "
            "file.",
            setting="profile",
        )

    def settings(self, name: str | None) -> dict[str, Any]:
        """Give the settings of a profile; of the default one, if there is one, for None.

        Raises
        ------
        ConfigError
            Where there is no profile of that name.
        """
        if name is None:
            return self.tables.get(DEFAULT, {})
        if name not in self.tables:
            there = f"there are {listed([*map(snippet, self.tables)])}" if self.tables else "there are none"
            raise ConfigError(
                f"No profile {snippet(name)!r} in {path_text(self.path)}; {there}.", setting="profile"
            )
        return self.tables[name]


def _tables(file: BufferedReader, path: Path) -> dict[str, dict[str, Any]]:
    """Read the tables of a file, secrets wrapped."""
    status = os.fstat(file.fileno())
    # On Windows owner and mode say nothing; there, a profile folder is its owner's.
    if os.name != "nt" and status.st_uid not in (os.geteuid(), 0):
        raise ConfigError(
            f"{path_text(path)} belongs to another user (uid {status.st_uid}), who could send questions and "
            f"secrets elsewhere. Make it your own: chown {os.geteuid()} {shell_path(path)}",
            setting="profile",
        )
    found = _parsed(file, path)
    loose = [name for name, value in found.items() if not isinstance(value, dict)]
    if loose:
        raise ConfigError(
            f"{snippet(loose[0])!r} in {path_text(path)} stands in no profile; put it below [{DEFAULT}] or "
            "another name in brackets.",
            setting="profile",
        )
    others = os.name != "nt" and status.st_mode & _OTHERS
    if others and any("client_secret" in table for table in found.values()):
        raise ConfigError(
            f"{path_text(path)} holds a client_secret, and others can read or change it (mode "
            f"{stat.S_IMODE(status.st_mode):o}). Run: chmod 600 {shell_path(path)}",
            setting="client_secret",
        )
    return found


def _parsed(file: BufferedReader, path: Path) -> dict[str, Any]:
    """Read TOML, secrets wrapped. The errors are raised where no frame holds the text of the file."""
    if os.fstat(file.fileno()).st_size > _LONGEST:
        reason = f"it is longer than {_LONGEST:,} bytes"
    else:
        try:
            return _wrapped(tomllib.loads(file.read(_LONGEST).decode("utf-8-sig")))
        except tomllib.TOMLDecodeError as error:
            reason = str(error)  # "... (at line 3, column 7)"
        except UnicodeDecodeError:
            reason = "it is not UTF-8 text"
        except RecursionError:
            reason = "its values are nested too deeply"
        except ValueError:  # Python's limit
            reason = "a number in it has too many digits"
    raise ConfigError(f"{path_text(path)} is no TOML: {reason}.", setting="profile")


def _wrapped(tables: dict[str, Any]) -> dict[str, Any]:
    for table in tables.values():
        if isinstance(table, dict) and isinstance(table.get("client_secret"), str):
            table["client_secret"] = SecretStr(table["client_secret"])
    return tables
