"""``connecty config``: the settings that apply and their sources, without secrets."""

from pathlib import Path
from typing import Any

import pytest

from tests.servers.forking import CONNECTY

SECRET = "canary-of-a-secret"
CLIENT_ID = "canary-of-a-client-id"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(
        f'[default]\nclient_id = "{CLIENT_ID}"\nclient_secret = "{SECRET}"\ndw_id = 13\n\n'
        "[staging]\ndw_id = 7\n"
    )
    file.chmod(0o600)
    return file


def rows(shell: Any, *arguments: str, **settings: object) -> dict[str, tuple[str, str]]:
    code, out, err = shell.text(shell.run("config", "show", *arguments, **settings))
    assert (code, err) == (0, "")
    assert SECRET not in out
    assert CLIENT_ID not in out
    split = [line.split(maxsplit=2) for line in out.splitlines()]
    return {name: (value, place) for name, value, place in split}


def test_each_setting_and_its_source(shell: Any, config: Path) -> None:
    """From the environment, the profile, or by default."""
    assert rows(shell, config=config, timeout=60) == {
        "client_id": ("cana…", f"profile default in {config}"),
        "client_secret": ("***", f"profile default in {config}"),
        "region": ("eu1", "default"),
        "base_url": ("-", "default"),
        "dw_id": ("13", f"profile default in {config}"),
        "timeout": ("60.0", "environment variable CONNECTY_TIMEOUT"),
        "max_body_bytes": ("2147483648", "default"),
        "verify_tls": ("True", "default"),
        "ca_bundle": ("-", "default"),
        "history": ("False", "environment variable CONNECTY_HISTORY"),
        "history_required": ("False", "default"),
        "max_questions_per_day": ("-", "default"),
        "keep_answers": ("False", "default"),
        "keep_answers_max_bytes": ("1073741824", "default"),
        "keep_answers_max_age": ("-", "default"),
        "profile": ("-", "default"),
    }


def test_the_history_of_the_command_line(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is on unless a setting says otherwise, or there is no folder for it."""
    place = "default of the command line; False in Python"
    assert rows(shell, history="")["history"] == ("True", place)
    monkeypatch.setattr("connecty_frames.files.user_folder", lambda _: None)
    assert rows(shell, history="")["history"] == ("False", place)


@pytest.mark.parametrize(
    ("arguments", "settings", "place"),
    [
        (["--profile", "staging"], {}, "argument"),
        ([], {"profile": "staging"}, "environment variable CONNECTY_PROFILE"),
        (["--profile", "staging"], {"profile": "default"}, "argument"),
    ],
)
def test_a_profile_that_is_named(
    shell: Any, config: Path, arguments: list[str], settings: dict[str, str], place: str
) -> None:
    """The option takes precedence over the variable; nothing of another profile applies."""
    found = rows(shell, *arguments, config=config, **settings)
    assert found["profile"] == ("staging", place)
    assert found["dw_id"] == ("7", f"profile staging in {config}")
    assert found["client_id"] == ("-", "default")


def test_a_short_id_shows_nothing(shell: Any) -> None:
    """The first four of five characters would reveal most of it."""
    assert rows(shell, client_id="abcde")["client_id"][0] == "…"


def test_limits_by_job(shell: Any, config: Path) -> None:
    """They are shown as they are written in Python."""
    config.write_text('[default]\nmax_questions_per_day = {nightly = 300, "*" = 1000}\n')
    code, out, err = shell.text(shell.run("config", "show", config=config))
    assert (code, err) == (0, "")
    (line,) = [each for each in out.splitlines() if each.startswith("max_questions_per_day")]
    assert "  {'*': 1000, 'nightly': 300}  profile default in " in line


def test_the_path(shell: Any, config: Path) -> None:
    """On standard output, whether the file exists or not."""
    assert shell.text(shell.run("config", "path", config=config)) == (0, f"{config}\n", "")
    missing = config.with_name("missing.toml")
    assert shell.text(shell.run("config", "path", config=missing)) == (0, f"{missing}\n", "")


def test_a_file_that_others_can_read(shell: Any, config: Path) -> None:
    """Exit code 2; the command in the message corrects it."""
    config.chmod(0o644)
    code, out, err = shell.text(shell.run("config", "show", config=config))
    assert (code, out) == (2, "")
    assert SECRET not in err
    command = err.rstrip().rpartition("Run: ")[2]
    assert command == f"chmod 600 {config}"
    assert (
        shell.pipeline(f"{command} && connecty config show", command=CONNECTY, config=config).returncode == 0
    )
