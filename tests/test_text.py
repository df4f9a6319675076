"""Foreign text made safe to show."""

from __future__ import annotations

import pytest

from connecty_frames.text import html, snippet, terminal


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("", ""),
        ("żółw 東京 €", "żółw 東京 €"),
        ("e\u0301 with a combining accent", "e\u0301 with a combining accent"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b2J", "\\x9b2J"),
        ("a\x00b\x07c\x7f", "a\\x00b\\x07c\\x7f"),
        ("line\nline\ttab\r", "line\\nline\\ttab\\r"),
        ("abc\u202edef", "abc\\u202edef"),
        ("\u2066x\u2069\u200e\u200f", "\\u2066x\\u2069\\u200e\\u200f"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\ufeffbom", "\\ufeffbom"),
        ("\ue000", "\\ue000"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("soft\u00adhyphen", "soft\\xadhyphen"),
    ],
)
def test_what_a_terminal_would_obey_or_hide_is_shown(text: str, shown: str) -> None:
    """Controls, direction marks and invisible characters as escapes, all else as it is."""
    assert terminal(text) == shown


@pytest.mark.parametrize("text", ["👩\u200d🚀", "नमस्\u200dते", "\u0645\u06cc\u200c\u062e\u0648"])
def test_joiners_stay(text: str) -> None:
    """Emoji and the scripts of India and Persia are spelled with them."""
    assert terminal(text) == text


def test_what_is_to_be_kept_is_kept() -> None:
    """Lines and tabs where a text of several lines is shown, and nothing else."""
    assert terminal("a\n\tb\x1b", keep="\n\t") == "a\n\tb\\x1b"


def test_html_is_escaped() -> None:
    """Nothing of a text becomes markup, an attribute's end or a formula."""
    assert html("<b a=\"x\" b='y'>&$x$</b>") == (
        "&lt;b a=&quot;x&quot; b=&#x27;y&#x27;&gt;&amp;&#36;x&#36;&lt;/b&gt;"
    )


def test_html_keeps_lines_and_shows_the_rest() -> None:
    """Lines are layout; a direction mark is an attack."""
    assert html("a\nb\u202e") == "a\nb\\u202e"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("short", "short"),
        ("", ""),
        ("  two\n\n lines \t", "two lines"),
        ("x\x1b[31m", "x\\x1b[31m"),
        ("1234567890", "1234567890"),
        ("12345678901", "1234567890…"),
        (b"bytes", "bytes"),
        (b"12345678901", "1234567890…"),
        ("żółw".encode(), "żółw"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("🚀".encode() * 11, "🚀" * 10 + "…"),
        (" " * 30 + "x", "…"),
    ],
)
def test_a_snippet_is_one_safe_line(source: str | bytes, shown: str) -> None:
    """White space closed up, escapes for what is unsafe, cut with an ellipsis."""
    assert snippet(source, 10) == shown


def test_a_snippet_of_much_is_quick_and_short() -> None:
    """Of a hundred megabytes only the beginning is looked at: 120 characters and the ellipsis."""
    assert snippet(b"a" * 100_000_000) == "a" * 120 + "…"
    assert len(snippet("\x00" * 1_000_000)) == 121
