"""The quick form of ``make bench WHAT=payloads``: both sides read the same, and a limit can be missed."""

import re
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from benchmarks.payloads import tables
from benchmarks.payloads.columns import ANSWERS, CONTRACTS, PLAIN, SPELLINGS, body_of, columns_of
from benchmarks.payloads.tables import Table
from benchmarks.payloads.work import READERS
from connecty_frames import Answer
from tests.cases import cases

_ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(pd.__version__ < "3", reason="by hand, older versions have other types of text")
@cases("name", ANSWERS)
def test_by_hand_gets_the_same_frame(name: str) -> None:
    """Types and values of 20 rows are those of the package; for pandas, NaN is null."""
    body = body_of(columns_of("answers", name), 20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours: Any = READERS["pandas"](body, name)
    by_hand: Any = READERS["by hand"](body, name)
    assert list(ours.dtypes) == list(by_hand.dtypes)
    assert_frame_equal(ours.map(str), by_hand.map(str).replace("<NA>", "nan"))


@cases("name", [*CONTRACTS, *SPELLINGS])
def test_contracts_read_the_column(name: str) -> None:
    """Each of 20 rows has a value."""
    column, schema = (CONTRACTS | SPELLINGS)[name]
    table = Answer.from_json(body_of([column], 20), schema=schema).to_arrow()
    assert (table.num_rows, table.column(0).null_count) == (20, 0)


@pytest.mark.slow
def test_the_print_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Two packages take turns; what takes longer than wanted is MISSED, what does not is met."""
    lines = {PLAIN: 1e9, "p-values": 0.0}
    table = Table("answers", "answers", 20, lines, "pandas", "x by hand", "by hand")
    monkeypatch.setattr(tables, "_tables", lambda _: [table])
    tables.print_tables([_ROOT, _ROOT], 1.0, 1, None)
    _, title, plain, p_values = capsys.readouterr().out.splitlines()
    assert title == "answers, 20 rows"
    assert plain.endswith("  x by hand                at most 1000000000.00  met")
    assert re.fullmatch(r"  p-values +\d+\.\d+ +\d+\.\d+  x by hand +at most 0\.00  MISSED", p_values)
