"""What ``connecty ask`` takes: its question, the address, a saved schema; what is wrong costs no question."""

import json
import os
import re
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames.decode.schema import ColumnSchema
from tests.servers.scripted import QUESTION_ID, Script

CSV = '"n"\n2\n3\n'
TYPE = b"Type the question, then Ctrl-D on its own line.\n"


def unframed(text: str) -> str:
    """Return a message without the frame and the line breaks of an error about the command line."""
    return " ".join(re.sub(r"[│╭╰─╮╯\n]", " ", text).split())


@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        (["how", "many", "orders", "--format", "csv", "are", "there"], "how many orders are there"),
        (["how many", "--quiet", "orders"], "how many orders"),
        (["--quiet", "--", "orders", "-5", "days"], "orders -5 days"),
        (["--", "orders", "-f", "days"], "orders -f days"),
        (["orders", "-", "returns"], "orders - returns"),
    ],
)
def test_words_are_joined(ask_server: Any, server: Script, arguments: list[str], question: str) -> None:
    """By a space, with options before, between and after them; behind --, all are words."""
    assert ask_server(*arguments).returncode == 0
    assert server.questions == [question]


@pytest.mark.parametrize("source", ["-", "--file -", "--file", "-f"])
@pytest.mark.parametrize(
    ("body", "question"),
    [
        (b"how many?\n", "how many?"),
        (b"\xef\xbb\xbfile zam\xc3\xb3wie\xc5\x84?\r\n", "ile zamówień?"),
        (b"  how many\n\norders?", "  how many\n\norders?"),
    ],
)
def test_a_question_is_read(
    ask_server: Any, server: Script, tmp_path: Path, source: str, body: bytes, question: str
) -> None:
    """UTF-8, with a mark at its beginning or none, without newlines at its end; a dash is standard input."""
    path = tmp_path / "question.txt"
    path.write_bytes(body)
    arguments = source.split() if source.endswith("-") else [source, str(path)]
    done = ask_server(*arguments, "--format", "csv", stdin=path)
    assert (done.returncode, done.stdout.decode()) == (0, CSV)
    assert server.questions == [question]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is empty: expected a question in plain language."),
        (b" \n", "is empty: expected a question in plain language."),
        (b"how many \xff", ": byte 9 is not UTF-8 text."),
        ("how many?".encode("utf-16"), ": byte 0 is not UTF-8 text."),
        (b"how\0many", ": contains a NUL character, so it is not text."),
        (b"a" * 10_000_001, ": more than 10,000,000 bytes."),
    ],
    ids=["empty", "blank", "latin", "utf-16", "binary", "long"],
)
def test_what_is_no_question_is_not_asked(
    ask_server: Any, shell: Any, server: Script, tmp_path: Path, body: bytes, said: str
) -> None:
    """Exit code 2 and one line that names the source; not even a token is requested."""
    path = tmp_path / "question.txt"
    path.write_bytes(body)
    read = shell.text(ask_server("-", stdin=path))
    file = shell.text(ask_server("--file", str(path)))
    between = "" if said.startswith(":") else " "
    assert read == (2, "", f"ConfigError: Standard input{between}{said}\n")
    assert file == (2, "", f"ConfigError: --file {path}{between}{said}\n")
    assert server.requests == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--file", "nope.txt"], "ConfigError: --file nope.txt: No such file or directory."),
        (["--file", "."], "ConfigError: --file .: Is a directory."),
        (["--file", "pipe"], "ConfigError: --file pipe: Not a regular file."),
        (["-f", "csv", "how"], "ConfigError: -f is --file, the file with the question; for the format, "),
        (["--file", "a", "how", "many"], "ConfigError: More than one question. Give one only: as words"),
        (["--file", "a", "-"], "ConfigError: More than one question. Give one only: as words"),
        (["--file", "a", "--question-id", "b"], "ConfigError: More than one question. Give one only: as "),
        (["how", "--question-id", "b"], "ConfigError: More than one question. Give one only: as words"),
        (["-", "--question-id", "b"], "ConfigError: More than one question. Give one only: as words"),
        (["-", "how", "many"], "ConfigError: More than one question. Give one only: as words"),
        (["orders", "-5", "days"], "; if it is a word of the question, write -- before the question."),
        (["how", "many", "--json"], "No such option '--json'; use --format json."),
        (["how", "many", "--limit", "5"], "No such option '--limit'; use --max-rows."),
        (["how", "many", "--fromat", "csv"], "--format"),
        (["--", "how", "many", "--sandbox"], "ConfigError: --sandbox comes after --, so it would be a word"),
        (["x", "--base-url", "http://127.0.0.1:1", "--region", "eu1"], "both name the address: give one."),
        (["x", "--base-url", "ftp://a"], "base_url (argument): expected an address such as"),
        (["x", "--region", "moon"], "Invalid value for '--region': 'moon' is not one of 'eu1', 'us1'"),
        (["x", "--sandbox", "--region", "eu1"], "starts a new sandbox"),
        (["x", "--sandbox", "--base-url", "http://127.0.0.1:1"], "starts a new sandbox"),
        (
            ["x", "--schema-file", "nope.json"],
            "ConfigError: --schema-file nope.json: No such file or directory.",
        ),
        (["x", "--schema-file", "a"], "ConfigError: --schema-file a: this is not a saved schema."),
        (["x", "--save", "-"], "ConfigError: --save needs a file name; - is only for --output."),
        (
            ["x", "--save", "b.csv", "--output", "./b.csv"],
            "ConfigError: --save and --output name the same file.",
        ),
        (["x", "--save", "nope/b.json"], "FileNotFoundError: "),
        (["x", "--plot", "--format", "csv"], "ConfigError: --plot draws a chart on standard output"),
        (["x", "--plot", "--output", "b.txt"], "ConfigError: --plot draws a chart on standard output"),
        (["x", "--plot", "--sql"], "ConfigError: --plot draws a chart on standard output"),
        (["x", "--sql", "--stats"], "each write a single part"),
        (["x", "--sql", "--format", "parquet"], "not as parquet"),
        (["x", "--sql", "-o", "b.parquet"], "not as parquet"),
        (
            ["x", "-o", "b.xls"],
            "output='b.xls': unknown suffix. Name the format with --format, or use one of .csv, ",
        ),
        (["x", "-o", "b.json.gz"], "output='b.json.gz': unknown suffix."),
        (["x", "--max-rows", "some"], "'some' is neither a number of rows, such as 1000, nor 'all'"),
        (["x", "--tz", "Mars"], "tz='Mars': expected the IANA name"),
        (["x", "--timeout", "-1"], "timeout=-1.0: expected seconds"),
        (["--question-id", "../x"], "question_id='../x': expected the id of a question"),
        (["--question-id", ""], "question_id='': expected the id of a question"),
        (["--question-id", QUESTION_ID, "--max-age", "6h"], "leave out --max-age and --tag"),
        (["x", "--sandbox", "--profile", "a"], "starts a new sandbox"),
        (["--sandbox", "--question-id", QUESTION_ID], "starts a new sandbox"),
    ],
    ids=" ".join,
)
def test_a_wrong_option_is_found_before_asking(
    ask_server: Any,
    server: Script,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    """Nothing is sent, nothing is on standard output, and no file is left behind."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_text("how many?")
    if "pipe" in arguments:
        if not hasattr(os, "mkfifo"):
            pytest.skip("the system has no named pipes")
        os.mkfifo("pipe")
    before = sorted(tmp_path.iterdir())

    done = ask_server(*arguments)

    assert (done.returncode, done.stdout) == (1 if "Not" in said[:12] else 2, b"")
    assert said in unframed(done.stderr.decode())
    assert server.requests == []
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals and signals there")
@pytest.mark.parametrize("interrupted", [False, True])
def test_a_question_typed_in_a_terminal(
    shell: Any, server: Script, settings: dict[str, object], *, interrupted: bool
) -> None:
    """Standard error says how to end it; Ctrl-C ends the command with exit code 130, and nothing is asked."""
    ours, theirs = os.openpty()
    asking = subprocess.Popen(
        [shell.command, "ask", "-", "--format", "csv", "--quiet"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=shell.environment(**settings),
    )
    os.close(theirs)
    try:
        assert asking.stderr is not None
        assert asking.stderr.readline() == TYPE
        if interrupted:
            asking.send_signal(signal.SIGINT)
        else:
            os.write(ours, b"how many?\n\x04")
        out, err = asking.communicate(timeout=30)
    finally:
        os.close(ours)

    assert (asking.returncode, out.decode()) == ((130, "") if interrupted else (0, CSV))
    # The line with ^C ends. What is being written when the signal comes is written again.
    assert err.removeprefix(TYPE) == (b"\n" if interrupted else b"")
    assert server.questions == ([] if interrupted else ["how many?"])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="streams are closed by a shell there")
def test_standard_input_that_is_closed(shell: Any, settings: dict[str, object]) -> None:
    """As with ``<&-`` in a shell: exit code 2."""
    done = shell.pipeline("connecty ask - <&-", **settings)
    assert shell.text(done) == (
        2,
        "",
        "ConfigError: Standard input is closed, so there is no question to read.\n",
    )


def test_an_address_takes_precedence_and_is_part_of_the_resume_command(
    shell: Any, server: Script, settings: dict[str, object]
) -> None:
    """An answer is fetched where its question was asked."""
    elsewhere = {**settings, "base_url": "http://127.0.0.1:1"}
    done = shell.run("ask", "how many?", "--base-url", server.address, **elsewhere)
    assert done.returncode == 0
    first = done.stderr.decode().partition("\n")[0]
    assert first.endswith(f" --dw-id 13 --base-url {server.address}")
    command = first.partition(": connecty ")[2].split()
    assert shell.run(*command, "--format", "csv", **elsewhere).stdout.decode() == CSV
    assert server.questions == ["how many?"]


def test_a_region_is_part_of_the_resume_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the profile."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from connecty_frames.cli.connection import open_client
    monkeypatch.setenv("CONNECTY_CLIENT_ID", "id")
    monkeypatch.setenv("CONNECTY_CLIENT_SECRET", "secret")
    with open_client({"region": "us1"}) as client:
        question = client.question("729cb7a4-4b06-449e-a3c9-df40f5e570b8", dw_id=13)
    assert question.resume_command == (
        "connecty ask --question-id 729cb7a4-4b06-449e-a3c9-df40f5e570b8 --dw-id 13 --region us1"
    )


def test_a_saved_schema_is_a_contract(shell: Any, settings: dict[str, object], tmp_path: Path) -> None:
    """Its types are those of the columns; a missing column is an error."""
    path = tmp_path / "schema.json"
    columns = [ColumnSchema("n", pa.decimal128(5, 2), "schema=")]
    path.write_text(cf.Schema(columns).to_json())
    ask = ("ask", "how many?", "--quiet", "--schema-file", str(path))
    assert shell.run(*ask, "--format", "csv", **settings).stdout == b'"n"\n2.00\n3.00\n'
    path.write_text(cf.Schema([*columns, ColumnSchema("m", pa.int64(), "schema=")]).to_json())
    code, out, err = shell.text(shell.run(*ask, **settings))
    assert (code, out) == (10, "")
    assert "does not have the columns of schema= (missing: 'm')" in err


def test_what_the_option_schema_writes_is_read(ask_server: Any, server: Script, tmp_path: Path) -> None:
    """In the same encoding on every system."""
    rows = [["größe"], [1]]
    server.on("results", server.completed(dataframe=rows))
    path = tmp_path / "schema.json"
    path.write_bytes(ask_server("x", "--schema", "--format", "json").stdout)
    done = ask_server("x", "--schema-file", str(path), "--schema")
    assert done.stdout.decode() == "größe  int64  saved schema\n"
    assert json.loads(path.read_text())["columns"][0]["name"] == "größe"
