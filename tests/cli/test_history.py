"""The command line records questions unless told not to, lists them, resumes them and erases them."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from unittest import mock

import pytest

from connecty_frames.cli.ask import recording_client
from connecty_frames.store.database import close_databases
from connecty_frames.store.table import COLUMNS, read_records, store_at
from tests.cases import cases
from tests.servers.scripted import QUESTION_ID, Script

ACCEPTED = (
    f"Question {QUESTION_ID} was accepted; to fetch its answer without asking again: "
    f"connecty ask --question-id {QUESTION_ID} --dw-id 13\n"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "connecty" / "history.sqlite3"


@pytest.fixture
def run(
    shell: Any, settings: dict[str, object], path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command as where no setting is about the history."""
    monkeypatch.setenv("XDG_STATE_HOME", str(path.parents[1]))

    def run(*arguments: str, **other: object) -> tuple[int, str, str]:
        close_databases()  # each command is a process of its own
        done: CompletedProcess[bytes] = shell.run(*arguments, **{"history": "", **settings, **other})
        code, out, err = shell.text(done)
        return code, out, err

    return run


def rows(path: Path, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[COLUMNS.index(each)] for each in columns) for row in read_records(store_at(path))]


def announcement(path: Path) -> str:
    return (
        f"Questions are recorded in {path} from now on; `connecty history` lists them. --no-history or "
        "CONNECTY_HISTORY=0 turns this off.\n"
    )


def test_questions_are_recorded(run: Any, path: Path) -> None:
    """The first command that does so says so, also with --quiet, and no other."""
    code, out, err = run("ask", "how many?", "--quiet", "--format", "csv")
    assert (code, out, err) == (0, '"n"\n2\n3\n', announcement(path))
    code, _, err = run("ask", "how many more?")
    assert (code, err) == (0, f"{ACCEPTED}Two rows.\n\nSELECT n\n\n2 rows; question_id {QUESTION_ID}\n")
    assert rows(path, "question") == [("how many more?",), ("how many?",)]


def test_none_is_recorded(run: Any, path: Path) -> None:
    """Standard error says how questions come there, or that none matches; no file is made."""
    code, out, err = run("history", "--format", "json")
    assert (code, out, path.exists()) == (0, "[]\n", False)
    assert err.startswith("No questions are recorded. `connecty ask` records the questions it sends")
    run("ask", "how many?")
    assert run("history", "--state", "FAILED")[2].startswith("No questions are recorded that match.")
    assert run("history")[2] == ""


def test_list(run: Any) -> None:
    """It is what ``history`` does; an option before a command is an error, not left out."""
    run("ask", "how many?")
    for options in (["--format", "csv"], ["--state", "failed", "--format", "json"]):
        assert run("history", "list", *options) == run("history", *options)
    for option, command in (["--since", "1h"], ["list"]), (["--profile", "x"], ["forget", "1"]):
        said = f"{option[0]} belongs after the command: connecty history {command[0]} {option[0]} ..."
        assert run("history", *option, *command) == (2, "", f"ConfigError: {said}\n")


def test_limits(run: Any, server: Script) -> None:
    """They are listed, set and dropped; questions beyond one are not sent."""
    assert run("history", "limit", "--format", "json") == (0, "[]\n", "")
    run("history", "limit", "*", "1000")
    code, out, err = run("history", "limit", " nightly", "0", "--format", "json")
    assert (code, err) == (0, "")
    limits = json.loads(out)
    assert [(each["job"], each["per_day"]) for each in limits] == [("*", 1000), ("nightly", 0)]
    assert {len(each["set_by"].split(" on ")) for each in limits} == {2}
    code, _, err = run("ask", "how many?", "--tag", "job=nightly")
    assert (code, server.questions) == (14, [])
    assert "The limit of 0 questions a day for the job nightly, set by" in err
    run("ask", "how many?", "--tag", "job=adhoc")
    assert run("history", "limit", "nightly", "--drop", "--format", "csv")[1].count("\n") == 2
    assert run("ask", "how many?", "--tag", "job=nightly")[0] == 0
    assert run("history", "limit", "nightly", "-1")[0] == 2
    code, _, err = run("history", "limit", "nightly", "--drop")
    assert (code, "has no limit for the job nightly" in err) == (2, True)
    for wrong in (["nightly"], [" ", "5"], ["--drop"], ["nightly", "5", "--drop"]):
        code, _, err = run("history", "limit", *wrong)
        assert (code, "Pass a job with a number or --drop" in err) == (2, True)


