"""A batch asks each question once, whatever happens in between, and keeps every answer."""

from __future__ import annotations

import errno
import fcntl
import json
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

import connecty_frames as cf
from connecty_frames.batch import Batch, BatchProgress, BatchSummary, run
from connecty_frames.batch.batch import _condition
from connecty_frames.batch.index import Entry, Index
from connecty_frames.client import Client
from connecty_frames.frames import parquet_file
from connecty_frames.options import Asked, AskOptions
from connecty_frames.store import leases
from connecty_frames.store.table import store_at
from tests.servers.scripted import RecordedRequest, Script, Step, endpoint_of, serve
from tests.servers.timing import press_ctrl_c

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connecty_frames.store.history import History

FAILED = {"state": "FAILED", "reason": "no such table"}
PENDING = {"state": "PENDING"}
#: Leaves a question accepted and without its answer at once, where PENDING takes until the timeout.
INVALID = {"state": 1}
_parts_differ = pytest.mark.filterwarnings("ignore:Types differ between parts")


@pytest.fixture
def claim(folder: Path, client: Client) -> Iterator[Callable[..., History]]:
    """Return a function by which another sender claims a question; its history keeps the claim while open."""
    with ExitStack() as stack:

        def run(question: str, number: int = 1) -> History:
            index = folder / "index.sqlite3"
            ((key,),) = store_at(index).execute("SELECT key FROM items WHERE number = ?", (number,)).rows
            history = client.recording_in(index).history
            assert history is not None
            stack.callback(history.close)
            assert history.sent(Asked(question, 13, key), asked_at=datetime.now(UTC), after=0) is not None
            return history

        yield run


def names(batch: Batch) -> list[str]:
    """Return the names of the files of a batch."""
    return [path.name for path in batch.parts().values()]


# Asking and going on


def test_each_question_is_asked_and_kept(ask: Any, service: Any, folder: Path) -> None:
    """Parts are numbered in the order of the list, and have the metadata of the answer."""
    batch = ask([("a", "how many?"), "how much?", "how much?"])

    assert service.asked == {"how many?": 1, "how much?": 2}
    assert names(batch) == ["000001-a.parquet", "000002.parquet", "000003.parquet"]
    assert batch.parts()["a"] == folder / "parts" / "000001-a.parquet"
    assert batch.summary() == BatchSummary(total=3, answered=3)
    assert str(batch.summary()) == "3 questions: 3 answered"
    assert repr(batch) == f"<Batch in {folder}, 3 questions: 3 answered>"
    frame = cf.read_parquet(batch.parts()["a"])
    assert frame["n"].tolist() == [9]
    metadata = cf.metadata(frame, required=True)
    assert (metadata.question, metadata.question_id) == ("how many?", service.question_id("how many?"))
    assert metadata.asked_at is not None


def test_again_sends_nothing(ask: Any, service: Any) -> None:
    """Neither a question nor a request for an answer."""
    ask(["how many?"])
    ask(["how many?"])

    assert service.asked == service.fetched == {"how many?": 1}


def test_a_list_may_be_extended_and_reordered(ask: Any, service: Any) -> None:
    """What is new is asked, and numbered on from what is there."""
    ask([("a", "how many?"), "how much?"])
    batch = ask(["who?", "how much?", "how much?", ("a", "how many?")])

    assert service.asked == {"how many?": 1, "how much?": 2, "who?": 1}
    assert names(batch) == ["000001-a.parquet", "000002.parquet", "000003.parquet", "000004.parquet"]


def test_a_shorter_list(ask: Any, service: Any) -> None:
    """Questions that are not in the list are not asked, and are counted."""
    ask(["how many?", "how much?"], max_questions=0)
    batch = ask(["how much?"])

    assert service.asked == {"how much?": 1}
    assert batch.summary() == BatchSummary(total=2, answered=1, unasked=1)


def test_a_maximum(ask: Any, service: Any) -> None:
    """So many are asked in a call; answers are fetched beyond it."""
    service.answers["q0"] = INVALID
    seen: list[BatchProgress] = []
    batch = ask([f"q{number}" for number in range(5)], max_questions=2, max_workers=1, progress=seen.append)
    assert [each.done for each in seen] == [1, 2]  # those that are left out are not begun
    assert batch.summary() == BatchSummary(total=5, answered=1, pending=1, unasked=3)
    del service.answers["q0"]
    batch = ask([f"q{number}" for number in range(5)], max_questions=1)

    assert service.asked.total() == 3
    assert batch.summary() == BatchSummary(total=5, answered=3, unasked=2)


