"""The chart of a table, drawn by altair.

Nothing is sampled or summed. Bars show the first 30 categories, or 60 if they are in order; the subtitle says
so. JavaScript has only float64, so decimals and long integers are drawn with about 16 digits; tooltips show
every value in full. Times are drawn in the time zone of their column, not in that of the reader.
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

#: The width of a chart in pixels.
_WIDTH: Final = 560
#: The most values of a line whose points are marked, and the number of labels that fit on an axis.
_MAX_POINTS: Final = 60
_TICKS: Final = 8
#: The pixels between two labels, and between labels and the title of an axis.
_PADDING: Final = 10
#: Column names that can also be field names.
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
        # Set the colour: Streamlit's dark theme leaves the text black.
        title = alt.TitleParams(title, subtitle=f"Shown: {part}", subtitleColor="#8c8c8c")
    return chart.properties(title=title)


def _encoded(alt: Any, chart: Any, chosen: Chosen) -> Any:
    """Return a chart with its marks and axes."""
    dimension, measure = chosen.dimension, chosen.measure
    if chosen.kind == "bars":  # horizontal, so that names stay legible
        axis = alt.Axis(titlePadding=_PADDING, **_labels(dimension))
        # Keep the answer's order: the question may have asked for it.
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
    """Return the field name of a column: its own name, unless that is long or has special characters."""
    # Vega-Lite reads dots, brackets and quotes as a path, and drops backslashes in some of its expressions;
    # expressions escape control characters, but the data does not.
    is_plain = column.name.isprintable() and _FIELD.fullmatch(column.name)
    return column.name if is_plain else f"column {column.at}"


def _text_field(column: Column) -> str:
    return f"{_field(column)} in full"


def _labels(column: Column) -> dict[str, Any]:
    """Return options that shorten long categories in the middle, since they often differ at the end."""
    labels = {text: cut_middle(text, 30) for text in column.texts if text}
    short = {text: label for text, label in labels.items() if label != text}
    chosen = f"{json.dumps([*short.values()])}[indexof({json.dumps([*short])}, datum.label)]"
    return {"labelExpr": f"{chosen} || datum.label", "labelLimit": 0} if short else {}


def _tooltip_title(name: str) -> str:
    """Return the title of a line in a tooltip; under the title ``image``, Vega would fetch a picture."""
    # Vega-Lite writes it into an expression and escapes only quotes, not backslashes.
    return f"{name} " if name in {"image", "title"} else snippet(name).replace("\\", "\\\\")


def _description(alt: Any, columns: list[Column]) -> Any:
    """Return the description of a mark for screen readers, in place of Vega-Lite's, which has the titles."""
    keys = dict.fromkeys(map(_text_field, columns))
    values = [f"datum[{json.dumps(key)}]" for key in keys]
    return alt.DescriptionValue(alt.ExprRef(f"join([{', '.join(values)}], ': ')"))


def _rows(columns: list[Column], numbers: list[Column]) -> list[dict[str, Any]]:
    """Return the rows for Vega-Lite; ``numbers`` are the columns on quantitative axes."""
    values: dict[str, Sequence[Any]] = {}
    for column in columns:
        values[_field(column)] = column.numbers if column in numbers else column.texts
        if column.is_time and column not in numbers:
            # Local times of the column's zone, labelled as UTC: otherwise a browser would convert them to
            # its own zone, or move those that do not exist there.
            local = texts(column.times).to_pylist()
            values[_field(column)] = [None if time is None else f"{time}Z" for time in local]
        values[_text_field(column)] = [text and cut(text, 1_000) for text in column.texts]
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


# --- axes -------------------------------------------------------------------------------------------


def _line_axis(alt: Any, column: Column) -> Any:
    if not column.is_time:  # years or hours, without thousands separators
        axis = alt.Axis(values=_year_ticks(column.numbers), format="d")
        return _quantitative(alt, alt.X, column, axis=axis, scale=alt.Scale(zero=False))
    return alt.X(
        field=_field(column),
        type="temporal",
        title=snippet(column.name),
        scale=alt.Scale(type="utc"),
        # Do not move the first and last label inwards: they would touch their neighbours.
        axis=alt.Axis(labelFlush=False, **_time_ticks(column.times)),
    )


def _year_ticks(years: list[float | None]) -> list[int]:
    """Return the years (or hours, ...) to label: all that occur if they are few, else every 2nd, 5th, ...."""
    found = sorted({int(year) for year in years if year is not None})
    every = range(found[0], found[-1] + 1)
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500) if len(every) <= _TICKS * step)
    return found if len(found) <= _TICKS else [year for year in every if year % step == 0]


def _time_ticks(times: pa.ChunkedArray) -> dict[str, Any]:
    """Return the ticks of a time axis, which are the times themselves if they are few, and a date format."""
    found = pc.unique(times.drop_null()).cast(pa.int64()).to_pylist()  # milliseconds
    # With more ticks, Vega drops every other label, which has the day.
    # Do not label times with seconds: Vega would write only the seconds.
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
    # By the factor that turns the numbers into percent.
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
