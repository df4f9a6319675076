"""What a notebook displays of a chart: formats that need no network, of any chart that is made from it."""

import io
import pickle
import re
import sys
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest

alt = pytest.importorskip("altair", reason="the extra [plot] is not installed")
altair_chart = pytest.importorskip("connecty_frames.display.altair_chart")
plot = altair_chart.plot

pytestmark = pytest.mark.slow  # the first chart that a process draws takes a second

FORMATS = {"application/vnd.vegalite.v5+json", "image/png", "image/svg+xml"}


def chart_of(**columns: list[Any]) -> Any:
    return plot(pa.table(columns), "how many?", None, None, None)


def formats_of(chart: Any) -> set[str]:
    bundle = chart._repr_mimebundle_()
    return set(bundle[0] if isinstance(bundle, tuple) else bundle)


@pytest.fixture
def chart() -> Any:
    return chart_of(country=["PL", "DE"], orders=[5, 7])


def test_each_format_has_the_chart(chart: Any) -> None:
    """The specification, the text in the SVG, and a PNG of twice the size, which the metadata states."""
    formats, metadata = chart._repr_mimebundle_(include=None, exclude=None)
    assert set(formats) == FORMATS
    assert formats["application/vnd.vegalite.v5+json"]["layer"][0]["mark"] == {"type": "bar"}
    assert all(f">{text}<" in formats["image/svg+xml"] for text in ("how many?", "PL", "orders"))
    png = formats["image/png"]
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    sizes = metadata["image/png"]
    assert 500 < sizes["width"] < 700
    assert int.from_bytes(png[16:20], "big") == 2 * sizes["width"]
    assert int.from_bytes(png[20:24], "big") == 2 * sizes["height"]


@pytest.mark.parametrize(
    "change",
    [
        lambda chart: chart.mark_area(opacity=0.4).properties(width=800),
        lambda chart: chart.encode(color=alt.value("red")).interactive(),
        lambda chart: pickle.loads(pickle.dumps(chart)),
        lambda chart: chart + chart.mark_point() + chart.mark_rule(),
        lambda chart: (chart | chart) | chart,
        lambda chart: (chart & chart) & (chart | chart),
        lambda chart: chart.facet("country:N"),
        lambda chart: (chart + chart.mark_point()).facet("country:N").properties(title="x"),
        lambda chart: chart + alt.Chart(alt.InlineData(values=[{"x": 6}])).mark_rule().encode(x="x:Q"),
    ],
    ids=["properties", "encoding", "pickle", "layers", "row", "rows", "facets", "layered", "of-altair"],
)
def test_charts_made_from_it_are_displayed_so_too(chart: Any, change: Callable[[Any], Any]) -> None:
    """Changed, copied, over each other, side by side and split; and they stay charts of altair."""
    made = change(chart)
    assert formats_of(made) == FORMATS
    assert alt.Chart.from_dict(made.to_dict()).to_dict() == made.to_dict()


def test_charts_of_altair_are_not_changed(chart: Any) -> None:
    """Their own combinations, and charts that are read, are of altair's classes; no state of it changes."""
    own = alt.Chart(alt.InlineData(values=[{"x": 6}])).mark_rule().encode(x="x:Q")
    before = alt.renderers._get_state(), alt.data_transformers._get_state()
    chart._repr_mimebundle_()
    assert (alt.renderers._get_state(), alt.data_transformers._get_state()) == before
    assert type(own + own) is alt.LayerChart
    assert type(alt.Chart.from_dict(chart.to_dict())) is alt.LayerChart
    assert formats_of(own) == {"text/html"}


@pytest.mark.parametrize(
    ("renderer", "expected"), [("html", {"text/html"}), ("svg", {"image/svg+xml"}), ("png", {"image/png"})]
)
def test_a_renderer_that_was_enabled(chart: Any, renderer: str, expected: set[str]) -> None:
    """It displays the chart, as every other one."""
    with alt.renderers.enable(renderer):
        assert formats_of(chart) == expected


