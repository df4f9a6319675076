"""Kept answers: which are returned, and how many there may be."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connecty_frames.batch.erasing import forget_records
from connecty_frames.errors import HistoryWarning
from connecty_frames.options import Asked
from connecty_frames.store.answers import KeptAnswers, _checksum, answers_beside
from connecty_frames.store.database import SQLiteFile
from connecty_frames.store.table import store_at
from tests.store import stores

ADDRESS = "https://api.test"
ONE, OTHER = (b'{"n": 1}', 1000), (b'{"n": 2}', 1000)


@pytest.fixture
def history(tmp_path: Path) -> SQLiteFile:
    return store_at(tmp_path / "history.sqlite3")


@pytest.fixture
def kept(history: SQLiteFile) -> KeptAnswers:
    kept = answers_beside(history)
    kept.keep("one", ADDRESS, *ONE, max_bytes=1000)
    kept.keep("other", ADDRESS, *OTHER, max_bytes=1000)
    return kept


def test_a_kept_answer(kept: KeptAnswers) -> None:
    """It is that of its question at its address."""
    found = kept.find("one", ADDRESS)
    assert found is not None
    assert found == ONE
    assert type(found[0]) is bytes
    assert kept.find("other", ADDRESS) == OTHER
    assert kept.find("one", "https://elsewhere.test") is None


def test_old_answers(kept: KeptAnswers, tmp_path: Path) -> None:
    """They are removed and overwritten; the others stay. Without a file, none is created."""
    kept.execute("UPDATE answers SET kept_at = kept_at - 3600 WHERE question_id = 'one'")
    kept.expire(timedelta(hours=2))
    assert kept.find("one", ADDRESS) == ONE
    kept.expire(timedelta(hours=1))
    assert (kept.find("one", ADDRESS), kept.find("other", ADDRESS)) == (None, OTHER)
    elsewhere = answers_beside(store_at(tmp_path / "elsewhere" / "history.sqlite3"))
    elsewhere.expire(timedelta(hours=1))
    assert not elsewhere.path.parent.exists()


def test_more_rows_replace_fewer(kept: KeptAnswers) -> None:
    """Fewer rows do not replace more."""
    kept.keep("one", ADDRESS, b"more", 2000, max_bytes=1000)
    kept.keep("one", ADDRESS, b"fewer", 10, max_bytes=1000)
    assert kept.find("one", ADDRESS) == (b"more", 2000)


def test_the_answer_of_another_question(history: SQLiteFile, kept: KeptAnswers) -> None:
    """A damaged file may lead to it, but its checksum is of its own question."""
    database = answers_beside(history)
    database.execute("UPDATE answers SET question_id = 'x' WHERE question_id = 'one'")
    database.execute("UPDATE answers SET question_id = 'one' WHERE question_id = 'other'")
    with pytest.warns(HistoryWarning, match="have a damaged answer, to question one"):
        assert kept.find("one", ADDRESS) is None
    assert kept.find("one", ADDRESS) is None
    assert database.execute("SELECT question_id FROM answers").rows == [("x",)]


@pytest.mark.parametrize("value", ["'text'", "1", "1.5"])
def test_a_body_of_another_type(history: SQLiteFile, kept: KeptAnswers, value: str) -> None:
    """It is damaged, as one with other bytes."""
    answers_beside(history).execute(f"UPDATE answers SET body = {value}")
    with pytest.warns(HistoryWarning, match="have a damaged answer"):
        assert kept.find("one", ADDRESS) is None


def test_a_damaged_answer_that_cannot_be_removed(
    history: SQLiteFile, kept: KeptAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is raised; another process has locked the file."""
    monkeypatch.setattr("connecty_frames.store.database._TIMEOUT", 0.05)
    answers_beside(history).execute("UPDATE answers SET body = x'00'")
    with (
        stores.locked(answers_beside(history).path),
        pytest.warns(HistoryWarning, match="have a damaged answer"),
    ):
        assert kept.find("one", ADDRESS) is None


def test_keeping_one_reads_no_other(history: SQLiteFile, kept: KeptAnswers) -> None:
    """SQLite executes as many instructions for it with 300 answers as with few."""
    instructions: list[int] = []

    def keep(question_id: str) -> int:
        assert database._connection is not None
        instructions.clear()
        database._connection.set_progress_handler(lambda: instructions.append(1), 1)
        kept.keep(question_id, ADDRESS, *ONE, max_bytes=1_000_000)
        database._connection.set_progress_handler(None, 1)
        return len(instructions)

    with answers_beside(history) as database:
        database.open()
        few = keep("third")
        for number in range(300):
            kept.keep(str(number), ADDRESS, *OTHER, max_bytes=1_000_000)
        assert 0 < keep("last") < 2 * few


