"""Charts drawn with characters: what each kind looks like, their width, and what is not drawn."""

import io
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest
from rich.cells import cell_len
from rich.console import Console

import connecty_frames as cf
from connecty_frames.display.terminal_chart import terminal_plot
from tests.cases import cases

uniplot = pytest.importorskip("uniplot", reason="the extra [terminal-plot] is not installed")

MONTHS = [date(2024, month, 1) for month in range(1, 13)]


def drawn(columns: dict[str, Any], width: int = 40, **console: Any) -> list[str]:
    chart = terminal_plot(pa.table(columns), None, Console(width=width, **console))
    return [line.rstrip() for line in chart.splitlines()]


def points(lines: Iterable[str]) -> int:
    return sum(letter in "▖▗▘▝" for line in lines for letter in line)


def test_bars() -> None:
    """In the order of the answer, from zero on, with all digits; labels are escaped and shortened."""
    columns = {
        "country": ["Poland", "Spain\x1b[2J", "the country of a long name", None],
        "revenue": [Decimal("100.00"), Decimal("50.25"), None, Decimal("0.10")],
    }

    assert drawn(columns) == [
        "revenue by country",
        "Poland        ███████████████████ 100.00",
        "Spain\\x1b[2J  █████████▌           50.25",
        "the co…g name                       null",
        "null                                0.10",
    ]


def test_what_is_drawn_stands_below_the_question() -> None:
    """Since the axes have no titles."""
    table = pa.table({"country": ["Poland", "Spain"], "revenue": [2, 1]})
    assert terminal_plot(table, "Who buys most?", Console(width=20)).splitlines()[:2] == [
        "Who buys most?",
        "revenue by country",
    ]


def test_negative_bars() -> None:
    """They end at zero; the largest float64 and its negative fit into one chart."""
    assert drawn({"c": ["a", "b", "c"], "n": [1e308, -1e308, float("nan")]}, 20) == [
        "n by c",
        "a      █████  1e+308",
        "b █████      -1e+308",
        "c                nan",
    ]


def test_bars_of_two_categories() -> None:
    """A label names both where the first repeats."""
    columns = {"c": ["a", "a", "b"], "status": ["new", "old", None], "n": [1, 2, 0]}
    assert drawn(columns, 30) == [
        "n by c and status",
        "a / new  █████████▌          1",
        "a / old  ███████████████████ 2",
        "b / null                     0",
    ]


@cases(
    ("rows", "each", "bars", "part"),
    [
        (100, 4, 100, []),
        (104, 4, 100, ["Shown: the first 25 of 26 cs"]),
        (104, 6, 96, ["Shown: the first 16 of 18 cs"]),
    ],
)
def test_a_hundred_bars(rows: int, each: int, bars: int, part: list[str]) -> None:
    """No more are drawn, of whole categories if possible."""
    columns = {"c": [f"c{at // each}" for at in range(rows)], "d": [f"d{at % each}" for at in range(rows)]}
    lines = drawn(columns | {"n": [*range(rows)]})
    assert len(lines) == 1 + len(part) + bars
    assert lines[1 : 1 + len(part)] == part


def test_a_hundred_bars_of_a_category() -> None:
    """The first of them."""
    lines = drawn({"c": ["a"] * 104, "n": [*range(104)]})
    assert len(lines) == 102
    assert lines[1] == "Shown: the first 100 of 104 rows"
    assert lines[-1].endswith(" 99")


def test_bars_in_ascii() -> None:
    """For a terminal that has no other characters."""
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    assert drawn({"c": ["a", "b" * 30], "n": [2, 1]}, 20, file=ascii_only) == [
        "n by c",
        "a      ########### 2",
        "bbb~bb ######      1",
    ]


