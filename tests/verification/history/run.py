"""SIGKILL at random moments between a call and its answer: what the history has afterwards.

The server accepts a question some milliseconds after it arrived, and holds its reply for some more, of some
questions until the kill, so that many processes are killed in between. It answers no question before the last
process was killed.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest import mock

from connecty_frames.client import Client
from connecty_frames.settings.values import parse_setting
from connecty_frames.store import leases
from connecty_frames.store.database import close_databases
from connecty_frames.store.table import COLUMNS, RecordState, read_records, store_at
from tests.servers.timing import until
from tests.verification.namespaces import pid_namespace
from tests.verification.service import service

#: The longest pauses of the server, in seconds, before it accepts a question and before it replies; and the
#: longest between what a kill waits for and the kill.
_PAUSE: Final = 0.04


@dataclass(frozen=True)
class Record:
    """A row of the history; with what resuming it returned, None if there was no id or no right answer."""

    question: str
    question_id: str | None
    state: str
    resumed: bool = False


@dataclass
class Report:
    """What happened, and which promises were broken."""

    killed: int = 0
    foreign: int = 0
    accepted: int = 0
    recorded: int = 0
    uncertain: int = 0
    received: int = 0
    resumed: int = 0
    submissions: int = 0
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [
            f"processes   {self.killed:,} killed between call and answer",
            f"            {self.foreign:,} of them in another pid namespace {pid_namespace()[1]}".rstrip(),
            f"questions   {self.accepted:,} accepted by the server, {self.recorded:,} of them in the history",
            f"ids         {self.received:,} received, {self.resumed:,} of them resumed",
            f"uncertain   {self.uncertain:,} questions whose process was killed before it had the id",
            f"submissions {self.submissions:,} by resuming",
        ]
        return "\n".join(lines)


def run(kills: int, *, seed: int, lease: float = leases.SECONDS, place: str | None = None) -> Report:
    """Kill that many processes that ask, then resume every question that has an id once leases are over.

    ``place`` is the URL of an empty PostgreSQL database; None is a file.
    """
    moments = random.Random(seed)
    commands = [(), command] if (command := pid_namespace()[0]) else [()]
    with (
        mock.patch.object(leases, "SECONDS", lease),
        tempfile.TemporaryDirectory() as folder,
        service(seed, pause=_PAUSE) as (server, script),
    ):
        server.held = "*"
        history, received = place or str(Path(folder, "history.sqlite3")), Path(folder, "received")
        store = store_at(parse_setting("history", history, is_text=False))  # type: ignore[arg-type]
        received.touch()
        job = {"address": script.address, "history": history, "received": str(received)}
        with ExitStack() as stack:
            askers = [stack.enter_context(_asker(each)) for each in commands]
            for number in range(kills):
                question, ids = f"question {number}", received.stat().st_size
                asker = askers[number % len(askers)]
                event = moments.choice(["called", "accepted", "held", "received"])
                server.replies.clear() if event == "held" else server.replies.set()
                _tell(asker, json.dumps({**job, "question": question}))
                if event in {"accepted", "held"}:
                    until(partial(server.accepted.get, question))
                elif event == "received":
                    until(lambda: received.stat().st_size > ids)  # noqa: B023 - called at once
                time.sleep(moments.uniform(0, _PAUSE))
                _tell(asker, "kill")
        server.replies.set()
        server.held = ""
        known, before = received.read_text(encoding="utf-8").split(), server.submissions
        settings: dict[str, Any] = {"client_secret": "secret", "base_url": script.address, "dw_id": 13}
        records = []
        with Client("id", **settings, history=history) as client:
            time.sleep(lease)
            until(lambda: not read_records(store, states=[RecordState.SENT]))
            for row in read_records(store):
                found = dict(zip(COLUMNS, row, strict=True))
                question, question_id = found["question"], found["question_id"]
                resumed = question_id is not None and (
                    client.question(question_id).result().to_arrow().to_pylist() == [{"question": question}]
                )
                records.append(Record(question, question_id, found["state"], resumed=resumed))
        submissions = server.submissions - before
        close_databases()
    report = check({question: ids[-1] for question, ids in server.accepted.items()}, known, records)
    report.killed, report.submissions = kills, submissions
    report.foreign = kills // 2 if len(commands) > 1 else 0
    if report.submissions:
        report.broken.append(f"twice: resuming sent {report.submissions} questions")
    return report


def _asker(command: tuple[str, ...]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*command, sys.executable, "-m", "tests.verification.history.asker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _tell(asker: subprocess.Popen[str], line: str) -> None:
    """Give an asker a line, and wait until it has done what it says."""
    assert asker.stdin is not None
    assert asker.stdout is not None
    asker.stdin.write(f"{line}\n")
    asker.stdin.flush()
    assert asker.stdout.readline()


def check(accepted: dict[str, str], received: list[str], records: list[Record]) -> Report:
    """Compare what the server accepted, by question, and the ids that callers learned, with the history."""
    by_question = {record.question: record for record in records}
    with_id = [record for record in records if record.question_id is not None]
    report = Report(
        accepted=len(accepted),
        recorded=len(accepted.keys() & by_question.keys()),
        uncertain=sum(record.state == "UNCERTAIN" for record in records),
        received=len(with_id),
        resumed=sum(record.resumed for record in with_id),
    )
    known = {record.question_id for record in with_id}
    report.broken = [
        *(f"lost: {question!r} was accepted" for question in accepted if question not in by_question),
        *(f"lost: the id {question_id} was received" for question_id in received if question_id not in known),
        *(
            f"swapped: {record.question!r} has the id {record.question_id}"
            for record in with_id
            if accepted.get(record.question) != record.question_id
        ),
        *(f"not resumed: {record.question!r}" for record in with_id if not record.resumed),
        *(
            f"open: {record.question!r} is {record.state} without an id"
            for record in records
            if record.question_id is None and record.state != "UNCERTAIN"
        ),
        *(
            f"twice: {record.question!r} is recorded again"
            for record in records
            if by_question[record.question] is not record
        ),
    ]
    return report


def main(kills: int, seed: int, store: str) -> list[str]:
    """Kill processes that ask, and return what was lost; in PostgreSQL, by pods that share it."""
    if store == "sqlite":
        report = run(kills, seed=seed)
        print(report)
        return report.broken
    from tests.servers.postgres import postgres_server
    from tests.verification.history.shared import one_key, outages

    with postgres_server() as server:
        report = run(kills, seed=seed, place=server.url())
        print(report)
        found = [
            one_key(server, pods=8, threads=8, rounds=20, seed=seed, restarts=6),
            *(outages(server, seed=seed, times=10, required=required) for required in (True, False)),
        ]
    print("\n".join(line for line, _ in found))
    return [*report.broken, *(each for _, broken in found for each in broken)]
