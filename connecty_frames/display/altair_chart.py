"""The chart of a table, drawn by altair.

Nothing is sampled or summed. Of bars, the first 30 categories are drawn, and the title counts them.
JavaScript has float64 alone, so decimals and long integers are drawn to about 16 digits; the tooltips show
every value in full. Times are drawn in their own zone, whatever the zone of the reader.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from connecty_frames._base.text import cut, snippet
from connecty_frames.display.charts import ChartKind, Column, choose_chart
from connecty_frames.display.formatting import texts
from connecty_frames.errors import missing_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import altair as alt

#: The pixels of a chart; the height of bars follows from their number.
_WIDTH: Final = 560
_HEIGHT: Final = 320
#: Up to this many times, each is marked on a line; and how many labels an axis has room for.
_MAX_POINTS: Final = 60
_TICKS: Final = 8
#: The characters of a value in a tooltip, and the columns in it.
_MAX_LENGTH: Final = 1_000
_MAX_TOOLTIP_COLUMNS: Final = 50


def plot(
    table: pa.Table,
    question: str | None,
    x: str | None = None,
    y: str | None = None,
    color: str | None = None,
) -> alt.Chart:
    """Return the chart of a table; see ``Answer.plot``."""
    try:
        import altair as alt

        from connecty_frames.display.notebook_chart import Chart
    except ModuleNotFoundError as error:
        raise missing_extra("plot", "Plots need", error) from None
    chosen = choose_chart(table, question, x, y, color)
    columns = _columns(chosen.table)
    dimension, measure = columns[chosen.dimension.at], columns[chosen.measure.at]
    group = None if chosen.group is None else columns[chosen.group.at]
    used = [
        column
        for column in columns
        if column.at < _MAX_TOOLTIP_COLUMNS or column in (dimension, measure, group)
    ]
    is_category = chosen.kind is ChartKind.BARS or dimension.is_time
    base = Chart(alt.InlineData(values=_rows(used, [measure] if is_category else [dimension, measure])))
    chart: alt.Chart = _DRAW[chosen.kind](alt, base, dimension, measure)
    if group is not None:
        chart = chart.encode(
            color=alt.Color(field=group.field, type="nominal", title=snippet(group.name), sort=None)
        )
    if group is not None and chosen.kind is ChartKind.BARS and chosen.repeats:
        chart = chart.encode(yOffset=alt.YOffset(field=group.field, type="nominal", sort=None))
    if chosen.overlaps:
        chart = chart.mark_circle()
    tooltips = [alt.Tooltip(field=c.text_field, type="nominal", title=_tooltip_title(c.name)) for c in used]
    chart = chart.encode(tooltip=tooltips, description=_description(alt, [dimension, group, measure]))
    if used != columns:
        left_out = f"The tooltips show {len(used)} of {len(columns):,} columns."
        return chart.properties(title=alt.TitleParams(chosen.title, subtitle=left_out))
    return chart.properties(title=chosen.title)


# --- columns ----------------------------------------------------------------------------------------


class _Column(Column):
    """A column with the keys of its marks and of its texts in the data of a chart."""

    def __init__(self, at: int, name: str, cells: pa.ChunkedArray, key: str, text_key: str) -> None:
        super().__init__(at, name, cells)
        self.key = key
        self.text_key = text_key

    @property
    def field(self) -> str:
        return _field_path(self.key)

    @property
    def text_field(self) -> str:
        return _field_path(self.text_key)

    def marks(self, *, as_numbers: bool) -> Sequence[float | str | None]:
        """Return the values as Vega-Lite draws them."""
        if as_numbers:
            return self.numbers
        if self.is_time:
            # Local times of the column's zone, marked and drawn as UTC: a browser would otherwise convert
            # them to its own zone, or move those that its zone does not have.
            return [None if time is None else f"{time}Z" for time in texts(self.times).to_pylist()]
        return self.texts


def _columns(table: pa.Table) -> list[_Column]:
    names = table.column_names
    # A key is in the data once a row, so a long name is replaced by the position of its column. So is one
    # with control characters, which expressions escape and the data does not, or with backslashes, which
    # Vega-Lite drops in some of its expressions and keeps in others.
    stem = _unused("column ", lambda stem: (f"{stem}{position}" for position in range(len(names))), names)
    keys = [
        name if len(name) <= _MAX_LENGTH and name.isprintable() and "\\" not in name else f"{stem}{at}"
        for at, name in enumerate(names)
    ]
    suffix = _unused(" in full", lambda suffix: (key + suffix for key in keys), keys)
    return [_Column(at, names[at], table.column(at), key, key + suffix) for at, key in enumerate(keys)]


def _unused(text: str, names: Callable[[str], Iterable[str]], taken: Sequence[str]) -> str:
    """Return a text, with dots behind it until none of the names made with it is taken."""
    while not set(taken).isdisjoint(names(text)):
        text += "."
    return text


def _field_path(name: str) -> str:
    """Escape a name for Vega-Lite, which reads dots, brackets and quotes as a path."""
    return "".join(f"\\{letter}" if letter in ".[]'\"" else letter for letter in name)


def _tooltip_title(name: str) -> str:
    """Return the title of a tooltip's line. Vega fetches the picture whose address is under ``image``."""
    # Vega-Lite writes it into an expression and escapes quotes alone, not backslashes.
    return f"{name} " if name in {"image", "title"} else snippet(name).replace("\\", "\\\\")


