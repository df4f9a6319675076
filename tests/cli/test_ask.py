"""``connecty ask``: data on standard output, everything else on standard error."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import connecty_frames as cf
from connecty_frames.sandbox import Sandbox
from tests.servers.forking import CONNECTY

TOP_COUNTRIES = "list the top 5 countries with the most orders"
CSV = '"country","orders"\n"Poland",31768\n"Germany",12922\n"France",8459\n"Italy",5719\n"Spain",5051\n'
METADATA = re.compile(
    r"Poland has the most orders of all countries: 31768\.\n\nSELECT countries\.name .*\nLIMIT 5\n\n"
    r"5 of 5 rows; question_id [0-9a-f-]{36}\n",
    re.DOTALL,
)


@pytest.mark.slow
def test_ask_the_embedded_sandbox(shell: Any) -> None:
    """Without any settings: a table, then summary, SQL and size."""
    code, out, err = shell.text(shell.process("ask", TOP_COUNTRIES, "--sandbox", command=CONNECTY))

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
    assert err.startswith("Poland has the most orders of all countries: 31768.\n\nSELECT countries.name ")
    assert err.endswith("\nLIMIT 5\n\n5 of 5 rows\n")  # no id, which ends with the command


@pytest.mark.parametrize(
    ("engine", "types"), [("polars", ["String", "Int64"]), ("pyarrow", ["string", "int64"])]
)
def test_an_engine_names_the_types(shell: Any, ask: Any, engine: str, types: list[str]) -> None:
    """Types have the names of that library."""
    code, out, _ = shell.text(ask(TOP_COUNTRIES, "--engine", engine))
    assert code == 0
    assert re.findall(r"\w+", out.splitlines()[2]) == types


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_a_file_is_written(shell: Any, ask: Any, tmp_path: Path, format_: str) -> None:
    """It replaces an existing one; nothing goes to standard output, and no temporary file is left."""
    target = tmp_path / f"out.{format_}"
    target.write_bytes(b"before")
    code, out, err = shell.text(ask(TOP_COUNTRIES, "--format", format_, "--output", str(target)))
    assert (code, out) == (0, "")
    assert METADATA.fullmatch(shell.after_acceptance(err))
    assert list(tmp_path.iterdir()) == [target]
    if format_ == "csv":
        assert target.read_text(encoding="utf-8") == CSV
    else:
        assert pq.read_table(target).num_rows == 5


def test_a_table_in_a_file_is_complete(shell: Any, ask: Any, tmp_path: Path) -> None:
    """Only a terminal has a width, and a limit of rows."""
    target = tmp_path / "out.txt"
    question = f"SELECT range AS n, '{'long ' * 40}' AS words FROM range(60)"
    code, _, _ = shell.text(ask(question, "--output", str(target)))
    lines = target.read_text(encoding="utf-8").splitlines()
    assert code == 0
    assert len(lines) == 65
    assert lines[-2] == f"│    59 │ {'long ' * 40} │"


def test_truncation_is_reported(shell: Any, ask: Any) -> None:
    """As a warning of one line and in the last line; only 50 rows of a table are shown."""
    code, out, err = shell.text(ask("list all orders", "--max-rows", "60"))
    assert code == 0
    assert len(re.findall(r"^│ +\d+ │", out, re.MULTILINE)) == 50
    assert shell.after_acceptance(err).startswith("TruncationWarning: 60 of 100,000 rows received; ")
    assert out.endswith("\n60 rows (50 shown), 11 columns (8 shown), shortened; --output FILE writes all\n")
    assert re.search(r"60 of 100,000 rows, truncated; question_id [0-9a-f-]{36}\n$", err)


def test_warnings_go_to_standard_error(shell: Any, ask: Any) -> None:
    """Such as that of a column that stays text, without a line of Python code."""
    code, out, err = shell.text(ask("when were the countries founded", "--format", "csv"))
    assert code == 0
    assert '"Italy","0753-04-21 BC"\n' in out
    assert shell.after_acceptance(err).startswith(
        "TypeFidelityWarning: Column 'founded_on' stays exact text: '0753-04-21 BC'"
    )
    assert ".py:" not in err


@pytest.mark.parametrize(
    ("output", "error"), [("nope/out.csv", "FileNotFoundError"), (".", "IsADirectoryError")]
)
def test_a_file_that_cannot_be_written_costs_no_question(
    ask: Any, sandbox: Sandbox, tmp_path: Path, output: str, error: str
) -> None:
    """It is opened first; the error names it as given."""
    before = len(sandbox.request_log.requests)
    done = ask(TOP_COUNTRIES, "--output", str(tmp_path / output))
    err = done.stderr.decode()
    assert (done.returncode, done.stdout) == (1, b"")
    assert err.startswith(f"{error}: ")
    assert err.rstrip().endswith(f"'{tmp_path / output}'")
    assert len(sandbox.request_log.requests) == before


@pytest.mark.slow
def test_standard_output_that_is_closed_costs_no_question(shell: Any, sandbox: Sandbox) -> None:
    """As with ``>&-`` in a shell."""
    before = len(sandbox.request_log.requests)
    done = subprocess.run(
        ["sh", "-c", f"{shlex.quote(shell.command)} ask x --format csv >&-"],
        capture_output=True,
        env=shell.environment(**sandbox.connection),
        check=False,
    )
    assert shell.text(done) == (2, "", "ConfigError: Standard output is closed: give --output FILE.\n")
    assert len(sandbox.request_log.requests) == before


def test_a_format_takes_precedence_over_the_suffix(ask: Any, tmp_path: Path) -> None:
    """The file has the chosen format."""
    assert ask(TOP_COUNTRIES, "--output", str(tmp_path / "a.json"), "--format", "csv").returncode == 0
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == CSV


def test_a_missing_extra_costs_no_question(
    ask: Any, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error has the command that installs it."""
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    before = len(sandbox.request_log.requests)
    done = ask(TOP_COUNTRIES, "--output", str(tmp_path / "a.xlsx"))
    assert done.returncode == 2
    assert done.stderr == (
        b"ConfigError: xlsx files need xlsxwriter: pip install 'connecty-frames[excel]'.\n"
    )
    assert len(sandbox.request_log.requests) == before
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_has_no_room_in_a_workbook(shell: Any, ask: Any, tmp_path: Path) -> None:
    """Exit code 10, and no file; the id fetches the answer again."""
    target = tmp_path / "a.xlsx"
    code, _, err = shell.text(ask("SELECT repeat('x', 32768) AS a", "--output", str(target), "--quiet"))
    assert code == 10
    assert re.fullmatch(
        r"ConversionError: Column 'a', row 0: an Excel cell has at most 32,767 characters. Fetch .*\n"
        r"question_id [0-9a-f-]{36}\n",
        err,
    )
    assert list(tmp_path.iterdir()) == []


