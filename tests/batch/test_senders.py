"""Several callers of a batch: what another one is asking is waited for, and its claim may be lost."""

import errno
import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

import connecty_frames as cf
from connecty_frames.batch import BatchSummary, _condition, run
from connecty_frames.batch.index import Entry, Index
from connecty_frames.client import Client
from connecty_frames.options import Asked
from connecty_frames.store import leases
from connecty_frames.store.history import History
from connecty_frames.store.table import store_at
from tests.servers.scripted import Script, Step
from tests.servers.timing import until


@pytest.fixture
def claim(folder: Path, client: Client) -> Iterator[Callable[..., History]]:
    """Return a function that claims a question for another sender while its history is open."""
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
    assert _condition(Entry(1, "k", None, "how many?", outcome, error, 1, state, *[None] * 5)) == counted


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
    until(lambda: service.asked)
    batch = ask(["why?"])
    assert batch.summary() == BatchSummary(1, pending=1)
    accepted.set()
    other.join()

    assert service.asked == {"why?": 1}
    assert batch.summary() == BatchSummary(1, answered=1)


def test_a_sender_that_is_not_heard_from_any_more(
    ask: Any, folder: Path, claim: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every reader of the folder counts its question as uncertain."""
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

    def slowly(path: Path) -> Any:
        if path == folder and not asked:
            asked.append(1)
            ask(["how many?"])
        return listed(path)

    monkeypatch.setattr(fcntl, "flock", mock.Mock(side_effect=OSError(errno.ENOLCK, "No locks available")))
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
    """For a lease and two pauses, 61 seconds; then the question stays pending."""
    ask(["who?"], max_questions=0)
    claim("who?")
    at = [0.0]

    def sleep(seconds: float) -> None:
        at[0] += seconds

    monkeypatch.setattr(run, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: at[0]))
    assert ask(["who?"]).summary() == BatchSummary(1, pending=1)
    assert at == [61.0]