def _description(alt: Any, columns: list[_Column | None]) -> Any:
    """Return the text of a mark for screen readers; Vega-Lite's own is an expression that has the titles."""
    keys = dict.fromkeys(column.text_key for column in columns if column is not None)
    values = [f"datum[{json.dumps(key)}]" for key in keys]
    return alt.DescriptionValue(alt.ExprRef(f"join([{', '.join(values)}], ': ')"))


def _rows(columns: list[_Column], numbers: list[_Column]) -> list[dict[str, Any]]:
    """Return the rows as Vega-Lite reads them; ``numbers`` are the columns on quantitative axes."""
    values: dict[str, Sequence[Any]] = {}
    for column in columns:
        values[column.key] = column.marks(as_numbers=column in numbers)
        values[column.text_key] = [text and cut(text, _MAX_LENGTH) for text in column.texts]
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


# --- charts -----------------------------------------------------------------------------------------


def _line(alt: Any, chart: Any, dimension: _Column, measure: _Column) -> Any:
    if dimension.is_time:
        x = alt.X(
            field=dimension.field,
            type="temporal",
            title=snippet(dimension.name),
            scale=alt.Scale(type="utc"),
            axis=alt.Axis(tickCount=_TICKS),  # with more, every other label is dropped: the days
        )
    else:  # years, without separators between their digits
        axis = alt.Axis(tickCount=_TICKS, tickMinStep=1, format="d")
        x = _quantitative(alt, alt.X, dimension, axis=axis, scale=alt.Scale(zero=False))
    return (
        chart.mark_line(point=len(dimension.texts) <= _MAX_POINTS)
        .encode(x=x, y=_quantitative(alt, alt.Y, measure))
        .properties(width=_WIDTH, height=_HEIGHT)
    )


def _bars(alt: Any, chart: Any, dimension: _Column, measure: _Column) -> Any:
    # Horizontal, so that names stay legible; in the order of the answer, which the question may ask for.
    return (
        chart.mark_bar()
        .encode(
            x=_quantitative(alt, alt.X, measure),
            y=alt.Y(field=dimension.field, type="nominal", title=snippet(dimension.name), sort=None),
        )
        .properties(width=_WIDTH)
    )


def _points(alt: Any, chart: Any, dimension: _Column, measure: _Column) -> Any:
    scale = alt.Scale(zero=False)
    return (
        chart.mark_circle(opacity=0.7, size=50)
        .encode(
            x=_quantitative(alt, alt.X, dimension, scale=scale),
            y=_quantitative(alt, alt.Y, measure, scale=scale),
        )
        .properties(width=_WIDTH, height=_HEIGHT)
    )


def _quantitative(alt: Any, channel: Any, column: _Column, **more: Any) -> Any:
    is_integer = pa.types.is_integer(column.cells.type)
    axis = alt.Axis(tickCount=_TICKS, **({"tickMinStep": 1} if is_integer else {}))
    title = snippet(column.title)
    return channel(field=column.field, type="quantitative", title=title, **{"axis": axis, **more})


#: What draws each kind of chart.
_DRAW: Final[dict[ChartKind, Callable[[Any, Any, _Column, _Column], Any]]] = {
    ChartKind.LINE: _line,
    ChartKind.BARS: _bars,
    ChartKind.POINTS: _points,
}
