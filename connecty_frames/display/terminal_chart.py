"""The chart of a table, drawn with characters: bars by rich, lines and points by uniplot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.bar import Bar
from rich.table import Table
from rich.text import Text

from connecty_frames._base.text import snippet
from connecty_frames.decode.texts import short_texts
from connecty_frames.display.charts import choose_chart
from connecty_frames.display.columns import cut_middle
from connecty_frames.display.shapes import TERMINAL, Chart
from connecty_frames.errors import ConfigError, missing_extra

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console, RenderableType

_HEIGHT: Final = 16  # of a chart of lines or points, in rows of text
#: ASCII replacements of the characters of bars and frames.
_ASCII: Final = str.maketrans("█▉▊▋▌▐▍▎▏▕┌┐└┘│─…", "######    ++++|-~")


def import_uniplot() -> Any:
    """Return uniplot, for lines and points; raises ConfigError if it is not installed."""
    try:
        import uniplot
    except ModuleNotFoundError as error:
        raise missing_extra("terminal-plot", "Plots in a terminal need", error) from None
    return uniplot


def terminal_plot(table: pa.Table, question: str | None, console: Console, *, cut: str = "") -> str:
    """Return a table's chart as text, as wide as the console; raises ConfigError."""
    chart = choose_chart(table, question, cut=cut, shapes=TERMINAL)
    with console.capture() as captured:
        console.print(_text(chart.title, style="bold"))
        # The axes have no titles.
        for text in filter(None, (chart.what if chart.what != chart.title else "", chart.part)):
            console.print(_text(text, style="dim"))
        for part in _panels(chart):
            if chart.is_apart:
                console.print(_text(part.measure.title, style="bold"))
            console.print((_series if chart.kind in {"line", "points"} else _bars)(part, console))
    text = captured.get()
    return text.translate(_ASCII) if console.options.ascii_only else text


def _panels(chart: Chart) -> list[Chart]:
    if not chart.is_apart:
        return [chart]
    count = len(chart.series)
    rows = [*range(0, len(chart.dimension.texts), count)]
    group = chart.group if chart.group in chart.columns else None  # not the names of measures
    dimension, group = (column and column.take(rows) for column in (chart.dimension, group))
    own: dict[str, Any] = {"dimension": dimension, "group": group, "stretches": chart.stretches[::count]}
    measures = (chart.columns[column.at].take(rows) for column in chart.series)
    return [replace(chart, measure=measure, panel=None, **own) for measure in measures]


def _text(text: str, **style: Any) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis", **style)


def _bars(chart: Chart, console: Console) -> RenderableType:
    numbers = chart.measure.numbers
    # Scaled to -1 .. 1, since the difference of two large numbers may be infinite.
    largest = max(abs(number or 0) for number in numbers)
    shares = [number / largest if number else 0 for number in numbers]
    low, high = min(0, *shares), max(0, *shares)
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column()
    grid.add_column(ratio=1)  # pragma: no mutate - it alone has one
    grid.add_column(justify="right")
    rows = zip(*(column.texts for column in chart.dimensions), strict=True)
    for row, share, digits in zip(rows, shares, chart.measure.texts, strict=True):
        bar = Bar(high - low, min(share, 0) - low, max(share, 0) - low)
        name = cut_middle(" / ".join(map(_label, row)), console.width // 3)
        grid.add_row(_text(name), bar, _text("null", style="dim") if digits is None else _text(digits))
    return grid


def _label(text: str | None) -> str:
    return "null" if text is None else snippet(text)


def _series(chart: Chart, console: Console) -> RenderableType:
    dimension = chart.dimension
    xs = dimension.times.to_numpy() if dimension.is_time else np.array(dimension.places, float)
    percent = chart.measure.percent
    ys = np.array(chart.measure.numbers, float) * (percent or 1)
    drawn = ~(np.isnan(xs) if chart.kind == "line" else np.isnan(xs + ys))
    if np.isnan(ys[drawn]).all():
        raise ConfigError("No plot fits this answer: there are no numbers to draw.", setting="plot")
    groups = chart.group.texts if chart.group else [None] * len(xs)
    names = list(dict.fromkeys(groups[at] for at in np.flatnonzero(drawn & ~np.isnan(ys))))
    # From left to right, because a line connects them in this order; the last number, NaN, is a gap.
    order = [at for at in np.argsort(xs, kind="stable") if drawn[at] and groups[at] in names]
    xs, ys = np.append(xs, xs[order[0]]), np.append(ys, np.nan)
    stretches = chart.stretches or [0] * len(groups)
    parts = {(name, part): [-1] for name in names for part in sorted({*stretches})}
    for at in order:
        parts[groups[at], stretches[at]].insert(-1, at)
    series = [[at for (each, _), rows in parts.items() if each == name for at in rows] for name in names]
    is_from_zero = chart.kind == "line" and np.nanmin(ys) > 0 and not chart.measure.is_narrow
    picture = _draw(
        console,
        xs=[xs[places] for places in series],
        ys=[ys[places] for places in series],
        lines=chart.kind == "line" and not chart.has_dots,
        x_gridlines=[] if dimension.is_time else [0],  # none where 1970 is
        y_unit="%" if percent else "",
        **({"y_min": 0} if is_from_zero else {}),
        legend_labels=[cut_middle(_label(name), 20) for name in names] if chart.group else None,
    )
    if dimension.is_time and dimension.grain != "year":  # the labels have hours alone, or no first day
        texts = short_texts(dimension.cells)
        picture += f"\nfrom {texts[order[0]]} to {texts[order[-1]]}"
    return Text.from_ansi(picture)


def _draw(console: Console, **options: Any) -> str:
    are_many, has_colours = len(options["xs"]) > 1, bool(console.color_system) and not console.no_color
    # Without colours, the letters of the ASCII set distinguish lines.
    is_ascii = console.options.ascii_only or (are_many and not has_colours)
    # The terminal's own colours, the most legible on light and dark backgrounds first.
    colours = ["cyan", "magenta", "green", "red", "blue", "yellow"]
    try:
        with np.errstate(all="ignore"):
            picture: str = import_uniplot().plot_to_string(
                width=console.width,
                line_length_hard_cap=console.width,
                height=_HEIGHT,
                color=colours if are_many and has_colours else False,
                character_set="ascii" if is_ascii else "block",
                **options,
            )
    except (RuntimeError, TypeError, ValueError, ArithmeticError, AssertionError, IndexError) as error:
        why = f"uniplot cannot draw this answer: {snippet(str(error))}"
        if isinstance(error, RuntimeError):  # a bare `raise` in uniplot
            why = f"The axis labels leave no room for a chart in {console.width} columns"
        raise ConfigError(f"{why}.", setting="plot") from None
    return picture
