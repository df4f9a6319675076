"""The command line as a process: data on standard output, everything else on standard error, exit codes."""

from __future__ import annotations

import http.server
import io
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
import requests

import connecty_frames as cf
from connecty_frames import errors
from connecty_frames.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONNECTY = str(Path(sys.executable).with_name("connecty"))
TOP_COUNTRIES = "list the top 5 countries with the most orders"
CSV = '"country","orders"\n"Poland",31768\n"Germany",12922\n"France",8459\n"Italy",5719\n"Spain",5051\n'
STORY = re.compile(
    r"Poland has the most orders of all countries: 31768\.\n\nSELECT countries\.name .*\nLIMIT 5\n\n"
    r"5 of 5 rows; question_id [0-9a-f-]{36}\n",
    re.DOTALL,
)


def environment(**settings: object) -> dict[str, str]:
    """Give the environment of a process: this one's, without colours, and with settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONNECTY_")}
    named = {f"CONNECTY_{name.upper()}": str(value) for name, value in settings.items()}
    return {**kept, "NO_COLOR": "1", "COLUMNS": "100", **named}


def connecty(*arguments: str, **settings: object) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end."""
    done = subprocess.run(
        [CONNECTY, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(**settings),
        timeout=60,
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


def text(done: subprocess.CompletedProcess[bytes]) -> tuple[int, str, str]:
    """Give exit code, standard output and standard error."""
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def ask(sandbox: Sandbox) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Ask the shared sandbox, named by the environment."""

    def run(*arguments: str, **settings: object) -> subprocess.CompletedProcess[bytes]:
        return connecty("ask", *arguments, **{**sandbox.connection, **settings})

    return run


# ask


def test_ask_the_embedded_sandbox() -> None:
    """With no settings at all: a table, and then the story."""
    code, out, err = text(connecty("ask", TOP_COUNTRIES, "--sandbox"))

    assert code == 0
    assert out == (
        "┏━━━━━━━━━┳━━━━━━━━┓\n"
        "┃ country ┃ orders ┃\n"
        "┃ string  ┃  Int64 ┃\n"
        "┡━━━━━━━━━╇━━━━━━━━┩\n"
        "│ Poland  │  31768 │\n"
        "│ Germany │  12922 │\n"
        "│ France  │   8459 │\n"
        "│ Italy   │   5719 │\n"
        "│ Spain   │   5051 │\n"
        "└─────────┴────────┘\n"
    )
    assert STORY.fullmatch(err)


@pytest.mark.parametrize(
    ("engine", "types"),
    [("polars", ["String", "Int64"]), ("pyarrow", ["string", "int64"])],
)
def test_an_engine_names_the_types(ask: Any, engine: str, types: list[str]) -> None:
    """As its library calls them."""
    code, out, _ = text(ask(TOP_COUNTRIES, "--engine", engine))

    assert code == 0
    assert re.findall(r"\w+", out.splitlines()[2]) == types


def test_csv(ask: Any) -> None:
    """On standard output and nothing beside it."""
    code, out, err = text(ask(TOP_COUNTRIES, "--format", "csv"))

    assert (code, out) == (0, CSV)
    assert STORY.fullmatch(err)


def test_json(ask: Any) -> None:
    """An object a row."""
    code, out, err = text(ask(TOP_COUNTRIES, "--format", "json"))

    assert code == 0
    assert json.loads(out)[0] == {"country": "Poland", "orders": 31768}
    assert len(json.loads(out)) == 5
    assert STORY.fullmatch(err)


def test_parquet_through_a_pipe(ask: Any) -> None:
    """Bytes as they are, with the story in them."""
    done = ask(TOP_COUNTRIES, "--format", "parquet")

    table = pq.read_table(io.BytesIO(done.stdout))
    assert done.returncode == 0
    assert table.num_rows == 5
    assert cf.metadata(table).question == TOP_COUNTRIES


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_a_file_is_written(ask: Any, tmp_path: Path, format_: str) -> None:
    """Whole, in place of the one before, with nothing on standard output and nothing left behind."""
    target = tmp_path / f"out.{format_}"
    target.write_bytes(b"before")

    code, out, err = text(ask(TOP_COUNTRIES, "--format", format_, "--output", str(target)))

    assert (code, out) == (0, "")
    assert STORY.fullmatch(err)
    assert list(tmp_path.iterdir()) == [target]
    if format_ == "csv":
        assert target.read_text(encoding="utf-8") == CSV
    else:
        assert pq.read_table(target).num_rows == 5


def test_a_table_in_a_file_is_as_wide_as_it_must_be(ask: Any, tmp_path: Path) -> None:
    """Nothing is folded for a terminal that is not there."""
    target = tmp_path / "out.txt"
    question = f"SELECT '{'long ' * 40}' AS words"

    code, _, _ = text(ask(question, "--output", str(target)))

    assert code == 0
    assert "long " * 39 + "long" in target.read_text(encoding="utf-8")


def test_a_dash_is_standard_output(sandbox: Sandbox, tmp_path: Path) -> None:
    """As for other commands, and no file of that name."""
    done = subprocess.run(
        [CONNECTY, "ask", TOP_COUNTRIES, "--format", "csv", "--output", "-"],
        capture_output=True,
        env=environment(**sandbox.connection),
        cwd=tmp_path,
        check=True,
    )

    assert done.stdout.decode() == CSV
    assert list(tmp_path.iterdir()) == []


def test_what_is_cut_is_told(ask: Any) -> None:
    """As a warning of one line and in the last line; only the first 50 rows of a table are shown."""
    code, out, err = text(ask("list all orders", "--max-rows", "60"))

    assert code == 0
    assert len(re.findall(r"^│ +\d+ │", out, re.MULTILINE)) == 50
    assert err.startswith("TruncationWarning: 60 of 100,000 rows came; ")
    assert "The first 50 of 60 rows are shown; --format csv writes them all.\n" in err
    assert re.search(r"60 of 100,000 rows, truncated; question_id [0-9a-f-]{36}\n$", err)


def test_doubts_are_told_on_standard_error(ask: Any) -> None:
    """A column that stays text is a warning without a line of Python."""
    code, out, err = text(ask("when were the countries founded", "--format", "csv"))

    assert code == 0
    assert '"Italy","0753-04-21 BC"\n' in out
    assert err.startswith("TypeFidelityWarning: Column 'founded_on' stays exact text: '0753-04-21 BC'")
    assert ".py:" not in err


def test_foreign_text_has_no_power_over_the_terminal(ask: Any) -> None:
    """Control characters of values and of the SQL are shown as escapes."""
    code, out, err = text(ask("SELECT 'a' || chr(27) || '[2J' AS \"x\", '\x1b[2J' AS y"))

    assert code == 0
    assert "a\\x1b[2J" in out
    assert "\x1b" not in out + err


def test_another_encoding_is_no_trouble(sandbox: Sandbox) -> None:
    """Where standard streams are ASCII, data is UTF-8 and what is told is escaped."""
    done = subprocess.run(
        [CONNECTY, "ask", "SELECT 'żółw 🚀' AS a", "--format", "csv"],
        capture_output=True,
        env={
            **environment(**sandbox.connection),
            "LC_ALL": "C",
            "PYTHONIOENCODING": "ascii",
        },
        check=True,
    )

    assert done.stdout.decode() == '"a"\n"żółw 🚀"\n'
    assert b"SELECT" in done.stderr


# Nothing is paid for in vain


@pytest.mark.parametrize(
    ("output", "error"),
    [("nope/out.csv", "FileNotFoundError"), (".", "IsADirectoryError")],
)
def test_a_file_that_cannot_be_written_costs_no_question(
    ask: Any, sandbox: Sandbox, tmp_path: Path, output: str, error: str
) -> None:
    """It is found out first, and named as it was given."""
    before = len(sandbox.ledger.requests)

    code, out, err = text(ask(TOP_COUNTRIES, "--output", str(tmp_path / output)))

    assert (code, out) == (1, "")
    assert err.startswith(f"{error}: ")
    assert err.rstrip().endswith(f"'{tmp_path / output}'")
    assert len(sandbox.ledger.requests) == before


def test_standard_output_that_is_closed_costs_no_question(sandbox: Sandbox) -> None:
    """As with ``>&-`` in a shell."""
    before = len(sandbox.ledger.requests)

    done = subprocess.run(
        ["sh", "-c", f"{shlex.quote(CONNECTY)} ask x --format csv >&-"],  # noqa: S607 - any sh will do
        capture_output=True,
        env=environment(**sandbox.connection),
        check=False,
    )

    assert text(done) == (2, "", "ConfigError: Standard output is closed: give --output FILE.\n")
    assert len(sandbox.ledger.requests) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_told_with_the_way_back(sandbox: Sandbox) -> None:
    """The answer was paid for: its summary and its id are told before the error."""
    done = subprocess.run(
        ["sh", "-c", f"{shlex.quote(CONNECTY)} ask '{TOP_COUNTRIES}' --format csv >/dev/full"],  # noqa: S607 - as above
        capture_output=True,
        env=environment(**sandbox.connection),
        check=False,
    )

    code, _, err = text(done)
    assert code == 1
    assert re.search(r"question_id [0-9a-f-]{36}\nOSError: .*No space left on device\n$", err)


def test_a_reader_that_leaves_is_no_traceback(sandbox: Sandbox) -> None:
    """As ``| head -1``: the first line comes, and the end is quiet."""
    command = f"{shlex.quote(CONNECTY)} ask 'list all orders' --max-rows 20000 --format csv | head -1"
    done = subprocess.run(
        ["sh", "-c", command],  # noqa: S607 - as above
        capture_output=True,
        env=environment(**sandbox.connection),
        check=False,
    )

    assert done.stdout.startswith(b'"order_id","customer_id"')
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


# Exit codes


def test_the_exit_codes() -> None:
    """One for each kind of error, the first that fits; every error has one."""
    with warnings.catch_warnings():
        # Of click, about what older versions of typer import from it.
        warnings.simplefilter("ignore", DeprecationWarning)
        from connecty_frames import cli

    assert {kind.__name__: code for kind, code in cli.EXIT_CODES.items()} == {
        "ConfigError": 2,
        "AuthError": 3,
        "ConnectionFailed": 4,
        "APIError": 5,
        "ResponseError": 6,
        "QuestionTimeout": 8,
        "SubmissionUncertain": 9,
        "QuestionError": 7,
        "ConversionError": 10,
        "TruncatedError": 11,
        "ConnectyError": 1,
        "OSError": 1,
    }
    found = {
        name: next(code for kind, code in cli.EXIT_CODES.items() if issubclass(getattr(errors, name), kind))
        for name in errors.__all__
        if name != "warn" and not issubclass(getattr(errors, name), Warning)
    }
    assert found == {
        "ConnectyError": 1,
        "ConfigError": 2,
        "AuthError": 3,
        "ConnectionFailed": 4,
        "APIError": 5,
        "NotFoundError": 5,
        "RateLimitError": 5,
        "ServerError": 5,
        "ResponseError": 6,
        "ResponseTooLarge": 6,
        "QuestionError": 7,
        "QuestionFailed": 7,
        "NoTableError": 7,
        "QuestionTimeout": 8,
        "SubmissionUncertain": 9,
        "ConversionError": 10,
        "TruncatedError": 11,
    }


def test_missing_credentials() -> None:
    """2, what is missing, and how to try the sandbox; never sample data."""
    code, out, err = text(connecty("ask", TOP_COUNTRIES))

    assert (code, out) == (2, "")
    assert err.startswith("ConfigError: No client_id (environment: CONNECTY_CLIENT_ID) and client_secret ")
    assert "`connecty sandbox`" in err


@pytest.mark.parametrize(
    ("settings", "code", "error"),
    [
        ({"client_secret": "a-wrong-secret"}, 3, "AuthError: "),
        ({"dw_id": 14}, 5, "NotFoundError: "),
        ({"timeout": "soon"}, 2, "ConfigError: timeout (environment variable CONNECTY_TIMEOUT): "),
    ],
)
def test_wrong_settings(ask: Any, settings: dict[str, object], code: int, error: str) -> None:
    """An exit code for each, one line, and no secret in it."""
    done = ask(TOP_COUNTRIES, **settings)

    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr.decode().startswith(error)
    assert b"a-wrong-secret" not in done.stderr


@pytest.mark.parametrize(
    ("question", "code", "error"),
    [
        ("which warehouse ships the fastest", 7, "QuestionFailed: The question 'which warehouse"),
        (
            "what is this workspace about",
            7,
            "NoTableError: The question was answered without a table. A made",
        ),
        ("", 2, "ConfigError: question is blank"),
    ],
)
def test_questions_without_a_table(ask: Any, question: str, code: int, error: str) -> None:
    """One line of why, and of a question that was asked its id."""
    done = ask(question)

    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr.decode().startswith(error)
    assert bool(re.search(rb"\nquestion_id [0-9a-f-]{36}\n$", done.stderr)) is (code == 7)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ask"], "Missing argument"),
        (["ask", "x", "--format", "xml"], "'table', 'csv', 'json', 'parquet'"),
        (["ask", "x", "--engine", "dask"], "'pandas', 'polars', 'pyarrow'"),
        (["ask", "x", "--max-rows", "-1"], "--max-rows"),
        (["ask", "x", "--no-such-option"], "--no-such-option"),
        (["answer", "x"], "answer"),
        (["sandbox", "--port", "99999"], "port=99999 is not a port"),
        (["sandbox", "--database", "/nope.duckdb"], "database='/nope.duckdb' is not a file"),
        (["sandbox", "--questions", "/nope.toml"], "questions='/nope.toml' is not a file"),
        (["sandbox", "--latency", "-1"], "latency=-1.0 is not a time"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_command_line(arguments: list[str], said: str) -> None:
    """2, nothing on standard output, and what is wrong."""
    code, out, err = text(connecty(*arguments))

    assert (code, out) == (2, "")
    assert said in " ".join(re.sub(r"[│╭╰─╮╯\n]", " ", err).split())


def test_the_version() -> None:
    """On standard output, alone."""
    assert text(connecty("--version")) == (0, f"{cf.__version__}\n", "")


def test_help() -> None:
    """It names the commands."""
    code, out, _ = text(connecty("--help"))

    assert code == 0
    assert re.findall(r"^│ (ask|health|sandbox) ", out, re.MULTILINE) == ["ask", "health", "sandbox"]


# health


def test_health_needs_no_credentials(sandbox: Sandbox) -> None:
    """The address alone."""
    address = sandbox.connection["base_url"]

    assert text(connecty("health", base_url=address)) == (0, f"{address} is operational\n", "")


def test_health_of_a_port_where_nobody_listens() -> None:
    """4, and what to look at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    code, out, err = text(connecty("health", base_url=f"http://127.0.0.1:{port}"))

    assert (code, out) == (4, "")
    assert err.startswith(f"ConnectionFailed: No connection to 127.0.0.1:{port} ")


class _Unwell(http.server.BaseHTTPRequestHandler):
    """A server that is not operational."""

    def do_GET(self) -> None:
        """Say so."""
        self.send_response(503)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing of it."""


@pytest.fixture
def unwell() -> Iterator[str]:
    """Give the address of a server that answers 503 to everything."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Unwell) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


def test_health_of_a_server_that_is_unwell(unwell: str) -> None:
    """Not 0, and it does not say that the service is operational."""
    code, out, err = text(connecty("health", base_url=unwell))

    assert code == 5
    assert out == ""
    assert err.startswith(f"ServerError: {unwell} is not operational: ")


# sandbox


class Running:
    """A command that goes on until it is interrupted."""

    def __init__(self, *arguments: str, **settings: object) -> None:
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background of a shell
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self.process = subprocess.Popen(
            [CONNECTY, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**settings),
        )

    def exports(self) -> dict[str, str]:
        """Read what a sandbox tells to export."""
        assert self.process.stdout is not None
        found = {}
        for _ in range(4):
            words = shlex.split(self.process.stdout.readline())
            assert words[0] == "export"
            name, _, value = words[1].partition("=")
            found[name.removeprefix("CONNECTY_").lower()] = value
        return found

    def interrupt(self) -> tuple[int, str, str]:
        """Do what Ctrl-C does, and give exit code, the rest of standard output, and standard error."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err

    def kill(self) -> None:
        """End it, if it still runs, and close its streams."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(20)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Start a command; what still runs at the end is killed."""
    started: list[Running] = []

    def run(*arguments: str, **settings: object) -> Running:
        started.append(Running(*arguments, **settings))
        return started[-1]

    yield run
    for running in started:
        running.kill()


def test_a_sandbox_serves_until_ctrl_c(start: Callable[..., Running]) -> None:
    """Its exports lead a client to it; afterwards nothing listens there."""
    running = start("sandbox")
    exports = running.exports()
    assert list(exports) == ["client_id", "client_secret", "base_url", "dw_id"]

    connection = {**exports, "dw_id": int(exports["dw_id"])}
    with cf.Client(**connection) as client:
        assert client.ask_df(TOP_COUNTRIES)["orders"].to_list() == [31768, 12922, 8459, 5719, 5051]
    assert text(connecty("ask", TOP_COUNTRIES, "--format", "csv", **exports))[:2] == (0, CSV)

    code, out, err = running.interrupt()

    assert (code, out) == (0, "")
    assert err == "The sandbox is running; Ctrl-C stops it. Paste the lines above into another shell.\n"
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{exports['base_url']}/v1/health", timeout=5)


def test_a_sandbox_with_a_port_and_questions_of_its_own(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    """Served on that port, answered from that catalogue."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    catalogue = tmp_path / "questions.toml"
    catalogue.write_text(
        '[[question]]\nquestion = "how old is the universe"\nsql = "SELECT 13.8 AS billion_years"\n'
    )

    exports = start("sandbox", "--port", str(port), "--questions", str(catalogue)).exports()

    assert exports["base_url"] == f"http://127.0.0.1:{port}"
    code, out, _ = text(connecty("ask", "how old is the universe", "--format", "csv", **exports))
    assert (code, out) == (0, '"billion_years"\n13.8\n')


def test_a_port_that_is_taken(sandbox: Sandbox) -> None:
    """2, the port and what to do."""
    port = sandbox.connection["base_url"].rpartition(":")[2]

    code, out, err = text(connecty("sandbox", "--port", port))

    assert (code, out) == (2, "")
    assert f"port={port}" in err
    assert "port=0 takes any free port" in err


def test_ctrl_c_tells_the_way_back(start: Callable[..., Running]) -> None:
    """130, and one line with the id of the question that goes on without us."""
    with Sandbox(latency=60) as slow:
        asking = start("ask", TOP_COUNTRIES, **slow.connection)
        until = time.monotonic() + 30
        while not slow.ledger.counts()["GET /v1/dw/{dw_id}/questions/{question_id}/results"]:
            assert asking.process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        question_id = slow.ledger.questions[0].question_id

        code, out, err = asking.interrupt()

    assert (code, out) == (130, "")
    assert err.strip() == (
        f"Question {question_id} may still be worked on; to fetch its answer without asking again: "
        f'Client.question("{question_id}", dw_id=13).result()'
    )
