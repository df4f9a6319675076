r"""Text as it is displayed: untrusted text is escaped and of a bounded length, and a secret is not shown.

Text of a server is shown in error messages, terminals and notebook HTML. Control characters change a terminal
(``\x1b[2J`` clears it), and the bidirectional marks of Unicode change the order in which text is displayed
(CVE-2021-42574), so both are replaced by escapes.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

#: Escaped Unicode categories: control, format (with the bidirectional marks), surrogate, private use,
#: unassigned, line and paragraph separator.
_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # format characters that stay: the joiners in emoji and some scripts
_MAX_LISTED = 10  # the most items in a list in a message


def terminal(text: str, *, keep: str = "") -> str:
    r"""Return text for a terminal: control and invisible characters but ``keep`` are escaped, as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character in keep or character in _JOINERS or unicodedata.category(character) not in _ESCAPED
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def html(text: str) -> str:
    """Escape text for HTML, and dollar signs, since they start a formula of MathJax in notebooks."""
    from html import escape  # it has a long table of names

    # A browser reads CR LF as LF too.
    return escape(terminal(text.replace("\r\n", "\n"), keep="\n\t")).replace("$", "&#36;")


def cut(text: str, limit: int) -> str:
    """Return the first ``limit`` characters of a text, and the number of the others."""
    more = len(text) - limit
    return text if more <= 0 else f"{text[:limit]}… ({counted(more, 'more character')})"


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a number and its noun, as in "1 row" and "2,000 rows"; the plural ends in "s" if not given."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def age_text(seconds: float) -> str:
    """Return an age in its largest unit, such as ``2 h``; no age is below zero."""
    whole = max(0, int(seconds))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if whole >= size:
            return f"{whole // size:,} {unit}"
    return f"{whole} s"


def sentence(text: str) -> str:
    """Add a full stop, unless the text ends as a sentence already."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def path_text(path: str | os.PathLike[str]) -> str:
    """Return a path for a message; unlike :func:`snippet`, it keeps spaces."""
    return terminal(cut(os.fspath(path), 500))


def shell_path(path: str | os.PathLike[str]) -> str:
    """Return a path for a shell command in a message."""
    from shlex import quote

    return terminal(quote(os.fspath(path)))


def listed(items: Sequence[str]) -> str:
    """Return the first ten items with commas between them, and the number of the others."""
    more = len(items) - _MAX_LISTED
    return ", ".join(items[:_MAX_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def quoted(names: Sequence[str]) -> str:
    """Return the first ten names in quotes and escaped, as :func:`listed` does."""
    return listed([*(repr(snippet(name)) for name in names[:_MAX_LISTED]), *names[_MAX_LISTED:]])


def snippet(source: str | bytes, limit: int = 120) -> str:
    """Return the beginning of untrusted text: one line of at most ``limit`` characters."""
    if isinstance(source, bytes):
        # A character has at most four bytes, so this does not shorten the result.
        source = source[: 4 * limit + 4].decode("utf-8", errors="backslashreplace")
    text = terminal(" ".join(source[: 2 * limit].split()))
    return text if len(text) <= limit and len(source) <= 2 * limit else text[:limit] + "…"


def excerpt(source: str, limit: int) -> str:
    """Return the beginning of untrusted text as :func:`snippet` does, with line breaks and indentation."""
    lines = [line.rstrip() for line in source[: 2 * limit].replace("\r\n", "\n").split("\n")]
    text = "\n".join(lines).strip("\n")
    if "\n" not in text:
        return snippet(source, limit)
    text = terminal(text, keep="\n\t")
    return text if len(text) <= limit and len(source) <= 2 * limit else text[:limit] + "…"


def with_excerpt(before: str, text: str, after: str = "") -> str:
    """Return a message with an :func:`excerpt` in it, apart from its sentences if it has several lines."""
    if "\n" in text:
        return f"{before}\n{text}\n{after}".rstrip()
    return " ".join(filter(None, [before, text and sentence(text), after]))


def fields_text(fields: Mapping[str, object], more: int) -> str:
    """List a server's fields, one a line if any text has several lines, and count those left out."""
    shown: list[str] = []
    room = 3_000  # bytes
    for name, value in fields.items():
        field = f"{snippet(name)}: {excerpt(str(value), 500)}"
        room -= len(f"; {field}".encode())
        if room < 0:
            break
        shown.append(field)
    left_out = len(fields) - len(shown) + more
    shown += [f"and {left_out:,} more"] if left_out else []
    return ("\n" if any("\n" in field for field in shown) else "; ").join(shown)


def value_text(value: object) -> str:
    """Return the repr of a caller's value, or its type if ``repr`` fails, as for a very long number."""
    with suppress(Exception):
        return snippet(repr(value))
    return f"<{type(value).__name__}>"


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Suggest the closest known name for an unknown one, or list all known names."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1, cutoff=0.7) or [
        each for each in known if each.startswith(f"{name}_")
    ]
    return f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(known)}."


class SupportsSecret(Protocol):
    """Any object that holds a secret as pydantic's ``SecretStr`` does."""

    def get_secret_value(self) -> str:
        """Return the secret."""


class SecretStr:  # noqa: PLW1641 - it is compared, but nothing needs its hash
    """Text hidden from ``repr``, ``str`` and formats, and so from tracebacks with locals."""

    __slots__ = ("_value", "read")

    def __init__(self, value: str, read: Callable[[], str] | None = None) -> None:
        self._value = value
        self.read = read  # returns the secret of now, if it may change

    def get_secret_value(self) -> str:
        """Return the secret."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretStr) and self._value == other._value

    def __repr__(self) -> str:
        return "SecretStr('**********')"

    def __str__(self) -> str:
        return "**********"


def hidden(value: Any) -> Any:
    """Hide a value from tracebacks with locals; None stays None."""
    return value if value is None or isinstance(value, SecretStr) else SecretStr(value)


#: Symbols for characters that XML does not allow: they make vl-convert abort the process, such as a kernel.
_SYMBOLS: Final = {code: chr(0x2400 + code) for code in range(32) if code not in b"\t\n\r"} | dict.fromkeys(
    [*range(0xD800, 0xE000), 0xFFFE, 0xFFFF], "\ufffd"
)


def xml_text(value: Any) -> Any:
    """Return a JSON value with symbols for the characters that XML does not allow."""
    if isinstance(value, str):
        return value.translate(_SYMBOLS)
    if isinstance(value, list):
        return list(map(xml_text, value))
    if isinstance(value, dict):
        return {key.translate(_SYMBOLS): xml_text(item) for key, item in value.items()}
    return value