def test_a_maximum_of_questions_at_once(ask: Any, service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds for threads that begin before those of the others are counted: each looks and counts alone."""
    is_spent, all_look = run._BatchRun._is_spent.fget, threading.Barrier(5)

    def look(batch: run._BatchRun) -> bool:
        found = is_spent(batch)
        with suppress(threading.BrokenBarrierError):
            all_look.wait(0.2)  # in vain, since the others wait for the lock
        return found

    monkeypatch.setattr(run._BatchRun, "_is_spent", property(look))
    monkeypatch.setattr(run._BatchRun, "_parts", lambda _, entries: map(run._Part, entries))
    batch = ask([f"q{number}" for number in range(5)], max_questions=2, max_workers=5)

    assert service.asked.total() == 2
    assert batch.summary() == BatchSummary(total=5, answered=2, unasked=3)


def test_an_answer_without_a_table(ask: Any, service: Any) -> None:
    """It has no part, counts as answered, and is not fetched again."""
    service.answers["why?"] = {"state": "COMPLETED", "results": {"response_summary": "Because."}}
    ask(["why?"])
    batch = ask(["why?"])

    assert (batch.summary().answered, batch.parts()) == (1, {})
    assert service.fetched == {"why?": 1}


def test_an_empty_list(ask: Any) -> None:
    """An empty batch, without parts."""
    batch = ask([])

    assert str(batch.summary()) == "0 questions"
    with pytest.raises(cf.ConfigError, match="has no parts yet") as caught:
        batch.to_dataset()
    assert caught.value.setting == "folder"


# Failures of one question


def test_a_failed_question(ask: Any, service: Any) -> None:
    """It is listed with its reason, left by further calls, and asked again when told."""
    service.answers["why?"] = FAILED
    ask([("w", "why?"), "how many?"])
    batch = ask([("w", "why?"), "how many?"])

    assert service.asked == {"why?": 1, "how many?": 1}
    assert batch.summary() == BatchSummary(total=2, answered=1, failed=1)
    assert "no such table" in batch.errors()["error"][0]
    assert ask([("w", "why?")], retry_failed=True).summary().failed == 1
    del service.answers["why?"]
    assert batch.retry() is batch
    assert batch.summary() == BatchSummary(total=2, answered=2)
    assert batch.errors("polars").shape == (0, 6)
    assert service.asked == {"why?": 3, "how many?": 1}


def test_a_reason_that_no_store_holds(ask: Any, folder: Path) -> None:
    """Its lone surrogates are escaped."""
    ask(["why?"], max_questions=0)
    with Index(folder / "index.sqlite3") as index:
        index.failed(1, "not read: \ud800")
        assert [entry.error for entry in index.entries()] == ["not read: \\ud800"]


def test_an_uncertain_question(ask: Any, service: Any) -> None:
    """It is never sent again unless told, by a method or for the questions of a list alone."""
    service.replies |= {"why?": Script.reset, "who?": Script.reset}
    ask(["why?", "who?"])
    batch = ask(["why?", "who?"], retry_failed=True)
    batch.retry()

    assert service.asked == {"why?": 1, "who?": 1}
    assert batch.summary() == BatchSummary(total=2, uncertain=2)
    assert batch.errors()["state"].tolist() == ["UNCERTAIN"] * 2
    service.replies.clear()
    assert ask(["who?"], retry_uncertain=True).summary() == BatchSummary(total=2, answered=1, uncertain=1)
    assert batch.retry(uncertain=True).summary() == BatchSummary(total=2, answered=2)
    assert service.asked == {"why?": 2, "who?": 2}


def test_a_rejected_question(ask: Any, service: Any) -> None:
    """It was not started, so the next call asks it; it does not count against the maximum."""
    service.replies["why?"] = Script.answer(422, {"detail": "too vague"})
    batch = ask(["why?", "how many?"], max_questions=1, max_workers=1)
    assert batch.summary() == BatchSummary(total=2, answered=1, rejected=1)
    assert "too vague" in batch.errors()["error"][0]
    del service.replies["why?"]

    assert ask(["why?", "how many?"]).summary() == BatchSummary(total=2, answered=2)


def test_an_answer_that_does_not_arrive(ask: Any, service: Any) -> None:
    """The answer is fetched by the next call, with the question and the time of asking in its metadata."""
    service.answers["why?"] = INVALID
    batch = ask(["why?"])
    assert batch.summary() == BatchSummary(total=1, pending=1)
    assert batch.errors()["state"].tolist() == ["ASKED"]
    del service.answers["why?"]
    batch = ask(["why?"])

    assert service.asked == {"why?": 1}
    metadata = cf.metadata(cf.read_parquet(batch.parts()[1]), required=True)
    assert metadata.question == "why?"
    assert metadata.asked_at is not None
    assert batch.errors().empty


def test_what_is_paid_for_comes_first(ask: Any, service: Any) -> None:
    """The answer of a question that was accepted is fetched before others are asked."""
    service.replies["b"] = Script.answer(422, {"detail": "too vague"})
    service.answers["a"] = INVALID
    ask(["b", "a"])
    service.replies.clear()
    service.answers.clear()
    seen: list[BatchProgress] = []
    ask(["b", "a"], max_workers=1, progress=seen.append)

    assert [(each.asked, each.answered) for each in seen] == [(0, 1), (1, 2)]


def test_an_answer_that_cannot_be_used(ask: Any, service: Any) -> None:
    """It is listed, and fetched again, not asked, with options that do not change what is in a part."""
    service.answers["why?"] = service.frame(["n"], [1], n={"general": {"count": 9, "nulls_count": 0}})
    batch = ask(["why?"], on_truncation="raise")
    assert batch.summary() == BatchSummary(total=1, unusable=1)
    assert batch.errors()["error"][0].startswith("TruncatedError: ")

    assert ask(["why?"], on_truncation="ignore").summary() == BatchSummary(total=1, answered=1)
    assert service.asked == {"why?": 1}


def test_an_answer_that_parquet_does_not_hold(ask: Any, service: Any) -> None:
    """It is listed with its id, and does not stop the others."""
    service.answers |= {"why?": service.table({}), "who?": service.table({})}
    batch = ask(["why?", "who?"], schema={"n": pa.struct([])}, max_workers=1)

    assert batch.summary() == BatchSummary(total=2, unusable=2)
    assert batch.errors()["question_id"].tolist() == [
        service.question_id("why?"),
        service.question_id("who?"),
    ]
    assert "cannot be written as Parquet" in batch.errors()["error"][0]


def test_a_long_reason_of_arrow(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 characters of it are in the error."""

    def fail(*_: object) -> None:
        raise pa.ArrowInvalid("x" * 250)

    monkeypatch.setattr(parquet_file, "write_table", fail)
    (error,) = ask(["why?"]).errors()["error"]

    assert f" as Parquet: {'x' * 200}…" in error


# What stops a run


def test_refused_credentials_stop_the_run(ask: Any, service: Any) -> None:
    """With the error; nothing more is asked, and a later call goes on."""
    questions = [f"q{number}" for number in range(20)]
    service.replies = dict.fromkeys(questions, Script.answer(403, {}))
    with pytest.raises(cf.AuthError) as caught:
        ask(questions, max_workers=1)
    assert "0 questions of the batch" in caught.value.__notes__[0]
    assert service.asked == {"q0": 1}
    service.replies.clear()

    assert ask(questions).summary().answered == 20
    assert service.asked == {**dict.fromkeys(questions, 1), "q0": 2}


def test_credentials_that_are_refused_while_answers_are_fetched(
    ask: Any, service: Any, server: Script, folder: Path
) -> None:
    """They stop the run too, with the error."""
    batch = ask(["how many?", "who?"])
    for path in batch.parts().values():
        path.unlink()
    service.token = Script.answer(403, {})
    with (
        Client("canary-client-id", client_secret="old", base_url=server.address, dw_id=13) as client,
        pytest.raises(cf.AuthError) as caught,
    ):
        cf.ask_batch(["how many?", "who?"], folder, client=client, max_workers=1)
    assert "0 questions of the batch" in caught.value.__notes__[0]
    assert service.asked == {"how many?": 1, "who?": 1}


def test_a_full_disk(ask: Any, service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stops the run with an error that names the part; the next call fetches the answer."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(parquet_file, "write_table", fail)
        with pytest.raises(cf.WriteFailed, match=r"000001\.parquet \(No space left on device\)") as caught:
            ask([f"q{number}" for number in range(20)], max_workers=1)
    assert caught.value.question_id == service.question_id("q0")
    assert "1 question of the batch" in caught.value.__notes__[0]
    assert service.asked == {"q0": 1}
    batch = ask([f"q{number}" for number in range(20)])

    assert batch.summary().answered == len(list(batch.folder.joinpath("parts").iterdir())) == 20
    assert service.asked.total() == 20


@pytest.mark.parametrize(("answered", "asked"), [(0, 10), (1, 16)])
def test_a_server_after_which_questions_are_uncertain(
    ask: Any, service: Any, answered: int, asked: int
) -> None:
    """Ten without an answer in between stop the run, so that not all of them have to be looked up."""
    questions = [f"q{number}" for number in range(30)]
    service.replies = dict.fromkeys(questions, Script.answer(502, {}))
    if answered:
        del service.replies["q5"]
    with pytest.raises(cf.SubmissionUncertain):
        ask(questions, max_workers=1)

    assert service.asked == dict.fromkeys(questions[:asked], 1)
    assert cf.open_batch(ask([]).folder).summary() == BatchSummary(
        30, answered=answered, uncertain=asked - answered, unasked=30 - asked
    )


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals to send there")
def test_an_interrupt(ask: Any, service: Any, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No more are asked; a note and standard error say how many were, and the next call goes on.

    The questions that it stops have no error.
    """
    service.answers |= {f"q{number}": PENDING for number in range(9)}
    finger = press_ctrl_c(lambda: service.fetched.total() >= 2)
    with pytest.raises(KeyboardInterrupt) as caught:
        ask([f"q{number}" for number in range(9)], max_workers=2)
    finger.join()
    (note,) = caught.value.__notes__
    assert note.startswith("2 questions of the batch in ")
    assert "Call again with the same questions to continue" in note
    assert note in capsys.readouterr().err
    assert cf.open_batch(folder).errors().empty
    service.answers.clear()

    assert ask([f"q{number}" for number in range(9)]).summary().answered == 9
    assert service.asked.total() == 9


@pytest.mark.slow
def test_callers_at_the_same_time(service: Any, server: Script, folder: Path) -> None:
    """With clients of their own they share the questions, and none is asked twice."""
    questions = [f"q{number}" for number in range(40)]

    def call() -> None:
        with Client("id", client_secret="secret", base_url=server.address, dw_id=13) as client:
            cf.ask_batch(questions, folder, client=client, progress=False, max_workers=4)

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert service.asked == dict.fromkeys(questions, 1)
    assert cf.open_batch(folder).summary() == BatchSummary(total=40, answered=40)


@pytest.mark.parametrize("retried", [False, True])
def test_a_killed_sender(
    ask: Any, service: Any, claim: Any, monkeypatch: pytest.MonkeyPatch, *, retried: bool
) -> None:
    """A call waits at its end until its lease is over; the question is asked again only when told."""
    monkeypatch.setattr(leases, "SECONDS", 0.3)
    monkeypatch.setattr(run, "_LOOK", 0.02)
    ask(["why?"], max_questions=0)
    began = time.monotonic()
    claim("why?").close()
    batch = ask(["why?", "how many?"], retry_uncertain=retried)

    assert time.monotonic() - began > 0.29
    assert service.asked == {"how many?": 1, **({"why?": 1} if retried else {})}
    expected = BatchSummary(2, answered=2) if retried else BatchSummary(2, answered=1, uncertain=1)
    assert batch.summary() == expected
    assert batch.errors()["state"].tolist() == ([] if retried else ["UNCERTAIN"])
    assert batch.retry(uncertain=True).summary() == BatchSummary(2, answered=2)
    assert service.asked == {"how many?": 1, "why?": 1}


@pytest.mark.parametrize("meanwhile", [False, True])
def test_a_sender_that_is_killed_while_others_are_asked(
    ask: Any, service: Any, claim: Any, monkeypatch: pytest.MonkeyPatch, *, meanwhile: bool
) -> None:
    """Its question is asked again too, whether the call began before it or after."""
    ask(["how many?", "why?", "who?"], max_questions=0)
    claimed: list[History] = []

    def take(_connection: object = None) -> bool:
        claimed.append(claim("why?", 2))
        return True

    def end_lease(_connection: object) -> bool:
        monkeypatch.setattr(leases, "SECONDS", 0.0)
        return True

    def reply(question: str, first: Step) -> Step:
        then = Script.answer(202, {"question_id": service.question_id(question)})
        return lambda connection: first(connection) and then(connection)

    if meanwhile:
        service.replies["how many?"] = reply("how many?", take)
    else:
        take()
    service.replies["who?"] = reply("who?", end_lease)
    batch = ask(["how many?", "why?", "who?"], retry_uncertain=True, max_workers=1)

    assert len(claimed) == 1
    assert batch.summary() == BatchSummary(3, answered=3)
    assert service.asked == {"how many?": 1, "why?": 1, "who?": 1}


@pytest.mark.parametrize(
    ("outcome", "error", "state", "counted"),
    [
        (None, None, None, "unasked"),
        (None, None, "ASKED", "pending"),
        (None, None, "COMPLETED", "pending"),  # until its part is written
        (None, "TypeError", "COMPLETED", "unusable"),
        (None, None, "FAILED", "failed"),
        (None, None, "UNCERTAIN", "uncertain"),
        (None, None, "REJECTED", "rejected"),
        ("PART", None, "COMPLETED", "answered"),
        ("NO TABLE", None, "COMPLETED", "answered"),
    ],
)
def test_how_a_question_is_counted(
    outcome: str | None, error: str | None, state: str | None, counted: str
) -> None:
    """By its outcome and the state in the history."""
    assert _condition(Entry(1, "k", None, "how many?", outcome, error, 1, state, None, None)) == counted


@pytest.mark.slow
def test_a_living_sender(ask: Any, service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call waits for it no longer than a lease, and leaves the question to it."""
    monkeypatch.setattr(leases, "SECONDS", 0.5)
    monkeypatch.setattr(leases, "PAUSE", 0.05)
    monkeypatch.setattr(leases, "renewals", leases.Renewals())
    accepted = threading.Event()
    service.replies["why?"] = Script.held(
        accepted, Script.answer(202, {"question_id": service.question_id("why?")})
    )
    other = threading.Thread(target=ask, args=(["why?"],))
    other.start()
    while not service.asked:
        time.sleep(0.01)
    batch = ask(["why?"])
    assert batch.summary() == BatchSummary(1, pending=1)
    accepted.set()
    other.join()

    assert service.asked == {"why?": 1}
    assert batch.summary() == BatchSummary(1, answered=1)


def test_a_sender_that_is_not_heard_from_any_more(
    ask: Any, folder: Path, claim: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its question counts as uncertain, whoever looks."""
    ask(["why?"], max_questions=0)
    claim("why?")
    assert cf.open_batch(folder).summary() == BatchSummary(1, pending=1)
    monkeypatch.setattr(leases, "SECONDS", 0.0)
    assert cf.open_batch(folder).summary() == BatchSummary(1, uncertain=1)


def test_another_caller_begins_it_while_the_folder_is_listed(
    ask: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it writes meanwhile, where no lock prevents that, makes it not the folder of something else."""
    listed, asked = Path.iterdir, []

    def refuse(_file: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    def slowly(path: Path) -> Any:
        if path == folder and not asked:
            asked.append(1)
            ask(["how many?"])
        return listed(path)

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(Path, "iterdir", slowly)

    assert ask(["how many?"]).summary() == BatchSummary(total=1, answered=1)
    assert asked == [1]


def test_another_caller_begins_it_with_other_options(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits, and is refused: the folder has the answers of one caller's options alone."""
    create, refused = Index.create, []

    def ask_otherwise() -> None:
        with pytest.raises(cf.ConfigError, match="has a batch with max_rows=1000, but now it is 7") as caught:
            ask(["how much?"], max_rows=7)
        refused.append(caught.value)

    other = threading.Thread(target=ask_otherwise)

    def slowly(index: Index) -> bool:
        found = create(index)
        if other.ident is None:
            other.start()
            other.join(0.2)
        return found

    monkeypatch.setattr(Index, "create", slowly)
    batch = ask(["how many?"])
    other.join()

    assert len(refused) == 1
    assert batch.summary() == BatchSummary(total=1, answered=1)


def test_another_machine_begins_it_meanwhile(
    ask: Any, client: Client, service: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its options stay, although a folder is locked on one machine alone."""
    cf.ask_batch([], tmp_path / "other", client=client, progress=False, max_rows=7)
    create = Index.create

    def slowly(index: Index) -> bool:
        found = create(index)
        (folder / "batch.json").write_bytes((tmp_path / "other" / "batch.json").read_bytes())
        return found

    monkeypatch.setattr(Index, "create", slowly)
    with pytest.raises(cf.ConfigError, match="max_rows=7, but now it is 1000"):
        ask(["how many?"])
    assert service.asked == {}


# Folders


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"max_rows": None},
            r"max_rows=1000, but now it is None\. Name a new folder, or ask as before; or fetch all",
        ),
        ({"tz": "Asia/Tokyo"}, "tz='UTC', but now it is 'Asia/Tokyo'"),
        ({"decimals": "exact"}, "decimals='auto', but now it is 'exact'"),
        ({"infer_temporal": False}, "infer_temporal=True, but now it is False"),
        ({"schema": {"n": "int64"}}, "schema=None, but now it is {"),
        ({"dw_id": 14}, r"dw_id=13, but now it is 14\. Name a new folder, or ask as before\.$"),
    ],
)
def test_another_batch_is_refused(ask: Any, service: Any, options: dict[str, Any], message: str) -> None:
    """Options that change parts, and another workspace; nothing is sent."""
    ask(["how many?"])
    with pytest.raises(cf.ConfigError, match=message) as caught:
        ask(["how much?"], **options)
    assert caught.value.setting == "folder"

    assert service.asked == {"how many?": 1}


def test_another_client(ask: Any, service: Any, server: Script) -> None:
    """It is refused unless told; then it continues, and is the batch's client from then on."""
    ask(["how many?"])
    with Client("other", client_secret="secret", base_url=server.address, dw_id=13) as other:
        message = r"has a batch with client=.* continue with .* by client_changed=True \(--client-changed\)\."
        for _ in range(2):
            with pytest.raises(cf.ConfigError, match=message):
                ask(["how many?", "who?"], client=other)
        with pytest.raises(cf.ConfigError, match="max_rows=1000, but now it is 1"):
            ask(["how many?"], client=other, client_changed=True, max_rows=1)
        for changed in (True, False):
            batch = ask(["how many?", "who?"], client=other, client_changed=changed)
        assert batch.refetch().summary().answered == 2
    with pytest.raises(cf.ConfigError, match=message):
        ask(["how many?"])
    assert service.asked == {"how many?": 1, "who?": 1}


def test_another_address_is_refused(ask: Any, folder: Path) -> None:
    """Its questions are others, and its ids name nothing here."""
    ask(["how many?"])
    with (
        serve() as other,
        Client("canary-client-id", client_secret="s", base_url=other.address, dw_id=13) as client,
        pytest.raises(
            cf.ConfigError, match=r"has a batch with base_url=.*ask as before if that sandbox is still"
        ),
    ):
        cf.ask_batch(["how much?"], folder, client=client)


def test_options_that_do_not_change_parts(ask: Any, service: Any) -> None:
    """They may differ from call to call; so may the spelling of a schema."""
    ask(["how many?"], schema={"n": "int64"})
    ask(["how many?"], schema={"n": int}, strict=True, timeout=5, max_workers=1)

    assert service.asked == {"how many?": 1}


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("", r"is not a batch folder: it contains 'thesis\.txt'"),
        ("thesis.txt", "there is a file of that name"),
        ("thesis.txt/inner", r"thesis\.txt/inner cannot be used \(.+\)\. Nothing was sent\."),
    ],
)
def test_a_place_of_something_else(
    service: Any, client: Client, folder: Path, place: str, message: str
) -> None:
    """It is refused with the reason, and unchanged; nothing is sent."""
    folder.mkdir()
    (folder / "thesis.txt").touch()
    with pytest.raises(cf.ConfigError, match=message) as caught:
        cf.ask_batch(["how many?"], folder / place, client=client)
    assert caught.value.setting == "folder"

    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]
    assert not service.asked


def test_a_folder_whose_beginning_was_killed(ask: Any, folder: Path) -> None:
    """The index and the folder of parts without a manifest are a batch that was not begun."""
    ask([])
    (folder / "batch.json").unlink()

    assert ask(["how many?"]).summary().answered == 1


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("batch.json", None, r"has the index or the parts of a batch, but no batch\.json"),
        ("batch.json index.sqlite3", None, r"has the index or the parts of a batch, but no batch\.json"),
        ("batch.json", b'{"format": 2}', "another version"),
        *(
            ("batch.json", content, r"batch\.json is damaged")
            for content in (b"", b"{", b"[]", b"{}", b"\xff", b"[" * 100_000)
        ),
        ("index.sqlite3", None, r"index\.sqlite3, cannot be used: it is missing"),
        ("index.sqlite3", b"no database" * 1000, "cannot be used"),
    ],
)
def test_a_file_of_the_batch_that_is_missing_or_damaged(
    ask: Any, service: Any, folder: Path, file: str, content: bytes | None, message: str
) -> None:
    """Nothing is asked, now or by a further call, and none is made: what was asked would be unknown."""
    ask(["how many?"])
    store_at(folder / "index.sqlite3").close()
    for path in [path for name in file.split() for path in folder.glob(f"{name}*")]:
        path.unlink()
    if content is not None:
        (folder / file).write_bytes(content)
    for _ in range(2):
        with pytest.raises(cf.ConfigError, match=message) as caught:
            ask(["how many?"])
        assert caught.value.setting == "folder"

    assert service.asked == {"how many?": 1}
    assert (folder / file).exists() is (content is not None)


def test_a_deleted_part_is_fetched(ask: Any, service: Any) -> None:
    """It is not asked."""
    path = ask(["how many?"]).parts()[1]
    path.unlink()
    ask(["how many?"])

    assert path.exists()
    assert service.asked == {"how many?": 1}
    assert service.fetched == {"how many?": 2}


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        ([("a", "how much?")], "a different question named 'a'"),
        ([("A", "how many?")], "differs from 'A' only in case"),
    ],
)
def test_a_name_of_the_batch(ask: Any, service: Any, questions: Any, message: str) -> None:
    """It stays that of its question; nothing is sent."""
    ask([("a", "how many?")])
    with pytest.raises(cf.ConfigError, match=message) as caught:
        ask(["who?", *questions])
    assert caught.value.setting == "questions"

    assert service.asked == {"how many?": 1}


