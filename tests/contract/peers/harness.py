"""Ask each variation of each peer one question, and compare what came of it with what its user wants."""

import json
import re
import shutil
import subprocess
import sys
import threading
import time
import tomllib
import urllib.request
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import connecty_frames as cf
from tests.contract.peers.common import fill

_FOLDER = Path(__file__).parent
#: The program of each server.
SERVERS = {
    "plain": (sys.executable, "-m", "tests.contract.peers.plain"),
    "starlette": (sys.executable, "-m", "tests.contract.peers.asgi"),
    "express": ("node", str(_FOLDER / "express.js")),
    "gateway": (sys.executable, "-m", "tests.contract.peers.gateway"),
}
#: After these the question was certainly not started, and may be sent again.
_NOT_STARTED = {401, 429}
_THREADS = 16
#: The path of a question.
_QUESTIONS = re.compile(r"/questions/?(\?|$)")


@dataclass
class Case:
    server: str
    want: str
    name: str
    says: str
    why: str = ""
    must: str = ""
    warns: str = ""
    rows: str | list[str] = '[["$q", 1], ["$q", 2], ["$q", 3]]'  # alternatives are in a list
    ask: dict[str, Any] = field(default_factory=dict)
    timeout: float = 4.0
    switches: dict[str, Any] = field(default_factory=dict)

    @property
    def question(self) -> str:
        """Its question, which stands in each of its rows."""
        return f"orders of {self.name} by {self.server}"


@dataclass
class Outcome:
    """What came of a question; ``faults`` are differences from what its user wants."""

    case: Case
    got: str
    message: str = ""
    question_id: str | None = None
    rows: object = None
    warned: list[str] = field(default_factory=list)
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


def read_cases() -> list[Case]:
    found = []
    for server, by_want in tomllib.loads((_FOLDER / "variations.toml").read_text()).items():
        for want, named in by_want.items():
            for name, row in named.items():
                own = {
                    key: row.pop(key) for key in ("says", "why", "must", "warns", "rows", "ask") if key in row
                }
                timeout = row.pop("timeout", 4.0)
                found.append(Case(server, want, name, timeout=timeout, switches=row, **own))
    return found


#: The table.
CASES = read_cases()


def is_installed(server: str) -> bool:
    return shutil.which(SERVERS[server][0]) is not None


def run(cases: Sequence[Case]) -> list[Outcome]:
    """Run all that have a program, one server after the other."""
    outcomes = []
    for server, command in SERVERS.items():
        chosen = [case for case in cases if case.server == server]
        if chosen and is_installed(server):
            found = _run_server(command, chosen)
            # On a slow machine, 16 at once may need more than their 4 seconds.
            late = [o for o in found if o.seconds >= o.case.timeout and not o.case.why]
            slow = {o.case.name for o in late if o.faults and not {"asked twice", "crash"} & {*o.faults}}
            again = [replace(case, timeout=15.0) for case in chosen if case.name in slow]
            outcomes += [outcome for outcome in found if outcome.case.name not in slow]
            outcomes += _run_server(command, again) if again else []
    return outcomes


def _run_server(command: Sequence[str], cases: Sequence[Case]) -> list[Outcome]:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            print(json.dumps({case.name: case.switches for case in cases}), file=process.stdin, flush=True)
            url = f"http://127.0.0.1:{int(process.stdout.readline())}"
            with _Warnings() as warned, ThreadPoolExecutor(_THREADS) as pool:
                outcomes = list(pool.map(lambda case: _ask(case, f"{url}/{case.name}", warned), cases))
            with urllib.request.urlopen(f"{url}/_log") as reply:  # noqa: S310 - of our own server
                log = json.load(reply)
        finally:
            process.kill()
    for outcome in outcomes:
        outcome.faults = list(_faults(outcome, log[outcome.case.name]))
    return outcomes


class _Warnings(warnings.catch_warnings):
    def __enter__(self) -> dict[int, list[str]]:  # type: ignore[override]
        super().__enter__()
        warnings.simplefilter("always")
        found: dict[int, list[str]] = {}

        def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
            found.setdefault(threading.get_ident(), []).append(f"{category.__name__}: {message}")

        warnings.showwarning = show  # type: ignore[assignment]
        return found


