"""A table as text: what fits on a terminal, and all of it for files."""

import io
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
from rich.cells import cell_len
from rich.console import Console

from connecty_frames.decode.texts import texts
from connecty_frames.display.table import terminal_table, text_table
from tests.cases import cases


def shown(table: pa.Table, width: int = 80, **terminal: Any) -> list[str]:
    """Return the lines that a terminal of a width shows, without styles unless it has them."""
    console = Console(file=io.StringIO(), width=width, **{"color_system": None, **terminal})
    return list(terminal_table(table, [str(type_) for type_ in table.schema.types], console))


def whole(table: pa.Table) -> list[str]:
    return list(text_table(table, [str(type_) for type_ in table.schema.types]))


def cells(line: str) -> list[str]:
    return [cell[1:-1] for cell in line.strip("│┃").replace("┃", "│").split("│")]


def column(lines: list[str], at: int = 0) -> list[str]:
    return [cells(line)[at] for line in lines[4:] if line.startswith("│")]


def test_names_types_and_values() -> None:
    """The type is below its name; numbers are aligned to the right, other values to the left."""
    table = pa.table({"country": ["Poland", "Italy"], "orders": [31768, 5]})

    expected = [
        "┏━━━━━━━━━┳━━━━━━━━┓",
        "┃ country ┃ orders ┃",
        "┃ string  ┃  int64 ┃",
        "┡━━━━━━━━━╇━━━━━━━━┩",
        "│ Poland  │  31768 │",
        "│ Italy   │      5 │",
        "└─────────┴────────┘",
    ]
    assert shown(table) == expected
    assert whole(table) == expected


def test_null_is_shown() -> None:
    """It differs from the empty text."""
    assert column(shown(pa.table({"a": ["", None]}))) == ["      ", "null  "]
    assert column(whole(pa.table({"a": pa.array([None], pa.int8())}))) == ["null"]


def test_values_are_whole() -> None:
    """Decimals have all digits, times their offset, and nested values are JSON."""
    table = pa.table(
        {
            "money": pa.array([Decimal("1234567890.10")], pa.decimal128(38, 2)),
            "at": pa.array(
                [datetime(2025, 7, 1, 0, 0, 0, 500, tzinfo=UTC)], pa.timestamp("us", "Europe/Warsaw")
            ),
            "tags": pa.array([["a", None]]),
        }
    )

    assert [cell.strip() for cell in cells(shown(table, 100)[4])] == [
        "1234567890.10",
        "2025-07-01T02:00:00.000500+02:00",
        '["a",null]',
    ]


@cases(
    ("values", "type_", "expected"),
    [
        ([datetime(2025, 7, 1), None], pa.timestamp("us"), ["2025-07-01", "null"]),
        ([datetime(2025, 7, 1)], pa.timestamp("ns", "UTC"), ["2025-07-01"]),
        ([datetime(2025, 7, 1, 9)], pa.timestamp("us"), ["2025-07-01T09:00:00"]),
        ([datetime(2025, 7, 1)], pa.timestamp("us", "+05:30"), ["2025-07-01T05:30:00+05:30"]),
        ([time(1, 2, 3)], pa.time64("us"), ["01:02:03"]),
        (
            [datetime(2025, 7, 1), datetime(2025, 7, 1, 0, 0, 0, 500)],
            pa.timestamp("us"),
            ["2025-07-01T00:00:00.000000", "2025-07-01T00:00:00.000500"],
        ),
        (["12:00:00.000"], pa.string(), ["12:00:00.000"]),
    ],
)
def test_empty_fractions_of_seconds(values: list[Any], type_: pa.DataType, expected: list[str]) -> None:
    """Fractions are left out where all of a column are zero; text is unchanged."""
    lines = shown(pa.table({"a": pa.array(values, type_)}))
    assert [value.rstrip() for value in column(lines)] == expected


@cases(
    ("values", "type_", "expected"),
    [
        ([1.5, 10.25, 3.0, None], pa.float64(), ["  1.5 ", " 10.25", "  3   ", "  null"]),
        ([float("nan"), 0.125], pa.float64(), ["nan    ", "  0.125"]),
        ([1e300, 0.5], pa.float64(), ["1e+300  ", "     0.5"]),
        ([1, 1000], pa.int64(), ["    1", " 1000"]),
        (
            [Decimal("1.10"), Decimal("-20.00")],
            pa.decimal128(10, 2),
            ["             1.10", "           -20.00"],
        ),
        (
            [Decimal("0.0000001"), Decimal("-12.5")],
            pa.decimal128(38, 7),
            ["        0.0000001", "      -12.5000000"],
        ),
    ],
)
def test_decimal_points_are_aligned(values: list[Any], type_: pa.DataType, expected: list[str]) -> None:
    """Numbers of a column have their points below each other, and all their digits."""
    assert column(shown(pa.table({"a": pa.array(values, type_)}))) == expected


