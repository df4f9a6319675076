"""The chart that the types of a table suggest, drawn by altair.

==================== =================================================================================
time and number      a line
category and number  bars, in the order of the answer
number and number    points
one number           the number itself
==================== =================================================================================

Where a time or a category occurs more than once, another category distinguishes its rows by colour: a line
for each of its values, or the parts of a bar. Without one, points are drawn.

Every row is drawn: nothing is sampled, summed or left out. More marks than a browser draws well are an error.
JavaScript has float64 alone, so decimals and long integers are drawn to about 16 digits; the tooltips show
every value in full. Times are drawn in their own zone, whatever the zone of the reader.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames.decode.arrow_types import any_of, first_match, is_number
from connecty_frames.display.formatting import local_times, texts
from connecty_frames.errors import ConfigError, missing_extra
from connecty_frames.text import cut, listed, quoted, snippet, value_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import altair as alt

    from connecty_frames.decode.arrow_types import TypeTest

__all__ = ["plot"]

#: The most marks that are drawn: what altair allows, and bars in a picture of 10,000 pixels.
_MAX_MARKS: Final = 5_000
_MAX_BARS: Final = 500
#: The pixels of a chart; the height of bars follows from their number.
_WIDTH: Final = 560
_HEIGHT: Final = 320
#: Up to this many times, each is marked on a line; and how many labels a time axis has room for.
_MAX_POINTS: Final = 60
_TICKS: Final = 8
#: The characters of a value in a tooltip, and the columns in it.
_MAX_LENGTH: Final = 1_000
_MAX_TOOLTIP_COLUMNS: Final = 50


def plot(table: pa.Table, title: str | None, x: str | None, y: str | None, color: str | None) -> alt.Chart:
    """Return the chart of a table; see ``Answer.plot``."""
    try:
        import altair as alt
    except ModuleNotFoundError as error:
        raise missing_extra("plot", "Plots need", error) from None
    columns = _columns(table)
    chart_type, dimension, measure = _choose(columns, x, y, table.num_rows)
    if table.num_rows > chart_type.most:
        raise ConfigError(
            f"{table.num_rows:,} rows are more than the {chart_type.most:,} that {chart_type.marks} show"
            " well. Ask for fewer, such as sums by month or the first 50; or draw a part of"
            " answer.to_pandas() with altair.",
            setting="plot",
        )
    repeats = dimension.kind != "number" and len(set(dimension.texts)) < table.num_rows
    group = _choose_group(columns, dimension, color, repeats=repeats)
    used = [
        column
        for position, column in enumerate(columns)
        if position < _MAX_TOOLTIP_COLUMNS or column in (dimension, measure, group)
    ]
    chart: alt.Chart = chart_type.draw(alt, alt.Chart(alt.InlineData(values=_rows(used))), dimension, measure)
    if group is not None:
        chart = chart.encode(color=alt.Color(field=group.field, type="nominal", title=snippet(group.name)))
    elif repeats:
        chart = chart.mark_circle()
    tooltips = [alt.Tooltip(field=c.text_field, type="nominal", title=_tooltip_title(c.name)) for c in used]
    chart = chart.encode(tooltip=tooltips)
    if used != columns:
        left_out = f"The tooltips show {len(used)} of {len(columns):,} columns."
        return chart.properties(title=alt.TitleParams(snippet(title or ""), subtitle=left_out))
    return chart if title is None else chart.properties(title=snippet(title))


# --- columns ----------------------------------------------------------------------------------------


class _Column:
    """A column with each value as a mark that is drawn and as text."""

    def __init__(self, name: str, key: str, text_key: str, cells: pa.ChunkedArray) -> None:
        self.name = name
        self.key = key
        self.text_key = text_key
        self.type = cells.type
        self.kind = first_match(_KINDS, cells.type) or "other"
        self._cells = cells

    @property
    def field(self) -> str:
        return _field_path(self.key)

    @property
    def text_field(self) -> str:
        return _field_path(self.text_key)

    @cached_property
    def texts(self) -> list[str | None]:
        """The values as texts, with all digits."""
        values: list[str | None] = texts(self._cells).to_pylist()
        return values

    @property
    def marks(self) -> Sequence[float | str | None]:
        """The values as Vega-Lite draws them."""
        if self.kind == "number":
            # By way of text: Arrow's own cast of decimals is wrong in the last digit, also of 984.18.
            digits = pc.cast(self._cells, pa.string()) if pa.types.is_decimal(self.type) else self._cells
            floats = pc.cast(digits, pa.float64(), safe=False).to_pylist()
            return [value if value is not None and math.isfinite(value) else None for value in floats]
        if self.kind == "time":
            # Local times of the column's zone, marked and drawn as UTC: a browser would otherwise convert
            # them to its own zone, or move those that its zone does not have.
            local = local_times(self._cells) if pa.types.is_timestamp(self.type) else self._cells
            times = texts(local.cast(pa.timestamp("ms"), safe=False)).to_pylist()
            return [None if time is None else f"{time}Z" for time in times]
        return self.texts


def _columns(table: pa.Table) -> list[_Column]:
    names = table.column_names
    # A key is in the data once a row, so a long name is replaced by the position of its column.
    stem = _unused("column ", lambda stem: (f"{stem}{position}" for position in range(len(names))), names)
    keys = [name if len(name) <= _MAX_LENGTH else f"{stem}{at}" for at, name in enumerate(names)]
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
    return "".join(f"\\{letter}" if letter in "\\.[]'\"" else letter for letter in name)


def _tooltip_title(name: str) -> str:
    """Return the title of a tooltip's line. Vega fetches the picture whose address is under ``image``."""
    return f"{name} " if name in {"image", "title"} else snippet(name)


