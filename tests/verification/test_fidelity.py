"""The quick form of ``make verify WHAT=fidelity``."""

from __future__ import annotations

import pytest

from tests.verification.fidelity_tables import OURS, run_quick

pytestmark = pytest.mark.slow
# The edge cases use types that older ones do not have.
pytest.importorskip("duckdb", minversion="2.0")


def test_values_of_duckdb() -> None:
    """In every style, all engines return the value that the database had, or warn.

    The benchmark finds wrong values in code written by hand, so that a zero for ours is meaningful.
    """
    run = run_quick("tests.verification.fidelity")
    assert run.heads == [
        "reader", "columns", "type right", "every value right", "silently wrong", "loud",
    ], run.errors  # fmt: skip
    assert {reader: run.silently_wrong.pop(reader) for reader in OURS} == dict.fromkeys(OURS, 0)
    assert all(wrong > 0 for wrong in run.silently_wrong.values())
    assert "Ours, recoverable but not right (0):" in run.output, run.output.partition("Ours, rec")[2]
