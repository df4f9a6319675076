"""Questions through nginx, haproxy and squid while they and the sandbox are killed, restarted and suspended.

There are two routes to the sandbox: without TLS through nginx, which compresses, and
with TLS through a tunnel of squid, which requires a password, to haproxy.

The sandbox records what it accepts (``durable.py``), nginx and haproxy which questions they answered. Each
question has a number, which its answer repeats, so that a question that was sent twice, or got the answer of
another, is found.
"""

import os
import random
import re
import sys
import threading
import time
import traceback
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from unittest.mock import patch

import connecty_frames as cf
from tests.servers import programs
from tests.servers.scripted import PEM
from tests.servers.timing import SLACK, Pulse
from tests.verification.chaos import durable
from tests.verification.chaos.durable import CREDENTIALS, Accepted, read_journal

_THREADS: Final = 12
_ROWS: Final = 50
#: Seconds that a question may take: with the shortest some time out, with the longest hardly any.
_TIMEOUTS: Final = (1.5, 4.0, 12.0)
#: Seconds between two disturbances, and of one.
_CALM: Final = (0.0, 0.6)
_DURATION: Final = (0.02, 0.6)
#: Seconds that an answer may take which is fetched afterwards.
_FETCHING: Final = 30.0
_PROMISES: Final = ("twice", "lost", "swapped", "foreign", "late")
#: A question that got one of these statuses was not started and may be sent again.
_NOT_STARTED: Final = ("401", "429")
#: The status and the number of a question in the logs of nginx and haproxy.
_SENT: Final = re.compile(r"^POST \S+ (-?\d+) .*SELECT (\d+) AS asked", re.MULTILINE)


@dataclass(frozen=True)
class QuestionOutcome:
    number: int  # the number of the question
    error: type[BaseException] | None = None  # the class of the exception; None with a table
    question_id: str | None = None  # the id on the table or on the exception
    over: float = -1.0  # seconds beyond its timeout and the lateness of the machine
    wrong: str = ""  # the fault of the table, if any
    text: str = ""  # the message of the exception


class ProxiedRequest(NamedTuple):
    """A question that reached nginx or haproxy, and the status that was sent there."""

    number: int
    status: str


@dataclass
class ChaosReport:
    """The outcomes of all questions, and the promises that were broken."""

    asked: int
    accepted: int
    ends: Counter[str]
    overrun: float
    problems: dict[str, list[str]] = field(default_factory=lambda: {promise: [] for promise in _PROMISES})
    disturbed: Counter[str] = field(default_factory=Counter)
    fetched: int = 0
    took: float = 0.0

    @property
    def broken(self) -> list[str]:
        return [f"{promise}: {text}" for promise, texts in self.problems.items() for text in texts]

    def __str__(self) -> str:
        ends = ", ".join(f"{count:,} {end}" for end, count in self.ends.most_common())
        lines = {
            "asked": f"{self.asked:,} in {self.took:.0f} s: {ends}",
            "accepted": f"{self.accepted:,}; {self.fetched:,} fetched afterwards by their ids",
            "problems": ", ".join(f"{len(texts)} {promise}" for promise, texts in self.problems.items()),
            "overrun": f"{self.overrun:.3f} s at most",
            "disturbed": ", ".join(f"{count} {what}" for what, count in sorted(self.disturbed.items())),
        }
        return "\n".join(f"{name:<10} {value}" for name, value in lines.items())


def question(number: int) -> str:
    """Return the question with a number; the sandbox runs it, since it is a SELECT."""
    return f"SELECT {number} AS asked, i AS row FROM range({_ROWS}) AS t(i) ORDER BY i"