def test_each_part_alone(shell: Any, ask: Any) -> None:
    """On standard output, and nothing else there; as text and as JSON."""
    sql = ask(TOP_COUNTRIES, "--sql")
    assert sql.stdout.startswith(b"SELECT countries.name AS country")
    printed = shell.after_acceptance(sql.stderr.decode())
    assert re.fullmatch(r"5 of 5 rows; question_id [0-9a-f-]{36}\n", printed)
    assert (
        json.loads(ask(TOP_COUNTRIES, "--sql", "--format", "json").stdout).strip()
        == sql.stdout.decode().strip()
    )
    summary = ask(TOP_COUNTRIES, "--summary")
    assert summary.stdout == b"Poland has the most orders of all countries: 31768.\n"
    statistics = json.loads(ask(TOP_COUNTRIES, "--stats").stdout)
    assert statistics["country"]["general"]["count"] == 5
    schema = ask(TOP_COUNTRIES, "--schema").stdout.decode().splitlines()
    assert [line.split()[:2] for line in schema] == [["country", "string"], ["orders", "int64"]]
    saved = cf.Schema.from_json(ask(TOP_COUNTRIES, "--schema", "--format", "json").stdout.decode())
    assert saved.names == ["country", "orders"]


def test_one_part_in_a_file(ask: Any, tmp_path: Path) -> None:
    """As text, whatever the name; as JSON if the suffix is that of JSON."""
    for name, content in (("q.sql", "SELECT"), ("q.md", "SELECT"), ("q", "SELECT"), ("q.json", '"SELECT')):
        assert ask(TOP_COUNTRIES, "--sql", "-o", str(tmp_path / name)).returncode == 0
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(content)


def test_quiet_keeps_warnings(shell: Any, ask: Any) -> None:
    """Metadata is not printed, warnings are."""
    code, _, err = shell.text(ask(TOP_COUNTRIES, "--max-rows", "2", "--quiet"))
    assert code == 0
    assert err == (
        "TruncationWarning: 2 of 5 rows received; --max-rows all fetches all, and --on-truncation ignore "
        "hides this warning.\n"
    )


def test_tz_and_strict(shell: Any, ask: Any) -> None:
    """Timestamps are in that zone; a doubt is an error."""
    moment = "SELECT TIMESTAMPTZ '2025-03-30 01:30:00+00' AS a"
    assert b"2025-03-30T10:30:00.000000+09:00" in ask(moment, "--tz", "Asia/Tokyo", "--format", "csv").stdout
    code, out, err = shell.text(ask("when were the countries founded", "--strict"))
    assert (code, out) == (10, "")
    assert shell.after_acceptance(err).startswith("ConversionError: Column 'founded_on'")


