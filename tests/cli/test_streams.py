"""Standard streams that cannot be written, at exit and before: an exit code, and no traceback.

As processes, and without PYTHONUNBUFFERED: with it nothing is left to write when Python ends.
"""

import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.sandbox import Sandbox
from tests.servers.forking import CONNECTY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full"),
]

TOP_COUNTRIES = "list the top 5 countries with the most orders"
CSV = b'"country","orders"\n"Poland",31768\n"Germany",12922\n"France",8459\n"Italy",5719\n"Spain",5051\n'
ASK = ["ask", TOP_COUNTRIES]
#: Commands that ask nothing.
OTHERS = [
    ["--version"],
    ["--help"],
    ["ask", "--help"],
    ["doctor"],
    ["sandbox", "--examples"],
    ["help", "exit-codes"],
    ["config", "path"],
    ["config", "show"],
    ["sandbox"],
]
FORMATS = [
    [*ASK, "--format", name]
    for name in ("table", "csv", "csv.gz", "json", "ndjson", "parquet", "arrow", "markdown", "xlsx")
]
PARTS = [[*ASK, part] for part in ("--sql", "--summary", "--stats", "--schema")]
FULL = "OSError: [Errno 28] No space left on device\n"
CLOSED = "OSError: [Errno 9] Standard output is closed\n"
METADATA = re.compile(r"(.*\n)*5 of 5 rows; question_id [0-9a-f-]{36}\n")


@pytest.fixture
def run(shell: Any, sandbox: Sandbox) -> Any:
    """Return a function that runs a command with streams that are ``full``, ``closed`` or ``left``.

    The command is forked, unless ``anew`` starts a Python.
    """

    def run(
        *arguments: str,
        out: str | None = None,
        err: str | None = None,
        anew: bool = False,
        **environment: str,
    ) -> subprocess.CompletedProcess[bytes]:
        command = CONNECTY if anew else shell.command
        redirected = "".join(
            f" {number}>{'&-' if how == 'closed' else '/dev/full'}"
            for number, how in ((1, out), (2, err))
            if how in {"closed", "full"}
        )
        with ExitStack() as stack:
            streams = []
            for how in (out, err):
                if how == "left":
                    reading, writing = os.pipe()
                    os.close(reading)
                    stack.callback(os.close, writing)
                    streams.append(writing)
                else:
                    streams.append(subprocess.PIPE)
            done = subprocess.run(
                ["sh", "-c", f'exec "$@"{redirected}', "sh", command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=streams[0],
                stderr=streams[1],
                env={**shell.environment(**sandbox.connection), **environment},
                timeout=60,
                check=False,
            )
        assert b"Exception ignored" not in (done.stderr or b"")
        assert b"Traceback" not in (done.stderr or b"")
        return done

    return run


def words(arguments: list[str]) -> str:
    return " ".join(arguments).replace(f"{TOP_COUNTRIES} ", "")


@pytest.mark.parametrize("arguments", [*OTHERS, *FORMATS, *PARTS], ids=words)
def test_standard_output_on_a_full_disk(run: Any, arguments: list[str]) -> None:
    """Exit code 1 and one line; summary, SQL and id of a question are printed before."""
    done = run(*arguments, out="full")
    error = done.stderr.decode()
    assert done.returncode == 1
    assert error.endswith(FULL)
    assert error.count(FULL) == 1
    before = error.removesuffix(FULL)
    assert METADATA.fullmatch(before) if arguments in FORMATS + PARTS else before == ""


@pytest.mark.parametrize("arguments", [*OTHERS, *FORMATS], ids=words)
def test_a_reader_that_closed_the_pipe(run: Any, arguments: list[str]) -> None:
    """Exit code 141, as for a command ended by SIGPIPE; no error is printed."""
    done = run(*arguments, out="left")
    error = done.stderr.decode()
    assert done.returncode == 141
    assert METADATA.fullmatch(error) if arguments in FORMATS else error == ""


@pytest.mark.parametrize("arguments", OTHERS, ids=words)
def test_no_standard_output(run: Any, arguments: list[str]) -> None:
    """Exit code 1 and one line; a question is not even asked (see test_ask)."""
    done = run(*arguments, out="closed", anew=True)
    assert (done.returncode, done.stderr.decode()) == (1, CLOSED)


@pytest.mark.parametrize(
    ("arguments", "code", "out", "err"),
    [
        ([*ASK, "--format", "csv", "--max-rows", "2"], 0, CSV[: CSV.index(b'"France"')], "full"),
        ([*ASK, "--format", "csv"], 0, CSV, "left"),
        ([*ASK, "--format", "csv"], 0, CSV, "closed"),
        ([*ASK, "--max-rows", "2", "--on-truncation", "raise"], 11, b"", "full"),
        (["ask", "which warehouse ships the fastest"], 7, b"", "full"),
        (["ask", "which warehouse ships the fastest"], 7, b"", "left"),
        (["ask", "which warehouse ships the fastest"], 7, b"", "closed"),
        (["ask", ""], 2, b"", "full"),
        (["ask", "--no-such-option"], 2, b"", "full"),
        (["ask", "--no-such-option"], 2, b"", "left"),
        (["--no-such-option"], 2, b"", "closed"),
        (["config", "show", "--profile", "nope"], 2, b"", "full"),
        (["--version"], 0, f"{cf.__version__}\n".encode(), "full"),
    ],
    ids=lambda value: words(value) if isinstance(value, list) else value if isinstance(value, str) else "",
)
def test_standard_error_changes_no_exit_code(
    run: Any, arguments: list[str], code: int, out: bytes, err: str
) -> None:
    """Data is complete, and the exit code is that of the question."""
    done = run(*arguments, err=err)
    assert (done.returncode, done.stdout) == (code, out)


@pytest.mark.parametrize("err", ["full", "closed"])
def test_a_file_is_written_whatever_standard_error_is(run: Any, tmp_path: Path, err: str) -> None:
    """An answer is not lost because its summary cannot be printed."""
    done = run(*ASK, "--output", str(tmp_path / "a.csv"), err=err)
    assert (done.returncode, done.stdout) == (0, b"")
    assert (tmp_path / "a.csv").read_bytes() == CSV
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    ("out", "err", "code"),
    [("full", "full", 1), ("full", "closed", 1), ("left", "left", 141), ("closed", "closed", 2)],
)
def test_both_cannot_be_written(run: Any, out: str, code: int, err: str) -> None:
    """Only the exit code reports it."""
    assert run(*ASK, "--format", "csv", out=out, err=err).returncode == code


