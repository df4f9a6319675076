"""What is recorded of a question, and what is read and erased."""

import enum
import hashlib
import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta, timezone
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from connecty_frames._base.text import SecretStr
from connecty_frames.batch.erasing import forget_records
from connecty_frames.errors import ConfigError, HistoryWarning
from connecty_frames.options import Asked
from connecty_frames.store import leases, schema
from connecty_frames.store.database import SQLiteFile, StoreError
from connecty_frames.store.history import History
from connecty_frames.store.table import (
    COLUMNS,
    Earlier,
    QuestionFile,
    RecordState,
    Row,
    from_microseconds,
    microseconds,
    question_key,
    read_records,
    store_at,
)
from tests.cases import cases
from tests.store import stores

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
OTHER_ID = "829cb7a4-4b06-449e-a3c9-df40f5e570b8"


@dataclass
class Recorder:
    history: History
    database: QuestionFile

    def rows(self, *columns: str, **conditions: Any) -> list[tuple[Any, ...]]:
        return [
            tuple(row[COLUMNS.index(column)] for column in columns)
            for row in read_records(self.database, **conditions)
        ]

    def sent(self, question: str = "how many?", at: datetime = NOON) -> Row:
        row = self.history.sent(Asked(question, 13), asked_at=at)
        assert row is not None
        return row


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    database = store_at(tmp_path / "history.sqlite3")
    history = stores.history(
        database,
        base_url="https://api.test",
        client_id=SecretStr("a-client"),
        redact=lambda text: text.replace("canary", "***"),
    )
    yield Recorder(history, database)
    history.close()


def earlier(history: History, since: datetime = NOON, question: str = "how many?") -> list[Earlier]:
    """Return the earlier askings of a question, as seen 20 seconds after noon."""
    now = NOON + 20 * SECOND
    return history.earlier(Asked(question, 13), max_age=now - since, begun=None, now=now)[0]


def test_a_question_that_is_answered(recorder: Recorder) -> None:
    """Its row is there before it is sent, gets the id when it is accepted, and the end."""
    row = recorder.sent()
    assert recorder.rows("state", "question_id") == [("SENT", None)]
    recorder.history.accepted(row, ID, asked_at=NOON + SECOND, now=NOON + 2 * SECOND)
    assert recorder.rows("state", "question_id", "ended_at") == [("ASKED", ID, None)]
    recorder.history.ended(
        ID,
        RecordState.COMPLETED,
        now=NOON + 3 * SECOND,
        rows=5,
        sql_query="SELECT 'canary'",
        response_summary="Five.",
    )

    noon = 1_769_860_800_000_000
    assert recorder.rows(*COLUMNS[:-5]) == [
        (
            1,
            noon + 1_000_000,
            "COMPLETED",
            "how many?",
            ID,
            "13",
            "https://api.test",
            noon + 2_000_000,
            noon + 3_000_000,
            5,
            0,
            "SELECT '***'",
            "Five.",
            None,
            None,
        )
    ]


def test_the_client_is_a_hash(recorder: Recorder, tmp_path: Path) -> None:
    """Neither its id nor a secret in the question is in any file; the key is that of the question."""
    recorder.sent("how many canary?")
    ((question, client, key),) = recorder.rows("question", "client", "key")
    assert (question, len(client), len(key)) == ("how many ***?", 32, 64)
    assert key == question_key("how many canary?", base_url="https://api.test", dw_id=13, client=client)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"how many" in content
    assert b"canary" not in content
    assert b"a-client" not in content


def test_questions_without_an_id(recorder: Recorder) -> None:
    """REJECTED ends a row, UNCERTAIN does not; an id that arrives later is recorded."""
    first, second = recorder.sent("first"), recorder.sent("second")
    recorder.history.not_accepted(first, RecordState.REJECTED, "403", now=NOON + SECOND)
    recorder.history.not_accepted(second, RecordState.UNCERTAIN, "reset", now=NOON + SECOND)
    assert recorder.rows("question", "state", "error", "ended_at") == [
        ("second", "UNCERTAIN", "reset", None),
        ("first", "REJECTED", "403", 1_769_860_801_000_000),
    ]
    recorder.history.accepted(second, ID, asked_at=NOON, now=NOON)
    assert recorder.rows("state", "question_id", "error", states=[RecordState.ASKED]) == [("ASKED", ID, None)]


