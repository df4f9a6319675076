"""The exit code of programs whose other tests call their checks: 1 if a promise is broken."""

from __future__ import annotations

import runpy
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.questions import score
from tests.verification.batch import run as batch
from tests.verification.history import run as history

if TYPE_CHECKING:
    from collections.abc import Callable

FLAT, GROWN = (batch.Growth((1, 1.0, 0), (2, 2.0, grown)) for grown in (0, 64 * 1024**2))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a function that runs a program that ends with 1, and returns what it printed."""

    def run(module: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module(module, run_name="__main__")
        assert ended.value.code == 1
        return capsys.readouterr().out

    return run


def test_history(run: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that was lost."""
    pytest.importorskip("psycopg")
    monkeypatch.setattr(history, "run", lambda *_, **__: history.Report(broken=["lost: 'b' was accepted"]))
    assert run("tests.verification.history").endswith("\nlost: 'b' was accepted\n")


@pytest.mark.parametrize(
    ("broken", "growth", "found"),
    [(["asked 2 times"], FLAT, "\nasked 2 times\n"), ([], GROWN, ": +64.0 MiB,")],
)
def test_batch(
    run: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    broken: list[str],
    growth: batch.Growth,
    found: str,
) -> None:
    """A question that was asked twice, or memory that grows."""
    monkeypatch.setattr(batch, "kill", lambda *_, **__: batch.Report(questions=1, pods=1, broken=broken))
    monkeypatch.setattr(batch, "measure", lambda *_, **__: growth)
    assert found in run("tests.verification.batch")


@pytest.mark.slow
def test_questions(run: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is not the one of the right SQL; of the generated questions the first is asked."""
    asked = {"question": "how many orders are there", "sql": "SELECT 0"}
    monkeypatch.setattr(score, "questions", lambda: [asked])
    assert "\nwrong (1):\n  how many orders are there\n" in run("benchmarks.questions", "10000")
