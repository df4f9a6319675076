"""The chart of a table, drawn by altair.

Every row is drawn: nothing is sampled, summed or left out. More marks than a browser draws well are an error.
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
from connecty_frames.errors import ConfigError, missing_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import altair as alt

#: The most marks that are drawn: what altair allows, and bars in a picture of 10,000 pixels.
_MAX_MARKS: Final = 5_000
_MAX_BARS: Final = 500
#: The pixels of a chart; the height of bars follows from their number.
_WIDTH: Final = 560
_HEIGHT: Final = 320
#: Up to this many times, each is marked on a line; and how many labels an axis has room for.
_MAX_POINTS: Final = 60
_TICKS: Final = 8
#: The characters of a value in a tooltip, and the columns in it.
_MAX_LENGTH: Final = 1_000
_MAX_TOOLTIP_COLUMNS: Final = 50


def plot(table: pa.Table, title: str | None, x: str | None, y: str | None, color: str | None) -> alt.Chart:
    """Return the chart of a table; see ``Answer.plot``."""
    try:
        import altair as alt

        from connecty_frames.display.notebook_chart import Chart
    except ModuleNotFoundError as error:
        raise missing_extra("plot", "Plots need", error) from None
    columns = _columns(table)
    chosen = choose_chart(columns, table.num_rows, x, y, color)
    dimension, measure, group = chosen.dimension, chosen.measure, chosen.group
    most, draw = _DRAWN[chosen.kind]
    if table.num_rows > most:
        raise ConfigError(
            f"{table.num_rows:,} rows are more than the {most:,} that {chosen.kind} show"
            " well. Ask for fewer, such as sums by month or the first 50; or draw a part of"
            " answer.to_pandas() with altair.",
            setting="plot",
        )
    used = [
        column
        for position, column in enumerate(columns)
        if position < _MAX_TOOLTIP_COLUMNS or column in (dimension, measure, group)
    ]
    chart: alt.Chart = draw(alt, Chart(alt.InlineData(values=_rows(used))), dimension, measure)
    if group is not None:
        chart = chart.encode(color=alt.Color(field=group.field, type="nominal", title=snippet(group.name)))
    elif chosen.repeats:
        chart = chart.mark_circle()
    tooltips = [alt.Tooltip(field=c.text_field, type="nominal", title=_tooltip_title(c.name)) for c in used]
    chart = chart.encode(tooltip=tooltips, description=_description(alt, [dimension, group, measure]))
    if used != columns:
        left_out = f"The tooltips show {len(used)} of {len(columns):,} columns."
        return chart.properties(title=alt.TitleParams(snippet(title or ""), subtitle=left_out))
    return chart if title is None else chart.properties(title=snippet(title))


# --- columns ----------------------------------------------------------------------------------------


class _Column(Column):
    """A column with the keys of its marks and of its texts in the data of a chart."""

    def __init__(self, name: str, key: str, text_key: str, cells: pa.ChunkedArray) -> None:
        super().__init__(name, cells)
        self.key = key
        self.text_key = text_key

    @property
    def field(self) -> str:
        return _field_path(self.key)

    @property
    def text_field(self) -> str:
        return _field_path(self.text_key)

    @property
    def marks(self) -> Sequence[float | str | None]:
        """The values as Vega-Lite draws them."""
        if self.kind == "number":
            return self.numbers
        if self.kind == "time":
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
    return [
        _Column(name, key, key + suffix, cells)
        for name, key, cells in zip(names, keys, table.columns, strict=True)
    ]


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


def _rows(columns: list[_Column]) -> list[dict[str, Any]]:
    """Return the rows as Vega-Lite reads them."""
    values: dict[str, Sequence[Any]] = {}
    for column in columns:
        values[column.key] = column.marks
        values[column.text_key] = [text and cut(text, _MAX_LENGTH) for text in column.texts]
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


# --- charts -----------------------------------------------------------------------------------------


def _line(alt: Any, chart: Any, dimension: _Column, measure: _Column) -> Any:
    return (
        chart.mark_line(point=len(dimension.texts) <= _MAX_POINTS)
        .encode(
            x=alt.X(
                field=dimension.field,
                type="temporal",
                title=snippet(dimension.name),
                scale=alt.Scale(type="utc"),
                axis=alt.Axis(tickCount=_TICKS),  # with more, every other label is dropped: the days
            ),
            y=_quantitative(alt, alt.Y, measure),
        )
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


def _single_number(alt: Any, chart: Any, _: _Column, measure: _Column) -> Any:
    return (
        chart.mark_text(size=48, fontWeight="bold")
        .encode(text=alt.Text(field=measure.text_field, type="nominal"))
        .properties(width=_WIDTH, height=_HEIGHT // 3)
    )


def _quantitative(alt: Any, channel: Any, column: _Column, **more: Any) -> Any:
    axis = alt.Axis(tickCount=_TICKS, **({"tickMinStep": 1} if pa.types.is_integer(column.type) else {}))
    return channel(field=column.field, type="quantitative", title=snippet(column.name), axis=axis, **more)


#: The most rows of each kind of chart, and what draws it.
_DRAWN: Final[dict[ChartKind, tuple[int, Callable[[Any, Any, _Column, _Column], Any]]]] = {
    ChartKind.LINE: (_MAX_MARKS, _line),
    ChartKind.BARS: (_MAX_BARS, _bars),
    ChartKind.POINTS: (_MAX_MARKS, _points),
    ChartKind.NUMBER: (1, _single_number),
}
