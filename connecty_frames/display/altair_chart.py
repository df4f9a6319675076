"""The chart of a table, drawn by altair.

Nothing is sampled or summed. Of bars, the first 30 categories are drawn, 60 if they are in order, and the
subtitle counts them.
JavaScript has float64 alone, so decimals and long integers are drawn to about 16 digits; the tooltips show
every value in full. Times are drawn in their own zone, whatever the zone of the reader.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames._base.text import cut, snippet
from connecty_frames.display.charts import Chart as Chosen
from connecty_frames.display.charts import choose_chart
from connecty_frames.display.columns import Column, cut_middle
from connecty_frames.display.formatting import texts
from connecty_frames.errors import missing_extra

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt

#: The pixels of a chart; the height of bars follows from their number.
_WIDTH: Final = 560
#: Up to this many times, each is marked on a line; and how many labels an axis has room for.
_MAX_POINTS: Final = 60
_TICKS: Final = 8
#: The pixels between two labels, and between labels and the title of an axis.
_PADDING: Final = 10
#: What can be the name of a field.
_FIELD: Final = re.compile(r"(?!column \d+$|.* in full$)[^.\[\]'\"\\]{1,1000}")
#: The columns in a tooltip.
_MAX_TOOLTIP_COLUMNS: Final = 50


def plot(
    table: pa.Table,
    question: str | None,
    x: str | None = None,
    y: str | Sequence[str] | None = None,
    color: str | None = None,
    *,
    cut_rows: str = "",
) -> alt.Chart:
    """Return the chart of a table; see ``Answer.plot``."""
    try:
        import altair as alt

        from connecty_frames.display.notebook_chart import Chart
    except ModuleNotFoundError as error:
        raise missing_extra("plot", "Plots need", error) from None
    chosen = choose_chart(table, question, x, y, color, cut=cut_rows)
    dimension, measure, group = chosen.dimension, chosen.measure, chosen.group
    drawn = [column for column in (dimension, group, measure) if column is not None]
    used = [c for c in chosen.columns if c.at < _MAX_TOOLTIP_COLUMNS or c in drawn]
    is_category = chosen.kind == "bars" or dimension.is_time
    numbers = [measure] if is_category else [dimension, measure]
    base = Chart(alt.InlineData(values=_rows([*dict.fromkeys([*used, *drawn])], numbers)))
    chart: alt.Chart = _encoded(alt, base, chosen)
    if group is not None:
        field = _text_field(group) if group.is_time else _field(group)  # a legend formats no times
        nominal: dict[str, Any] = {"field": field, "type": "nominal", "sort": None}
        legend = alt.Legend(**_labels(group))
        chart = chart.encode(color=alt.Color(title=snippet(group.name) or None, legend=legend, **nominal))
        if chosen.kind == "bars" and not dimension.is_unique:
            chart = chart.encode(yOffset=alt.YOffset(**nominal))
    if chosen.has_dots:
        chart = chart.mark_circle()
    tooltips = [alt.Tooltip(field=_text_field(c), type="nominal", title=_tooltip_title(c.name)) for c in used]
    chart = chart.encode(tooltip=tooltips, description=_description(alt, drawn))
    some = "" if used == chosen.columns else f"{len(used)} of {len(chosen.columns):,} columns in the tooltips"
    title: Any = chosen.title
    if part := ", ".join(filter(None, [chosen.part, some])):
        # In a colour, since Streamlit's dark theme leaves it black.
        title = alt.TitleParams(title, subtitle=f"Shown: {part}", subtitleColor="#8c8c8c")
    return chart.properties(title=title)


def _encoded(alt: Any, chart: Any, chosen: Chosen) -> Any:
    """Return a chart with its marks and axes."""
    dimension, measure = chosen.dimension, chosen.measure
    if chosen.kind == "bars":  # horizontal, so that names stay legible
        axis = alt.Axis(titlePadding=_PADDING, **_labels(dimension))
        # In the order of the answer, which the question may ask for.
        y = alt.Y(
            field=_field(dimension), type="nominal", title=snippet(dimension.name), sort=None, axis=axis
        )
        x = _quantitative(alt, alt.X, measure)
        return chart.mark_bar().encode(x=x, y=y).properties(width=_WIDTH)
    if chosen.kind == "line":
        chart = chart.mark_line(point=len(dimension.texts) <= _MAX_POINTS)
        x, y = _line_axis(alt, dimension), _quantitative(alt, alt.Y, measure)
    else:
        chart, scale = chart.mark_circle(opacity=0.7, size=50), alt.Scale(zero=False)
        x = _quantitative(alt, alt.X, dimension, scale=scale)
        y = _quantitative(alt, alt.Y, measure, scale=scale)
    return chart.encode(x=x, y=y).properties(width=_WIDTH, height=320)


# --- columns ----------------------------------------------------------------------------------------


def _field(column: Column) -> str:
    """Return the field of a column, which is in the data once a row: its name, unless that is long or odd."""
    # Vega-Lite reads dots, brackets and quotes as a path, and drops backslashes in some of its expressions;
    # expressions escape control characters, and the data does not.
    is_plain = column.name.isprintable() and _FIELD.fullmatch(column.name)
    return column.name if is_plain else f"column {column.at}"


def _text_field(column: Column) -> str:
    return f"{_field(column)} in full"


def _labels(column: Column) -> dict[str, Any]:
    """Return how long categories are written: without their middle, since they often differ at the end."""
    labels = {text: cut_middle(text, 30) for text in column.texts if text}
    short = {text: label for text, label in labels.items() if label != text}
    chosen = f"{json.dumps([*short.values()])}[indexof({json.dumps([*short])}, datum.label)]"
    return {"labelExpr": f"{chosen} || datum.label", "labelLimit": 0} if short else {}


def _tooltip_title(name: str) -> str:
    """Return the title of a tooltip's line. Vega fetches the picture whose address is under ``image``."""
    # Vega-Lite writes it into an expression and escapes quotes alone, not backslashes.
    return f"{name} " if name in {"image", "title"} else snippet(name).replace("\\", "\\\\")


