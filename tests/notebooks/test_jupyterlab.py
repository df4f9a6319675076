"""Answers in JupyterLab and VS Code, light and dark: their styles hold, and JupyterLab draws their plots."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, get_args

import pytest

import connecty_frames as cf
from tests.servers.jupyterlab import JupyterLab, Theme, jupyterlab_marks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

    from connecty_frames.sandbox import Sandbox

pytestmark = jupyterlab_marks()

SQL: Final = "SELECT country, count(*) AS orders -- all\nFROM sales.orders WHERE status = 'ok'\nLIMIT 3"
COUNTRIES: Final = [["country", "orders"], ["Poland", 31768], ["Germany", 12922], ["Italy", None]]
WIDE: Final = [[f"measure_{at}" for at in range(40)], [at * 12345 for at in range(40)]]
LONG: Final = [["text", "lines", "number_" * 40], ["word " * 1000, "line\n" * 1000, 5]]
ANSWERS: Final = [COUNTRIES, WIDE, LONG]
#: The arguments of ``Answer.from_json``, in the notebook and here.
OPTIONS: Final = {"question": "list the top countries by orders", "on_truncation": "ignore"}

TRANSPARENT: Final = "rgba(0, 0, 0, 0)"
#: What matters of each element; one em is 13 pixels, 12 in SQL.
STYLES: Final[dict[str, dict[str, str]]] = {
    ".connecty-question": {"font-size": "15px", "font-weight": "600", "text-align": "left"},
    ".connecty-facts": {"font-size": "12px"},
    ".connecty-summary": {"font-size": "13px", "margin": "6.5px 0px"},
    "table": {"font-size": "13px", "margin": "0px", "border-collapse": "collapse"},
    "thead": {"background-color": TRANSPARENT, "border-bottom-style": "none"},
    "th:nth-child(1)": {"text-align": "left", "vertical-align": "bottom", "font-weight": "600"},
    "th:nth-child(2)": {"text-align": "right", "padding": "3.25px 11.7px 3.25px 0px"},
    "th small": {"font-size": "11px", "font-weight": "400"},
    "tbody tr:nth-child(1)": {"background-color": TRANSPARENT},
    "tbody tr:nth-child(2)": {"background-color": TRANSPARENT},
    "td:nth-child(1)": {
        "text-align": "left",
        "vertical-align": "top",
        "padding": "3.25px 11.7px 3.25px 0px",
        "border-bottom-style": "solid",
        "border-bottom-width": "1px",
        "line-height": "19.5px",
    },
    "tbody tr:nth-child(2) td": {"text-align": "left", "background-color": TRANSPARENT},
    "td:nth-child(2)": {"text-align": "right", "font-variant-numeric": "tabular-nums"},
    ".connecty-group": {"margin-right": "2.6px"},
    "tbody tr:nth-child(3) .connecty-null": {"font-style": "italic"},
    "summary": {"font-size": "13px", "font-weight": "600"},
    "pre": {"font-size": "12px", "padding": "8.4px 10.8px", "margin": "4.8px 0px", "white-space": "pre-wrap"},
    "details td code": {"font-size": "12px", "padding": "0px", "background-color": TRANSPARENT},
}
#: The colours of the background, the text, a line of the table, SQL and its keywords.
COLOURS: Final = {
    "light": [
        "rgb(255, 255, 255)",
        "rgb(31, 35, 40)",
        "rgb(209, 217, 224)",
        "rgb(246, 248, 250)",
        "rgb(130, 80, 223)",
    ],
    "dark": [
        "rgb(23, 25, 29)",
        "rgb(230, 232, 235)",
        "rgb(61, 68, 77)",
        "rgb(33, 36, 41)",
        "rgb(207, 168, 255)",
    ],
}

#: What VS Code's notebooks define for tables and code. VS Code itself needs a desktop, so this is what its
#: sources say: backLayerWebView.ts, and the webview's index.html.
VSCODE: Final = """<!doctype html>
<style>
  @layer vscode-default {
    body { color: var(--vscode-editor-foreground); font: 13px sans-serif; margin: 0; padding: 0 20px; }
    code { color: var(--vscode-textPreformat-foreground); padding: 1px 3px; border-radius: 4px;
      background-color: var(--vscode-textPreformat-background); font-family: monospace; }
  }
  body { padding: 0; height: 100%; width: 100%; }
  #container > div > div > div.output { font-size: 14px; box-sizing: border-box; margin-left: 56px;
    width: calc(100% - 72px); padding: 8px; }
  #container > div > div:not(.preview) > div { overflow-x: auto; }
  table, thead, tr, th, td, tbody { border: none; border-color: transparent; border-spacing: 0;
    border-collapse: collapse; }
  table, th, tr { vertical-align: middle; text-align: right; }
  thead { font-weight: bold; background-color: rgba(130, 130, 130, 0.16); }
  th, td { padding: 4px 8px; }
  tr:nth-child(even) { background-color: rgba(130, 130, 130, 0.08); }
  tbody th { font-weight: normal; }
