"""The short form of ``make verify WHAT=batch`` with a fixed seed, and tests of what its checks find."""

import sys
from pathlib import Path
from typing import Any

import pytest

from connecty_frames.answer_metadata import AnswerMetadata
from connecty_frames.batch import BatchProgress, ask_batch
from connecty_frames.client import Client
from connecty_frames.frames.accessor import attach
from connecty_frames.frames.parquet_file import write_parquet
from tests.cases import cases
from tests.servers.postgres import postgres_server
from tests.verification.__main__ import main
from tests.verification.batch import run as batch
from tests.verification.batch.run import Report, kill, wrong_parts
from tests.verification.history import run as history
from tests.verification.namespaces import pid_namespace
from tests.verification.service import service
from tests.verification.soak.resources import measure_resources

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def _check(report: Report, questions: int) -> None:
    """Each question is asked once, each part is right, and a further run sends nothing."""
    assert report.broken == [], str(report)
    assert report.submissions == questions
    assert report.parts == questions - (report.uncertain - report.unsent)
    assert report.further == 0


@LINUX
@pytest.mark.slow
def test_two_kills() -> None:
    """Each question is asked once, also when one of the processes is in a pid namespace of its own."""
    report = kill(60, 2, seed=1, lease=2.0)
    _check(report, 60)
    assert report.killed == 2
    assert report.foreign == (1 if pid_namespace()[0] else 0)


@LINUX
@pytest.mark.slow
@pytest.mark.external
def test_four_pods() -> None:
    """They share a batch in PostgreSQL, and each question is asked once."""
    pytest.importorskip("psycopg")
    try:
        with postgres_server() as server:
            report = kill(120, 4, seed=1, lease=2.0, pods=4, history=server.url())
    except FileNotFoundError as error:
        pytest.skip(str(error))
    _check(report, 120)
    assert report.killed > 4


@LINUX
@pytest.mark.slow
def test_memory(tmp_path: Path) -> None:
    """The 250 questions after the first 50 take less than 4 MiB of memory."""
    held = {}

    def measure(progress: BatchProgress) -> None:
        if progress.done in {50, 300}:
            held[progress.done] = measure_resources().memory

    with (
        service() as (_, script),
        Client("id", client_secret="s", base_url=script.address, dw_id=1) as client,
    ):
        ask_batch([f"question {number}" for number in range(300)], tmp_path, client=client, progress=measure)
    assert held[50] > 0
    assert held[300] - held[50] < 4 * 2**20


@pytest.mark.parametrize(
    ("value", "question", "question_id", "wrong"),
    [
        ("question 0", "question 0", "a", []),
        ("question 1", "question 0", "a", ["000001.parquet"]),
        ("question 0", "question 1", "a", ["000001.parquet"]),
        ("question 0", "question 0", "b", ["000001.parquet"]),
    ],
)
def test_wrong_parts(tmp_path: Path, value: str, question: str, question_id: str, wrong: list[str]) -> None:
    """By their values, question and id."""
    import pyarrow as pa

    metadata = AnswerMetadata(question=question, question_id=question_id)
    table = attach(pa.table({"question": [value]}), metadata)
    path = write_parquet(table, tmp_path / "000001.parquet", metadata)
    assert wrong_parts({1: path}, {"question 0": ["a"]}) == wrong


@cases(("program", "module"), [("history", history), ("batch", batch)])
def test_broken_promises(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], program: str, module: Any
) -> None:
    """What is broken is the end of what a program prints, and its exit code is 1."""
    name = "run" if program == "history" else "kill"
    monkeypatch.setattr(module, name, lambda *_, **__: module.Report(broken=["lost: 'b' was accepted"]))
    assert main([program]) == 1
    assert capsys.readouterr().out.endswith("\nlost: 'b' was accepted\n")
