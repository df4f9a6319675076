"""The process with the other end: a sandbox, and a relay before it that plays tricks on its replies.

A process of its own, so that what is measured of memory, threads and open files is the client's alone.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
from collections import Counter, defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from connecty_frames.errors import QuestionFailed
from connecty_frames.sandbox import Plan, Sandbox
from tests.servers.mutations import REDIRECT_TARGET, UpstreamReply, unchanged
from tests.servers.scripted import Script, endpoint_of, serve
from tests.verification.soak.cases import parse_case

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection as Pipe

    from connecty_frames.sandbox import Connection, Fault
    from tests.servers.mutations import Mutation
    from tests.servers.scripted import RecordedRequest, Step
    from tests.verification.soak.cases import SoakCase

__all__ = ["Addresses", "QuestionRecord", "ServerProcess", "ServerSummary", "start_server_process"]

#: Seconds in which the sandbox answers its relay, or something is wrong with the soak itself.
_TIMEOUT: Final = 30.0
#: So short a life, in seconds, that tokens also expire by the clock.
_TOKEN_LIFETIME: Final = 20.0
#: Answered by one of these, a question was turned away and may be sent again.
_NOT_STARTED: Final = (401, 429)


class Addresses(NamedTuple):
    """How the other end is reached."""

    sandbox: Connection
    relay: str


@dataclass(slots=True)
class QuestionRecord:
    """What the sandbox saw of one question.

    Parameters
    ----------
    ids
        The ids it was accepted under.
    asked, looked_at
        The statuses by which it and the looks at it were answered; None where a fault let none be sent.
    """

    ids: list[str] = field(default_factory=list)
    asked: list[int | None] = field(default_factory=list)
    looked_at: list[int | None] = field(default_factory=list)

    @property
    def arrived(self) -> int:
        """How often it arrived and was not turned away."""
        return sum(status not in _NOT_STARTED for status in self.asked)


@dataclass(slots=True)
class ServerSummary:
    """What the other end saw in all.

    Parameters
    ----------
    requests, tokens, accepted, arrived
        How many requests, tokens given out, questions accepted and questions that arrived.
    twice
        The questions that were accepted, or arrived, more than once.
    strays
        The requests that nobody should have sent: to where a redirect points.
    """

    requests: int = 0
    tokens: int = 0
    accepted: int = 0
    arrived: int = 0
    twice: list[str] = field(default_factory=list)
    strays: int = 0


class ServerProcess:
    """What this side may ask of the other one."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self.addresses: Addresses = self._pipe.recv()

    def expect(self, questions: Sequence[str]) -> None:
        """Have it ready for these questions, and for no others."""
        self._pipe.send(list(questions))
        self._pipe.recv()

    def evidence(self) -> dict[str, QuestionRecord]:
        """Return what it saw of each question that it expected last."""
        self._pipe.send("evidence")
        found: dict[str, QuestionRecord] = self._pipe.recv()
        return found

    def summary(self) -> ServerSummary:
        """Return what it saw in all."""
        self._pipe.send("summary")
        found: ServerSummary = self._pipe.recv()
        return found


