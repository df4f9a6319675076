"""Untrusted text made safe for display."""

from connecty_frames._base.text import counted, excerpt, fields_text, html, snippet, terminal, with_excerpt
from tests.cases import cases


@cases(
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
def test_control_and_invisible_characters_are_escaped(text: str, shown: str) -> None:
    """Control characters, direction marks and invisible ones; others are unchanged."""
    assert terminal(text) == shown


@cases("text", ["👩\u200d🚀", "नमस्\u200dते", "\u0645\u06cc\u200c\u062e\u0648"])
def test_joiners_are_kept(text: str) -> None:
    """Emoji and Indic and Persian scripts need them."""
    assert terminal(text) == text


def test_characters_to_keep() -> None:
    """Such as line breaks and tabs, in text of several lines."""
    assert terminal("a\n\tb\x1b", keep="\n\t") == "a\n\tb\\x1b"


def test_html_is_escaped() -> None:
    """Text cannot become markup, end an attribute or start a formula."""
    assert html("<b a=\"x\" b='y'>&$x$</b>") == (
        "&lt;b a=&quot;x&quot; b=&#x27;y&#x27;&gt;&amp;&#36;x&#36;&lt;/b&gt;"
    )


def test_html_keeps_line_breaks() -> None:
    """Direction marks are escaped."""
    assert html("a\nb\u202e") == "a\nb\\u202e"


@cases(
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
    """White space collapsed, unsafe characters escaped, shortened with an ellipsis."""
    assert snippet(source, 10) == shown


@cases(
    ("source", "shown"),
    [
        ("\n  two\r\n\n\tlines \n", "  two\n\n\tlines"),
        ("x\x1b[31m\ny\rz", "x\\x1b[31m\ny\\rz"),
        ("  one   line \n", "one line"),
        ("1234567890\n1234567890", "1234567890\n123456789…"),
        ("a\n" * 100_000, "a\n" * 10 + "…"),
    ],
)
def test_an_excerpt_keeps_lines(source: str, shown: str) -> None:
    """Line breaks, blank lines and indentation; all else as in a snippet."""
    assert excerpt(source, 20) == shown


def test_a_message_with_an_excerpt() -> None:
    """One of several lines is apart from the sentences around it."""
    assert with_excerpt("It says:", "no", "Try again.") == "It says: no. Try again."
    assert with_excerpt("It says:", "no\n  ^", "Try again.") == "It says:\nno\n  ^\nTry again."
    assert with_excerpt("It says:", "no\n  ^") == "It says:\nno\n  ^"
    assert with_excerpt("It failed.", "") == "It failed."


def test_a_snippet_of_a_long_text() -> None:
    """Of 100 MB, only the beginning is read: 120 characters and the ellipsis."""
    assert snippet(b"a" * 100_000_000) == "a" * 120 + "…"
    assert len(snippet("\x00" * 1_000_000)) == 121


@cases(
    ("count", "words", "text"),
    [
        (0, ("row",), "0 rows"),
        (1, ("row",), "1 row"),
        (2_000, ("row",), "2,000 rows"),
        (1, ("entry", "entries"), "1 entry"),
        (2, ("entry", "entries"), "2 entries"),
    ],
)
def test_a_number_and_its_noun(count: int, words: tuple[str, ...], text: str) -> None:
    """The noun is in the singular for one alone."""
    assert counted(count, *words) == text


@cases(
    ("details", "more", "expected"),
    [
        ({"reason": "no", "code": 7}, 0, "reason: no; code: 7"),
        ({"reason": "no\nyes", "code": 7}, 0, "reason: no\nyes\ncode: 7"),
        ({"reason": "no"}, 1_000, "reason: no; and 1,000 more"),
        ({}, 0, ""),
        # 3,000 bytes, a separator before each field among them.
        (dict.fromkeys("abcdef", "x" * 495), 0, "; ".join(f"{name}: {'x' * 495}" for name in "abcdef")),
        (
            dict.fromkeys("abcde", "x" * 495) | {"f": "x" * 496},
            0,
            "; ".join([*(f"{name}: {'x' * 495}" for name in "abcde"), "and 1 more"]),
        ),
        ({"a": "x" * 501}, 0, f"a: {'x' * 500}…"),
        ({"n" * 121: 1}, 0, f"{'n' * 120}…: 1"),
    ],
)
def test_fields(details: dict[str, object], more: int, expected: str) -> None:
    """What a server said is shown up to 3,000 bytes, and up to 500 characters of each field."""
    assert fields_text(details, more) == expected
