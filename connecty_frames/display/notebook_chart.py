"""altair charts that a notebook displays without a network.

They are displayed as Vega-Lite, which JupyterLab draws itself, and as SVG and PNG, made by vl-convert. If the
user enabled a renderer in altair, that is used instead.

The classes have the same names as altair's, because a repr shows them. altair's methods that change a chart
keep its class; those that combine charts return altair's own class, which is replaced here.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Final

import altair as alt
from altair.utils.mimebundle import spec_to_mimebundle

#: JupyterLab 4.6 draws no later version, and charts of ``Answer.plot`` need none.
_VEGALITE: Final = "application/vnd.vegalite.v5+json"
#: The most pixels of a chart whose PNG is enlarged, for sharp text, and of one that has a PNG at all.
_MAX_ENLARGED: Final = 2_000_000
_MAX_PIXELS: Final = 50_000_000
#: The length of the longest SVG that is included, of about 1,000 marks.
_MAX_SVG: Final = 300_000
#: Symbols for characters that XML does not allow: they make vl-convert abort the process, here the kernel.
_SYMBOLS: Final = {code: chr(0x2400 + code) for code in range(32) if code not in b"\t\n\r"} | dict.fromkeys(
    [*range(0xD800, 0xE000), 0xFFFE, 0xFFFF], "\ufffd"
)


class _NotebookChart(alt.TopLevelMixin):
    """Display a chart in a notebook, and keep this class when charts are combined."""

    def to_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return altair's specification, with symbols for characters that cannot be drawn."""
        drawable: dict[str, Any] = _drawable(super().to_dict(*args, **kwargs))
        return drawable

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> Any:
        """Return the chart in all formats, or what the renderer that the user enabled returns."""
        if alt.renderers.active == "default":
            with suppress(Exception):  # then altair displays the chart, or the error
                return _mimebundle(self.to_dict(context={"pre_transform": False}))
        return super()._repr_mimebundle_(*args, **kwargs)

    def __add__(self, other: Any) -> Any:
        return _displayed(super().__add__(other))

    def __and__(self, other: Any) -> Any:
        return _displayed(super().__and__(other))

    def __or__(self, other: Any) -> Any:
        return _displayed(super().__or__(other))

    def facet(self, *args: Any, **kwargs: Any) -> Any:
        """Return a chart for each value of a column, as altair does for charts of one or more layers."""
        return _displayed(super().facet(*args, **kwargs))  # type: ignore[misc]  # not of all charts


#: The classes of the charts, by altair's.
_CLASSES: Final[dict[type, Any]] = {
    base: type(base.__name__, (_NotebookChart, base), {})
    for base in (alt.Chart, alt.LayerChart, alt.HConcatChart, alt.VConcatChart, alt.FacetChart)
}
Chart: Final = _CLASSES[alt.Chart]


def _displayed(chart: Any) -> Any:
    """Change the class of a new altair chart to the one here that displays it, and return it."""
    # An ordinary assignment would add a key to the specification.
    object.__setattr__(chart, "__class__", _CLASSES.get(type(chart), type(chart)))
    return chart


def _mimebundle(specification: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a chart in all formats, and their metadata; raises whatever vl-convert raises."""
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


def _drawable(value: Any) -> Any:
    """Return a JSON value with symbols for the characters that cannot be drawn."""
    if isinstance(value, str):
        return value.translate(_SYMBOLS)
    if isinstance(value, list):
        return list(map(_drawable, value))
    if isinstance(value, dict):
        return {key.translate(_SYMBOLS): _drawable(item) for key, item in value.items()}
    return value