def test_points_of_texts_are_not_aligned() -> None:
    """They are no decimal points."""
    assert column(shown(pa.table({"a": ["a.bc", "abcd.e"]}))) == ["a.bc  ", "abcd.e"]


# Widths


WIDE = pa.table(
    {
        "order_id": [1, 22],
        "customer": ["O'Neill sp. z o.o.", "Dvořák"],
        "ordered_at": pa.array([datetime(2025, 7, 1, 12)] * 2, pa.timestamp("us")),
        "total": [12345.678901, 1.5],
        "note": ["long " * 30, None],
        "is_gift": [True, False],
    }
)


@cases("width", [*range(9, 130), 200, 300])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """At any width there is one line for each row, and all lines of the table are equally long."""
    lines = shown(WIDE, width)
    table = [line for line in lines if line[0] in "┏┃┡│└"]
    assert len(table) == 7
    assert len({cell_len(line) for line in table}) == 1
    assert max(map(cell_len, lines)) <= width


def test_a_terminal_of_one_character() -> None:
    """The line about the size fits there, too."""
    assert shown(pa.table({"a": [*range(51)]}), 1)[-3:] == ["a", "l", "l"]


def test_times_are_shortened_last() -> None:
    """Where not everything fits, a time is whole, and texts beside it are shortened; a date has no time."""
    moment = pa.array([datetime(2025, 7, 1, 12, 30, 15, 250000)], pa.timestamp("us", "UTC"))
    table = pa.table({"asked_at": moment, "id": ["7f31f0c0-3d3b-4398-9ab8"], "question": ["how many " * 5]})
    assert shown(table, 60)[4] == "│ 2025-07-01T12:30:15.250000Z │ 7f31f0c0-3… │ how many ho… │"
    days = pa.table(
        {"day": pa.array([datetime(2025, 7, 1)], pa.timestamp("us")), "question": ["how many " * 9]}
    )
    assert cells(shown(days, 60)[4])[0] == "2025-07-01"


def test_texts_are_shortened_first() -> None:
    """All columns are there, numbers are whole, and the last line reports it."""
    assert shown(WIDE) == [
        "┏━━━━━━━━━━┳━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━━━━━┳━━━━━━━━━┓",
        "┃ order_id ┃ customer    ┃ ordered_at   ┃        total ┃ note        ┃ is_gift ┃",
        "┃    int64 ┃ string      ┃ timestamp[u… ┃       double ┃ string      ┃ bool    ┃",
        "┡━━━━━━━━━━╇━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━━━━━╇━━━━━━━━━┩",
        "│        1 │ O'Neill sp… │ 2025-07-01T… │ 12345.678901 │ long long … │ true    │",
        "│       22 │ Dvořák      │ 2025-07-01T… │     1.5      │ null        │ false   │",
        "└──────────┴─────────────┴──────────────┴──────────────┴─────────────┴─────────┘",
        "2 rows, 6 columns, shortened; --output FILE writes all",
    ]


def test_columns_in_the_middle_are_hidden() -> None:
    """Where shortening does not suffice; the last line counts those that are shown."""
    assert shown(WIDE, 60) == [
        "┏━━━━━━━━━━┳━━━━━━━━━━━━━━━━┳━━━┳━━━━━━━━━━━━━━━━┳━━━━━━━━━┓",
        "┃ order_id ┃ customer       ┃ … ┃ note           ┃ is_gift ┃",
        "┃    int64 ┃ string         ┃   ┃ string         ┃ bool    ┃",
        "┡━━━━━━━━━━╇━━━━━━━━━━━━━━━━╇━━━╇━━━━━━━━━━━━━━━━╇━━━━━━━━━┩",
        "│        1 │ O'Neill sp. z… │ … │ long long lon… │ true    │",
        "│       22 │ Dvořák         │ … │ null           │ false   │",
        "└──────────┴────────────────┴───┴────────────────┴─────────┘",
        "2 rows, 6 columns (4 shown), shortened; --output FILE writes",
        "all",
    ]


