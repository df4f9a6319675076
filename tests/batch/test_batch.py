"""A batch asks each question once, whatever happens in between, and keeps every answer."""

import errno
import sys
import threading
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames.batch import Batch, BatchProgress, BatchSummary, run
from connecty_frames.batch.index import Index
from connecty_frames.client import Client
from connecty_frames.frames import parquet_file
from tests.servers.scripted import Script
from tests.servers.timing import press_ctrl_c, raising


def names(batch: Batch) -> list[str]:
    return [path.name for path in batch.parts().values()]


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


def test_a_list_may_be_extended_and_reordered(ask: Any, service: Any) -> None:
    """What is new is asked, and numbered on from what is there; nothing else is asked or fetched again."""
    ask([("a", "how many?"), "how much?"])
    batch = ask(["who?", "how much?", "how much?", ("a", "how many?")])
    assert service.asked == service.fetched == {"how many?": 1, "how much?": 2, "who?": 1}
    assert names(batch) == ["000001-a.parquet", "000002.parquet", "000003.parquet", "000004.parquet"]


def test_a_shorter_list(ask: Any, service: Any) -> None:
    """Questions that are not in the list are not asked, and are counted."""
    ask(["how many?", "how much?"], max_questions=0)
    batch = ask(["how much?"])
    assert service.asked == {"how much?": 1}
    assert batch.summary() == BatchSummary(total=2, answered=1, unasked=1)


def test_a_maximum(ask: Any, service: Any) -> None:
    """So many are asked in a call; answers are fetched beyond it."""
    service.answers["q0"] = service.INVALID
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


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_a_maximum_that_others_leave_room_for(ask: Any, service: Any, limit: int) -> None:
    """A question that was rejected does not count, one that is uncertain does; fetching never does."""
    service.replies["rejected"] = Script.answer(422, {})
    service.replies["uncertain"] = Script.answer(502, {})
    service.answers["fetched"] = service.INVALID
    ask(["fetched"])
    del service.answers["fetched"]
    ask(["rejected", "a", "uncertain", "b", "fetched"], max_questions=limit, max_workers=1)
    asked = ["fetched", *["rejected", "a", "uncertain"][: limit + 1 if limit else 0]]
    assert service.asked == dict.fromkeys(asked, 1)
    assert service.fetched["fetched"] > 1


def test_a_failed_question(ask: Any, service: Any) -> None:
    """It is listed with its reason, left by further calls, and asked again when told."""
    service.answers["why?"] = service.FAILED
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
        index.failed(index.entries()[0].key, "not read: \ud800")
        assert [entry.error for entry in index.entries()] == ["not read: \\ud800"]


@pytest.mark.filterwarnings("ignore::connecty_frames.errors.ProtocolWarning")
def test_a_cancelled_question_is_fetched_once_more(ask: Any, service: Any) -> None:
    """It failed by a word that is not in the API document: the next run fetches it again, the third not."""
    service.answers["why?"] = {"state": "CANCELLED", "reason": "stopped by user"}
    batch = ask(["why?"])
    assert batch.summary() == BatchSummary(total=1, failed=1)
    assert "stopped by user" in batch.errors()["error"][0]
    fetched = [service.fetched["why?"]]
    for _ in range(2):
        ask(["why?"])
        fetched.append(service.fetched["why?"])
    assert fetched == [1, 2, 2]
    assert service.asked == {"why?": 1}


