"""``max_age=``: an answer to the same question is fetched by its id, and the question not asked again."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

import connecty_frames as cf
from connecty_frames._base.clock import Clock, Deadline
from connecty_frames.asking.submission import Submission
from connecty_frames.client import Client
from connecty_frames.options import Asked, AskOptions
from connecty_frames.question import _usable, find_or_claim
from connecty_frames.store import leases
from connecty_frames.store.answers import answers_beside
from connecty_frames.store.history import History
from connecty_frames.store.table import Earlier, RecordState, Row, store_at
from tests.asking.recording import make, rows
from tests.cases import cases
from tests.servers.forking import Forking
from tests.servers.scripted import QUESTION_ID, Script
from tests.servers.timing import FakeClock, growing, pause, until

OTHER_ID = "00000000-0000-4000-8000-000000000002"


def answer(rows: int = 2) -> dict[str, Any]:
    return {"state": "COMPLETED", "results": {"dataframe": [["n"], *([each] for each in range(rows))]}}


@pytest.fixture
def client(server: Script, path: Path) -> Iterator[Client]:
    server.on("results", server.answer(200, answer()))
    with make(server, path) as client:
        yield client


def age_all(path: Path, seconds: int) -> None:
    change = "UPDATE questions SET asked_at = asked_at - ?, accepted_at = accepted_at - ?"
    store_at(path).execute(change, (seconds * 1_000_000, seconds * 1_000_000))


def test_an_answer_is_reused(server: Script, client: Client, path: Path) -> None:
    """It is fetched by its id, and says when it was first asked; the history counts it."""
    first = client.ask("how many?", max_age="6h")
    again = client.ask("how many?", max_age="6h")
    assert server.questions == ["how many?"]
    assert (first.metadata.reused, again.metadata.reused) == (False, True)
    assert again.metadata.asked_at == first.metadata.asked_at
    assert (again.question_id, again.question, again.metadata.elapsed) == (QUESTION_ID, "how many?", None)
    assert again.rows == 2
    assert rows(path, "state", "reused") == [("COMPLETED", 1)]
    assert not client.ask("how many?").metadata.reused  # nothing is that was not asked for
    assert server.questions == ["how many?", "how many?"]


@pytest.mark.parametrize(
    "given",
    [60, 60.0, timedelta(minutes=1), "60", "60s", "1m", " 1 m "],
    ids=["int", "float", "timedelta", "number", "seconds", "minutes", "spaces"],
)
def test_the_age(server: Script, client: Client, path: Path, given: Any) -> None:
    """It counts from the first asking, also without ``max_age``, in each way of writing it."""
    client.ask("how many?")
    age_all(path, 50)
    assert client.ask("how many?", max_age=given).metadata.reused
    age_all(path, 20)
    assert not client.ask("how many?", max_age=given).metadata.reused
    age_all(path, 1_000_000_000)
    assert client.ask("how many?", max_age=timedelta.max).metadata.reused  # it reaches back farther
    assert server.questions == ["how many?", "how many?"]


@pytest.mark.parametrize(
    "wrong", [0, -1, "soon", "0h", "", True, float("nan"), 1e300, "6 hours", [1], {}, np.timedelta64(6, "h")]
)
def test_a_wrong_age(server: Script, client: Client, wrong: Any) -> None:
    """A ConfigError that says what is expected, before anything is sent."""
    with pytest.raises(cf.ConfigError, match=r"max_age=.*: expected an age above 0"):
        client.ask("how many?", max_age=wrong)
    assert server.requests == []


@pytest.mark.parametrize("call", ["ask", "ask_df", "ask_many", "submit"])
def test_without_a_history(server: Script, call: str) -> None:
    """A ConfigError that says how to turn it on; nothing is sent."""
    with make(server, False) as client, pytest.raises(cf.ConfigError, match=r"configure\(history=True\)"):
        getattr(client, call)(["how many?"] if call == "ask_many" else "how many?", max_age=60)
    assert server.requests == []


@pytest.mark.parametrize(
    ("other", "settings", "is_same"),
    [
        (" how  many?\n", {}, True),
        ("how\tmany?", {}, True),
        ("cafe\u0301?", {}, True),  # the other form of the character in Unicode
        ("How many?", {}, False),
        ("how many", {}, False),
        ("how many of 'a  b'?", {}, False),
        ("how many?", {"dw_id": 14}, False),
        ("how many?", {"client_id": "other"}, False),
    ],
)
def test_which_question_is_the_same(
    server: Script, client: Client, path: Path, other: str, settings: dict[str, Any], *, is_same: bool
) -> None:
    """White space makes no other one, except in quotation marks; another workspace or client does."""
    for question in ("how many?", "how many of 'a b'?", "caf\u00e9?"):
        client.ask(question)
    with make(server, path, **settings) as asking:
        assert asking.ask(other, max_age=60).metadata.reused is is_same
    assert len(server.questions) == 4 - is_same


def test_decoding_options_are_no_part_of_the_question(server: Script, client: Client) -> None:
    """They decide how the answer is read."""
    client.ask("how many?")
    frame = client.ask_df("how many?", max_age=60, engine="polars", schema={"n": "string"})
    assert frame["n"].to_list() == ["0", "1"]
    assert len(server.questions) == 1


def test_an_answer_that_the_server_lost(server: Script, client: Client, path: Path) -> None:
    """It is asked again, once for all that ask; later it is the new one that is reused."""
    client.ask("how many?")
    age_all(path, 30)
    server.on("ask", server.answer(202, {"question_id": OTHER_ID}))
    server.on("results", server.answer(404, {"detail": "gone"}), server.answer(200, answer(3)))
    assert client.ask("how many?", max_age=60).rows == 3
    again = client.ask("how many?", max_age=60)
    assert (again.question_id, again.metadata.reused) == (OTHER_ID, True)
    assert len(server.questions) == 2


@pytest.mark.parametrize(
    ("step", "error"), [(Script.answer(403, {}), cf.AuthError), (Script.answer(422, {}), cf.APIError)]
)
def test_another_error_asks_nothing(
    server: Script, client: Client, step: Any, error: type[Exception]
) -> None:
    """Only a 404 says that the answer is gone."""
    client.ask("how many?")
    server.on("results", step)
    with pytest.raises(error):
        client.ask("how many?", max_age=60)
    assert len(server.questions) == 1


def test_a_failed_question_is_asked_again(server: Script, client: Client) -> None:
    """FAILED is never reused."""
    server.on("results", server.answer(200, {"state": "FAILED"}), server.answer(200, answer()))
    with pytest.raises(cf.QuestionFailed):
        client.ask("how many?", max_age=60)
    assert not client.ask("how many?", max_age=60).metadata.reused
    assert len(server.questions) == 2


def test_a_refused_question_is_asked_again(server: Script, client: Client, path: Path) -> None:
    """It was not started, also if no token was received; the rows say so."""
    server.on("token", server.answer(401, {}))
    with pytest.raises(cf.AuthError):
        client.ask("how many?", max_age=60)
    assert rows(path, "state") == [("REJECTED",)]
    server.on("token", server.answer(200, {"access_token": "t", "token_type": "Bearer"}))
    server.on("ask", server.answer(403, {}), server.answer(202, {"question_id": QUESTION_ID}))
    with make(server, path) as other:  # the first one does not try its credentials again at once
        with pytest.raises(cf.AuthError, match="403"):
            other.ask("how many?", max_age=60)
        assert other.ask("how many?", max_age=60).rows == 2
    assert rows(path, "state") == [("COMPLETED",), ("REJECTED",), ("REJECTED",)]


def test_a_question_whose_start_is_unknown(server: Script, client: Client, path: Path) -> None:
    """It may be running, so it is asked again only without max_age, and the error says so."""
    server.on("ask", server.reset, server.answer(202, {"question_id": QUESTION_ID}))
    with pytest.raises(cf.SubmissionUncertain):
        client.ask("how many?", max_age=60)
    with pytest.raises(cf.SubmissionUncertain, match=r"leave out max_age=.*number 1 in") as caught:
        client.ask("how many?", max_age=60)
    seen = caught.value.details["seen"]
    assert f", and then: {seen}. This call sent nothing." in str(caught.value)
    store_at(path).execute("UPDATE questions SET error = NULL")
    with pytest.raises(cf.SubmissionUncertain, match="and then: nothing is known"):
        client.ask("how many?", max_age=60)
    assert len(server.questions) == 1
    client.ask("how many?")
    assert client.ask("how many?", max_age=60).metadata.reused
    assert len(server.questions) == 2


def test_a_question_without_an_answer_yet(server: Script, path: Path, clock: FakeClock) -> None:
    """One whose caller stopped waiting is fetched by its id."""
    server.on("results", server.answer(200, {"state": "PENDING"}))
    with make(server, path, clock=clock) as client:
        with pytest.raises(cf.QuestionTimeout):
            client.ask("how many?")
        server.on("results", server.answer(200, answer()))
        assert client.ask("how many?", max_age=60).metadata.reused
    assert len(server.questions) == 1
    assert rows(path, "state") == [("COMPLETED",)]


def test_a_clock_that_is_set_back_while_others_send(server: Script, path: Path) -> None:
    """Whoever waits shares the question, whose time is after that of the call by an hour."""
    asked = threading.Event()

    class SetBack(Clock):
        def now(self) -> datetime:
            return super().now() - timedelta(hours=asked.is_set())

    def accept(connection: Any) -> bool:
        asked.set()
        pause(0.3)
        return server.answer(202, {"question_id": QUESTION_ID})(connection)

    server.on("results", server.answer(200, answer()))
    server.on("ask", accept)
    with make(server, path, clock=SetBack()) as client:
        done = client.ask_many(["how many?"] * 8, max_age=7200)

    assert [each.result().rows for each in done] == [2] * 8
    assert len(server.questions) == 1


def test_threads_share_one_submission(server: Script, client: Client, path: Path) -> None:
    """Sixteen callers of one client and sixteen of another get the answer of one question."""
    server.on("ask", server.delayed(0.2, server.answer(202, {"question_id": QUESTION_ID})))
    with make(server, path) as other, ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda each: each.ask("how many?", max_age=60), [client, other] * 16))
    assert server.questions == ["how many?"]
    assert sorted(each.metadata.reused for each in answers) == [False] + [True] * 31
    assert rows(path, "state", "reused") == [("COMPLETED", 31)]


def test_equal_questions_of_one_call(server: Script, client: Client) -> None:
    """ask_many asks each once."""
    done = client.ask_many(["how many?", "how  many?", "who?"] * 4, max_age=60)
    assert sorted(server.questions) in (["how  many?", "who?"], ["how many?", "who?"])
    assert [each.result().rows for each in done] == [2] * 12


def test_an_answer_that_arrives_while_a_caller_begins(
    server: Script, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller that is slow between its first line and its first look finds what others asked meanwhile."""
    real = History.earlier

    def earlier(history: History, key: str, **times: Any) -> tuple[list[Earlier], datetime]:
        monkeypatch.setattr(History, "earlier", real)
        client.ask("how many?")
        return real(history, key, **times)

    monkeypatch.setattr(History, "earlier", earlier)
    answer = client.ask("how many?", max_age=60)

    assert answer.metadata.reused
    assert server.questions == ["how many?"]


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (Script.answer(202, {"question_id": QUESTION_ID}), cf.QuestionFailed),
        (Script.reset, cf.SubmissionUncertain),
    ],
)
def test_sharers_share_the_failure(server: Script, client: Client, step: Any, error: type[Exception]) -> None:
    """A question that failed, or whose start is unknown, is not asked by each of those who waited."""
    server.on("ask", server.delayed(0.3, step))
    server.on("results", server.answer(200, {"state": "PENDING"}), server.answer(200, {"state": "FAILED"}))
    done = client.ask_many(["how many?"] * 8, max_age=60)
    assert {type(each.exception()) for each in done} == {error}
    assert len(server.questions) == 1


