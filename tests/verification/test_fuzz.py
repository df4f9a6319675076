"""The quick form of ``make verify WHAT=fuzz`` with a fixed seed, and tests of its oracle."""

import json
import re
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest

from tests.cases import cases
from tests.verification.__main__ import main
from tests.verification.fuzz import bodies, grammar, oracle
from tests.verification.fuzz.trial import Trials

_CASES = 800


@pytest.mark.slow
def test_a_few_hundred_malformed_bodies(capsys: pytest.CaptureFixture[str]) -> None:
    """All pass, and the main outcomes occur; a failure would print seed, case and body."""
    code = main(["fuzz", "--cases", str(_CASES), "--seed", "1", "--workers", "1"])
    printed = capsys.readouterr().out
    assert code == 0, printed
    lines = re.findall(r"^ *([\d,]+) (\w+: .*)$", printed, re.MULTILINE)
    counts = {name: int(count.replace(",", "")) for count, name in lines}
    least = {
        "columnar: read": _CASES / 10,
        "columnar: blocks cut again, at fewer commas": _CASES / 100,
        "outcome: read": _CASES / 5,
        "outcome: not JSON, rejected": _CASES / 5,
    }
    assert {name for name, count in least.items() if counts[name] <= count} == set(), printed


def test_a_failure_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With its seed, case and problems; the exit code is 1."""
    monkeypatch.setattr(oracle, "differences", lambda *_: ["one value of many"])
    assert main(["fuzz", "--seed", "1", "--case", "7"]) == 1
    assert capsys.readouterr().out.startswith("\nFAILED: seed 1, case 7\n  one value of many\n")


@cases("first", range(0, 300, 50))
def test_fifty_malformed_bodies(first: int) -> None:
    """Three hundred of another seed pass too; they belong to the fast tests."""
    trials = Trials(2)
    found = {number: trials.run(number) for number in range(first, first + 50)}
    assert {number: problems for number, problems in found.items() if problems} == {}


def test_the_grammar_list() -> None:
    """Python's reader agrees with the list on each text; bare NaN and infinity are read leniently."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    def is_json(text: bytes, **more: Any) -> bool:
        try:
            json.loads(text.decode(), parse_int=str, **more)
        except ValueError:
            return False
        return True

    assert [text for text in grammar.ACCEPT if not is_json(text, parse_constant=refuse)] == []
    assert [text for text in grammar.REJECT if is_json(text)] == []
    assert [
        text for text in grammar.LENIENT if not is_json(text) or is_json(text, parse_constant=refuse)
    ] == []


_UNEQUAL = (
    ("[1]", pa.array([2])),
    ("[null]", pa.array([0])),
    ("[1]", pa.array([None], pa.int64())),
    ("[1.10]", pa.array(["1.1"])),
    ("[0.1]", pa.array([0.1000001])),
    ("[-0.0]", pa.array([0.0])),
    ("[1e400]", pa.array([float("inf")])),
    ("[1e-400]", pa.array([0.0])),
    ("[9007199254740993.5]", pa.array([9007199254740994.0])),
    ('["null"]', pa.array([None], pa.string())),
    ('["x"]', pa.array(["x "])),
    ('[""]', pa.array([None], pa.string())),
    ("[true]", pa.array([False])),
    ('["2025-01-01T00:00:00"]', pa.array([1735689600], pa.timestamp("s", "UTC"))),
    ('["2025-01-01T00:00:00+01:00"]', pa.array([1735689600], pa.timestamp("s", "UTC"))),
    ('["2025-02-30T00:00:00Z"]', pa.array([1740873600], pa.timestamp("s", "UTC"))),
    ("[[1]]", pa.array([[2]])),
    ("[[1]]", pa.array(["[1.0]"])),
    ('[{"a":1}]', pa.array([{"b": 1}])),
    ('[{"a":1,"a":2}]', pa.array([{"a": 2}])),
)
_EQUAL = (
    ("[1]", pa.array([1])),
    ("[-0]", pa.array([0])),
    ("[1.10]", pa.array([1.1])),
    ("[18446744073709551615]", pa.array([2**64 - 1], pa.uint64())),
    ('["5"]', pa.array(["5"])),
    ("[true]", pa.array([True])),
    ("[NaN]", pa.array([float("nan")])),
    ('["2025-01-01"]', pa.array([20089], pa.date32())),
    ('["2025-01-01T01:00:00.5+01:00"]', pa.array([1735689600500], pa.timestamp("ms", "UTC"))),
    ('["2024-12-31 24:00"]', pa.array([1735689600], pa.timestamp("s"))),
    ("[ [ 1, null ] ]", pa.array([[1, None]])),
    ('[{"a":{"b":[]}}]', pa.array(['{"a": {"b": []}}'])),
)


@cases(
    ("cells", "array", "is_equal"),
    [*((*case, False) for case in _UNEQUAL), *((*case, True) for case in _EQUAL)],
)
def test_the_oracle_compares(cells: str, array: pa.Array, is_equal: bool) -> None:
    """A table that differs from the JSON is found, so that a run without findings is meaningful."""
    body = oracle.read(f'{{"state":"COMPLETED","results":{{"dataframe":[["a"],{cells}]}}}}'.encode())
    assert (oracle.differences(body, pa.table({"a": array})) == []) is is_equal


@cases(
    ("body", "reason"),
    [
        (b"[]", "the body is not an object"),
        (b'{"state":"FAILED"}', "not COMPLETED"),
        (b'{"state":"COMPLETED","results":5}', "results is not an object"),
        (b'{"state":"COMPLETED","results":{"sql_query":true}}', None),
        (b'{"state":"COMPLETED","results":{"dataframe":[1]}}', "no header"),
        (b'{"state":"COMPLETED","results":{"dataframe":[[[]]]}}', "a name is an array or object"),
        (b'{"state":"COMPLETED","results":{"dataframe":[["a"],[1,2]]}}', "ragged"),
        (b'{"state":"COMPLETED","results":{"dataframe":[["\\ud800"]]}}', "a name is not a text"),
        (
            b'{"state":"COMPLETED","results":{"dataframe":[["a"],["\\ud800"]]}}',
            "may: half of a surrogate pair",
        ),
        (b'{"state":"COMPLETED","results":{},"more":' + b"[" * 101 + b"]" * 101 + b"}", "may: nested deeply"),
        (b'{"state":"COMPLETED"}', "may: there are no results, unless they are somewhere else"),
        (b'{"state":"COMPLETED","results":{"dataframe":[["a"],["x"]],"more":[{}]}}', None),
    ],
)
def test_reasons_to_reject(body: bytes, reason: str | None) -> None:
    """JSON that is not an answer is rejected for its reason alone."""
    assert oracle.rejection_reason(oracle.read(body)) == reason


def test_every_family_has_its_share() -> None:
    """Of a hundred consecutive cases, each family has its share; the same number returns the same body."""
    made = [bodies.body_of(5, number) for number in range(300, 400)]
    assert Counter(family for family, _ in made) == {
        "random tables": 26,
        "bytes changed": 20,
        "tokens changed": 22,
        "truncated": 10,
        "grammar": 16,
        "statistics": 6,
    }
    assert made == [bodies.body_of(5, number) for number in range(300, 400)]
