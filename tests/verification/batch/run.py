"""A batch that is killed at random moments and started again, and a large one whose memory is measured.

The server takes a question some milliseconds after it arrived, and holds the reply for some more, so that
processes are killed in between: such a question is UNCERTAIN, and its id is lost. A person then looks in
ConnectyAI's chat history; here the list of what the server accepted takes its place. Questions that it does
not have are asked again with ``retry_uncertain``, the others are left.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest import mock

from connecty_frames.batch import Batch, ask_batch
from connecty_frames.client import Client
from connecty_frames.frames.accessor import metadata
from connecty_frames.frames.parquet import read_parquet
from connecty_frames.store import leases
from connecty_frames.store.database import close_databases
from tests.servers.postgres import postgres_server
from tests.verification.batch.asker import questions as questions_of
from tests.verification.namespaces import pid_namespace
from tests.verification.service import service

if TYPE_CHECKING:
    from collections.abc import Sequence

#: In seconds: the longest pauses of the server before it accepts and replies, the longest work on a question,
#: and the latest moment of a kill after the question that decides on it.
_PAUSE: Final = 0.002
_WORK: Final = 0.2
_LATEST: Final = 0.05
_MEBIBYTE: Final = 1024**2
#: The bytes by which memory may grow in a large batch.
_MAX_GROWTH: Final = 64 * _MEBIBYTE


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


@dataclass(frozen=True)
class Growth:
    """The memory and the time of a large batch: questions, seconds and bytes at two moments."""

    early: tuple[int, float, int]
    late: tuple[int, float, int]

    @property
    def is_flat(self) -> bool:
        """Whether memory grew by less than 64 MiB."""
        return self.late[2] - self.early[2] < _MAX_GROWTH

    def __str__(self) -> str:
        (few, _, small), (many, seconds, large) = self.early, self.late
        grown = (large - small) / _MEBIBYTE
        lines = [
            f"memory      {small / _MEBIBYTE:.0f} MiB after {few:,} questions",
            f"            {large / _MEBIBYTE:.0f} MiB after {many:,}: {grown:+.1f} MiB, of 64 MiB allowed",
            f"rate        {many:,} questions in {seconds:.0f} s, {many / seconds:.0f}/s, by 16 workers",
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
        server.held = questions_of(count)[-1]  # so that no process ends before it is killed
        running: list[subprocess.Popen[bytes]] = []
        try:
            for number, limit in enumerate(sorted(moments.sample(range(1, count * 9 // 10), kills))):
                while len(running) < pods:
                    foreign = namespace if pods > 1 or number % 2 else ()
                    command = [*foreign, *_command(script.address, folder, count)]
                    running.append(subprocess.Popen(command, env=environment))
                    report.foreign += bool(foreign)
                while any(each.poll() is None for each in running) and server.submissions < limit:
                    time.sleep(0.001)
                time.sleep(moments.uniform(0, _LATEST))
                report.killed += _kill(running.pop(moments.randrange(pods)))
        finally:
            report.killed += sum(map(_kill, running))
            server.held = ""
        with Client(
            "id", client_secret="secret", base_url=script.address, dw_id=13, history=history
        ) as client:

            def ask(asked: Sequence[str], *, retry_uncertain: bool = False) -> Batch:
                return ask_batch(
                    asked, folder, client=client, progress=False, retry_uncertain=retry_uncertain
                )

            errors = ask(questions_of(count)).errors("pyarrow").to_pylist()
            uncertain = [row["question"] for row in errors if row["state"] == "UNCERTAIN"]
            unsent = [question for question in uncertain if question not in server.accepted]
            batch = ask(unsent, retry_uncertain=True)
            report.submissions = server.submissions
            ask(questions_of(count))
            report.further = server.submissions - report.submissions
        report.uncertain, report.unsent = len(uncertain), len(unsent)
        parts, summary = batch.parts(), batch.summary()
        report.parts = len(parts)
        report.broken = [
            *(
                f"asked {len(ids)} times: {question!r}"
                for question, ids in server.accepted.items()
                if ids[1:]
            ),
            *(
                f"never asked: {question!r}"
                for question in questions_of(count)
                if question not in server.accepted
            ),
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


def measure(count: int, *, after: int) -> Growth:
    """Ask a batch of so many questions in a process of its own, and measure it twice."""
    with tempfile.TemporaryDirectory() as folder, service() as (_, script):
        command = [*_command(script.address, str(Path(folder, "batch")), count), str(after), str(count)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    early, late = (tuple(json.loads(line)) for line in done.stdout.splitlines())
    return Growth(early, late)


def _command(address: str, folder: str, count: int) -> list[str]:
    return [sys.executable, "-m", "tests.verification.batch.asker", address, folder, str(count)]


def main(questions: int, kills: int, large: int, seed: int, store: str) -> list[str]:
    """Kill batches, go on with them, and measure a large one; in PostgreSQL, by pods that share one."""
    if store == "postgres":
        with postgres_server() as server:
            report = kill(2 * questions, 2 * kills, seed=seed, pods=4, history=server.url())
        print(report)
        return report.broken
    report = kill(questions, kills, seed=seed)
    growth = measure(large, after=questions)
    print(f"{report}\n\n{growth}")
    return [*report.broken, *([] if growth.is_flat else ["memory grows"])]
