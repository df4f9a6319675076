"""A folder that somebody else may have written: nothing outside is written, read, erased or connected to."""

import json
import os
import socket
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.batch.index import digest
from connecty_frames.client import Client
from connecty_frames.records import forget_in
from connecty_frames.settings.sources import resolve
from connecty_frames.store.database import close_databases

QUESTIONS = [("a", "how many?"), ("b", "who?")]
#: Values of an item, and of a row, that no client writes.
ITEMS = {
    "name": ["x/../../../../elsewhere/sales", "../../a", "..", "", "a\x1b[2K", "CON:", "a" * 101, b"a"],
    "number": ["../x", b"1", 1.5, 2**62],
    "key": [b"k"],
    "question": [b"who?"],
    "outcome": [b"PART"],
}
ROWS = {
    "question_id": ["../../admin", b"id"],
    "state": ["DONE", b"ASKED"],
    "asked_at": [2**62, "now"],
    "base_url": [b"u"],
    "dw_id": ["13/../7"],
}
#: The beginning of a journal, and its end if it names a file.
MAGIC = bytes.fromhex("d9d505f920a163d7")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    place = tmp_path / "elsewhere"
    place.mkdir()
    (place / "sales.parquet").write_bytes(b"precious" * 1000)
    return place


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    before = contents()
    yield
    close_databases()
    assert contents() == before


def change(path: Path, *statements: str, parameters: tuple[object, ...] = ()) -> None:
    close_databases()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement, parameters)


def rewrite(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / "batch.json").read_text())
    (folder / "batch.json").write_text(json.dumps({**manifest, **changes}))


def forget(folder: Path) -> object:
    return forget_in(resolve(), None, None, folder)


def readers(folder: Path, ask: Any, client: Client) -> list[Callable[[], object]]:
    batch = cf.open_batch(folder)
    return [
        batch.summary, batch.errors, batch.parts, batch.to_dataset,
        lambda: batch.refetch(client=client, progress=False),
        lambda: ask(QUESTIONS), lambda: ask(QUESTIONS, retry_failed=True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        (table, column, value)
        for table, columns in (("items", ITEMS), ("questions", ROWS))
        for column, values in columns.items()
        for value in values  # type: ignore[attr-defined]
    ],
)
def test_a_value_that_no_client_writes(
    ask: Any, client: Client, service: Any, folder: Path, elsewhere: Path, table: str, column: str, value: Any
) -> None:
    """A ConfigError in every reader; nothing is asked, no path is returned. It can be erased."""
    for path in ask(QUESTIONS).parts().values():
        path.unlink()  # would be written anew
    where = "number = 1" if table == "items" else "question = 'how many?'"
    change(folder / "index.sqlite3", f"UPDATE {table} SET {column} = ? WHERE {where}", parameters=(value,))
    with unchanged(elsewhere):
        for call in readers(folder, ask, client):
            with pytest.raises(
                cf.ConfigError, match=f"cannot be used: no client writes .* as the {column} of"
            ):
                call()
        assert service.asked == {"how many?": 1, "who?": 1}
        forget(folder)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("folded = 'c' WHERE number = 1", "has a name that differs from 'c' only in case"),
        ("number = 'x' WHERE number = 1", "no client writes 'x' as the number"),
        (f"batch = 'x', key = '{digest('name', 'c')}' WHERE number = 1", "it takes no new questions"),
    ],
)
def test_an_index_that_takes_no_question(
    ask: Any, service: Any, folder: Path, changes: str, message: str
) -> None:
    """An error where an insertion would be tried forever."""
    for path in ask(QUESTIONS).parts().values():
        path.unlink()
    change(folder / "index.sqlite3", f"UPDATE items SET {changes}")
    with pytest.raises(cf.ConfigError, match=message):
        ask([("c", "why?")])
    assert service.asked == {"how many?": 1, "who?": 1}


@pytest.mark.parametrize("name", ["batch.json", "index.sqlite3", "parts", "parts/000001-a.parquet"])
def test_a_link_out_of_the_folder(
    ask: Any, client: Client, service: Any, folder: Path, elsewhere: Path, name: str
) -> None:
    """It is not followed by a call that reads, writes or erases what it leads to; nothing is asked."""
    ask(QUESTIONS)
    calls = readers(folder, ask, client)
    close_databases()
    (folder / name).rename(elsewhere / "target")
    (folder / name).symlink_to(elsewhere / "target")
    message = rf": a link leads {name}.* elsewhere\. Remove the link"
    with unchanged(elsewhere):
        for call in calls[2 if name.startswith("parts") else 0 :]:
            with pytest.raises(cf.ConfigError, match=message):
                call()
        if "/" in name:
            forget(folder)
            assert not folder.exists()
        else:
            with pytest.raises(cf.ConfigError, match=message):
                forget(folder)
    assert service.asked == {"how many?": 1, "who?": 1}


def test_folders_with_the_names_of_files(ask: Any, folder: Path) -> None:
    """They are not parts or indexes, and stay when the batch is erased."""
    ask([("a", "how many?")])
    names = {"parts/000001-b.parquet", "index.sqlite3.d"}
    for name in names:
        (folder / name).mkdir()
    forget(folder)
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")} == names


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_in_place_of_a_part(ask: Any, service: Any, folder: Path) -> None:
    """It is reported once the parts are read, and never waited for."""
    ask(QUESTIONS)
    part = folder / "parts" / "000001-a.parquet"
    part.unlink()
    os.mkfifo(part)
    batch = ask(QUESTIONS)
    with pytest.raises(cf.ConfigError, match=r"000001-a\.parquet cannot be read \(.*Not a regular file"):
        batch.to_dataset()
    assert service.asked == {"how many?": 1, "who?": 1}


