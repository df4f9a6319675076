"""What a client records: the state of each question after every outcome, and nothing where it is off."""

import copy
import sqlite3
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

import connecty_frames as cf
from connecty_frames._base.clock import SYSTEM_CLOCK, Deadline
from connecty_frames._base.text import SecretStr
from connecty_frames.asking.submission import Submission
from connecty_frames.client import Client
from connecty_frames.http.models import Attempt
from connecty_frames.options import Asked
from connecty_frames.store.history import History
from connecty_frames.store.table import microseconds, store_at
from tests.asking.recording import make, rows
from tests.servers.scripted import QUESTION_ID, Script
from tests.servers.timing import FakeClock, press_ctrl_c

ANSWER = {
    "state": "COMPLETED",
    "results": {
        "dataframe": [["n"], [1], [2]],
        "sql_query": "SELECT n, 'canary-secret'",
        "response_summary": "Two.",
    },
}


@pytest.fixture
def client(server: Script, path: Path) -> Iterator[Client]:
    server.on("results", server.answer(200, ANSWER))
    with make(server, path) as client:
        yield client


def test_nothing_is_recorded_by_default(server: Script, state_folder: Path) -> None:
    """Neither store nor SQLite is used, and no file is written."""
    server.on("results", server.answer(200, ANSWER))
    with make(server, None) as client:
        client.ask("how many?")
        assert client.history is None
    assert not state_folder.exists()


def test_a_question_that_is_answered(client: Client, path: Path) -> None:
    """COMPLETED with id, rows, SQL and summary; secrets are masked."""
    answer = client.ask("how many canary-secret?")
    assert rows(
        path, "state", "question", "question_id", "dw_id", "rows", "sql_query", "response_summary"
    ) == [("COMPLETED", "how many ***?", QUESTION_ID, "13", 2, "SELECT n, '***'", "Two.")]
    ((asked_at, accepted_at, ended_at),) = rows(path, "asked_at", "accepted_at", "ended_at")
    assert answer.metadata.asked_at is not None
    assert asked_at == round(answer.metadata.asked_at.timestamp() * 1e6)
    assert asked_at <= accepted_at <= ended_at


def test_an_answer_that_another_process_fetches(server: Script, client: Client, path: Path) -> None:
    """Its frame has the question and the time of asking, by the history; without it they are unknown."""
    asked = client.submit("how many?")
    with make(server, path) as other:
        metadata = other.fetch_df(asked.question_id).connecty.metadata
    assert (metadata.question, metadata.asked_at) == ("how many?", asked.asked_at)
    with make(server, None) as other:
        metadata = other.fetch_df(asked.question_id).connecty.metadata
    assert (metadata.question, metadata.asked_at) == (None, None)


def test_no_secret_is_in_the_files(server: Script, client: Client, path: Path) -> None:
    """Whatever a server repeats; of the client there is a hash."""
    server.on("results", server.answer(200, {"state": "FAILED", "error": "canary-secret canary-token-1"}))
    with pytest.raises(cf.QuestionFailed):
        client.ask("why canary-secret?")
    server.on("ask", server.answer(403, {"detail": "canary-secret canary-client-id canary-token-1"}))
    with pytest.raises(cf.AuthError):
        client.ask("why?")
    content = b"".join(each.read_bytes() for each in path.parent.iterdir())
    assert b"why ***?" in content
    assert b"canary" not in content


def test_the_row_is_written_before_the_question_is_sent(server: Script, client: Client, path: Path) -> None:
    """The server finds it there when the request arrives, and the id when the state is fetched."""
    seen: list[object] = []

    def look(then: Callable[..., bool]) -> Callable[..., bool]:
        def step(connection: object) -> bool:
            other = sqlite3.connect(path)
            seen.append(other.execute("SELECT state, question_id FROM questions").fetchall())
            other.close()
            return then(connection)

        return step

    server.on("ask", look(server.answer(202, {"question_id": QUESTION_ID})))
    server.on("results", look(server.answer(200, ANSWER)))
    client.ask("how many?")

    assert seen == [[("SENT", None)], [("ASKED", QUESTION_ID)]]


def test_a_question_that_is_only_submitted(server: Script, client: Client, path: Path) -> None:
    """ASKED, until another client fetches its answer by the id."""
    client.submit("how many?")
    assert rows(path, "state", "rows") == [("ASKED", None)]
    with make(server, path) as other:
        assert other.question(QUESTION_ID).wait() == "COMPLETED"
    assert rows(path, "state", "question", "rows") == [("COMPLETED", "how many?", 2)]


def test_the_rows_are_those_of_the_whole_answer(server: Script, client: Client, path: Path) -> None:
    """If the statistics tell; fetching fewer rows later changes nothing."""
    statistics = {"n": {"general": {"count": 7, "nulls_count": 0}}}
    results = {**ANSWER["results"], "dataframe_stats": statistics}  # type: ignore[dict-item]
    server.on("results", server.completed(**results))
    client.ask("how many?", max_rows=2, on_truncation="ignore")
    assert rows(path, "rows") == [(7,)]