@contextmanager
def start_server_process() -> Iterator[ServerProcess]:
    """Run the other end.

    Raises
    ------
    RuntimeError
        It does not end as it should.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), name="soak-far-end")
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
        raise RuntimeError(f"The far end did not end well: exit code {process.exitcode}.")
    process.close()


def _serve(pipe: Pipe) -> None:
    """Serve until the pipe is closed."""
    sandbox = Sandbox(
        workers=2,
        timezone="UTC",
        statistics="documented",
        token_lifetime=_TOKEN_LIFETIME,
        answerer=_Answerer(),
    )
    with suppress(EOFError), sandbox, serve() as script:
        relay = _Relay(script, sandbox.connection)
        books = _RequestCounter(sandbox)
        pipe.send(Addresses(sandbox.connection, script.address))
        while True:
            match pipe.recv():
                case "evidence":
                    pipe.send(books.evidence())
                case "summary":
                    pipe.send(books.summary(relay.strays))
                case questions:
                    books.open(questions)
                    relay.forget()
                    sandbox.faults.clear()
                    sandbox.faults.add(*_faults(questions))
                    pipe.send(None)


def _faults(questions: list[str]) -> Iterator[Fault]:
    """Return what the sandbox is told to do."""
    for case in filter(None, map(parse_case, questions)):
        for fault in case.kind.faults:
            yield replace(fault, question=case.question)


class _Answerer:
    """Knows which query answers the question of a case."""

    def answer(self, question: str, dw_id: int) -> Plan:  # noqa: ARG002 - there is one workspace
        """Return the plan."""
        case = parse_case(question)
        if case is None or case.kind.plan == "failure":
            raise QuestionFailed(f"No table is known for {question}")
        if case.kind.plan == "no table":
            return Plan(None, f"There is none for {question}")
        return Plan(case.sql)


class _RequestCounter:
    """The request log, taken in bit by bit: it is as long as the soak, and its memory is not."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._request_log = sandbox.request_log
        self._all: defaultdict[str, QuestionRecord] = defaultdict(QuestionRecord)
        self._requests = 0
        self._questions: list[str] = []

    def open(self, questions: list[str]) -> None:
        """Say which questions are under way."""
        self._questions = questions

    def evidence(self) -> dict[str, QuestionRecord]:
        """Return what was seen of the questions under way."""
        self._take_in()
        return {question: self._all[question] for question in self._questions}

    def summary(self, strays: int) -> ServerSummary:
        """Return what was seen in all."""
        self._take_in()
        seen = list(self._all.values())
        return ServerSummary(
            requests=self._requests,
            tokens=self._request_log.tokens,
            accepted=sum(len(evidence.ids) for evidence in seen),
            arrived=sum(evidence.arrived for evidence in seen),
            twice=[
                question
                for question, evidence in self._all.items()
                if len(evidence.ids) > 1 or evidence.arrived > 1
            ],
            strays=strays,
        )

    def _take_in(self) -> None:
        """Move what the request log has to where it is counted; it may be written to meanwhile."""
        questions = self._request_log.questions[:]
        del self._request_log.questions[: len(questions)]
        for asked in questions:
            self._all[asked.question].ids.append(asked.question_id)
        requests = self._request_log.requests[:]
        del self._request_log.requests[: len(requests)]
        self._requests += len(requests)
        for request in requests:
            if request.question is not None:
                evidence = self._all[request.question]
                statuses = evidence.asked if request.method == "POST" else evidence.looked_at
                statuses.append(request.status)


class _Relay:
    """Passes requests on to the sandbox, and plays tricks on its replies."""

    def __init__(self, script: Script, sandbox: Connection) -> None:
        self._script = script
        self._sandbox = sandbox
        self._host = urlsplit(sandbox["base_url"]).netloc
        self._asked: dict[str, SoakCase] = {}
        self._played: Counter[str] = Counter()
        self.strays = 0
        script.take = self._take  # type: ignore[method-assign]

    def forget(self) -> None:
        """Forget the cases of before."""
        self._played.clear()
        self._asked.clear()

    def _take(self, request: RecordedRequest) -> Step:
        if request.target == REDIRECT_TARGET:
            self.strays += 1
        return lambda connection: self._answer(request, connection)

    def _answer(self, request: RecordedRequest, connection: socket.socket) -> bool:
        """Answer a request, as the case that it is of says."""
        endpoint = endpoint_of(request.target)
        said = json.loads(request.body or b"{}")
        reply = self._pass_on(request, said)
        case = self._case(endpoint, request.target, said)
        if case is not None and endpoint == "ask" and reply.status == http.client.OK:
            self._asked[json.loads(reply.body)["question_id"]] = case
        trick: Mutation = unchanged
        if case is not None and case.kind.endpoint == endpoint and self._is_worth_it(endpoint, reply):
            turn = self._played[case.question]
            self._played[case.question] += 1
            trick = case.kind.played[turn] if turn < len(case.kind.played) else unchanged
        return trick(self._script, reply)(connection)

    def _case(self, endpoint: str, target: str, said: dict[str, str]) -> SoakCase | None:
        """Return the case that a request is of; a token is of one where a client of its own asks for it."""
        if endpoint == "results":
            return self._asked.get(target.split("/")[-2])
        return parse_case(said.get("client_id" if endpoint == "token" else "question", ""))

    @staticmethod
    def _is_worth_it(endpoint: str, reply: UpstreamReply) -> bool:
        """Tell whether there is anything to be spoiled: a question that is not finished has no rows yet."""
        return reply.status == http.client.OK and (endpoint != "results" or b"COMPLETED" in reply.body)

    def _pass_on(self, request: RecordedRequest, said: dict[str, str]) -> UpstreamReply:
        """Ask the sandbox the same, with its own credentials where a token is asked for."""
        body = request.body
        if "client_secret" in said:
            own = {name: self._sandbox[name] for name in ("client_id", "client_secret")}
            body = json.dumps(own).encode()
        kept = ("authorization", "content-type")
        headers = {name: value for name, value in request.headers.items() if name in kept}
        line = http.client.HTTPConnection(self._host, timeout=_TIMEOUT)
        try:
            line.request(request.method, request.target, body=body, headers=headers)
            reply = line.getresponse()
            said_with = {name.lower(): value for name, value in reply.getheaders()}
            return UpstreamReply(reply.status, said_with, reply.read())
        finally:
            line.close()
