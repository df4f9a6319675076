"""An answer in a real browser: no content runs as code, all of it is text, and it is legible."""

import html
import json
import re
import shutil
import subprocess
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest

import connecty_frames as cf
from tests.servers.contrast import CONTRAST
from tests.servers.programs import external_marks

CHROMIUM: Final = shutil.which("chromium") or ""
pytestmark = external_marks("chromium")

#: What runs `hack` where it is taken for HTML, and what it may have to break out of first.
ATTACKS: Final = [
    "<script>hack(1)</script>",
    "<SCRIPT>hack(1)</SCRIPT>",
    "<scr<script>ipt>hack(1)</script>",
    "<img src=x onerror=hack(1)>",
    "<img src=x onerror=hack(1)//",
    "<img/src=x/onerror=hack(1)>",
    "<svg onload=hack(1)>",
    "<svg><script>hack(1)</script></svg>",
    "<svg><animate onbegin=hack(1) attributeName=x dur=1s>",
    "<body onload=hack(1)>",
    "<iframe srcdoc='<script>parent.hack(1)</script>'></iframe>",
    "<iframe src=javascript:parent.hack(1)></iframe>",
    "<object data='data:text/html,<script>parent.hack(1)</script>'></object>",
    "<embed src=javascript:hack(1)>",
    "<video src=x onerror=hack(1)></video>",
    "<audio src=x onerror=hack(1)>",
    "<video><source onerror=hack(1)></video>",
    "<input autofocus onfocus=hack(1)>",
    "<select autofocus onfocus=hack(1)></select>",
    "<textarea autofocus onfocus=hack(1)></textarea>",
    "<details open ontoggle=hack(1)><summary>x</summary></details>",
    "<marquee onstart=hack(1)>x</marquee>",
    "<a href=javascript:hack(1)>x</a>",
    "<form action=javascript:hack(1)><input type=submit></form>",
    "<button onclick=hack(1)>x</button>",
    "<math><mi xlink:href=javascript:hack(1)>x</mi></math>",
    "<div onmouseover=hack(1)>x</div>",
    "<div style=animation-name:x onanimationstart=hack(1)></div>",
    "<style>@keyframes x{}</style><b style=animation-name:x onanimationstart=hack(1)></b>",
    "<link rel=stylesheet href=data:text/css,x onload=hack(1)>",
    "<base href=javascript:hack(1)//>",
    "<meta http-equiv=refresh content='0;url=javascript:hack(1)'>",
    "<template><script>hack(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=hack(1)>'>",
    "&lt;img src=x onerror=hack(1)&gt;",
    "&#60;script&#62;hack(1)&#60;/script&#62;",
    "\\u003cscript\\u003ehack(1)\\u003c/script\\u003e",
    "$\\href{javascript:hack(1)}{x}$",
    "{{constructor.constructor('hack(1)')()}}",
    "${hack(1)}",
]
BREAKERS: Final = ["", "'>", '">', "</td></table>", "</pre></details>", "</style>", "-->"]
PAYLOADS: Final = [breaker + attack for breaker, attack in product(BREAKERS, ATTACKS)]

#: Triggers every event of the page, then returns what happened and what is on the page.
WATCH: Final = """
<script>
  window.ran = 0;
  window.hack = window.alert = window.confirm = window.prompt = () => { window.ran += 1; };
  window.addEventListener('load', () => setTimeout(() => {
    for (const fold of document.querySelectorAll('details')) fold.open = true;
    for (const each of document.querySelectorAll('#page *'))
      for (const kind of ['mouseover', 'focus', 'click', 'toggle', 'animationstart'])
        each.dispatchEvent(new Event(kind, {bubbles: false, cancelable: true}));
    setTimeout(() => {
      const all = [...document.querySelectorAll('#page *')];
      const report = {
        ran: window.ran,
        tags: [...new Set(all.map(each => each.tagName.toLowerCase()))].sort(),
        attributes: [...new Set(all.flatMap(each => each.getAttributeNames()))].sort(),
        answers: document.querySelectorAll('#page > .connecty').length,
        cells: [...document.querySelectorAll('#page > .connecty')].map(
          each => each.querySelector('td')?.textContent),
        contrasts: [...document.querySelectorAll('.theme .connecty')].map(
          each => [luminance(getComputedStyle(each).backgroundColor), contrast(each)]),
      };
      document.getElementById('report').textContent = JSON.stringify(report);
    }, 300);
  }, 300));
</script>
"""