@cases(
    ("width", "names"),
    [(28, ["a", "b", "c"]), (27, ["a", "…", "c"]), (23, ["a", "…", "c"]), (22, ["a", "…"])],
)
def test_columns_that_fit_exactly(width: int, names: list[str]) -> None:
    """Are not hidden."""
    lines = shown(pa.table({name: [123456] for name in "abc"}), width)
    assert [cell.strip() for cell in cells(lines[1])] == names


def test_a_number_that_is_cut_is_marked() -> None:
    """Where the terminal is narrower than one number."""
    table = pa.table({"n": pa.array([Decimal("12345678901234567890.12")], pa.decimal128(38, 2))})
    assert shown(table, 20)[4:] == [
        "│ 123456789012345… │",
        "└──────────────────┘",
        "1 row, 1 column,",
        "shortened; --output",
        "FILE writes all",
    ]


def test_numbers_are_whole_rather_than_aligned() -> None:
    """Where there is no room for both."""
    table = pa.table({"x": [123456789.5, 0.123456789]})
    assert column(shown(table, 17)) == ["  123456789.5", "  0.123456789"]


def test_wide_and_combining_characters() -> None:
    """Chinese and emoji take two columns of a terminal, and combining accents none; none is cut in half."""
    table = pa.table({"a": ["漢字漢字漢字", "e\u0301" * 11, "😀" * 6, "ż" * 12]})
    assert shown(table, 15)[4:8] == [
        "│ 漢字漢字漢… │",
        "│ " + "e\u0301" * 11 + " │",
        "│ 😀😀😀😀😀… │",
        "│ żżżżżżżżżż… │",
    ]
    assert column(shown(table, 16))[0] == "漢字漢字漢字"


# Lengths


def test_rows_in_the_middle_are_hidden() -> None:
    """Of more than fifty, the first and the last twenty-five are shown."""
    lines = shown(pa.table({"n": range(51), "t": ["x"] * 51}))
    assert [cells(line)[0].strip() for line in lines[4:-2]] == [
        *map(str, range(25)),
        "…",
        *map(str, range(26, 51)),
    ]
    assert lines[-1] == "51 rows (50 shown), 2 columns; --output FILE writes all"
    assert column(shown(pa.table({"n": range(50)}))) == [f"{n:5}" for n in range(50)]


def test_a_table_without_rows() -> None:
    """The names and types are shown, and nothing is left out."""
    expected = ["┏━━━━━━━┓", "┃     n ┃", "┃ int64 ┃", "┡━━━━━━━┩", "└───────┘"]
    assert shown(pa.table({"n": pa.array([], pa.int64())})) == expected
    assert whole(pa.table({"n": pa.array([], pa.int64())})) == expected


def test_a_table_without_columns() -> None:
    """One line reports it."""
    assert shown(pa.table({})) == ["0 rows, 0 columns"]
    assert whole(pa.table({})) == ["0 rows, 0 columns"]


def test_a_thousand_columns() -> None:
    """Only those that are shown are formatted, so that the types of the others are never read."""
    table = pa.table({f"c{n}": [n] for n in range(1_000)})
    types: list[Any] = ["int64"] * 1_000
    types[20:-20] = [None] * 960
    console = Console(file=io.StringIO(), width=80)
    lines = list(terminal_table(table, types, console))
    assert [cell.strip() for cell in cells(lines[1])] == [
        *["c0", "c1", "c2", "c3", "c4", "…"],
        *["c996", "c997", "c998", "c999"],
    ]
    assert lines[-1] == "1 row, 1,000 columns (9 shown); --output FILE writes all"


# Texts of others, and terminals


def test_foreign_text_is_escaped() -> None:
    """Control characters, direction marks and markup are escaped, in names and in values."""
    table = pa.table({"na\x1bme": ["[red]x[/] \x1b[2J \u202e\nline"]})
    for lines in (shown(table), whole(table)):
        assert lines[1] == "┃ na\\x1bme                       ┃"
        assert lines[4] == "│ [red]x[/] \\x1b[2J \\u202e\\nline │"
        assert len(lines) == 6


