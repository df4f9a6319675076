"""What statistics and values say about a column."""

from __future__ import annotations

from typing import Any

import pytest

from connecty_frames.decode import exact_json
from connecty_frames.decode.column import Column
from connecty_frames.decode.exact_json import ValueKind


@pytest.mark.parametrize(
    ("cells", "kinds"),
    [
        ("[]", set()),
        ("[null,null]", set()),
        ("[true,null]", {ValueKind.BOOLEAN}),
        ("[1,2.5,NaN]", {ValueKind.INTEGER, ValueKind.FRACTION, ValueKind.CONSTANT}),
        ('["a",[],{},{"a":1,"a":2}]', {ValueKind.TEXT, ValueKind.ARRAY, ValueKind.OBJECT}),
    ],
)
def test_kinds(cells: str, kinds: set[ValueKind]) -> None:
    """Every kind of JSON value that occurs, null aside."""
    assert Column("c", exact_json.parse(cells)).kinds == kinds


@pytest.mark.parametrize(
    ("statistics", "section", "bounds"),
    [
        ({}, None, []),
        ({"general": {"count": "1"}, "geographic": {}}, None, []),
        (
            {"general": {}, "temporal": {"min": "2025-01-01", "max": "2025-01-02"}},
            "temporal",
            ["2025-01-01", "2025-01-02"],
        ),
        ({"numeric": {"min": None, "max": "5"}}, "numeric", ["5"]),
        ({"numeric": {"min": ["1"], "max": True}}, "numeric", []),
        ({"boolean": {}}, "boolean", []),
        ({"numeric": {}, "string": {}}, "string", []),
        ({"string": [], "temporal": None, "numeric": {}}, "numeric", []),
    ],
)
def test_section_and_bounds(statistics: dict[str, Any], section: str | None, bounds: list[str]) -> None:
    """The first known section that is an object tells the type; its min and max are two more values."""
    column = Column("c", [], statistics)
    assert column.section == section
    assert column.bounds == bounds


def test_present_cells_and_their_rows() -> None:
    """Nulls are left out; a position leads back to its row, and one beyond the end to none."""
    column = Column("c", [None, "a", None, "b"], {"temporal": {"min": "x"}})
    assert column.present == ["a", "b"]
    assert [column.row_of(position) for position in range(3)] == [1, 3, None]
