"""A history that pods share in PostgreSQL: single flight, lost replies, restarts, and what recording costs.

A pod is a process in a pid namespace of its own, as a container has one.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import psycopg

from connecty_frames._base.secret import SecretStr
from connecty_frames.batch import ask_batch
from connecty_frames.client import Client
from connecty_frames.options import Asked
from connecty_frames.records import forget_in
from connecty_frames.settings.sources import resolve
from connecty_frames.settings.values import parse_setting
from connecty_frames.store.database import close_databases
from connecty_frames.store.history import History
from connecty_frames.store.table import store_at
from tests.servers.postgres import PostgresServer, Relay
from tests.servers.scripted import RecordedRequest, Script, Step, endpoint_of, serve
from tests.servers.timing import until
from tests.verification.namespaces import pid_namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["closings", "cost", "cut_replies", "erasure", "one_key", "outages", "upgrades"]


class _Service:
    """Accepts each question under a new id, after some milliseconds."""

    def __init__(self, seconds: float) -> None:
        self.accepted: dict[str, list[str]] = {}
        self._seconds = seconds
        self._lock = threading.Lock()

    def handle(self, request: RecordedRequest) -> Step:
        """Return how a request is answered."""
        match endpoint_of(request.target):
            case "token":
                return Script.answer(200, {"access_token": "t", "expires_at": "2099-01-01T00:00:00+00:00"})
            case "ask":
                time.sleep(self._seconds)
                question_id = str(uuid.uuid4())
                with self._lock:
                    self.accepted.setdefault(json.loads(request.body)["question"], []).append(question_id)
                return Script.answer(202, {"question_id": question_id})
            case _:
                return Script.answer(200, {"state": "PENDING"})


@contextmanager
def _service(seconds: float) -> Iterator[tuple[_Service, str]]:
    service = _Service(seconds)
    with serve() as script:
        script.handler = service.handle
        yield service, script.address


class _Pod:
    """A pod, and its answers."""

    def __init__(self, address: str, history: str, threads: int, **settings: Any) -> None:
        program = [sys.executable, "-m", "tests.verification.history.pod"]
        self._process = subprocess.Popen(
            [*pid_namespace()[0], *program, address, history, str(threads), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def tell(self, questions: list[str], **options: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps([questions, options])}\n")
        self._process.stdin.flush()

    def hear(self) -> tuple[list[str], float, float]:
        assert self._process.stdout is not None
        found, seconds, used = json.loads(self._process.stdout.readline())
        return found, seconds, used

    def close(self) -> None:
        assert self._process.stdin is not None
        with self._process:  # closes both pipes
            self._process.stdin.close()


@contextmanager
def _pods(number: int, *arguments: Any, **settings: Any) -> Iterator[list[_Pod]]:
    with ExitStack() as stack:
        pods = [_Pod(*arguments, **settings) for _ in range(number)]
        for pod in pods:
            stack.callback(pod.close)
        yield pods


def _recorded(server: PostgresServer) -> dict[str, list[tuple[str, str | None]]]:
    """Return the states and ids of the rows, by question."""
    found: dict[str, list[tuple[str, str | None]]] = {}
    with psycopg.connect(server.url()) as connection:
        for question, *rest in connection.execute(
            "SELECT question, state, question_id FROM connecty.questions"
        ):
            found.setdefault(question, []).append(tuple(rest))
    return found


def _compared(service: _Service, server: PostgresServer) -> list[str]:
    """Return what was sent twice, and which ids are not recorded."""
    recorded = _recorded(server)
    ids = {question_id for rows in recorded.values() for _, question_id in rows}
    return [
        *(f"twice: {question!r}" for question, found in service.accepted.items() if len(found) > 1),
        *(f"lost: {each}" for found in service.accepted.values() for each in found if each not in ids),
    ]


def one_key(
    server: PostgresServer, *, pods: int, threads: int, rounds: int, seed: int, restarts: int
) -> tuple[str, list[str]]:
    """Ask one question at a time, by all threads of all pods at once, while the server is restarted."""
    moments, broken, restarted = random.Random(seed), list[str](), 0
    due = set(moments.sample(range(rounds), min(restarts, rounds)))
    with (
        _service(0.05) as (service, address),
        _pods(pods, address, server.url(), threads, history_required=True) as running,
    ):
        for number in range(rounds):
            question = f"round {number} of {seed}"
            for pod in running:
                pod.tell([question] * threads, max_age=600, timeout=60)
            if number in due:
                time.sleep(moments.uniform(0, 0.2))
                server.stop()
                server.start()
                restarted += 1
            found = Counter(each for pod in running for each in pod.hear()[0])
            if list(found) != service.accepted.get(question):
                broken.append(
                    f"{question}: {dict(found)}, and {service.accepted.get(question)} were accepted"
                )
    line = f"{pods} pods x {threads} threads, {rounds} rounds, {restarted} restarts"
    return f"{line}: {len(service.accepted)} questions", [*broken, *_compared(service, server)]


class _AlternatingRelay(Relay):
    """Cuts two of three replies to an INSERT of a question."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._inserts = count(1)

    def _is_cut(self, data: bytes) -> bool:
        return b"INSERT INTO connecty.questions" in data and next(self._inserts) % 3 != 0


