"""The quick form of ``make verify WHAT=fidelity``: a few columns of each producer."""

import re
from typing import Any

import pytest

from tests.servers.programs import IN_CI
from tests.verification import __main__ as program
from tests.verification.fidelity import report

pytestmark = pytest.mark.slow

OURS = ["connecty_frames, pandas", "connecty_frames, polars", "connecty_frames, pyarrow"]


@pytest.fixture
def zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.verification.fidelity.readers import OURS as READERS

    read = READERS.each[OURS[1]]

    def with_zeros(answer: Any) -> tuple[str, list[Any]]:
        kind, values = read(answer)
        return kind, [0 if value is None else value for value in values]

    monkeypatch.setitem(READERS.each, OURS[1], with_zeros)


@pytest.fixture
def main(capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that runs the benchmark, and returns its exit code and what it prints."""

    def run(every: int) -> tuple[int, str]:
        return program.main(["fidelity", "--every", str(every)]), capsys.readouterr().out

    return run


def _missing() -> None:
    raise FileNotFoundError("none")


def _silently_wrong(printed: str) -> dict[str, int]:
    """Return how many columns each reader has silently wrong, by the first table of the benchmark."""
    heads, *rows = (re.split(r"  +", line) for line in printed.partition("\n\n")[0].splitlines())
    return {row[0]: int(row[heads.index("silently wrong")]) for row in rows}


def test_what_producers_send(main: Any) -> None:
    """For every producer, all engines return each value that the bytes name, and warn of every other one.

    The benchmark finds wrong values in code written by hand, so that a zero for ours is meaningful.
    PostgreSQL is among the producers wherever it is installed, and in CI; the values of DuckDB are if it has
    their types.
    """
    code, printed = main(72)
    assert code == 0, printed.partition("Ours, not as exp")[2]
    assert [(reader in OURS, wrong > 0) for reader, wrong in _silently_wrong(printed).items()] == [
        *[(True, False)] * 3,
        *[(False, True)] * 4,
    ]
    is_skipped = "PostgreSQL was skipped" in printed
    assert ("row_to_json" in printed) is not is_skipped
    assert not (is_skipped and IN_CI)
    assert ("fixed offset" in printed) is ("The values of DuckDB were skipped" not in printed)


@pytest.mark.usefixtures("zeros")
def test_a_zero_in_place_of_a_null(main: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is silently wrong, is named, and the exit code is 1."""
    monkeypatch.setattr(report, "postgres_server", _missing)
    monkeypatch.setattr(report, "COLUMNS", report.COLUMNS[:1])
    monkeypatch.setattr(report, "load_ground_truth", lambda **_: [])
    code, printed = main(72)
    assert code == 1
    assert _silently_wrong(printed)[OURS[1]] > 0
    assert " silently wrong: flags (" in printed
    assert "; row 2: None sent as null, got 0\n" in printed
