"""A service that accepts each question under a new id, and answers it with its text."""

import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from tests.servers.scripted import RecordedRequest, Script, Step, endpoint_of, serve

_TOKEN: Final = {"access_token": "t", "expires_at": "2099-01-01T00:00:00+00:00"}
#: The longest that a reply is held, in seconds.
_LONGEST: Final = 60.0


class Service:
    """The service; a seed decides on its ids and pauses.

    It pauses before it accepts a question and before it replies, and works before the answer.
    """

    def __init__(self, seed: int = 1, *, pause: float = 0.0, work: float = 0.0) -> None:
        self.accepted: dict[str, list[str]] = {}
        self.held = ""
        self.replies = threading.Event()
        self.replies.set()
        self._asked: dict[str, tuple[str, float]] = {}
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._pause, self._work = pause, work

    @property
    def submissions(self) -> int:
        return sum(map(len, list(self.accepted.values())))

    def handle(self, request: RecordedRequest) -> Step:
        match endpoint_of(request.target):
            case "token":
                return Script.answer(200, _TOKEN)
            case "ask":
                return self._accept(json.loads(request.body)["question"])
            case _:
                return Script.answer(200, self._results(request.target.split("/")[5]))

    def _accept(self, question: str) -> Step:
        with self._lock:
            before, after = (self._random.uniform(0, self._pause) for _ in range(2))
            question_id = str(UUID(int=self._random.getrandbits(128), version=4))
            ready = time.monotonic() + self._random.uniform(0, self._work)

        def step(connection: socket.socket) -> bool:
            time.sleep(before)
            with self._lock:
                self._asked[question_id] = question, ready
                self.accepted.setdefault(question, []).append(question_id)
            time.sleep(after)
            self.replies.wait(_LONGEST)
            return Script.answer(202, {"question_id": question_id})(connection)

        return step

    def _results(self, question_id: str) -> dict[str, object]:
        question, ready = self._asked[question_id]
        if time.monotonic() < ready or self.held in {question, "*"}:
            return {"state": "IN_PROGRESS"}
        return {"state": "COMPLETED", "results": {"dataframe": [["question"], [question]]}}


@contextmanager
def service(seed: int = 1, *, pause: float = 0.0, work: float = 0.0) -> Iterator[tuple[Service, Script]]:
    with serve() as script:
        found = Service(seed, pause=pause, work=work)
        script.handler = found.handle
        yield found, script