def test_styles() -> None:
    """Names are bold, types and nulls dim; there are no colours."""
    lines = shown(pa.table({"a": ["x", None]}), color_system="truecolor", force_terminal=True)
    assert lines[1:3] == ["┃ \x1b[1ma     \x1b[0m ┃", "┃ \x1b[2mstring\x1b[0m ┃"]
    assert lines[4:6] == ["│ x      │", "│ \x1b[2mnull  \x1b[0m │"]


def test_a_terminal_without_unicode() -> None:
    """Lines and ellipses are ASCII."""
    console = Console(
        file=io.TextIOWrapper(io.BytesIO(), encoding="ascii"),
        width=60,
        color_system=None,
        legacy_windows=False,
    )

    assert list(terminal_table(WIDE, ["x"] * 6, console))[:7] == [
        "+----------------------------------------------------------+",
        "| order_id | customer      | ... | note          | is_gift |",
        "|        x | x             |     | x             | x       |",
        "|----------+---------------+-----+---------------+---------|",
        "|        1 | O'Neill sp... | ... | long long ... | true    |",
        "|       22 | Dvořák        | ... | null          | false   |",
        "+----------------------------------------------------------+",
    ]


# Whole tables


def test_a_whole_table() -> None:
    """All rows, all columns, and every value whole, however long."""
    table = pa.table({"n": range(100), "text": ["x" * 5_000, *["y"] * 99]})
    lines = whole(table)
    assert len(lines) == 105
    assert lines[4] == f"│     0 │ {'x' * 5_000} │"
    assert lines[5] == f"│     1 │ {'y'.ljust(200)} │"
    assert {len(line) for line in lines[5:]} == {212}


@cases(
    ("values", "type_", "expected"),
    [
        ([1_500_000_000, None], pa.duration("ns"), ["PT1.5S", None]),
        ([-1500], pa.duration("ms"), ["-PT1.5S"]),
        ([123456, 1], pa.duration("us"), ["PT0.123456S", "PT0.000001S"]),
        ([-61, 0], pa.duration("s"), ["-PT61S", "PT0S"]),
        ([b"a\xff", None], pa.binary(), ["\\x61ff", None]),
        (
            [[float("inf"), float("nan"), -float("inf")]],
            pa.list_(pa.float64()),
            ['["Infinity","NaN","-Infinity"]'],
        ),
        ([Decimal("1E-9"), None], pa.decimal128(9, 9), ["0.000000001", None]),
        ([["a"], None], pa.list_(pa.string()), ['["a"]', None]),
        ([{"a": b"x"}], pa.struct([("a", pa.binary())]), [r'{"a":"\\x78"}']),
        ([1], pa.timestamp("s", "-03:30"), ["1969-12-31T20:30:01-03:30"]),
        (
            [datetime(2024, 1, 1), None],
            pa.timestamp("us", "+02:00"),
            ["2024-01-01T02:00:00.000000+02:00", None],
        ),
    ],
)
def test_the_texts_of_values(values: list[Any], type_: pa.DataType, expected: list[str | None]) -> None:
    """Durations have no more digits than they need; what JSON lacks is text in it."""
    assert texts(pa.chunked_array([pa.array(values, type_)])).to_pylist() == expected


@cases(
    ("width", "names", "row", "size"),
    [
        (
            24,
            "┃ customer         ┃ … ┃",
            "│ Ann Example of … │ … │",
            ["3 rows, 5 columns (1", "shown), shortened;", "--output FILE writes all"],
        ),
        (
            110,
            (
                "┃ customer              ┃ since               ┃ balance ┃ a_long_name ┃ "
                "note                                 ┃"
            ),
            (
                "│ Ann Example of Berlin │ 2024-01-31T12:30:00 │    1.5  │ true        │ "
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… │"
            ),
            ["3 rows, 5 columns, shortened; --output FILE writes all"],
        ),
    ],
)
def test_what_fits(width: int, names: str, row: str, size: list[str]) -> None:
    """Columns in the middle are left out first; then texts and times are shortened, and numbers never."""
    table = pa.table(
        {
            "customer": ["Ann Example of Berlin", "Bob", None],
            "since": pa.array(
                [datetime(2024, 1, 31, 12, 30), None, datetime(2024, 2, 1)], pa.timestamp("us")
            ),
            "balance": [1.5, -20.25, 300.0],
            "a_long_name": [True, False, None],
            "note": ["x" * 40, "", "y"],
        }
    )
    lines = shown(table, width)

    assert (lines[1], lines[4], lines[8:]) == (names, row, size)