def cut_replies(server: PostgresServer, *, questions: int) -> tuple[str, list[str]]:
    """Ask through a relay that cuts two of three replies to an INSERT."""
    relay = _AlternatingRelay(server.port)
    with (
        _service(0.0) as (service, address),
        _pods(1, address, server.url(port=relay.port), 4, history_required=True) as (pod,),
    ):
        pod.tell([f"cut {each}" for each in range(questions)], timeout=60)
        found = pod.hear()[0]
    relay.close()
    rows = [
        row for question, rows in _recorded(server).items() if question.startswith("cut ") for row in rows
    ]
    broken = [f"not asked: {each}" for each in found if ":" in each]
    broken += [f"rows: {len(rows)} of {questions} questions"] * (len(rows) != questions)
    line = f"{relay.cuts} replies to INSERTs cut: {len(service.accepted)} questions, each with its row and id"
    return line, [*broken, *_compared(service, server)]


def outages(server: PostgresServer, *, seed: int, times: int, required: bool) -> tuple[str, list[str]]:
    """Restart the server and cut it off, in turn, while two pods ask."""
    relay, moments, numbers = Relay(server.port), random.Random(seed), count()
    name = "required" if required else "optional"
    refused: list[str] = []

    def is_written(question: str, pod: _Pod) -> bool:
        pod.tell([question], timeout=30)
        (question_id,), _, _ = pod.hear()
        return ("ASKED", question_id) in _recorded(server).get(question, [])

    with (
        _service(0.02) as (service, address),
        _pods(2, address, server.url(port=relay.port), 4, history_required=required) as pods,
    ):
        asked = []
        for number in range(times):
            for place, pod in enumerate(pods):
                batch = [f"{name} {number}.{place}.{each}" for each in range(40)]
                pod.tell(batch, timeout=30)
                asked += batch
            time.sleep(moments.uniform(0, 0.1))
            if number % 2:
                server.stop()
                server.start()
            else:
                relay.hangs = True
                time.sleep(1.5)
                relay.hangs = False
                relay.drop()
            answers = [each for pod in pods for each in pod.hear()[0]]
            refused += [f"refused: {each}" for each in answers if ":" in each]
        # What a pod could not write, it writes before what becomes of its next question. One that ends
        # instead, and requires no record, tries for a second.
        for pod in pods:
            until(lambda: is_written(f"{name} later {next(numbers)}", pod))  # noqa: B023 - called at once
    relay.close()
    sent = sum(question in service.accepted for question in asked)
    line = f"{times} outages, {name}: {sent} of {len(asked)} questions sent"
    return line, [*refused, *_compared(service, server)]


def upgrades(server: PostgresServer, *, rounds: int) -> tuple[str, list[str]]:
    """Ask by clients of two versions, which make the tables of theirs in turn, at once and one by one."""
    place, broken, asked = server.url() + "?schema=upgraded", list[str](), list[str]()
    with _service(0.01) as (service, address):
        for number in range(rounds):
            with (
                _pods(4, address, place, 4, history_required=True) as old,
                _pods(4, address, place, 4, history_required=True, is_later=True) as new,
            ):
                for pods in (old, new, [*old, *new], [*new, *old]):
                    question = f"upgrade {number}.{len(asked)}"
                    for pod in pods:
                        pod.tell([question] * 4, max_age=600, timeout=60)
                    found = {each for pod in pods for each in pod.hear()[0]}
                    asked.append(question)
                    broken += [f"{question}: {found}"] * (found != set(service.accepted.get(question, [])))
            with psycopg.connect(server.url(), autocommit=True) as connection:
                ((version, oldest),) = connection.execute(
                    "SELECT version, oldest_writer FROM upgraded.version"
                ).fetchall()
                ((rows,),) = connection.execute("SELECT count(*) FROM upgraded.questions").fetchall()
                broken += [f"version {version}, {oldest}"] * ((version, oldest) != (2, 1))
                broken += [f"{rows} rows of {len(asked)} questions"] * (rows != len(asked))
    line = (
        f"{rounds} upgrades by 4 old and 4 new pods: {len(asked)} questions, {len(service.accepted)} accepted"
    )
    return line, broken