def test_an_uncertain_question(ask: Any, service: Any) -> None:
    """It is never sent again unless told, by a method or for the questions of a list alone."""
    service.replies |= {"why?": Script.reset, "who?": Script.reset}
    questions = ["how many?", "why?", "who?"]
    ask(questions, max_workers=1)
    batch = ask(questions, retry_failed=True)
    batch.retry()

    assert service.asked == {"how many?": 1, "why?": 1, "who?": 1}
    assert batch.summary() == BatchSummary(total=3, answered=1, uncertain=2)
    assert batch.errors()["state"].tolist() == ["UNCERTAIN"] * 2
    service.replies.clear()
    assert ask(["who?"], retry_uncertain=True).summary() == BatchSummary(total=3, answered=2, uncertain=1)
    assert batch.retry(uncertain=True).summary() == BatchSummary(total=3, answered=3)
    assert service.asked == {"how many?": 1, "why?": 2, "who?": 2}


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
    service.answers["why?"] = service.INVALID
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
    service.answers["a"] = service.INVALID
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
    monkeypatch.setattr(parquet_file, "write_table", mock.Mock(side_effect=pa.ArrowInvalid("x" * 250)))
    (error,) = ask(["why?"]).errors()["error"]
    assert f" as Parquet: {'x' * 200}…" in error


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
    full = OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as patch:
        patch.setattr(parquet_file, "write_table", mock.Mock(side_effect=full))
        with pytest.raises(cf.WriteFailed, match=r"000001\.parquet \(No space left on device\)") as caught:
            ask([f"q{number}" for number in range(20)], max_workers=1)
    assert caught.value.question_id == service.question_id("q0")
    assert "1 question of the batch" in caught.value.__notes__[0]
    assert service.asked == {"q0": 1}
    batch = ask([f"q{number}" for number in range(20)])

    assert batch.summary().answered == len(list(batch.folder.joinpath("parts").iterdir())) == 20
    assert service.asked.total() == 20


@pytest.mark.parametrize(("answered", "asked"), [([0], 11), ([0, 5], 16)])
def test_a_server_after_which_questions_are_uncertain(
    ask: Any, service: Any, answered: list[int], asked: int
) -> None:
    """Ten without an answer in between stop the run, so that not all of them have to be looked up."""
    questions = [f"q{number}" for number in range(30)]
    others = (question for number, question in enumerate(questions) if number not in answered)
    service.replies = dict.fromkeys(others, Script.answer(502, {}))
    with pytest.raises(cf.SubmissionUncertain):
        ask(questions, max_workers=1)
    assert service.asked == dict.fromkeys(questions[:asked], 1)
    assert cf.open_batch(ask([]).folder).summary() == BatchSummary(
        30, answered=len(answered), uncertain=asked - len(answered), unasked=30 - asked
    )


NO_ID = Script.answer(200, {"message": "Workspace is warming up, nothing was started"})


def test_one_question_finds_out_that_there_are_no_ids(ask: Any, service: Any) -> None:
    """The first is asked alone, whatever the workers; the others are not, and the reply is in the index."""
    questions = [f"q{number}" for number in range(25)]
    service.replies = dict.fromkeys(questions, NO_ID)
    with pytest.raises(cf.SubmissionUncertain) as caught:
        ask(questions, max_workers=8)
    batch = cf.open_batch(ask([]).folder)
    assert service.asked.total() == 1
    assert batch.summary() == BatchSummary(25, uncertain=1, unasked=24)
    assert "Workspace is warming up" in batch.errors()["error"][0]
    assert caught.value.__notes__[0].endswith("Call again with the same questions to continue.")


def test_after_a_refusal_the_next_question_is_alone(ask: Any, service: Any) -> None:
    """A definite refusal says nothing about ids."""
    questions = [f"q{number}" for number in range(25)]
    service.replies = dict.fromkeys(questions, NO_ID)
    service.replies["q0"] = service.replies["q1"] = Script.answer(422, {"detail": "too vague"})
    with pytest.raises(cf.SubmissionUncertain):
        ask(questions, max_workers=1)
    assert service.asked == {"q0": 1, "q1": 1, "q2": 1}


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals to send there")
@pytest.mark.parametrize("ends", [KeyboardInterrupt, TimeoutError])
def test_an_interrupt(ask: Any, service: Any, folder: Path, capsys: Any, ends: Any) -> None:
    """No more are asked; a note and standard error say how many were, and the next call goes on.

    The questions that it stops have no error.
    """
    service.answers |= {f"q{number}": service.PENDING for number in range(9)}
    finger = press_ctrl_c(lambda: service.fetched.total() >= 2)
    with raising(ends), pytest.raises(ends) as caught:
        ask([f"q{number}" for number in range(9)], max_workers=2)
    finger.join()
    (note,) = caught.value.__notes__
    assert note.startswith("2 questions of the batch in ")
    assert "Call again with the same questions to continue" in note
    assert (note in capsys.readouterr().err) is (ends is KeyboardInterrupt)
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
    service.answers["why?"] = service.INVALID
    ask(["why?"])
    service.missing = {"why?"}
    batch = ask(["why?", "how many?"], max_workers=1)
    assert service.asked == {"why?": 1, "how many?": 1}
    assert batch.errors()["error"][0].startswith("NotFoundError: ")
