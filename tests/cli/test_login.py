"""``connecty login``: credentials are checked and stored, without being shown or being arguments."""

import os
import re
import stat
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import typer

from connecty_frames.sandbox import Sandbox
from tests.servers.timing import until

SECRET = ["--client-id", "a", "--client-secret-stdin"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


@pytest.fixture
def login(shell: Any, sandbox: Sandbox, config: Path) -> Callable[..., tuple[int, str, str]]:
    """Return a function that stores a profile of the shared sandbox without a terminal."""
    connection = sandbox.connection

    def run(*arguments: str, secret: str | None = None, **settings: object) -> tuple[int, str, str]:
        given = ["--client-id", connection["client_id"], "--base-url", connection["base_url"]]
        piped = connection["client_secret"] if secret is None else secret
        command = ("login", "--client-secret-stdin", *given, *arguments)
        done = shell.run(*command, stdin=f"{piped}\n", config=config, **settings)
        found: tuple[int, str, str] = shell.text(done)
        assert piped not in "".join(found[1:])
        return found

    return run


def test_a_profile_of_the_sandbox(login: Any, shell: Any, sandbox: Sandbox, config: Path) -> None:
    """It is stored for the owner alone, and used by the next command; the secret came through a pipe."""
    assert login("--profile", "box", "--dw-id", "13") == (0, f"Profile box is stored in {config}\n", "")
    assert tomllib.loads(config.read_text()) == {"box": sandbox.connection}
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    done = shell.run("doctor", "--profile", "box", config=config)
    assert done.returncode == 0, done.stdout


def test_refused_credentials(login: Any, config: Path) -> None:
    """Exit code 3, and nothing is stored; --no-check stores them."""
    code, out, err = login(secret="a-wrong-secret")
    assert (code, out) == (3, "")
    assert err.startswith("AuthError: The credentials were refused: ")
    assert err.endswith("\nNothing was stored; --no-check stores a profile without requesting a token.\n")
    assert not config.exists()
    assert login("--no-check", secret="a-wrong-secret")[0] == 0
    assert tomllib.loads(config.read_text())["default"]["client_secret"] == "a-wrong-secret"


def test_an_existing_profile(login: Any, sandbox: Sandbox, config: Path) -> None:
    """It is changed only if that was said; what login does not ask for stays."""
    config.write_text('[default]\nclient_id = "old"\nregion = "us1"\ndw_id = 7\ntimeout = 60\n')
    assert login() == (2, "", f"ConfigError: Profile default exists in {config}; --replace changes it.\n")
    assert login("--replace")[0] == 0
    kept = {**sandbox.connection, "dw_id": 7, "timeout": 60}
    assert tomllib.loads(config.read_text())["default"] == kept


def test_what_overrides_it(login: Any, config: Path) -> None:
    """CONNECTY_PROFILE names the profile; a variable of one of its settings is reported."""
    code, out, err = login("--dw-id", "13", dw_id=7, profile="box")
    assert (code, out) == (0, f"Profile box is stored in {config}\n")
    assert err == (
        "The environment variable CONNECTY_DW_ID overrides its dw_id: unset it to use the profile's.\n"
    )


def test_a_wrong_setting_of_an_existing_profile(login: Any, config: Path) -> None:
    """One that login asks for is replaced, any other is an error; an empty option is no default."""
    config.write_text('[default]\nclient_id = 7\nregion = "mars"\ndw_id = "x"\n\n[other]\ndwid = 7\n')
    before = config.read_text()
    assert login("--replace", "--client-id", "")[::2] == (2, "ConfigError: client_id (given): it is empty.\n")
    code, _, err = login("--replace", "--profile", "other")
    assert (code, err) == (
        2,
        f"ConfigError: Unknown setting 'dwid' (profile other in {config}); did you mean 'dw_id'?\n",
    )
    assert config.read_text() == before
    assert login("--replace", "--dw-id", "13")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "stdin", "says"),
    [
        ([], "", "There is no terminal to prompt for the credentials. Pass --client-id, and pipe"),
        (["--client-id", "a"], "", "There is no terminal to prompt for the credentials. "),
        (SECRET, "", "client_secret (given): it is empty."),
        (["--client-id", ""], "", "client_id (given): it is empty."),
        (["--profile", ""], "", "profile (given): it is empty."),
        ([*SECRET, "--region", ""], "s", "region (given): expected 'eu1' or 'us1'."),
        (
            ["--region", "eu1", "--base-url", "https://a.test"],
            "",
            "--base-url and --region both name the address: give one.",
        ),
        ([*SECRET, "--region", "mars"], "s", "region (given): expected 'eu1' or 'us1'."),
        ([*SECRET, "--base-url", "http://a.test"], "s", "base_url (given): http:// would send "),
        ([*SECRET, "--dw-id", "-1"], "s", "dw_id (given): "),
        ([*SECRET, "c4n4ry"], "s", "login takes only options. "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_refused(shell: Any, config: Path, arguments: list[str], stdin: str, says: str) -> None:
    """Exit code 2 and one line; nothing is asked for, requested or stored."""
    code, out, err = shell.text(shell.run("login", *arguments, stdin=stdin, config=config))
    assert (code, out) == (2, "")
    assert err.startswith(f"ConfigError: {says}")
    assert err.count("\n") == 1
    assert "c4n4ry" not in err  # perhaps the secret
    assert not config.exists()


class Terminal:
    def __init__(self, *command: str, environment: dict[str, str]) -> None:
        pty = pytest.importorskip("pty", reason="the system has no pseudo-terminals")
        self.seen = ""
        self.pid, self._ours = pty.fork()
        if not self.pid:
            os.execve(command[0], command, environment)  # noqa: S606 - our own program

    def answer(self, prompt: str, text: str) -> None:
        self.wait_for(prompt)
        if "not shown" in prompt:  # it may be written right before the terminal stops showing what is typed
            until(lambda: not self.echoes())
        os.write(self._ours, text.encode())

    def wait_for(self, text: str) -> None:
        while text not in self.seen:
            self.seen += os.read(self._ours, 65_536).decode()

    def echoes(self) -> bool:
        import termios

        return bool(termios.tcgetattr(self._ours)[3] & termios.ECHO)

    def end(self) -> int:
        try:
            while piece := os.read(self._ours, 65_536):
                self.seen += piece.decode()
        except OSError:  # how Linux says that the other end is closed
            pass
        os.close(self._ours)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_in_a_terminal(shell: Any, sandbox: Sandbox, config: Path) -> None:
    """What is wrong is asked again; a secret is not shown; an empty answer is the one in brackets."""
    config.write_text('[default]\nclient_id = "an-old-client-id"\nclient_secret = "canary-old"\n')
    config.chmod(0o600)
    terminal = Terminal(shell.command, "login", environment=shell.environment(config=config))
    terminal.answer("Change it? [y/N]:", "y\n")
    terminal.answer("Client id [an-o…]:", f"{sandbox.connection['client_id']}\n")
    terminal.answer("Client secret (not shown):", "canary-wrong\n")
    terminal.answer("Region (eu1, us1) or address of the API [eu1]:", "mars\n")
    terminal.answer("Error: base_url (given): expected an address", f"{sandbox.connection['base_url']}\n")
    terminal.answer("Id of the data workspace [none]:", "\n")
    terminal.answer("Store the profile anyway? [y/N]:", "y\n")

    assert terminal.end() == 0
    assert "canary" not in terminal.seen
    stored = {**sandbox.connection, "client_secret": "canary-wrong"}
    del stored["dw_id"]
    assert tomllib.loads(config.read_text()) == {"default": stored}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(("key", "code"), [("\x03", 130), ("\x04", 1)], ids=["Ctrl-C", "Ctrl-D"])
def test_an_interrupt_at_the_secret(shell: Any, config: Path, key: str, code: int) -> None:
    """Ctrl-C and Ctrl-D: no traceback, nothing stored, and the terminal shows again what is typed."""
    terminal = Terminal(shell.command, "login", environment=shell.environment(config=config))
    terminal.answer("Client id:", "a\n")
    terminal.answer("Client secret (not shown):", key)
    terminal.wait_for("Aborted.")
    assert terminal.echoes()
    assert terminal.end() == code
    assert "Traceback" not in terminal.seen
    assert not config.exists()


STORED = """\
[default]
client_id = "an-old-client-id"
client_secret = "canary-old"
region = "us1"
dw_id = 7
"""
CHANGED = """\
[default]
client_id = "new"
client_secret = "canary-new"
dw_id = 13
base_url = "http://localhost:1"
"""


@pytest.mark.parametrize(
    ("before", "typed", "prompts", "after"),
    [
        (
            STORED,
            ["y", "", "", "", ""],
            ["Client id [an-o…]", "Client secret (not shown) [the stored one]", "Region [us1]", "Id [7]"],
            STORED,
        ),
        (
            STORED,
            ["y", "new", "canary-new", "http://localhost:1", "13"],
            ["Client id [an-o…]", "Client secret (not shown)", "Region [us1]", "Id [7]"],
            CHANGED,
        ),
        (
            CHANGED,
            ["y", "", "", "", ""],
            [
                *("Client id […]", "Client secret (not shown) [the stored one]"),
                *("Region [http://localhost:1]", "Id [13]"),
            ],
            CHANGED,
        ),
        (
            "",
            ["a", "canary", "mars", "", "x", ""],
            ["Client id", "Client secret (not shown)", *["Region [eu1]"] * 2, *["Id [none]"] * 2],
            '[default]\nregion = "eu1"\nclient_id = "a"\nclient_secret = "canary"\n',
        ),
        (STORED, ["n"], [], STORED),
    ],
    ids=["kept", "changed", "an address", "new", "not changed"],
)
def test_prompts(
    shell: Any,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: str,
    typed: list[str],
    prompts: list[str],
    after: str,
) -> None:
    """An empty answer is the one in brackets; a secret belongs to its id; what is wrong is asked again."""
    if before:
        config.write_text(before)
        config.chmod(0o600)
    answers = iter(typed)
    hidden = []

    def type_answer(prompt: str) -> str:
        typer.echo(prompt.strip(), err=True)  # what is left of it, and the line break that a terminal shows
        return next(answers)

    def type_secret(prompt: str) -> str:
        hidden.append(answer := type_answer(prompt))
        return answer

    for name, type_ in (("visible", type_answer), ("hidden", type_secret)):
        # click's module, or typer's own copy of it
        monkeypatch.setattr(sys.modules[typer.prompt.__module__], f"{name}_prompt_func", type_)
    monkeypatch.setattr("connecty_frames.cli.login.sys", mock.Mock(**{"stdin.isatty.return_value": True}))

    code, _, err = shell.text(shell.run("login", "--no-check", config=config))

    shortened = err.replace("(eu1, us1) or address of the API ", "").replace("of the data workspace ", "")
    assert re.findall("^((?:Client|Region|Id) .*):$", shortened, re.MULTILINE) == prompts
    assert (code, list(answers)) == (1 if typed == ["n"] else 0, [])
    secrets = [at for at, prompt in enumerate(prompts, bool(before)) if prompt.startswith("Client secret")]
    assert hidden == [typed[at] for at in secrets]
    assert config.read_text() == after
    assert "canary" not in err