def test_a_table_has_times_to_the_second(run: Any) -> None:
    """The other formats have all digits."""
    run("ask", "how many?")
    cells = [cell.strip() for cell in run("history")[1].replace("┃", "│").split("│")]
    assert "timestamp[s, tz=UTC]" in cells
    assert [cell for cell in cells if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", cell)]
    assert re.search(r"\.\d{6}", run("history", "--format", "csv")[1])


@pytest.mark.parametrize(
    ("option", "setting"), [(["--no-history"], ""), ([], "0"), ([], "false"), (["--no-history"], "1")]
)
def test_it_can_be_turned_off(run: Any, path: Path, option: list[str], setting: str) -> None:
    """By the option or the environment; the option takes precedence."""
    code, _, err = run("ask", "how many?", "--quiet", *option, history=setting)
    assert (code, err) == (0, "")
    assert not path.parent.exists()


def test_a_limit_counts_in_the_file_that_is_named(
    run: Any, server: Script, path: Path, tmp_path: Path
) -> None:
    """With --no-history, too, so that the option does not begin another count."""
    limited = {"history": str(tmp_path / "team.sqlite3"), "max_questions_per_day": "1"}
    codes = [run("ask", "how many?", *options, **limited)[0] for options in ([], ["--no-history"])]
    assert codes == [0, 14]
    assert server.questions == ["how many?"]
    assert not path.exists()


@cases(
    ("environment", "options", "history", "keep_answers"),
    [
        ({}, {}, True, None),
        ({}, {"max_age": "6h"}, "require", None),
        ({}, {"no_history": True}, False, False),
        ({"CONNECTY_HISTORY": "0"}, {"max_age": "6h"}, None, None),
        ({"CONNECTY_HISTORY": "1"}, {"no_history": True}, False, False),
        ({"CONNECTY_MAX_QUESTIONS_PER_DAY": "9"}, {"no_history": True}, False, False),
        ({"CONNECTY_HISTORY": "1", "CONNECTY_MAX_QUESTIONS_PER_DAY": "9"}, {"no_history": True}, None, False),
    ],
)
def test_what_a_client_records(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    options: dict[str, Any],
    history: bool | str | None,
    keep_answers: bool | None,
) -> None:
    """A setting decides before the command line; an answer is reused only from what is recorded."""
    client = mock.MagicMock()
    monkeypatch.setattr("connecty_frames.cli.ask.open_client", client)
    monkeypatch.setattr("connecty_frames.cli.ask.records_by_default", lambda: True)
    known = {name: text for name, text in os.environ.items() if not name.startswith("CONNECTY_")}
    variables = {**known, "CONNECTY_CONFIG": os.devnull, **environment}
    with mock.patch.dict(os.environ, variables, clear=True), recording_client({}, **options):
        pass
    client.assert_called_once_with({}, history=history, keep_answers=keep_answers)


def test_tags(run: Any, server: Script, path: Path, tmp_path: Path) -> None:
    """They are kept with each question of a command; the summary counts by one."""
    (tmp_path / "questions.txt").write_text("why?\n")
    tags = ("--tag", "job=nightly", "--tag", "by=me=you")
    assert run("ask", "how many?", "--quiet", *tags)[0] == 0
    assert run("batch", str(tmp_path / "questions.txt"), "--output", str(tmp_path / "b"), *tags)[0] == 0

    wanted = '{"by": "me=you", "job": "nightly"}'
    assert rows(path, "tags") == [(wanted,)]
    assert rows(tmp_path / "b" / "index.sqlite3", "tags") == [(wanted,)]
    code, out, _ = run("history", "--by", "job", "--format", "json")
    assert (code, [(each["job"], each["asked"]) for each in json.loads(out)]) == (0, [("nightly", 1)])
    for wrong in ("job", "=nightly"):
        code, _, err = run("ask", "how many?", "--tag", wrong)
        assert (code, "expected NAME=VALUE, such as job=nightly" in err) == (2, True)
    assert server.questions == ["how many?", "why?"]


def test_the_sandbox_is_not_recorded(
    shell: Any, path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Any
) -> None:
    """Its questions cost nothing."""
    monkeypatch.setenv("XDG_STATE_HOME", str(path.parents[1]))
    done = shell.run("ask", "how many orders are there", "--quiet", history="", **sandbox.connection)
    assert shell.text(done)[::2] == (0, "")
    assert not path.exists()


def test_an_uncertain_question(run: Any, server: Script, path: Path) -> None:
    """The error names the file, and the list has the question."""
    server.on("ask", server.reset)
    code, _, err = run("ask", "how many?", "--quiet")
    assert code == 9
    assert f"It is recorded in {path}." in err
    code, out, _ = run("history", "--state", "uncertain", "--format", "json")
    (found,) = json.loads(out)
    assert (code, found["question"], found["state"]) == (0, "how many?", "UNCERTAIN")


def test_a_list(run: Any, server: Script) -> None:
    """A table has the columns that people read, other formats all; nothing is sent for it."""
    run("ask", "how many?", "--quiet")
    code, out, err = run("history", "--format", "text")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[1].split("┃")[1:-1][1].strip() == "state"
    assert [cell.strip() for cell in lines[4].split("│")[2:6]] == ["COMPLETED", "2", QUESTION_ID, "how many?"]
    code, out, _ = run("history", "--format", "ndjson")
    assert list(json.loads(out)) == list(COLUMNS)
    assert server.count("ask") == 1


def test_a_list_in_a_file(run: Any, tmp_path: Path) -> None:
    """In the format of its suffix."""
    run("ask", "how many?", "--quiet")
    code, out, _ = run("history", "--since", "1h", "--limit", "5", "-o", str(tmp_path / "h.csv"))
    assert (code, out) == (0, "")
    head, row = (tmp_path / "h.csv").read_text().splitlines()
    assert head.startswith('"id","asked_at","state","question"')
    assert '"COMPLETED","how many?"' in row


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["history", "--since", "soon"], "since='soon': expected a time"),
        (["history", "--state", "DONE"], "DONE"),
        (["history", "resume", "x/y"], "question_id='x/y': expected the id of a question"),
        (["history", "resume", QUESTION_ID], f"No question {QUESTION_ID} is recorded in "),
        (["history", "forget"], "An age is --older-than 30d. To erase everything, delete "),
        (["ask", "why?", "--max-age", "soon"], "max_age='soon': expected an age above 0"),
        (["ask", "why?", "--max-age", "6h", "--no-history"], "max_age needs a history"),
    ],
)
def test_a_wrong_command(run: Any, server: Script, arguments: list[str], message: str) -> None:
    """Exit code 2, and nothing is sent."""
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "--no-history" not in arguments or "--no-history" in err  # it names what turned it off
    assert server.requests == []