def browse(folder: Path, page: str) -> dict[str, Any]:
    """Open a page in the browser, trigger every event, and return what was observed."""
    file = folder / "page.html"
    head = f'<!doctype html><meta charset="utf-8"><script>{CONTRAST}</script>{WATCH}'
    text = f'{head}<pre id="report"></pre><div id="page">{page}</div>'
    file.write_text(text, encoding="utf-8", errors="replace")
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder / 'profile'}",
            "--virtual-time-budget=20000",
            "--dump-dom",
            str(file),
        ],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=240,
        check=True,
    )
    report = re.search(r'<pre id="report">(.*?)</pre>', done.stdout, re.DOTALL)
    assert report is not None, done.stderr
    found: dict[str, Any] = json.loads(html.unescape(report[1]))
    return found


def hostile(payload: str) -> cf.Answer:
    """Return an answer with a payload in each place that a server fills."""
    results = {
        "dataframe": [[payload, "nested", "number"], [payload, {payload: payload}, 5]],
        "sql_query": f"SELECT '{payload}' -- {payload}\n{payload}",
        "response_summary": payload,
    }
    body = json.dumps({"state": "COMPLETED", "results": results})
    return cf.Answer.from_json(body.encode(), question=payload)


def test_nothing_of_280_hostile_answers_runs(tmp_path: Path) -> None:
    """In cells, names, SQL, summary and question; every one is text, letter by letter."""
    answers = [hostile(payload) for payload in PAYLOADS]

    report = browse(tmp_path, "".join(answer._repr_html_() for answer in answers))

    assert len(PAYLOADS) == 280
    assert report["ran"] == 0
    assert report["answers"] == 280
    assert report["cells"] == PAYLOADS
    assert report["attributes"] == ["class", "open"]
    assert report["tags"] == [
        "br", "code", "details", "div", "pre", "small", "span", "style", "summary", "table", "tbody", "td",
        "th", "thead", "tr",
    ]  # fmt: skip


@pytest.mark.parametrize("engine", ["pandas", "polars"])
def test_nothing_runs_where_the_answer_is_the_value_of_a_cell(engine: str, tmp_path: Path) -> None:
    """``df.connecty`` by itself, and the answer's plain text, which a notebook escapes."""
    frames = [
        hostile(payload).to_pandas() if engine == "pandas" else hostile(payload).to_polars()
        for payload in PAYLOADS[:: len(ATTACKS) // 2]
    ]
    report = browse(tmp_path, "".join(frame.connecty._repr_html_() for frame in frames))
    assert (report["ran"], report["answers"]) == (0, len(frames))


def test_the_browser_runs_what_is_not_escaped(tmp_path: Path) -> None:
    """A check of the tests above: of the same payloads, unescaped, many run."""
    report = browse(tmp_path, "".join(f"<div>{attack}</div>" for attack in ATTACKS if "<meta" not in attack))
    assert report["ran"] >= 5


@pytest.mark.parametrize(
    ("theme", "dark"),
    [
        ('data-jp-theme-light="true"', False),
        ('data-jp-theme-light="false"', True),
        ('data-theme="light"', False),
        ('data-theme="dark"', True),
        ('theme="dark"', True),
        ('class="vscode-light"', False),
        ('class="vscode-dark"', True),
        ('class="vscode-high-contrast"', True),
        ('class="vscode-high-contrast vscode-high-contrast-light"', False),
    ],
)
def test_every_word_is_legible(theme: str, *, dark: bool, golden: Path, tmp_path: Path) -> None:
    """In the themes of Jupyter, Sphinx, Colab and VS Code: a contrast of 4.5 to 1, which WCAG asks for."""
    answer = cf.Answer.from_json(
        golden / "login_timestamps.json", question="who?", on_truncation="ignore"
    )._repr_html_()
    commented = hostile("/* a */ 'b' 5 SELECT")._repr_html_()
    report = browse(tmp_path, f'<div {theme}><div class="theme">{answer}{commented}</div></div>')
    assert len(report["contrasts"]) == 2
    for background, contrast in report["contrasts"]:
        assert (background < 0.1) is dark
        assert contrast >= 4.5