def test_an_accepted_question_does_not_become_uncertain(recorder: Recorder) -> None:
    """Whatever else is recorded late, the id is kept."""
    row = recorder.sent()
    recorder.history.accepted(row, ID, asked_at=NOON, now=NOON)
    recorder.history.not_accepted(row, RecordState.UNCERTAIN, "KeyboardInterrupt", now=NOON)
    assert recorder.rows("state", "question_id") == [("ASKED", ID)]


def test_the_end_of_a_question_that_is_not_recorded(recorder: Recorder) -> None:
    """It changes nothing, and creates no file."""
    recorder.history.ended(ID, RecordState.COMPLETED, now=NOON)
    assert not recorder.database.path.exists()
    recorder.sent()
    recorder.history.ended(ID, RecordState.COMPLETED, now=NOON)
    assert recorder.rows("state") == [("SENT",)]


@pytest.mark.skipif(sys.platform == "win32", reason="files that are open cannot be removed there")
def test_a_row_of_the_same_number_in_a_new_file(recorder: Recorder) -> None:
    """It belongs to another question, which does not get the id."""
    row = recorder.sent("how many?")
    for each in list(recorder.database.path.parent.glob(f"{recorder.database.path.name}*")):
        each.unlink()
    recorder.sent("another")
    recorder.history.accepted(row, ID, asked_at=NOON, now=NOON)
    assert recorder.rows("id", "question", "question_id") == [(1, "another", None)]


def test_reading_creates_no_file(recorder: Recorder) -> None:
    """Nor does erasing."""
    assert recorder.rows("state") == []
    assert forget_records(recorder.database, row=1) == 0
    assert not recorder.database.path.exists()


def test_what_is_read(recorder: Recorder) -> None:
    """The latest first, by state, time and id, up to a limit."""
    sent = [recorder.sent(f"{hour}", NOON + timedelta(hours=hour)) for hour in range(4)]
    for row in sent[1::2]:
        recorder.history.not_accepted(row, RecordState.REJECTED, "403", now=NOON)
    recorder.history.accepted(sent[0], ID, asked_at=NOON, now=NOON)
    assert recorder.rows("question") == [("3",), ("2",), ("1",), ("0",)]
    assert recorder.rows("question", limit=2) == [("3",), ("2",)]
    assert recorder.rows("question", since=NOON + timedelta(hours=2)) == [("3",), ("2",)]
    assert recorder.rows("question", states=["REJECTED", "ASKED"]) == [("3",), ("1",), ("0",)]
    assert recorder.rows("question", question_id=ID) == [("0",)]


@pytest.mark.parametrize(
    ("wall", "uptime", "state"),
    [
        (0, 0, "SENT"),
        (59, 59, "SENT"),
        (61, 61, "UNCERTAIN"),
        (7_200, 5, "SENT"),
        (-7_200, 5, "SENT"),
        (-7_200, 61, "UNCERTAIN"),
        (5, -3_600, "SENT"),
        (61, -3_600, "UNCERTAIN"),
    ],
    ids=["new", "young", "old", "ahead", "set back", "set back, old", "new boot", "new boot, old"],
)
def test_the_end_of_a_lease(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, wall: int, uptime: int, state: str
) -> None:
    """60 seconds without a renewal by both clocks: neither a wall clock that was set nor a boot decides."""
    recorder.sent()
    now, up = leases.lease_now()
    monkeypatch.setattr(leases, "lease_now", lambda: (now + wall * 10**6, up + uptime * 10**6))
    silent = "Its sender stopped responding before the question was accepted."
    assert recorder.rows("state", "error") == [(state, None if state == "SENT" else silent)]