def check(
    outcomes: Iterable[QuestionOutcome], accepted: Iterable[Accepted], sent: Iterable[ProxiedRequest]
) -> ChaosReport:
    """Compare the outcomes with what the sandbox accepted and the proxies answered."""
    outcomes, accepted = list(outcomes), list(accepted)
    ends = Counter("right" if outcome.error is None else outcome.error.__name__ for outcome in outcomes)
    report = ChaosReport(
        len(outcomes), len(accepted), ends, max((outcome.over for outcome in outcomes), default=0.0)
    )
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for entry in accepted:
        ids[entry.question].append(entry.question_id)
    statuses: defaultdict[int, list[str]] = defaultdict(list)
    for number, status in sent:
        if status not in _NOT_STARTED:
            statuses[number].append(status)
    for outcome in outcomes:
        for promise, text in _problems(outcome, ids[question(outcome.number)], statuses[outcome.number]):
            report.problems[promise].append(f"question {outcome.number} {text}")
    return report


def _problems(outcome: QuestionOutcome, ids: list[str], statuses: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each promise that was broken for a question, and how."""
    if len(ids) > 1:
        yield "twice", f"was accepted as {ids}"
    if len(statuses) > 1:
        yield "twice", f"was sent again: the proxies answered {', '.join(statuses)}"
    if outcome.error is not None and not issubclass(outcome.error, cf.ConnectyError):
        yield "foreign", outcome.text
    elif ids and outcome.question_id is None and outcome.error is not cf.SubmissionUncertain:
        yield "lost", f"was accepted as {ids}, and its asker got {outcome.text}"
    if outcome.question_id not in (None, *ids):
        yield "swapped", f"has the id {outcome.question_id} instead of {ids}"
    if outcome.wrong:
        yield "swapped", outcome.wrong
    if outcome.over > SLACK:
        yield "late", f"ended {outcome.over:.3f} s late: {outcome.text}"


def run(questions: int, seed: int) -> ChaosReport:
    """Ask so many questions while one disturbance follows another, and check their outcomes."""
    with ExitStack() as stack:
        folder = stack.enter_context(programs.program_folder())
        (folder / "sandbox").mkdir()
        journal, port = folder / "sandbox" / "journal", programs.free_port()
        command = [sys.executable, durable.__file__, str(port), str(journal)]
        sandbox = stack.enter_context(
            programs.Program("sandbox", command, port=port, folder=journal.parent, trusted=True)
        )
        nginx = stack.enter_context(programs.prepare("nginx", folder, _NGINX, api=sandbox.port))
        haproxy = stack.enter_context(programs.prepare("haproxy", folder, _HAPROXY, api=sandbox.port))
        squid = stack.enter_context(programs.prepare("squid", folder, programs.PASSWORD_REQUIRED))
        pulse = stack.enter_context(Pulse().running())
        proxy = f"http://{programs.USER}:{programs.PASSWORD}@127.0.0.1:{squid.port}"
        stack.enter_context(patch.dict(os.environ, HTTPS_PROXY=proxy))
        # A sandbox that was killed works on its questions again, so their states go back to earlier ones.
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", cf.UnknownStateWarning)
        settings: dict[str, Any] = {**CREDENTIALS, "dw_id": 13, "ca_bundle": PEM}
        clients = [
            stack.enter_context(cf.Client(base_url=address, **settings))
            for address in (f"http://127.0.0.1:{nginx.port}", f"https://127.0.0.1:{haproxy.port}")
        ]
        asker = _Asker(clients, seed, pulse)
        asker.ask(questions)  # a question that does not count, so that all imports are done before
        began = time.monotonic()
        targets = [sandbox, nginx, haproxy, squid]
        with _disturbances(targets, seed) as disturbed, ThreadPoolExecutor(_THREADS) as pool:
            outcomes = list(pool.map(asker.ask, range(questions)))
        logged = _SENT.findall(nginx.log() + haproxy.output())
        sent = [ProxiedRequest(int(number), status) for status, number in logged]
        report = check(outcomes, read_journal(journal), sent)
        report.disturbed, report.took = disturbed, time.monotonic() - began
        for outcome in outcomes:
            if outcome.error is not None and outcome.question_id is not None:
                report.fetched += 1
                wrong = asker.fetch(outcome)
                if wrong:
                    report.problems["lost"].append(f"question {outcome.number} cannot be fetched: {wrong}")
    return report


class _Asker:
    """Asks questions, half of them by each route."""

    def __init__(self, clients: list[cf.Client], seed: int, pulse: Pulse) -> None:
        self._clients = clients
        self._seed = seed
        self._pulse = pulse

    def ask(self, number: int) -> QuestionOutcome:
        rng = random.Random(f"{self._seed} question {number}")
        client, timeout = rng.choice(self._clients), rng.choice(_TIMEOUTS)
        answer: cf.Answer | None = None
        error: Exception | None = None
        began = time.monotonic()
        try:
            answer = client.ask(question(number), timeout=timeout)
        except Exception as caught:
            error = caught
        lateness = self._pulse.late(began, began + timeout)
        return QuestionOutcome(
            number,
            None if error is None else type(error),
            getattr(answer or error, "question_id", None),
            time.monotonic() - began - timeout - lateness,
            "" if answer is None else _wrong(answer, number),
            "" if error is None else _text(error),
        )

    def fetch(self, outcome: QuestionOutcome) -> str:
        """Fetch an answer by the id of its question, and return what is wrong with it."""
        try:
            answer = self._clients[0].question(outcome.question_id or "").result(timeout=_FETCHING)
        except cf.ConnectyError as error:
            return str(error)
        return _wrong(answer, outcome.number)


def _text(error: Exception) -> str:
    """Return the message of an exception, with the traceback where the class is not ours."""
    if isinstance(error, cf.ConnectyError):
        return f"{type(error).__name__}: {error}"
    return "".join(traceback.format_exception(error))


def _wrong(answer: cf.Answer, number: int) -> str:
    """Return what is wrong with an answer; empty where nothing is."""
    columns = {} if answer.table is None else answer.table.to_pydict()
    right = {"asked": [number] * _ROWS, "row": list(range(_ROWS))}
    return "" if columns == right else f"its table is {str(columns)[:200]}"


@contextmanager
def _disturbances(targets: list[programs.Program], seed: int) -> Iterator[Counter[str]]:
    """Cause and count one disturbance after another during a block, in an order that the seed determines."""
    done, over, rng = Counter[str](), threading.Event(), random.Random(f"{seed} disturbances")
    every = [(program, name) for program in targets for name in ("kill", "stop", "suspend")]

    def disturb() -> None:
        while True:
            rng.shuffle(every)
            for program, name in every:
                if over.wait(rng.uniform(*_CALM)):
                    return
                getattr(program, name)()
                over.wait(rng.uniform(*_DURATION))
                program.resume() if name == "suspend" else program.start()
                done[f"{program.name} {name}"] += 1

    with ThreadPoolExecutor(1) as pool:
        disturbing = pool.submit(disturb)
        try:
            yield done
        finally:
            over.set()
    disturbing.result()


_NGINX: Final = """
    gzip on;
    gzip_proxied any;
    gzip_types application/json;
    upstream api { server 127.0.0.1:${api}; keepalive 4; }
    server {
        listen 127.0.0.1:${port};
        location / {
            proxy_pass http://api;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $$host;
        }
    }
"""
_HAPROXY: Final = """
    frontend in
        bind 127.0.0.1:${port} ssl crt ../loopback.pem
        option http-buffer-request
        http-request capture req.body len 100
        log stdout format raw daemon
        log-format "%HM %HPO %ST - - %[capture.req.hdr(0)]"
        http-request early-hint Link "</style.css>; rel=preload"
        default_backend api
    backend api
        http-reuse always
        server one 127.0.0.1:${api}
"""


def main(questions: int, seed: int) -> list[str]:
    """Ask, and return the promises that were broken."""
    missing = programs.missing("nginx", "haproxy", "squid")
    if missing:
        return [f"not installed: {', '.join(missing)}"]
    print(f"{questions:,} questions, seed {seed}", flush=True)
    report = run(questions, seed)
    print(report)
    return report.broken