def test_links_of_what_is_missing(ask: Any, service: Any, folder: Path, elsewhere: Path) -> None:
    """Nothing is made or erased where they lead: a part, an index, or answers beside it."""
    ask([("a", "how many?")])
    (folder / "parts" / "000002-b.parquet").symlink_to(elsewhere / "b.parquet")
    (folder / "index-answers.sqlite3").symlink_to(elsewhere / "answers")
    with unchanged(elsewhere):
        with pytest.raises(cf.ConfigError, match="part 000002 exists"):
            ask(QUESTIONS)
        with pytest.raises(cf.ConfigError, match=r"a link leads index-answers\.sqlite3 elsewhere"):
            forget(folder)
        for path in folder.glob("*.*"):
            path.unlink()
        (folder / "index.sqlite3").symlink_to(elsewhere / "index")
        with pytest.raises(cf.ConfigError, match=r"a link leads index\.sqlite3 elsewhere"):
            ask(QUESTIONS)
    assert service.asked == {"how many?": 1}


def test_a_journal_that_names_a_file(ask: Any, folder: Path, elsewhere: Path) -> None:
    """SQLite would delete the file once it has used the journal, by which it finishes what was cut off."""
    ask(QUESTIONS)
    close_databases()
    named = os.fsencode(elsewhere / "sales.parquet")
    pages = (folder / "index.sqlite3").stat().st_size // 4096
    header = (MAGIC + struct.pack(">5I", 0, 1, pages, 512, 4096)).ljust(512, b"\0")
    end = struct.pack(">2I", len(named), sum(named)) + MAGIC
    journal = header + struct.pack(">I", 2**30 // 4096 + 1) + named + end
    (folder / "index.sqlite3-journal").write_bytes(journal)
    with unchanged(elsewhere), pytest.raises(cf.ConfigError, match="its journal names another file"):
        cf.open_batch(folder)
    (folder / "index.sqlite3-journal").write_bytes(header)  # as a killed process leaves it
    assert cf.open_batch(folder).summary().answered == 2


STORE = "postgresql://analytics@127.0.0.1:{}/connecty"


def test_a_server_of_the_manifest_alone(
    ask: Any, client: Client, service: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is connected to, since it would get the password; the parts can be read."""
    pytest.importorskip("psycopg")
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    parts = ask(QUESTIONS).parts()
    batch = cf.open_batch(folder)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        rewrite(folder, store=STORE.format(server.getsockname()[1]))
        for call in (
            lambda: cf.open_batch(folder), lambda: forget(folder), batch.summary, batch.parts, batch.errors,
            batch.to_dataset, lambda: batch.refetch(client=client), lambda: ask(QUESTIONS),
        ):  # fmt: skip
            with pytest.raises(
                cf.ConfigError, match=r"has a batch with store='postgresql://.*, but now it is None"
            ):
                call()
        with pytest.raises(BlockingIOError):
            server.accept()
    assert cf.read_parquet(parts["a"]).shape == (1, 1)
    assert service.asked == {"how many?": 1, "who?": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"store": 5},
        {"store": True},
        {"store": "/a/file"},
        {"store": "postgresql://a:hunter2@db.example.com/connecty"},
        {"store": "postgresql://a@db.example.com/connecty?sslmode=disable"},
        {"store": "postgresql://a@db.example.com/connecty", "batch": ""},
        {"store": "postgresql://a@db.example.com/connecty", "batch": 5},
        {"store_id": None},
        {"dw_id": "13/../7"},
        {"dw_id": None},
        {"client": 5},
        {"base_url": ["a"]},
        {"store_id": "a\0"},
        {"batch": "\ud800"},
    ],
    ids=str,
)
def test_a_manifest_that_no_client_writes(
    ask: Any, service: Any, folder: Path, changes: dict[str, Any]
) -> None:
    """It is damaged, whoever reads it, and no value is shown, which may be a password."""
    ask(QUESTIONS)
    rewrite(folder, **changes)
    for call in (lambda: cf.open_batch(folder), lambda: ask(QUESTIONS, client_changed=True)):
        with pytest.raises(cf.ConfigError, match=r"batch\.json is damaged") as caught:
            call()
        assert "hunter2" not in str(caught.value)
    (folder / "batch.json").unlink()
    (folder / "batch.json").mkdir()
    with pytest.raises(cf.ConfigError, match=r"batch\.json cannot be read"):
        cf.open_batch(folder)
    assert service.asked == {"how many?": 1, "who?": 1}


@pytest.mark.parametrize(
    ("column", "value"), [("question", "what?"), ("base_url", "https://eu.example.com"), ("dw_id", "14")]
)
def test_the_row_of_another_question(ask: Any, service: Any, folder: Path, column: str, value: str) -> None:
    """Its answer is not fetched by the key alone; that of the text in other spaces, or of none, is."""
    path = ask(QUESTIONS).parts()["a"]
    where = "question IN ('how many?', ' how  many? ')"
    for text in (" how  many? ", ""):
        change(folder / "index.sqlite3", f"UPDATE questions SET question = '{text}' WHERE {where}")
        path.unlink()
        ask(QUESTIONS)
        assert cf.metadata(cf.read_parquet(path), required=True).question == "how many?"
    path.unlink()
    change(folder / "index.sqlite3", f"UPDATE questions SET {column} = '{value}' WHERE question = ''")
    with pytest.raises(
        cf.ConfigError, match="has the key of question 1, but not its text, address and workspace"
    ):
        ask(QUESTIONS)
    assert service.asked == {"how many?": 1, "who?": 1}
    assert service.fetched["how many?"] == 3
