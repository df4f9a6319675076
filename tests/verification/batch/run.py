"""A batch that is killed at random moments and started again.

The server takes a question some milliseconds after it arrived, and holds the reply for some more, so that
processes are killed in between: such a question is UNCERTAIN, and its id is lost. A person then looks in
ConnectyAI's chat history; here the list of what the server accepted takes its place. Questions that it does
not have are asked again with ``retry_uncertain``, the others are left.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest import mock

from connecty_frames.batch import ask_batch
from connecty_frames.client import Client
from connecty_frames.frames.accessor import metadata
from connecty_frames.frames.parquet import read_parquet
from connecty_frames.store import leases
from connecty_frames.store.database import close_databases
from tests.servers.postgres import postgres_server
from tests.verification.batch.asker import questions as questions_of
from tests.verification.namespaces import pid_namespace
from tests.verification.service import service

#: In seconds: the longest pauses of the server before it accepts and replies, the longest work on a question,
#: and the latest moment of a kill after the question that decides on it.
_PAUSE: Final = 0.002
_WORK: Final = 0.2
_LATEST: Final = 0.05


@dataclass
class Report:
    """What became of the killed batch, and which promises were broken."""

    questions: int = 0
    killed: int = 0
    foreign: int = 0
    pods: int = 1
    submissions: int = 0
    uncertain: int = 0
    unsent: int = 0
    parts: int = 0
    further: int = 0
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        received = self.uncertain - self.unsent
        lines = [
            f"batch       {self.questions:,} questions by {self.pods} at a time, {self.killed} killed",
            f"            {self.foreign} in a pid namespace of their own {pid_namespace()[1]}".rstrip(),
            f"submissions {self.submissions:,} received by the server",
            f"parts       {self.parts:,}, each read and compared",
            f"uncertain   {self.uncertain} questions of killed processes, none of them sent again by itself",
            f"            {self.unsent} of them never received by the server, and asked by retry_uncertain",
            f"            {received} of them received, whose id was lost: left, without a part",
            f"further run {self.further} submissions",
        ]
        return "\n".join(lines)


def kill(
    count: int,
    kills: int,
    *,
    seed: int,
    lease: float = leases.SECONDS,
    pods: int = 1,
    history: bool | str = False,
) -> Report:
    """Kill processes that work on a batch that often, finish it, and compare its parts with the answers.

    Each of several ``pods`` has a pid namespace of its own; they share a ``history``.
    """
    moments, report = random.Random(seed), Report(questions=count, pods=pods)
    namespace, _ = pid_namespace()
    environment = {**os.environ, **({"CONNECTY_HISTORY": history} if isinstance(history, str) else {})}
    with (
        mock.patch.object(leases, "SECONDS", lease),
        tempfile.TemporaryDirectory() as temporary,
        service(seed, pause=_PAUSE, work=_WORK) as (server, script),
    ):
        folder = str(Path(temporary, "batch"))
        program = [sys.executable, "-m", "tests.verification.batch.asker", script.address, folder, str(count)]
        asked = questions_of(count)
        server.held = asked[-1]  # so that no process ends before it is killed
        running: list[subprocess.Popen[bytes]] = []
        try:
            for number, limit in enumerate(sorted(moments.sample(range(1, count * 9 // 10), kills))):
                while len(running) < pods:
                    foreign = namespace if pods > 1 or number % 2 else ()
                    running.append(subprocess.Popen([*foreign, *program], env=environment))
                    report.foreign += bool(foreign)
                while any(each.poll() is None for each in running) and server.submissions < limit:
                    time.sleep(0.001)
                time.sleep(moments.uniform(0, _LATEST))
                report.killed += _kill(running.pop(moments.randrange(pods)))
        finally:
            report.killed += sum(map(_kill, running))
            server.held = ""
        settings: dict[str, Any] = {
            "client_secret": "secret",
            "base_url": script.address,
            "dw_id": 13,
            "history": history,
        }
        with Client("id", **settings) as client:
            ask = partial(ask_batch, folder=folder, client=client, progress=False)
            errors = ask(asked).errors("pyarrow").to_pylist()
            uncertain = [row["question"] for row in errors if row["state"] == "UNCERTAIN"]
            unsent = [question for question in uncertain if question not in server.accepted]
            batch = ask(unsent, retry_uncertain=True)
            report.submissions = server.submissions
            ask(asked)
            report.further = server.submissions - report.submissions
        report.uncertain, report.unsent = len(uncertain), len(unsent)
        parts, summary = batch.parts(), batch.summary()
        report.parts = len(parts)
        report.broken = [
            *(f"asked {len(ids)} times: {each!r}" for each, ids in server.accepted.items() if ids[1:]),
            *(f"never asked: {each!r}" for each in asked if each not in server.accepted),
            *(f"a wrong part: {name}" for name in wrong_parts(parts, server.accepted)),
            *(["a further run sent questions"] if report.further else []),
        ]
        if summary.answered != count - len(uncertain) + len(unsent):
            report.broken.append(f"unanswered: {summary}")
        close_databases()
    return report


def _kill(process: subprocess.Popen[bytes]) -> bool:
    """Kill a process, and return whether it was at work."""
    was_running = process.poll() is None
    process.kill()
    process.wait()
    return was_running


def wrong_parts(parts: dict[str | int, Path], ids: dict[str, list[str]]) -> list[str]:
    """Return the names of parts that do not have the answer to their question, by the ids of questions."""
    wrong = []
    for number, path in parts.items():
        table = read_parquet(path, engine="pyarrow")
        found, question = metadata(table, required=True), f"question {int(number) - 1}"
        known = (found.question, found.question_id)
        if table.to_pylist() != [{"question": question}] or known != (question, ids[question][0]):
            wrong.append(path.name)
    return wrong


def main(questions: int, kills: int, seed: int, store: str) -> list[str]:
    """Kill batches, and go on with them; in PostgreSQL, by pods that share one."""
    if store == "sqlite":
        report = kill(questions, kills, seed=seed)
    else:
        with postgres_server() as server:
            report = kill(2 * questions, 2 * kills, seed=seed, pods=4, history=server.url())
    print(report)
    return report.broken
