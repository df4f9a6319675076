"""The log: a DEBUG line for each request and answer, under one name, and no output by default."""

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import connecty_frames as cf
from connecty_frames.sandbox import Fault, Sandbox
from tests.servers.scripted import RecordedRequest, Script, Step
from tests.servers.timing import FakeClock

TOP_COUNTRIES = "list the top 5 countries with the most orders"
SECRETIVE = "SELECT 'not for the log' AS a"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """Run a sandbox for these tests, so that its faults and tokens affect no other."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return a function for the lines of the log, with ids and measures masked."""
    caplog.set_level(logging.DEBUG, logger="connecty_frames")

    def seen() -> list[str]:
        records = [record for record in caplog.records if record.name.startswith("connecty_frames.client")]
        assert {record.levelno for record in records} <= {logging.DEBUG}
        texts = [re.sub(r"[0-9a-f-]{36}", "ID", record.getMessage()) for record in records]
        return [re.sub(r"\d+ ms, \d+ bytes$", "…", text) for text in texts]

    return seen


def test_a_line_for_each_request(box: Sandbox, lines: Callable[[], list[str]]) -> None:
    """Token, question and polls, in order, with status, state and the question's id."""
    before = len(box.request_log.requests)
    with cf.Client(**box.connection) as client:
        client.health()
        answer = client.ask(TOP_COUNTRIES)

    looks = "GET /v1/dw/13/questions/ID/results?include=dataframe,statistics,sqlquery,summary&max_rows=1000"
    found = lines()
    assert answer.rows == 5
    assert found[:3] == [
        "GET /v1/health: 200, …",
        "POST /v1/auth/token: 200, …",
        "POST /v1/dw/13/questions: 200 ID, …",
    ]
    assert set(found[3:-2]) <= {f"{looks}: 200 PENDING, …", f"{looks}: 200 IN_PROGRESS, …"}
    assert found[-2:] == [f"{looks}: 200 COMPLETED, …", "question ID: COMPLETED"]
    assert len(found) == len(box.request_log.requests) - before + 1


def test_the_record_of_an_answer(box: Sandbox, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """What formatters put into fields: id, state, seconds, and whether it was asked before."""
    caplog.set_level(logging.DEBUG, logger="connecty_frames")
    with cf.Client(**box.connection, history=tmp_path / "history.db") as client:
        ids = [client.ask(question, max_age=60).question_id for question in [TOP_COUNTRIES] * 2]
        with pytest.raises(cf.QuestionFailed) as caught:
            client.ask("what is the meaning of life")

    found = [vars(record) for record in caplog.records if hasattr(record, "reused")]
    assert [(each["question_id"], each["state"], each["reused"]) for each in found] == [
        (ids[0], "COMPLETED", False),
        (ids[0], "COMPLETED", True),
        (caught.value.question_id, "FAILED", False),
    ]
    assert all(each["elapsed"] is None or each["elapsed"] >= 0 for each in found)


def test_the_record_of_a_request(box: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Its attributes are the question's id, the status and milliseconds, also of one that failed."""
    caplog.set_level(logging.DEBUG, logger="connecty_frames")
    box.faults.add(Fault("results", status=503, times=1))
    box.faults.add(Fault("results", reset=True, times=1))
    with cf.Client(**box.connection) as client:
        question_id = client.ask(TOP_COUNTRIES).question_id

    found = [vars(record) for record in caplog.records if hasattr(record, "milliseconds")]
    assert [(each["question_id"], each["status"]) for each in found[:4]] == [
        (None, 200),  # the token
        (question_id, 200),
        (question_id, 503),
        (question_id, None),
    ]
    assert (found[-1]["question_id"], found[-1]["state"]) == (question_id, "COMPLETED")
    assert all(0 < each["milliseconds"] < 60_000 for each in found)


def test_the_measures(
    server: Script, clock: FakeClock, fake_clock_client: cf.Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Milliseconds from sending to the end of the answer, and the bytes of its body."""
    caplog.set_level(logging.DEBUG, logger="connecty_frames")

    def handle(_: RecordedRequest) -> Step:
        clock.at += 5
        return server.answer(200, raw=b'{"status": "up"}')

    server.handler = handle
    fake_clock_client.health()
    assert caplog.messages[0] == "GET /v1/health: 200, 5000 ms, 16 bytes"


def test_an_interrupt(box: Sandbox, lines: Callable[[], list[str]]) -> None:
    """A request that one ends has its line too."""

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with cf.Client(**box.connection) as client:
        client.observe(interrupt)
        with pytest.raises(KeyboardInterrupt):
            client.health()
    assert lines() == ["GET /v1/health: interrupted, …"]


def test_failures(box: Sandbox, lines: Callable[[], list[str]]) -> None:
    """The status, or that there was none, and the kind of failure."""
    box.faults.add(Fault("results", status=503, times=1))
    box.faults.add(Fault("results", reset=True, times=1))
    box.faults.add(Fault("results", state="LOST\x1b[2J", times=1))
    with cf.Client(**box.connection) as client, pytest.warns(cf.UnknownStateWarning):
        client.ask(TOP_COUNTRIES)
    said = [line.rpartition("max_rows=1000: ")[2] for line in lines() if "/results" in line]
    assert said[:3] == ["503 UNAVAILABLE, …", "CONNECTION_LOST, …", r"200 LOST\x1b[2J, …"]
    assert said[-1] == "200 COMPLETED, …"


def test_nothing_private_is_logged(box: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Neither questions nor cells nor credentials, whether the call succeeds or fails."""
    caplog.set_level(logging.DEBUG, logger="connecty_frames")
    with cf.Client(**box.connection) as client:
        client.ask(SECRETIVE)
    wrong = {**box.connection, "client_secret": "a-wrong-secret"}
    with cf.Client(**wrong) as client, pytest.raises(cf.AuthError):
        client.ask(SECRETIVE)
    assert "POST /v1/auth/token: 401 " in caplog.text
    credentials = [box.connection["client_id"], box.connection["client_secret"]]
    hidden = ["not for the log", "a-wrong-secret", "Bearer", *credentials]
    assert [text for text in hidden if text in caplog.text] == []


def test_there_is_a_handler_that_prints_nothing() -> None:
    """Without any, Python would print the errors of a library to standard error."""
    handlers = logging.getLogger("connecty_frames").handlers
    assert [each for each in handlers if isinstance(each, logging.NullHandler)]