@cases(
    ("sign", "bars"),
    [
        (1, ["", "#", "###", "####", "######", "#######", "########", "##########", "###########"]),
        (-1, ["", "##", "###", "####", "######", "#######", "########", "##########", "###########"]),
    ],
)
def test_parts_of_a_character_in_ascii(sign: int, bars: list[str]) -> None:
    """A bar ends at the nearest character."""
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    columns = {"c": list("abcdefghi"), "n": [sign * number for number in range(9)]}
    lines = drawn(columns, 15 if sign > 0 else 16, file=ascii_only)[1:]
    assert ["".join(line.split()[1:-1]) for line in lines] == bars


def test_measures_beside_each_other() -> None:
    """As bars with all digits, and as lines."""
    money = {"budget": [10, 5], "actual": [Decimal("7.50"), Decimal("6.25")]}
    lines = drawn({"hour": [0, 23], **money}, 44)

    assert drawn({"shop": ["a", "b"], **money}, 33) == [
        "budget and actual by shop",
        "a / budget █████████████████   10",
        "a / actual ████████████▊     7.50",
        "b / budget ████████▌            5",
        "b / actual ██████████▋       6.25",
    ]
    assert lines[-1].split() == ["++", "budget", "xx", "actual"]
    assert lines[-2].split() == ["0", "10", "20"]


def test_how_much_is_drawn() -> None:
    """The line below the title says it."""
    table = pa.table({"shop": [f"s{at}" for at in range(41)], "n": [*range(41)]})
    assert terminal_plot(table, None, Console(width=80), cut="41 of 90 rows").splitlines()[:2] == [
        "n by shop",
        "Shown: 41 of 90 rows, the first 40 of 41 shops",
    ]


@cases(("name", "values"), [("share", [0.05, 0.15]), ("share_pct", [5, 15])])
def test_the_axis_of_percent(name: str, values: list[float]) -> None:
    """It says percent, of fractions as of percentages."""
    lines = drawn({"day": MONTHS[:2], name: values})
    labels = [line.split()[-1] for line in lines if line.endswith("%")]
    assert labels == ["10%", "0%"]


def test_a_frame_in_ascii() -> None:
    """Around lines and points."""
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    _, top, *middle, bottom, axis, _ = drawn({"month": MONTHS[:3], "n": [1, 2, 3]}, 30, file=ascii_only)
    assert top == bottom == "+--------------------------+"
    assert {(line[0], line[27]) for line in middle} == {("|", "|")}
    assert axis.split() == ["2024-01", "2024-02", "2024-03"]


def test_a_line() -> None:
    """From left to right, with the first and the last time below it."""
    columns = {"month": MONTHS[::-1], "orders": list(range(12))[::-1]}
    title, top, first, *middle, last, bottom, _, ends = drawn(columns, 44)
    assert title == "orders by month"
    assert (top[0], bottom[0]) == ("┌", "└")
    assert len(middle) == 14
    assert first.rstrip().endswith("▀│")
    assert last[1] in "▄▞▗▖▀"
    assert ends == "from 2024-01-01 to 2024-12-01"


@cases(
    ("times", "axis"),
    [
        ([datetime(2024, 1, 1, 10, minute) for minute in range(60)], ["10:00", "10:15", "10:30", "10:45"]),
        ([date(2024, 1, 1), date(2024, 1, 3)], ["2024-01-03"]),
        ([date(2024, month, 1) for month in (1, 2, 4)], ["2024-01", "2024-02", "2024-03", "2024-04"]),
        ([date(1, 1, 1), date(9999, 12, 31)], []),
    ],
)
def test_the_labels_of_times(times: list[Any], axis: list[str]) -> None:
    """They are round; the first and the last time stand below them."""
    *_, labels, ends = drawn({"at": times, "n": list(range(len(times)))}, 80)
    assert [label for label in labels.split() if label[0].isdigit()] == axis
    assert ends == f"from {times[0].isoformat()} to {times[-1].isoformat()}"


