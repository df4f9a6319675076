"""Messages on standard error: hints are worded for the command line."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import connecty_frames as cf
from connecty_frames.sandbox import Sandbox
from tests.servers.scripted import QUESTION_ID, Script

ShellMessage: TypeAlias = "Callable[[Exception], str]"


@pytest.fixture(scope="module")
def shell_message() -> ShellMessage:
    """Return the function, imported while warnings about the oldest supported typer are off."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from connecty_frames.cli.io import shell_message

    return shell_message


@pytest.mark.parametrize("width", [40, 80])
def test_what_is_copied_stays_on_a_line(
    shell: Any, server: Script, settings: dict[str, object], width: int
) -> None:
    """The command that fetches the answer is not broken, nor the SQL."""
    sql = f"SELECT {', '.join(f'column_{n}' for n in range(20))}"
    server.on("results", server.completed(sql_query=sql, dataframe=[["n"], [1]]))
    environment = {**shell.environment(**settings), "COLUMNS": str(width)}
    _, seen = shell.screen("ask", "how many?", on="stderr", **environment)
    lines = seen.splitlines()
    assert f"connecty ask --question-id {QUESTION_ID} --dw-id 13" in lines
    assert sql in lines


def test_a_missing_workspace(shell_message: ShellMessage) -> None:
    """It is an option there."""
    with cf.Client("a", client_secret="bbbb") as client, pytest.raises(cf.ConfigError) as raised:
        client.ask("how many?")
    assert str(raised.value) == (
        "No dw_id. Set the data workspace with dw_id=, with cf.configure(dw_id=), in a profile or as "
        "CONNECTY_DW_ID. ConnectyAI shows it in Manager > Data Environments > Data Workspaces > Workspace ID."
    )
    assert shell_message(raised.value) == (
        "No dw_id. Set the data workspace with --dw-id, in a profile or as CONNECTY_DW_ID. ConnectyAI shows "
        "it in Manager > Data Environments > Data Workspaces > Workspace ID."
    )


def test_truncation(golden: Path, shell_message: ShellMessage) -> None:
    """As a warning and as an error."""
    with pytest.warns(cf.TruncationWarning) as warned:
        cf.Answer.from_json(golden / "login_timestamps.json")
    with pytest.raises(cf.TruncatedError) as raised:
        cf.Answer.from_json(golden / "login_timestamps.json", on_truncation="raise")
    warning = warned[0].message
    assert isinstance(warning, cf.TruncationWarning)
    assert shell_message(warning) == (
        "3 of 100 rows received; --max-rows all fetches all, and --on-truncation ignore hides this warning."
    )
    assert shell_message(raised.value) == "3 of 100 rows received; --max-rows all fetches all."


@pytest.mark.slow
def test_an_answer_that_is_too_large(sandbox: Sandbox, shell_message: ShellMessage) -> None:
    """max_body_bytes is no option there."""
    settings = {**sandbox.connection, "max_body_bytes": 5_000}
    with cf.Client(**settings) as client, pytest.raises(cf.ResponseTooLarge) as raised:
        client.ask("list all orders")
    assert str(raised.value).endswith(
        " Ask for fewer rows (max_rows=), or raise the limit: max_body_bytes=, or CONNECTY_MAX_BODY_BYTES."
    )
    assert shell_message(raised.value).endswith(
        " Ask for fewer rows (--max-rows), or set CONNECTY_MAX_BODY_BYTES."
    )


def test_a_certificate_that_is_not_trusted(secured: Script, shell_message: ShellMessage) -> None:
    """Nor is ca_bundle."""
    settings: dict[str, Any] = {"client_secret": "s", "base_url": secured.address, "dw_id": 13, "timeout": 5}
    with cf.Client("id", **settings) as client, pytest.raises(cf.ConnectionFailed) as raised:
        client.ask("how many?")
    assert str(raised.value).endswith(
        " pass its CA bundle as ca_bundle= or in CONNECTY_CA_BUNDLE; REQUESTS_CA_BUNDLE is read too."
    )
    assert shell_message(raised.value).endswith(
        " pass its CA bundle in CONNECTY_CA_BUNDLE; REQUESTS_CA_BUNDLE is read too."
    )


