"""How an answer differs from a pinned one: in its SQL, columns, types and number of rows."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from connecty_frames._base.text import counted, quoted, snippet
from connecty_frames.errors import QueryRefused
from connecty_frames.export import WRITERS
from connecty_frames.warehouse.sql import fingerprint, parse, parse_any, tables

if TYPE_CHECKING:
    import pyarrow as pa

    from connecty_frames.answer import Answer
    from connecty_frames.answer_metadata import Schema
    from connecty_frames.warehouse.sql import Statement

SQLChange = Literal["layout", "comments", "case", "aliases", "literals", "query", "missing", "edited"]

#: Differences in SQL that do not change its meaning.
_HARMLESS: Final = frozenset({"layout", "comments", "case", "aliases"})
_SENTENCES: Final = {
    **{change: f"The SQL differs only in its {change}." for change in _HARMLESS},
    "literals": "The SQL differs in numbers or texts in it.",
    "query": "The SQL differs in what it computes.",
    "missing": "The answer has no SQL.",
    "edited": "The SQL is not the pinned SQL: the file was edited.",
}


@dataclass(frozen=True, slots=True)
class Drift:
    """How an answer or the warehouse differs from the pin; fields are None or empty if they agree."""

    question_id: str | None = None
    """The id of the question asked, or None if nothing was asked."""
    sql: SQLChange | None = None
    """The largest difference in the SQL. ``"layout"``, ``"comments"``, ``"case"`` and ``"aliases"`` (of
    tables) do not change its meaning. ``"literals"`` are numbers and texts, ``"query"`` is anything else,
    ``"missing"`` means no SQL, and ``"edited"`` that the file no longer has the pinned SQL."""
    refused: str | None = None
    """Why ``rerun`` would refuse the SQL, or the database can no longer run it."""
    columns: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    """The names of the pinned columns and of the columns found."""
    types: tuple[tuple[str, str, str], ...] = ()
    """Name, pinned type and new type of each column whose type differs. Types set by ``schema=`` are not
    compared."""
    rows: tuple[int, int] | None = None
    """The number of rows when the question was pinned, and in the new answer."""

    @property
    def changed(self) -> bool:
        """True if anything other than the SQL's formatting changed."""
        is_same_sql = self.sql is None or self.sql in _HARMLESS
        return not is_same_sql or bool(self.refused or self.columns or self.types or self.rows)

    @property
    def lines(self) -> tuple[str, ...]:
        """Each difference as a sentence."""
        found = [] if self.sql is None else [_SENTENCES[self.sql]]
        if self.refused:
            found.append(self.refused)
        if self.columns:
            before, now = self.columns
            found.append(f"The columns were {quoted(before)}, and now are {quoted(now) or 'none'}.")
        found += [
            f"Column {snippet(name)!r} was {snippet(before)} and is now {snippet(now)}."
            for name, before, now in self.types
        ]
        if self.rows:
            found.append(f"There were {counted(self.rows[0], 'row')}; now there are {self.rows[1]:,}.")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class PinCheck:
    """The result of checking a pin."""

    name: str
    """The name of the pin."""
    drifts: tuple[Drift, ...]
    """How each answer differs from the pinned one, in the order asked; without asking, one entry."""
    by_text: bool
    """Whether the SQL was compared as text, because it could not be parsed. Case, comments and aliases are
    then changes."""
    same_sql: int = 1
    """The largest number of answers with the same SQL, apart from its formatting."""
    same_columns: int = 1
    """The largest number of answers with the same names and types of columns."""
    same_rows: int = 1
    """The largest number of answers with the same rows, in any order."""

    @property
    def changed(self) -> bool:
        """True if anything other than the SQL's formatting changed."""
        return any(drift.changed for drift in self.drifts)

    @property
    def lines(self) -> tuple[str, ...]:
        """Each difference as a sentence, without repetitions."""
        return tuple(dict.fromkeys(line for drift in self.drifts for line in drift.lines))

    def __str__(self) -> str:
        lines = [f"Pin {snippet(self.name)!r}: {'changed' if self.changed else 'unchanged'}.", *self.lines]
        if self.by_text:
            lines.append("The SQL could not be parsed, and was compared as text.")
        if (times := len(self.drifts)) > 1:
            lines.append(
                f"Of {times:,} answers, {self.same_sql:,} agree on the SQL, {self.same_columns:,} on the "
                f"columns and {self.same_rows:,} on the rows."
            )
        return "\n  ".join(lines)


