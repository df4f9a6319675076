"""The short form of ``make verify WHAT=batch`` with a fixed seed, and tests of what its checks find."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from connecty_frames.answer_metadata import AnswerMetadata
from connecty_frames.frames.accessor import attach
from connecty_frames.frames.parquet_file import write_parquet
from tests.servers.postgres import postgres_server
from tests.verification.batch.run import Growth, kill, measure, wrong_parts
from tests.verification.namespaces import pid_namespace

if TYPE_CHECKING:
    from pathlib import Path

MEBIBYTE = 1024**2
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@LINUX
@pytest.mark.slow
def test_two_kills() -> None:
    """Each question is asked once, each part is right, and a further run sends nothing."""
    report = kill(60, 2, seed=1, lease=2.0)

    assert report.broken == [], str(report)
    assert report.killed == 2
    assert report.foreign == (1 if pid_namespace()[0] else 0)
    assert report.submissions == 60
    assert report.parts == 60 - (report.uncertain - report.unsent)
    assert report.further == 0


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

    assert report.broken == [], str(report)
    assert report.killed > 4
    assert report.submissions == 120
    assert report.parts == 120 - (report.uncertain - report.unsent)
    assert report.further == 0


@LINUX
@pytest.mark.slow
def test_memory() -> None:
    """It is measured at both moments, and does not grow with the questions."""
    growth = measure(300, after=50)

    assert (growth.early[0], growth.late[0]) == (50, 300)
    assert 0 < growth.early[1] < growth.late[1]
    assert growth.is_flat, str(growth)


def test_growth() -> None:
    """64 MiB are too much."""
    assert Growth((1, 1.0, 0), (2, 2.0, 63 * MEBIBYTE)).is_flat
    assert not Growth((1, 1.0, 0), (2, 2.0, 64 * MEBIBYTE)).is_flat


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
    path = write_parquet(
        attach(pa.table({"question": [value]}), metadata), tmp_path / "000001.parquet", metadata
    )

    assert wrong_parts({1: path}, {"question 0": ["a"]}) == wrong
