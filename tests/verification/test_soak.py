"""The quick form of ``make verify WHAT=soak`` with a fixed seed, and tests of its checks."""

import re
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import connecty_frames as cf
from tests.cases import cases
from tests.verification.__main__ import main
from tests.verification.soak import asker, checks, report, resources, run, scenarios, server_process
from tests.verification.soak.cases import make_case, parse_case


def _run(*arguments: str) -> str:
    """Run a program that keeps every promise, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.verification", *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), f"{done.stdout}{done.stderr}"
    assert done.stdout.splitlines()[-1] == "every promise kept"
    return done.stdout


@pytest.mark.slow
def test_sixty_questions() -> None:
    """A fixed seed: every promise is kept; a failure would print the seed and the case."""
    printed = _run("soak", "--questions", "60", "--seed", "1")
    assert printed.splitlines()[0] == "60 questions, seed 1, 16 threads"
    table = re.findall(r"^ *\d+  .*?  +(\d+)  ", printed, re.MULTILINE)
    assert sum(map(int, table)) == 60, printed
    assert re.search(r"accepted, \d+ arrived, 0 twice$", printed, re.MULTILINE), printed


@pytest.mark.slow
def test_forty_of_each() -> None:
    """With 256 descriptors, batch folders, clients and histories leave none, and no memory."""
    printed = _run("openings", "--count", "40")
    found = re.findall(r"^40 (.+?) +(?:\+0|-\d+) open files, [+-][\d,]+ KiB$", printed, re.MULTILINE)
    assert found == ["batch folders", "closed clients", "clients let go of", "configured histories"]


def test_every_row_has_a_scenario() -> None:
    """Those of the page on reliability that a server can cause by itself."""
    table = (scenarios.NO_FAULT, *scenarios.SCENARIOS, *scenarios.SLOW_SCENARIOS)
    assert {scenario.row for scenario in table} == {*range(8), *range(9, 27), *range(32, 37)}


def test_a_quarter_has_a_fault() -> None:
    """Of 2,000 cases 500 do, 20 of them slow with at most 0.5 s; all scenarios occur equally often."""
    cases = [make_case(7, number) for number in range(2_000)]
    assert sum(case.scenario is not scenarios.NO_FAULT for case in cases) == 500
    slow = [case.timeout for case in cases if case.timeout is not None]
    assert len(slow) == 20
    assert all(0.2 <= seconds <= 0.5 for seconds in slow)
    often = Counter(case.scenario.name for case in cases if case.scenario in scenarios.SCENARIOS)
    assert len(often) == len(scenarios.SCENARIOS)
    assert max(often.values()) - min(often.values()) <= 1


def test_a_case_is_reproducible() -> None:
    """The same seed and number, and the question alone, return the same case; no two share a question."""
    case = make_case(3, 14)
    assert make_case(3, 14) == case == parse_case("What are the rows of case 14 of seed 3?")
    assert parse_case(case.question).rows == case.rows
    assert parse_case("What else?") is None
    assert len({make_case(seed, number).question for seed in (1, 2) for number in range(100)}) == 200


def _of_scenario(name: str) -> Any:
    cases = (make_case(1, number) for number in range(40_000))
    return next(case for case in cases if case.scenario.name == name)


_SUCCESS = {"error": None, "question_id": "a", "warned": (), "problems": (), "took": 0.1, "lateness": 0.0}
_RECORD = {"ids": ["a"], "submissions": [200], "polls": [200, 200]}


_UNCERTAIN = {"error": cf.SubmissionUncertain, "question_id": None}
_NOT_ACCEPTED: dict[str, Any] = {"ids": [], "polls": []}


@cases(
    ("scenario", "outcome", "record", "found"),
    [
        ("none", {}, {}, None),
        ("none", {}, {"submissions": [429, 401, 200]}, None),
        ("none", {}, {"ids": ["a", "b"]}, "was accepted 2 times"),
        ("none", {}, {"submissions": [503, 200]}, "arrived 2 times"),
        ("none", {}, {"submissions": [None, 200]}, "arrived 2 times"),
        ("none", {"question_id": "b"}, {}, "the id b is none of"),
        ("none", {"question_id": None}, {}, "without an id"),
        ("none", {"error": cf.QuestionTimeout}, {}, "instead of the right frame"),
        ("none", _UNCERTAIN, {}, "instead of the right frame"),
        ("none", {"problems": ("an exception that is not ours",)}, {}, "not ours"),
        ("none", {"warned": (ResourceWarning,)}, {}, "the warnings are"),
        # Two tokens that expired; a call tries one new token only.
        ("none", {"error": cf.AuthError}, {"polls": [401]}, "instead of the right frame"),
        ("none", {"error": cf.AuthError}, {"polls": [401, 401]}, None),
        ("none", {"error": cf.AuthError, "question_id": None}, {"polls": [401, 401]}, "without an id"),
        # A fault may replace a 401, so that nothing was accepted; other scenarios allow no such outcome.
        ("ask: 503 after", _UNCERTAIN, {**_NOT_ACCEPTED, "submissions": [503]}, None),
        ("ask: 503 after", _UNCERTAIN, {**_NOT_ACCEPTED, "submissions": [401, 503]}, "accepted 0 times"),
        ("none", _UNCERTAIN, {**_NOT_ACCEPTED, "submissions": [503]}, "accepted 0 times"),
        # An unknown state must warn, unless a poll was rejected in its place.
        ("results: a state that goes back", {}, {"polls": [200, 401, 200]}, None),
        ("results: a state that goes back", {}, {"polls": [200, 200, 200]}, "the warnings are ()"),
    ],
)
def test_what_is_wrong_with_a_call_is_found(
    scenario: str, outcome: dict[str, Any], record: dict[str, Any], found: str | None
) -> None:
    """A right frame and one submission pass, and what a scenario allows; nothing else does."""
    actual = asker.CallOutcome(**_SUCCESS | outcome)
    received = server_process.QuestionRecord(**_RECORD | record)
    problems = checks.check_outcome(_of_scenario(scenario), actual, received)
    assert (found is None) == (problems == [])
    assert found is None or found in "\n".join(problems)


@cases(
    ("past", "lateness", "passes"),
    [(0.0, 0.0, True), (0.24, 0.0, True), (0.3, 0.1, True), (0.3, 0.0, False), (-0.01, 0.0, False)],
)
def test_a_deadline_that_is_missed_is_found(past: float, lateness: float, *, passes: bool) -> None:
    """A quarter of a second and the lateness of the machine are allowed; ending early is not."""
    case = _of_scenario("results: silence")
    ended = {"error": cf.QuestionTimeout, "took": case.timeout + past, "lateness": lateness}
    received = server_process.QuestionRecord(**_RECORD)
    assert (checks.check_outcome(case, asker.CallOutcome(**_SUCCESS | ended), received) == []) == passes


def test_a_wrong_frame_is_found() -> None:
    """A table without metadata, another value and another type are found; the right values and types pass."""
    case = _of_scenario("none")
    types = {"number": pa.int64(), "name": pa.string(), "day": pa.date32(), "ratio": pa.float64()}
    columns = dict(zip(case.columns, map(list, zip(*case.rows, strict=True)), strict=True))
    schema = pa.schema({name: types[name] for name in case.columns})
    without_metadata = "the table has other metadata: None"
    assert checks.check_frame(case, pa.table(columns, schema)) == (None, [without_metadata])
    other = pa.table({**columns, "ratio": [0.3] * len(case.rows)}, schema)
    _, (_, values) = checks.check_frame(case, other)
    assert values.startswith("the values are [[")
    _, (_, found) = checks.check_frame(
        case, pa.table(columns, schema.set(2, pa.field("ratio", pa.float32())))
    )
    assert "'ratio': 'float'" in found


@pytest.mark.slow
def test_a_leak_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A thread, a socket and five MiB over the last 10,000 questions are found; the exit code is 1."""
    over = threading.Event()
    before = resources.measure_resources()
    stays = threading.Thread(target=over.wait, name="stays")
    stays.start()
    with socket.socket():
        after = resources.measure_resources()
    over.set()
    stays.join()
    soak_report = report.SoakReport(20_000)
    soak_report.took = 1.0
    for done, memory in ((10_000, 100 * 2**20), (20_000, 105 * 2**20)):
        soak_report.add_resources(done, after._replace(memory=memory))
    soak_report.close(server_process.ServerSummary(duplicates=["q"], followed_redirects=1), before, after)
    assert soak_report.failures[:3] == [
        "these questions arrived or were accepted twice: ['q']",
        "1 requests followed a redirect",
        "threads are left: ['stays']",
    ]
    if sys.platform == "linux":
        assert re.fullmatch(r"files are left open: \['socket:\[\d+\]'\]", soak_report.failures[3])
    assert soak_report.failures[-1] == "5.0 MiB are left"
    monkeypatch.setattr(run, "soak", lambda *_: soak_report)
    assert main(["soak"]) == 1
    assert "\nFAILED threads are left: ['stays']\n" in capsys.readouterr().out