def test_fewer_rows_fetched_later(server: Script, client: Client, path: Path) -> None:
    """They change nothing either where no statistics tell how many there are."""
    fewer = {"state": "COMPLETED", "results": {"dataframe": [["n"], [1]]}}
    server.on("results", server.answer(200, ANSWER), server.answer(200, fewer))
    asked = client.submit("how many?")
    asked.wait()
    assert asked.result(max_rows=1, on_truncation="ignore").rows == 1
    assert rows(path, "state", "rows") == [("COMPLETED", 2)]


@pytest.mark.parametrize(
    ("step", "error", "state", "why"),
    [
        (Script.reset, cf.SubmissionUncertain, "UNCERTAIN", "reset"),
        (Script.answer(500, {}), cf.SubmissionUncertain, "UNCERTAIN", "500"),
        (Script.answer(403, {}), cf.AuthError, "REJECTED", "403"),
        (Script.answer(302, Location="/x"), cf.ConfigError, "REJECTED", "302"),
    ],
)
def test_a_question_without_an_id(
    server: Script, client: Client, path: Path, step: Any, error: type[Exception], state: str, why: str
) -> None:
    """UNCERTAIN where it may have been started, REJECTED where it was not."""
    server.on("ask", step)
    with pytest.raises(error) as caught:
        client.ask("how many?")
    ((found, question_id, reason),) = rows(path, "state", "question_id", "error")
    assert (found, question_id) == (state, None)
    assert why in reason
    assert (f"It is recorded in {path}." in str(caught.value)) is (state == "UNCERTAIN")


def test_an_id_in_an_error_is_recorded(server: Script, client: Client, path: Path) -> None:
    """With a status of failure it may not be that of the question: UNCERTAIN, and it can be fetched."""
    server.on("ask", server.answer(500, {"question_id": QUESTION_ID}))
    with pytest.raises(cf.SubmissionUncertain):
        client.ask("how many?")
    assert rows(path, "state", "question_id") == [("UNCERTAIN", QUESTION_ID)]
    client.question(QUESTION_ID).result()
    assert rows(path, "state", "error") == [("COMPLETED", None)]


def test_a_question_that_is_sent_again(server: Script, client: Client, path: Path) -> None:
    """After a 401 it has the same row."""
    server.on("ask", server.answer(401, {}), server.answer(202, {"question_id": QUESTION_ID}))
    client.ask("how many?")
    assert server.count("ask") == 2
    assert rows(path, "state") == [("COMPLETED",)]


def test_refused_credentials_leave_no_row(server: Script, client: Client, path: Path) -> None:
    """Without a token no question is sent."""
    server.on("token", server.answer(401, {}))
    with pytest.raises(cf.AuthError):
        client.ask("how many?")
    assert not path.exists()


def test_a_failed_question(server: Script, client: Client, path: Path) -> None:
    """FAILED, with what the server says."""
    server.on("results", server.answer(200, {"state": "FAILED", "reason": "no such table"}))
    with pytest.raises(cf.QuestionFailed):
        client.ask("how many?")
    assert rows(path, "state", "rows", "error") == [("FAILED", None, "reason: no such table")]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals to send there")
@pytest.mark.parametrize("moment", ["ask", "results"])
def test_an_interrupt(server: Script, client: Client, path: Path, moment: str) -> None:
    """UNCERTAIN before the id came, ASKED after; the note names the file."""
    server.on(moment, server.hang)
    finger = press_ctrl_c(lambda: server.count(moment))
    with pytest.raises(KeyboardInterrupt) as caught:
        client.ask("how many?")
    finger.join()
    (note,) = caught.value.__notes__
    expected = ("UNCERTAIN", None, "KeyboardInterrupt") if moment == "ask" else ("ASKED", QUESTION_ID, None)
    assert rows(path, "state", "question_id", "error") == [expected]
    assert f"recorded in {path}" in note


def test_closing_the_client_closes_the_file(client: Client, path: Path) -> None:
    """It is open from the first question on."""
    client.ask("how many?")
    assert store_at(path)._connection is not None
    client.close()
    assert store_at(path)._connection is None


def test_many_questions(client: Client, path: Path) -> None:
    """Each has a row."""
    client.ask_many([f"question {number}" for number in range(10)])
    assert sorted(rows(path, "question")) == sorted((f"question {number}",) for number in range(10))