def test_no_secret_is_in_the_files(ask: Any, service: Any, folder: Path) -> None:
    """The index and the manifest are those of their owner, and mask what a question has of them."""
    service.replies["why canary-secret?"] = Script.answer(422, {"detail": "canary-secret canary-token-1"})
    batch = ask(["why canary-secret?"])

    assert batch.errors()["question"].tolist() == ["why ***?"]
    assert service.asked == {"why canary-secret?": 1}
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {"batch.json", "index.sqlite3"} <= {path.name for path in files}
    assert b"canary" not in b"".join(path.read_bytes() for path in files)
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


# Reading


def test_a_dataset(ask: Any) -> None:
    """All parts in the order of the questions, with their files."""
    dataset = ask([f"{'q' * number}" for number in range(1, 4)]).to_dataset()

    assert dataset.to_table().to_pydict() == {"n": [1, 2, 3]}
    found = dataset.to_table(columns=["__filename"])["__filename"].to_pylist()
    assert [Path(name).name for name in found] == ["000001.parquet", "000002.parquet", "000003.parquet"]


@_parts_differ
@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            [[["n"], ["because"]]],
            r"000001\.parquet has 'n' as int64, and 000002-why\.parquet string\. batch\.refetch\(",
        ),
        (
            [[["n"], [0.5]], [["n"], [2**53 + 1]]],
            r"000003\.parquet has 'n' as int64 beyond 2\*\*53, .*, and 000002-why\.parquet double\.",
        ),
        ([[["n"], [None]]], r"000002-why\.parquet "),
        ([[["m"], [1]]], r"has the columns 'n', and 000002-why\.parquet 'm'\."),
        ([[["a" * 120, "n" * 120], [1, 2]]], f"and .* '{'a' * 120}', '{'n' * 75}…"),
    ],
)
def test_parts_of_different_schemas(ask: Any, service: Any, tables: list[Any], message: str) -> None:
    """They are no dataset; the error names two, with 200 characters of each."""
    for question, table in zip(["why?", "how long?"], tables, strict=False):
        service.answers[question] = service.frame(*table)
    batch = ask(["how many?", ("why", "why?"), "how long?"], infer_temporal=False)

    with pytest.raises(cf.ConfigError, match=message) as caught:
        batch.to_dataset()
    assert caught.value.setting == "folder"