def test_an_answer_that_is_forgotten(kept: KeptAnswers, tmp_path: Path) -> None:
    """No file has it any more, while the store is open."""
    with kept:
        kept.keep("secret", ADDRESS, b'{"canary": 5}', 10, max_bytes=1000)
        assert any(b"canary" in each.read_bytes() for each in tmp_path.iterdir())
        kept.forget("secret")
        assert not any(b"canary" in each.read_bytes() for each in tmp_path.iterdir())


def test_an_answer_without_a_row(history: SQLiteFile, kept: KeptAnswers) -> None:
    """It can be erased by its id, also if its history was damaged and a new one begun."""
    history.open()
    assert forget_records(history, question_id="one") == 0
    assert kept.find("one", ADDRESS) is None
    assert kept.find("other", ADDRESS) == OTHER


@pytest.mark.parametrize("slower", ["the one that keeps it", "the one that erases it"])
def test_an_answer_that_is_kept_while_it_is_erased(
    history: SQLiteFile, kept: KeptAnswers, monkeypatch: pytest.MonkeyPatch, slower: str
) -> None:
    """Nothing is left of it, whichever of both callers is stopped by the other."""
    now = datetime.now(UTC)
    caller = stores.history(history, base_url=ADDRESS, kept_bytes=1000)
    row = caller.sent(Asked("how many?", 13), asked_at=now)
    assert row is not None
    caller.accepted(row, "one", asked_at=now, now=now)
    keep, execute, met = kept.keep, SQLiteFile.execute, list[str]()

    def keep_late(*arguments: Any, **options: Any) -> None:
        if not met:
            met.append("keep")
            forget_records(history, question_id="one")
        keep(*arguments, **options)

    def erase_late(database: SQLiteFile, statement: str, *arguments: Any, **options: Any) -> Any:
        if statement.startswith("DELETE FROM questions") and not met:
            met.append("erase")
            caller.keep("one", ONE[0], 5000)
        return execute(database, statement, *arguments, **options)

    if slower == "the one that keeps it":
        monkeypatch.setattr(kept, "keep", keep_late)
        caller.keep("one", ONE[0], 5000)
    else:
        monkeypatch.setattr(SQLiteFile, "execute", erase_late)
        forget_records(history, question_id="one")

    assert len(met) == 1
    assert kept.find("one", ADDRESS) is None
    assert kept.find("other", ADDRESS) == OTHER


def test_a_small_limit(history: SQLiteFile) -> None:
    """An answer as long as the limit replaces the others; a longer one is not kept, and replaces none."""
    kept, long = answers_beside(history), bytes(range(100))
    max_bytes = len(pa.compress(long, codec="zstd"))
    for name, body in (("one", ONE[0]), ("long", long), ("longer", bytes(range(101)))):
        kept.keep(name, ADDRESS, body, 10, max_bytes=max_bytes)
    assert [kept.find(each, ADDRESS) for each in ("one", "long", "longer")] == [None, (long, 10), None]


def test_looking_for_an_answer_creates_no_file(history: SQLiteFile, tmp_path: Path) -> None:
    """Nor does erasing one."""
    kept = answers_beside(history)
    kept.forget("one")
    assert kept.find("one", ADDRESS) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("first", ["keep", "find"])
def test_a_file_that_cannot_be_used(history: SQLiteFile, first: str) -> None:
    """It stops nothing: one warning says why no answer is kept or found."""
    kept = answers_beside(history)
    kept.path.mkdir()
    keep = partial(kept.keep, "one", ADDRESS, *ONE, max_bytes=100)
    with pytest.warns(HistoryWarning, match=r"The kept answers in .* cannot be used \(it is not a regular"):
        assert (keep() if first == "keep" else kept.find("one", ADDRESS)) is None
    keep()
    kept.forget("one")
    assert kept.find("one", ADDRESS) is None


def test_what_other_versions_rely_on(kept: KeptAnswers) -> None:
    """The kind of file, its version, the columns, and the checksum of an answer."""
    statements = ("PRAGMA application_id", "SELECT version FROM version")
    kinds = [kept.execute(statement).rows for statement in statements]
    rows = kept.execute("SELECT * FROM answers WHERE question_id = 'one'").rows
    assert kinds == [[(0x636E7461,)], [(1,)]]
    assert [row[:5] for row in rows] == [(0, "one", ADDRESS, 1000, 8)]
    assert _checksum(b"body", "one", ADDRESS, 1000, 8).hex() == (
        "ed477b8a20c36626f098227d9eb97ead02d7c7b8497860b6a536524a4ece5ad5"
    )
