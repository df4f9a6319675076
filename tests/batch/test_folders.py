"""What a folder must have for a batch to go on, and which damage of it is an error.

Where it is unknown what was asked, nothing may be asked: it could be paid for twice.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.batch import BatchProgress, BatchSummary
from connecty_frames.batch.erasing import forget_records
from connecty_frames.batch.index import Index, read_items
from connecty_frames.client import Client
from connecty_frames.store.table import store_at
from tests.servers.scripted import Script, serve


def test_an_index_that_is_deleted_meanwhile(ask: Any, service: Any, folder: Path) -> None:
    """No new one is begun, in which other processes would find nothing that was asked."""

    def delete(_: BatchProgress) -> None:
        for path in folder.glob("index.sqlite3*"):
            path.unlink()

    with pytest.raises(cf.ConfigError, match="it is missing"):
        ask([f"q{number}" for number in range(9)], max_workers=1, progress=delete)
    assert service.asked == {"q0": 1}
    assert not (folder / "index.sqlite3").exists()


def test_an_index_that_is_deleted_once_it_was_made(tmp_path: Path) -> None:
    """Nor is a new one begun then."""
    with Index(tmp_path / "index.sqlite3") as index:
        assert index.create() is False
        for path in tmp_path.iterdir():
            path.unlink()
        with pytest.raises(cf.ConfigError, match="it is missing"):
            index.sent()
    assert list(tmp_path.iterdir()) == []


def test_an_index_that_is_damaged_within(ask: Any, service: Any, folder: Path) -> None:
    """It is an error, and the file keeps its name, since a new one would not know what was asked."""
    index = folder / "index.sqlite3"
    ask([f"q{number}" for number in range(200)], max_questions=1)
    store_at(index).close()
    content = index.read_bytes()
    index.write_bytes(content[:4096] + bytes(len(content) - 4096))
    with pytest.raises(cf.ConfigError, match="cannot be used: database disk image is malformed"):
        ask(["how many?"])
    assert service.asked.total() == 1
    assert sorted(path.name for path in folder.iterdir() if "damaged" in path.name) == []


def test_an_index_that_is_older_than_the_parts(ask: Any, service: Any, folder: Path, tmp_path: Path) -> None:
    """It is an error: a question would be asked again, or its part replaced by that of another one."""
    index = folder / "index.sqlite3"
    ask(["a"])
    store_at(index).close()
    shutil.copy(index, tmp_path)
    ask(["a", "b"])
    store_at(index).close()
    shutil.copy(tmp_path / index.name, index)
    with pytest.raises(cf.ConfigError, match="part 000002 exists, but the index does not list its question"):
        ask(["a", "c"])

    assert service.asked == {"a": 1, "b": 1}
    assert cf.metadata(cf.read_parquet(folder / "parts" / "000002.parquet"), required=True).question == "b"


def test_a_folder_that_was_deleted(ask: Any, service: Any, folder: Path) -> None:
    """It is that of a new batch, also in a process that knew the old one."""
    ask(["how many?"])
    shutil.rmtree(folder)
    ask(["how many?"])
    assert service.asked == {"how many?": 2}


def test_a_part_that_cannot_be_fetched_again(ask: Any, service: Any) -> None:
    """It is counted and listed as what became of it, and no longer as answered."""
    batch = ask(["how many?"])
    batch.parts()[1].unlink()
    service.answers["how many?"] = service.FAILED
    ask(["how many?"])
    assert batch.summary() == BatchSummary(total=1, failed=1)
    assert batch.parts() == {}
    assert batch.errors()["state"].tolist() == ["FAILED"]


@pytest.mark.parametrize(
    ("rival", "message"),
    [
        (("a", "how much?"), "a different question named 'a'"),
        (("A", "how many?"), "differs from 'a' only in case"),
    ],
)
def test_a_name_that_another_process_gives_meanwhile(
    ask: Any, service: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, rival: Any, message: str
) -> None:
    """One of the two is refused, so that no part gets the answer to the question of the other."""
    ask([])
    missing = Index._missing

    def meanwhile(index: Index, items: Any) -> Any:
        found = missing(index, items)
        monkeypatch.undo()
        index.register(read_items([rival]), str)
        return found

    monkeypatch.setattr(Index, "_missing", meanwhile)
    with pytest.raises(cf.ConfigError, match=message):
        ask([("a", "how many?")])

    assert service.asked == {}
    assert cf.open_batch(folder).summary() == BatchSummary(total=1, unasked=1)


def test_the_index_of_another_batch(
    ask: Any, client: Client, service: Any, folder: Path, tmp_path: Path
) -> None:
    """It is refused by its id: it does not know what was asked here."""
    ask(["how many?"])
    other = cf.ask_batch(["how many?"], tmp_path / "other", client=client, progress=False).folder
    for path in (folder, other):
        store_at(path / "index.sqlite3").close()
    (folder / "index.sqlite3").write_bytes((other / "index.sqlite3").read_bytes())
    with pytest.raises(cf.ConfigError, match=r"in another store than .*index\.sqlite3.: the ids differ\."):
        ask(["how many?"])
    assert service.asked == {"how many?": 2}


def test_another_working_directory(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of a relative folder stays where it was when it was opened."""
    monkeypatch.chdir(tmp_path)
    batches = [cf.ask_batch(["a"], "nightly", client=client, progress=False), cf.open_batch("nightly")]
    monkeypatch.chdir("/")
    for batch in batches:
        assert batch.folder == tmp_path / "nightly"
        assert batch.to_dataset().count_rows() == 1


def test_a_question_that_is_erased(ask: Any, service: Any, folder: Path) -> None:
    """It is asked by the next call, and the others are not."""
    service.answers["why?"] = {"state": 1}
    ask(["why?", "who?"])
    del service.answers["why?"]
    assert forget_records(store_at(folder / "index.sqlite3"), question_id=service.question_id("why?")) == 1
    batch = ask(["why?", "who?"])
    assert service.asked == {"why?": 2, "who?": 1}
    assert batch.summary() == BatchSummary(total=2, answered=2)


def test_questions_are_registered_in_bulk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 1,000 questions, those that are new are added by statements of 140, and in order."""
    index, statements = Index(tmp_path / "index.sqlite3"), list[str]()
    index.create()
    index.register(read_items(["question 7"]), str)
    execute = index._execute

    def counted(statement: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        statements.append(statement.split(maxsplit=1)[0])
        return execute(statement, parameters)

    monkeypatch.setattr(index, "_execute", counted)
    index.register(read_items([f"question {number}" for number in range(1000)]), str)

    assert statements == ["SELECT", "SELECT", *["INSERT"] * 8, "SELECT"]
    expected = ["question 7", *(f"question {number}" for number in range(1000) if number != 7)]
    assert [entry.question for entry in index.entries()] == expected


def test_forgetting_in_an_index(ask: Any, service: Any, folder: Path) -> None:
    """What is erased by its age is not asked again if it has an answer, which is named."""
    ask(["how many?"])
    erased = forget_records(store_at(folder / "index.sqlite3"))
    assert (erased, erased.parts) == (1, [(None, 1, None)])
    assert ask(["how many?"]).summary() == BatchSummary(total=1, answered=1)
    assert service.asked == {"how many?": 1}


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
        message = r"has a batch with client=.* continue with .* client: client_changed=True \(--client-ch"
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
