"""``connecty batch``: the questions of a file, the summary, and the exit codes."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import connecty_frames as cf
from tests.servers.scripted import QUESTION_ID, Script


@pytest.fixture
def run(shell: Any, settings: dict[str, object], tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Return a function that writes a file of questions, and asks them in a folder."""

    def run(content: str, *arguments: str, suffix: str = ".txt") -> tuple[int, str, str]:
        file = tmp_path / f"questions{suffix}"
        file.write_bytes(content.encode())
        found: tuple[int, str, str] = shell.text(
            shell.run("batch", str(file), "--output", str(tmp_path / "batch"), *arguments, **settings)
        )
        return found

    return run


def test_a_text_file(run: Any, server: Script, tmp_path: Path) -> None:
    """A question a line, without empty lines; again, nothing is sent."""
    assert run("how many?\r\n\n  how much?  \n") == (0, "", "2 questions: 2 answered\n")
    assert run("how many?\nhow much?\n", "--quiet") == (0, "", "")
    assert sorted(server.questions) == ["how many?", "how much?"]
    assert sorted(cf.open_batch(tmp_path / "batch").parts()) == [1, 2]


def test_lines_of_a_text_file(run: Any, server: Script) -> None:
    """They end where editors end them, and not within a question at a form feed or at U+2028."""
    assert run("a\x0cb\x85c\u2028d\re\r\nf")[0] == 0
    assert sorted(server.questions) == ["a\x0cb\x85c\u2028d", "e", "f"]


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ('question\r\n"how\nmany?"\r\n"a ""b"""\r\n', []),
        ('id,question\n1,"how\nmany?"\n\n2,"a ""b"""\n', []),
        ('\ufeffid,text\n1,"how\nmany?"\n2,"a ""b"""\n', ["--column", "text"]),
    ],
)
def test_a_csv_file(run: Any, server: Script, content: str, options: list[str]) -> None:
    """The only column, the one called question, or the one that is named."""
    code, _, _ = run(content, *options, suffix=".csv")
    assert code == 0
    assert sorted(server.questions) == ['a "b"', "how\nmany?"]


def test_names_of_a_csv_file(run: Any, tmp_path: Path) -> None:
    """Parts are named after them, and have the rows and types that the options say."""
    content = "question,id\nhow many?,north\nhow much?,south\n"
    code, _, _ = run(
        content, "--name-column", "id", "--max-rows", "all", "--decimals", "exact", suffix=".CSV"
    )
    assert code == 0
    assert sorted(cf.open_batch(tmp_path / "batch").parts()) == ["north", "south"]


@pytest.mark.parametrize(
    ("content", "suffix", "options", "message"),
    [
        ("how many?", ".json", [], "expected a .csv or a .txt file"),
        ("how many?", ".txt", ["--column", "a"], "are only for .csv files"),
        ("", ".csv", [], "is not a CSV file: it has no lines"),
        ('question\n"how many?', ".csv", [], "is not a CSV file: unexpected end of data"),
        ("a,b\n1,2\n", ".csv", [], "exactly one column 'question'. Choose one with --column: 'a', 'b'."),
        ("question,question\n1,2\n", ".csv", [], "exactly one column 'question'"),
        ("id;question\n1;x\n", ".csv", [], "the first line has ';' and no comma"),
        ("id\tquestion\n1\tx\n", ".csv", [], r"the first line has '\t' and no comma"),
        ("question\nx\n", ".csv", ["--name-column", "id"], "Choose one with --name-column: 'question'"),
        ("question,id\nx\n", ".csv", [], "row 1 does not have 2 fields"),
        ("question,id\n,1\n", ".csv", [], "number 1: question is blank"),
        ("question,id\nx,a/b\n", ".csv", ["--name-column", "id"], "the name 'a/b' has a path separator"),
    ],
)
def test_what_is_refused(
    run: Any, server: Script, content: str, suffix: str, options: list[str], message: str
) -> None:
    """With code 2; nothing is sent."""
    code, out, err = run(content, *options, suffix=suffix)
    assert (code, out) == (2, "")
    assert message in err
    assert server.questions == []


def test_a_missing_file(shell: Any, settings: dict[str, object], tmp_path: Path) -> None:
    """It is named."""
    done = shell.run("batch", str(tmp_path / "x.txt"), "-o", str(tmp_path / "batch"), **settings)
    assert done.returncode == 2
    assert f"FILE {tmp_path / 'x.txt'}: No such file" in done.stderr.decode()