def test_a_late_acceptance(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """It heals a row whose lease was over, as of a sender that was stopped for long."""
    row = recorder.sent()
    monkeypatch.setattr(leases, "SECONDS", 0.0)
    assert recorder.rows("state") == [("UNCERTAIN",)]
    recorder.history.accepted(row, ID, asked_at=NOON, now=NOON)
    assert recorder.rows("state", "question_id", "error") == [("ASKED", ID, None)]


def test_erasing(recorder: Recorder) -> None:
    """By id or number in any state; by age only what has an end. The text is in no file then."""
    for hour, state in enumerate(RecordState):
        row = recorder.sent(f"canarie-{state}", NOON + timedelta(hours=hour))
        if state in (RecordState.UNCERTAIN, RecordState.REJECTED):
            recorder.history.not_accepted(row, state, "e", now=NOON)
        elif state is not RecordState.SENT:
            question_id = f"{ID[:-1]}{hour}"
            recorder.history.accepted(row, question_id, asked_at=NOON + timedelta(hours=hour), now=NOON)
            if state is not RecordState.ASKED:
                recorder.history.ended(question_id, state, now=NOON)

    assert forget_records(recorder.database, before=NOON + timedelta(hours=3)) == 1
    assert recorder.rows("state") == [("REJECTED",), ("UNCERTAIN",), ("FAILED",), ("ASKED",), ("SENT",)]
    assert forget_records(recorder.database, question_id=f"{ID[:-1]}1") == 1
    assert forget_records(recorder.database, row=1) == 1
    assert forget_records(recorder.database, row=1) == 0
    assert forget_records(recorder.database, before=NOON + timedelta(days=1)) == 2
    assert recorder.rows("state") == [("UNCERTAIN",)]
    content = b"".join(path.read_bytes() for path in recorder.database.path.parent.iterdir())
    assert b"canarie-UNCERTAIN" in content
    assert b"canarie-FAILED" not in content
    assert b"canarie-SENT" not in content


def test_answers_that_cannot_be_erased(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows that name them stay, so that another call finds them."""
    recorder.history.accepted(recorder.sent(), ID, asked_at=NOON, now=NOON)
    fail = mock.Mock(side_effect=StoreError("it is read-only"))
    monkeypatch.setattr("connecty_frames.store.answers.KeptAnswers.erase", fail)
    with pytest.raises(StoreError):
        forget_records(recorder.database, question_id=ID)
    assert recorder.rows("question_id") == [(ID,)]


@cases(
    ("one", "other", "same"),
    [
        ("how many?", "  how\n many? ", True),
        ("caf\u00e9", "cafe\u0301", True),
        ("how many?", "How many?", False),
        ('name "a b"', 'name "a  b"', False),
        ('name "a b"', ' name "a b"\n', True),
        ("it's a b", "it's a  b", False),
        ("name \u300ca b\u300d", "name \u300ca  b\u300d", False),
        ("name \uff02a b\uff02", "name \uff02a  b\uff02", False),
        ("name \u00b4a b\u00b4", "name \u00b4a  b\u00b4", False),
        ("name \u2033a b\u2033", "name \u2033a  b\u2033", False),
        ("name \u300aa b\u300b", "name \u300aa  b\u300b", False),
        ("how many?", "how\u200b many?", False),
    ],
)
def test_the_same_question(one: str, other: str, same: bool) -> None:
    """Runs of white space count as one, unless there is a quotation mark; letters count as they are."""
    where: Any = {"base_url": "https://api.test", "dw_id": 13, "client": "c"}
    assert (question_key(one, **where) == question_key(other, **where)) is same


@cases("change", [{"base_url": "https://b"}, {"dw_id": 14}, {"client": "d"}])
def test_the_same_question_elsewhere(change: dict[str, Any]) -> None:
    """Another address, workspace or client makes another key."""
    where: Any = {"base_url": "https://api.test", "dw_id": 13, "client": "c"}
    assert question_key("how many?", **where) != question_key("how many?", **{**where, **change})


@cases("question", ["how many?", '"a\\b"', "caf\u00e9 \U0001f600", "a\x00\x7f\u200bb", "\ud800"])
@cases("dw_id", [13, 10**30, enum.Enum("Workspace", {"SALES": 13}, type=int)["SALES"]])
def test_the_key_is_that_of_other_versions(question: str, dw_id: Any) -> None:
    """What an earlier version recorded is found: the key is the hash of a list in JSON."""
    key = question_key(question, base_url="https://api.test/\u00fc", dw_id=dw_id, client="c")
    written = json.dumps([question, "https://api.test/\u00fc", dw_id, "c"])
    assert key == hashlib.sha256(written.encode()).hexdigest()


@cases(
    "moment",
    [
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 1, 31, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=-3, seconds=1))),
    ],
)
def test_a_time_as_microseconds(moment: datetime) -> None:
    """The number is exact, before 1970 too, and leads back to the time."""
    assert from_microseconds(microseconds(moment)) == moment


def test_a_change_that_could_not_be_written(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written with the next one, so that an id is not lost, and nobody waits for it in vain."""
    monkeypatch.setattr("connecty_frames.store.database._TIMEOUT", 0.05)
    rows = [recorder.sent(question) for question in ("a", "b", "c")]
    with stores.locked(recorder.database.path):
        with pytest.warns(HistoryWarning, match="database is locked"):
            recorder.history.accepted(rows[0], ID, asked_at=NOON, now=NOON)
        recorder.history.not_accepted(rows[1], RecordState.REJECTED, "refused", now=NOON)
    assert recorder.rows("state") == [("SENT",)] * 3
    recorder.history.accepted(rows[2], OTHER_ID, asked_at=NOON, now=NOON)
    assert recorder.rows("state", "question_id") == [("ASKED", OTHER_ID), ("REJECTED", None), ("ASKED", ID)]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_interrupt_while_a_change_is_written(
    recorder: Recorder, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change is written with the next one, since without its id a question would be paid for again."""
    execute = SQLiteFile._execute

    def interrupted(self: SQLiteFile, *arguments: Any, **options: Any) -> Any:
        monkeypatch.undo()
        if moment == "after":
            execute(self, *arguments, **options)
        raise KeyboardInterrupt

    row = recorder.sent()
    monkeypatch.setattr(SQLiteFile, "_execute", interrupted)
    with pytest.raises(KeyboardInterrupt):
        recorder.history.accepted(row, ID, asked_at=NOON, now=NOON)
    recorder.history.ended(ID, RecordState.COMPLETED, now=NOON)

    assert recorder.rows("state", "question_id") == [("COMPLETED", ID)]


def test_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    """One warning for an outage; nothing is raised, unless the history is required."""
    history = stores.history(store_at(tmp_path))
    with pytest.warns(HistoryWarning, match=r"cannot be used \(it is not a regular file\); new questions"):
        assert history.sent(Asked("how many?", 13), asked_at=NOON) is None
    assert history.sent(Asked("how many?", 13), asked_at=NOON) is None
    history.ended(ID, RecordState.COMPLETED, now=NOON)
    with pytest.raises(ConfigError, match=r"history='require' sends no question that is not recorded"):
        stores.history(store_at(tmp_path), required=True)


def test_earlier_questions(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest first, also what could not be written before; one that is being sent keeps its lease."""
    history = recorder.history
    history.accepted(recorder.sent("canary?"), ID, asked_at=NOON, now=NOON + SECOND)
    other = recorder.sent("canary?", NOON + SECOND)
    with monkeypatch.context() as patch:
        patch.setattr(history, "_write_pending", lambda _=None: None)
        history.not_accepted(other, RecordState.REJECTED, "refused", now=NOON)
    recorder.sent("canary?", NOON + 2 * SECOND)
    recorder.sent("another?", NOON + 3 * SECOND)

    sent = Earlier(3, RecordState.SENT, "canary?", None, NOON + 2 * SECOND, None, None)
    assert earlier(history, NOON, "canary?") == [
        sent,
        Earlier(2, RecordState.REJECTED, "canary?", None, NOON + SECOND, None, "refused"),
        Earlier(1, RecordState.ASKED, "canary?", ID, NOON, 19.0, None),
    ]
    assert earlier(history, NOON + 9 * SECOND, "canary?") == [sent]
    monkeypatch.setattr(leases, "SECONDS", -1.0)
    assert earlier(history, NOON + 9 * SECOND, "canary?") == [
        sent._replace(
            state=RecordState.UNCERTAIN,
            error="Its sender stopped responding before the question was accepted.",
        )
    ]


def test_what_is_kept_of_texts(recorder: Recorder) -> None:
    """Halves of characters as their escapes, since SQLite refuses them; no secret."""
    history, row = recorder.history, recorder.sent("canary \ud800")
    history.not_accepted(row, RecordState.UNCERTAIN, "lost \udc00", now=NOON)
    assert recorder.rows("question", "error", "ended_at") == [("*** \\ud800", "lost \\udc00", None)]
    history.accepted(row, ID, asked_at=NOON, now=NOON)
    texts = {"sql_query": "SELECT 'canary'", "response_summary": "\ud800", "error": "\ud801"}
    history.ended(ID, RecordState.FAILED, now=NOON + SECOND, rows=2**63 - 1, **texts)

    columns = ("state", "rows", "sql_query", "response_summary", "error", "ended_at")
    ended_at = microseconds(NOON + SECOND)
    assert recorder.rows(*columns) == [("FAILED", 2**63 - 1, "SELECT '***'", "\\ud800", "\\ud801", ended_at)]
    history.ended(ID, RecordState.COMPLETED, now=NOON, rows=2**63)
    assert recorder.rows(*columns) == [("COMPLETED", None, None, None, None, ended_at)]


def test_an_interrupt_while_a_question_is_claimed(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is REJECTED, since it is not sent; another asking of the same second is left alone."""
    history, execute = recorder.history, SQLiteFile.execute
    recorder.sent()

    def interrupted(found: SQLiteFile, *arguments: Any, **options: Any) -> Any:
        result = execute(found, *arguments, **options)
        if arguments[0].startswith("INSERT"):
            monkeypatch.undo()
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(SQLiteFile, "execute", interrupted)
    with pytest.raises(KeyboardInterrupt):
        history.sent(Asked("how many?", 13), asked_at=NOON, after=1)

    assert recorder.rows("id", "state", "error", "ended_at") == [
        (2, "REJECTED", "KeyboardInterrupt", microseconds(NOON)),
        (1, "SENT", None, None),
    ]


def test_a_question_that_another_has_claimed(recorder: Recorder, tmp_path: Path) -> None:
    """There is a row for one of them; where the file cannot be used, it is unknown, and an error."""
    history, key = recorder.history, recorder.history.key(Asked("how many?", 13))
    claim = {"asked_at": NOON, "after": 0}
    row = history.sent(Asked("how many?", 13), **claim)
    assert row is not None
    assert (row.key, row.asked_at) == (key, microseconds(NOON))
    assert history.sent(Asked("how many?", 13), **claim) is None
    assert recorder.rows("id", "state") == [(1, "SENT")]

    unusable = stores.history(store_at(tmp_path))
    reason = r"\(it is not a regular file\), so it is unknown whether the question was asked before"
    with pytest.raises(ConfigError, match=reason) as caught:
        unusable.sent(Asked("how many?", 13), **claim)
    assert caught.value.setting == "history"
    with pytest.raises(ConfigError, match=reason):
        earlier(unusable)


def test_a_history_keeps_its_file_open(recorder: Recorder, tmp_path: Path) -> None:
    """Until it is closed, when what could not be written before is written."""
    history = recorder.history
    row = recorder.sent()
    assert (tmp_path / "history.sqlite3-wal").exists()
    history._pending.append(("UPDATE questions SET state = 'REJECTED' WHERE token = ?", (row.token,)))
    history.close()
    assert [each.name for each in tmp_path.iterdir()] == ["history.sqlite3"]
    assert recorder.rows("state") == [("REJECTED",)]


def test_a_history_keeps_its_answers_open(tmp_path: Path) -> None:
    """Until it is closed, too."""
    history = stores.history(store_at(tmp_path / "history.sqlite3"), kept_bytes=1000)
    row = history.sent(Asked("how many?", 13), asked_at=NOON)
    assert row is not None
    history.accepted(row, ID, asked_at=NOON, now=NOON)
    history.keep(ID, b"{}", 10)
    assert (tmp_path / "history-answers.sqlite3-wal").exists()
    history.close()
    assert {each.name for each in tmp_path.iterdir()} == {"history.sqlite3", "history-answers.sqlite3"}


@pytest.mark.parametrize(
    ("passing", "earlier", "seconds"),
    [
        (None, None, 1.0),
        (KeyboardInterrupt(), None, 0.1),
        (None, KeyboardInterrupt(), 1.0),
        (ValueError(), None, 1.0),
    ],
)
def test_how_long_the_last_try_takes(
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    passing: BaseException | None,
    earlier: BaseException | None,
    seconds: float,
) -> None:
    """A second, or a moment while Ctrl-C passes; not after an earlier one, which IPython remembers."""
    until: list[float] = []
    monkeypatch.setattr("connecty_frames.store.history.time", SimpleNamespace(monotonic=lambda: 1000.0))
    monkeypatch.setattr(recorder.history, "_write_pending", until.append)
    monkeypatch.setattr(sys, "last_value", earlier, raising=False)
    with suppress(ValueError, KeyboardInterrupt):
        try:
            if passing is not None:
                raise passing
        finally:
            recorder.history.close()
    assert until == [1000.0 + seconds]


def test_changes_that_wait_for_long(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest are kept, of 16 MB of texts; closing says once how many others are lost."""
    recorder.sent()
    pending = recorder.history._pending
    for number in range(20):
        pending.append(("SELECT ?, ?", (number, "a" * 2**20)))
    assert [pending[at][1][0] for at in (0, -1)] == [5, 19]
    monkeypatch.setattr(recorder.history, "_write_pending", lambda _=None: None)
    with pytest.warns(
        HistoryWarning, match=r"^Lost: 20 changes of the history in .* could not be written"
    ) as caught:
        recorder.history.close()
    assert len(caught) == 1
    recorder.history.close()


def test_a_large_number_of_a_row(recorder: Recorder) -> None:
    """There is none, in either direction; nothing is erased."""
    recorder.sent()
    numbers = [2**63 - 1, 2**63, -(2**63), 1]
    assert [forget_records(recorder.database, row=number) for number in numbers] == [0, 0, 0, 1]
    assert recorder.rows("id", limit=2**70) == []


def test_leases_in_figures(recorder: Recorder) -> None:
    """A minute in microseconds of both clocks, renewed every ten seconds."""
    ((_, (wall,)), (_, (uptime,))) = recorder.database.lease().values()
    assert (leases.SECONDS, leases.PAUSE) == (60.0, 10.0)
    assert abs(wall - time.time() * 1e6) < 5e6
    assert abs(uptime - time.monotonic() * 1e6) < 5e6


def test_each_store_has_what_is_recorded() -> None:
    """A field of what is asked is a column in SQLite and in PostgreSQL."""
    names = {field.name for field in fields(Asked)}
    assert names <= set(COLUMNS)
    for versions in (schema.SQLITE, schema.POSTGRES):
        made = " ".join(chain.from_iterable(versions))
        assert {name for name in names if not re.search(rf"\b{name} (text|bigint|jsonb)", made)} == set()
