"""The quick form of ``make verify WHAT=bounds``: the memory of hostile bodies, in multiples of their size."""

import re
import sys

import pytest

from benchmarks.bounds import calls, costs, responses, run
from benchmarks.bounds.bodies import SHAPES
from tests.cases import cases


@pytest.mark.slow
@cases(
    ("shape", "outcome"),
    [
        ("plain rows", "read"),
        ("one object of many keys", "read"),
        ("one array of many arrays", "read"),
        ("many columns", "ResponseError"),
        ("a ragged row at the end", "ResponseError"),
        ("a NaN at the end of eight columns", "read"),
        ("all kinds", "read"),
        ("statistics: many fields", "read"),
    ],
)
def test_memory_of_hostile_rows(shape: str, outcome: str) -> None:
    """Reading takes at most 20 times the body, beside the work on blocks, which does not grow with it."""
    size = 4 * costs.MEGABYTE
    cost = run.measure("Arrow", shape, str(size))
    assert cost.outcome == outcome
    assert cost.memory * size <= run.MOST_MEMORY * size + run.BLOCKS


def test_a_reader_that_takes_too_much(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What takes 300 times the body is named, and the exit code is 1."""
    monkeypatch.setattr(run, "in_fresh_process", lambda *_: costs.Cost(300.0, 0.1, "read"))
    arguments = ["plain rows", "nulls", "one text", "--every", "2", "--sizes", "1", "--readers", "Arrow"]
    monkeypatch.setattr(sys, "argv", ["bounds", *arguments])
    assert run.main() == 1
    _, *lines, summary = capsys.readouterr().out.splitlines()
    found = [re.fullmatch(r"(.*?)  +1  .*  read  MISSED", line) for line in lines]
    assert [line and line[1] for line in found] == ["plain rows", "one text"]
    assert summary.startswith("2 of 2 rows exceed ")


@cases("shape", SHAPES)
def test_bodies_have_the_size_asked_for(shape: str) -> None:
    """Each shape grows with the bytes asked for, so that multiples of its size are comparable."""
    assert 0.4 * 100_000 < len(SHAPES[shape](100_000)) < 1.3 * 100_000


@pytest.mark.slow
@cases(
    ("place", "value", "outcomes"),
    [
        ("token", "one text", {"AuthError"}),
        ("submission", "keys", {"SubmissionUncertain"}),
        ("IN_PROGRESS", "keys", {"QuestionTimeout"}),
        ("FAILED", "lone surrogates", {"QuestionFailed", "QuestionTimeout"}),
    ],
)
def test_hostile_responses(place: str, value: str, outcomes: set[str]) -> None:
    """Every call ends within its deadline and its memory, whatever comes."""
    call = calls.in_fresh_process(place, value, 4 * costs.MEGABYTE)
    assert call.outcome in outcomes
    assert calls.is_kept(call), call


@cases("value", responses.VALUES)
def test_responses_have_the_size_asked_for(value: str) -> None:
    """Each value grows with the bytes asked for, in every place."""
    for place in responses.PLACES:
        assert 0.5 * 1_000_000 < len(responses.response(place, value, 1_000_000)[2]) < 1.3 * 1_000_000


def test_time_of_a_slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as that of a usual one, that of a fast machine as it is."""
    for usual, expected in ((1e-9, False), (1e9, True)):
        monkeypatch.setattr(costs, "_NOT_SLOW", usual)
        assert (costs.slowness() == 1.0) is expected
