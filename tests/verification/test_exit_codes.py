"""The exit code of programs whose other tests call their checks: 1 if a promise is broken."""

from __future__ import annotations

import runpy
import sys

import pytest

from benchmarks.questions import score
from tests.verification.__main__ import main
from tests.verification.batch import run as batch
from tests.verification.history import run as history

FLAT, GROWN = (batch.Growth((1, 1.0, 0), (2, 2.0, grown)) for grown in (0, 64 * 1024**2))


def test_history(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A question that was lost."""
    monkeypatch.setattr(history, "run", lambda *_, **__: history.Report(broken=["lost: 'b' was accepted"]))
    assert main(["history"]) == 1
    assert capsys.readouterr().out.endswith("\nlost: 'b' was accepted\n")


@pytest.mark.parametrize(
    ("broken", "growth", "found"),
    [
        (["asked 2 times"], FLAT, "\nasked 2 times\n"),
        ([], GROWN, ": +64.0 MiB,"),
        ([], FLAT, "promise kept\n"),
    ],
)
def test_batch(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    broken: list[str],
    growth: batch.Growth,
    found: str,
) -> None:
    """A question that was asked twice, or memory that grows."""
    monkeypatch.setattr(batch, "kill", lambda *_, **__: batch.Report(questions=1, pods=1, broken=broken))
    monkeypatch.setattr(batch, "measure", lambda *_, **__: growth)
    assert main(["batch"]) == (found != "promise kept\n")
    assert found in capsys.readouterr().out


@pytest.mark.slow
def test_questions(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An answer that is not the one of the right SQL; of the generated questions the first is asked."""
    asked = {"question": "how many orders are there", "sql": "SELECT 0"}
    monkeypatch.setattr(score, "questions", lambda: [asked])
    monkeypatch.setattr(sys, "argv", ["questions", "10000"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("benchmarks.questions", run_name="__main__")
    assert ended.value.code == 1
    assert "\nwrong (1):\n  how many orders are there\n" in capsys.readouterr().out
