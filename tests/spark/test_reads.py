"""The options of a read, and asking each question once; no Spark is needed."""

import errno
import json
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import connecty_frames as cf
import connecty_frames.spark
from connecty_frames import frames
from connecty_frames.sandbox import Fault, Sandbox
from connecty_frames.spark.reads import AskedQuestion, Read, ask, open_client
from tests.cases import cases

ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
QUESTION = "how many orders are there"


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPARK_LOCAL_DIRS", f"{tmp_path},/elsewhere")
    monkeypatch.setenv("SPARK_JOB_ARTIFACT_UUID", "default")
    return tmp_path


@pytest.fixture
def asked_sandbox(connected: Sandbox) -> Sandbox:
    connected.request_log.clear()
    return connected


def test_all_options() -> None:
    """In any case; the others have the defaults of AskOptions, but all rows are fetched, as Arrow alone."""
    given: dict[str, tuple[str, Any]] = {
        "DW_ID": ("13", 13),
        "max_rows": ("50", 50),
        "tz": ("Europe/Warsaw", "Europe/Warsaw"),
        "infer_temporal": ("false", False),
        "decimals": ("exact", "exact"),
        "strict": ("TRUE", True),
        "on_truncation": ("raise", "raise"),
        "timeout": ("2.5", 2.5),
    }
    texts = {name: text for name, (text, _) in given.items()}
    values = {name.lower(): value for name, (_, value) in given.items()}
    options = cf.AskOptions(engine="pyarrow", progress=False, **values)
    read = Read.from_options({"question": QUESTION, "read": "second", **texts})
    assert read == Read((QUESTION,), (), "second", options)
    every = cf.AskOptions(engine="pyarrow", max_rows=None, progress=False)
    assert Read.from_options({"question": QUESTION}) == Read((QUESTION,), (), "", every)
    assert Read.from_options({"question": QUESTION, "max_rows": "All"}).ask_options == every


@cases(
    ("options", "questions", "ids"),
    [
        ({"question": "[1]"}, ("[1]",), ()),
        ({"questions": '["a", "b"]'}, ("a", "b"), ()),
        ({"question_ids": ID.upper()}, (), (ID.upper(),)),
        ({"question_ids": json.dumps([ID, ID])}, (), (ID, ID)),
    ],
)
def test_what_is_read(options: dict[str, str], questions: tuple[str, ...], ids: tuple[str, ...]) -> None:
    """One question as it is, several, or ids."""
    read = Read.from_options(options)
    assert (read.questions, read.question_ids) == (questions, ids)


@cases(
    ("options", "message"),
    [
        ({}, "Set exactly one of the options question, questions and question_ids; none is set."),
        ({"question": "a", "question_ids": ID}, "question and question_ids."),
        (
            {"questions": "[1"},
            "questions='[1': expected a JSON array; Expecting ',' delimiter: line 1 column 3 (char 2).",
        ),
        ({"questions": "[]"}, "questions='[]': expected a JSON array of one or more texts."),
        ({"questions": '["a", 1]'}, "questions='[\"a\", 1]': expected a JSON array of one or more texts."),
        ({"questions": '{"a": 1}'}, "questions='{\"a\": 1}': expected a JSON array of one or more texts."),
        ({"question_ids": "a/b"}, "question_id='a/b': expected the id of a question asked before"),
        ({"question": "a", "max_row": "1"}, "Unknown option 'max_row'; did you mean 'max_rows'?"),
        (
            {"question": "a", "path": "x"},
            "Unknown option 'path'; expected one of question, questions, question_ids, ",
        ),
        ({"question": "a", "max_rows": "many"}, "max_rows='many': expected a whole number, or all."),
        ({"question": "a", "dw_id": "x"}, "dw_id='x': expected a workspace id, a whole number such as 13."),
        ({"question": "a", "strict": "maybe"}, "strict='maybe': expected True or False."),
        ({"question": "a", "timeout": "soon"}, "timeout='soon': expected seconds above 0"),
    ],
)
def test_wrong_options(options: dict[str, str], message: str) -> None:
    """Each is an error that says what is expected, before anything is asked."""
    with pytest.raises(cf.ConfigError) as raised:
        Read.from_options(options)
    assert message in str(raised.value)


@cases("name", ["client_secret", "CLIENT_ID", "password", "token", "api_key", "Authorization", "credentials"])
def test_an_option_that_may_be_a_secret(name: str) -> None:
    """It is refused, and not repeated."""
    with pytest.raises(
        cf.ConfigError, match="looks like a secret, but options are visible in the plan"
    ) as raised:
        Read.from_options({"question": "a", name: "canary-secret"})
    assert "canary" not in str(raised.value)


def test_settings_are_those_of_the_process() -> None:
    """The error says where they come from in Spark, in place of what helps elsewhere."""
    with pytest.raises(cf.ConfigError) as raised:
        open_client()
    assert str(raised.value) == (
        "No client_id and client_secret. Spark's Python processes read the environment and the profile file, "
        "on the driver and on each executor, but not what the program has configured."
    )


@pytest.mark.usefixtures("connected")
def test_a_sandbox_of_each_process_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """One process would not know the ids of another."""
    monkeypatch.setenv("CONNECTY_SANDBOX", "1")
    with pytest.raises(cf.ConfigError, match="Run `connecty sandbox` instead"):
        open_client()


def asked(question: str = QUESTION, **options: str) -> list[AskedQuestion]:
    with open_client() as client:
        return ask(Read.from_options({"question": question, **options}), client)


