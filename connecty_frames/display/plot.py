"""The plot that the types of a table suggest, drawn by altair.

==================== =================================================================================
time and number      a line; one for each value of a category where a moment occurs more than once
category and number  bars in the order of the answer; in parts where a category occurs more than once
number and number    points, as is what occurs more than once and has no category to tell it apart
one number           the number itself
==================== =================================================================================

What is drawn is what came: nothing is sampled, summed or left out. More marks than a browser draws well are
an error. JavaScript has one kind of number, so decimals and long integers are drawn as float64, to about 16
digits; the tooltips show every value in full. Moments are drawn in their own zone, wherever the reader is.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames.display.formatting import clock, is_number, texts
from connecty_frames.errors import ConfigError, missing_extra
from connecty_frames.text import cut, listed, quoted, snippet, value_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import altair as alt

__all__ = ["plot"]

#: The most marks of a kind that are drawn: what altair allows, and bars in a picture of 10,000 pixels.
_MARKS: Final = 5_000
_BARS: Final = 500
#: The pixels of a plot, but of bars, which have a height each.
_WIDTH: Final = 560
_HEIGHT: Final = 320
#: A line of so few moments shows each; and how many labels a time axis has room for.
_FEW: Final = 60
_TICKS: Final = 8
#: How much is shown: characters of a value in a tooltip, and columns in it.
_LONGEST: Final = 1_000
_HINTED: Final = 50


def plot(table: pa.Table, title: str | None, x: str | None, y: str | None, color: str | None) -> alt.Chart:
    """Give the chart of a table; told at ``Answer.plot``."""
    try:
        import altair as alt
    except ModuleNotFoundError as error:
        raise missing_extra("plot", "Plots need", error) from None
    names = table.column_names
    # A name stands in the data once a row, so a long one is replaced by the column's position.
    stem = _free("column ", lambda stem: (f"{stem}{at}" for at in range(len(names))), names)
    keys = [name if len(name) <= _LONGEST else f"{stem}{at}" for at, name in enumerate(names)]
    suffix = _free(" in full", lambda suffix: (key + suffix for key in keys), keys)
    columns = [_Column(*column, suffix) for column in zip(names, keys, table.columns, strict=True)]
    drawing, across, up = _chosen(columns, x, y, table.num_rows)
    if table.num_rows > drawing.most:
        raise ConfigError(
            f"{table.num_rows:,} rows are more than the {drawing.most:,} that {drawing.kind} show well. Ask "
            "for fewer, such as sums by month or the first 50; or draw a part of answer.to_pandas() with "
            "altair.",
            setting="plot",
        )
    repeated = across.kind != "number" and len(set(across.shown)) < table.num_rows
    parts = _parts(columns, across, color, repeated=repeated)
    used = [c for at, c in enumerate(columns) if at < _HINTED or c in (across, up, parts)]
    chart: alt.Chart = drawing.draw(alt, alt.Chart(alt.InlineData(values=_values(used))), across, up)
    if parts is not None:
        chart = chart.encode(color=alt.Color(field=parts.field, type="nominal", title=snippet(parts.name)))
    elif repeated:
        chart = chart.mark_circle()
    hints = [alt.Tooltip(field=c.shown_field, type="nominal", title=_hint(c.name)) for c in used]
    chart = chart.encode(tooltip=hints)
    if used != columns:
        left_out = f"The tooltips show {len(used)} of {len(columns):,} columns."
        return chart.properties(title=alt.TitleParams(snippet(title or ""), subtitle=left_out))
    return chart if title is None else chart.properties(title=snippet(title))


# --- columns ----------------------------------------------------------------------------------------


class _Column:
    """A column as it is drawn: each value once as a mark and once in full."""

    def __init__(self, name: str, key: str, cells: pa.ChunkedArray, suffix: str) -> None:
        self.name = name
        self.key = key
        self.type = cells.type
        self.kind = next((kind for holds, kind in _KINDS if holds(cells.type)), "other")
        self.shown_key = key + suffix
        self._cells = cells

    @property
    def field(self) -> str:
        return _path(self.key)

    @property
    def shown_field(self) -> str:
        return _path(self.shown_key)

    @cached_property
    def shown(self) -> list[str | None]:
        """The values as texts, with all digits."""
        shown: list[str | None] = texts(self._cells).to_pylist()
        return shown

    @property
    def drawn(self) -> Sequence[float | str | None]:
        """The values as Vega-Lite draws them."""
        if self.kind == "number":
            # By way of text: Arrow's own cast of decimals is wrong in the last digit, also of 984.18.
            digits = pc.cast(self._cells, pa.string()) if pa.types.is_decimal(self.type) else self._cells
            floats = pc.cast(digits, pa.float64(), safe=False).to_pylist()
            return [value if value is not None and math.isfinite(value) else None for value in floats]
        if self.kind == "time":
            # The time on the clock of the column's zone, marked and drawn as UTC: a browser would otherwise
            # show it in its own zone, or move what that zone does not have.
            shown = clock(self._cells) if pa.types.is_timestamp(self.type) else self._cells
            moments = texts(shown.cast(pa.timestamp("ms"), safe=False)).to_pylist()
            return [None if moment is None else f"{moment}Z" for moment in moments]
        return self.shown


def _free(text: str, made: Callable[[str], Iterable[str]], taken: Sequence[str]) -> str:
    """Return a text, with dots behind it until no name that is made with it is taken."""
    while not set(taken).isdisjoint(made(text)):
        text += "."
    return text


def _path(name: str) -> str:
    """Give a name as a path of Vega-Lite, to which dots, brackets and quotes mean something."""
    return "".join(f"\\{letter}" if letter in "\\.[]'\"" else letter for letter in name)


def _hint(name: str) -> str:
    """Name a line of a tooltip. Vega fetches the picture whose address is under ``image``."""
    return f"{name} " if name in {"image", "title"} else snippet(name)


def _is_category(kind: pa.DataType) -> bool:
    return any(
        test(kind)
        for test in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_boolean,
            pa.types.is_dictionary,
        )
    )


def _is_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


_KINDS: Final[tuple[tuple[Callable[[pa.DataType], bool], str], ...]] = (
    (_is_time, "time"),
    (is_number, "number"),
    (_is_category, "category"),
)


def _values(columns: list[_Column]) -> list[dict[str, Any]]:
    """Give the rows as Vega-Lite reads them."""
    names = [name for column in columns for name in (column.key, column.shown_key)]
    hints = ([text and cut(text, _LONGEST) for text in column.shown] for column in columns)
    values = [each for column, shown in zip(columns, hints, strict=True) for each in (column.drawn, shown)]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


# --- what is drawn ----------------------------------------------------------------------------------


class _Drawing(NamedTuple):
    """One way to draw, and what it needs."""

    kind: str
    across: str
    most: int
    draw: Callable[[Any, Any, _Column, _Column], Any]


def _chosen(
    columns: list[_Column], x: str | None, y: str | None, rows: int
) -> tuple[_Drawing, _Column, _Column]:
    """Choose the columns to draw, and by their kinds how."""
    given_x, given_y = (_named(columns, name) for name in (x, y))
    numbers = [column for column in columns if column.kind == "number" and column is not given_x]
    up = given_y or next(iter(numbers), None)
    if up is None or up.kind != "number" or rows == 0:
        raise _nothing_fits(columns, rows)
    if rows == 1 and len(columns) == 1:
        return _NUMBER, up, up
    for drawing in _DRAWINGS:
        fitting = [c for c in columns if c.kind == drawing.across and c is not up and given_x in {None, c}]
        if fitting and fitting[0] in numbers and given_y is None:  # of two numbers, the first goes across
            return drawing, up, fitting[0]
        if fitting:
            return drawing, fitting[0], up
    raise _nothing_fits(columns, rows)


def _parts(columns: list[_Column], across: _Column, color: str | None, *, repeated: bool) -> _Column | None:
    """Choose what colours tell apart: what was named, else a category where a place occurs more than once."""
    if color is not None or not repeated:
        return _named(columns, color)
    return next((c for c in columns if c.kind == "category" and c is not across), None)


def _named(columns: list[_Column], name: str | None) -> _Column | None:
    if name is None:
        return None
    for column in columns:
        if column.name == name:
            return column
    known = quoted([column.name for column in columns])
    raise ConfigError(f"There is no column {value_text(name)} to draw; there are {known}.", setting="plot")


def _nothing_fits(columns: list[_Column], rows: int) -> ConfigError:
    found = listed([f"{snippet(c.name)!r} ({snippet(str(c.type))})" for c in columns]) or "none"
    why = "there are no rows" if rows == 0 else f"the columns are {found}"
    return ConfigError(
        f"No plot fits this answer: {why}. A plot needs a number over a time, a category or another number, "
        "or one number alone; x= and y= name the columns to draw.",
        setting="plot",
    )


def _line(alt: Any, chart: Any, across: _Column, up: _Column) -> Any:
    return (
        chart.mark_line(point=len(across.shown) <= _FEW)
        .encode(
            x=alt.X(
                field=across.field,
                type="temporal",
                title=snippet(across.name),
                scale=alt.Scale(type="utc"),
                axis=alt.Axis(tickCount=_TICKS),  # with more, every other label is dropped: the days
            ),
            y=_measure(alt, alt.Y, up),
        )
        .properties(width=_WIDTH, height=_HEIGHT)
    )


def _bars(alt: Any, chart: Any, across: _Column, up: _Column) -> Any:
    # Lying, so that names stay legible; in the order of the answer, which the question may have asked for.
    return (
        chart.mark_bar()
        .encode(
            x=_measure(alt, alt.X, up),
            y=alt.Y(field=across.field, type="nominal", title=snippet(across.name), sort=None),
        )
        .properties(width=_WIDTH)
    )


def _points(alt: Any, chart: Any, across: _Column, up: _Column) -> Any:
    free = alt.Scale(zero=False)
    return (
        chart.mark_circle(opacity=0.7, size=50)
        .encode(x=_measure(alt, alt.X, across, scale=free), y=_measure(alt, alt.Y, up, scale=free))
        .properties(width=_WIDTH, height=_HEIGHT)
    )


def _number(alt: Any, chart: Any, _: _Column, up: _Column) -> Any:
    return (
        chart.mark_text(size=48, fontWeight="bold")
        .encode(text=alt.Text(field=up.shown_field, type="nominal"))
        .properties(width=_WIDTH, height=_HEIGHT // 3)
    )


def _measure(alt: Any, channel: Any, column: _Column, **more: Any) -> Any:
    axis = alt.Axis(tickMinStep=1) if pa.types.is_integer(column.type) else alt.Axis()
    return channel(field=column.field, type="quantitative", title=snippet(column.name), axis=axis, **more)


_NUMBER: Final = _Drawing("numbers", "number", 1, _number)
#: Looked through in this order for a column to draw numbers over.
_DRAWINGS: Final = (
    _Drawing("lines", "time", _MARKS, _line),
    _Drawing("bars", "category", _BARS, _bars),
    _Drawing("points", "number", _MARKS, _points),
)