@pytest.mark.parametrize(("out", "code"), [("full", 1), ("left", 141)])
def test_a_long_answer(run: Any, out: str, code: int) -> None:
    """Longer than the buffer: the failure comes before the end, and only once."""
    done = run("ask", "list all orders", "--max-rows", "20000", "--format", "csv", "--quiet", out=out)
    warned = r"TruncationWarning: 20,000 of 100,000 rows received; [^\n]*\n"
    error = r"Question [0-9a-f-]{36} was accepted; [^\n]* connecty ask --question-id [^\n]*\n"
    assert done.returncode == code
    assert re.fullmatch(warned + (error + re.escape(FULL) if out == "full" else ""), done.stderr.decode())


@pytest.mark.parametrize(
    ("out", "code", "error"), [("full", 1, FULL), ("left", 141, ""), ("closed", 1, CLOSED)]
)
def test_an_unbuffered_python_is_no_different(run: Any, out: str, code: int, error: str) -> None:
    """With PYTHONUNBUFFERED, as in most containers."""
    done = run("config", "path", out=out, anew=True, PYTHONUNBUFFERED="1")
    assert (done.returncode, done.stderr.decode()) == (code, error)


def test_nothing_replaces_a_closed_stream(shell: Any, tmp_path: Path) -> None:
    """The first file that is opened would get its descriptor, and what a library writes there."""
    script, error = tmp_path / "script.py", tmp_path / "error"
    script.write_text(
        "import os\n"
        "from pathlib import Path\n"
        "from connecty_frames.cli.io import standard_streams\n"
        "with standard_streams():\n"
        "    opened = min(os.open(os.devnull, os.O_RDONLY) for _ in range(2))\n"
        f"    Path({str(error)!r}).write_text(str(opened))\n",
        encoding="utf-8",
    )

    subprocess.run(
        ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", sys.executable, str(script)],
        env=shell.environment(),
        check=True,
    )

    assert int(error.read_text(encoding="utf-8")) > 2