def compare(
    before: Statement | str, sql: str, schema: Schema, rows: int | None, answer: Answer
) -> tuple[Drift, tuple[Hashable, Hashable, Hashable]]:
    """Return how an answer differs from the pinned one, and keys of its SQL, columns and rows."""
    # ``before`` is the pinned SQL, as text if it could not be parsed. Equal keys: equal SQL, columns or rows.
    columns = list(answer.schema)
    change, sql_key = _compare_sql(before, sql, answer.sql_query)
    now = answer.metadata.whole_rows
    drift = Drift(
        question_id=answer.question_id,
        sql=change,
        **compare_columns(schema, [(column.name, column.type) for column in columns]),
        rows=None if rows is None or now is None or rows == now else (rows, now),
    )
    lines = io.BytesIO()
    if answer.table is not None:
        WRITERS["ndjson"](answer.table, lines)
    rows_in_any_order = b"\n".join(sorted(lines.getvalue().splitlines()))
    columns_key = tuple((column.name, str(column.type)) for column in columns)
    return drift, (sql_key, columns_key, (now, hashlib.sha256(rows_in_any_order).hexdigest()))


def compare_columns(schema: Schema, found: Sequence[tuple[str, pa.DataType]]) -> dict[str, Any]:
    """Return how names and types differ from the pinned ones, as fields of a Drift."""
    names = tuple(schema.names), tuple(name for name, _ in found)
    if names[0] != names[1]:
        return {"columns": names}
    differing = (
        (old.name, str(old.type), str(type_))
        for old, (_, type_) in zip(schema, found, strict=True)
        if old.type != type_ and old.is_inferred
    )
    return {"types": tuple(differing)}


def parsed(sql: str, dialect: str | None) -> Statement | None:
    """Parse SQL in a dialect (by default, the first common one to fit); None if it cannot be analysed."""
    try:
        statement = parse_any(sql) if dialect is None else parse(sql, dialect)
        fingerprint(statement)
        tables(statement)  # fails for a UNION with DESCRIBE, for example, despite being parsed
    except QueryRefused:
        return None
    return statement


def text_fingerprint(sql: str) -> str:
    """Hash unparsable SQL regardless of its layout and a final semicolon."""
    return hashlib.sha256(" ".join(sql.split()).removesuffix(";").rstrip().encode()).hexdigest()


def digest(sql: str, made: str) -> str:
    """Return a hash of SQL to the letter and its fingerprint, the same under every version of sqlglot."""
    return hashlib.sha256(f"{made}\n{sql}".encode()).hexdigest()


def _compare_sql(before: Statement | str, sql: str, now: str | None) -> tuple[SQLChange | None, Hashable]:
    if now is None:
        return "missing", None
    statement = None if isinstance(before, str) else parsed(now, before.dialect)
    key = text_fingerprint(now) if statement is None else fingerprint(statement)
    if now == sql:
        return None, key
    if isinstance(before, str) or statement is None:
        return ("layout" if key == text_fingerprint(sql) else "query"), key
    return _change(before, statement, sql, now), key


def _change(before: Statement, now: Statement, sql: str, text: str) -> SQLChange:
    tokens, others = _tokens(sql, before.dialect), _tokens(text, now.dialect)
    if [token[:2] for token in tokens] == [token[:2] for token in others]:
        return "layout" if tokens == others else "comments"
    if _in_one_case(before) == _in_one_case(now):
        folded = [[(kind, word.casefold()) for kind, word, _ in each] for each in (tokens, others)]
        return "case" if folded[0] == folded[1] else "layout"  # layout: such as JOIN and INNER JOIN
    if fingerprint(before) == fingerprint(now):
        return "aliases"
    if fingerprint(_without_literals(before)) == fingerprint(_without_literals(now)):
        return "literals"
    return "query"


def _tokens(sql: str, dialect: str) -> list[tuple[str, str, tuple[str, ...]]]:
    import sqlglot

    found = [
        (token.token_type.name, token.text, tuple(comment.strip() for comment in token.comments))
        for token in sqlglot.tokenize(sql, read=dialect)
    ]
    while found and found[-1][0] == "SEMICOLON":
        found.pop()
    return found


def _in_one_case(statement: Statement) -> str:
    """Return SQL as sqlglot formats it, with names in the dialect's normal case."""
    from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

    tree = normalize_identifiers(statement.tree.copy(), dialect=statement.dialect)
    return tree.sql(statement.dialect, comments=False)


def _without_literals(statement: Statement) -> Statement:
    from sqlglot import exp

    blank = exp.Literal.string("")
    tree = statement.tree.transform(lambda node: blank.copy() if isinstance(node, exp.Literal) else node)
    return replace(statement, tree=tree)
