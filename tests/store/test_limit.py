"""``max_questions_per_day`` and ``tags=``, in a file and in PostgreSQL."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames._base.text import SecretStr
from connecty_frames.options import Asked
from connecty_frames.records import limits_table, records_table, summary_table
from connecty_frames.settings.sources import resolve
from connecty_frames.store.history import History
from connecty_frames.store.table import RecordState, set_limit
from tests.cases import cases
from tests.servers.postgres import PostgresServer, Relay
from tests.servers.scripted import Script
from tests.store.stores import client, execute, history, locked, store


def test_a_question_beyond_the_limit(server: Script, place: str) -> None:
    """It is not sent; the error says when the next is allowed. Reuse and other clients are not affected."""
    with client(server, place, max_questions_per_day=2) as asking:
        began = datetime.now(UTC)
        asking.ask("how many?")
        asking.ask("who?", max_age=60)
        for options in ({}, {"max_age": 60}):
            with pytest.raises(cf.QuestionLimitError, match="=2 is reached") as caught:
                asking.ask("why?", **options)
            assert abs(caught.value.next_at - began - timedelta(days=1)) < timedelta(seconds=10)
            assert (caught.value.question, caught.value.dw_id) == ("why?", 13)
        assert asking.ask("how many?", max_age=60).metadata.reused
        with client(server, place, client_id="other-client", max_questions_per_day=1) as other:
            other.ask("why?")
    assert server.questions == ["how many?", "who?", "why?"]
    states = records_table(resolve(history=place)).column("state").to_pylist()
    assert states == ["COMPLETED"] * 3


def test_limits_by_job(server: Script, place: str) -> None:
    """Each counts the questions with that tag; the star counts all, of which none is beyond it either."""
    limits = {"nightly": 1, "adhoc": 2, "*": 3}
    with client(server, place, max_questions_per_day=limits) as asking:
        asking.ask("q1", tags={"job": "nightly"})
        with pytest.raises(cf.QuestionLimitError, match="max_questions_per_day=1 for the job nightly"):
            asking.ask("q2", tags={"job": "nightly"})
        asking.ask("q3", tags={"job": "adhoc"})
        asking.ask("q4", tags={"job": "other"}, max_age=60)
        for tags in (None, {"job": "adhoc"}, {"by": "me"}):
            with pytest.raises(cf.QuestionLimitError, match="max_questions_per_day=3 is reached"):
                asking.ask("q5", tags=tags)
    with client(server, place, max_questions_per_day={"adhoc": 1}) as asking:
        asking.ask("q6", tags={"job": "nightly"})
        with pytest.raises(cf.QuestionLimitError, match="max_questions_per_day=1 for the job adhoc"):
            asking.ask("q7", tags={"job": "adhoc"}, max_age=60)
    assert server.questions == ["q1", "q3", "q4", "q6"]


def test_limits_by_job_in_a_profile(tmp_path: Path) -> None:
    """A table of TOML; settings with the same limits are equal."""
    (tmp_path / "config.toml").write_text('[p]\nmax_questions_per_day = {nightly = 300, "*" = 1000}\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONNECTY_CONFIG", str(tmp_path / "config.toml"))
        found = resolve(profile="p")
    assert found.max_questions_per_day == (("*", 1000), ("nightly", 300))
    limits = {"nightly": 300, "*": 1000}
    assert hash(resolve(max_questions_per_day=limits)) == hash(resolve(max_questions_per_day=limits))


def test_which_questions_count(place: str) -> None:
    """Uncertain ones, and those of the last 24 hours; not those that were definitely not started."""
    found, now = history(place, limit=2), datetime.now(UTC)
    first = found.sent(Asked("first", 13), asked_at=now)
    found.not_accepted(first, RecordState.REJECTED, "refused", now=now)
    second = found.sent(Asked("second", 13), asked_at=now)
    found.not_accepted(second, RecordState.UNCERTAIN, "lost", now=now)
    found.sent(Asked("third", 13), asked_at=now)
    with pytest.raises(cf.QuestionLimitError):
        found.sent(Asked("fourth", 13), asked_at=now)
    day = 24 * 3600 * 1_000_000
    found.database.execute("UPDATE questions SET asked_at = asked_at - ? WHERE state = 'UNCERTAIN'", (day,))
    assert found.sent(Asked("fourth", 13), asked_at=datetime.now(UTC)) is not None
    with pytest.raises(cf.QuestionLimitError):
        found.sent(Asked("fifth", 13), asked_at=datetime.now(UTC), after=0)
    found.close()


@pytest.mark.parametrize("own", [20, None])
def test_many_at_once(place: str, own: int | None) -> None:
    """Of 8 callers that ask 40 questions at once, 20 are let through, by a limit of the store too."""
    ids = [SecretStr("one" if own else f"client {number}") for number in range(8)]
    callers, together = [history(place, limit=own, client_id=each) for each in ids], threading.Barrier(8)
    if own is None:
        set_limit(store(place), "*", 20, "ops")

    def ask(caller: History) -> int:
        together.wait()
        sent = 0
        for number in range(5):
            try:
                asked = Asked(f"{id(caller)} {number}", 13)
                sent += caller.sent(asked, asked_at=datetime.now(UTC), seconds=30) is not None
            except cf.QuestionLimitError:
                pass
        return sent

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, callers)) == 20
    for caller in callers:
        caller.close()


def test_a_limit_of_the_store(place: str) -> None:
    """It counts the questions of all clients and workspaces. The smaller limit holds."""
    set_limit(store(place), "A", 3, "ops on box")

    def ask(number: int, job: str, **given: object) -> None:
        found = history(place, **{"client_id": SecretStr(str(number)), **given})
        asked = Asked(f"q{number}", 13 + number, tags={"job": job})
        try:
            assert found.sent(asked, asked_at=datetime.now(UTC), after=0 if number % 2 else None) is not None
        finally:
            found.close()

    ask(1, "A", limit=1, client_id=SecretStr("one"))
    with pytest.raises(cf.QuestionLimitError, match="max_questions_per_day=1 for the job A is reached"):
        ask(2, "A ", limit=(("A ", 1), ("*", 9)), client_id=SecretStr("one"))
    ask(2, "A ", limit=(("A", 9),))
    ask(3, "\tA")
    ask(4, "B")
    message = (
        "The limit of 3 questions a day for the job A, set by ops on box, is reached, according to .* UTC."
    )
    for number in (5, 6):
        with pytest.raises(cf.QuestionLimitError, match=message) as caught:
            ask(number, " A", limit=1000)
        assert caught.value.next_at is not None
    set_limit(store(place), "*", 2, "ops")
    with pytest.raises(cf.QuestionLimitError, match="The limit of 2 questions a day, set by ops, is reached"):
        ask(6, "B")
    for job in ("A", "*"):
        set_limit(store(place), job, None, "ops")
    ask(6, "A")
    jobs = execute(place, "SELECT job, tags FROM connecty.questions ORDER BY id")
    assert [job for job, _ in jobs] == ["A", "A", "A", "B", "A"]
    assert ["A" in str(tags) and "A " not in str(tags) for _, tags in jobs] == [True, True, True, False, True]


def test_a_limit_of_zero(server: Script, place: str) -> None:
    """Nothing is sent until it is raised."""
    set_limit(store(place), "*", 0, "ops")
    with client(server, place) as asking:
        for options in ({}, {"max_age": 60}):
            with pytest.raises(cf.QuestionLimitError, match="allowed once it is raised") as caught:
                asking.ask("how many?", **options)
            assert caught.value.next_at is None
        set_limit(store(place), "*", 1, "ops")
        asking.ask("how many?")
    assert server.questions == ["how many?"]


def test_spaces_around_a_job(place: str) -> None:
    """A row that somebody wrote with them is a limit of the job too; the smaller of two holds."""
    store(place).execute("SELECT 1")
    execute(place, "INSERT INTO connecty.limits VALUES (' A ', 1, 'ops', 0), ('A  ', 2, 'boss', 0)")
    found = history(place)

    def ask(question: str) -> None:
        found.sent(Asked(question, 13, tags={"job": "A"}), asked_at=datetime.now(UTC))

    ask("first")
    with pytest.raises(
        cf.QuestionLimitError, match="The limit of 1 question a day for the job A, set by ops"
    ):
        ask("second")
    set_limit(store(place), "A", None, "ops")
    ask("third")
    found.close()


@pytest.mark.parametrize("value", [-1, -(2**63), "'abc'", "x'30'"])
def test_a_limit_that_no_client_set(server: Script, place: str, value: object) -> None:
    """Nothing is sent."""
    if isinstance(value, str) and place.startswith("postgresql:"):
        pytest.skip("PostgreSQL refuses it")
    store(place).execute("SELECT 1")
    execute(place, f"INSERT INTO connecty.limits VALUES ('*', {value}, '', {2**63 - 1})")
    for _ in range(2):
        with (
            client(server, place) as asking,
            pytest.raises((cf.QuestionLimitError, cf.ConfigError), match="Nothing was sent"),
        ):
            asking.ask("how many?")
    assert limits_table(resolve(history=place)).num_rows == 1
    assert server.questions == []


def test_how_a_limit_that_no_client_set_reads(place: str) -> None:
    """A negative one allows no question; a time and bytes that no client writes are shown or left out."""
    is_file = not place.startswith("postgresql:")
    bytes_ = "x'ff'" if is_file else "'b'"
    store(place).execute("SELECT 1")
    execute(
        place, f"INSERT INTO connecty.limits VALUES ('*', -5, '', {9 * 10**18}), ({bytes_}, 1, {bytes_}, 1)"
    )
    shown = r"b'\xff'" if is_file else "b"
    assert [
        (row["job"], row["set_by"], row["set_at"]) for row in limits_table(resolve(history=place)).to_pylist()
    ] == [
        ("*", "", None),
        (shown, shown, datetime.fromtimestamp(1e-6, UTC)),
    ]
    with (
        closing(history(place)) as found,
        pytest.raises(cf.QuestionLimitError, match="The limit of 0 questions a day, set by"),
    ):
        found.sent(Asked("how many?", 13), asked_at=datetime.now(UTC))


@pytest.mark.parametrize("asked_at", [9 * 10**18, 253402300799000001, "'soon'", 1e300])
def test_a_time_that_no_client_wrote(place: str, asked_at: object) -> None:
    """Its question counts for no limit."""
    if not isinstance(asked_at, int) and place.startswith("postgresql:"):
        pytest.skip("PostgreSQL refuses it")
    found, nightly, now = (
        history(place, limit=(("*", 1),)),
        Asked("q", 13, tags={"job": "A"}),
        datetime.now(UTC),
    )
    for job in ("A", "*"):
        set_limit(store(place), job, 1, "ops")
    for _ in range(2):
        assert found.sent(nightly, asked_at=now) is not None
        found.database.execute(f"UPDATE questions SET asked_at = {asked_at}")
    assert found.sent(nightly, asked_at=now) is not None
    with pytest.raises(cf.QuestionLimitError):
        found.sent(nightly, asked_at=now)
    found.close()


def test_the_limit_that_ends_last(place: str) -> None:
    """The error is of it, and says when the next question is allowed by all."""
    found, now = history(place, limit=(("A", 1),)), datetime.now(UTC)
    for hours, job in ((7, "B"), (2, "A")):
        found.sent(Asked(job, 13, tags={"job": job}), asked_at=now)
        earlier = (hours * 3600 * 1_000_000, job)
        found.database.execute("UPDATE questions SET asked_at = asked_at - ? WHERE question = ?", earlier)
    older = "UPDATE questions SET asked_at = asked_at - 28800000000 WHERE question = 'A'"
    for number, message, hours in (
        (2, "per_day=1 for the job A", 22),
        (1, "limit of 1 question a day, set", 17),
    ):
        set_limit(store(place), "*", number, "ops")
        with pytest.raises(cf.QuestionLimitError, match=message) as caught:
            found.sent(Asked("third", 13, tags={"job": "A"}), asked_at=now)
        assert abs(caught.value.next_at - now - timedelta(hours=hours)) < timedelta(seconds=10)
        found.database.execute(older)
    found.close()


@pytest.mark.parametrize(
    "job", ["\0", "a\0b ", "\ud800x", "é", "\u00a0A\u2003", "'; --", "?", "limits", "ł" * 300]
)
def test_unusual_jobs(place: str, job: str) -> None:
    """Their limits hold."""
    limits_table(resolve(history=place), job, 1)
    found, now = history(place), datetime.now(UTC)
    for name in ("job", " job\n"):
        asked = Asked("how many?", 13, tags={name: f" {job}", "a\0": "\0"})
        with nullcontext() if name == "job" else pytest.raises(cf.QuestionLimitError):
            assert found.sent(asked, asked_at=now) is not None
    found.close()
    assert records_table(resolve(history=place)).num_rows == 1


@pytest.fixture
def unusable(place: str, request: pytest.FixtureRequest) -> Any:
    """Return a store's place, and a context that blocks all writes to it."""
    if not place.startswith("postgresql:"):
        return place, lambda: locked(Path(place))
    relay, running = request.getfixturevalue("relay"), request.getfixturevalue("running")

    @contextmanager
    def cut() -> Iterator[None]:
        relay.cut = b"INSERT INTO connecty.questions"
        yield
        relay.cut = None

    return running.url("store", port=relay.port), cut