def test_options_of_the_display(chart: Any) -> None:
    """Those that were set in altair are in the metadata, where JupyterLab reads them."""
    with alt.renderers.set_embed_options(actions=False):
        _, metadata = chart._repr_mimebundle_()
    assert metadata["application/vnd.vegalite.v5+json"] == {"embed_options": {"actions": False}}


def test_without_vl_convert(chart: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The display is altair's."""
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    assert formats_of(chart) == {"text/html"}


def test_what_cannot_be_drawn(chart: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """As in altair, the error of a chart that is not valid is shown, and nothing is raised."""
    pytest.importorskip("IPython", reason="IPython, which shows it, is not installed")
    assert chart.encode(x=alt.X(field="orders", type="nonsense"))._repr_mimebundle_() == {}
    assert "nonsense" in capsys.readouterr().err


def test_many_marks() -> None:
    """They have no SVG, which would be longer than all else; a picture of 10,000 pixels is not enlarged."""
    points = chart_of(x=list(range(5_000)), y=list(range(5_000)))
    high, metadata = chart_of(c=["a", "b"], n=[1, 2]).properties(height=10_000)._repr_mimebundle_()
    assert formats_of(points) == FORMATS - {"image/svg+xml"}
    assert metadata["image/png"]["height"] > 10_000
    png = high["image/png"]
    assert int.from_bytes(png[20:24], "big") == metadata["image/png"]["height"]


def test_no_text_is_markup() -> None:
    """Titles, names and values from a server are text of the SVG: no element, attribute or link of it."""
    attacks = [
        "<script>hack(1)</script>",
        "</text><script>hack(1)</script>",
        "<image href='https://evil.example' onerror='hack(1)'/>",
        "]]><svg onload=hack(1)>",
        "\" onload=\"hack(1)\" x=\"' onload='hack(1)' x='",
        "&lt;script&gt;hack(1)&lt;/script&gt;",
        "javascript:hack(1)",
        "https://evil.example",
        "<!ENTITY x SYSTEM 'file:///etc/passwd'>&x;",
        "\x1b[2J",
    ]
    table = pa.table({attacks[1]: attacks, "n": list(range(10)), **dict.fromkeys(attacks[2:], attacks)})

    formats, _ = plot(table, attacks[0], None, None, None)._repr_mimebundle_()

    root = ET.fromstring(formats["image/svg+xml"])  # noqa: S314 - this is our own
    names = {element.tag.removeprefix("{http://www.w3.org/2000/svg}") for element in root.iter()}
    assert names == {"svg", "rect", "g", "path", "line", "text", "tspan"}
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not [name for name in attributes if re.search(r"^on|href|style|src", name)]
    texts = {element.text for element in root.iter() if element.text}
    assert {attacks[0], "javascript:hack(1)", "https://evil.example", "\u241b[2J"} <= texts


def test_characters_that_xml_lacks() -> None:
    """vl-convert would end the process: each is drawn as its symbol, also in titles that the user sets."""
    rows = ["\0", "\x0b", "\x1f", "\ufffe", "\uffff", "tab\t", "\x7f\x85\u2028"]
    table = pa.table({"a\0.b": rows, "n": list(range(7)), "c\x01": rows})

    chart = plot(table, "q", None, None, None).properties(title="\x00")
    formats, _ = chart._repr_mimebundle_()

    data = formats["application/vnd.vegalite.v5+json"]
    (values,) = data["datasets"].values()
    shown = ["\u2400", "\u240b", "\u241f", "\ufffd", "\ufffd", "tab\t", "\x7f\x85\u2028"]
    assert [row["column 0"] for row in values] == shown
    assert data["title"] == "\u2400"
    assert all(f">{text}<" in formats["image/svg+xml"] for text in ["\u2400", "\u241f", "a\\x00.b"])
    (chart | chart).save(file := io.StringIO(), format="svg")
    assert file.getvalue().count(">\u241f<") == 2