@pytest.mark.usefixtures("_waits_cost_no_time")
@pytest.mark.parametrize(
    ("ask", "results", "code", "summary", "reason"),
    [
        (
            None,
            {"state": "FAILED"},
            7,
            "1 question: 1 failed",
            "QuestionFailed: The question 'why?' failed. The server does not say why",
        ),
        (Script.answer(422, {}), None, 7, "1 question: 1 rejected", "APIError: 127.0.0.1:"),
        (None, {"state": 1}, 8, "1 question: 1 pending", "ResponseError: The results response from"),
    ],
)
def test_exit_codes(
    run: Any, server: Script, ask: Any, results: Any, code: int, summary: str, reason: str
) -> None:
    """By the most urgent of what became of the questions; those without an answer are listed."""
    if ask is not None:
        server.on("ask", ask)
    if results is not None:
        server.on("results", server.answer(200, results))
    found, out, err = run("why?\n")
    assert (found, out) == (code, "")
    assert err.startswith(f"1 (why?): {reason}")
    assert err.splitlines()[1:] == [summary]


def test_the_exit_code_of_an_uncertain_question(run: Any, server: Script) -> None:
    """After one with an id it is listed, and the others are asked; as the first it stops the batch."""
    server.on("ask", server.steps["ask"][0], Script.reset)
    code, _, err = run("how?\nwhy?\n")
    assert (code, err.splitlines()[1:]) == (9, ["2 questions: 1 answered, 1 uncertain"])
    assert re.match(r"[12] \((how|why)\?\): SubmissionUncertain: It is unknown whether", err)
    server.on("ask", Script.reset)
    code, _, err = run("who?\nwhere?\n")
    assert code == 9
    assert err.startswith("SubmissionUncertain: It is unknown whether")


def test_many_failures(run: Any, server: Script) -> None:
    """Twenty are listed, and how the others are."""
    server.on("results", server.answer(200, {"state": "FAILED"}))
    _, _, err = run("".join(f"why {number}?\n" for number in range(22)))
    assert err.splitlines()[19].startswith("20 (why 19?): QuestionFailed: ")
    assert err.splitlines()[20:] == [
        "... and 2 more; cf.open_batch(DIR).errors() lists them.",
        "22 questions: 22 failed",
    ]


def test_a_report_for_programs(run: Any, server: Script) -> None:
    """JSON on standard output, and nothing else anywhere; the exit code is the same."""
    server.on("results", server.answer(200, {"state": "FAILED"}))
    code, out, err = run("why?\n", "--format", "json")
    assert out.startswith('{\n  "total"')
    report = json.loads(out)
    (failure,) = report.pop("failures")
    assert (code, err) == (7, "")
    assert {name: count for name, count in report.items() if count} == {"total": 1, "failed": 1}
    assert (failure["question"], failure["question_id"], failure["state"]) == ("why?", QUESTION_ID, "FAILED")


def test_retrying(run: Any, server: Script) -> None:
    """Failed and uncertain questions are asked again by their options alone."""
    server.on("ask", server.reset, server.answer(202, {"question_id": QUESTION_ID}))
    answer = server.steps["results"][-1]
    server.on("results", server.answer(200, {"state": "FAILED"}), answer)
    assert run("why?\n")[0] == 9
    assert run("why?\n", "--retry-failed")[0] == 9
    assert run("why?\n", "--retry-uncertain")[0] == 7
    assert run("why?\n")[0] == 7
    assert run("why?\n", "--retry-failed") == (0, "", "1 question: 1 answered\n")
    assert server.count("ask") == 3


def test_another_client(run: Any, server: Script, tmp_path: Path) -> None:
    """It continues when told, and asks nothing again."""
    run("a\n")
    manifest = tmp_path / "batch" / "batch.json"
    manifest.write_text(re.sub('"client": "[^"]*"', '"client": "another"', manifest.read_text()))
    code, _, err = run("a\n")
    assert (code, "--client-changed" in err) == (2, True)
    for arguments in (["--client-changed"], []):
        assert run("a\n", *arguments) == (0, "", "1 question: 1 answered\n")
    assert server.questions == ["a"]


def test_types_that_differ(run: Any, server: Script) -> None:
    """The warning says what to do in Python: there is no command for it."""
    answers = [Script.completed(dataframe=[["n"], [value]]) for value in (7000, 0.5)]
    server.on("results", *answers)
    code, _, err = run("a\nb\n", "--max-workers", "1")
    assert (code, "'n' is int64 in 000001.parquet and double in 000002.parquet" in err) == (0, True)
    assert (
        "In Python, cf.open_batch(DIR).refetch(schema=...) gives all parts the same types, at no cost." in err
    )


def test_max_questions(run: Any, server: Script) -> None:
    """Those that were not asked yet are no failure."""
    code, _, err = run("a\nb\nc\n", "--max-questions", "1", "--max-workers", "2")
    assert (code, err) == (0, "3 questions: 1 answered, 2 unasked\n")
    assert server.count("ask") == 1


def test_refused_credentials(run: Any, server: Script) -> None:
    """What was asked in this run, the error, and its exit code."""
    server.on("ask", server.answer(403, {}))
    code, _, err = run("a\nb\n", "--max-workers", "1")
    assert code == 3
    assert err.startswith("AuthError: ")
    assert "\n0 questions of the batch in " in err