def test_a_store_that_is_away(server: Script, unusable: Any, place: str) -> None:
    """A client that has read a limit sends nothing, until the store is back."""
    there, away = unusable
    set_limit(store(place), "nightly", 9, "ops")
    with client(server, there) as asking:
        asking.ask("how many?")
        with (
            away(),
            pytest.raises(cf.ConfigError, match="a client with limits sends no question that is not"),
        ):
            asking.ask("who?", timeout=1.5)
        asking.history.database._down_until = 0.0  # as after two seconds
        asking.ask("why?")
        set_limit(store(place), "nightly", None, "ops")
        asking.ask("where?")
        with away(), pytest.warns(cf.HistoryWarning, match="until it can. The first failure"):
            asking.ask("when?", timeout=5)
    assert server.questions == ["how many?", "why?", "where?", "when?"]


def test_limits_that_were_never_read(server: Script, relay: Relay, running: PostgresServer, url: str) -> None:
    """The warning of the outage says so; what was sent is recorded afterwards, and counts."""
    set_limit(store(url), "*", 1, "ops")
    relay.hangs = True
    with client(server, running.url("store", port=relay.port)) as asking:
        for question in ("how many?", "who?"):
            with (
                pytest.warns(cf.HistoryWarning, match="Its limits are unknown")
                if question < "w"
                else nullcontext()
            ):
                asking.ask(question, timeout=5)
        relay.hangs = False
        relay.drop()
        asking.history.database._down_until = 0.0  # as after two seconds
        with pytest.raises(cf.QuestionLimitError):
            asking.ask("why?")
    assert server.questions == ["how many?", "who?"]
    assert [row[0] for row in execute(url, "SELECT question FROM connecty.questions ORDER BY id")] == [
        "how many?",
        "who?",
    ]