</style>
<body class="vscode-THEME" style="overflow: hidden; VARIABLES">
<div id="container" style="position: absolute; width: 100%; top: 0">
<div class="cell_container"><div class="output_container"><div class="output">ANSWERS</div></div></div>
</div></body>"""
VARIABLES: Final = {
    "light": (
        "background: #fff; --vscode-editor-foreground: #3b3b3b; --vscode-textPreformat-foreground: #3b3b3b;"
        " --vscode-textPreformat-background: #0000001f"
    ),
    "dark": (
        "background: #1f1f1f; --vscode-editor-foreground: #ccc; --vscode-textPreformat-foreground: #d0d0d0;"
        " --vscode-textPreformat-background: #3c3c3c"
    ),
}

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


def reply(rows: list[list[Any]]) -> bytes:
    results = {"dataframe": rows, "sql_query": SQL, "response_summary": "Poland leads: 31768."}
    return json.dumps({"state": "COMPLETED", "results": results}).encode()


@pytest.fixture(scope="module")
def jupyterlab(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """Run one JupyterLab, which takes some seconds to start, whose kernels ask the sandbox of the tests."""
    settings = {f"CONNECTY_{name.upper()}": str(value) for name, value in sandbox.connection.items()}
    with JupyterLab(tmp_path_factory.mktemp("jupyterlab"), settings) as running:
        yield running


@pytest.fixture(scope="module")
def notebook(jupyterlab: JupyterLab) -> JupyterLab:
    jupyterlab.run(
        *(
            f"import connecty_frames as cf\ncf.Answer.from_json({reply(rows)!r}, **{OPTIONS!r})"
            for rows in ANSWERS
        )
    )
    jupyterlab.page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true;")
    return jupyterlab


@pytest.fixture(params=["jupyterlab", "vscode"], scope="module")
def show(request: pytest.FixtureRequest, notebook: JupyterLab) -> Callable[[Theme], Page]:
    """Return a function that shows the answers in a theme of a notebook."""

    def show_jupyterlab(theme: Theme) -> Page:
        notebook.theme(theme)
        return notebook.page

    def show_vscode(theme: Theme) -> Page:
        answers = [cf.Answer.from_json(reply(rows), **OPTIONS)._repr_html_() for rows in ANSWERS]
        text = VSCODE.replace("THEME", theme).replace("VARIABLES", VARIABLES[theme])
        vscode.set_content(text.replace("ANSWERS", "".join(answers).replace("<details>", "<details open>")))
        return vscode

    if request.param == "jupyterlab":
        return show_jupyterlab
    vscode = notebook.browser.open()
    return show_vscode


def styles(page: Page) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = page.evaluate(
        """wanted => Object.fromEntries(Object.entries(wanted).map(([selector, names]) => {
            const style = getComputedStyle(document.querySelector('.connecty').querySelector(selector));
            return [selector, Object.fromEntries(Object.keys(names).map(name => [name, style[name]]))];
        }))""",
        STYLES,
    )
    return found


@pytest.mark.parametrize("theme", get_args(Theme))
def test_the_styles_hold(show: Callable[[Theme], Page], theme: Theme) -> None:
    """Texts left, numbers right, no stripes, padding around SQL, and our colours and sizes."""
    page = show(theme)

    assert styles(page) == STYLES
    colours = page.evaluate(
        """() => {
            const answer = document.querySelector('.connecty');
            const style = selector => getComputedStyle(answer.querySelector(selector));
            return [
                getComputedStyle(answer).backgroundColor, style('td').color, style('td').borderBottomColor,
                style('pre').backgroundColor, style('.connecty-k').color,
            ];
        }"""
    )
    assert colours == COLOURS[theme]


@pytest.mark.parametrize("width", [1200, 480])
def test_a_wide_table_scrolls(show: Callable[[Theme], Page], width: int) -> None:
    """Inside the answer, which is not wider than its notebook."""
    page = show("light")
    page.set_viewport_size({"width": width, "height": 900})
    # JupyterLab's layout follows its window some time later.
    page.wait_for_function(
        """() => {
            for (let each = document.querySelectorAll('.connecty')[1]; each; each = each.parentElement)
                if (each.scrollWidth > each.clientWidth + 2) return false;  // 2 for its border
            return document.documentElement.scrollWidth <= innerWidth;
        }"""
    )

    room, width_of_table, end, end_of_last = page.evaluate(
        """() => {
            const table = document.querySelectorAll('.connecty-table')[2];
            table.scrollLeft = 1e6;
            const last = table.querySelector('td:last-child');
            const ends = [table, last].map(each => Math.round(each.getBoundingClientRect().right));
            return [table.clientWidth, table.scrollWidth, ...ends];
        }"""
    )
    page.set_viewport_size({"width": 1200, "height": 900})
    assert width_of_table > room
    assert end_of_last == end


def test_a_long_cell_scrolls(show: Callable[[Theme], Page]) -> None:
    """A row has five lines at most and a part of a sixth; of many lines, the rest is behind a scroll bar."""
    page = show("light")

    heights, text, bottom = page.evaluate(
        """() => {
            const cells = document.querySelectorAll('.connecty')[2].querySelectorAll('td div');
            cells[1].scrollTop = 1e6;
            return [
                [...cells].slice(0, 2).map(each => each.clientHeight),
                [...cells].slice(0, 2).map(each => each.textContent),
                [...cells].slice(0, 2).map(each => each.scrollTop + each.clientHeight === each.scrollHeight),
            ];
        }"""
    )
    assert max(heights) <= 108
    assert text == ["word " * 60 + "… (4,700 more characters)", "line\n" * 60 + "… (4,700 more characters)"]
    assert bottom[1]


def test_a_long_name_is_wrapped(show: Callable[[Theme], Page]) -> None:
    """That of a number too, above the table and in the list of columns."""
    page = show("light")
    widths = page.evaluate(
        """() => [...document.querySelectorAll('.connecty')[2].querySelectorAll('th, details td')].map(
            each => [each.scrollWidth - each.clientWidth, each.clientWidth])"""
    )
    assert [overflow for overflow, _ in widths if overflow > 0] == []
    assert max(width for _, width in widths) <= 40 * 13 + 12


def test_a_copy_of_numbers_has_digits_only(show: Callable[[Theme], Page]) -> None:
    """The gaps between groups are no characters."""
    page = show("light")
    copied = page.evaluate(
        """() => {
            getSelection().selectAllChildren(document.querySelector('.connecty tbody tr'));
            const text = getSelection().toString();
            getSelection().removeAllRanges();
            return text;
        }"""
    )
    assert copied.split() == ["Poland", "31768"]


def test_nothing_is_fetched(notebook: JupyterLab) -> None:
    """JupyterLab with these answers addresses no other machine."""
    assert notebook.page.locator(".connecty").count() == 3
    assert notebook.foreign == []


# Last, since it closes the notebook of the others.
def test_plots_are_drawn(jupyterlab: JupyterLab) -> None:
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
