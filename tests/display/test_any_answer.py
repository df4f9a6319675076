"""Random answers: each has a chart of a bounded size and few colours, or an error that says why."""

import random
import struct
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec
from typing import Any, Final

import pyarrow as pa
import pytest
from rich.console import Console

import connecty_frames as cf

pytestmark = [
    pytest.mark.skipif(find_spec("altair") is None, reason="the extra [plot] is not installed"),
    pytest.mark.skipif(find_spec("uniplot") is None, reason="the extra [terminal-plot] is not installed"),
    pytest.mark.slow,  # drawing takes a second
]

#: The answers that ``make test`` draws. The run of 300 that set the limits took no other path.
COUNT: Final = 40
WORDS: Final = [
    "revenue",
    "orders",
    "share",
    "average_price",
    "growth",
    "customers",
    "balance",
    "profit",
    "n",
]
NAMES: Final = ["country", "category", "store", "channel", "product", "segment", "status"]
QUESTIONS: Final = (
    "{} by {}",
    "how many {} by {}",
    "top 3 {} in each {}",
    "{} and orders by {}",
    "monthly {} with growth per {}",
)


def answer(seed: int) -> tuple[str, dict[str, Any]]:
    draw = random.Random(seed)
    axes = [_axis(draw) for _ in range(draw.choice([1, 1, 2, 2, 2, 3]))]
    columns: dict[str, list[Any]] = {}
    rows: list[tuple[Any, ...]] = [()]
    for name, values in axes:
        if name not in columns:
            columns[name] = []
            rows = [(*row, value) for row in rows for value in values]
    rows = [row for row in rows if draw.random() < draw.choice([0.3, 0.9, 1])][:1200] or rows[:1]
    match draw.choice(["as it is", "as it is", "mixed", "lists"]):
        case "mixed":
            draw.shuffle(rows)
        case "lists":
            places = Counter[Any]()
            rows = [row for row in rows if places.update([row[0]]) or places[row[0]] <= 3]
    for name, cells in zip(columns, zip(*rows, strict=True), strict=True):
        columns[name] = [None if draw.random() < 0.01 else cell for cell in cells]
    for measure in draw.sample(WORDS, draw.choice([1, 1, 2, 3])):
        size = draw.choice([0.9, 50, 1e4, 1e9])
        low = -size if draw.random() < 0.2 else 0
        numbers = [draw.uniform(low, size) for _ in rows]
        if draw.random() < 0.3:
            numbers.sort(reverse=True)
        kind = draw.choice([float, float, int, Decimal])
        columns[measure] = [None if draw.random() < 0.03 else kind(number) for number in numbers]
        columns[measure][0] = kind(numbers[0])
    return draw.choice(QUESTIONS).format(draw.choice(WORDS), draw.choice(NAMES)), columns


def _axis(draw: random.Random) -> tuple[str, list[Any]]:
    count = draw.choice([2, 3, 5, 8, 12, 20, 45])
    names = [f"{draw.choice(['Store', 'A long name of a thing', 'x' * 40])} {at}" for at in range(count)]
    first = date(draw.choice([1999, 2024]), draw.choice([1, 6]), 1)
    months = [date(first.year + at // 12, at % 12 + 1, 1) for at in range(count)]
    return draw.choice(
        [
            *[(draw.choice(NAMES), names)] * 6,
            ("month", months),
            ("month", [f"{month:%Y-%m}" for month in months]),
            ("quarter", [f"Q{at % 4 + 1} {2000 + at // 4}" for at in range(count)]),
            ("day", [first + timedelta(at * draw.choice([1, 7])) for at in range(count)]),
            ("at", [datetime(2024, 1, 1) + timedelta(hours=at * 5.3) for at in range(count)]),
            ("hour", [*range(min(count, 24))]),
            ("year", [*range(2000, 2000 + count)]),
            ("weekday", ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]),
            ("customer_id", [*range(1000, 1000 + count)]),
            ("is_gift", [True, False]),
        ]
    )


@pytest.mark.parametrize("seed", range(COUNT))
def test_any_answer(seed: int) -> None:
    """A chart is at most 650 pixels high and 1,100 wide, has at most 10 colours, and fits a terminal."""
    import vl_convert

    from connecty_frames.display.altair_chart import plot
    from connecty_frames.display.terminal_chart import terminal_plot

    question, columns = answer(seed)
    table = pa.table(columns)
    try:
        chart = plot(table, question).to_dict()
    except cf.ConfigError as error:
        assert str(error).startswith(("No plot fits this answer", "5,"))
        return
    png = vl_convert.vegalite_to_png(chart, scale=1)
    width, height = struct.unpack(">II", png[16:24])
    color = chart.get("encoding", {}).get("color", {})
    data = chart["datasets"][chart["data"]["name"]]

    assert height <= 650
    assert width <= 1_100
    assert color.get("type") != "nominal" or len({row[color["field"]] for row in data}) <= 10
    try:
        text = terminal_plot(table, question, Console(width=80))
    except cf.ConfigError as error:
        assert str(error).startswith("The axis labels")
    else:
        assert max(map(len, text.splitlines())) <= 80
