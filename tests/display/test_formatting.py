"""A table in a terminal."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
from rich.console import Console

from connecty_frames.display import terminal_table


def rendered(table: pa.Table, types: list[str], rows: int = 10) -> list[str]:
    """Return the lines of a table, without colours."""
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(terminal_table(table, types, rows))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_names_types_and_values() -> None:
    """The type is below its name; numbers are aligned to the right, other values to the left."""
    table = pa.table({"country": ["Poland", "Italy"], "orders": [31768, 5]})

    assert rendered(table, ["string", "Int64"]) == [
        "┏━━━━━━━━━┳━━━━━━━━┓",
        "┃ country ┃ orders ┃",
        "┃ string  ┃  Int64 ┃",
        "┡━━━━━━━━━╇━━━━━━━━┩",
        "│ Poland  │  31768 │",
        "│ Italy   │      5 │",
        "└─────────┴────────┘",
    ]


def test_null_is_shown() -> None:
    """It differs from the empty text."""
    lines = rendered(pa.table({"a": ["", None]}), ["string"])

    assert [line.strip("│ ") for line in lines[4:6]] == ["", "null"]


def test_values_are_whole() -> None:
    """Decimals with all digits, times with their offset, nested values as JSON."""
    table = pa.table(
        {
            "money": pa.array([Decimal("1234567890.10")], pa.decimal128(38, 2)),
            "at": pa.array([datetime(2025, 7, 1, tzinfo=UTC)], pa.timestamp("us", "Europe/Warsaw")),
            "tags": pa.array([["a", None]]),
        }
    )

    row = rendered(table, ["d", "t", "l"])[4]

    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "1234567890.10",
        "2025-07-01T02:00:00.000000+02:00",
        '["a",null]',
    ]


def test_only_the_first_rows_are_shown() -> None:
    """As many as asked for, also none."""
    table = pa.table({"n": [1, 2, 3]})

    assert [line.strip("│ ") for line in rendered(table, ["int64"], 2)[4:-1]] == ["1", "2"]
    assert len(rendered(table, ["int64"], 0)) == 5


def test_foreign_text_is_escaped() -> None:
    """Control characters, direction marks and markup are escaped, in names and in values."""
    table = pa.table({"na\x1bme": ["[red]x[/] \x1b[2J \u202e\nline"]})

    text = "\n".join(rendered(table, ["string"]))

    assert "na\\x1bme" in text
    assert "[red]x[/] \\x1b[2J \\u202e\\nline" in text


def test_a_table_without_columns() -> None:
    """It is shown as nothing, without an error."""
    assert rendered(pa.table({}), []) == [""]