def test_decimals(shell: Any, ask: Any) -> None:
    """What a number becomes that float64 does not hold; --decimals float does not go with --strict."""
    number = "SELECT 123456789012345678.25::DECIMAL(20, 2) AS a"
    assert ask(number, "--format", "ndjson").stdout == b'{"a":123456789012345678.25}\n'
    nearest = ask(number, "--decimals", "float", "--format", "ndjson").stdout
    assert nearest == b'{"a":1.2345678901234568e17}\n'
    code, out, err = shell.text(ask(number, "--decimals", "float", "--strict"))
    assert (code, out) == (2, "")
    assert err == (
        "ConfigError: decimals='float' rounds to the nearest float64, which strict=True does not allow. "
        "Drop --decimals float for exact decimals, or --strict for floats.\n"
    )


HOSTILE = "SELECT 'a' || chr(27) || '[2J' || chr(8238) || chr(155) || 'b' AS x"


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["table", "text", "csv", "json", "ndjson", "markdown"])
def test_every_format_is_escaped_for_a_terminal(shell: Any, sandbox: Sandbox, format_: str) -> None:
    """ESC, C1 and bidirectional marks; a pipe gets unchanged bytes."""
    environment = shell.environment(**sandbox.connection)
    code, seen = shell.screen("ask", HOSTILE, "--format", format_, "--quiet", **environment)
    assert code == 0
    assert "2J" in seen
    assert [mark for mark in ("\x1b[2J", "\x9b", "\u202e") if mark in seen] == []
    if format_ == "csv":
        assert shell.run("ask", HOSTILE, "--format", "csv", **sandbox.connection).stdout.decode() == (
            '"x"\n"a\x1b[2J\u202e\x9bb"\n'
        )


@pytest.mark.slow
@pytest.mark.parametrize("part", ["--sql", "--summary", "--stats", "--schema"])
def test_every_part_is_escaped_for_a_terminal(shell: Any, sandbox: Sandbox, part: str) -> None:
    """The SQL repeats the question, with ESC."""
    question = 'SELECT 1 AS "x\x1b[2J\u202e"'
    code, seen = shell.screen("ask", question, part, **shell.environment(**sandbox.connection))
    assert code == 0
    assert [mark for mark in "\x1b\u202e" if mark in seen] == []


@pytest.mark.slow
def test_colours_only_on_a_terminal(shell: Any, sandbox: Sandbox) -> None:
    """Unless NO_COLOR is set; the width is that of COLUMNS."""
    environment = {**shell.environment(**sandbox.connection), "TERM": "xterm-256color", "COLUMNS": "40"}
    question = f"SELECT '{'long ' * 20}' AS words, '' AS colour"
    without = shell.screen("ask", question, "-q", **environment)[1]
    bold = shell.screen("ask", question, "-q", **{**environment, "NO_COLOR": ""})[1]
    assert "\x1b[" in bold
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", without)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", without)
    assert {len(line) for line in plain.splitlines() if "│" in line} == {40}


@pytest.mark.slow
def test_a_pipe_has_no_width(shell: Any, sandbox: Sandbox) -> None:
    """Nothing is folded for a terminal that is not there."""
    environment = {**shell.environment(**sandbox.connection), "COLUMNS": "0"}  # as some programs export it
    question = f"SELECT '{'long ' * 40}' AS words"
    done = subprocess.run(
        [shell.command, "ask", question, "-q"], capture_output=True, env=environment, check=True
    )
    assert "long " * 39 + "long" in done.stdout.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("connecty hi", {"history"}),
        ("connecty ask x --form", {"--format"}),
        ("connecty ask x --format nd", {"ndjson"}),
        ("connecty ask x --profile st", {"staging"}),
    ],
)
def test_a_shell_completes(shell: Any, tmp_path: Path, words: str, expected: set[str]) -> None:
    """Commands, options, their values, and profiles."""
    config = tmp_path / "config.toml"
    config.write_text("[default]\n[staging]\n")

    done = subprocess.run(
        [shell.command],
        capture_output=True,
        env={
            **shell.environment(config=config),
            "_CONNECTY_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        },
        check=False,
    )

    assert set(done.stdout.decode().split()) == expected
    assert done.stderr == b""


@pytest.mark.slow
def test_it_starts_as_a_module() -> None:
    """By python -m, if the command is not on the path."""
    done = subprocess.run(
        [sys.executable, "-m", "connecty_frames.cli", "--version"], capture_output=True, check=True
    )
    assert done.stdout.decode() == f"{cf.__version__}\n"


@pytest.mark.slow
def test_it_starts_without_heavy_imports() -> None:
    """--version, --help and completion load no library that they do not need."""
    code = (
        "import sys, connecty_frames.cli\n"
        "heavy = ['pandas', 'polars', 'pyarrow', 'duckdb', 'requests', 'pydantic', 'msgspec']\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"[]\n"
