"""Charts chosen by the types of columns: each kind, unusual values and names, and the errors."""

from __future__ import annotations

import json
import pickle
import re
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Final
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames.frames.accessor import import_plot
from tests.cases import cases

alt = pytest.importorskip("altair", reason="the extra [plot] is not installed")
altair_chart = pytest.importorskip("connecty_frames.display.altair_chart")
plot = altair_chart.plot

DAYS = [date(2025, 1, 1), date(2025, 1, 2)]
#: The colour of subtitles, legible on light and dark.
GRAY = {"subtitleColor": "#8c8c8c"}


def drawn(columns: dict[str, Any], **chosen: Any) -> dict[str, Any]:
    named = {name: chosen.get(name) for name in ("x", "y", "color")}
    return plain(plot(pa.table(columns), "how many?", **named).to_dict())


def plain(specification: dict[str, Any]) -> dict[str, Any]:
    """Return a specification with the mark and the axes of its first layer; the others are numbers."""
    return specification | specification.get("layer", [{}])[0]


def channels(specification: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    return {
        name: tuple(channel.get(key) for key in ("field", "type", "title"))
        for name, channel in specification["encoding"].items()
        if name not in {"tooltip", "description"}
    }


def values(specification: dict[str, Any], name: str) -> list[Any]:
    data = specification["data"]
    rows = data["values"] if "values" in data else specification["datasets"][data["name"]]
    return [row[name] for row in rows]


# Kinds


_GRID = {"gridColor": "#888", "gridOpacity": 0.25}
_NUMBERS = {**_GRID, "tickCount": 8, "labelSeparation": 10, "titlePadding": 10}
_TIMES = {**_GRID, "tickCount": 8, "labelFlush": False, "titlePadding": 10, "labelOverlap": "greedy"}
_NAMES = {"labelOverlap": False, "labelLimit": 0, "titlePadding": 10, "maxExtent": 700, "titleLimit": 120}


def _label(text: str, part: str, first: str, below: str) -> str:
    """Return the label of a time, below which a larger period stands at its first time."""
    is_first = f"datum.index == 0 || utcFormat(datum.value, '{part}') == '{first}'"
    return f"[utcFormat(datum.value, '{text}'), {is_first} ? utcFormat(datum.value, '{below}') : '']"


def _axis(name: str, **more: Any) -> dict[str, Any]:
    return {"field": name, "title": name, "type": "quantitative", "axis": _NUMBERS, **more}


@cases(
    ("columns", "mark", "x", "y", "height"),
    [
        (
            {"revenue": [1.5, 2.5], "day": DAYS},
            {"type": "line", "point": True},
            {
                "field": "day",
                "title": "day",
                "type": "temporal",
                "scale": {"type": "utc", "padding": 8},
                "axis": {
                    **_TIMES,
                    "values": [1_735_689_600_000, 1_735_776_000_000],
                    "labelExpr": _label("%b %e", "%j", "001", "%Y"),
                },
            },
            _axis("revenue"),
            320,
        ),
        (
            {"year": [2023, 2024], "n": [1.5, 2.5]},
            {"type": "line", "point": True},
            {
                "field": "year",
                "title": "year",
                "type": "temporal",
                "scale": {"type": "utc", "padding": 8},
                "axis": {
                    **_TIMES,
                    "values": [1_672_531_200_000, 1_704_067_200_000],
                    "labelExpr": _label("%Y", "%Y", "", " "),
                },
            },
            _axis("n"),
            320,
        ),
        (
            {"country": ["PL", "DE"], "orders": [5, 7]},
            {"type": "bar"},
            _axis("orders", axis={**_NUMBERS, "tickMinStep": 1}),
            {
                "field": "country",
                "title": "country",
                "type": "nominal",
                "sort": {"field": "country in order", "op": "min"},
                "axis": _NAMES,
            },
            50,
        ),
        (
            {"weight": [1.0, 2.0], "rating": [3.5, 4.5]},
            {"type": "circle", "opacity": 0.8, "size": 50, "color": "#5b93d0"},
            _axis("weight", scale={"zero": False, "padding": 8}),
            _axis("rating", scale={"zero": False, "padding": 8}),
            320,
        ),
    ],
)
def test_the_axes_and_the_size(
    columns: dict[str, Any], mark: dict[str, Any], x: dict[str, Any], y: dict[str, Any], height: int | None
) -> None:
    """Of each kind of chart."""
    found = drawn(columns)

    assert (found["mark"], found["encoding"]["x"], found["encoding"]["y"]) == (mark, x, y)
    assert (found["width"], found.get("height")) == (560, height)


@cases(
    ("columns", "mark", "colour"),
    [
        # lines over time, of different colours where times repeat
        ({"revenue": [1.5, 2.5], "day": DAYS}, "line", None),
        ({"day": [*DAYS, *DAYS], "shop": ["a", "a", "b", "b"], "n": [1, 2, 3, 4]}, "line", "shop"),
        # years, also one; other numbers are a list of things
        ({"year": [2024], "orders": [5]}, "line", None),
        ({"year": [2022, 2024], "n": [5, 1]}, "line", None),
        ({"year": [2024, 2022], "n": [5, 1]}, "line", None),
        ({"year": [2024, 2022, 2023], "n": [5, 1, 3]}, "line", None),
        ({"year": [9, 7, 8], "n": [5, 1, 3]}, "circle", None),
        # a second category adds nothing where the first does not repeat
        ({"country": ["PL", "DE"], "capital": ["Warsaw", "Berlin"], "orders": [5, 7]}, "bar", None),
        # bars would be summed, and a line would connect values of the same time
        ({"at": ["a", "a"], "n": [1, 2]}, "circle", None),
        ({"at": [DAYS[0], DAYS[0]], "n": [1, 2]}, "circle", None),
        ({"price": [1, 2], "sold": [5, 3]}, "circle", None),
        # a line would connect one order with the next; several orders of a day have no colours
        ({"order_id": [7, 8], "day": DAYS, "amount": [3, 2]}, "circle", None),
        ({"order_id": [7, 8, 9], "day": [DAYS[0], *DAYS], "amount": [3, 2, 1]}, "circle", None),
        ({"shop_id": [7, 7], "day": DAYS, "amount": [3, 2]}, "line", None),
        ({"order_id": [7, 8], "year": [2023, 2024], "amount": [3, 2]}, "line", None),
        ({"order_id": [7, 8], "amount": [3, 2]}, "bar", None),
    ],
)
def test_the_mark(columns: dict[str, Any], mark: str, colour: str | None) -> None:
    """The types of the columns, and whether they repeat, decide."""
    found = drawn(columns)

    assert (found["mark"]["type"], found["title"]) == (mark, "how many?")
    assert channels(found).get("color") == (colour and (colour, "nominal", colour))


@cases(("count", "subtitle"), [(10, None), (11, "Shown: the largest 10 of 11 shops")])
def test_at_most_ten_lines(count: int, subtitle: str | None) -> None:
    """The largest by sum; the last value of each sorts the legend."""
    days = [date(2024, 1, day) for day in (1, 2, 3)]
    shops = [f"s{at // 3}" for at in range(3 * count)]
    found = drawn({"day": days * count, "shop": shops, "n": [*range(3 * count)]})

    title = found["title"] if subtitle is None else found["title"]["subtitle"]
    assert title == (subtitle or "how many?")
    places = dict(zip(values(found, "shop"), values(found, "shop in order"), strict=True))
    assert sorted(places, key=lambda shop: places[shop])[:2] == [f"s{count - 1}", f"s{count - 2}"]
    assert len(places) == 10


@cases(
    ("years", "order"),
    [
        ([2023, 2024], [2023, 2024]),
        ([2024, 2023], [2023, 2024]),
        (["online", "by mail"], ["by mail", "online"]),
        (["Winter", "Spring"], ["Spring", "Winter"]),
    ],
)
def test_the_order_of_a_legend(years: list[Any], order: list[Any]) -> None:
    """Years are in their order, other names in that of the last values of their lines."""
    cells = [year for year in years for _ in range(3)]
    found = drawn(
        {"month": [1, 2, 3] * 2, "year": cells, "sales": [9, 8, 2, 4, 5, 6]}, x="month", color="year"
    )

    assert found["encoding"]["color"]["sort"] == {"field": "year in order", "op": "min"}
    places = dict(zip(values(found, "year in full"), values(found, "year in order"), strict=True))
    assert sorted(places, key=places.__getitem__) == [str(year) for year in order]


def test_bars_beside_each_other_where_categories_repeat() -> None:
    """Colours distinguish a second category, beside each other: nothing is summed."""
    found = drawn({"country": ["PL", "PL", "DE"], "paid": [True, False, True], "orders": [5, 7, 1]})

    assert found["mark"]["type"] == "bar"
    assert channels(found)["color"] == ("paid", "nominal", "paid")
    assert channels(found)["yOffset"][0] == "paid"
    assert values(found, "paid") == ["true", "false", "true"]
    dated = drawn({"country": ["PL", "DE", "FR"] * 2, "day": DAYS[:1] * 3 + DAYS[1:] * 3, "n": [*range(6)]})
    assert channels(dated)["color"] == ("day in full", "nominal", "day")
    assert values(dated, "day in full") == [*["2025-01-01"] * 3, *["2025-01-02"] * 3]


def test_the_columns_may_be_named() -> None:
    """Those of the axes and of the colours."""
    columns = {"day": DAYS, "shop": ["a", "b"], "n": [1, 2], "m": [3, 4]}

    assert channels(drawn(columns, y="m"))["y"][0] == "m"
    assert drawn(columns, x="shop")["mark"]["type"] == "bar"
    assert channels(drawn(columns, x="m"))["x"] == ("m", "quantitative", "m")
    assert channels(drawn(columns, x="m", y="n"))["y"] == ("n", "quantitative", "n")
    assert channels(drawn(columns, color="shop"))["color"] == ("shop", "nominal", "shop")
    assert channels(drawn({"a": [1], "b": [2]}, y="a"))["x"][0] == "b"


# Values


def test_decimals_and_long_numbers_are_drawn_as_floats() -> None:
    """JavaScript has no other numbers; the tooltip has each in full."""
    found = drawn({"c": ["a", "b"], "n": [Decimal("12345678901234567890.12"), None]})

    assert values(found, "n") == [12345678901234567000.0, None]
    assert values(found, "n in full") == ["12345678901234567890.12", None]
    assert [hint["field"] for hint in found["encoding"]["tooltip"]] == ["c in full", "n in full"]


@cases("kind", [pa.decimal128(18, 2), pa.decimal256(40, 2)], ids=str)
def test_decimals_are_drawn_as_the_nearest_floats(kind: pa.DataType) -> None:
    """To the last digit, as Python reads their texts; Arrow's cast is wrong for about every seventh."""
    cents = [984_18, 0, -1, *range(1, 10**7, 49_999)]
    found = drawn(
        pa.table({"x": range(len(cents)), "y": pa.array([Decimal(n).scaleb(-2) for n in cents], kind)})
    )

    assert values(found, "y") == [float(f"{n / 100:.2f}") for n in cents]
    assert values(found, "y")[0] == 984.18


def test_nan_and_infinity_are_not_drawn() -> None:
    """They are in the tooltip, and the specification is JSON that a browser reads."""
    found = drawn({"x": [1.0, 2.0, 3.0], "y": [float("nan"), float("inf"), 1.0]})

    assert values(found, "y") == [None, None, 1.0]
    assert values(found, "y in full") == ["nan", "inf", "1"]
    json.dumps(found, allow_nan=False)


@cases(
    ("column", "expected"),
    [
        (pa.array([date(2025, 3, 30)]), "2025-03-30T00:00:00.000Z"),
        (pa.array([datetime(2025, 3, 30, 2, 30)], pa.timestamp("us")), "2025-03-30T02:30:00.000Z"),
        (
            pa.array([datetime(2025, 7, 1, tzinfo=UTC)], pa.timestamp("us", "Europe/Warsaw")),
            "2025-07-01T02:00:00.000Z",
        ),
        (
            pa.array([datetime(2025, 7, 1, tzinfo=UTC)], pa.timestamp("us", "+05:30")),
            "2025-07-01T05:30:00.000Z",
        ),
        (pa.array([1], pa.timestamp("ns", "UTC")), "1970-01-01T00:00:00.000Z"),
        (pa.array([None], pa.date32()), None),
    ],
)
def test_times_are_drawn_in_the_zone_of_the_column(column: pa.Array, expected: str | None) -> None:
    """Whatever the zone of the browser: marked and drawn as UTC, which has no gaps."""
    found = drawn({"at": column, "n": [1]})

    assert values(found, "at") == [expected]
    assert found["encoding"]["x"]["scale"] == {"type": "utc", "padding": 8}


_QUARTER: Final = _label("Q%q", "%q", "1", "%Y")
_MONTH: Final = _label("%b", "%m", "01", "%Y")
_DAY: Final = _label("%b %e", "%j", "001", "%Y")
_MS: Final = 86_400_000  # in a day
_HOUR: Final = _label("%H:%M", "%H", "00", "%b %e")


@cases(
    ("times", "ticks", "label"),
    [
        ([date(2024, 6, 3), date(2024, 6, 4)], [1717372800000, 1717459200000], _DAY),
        ([date(2024, 6, 1), date(2024, 7, 1), None], [1717200000000, 1719792000000], _MONTH),
        ([date(2024, 1, 1), date(2024, 4, 1), None], [1704067200000, 1711929600000], _QUARTER),
        ([datetime(2024, 6, 3, 9), datetime(2024, 6, 3, 12)], [1717405200000, 1717416000000], _HOUR),
        ([date(1970, 1, day) for day in range(1, 9)], [*range(0, 8 * 86_400_000, 86_400_000)], _DAY),
        # from the first day on, in steps of weeks if there are many
        ([date(1970, 1, day) for day in range(1, 11)], [*range(0, 10 * _MS, 2 * _MS)], _DAY),
        ([date(1970, 1, 1) + timedelta(7 * at) for at in range(10)], [*range(0, 64 * _MS, 14 * _MS)], _DAY),
        ([date(1970, 1, 1) + timedelta(at) for at in range(120)], [*range(0, 120 * _MS, 21 * _MS)], _DAY),
        ([date(2024, month, 1) for month in range(1, 13)] + [date(2025, 1, 1)], 12, _MONTH),
        ([date(2024, month, day) for month in range(1, 13) for day in (2, 9)], 12, _MONTH),
        ([datetime(2024, 1, day, hour) for day in (1, 5) for hour in (6, 7, 8)], 8, _HOUR),
        ([datetime(2024, 1, day, 6) for day in range(1, 16)], 8, _DAY),
        ([datetime(2024, 1, 1, hour, 20) for hour in (9, 12)], 8, _HOUR),
        ([datetime(2024, 1, 1, 6, minute) for minute in (1, 5)], 8, None),
    ],
)
def test_the_ticks_of_times(times: list[Any], ticks: list[int] | int, label: str | None) -> None:
    """A few times are labelled where they are, in the largest period that they begin; hours are 13:00."""
    axis = drawn({"at": times, "n": list(range(len(times)))})["encoding"]["x"]["axis"]

    assert axis.get("values", axis["tickCount"]) == ticks
    assert axis.get("labelExpr") == label
    assert axis["labelFlush"] is False  # else the labels at the ends touch their neighbours


@cases("name", ["a.b", "a[0]", "a:Q", 'say "x"', "it's", "count()", "b in full", "column 1"])
def test_any_name_of_a_column(name: str) -> None:
    """One with a meaning in Vega is not the name of the field, and the title is the name."""
    found = drawn({name: ["x", "y"], "b": [1, 2]})

    field = found["encoding"]["y"]["field"]
    assert field in {name, "column 0"}
    assert not set(field) & set(".[]'\"\\")
    assert values(found, field) == ["x", "y"]
    assert found["encoding"]["y"]["title"] == name
    assert values(found, "b") == [1, 2]


@cases(("columns", "subtitle"), [(50, None), (51, "51"), (1_062, "1,062")])
def test_the_columns_of_a_tooltip(columns: int, subtitle: str | None) -> None:
    """The first fifty, and what is drawn; the title says of how many."""
    others = {f"x{at}": ["u", "u"] for at in range(columns - 2)}
    first = drawn({"c": ["a", "b"], "n": [1, 2], **others})
    last = drawn({**others, "c": ["a", "b"], "n": [1, 2]})
    of = {"text": "how many?", "subtitle": f"Tooltips: 50 of {subtitle} columns", **GRAY}

    assert len(first["encoding"]["tooltip"]) == 50
    assert first["title"] == (of if subtitle else "how many?")
    assert [hint["title"] for hint in last["encoding"]["tooltip"]][-2:] == ["c", "n"]
    assert len(last["encoding"]["tooltip"]) == min(columns, 52)


def test_a_long_text_in_a_tooltip() -> None:
    """It has a thousand characters, and a sign."""
    found = values(drawn({"c": ["x" * 1000, "y" * 1001], "n": [1, 2]}), "c in full")

    assert found[0] == "x" * 1000
    assert found[1].startswith("y" * 1000 + "…")


def test_a_chart_can_be_pickled() -> None:
    """Its class has a place in this package."""
    chart = plot(pa.table({"c": ["a"], "n": [1]}), None)

    assert pickle.loads(pickle.dumps(chart)).to_dict() == chart.to_dict()


def test_a_tooltip_fetches_no_picture() -> None:
    """Vega's would, from the address in a column called image, which anybody may have written."""
    found = drawn({"image": ["https://evil.example/x.png"], "title": [1]})

    assert [hint["title"] for hint in found["encoding"]["tooltip"]] == ["image ", "title "]


def test_a_title_is_no_part_of_an_expression() -> None:
    """Vega-Lite writes titles of tooltips into one and escapes quotes alone, so backslashes are doubled."""
    found = drawn({'a\\" + datum.b + "\u202e': ["x"], "b": [1]})

    assert found["encoding"]["tooltip"][0]["title"] == 'a\\\\" + datum.b + "\\\\u202e'
    assert found["encoding"]["y"]["title"] == 'a\\" + datum.b + "\\u202e'


def test_screen_readers_have_the_values_of_a_mark() -> None:
    """Those that are drawn, in full."""
    table = pa.table({"shop": ["a", "a", "b"], "paid": [True, False, True], "n": [5000, 7, 1]})

    formats, _ = plot(table, None, None, None, None)._repr_mimebundle_()

    labels = re.findall('aria-label="([^"]*)" role="graphics-symbol"', formats["image/svg+xml"])
    assert {"a: true: 5000", "a: false: 7"} <= set(labels)


def test_control_characters_in_names_and_titles() -> None:
    """They are shown as escapes."""
    found = plain(plot(pa.table({"a\u202e": ["x"], "n": [1]}), "q\x1b?", None, None, None).to_dict())

    assert found["encoding"]["y"]["title"] == "a\\u202e"
    assert found["encoding"]["y"]["field"] == "column 0"
    assert found["title"] == "q\\x1b?"


# Where none fits


@cases(
    ("columns", "why"),
    [
        ({}, "there are no rows"),
        ({"n": pa.array([], pa.int64())}, "there are no rows"),
        ({"n": [1, 2]}, r"the columns are 'n' \(measure\)"),
        ({"c": ["a"]}, r"the columns are 'c' \(dimension\)"),
        ({"day": DAYS, "c": ["a", "b"]}, r"'day' \(period\), 'c' \(label\)"),
        ({"l": [[1], [2]], "n": [1, 2]}, r"'l' \(other\)"),
        ({"customer_id": [1, 2]}, r"'customer_id' \(identifier\)"),
        ({"rank": [1, 2], "customer": ["a", "b"]}, r"'rank' \(rank\), 'customer' \(label\)"),
        ({"orders": [5], "customers": [3]}, r"'orders' \(measure\), 'customers' \(measure\)"),
        ({"c": ["a"], "share": [[0.5]]}, r"'share' \(other\)"),
    ],
)
def test_nothing_fits(columns: dict[str, Any], why: str) -> None:
    """The error names the columns and what a chart needs."""
    message = rf"^No plot fits this answer: .*{why}.*A plot needs a measure .* plot\(x=, y=\) draws"
    with pytest.raises(cf.ConfigError, match=message) as caught:
        drawn(columns)
    assert caught.value.setting == "plot"


@pytest.mark.parametrize(
    ("hours", "title", "drawn_as"),
    [
        ([48, 12], "took (d)", [2.0, 0.5]),
        ([24, None], "took (h)", [24.0, None]),
        ([-3, 1], "took (h)", [-3.0, 1.0]),
        ([1 / 30, 0], "took (min)", [2.0, 0.0]),
        ([1 / 60, 0], "took (s)", [60.0, 0.0]),
        ([0, 0], "took (s)", [0.0, 0.0]),
        ([None, None], "took (s)", [None, None]),
    ],
)
def test_durations(hours: list[float | None], title: str, drawn_as: list[float | None]) -> None:
    """The axis has the largest unit of which the longest has two."""
    took = [None if each is None else timedelta(hours=each) for each in hours]
    found = drawn({"who": ["a", "b"], "took": pa.array(took, pa.duration("us"))})

    assert found["encoding"]["x"]["title"] == title
    assert values(found, "took") == drawn_as


def test_long_durations() -> None:
    """Of more nanoseconds than a float64 counts exactly."""
    took = pa.array([17_280_000_000_000_001], pa.duration("ns"))

    assert values(drawn({"who": ["a"], "took": took}), "took") == [200.0]


@cases(("count", "point"), [(60, True), (61, False)])
def test_the_points_of_a_line(count: int, *, point: bool) -> None:
    """Up to sixty times are marked on it."""
    days = [DAYS[0] + timedelta(days=day) for day in range(count)]

    assert drawn({"day": days, "n": [*range(count)]})["mark"]["point"] is point


@cases(
    ("name", "values", "axis"),
    [
        ("share", [0.25, 0.5], {"labelExpr": "format(datum.value, '~%')"}),
        ("share_pct", [25.0, 0.5], {"labelExpr": "datum.label + '%'"}),
    ],
)
def test_the_axis_of_percent(name: str, values: list[float], axis: dict[str, str]) -> None:
    """It says percent, of fractions as of percentages."""
    for columns in ({name: values}, {name: values, f"previous {name}": values}):
        assert drawn({"c": ["a", "b"], **columns})["encoding"]["x"]["axis"] == {**_NUMBERS, **axis}


def test_long_categories_have_two_lines() -> None:
    """Beside up to twenty bars."""
    names = [f'customer support, second "level", all of the countries, {at}' for at in "NS"]
    found = plot(pa.table({"c": names, "n": [1, 2]}), "q").to_dict()["layer"][0]

    labels = [['customer support, second "level", all of the', f"countries, {at}"] for at in "NS"]
    expression = f"{json.dumps(labels)}[indexof({json.dumps(names)}, datum.label)] || datum.label"
    assert found["encoding"]["y"]["axis"] == {**_NAMES, "labelExpr": expression}


def test_long_categories_are_cut() -> None:
    """In the middle where they, or their first two lines, would be equal otherwise; also in a legend."""
    long = ["customer support, second level, all of the countries " + "in the south " * 4 + at for at in "NS"]
    columns = {"c": long * 2, "d": [long[0]] * 2 + [long[1]] * 2, "n": [1, 2, 3, 4]}

    found = drawn(columns)

    short = [f"customer support, seco…e south in the south {at}" for at in "NS"]
    expression = f"{json.dumps(short)}[indexof({json.dumps(long)}, datum.label)] || datum.label"
    assert found["encoding"]["y"]["axis"] == {**_NAMES, "labelExpr": expression}
    legend = found["encoding"]["color"]["legend"]["labelExpr"]
    assert json.dumps("customer support,…th in the south N") in legend
    assert values(found, "c") == long * 2
    formats, _ = plot(pa.table(columns), "q")._repr_mimebundle_()
    assert f">{short[0]}<" in formats["image/svg+xml"]
    whole = drawn({"c": ["x" * 45, "y"] * 2, "d": [1, 1, 2, 2], "n": [1] * 4})
    assert "labelExpr" not in whole["encoding"]["y"]["axis"]
    legend = drawn({"c": ["x", "y"] * 2, "d": ["z" * 79, "a"] * 2, "n": [1] * 4})["encoding"]["color"][
        "legend"
    ]
    assert "labelExpr" not in legend


@cases(
    ("largest", "label"),
    [
        (9_999, None),
        (10_000, "abs(datum.value) < 1000 ? datum.label : replace(format(datum.value, '~s'), 'G', 'B')"),
    ],
)
def test_large_numbers_are_short(largest: int, label: str | None) -> None:
    """From 10,000 on: 20k; small ones stay as they are, never 500m."""
    found = drawn({"shop": ["a", "b"], "revenue": [0.5, largest]})

    assert found["encoding"]["x"]["axis"].get("labelExpr") == label


def test_panels() -> None:
    """Measures of different units have axes and labels of their own, in one altair.Chart."""
    columns = {"month": DAYS, "revenue": [5e6, 4e6], "share": [0.5, 0.25]}

    chart = plot(pa.table(columns), "revenue and share by month")
    found = chart.to_dict()

    assert isinstance(chart, alt.Chart)
    assert found["title"] == "revenue and share by month"
    assert found["encoding"]["facet"]["field"] == "column 4"
    assert values(found, "column 4") == ["revenue", "share"] * 2
    assert found["resolve"] == {"scale": {"y": "independent"}}
    assert 'parent["column 4"] == "share" ? format(datum.value' in found["encoding"]["y"]["axis"]["labelExpr"]
    formats, _ = chart.mark_area().interactive()._repr_mimebundle_()
    assert {">4M<", ">40%<"} <= set(re.findall(">[^<>]+<", formats["image/svg+xml"]))


def test_panels_of_lines_on_one_axis() -> None:
    """Each axis has a panel, and each measure a colour."""
    columns = {"day": DAYS, "low": [1.5, 1.7], "high": [2.5, 3.5], "volume": [5e6, 4e6]}

    found = plot(pa.table(columns), "low, high and volume").to_dict()

    assert values(found, "column 6") == ["low, high", "low, high", "volume"] * 2
    assert values(found, "column 5") == ["low", "high", "volume"] * 2
    assert (found["height"], found["encoding"]["color"]["field"]) == (230, "column 5")
    assert 'parent["column 6"] == "volume" ? abs(datum.value)' in found["encoding"]["y"]["axis"]["labelExpr"]


def test_spans() -> None:
    """Times from a start to an end are bars over a time axis of both, in the colours of the states."""
    columns = {"machine": ["a", "a", "b"], "state": ["on", "off", "on"]}
    times = {"begin": [*DAYS, DAYS[0]], "end": [DAYS[1], date(2025, 9, 30), DAYS[1]]}

    found = plot(pa.table({**columns, **times}), "when was each machine on or off?").to_dict()

    encoding = found["encoding"]
    assert [encoding[each]["field"] for each in ("x", "x2", "y", "color")] == [
        "begin",
        "end",
        "machine",
        "state",
    ]
    assert (encoding["x"]["title"], encoding["x"]["type"]) == ("begin \N{EN DASH} end", "temporal")
    assert values(found, "end") == [f"2025-{end}T00:00:00.000Z" for end in ("01-02", "09-30", "01-02")]
    assert found["title"] == "when was each machine on or off?"


@cases(
    ("columns", "channel", "scale"),
    [
        ({"day": DAYS, "rate": [4.3, 4.2]}, "y", {"zero": False, "padding": 8}),
        ({"day": DAYS, "rate": [4.3, 3.2]}, "y", None),
        ({"day": DAYS, "change": [-4.3, 4.2]}, "y", None),
        ({"day": DAYS, "rate": [4.3, 4.3]}, "y", None),
        ({"shop": ["a", "b"], "rate": [4.3, 4.2]}, "x", None),
        # from 0 if the least is less than a quarter of the largest, and none is negative
        ({"weight": [1.5, 9.5], "rating": [5, 9]}, "x", {"zero": False, "padding": 8, "domainMin": 0}),
        ({"weight": [0.0, 9.5], "rating": [5, 9]}, "x", {"zero": False, "padding": 8, "domainMin": 0}),
        ({"weight": [2.5, 9.5], "rating": [5, 9]}, "x", {"zero": False, "padding": 8}),
        ({"weight": [-0.5, 9.5], "rating": [5, 9]}, "x", {"zero": False, "padding": 8}),
        # with a place for a few hours that are absent
        ({"hour": [5, 6, 8, 9], "orders": [3, 2, 4, 1]}, "y", {"domain": ["5", "6", "7", "8", "9"]}),
        ({"hour": [5, 6, 9], "orders": [3, 2, 4]}, "y", None),
    ],
)
def test_the_scale(columns: dict[str, Any], channel: str, scale: dict[str, Any] | None) -> None:
    """That of lines fits the data if these span less than a quarter of the largest; bars keep zero."""
    assert drawn(columns)["encoding"][channel].get("scale") == scale


def test_numbers_at_the_ends_of_bars() -> None:
    """As short as on the axis; missing ones are not zero, and negative ones stand right of their bars."""
    found = plot(pa.table({"status": [*"abcd"], "n": [184_233, 12, None, -940]}), "q")

    text = found.to_dict()["layer"][1]["encoding"]
    assert (text["x"]["field"], values(found.to_dict(), "column end")) == ("column end", [184_233, 12, 0, 0])
    assert text["color"]["value"]["expr"].startswith("luminance(background)")
    svg = found._repr_mimebundle_()[0]["image/svg+xml"]
    assert {">184k<", ">12<", ">n/a<", ">\N{MINUS SIGN}940<"} <= set(re.findall(">[^<>]+<", svg))


@cases(
    ("columns", "text"),
    [
        ({"shop": ["a", "b"], "share": [0.2199, 0.5]}, ">22%<"),
        ({"shop": ["a", "b"], "share_pct": [21.99, 50.0]}, ">22%<"),
        ({"shop": ["a", "b"], "minutes": [1234.5, 0.125]}, ">0.125<"),
        ({"shop": ["a", "b"], "plan": [1234.5, 7], "actual": [1100.0, 8]}, ">1,235<"),
        ({"shop": ["a", "b"], "revenue": [399_870, 401_000]}, ">401k<"),
        ({"shop": ["a", "b"], "revenue": [399_670, 400_000]}, ">399.7k<"),
        ({"shop": ["a", "b"], "revenue": [399_970, 400_000]}, ">399.97k<"),
        ({"shop": ["a", "b"], "revenue": [399_999, 400_000]}, ">400k<"),
    ],
)
def test_the_format_of_numbers_at_bars(columns: dict[str, Any], text: str) -> None:
    """Three digits, four of small numbers, more until numbers differ; also of two measures."""
    assert text in plot(pa.table(columns), None)._repr_mimebundle_()[0]["image/svg+xml"]


@cases(
    "columns",
    [
        {"shop": [f"s{at}" for at in range(25)], "n": [None, *range(24)]},
        {"shop": ["s0", "s1"], "n": [None, 5e6], "share": [0.5, 0.25]},
    ],
)
def test_missing_bars_without_numbers(columns: dict[str, Any]) -> None:
    """The subtitle names them: with more than 24 bars, and in panels."""
    found = plot(pa.table(columns), "n and share by shop" if "share" in columns else "n by shop").to_dict()

    assert "layer" not in found
    assert found["title"]["subtitle"] == "Shown: without n of s0"


@cases(
    ("columns", "mark", "ends"),
    [
        ({"carrier": ["a", "b"]}, "rule", ("x", "x2")),
        ({"month": [date(2024, 1, 1), date(2024, 2, 1)]}, "area", ("y", "y2")),
    ],
)
def test_an_interval(columns: dict[str, Any], mark: str, ends: tuple[str, str]) -> None:
    """It is a line across each bar, or an area around a line, on the axis of the measure."""
    cells = {"days": [2, 3], "ci_low": [1, 2], "ci_high": [3, None]}
    bars, interval = plot(pa.table({**columns, **cells}), "days").to_dict()["layer"]

    assert interval["mark"]["type"] == mark
    assert [interval["encoding"][end]["field"] for end in ends] == ["ci_low", "ci_high"]
    assert interval["encoding"][ends[0]] == bars["encoding"][ends[0]] | {"field": "ci_low"}


@cases(
    ("columns", "mark"),
    [({"month": ["2024-01", "2024-02"]}, "area"), ({"shop": ["a", "b"]}, "bar")],
)
def test_parts_of_a_whole(columns: dict[str, list[Any]], mark: str) -> None:
    """Their areas or bars are stacked in the order of the legend."""
    cells = {name: [*values, *values] for name, values in columns.items()}
    found = plot(pa.table({**cells, "kind": [*"xxyy"], "cost": [1, 2, 3, 4]}), "cost mix").to_dict()

    assert found["mark"]["type"] == mark
    assert "yOffset" not in found["encoding"]
    assert found["encoding"]["order"]["field"] == found["encoding"]["color"]["sort"]["field"]
    assert values(found, "kind in order") == [0, 0, 1, 1]


def test_another_mark_has_no_numbers() -> None:
    """A chart with numbers has two layers; with another mark, it is one chart of the same size and title."""
    chart = plot(pa.table({"c": ["a", "b"], "n": [1, 2]}), "q")
    assert isinstance(chart, alt.LayerChart)

    found = chart.mark_point()

    assert isinstance(found, alt.Chart)
    assert (found.to_dict()["mark"]["type"], found.to_dict()["title"]) == ("point", "q")
    assert (found.to_dict()["width"], found.to_dict()["height"]) == (560, 50)
    with pytest.raises(AttributeError):
        _ = chart.no_such_attribute


@cases(("count", "axis"), [(4, None), (7, {"x": "independent"})])
def test_the_axes_of_lists(count: int, axis: dict[str, str] | None) -> None:
    """All panels start at the same place, and there is no axis below an empty one."""
    rows = 6
    shops = [f"shop {at // rows}" for at in range(count * rows)]
    columns = {
        "shop": shops,
        "product": [f"p{at}" for at in range(count * rows)],
        "n": [*range(rows, 0, -1)] * count,
    }

    found = plot(pa.table(columns), "best products of each shop").to_dict()

    names = found["encoding"]["y"]["axis"]
    assert names["minExtent"] == names["maxExtent"] == 6 * len("p41") + 10
    assert found["resolve"].get("axis") == axis


@cases(("cells", "layers"), [(90, 2), (102, 1)])
def test_numbers_in_the_cells_of_a_heatmap(cells: int, layers: int) -> None:
    """In at most ninety."""
    columns = {
        "shop": [f"s{at // 6}" for at in range(cells)],
        "category": [*"abcdef"] * (cells // 6),
        "n": [59_000] * cells,
    }

    found = plot(pa.table(columns), None)

    assert len(found.to_dict().get("layer", [0])) == layers
    svg = found._repr_mimebundle_()[0]["image/svg+xml"]
    assert (">59k<" in svg) is (layers > 1)


def test_lists() -> None:
    """A panel for each country, in the order of the answer, with its own names; null is one of them."""
    found = plot(
        pa.table({"country": ["PL", "PL", None], "product": [*"bac"], "n": [5, 4, 9]}), "best of each country"
    ).to_dict()

    assert found["encoding"]["facet"]["sort"] == {"field": "country in order", "op": "min"}
    assert values(found, "country in order") == [0, 0, 1]
    assert (found["height"], found["encoding"]["y"]["title"]) == ({"step": 14}, None)


def test_the_headers_of_panels() -> None:
    """They are as short as labels; null is one of them."""
    months = [date(2024, 1, 1), date(2024, 1, 1), date(2024, 2, 1), None]
    table = pa.table({"month": months, "product": [*"bacd"], "n": [5, 4, 9, 1]})

    svg = plot(table, "best products of each month")._repr_mimebundle_()[0]["image/svg+xml"]

    assert re.findall(">(Jan 2024|Feb 2024|null|2024-[^<]*)<", svg) == ["Jan 2024", "Feb 2024", "null"]


def test_measures_beside_each_other() -> None:
    """Bars of the colours of a legend that needs no title; the tooltip has the columns of the answer."""
    found = drawn(
        {"shop": ["a", "b"], "min_price": [1, 2], "max_price": [3.5, 4.5]}, y=["min_price", "max_price"]
    )

    assert found["mark"]["type"] == "bar"
    assert channels(found) == {
        "x": ("column 3", "quantitative", "price"),
        "y": ("shop", "nominal", "shop"),
        "color": ("column 4", "nominal", None),
        "yOffset": ("column 4", "nominal", None),
    }
    assert values(found, "column 3") == [1.0, 3.5, 2.0, 4.5]
    assert values(found, "column 4") == ["min_price", "max_price"] * 2
    assert [hint["title"] for hint in found["encoding"]["tooltip"]] == ["shop", "min_price", "max_price"]
    assert found["title"] == "min_price and max_price by shop"
    unnamed = drawn({"shop": ["a", "b"], "budget": [1, 2], "actual": [3, 4]})
    assert channels(unnamed)["x"] == ("column 3", "quantitative", None)


def test_a_column_that_does_not_exist() -> None:
    """The error names it, and the columns that exist; so it does for a column of a kind that does not fit."""
    with pytest.raises(cf.ConfigError, match="No column 'month' to draw; the columns are 'day', 'n'"):
        drawn({"day": DAYS, "n": [1, 2]}, x="month")
    with pytest.raises(cf.ConfigError, match=r"No column .* to draw"):
        drawn({"day": DAYS, "n": [1, 2]}, y=np.array(["n", "m"]))
    with pytest.raises(cf.ConfigError, match="No plot fits"):
        drawn({"day": DAYS, "n": [1, 2]}, y="day")


def test_more_than_can_be_drawn() -> None:
    """One row more than a browser draws well is an error that says what to do."""

    def columns(rows: int) -> dict[str, Any]:
        return {"at": pa.array(range(rows), pa.timestamp("s")), "n": list(range(rows))}

    assert len(values(drawn(columns(5_000)), "n")) == 5_000
    with pytest.raises(cf.ConfigError, match=r"^5,001 rows are too many for a chart \(at most 5,000\)"):
        drawn(columns(5_001))


def test_forty_categories() -> None:
    """The first are drawn with all their rows, and the title counts the others."""
    shops = [f"s{at % 41}" for at in range(82)]
    found = drawn({"shop": shops, "n": list(range(82))})

    assert found["title"] == {"text": "how many?", "subtitle": "Shown: the first 40 of 41 shops", **GRAY}
    assert values(found, "n") == [*range(40), *range(41, 81)]


def test_the_chart_of_an_answer_that_was_cut() -> None:
    """It says of how many rows, and what else it does not show."""
    table = pa.table(
        {**{f"x{at}": ["u"] * 41 for at in range(51)}, "c": [f"c{at}" for at in range(41)], "n": [*range(41)]}
    )

    title = plot(table, "how many?", x="c", cut_rows="41 of 2,000 rows").to_dict()["title"]

    assert title["text"] == "n by c"
    assert title["subtitle"] == ("Shown: 41 of 2,000 rows, the first 40 of 41 cs. Tooltips: 52 of 53 columns")


def test_a_long_subtitle_has_lines() -> None:
    """Each has at most 140 characters."""
    missing = {"shop": [f"a long name of shop {at}" for at in range(30)], "n": [1, *[None] * 29]}

    lines = drawn(missing)["title"]["subtitle"]

    assert [len(line) <= 140 for line in lines] == [True, True]
    assert " ".join(lines).startswith("Shown: without n of a long name of shop 1, a long name of shop 2, ")


def test_two_of_one_name() -> None:
    """The identifier tells them apart; it is no colour."""
    found = drawn({"id": [7, 8, 9], "customer": ["Ann", "Bob", "Ann"], "revenue": [3, 2, 1]})

    assert values(found, "customer") == ["Ann (7)", "Bob", "Ann (9)"]
    assert channels(found).keys() == {"x", "y"}
    assert found["mark"]["type"] == "bar"
    nulls = drawn({"id": [7, 8, 9], "customer": [None, "Bob", None], "revenue": [3, 2, 1]})
    assert values(nulls, "customer") == ["null (7)", "Bob", "null (9)"]
    # however many there are, if the identifier has the name's word
    many = {"customer_id": [*range(41)], "customer": ["Bob", *["Ann"] * 40], "revenue": [*range(41, 0, -1)]}
    assert values(drawn(many), "customer") == ["Bob", *[f"Ann ({key})" for key in range(1, 40)]]
    assert drawn(many)["title"]["subtitle"] == "Shown: the first 40 of 41 customers"


def test_the_title_says_what_is_drawn() -> None:
    """It is the question only if that says it."""
    columns = {"shop": ["a", "b", "c"], "orders": [5, 2, 9], "customers": [3, 1, 4]}

    assert drawn(columns)["title"] == "how many?"
    assert drawn(columns, y="orders")["title"] == "orders by shop"
    orders = plot(pa.table(columns), "how many orders?").to_dict()["title"]
    assert orders == {"text": "how many orders?", "subtitle": "Not drawn: customers", **GRAY}
    assert plot(pa.table(columns), None).to_dict()["title"] == "orders and customers by shop"


def test_without_altair(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "altair", None)
    monkeypatch.delitem(sys.modules, "connecty_frames.display.altair_chart")

    with pytest.raises(cf.ConfigError, match=r"^Plots need altair: pip install 'connecty-frames\[plot\]'\.$"):
        import_plot()


# As a picture


@cases(
    ("columns", "texts"),
    [
        ({"a.b[0]": ["Pol.and", "x[1]"], 'n "q"': [1, 2]}, ["a.b[0]", 'n "q"', "Pol.and", "x[1]"]),
        ({"day": DAYS, "rev:enue": [Decimal("1.5"), 2]}, ["day", "rev:enue", "Jan  2"]),
        ({"x": [1, 2], "it's": [3, 4]}, ["x", "it's"]),
        (
            {"C:\\users\\": ["Ann", "Bob"], 'a\\" + datum.b + "': [1, 2]},
            ["C:\\users\\", 'a\\" + datum.b + "', "Ann", "Bob"],
        ),
        ({"a\\.b": ["x", "y"], "\\]": [1, 2]}, ["a\\.b", "\\]", "x", "y"]),
    ],
    ids=["bars", "line", "points", "expressions", "paths"],
)
def test_it_can_be_drawn(columns: dict[str, Any], texts: list[str]) -> None:
    """Vega draws it: the names and values are in the picture."""
    formats, _ = plot(pa.table(columns), "how <b>many</b>?", None, None, None)._repr_mimebundle_()
    picture = formats["image/svg+xml"]

    shown = picture.replace("&quot;", '"').replace("&apos;", "'").replace("&lt;", "<").replace("&gt;", ">")
    for text in ["how <b>many</b>?", *texts]:
        assert f">{text}<" in shown


@cases(
    ("width", "height", "length", "formats"),
    [
        (1_000, 2_000, 300_000, {"image/svg+xml": 300_000, "image/png": b"2"}),
        (2_000_001, 1, 300_001, {"image/png": b"1"}),
        (10_000, 5_000, 300_001, {"image/png": b"1"}),
        (10_000, 5_001, 300_000, {"image/svg+xml": 300_000}),
        (50_000_001, 1, 300_000, {"image/svg+xml": 300_000}),
    ],
)
def test_the_pictures_of_a_notebook(width: int, height: int, length: int, formats: dict[str, object]) -> None:
    """A PNG is enlarged up to 2 million pixels, and left out beyond 50; an SVG has 300,000 characters."""
    svg = f'<svg width="{width}" height="{height}">'.ljust(length)
    drawing = SimpleNamespace(svg_to_png=lambda _, scale: str(scale).encode())
    with (
        mock.patch.dict(sys.modules, vl_convert=drawing),
        mock.patch.object(altair_chart, "spec_to_mimebundle", return_value={"image/svg+xml": svg}),
    ):
        found, metadata = plot(pa.table({"c": ["a"], "n": [1]}), "q", None, None, None)._repr_mimebundle_()

    specification = found.pop("application/vnd.vegalite.v5+json")
    assert specification["title"] == "q"
    assert {name: len(value) if isinstance(value, str) else value for name, value in found.items()} == formats
    assert metadata["image/png"] == {"width": width, "height": height}


def test_characters_that_no_picture_has() -> None:
    """Symbols stand for them; vl-convert would end the process at some."""
    rows = ["\0", "\x0b", "\x1f", "\ud800", "\udfff", "\ufffe", "\uffff", "\t\n\r \x7f\ud7ff\ue000\ufffd"]
    shown = ["\u2400", "\u240b", "\u241f", *["\ufffd"] * 4, "\t\n\r \x7f\ud7ff\ue000\ufffd"]
    found = plot(pa.table({"c": ["a"], "n": [1]}), "q", None, None, None).properties(usermeta={"rows": rows})

    assert found.to_dict()["usermeta"] == {"rows": shown}