def _description(alt: Any, columns: list[Column]) -> Any:
    """Return the text of a mark for screen readers; Vega-Lite's own is an expression that has the titles."""
    keys = dict.fromkeys(map(_text_field, columns))
    values = [f"datum[{json.dumps(key)}]" for key in keys]
    return alt.DescriptionValue(alt.ExprRef(f"join([{', '.join(values)}], ': ')"))


def _rows(columns: list[Column], numbers: list[Column]) -> list[dict[str, Any]]:
    """Return the rows as Vega-Lite reads them; ``numbers`` are the columns on quantitative axes."""
    values: dict[str, Sequence[Any]] = {}
    for column in columns:
        values[_field(column)] = column.numbers if column in numbers else column.texts
        if column.is_time and column not in numbers:
            # Local times of the column's zone, marked and drawn as UTC: a browser would otherwise convert
            # them to its own zone, or move those that its zone does not have.
            local = texts(column.times).to_pylist()
            values[_field(column)] = [None if time is None else f"{time}Z" for time in local]
        values[_text_field(column)] = [text and cut(text, 1_000) for text in column.texts]
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


# --- axes -------------------------------------------------------------------------------------------


def _line_axis(alt: Any, column: Column) -> Any:
    if not column.is_time:  # years, without separators between their digits, or hours
        axis = alt.Axis(values=_year_ticks(column.numbers), format="d")
        return _quantitative(alt, alt.X, column, axis=axis, scale=alt.Scale(zero=False))
    return alt.X(
        field=_field(column),
        type="temporal",
        title=snippet(column.name),
        scale=alt.Scale(type="utc"),
        # Labels at the ends keep their places; moved inwards, they touch their neighbours.
        axis=alt.Axis(labelFlush=False, **_time_ticks(column.times)),
    )


def _year_ticks(years: list[float | None]) -> list[int]:
    """Return the years that have labels, or the numbers of another period: all, or each second, fifth, …."""
    found = sorted({int(year) for year in years if year is not None})
    every = range(found[0], found[-1] + 1)
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500) if len(every) <= _TICKS * step)
    return found if len(found) <= _TICKS else [year for year in every if year % step == 0]


def _time_ticks(times: pa.ChunkedArray) -> dict[str, Any]:
    """Return where an axis has ticks, at the times themselves if they are few, and how it writes days."""
    found = pc.unique(times.drop_null()).cast(pa.int64()).to_pylist()  # milliseconds
    # With more than these, every other label is dropped: the days.
    # Times with seconds are no labels: Vega would write the seconds alone.
    is_few = len(found) <= _TICKS and all(time % 60_000 == 0 for time in found)
    ticks: dict[str, Any] = {"values": found} if is_few else {"tickCount": _TICKS}
    # By default, the label of a day has no month.
    day = 86_400_000
    are_days = all(time % day == 0 for time in found) and pc.any(pc.not_equal(pc.day(times), 1)).as_py()
    if are_days and max(found) - min(found) < 100 * day:
        ticks["format"] = "%b %d"
    return ticks


def _quantitative(alt: Any, channel: Any, column: Column, **more: Any) -> Any:
    is_integer = pa.types.is_integer(column.cells.type)
    # By what makes percent of its numbers.
    percent = {None: {}, 1: {"labelExpr": "datum.label + '%'"}, 100: {"format": "~%"}}
    axis = alt.Axis(
        tickCount=_TICKS,
        labelSeparation=_PADDING,
        titlePadding=_PADDING,
        **({"tickMinStep": 1} if is_integer else {}),
        **percent[column.percent],
    )
    title = snippet(column.title) or None
    return channel(field=_field(column), type="quantitative", title=title, **{"axis": axis, **more})