@_parts_differ
def test_whole_numbers_and_fractions(ask: Any, service: Any) -> None:
    """They are doubles, where that is exact; nulls are no obstacle, nor is what another column holds."""
    service.answers["one"] = service.frame(["n", "id"], [1, 2**60])
    service.answers["rates"] = service.frame(["n", "id"], [0.5, 2**60], [None, 1])
    service.answers["large"] = service.frame(["n", "id"], [2**53, 2], [-(2**53), 3])

    table = ask(["one", "rates", "large"]).to_dataset().to_table()
    assert table.schema.types == [pa.float64(), pa.int64()]
    assert table["n"].to_pylist() == [1.0, 0.5, None, 2.0**53, -(2.0**53)]
    assert table["id"].to_pylist() == [2**60, 2**60, 1, 2, 3]


def test_parts_that_differ_in_type(ask: Any, service: Any, folder: Path) -> None:
    """Each call ends with one warning about all of them, until they were fetched again; DuckDB rounds."""
    for question, row in ("a", [7000, 1, "2026-01-01"]), ("b", [39586806.86, 2, "open"]):
        service.answers[question] = service.frame(["n", "id", "day"], row)
    service.answers["c"] = service.answers["a"]
    message = (
        "Types differ between parts: 'n' is int64 in 000001.parquet and double in 000002-north.parquet; "
        "'day' is date32[day] in 000001.parquet and string in 000002-north.parquet. Programs that read them "
        "together may round values. batch.refetch(schema=...) gives all parts the same types, at no cost."
    )

    for _ in range(2):
        with pytest.warns(cf.ConnectyWarning) as caught:
            batch = ask(["a", ("north", "b"), "c"])
        assert [(str(each.message), each.category) for each in caught] == [(message, cf.TypeFidelityWarning)]
    total = f"SELECT sum(n) FROM read_parquet('{folder}/parts/*.parquet'"
    assert duckdb.sql(f"{total})").fetchall() == [(39600807,)]
    assert duckdb.sql(f"{total}, union_by_name=true)").fetchall() == [(39600806.86,)]
    batch.refetch(schema={"n": "float64", "day": "string"})
    assert duckdb.sql(f"{total})").fetchall() == [(39600806.86,)]


