r"""Foreign text made safe to show: escaped, and of a length that is bounded.

What a server says ends up in error messages, terminals and notebook HTML. A terminal obeys control
characters (``\x1b[2J`` clears it) and the bidirectional marks of Unicode reorder what a reader sees
(CVE-2021-42574), so both are shown as escapes instead of being sent.
"""

from __future__ import annotations

import html as _html
import os
import shlex
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["cut", "html", "listed", "path_text", "quoted", "shell_path", "snippet", "terminal", "value_text"]

#: Unicode categories that are shown as an escape: control, format (the bidirectional marks among
#: them), surrogate, private use, unassigned, line and paragraph separator.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
#: Format characters that ordinary text needs: the joiners of emoji and of Indic and Persian script.
_WANTED = frozenset("\u200c\u200d")
#: How many things a message names before it counts the rest, and how many characters of a path it has.
_NAMED = 10
_LONGEST_PATH = 500


def terminal(text: str, *, keep: str = "") -> str:
    r"""Show what a terminal would obey or hide as ``\x1b``, ``\u202e`` and the like.

    Parameters
    ----------
    keep
        Characters to leave as they are, ``"\n\t"`` where text of several lines is shown.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character in keep or character in _WANTED or unicodedata.category(character) not in _HIDDEN
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def html(text: str) -> str:
    """Escape text for HTML, a dollar sign included: MathJax in notebooks would typeset between two."""
    return _html.escape(terminal(text, keep="\n\t")).replace("$", "&#36;")


def cut(text: str, limit: int) -> str:
    """Return the first characters of a text, and behind them how many more there are."""
    more = len(text) - limit
    return text if more <= 0 else f"{text[:limit]}… ({more:,} more characters)"


def path_text(path: str | os.PathLike[str]) -> str:
    """Return a path to be shown; unlike a snippet, with spaces as they are."""
    return terminal(cut(os.fspath(path), _LONGEST_PATH))


def shell_path(path: str | os.PathLike[str]) -> str:
    """Return a path to be shown as an argument of a command."""
    return terminal(shlex.quote(os.fspath(path)))


def listed(items: Sequence[str]) -> str:
    """Return the first items with commas between, and behind them how many more there are."""
    more = len(items) - _NAMED
    return ", ".join(items[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def quoted(names: Sequence[str]) -> str:
    """Return the first foreign names in quotes, with commas between, and how many more there are."""
    return listed([*(repr(snippet(name)) for name in names[:_NAMED]), *names[_NAMED:]])


def snippet(source: str | bytes, limit: int = 120) -> str:
    """Show how foreign text begins, on one line and at most ``limit`` characters of it."""
    if isinstance(source, bytes):
        # A character takes at most four bytes, so the cut cannot shorten what is shown.
        source = source[: 4 * limit + 4].decode("utf-8", errors="backslashreplace")
    text = terminal(" ".join(source[: 2 * limit].split()))
    return text if len(text) <= limit and len(source) <= 2 * limit else text[:limit] + "…"


def value_text(value: object) -> str:
    """Show a caller's value as Python writes it, or its type where that fails: of a very long number."""
    try:
        return snippet(repr(value))
    except Exception:  # noqa: BLE001 - whatever a foreign __repr__ raises
        return f"<{type(value).__name__}>"
