"""``connecty sandbox``, and ``--sandbox`` of other commands."""

import logging
import re
import socket
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pytest
import requests

from connecty_frames.cli.connection import sandbox_class
from connecty_frames.sandbox import Fault

UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TOP_COUNTRIES = "list the top 5 countries with the most orders"


@pytest.mark.slow
def test_a_sandbox_with_a_port_and_a_database_of_its_own(shell: Any, start: Any, tmp_path: Path) -> None:
    """It uses that port and that file."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    file = tmp_path / "universe.duckdb"
    with duckdb.connect(file) as connection:
        connection.execute("CREATE TABLE age AS SELECT 13.8 AS billion_years")
    exports = start("sandbox", "--port", str(port), "--database", str(file)).exports()
    assert list(exports) == ["client_id", "client_secret", "base_url", "dw_id"]
    assert exports["base_url"] == f"http://127.0.0.1:{port}"
    code, out, _ = shell.text(shell.run("ask", "SELECT * FROM age", "--format", "csv", **exports))
    assert (code, out) == (0, '"billion_years"\n13.8\n')


@pytest.mark.slow
def test_faults(start: Any) -> None:
    """Each --fault is injected as given, one after the other."""
    faults = ("--fault", "health:status=503,times=1", "--fault", "health:reset,times=1")
    health = start("sandbox", *faults).exports()["base_url"] + "/v1/health"
    assert requests.get(health, timeout=5).status_code == 503
    with pytest.raises(requests.ConnectionError):
        requests.get(health, timeout=5)
    assert requests.get(health, timeout=5).status_code == 200


def test_questions_of_the_sandbox(shell: Any) -> None:
    """One per line; standard error says that there are more."""
    code, out, err = shell.text(shell.run("sandbox", "--examples"))
    assert code == 0
    assert err == "These are examples: other measures, groups, filters and periods are read as well.\n"
    assert "top 5 products by units sold in 2025" in out.splitlines()
    assert TOP_COUNTRIES in out.splitlines()
    assert "show the last 100 logins" in out.splitlines()


@pytest.fixture
def commands(tmp_path: Path) -> dict[str, list[str]]:
    questions = tmp_path / "questions.txt"
    questions.write_text(f"{TOP_COUNTRIES}\n")
    folder = ["--folder", str(tmp_path / "pins")]
    return {
        "ask": ["ask", TOP_COUNTRIES],
        "batch": ["batch", str(questions), "--output", str(tmp_path / "batch")],
        "pin add": ["pin", "add", "top", TOP_COUNTRIES, "--dialect", "duckdb", *folder],
        "pin check": ["pin", "check", "--all", "--ask", *folder],
        "doctor": ["doctor"],
        "doctor --ask": ["doctor", "--ask", TOP_COUNTRIES],
    }


@pytest.mark.slow
def test_every_command_that_asks_can_use_one(shell: Any, commands: dict[str, list[str]]) -> None:
    """No account is needed, and no id is shown, since no other process can fetch an answer by it."""
    for name, arguments in commands.items():
        code, out, err = shell.text(shell.run(*arguments, "--sandbox"))
        assert code == 0, (name, err)
        assert not UUID.search(out + err), (name, out, err)
        assert "paid for" not in err, (name, err)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ask", "batch", "doctor"])
def test_the_environment_does_the_same(shell: Any, commands: dict[str, list[str]], name: str) -> None:
    """A line says so, since it was not said in the command, and whose credentials are not used."""
    settings = {"sandbox": 1, "client_id": "a", "client_secret": "b"}
    code, _, err = shell.text(shell.run(*commands[name], **settings))
    assert code == 0
    assert err.startswith(
        "connecty_frames asks its embedded sandbox, not ConnectyAI; the credentials of the environment "
        "variable CONNECTY_CLIENT_ID are not used. `connecty sandbox --examples` lists what it knows.\n"
    )


@pytest.mark.parametrize("name", ["ask", "batch", "pin add", "doctor", "doctor --ask"])
def test_a_profile_names_another_account(shell: Any, commands: dict[str, list[str]], name: str) -> None:
    """Exit code 2; the sandbox is a new one, so no account's settings apply."""
    code, out, err = shell.text(shell.run(*commands[name], "--sandbox", "--profile", "work"))
    assert (code, out) == (2, "")
    assert err == (
        "ConfigError: --sandbox or CONNECTY_SANDBOX starts a new sandbox: leave out --profile, --region, "
        "--base-url and --question-id.\n"
    )


@pytest.mark.slow
def test_an_error_has_no_id(shell: Any) -> None:
    """Neither in a line of its own nor in the message."""
    code, _, err = shell.text(shell.run("ask", "hello", "--schema", "--sandbox"))
    assert (code, err.splitlines()[0]) == (7, "QuestionError: The answer came without schema.")
    assert not UUID.search(err)


@pytest.mark.slow
def test_a_batch_ends_with_its_sandbox(shell: Any, commands: dict[str, list[str]], tmp_path: Path) -> None:
    """Another process does not go on with it, and says why."""
    assert shell.run(*commands["batch"], "--max-questions", "0", "--sandbox").returncode == 0
    code, _, err = shell.text(shell.run(*commands["batch"], "--sandbox"))
    assert code == 2
    assert f"folder={tmp_path / 'batch'} has a batch with base_url='http://127.0.0.1:" in err
    assert "Name a new folder" in err
    assert "its questions end with it.\n" in err


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        ([], {}),
        (["--port", "7", "--latency", "0.5"], {"port": 7, "latency": 0.5}),
        (["--database", "a.duckdb"], {"database": Path("a.duckdb")}),
        (["--fault", "ask:status=503"], {"faults": [Fault.from_text("ask:status=503")]}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_options_of_the_server(
    shell: Any, monkeypatch: pytest.MonkeyPatch, arguments: list[str], changed: dict[str, object]
) -> None:
    """By default any free port, the built-in workspace, no delay and no faults."""
    server = mock.Mock()
    server.return_value.exports.return_value = "export A=1"
    server.return_value.serve.side_effect = lambda announce: announce(server.return_value)
    monkeypatch.setattr("connecty_frames.cli.connection.sandbox_class", lambda: server)
    code, out, err = shell.text(shell.run("sandbox", *arguments))
    assert (code, out) == (0, "export A=1\n")
    assert err == "The sandbox is running; Ctrl-C stops it. Paste the lines above into another shell.\n"
    defaults = {"port": 0, "database": None, "latency": 0.0, "faults": []}
    assert server.call_args.kwargs == {**defaults, **changed}


@pytest.mark.parametrize(
    ("message", "is_logged"),
    [("Cancel 1 running task(s), timeout graceful shutdown exceeded", False), ("It failed", True)],
)
def test_what_the_server_of_a_command_logs(message: str, *, is_logged: bool) -> None:
    """No requests that were cut off because the sandbox was stopped."""
    logger = logging.getLogger("uvicorn.error")
    for each in logger.filters[:]:
        logger.removeFilter(each)
    sandbox_class()
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 1, message, None, None)
    assert bool(logger.filter(record)) is is_logged