def test_many_columns_that_differ_in_type(ask: Any, service: Any) -> None:
    """Five are named; a damaged part is left to what reads it."""
    for question, value in ("a", 1), ("b", 0.5):
        service.answers[question] = service.frame([f"c{at}" for at in range(7)], [value] * 7)
    with pytest.warns(cf.TypeFidelityWarning, match=r"'c4' is [^;]*; and 2 more\. Programs"):
        batch = ask(["a", "b"])

    batch.parts()[1].write_bytes(b"PAR1")
    assert ask(["a", "b"]).summary().answered == 2


# Other options


def test_refetching(ask: Any, service: Any, folder: Path) -> None:
    """All parts have the other types, nothing is asked, and later calls go on with the new options."""
    batch = ask(["a", "bb"])
    before = json.loads((folder / "batch.json").read_text())

    assert batch.refetch(schema={"n": "float64"}) is batch
    assert batch.to_dataset().to_table().schema.types == [pa.float64()]
    assert pl.read_parquet(folder / "parts" / "*.parquet")["n"].to_list() == [1.0, 2.0]
    assert service.asked == {"a": 1, "bb": 1}
    after = json.loads((folder / "batch.json").read_text())
    assert {name for name in after if after[name] != before[name]} == {"schema"}
    with pytest.raises(cf.ConfigError, match=r"has a batch with schema=.*open_batch\(folder\)\.refetch"):
        ask(["a", "bb", "ccc"])
    assert ask(["a", "bb", "ccc"], schema={"n": "float64"}).summary() == BatchSummary(total=3, answered=3)
    assert batch.retry().summary().answered == 3
    assert service.asked == {"a": 1, "bb": 1, "ccc": 1}


