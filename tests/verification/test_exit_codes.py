"""The exit code of programs whose other tests call their checks: 1 if a promise is broken."""

from __future__ import annotations

import runpy
import sys
from typing import Any

import pytest

from benchmarks.questions import score
from tests.cases import cases
from tests.verification.__main__ import main
from tests.verification.batch import run as batch
from tests.verification.history import run as history


@cases(("program", "module"), [("history", history), ("batch", batch)])
def test_broken_promises(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], program: str, module: Any
) -> None:
    """What is broken is the end of the report."""
    name = "run" if program == "history" else "kill"
    monkeypatch.setattr(module, name, lambda *_, **__: module.Report(broken=["lost: 'b' was accepted"]))
    assert main([program]) == 1
    assert capsys.readouterr().out.endswith("\nlost: 'b' was accepted\n")


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
