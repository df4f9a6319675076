"""The quick form of the second table of ``make verify WHAT=fidelity``."""

from __future__ import annotations

import re

import pytest

from tests.servers.programs import IN_CI
from tests.verification.fidelity_tables import OURS, run_quick

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]  # half a minute of processor time


def test_what_producers_send() -> None:
    """For every producer, all engines return each value that the bytes name, and warn of every other one.

    The benchmark finds wrong values in code written by hand, so that a zero for ours is meaningful.
    PostgreSQL is among the producers wherever it is installed, and in CI. Honest statistics of five writers,
    with five ways to name their sections, tell each type.
    """
    run = run_quick("tests.verification.fidelity.warehouses")
    assert run.heads == [
        "reader", "columns", "right", "exact text", "other type", "documented", "loud", "silently wrong",
    ], run.errors  # fmt: skip
    assert {reader: run.silently_wrong.pop(reader) for reader in OURS} == dict.fromkeys(OURS, 0)
    assert all(wrong > 0 for wrong in run.silently_wrong.values())
    assert run.output.count("Ours, not as expected (0):") == 2, run.output.partition("Ours, not as exp")[2]
    shapes = re.findall(r"^(?:document|pandas|polars|BigQuery|Snowflake).*/0/0$", run.output, re.MULTILINE)
    assert [len(line.split("/0/0")) for line in shapes] == [6] * 5
    is_skipped = "PostgreSQL was skipped" in run.output + run.errors
    assert ("row_to_json" in run.output) is not is_skipped
    assert not (is_skipped and IN_CI)
