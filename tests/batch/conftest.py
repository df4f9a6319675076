"""A server that answers each question on its own, and a client of it."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from uuid import NAMESPACE_OID, uuid5

import pytest

from tests.servers.scripted import TOKEN, RecordedRequest, Script, Step, endpoint_of


class Service:
    """What the server says about each question; by default it answers with one number."""

    FAILED: ClassVar = {"state": "FAILED", "reason": "no such table"}
    PENDING: ClassVar = {"state": "PENDING"}
    #: Leaves a question accepted and without its answer at once, where PENDING takes until the timeout.
    INVALID: ClassVar = {"state": 1}

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.fetched: Counter[str] = Counter()
        #: The steps in place of the reply to a question.
        self.replies: dict[str, Step] = {}
        #: The bodies in place of the answer to a question.
        self.answers: dict[str, Any] = {}
        #: The questions that the server no longer has.
        self.missing: set[str] = set()
        self.token = Script.answer(200, TOKEN)
        self._questions: dict[str, str] = {}

    @staticmethod
    def frame(*rows: list[Any], **statistics: object) -> dict[str, object]:
        """Return the body of an answer: the names of its columns, then its rows."""
        return {"state": "COMPLETED", "results": {"dataframe": rows, "dataframe_stats": statistics}}

    def table(self, *cells: object) -> dict[str, object]:
        """Return the body of an answer with a column n."""
        return self.frame(["n"], *([cell] for cell in cells))

    def question_id(self, question: str) -> str:
        """Return the id of a question, the same each time."""
        return str(uuid5(NAMESPACE_OID, question))

    def handle(self, request: RecordedRequest) -> Step:
        match endpoint_of(request.target):
            case "token":
                return self.token
            case "ask":
                question = json.loads(request.body)["question"]
                self.asked[question] += 1
                question_id = self.question_id(question)
                self._questions[question_id] = question
                return self.replies.get(question) or Script.answer(202, {"question_id": question_id})
            case _:
                question = self._questions[request.target.split("/")[5]]
                self.fetched[question] += 1
                if question in self.missing:
                    return Script.answer(404, {})
                return Script.answer(200, self.answers.get(question) or self.table(len(question)))


@pytest.fixture(autouse=True)
def service(server: Script) -> Service:
    found = Service()
    server.handler = found.handle
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of the batch, which does not exist yet."""
    return tmp_path / "batch"


@pytest.fixture
def ask(client: Any, folder: Path) -> Callable[..., Any]:
    """Return a function that asks a batch of that server in that folder."""
    from connecty_frames.batch import ask_batch

    def run(questions: Any, **options: Any) -> Any:
        return ask_batch(questions, folder, **{"client": client, "progress": False, **options})

    return run