def test_a_message_without_a_hint_is_as_it_is(shell_message: ShellMessage) -> None:
    """Also one of Python's own errors."""
    assert shell_message(cf.ConfigError("max_rows=-1")) == "max_rows=-1"
    assert shell_message(OSError("no space")) == "no space"


#: Where the server answers with what; the exit code; and further arguments.
ERRORS: dict[str, tuple[str, Any, int, list[str]]] = {
    "wrong secret": ("token", Script.answer(401, {"detail": "The secret is wrong."}), 3, []),
    "wrong secret, no reason": ("token", Script.answer(401), 3, []),
    "no such endpoint": ("token", Script.answer(404, {"detail": "Not found."}), 3, []),
    "a page instead of a token": ("token", Script.answer(200, raw=b"<p>", Content_Type="text/html"), 3, []),
    "no token": ("token", Script.answer(200, {}), 3, []),
    "token refused": ("ask", Script.answer(401, {"detail": "No."}), 3, []),
    "not allowed": ("ask", Script.answer(403, {"detail": "No."}), 3, []),
    "redirect": ("ask", Script.answer(302, Location="https://elsewhere.test/"), 2, []),
    "bad request": ("ask", Script.answer(400, {"detail": "No."}), 5, []),
    "no such workspace": ("ask", Script.answer(404, {"detail": "No."}), 5, []),
    "too many requests": ("ask", Script.answer(429, Retry_After="90"), 5, ["--timeout", "5"]),
    "server error": ("results", Script.answer(500), 5, []),
    "perhaps sent": ("ask", Script.answer(500), 9, []),
    "reset": ("ask", Script.reset, 9, []),
    "a page": ("results", Script.answer(200, raw=b"<p>", Content_Type="text/html"), 6, []),
    "not HTTP": ("results", Script.send_and_close(b"SSH-2.0\r\n"), 6, []),
    "no rows": ("results", Script.completed(dataframe=[[], [1]]), 6, []),
    "failed": ("results", Script.answer(200, {"state": "FAILED", "error": "No such table."}), 7, []),
    "no table": ("results", Script.completed(), 7, []),
    "too late": ("results", Script.answer(200, {"state": "PENDING"}), 8, []),
    "unknown state": ("results", Script.answer(200, {"state": "DREAMING"}), 8, []),
    "mixed": ("results", Script.completed(dataframe=[["a"], [1], ["x"]]), 10, ["--strict"]),
    "cut": (
        "results",
        Script.completed(dataframe=[["a"], [1]], dataframe_stats={"a": {"general": {"count": 9}}}),
        11,
        ["--on-truncation", "raise"],
    ),
}


@pytest.mark.usefixtures("_waits_cost_no_time")
@pytest.mark.parametrize("case", ERRORS)
def test_each_sentence_is_said_once(ask_server: Any, shell: Any, server: Script, case: str) -> None:
    """Well punctuated, and with at most five lines of a terminal of 80 columns for each message."""
    endpoint, step, expected, arguments = ERRORS[case]
    server.on(endpoint, step)

    code, _, err = shell.text(ask_server("how many?", *arguments))

    assert code == expected
    rest = shell.after_acceptance(err) if server.count("results") else err
    sentences = re.split(r"(?<=[a-z)])[.;:]\s+|\n", rest.strip())
    assert len(sentences) == len(set(sentences))
    for phrase in ("Check ", "client_id", "try again", "was started"):
        assert rest.count(phrase) <= 1
    assert ".." not in rest
    assert ".)" not in rest
    assert max(map(len, rest.splitlines())) <= 5 * 80


@pytest.mark.parametrize("missing", ["client_id", "client_secret", "dw_id"])
def test_a_missing_setting_is_named_once(shell: Any, settings: dict[str, object], missing: str) -> None:
    """With what to do, in at most five lines."""
    _, _, err = shell.text(shell.run("ask", "how many?", **{**settings, missing: ""}))
    sentences = err.strip().split(". ")
    assert len(sentences) == len(set(sentences))
    assert len(err) <= 5 * 80
