"""A disk that is full, or fills up while a question is asked: a small file system in memory."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.batch import BatchSummary
from connecty_frames.client import Client
from connecty_frames.store.table import COLUMNS, read_records, store_at
from tests.servers import programs
from tests.servers.scripted import QUESTION_ID, Script

#: Texts that hardly compress.
ROWS = [[hashlib.sha256(bytes([each % 256, each // 256])).hexdigest()] for each in range(5_000)]
ANSWER = {"state": "COMPLETED", "results": {"dataframe": [["n"], *ROWS]}}


class Disk:
    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        with (self.path / "filler").open("ab", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass

    def free(self) -> None:
        (self.path / "filler").unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if sys.platform != "linux":
        pytest.skip("mounts a file system of Linux")
    programs.run_privileged("mount", "-t", "tmpfs", "-o", "size=2m", "none", str(tmp_path))
    try:
        yield Disk(tmp_path)
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@pytest.fixture
def settings(server: Script) -> dict[str, Any]:
    server.on("results", server.answer(200, ANSWER))
    return {"client_id": "id", "client_secret": "secret", "base_url": server.address, "dw_id": 13}


def states(path: Path) -> list[tuple[str, str | None]]:
    columns = COLUMNS.index("state"), COLUMNS.index("question_id")
    return [(row[columns[0]], row[columns[1]]) for row in read_records(store_at(path))]


pytestmark = pytest.mark.filterwarnings("ignore::connecty_frames.TruncationWarning")


@pytest.mark.parametrize("promise", ["require", "max_age", "batch"])
def test_a_disk_that_is_full(
    server: Script, settings: dict[str, Any], disk: Disk, promise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked that could not be recorded where that is promised; once there is room, it is."""
    monkeypatch.setenv("XDG_STATE_HOME", str(disk.path))
    history = {"require": "require", "max_age": disk.path / "h.sqlite3", "batch": None}[promise]

    def ask() -> None:
        with Client(**settings, history=history) as client:
            if promise == "batch":
                assert cf.ask_batch(["a"], disk.path / "b", client=client, progress=False).summary().answered
            else:
                assert client.ask("a", max_age=60 if promise == "max_age" else None).rows == 5_000

    disk.fill()
    with pytest.raises(cf.ConfigError, match=r"disk is full|No space left on device"):
        ask()
    assert server.questions == []
    disk.free()
    ask()

    assert server.questions == ["a"]


def test_a_disk_that_fills_up_before_the_id_arrives(
    server: Script, settings: dict[str, Any], disk: Disk
) -> None:
    """The id is recorded in room that was kept for it, so that another process fetches the answer."""
    path = disk.path / "h.sqlite3"
    server.on("ask", server.after(disk.fill, server.answer(202, {"question_id": QUESTION_ID})))
    with Client(**settings, history=path) as client:
        client.submit("a")
        assert states(path) == [("ASKED", QUESTION_ID)]
        with pytest.raises(cf.ConfigError, match=r"disk is full|No space left on device"):
            client.ask("b", max_age=60)
    disk.free()
    with Client(**settings, history=path) as client:
        assert client.ask("a", max_age=60).metadata.reused

    assert server.questions == ["a"]


@pytest.mark.parametrize("moment", ["ask", "results"])
def test_a_part_without_room(server: Script, settings: dict[str, Any], disk: Disk, moment: str) -> None:
    """The error has the id, no more is asked, and the next call fetches the answer."""
    steps = {"ask": server.answer(202, {"question_id": QUESTION_ID}), "results": server.answer(200, ANSWER)}
    server.on(moment, server.after(disk.fill, steps[moment]), steps[moment])
    with Client(**settings) as client:
        folder = disk.path / "b"
        with pytest.raises(cf.WriteFailed, match=r"000001\.parquet \(No space left on device\)") as caught:
            cf.ask_batch(["a", "b"], folder, client=client, progress=False, max_workers=1)
        assert caught.value.question_id == QUESTION_ID
        assert server.questions == ["a"]
        disk.free()
        batch = cf.ask_batch(["a", "b"], folder, client=client, progress=False, max_workers=1)

    assert batch.summary() == BatchSummary(total=2, answered=2)
    assert server.questions == ["a", "b"]


def test_a_kept_answer_without_room(server: Script, settings: dict[str, Any], disk: Disk) -> None:
    """The call has its answer, with a warning, and the file is not taken for a damaged one."""
    server.on("results", server.after(disk.fill, server.answer(200, ANSWER)), server.answer(200, ANSWER))
    with Client(**settings, history=disk.path / "h.sqlite3", keep_answers=True) as client:
        with pytest.warns(cf.HistoryWarning, match=r"kept answers .* disk is full|No space left on device"):
            assert client.ask("a", max_age=60).rows == 5_000
        disk.free()
        assert client.ask("a", max_age=60).metadata.reused
    assert list(disk.path.glob("*damaged*")) == []
    assert server.questions == ["a"]


@pytest.mark.parametrize("call", ["frame", "response"])
def test_a_file_without_room(settings: dict[str, Any], disk: Disk, call: str) -> None:
    """The error has the id; an existing file stays as it was."""
    path = disk.path / "answer"
    path.write_text("before")
    with Client(**settings) as client:
        answer = client.ask("a")
        disk.fill()
        with pytest.raises(cf.WriteFailed, match="Fetch it again by its id at no cost") as caught:
            answer.to_pandas().connecty.to_parquet(path) if call == "frame" else answer.to_json(path)
    assert caught.value.question_id == QUESTION_ID
    assert path.read_text() == "before"
