"""Changes of the file of profiles, as `connecty login` makes them: all else in it stays as it is."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from connecty_frames._base.text import SecretStr, path_text, snippet
from connecty_frames.errors import ConfigError
from connecty_frames.files import atomic_write, locked_folder
from connecty_frames.settings.sources import Profiles, config_file, environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def profiles_to_change() -> Profiles:
    """Read the file in order to change it; a missing one has no profiles."""
    # A device such as ``/dev/null``, or a link to nothing, is a ConfigError.
    named = environment().get("CONNECTY_CONFIG")
    path = config_file(named)
    if os.path.isfile(path):  # noqa: PTH113 - unlike Path's, it raises nothing
        return Profiles.read(named, needed=True)
    if os.path.lexists(path):
        raise ConfigError(
            f"{path_text(path)} is not a regular file. Remove it, or set CONNECTY_CONFIG to another file.",
            setting="profile",
        )
    return Profiles(path, {})


def save_profile(path: Path, name: str, changes: Mapping[str, Any]) -> None:
    """Set or, if None, remove settings of a profile; all else in the file stays as it is."""
    # The complete new file replaces the old one, readable by its owner alone (mode 600). Its folder is made
    # if need be, for the owner alone (mode 700). A change with side effects is a ConfigError.
    path.parent.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    with locked_folder(path.parent):  # another caller may be setting another profile
        before = path.read_bytes() if path.exists() else b""
        text = _changed(before.decode("utf-8-sig"), name, changes)
        before = b""  # a traceback with locals would show the secrets in it
        if text is None:
            raise ConfigError(
                f"Profile {snippet(name)!r} cannot be set in {path_text(path)} without changing other parts; "
                "edit the file yourself.",
                setting="profile",
            )
        with atomic_write(path, private=True) as file:
            file.write(text.get_secret_value().encode())


def _changed(text: str, name: str, changes: Mapping[str, Any]) -> SecretStr | None:
    """Change a profile in the text of a file; None if anything else would change."""
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
