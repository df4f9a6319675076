"""Erasing: the text stands nowhere after that, and the number is what was erased."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import connecty_frames as cf
from connecty_frames.batch import BatchSummary
from connecty_frames.records import forget_in, records_table
from connecty_frames.settings.sources import resolve
from connecty_frames.store.database import close_databases
from tests.servers.scripted import QUESTION_ID
from tests.store.stores import client

if TYPE_CHECKING:
    from tests.servers.scripted import Script

ANSWER = {
    "state": "COMPLETED",
    "results": {
        "dataframe": [["bird"], ["canary"]],
        "response_summary": "a canary",
        "sql_query": "SELECT 'canary'",
    },
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of all files of the user."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def found(place: str, home: Path) -> list[str]:
    """Return the files and tables that have the word."""
    close_databases()
    files = [str(path.relative_to(home)) for path in home.rglob("*")
             if path.is_file() and b"canary" in path.read_bytes()]  # fmt: skip
    if not place.startswith("postgresql:"):
        return sorted(files)
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(place) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'connecty' "
            "AND table_type = 'BASE TABLE'"
        ).fetchall()
        return sorted(files) + [
            name
            for (name,) in sorted(tables)
            if connection.execute(
                f"SELECT 1 FROM connecty.{name} AS t WHERE t::text LIKE '%canary%' LIMIT 1"
            ).fetchall()
        ]


@pytest.mark.parametrize("by", ["id", "number", "age"])
def test_a_question(server: Script, place: str, home: Path, by: str) -> None:
    """Its row, its kept answer and the files beside them have its text no more; others stay."""
    with client(server, place, ANSWER, keep_answers=True) as asking:
        asking.ask("where is the canary?", tags={"bird": "canary"})
        assert found(place, home)
        what = {"id": (QUESTION_ID, None), "number": (1, None), "age": (None, "2099-01-01")}[by]
        erased = forget_in(resolve(history=place), *what)
        assert (erased, erased.files) == (1, ())
    assert found(place, home) == []
    assert forget_in(resolve(history=place), *what) == 0


def test_a_question_of_a_batch(server: Script, url: str, home: Path) -> None:
    """Its text is in no table; its part is named. The batch asks it neither again nor for other options."""
    folder = home / "batch"
    with client(server, url, ANSWER) as asking:
        batch = cf.ask_batch({"a": "the canary?"}, folder, client=asking, progress=False)
        assert found(url, home) == ["batch/parts/000001-a.parquet", "items", "questions"]
        erased = forget_in(resolve(history=url), None, "2099-01-01")
        assert (erased, erased.files) == (1, (folder / "parts" / "000001-a.parquet",))
        assert found(url, home) == ["batch/parts/000001-a.parquet"]
        erased.files[0].unlink()
        assert found(url, home) == []
        batch = cf.ask_batch({"a": "the canary?"}, folder, client=asking, progress=False)
        batch.refetch(schema={"bird": "string"})
    assert (batch.summary(), batch.parts()) == (BatchSummary(1, answered=1), {})
    assert server.questions == ["the canary?"]


def test_a_batch(server: Script, place: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its questions, its parts and its folder; other batches and questions stay."""
    monkeypatch.setenv("CONNECTY_HISTORY", place)
    with client(server, place, ANSWER) as asking:
        asking.ask("how many?")
        for name in ("one", "other"):
            questions = ["the canary?", "a second canary?"] if name == "one" else ["what?"]
            cf.ask_batch(questions, home / name, client=asking, progress=False)
    erased = forget_in(resolve(history=place), None, None, home / "one")
    assert (erased, erased.files) == (2, ())
    assert not (home / "one").exists()
    assert [each for each in found(place, home) if each.startswith("one")] == []
    assert cf.open_batch(home / "other").summary() == BatchSummary(1, answered=1)
    kept = records_table(resolve(history=place))["question"].to_pylist()
    assert [each for each in kept if "canary" in each] == []
    assert "how many?" in kept
    with pytest.raises(cf.ConfigError, match="has no batch"):
        forget_in(resolve(history=place), None, None, home / "one")


def test_other_files_in_the_folder_of_a_batch(server: Script, place: str, home: Path) -> None:
    """They stay, with their folder."""
    with client(server, place, ANSWER) as asking:
        cf.ask_batch(["what?"], home / "batch", client=asking, progress=False)
    (home / "batch" / "notes.txt").write_text("mine")
    forget_in(resolve(history=place), None, None, home / "batch")
    assert [path.name for path in (home / "batch").rglob("*")] == ["notes.txt"]


def test_a_history_that_was_damaged(server: Script, home: Path) -> None:
    """It was renamed, still has what was asked, and is named."""
    place = str(home / "history.sqlite3")
    with client(server, place, ANSWER) as asking:
        asking.ask("where is the canary?")
    close_databases()
    damaged = home / "history.sqlite3.damaged-20260101T000000.000000Z"
    Path(place).rename(damaged)
    with client(server, place, ANSWER) as asking:
        asking.ask("how many?")
    assert forget_in(resolve(history=place), QUESTION_ID, None).files == (damaged,)