def _ask(case: Case, url: str, warned: dict[int, list[str]]) -> Outcome:
    warned.pop(threading.get_ident(), None)
    options: dict[str, Any] = {key: None if value == "all" else value for key, value in case.ask.items()}
    before = time.monotonic()
    try:
        with cf.Client(
            "id", client_secret="secret", base_url=url, dw_id=13, timeout=case.timeout, history=False
        ) as client:
            answer = client.ask(case.question, **options)
            outcome = Outcome(case, "answer", str(answer), answer.question_id, _rows(answer))
    except cf.ConnectyError as error:
        said = f"{type(error).__name__}: {error} {vars(error)} {error.__cause__ or ''}"
        outcome = Outcome(case, "error", said, error.question_id)
    except Exception as error:
        outcome = Outcome(case, "crash", repr(error))
    outcome.seconds = time.monotonic() - before
    outcome.warned = warned.pop(threading.get_ident(), [])
    return outcome


def _rows(answer: cf.Answer) -> list[list[Any]] | None:
    """Return the rows as they stand in the table of variations."""
    if answer.table is None:
        return None
    columns = [column.to_pylist() for column in answer.to_arrow().columns]
    return [list(map(_cell, row)) for row in zip(*columns, strict=True)]


def _cell(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _faults(outcome: Outcome, log: dict[str, Any]) -> Iterator[str]:
    """Yield each difference from what the user wants."""
    case = outcome.case
    asked = [r["status"] for r in log["requests"] if r["method"] == "POST" and _QUESTIONS.search(r["path"])]
    if log["started"] > 1 or sum(status not in _NOT_STARTED for status in asked) > 1:
        yield "asked twice"
    if outcome.got == "crash":
        yield "crash"
        return
    ids = {_plain(found) for found in log["ids"]}
    if outcome.question_id is not None and _plain(outcome.question_id) not in ids:
        yield "foreign id"
    if outcome.got == "answer":
        yield from _faults_of_rows(outcome)
    else:
        said = _plain(outcome.message)
        if not all(found in said for found in ids):
            yield "id lost"
        if not re.search(case.must, outcome.message, re.IGNORECASE):
            yield "reason lost"
    if case.want not in {"either", outcome.got}:
        yield f"{outcome.got} instead of {case.want}"
    if outcome.got == "answer" and case.warns and not re.search(case.warns, " ".join(outcome.warned)):
        yield "no warning"


def _faults_of_rows(outcome: Outcome) -> Iterator[str]:
    if outcome.case.want == "error":
        return
    allowed = [outcome.case.rows] if isinstance(outcome.case.rows, str) else outcome.case.rows
    if outcome.rows not in [json.loads(fill(rows, {"q": outcome.case.question})) for rows in allowed]:
        yield "other rows"


def _plain(question_id: str) -> str:
    """Return an id, or a text with ids, so that all spellings of an id are equal."""
    return re.sub(r"[-{}]|urn:uuid:", "", question_id).lower()


def report(outcomes: Sequence[Outcome], *, verbose: bool) -> Iterator[str]:
    """Yield the lines of a table by outcome, and those of each difference."""
    kinds = Counter((o.case.server, ", ".join(o.faults) or f"as wanted: {o.got}") for o in outcomes)
    names = list(dict.fromkeys(o.case.server for o in outcomes))
    yield f"{'':44}" + "".join(f"{name:>11}" for name in names) + "        all"
    for kind in sorted(
        {kind for _, kind in kinds}, key=lambda kind: (not kind.startswith("as wanted"), kind)
    ):
        counts = [kinds[name, kind] for name in names]
        yield f"{kind:44}" + "".join(f"{count or '':>11}" for count in counts) + f"{sum(counts):>11}"
    for o in outcomes:
        if o.faults or verbose:
            faults = ", ".join(o.faults) or "so it is"
            because = f", since {o.case.why}" if o.case.why else ""
            yield f"\n{o.case.server} {o.case.name}: {o.case.says}. Wanted: {o.case.want}; {faults}{because}"
            yield f"    {o.seconds:.1f} s, {o.message[:600]}"
            if o.got == "answer":
                yield f"    rows {o.rows}"
            for warning in o.warned:
                yield f"    {warning[:200]}"
