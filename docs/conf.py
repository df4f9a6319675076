"""How Sphinx builds the documentation."""

from connecty_frames import __version__

project = "connecty_frames"
author = "The connecty_frames developers"
release = version = __version__

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = f"connecty_frames {release}"
