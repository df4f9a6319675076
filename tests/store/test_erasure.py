"""Erasing: the text stands nowhere after that, and the number is what was erased."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import connecty_frames as cf
from connecty_frames.batch import BatchSummary
from connecty_frames.batch.index import Index
from connecty_frames.options import Asked
from connecty_frames.records import forget_in, records_table
from connecty_frames.settings.sources import resolve
from connecty_frames.store import schema
from connecty_frames.store.answers import answers_beside
from connecty_frames.store.database import StoreError, close_databases
from tests.servers.scripted import QUESTION_ID
from tests.store.stores import client, create_role, execute, history, locked, store

if TYPE_CHECKING:
    from tests.servers.postgres import PostgresServer
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
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def found(place: str, home: Path) -> list[str]:
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


def test_a_batch_with_a_failed_question(server: Script, url: str, home: Path) -> None:
    """Its row is erased too."""
    with client(server, url, ANSWER) as asking:
        cf.ask_batch(["the canary?", "why?"], home / "batch", client=asking, progress=False)
    execute(url, "UPDATE connecty.items SET outcome = NULL WHERE number = 2")
    execute(url, "UPDATE connecty.questions SET state = 'FAILED' WHERE id = 2")
    assert forget_in(resolve(history=url), None, None, home / "batch") == 2
    assert tables(url) == [[], []]


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


def tables(url: str) -> list[list[tuple[Any, ...]]]:
    return [execute(url, f"SELECT * FROM connecty.{each} ORDER BY key") for each in ("questions", "items")]


@pytest.mark.parametrize("granted", ["SELECT", "DELETE"])
@pytest.mark.parametrize(
    "what",
    [{"older_than": "2099-01-01"}, {"containing": "canary"}, {"batch": "batch"}],
    ids=["age", "text", "batch"],
)
def test_without_the_right_to_delete(
    server: Script,
    running: PostgresServer,
    database: Any,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: dict[str, str],
    granted: str,
) -> None:
    """Of both tables or one: an error says which, and rows, kept answers and the parts of batches stay."""
    monkeypatch.chdir(home)
    create_role(database, "may LOGIN")
    database.execute(schema.ddl("connecty", "may").partition("COMMIT")[0] + "COMMIT")
    database.execute(f"GRANT {granted} ON connecty.items TO may")
    url, owner = running.url("store", user="may"), running.url("store")
    with client(server, url, ANSWER, keep_answers=True) as asking:
        cf.ask_batch({"a": "the canary?"}, "batch", client=asking, progress=False)
        asking.ask("where is the canary?")
    before = tables(owner)
    cf.configure(history=url)

    with pytest.raises(
        cf.ConfigError, match=r"permission denied for table (questions|items); .* DELETE to erase"
    ):
        cf.forget(**what)  # type: ignore[arg-type]
    assert tables(owner) == before
    assert answers_beside(store(url)).execute("SELECT count(*) FROM answers").rows == [(1,)]
    assert cf.open_batch("batch").to_dataset().count_rows() == 1


def test_a_role_that_erases(server: Script, running: PostgresServer, database: Any, home: Path) -> None:
    """It may do that, and may not ask."""
    create_role(database, "clears LOGIN")
    database.execute(schema.ddl("connecty", erases="clears").partition("COMMIT")[0] + "COMMIT")
    owner, url = running.url("store"), running.url("store", user="clears")
    with client(server, owner, ANSWER) as asking:
        cf.ask_batch(["the canary?"], home / "batch", client=asking, progress=False)
        asking.ask("where is the canary?")

    assert forget_in(resolve(history=url), None, "2099-01-01") == 2
    assert found(owner, home) == ["batch/parts/000001.parquet"]
    with (
        client(server, url, history_required=True) as asking,
        pytest.raises(cf.ConfigError, match="permission denied for table questions"),
    ):
        asking.ask("how many?")


@pytest.mark.parametrize(
    ("body", "message"),
    [("RAISE ''no''", "cannot be used: no"), ("RETURN NULL", "[12] rows? kept by a policy or trigger")],
    ids=["raises", "keeps"],
)
def test_an_erasure_that_fails_half_way(
    server: Script, url: str, home: Path, database: Any, body: str, message: str
) -> None:
    """The questions of a batch, which are changed first, are as they were; its parts and kept answers too."""
    with client(server, url, ANSWER, keep_answers=True) as asking:
        cf.ask_batch(["the canary?"], home / "batch", client=asking, progress=False)
        asking.ask("where is the canary?")
    before = tables(url)
    database.execute(f"CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {body}; END'")
    database.execute(
        "CREATE TRIGGER no BEFORE DELETE ON connecty.questions FOR EACH ROW EXECUTE FUNCTION no()"
    )
    for what in ((None, "2099-01-01"), (None, None, home / "batch")):
        with pytest.raises(cf.ConfigError, match=message):
            forget_in(resolve(history=url), *what)
        assert tables(url) == before
        assert answers_beside(store(url)).execute("SELECT count(*) FROM answers").rows == [(1,)]
    cf.configure(history=url)
    assert cf.open_batch(home / "batch").to_dataset().count_rows() == 1


def test_statements_together(place: str) -> None:
    """If one fails, none of them has an effect, and later statements have theirs."""
    database = store(place)
    add = "INSERT INTO items (batch, number, key, question, digest) VALUES ('b', ?, ?, '', '')"
    with database:
        database.execute("SELECT 1")
        changed = list[int]()
        two = [(add, (1, "one")), (add, (2, "two"))]
        database.execute_together(two, lambda results: changed.extend(each.changed for each in results[-2:]))
        assert changed == [1, 1]
        deleted = ("DELETE FROM items", ())
        with pytest.raises(StoreError):
            database.execute_together([deleted, ("DELETE FROM nothing", ())], print)
        with pytest.raises(ZeroDivisionError):
            database.execute_together([deleted], lambda _: divmod(1, 0))
        database.execute(add, (3, "three"))
    found = execute(place, "SELECT key FROM connecty.items ORDER BY number")
    assert found == [("one",), ("two",), ("three",)]


def test_rows_that_moved(tmp_path: Path) -> None:
    """A row that grows moves to another page; no copy of it is left."""
    place, now, sizes = str(tmp_path / "history.sqlite3"), datetime.now(UTC), random.Random(5)
    found, numbers = history(place), list(range(300))
    for number in numbers:
        bird = "sparrow" if number % 5 else "canary"
        question = f"where is a {bird} {number}?{' please' * sizes.randrange(12)}"
        row = found.sent(Asked(question, 13), asked_at=now)
        assert row is not None
        found.accepted(row, f"q{number}", asked_at=now, now=now)
    sizes.shuffle(numbers)
    for number in numbers:
        sql, summary = "x" * sizes.randrange(4000), "y" * sizes.randrange(1300)
        found.ended(f"q{number}", "COMPLETED", now=now, sql_query=f"SELECT {sql}", response_summary=summary)
    found.close()

    assert forget_text(place, "canary") == 60
    assert b"canary" not in Path(place).read_bytes()


def test_a_file_that_others_read(server: Script, home: Path) -> None:
    """A warning says that text may remain in it; the next erasure removes it."""
    place = str(home / "history.sqlite3")
    with client(server, place, ANSWER) as asking:
        asking.ask("where is the canary?")
    with locked(Path(place), "DEFERRED") as other:
        other.execute("SELECT * FROM questions").fetchall()
        with pytest.warns(cf.HistoryWarning, match=r"may remain in .* \(it is being read\): end the other"):
            assert forget_text(place, "canary") == 1
        assert found(place, home) == ["history.sqlite3"]
    assert forget_text(place, "canary") == 0
    assert found(place, home) == []


def add(place: str, state: str = "COMPLETED", **values: str) -> None:
    store(place).execute(
        f"INSERT INTO questions (question, base_url, dw_id, client, asked_at, state, {', '.join(values)}) "
        f"VALUES ('q', 'u', '1', 'c', 1, '{state}', {', '.join('?' * len(values))})",
        tuple(values.values()),
    )


def forget_text(place: str, text: Any, **options: Any) -> Any:
    return forget_in(resolve(history=place), None, None, None, text, **options)


@pytest.mark.parametrize(
    ("column", "value", "is_found"),
    [
        ("sql_query", "SELECT * FROM p WHERE name = 'ANNA KOWALSK\u00c1'", True),
        ("sql_query", "SELECT * FROM p WHERE name LIKE 'Anna%'", False),
        ("response_summary", "Anna Kowalska\u0301 has 3 orders", True),
        ("response_summary", "Anna Kowalska has 3 orders", False),
        ("error", r'{"message": "no person Anna Kowalsk\u00e1"}', True),
        ("error", r'{"body": "{\"message\": \"Anna\\u0020Kowalsk\\u00e1\"}"}', True),
        ("tags", '{"for": "anna kowalsk\u00e1"}', True),
        ("sql_query", "SELECT * FROM p WHERE name = 'Anna\n  \uff2bowalsk\u00e1'", True),
        ("sql_query", r"SELECT U&'Anna Kowalsk\00E1', U&'Ann\+00006F'", True),
        ("sql_query", r"SELECT E'Anna Kowalsk\xe1'", True),
        ("sql_query", r"SELECT E'Anna Kowalsk\xc3\xa1'", True),
        ("sql_query", r"SELECT E'Anna Kowalsk\U000000e1'", True),
        ("sql_query", r"SELECT E'Anna Kowalsk\U99999999'", False),
        ("error", f"Anna Kowalsk{4 * chr(92)}u00e1", True),
        ("error", f"Anna Kowalsk{64 * chr(92)}u00e1", True),
    ],
)
def test_a_text(place: str, column: str, value: str, is_found: bool) -> None:
    """It is found in any case, normal form and white space, escaped in JSON and SQL, but literally."""
    add(place, key="k", **{column: value})
    expected = [(1, "q")] if is_found else []

    for text in ("Anna Kowalsk\u00e1", "anna kowalska\u0301"):
        erased = forget_text(place, text, dry_run=True)
        assert (erased, erased.found, erased.kept) == (len(expected), expected, 0)
    assert forget_text(place, "Anna Kowalsk\u00e1") == is_found
    assert execute(place, "SELECT count(*) FROM connecty.questions") == [(1 - is_found,)]


def test_marks_in_a_text(place: str) -> None:
    """Quotation marks are found as JSON and SQL escape them; there are no wildcards, and no other columns."""
    quoted = {
        "4": 'say ""hi"" to O\'Neil',
        "5": r"'say \u0022hi\u0022 to O\'Neil",
        "6": "\\ud83d\\ude00 \U0001f600",
    }
    plain = {"1": r"say \"hi\" to O''Neil", "2": 'say "hi" to O', "3": "100%"}
    for key, value in {**plain, **quoted}.items():
        add(place, key=key, sql_query=value)

    assert [forget_text(place, text) for text in ("%hi_", "completed", "none")] == [0, 0, 0]
    assert forget_text(place, 'say "hi" to O\'Neil') == 3
    assert forget_text(place, "\U0001f600 \U0001f600") == 1
    assert forget_text(place, "00%") == 1
    assert execute(place, "SELECT key FROM connecty.questions") == [("2",)]


@pytest.mark.parametrize("state", ["SENT", "ASKED", "UNCERTAIN"])
def test_a_text_of_an_unfinished_question(server: Script, url: str, home: Path, state: str) -> None:
    """It is kept and counted, with its place in a batch; earlier rows of the same question are erased."""
    with client(server, url, ANSWER) as asking:
        cf.ask_batch(["the canary?"], home / "batch", client=asking, progress=False)
        asking.ask("where is the canary?")
    ((key,),) = execute(url, "SELECT key FROM connecty.items WHERE number = 1")
    add(url, state, key=key)
    before = tables(url)[1]
    erased = forget_text(url, "CANARY")

    assert (erased, erased.kept) == (2, 1)
    assert execute(url, "SELECT state, question FROM connecty.questions") == [(state, "q")]
    assert tables(url)[1] == before


def test_a_text_of_a_batch(server: Script, url: str, home: Path) -> None:
    """Its questions and names are erased, even of questions not asked yet; the batch asks none again."""
    folder = home / "batch"
    questions = {"canary": "how many?", "b": "the canary?", "c": "who?", "d": "a third canary?"}
    with client(server, url) as asking:
        cf.ask_batch(questions, folder, client=asking, progress=False, max_workers=1, max_questions=3)
        erased = forget_text(url, "canary", dry_run=True)
        assert (erased, erased.found) == (
            3, [(1, "how many?"), (2, "the canary?"), (None, "a third canary?")],
        )  # fmt: skip
        erased = forget_text(url, "canary")
        assert (erased, [path.name for path in erased.files]) == (
            3, ["000001-canary.parquet", "000002-b.parquet"],
        )  # fmt: skip
        assert erased.not_searched.startswith("answers kept for other questions or on other machines, ")
        assert [path for path in found(url, home) if path in {"items", "questions"}] == []
        del questions["d"]
        batch = cf.ask_batch(questions, folder, client=asking, progress=False)
    assert batch.summary() == BatchSummary(3, answered=3)
    assert len(server.questions) == 3


def index_of(place: str, folder: Path) -> str:
    return place if place.startswith("postgresql:") else str(folder / "index.sqlite3")


def test_a_text_of_a_running_batch(server: Script, place: str, home: Path) -> None:
    """A question that is erased before its turn is not asked; the next call asks it, and no other."""
    questions, folder, erased = ["how many?", "the canary?", "who?"], home / "batch", list[Any]()

    def erase() -> None:
        if not erased:
            erased.append(forget_text(index_of(place, folder), "canary"))

    with client(server, place) as asking:
        server.on("results", server.after(erase, server.answer(200, ANSWER)))
        batch = cf.ask_batch(questions, folder, client=asking, progress=False, max_workers=1)
        assert (erased, batch.summary()) == ([1], BatchSummary(2, answered=2))
        assert server.questions == ["how many?", "who?"]
        batch = cf.ask_batch(questions, folder, client=asking, progress=False)
    assert (batch.summary(), batch.to_dataset().count_rows()) == (BatchSummary(3, answered=3), 3)
    assert server.questions == ["how many?", "who?", "the canary?"]


@pytest.mark.parametrize(
    ("what", "expected"),
    [((None, None, None, "canary"), 0), ((None, "2099-01-01"), 0), ((1, None), 1)],
    ids=["text", "age", "number"],
)
def test_an_answer_that_is_not_in_its_part_yet(
    server: Script,
    place: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: tuple[Any, ...],
    expected: int,
) -> None:
    """Its question is kept, unless it is named: then its part is erased, and the next call asks again."""
    done, erased, folder = Index.done, list[Any](), home / "batch"

    def late(index: Index, key: str, outcome: str | None) -> bool:
        erased.append(forget_in(resolve(history=index_of(place, folder)), *what))
        return done(index, key, outcome)

    with client(server, place, ANSWER) as asking:
        with monkeypatch.context() as patching:
            patching.setattr(Index, "done", late)
            batch = cf.ask_batch(["the canary?"], folder, client=asking, progress=False)
        assert (erased, erased[0].kept) == ([expected], int(what[-1] == "canary"))
        assert batch.summary().answered == len([*(folder / "parts").iterdir()]) == 1 - expected
        batch = cf.ask_batch(["the canary?"], folder, client=asking, progress=False)
    assert (batch.summary(), batch.to_dataset().count_rows()) == (BatchSummary(1, answered=1), 1)
    assert len(server.questions) == 1 + expected


def test_many_rows_with_a_text(place: str) -> None:
    """There may be more than a statement can name, on several pages."""
    add(place, key="0")
    execute(
        place,
        "INSERT INTO connecty.questions (key, question, base_url, dw_id, client, state, asked_at) "
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
        "SELECT 'k' || i, CASE WHEN i < 1202 THEN 'a canary' ELSE 'q' END, 'u', '1', 'c', 'FAILED', 1 FROM n",
    )
    assert forget_text(place, "CANARY") == 1201
    assert execute(place, "SELECT count(*) FROM connecty.questions") == [(1800,)]


@pytest.mark.parametrize("text", ["", "an", "  a  ", 5])
def test_a_text_that_is_too_short(place: str, text: object) -> None:
    """It is refused, since it would be in most questions."""
    with pytest.raises(cf.ConfigError, match="expected text of 3 characters or more"):
        forget_text(place, text)


def test_a_dry_run(server: Script, url: str, home: Path) -> None:
    """It lists what each way would erase, and erases nothing."""
    with client(server, url, ANSWER) as asking:
        asking.ask("where is the canary?")
        cf.ask_batch(["the canary?"], home / "batch", client=asking, progress=False)
    one, other = (1, "where is the canary?"), (2, "the canary?")
    expected: dict[tuple[Any, ...], list[tuple[int, str]]] = {
        (1, None): [one],
        (None, "2099-01-01"): [one, other],
        (None, None, home / "batch"): [other],
        (None, None, None, "where is"): [one],
    }
    before = tables(url)
    for what, listed in expected.items():
        erased = forget_in(resolve(history=url), *what, dry_run=True)
        assert (erased, erased.found) == (len(listed), listed)
    assert tables(url) == before
    assert (home / "batch" / "parts" / "000001.parquet").exists()


def test_the_files_of_postgresql(running: PostgresServer, url: str, database: Any) -> None:
    """VACUUM leaves the text in them; what the page says removes it, except from the write-ahead log."""
    data = running.folder / "data"

    def having() -> set[str]:
        database.execute("CHECKPOINT")
        files = [path for path in data.rglob("*") if path.is_file() and b"Quokkawska" in path.read_bytes()]
        return {path.relative_to(data).parts[0] for path in files}

    for number in range(300):
        add(url, key=f"k{number}", error="Anna Quokkawska" if number % 9 else "")
    database.execute("ANALYZE")
    assert forget_text(url, "quokkawska") == 266
    close_databases()
    database.execute("VACUUM")
    assert having() == {"base", "pg_wal"}
    database.execute("VACUUM (FULL, ANALYZE) connecty.questions, connecty.items")
    database.execute("VACUUM FULL pg_statistic")
    assert having() == {"pg_wal"}