def test_the_same_times_in_other_years() -> None:
    """The picture does not depend on where the times are, also around 1970."""
    numbers = {"n": [1, 3, 2]}
    around = drawn({"day": [date(1960, 1, 1), date(1970, 1, 1), date(1980, 1, 1)], **numbers})
    later = drawn({"day": [date(1980, 1, 1), date(1990, 1, 1), date(2000, 1, 1)], **numbers})
    assert around[:-1] == later[:-1]
    assert not [line for line in around if line.count("│") > 2]  # no axis where 1970 is


def test_times_are_those_of_their_zone() -> None:
    """As in the table."""
    at = pa.array([datetime(2024, 6, 1, 22), datetime(2024, 6, 2, 22)], pa.timestamp("us", "UTC"))
    axis = drawn({"at": at.cast(pa.timestamp("us", "Europe/Warsaw")), "n": [1, 2]}, 60)[-1]
    assert axis == "from 2024-06-02 to 2024-06-03"


def test_a_line_over_years() -> None:
    """Years have no separators between their digits."""
    lines = drawn({"year": [2022, None, 2024], "n": [1, 2, 3]}, 44)
    assert lines[-1].split() == ["2022", "2023", "2024"]


def test_styles() -> None:
    """The title is bold, and dim is what is no value; a single line has the terminal's own colour."""
    styled = Console(width=20, force_terminal=True, color_system="standard", no_color=False)
    bars = pa.table({"c": ["a", "b"], "n": [1, None]})
    title, what, first, second = terminal_plot(bars, "Who?", styled).splitlines()
    assert (title, what) == ("\x1b[1mWho?\x1b[0m", "\x1b[2mn by c\x1b[0m")
    assert first.startswith("a ")
    assert second.endswith("\x1b[2mnull\x1b[0m")
    assert "\x1b" not in terminal_plot(pa.table({"m": MONTHS, "n": range(12)}), None, styled)[16:]


def test_several_lines() -> None:
    """In colours of the terminal; without them, of different letters."""
    columns = {"month": MONTHS[:3] * 2, "status": ["new"] * 3 + [None] * 3, "n": [1, 2, 3, 3, 2, 1]}

    coloured = terminal_plot(
        pa.table(columns),
        None,
        Console(width=60, force_terminal=True, color_system="standard", no_color=False),
    )
    assert "\x1b[36m" in coloured
    assert "\x1b[35m" in coloured
    for plain in ({"color_system": None}, {"force_terminal": True, "no_color": True}):
        lines = drawn(columns, 60, **plain)
        drawing = "".join(lines[2:-4])
        assert ("+" in drawing, "x" in drawing, "█" in drawing) == (True, True, False)
        assert lines[-2].split() == ["++", "new", "xx", "null"]
    names = {"month": MONTHS[:2] * 2, "c": ["n" * 20] * 2 + ["n" * 10 + "m" * 11] * 2, "n": [1, 2, 2, 1]}
    assert drawn(names, 60)[-2].split() == ["++", "n" * 20, "xx", "n" * 10 + "…" + "m" * 9]


def test_points() -> None:
    """A number over another, and times that repeat without a category; null and NaN are not drawn."""
    over = drawn({"weight": [1.0, 2.0, 3.0], "rating": [1.0, float("nan"), None]})
    repeated = drawn({"month": [MONTHS[0], MONTHS[0], MONTHS[1]], "n": [1, 2, 3]})
    assert (over[0], over[-1].split()) == ("rating by weight", ["0", "1"])
    assert points(over) == 1
    assert repeated[0] == "n by month"
    assert points(repeated) == 3