_KINDS: Final[list[tuple[TypeTest, str]]] = [
    (any_of(pa.types.is_timestamp, pa.types.is_date), "time"),
    (is_number, "number"),
    (
        any_of(pa.types.is_string, pa.types.is_large_string, pa.types.is_boolean, pa.types.is_dictionary),
        "category",
    ),
]


def _rows(columns: list[_Column]) -> list[dict[str, Any]]:
    """Return the rows as Vega-Lite reads them."""
    values: dict[str, Sequence[Any]] = {}
    for column in columns:
        values[column.key] = column.marks
        values[column.text_key] = [text and cut(text, _MAX_LENGTH) for text in column.texts]
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


# --- the choice of a chart --------------------------------------------------------------------------


class _ChartType(NamedTuple):
    """A type of chart: its marks in words, the kind of its dimension, and the most rows that it can show."""

    marks: str
    dimension: str
    most: int
    draw: Callable[[Any, Any, _Column, _Column], Any]


def _choose(
    columns: list[_Column], x: str | None, y: str | None, rows: int
) -> tuple[_ChartType, _Column, _Column]:
    """Choose a type of chart, its dimension, and its measure: the numbers to draw over the dimension."""
    given_x, given_y = _find(columns, x), _find(columns, y)
    numbers = [column for column in columns if column.kind == "number" and column is not given_x]
    measure = given_y or next(iter(numbers), None)
    if measure is None or measure.kind != "number" or rows == 0:
        raise _nothing_fits(columns, rows)
    if rows == 1 and len(columns) == 1:
        return _SINGLE_NUMBER, measure, measure
    for chart_type in _CHART_TYPES:
        candidates = (
            column
            for column in columns
            if column.kind == chart_type.dimension and column is not measure and given_x in {None, column}
        )
        dimension = next(candidates, None)
        if dimension in numbers and given_y is None:  # of two numbers, the first is the dimension
            return chart_type, measure, dimension
        if dimension is not None:
            return chart_type, dimension, measure
    raise _nothing_fits(columns, rows)


def _choose_group(
    columns: list[_Column], dimension: _Column, color: str | None, *, repeats: bool
) -> _Column | None:
    """Choose what colours distinguish: the named column, or a category where the dimension repeats."""
    if color is not None or not repeats:
        return _find(columns, color)
    return next((c for c in columns if c.kind == "category" and c is not dimension), None)


def _find(columns: list[_Column], name: str | None) -> _Column | None:
    if name is None:
        return None
    for column in columns:
        if column.name == name:
            return column
    known = quoted([column.name for column in columns])
    raise ConfigError(f"There is no column {value_text(name)} to draw; there are {known}.", setting="plot")


def _nothing_fits(columns: list[_Column], rows: int) -> ConfigError:
    found = listed([f"{snippet(c.name)!r} ({snippet(str(c.type))})" for c in columns]) or "none"
    reason = "there are no rows" if rows == 0 else f"the columns are {found}"
    return ConfigError(
        f"No plot fits this answer: {reason}. A plot needs a number over a time, a category or another "
        "number, or one number alone; x= and y= name the columns to draw.",
        setting="plot",
    )


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
    axis = alt.Axis(tickMinStep=1) if pa.types.is_integer(column.type) else alt.Axis()
    return channel(field=column.field, type="quantitative", title=snippet(column.name), axis=axis, **more)


_SINGLE_NUMBER: Final = _ChartType("numbers", "number", 1, _single_number)
#: In the order in which their dimension is searched for.
_CHART_TYPES: Final = (
    _ChartType("lines", "time", _MAX_MARKS, _line),
    _ChartType("bars", "category", _MAX_BARS, _bars),
    _ChartType("points", "number", _MAX_MARKS, _points),
)
