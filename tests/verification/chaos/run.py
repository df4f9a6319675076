"""Questions through nginx, haproxy and squid while they and the sandbox are killed, restarted and suspended.

``python -m tests.verification.chaos`` asks 2,000 and prints what became of them; a promise that is broken
makes the exit code 1.
There are two ways to the sandbox: in the clear through nginx, which compresses, and by TLS through a tunnel
of squid, which wants a password, to haproxy.

The sandbox writes down what it accepts (``durable.py``), and nginx and haproxy which questions they answered.
Each question has a number, which its answer repeats. So it shows when one was sent twice, or got another's
answer.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import threading
import time
import traceback
import warnings
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self
from unittest.mock import patch

import connecty_frames as cf
from tests.servers import programs
from tests.servers.timing import SLACK, Pulse
from tests.verification.chaos.durable import CREDENTIALS, Accepted, read_journal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["ChaosReport", "ProxiedRequest", "QuestionOutcome", "check", "question", "run"]

_QUESTIONS: Final = 2_000
_THREADS: Final = 12
_ROWS: Final = 50
#: What a question may take, in seconds: with the shortest some are late, with the longest hardly any.
_TIMEOUTS: Final = (1.5, 4.0, 12.0)
#: How long all goes well between two disturbances, and how long one lasts, in seconds.
_CALM: Final = (0.0, 0.6)
_DURATION: Final = (0.02, 0.6)
#: What an answer may take that is fetched afterwards, in seconds.
_FETCHING: Final = 30.0
_PROMISES: Final = ("twice", "lost", "swapped", "foreign", "late")
#: Answered by one of these, a question may be sent again.
_NOT_STARTED: Final = ("401", "429")
#: The status and the number of a question in the logs of nginx and haproxy.
_SENT: Final = re.compile(r"^POST \S+ (-?\d+) .*SELECT (\d+) AS asked", re.MULTILINE)


@dataclass(frozen=True)
class QuestionOutcome:
    """What became of a question, as its asker saw it.

    Parameters
    ----------
    number
        The number of the question.
    error
        The class of the exception; None where there was a table.
    question_id
        The id on the table or on the exception.
    over
        Seconds that it took beyond its timeout and what the machine overslept; negative before.
    wrong
        What is wrong with the table; empty where nothing is.
    text
        What the exception says.
    """

    number: int
    error: type[BaseException] | None = None
    question_id: str | None = None
    over: float = -1.0
    wrong: str = ""
    text: str = ""


class ProxiedRequest(NamedTuple):
    """A question that reached nginx or haproxy, and the status by which it was answered there."""

    number: int
    status: str


@dataclass
class ChaosReport:
    """What became of all questions, and in which ways promises were broken."""

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
        """All that should not have happened."""
        return [f"{promise}: {said}" for promise, all_said in self.problems.items() for said in all_said]

    def __str__(self) -> str:
        ends = ", ".join(f"{count:,} {end}" for end, count in self.ends.most_common())
        lines = {
            "asked": f"{self.asked:,} in {self.took:.0f} s: {ends}",
            "accepted": f"{self.accepted:,}; {self.fetched:,} fetched afterwards by their ids",
            "problems": ", ".join(f"{len(said)} {promise}" for promise, said in self.problems.items()),
            "overrun": f"{self.overrun:.3f} s at most",
            "disturbed": ", ".join(f"{count} {what}" for what, count in sorted(self.disturbed.items())),
        }
        return "\n".join(f"{name:<10} {said}" for name, said in lines.items())


def question(number: int) -> str:
    """Return the question with a number, which the sandbox answers as the SELECT that it is."""
    return f"SELECT {number} AS asked, i AS row FROM range({_ROWS}) AS t(i) ORDER BY i"  # noqa: S608 - our own number


def check(
    outcomes: Iterable[QuestionOutcome], accepted: Iterable[Accepted], sent: Iterable[ProxiedRequest]
) -> ChaosReport:
    """Hold what the askers saw against what the sandbox accepted and the proxies answered."""
    outcomes, accepted = list(outcomes), list(accepted)
    ends = Counter("right" if seen.error is None else seen.error.__name__ for seen in outcomes)
    report = ChaosReport(
        len(outcomes), len(accepted), ends, max((seen.over for seen in outcomes), default=0.0)
    )
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for entry in accepted:
        ids[entry.question].append(entry.question_id)
    statuses: defaultdict[int, list[str]] = defaultdict(list)
    for number, status in sent:
        if status not in _NOT_STARTED:
            statuses[number].append(status)
    for seen in outcomes:
        for promise, said in _problems(seen, ids[question(seen.number)], statuses[seen.number]):
            report.problems[promise].append(f"question {seen.number} {said}")
    return report


def _problems(seen: QuestionOutcome, ids: list[str], statuses: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the promises that were broken to a question, with how."""
    if len(ids) > 1:
        yield "twice", f"was accepted as {ids}"
    if len(statuses) > 1:
        yield "twice", f"was sent again: the proxies answered {', '.join(statuses)}"
    if seen.error is not None and not issubclass(seen.error, cf.ConnectyError):
        yield "foreign", seen.text
    elif ids and seen.question_id is None and seen.error is not cf.SubmissionUncertain:
        yield "lost", f"was accepted as {ids}, and its asker got {seen.text}"
    if seen.question_id not in (None, *ids):
        yield "swapped", f"has the id {seen.question_id} instead of {ids}"
    if seen.wrong:
        yield "swapped", seen.wrong
    if seen.over > SLACK:
        yield "late", f"ended {seen.over:.3f} s late: {seen.text}"


