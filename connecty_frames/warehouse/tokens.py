"""The text of a query: what is sent, so that sqlglot and the database divide it into the same words."""

from __future__ import annotations

import logging
import re
import threading
import unicodedata
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from connecty_frames._base.text import value_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: The dialects that read names as PostgreSQL does.
POSTGRES_KIN: Final = frozenset({"postgres", "redshift", "materialize", "risingwave"})
#: The dialects that read names, and replace variables, as Spark does.
SPARK_KIN: Final = frozenset({"databricks", "hive", "spark", "spark2"})
#: The bytes after which PostgreSQL cuts a name.
_NAME_BYTES: Final = 63
#: The kinds of texts in which a backslash escapes a quote, by dialect, and the dialects in which it otherwise
#: never does. sqlglot's own reading differs between its versions.
_ESCAPED_KINDS: Final = frozenset(
    [("STRING", dialect) for dialect in ("mysql", "redshift", "snowflake", *SPARK_KIN)]
    + [("BYTE_STRING", dialect) for dialect in ("duckdb", *POSTGRES_KIN)]
)
_NO_BACKSLASH: Final = POSTGRES_KIN | {"athena", "duckdb", "fabric", "presto", "sqlite", "trino", "tsql"}
#: A text whose quotes are escaped by a quote, by a backslash too, and one of BigQuery, also of three quotes.
_DOUBLED: Final = re.compile(r"\w*(['\"`])(?:(?!\1).|\1\1)*\1", re.DOTALL)
_ESCAPED: Final = re.compile(r"\w*(['\"`])(?:(?!\1)[^\\]|\\.|\1\1)*\1", re.DOTALL)
_BIGQUERY: Final = re.compile(r"\w*((?>\'\'\'|\"\"\"|['\"`]))(?:(?!\1)[^\\]|\\.)*\1", re.DOTALL)
_NUMBER: Final = re.compile(r"([\d_]+\.?[\d_]*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what sqlglot logs about hostile text out of this thread's log."""
    thread = threading.get_ident()

    def is_of_others(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger = logging.getLogger("sqlglot")
    logger.addFilter(is_of_others)
    try:
        yield
    finally:
        logger.removeFilter(is_of_others)


def raw(sql: str, token: Any) -> str:
    """Return a token as it is written."""
    return sql[token.start : token.end + 1]


def _is_quoted(token: Any, text: str) -> bool:
    """Return whether a token is a text or a name in quotes, and not a number such as 0xFF."""
    is_one = token.token_type.name.endswith(("IDENTIFIER", "STRING"))
    return is_one and (text[-1] in "'\"`]" or text[0] == "$")


def without_comments(sql: str, tokens: Sequence[Any]) -> str:
    """Return the text of tokens, with spaces between them.

    One dialect's comment is another's SQL (``/*! ... */`` in MySQL), and ADBC puts it between parentheses.
    """
    parts: list[str] = []
    end = 0
    for token in tokens:
        if token.start < end:
            continue  # Databricks' 100L is three tokens: 100, ::, BIGINT
        gap, text = sql[end : token.start], raw(sql, token)
        if not _is_quoted(token, text):
            text = re.sub(r"\s", " ", text)  # GROUP BY is one token
        if gap:
            parts.append(" " * (len(gap) if gap.isspace() else 1))
        elif parts and _is_quoted(token, text) and not text[0].isalnum():
            # The quote may otherwise continue the text before it, as in u&"...", a$$ or N'...'.
            parts.append(" " if parts[-1][-1].isalnum() or parts[-1][-1] in "_$&@#" else "")
        parts.append(text)
        end = token.end + 1
    return "".join(parts).strip()


def text_reasons(sql: str, tokens: Sequence[Any], dialect: str) -> Iterator[str]:
    """Yield why another lexer may divide the text into other tokens, as predicates of the SQL."""
    if dialect in SPARK_KIN and "${" in sql:
        yield "has ${, which Spark replaces with a setting"
    for token in tokens:
        text = raw(sql, token)
        for reason in (
            _quote_reasons(token, text, dialect) if _is_quoted(token, text) else _word_reasons(token, text)
        ):
            yield f"has {reason}: {value_text(text)}"
        is_text = token.token_type.name.endswith("STRING")
        if dialect in POSTGRES_KIN and not is_text and len(token.text.encode(errors="replace")) > _NAME_BYTES:
            yield f"has a name of more than {_NAME_BYTES} bytes, which is cut: {value_text(text)}"
    for token, following in pairwise(tokens):
        touches = token.start < following.start == token.end + 1
        if touches and token.token_type.name == "NUMBER" and re.match(r"\w", following.text):
            yield f"has a number that runs into a word: {value_text(sql[token.start : following.end + 1])}"
        if touches and (token.text.lower(), following.text) == ("u", "&"):
            yield "has U&, which begins a name with Unicode escapes"


def _quote_reasons(token: Any, text: str, dialect: str) -> Iterator[str]:
    kind = token.token_type.name
    if kind == "UNICODE_STRING":
        yield "a text with Unicode escapes"
    if kind == "HEREDOC_STRING" and not re.match(r"\$([A-Za-z_][A-Za-z0-9_]*)?\$", text):
        yield "a text with an ambiguous quote"
    if "\0" in text or any(unicodedata.category(each) == "Cs" for each in text):
        yield "a character that cannot be sent"
    if not all(pattern.fullmatch(text) for pattern in _patterns(kind, text, dialect)):
        yield "a backslash before a quote, which may end the text or not"


def _patterns(kind: str, text: str, dialect: str) -> tuple[re.Pattern[str], ...]:
    """Return how the database finds the end of a text in quotes; where that is not known, all ways."""
    if text[-1] in "]$":
        return ()
    if dialect == "bigquery" and kind != "IDENTIFIER":
        return (_BIGQUERY,)
    if (kind, dialect) in _ESCAPED_KINDS:
        return (_ESCAPED,)
    if kind in {"STRING", "NATIONAL_STRING"} and dialect in _NO_BACKSLASH:
        return (_DOUBLED,)
    return (_DOUBLED, _ESCAPED)


def _word_reasons(token: Any, text: str) -> Iterator[str]:
    kind = token.token_type.name
    if not all(map(_is_plain, text)):
        yield "a character that may be white space or part of a word"
    if not text.isascii() and any(case(text).isascii() for case in (str.upper, str.lower, str.casefold)):
        yield "a word that may be read as another one (write it in quotes)"
    if kind == "IDENTIFIER" or (kind == "NUMBER" and not _NUMBER.fullmatch(token.text)):
        yield "a number that runs into a word"


def _is_plain(character: str) -> bool:
    if character.isascii():
        return character.isprintable()
    return unicodedata.category(character)[0] in "LM" or unicodedata.category(character) == "Nd"
