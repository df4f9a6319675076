"""``connecty ask --save``: the response as received, whatever becomes of it."""

import json
from pathlib import Path
from typing import Any

import pytest

import connecty_frames as cf
from tests.servers.scripted import Script

BODY = b'{"state": "COMPLETED", "results": {"dataframe": [["n"], [2], [3.50]], "response_summary": "Two."}}'


@pytest.fixture
def server(server: Script) -> Script:
    """Return a server whose response is not written as Python writes JSON."""
    server.on("results", server.answer(200, raw=BODY))
    return server


def test_the_response_is_saved(ask_server: Any, tmp_path: Path) -> None:
    """Each byte, beside the data; it is read by from_json, and an existing file is replaced."""
    path = tmp_path / "answer.json"
    path.write_bytes(b"before")
    done = ask_server("how many?", "--save", str(path), "--format", "csv")
    assert (done.returncode, done.stdout) == (0, b'"n"\n2\n3.5\n')
    assert path.read_bytes() == BODY
    assert cf.Answer.from_json(path).to_arrow().column("n").to_pylist() == [2.0, 3.5]
    assert list(tmp_path.iterdir()) == [path]


def test_an_answer_that_cannot_be_converted_is_saved(ask_server: Any, server: Script, tmp_path: Path) -> None:
    """It was paid for."""
    path = tmp_path / "answer.json"
    body = b'{"state": "COMPLETED", "results": {"dataframe": [["n"], [1e999]]}}'
    server.on("results", server.answer(200, raw=body))
    done = ask_server("how many?", "--save", str(path), "--strict")
    assert (done.returncode, done.stdout) == (10, b"")
    assert path.read_bytes() == body


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_it_is_saved_if_the_data_cannot_be_written(ask_server: Any, tmp_path: Path) -> None:
    """As on a full disk."""
    path = tmp_path / "answer.json"
    done = ask_server("x", "--save", str(path), "--output", "/dev/full", "--format", "csv")
    assert done.returncode == 1
    assert path.read_bytes() == BODY


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_response_that_cannot_be_saved(ask_server: Any, shell: Any, server: Script) -> None:
    """Exit code 1, after the line with the command that fetches the answer, even with --quiet."""
    code, out, err = shell.text(ask_server("x", "--save", "/dev/full", "--quiet"))
    assert (code, out) == (1, "")
    accepted = shell.after_acceptance(err)
    assert accepted == "OSError: [Errno 28] No space left on device: '/dev/full'\n"
    assert server.questions == ["x"]


@pytest.mark.parametrize(
    ("endpoint", "status", "code"), [("ask", 422, 5), ("ask", 200, 9), ("results", 200, 7)]
)
def test_what_came_is_saved_if_there_is_no_answer(
    ask_server: Any, server: Script, tmp_path: Path, endpoint: str, status: int, code: int
) -> None:
    """The question was refused, has no id, or failed; no other file is left behind."""
    path = tmp_path / "answer.json"
    path.write_bytes(b"before")
    server.on(endpoint, server.answer(status, {"state": "FAILED", "reason": "no such table"}))
    assert ask_server("x", "--save", str(path)).returncode == code
    found = json.loads(path.read_bytes())
    assert found["exchanges"][-1]["status"] == status
    assert found["exchanges"][-1]["body"] == {"state": "FAILED", "reason": "no such table"}
    assert "no such table" in found["error"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_fetched_answer_is_saved(
    shell: Any, server: Script, settings: dict[str, object], tmp_path: Path
) -> None:
    """By --question-id, without asking."""
    path = tmp_path / "answer.json"
    fetch = ("ask", "--question-id", "729cb7a4-4b06-449e-a3c9-df40f5e570b8", "--save", str(path))
    assert shell.run(*fetch, **settings).returncode == 0
    assert path.read_bytes() == BODY
    assert server.questions == []