@pytest.mark.usefixtures("_waits_cost_no_time")
def test_resuming(run: Any, server: Script, path: Path) -> None:
    """The answer is fetched from where it was asked, whatever the settings say now."""
    server.on("results", server.answer(200, {"state": "PENDING"}))
    assert run("ask", "how many?", "--quiet")[0] == 8
    server.on("results", server.completed(dataframe=[["n"], [2]]))
    elsewhere = {"base_url": "", "region": "us1", "dw_id": 7}
    code, out, err = run("history", "resume", QUESTION_ID, "--format", "json", "--quiet", **elsewhere)

    assert (code, out, err) == (0, '[{"n":2}]\n', "")
    assert server.count("ask") == 1
    assert {each.target.split("?")[0] for each in server.requests if "/results" in each.target} == {
        f"/v1/dw/13/questions/{QUESTION_ID}/results"
    }
    assert rows(path, "state", "rows") == [("COMPLETED", 1)]


@pytest.mark.usefixtures("_waits_cost_no_time")
def test_resuming_with_other_credentials(run: Any, server: Script) -> None:
    """They are not sent to the address that was asked, which may be of somebody else."""
    server.on("results", server.answer(200, {"state": "PENDING"}))
    run("ask", "how many?", "--quiet")
    sent = len(server.requests)
    code, out, err = run("history", "resume", QUESTION_ID, base_url="", region="us1", client_id="another")
    assert (code, out) == (2, "")
    assert f"Question {QUESTION_ID} was asked by another client, at {server.address}" in err
    assert len(server.requests) == sent