def run(questions: int, seed: int) -> ChaosReport:
    """Ask so many questions while a disturbance follows another, and judge what became of them."""
    with ExitStack() as stack:
        folder = stack.enter_context(programs.program_folder())
        sandbox = stack.enter_context(programs.sandbox(folder / "sandbox"))
        nginx = stack.enter_context(programs.prepare("nginx", folder, _NGINX, api=sandbox.port))
        haproxy = stack.enter_context(programs.prepare("haproxy", folder, _HAPROXY, api=sandbox.port))
        squid = stack.enter_context(programs.prepare("squid", folder, programs.PASSWORD_REQUIRED))
        pulse = stack.enter_context(Pulse().running())
        proxy = f"http://{programs.USER}:{programs.PASSWORD}@127.0.0.1:{squid.port}"
        stack.enter_context(patch.dict(os.environ, HTTPS_PROXY=proxy))
        # A sandbox that was killed has to work on its questions again, which goes back to an earlier state.
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", cf.UnknownStateWarning)
        settings: dict[str, Any] = {**CREDENTIALS, "dw_id": 13, "ca_bundle": programs.PEM}
        clients = [
            stack.enter_context(cf.Client(base_url=address, **settings))
            for address in (f"http://127.0.0.1:{nginx.port}", f"https://127.0.0.1:{haproxy.port}")
        ]
        asker = _Asker(clients, seed, pulse)
        asker.ask(questions)  # has everything imported, which counts for the first question of all
        began = time.monotonic()
        victims = [sandbox, nginx, haproxy, squid]
        with _Disturbances(victims, seed) as disturbances, ThreadPoolExecutor(_THREADS) as pool:
            outcomes = list(pool.map(asker.ask, range(questions)))
        sent = [
            ProxiedRequest(int(number), status)
            for status, number in _SENT.findall(nginx.log() + haproxy.output())
        ]
        report = check(outcomes, read_journal(sandbox.folder / "journal"), sent)
        report.disturbed, report.took = disturbances.done, time.monotonic() - began
        for seen in outcomes:
            if seen.error is not None and seen.question_id is not None:
                report.fetched += 1
                wrong = asker.fetch(seen)
                if wrong:
                    report.problems["lost"].append(f"question {seen.number} cannot be fetched: {wrong}")
    return report


class _Asker:
    """Asks questions, half of them each way."""

    def __init__(self, clients: list[cf.Client], seed: int, pulse: Pulse) -> None:
        self._clients = clients
        self._seed = seed
        self._pulse = pulse

    def ask(self, number: int) -> QuestionOutcome:
        """Ask the question with a number."""
        draw = random.Random(f"{self._seed} question {number}")
        client, timeout = draw.choice(self._clients), draw.choice(_TIMEOUTS)
        answer: cf.Answer | None = None
        error: Exception | None = None
        began = time.monotonic()
        try:
            answer = client.ask(question(number), timeout=timeout)
        except Exception as caught:  # noqa: BLE001 - it is the judge who says which may come
            error = caught
        # What this machine did instead, before the deadline was set and after it had passed, is no delay.
        overslept = self._pulse.most(began) + self._pulse.total(began + timeout)
        return QuestionOutcome(
            number,
            None if error is None else type(error),
            getattr(answer or error, "question_id", None),
            time.monotonic() - began - timeout - overslept,
            "" if answer is None else _wrong(answer, number),
            "" if error is None else _text(error),
        )

    def fetch(self, seen: QuestionOutcome) -> str:
        """Return what is wrong with the answer to a question that is fetched by its id."""
        try:
            answer = self._clients[0].question(seen.question_id or "").result(timeout=_FETCHING)
        except cf.ConnectyError as error:
            return str(error)
        return _wrong(answer, seen.number)


def _text(error: Exception) -> str:
    """Return what an exception says, and where it comes from if it is not ours."""
    if isinstance(error, cf.ConnectyError):
        return f"{type(error).__name__}: {error}"
    return "".join(traceback.format_exception(error))


def _wrong(answer: cf.Answer, number: int) -> str:
    """Return what is wrong with an answer, empty where nothing is."""
    columns = {} if answer.table is None else answer.table.to_pydict()
    right = {"asked": [number] * _ROWS, "row": list(range(_ROWS))}
    return "" if columns == right else f"its table is {str(columns)[:200]}"


class _Disturbances:
    """One disturbance after another while the ``with`` block runs: each has its turn, as the seed decides."""

    def __init__(self, victims: list[programs.Program], seed: int) -> None:
        self.done: Counter[str] = Counter()
        self._round = [(victim, name) for victim in victims for name in ("kill", "stop", "suspend")]
        self._draw = random.Random(f"{seed} disturbances")
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        self._disturbing = self._pool.submit(self._disturb)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._pool.shutdown()
        self._disturbing.result()

    def _disturb(self) -> None:
        while True:
            self._draw.shuffle(self._round)
            for victim, name in self._round:
                if self._over.wait(self._draw.uniform(*_CALM)):
                    return
                getattr(victim, name)()
                self._over.wait(self._draw.uniform(*_DURATION))
                victim.resume() if name == "suspend" else victim.start()
                self.done[f"{victim.name} {name}"] += 1


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


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--questions", type=int, default=_QUESTIONS, help="how many (default: %(default)s)")
    parser.add_argument(
        "--seed",
        type=int,
        default=random.SystemRandom().randrange(10**6),
        help="of timeouts and disturbances (default: one by chance, which is printed)",
    )
    given = parser.parse_args()
    missing = programs.missing("nginx", "haproxy", "squid")
    if missing:
        parser.error(f"not installed: {', '.join(missing)}")
    sys.stdout.write(f"{given.questions:,} questions, seed {given.seed}\n")
    sys.stdout.flush()
    report = run(given.questions, given.seed)
    sys.stdout.write("\n".join([str(report), *(report.broken or ["every promise kept"])]) + "\n")
    return 1 if report.broken else 0
