"""The chart of a table, drawn by altair, and its display in a notebook without a network."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from importlib.resources import files
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import altair as alt
import pyarrow as pa
import pyarrow.compute as pc
from altair.utils.mimebundle import spec_to_mimebundle

from connecty_frames._base.text import cut, snippet, xml_text
from connecty_frames.decode.texts import texts
from connecty_frames.display.charts import choose_chart
from connecty_frames.display.columns import DAY, WIDTH, Column
from connecty_frames.display.roles import Role

if TYPE_CHECKING:
    from connecty_frames.display.shapes import Chart as Chosen

Json: TypeAlias = dict[str, Any]
_VEGA: Final[Json] = tomllib.loads((files(__package__) / "altair.toml").read_text(encoding="utf-8"))
#: The width and the greatest height of a plot, and the distance of a legend from numbers, in pixels.
_WIDTH, _HEIGHT, _BESIDE_NUMBERS = 560, 540, 40
#: The most values of a line with marked points, and columns in a tooltip.
_MAX_POINTS, _MAX_TOOLTIP_COLUMNS = 60, 50
#: The most characters of all labels in a row of panels, of those below a heatmap, of a legend and labels, and
#: of a line below the title; and the most names of two lines.
_IN_A_ROW, _BELOW, _WITH_LEGEND, _WIDEST, _WRAPPED = 90, 30, 80, 140, 20
#: Column names that can also be field names; the others are our own.
_FIELD: Final = re.compile(r"(?!column (?:\d+|stretch|end)$|.* in (?:full|order)$)[^.\[\]'\"\\]{1,1000}")
#: Numbers are short from 10,000 on; days with labels of hours and months.
# JavaScript has only float64, so decimals are drawn with about 16 digits; tooltips show every value in full.
_LARGE, _MOMENT, _WEEK, _FEW_DAYS, _MANY_DAYS, _FEW_NUMBERS = 10_000, 0.005, 7, 8, 180, 12
#: JupyterLab 4.6 draws no later version, and charts of ``Answer.plot`` need none.
_VEGALITE: Final = "application/vnd.vegalite.v5+json"
#: The most pixels of an enlarged PNG and of any PNG, and the longest SVG, of about 1,000 marks.
_MAX_ENLARGED, _MAX_PIXELS, _MAX_SVG = 2_000_000, 50_000_000, 300_000


def plot(table: pa.Table, question: str | None, *given: Any, cut_rows: str = "", **named: Any) -> alt.Chart:
    """Return the chart of a table; see ``Answer.plot``."""
    chosen = choose_chart(table, question, *given, cut=cut_rows, **named)
    drawn = [*chosen.dimensions, chosen.measure, *chosen.interval]
    used = [c for c in chosen.columns if c.at < _MAX_TOOLTIP_COLUMNS or c in drawn]
    some = "" if used == chosen.columns else f"Tooltips: {len(used)} of {len(chosen.columns):,} columns"
    part = ". ".join(filter(None, [chosen.part, some]))
    # Set the colour: Streamlit's dark theme leaves the text black.
    lines = part if len(part) <= _WIDEST else wrap(part, _WIDEST)
    below = alt.TitleParams(chosen.title, subtitle=lines, subtitleColor="#8c8c8c")
    tooltip = [alt.Tooltip(field=_text_field(c), type="nominal", title=_tooltip_title(c.name)) for c in used]
    # As altair's own classes: it would look for the class of each part of a dict, for seconds.
    channels = _encoding(chosen)
    encoding = [getattr(alt, channel)(**each) for channel, each in channels.items()]
    shape = _shape(chosen, bars=chosen.group.count if chosen.group and "YOffset" in channels else 1)
    # altair does not validate a dict row by row, for seconds.
    chart = Chart({"values": _rows(chosen, [*dict.fromkeys([*used, *drawn])])}, **shape)
    chart = chart.encode(*encoding, tooltip=tooltip, description=_description(drawn))
    if chosen.interval and chosen.kind in _VEGA["intervals"]:
        axis, mark = ("X", chart.mark_rule) if chosen.kind == "bars" else ("Y", chart.mark_area)
        low, high = map(_field, chosen.interval)
        interval = (
            getattr(alt, axis)(**{**channels[axis], "field": low}),
            getattr(alt, f"{axis}2")(field=high),
        )
        chart += mark(**_VEGA["intervals"][chosen.kind]).encode(*interval)
    if chosen.is_numbered:
        chart.view = {"stroke": "transparent"}  # a frame would cross the number of the longest bar
        parts, measure, field = _VEGA["numbers"], chosen.measure, json.dumps(_field(chosen.measure))
        # As many digits as tell the numbers apart, such as a goal of 400,000 from 399,870.
        found = {*measure.known} if chosen.kind == "bars" else set()
        digits = next((n for n in (3, 4, 5) if len({f"{number:.{n}g}" for number in found}) == len(found)), 3)
        text = parts["text"].replace("label", parts[_form(measure)]).replace("digits", str(digits))
        text, color = alt.ExprRef(text.replace("number", f"datum[{field}]")), alt.ExprRef(parts["colour"])
        ends = {"x": alt.X(**{**channels["X"], "field": "column end"})} if chosen.kind == "bars" else {}
        chart += chart.mark_text(text=text, **parts[chosen.kind]).encode(color=alt.ColorValue(color), **ends)
    chart.title = below if part else chosen.title
    return chart  # type: ignore[no-any-return]  # of altair's class


def _encoding(chosen: Chosen) -> Json:
    dimension, group, panel, beside = chosen.dimension, chosen.group, chosen.panel, chosen.panels_beside
    encoding = _axes(chosen, width := min(_IN_A_ROW // beside, WIDTH) if chosen.kind == "lists" else WIDTH)
    if group is not None and chosen.kind != "cells":
        legend = _labels(group, _WITH_LEGEND - _longest(dimension, WIDTH))
        legend |= {"offset": _BESIDE_NUMBERS} if chosen.is_numbered else {}
        encoding["Color"] = {**_nominal(group), "title": snippet(group.name) or None, "legend": legend}
        places = dimension.count * (len(chosen.series) if chosen.is_apart else 1)
        is_beside = chosen.kind == "bars" and not chosen.has_dots and len(dimension.texts) > places
        if chosen.is_stacked:
            encoding["Order"] = {"field": f"{_field(group)} in order", "type": "quantitative"}
        elif is_beside:
            encoding["YOffset"] = _nominal(group)
    if any(chosen.stretches):
        encoding["Detail"] = {"field": "column stretch", "type": "nominal"}
    if panel is not None:  # an encoding keeps the class ``alt.Chart``
        header = {**_VEGA["others"]["header"], **_labels(panel, width, "('' + datum.value)")}
        facet = {"title": None, "columns": beside, "header": header, "spacing": 12}
        encoding["Facet"] = {**_nominal(panel), **facet}
    return encoding


def _axes(chosen: Chosen, width: int) -> Json:
    dimension, measure = chosen.dimension, chosen.measure
    # Horizontal, so that names stay legible, in the answer's order.
    if chosen.kind in {"bars", "lists", "spans"}:
        extent = 6 * _longest(dimension, width) + 10  # all panels of lists start at the same place
        limit = {"titleLimit": 80 + 20 * dimension.count}
        own = {"minExtent": extent, "maxExtent": extent} if chosen.kind == "lists" else limit
        names = _category(dimension, width, wraps=_wraps(chosen), **own)
        names |= {"title": None} if chosen.kind == "lists" else {}
        if chosen.kind == "spans":
            end = chosen.interval[0]
            times = pa.chunked_array([*measure.times.chunks, *end.times.chunks])
            x = _line_axis(Column(measure.at, f"{measure.name} \N{EN DASH} {end.name}", times))
            return {"X": {**x, "field": _field(measure)}, "X2": {"field": _field(end)}, "Y": names}
        return {"X": _quantitative(chosen, measure), "Y": names}
    if chosen.kind == "histogram":
        return {"X": _category(dimension, labelAngle=_angle(dimension)), "Y": _quantitative(chosen, measure)}
    if chosen.kind != "cells":
        x = _line_axis(dimension) if chosen.kind == "line" else _quantitative(chosen, dimension)
        return {"X": x, "Y": _quantitative(chosen, measure)}
    color: Json = {"field": _field(measure), "type": "quantitative", "title": snippet(measure.title)}
    color["legend"] = {**_VEGA["others"]["legend"], **_number_labels([measure], None)}
    color["scale"] = {"range": _VEGA["others"]["colours"], "zero": not measure.is_mean}
    x = _category(dimension, _BELOW, labelAngle=_angle(dimension))
    return {"X": x, "Y": _category(chosen.dimensions[-1]), "Color": color}


def _angle(column: Column) -> int:
    """Return the angle of labels below a heatmap: names without room beside each other are turned."""
    width = column.count * (5.5 * _longest(column, _BELOW) + 6)
    return 0 if column.role is Role.PERIOD or width <= _WIDTH else -45


def _longest(column: Column, width: int) -> int:
    labels = column.labels_of(width)
    return max(len(labels.get(text, text)) for text in ("", *filter(None, column.texts)))


def _wraps(chosen: Chosen) -> bool:
    names = chosen.dimension
    return chosen.kind == "bars" and names.count <= _WRAPPED and _longest(names, 1_000) > WIDTH


def _shape(chosen: Chosen, bars: int) -> Json:
    shape: Json = {**_VEGA["shapes"][chosen.kind]}
    columns, dimension = chosen.panels_beside, chosen.dimension
    if chosen.kind in {"bars", "spans"}:
        count = len(dimension.slots) or dimension.count
        step = max(12 * bars if bars > 1 else 20, 26 if _wraps(chosen) else 0)
        shape["height"] = min(10 + step * count, _HEIGHT)
    if chosen.kind == "cells":
        shape["height"] = min(10 + 20 * chosen.dimensions[-1].count, _HEIGHT + 2 * _angle(dimension))
    if chosen.has_dots:
        shape["mark"] = _VEGA["shapes"]["points"]["mark"]
    elif chosen.kind == "line":
        is_marked = len(dimension.texts) <= _MAX_POINTS or any(chosen.stretches)
        shape["mark"] = {"type": "line", "point": is_marked}
        shape["mark"] = {"type": "area", "opacity": 0.8} if chosen.is_stacked else shape["mark"]
    if chosen.panel is not None:
        own = "independent" if chosen.is_apart or chosen.kind == "lists" else "shared"
        shape["resolve"] = {"scale": {"x" if chosen.kind == "bars" else "y": own}}
        if chosen.kind == "lists" and chosen.panel.count % columns:  # no axis below an empty place
            shape["resolve"]["axis"] = {"x": "independent"}
        shape["width"] = _WIDTH // columns - 20
        if columns == 1 and chosen.kind != "lists":
            shape["height"] = _HEIGHT // chosen.panel.count - 40
    return shape


def _field(column: Column) -> str:
    """Return the field name of a column: its own, unless it is long or has special characters."""
    # Vega-Lite reads dots, brackets and quotes as a path, and drops backslashes in some of its expressions;
    # expressions escape control characters, but the data does not.
    is_plain = column.name.isprintable() and _FIELD.fullmatch(column.name)
    return column.name if is_plain else f"column {column.at}"


def _text_field(column: Column) -> str:
    return f"{_field(column)} in full"


def _nominal(column: Column) -> Json:
    field = _text_field(column) if column.is_time else _field(column)  # a legend formats no times
    return {"field": field, "type": "nominal", "sort": {"field": f"{_field(column)} in order", "op": "min"}}


def _category(column: Column, width: int = WIDTH, *, wraps: bool = False, **axis: Any) -> Json:
    is_number = column.role is Role.PERIOD or column.has_numbers
    axis = _VEGA["axes"]["periods" if is_number else "names"] | _labels(column, width, wraps=wraps) | axis
    scale = {"scale": {"domain": column.slots}} if column.slots else {}
    return {**_nominal(column), "title": snippet(column.name) or None, "axis": axis, **scale}


def _labels(column: Column, width: int = WIDTH, text: str = "datum.label", *, wraps: bool = False) -> Json:
    """Return the options for shorter labels of categories; a header has a value, not a label."""
    short: Json = {text: label for text, label in column.labels_of(width).items() if text != label}
    lines = {text: wrap(text, width, max_lines=2, placeholder="…") for text in short if wraps}
    short = lines if len({*map(tuple, lines.values())}) == len(short) else short
    chosen = f"{json.dumps([*short.values()])}[indexof({json.dumps([*short])}, {text})]"
    return {**({"labelExpr": f"{chosen} || {text}"} if short else {}), "labelLimit": 0}


def _tooltip_title(name: str) -> str:
    """Return the title of a line in a tooltip; under the title ``image``, Vega would fetch a picture."""
    # Vega-Lite writes it into an expression and escapes only quotes, not backslashes.
    return f"{name} " if name in {"image", "title"} else snippet(name).replace("\\", "\\\\")


def _description(columns: list[Column]) -> Any:
    """Return the description of a mark for screen readers, without the titles in Vega-Lite's own."""
    keys = dict.fromkeys(map(_text_field, columns))
    values = [f"datum[{json.dumps(key)}]" for key in keys]
    return alt.DescriptionValue(alt.ExprRef(f"join([{', '.join(values)}], ': ')"))