def closings(server: PostgresServer, *, questions: int) -> tuple[str, list[str]]:
    """Ask while the server is away and need no record, and end once it is back."""
    relay = Relay(server.port)
    with (
        _service(0.0) as (service, address),
        _pods(1, address, server.url(port=relay.port), 4) as (pod,),
    ):
        pod.tell(["closing first"])
        pod.hear()
        relay.hangs = True
        asked = [f"closing {each}" for each in range(questions)]
        pod.tell(asked)
        pod.hear()
        relay.hangs = False
        relay.drop()
    relay.close()
    recorded = _recorded(server)
    found = sum(each in recorded for each in asked)
    line = f"{questions} questions asked during an outage: {found} recorded as the client closed"
    return line, _compared(service, server)


def erasure(server: PostgresServer, *, questions: int) -> tuple[str, list[str]]:
    """Ask questions and a batch with a word, erase them, and search the tables and all files for it."""
    place = server.url() + "?schema=erased"
    with (
        tempfile.TemporaryDirectory() as name,
        mock.patch.dict(os.environ, {"XDG_STATE_HOME": name}),
        serve() as script,
    ):
        answer = {"state": "COMPLETED", "response_summary": "canary", "results": {"dataframe": [["n"], [1]]}}
        script.on("results", script.answer(200, answer))
        settings: dict[str, Any] = {"history": place, "keep_answers": True, "dw_id": 13}
        with Client("id", client_secret="secret", base_url=script.address, **settings) as client:
            for number in range(questions):
                client.ask(f"canary {number}?", tags={"job": "canary"})
            batch = [f"canary of a batch {number}" for number in range(questions)]
            ask_batch(batch, Path(name, "batch"), client=client, progress=False)
        found = [_mentions(server, Path(name))]
        erased = forget_in(resolve(history=place), None, "2099-01-01")
        for path in erased.files:
            path.unlink()
        close_databases()
        found.append(_mentions(server, Path(name)))
    before, after = found
    line = (
        f"{erased} questions erased with {len(erased.files)} parts: {before} mentions before, {after} after"
    )
    broken = [f"left: {after} mentions"] * bool(after) + ["nothing was there"] * (not before)
    return line, broken + [f"erased: {erased}"] * (erased != 2 * questions)


def _mentions(server: PostgresServer, folder: Path) -> int:
    """Return how often the word is in a dump of the schema and in all files of a folder."""
    dump = subprocess.run(
        [server.programs / "pg_dump", "--schema=erased", f"--dbname={server.url()}"],
        check=True,
        capture_output=True,
    )
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return sum(content.count(b"canary") for content in (dump.stdout, *files))


def cost(server: PostgresServer, *, questions: int, turns: int = 5) -> tuple[str, float, float]:
    """Return the milliseconds of waiting and of processor time that the statements of a question take."""
    place = parse_setting("history", server.url(), is_text=False)
    history = History(
        store_at(place),  # type: ignore[arg-type]  # it is a URL
        required=True,
        base_url="https://api.test",
        client_id=SecretStr("id"),
        redact=str,
    )
    figures = []
    for turn in range(turns):
        began, used = time.perf_counter(), time.process_time()
        for number in range(questions):
            now, question_id = datetime.now(UTC), f"{turn}.{number}"
            row = history.sent(Asked(f"cost {question_id}", 13), asked_at=now, seconds=60)
            assert row is not None
            history.accepted(row, question_id, asked_at=now, now=now)
            history.ended(question_id, "COMPLETED", now=now, rows=5, sql_query="SELECT 1")
        figures.append((time.perf_counter() - began, time.process_time() - used))
    history.close()
    seconds, used = (min(each) / questions * 1e3 for each in zip(*figures, strict=True))
    return (
        f"three statements of a question: {seconds:.2f} ms, of which {used:.2f} ms of processor time",
        seconds,
        used,
    )
