"""The server process of a soak: a sandbox, and a relay before it that sends mutated replies.

It is a process of its own, so that memory, threads and open files are measured of the client alone.
"""

import http.client
import json
import multiprocessing
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection as Pipe
from typing import Final, NamedTuple, cast

from connecty_frames.errors import QuestionFailed
from connecty_frames.sandbox import Connection, Fault, Plan, Sandbox
from tests.servers.mutations import REDIRECT_TARGET, Mutation, UpstreamReply, unchanged
from tests.servers.relay import relay
from tests.servers.scripted import RecordedRequest, endpoint_of, serve
from tests.verification.soak.cases import SoakCase, parse_case

#: Seconds in which the process ends after its pipe was closed.
_TIMEOUT: Final = 30.0
#: So short a lifetime, in seconds, that tokens also expire by the clock during a soak.
_TOKEN_LIFETIME: Final = 20.0
#: A question that got one of these statuses was not started and may be sent again.
_NOT_STARTED: Final = (401, 429)


class Addresses(NamedTuple):
    sandbox: Connection
    relay: str


@dataclass(slots=True)
class QuestionRecord:
    ids: list[str] = field(default_factory=list)  # the ids that it was accepted under
    #: The statuses of the requests for it and for its results; None where a fault let none be sent.
    submissions: list[int | None] = field(default_factory=list)
    polls: list[int | None] = field(default_factory=list)

    @property
    def arrived(self) -> int:
        """How often it arrived and may have been started."""
        return sum(status not in _NOT_STARTED for status in self.submissions)


@dataclass(slots=True)
class ServerSummary:
    """What the sandbox and the relay received in total."""

    #: The numbers of requests, tokens issued, questions accepted and questions that arrived.
    requests: int = 0
    tokens: int = 0
    accepted: int = 0
    arrived: int = 0
    #: The questions that were accepted, or arrived, more than once.
    duplicates: list[str] = field(default_factory=list)
    followed_redirects: int = 0  # the number of requests for the target of a redirect; there must be none


class ServerProcess:
    """The client's side of the pipe to the server process."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self.addresses: Addresses = self._pipe.recv()

    def expect(self, questions: Sequence[str]) -> None:
        """Prepare the faults of these questions, and forget those of earlier ones."""
        self._ask(list(questions))

    def records(self) -> dict[str, QuestionRecord]:
        """Return the record of each question that was expected last."""
        return cast("dict[str, QuestionRecord]", self._ask("records"))

    def summary(self) -> ServerSummary:
        return cast("ServerSummary", self._ask("summary"))

    def _ask(self, request: object) -> object:
        self._pipe.send(request)
        return self._pipe.recv()


@contextmanager
def start_server_process() -> Iterator[ServerProcess]:
    """Run the server process; RuntimeError if it does not end, or with an exit code other than 0."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), name="soak-server")
    process.start()
    there.close()
    try:
        yield ServerProcess(here)
    finally:
        here.close()
        process.join(_TIMEOUT)
        alive = process.is_alive()
        if alive:
            process.kill()
            process.join()
    if alive or process.exitcode:
        raise RuntimeError(f"The server process did not end as it should: exit code {process.exitcode}.")
    process.close()


def _serve(pipe: Pipe) -> None:
    sandbox = Sandbox(workers=2, token_lifetime=_TOKEN_LIFETIME, answerer=_CaseAnswerer())
    with suppress(EOFError), sandbox, serve() as server:
        mutations = _CaseMutations()
        relay(server, sandbox.connection, mutations.select)
        log = _LogReader(sandbox)
        pipe.send(Addresses(sandbox.connection, server.address))
        while True:
            match pipe.recv():
                case "records":
                    pipe.send(log.records())
                case "summary":
                    pipe.send(log.summary(mutations.followed_redirects))
                case questions:
                    log.expect(questions)
                    mutations.clear()
                    sandbox.faults.clear()
                    sandbox.faults.add(*_faults(questions))
                    pipe.send(None)


def _faults(questions: list[str]) -> Iterator[Fault]:
    for case in filter(None, map(parse_case, questions)):
        for fault in case.scenario.faults:
            yield replace(fault, question=case.question)


class _CaseAnswerer:
    """Answers the question of a case by its query."""

    def answer(self, question: str, _dw_id: int) -> Plan:
        case = parse_case(question)
        if case is None or case.scenario.plan == "failure":
            raise QuestionFailed(f"No table is known for {question}")
        if case.scenario.plan == "no table":
            return Plan(None, f"There is none for {question}")
        return Plan(case.sql)


class _LogReader:
    """Moves the request log into counts piece by piece, since a log as long as the soak takes its memory."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._log = sandbox.request_log
        self._records: defaultdict[str, QuestionRecord] = defaultdict(QuestionRecord)
        self._requests = 0
        self._expected: list[str] = []

    def expect(self, questions: list[str]) -> None:
        """Set the questions whose records are returned."""
        self._expected = questions

    def records(self) -> dict[str, QuestionRecord]:
        """Return the records of the expected questions."""
        self._read()
        return {question: self._records[question] for question in self._expected}

    def summary(self, followed_redirects: int) -> ServerSummary:
        self._read()
        records = self._records.values()
        return ServerSummary(
            requests=self._requests,
            tokens=self._log.tokens,
            accepted=sum(len(record.ids) for record in records),
            arrived=sum(record.arrived for record in records),
            duplicates=[
                question
                for question, record in self._records.items()
                if len(record.ids) > 1 or record.arrived > 1
            ],
            followed_redirects=followed_redirects,
        )

    def _read(self) -> None:
        """Count and delete what the log holds; it may be written to at the same time."""
        questions = self._log.questions[:]
        del self._log.questions[: len(questions)]
        for accepted in questions:
            self._records[accepted.question].ids.append(accepted.question_id)
        requests = self._log.requests[:]
        del self._log.requests[: len(requests)]
        self._requests += len(requests)
        for request in requests:
            if request.question is not None:
                record = self._records[request.question]
                statuses = record.submissions if request.method == "POST" else record.polls
                statuses.append(request.status)


class _CaseMutations:
    """Selects the mutation of each reply by the case that its request belongs to."""

    def __init__(self) -> None:
        self._case_of_id: dict[str, SoakCase] = {}
        self._used: Counter[str] = Counter()
        self.followed_redirects = 0

    def clear(self) -> None:
        self._used.clear()
        self._case_of_id.clear()

    def select(self, request: RecordedRequest, reply: UpstreamReply) -> Mutation:
        """Return the next mutation of the case; the reply is unchanged where there is none."""
        if request.target == REDIRECT_TARGET:
            self.followed_redirects += 1
        endpoint = endpoint_of(request.target)
        case = self._case(endpoint, request)
        if case is None or reply.status != http.client.OK:
            return unchanged
        if endpoint == "ask":
            self._case_of_id[json.loads(reply.body)["question_id"]] = case
        if case.scenario.endpoint != endpoint or (endpoint == "results" and b"COMPLETED" not in reply.body):
            return unchanged  # results without rows are left alone
        turn = self._used[case.question]
        self._used[case.question] += 1
        mutations = case.scenario.mutations
        return mutations[turn] if turn < len(mutations) else unchanged

    def _case(self, endpoint: str, request: RecordedRequest) -> SoakCase | None:
        """Return the case of a request; a token belongs to one where a client of its own requests it."""
        if endpoint == "results":
            return self._case_of_id.get(request.target.split("/")[-2])
        fields = json.loads(request.body or b"{}")
        return parse_case(fields.get("client_id" if endpoint == "token" else "question", ""))
