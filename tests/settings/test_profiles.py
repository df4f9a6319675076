"""A profile is stored in a file of which everything else stays as it is, for the eyes of its owner alone.

How profiles are read is tested with the other settings, in ``test_sources.py``.
"""

import os
import stat
import threading
import tomllib
from pathlib import Path
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames._base.text import SecretStr
from connecty_frames.settings import sources
from connecty_frames.settings.sources import profiles_to_change, save_profile

BEFORE = """\
# Of the data team.
[staging]   # in the other region
region = "us1"
client_id = 'a'     # by hand


[default]
client_id = "old"
client_secret = "canary-old"
base_url = "http://localhost:1"
timeout = 6e1
"""
AFTER = """\
# Of the data team.
[staging]   # in the other region
region = "us1"
client_id = 'a'     # by hand


[default]
client_id = "new"
client_secret = "canary-new"
timeout = 6e1
region = "eu1"
"""
CHANGES = {"client_id": "new", "client_secret": SecretStr("canary-new"), "region": "eu1", "base_url": None}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of a file that does not exist yet, in a folder that does not either."""
    file = tmp_path / "new" / "config.toml"
    monkeypatch.setenv("CONNECTY_CONFIG", str(file))
    return file


@pytest.fixture
def existing(path: Path) -> Path:
    path.parent.mkdir()
    path.write_text(BEFORE)
    path.chmod(0o600)
    return path


def save(name: str, changes: dict[str, Any]) -> None:
    save_profile(profiles_to_change().path, name, changes)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_all_else_is_kept(existing: Path) -> None:
    """Comments, order, spacing, spellings, other settings and other profiles."""
    save("default", CHANGES)
    assert existing.read_text() == AFTER


def test_a_profile_is_added(existing: Path) -> None:
    """At the end; a name that needs quotes gets them."""
    for name in ("eu", "a.b"):
        save(name, {"client_id": 'quo"te', "dw_id": 7})

    added = existing.read_text().removeprefix(BEFORE)
    assert [line for line in added.splitlines() if line] == [
        "[eu]",
        'client_id = "quo\\"te"',
        "dw_id = 7",
        '["a.b"]',
        'client_id = "quo\\"te"',
        "dw_id = 7",
    ]


def test_two_that_are_stored_at_once(existing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is lost."""
    changed = sources._changed
    other = threading.Thread(target=save, args=("other", {"dw_id": 7}))

    def slowly(*arguments: Any) -> Any:
        if other.ident is None:
            other.start()
            other.join(0.2)
        return changed(*arguments)

    monkeypatch.setattr(sources, "_changed", slowly)
    save("this", {"dw_id": 8})
    other.join()

    assert {"staging", "default", "this", "other"} == tomllib.loads(existing.read_text()).keys()


def test_a_new_file(path: Path) -> None:
    """Only the owner can read it, or enter its folder, whatever the umask is."""
    before = os.umask(0)
    try:
        save("default", CHANGES)
    finally:
        os.umask(before)
    assert path.read_text() == '[default]\nclient_id = "new"\nclient_secret = "canary-new"\nregion = "eu1"\n'
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_others_could_read(existing: Path) -> None:
    """As long as there was no secret in it, this was allowed; now nobody else can."""
    existing.write_text("[default]\ndw_id = 7\n")
    existing.chmod(0o644)
    save("default", CHANGES)
    assert mode(existing) == 0o600


def test_a_link_is_kept(existing: Path, tmp_path: Path) -> None:
    """As people have who keep their configuration elsewhere: the file that it leads to is replaced."""
    kept = tmp_path / "kept.toml"
    existing.rename(kept)
    existing.symlink_to(kept)
    save("default", CHANGES)
    assert existing.is_symlink()
    assert kept.read_text() == AFTER


@pytest.mark.parametrize("kind", ["a link to nothing", "a folder", "a pipe", "/dev/null"])
def test_what_cannot_hold_profiles(path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """ConfigError, and nothing is made or written."""
    path.parent.mkdir()
    match kind:
        case "a link to nothing":
            path.symlink_to(path.parent / "nothing")
        case "a folder":
            path.mkdir()
        case "a pipe":
            os.mkfifo(path)
        case _:
            monkeypatch.setenv("CONNECTY_CONFIG", os.devnull)

    with pytest.raises(cf.ConfigError, match="is not a regular file"):
        profiles_to_change()

    assert not (path.parent / "nothing").exists()


def test_a_file_that_would_change_elsewhere(existing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ConfigError: the file stays as it is, and no frame holds a secret."""
    monkeypatch.setattr("tomlkit.dumps", lambda _: AFTER + "[more]\n")
    with pytest.raises(cf.ConfigError, match=r"cannot be set in .* without changing other parts") as caught:
        save("default", CHANGES)
    assert existing.read_text() == BEFORE
    shown = [repr(entry.frame.f_locals) for entry in caught.traceback[1:]]
    assert not any("canary" in each for each in shown)


def test_a_traceback_shows_no_profiles(existing: Path) -> None:
    """The repr has the path alone."""
    found = profiles_to_change()
    assert repr(found) == f"Profiles(path={existing!r})"
    assert repr(found.tables["default"]["client_secret"]) == "SecretStr('**********')"
