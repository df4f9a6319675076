"""The quick form of ``make verify WHAT=fidelity``: a few columns in each style, and of each producer."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.servers.programs import IN_CI

if TYPE_CHECKING:
    from types import ModuleType

pytestmark = pytest.mark.slow

OURS = ["connecty_frames, pandas", "connecty_frames, polars", "connecty_frames, pyarrow"]


@pytest.fixture
def by_style() -> ModuleType:
    """Return the benchmark of DuckDB's values; older ones lack types of the edge cases."""
    pytest.importorskip("duckdb", minversion="2.0")
    from tests.verification.fidelity import report

    return report


@pytest.fixture
def by_producer() -> ModuleType:
    """Return the benchmark by producer."""
    from tests.verification.fidelity.warehouses import report

    return report


@pytest.fixture
def zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a null as zero with polars."""
    from tests.verification.fidelity.readers import OURS as READERS

    read = READERS.each[OURS[1]]

    def with_zeros(answer: Any) -> tuple[str, list[Any]]:
        kind, values = read(answer)
        return kind, [0 if value is None else value for value in values]

    monkeypatch.setitem(READERS.each, OURS[1], with_zeros)


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that runs a benchmark, and returns its exit code and what it prints."""

    def run(benchmark: ModuleType, every: int) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["fidelity", "--every", str(every)])
        return benchmark.main(), capsys.readouterr().out

    return run


def _silently_wrong(printed: str) -> dict[str, int]:
    """Return how many columns each reader has silently wrong, by the first table of a benchmark."""
    heads, *rows = (re.split(r"  +", line) for line in printed.partition("\n\n")[0].splitlines())
    return {row[0]: int(row[heads.index("silently wrong")]) for row in rows}


def test_values_of_duckdb(by_style: ModuleType, main: Any) -> None:
    """In every style, all engines return the value that the database had, or warn.

    The benchmark finds wrong values in code written by hand, so that a zero for ours is meaningful.
    """
    code, printed = main(by_style, 100)
    assert code == 0, printed.partition("Ours, rec")[2]
    assert [(reader in OURS, wrong > 0) for reader, wrong in _silently_wrong(printed).items()] == [
        *[(True, False)] * 3,
        *[(False, True)] * 4,
    ]


def test_what_producers_send(by_producer: ModuleType, main: Any) -> None:
    """For every producer, all engines return each value that the bytes name, and warn of every other one.

    The benchmark finds wrong values in code written by hand, so that a zero for ours is meaningful.
    PostgreSQL is among the producers wherever it is installed, and in CI. Honest statistics of five writers,
    with five ways to name their sections, tell each type.
    """
    code, printed = main(by_producer, 72)
    assert code == 0, printed.partition("Ours, not as exp")[2]
    assert [(reader in OURS, wrong > 0) for reader, wrong in _silently_wrong(printed).items()] == [
        *[(True, False)] * 3,
        *[(False, True)] * 4,
    ]
    shapes = re.findall(r"^(?:document|pandas|polars|BigQuery|Snowflake).*/0/0$", printed, re.MULTILINE)
    assert [len(line.split("/0/0")) for line in shapes] == [6] * 5
    is_skipped = "PostgreSQL was skipped" in printed
    assert ("row_to_json" in printed) is not is_skipped
    assert not (is_skipped and IN_CI)


@pytest.mark.usefixtures("zeros")
def test_a_zero_in_place_of_a_null(by_style: ModuleType, main: Any) -> None:
    """It is silently wrong, is named, and the exit code is 1."""
    code, printed = main(by_style, 300)
    assert code == 1
    assert _silently_wrong(printed)[OURS[1]] > 0
    assert (
        "all types: bool [boolean], document: 1 of 3 engines; polars: row 2: None sent as null, got 0"
        in printed
    )


@pytest.mark.usefixtures("zeros")
def test_a_zero_of_a_producer(by_producer: ModuleType, main: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is silently wrong, is named, and the exit code is 1."""
    monkeypatch.setattr(by_producer, "_LIVE", {})
    monkeypatch.setattr(by_producer, "COLUMNS", by_producer.COLUMNS[:1])
    monkeypatch.setattr(by_producer, "shapes", lambda _every: ())
    code, printed = main(by_producer, 72)
    assert code == 1
    assert _silently_wrong(printed)[OURS[1]] > 0
    assert "1 silently wrong: bool expected, got bool; _: None sent as _\n        flags (" in printed
