"""A user without a home: what the environment and arguments say suffices, and what needs a file says so."""

import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import platformdirs
import pytest
from typer.testing import CliRunner

import connecty_frames as cf
from connecty_frames.cli.app import app
from connecty_frames.sandbox import Sandbox
from connecty_frames.settings.sources import resolve
from tests.servers import programs
from tests.servers.scripted import Script, serve

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="homes are found otherwise")

NO_PROFILES: Final = r"^This user has no home folder.*Set CONNECTY_CONFIG to a profile file\.$"
NO_HISTORY: Final = r"^This user has no home folder for the history\. Name a file: "


@pytest.fixture(autouse=True)
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let this user have no home, and make an empty folder the working directory."""

    def getpwuid(uid: int) -> None:
        raise KeyError(uid)

    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "CONNECTY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", getpwuid)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=["found", "left as ~"])
def _platformdirs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "left as ~":
        monkeypatch.setattr(platformdirs, "user_config_dir", lambda *_, **__: "~/.config/connecty")
        monkeypatch.setattr(platformdirs, "user_state_dir", lambda *_, **__: "~/.local/state/connecty")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    with serve() as script:
        script.on(
            "results", script.answer(200, {"state": "COMPLETED", "results": {"dataframe": [["n"], [1]]}})
        )
        settings = {"CLIENT_ID": "id", "CLIENT_SECRET": "secret", "BASE_URL": script.address, "DW_ID": "13"}
        for name, value in settings.items():
            monkeypatch.setenv(f"CONNECTY_{name}", value)
        yield script


@pytest.mark.usefixtures("_platformdirs", "server")
def test_calls_need_no_home(homeless: Path) -> None:
    """Nothing is written."""
    assert cf.ask_df("how many?")["n"].tolist() == [1]
    with cf.Client(timeout=5) as client:
        assert client.ask("how many?").rows == 1
    assert list(homeless.iterdir()) == []


@pytest.mark.usefixtures("_platformdirs")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"profile": "a"}, NO_PROFILES),
        ({"history": "require"}, NO_HISTORY),
        ({"history": "~/history"}, r"^history \(argument\): expected a path without ~"),
        ({"ca_bundle": "~/ca.pem"}, r"^ca_bundle \(argument\): expected a path without ~"),
    ],
)
def test_what_needs_a_home_says_so(server: Script, settings: Any, message: str) -> None:
    """Before anything is sent."""
    with pytest.raises(cf.ConfigError, match=message):
        cf.Client(**settings)
    assert server.requests == []


@pytest.mark.usefixtures("_platformdirs", "server")
@pytest.mark.parametrize("setting", ["history", "keep_answers"])
def test_a_history_does_not_stop_a_question(setting: Any) -> None:
    """The warning says what to do; what needs a history is an error."""
    cf.configure(**{setting: True})
    with pytest.warns(cf.HistoryWarning, match=NO_HISTORY):
        assert cf.ask("how many?").rows == 1
    with pytest.raises(cf.ConfigError, match="max_age needs a history"):
        cf.ask("how many?", max_age="1h")
    with pytest.raises(cf.ConfigError, match=NO_HISTORY):
        cf.history()


@pytest.mark.usefixtures("_platformdirs", "server")
def test_named_files_need_no_home(homeless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A history, and a file of profiles."""
    (homeless / "config.toml").write_text("[default]\ntimeout = 7\n")
    monkeypatch.setenv("CONNECTY_CONFIG", "config.toml")
    cf.configure(history="history.sqlite3")
    assert resolve().timeout == 7.0
    assert cf.ask("how many?").rows == 1
    assert cf.ask("how many?", max_age="1h").metadata.reused is True
    assert cf.history()["question"].tolist() == ["how many?"]


@pytest.mark.usefixtures("_platformdirs", "server")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ask", "how many"], None),
        (["doctor"], None),
        (["config", "show"], None),
        (["pin", "list"], None),
        (["ask", "how many", "--max-age", "1h"], NO_HISTORY),
        (["ask", "how many", "--profile", "a"], NO_PROFILES),
        (["history"], NO_HISTORY),
        (["history", "forget", "--older-than", "7d"], NO_HISTORY),
        (["config", "path"], NO_PROFILES),
        (["login", "--client-id", "a"], NO_PROFILES),
    ],
)
def test_commands(homeless: Path, arguments: list[str], message: str | None) -> None:
    """Those that need no file of the user work, and record nothing."""
    ended = CliRunner().invoke(app, arguments)
    if message is None:
        assert ended.exit_code == 0, ended.output
    else:
        assert isinstance(ended.exception, cf.ConfigError)
        assert re.match(message, str(ended.exception))
    assert list(homeless.iterdir()) == []


#: Makes every file system read-only, and runs the program in its arguments as a user whom the system does not
#: know. The capability is for the files of Python, which may be in the home of root.
READ_ONLY: Final = """
findmnt -rno TARGET | while read -r mount; do mount -o remount,bind,ro "$mount" 2>/dev/null; done
! touch "$PWD/file" 2>/dev/null || exit 99
capability="--inh-caps +dac_read_search --ambient-caps +dac_read_search"
exec setpriv --reuid 54321 --regid 54321 --clear-groups $capability "$@"
"""


@pytest.mark.slow
@pytest.mark.external
@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
@pytest.mark.skipif(not shutil.which("setpriv"), reason="no util-linux")
def test_an_unknown_user_on_a_read_only_system(sandbox: Sandbox) -> None:
    """With an environment that has the settings alone: import, a call, and commands."""
    programs.run_privileged("unshare", "-m", "true")
    settings = {f"CONNECTY_{name.upper()}": str(value) for name, value in sandbox.connection.items()}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", READ_ONLY, "sh", sys.executable, *arguments],
            env={"PATH": os.environ["PATH"], **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    call = "print(os.getuid(), cf.ask_df('how many orders are there').iloc[0, 0])"
    assert run("-c", f"import os, connecty_frames as cf; {call}") == "54321 100000\n"
    asked = ["ask", "how", "many", "orders", "are", "there", "--format", "csv"]
    assert run("-m", "connecty_frames.cli", *asked) == '"orders"\n100000\n'
    assert "credentials accepted" in run("-m", "connecty_frames.cli", "doctor")
