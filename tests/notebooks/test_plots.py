"""Plots in JupyterLab, in a browser without a network: they are drawn, also in an exported page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.servers.jupyterlab import jupyterlab_marks

if TYPE_CHECKING:
    from tests.servers.jupyterlab import JupyterLab

pytestmark = jupyterlab_marks()

#: Returns the size of each picture, and how far apart its darkest and its lightest pixel are, of 255.
PICTURES: Final = """async () => Promise.all(
    [...document.querySelectorAll('canvas.marks, .jp-OutputArea img')].map(async picture => {
        if (picture.tagName === 'IMG') await picture.decode();
        const {width, height} = picture.getBoundingClientRect();
        const canvas = new OffscreenCanvas(width, height);
        const context = canvas.getContext('2d');
        context.drawImage(picture, 0, 0, width, height);
        const pixels = context.getImageData(0, 0, width, height).data;
        const greens = pixels.filter((_, at) => at % 4 === 1);
        const opaque = pixels.filter((_, at) => at % 4 === 3).every(alpha => alpha === 255);
        return [Math.round(width / 100), opaque, Math.max(...greens) - Math.min(...greens) > 150];
    }))"""
CELLS: Final = [
    "import altair as alt\nimport connecty_frames as cf",
    'chart = cf.ask("list the top 5 countries with the most orders", progress=False).plot()\nchart',
    "mean = alt.Chart(alt.InlineData(values=[{'x': 12000}])).mark_rule().encode(x='x:Q')\nchart + mean",
    "formats, metadata = chart._repr_mimebundle_()",
    "display({'image/svg+xml': formats['image/svg+xml']}, raw=True)",
    "display({'image/png': formats['image/png']}, metadata=metadata, raw=True)",
]


def test_they_are_drawn(jupyterlab: JupyterLab) -> None:
    """By JupyterLab itself or as a picture, on a background of their own; and nothing is fetched."""
    page = jupyterlab.page
    jupyterlab.theme("dark")
    saved = jupyterlab.run(*CELLS)
    page.wait_for_function("document.querySelectorAll('canvas.marks, .jp-OutputArea img').length === 4")

    assert page.locator("canvas.marks").count() == 2
    assert page.evaluate(PICTURES) == [[6, True, True]] * 4
    assert page.get_by_text("Error").count() == 0
    jupyterlab.theme("light")
    assert page.evaluate(PICTURES) == [[6, True, True]] * 4
    assert jupyterlab.foreign == []

    exporter = pytest.importorskip("nbconvert").HTMLExporter()
    exported, _ = exporter.from_filename(str(saved))
    assert exported.count('src="data:image/svg+xml') == 3
    assert "/npm/vega" not in exported
