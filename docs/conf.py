"""How Sphinx builds the documentation."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from connecty_frames.version import __version__
from docs.generated import SECTIONS

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "connecty_frames"
author = "The connecty_frames developers"
release = version = __version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "performance/*"]
templates_path = ["_templates"]

# A reference to a name of ours leads somewhere, or the build fails. Others have pages of their own, which a
# build without a network cannot look up.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!connecty_frames\b).*"),
    ("py:class", r"connecty_frames\.(options\.Choices|frames\.attachment\.Frame)"),  # for type checkers alone
]

smartquotes_action = "qe"  # and no dashes: --help is an option

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# The notebooks are stored without outputs. They are executed here, against the sandbox, for a page without
# what its cells show would say little.
nb_execution_mode = "force"
nb_execution_timeout = 120
nb_execution_raise_on_error = True

# As pictures, and not by scripts from elsewhere, which a reader without a network could not load.
_IPYTHON = tempfile.TemporaryDirectory()
_startup = Path(_IPYTHON.name) / "profile_default" / "startup"
_startup.mkdir(parents=True)
(_startup / "charts.py").write_text('import altair\n\naltair.renderers.enable("svg")\n')
os.environ["IPYTHONDIR"] = _IPYTHON.name

autodoc_default_options = {
    "members": True,
    # What one module of ours does for another.
    "exclude-members": "answer, fetch, from_kwargs, from_response, to_frame",
}
autodoc_typehints_format = "short"
maximum_signature_line_length = 88
numpydoc_show_class_members = False  # autodoc does that, and one list is enough
numpydoc_xref_param_type = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = f"connecty_frames {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "logo": {"text": "connecty_frames"},
    "show_prev_next": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_show_sourcelink = False
html_copy_source = False


class Generated(SphinxDirective):
    """Put what was made from the code where a page says ``{generated} name``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Give the section as the page's own text."""
        return self.parse_text_to_nodes(SECTIONS[self.arguments[0]](), allow_section_headings=True)


def shown_signature(
    _app: Sphinx, what: str, _name: str, thing: object, _options: object, signature: str | None, gives: str
) -> tuple[str, str | None] | None:
    """Give a signature as a reader needs it.

    Without the arguments of a class whose words describe none, for nobody but us makes one; and without
    defaults that are objects.
    """
    if not signature:
        return None
    if what in {"class", "exception"} and "Parameters\n" not in (thing.__doc__ or ""):
        return "", None
    return re.sub(r"=( ?)<[^>]*>", r"=\1...", signature), gives


def without_empty_outputs(_app: Sphinx, page: nodes.document) -> None:
    """Leave out what a progress line left behind in a notebook when it was done."""
    for block in list(page.findall(nodes.literal_block)):
        if not block.astext().strip():
            block.parent.remove(block)


def setup(app: Sphinx) -> None:
    """Let Sphinx know the directive, and what to leave out."""
    app.connect("doctree-read", without_empty_outputs)
    app.add_directive("generated", Generated)
    app.connect("autodoc-process-signature", shown_signature)