def test_a_late_turn(server: Script, database: Any, url: str) -> None:
    """A new client that waits for it longer than for a record does not take that for an outage."""
    set_limit(store(url), "*", 0, "ops")
    database.execute("SELECT pg_advisory_lock(hashtextextended('limits', 0))")
    unlocking = threading.Timer(2, database.execute, ["SELECT pg_advisory_unlock_all()"])
    unlocking.start()
    with client(server, url) as asking, pytest.raises(cf.QuestionLimitError):
        asking.ask("how many?")
    unlocking.join()
    assert server.questions == []


def test_a_limit_that_ends_meanwhile(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that was refused, and is allowed before the error is made, is recorded before it is sent."""
    found, now = history(place, limit=1), datetime.now(UTC)
    found.sent(Asked("first", 13), asked_at=now)
    monkeypatch.setattr(
        found, "_raise_limit", lambda *_: found.database.execute("DELETE FROM questions").rows
    )
    row = found.sent(Asked("second", 13), asked_at=now)
    assert row is not None
    assert found.database.execute("SELECT token, question FROM questions").rows == [(row.token, "second")]
    found.close()


def test_a_claim_that_another_caller_won(place: str) -> None:
    """It is none of the limit."""
    found, now = history(place, limit=9), datetime.now(UTC)
    assert found.sent(Asked("how many?", 13), asked_at=now, after=0) is not None
    assert found.sent(Asked("how many?", 13), asked_at=now, after=0) is None
    found.close()


def test_a_limit_without_a_store(server: Script, tmp_path: Path) -> None:
    """A ConfigError, and nothing is sent."""
    with pytest.raises(cf.ConfigError, match="not a regular file"):
        client(server, str(tmp_path), max_questions_per_day=1)
    assert server.questions == []


def test_a_limit_where_the_history_is_off(
    server: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted in the file of the user nevertheless."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with client(server, "", history=False, max_questions_per_day=1) as asking:
        asking.ask("how many?")
        with pytest.raises(cf.QuestionLimitError):
            asking.ask("who?")
    assert server.questions == ["how many?"]


def test_a_limit_of_a_sandbox(server: Script, tmp_path: Path) -> None:
    """Its questions cost nothing, and are counted only in a file that is named."""
    sandbox = {"client_id": "sandbox-1", "max_questions_per_day": 1}
    with client(server, "", history=None, **sandbox) as asking:
        assert [asking.ask(question).rows for question in ("how many?", "who?")] == [1, 1]
    with client(server, str(tmp_path / "h.sqlite3"), **sandbox) as asking:
        asking.ask("how many?")
        with pytest.raises(cf.QuestionLimitError):
            asking.ask("who?")


@cases("tags", [{"job": 1}, {1: "nightly"}, "nightly", [("job", "nightly")], {"job": "x" * 301}])
def test_wrong_tags(tags: object) -> None:
    """A ConfigError before anything is sent."""
    with pytest.raises(cf.ConfigError, match="expected a dict of names to texts, such as"):
        cf.AskOptions(tags=tags)


@pytest.mark.parametrize("own", [5, None])
def test_a_batch_under_a_limit(server: Script, tmp_path: Path, own: int | None) -> None:
    """It would not be counted, and is a ConfigError."""
    place = str(tmp_path / "h.sqlite3")
    if own is None:
        set_limit(store(place), "nightly", 5, "ops")
    with (
        client(server, place, max_questions_per_day=own) as asking,
        pytest.raises(cf.ConfigError, match=r"a batch in a folder records its own.* PostgreSQL") as caught,
    ):
        cf.ask_batch(["how many?"], tmp_path / "batch", client=asking)
    assert caught.value.setting == "max_questions_per_day"
    assert server.questions == []


def test_a_batch_whose_limits_are_unknown(server: Script, tmp_path: Path) -> None:
    """A warning says so, and it is asked."""
    with (
        client(server, str(tmp_path)) as asking,
        pytest.warns(cf.HistoryWarning, match="not a regular file.* Its limits are unknown"),
    ):
        cf.ask_batch(["how many?"], tmp_path / "batch", client=asking)
    assert server.questions == ["how many?"]


def test_tags(server: Script, place: str) -> None:
    """They are kept as JSON, without secrets, of each way to ask; one is counted by day."""
    with client(server, place) as asking:
        asking.ask("how many?", tags={"job": "nightly", "by": "secret"}, max_age=60)
        asking.ask("how many?", tags={"job": "täglich"}, max_age=60)
        asking.submit("who?", tags={"job": " täglich\n"})
        asking.ask("why?")
    settings = resolve(history=place)
    tags = records_table(settings).column("tags").to_pylist()
    assert tags == [None, '{"job": "täglich"}', '{"by": "***", "job": "nightly"}']
    today = datetime.now(UTC).date()
    assert [tuple(row.values()) for row in summary_table(settings, by="job").to_pylist()] == [
        (today, "täglich", 1, 0, 0, 0),
        (today, "nightly", 1, 1, 0, 0),
        (today, None, 1, 0, 0, 0),
    ]
    assert summary_table(settings, by="asked").column_names[:3] == ["day", "asked_tag", "asked"]
    assert summary_table(settings).to_pylist() == [
        {"day": today, "asked": 3, "reused": 1, "failed": 0, "uncertain": 0}
    ]


def test_each_state_is_counted_once(place: str) -> None:
    """A question in the state ASKED too; one that was not started is none."""
    found, now = history(place), datetime.now(UTC)
    rows = [found.sent(Asked(f"q{n}", 13, tags={'a "b" \\': "x"}), asked_at=now) for n in range(6)]
    for row, question_id in zip(rows, ("id 1", "id 2", "id 3"), strict=False):
        found.accepted(row, question_id, asked_at=now, now=now)
    found.ended("id 3", RecordState.FAILED, now=now)
    found.not_accepted(rows[3], RecordState.UNCERTAIN, "lost", now=now)
    found.not_accepted(rows[4], RecordState.REJECTED, "refused", now=now)
    found.close()
    counts = {"day": now.date(), "asked": 5, "reused": 0, "failed": 1, "uncertain": 1}
    assert summary_table(resolve(history=place)).to_pylist() == [counts]
    assert summary_table(resolve(history=place), since=now + timedelta(days=1)).to_pylist() == []
    by = summary_table(resolve(history=place), since=now - timedelta(days=1), by='a "b" \\')
    assert by.to_pylist() == [{'a "b" \\': "x", **counts}]


def test_tags_of_a_batch(server: Script, place: str, tmp_path: Path) -> None:
    """They are kept with its rows: in its folder, or in the database."""
    with client(server, place) as asking:
        batch = cf.ask_batch(["what?"], tmp_path / "batch", client=asking, tags={"job": "b"})
    index = batch.folder / "index.sqlite3"
    settings = resolve(history=index if index.exists() else place)
    assert records_table(settings).column("tags").to_pylist() == ['{"job": "b"}']