def test_a_retry_after_refetching(ask: Any, service: Any) -> None:
    """Refetching is done once the answers are there; what is asked later has the new types too."""
    service.answers["bb"] = FAILED
    service.replies["ccc"] = Script.reset
    seen: list[BatchProgress] = []
    batch = ask(["a", "bb", "ccc"]).refetch(schema={"n": "float64"}, progress=seen.append)
    assert [(each.done, each.total) for each in seen] == [(1, 1)]
    service.answers.clear()
    service.replies.clear()

    assert batch.retry(uncertain=True).summary() == BatchSummary(total=3, answered=3)
    assert {parquet.read_schema(path).types[0] for path in batch.parts().values()} == {pa.float64()}


def test_refetching_an_opened_batch(ask: Any, client: Client, service: Any, folder: Path) -> None:
    """The questions need not be known; those that were not asked are not asked."""
    ask(["a", "bb"], max_questions=1)

    batch = cf.open_batch(folder).refetch(client=client, schema={"n": "string"}, progress=False)

    assert batch.summary() == BatchSummary(total=2, answered=1, unasked=1)
    assert batch.to_dataset().to_table().schema.types == [pa.string()]
    assert service.asked.total() == 1


@_parts_differ
def test_an_answer_that_is_gone(ask: Any, service: Any) -> None:
    """Its part stays, and is reported, also by later calls, which do not ask for it again."""
    batch = ask(["a", "bb"])
    service.missing.add("bb")

    batch.refetch(schema={"n": "float64"})

    assert batch.summary() == BatchSummary(total=2, answered=2)
    assert list(batch.parts()) == [1, 2]
    assert batch.errors()["question"].tolist() == ["bb"]
    assert batch.errors()["error"].str.startswith("NotFoundError: ").all()
    assert batch.to_dataset().to_table()["n"].to_pylist() == [1.0, 2.0]
    fetched = service.fetched["bb"]
    assert len(ask(["a", "bb"], schema={"n": "float64"}).errors()) == 1
    assert service.fetched["bb"] == fetched
    service.missing.clear()
    assert len(batch.refetch(schema={"n": "float64"}).errors()) == 0


@_parts_differ
def test_an_answer_that_does_not_fit(ask: Any, service: Any) -> None:
    """It is unusable, and the next options replace its part; nothing is asked."""
    service.answers["why?"] = service.table("because")
    batch = ask(["a", "why?"])

    batch.refetch(schema={"n": "int64"})
    assert batch.summary() == BatchSummary(total=2, answered=1, unusable=1)
    assert batch.refetch(schema={"n": "string"}).summary() == BatchSummary(total=2, answered=2)
    assert batch.to_dataset().to_table()["n"].to_pylist() == ["1", "because"]
    assert service.asked.total() == 2


