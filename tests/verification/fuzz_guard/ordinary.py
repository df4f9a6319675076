"""The ordinary queries: none of them is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

__all__ = ["queries"]

_FILE: Final = Path(__file__).parents[2] / "warehouse" / "ordinary_queries.sql"


def queries() -> list[tuple[str, str]]:
    """Return the dialect and the text of each query."""
    parts = re.split(r"^-- dialect: (\w+)$", _FILE.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return [
        (dialect, f"{text.strip()};")
        for dialect, body in zip(parts[::2], parts[1::2], strict=True)
        for text in re.split(r";$", body, flags=re.MULTILINE)
        if text.strip()
    ]