def test_a_session_asks_once(asked_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the other options are; another name, question, session or workspace asks again."""
    (first,) = asked()
    assert asked(max_rows="5") == [first]
    assert (first.question, first.dw_id) == (QUESTION, 13)
    assert asked_sandbox.request_log.submissions() == {QUESTION: 1}

    assert asked(read="2") != [first]
    assert asked("why") != [first]
    monkeypatch.setenv("SPARK_JOB_ARTIFACT_UUID", "another")
    assert asked() != [first]
    assert asked_sandbox.request_log.submissions() == {QUESTION: 3, "why": 1}
    with pytest.raises(cf.NotFoundError, match="workspace 14"):
        asked(dw_id="14")


def test_several_questions(asked_sandbox: Sandbox) -> None:
    """Each is asked once, one that occurs twice too; ids ask nothing."""
    with open_client() as client:
        one, other, again = ask(
            Read.from_options({"questions": json.dumps([QUESTION, "why", QUESTION])}), client
        )
        (by_id,) = ask(Read.from_options({"question_ids": one.question_id}), client)
    assert one == again != other
    assert by_id == AskedQuestion(one.question_id, 13)
    assert asked_sandbox.request_log.submissions() == {QUESTION: 1, "why": 1}


def test_several_at_once(asked_sandbox: Sandbox) -> None:
    """The others wait for the id of the first; threads lock files as processes do."""
    with ThreadPoolExecutor(8) as pool:
        results = [future.result() for future in [pool.submit(asked) for _ in range(8)]]
    assert results == [results[0]] * 8
    assert asked_sandbox.request_log.submissions() == {QUESTION: 1}


def ask_and_fail(error: BaseException) -> None:
    with mock.patch.object(cf.Client, "submit", side_effect=error), pytest.raises(type(error)):
        asked()


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault("ask", status=404, times=1), cf.NotFoundError), (Fault("ask", status=422, times=1), cf.APIError)],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_after_a_refusal_it_may_be_asked(
    asked_sandbox: Sandbox, fault: Fault, error: type[cf.ConnectyError]
) -> None:
    """Nothing was started then, so the next attempt asks."""
    asked_sandbox.faults.add(fault)
    with pytest.raises(error):
        asked()
    assert asked()[0].question == QUESTION
    assert asked_sandbox.request_log.submissions() == {QUESTION: 1}


@pytest.mark.parametrize(
    "ended",
    [cf.SubmissionUncertain("lost"), cf.QuestionTimeout("an alarm"), KeyboardInterrupt(), SystemExit(1)],
    ids=lambda each: type(each).__name__,
)
def test_what_may_have_been_asked_is_not_asked_again(asked_sandbox: Sandbox, ended: BaseException) -> None:
    """After a lost reply, an alarm, or the end of a process; another name asks again."""
    ask_and_fail(ended)
    with pytest.raises(cf.SubmissionUncertain, match="an earlier process of this Spark session was sending"):
        asked()
    assert asked_sandbox.request_log.submissions() == {}
    asked(read="again")
    assert asked_sandbox.request_log.submissions() == {QUESTION: 1}


def test_a_process_that_ended_while_it_wrote(asked_sandbox: Sandbox, scratch: Path) -> None:
    """Of a part of an id it is not known whose it is; without the whole first line nothing was sent."""
    (first,) = asked()
    (file,) = scratch.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:20])
    with pytest.raises(cf.SubmissionUncertain):
        asked()
    file.write_bytes(whole[:5])
    (second,) = asked()

    assert second != first
    assert asked() == [second]
    assert asked_sandbox.request_log.submissions() == {QUESTION: 2}


def test_without_a_record_nothing_is_asked(
    asked_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the folder is missing, or Spark names none."""
    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(tmp_path / "missing"))
    with pytest.raises(cf.ConfigError, match=r"cannot be recorded.*It was not sent\."):
        asked()
    monkeypatch.delenv("SPARK_LOCAL_DIRS")
    with pytest.raises(cf.ConfigError, match="without the variable SPARK_LOCAL_DIRS"):
        asked()
    assert asked_sandbox.request_log.submissions() == {}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows is refused before")
def test_a_record_that_cannot_be_locked(asked_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a lock, another process could send the question too: it is not sent."""
    import fcntl

    monkeypatch.setattr(fcntl, "flock", mock.Mock(side_effect=OSError(errno.ENOLCK, "No locks available")))
    with pytest.raises(cf.ConfigError, match=r"cannot be recorded.*It was not sent\."):
        asked()
    assert asked_sandbox.request_log.submissions() == {}


def test_the_record(asked_sandbox: Sandbox, scratch: Path) -> None:
    """A file in the scratch folder, which others cannot read, with the id and no secret."""
    (found,) = asked()
    (file,) = scratch.iterdir()
    record = file.read_text(encoding="utf-8")
    assert json.loads(record.removeprefix("sending\n"))[0] == found.question_id
    assert str(asked_sandbox.connection["client_secret"]) not in record
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The data source and ``to_spark`` name it."""
    frames._finish_before_fork()  # CPython 3.11 cannot rewrite two modules for pytest at once
    for name in [name for name in sys.modules if name.startswith("pyspark")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("connecty_frames.spark.source", "connecty_frames.frames.spark"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.delitem(vars(connecty_frames.spark), "ConnectySource", raising=False)
    monkeypatch.delitem(vars(frames), "to_spark", raising=False)

    with pytest.raises(cf.ConfigError, match=r"pip install 'connecty-frames\[spark\]'"):
        connecty_frames.spark.ConnectySource
    answer = cf.Answer.from_json(b'{"state": "COMPLETED", "results": {"dataframe": [["a"], [1]]}}')
    with pytest.raises(cf.ConfigError, match=r"pip install 'connecty-frames\[spark\]'"):
        answer.to_spark(None)  # type: ignore[arg-type]
