"""Exit codes of commands, and their one line of error, without secrets."""

import re
import warnings
from typing import Any

import pytest

from connecty_frames import errors

TOP_COUNTRIES = "list the top 5 countries with the most orders"


def test_the_exit_codes() -> None:
    """One for each kind of error; the first class that matches decides."""
    with warnings.catch_warnings():
        # Of click, about what older versions of typer import from it.
        warnings.simplefilter("ignore", DeprecationWarning)
        from connecty_frames import cli

    assert cli.EXIT_CODES[OSError] == 1
    found = {
        name: next(code for kind, code in cli.EXIT_CODES.items() if issubclass(error, kind))
        for name, error in vars(errors).items()
        if isinstance(error, type) and issubclass(error, errors.ConnectyError)
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
        "QuestionLimitError": 14,
        "NoTableError": 7,
        "QuestionTimeout": 8,
        "SubmissionUncertain": 9,
        "ConversionError": 10,
        "TruncatedError": 11,
        "QueryRefused": 1,
        "WriteFailed": 1,
        "PinChanged": 12,
    }


def test_missing_credentials(shell: Any) -> None:
    """Exit code 2, what is missing, and how to try the sandbox; never sample data."""
    code, out, err = shell.text(shell.process("ask", TOP_COUNTRIES))
    assert (code, out) == (2, "")
    assert err.startswith("ConfigError: No client_id and client_secret. Run `connecty login` once, ")
    assert "add --sandbox to `connecty ask`" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ask"], "No question. Give one as words, as - for standard input or with --file, or fetch"),
        (
            ["ask", "x", "--format", "xml"],
            "'table', 'text', 'csv', 'csv.gz', 'tsv', 'json', 'ndjson', 'jsonl',",
        ),
        (["ask", "x", "--engine", "dask"], "'pandas', 'polars', 'pyarrow'"),
        (["ask", "x", "--max-rows", "-1"], "--max-rows"),
        (["ask", "x", "--no-such-option"], "--no-such-option"),
        (["answer", "x"], "answer"),
        (["fetch", "x"], "No such command 'fetch'; use connecty ask --question-id ID."),
        (["how many orders"], "No such command 'how many orders'; to ask a question, write"),
        (["sandbox", "--port", "99999"], "port=99999 is not a port"),
        (["sandbox", "--database", "/nope.duckdb"], "database='/nope.duckdb' is not a file"),
        (["sandbox", "--latency", "-1"], "latency=-1.0 is not a time"),
        (["sandbox", "--fault", "results:sttus=503"], "'sttus' is unknown"),
        (["sandbox", "--fault", "results:sttus=503"], "Write ENDPOINT:KIND[,OPTION...]"),
        (["sandbox", "--fault", "results:reset", "--fault", "ask:cut=-1"], "cut is 0 or more bytes"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_command_line(shell: Any, arguments: list[str], said: str) -> None:
    """Exit code 2, nothing on standard output, and the reason."""
    code, out, err = shell.text(shell.run(*arguments))
    assert (code, out) == (2, "")
    assert said in " ".join(re.sub(r"[│╭╰─╮╯\n]", " ", err).split())


def test_help(shell: Any) -> None:
    """It lists the commands."""
    code, out, _ = shell.text(shell.run("--help"))
    assert code == 0
    assert re.findall(r"^│ (ask|doctor|help) ", out, re.MULTILINE) == ["ask", "doctor", "help"]


def test_help_on_a_topic(shell: Any) -> None:
    """The same as ``--help``, of the program and of each command; another topic is an error."""
    for words in ([], ["ask"], ["history", "resume"]):
        assert shell.run("help", *words).stdout == shell.run(*words, "--help").stdout
    assert shell.run("help", "nothing").returncode == 2


def test_help_asks_nothing(shell: Any) -> None:
    """Behind ``--``, too, where ``ask`` takes all words for a question."""
    explained = shell.run("help", "--", "ask", "--", "how", "many", "orders", "are", "there")
    assert explained.stdout == shell.run("ask", "--help").stdout


@pytest.mark.parametrize(
    "words",
    [[], ["ask"], ["batch"], ["login"], ["sandbox"], ["history", "list"], ["pin", "add"], ["pin", "check"]],
)
def test_types_in_the_help(shell: Any, words: list[str]) -> None:
    """None for a flag, which takes no value, and none in words of Python."""
    shown = shell.run(*words, "--help").stdout.decode()
    assert "--help" in shown
    assert re.findall(r"bool|list\[|range", shown.lower()) == []


@pytest.mark.parametrize("words", [["ask"], ["batch"], ["login"], ["sandbox"], ["pin", "check"]])
def test_the_help_of_a_narrow_terminal(shell: Any, words: list[str]) -> None:
    """Names and values of options are not cut at 60 columns."""
    shown = shell.screen(*words, "--help", **{**shell.environment(), "COLUMNS": "60"})[1]
    wide = shell.run(*words, "--help").stdout.decode()
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 60
    assert set(re.findall(r" (--[\w-]+)", wide)) <= set(re.findall(r" (--[\w-]+)", shown))
    assert set(re.findall(r"<[^>\s]+>", wide)) <= set(re.findall(r"<[^>\s]+>", shown))


def test_paragraphs_of_the_help(shell: Any) -> None:
    """They fill the lines, whatever those of the code are."""
    shown = shell.run("pin", "check", "--help").stdout.decode()
    assert "changed, else that of the first pin" in shown


@pytest.mark.parametrize(
    ("usage", "groups"),
    [
        ("[OPTIONS] COMMAND [ARGS]...", "Options, Commands"),
        (
            "ask [OPTIONS] [QUESTION]...",
            "Arguments, Options, Question, Connection, Rows and types, Output, A single part of the answer",
        ),
        ("batch [OPTIONS] FILE", "Arguments, Options, Question, Connection, Rows and types, Output"),
        ("config [OPTIONS] COMMAND [ARGS]...", "Options, Commands"),
        ("config show [OPTIONS]", "Options, Connection"),
        ("doctor [OPTIONS]", "Options, Connection, First contact"),
        ("help [OPTIONS] [TOPIC]...", "Arguments, Options"),
        ("history [OPTIONS] COMMAND [ARGS]...", "Options, Output, Connection, Commands"),
        ("history list [OPTIONS]", "Options, Output, Connection"),
        ("history resume [OPTIONS] QUESTION_ID", "Arguments, Options, Connection"),
        ("history forget [OPTIONS] [QUESTION_ID]", "Arguments, Options, Connection"),
        ("pin add [OPTIONS] NAME QUESTION", "Arguments, Options, Rows and types, Connection"),
        ("pin show [OPTIONS] NAME", "Arguments, Options"),
        ("pin check [OPTIONS] [NAMES]...", "Arguments, Options, Connection, Output"),
        ("pin list [OPTIONS]", "Options, Output"),
        ("pin run [OPTIONS] [NAMES]...", "Arguments, Options, Rows and types, Output"),
    ],
)
def test_the_help_of_a_command(shell: Any, usage: str, groups: str) -> None:
    """Its usage, and the groups of its options."""
    command = usage.partition("[OPTIONS]")[0].split()
    printed = shell.run(*command, "--help").stdout.decode()

    def plain(text: str) -> str:  # versions of typer differ in case and in these signs
        return " ".join(re.sub(r"[][{}.]", "", text).lower().split())

    assert f"connecty {plain(usage)} " in plain(printed)
    assert ", ".join(re.findall(r"╭─ (\w[\w ]*) ─", printed)) == groups


def test_the_exit_codes_are_a_topic_of_the_help(shell: Any) -> None:
    """Each with its meaning; the page has the table that is generated from it."""
    from connecty_frames.cli.io import EXIT_CODES, MEANINGS

    lines = shell.run("help", "exit-codes").stdout.decode().splitlines()
    assert lines[:2] == ["  0  success", "  1  a file could not be written, or any other error"]
    assert "130  Ctrl-C" in lines
    assert [int(line.split()[0]) for line in lines] == [*MEANINGS]
    assert "connecty help exit-codes" in shell.run("--help").stdout.decode()
    assert set(EXIT_CODES.values()) < set(MEANINGS)