def test_erasing(run: Any, path: Path) -> None:
    """By id, by number, or by age."""
    for _ in range(2):
        run("ask", "how many?", "--quiet")
    assert run("history", "forget", "1") == (0, "", "1 question erased.\n")
    assert run("history", "forget", "--older-than", "1h") == (0, "", "0 questions erased.\n")
    assert run("history", "forget", QUESTION_ID) == (0, "", "1 question erased.\n")
    assert rows(path, "question") == []


def test_the_profile_names_the_file(run: Any, tmp_path: Path) -> None:
    """For every command."""
    (tmp_path / "config.toml").write_text('[kept]\nhistory = "kept.db"\n')
    config = tmp_path / "config.toml"
    for command in (["ask", "how many?", "--quiet"], ["history", "forget", "1"]):
        assert run(*command, "--profile", "kept", config=config)[0] == 0
    assert (tmp_path / "kept.db").exists()
    assert rows(tmp_path / "kept.db", "question") == []


def test_an_answer_is_reused(run: Any, path: Path, server: Script) -> None:
    """Standard error says how old it is, and that nothing was asked."""
    assert run("ask", "how many?", "--quiet", "--max-age", "6h")[0] == 0
    store_at(path).execute("UPDATE questions SET asked_at = asked_at - 2 * 3600 * 1000000")
    code, out, err = run("ask", "how many?", "--max-age", "6h", "--format", "csv")
    assert (code, out) == (0, '"n"\n2\n3\n')
    assert err == (
        f"Question {QUESTION_ID}: asked 2 h ago, reused.\nTwo rows.\n\nSELECT n\n\n"
        f"2 rows; question_id {QUESTION_ID}\n"
    )
    assert len(server.questions) == 1


def test_forgetting_a_text(run: Any, path: Path) -> None:
    """The questions are listed first, with their numbers; then they are counted, as those that are kept."""
    for question in ("who is Anna\tKowalska?", "is Anna here?", "how many?"):
        assert run("ask", question, "--quiet")[0] == 0
    store_at(path).execute("UPDATE questions SET state = 'UNCERTAIN' WHERE id = 2")
    rest = (
        "Kept, since their answer is unknown: 1 question.\nNot searched: answers kept for other questions or "
        "on other machines, saved answers, parts of batches, batches in folders, their names, ids, names of "
        "machines and users, jobs of limits, pins, logs and backups.\n"
    )
    command = ["history", "forget", "--containing", "ANNA"]

    assert run(*command, "--dry-run") == (
        0, "1\twho is Anna\\tKowalska?\n", f"1 question would be erased.\n{rest}",
    )  # fmt: skip
    assert run(*command) == (0, "", f"1 question erased.\n{rest}")
    assert store_at(path).execute("SELECT question FROM questions ORDER BY id").rows == [
        ("is Anna here?",), ("how many?",),
    ]  # fmt: skip


def test_ddl(run: Any) -> None:
    """The SQL of the tables, in the schema of the setting, with GRANTs; those without a role are comments."""
    code, out, err = run("history", "ddl", "--asks", 'a "b"', history="postgresql://u@127.0.0.1/d?schema=s")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[:2] == ["BEGIN;", 'CREATE SCHEMA IF NOT EXISTS "s";']
    assert [line for line in lines if "GRANT" in line] == [
        'GRANT SELECT ON "s".limits TO PUBLIC;',
        'GRANT USAGE ON SCHEMA "s" TO "a ""b""";',
        'GRANT SELECT, INSERT, UPDATE ON "s".questions, "s".items TO "a ""b""";',
        'GRANT SELECT ON "s".version, "s".history TO "a ""b""";',
        '-- GRANT USAGE ON SCHEMA "s" TO a_role_that_reads;',
        '-- GRANT SELECT ON "s".questions, "s".items, "s".version, "s".history TO a_role_that_reads;',
        '-- GRANT USAGE ON SCHEMA "s" TO a_role_that_erases;',
        '-- GRANT SELECT, DELETE ON "s".questions, "s".items TO a_role_that_erases;',
        '-- GRANT UPDATE ON "s".items TO a_role_that_erases;',
        '-- GRANT SELECT ON "s".version TO a_role_that_erases;',
    ]
    assert [line.split(" ON ")[0] for line in lines[lines.index("COMMIT;") + 1 :] if line[0] != " "] == [
        f"CREATE INDEX CONCURRENTLY IF NOT EXISTS questions_by_{each}"
        for each in ("id", "key", "client", "job", "time")
    ]
    assert "connecty" not in out
