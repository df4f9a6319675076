"""The queries and the alert of the page on operations, against a store that clients have filled."""

import shlex
import subprocess
from collections import Counter
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest

from connecty_frames.options import Asked
from connecty_frames.store import schema
from connecty_frames.store.table import RecordState, set_limit
from tests.servers.postgres import PostgresServer
from tests.store.stores import create_role, history, store
from tests.verification.examples import ROOT, blocks

PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
QUERIES = [each.text for each in blocks(PAGE) if each.language == "sql" and each.text.startswith("SELECT")]
BY_DAY, IN_DOUBT, REACHED = QUERIES


@pytest.fixture
def filled(running: PostgresServer, database: Any) -> str:
    """Fill a store with two limits, one of them reached; return its URL for a role that reads."""
    url = running.url("store")
    create_role(database, "reads LOGIN")
    for statement in schema.ddl("connecty", reads="reads").split(";\n"):
        if statement.strip() and statement not in {"BEGIN", "COMMIT"}:
            database.execute(statement)
    found, now = history(url), datetime.now(UTC)
    states = {"q1": None, "q2": RecordState.UNCERTAIN, "q3": RecordState.REJECTED, "q4": None, "q5": None}
    for question, state in states.items():
        tags = None if question == "q5" else {"job": "nightly"}
        row = found.sent(Asked(question, 13, tags=tags), asked_at=now)
        if state is None:
            found.accepted(row, f"id of {question}", asked_at=now, now=now)
        else:
            found.not_accepted(row, state, "why", now=now)
    found.ended("id of q1", RecordState.COMPLETED, now=now)
    found.reused("id of q1")
    found.close()
    database.execute("UPDATE connecty.questions SET asked_at = asked_at - 7200000000 WHERE question = 'q4'")
    set_limit(store(url), "nightly", 3, "ops")
    set_limit(store(url), "*", 5, "ops")
    return running.url("store", user="reads")


def test_the_queries(filled: str) -> None:
    """Questions by job, those in doubt, and the limit that is reached, for a role that only reads."""
    with pytest.importorskip("psycopg").connect(filled) as connection:
        numbers, reuses = Counter[str | None](), Counter[str | None]()
        for day, job, number, reused in connection.execute(BY_DAY).fetchall():
            assert day.astimezone(UTC).time() == time()
            numbers[job] += number
            reuses[job] += reused
        assert (numbers, reuses) == ({"nightly": 3, None: 1}, {"nightly": 1, None: 0})
        doubts = [(row[1], row[-1]) for row in connection.execute(IN_DOUBT).fetchall()]
        assert doubts == [("ASKED", "q4"), ("UNCERTAIN", "q2")]
        assert connection.execute(REACHED).fetchall() == [("nightly", 3, "ops", 3)]


def test_the_alert(filled: str, running: PostgresServer, tmp_path: Path) -> None:
    """It prints a line for a limit that is reached, and nothing without one."""
    (crontab,) = [block.text for block in blocks(PAGE) if "MAILTO" in block.text]
    (tmp_path / "limits-reached.sql").write_text(REACHED)
    command = shlex.split(crontab.splitlines()[1].replace("*/10 * * * *", ""))
    command = [str(running.programs / "psql"), *command[1:-1], filled]
    for number, printed in ((3, "nightly|3|ops|3\n"), (4, "")):
        set_limit(store(running.url("store")), "nightly", number, "ops")
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        assert (done.stdout, done.stderr) == (printed, "")
