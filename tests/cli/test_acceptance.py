"""The id of a question is printed as soon as it is accepted, since it is paid for from then on."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.servers.scripted import QUESTION_ID, Script
from tests.servers.timing import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="streams are closed by a shell there"),
]

ACCEPTED = (
    f"Question {QUESTION_ID} was accepted; to fetch its answer without asking again: "
    f"connecty ask --question-id {QUESTION_ID} --dw-id 13\n"
)
CSV = '"n"\n2\n3\n'
METADATA = f"Two rows.\n\nSELECT n\n\n2 rows; question_id {QUESTION_ID}\n"


@pytest.mark.parametrize("to", ["pipe", "file"])
def test_it_comes_while_the_question_runs(
    shell: Any, server: Script, settings: dict[str, object], tmp_path: Path, to: str
) -> None:
    """It is flushed at once, to a pipe and to a file: a command killed later has printed it."""
    server.on("results", server.answer(200, {"state": "PENDING"}))
    log = tmp_path / "log"
    with log.open("wb") as file:
        asking = subprocess.Popen(
            [shell.command, "ask", "how many?"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if to == "pipe" else file,
            env=shell.environment(**settings),
        )
    until(lambda: server.count("results"))
    asking.kill()
    out, err = asking.communicate(timeout=30)

    assert out == b""
    assert (log.read_bytes() if to == "file" else err).decode() == ACCEPTED


def test_it_comes_before_the_progress(shell: Any, server: Script, settings: dict[str, object]) -> None:
    """On a terminal, the line is complete and above the progress line."""
    server.on("results", server.delayed(0.3, server.steps["results"][0]))
    environment = {**shell.environment(**settings), "TERM": "xterm-256color", "COLUMNS": "200"}
    code, seen = shell.screen("ask", "how many?", on="stderr", **environment)
    assert code == 0
    first, _, rest = seen.partition("\n")
    assert f"{first}\n" == ACCEPTED
    assert "COMPLETED" in rest


@pytest.mark.parametrize(
    ("arguments", "printed"), [(["how many?", "--quiet"], ""), (["--question-id", QUESTION_ID], METADATA)]
)
def test_when_it_is_not_printed(
    ask_server: Any, shell: Any, server: Script, arguments: list[str], printed: str
) -> None:
    """With --quiet, and if nothing is asked."""
    done = ask_server(*arguments, "--format", "csv")
    assert shell.text(done) == (0, CSV, printed)
    assert server.count("ask") == ("--quiet" in arguments)


def test_a_profile_is_part_of_the_command(
    shell: Any, server: Script, settings: dict[str, object], tmp_path: Path
) -> None:
    """So that the command that fetches the answer uses the same settings."""
    config = tmp_path / "config.toml"
    config.write_text(f'["my place"]\nbase_url = "{server.address}"\ndw_id = 13\n')
    named: dict[str, object] = {**settings, "base_url": "", "dw_id": "", "config": config}
    code, _, err = shell.text(shell.run("ask", "how many?", "--profile", "my place", **named))
    assert code == 0
    assert err.partition("\n")[0] == f"{ACCEPTED.rstrip()} --profile 'my place'"
