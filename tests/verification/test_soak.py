"""The short form of ``make soak``, with fixed seeds, and whether it could find anything."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import connecty_frames as cf
from tests.verification.soak import asking, far_end, judge, kinds, leaks, report
from tests.verification.soak.cases import case_in, case_of

_ROOT = Path(__file__).parents[2]
_QUESTIONS = 2_000
#: The rows of the page on reliability that a server can cause by itself, no fault among them.
_ROWS = [*range(8), *range(9, 27), *range(32, 37)]


@pytest.mark.slow
def test_two_thousand_questions() -> None:
    """Three seeds, always the same; every promise is kept, and a failure tells the seed and the case."""
    seeds = ["1", "2", "3"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.verification.soak", "--questions", str(_QUESTIONS), "--seed", *seeds],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    told = f"seeds {' '.join(seeds)}\n{done.stdout}{done.stderr}"
    assert done.returncode == 0, told
    assert done.stdout.splitlines()[0] == f"2,000 questions, seed {' '.join(seeds)}, 16 threads"
    assert done.stdout.splitlines()[-1] == "every promise kept"
    table = re.findall(r"^ *(\d+)  (.*?)  +([\d,]+)  ", done.stdout, re.MULTILINE)
    assert sorted({int(row) for row, _, _ in table}) == _ROWS, told
    assert sum(int(cases.replace(",", "")) for _, _, cases in table) == _QUESTIONS, told
    assert re.search(r"accepted, [\d,]+ arrived, 0 twice$", done.stdout, re.MULTILINE), told
    assert done.stderr == "", told


def test_a_quarter_is_in_trouble() -> None:
    """Of 2,000 cases 500 are, 20 of them slow with at most half a second; no kind comes much more often."""
    cases = [case_of(7, number) for number in range(2_000)]
    assert sum(case.kind is not kinds.SOUND for case in cases) == 500
    slow = [case.timeout for case in cases if case.timeout is not None]
    assert len(slow) == 20
    assert all(0.2 <= seconds <= 0.5 for seconds in slow)
    often = Counter(case.kind.name for case in cases if case.kind in kinds.KINDS)
    assert len(often) == len(kinds.KINDS)
    assert max(often.values()) - min(often.values()) <= 1


def test_a_case_can_be_had_again() -> None:
    """The same seed and number, and the question alone, give the same case; no two share a question."""
    case = case_of(3, 14)
    assert case_of(3, 14) == case
    assert case_in("What are the rows of case 14 of seed 3?") == case
    assert case_in(case.question).rows == case.rows
    assert case_in("What else?") is None
    assert len({case_of(seed, number).question for seed in (1, 2) for number in range(100)}) == 200


def _sound() -> Any:
    """Give a case that nothing is wrong with, for pandas."""
    cases = (case_of(1, number) for number in range(100))
    return next(case for case in cases if case.kind is kinds.SOUND and case.engine == "pandas")


def _of_kind(name: str) -> Any:
    cases = (case_of(1, number) for number in range(40_000))
    return next(case for case in cases if case.kind.name == name)


_WELL = {"error": None, "question_id": "a", "warned": (), "problems": (), "took": 0.1, "overslept": 0.0}
_SEEN = {"ids": ["a"], "asked": [200], "looked_at": [200, 200]}


@pytest.mark.parametrize(
    ("outcome", "seen", "said"),
    [
        ({}, {}, None),
        ({}, {"asked": [429, 401, 200]}, None),
        ({}, {"ids": ["a", "b"]}, "was accepted 2 times"),
        ({}, {"asked": [503, 200]}, "arrived 2 times"),
        ({}, {"asked": [None, 200]}, "arrived 2 times"),
        ({"question_id": "b"}, {}, "the id b is none of"),
        ({"question_id": None}, {}, "without an id"),
        ({"error": cf.QuestionTimeout}, {}, "instead of the right frame"),
        ({"error": cf.SubmissionUncertain, "question_id": None}, {}, "instead of the right frame"),
        ({"problems": ("an exception that is not ours",)}, {}, "not ours"),
        ({"warned": (ResourceWarning,)}, {}, "the warnings are"),
        ({"error": cf.AuthError}, {"looked_at": [401]}, "instead of the right frame"),
        ({"error": cf.AuthError}, {"looked_at": [401, 401]}, None),
        ({"error": cf.AuthError, "question_id": None}, {"looked_at": [401, 401]}, "without an id"),
    ],
)
def test_what_is_wrong_with_a_call_is_found(
    outcome: dict[str, Any], seen: dict[str, Any], said: str | None
) -> None:
    """A right frame and one submission pass, two expiries excuse an AuthError; anything else does not."""
    became = asking.Outcome(**_WELL | outcome)
    evidence = far_end.Evidence(**_SEEN | seen)
    problems = judge.problems(_sound(), became, evidence)
    assert (said is None) == (problems == [])
    assert said is None or said in "\n".join(problems)


@pytest.mark.parametrize(
    ("past", "overslept", "passes"),
    [(0.0, 0.0, True), (0.24, 0.0, True), (0.3, 0.1, True), (0.3, 0.0, False), (-0.01, 0.0, False)],
)
def test_a_deadline_that_is_missed_is_found(past: float, overslept: float, *, passes: bool) -> None:
    """A quarter of a second, and what the machine overslept, is allowed; ending early is not."""
    case = _of_kind("results: silence")
    became = asking.Outcome(
        **_WELL | {"error": cf.QuestionTimeout, "took": case.timeout + past, "overslept": overslept}
    )
    problems = judge.problems(case, became, far_end.Evidence(**_SEEN))
    assert (problems == []) == passes


@pytest.mark.parametrize(("looked_at", "passes"), [([200, 401, 200], True), ([200, 200, 200], False)])
def test_a_warning_that_is_missing_is_found(looked_at: list[int], *, passes: bool) -> None:
    """Of a state that nobody expects, unless a look was refused in its place."""
    case = _of_kind("results: a state that goes back")
    evidence = far_end.Evidence(**_SEEN | {"looked_at": looked_at})
    problems = judge.problems(case, asking.Outcome(**_WELL), evidence)
    assert (problems == []) == passes


def test_a_wrong_frame_is_found() -> None:
    """A frame without metadata, another value and another type are found; the right ones are not."""
    case = _sound()
    types = {
        "number": "Int64",
        "name": "string",
        "day": "datetime64[s]",
        "moment": "datetime64[us, UTC]",
        "ratio": "Float64",
    }
    frame = pd.DataFrame(case.rows, columns=case.columns)
    frame = frame.astype({name: types[name] for name in case.columns})
    without_metadata = "the metadata of the frame is None"
    assert judge.differences(case, frame) == (None, [without_metadata])
    _, (_, values) = judge.differences(case, frame.assign(ratio=frame["ratio"] + 1))
    assert values.startswith("the values are [[")
    _, (_, dtypes) = judge.differences(case, frame.astype({"ratio": "Float32"}))
    assert "'ratio': 'Float32'" in dtypes


@pytest.mark.slow
def test_what_is_left_is_found() -> None:
    """A thread and a socket that stay are; so are four MiB over the last 10,000 questions."""
    over = threading.Event()
    before = leaks.held()
    stays = threading.Thread(target=over.wait, name="stays")
    stays.start()
    with socket.socket():
        after = leaks.held()
    over.set()
    stays.join()
    told = report.Report(20_000)
    told.took = 1.0
    for done, memory in ((10_000, 100 * 2**20), (20_000, 105 * 2**20)):
        told.rest(done, after._replace(memory=memory))
    told.close(far_end.Summary(twice=["q"], strays=1), before, after)
    assert told.failures[:3] == [
        "these arrived or were accepted twice: ['q']",
        "1 requests followed a redirect",
        "threads are left: ['stays']",
    ]
    if sys.platform == "linux":
        assert re.fullmatch(r"files are left open: \['socket:\[\d+\]'\]", told.failures[3])
    assert told.failures[-1] == "5.0 MiB are left"
