"""What users see: the progress of a question, its table in a terminal or notebook, and a chart.

This package is below ``frames``, so that the accessor of a frame can use it. It takes Arrow tables and
imports no frame library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connecty_frames._base.lazy import lazy_getattr

# Not lazily: once it is imported, the module `progress` would replace the function of that name.
from connecty_frames.display.progress import Progress, progress

if TYPE_CHECKING:
    from connecty_frames.display.altair_chart import plot
    from connecty_frames.display.formatting import JSON, json_value, texts
    from connecty_frames.display.notebook import SHOWN_COLUMNS, SHOWN_ROWS, answer_html, sql_html
    from connecty_frames.display.table import terminal_table, text_table
    from connecty_frames.display.terminal_chart import import_uniplot, terminal_plot

__all__ = [
    "JSON",
    "SHOWN_COLUMNS",
    "SHOWN_ROWS",
    "Progress",
    "answer_html",
    "import_uniplot",
    "json_value",
    "plot",
    "progress",
    "sql_html",
    "terminal_plot",
    "terminal_table",
    "text_table",
    "texts",
]

_LAZY: Final = {
    "JSON": "formatting",
    "SHOWN_COLUMNS": "notebook",
    "SHOWN_ROWS": "notebook",
    "import_uniplot": "terminal_chart",
    "json_value": "formatting",
    "plot": "altair_chart",
    "answer_html": "notebook",
    "sql_html": "notebook",
    "terminal_plot": "terminal_chart",
    "terminal_table": "table",
    "text_table": "table",
    "texts": "formatting",
}


__getattr__ = lazy_getattr(__name__, _LAZY)