def test_an_age_that_passes_while_others_send(
    server: Script, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The age counts from the beginning of the call, so that a caller who waited does not ask again."""
    waiting, passed, earlier = set[int](), threading.Event(), History.earlier

    def look(history: History, key: str, **times: Any) -> tuple[list[Earlier], datetime]:
        found = earlier(history, key, **times)
        waiting.add(threading.get_ident())
        if len(waiting) == 8:
            passed.set()
        return found

    class HourLater(Clock):
        def now(self) -> datetime:
            return super().now() + timedelta(hours=passed.is_set())

    monkeypatch.setattr(History, "earlier", look)
    server.on("results", server.answer(200, answer()))
    server.on("ask", server.held(passed, server.answer(202, {"question_id": QUESTION_ID})))
    with make(server, path, clock=HourLater()) as client:
        done = client.ask_many(["how many?"] * 8, max_age=60)

    assert [each.result().rows for each in done] == [2] * 8
    assert len(server.questions) == 1


def test_the_wait_of_a_sharer_ends(server: Script, client: Client, path: Path, clock: FakeClock) -> None:
    """At its own timeout, with nothing sent."""
    ended = threading.Event()
    server.on("ask", server.held(ended, server.answer(202, {"question_id": QUESTION_ID})))
    sender = threading.Thread(target=client.ask_many, args=[["how many?"]])
    sender.start()
    until(lambda: server.count("ask"))
    began = clock.at
    with (
        make(server, path, clock=clock) as sharer,
        pytest.raises(cf.QuestionTimeout, match="Another call is sending"),
    ):
        sharer.ask("how many?", max_age="9999d", timeout=7)
    assert clock.at == began + 7
    ended.set()
    sender.join()

    assert len(server.questions) == 1


def test_submit(server: Script, client: Client, path: Path) -> None:
    """It returns the earlier question; one that the server lost is asked again."""
    first = client.submit("how many?", max_age=60)
    again = client.submit("how many?", max_age=60)
    assert (first.reused, again.reused, again.question_id) == (False, True, QUESTION_ID)
    server.on("results", server.answer(404, {}), server.answer(200, answer()))
    server.on("ask", server.answer(202, {"question_id": OTHER_ID}))
    age_all(path, 30)
    assert client.submit("how many?", max_age=60).question_id == OTHER_ID
    assert len(server.questions) == 2
    assert rows(path, "question_id", "reused") == [(OTHER_ID, 0), (QUESTION_ID, 1)]


def test_the_timeout_of_submit(server: Script, path: Path) -> None:
    """It applies to the question whether the server still has the earlier one, instead of the client's."""
    server.on("results", server.answer(200, answer()), server.hang)
    with make(server, path, timeout=60) as client:
        client.ask("how many?")
        for seconds in growing(0.2):
            with pytest.raises(cf.QuestionTimeout) as caught:
                client.submit("how many?", max_age=60, timeout=seconds)
            if server.count("results") > 1:
                break
    assert caught.value.question_id == QUESTION_ID
    assert len(server.questions) == 1


def test_an_interrupt_after_the_answer_was_lost(
    server: Script, client: Client, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not name the question that the server no longer has."""
    client.ask("how many?")
    age_all(path, 30)
    server.on("results", server.answer(404, {}))
    real, looks = History.earlier, list[str]()

    def earlier(history: History, key: str, **times: Any) -> tuple[list[Earlier], datetime]:
        looks.append(key)
        if len(looks) == 2:
            raise KeyboardInterrupt
        return real(history, key, **times)

    monkeypatch.setattr(History, "earlier", earlier)
    with pytest.raises(KeyboardInterrupt) as caught:
        client.ask("how many?", max_age=60)

    assert not hasattr(caught.value, "__notes__")


def test_the_note_of_a_question_that_is_waited_for_again(server: Script, path: Path) -> None:
    """It names the history, in which the question is recorded; one that is fetched by its id may not be."""
    server.on("results", server.answer(200, {"state": "PENDING"}))
    with make(server, path) as client:
        client.submit("how many?")
        again = client.call(
            "how many?", AskOptions(max_age=60, progress=mock.Mock(side_effect=ZeroDivisionError))
        )
        with pytest.raises(ZeroDivisionError) as caught:
            again.answer()
        assert "recorded" not in client.question(OTHER_ID).message()

    (note,) = caught.value.__notes__
    assert again.submission.message() == note
    assert note.startswith(f"Question {QUESTION_ID} may still be running and is recorded in {path}; ")
    assert server.questions == ["how many?"]


PROGRAM = """
import sys
from connecty_frames.client import Client
known = {"client_secret": "canary-secret", "dw_id": 13}
client = Client("canary-client-id", base_url=sys.argv[1], history=sys.argv[2], **known)
answer = client.ask("how many?", max_age=60)
print(answer.question_id, answer.metadata.reused)
"""


def start(server: Script, path: Path, python: str = sys.executable) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [python, "-c", PROGRAM, server.address, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_processes_share_one_submission(server: Script, forking: Forking, path: Path) -> None:
    """One sends the question, and the others get its answer."""
    server.on("ask", server.delayed(1.0, server.answer(202, {"question_id": QUESTION_ID})))
    server.on("results", server.answer(200, answer()))
    processes = [start(server, path, forking.python) for _ in range(5)]
    outputs = sorted(process.communicate()[0].split()[1] for process in processes)
    assert outputs == ["False", "True", "True", "True", "True"]
    assert len(server.questions) == 1


@pytest.mark.slow
def test_the_process_that_sends_is_killed(
    server: Script, client: Client, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who wait for its id get SubmissionUncertain once its lease is over."""
    server.on("ask", server.hang)
    process = start(server, path)
    until(lambda: server.count("ask"))
    process.kill()
    process.communicate()
    with pytest.raises(cf.QuestionTimeout):
        client.ask("how many?", max_age=60, timeout=0.2)
    monkeypatch.setattr(leases, "SECONDS", 1.0)
    with pytest.raises(cf.SubmissionUncertain, match="Its sender stopped responding"):
        client.ask("how many?", max_age=60)

    assert len(server.questions) == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGSTOP")
def test_the_process_that_sends_is_stopped_for_long(
    server: Script, client: Client, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is UNCERTAIN for others meanwhile, and its late acceptance heals the row."""
    stopped = threading.Event()
    server.on("ask", server.held(stopped, server.answer(202, {"question_id": QUESTION_ID})))
    process = start(server, path)
    until(lambda: server.count("ask"))
    process.send_signal(signal.SIGSTOP)
    stopped.set()
    monkeypatch.setattr(leases, "SECONDS", 1.0)
    with pytest.raises(cf.SubmissionUncertain):
        client.ask("how many?", max_age=60)
    assert rows(path, "state") == [("UNCERTAIN",)]
    process.send_signal(signal.SIGCONT)
    assert process.communicate()[0] == f"{QUESTION_ID} False\n"

    assert rows(path, "state", "question_id", "error") == [("COMPLETED", QUESTION_ID, None)]
    assert client.ask("how many?", max_age=60).metadata.reused
    assert len(server.questions) == 1


def test_an_unusable_history(server: Script, tmp_path: Path) -> None:
    """Whether it was asked before is unknown, so nothing is sent."""
    with (
        make(server, tmp_path) as client,  # a folder
        pytest.raises(cf.ConfigError, match="so it is unknown whether the question was asked before"),
    ):
        client.ask("how many?", max_age=60)
    assert server.questions == []


class TestKeptAnswers:
    """``keep_answers=True``."""

    @pytest.fixture
    def client(self, server: Script, path: Path) -> Iterator[Client]:
        server.on("results", server.answer(200, answer()))
        with make(server, path, keep_answers=True) as client:
            yield client

    def test_no_network_is_needed(self, server: Script, client: Client, path: Path) -> None:
        """Not even for a token, in another process; the answer is the same."""
        first = client.ask("how many?")
        before = len(server.requests)
        with make(server, path, keep_answers=True) as other:
            again = other.ask("how many?", max_age=60)
        assert len(server.requests) == before
        assert again.metadata.reused
        assert again.response == first.response

    @pytest.mark.parametrize("keeps", [True, False])
    def test_old_answers(self, server: Script, client: Client, path: Path, *, keeps: bool) -> None:
        """They are gone once a client with a maximum age is made, even if that keeps none itself."""
        client.ask("how many?")
        kept = answers_beside(store_at(path))
        kept.execute("UPDATE answers SET kept_at = kept_at - 7200")
        for age, left in ("3h", 1), ("1h", 0):
            make(server, path, keep_answers=keeps, keep_answers_max_age=age).close()
            assert kept.execute("SELECT count(*) FROM answers").rows == [(left,)]

    def test_more_rows_are_fetched(self, server: Script, client: Client) -> None:
        """A kept answer that may lack rows is fetched by its id, kept, and serves fewer rows too."""
        client.ask("how many?", max_rows=2, on_truncation="ignore")
        server.on("results", server.answer(200, answer(5)))
        assert client.ask("how many?", max_rows=None, max_age=60).rows == 5
        before = len(server.requests)
        assert client.ask("how many?", max_rows=None, max_age=60).rows == 5
        assert client.ask("how many?", max_rows=1000, max_age=60).rows == 5
        assert len(server.requests) == before
        assert len(server.questions) == 1

    def test_an_answer_is_kept_once(self, client: Client, path: Path) -> None:
        """Not again as the same handle returns it again."""
        asked = client.submit("how many?")
        asked.result()
        database = answers_beside(store_at(path))
        assert database.execute("DELETE FROM answers").changed == 1
        assert asked.result().rows == 2
        assert database.execute("SELECT count(*) FROM answers").rows == [(0,)]

    def test_a_damaged_answer(self, server: Script, client: Client, path: Path) -> None:
        """It is fetched again, with a warning."""
        client.ask("how many?")
        answers_beside(store_at(path)).execute("UPDATE answers SET body = x'00'")
        with pytest.warns(cf.HistoryWarning, match="history-answers.sqlite3 have a damaged answer"):
            assert client.ask("how many?", max_age=60).rows == 2
        assert server.count("results") == 2
        client.ask("how many?", max_age=60)
        assert server.count("results") == 2

    def test_an_answer_that_cannot_be_read(self, server: Script, client: Client, path: Path) -> None:
        """One that another version kept is fetched again."""
        client.submit("how many?")
        answers_beside(store_at(path)).keep(QUESTION_ID, server.address, b"{}", 1000, max_bytes=999)
        assert client.ask("how many?", max_age=60).rows == 2

    def test_the_oldest_are_removed(self, server: Script, path: Path) -> None:
        """Together they have no more bytes than allowed."""
        ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(30)]
        server.on("ask", *(server.answer(202, {"question_id": each}) for each in ids))
        server.on("results", server.answer(200, answer(50)))
        with make(server, path, keep_answers=True, keep_answers_max_bytes=1000) as client:
            for number in range(30):
                client.ask(f"question {number}")
            database = answers_beside(store_at(path))
            ((kept, size),) = database.execute("SELECT count(*), sum(length(body)) FROM answers").rows
            newest = database.execute("SELECT max(question_id), min(question_id) FROM answers").rows[0]
        assert 1 < kept < 30
        assert size <= 1000
        assert newest == (ids[29], ids[30 - kept])

    def test_an_answer_to_nobody_known_is_not_kept(self, client: Client, path: Path) -> None:
        """One that is fetched by an id that was asked elsewhere is no part of this history."""
        client.question(QUESTION_ID).result()
        assert not path.with_name("history-answers.sqlite3").exists()

    def test_it_turns_the_history_on(self, server: Script, state_folder: Path) -> None:
        """In the file of the user; both files are private."""
        server.on("results", server.answer(200, answer()))
        with make(server, None, keep_answers=True) as client:
            client.ask("how many?")
        names = {"history.sqlite3", "history-answers.sqlite3"}
        found = {each.name: each.stat().st_mode & 0o777 for each in (state_folder / "connecty").iterdir()}
        assert names <= found.keys()
        assert {found[name] for name in names} == {0o600}


def test_the_metadata_say_how_old_it_is() -> None:
    """In words, for people; an answer that was not reused says nothing."""
    asked_at = datetime.now(UTC) - timedelta(hours=2, minutes=30)
    assert cf.AnswerMetadata(asked_at=asked_at, reused=True).reuse_text == "asked 2 h ago, reused"
    assert cf.AnswerMetadata(asked_at=asked_at).reuse_text == ""


def find_within_an_hour(client: Client, clock: FakeClock) -> tuple[Submission, Earlier | None]:
    """Find an answer of the last hour, or claim the question; wait for others for five seconds."""
    deadline, submission = Deadline.after(5.0, clock), client.call("how many?", AskOptions()).submission
    assert client.history is not None
    hour = timedelta(hours=1)
    return submission, find_or_claim(submission, client.history, max_age=hour, gone=(), deadline=deadline)


def sent(client: Client, asked_at: datetime) -> tuple[History, Row]:
    """Record the question as being sent at that time; return the history and its row."""
    assert client.history is not None
    row = client.history.sent(Asked("how many?", 13), asked_at=asked_at)
    assert row is not None
    return client.history, row


def test_how_often_a_sharer_looks(server: Script, client: Client, clock: FakeClock) -> None:
    """After 20 ms, then half as long again each time, up to half a second."""
    sent(client, clock.now())
    with pytest.raises(cf.QuestionTimeout, match="Another call is sending") as caught:
        find_within_an_hour(client, clock)
    assert clock.slept[:9] == pytest.approx([0.02 * 1.5**step for step in range(8)] + [0.5])
    assert clock.at == pytest.approx(1005.0)
    assert (caught.value.question, caught.value.dw_id) == ("how many?", 13)
    assert server.questions == []


def test_a_failure_between_two_looks(
    client: Client, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question was accepted and failed while a sharer waited: its failure is the sharer's too."""
    history, held = sent(client, clock.now())

    def fail(seconds: float) -> None:
        clock.at += seconds
        history.accepted(held, QUESTION_ID, asked_at=clock.now(), now=clock.now())
        history.ended(QUESTION_ID, "FAILED", now=clock.now())

    monkeypatch.setattr(clock, "sleep", fail)
    submission, found = find_within_an_hour(client, clock)

    assert found is not None
    assert (found.question_id, found.state) == (QUESTION_ID, RecordState.FAILED)
    assert submission.row is None


@cases(
    ("states", "decides"),
    [
        ("REJECTED", None),
        ("REJECTED UNCERTAIN", 1),
        ("UNCERTAIN REJECTED", 0),
        ("FAILED UNCERTAIN", None),
        ("UNCERTAIN FAILED", 0),
        ("UNCERTAIN SENT SENT", 1),
    ],
)
def test_which_of_several_without_an_id_decides(states: str, decides: int | None) -> None:
    """One that is being sent, else the latest that was not rejected, if it may have been started."""
    moment = datetime(2025, 11, 5, tzinfo=UTC)
    rows = [
        Earlier(number, RecordState(state), "how many?", None, moment, None, None)
        for number, state in enumerate(states.split())
    ]
    assert _usable(rows, ()) is (None if decides is None else rows[decides])


@pytest.mark.parametrize(
    ("late", "is_reused"),
    [(-3_600_000_001, False), (-3_600_000_000, True), (3_600_000_000, True), (3_600_000_001, False)],
)
def test_the_age_to_a_microsecond(client: Client, clock: FakeClock, late: int, *, is_reused: bool) -> None:
    """An hour, before and after: a clock may have been set back. A later one that was rejected is no bar."""
    asked_at = clock.now() + timedelta(microseconds=late)
    history, row = sent(client, asked_at)
    history.accepted(row, QUESTION_ID, asked_at=asked_at, now=asked_at)
    history.not_accepted(sent(client, clock.now())[1], RecordState.REJECTED, "refused", now=clock.now())
    submission, found = find_within_an_hour(client, clock)
    assert (found is not None) is is_reused
    assert (submission.row is None) is is_reused