def test_a_locked_file_stops_no_question(
    server: Script, client: Client, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked with one warning; where a record is required, it is not sent."""
    monkeypatch.setattr("connecty_frames.store.database._TIMEOUT", 0.05)
    client.ask("before")
    store_at(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.warns(cf.HistoryWarning, match="database is locked"):
            assert client.ask("how many?").rows == 2
        assert client.ask("how many?").rows == 2
        monkeypatch.setattr(client.history, "_required", True)
        with pytest.raises(cf.ConfigError, match="database is locked"):
            client.ask("how many?")
    finally:
        other.execute("ROLLBACK")
        other.close()

    assert server.questions == ["before", "how many?", "how many?"]
    assert rows(path, "question") == [("before",)]


def test_a_required_history_that_cannot_be_opened(
    server: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ConfigError when the client is made; nothing is sent."""
    (tmp_path / "connecty").write_text("a file in the place of the folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with pytest.raises(cf.ConfigError, match="history='require' sends no question that is not recorded"):
        make(server, "require")
    with make(server, True) as client, pytest.warns(cf.HistoryWarning):
        client.submit("how many?")
    assert server.questions == ["how many?"]


def test_a_damaged_file_stops_no_question(client: Client, path: Path) -> None:
    """It is renamed, and the question recorded in a new one."""
    client.submit("before")
    store_at(path).close()
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.warns(cf.HistoryWarning, match="is damaged"):
        assert client.ask("how many?").rows == 2
    assert rows(path, "question") == [("how many?",)]


def test_questions_to_a_sandbox_are_not_recorded(
    connected: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless a file is named: they cost nothing."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for history in (True, "require"):
        with Client(**connected.connection, history=history) as client:
            client.ask("how many orders are there")
    assert list(tmp_path.iterdir()) == []
    with Client(**connected.connection, history=tmp_path / "h.db") as client:
        client.ask("how many orders are there")
    assert rows(tmp_path / "h.db", "state", "question", "rows") == [
        ("COMPLETED", "how many orders are there", 1)
    ]


def test_the_default_file(server: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With history=True, by argument, configure() or environment."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("CONNECTY_HISTORY", "1")
    with make(server, None) as client:
        client.submit("how many?")
    with make(server, False) as client:
        client.submit("not recorded")
    monkeypatch.setenv("CONNECTY_HISTORY", "0")
    cf.configure(history=True)
    with make(server, None) as client:
        client.submit("how many more?")

    found = cf.history(engine="pyarrow")
    assert found["question"].to_pylist() == ["how many more?", "how many?"]


@pytest.mark.parametrize("moment", ["recorded", "sent", "received", "accepted"])
def test_an_interrupt_at_each_moment(path: Path, clock: FakeClock, moment: str) -> None:
    """What is recorded, and the note: a question is named once it may be running."""
    history = History(store_at(path), required=False, base_url="u", client_id=SecretStr("c"), redact=str)
    transport = SimpleNamespace(address="https://api.test")
    api: Any = SimpleNamespace(
        clock=clock, resume_command="fetch {} {}".format, history=history, transport=transport
    )
    submission = Submission(api, Asked("how many?", 13), b"{}")
    attempt = Attempt(Deadline.after(60, clock), connect=9, idle=9)
    noon = clock.now()
    assert submission.recorded_in == ""

    def interrupt() -> NoReturn:
        if moment == "recorded":
            submission.row = history.sent(Asked("how many?", 13), asked_at=noon)
        else:
            submission._before_sending(attempt)
        clock.at += 5
        if moment == "received":
            attempt.status = 202
            attempt.received.write(b'{"question_id": "%s"' % QUESTION_ID.encode())
        if moment == "accepted":
            submission.question_id = QUESTION_ID
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught, submission.annotated():
        interrupt()
    history.close()

    five_later = (microseconds(noon), microseconds(noon) + 5_000_000)
    sent = (
        f"The question 'how many?' was being sent to workspace 13 at 2025-11-05 12:00:00 UTC. It may be "
        "running, so it was not sent again. Look in ConnectyAI's chat history before asking it again. It is "
        f"recorded in {path}."
    )
    known = (
        f"Question {QUESTION_ID} may still be running and is recorded in {path}; to fetch its answer "
        f"without asking again: fetch {QUESTION_ID} 13"
    )
    row, notes = {
        "recorded": (("REJECTED", None, five_later[0], None, five_later[1]), []),
        "sent": (("UNCERTAIN", None, five_later[0], None, None), [sent]),
        "received": (("ASKED", QUESTION_ID, *five_later, None), [known]),
        "accepted": (("ASKED", QUESTION_ID, *five_later, None), [known]),
    }[moment]
    assert rows(path, "state", "question_id", "asked_at", "accepted_at", "ended_at") == [row]
    assert getattr(caught.value, "__notes__", []) == notes


def test_the_times_of_a_submission(server: Script, client: Client, clock: FakeClock) -> None:
    """When it was last sent and accepted; what was received is kept no longer."""
    sent, answer = server.answer(429, {}), server.answer(202, {"question_id": QUESTION_ID})
    server.on("ask", sent, answer)
    api = copy.copy(client._api)
    api.clock, api.history = clock, None
    submission = Submission(api, Asked("how many?", 13), b"{}")
    before = submission._before_sending

    def count(attempt: Attempt) -> None:
        clock.at += 1
        before(attempt)
        clock.at += 10

    submission._before_sending = count  # type: ignore[method-assign]
    found = submission.send(Deadline.after(60, SYSTEM_CLOCK))

    assert (found, submission.question_id) == (QUESTION_ID, QUESTION_ID)
    assert (submission.sent_at, submission.accepted_at) == (1012.0, 1022.0)
    assert submission.asked_at == clock.now() - timedelta(seconds=10)
    assert submission._last is None
    assert submission.recorded_in == ""
    assert submission.row is None