def _rows(chosen: Chosen, columns: list[Column]) -> list[Json]:
    values: dict[str, Sequence[Any]] = {}
    is_numeric = chosen.kind == "points" or (chosen.kind == "line" and not chosen.dimension.is_time)
    for column in columns:
        values[_field(column)] = column.texts
        if column.is_time and not (column is chosen.dimension and is_numeric):
            # Local times of the column's zone, labelled as UTC: otherwise a browser would convert them to
            # its own zone, or move times that do not exist there.
            local = texts(column.times).to_pylist()
            values[_field(column)] = [None if time is None else f"{time}Z" for time in local]
        elif column in (chosen.measure, *chosen.interval) or (column is chosen.dimension and is_numeric):
            values[_field(column)] = column.numbers
        values[_text_field(column)] = [text and cut(text, 1_000) for text in column.texts]
    for column in chosen.dimensions:
        values[f"{_field(column)} in order"] = _order(chosen, column)
    if any(chosen.stretches):
        values["column stretch"] = chosen.stretches
    if chosen.is_numbered:  # right of negative bars, and of missing ones
        values["column end"] = [max(number or 0, 0) for number in chosen.measure.numbers]
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


def _order(chosen: Chosen, column: Column) -> Sequence[float]:
    """Return sort keys of categories, also in panels: lines by their last value, periods by time."""
    if chosen.kind == "line" and column is chosen.group and not (column.is_ordinal or chosen.is_stacked):
        places, numbers = chosen.dimension.places, chosen.measure.numbers
        drawn = [at for at in range(len(places)) if places[at] is not None and numbers[at] is not None]
        last = {column.texts[at]: -(numbers[at] or 0) for at in sorted(drawn, key=places.__getitem__)}
        return [last.get(text, 0) for text in column.texts]
    if (chosen.kind == "cells" and column.is_ordinal) or (column is chosen.group and column.is_ordinal):
        found = sorted({*column.places} - {None})
        return [found.index(place) if place is not None else -1 for place in column.places]
    first = {text: at for at, text in enumerate(dict.fromkeys(column.texts))}
    return [first[text] for text in column.texts]


