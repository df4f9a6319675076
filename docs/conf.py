"""Configuration of Sphinx."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from connecty_frames._base import __version__
from tools.generated import SECTIONS

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "connecty_frames"
author = "The connecty_frames developers"
release = version = __version__
DESCRIPTION = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]["description"]

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

# A broken reference to one of our names fails the build. References to other projects are ignored: a build
# without a network cannot look them up.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!connecty_frames\b).*"),
    # Types for type checkers alone, and a type variable.
    ("py:class", r"connecty_frames\.(options\.(Ask|Fetch)OptionsDict|settings\.SettingsDict)"),
    ("py:class", r"connecty_frames\.(api\._(Ask|Fetch|Many)Call|client\._ManyOptions|records\._Filters)"),
    ("py:class", r"connecty_frames\.(sandbox\.sandbox\.SandboxOptions|question\.Call)"),
    ("py:class", r"connecty_frames\.frames\.accessor\.(PandasFrame|PolarsFrame|ArrowTable|Frame)"),
]

smartquotes_action = "qe"  # and no dashes: --help is an option

myst_enable_extensions = ["attrs_inline", "colon_fence"]
myst_heading_anchors = 3

nb_execution_mode = "off"  # `make notebooks` stores the outputs
# Plots as SVG, since the HTML of altair loads scripts from the network.
nb_mime_priority_overrides = [("html", "image/svg+xml", 0)]

# Plots have Vega-Lite too, which the pages leave out.
suppress_warnings = ["mystnb.unknown_mime_type"]

autodoc_default_options = {
    "members": True,
    # Public for other modules of the package, not for users.
    "exclude-members": "answer, deadline, from_kwargs, from_response, observe, of, to_frame",
}
autodoc_mock_imports = ["pyspark"]  # half a gigabyte, for one class
autodoc_typehints_format = "short"
maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False  # autodoc does that, and one list is enough
numpydoc_xref_param_type = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = f"connecty_frames {release}"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_search_scorer = str(Path(__file__).with_name("_static") / "scorer.js")
html_context = {"default_mode": "auto"}  # light or dark as the reader's system
html_theme_options = {
    "logo": {"text": "connecty_frames"},
    "secondary_sidebar_items": ["page-toc", "markdown-copy"],
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_show_sourcelink = False
html_copy_source = False


#: What type checkers alone distinguish from the frames of the libraries.
_FRAMES = {
    "PandasFrame": "pandas.DataFrame",
    "PolarsFrame": "polars.DataFrame",
    "ArrowTable": "pyarrow.Table",
}
_STRAIGHT = dict.fromkeys(map(ord, "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"), '"')


class Generated(SphinxDirective):
    """Insert the generated section where a page has ``{generated} name``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the nodes of the section."""
        return self.parse_text_to_nodes(SECTIONS[self.arguments[0]](), allow_section_headings=True)


def displayed_signature(
    _app: Sphinx, what: str, _name: str, value: object, _options: object, signature: str | None, returns: str
) -> tuple[str, str | None] | None:
    """Return a signature for readers.

    A class whose docstring has no parameters is not made by users, and gets none. Dots replace defaults that
    are objects.
    """
    if not signature:
        return None
    if what in {"class", "exception"} and "Parameters\n" not in (value.__doc__ or ""):
        return "", None
    return re.sub(r"=( ?)<[^>]*>", r"=\1...", signature), returns


def with_plain_types(_app: Sphinx, page: nodes.document) -> None:
    """Name the frames in signatures as their libraries do, and put straight quotes back into types."""
    for kind in [*page.findall(addnodes.desc_returns), *page.findall(nodes.classifier)]:
        for text in list(kind.findall(nodes.Text)):
            plain = _FRAMES.get(text, text.translate(_STRAIGHT))
            text.parent.replace(text, nodes.Text(plain))


def markdown(app: Sphinx) -> dict[str, Path]:
    """Return the file of each page that is written in Markdown."""
    files = {page: Path(app.env.doc2path(page)) for page in sorted(app.env.found_docs)}
    return {page: file for page, file in files.items() if file.suffix == ".md"}


def link_to_markdown(
    app: Sphinx, page: str, _template: str, context: dict[str, object], _tree: object
) -> None:
    """Tell the template of the sidebar if a page has a copy in Markdown."""
    context["has_markdown"] = page in markdown(app)


def write_markdown(app: Sphinx, error: Exception | None) -> None:
    """Write a copy of each page in Markdown, with its generated sections, and a list of them."""
    if error or app.builder.name != "html":
        return
    lists: dict[str, list[str]] = {"Guide": [], "Optional": []}
    for page, file in markdown(app).items():
        text = re.sub(
            r"```{generated} (\S+)\n```", lambda fence: SECTIONS[fence[1]](), file.read_text(encoding="utf-8")
        )
        Path(app.outdir, f"{page}.md").write_text(text, encoding="utf-8")
        section = "Optional" if page.startswith(("api/", "design/", "performance/")) else "Guide"
        lists[section].append(f"- [{app.env.titles[page].astext()}]({page}.md)")
    head = f"# {project}\n\n> {DESCRIPTION}.\n"
    lines = [head, *(f"## {name}\n\n" + "\n".join(found) + "\n" for name, found in lists.items())]
    Path(app.outdir, "llms.txt").write_text("\n".join(lines), encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Register the directive and the handlers."""
    app.connect("doctree-read", with_plain_types)
    app.add_directive("generated", Generated)
    app.connect("autodoc-process-signature", displayed_signature)
    app.connect("html-page-context", link_to_markdown)
    app.connect("build-finished", write_markdown)