@cases("width", [20, 60, 80, 200])
@cases("kind", ["bars", "lines", "several lines", "points"])
def test_no_line_is_wider_than_the_terminal(width: int, kind: str) -> None:
    """Also with wide characters and long names."""
    name = "日本" * 30
    columns: dict[str, Any] = {
        "bars": {name: [name, "a"], "n": [123456789, 1]},
        "lines": {name: MONTHS, "n": list(range(12))},
        "several lines": {
            "m": MONTHS[:2] * 6,
            name: [name + str(at // 2) for at in range(12)],
            "n": range(12),
        },
        "points": {name: [1, 2], "n": [123456789, 1]},
    }[kind]
    chart = terminal_plot(
        pa.table({key: list(value) for key, value in columns.items()}), None, Console(width=width)
    )

    assert max(cell_len(line) for line in chart.splitlines()) <= width


@cases(
    ("columns", "why"),
    [
        (
            {"m": MONTHS[:1], "n": pa.array([None], pa.int64())},
            "^No plot fits this answer: there are no numbers",
        ),
        ({"m": pa.array([None], pa.date32()), "n": [1]}, "^No plot fits this answer: there are no numbers"),
        ({"m": MONTHS[:2], "n": [-1e308, 1e308]}, "^uniplot cannot draw this answer: "),
        (
            {"m": MONTHS[:2], "n": [Decimal(10**37), Decimal(0)]},
            "^(The axis labels leave no room for a chart in 40|uniplot cannot draw)",
        ),
        ({"a": list(range(5001)), "n": list(range(5001))}, "^5,001 rows are too many for a chart"),
    ],
)
def test_what_is_not_drawn(columns: dict[str, Any], why: str) -> None:
    """The error says why."""
    with pytest.raises(cf.ConfigError, match=why):
        drawn(columns)


def test_missing_months_break_a_line() -> None:
    """As does a month without a number."""
    for columns in (
        {"month": [*MONTHS[:4], *MONTHS[7:]], "n": [5] * 9},
        {"month": MONTHS, "n": [5] * 4 + [None] * 3 + [5] * 5},
    ):
        (line,) = [line for line in drawn(columns) if "▀" in line or "▄" in line]
        assert len(line[1:].rstrip("│ 0123456789").split()) == 2


def test_a_line_without_a_place() -> None:
    """It is left out with its name, not an error."""
    lines = drawn({"month": [None, *MONTHS[:2], MONTHS[1]], "shop": [*"baca"], "n": [9e8, 5, 4, 3]})
    assert "Shown: only rows with month" in lines
    assert not any(line.endswith(" b") for line in lines)


def test_lines_begin_at_zero() -> None:
    """As in altair, unless the numbers span less than a quarter of the largest."""
    labels = [
        [line.split()[-1] for line in drawn({"month": MONTHS, "n": numbers}) if "│ " in line][-1]
        for numbers in ([*range(100, 148, 4)], [*range(100, 112)])
    ]
    assert labels == ["0", "100"]


def test_panels() -> None:
    """A chart below the other for each measure, with its name."""
    columns = {"shop": ["a", "b"], "revenue": [5000, 2500], "share": [0.75, 0.25]}

    lines = terminal_plot(pa.table(columns), "revenue and share by shop", Console(width=30)).splitlines()

    assert lines[0].strip() == "revenue and share by shop"
    assert [(line.split()[0], line.split()[-1]) for line in lines[1:]] == [
        ("revenue", "revenue"),
        ("a", "5000"),
        ("b", "2500"),
        ("share", "share"),
        ("a", "0.75"),
        ("b", "0.25"),
    ]
    months = {"month": MONTHS, "revenue": [5e6] * 12, "orders": [*range(12)]}
    chart = terminal_plot(pa.table(months), "revenue and orders by month", Console(width=60))
    assert [line.strip() for line in chart.splitlines() if line.strip() in {"revenue", "orders"}] == [
        "revenue",
        "orders",
    ]


@cases("error", [TypeError, ValueError, ZeroDivisionError, AssertionError, IndexError])
def test_what_uniplot_cannot_draw(error: type[Exception]) -> None:
    """Whatever it raises is an error of ours, with its text."""
    with (
        mock.patch.object(uniplot, "plot_to_string", side_effect=error("too\x1b odd")),
        pytest.raises(cf.ConfigError, match=r"^uniplot cannot draw this answer: too\\x1b odd\.$") as caught,
    ):
        drawn({"m": MONTHS, "n": list(range(12))})
    assert caught.value.setting == "plot"