def _line_axis(column: Column) -> Json:
    x = {"field": _field(column), "title": snippet(column.name)}
    if column.is_time:
        axis = {**_VEGA["axes"]["times"], **_time_ticks(column)}
        return {**x, "type": "temporal", "scale": _VEGA["scales"]["times"], "axis": axis}
    axis = {**_VEGA["axes"]["whole"], **_labels(column)}
    axis |= {"values": sorted({*column.known})} if column.count <= _FEW_NUMBERS else {}
    return {**x, "type": "quantitative", "scale": _fitted(column), "axis": axis}


def _time_ticks(column: Column) -> Json:
    """Return the ticks of a time axis and their labels; a few times are the ticks themselves."""
    found, grain = pc.unique(column.times.drop_null()).cast(pa.int64()).to_pylist(), column.grain
    days = (max(found) - min(found)) / DAY if found else 0
    if grain == "second" and days < _MOMENT:
        return {}
    own = _VEGA["times"].get(grain, [0])[0]
    if grain in {"hour", "second"}:
        own, grain = own if days < 1 else 0, "hour" if days <= _FEW_DAYS else "day"
    grain = "month" if grain == "day" and days > _MANY_DAYS and len(found) > own else grain
    most, label, part, first, below = _VEGA["times"][grain]
    is_first = f"datum.index == 0 || utcFormat(datum.value, '{part}') == '{first}'"
    lower = f"{is_first} ? utcFormat(datum.value, '{below}') : ''"
    if column.grain == grain == "day" and len(found) > own:  # Vega begins weeks on Sundays
        apart = math.gcd(*(time - found[0] for time in found))
        unit = math.lcm(apart, _WEEK * DAY) if days > _WEEK * most else apart
        step = -(-int(days * DAY) // (most * unit)) * unit
        found, own = [*range(min(found), max(found) + 1, step)], len(found)
    # Of more values than the count, each second one would have no label.
    ticks = {"tickCount": most, **({"values": found} if len(found) <= own else {})}
    return {**ticks, "labelExpr": f"[utcFormat(datum.value, '{label}'), {lower}]"}


def _quantitative(chosen: Chosen, column: Column) -> Json:
    axis = {**_VEGA["axes"]["numbers"], **({"tickCount": 4} if chosen.panel else {})}
    axis |= {"tickMinStep": 1} if pa.types.is_integer(column.cells.type) else {}
    axis |= _number_labels(chosen.series if column is chosen.measure else [column], chosen.panel)
    name = snippet(column.title) or None
    own = {"field": _field(column), "type": "quantitative", "title": name, "axis": axis}
    is_fitted = chosen.kind == "line" and any(measure.is_narrow for measure in chosen.measures)
    if chosen.is_stacked:  # shares may add up to 1.0001
        return {**own, "scale": {"nice": not column.percent}}
    scale = _VEGA["scales"]["fitted"] if chosen.is_apart else _fitted(column)  # each panel has its own
    return own | ({"scale": scale} if is_fitted or chosen.kind == "points" else {})


def _fitted(column: Column) -> Json:
    if column.role is Role.PERIOD:
        return {**_VEGA["scales"]["fitted"], "nice": False}
    is_near = 0 <= min(column.known, default=0) < column.largest / 4
    return {**_VEGA["scales"]["fitted"], **({"domainMin": 0} if is_near else {})}


def _form(measure: Column) -> str:
    plain = "short" if measure.largest >= _LARGE else "plain"
    return {1: "percent", 100: "fraction"}.get(measure.percent or 0, plain)


def _number_labels(measures: list[Column], panel: Column | None) -> Json:
    names = panel.texts if panel is not None else [""]
    found = dict(zip(names, [_VEGA["labels"][_form(column)] for column in measures], strict=False))
    label, *others = dict.fromkeys(found.values())
    if others and panel is not None:
        name = f"parent[{json.dumps(_field(panel))}]"
        each = [f"{name} == {json.dumps(measure)} ? {text} : " for measure, text in found.items()]
        label = f"{''.join(each)}datum.label"
    return {"labelExpr": label} if label != "datum.label" else {}


class _NotebookChart(alt.TopLevelMixin):
    """Display a chart in a notebook, and keep this class when charts are combined."""

    def to_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return altair's specification, with symbols for control characters."""
        return {**xml_text(super().to_dict(*args, **kwargs))}

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> Any:
        if alt.renderers.active == "default":
            with suppress(Exception):  # then altair displays the chart, or the error
                return _mimebundle(self.to_dict(context={"pre_transform": False}))
        return super()._repr_mimebundle_(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("mark_") and isinstance(self, alt.LayerChart):  # another mark, without numbers
            size = {"width": self.width, "height": self.height, "title": self.title}
            return getattr(_displayed(self.layer[0].properties(data=self.data, **size)), name)
        return super().__getattr__(name)  # type: ignore[misc]  # a mixin's


def _kept(name: str) -> Any:
    def combine(self: _NotebookChart, *args: Any, **kwargs: Any) -> Any:
        return _displayed(getattr(super(_NotebookChart, self), name)(*args, **kwargs))

    return combine


for _name in ("__add__", "__and__", "__or__", "facet"):  # altair would return a chart of its own class
    setattr(_NotebookChart, _name, _kept(_name))

#: The classes of the charts, by altair's.
_CLASSES: Final[dict[type, Any]] = {
    base: type(base.__name__, (_NotebookChart, base), {})
    for base in (alt.Chart, alt.LayerChart, alt.HConcatChart, alt.VConcatChart, alt.FacetChart)
}
Chart, LayerChart, HConcatChart, VConcatChart, FacetChart = _CLASSES.values()  # to be pickled by name


def _displayed(chart: Any) -> Any:
    # An ordinary assignment would add a key to the specification.
    object.__setattr__(chart, "__class__", _CLASSES.get(type(chart), type(chart)))
    return chart


def _mimebundle(specification: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    from vl_convert import svg_to_png

    svg: str = spec_to_mimebundle(specification, format="svg", mode="vega-lite")["image/svg+xml"]
    width, height = map(float, re.findall(r'width="([0-9.]+)" height="([0-9.]+)"', svg)[0])
    formats: dict[str, Any] = {_VEGALITE: specification}
    if len(svg) <= _MAX_SVG:
        formats["image/svg+xml"] = svg
    if width * height <= _MAX_PIXELS:
        # As bytes, which altair has here too: Jupyter encodes them, and marimo takes text for an address.
        formats["image/png"] = svg_to_png(svg, scale=2 if width * height <= _MAX_ENLARGED else 1)
    return formats, {_VEGALITE: alt.renderers.options, "image/png": {"width": width, "height": height}}
