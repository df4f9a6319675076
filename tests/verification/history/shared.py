"""A history that pods share in PostgreSQL: one question for a key, over restarts and outages.

A pod is a process in a pid namespace of its own, as a container has one.
"""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any

import psycopg

from tests.servers.postgres import PostgresServer, Relay
from tests.servers.timing import until
from tests.verification.namespaces import pid_namespace
from tests.verification.service import Service, service


class _Pod:
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

    def hear(self) -> list[str]:
        assert self._process.stdout is not None
        found: list[str] = json.loads(self._process.stdout.readline())
        return found

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


def _compared(served: Service, server: PostgresServer) -> list[str]:
    """Return what was sent twice, and which ids are not recorded."""
    recorded = _recorded(server)
    ids = {question_id for rows in recorded.values() for _, question_id in rows}
    return [
        *(f"twice: {question!r}" for question, found in served.accepted.items() if len(found) > 1),
        *(f"lost: {each}" for found in served.accepted.values() for each in found if each not in ids),
    ]


def one_key(
    server: PostgresServer, *, pods: int, threads: int, rounds: int, seed: int, restarts: int
) -> tuple[str, list[str]]:
    """Ask one question at a time, by all threads of all pods at once, while the server is restarted."""
    moments, broken, restarted = random.Random(seed), list[str](), 0
    due = set(moments.sample(range(rounds), min(restarts, rounds)))
    with (
        service(pause=0.05) as (served, script),
        _pods(pods, script.address, server.url(), threads, history_required=True) as running,
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
            found = Counter(each for pod in running for each in pod.hear())
            if list(found) != served.accepted.get(question):
                broken.append(f"{question}: {dict(found)}, and {served.accepted.get(question)} were accepted")
    line = f"{pods} pods x {threads} threads, {rounds} rounds, {restarted} restarts"
    return f"{line}: {len(served.accepted)} questions", [*broken, *_compared(served, server)]


def outages(server: PostgresServer, *, seed: int, times: int, required: bool) -> tuple[str, list[str]]:
    """Restart the server and cut it off, in turn, while two pods ask."""
    relay, moments, numbers = Relay(server.port), random.Random(seed), count()
    name = "required" if required else "optional"
    refused: list[str] = []

    def is_written(question: str, pod: _Pod) -> bool:
        pod.tell([question], timeout=30)
        (question_id,) = pod.hear()
        return ("ASKED", question_id) in _recorded(server).get(question, [])

    with (
        service(pause=0.02) as (served, script),
        _pods(2, script.address, server.url(port=relay.port), 4, history_required=required) as pods,
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
            answers = [each for pod in pods for each in pod.hear()]
            refused += [f"refused: {each}" for each in answers if ":" in each]
        # What a pod could not write, it writes before what becomes of its next question. One that ends
        # instead, and requires no record, tries for a second.
        for pod in pods:
            until(lambda: is_written(f"{name} later {next(numbers)}", pod))  # noqa: B023 - called at once
    relay.close()
    sent = sum(question in served.accepted for question in asked)
    line = f"{times} outages, {name}: {sent} of {len(asked)} questions sent"
    return line, [*refused, *_compared(served, server)]