def test_a_killed_refetch_goes_on(ask: Any, service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the next call, with the new options; no part is of unknown options."""
    batch = ask(["a", "bb", "ccc"])
    write, written = parquet_file.write_table, []

    def write_one(*args: Any) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(write(*args))

    with monkeypatch.context() as patch:
        patch.setattr(parquet_file, "write_table", write_one)
        with pytest.raises(KeyboardInterrupt):
            batch.refetch(schema={"n": "float64"}, max_workers=1)

    assert ask(["a", "bb", "ccc"], schema={"n": "float64"}).summary() == BatchSummary(total=3, answered=3)
    assert {cf.read_parquet(path)["n"].dtype.name for path in batch.parts().values()} == {"Float64"}
    assert service.asked.total() == 3


def test_refetching_by_another_account(ask: Any, server: Script, folder: Path) -> None:
    """It is refused before anything is changed, as are options of a single question."""
    batch = ask(["a"])
    before = (folder / "batch.json").read_bytes()

    with (
        cf.Client("other", client_secret="s", base_url=server.address, dw_id=13) as other,
        pytest.raises(cf.ConfigError, match=r"has a batch with client=.*\(--client-changed\)\.$"),
    ):
        batch.refetch(client=other, schema={"n": "float64"})
    with pytest.raises(TypeError, match="unexpected keyword argument 'question_id'"):
        batch.refetch(question_id="a")
    assert (folder / "batch.json").read_bytes() == before
    assert batch.summary().answered == 1


def test_a_damaged_part_in_a_dataset(ask: Any) -> None:
    """Its checksum does not fit, where the values could be read."""
    batch = ask(["how many?"])
    part = batch.parts()[1]
    content = part.read_bytes()
    assert content.index((9).to_bytes(8, "little")) < content.rindex(b"PAR1") // 2
    part.write_bytes(content.replace((9).to_bytes(8, "little"), (8).to_bytes(8, "little"), 1))

    with pytest.raises(OSError, match=r"(?i)crc checksum"):
        batch.to_dataset().to_table()


def test_a_missing_part_in_a_dataset(ask: Any) -> None:
    """It is named, and how to get it back."""
    batch = ask(["how many?"])
    batch.parts()[1].unlink()
    with pytest.raises(
        cf.ConfigError, match=r"000001\.parquet cannot be read .* ask_batch fetches it again"
    ) as caught:
        batch.to_dataset()
    assert caught.value.setting == "folder"


def test_no_batch_to_open(tmp_path: Path) -> None:
    """An error about its argument, and nothing is created."""
    file = tmp_path / "file"
    file.touch()
    places: list[Any] = [tmp_path, tmp_path / "missing", file, 5]
    for path in places:
        with pytest.raises(cf.ConfigError, match=r"has no batch|^folder: expected a path") as caught:
            cf.open_batch(path)
        assert caught.value.setting == "folder"
    assert list(tmp_path.iterdir()) == [file]


def test_open_batch(ask: Any, service: Any, folder: Path) -> None:
    """How a batch stands, and its answers; it cannot ask."""
    service.answers["why?"] = FAILED
    ask(["how many?", "why?"])
    batch = cf.open_batch(folder)

    assert batch.summary() == BatchSummary(total=2, answered=1, failed=1)
    assert batch.to_dataset().count_rows() == 1
    with pytest.raises(cf.ConfigError, match="retry_failed=True") as caught:
        batch.retry()
    assert caught.value.setting == "folder"
    wrong: dict[str, Any] = {"max_workers": 0, "max_questions": -1, "uncertain": 1}
    for name, value in wrong.items():
        with pytest.raises(cf.ConfigError, match=f"{name}={value}: expected"):
            batch.retry(**{name: value})
    with pytest.raises(cf.ConfigError, match="max_workers=0: expected"):
        batch.refetch(max_workers=0)
    with pytest.raises(TypeError, match="dw_id"):
        batch.refetch(dw_id=14)  # type: ignore[call-arg]


# Arguments


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"question_id": "729cb7a4-4b06-449e-a3c9-df40f5e570b8"}, TypeError, r"did you mean cf\.fetch"),
        ({"dtype_backend": "pyarrow"}, cf.ConfigError, "pass it to read_parquet"),
        ({"max_age": "6h"}, cf.ConfigError, "has its own index"),
        ({"max_questions": -1}, cf.ConfigError, "max_questions=-1: expected"),
        ({"max_questions": True}, cf.ConfigError, "max_questions=True: expected"),
        ({"max_workers": 0}, cf.ConfigError, "max_workers=0: expected"),
        ({"retry_failed": 1}, cf.ConfigError, "retry_failed=1: expected True or False"),
        ({"retry_uncertain": "no"}, cf.ConfigError, "retry_uncertain='no': expected True or False"),
        ({"max_rows": -1}, cf.ConfigError, "max_rows=-1: expected"),
        ({"schema": {"n": object}}, cf.ConfigError, "schema"),
        ({"client": 1}, cf.ConfigError, "expected a Client"),
        ({"max_row": 1}, TypeError, "did you mean 'max_rows'"),
    ],
)
def test_wrong_arguments(ask: Any, folder: Path, options: Any, error: type[Exception], message: str) -> None:
    """An error before anything is written."""
    with pytest.raises(error, match=message) as caught:
        ask(["how many?"], **options)

    assert not folder.exists()
    if error is cf.ConfigError:
        assert [caught.value.setting] == [*options]  # type: ignore[attr-defined]


def test_a_wrong_engine(ask: Any) -> None:
    """It names those that there are."""
    with pytest.raises(cf.ConfigError, match="engine='dask': expected 'pandas', 'polars' or 'pyarrow'"):
        ask([]).errors("dask")


def test_progress_by_a_callable(ask: Any, service: Any) -> None:
    """After each question, with counts; its text is that of the line."""
    seen: list[BatchProgress] = []
    service.answers["why?"] = FAILED
    ask(["how many?", "why?"], progress=seen.append)

    assert [(each.done, each.total) for each in seen] == [(1, 2), (2, 2)]
    assert (seen[-1].asked, seen[-1].answered) == (2, 1)
    assert 0 < seen[0].elapsed <= seen[1].elapsed < 60
    assert str(BatchProgress(50, 100, 40, 30, 4.0)) == "50 of 100, 30 answered, 12.5/s"
    assert BatchProgress(0, 1, 0, 0, 0.0).rate == 0.0


def test_progress_by_a_line(
    ask: Any, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a log, a line at the beginning and one at the end, if no pause is over in between."""
    monkeypatch.setattr(run, "_PAUSE", 1e9)
    ask(["how many?", "how much?", "who?"], progress=True, max_workers=1)

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("batch of 3 questions  1 of 3, 1 answered, ")
    assert lines[1].startswith("batch of 3 questions  3 of 3, 3 answered, ")
    assert lines[1].endswith(f" s  {folder}")


def test_warnings_point_at_the_caller(ask: Any, service: Any) -> None:
    """As those of a single question do."""
    service.answers["why?"] = service.frame(["n"], [1], n={"general": {"count": 9, "nulls_count": 0}})
    with pytest.warns(cf.TruncationWarning) as caught:
        ask(["why?"])

    assert [Path(warning.filename).parent.name for warning in caught] == ["batch"]


def test_the_line_is_updated_every_two_seconds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, then at most once in two seconds, and at the end; without questions there is none."""
    shown: list[Any] = []

    @contextmanager
    def line(title: str, place: str, *, wanted: object) -> Any:
        shown.append((title, place, wanted))
        yield lambda text, elapsed: shown.append((text.partition(" ")[0], elapsed))

    monkeypatch.setattr(run, "progress", line)
    with run._reporting(AskOptions(progress=None), 8, folder) as report:
        for done, elapsed in enumerate((0.0, 1.9, 2.0, 3.9, 4.5, 6.4, 6.5, 6.6), start=1):
            report(BatchProgress(done, 8, done, done, elapsed))

    assert shown == [
        ("batch of 8 questions", str(folder), None),
        ("1", 0.0),
        ("3", 2.0),
        ("5", 4.5),
        ("7", 6.5),
        ("8", 6.6),
    ]


def test_a_batch_that_is_done_shows_no_line(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does the look at what others are sending, at the end of each."""
    titles: list[str] = []
    show = run.progress

    def line(title: str, place: str, *, wanted: Any) -> Any:
        titles.append(title)
        return show(title, place, wanted=wanted)

    monkeypatch.setattr(run, "progress", line)
    ask(["how many?"])
    ask(["how many?"])

    assert [title for title in titles if title.startswith("batch")] == ["batch of 1 question"]


def test_the_errors_of_a_batch(ask: Any, service: Any) -> None:
    """Each column of those without an answer, in every library; the types do not depend on the rows."""
    service.answers["why?"] = FAILED
    service.replies["who?"] = Script.answer(422, {"detail": "No"})
    batch = ask([("a", "why?"), "who?", "how many?", "when?"], max_questions=2, max_workers=1)
    assert batch.summary().unasked == 1
    table = batch.errors("pyarrow")

    reasons = table["error"].to_pylist()
    assert [reason.partition(":")[0] for reason in reasons] == ["QuestionFailed", "APIError"]
    assert table.drop_columns(["error"]).to_pylist() == [
        {
            "number": 1,
            "name": "a",
            "question": "why?",
            "state": "FAILED",
            "question_id": service.question_id("why?"),
        },
        {"number": 2, "name": None, "question": "who?", "state": "REJECTED", "question_id": None},
    ]
    assert [str(type_) for type_ in table.schema.types] == ["int64", *["string"] * 5]
    assert ask([]).errors("pyarrow").schema == table.schema
    assert batch.errors().equals(batch.errors("pandas"))


def test_an_error_of_a_question_that_is_asked_again(
    ask: Any, service: Any, server: Script, folder: Path
) -> None:
    """It is forgotten before the question is sent."""
    service.replies["why?"] = Script.answer(422, {})
    assert len(ask(["why?"]).errors()) == 1
    del service.replies["why?"]
    seen: list[int] = []

    def handle(request: RecordedRequest) -> Step:
        if endpoint_of(request.target) == "ask":
            seen.append(len(cf.open_batch(folder).errors()))
        return service.handle(request)

    server.handler = handle
    ask(["why?"])

    assert seen == [0]


def test_what_is_in_the_folder(ask: Any, folder: Path) -> None:
    """The manifest as other versions read it, and whose the files are."""
    ask([], schema={"n": "int64"}, tz="Europe/Warsaw", max_rows=7, decimals="float", infer_temporal=False)
    text = (folder / "batch.json").read_text(encoding="utf-8")
    found = json.loads(text)

    assert text.startswith('{\n  "format": 1,\n  "') and text.endswith("\n}\n")  # noqa: PT018 - one text
    assert {name: found[name] for name in ("format", "dw_id", "max_rows", "tz", "decimals")} == {
        "format": 1,
        "dw_id": 13,
        "max_rows": 7,
        "tz": "Europe/Warsaw",
        "decimals": "float",
    }
    assert found["infer_temporal"] is False
    assert found["schema"] == {"types": {"n": "int64"}, "complete": False, "inferred": [], "optional": []}
    assert sorted(path.name for path in folder.iterdir()) == ["batch.json", "index.sqlite3", "parts"]


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_a_maximum_that_others_leave_room_for(ask: Any, service: Any, limit: int) -> None:
    """A question that was rejected does not count, one that is uncertain does; fetching never does."""
    service.replies["rejected"] = Script.answer(422, {})
    service.replies["uncertain"] = Script.answer(502, {})
    service.answers["fetched"] = INVALID
    ask(["fetched"])
    del service.answers["fetched"]
    ask(["rejected", "uncertain", "a", "b", "fetched"], max_questions=limit, max_workers=1)

    asked = ["fetched", *["rejected", "uncertain", "a"][: limit + 1 if limit else 0]]
    assert service.asked == dict.fromkeys(asked, 1)
    assert service.fetched["fetched"] > 1


def test_the_first_error_that_stops_a_run(ask: Any, service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised, with the note, whatever others in progress end with."""
    both = threading.Barrier(2)
    write = run.write_failed

    def fail(*_: object) -> None:
        both.wait(20)
        raise OSError(errno.ENOSPC, f"full {len(failures)}")

    failures: list[cf.WriteFailed] = []

    def failed(*arguments: Any) -> cf.WriteFailed:
        failures.append(write(*arguments))
        return failures[-1]

    monkeypatch.setattr(parquet_file, "write_table", fail)
    monkeypatch.setattr(run, "write_failed", failed)
    seen: list[BatchProgress] = []
    with pytest.raises(cf.WriteFailed) as caught:
        ask([f"q{number}" for number in range(9)], max_workers=2, progress=seen.append)

    assert len(caught.value.__notes__) == 1
    assert caught.value.__notes__[0].startswith("2 questions of the batch in ")
    assert " and 0 answers written in this run." in caught.value.__notes__[0]
    assert [each.done for each in seen] == [1, 2]
    assert service.asked.total() == 2


@pytest.mark.parametrize(("status", "stops"), [(404, True), (401, True), (422, False), (400, False)])
def test_which_refusals_stop_a_run(ask: Any, service: Any, status: int, *, stops: bool) -> None:
    """Those after which no other question can be asked either."""
    service.replies = {"why?": Script.answer(status, {})}
    with pytest.raises(cf.ConnectyError) if stops else nullcontext():
        ask(["why?", "how many?"], max_workers=1)
    assert service.asked["how many?"] == (not stops)


def test_a_question_of_the_batch_that_is_gone(ask: Any, service: Any) -> None:
    """A 404 for the answer of one is not about the workspace, so the others are asked."""
    service.answers["why?"] = INVALID
    ask(["why?"])
    service.missing = {"why?"}
    batch = ask(["why?", "how many?"], max_workers=1)

    assert service.asked == {"why?": 1, "how many?": 1}
    assert batch.errors()["error"][0].startswith("NotFoundError: ")


def test_an_interrupt_while_it_waits_for_others(
    ask: Any, claim: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the note too. Each look takes half a second, and questions of other lists are not waited for."""
    ask(["why?", "who?"], max_questions=0)
    claim("who?", 2)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    clock = SimpleNamespace(sleep=sleep, monotonic=time.monotonic)
    monkeypatch.setattr(run, "time", clock)
    assert ask(["why?"]).summary() == BatchSummary(2, answered=1, pending=1)
    assert slept == []
    with pytest.raises(KeyboardInterrupt) as caught:
        ask(["why?", "who?"])

    assert slept == [0.5, 0.5, 0.5]
    assert caught.value.__notes__[0].startswith("0 questions of the batch in ")


def test_how_long_others_are_waited_for(ask: Any, claim: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease and two looks: 61 seconds, after which the question is left to them."""
    ask(["who?"], max_questions=0)
    claim("who?")
    at = [0.0]

    def sleep(seconds: float) -> None:
        at[0] += seconds

    monkeypatch.setattr(run, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: at[0]))
    assert ask(["who?"]).summary() == BatchSummary(1, pending=1)
    assert at == [61.0]
