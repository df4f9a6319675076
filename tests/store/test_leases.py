"""Leases are renewed while a question is being sent, and by nobody else."""

import gc
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connecty_frames.options import Asked
from connecty_frames.store import leases
from connecty_frames.store.history import History
from connecty_frames.store.table import RecordState, store_at
from tests.servers.scripted import Script
from tests.servers.timing import until
from tests.store import stores

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "PAUSE", 0.02)
    monkeypatch.setattr(leases, "renewals", leases.Renewals())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite3"


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    found = stores.history(store_at(path))
    yield found
    found.close()


def lease(path: Path) -> tuple[int, int]:
    ((wall, uptime),) = store_at(path).execute("SELECT lease, lease_uptime FROM questions").rows
    return wall, uptime


def renewing() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "connecty-leases"}


def test_it_is_renewed_until_the_outcome_is_known(history: History, path: Path) -> None:
    """By one thread for all questions, which then ends."""
    others = renewing()  # which sleep, for earlier tests
    row, other = [history.sent(Asked(question, 13), asked_at=NOON) for question in ("how many?", "who?")]
    assert row is not None
    assert other is not None
    assert len(renewing() - others) == 1
    history.not_accepted(other, RecordState.REJECTED, "403", now=NOON)
    store_at(path).execute("DELETE FROM questions WHERE state = 'REJECTED'")
    before = lease(path)
    until(lambda: lease(path) > before)
    history.accepted(row, ID, asked_at=NOON, now=NOON)
    until(lambda: not renewing() - others)
    after = lease(path)
    time.sleep(0.1)

    assert lease(path) == after


def test_a_row_that_nobody_has(history: History, path: Path) -> None:
    """It is renewed no more: its sender ended without a word."""
    others = renewing()
    row = history.sent(Asked("how many?", 13), asked_at=NOON)
    begun = lease(path)
    until(lambda: lease(path) > begun)
    del row
    gc.collect()
    until(lambda: not renewing() - others)


@pytest.mark.slow
def test_a_file_that_is_locked(history: History, path: Path) -> None:
    """The thread goes on, and renews once it is free."""
    row = history.sent(Asked("how many?", 13), asked_at=NOON)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    time.sleep(1.5)  # longer than a statement waits
    locked = lease(path)
    other.execute("ROLLBACK")
    other.close()
    until(lambda: lease(path) > locked)
    assert row is not None


def test_a_file_that_is_gone(history: History, path: Path) -> None:
    """It is not begun anew by the thread, which goes on."""
    before = renewing()
    row = history.sent(Asked("how many?", 13), asked_at=NOON)
    for each in list(path.parent.iterdir()):
        each.unlink()
    time.sleep(0.2)
    assert (list(path.parent.iterdir()), len(renewing() - before)) == ([], 1)
    assert row is not None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child(history: History, path: Path) -> None:
    """It renews nothing, and leaves the row to its parent."""
    row = history.sent(Asked("how many?", 13), asked_at=NOON)
    child = os.fork()
    if not child:
        found = list(leases.renewals.held)
        history.close()
        os._exit(bool(found))
    assert os.waitpid(child, 0)[1] == 0
    before = lease(path)
    until(lambda: lease(path) > before)
    assert row is not None


@pytest.mark.slow
def test_a_question_whose_reply_takes_longer_than_a_lease(
    server: Script, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays SENT for others, who share it."""
    monkeypatch.setattr(leases, "SECONDS", 0.5)
    server.on("ask", server.delayed(1.5, server.answer(202, {"question_id": ID})))
    with stores.client(server, path) as client:
        done = client.ask_many(["how many?"] * 3, max_age=60)
    assert [each.result().rows for each in done] == [1, 1, 1]
    assert server.questions == ["how many?"]


@pytest.mark.slow
def test_it_does_not_keep_a_process_alive(server: Script, path: Path) -> None:
    """One whose question hangs in a thread ends at once."""
    server.on("ask", server.hang)
    code = """
import sys, threading, time
from connecty_frames.client import Client
client = Client("id", client_secret="s", base_url=sys.argv[1], dw_id=13, history=sys.argv[2])
threading.Thread(target=client.ask, args=("how many?",), daemon=True).start()
while not any(thread.name == "connecty-leases" for thread in threading.enumerate()):
    time.sleep(0.01)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, server.address, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
