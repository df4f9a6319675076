"""The history as a frame, and erasing it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames._base.text import SecretStr
from connecty_frames.options import Asked
from connecty_frames.store.history import History
from connecty_frames.store.table import RecordState, store_at
from tests.cases import cases

NOW = datetime.now(UTC).replace(microsecond=123456)
ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
NAMES = [
    *("id", "asked_at", "state", "question", "question_id", "dw_id", "base_url", "accepted_at"),
    *("ended_at", "rows", "reused", "sql_query", "response_summary", "error", "tags", "client", "key"),
    *("host", "user_name", "request_id"),
]


@pytest.fixture
def recorder(tmp_path: Path) -> History:
    path = tmp_path / "history.sqlite3"
    cf.configure(history=path)
    return History(
        store_at(path), required=False, base_url="https://api.test", client_id=SecretStr("c"), redact=str
    )


@pytest.fixture
def recorded(recorder: History) -> History:
    """Return the same with an answered question, an open one of yesterday and a rejected one of 2025."""
    rejected, _, answered = (
        recorder.sent(Asked(question, 13), asked_at=NOW - timedelta(days=age))
        for age, question in ((400, "rejected"), (1, "open"), (0, "answered"))
    )
    assert rejected is not None
    assert answered is not None
    recorder.not_accepted(rejected, RecordState.REJECTED, "403", now=NOW)
    recorder.accepted(answered, ID, asked_at=NOW, now=NOW)
    recorder.ended(ID, RecordState.COMPLETED, now=NOW, rows=5, sql_query="SELECT 1", response_summary="Five.")
    return recorder


def questions(**conditions: Any) -> list[str]:
    found: list[str] = cf.history("pyarrow", **conditions)["question"].to_pylist()
    return found


@pytest.mark.usefixtures("recorded")
def test_in_pandas() -> None:
    """Times are instants in UTC, numbers whole ones, the rest text."""
    frame = cf.history()
    assert list(frame.columns) == NAMES
    assert {str(frame[name].dtype) for name in ("asked_at", "accepted_at", "ended_at")} == {
        "datetime64[us, UTC]"
    }
    assert {str(frame[name].dtype) for name in ("id", "dw_id", "rows")} == {"Int64"}
    assert list(frame["question"]) == ["answered", "open", "rejected"]
    assert frame["asked_at"][0] == pd.Timestamp(NOW)
    assert (frame["rows"][0], frame["dw_id"][0], frame["question_id"][0]) == (5, 13, ID)
    assert frame["rows"].isna().tolist() == [False, True, True]


@pytest.mark.usefixtures("recorded")
def test_in_polars_and_arrow() -> None:
    """With the same values."""
    frame, table = cf.history("polars"), cf.history(engine="pyarrow")
    assert frame.schema["asked_at"] == pl.Datetime("us", "UTC")
    assert frame["rows"].to_list() == [5, None, None]
    assert table.schema.field("asked_at").type == pa.timestamp("us", "UTC")
    assert table.schema.field("dw_id").type == pa.int64()
    assert table["asked_at"][0].as_py() == NOW


def test_a_workspace_beyond_64_bits(recorder: History) -> None:
    """The column is text then, exactly."""
    recorder.sent(Asked("how many?", 10**30), asked_at=NOW)
    assert cf.history("pyarrow")["dw_id"].to_pylist() == ["1000000000000000000000000000000"]


@pytest.mark.usefixtures("recorder")
def test_without_a_file(tmp_path: Path) -> None:
    """There are no rows, and no file is created."""
    frame = cf.history()
    assert (list(frame.columns), len(frame)) == (NAMES, 0)
    assert str(frame["asked_at"].dtype) == "datetime64[us, UTC]"
    assert cf.forget(older_than="1d") == 0
    assert list(tmp_path.iterdir()) == []


def test_without_a_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning says how to keep one, once; a search that finds nothing has none."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.warns(
        cf.HistoryWarning, match=r"^No questions are recorded: cf\.configure\(history="
    ) as seen:
        assert len(cf.history()) == 0
    assert len(seen) == 1
    assert len(cf.history(since="7d")) == 0


@pytest.mark.usefixtures("recorded")
def test_a_selection() -> None:
    """By state, time and number."""
    assert questions(state="SENT") == ["open"]
    assert questions(state=["COMPLETED", "REJECTED"]) == ["answered", "rejected"]
    assert questions(since="12h") == ["answered"]
    assert questions(since="48h", state=iter(["SENT"])) == ["open"]
    assert questions(limit=1) == ["answered"]
    assert questions(limit=None) == ["answered", "open", "rejected"]
    assert questions(limit=10**30) == ["answered", "open", "rejected"]


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("limit", [2, 3, None])
def test_more_than_one_statement_reads(monkeypatch: pytest.MonkeyPatch, limit: int | None) -> None:
    """They are all there, once, in the same order."""
    monkeypatch.setattr("connecty_frames.store.table.PAGE", 1)
    assert questions(limit=limit) == ["answered", "open", "rejected"][:limit]


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    "since",
    [
        "2w",
        "14 d",
        timedelta(days=14),
        NOW - timedelta(days=14),
        (NOW - timedelta(days=14)).replace(tzinfo=None),
        NOW.date() - timedelta(days=14),
        (NOW - timedelta(days=14)).isoformat(),
        str(NOW.date() - timedelta(days=14)),
    ],
    # The same in each process of the tests, unlike the times.
    ids=["weeks", "days", "timedelta", "datetime", "naive", "date", "text", "day"],
)
def test_forms_of_time(since: datetime | date | timedelta | str) -> None:
    """An age, a time or a day, also as text."""
    assert questions(since=since) == ["answered", "open"]


@cases(
    ("arguments", "message"),
    [
        ({"engine": "numpy"}, "engine='numpy': expected 'pandas', 'polars' or 'pyarrow'"),
        ({"state": "DONE"}, "state='DONE': expected SENT, ASKED, COMPLETED, FAILED, UNCERTAIN, REJECTED"),
        ({"state": ["SENT", 7]}, "state=7: expected SENT"),
        ({"state": []}, r"state=\[\]: expected SENT"),
        ({"since": "0001-01-01"}, "since='0001-01-01': expected a time"),
        ({"since": "soon"}, "since='soon': expected a time, an age, or text such as"),
        ({"since": 7}, "since=7: expected"),
        ({"since": timedelta(-1)}, "since=.*: expected"),
        ({"since": "999999w"}, "since='999999w': expected"),
        ({"limit": -1}, "limit=-1: expected a whole number of 0 or more, or None for all"),
        ({"limit": True}, "limit=True: expected"),
    ],
)
def test_a_wrong_argument(arguments: dict[str, Any], message: str) -> None:
    """A ConfigError that names it."""
    with pytest.raises(cf.ConfigError, match=message):
        cf.history(**arguments)


@pytest.mark.usefixtures("recorded")
def test_erasing() -> None:
    """By id, by number, or by age what has an end."""
    assert cf.forget(older_than=timedelta(days=300)) == 1
    assert questions() == ["answered", "open"]
    assert cf.forget(older_than=NOW + timedelta(days=1)) == 1
    assert questions() == ["open"]
    assert cf.forget(ID) == 0
    assert cf.forget(2) == 1
    assert questions() == []


@pytest.mark.usefixtures("recorded")
def test_erasing_one_question() -> None:
    """By its id; no row has a number that SQLite cannot hold."""
    assert cf.forget(10**30) == cf.forget(-(10**30)) == 0
    assert cf.forget(ID.upper()) == 1
    assert questions() == ["open", "rejected"]


@cases(
    ("arguments", "message"),
    [
        ({}, r"Name what to erase: a question, an age .* delete .*history\.sqlite3 and history-answers\.sql"),
        ({"question_id": ID, "older_than": "1d"}, "Name what to erase: a question, an age"),
        ({"question_id": "x/"}, "question_id='x/': expected the id of a question"),
        ({"question_id": True}, "question_id=True: expected the id of a question"),
        ({"older_than": "old"}, "older_than='old': expected a time"),
    ],
)
def test_erasing_needs_to_know_what(arguments: dict[str, Any], message: str) -> None:
    """Nothing is erased by a call without arguments, or with wrong ones."""
    with pytest.raises(cf.ConfigError, match=message):
        cf.forget(**arguments)


def test_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    """A ConfigError that says why: there is nothing else to return."""
    cf.configure(history=tmp_path)
    for act in (cf.history, lambda: cf.forget(older_than="1d")):
        with pytest.raises(cf.ConfigError, match=r"cannot be used: it is not a regular file\. Repair"):
            act()
