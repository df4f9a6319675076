"""The guard: which SQL may be sent to a warehouse.

The SQL comes from a server, where a model wrote it. Before it is sent to a warehouse, its parse tree is
checked: one query, made of the parts that queries are made of, with functions that are known to compute
values. What is not known is refused. ``docs/design/warehouse.md`` says what this can and cannot prevent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeVar

from connecty_frames.errors import ConfigError, QueryRefused, missing_extra
from connecty_frames.text import excerpt, quoted, snippet, value_text, with_excerpt
from connecty_frames.warehouse.dotted_calls import CALLS_BY_DOT, functions_by_dot
from connecty_frames.warehouse.functions import EXPANSIONS, HARMLESS, REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from sqlglot import exp

__all__ = ["Statement", "check", "parse", "parse_any"]

_T = TypeVar("_T")

#: Classes of sqlglot of which a query is made, apart from functions and conditions: operators, literals,
#: columns and the like.
_PARTS: Final = frozenset(
    """
        Alias Aliases AtIndex AtTimeZone CTE CharacterSet Cluster ColumnDef Comprehension Connect Cube
    DataType     DataTypeParam Distinct Distribute Except Fetch Filter Final FormatJson FormatPhrase From
    FromTimeZone Group     GroupingSets Having HavingMax Heredoc HistoricalData Identifier IgnoreNulls
    Intersect Interval IntervalSpan     Introducer JSON JSONColumnDef JSONExtractQuote JSONKeyValue JSONPath
    JSONPathFilter JSONPathKey     JSONPathRecursive JSONPathRoot JSONPathSelector JSONPathSlice
    JSONPathSubscript JSONPathUnion     JSONPathWildcard JSONSchema JSONValue Join Lambda Lateral Limit
    LimitOptions MatchRecognize MatchRecognizeMeasure National ObjectIdentifier Offset     OnCondition Order
    Ordered OverflowTruncateBehavior Pivot PivotAlias PivotAny PositionalColumn PreWhere Prior
    PseudoType Qualify RecursiveWithSearch RespectNulls Rollup Select Slice Sort Star Subquery Table
    TableAlias     TableColumn TableFromRows TableSample TranslateCharacters Tuple Union UnpivotColumns
    Unnest Values Var     Variadic Version Where Window WindowSpec With WithFill WithinGroup
    """.split()
)
#: Conditions that are no part of a query: variables, parameters without a value, and operators by name, which
#: may be functions of a user.
_REFUSED_CONDITIONS: Final = frozenset({"Operator", "Parameter", "Placeholder", "SessionParameter"})
#: Clauses of SELECT that change something, or the result, and are no nodes of their own.
_REFUSED_CLAUSES: Final = ("into", "locks", "hint", "hints", "settings", "format", "options")
#: How a query begins. Other words begin other statements, which are not even parsed.
_FIRST_WORDS: Final = frozenset({"SELECT", "WITH", "(", "FROM", "TABLE", "VALUES"})
#: Names that end as those of files do, which DuckDB reads, quoted or not, if it has no such table.
_FILE: Final = re.compile(
    r".*\.(csv|tsv|txt|jsonl?|ndjson|parquet|arrow|feather|ipc|xlsx?|db|duckdb|sqlite3?|avro|orc|shp|gz|zst)",
    re.IGNORECASE,
)
_PATH: Final = re.compile(r"[/\\:]")
#: The dialects in which files can stand in FROM by their names.
_FILES_AS_TABLES: Final = frozenset({"duckdb", "clickhouse", "drill"})
#: Schemas of Spark that are formats: the name of the table is the path of a file.
_FORMATS: Final = frozenset("avro binaryfile csv delta hudi iceberg json orc parquet text xml".split())
_FORMATS_AS_SCHEMAS: Final = frozenset({"databricks", "spark", "spark2", "hive"})
#: Functions of SQLite that stand in FROM without a parenthesis.
_SQLITE_FUNCTIONS: Final = re.compile(r"pragma_.*|dbstat|sqlite_dbpage|sqlite_stmt", re.IGNORECASE)
#: The dialects in which statements need no semicolon between them, and the words that begin one there, which
#: are reserved. sqlglot takes them for aliases.
_NO_SEMICOLONS: Final = frozenset({"tsql", "fabric"})
_STATEMENTS: Final = frozenset(
    """
    ALTER BACKUP BEGIN BREAK BULK CHECKPOINT CLOSE COMMIT CREATE DBCC DEALLOCATE DECLARE DELETE DENY DROP EXEC
    EXECUTE GOTO GRANT IF INSERT KILL MERGE OPEN PRINT RAISERROR READTEXT RECONFIGURE RESTORE RETURN REVERT
    REVOKE ROLLBACK SAVE SET SETUSER SHUTDOWN TRUNCATE UPDATE UPDATETEXT USE WAITFOR WHILE WRITETEXT
    """.split()
)
#: How many characters of the SQL a message shows.
_SHOWN: Final = 300
#: The dialects that are tried for SQL of an unknown one.
_COMMON_DIALECTS: Final = ("postgres", "snowflake", "bigquery", "databricks", "trino", "duckdb", "tsql")


@dataclass(frozen=True, slots=True)
class Statement:
    """A query that was parsed.

    Parameters
    ----------
    sql
        Its text without comments and the semicolon at its end, otherwise as it was written.
    dialect
        The dialect by which it was read, as sqlglot calls it.
    tree
        Its parse tree.
    quoted_names
        What it has in the quotes of names.
    quoted_calls
        Those of them that a parenthesis follows, as after a function.
    """

    sql: str
    dialect: str
    tree: exp.Expr
    quoted_names: frozenset[str]
    quoted_calls: frozenset[str]


def check(sql: str, dialect: str, functions: Collection[str] = ()) -> Statement:
    """Return SQL as a statement that may be sent.

    Parameters
    ----------
    sql
        The SQL as the server sent it.
    dialect
        The dialect of the warehouse, as sqlglot calls it.
    functions
        The names of further functions that are allowed, with their schema if the SQL writes one.

    Raises
    ------
    ConfigError
        If sqlglot is not installed, or an argument is wrong.
    QueryRefused
        If it is anything but one query of known parts and functions.
    """
    if isinstance(functions, str) or not all(isinstance(name, str) for name in functions):
        raise ConfigError(
            f"functions={value_text(functions)}: expected names of functions, such as ('my_schema.f',).",
            setting="functions",
        )
    statement = parse(sql, dialect)
    allowed = {name.lower() for name in functions}
    unknown = _unknown_quoted_functions(statement, allowed)
    if statement.dialect in CALLS_BY_DOT:
        unknown += functions_by_dot(statement.tree, {*HARMLESS, *allowed, *unknown})
    for node in statement.tree.walk():
        for reason in _reasons(node, statement):
            raise _refused(statement.sql, reason)
        if (name := _unknown_function(node, allowed)) is not None and name not in unknown:
            unknown.append(name)
    if unknown:
        names = ", ".join(map(repr, map(snippet, unknown)))
        raise _refused(
            statement.sql,
            f"calls {quoted(unknown)}, and whether that only computes a value is not known",
            f"If it does, allow it by functions=({names},).",
            functions=tuple(unknown),
        )
    return statement


def parse(sql: str, dialect: str) -> Statement:
    """Return SQL as a statement; it is one query, but otherwise not checked.

    Raises
    ------
    ConfigError
        If sqlglot is not installed, or has no such dialect.
    QueryRefused
        If the SQL cannot be parsed, or is not one query.
    """
    try:
        import sqlglot
        from sqlglot import exp
    except ModuleNotFoundError as error:
        raise missing_extra("sql", "Reading SQL needs", error) from None
    if not isinstance(dialect, str) or dialect.lower() not in _dialects(sqlglot):
        raise ConfigError(
            f"dialect={value_text(dialect)}: expected one of {', '.join(_dialects(sqlglot))}.",
            setting="dialect",
        )
    dialect = dialect.lower()
    text, tokens = _read(sql, dialect, lambda: _without_comments(sql, dialect))
    if not tokens or tokens[0].text.upper() not in _FIRST_WORDS:
        first = snippet(tokens[0].text) if tokens else ""
        raise _refused(sql, f"begins with {first!r}, not as a query does" if first else "is empty")
    if (word := _next_statement(tokens, dialect)) is not None:
        raise _refused(sql, f"has {word!r}, behind which {dialect} reads another statement")
    trees = [
        tree for tree in _read(sql, dialect, lambda: sqlglot.parse(text, read=dialect)) if tree is not None
    ]
    if len(trees) != 1:
        raise _refused(sql, f"has {len(trees)} statements")
    if not isinstance(trees[0], exp.Select | exp.SetOperation | exp.Subquery | exp.Values):
        raise _refused(sql, "is not a query")
    quoted_names = [token.text for token in tokens if token.token_type.name == "IDENTIFIER"]
    parts = [part for name in quoted_names for part in name.split(".")]  # BigQuery quotes them together
    calls = [
        token.text
        for token, following in pairwise(tokens)
        if token.token_type.name == "IDENTIFIER" and following.text == "("
    ]
    return Statement(text, dialect, trees[0], frozenset(quoted_names + parts), frozenset(calls))


def _next_statement(tokens: list[Any], dialect: str) -> str | None:
    """Return what divides two statements and is no semicolon: sqlglot reads them as one query."""
    if dialect == "snowflake":
        words = {token.text for token in tokens if token.token_type.name == "DARROW"}  # ->>
    elif dialect in _NO_SEMICOLONS:
        names = {"IDENTIFIER", "STRING", "NATIONAL_STRING"}
        words = {token.text.upper() for token in tokens if token.token_type.name not in names} & _STATEMENTS
    else:
        return None
    return min(words, default=None)


def _read(sql: str, dialect: str, read: Callable[[], _T]) -> _T:
    """Return what sqlglot makes of SQL; any failure of it, not its own errors alone, is a refusal."""
    try:
        return read()
    except RecursionError:
        raise _refused(sql, "is nested too deeply to be read") from None
    except Exception as error:  # noqa: BLE001 - of malformed SQL some versions raise a TypeError
        reason = re.sub(r"\x1b\[\d*m", "", str(error)).partition("\n")[0]
        raise _refused(sql, f"cannot be read as {dialect}: {snippet(reason, _SHOWN)}") from None


def parse_any(sql: str) -> Statement:
    """Return SQL as a statement of the first of the common dialects that can read it."""
    for dialect in _COMMON_DIALECTS[:-1]:
        try:
            return parse(sql, dialect)
        except QueryRefused:
            pass
    return parse(sql, _COMMON_DIALECTS[-1])


def _dialects(sqlglot: Any) -> list[str]:
    return sorted(name for name in sqlglot.Dialects.__members__.values() if name)


def _without_comments(sql: str, dialect: str) -> tuple[str, list[Any]]:
    """Return SQL without comments and the semicolon at its end, and its tokens.

    What sqlglot takes for a comment may be SQL to the warehouse (``/*! ... */`` in MySQL), so only what was
    parsed is sent.
    """
    import sqlglot

    tokens = sqlglot.tokenize(sql, read=dialect)
    while tokens and tokens[-1].token_type.name == "SEMICOLON":
        tokens.pop()
    parts: list[str] = []
    end = 0
    for token in tokens:
        gap = sql[end : token.start]
        parts += [gap if not gap.strip() else re.sub(r"\S", "", gap) or " ", sql[token.start : token.end + 1]]
        end = token.end + 1
    return "".join(parts).strip(), tokens


def _refused(sql: str, reason: str, advice: str = "", functions: tuple[str, ...] = ()) -> QueryRefused:
    message = with_excerpt(f"The SQL {reason}. Nothing was sent:", excerpt(sql, _SHOWN), advice)
    return QueryRefused(message, functions=functions)


# --- what is refused ----------------------------------------------------------------------------------


def _reasons(node: exp.Expr, statement: Statement) -> Iterator[str]:
    """Yield why a node may not be part of a query, as predicates of the SQL."""
    from sqlglot import exp

    kind = type(node).__name__
    known = kind in _PARTS or (isinstance(node, exp.Condition) and kind not in _REFUSED_CONDITIONS)
    if not known or kind.lower() in REFUSED:
        yield f"has {kind}, which is not allowed in a query"
    for clause in _REFUSED_CLAUSES:
        if isinstance(node, exp.Select | exp.SetOperation | exp.Table | exp.Subquery) and node.args.get(
            clause
        ):
            yield f"has the clause {clause.upper()}"
    if isinstance(node, exp.Table):
        yield from _table_reasons(node, statement)
    if isinstance(node, exp.TableFromRows) and not isinstance(node.this, exp.Func):
        yield "has a text in place of a table"
    if isinstance(node, exp.PropertyEQ) and not isinstance(node.parent, exp.Func):  # of an argument
        yield "sets a variable"
    if isinstance(node, exp.Column) and node.table and node.name.lower() == "nextval":
        yield "advances a sequence"


def _table_reasons(table: exp.Table, statement: Statement) -> Iterator[str]:
    from sqlglot import exp

    if isinstance(table.this, exp.Func):
        if not isinstance(table.this, exp.Anonymous) and type(table.this).__name__.lower() not in EXPANSIONS:
            yield f"has the function {type(table.this).__name__} in FROM"
        return
    if table.args.get("rows_from"):
        return  # its functions are tables, which are nodes of their own
    if not all(isinstance(part, exp.Identifier) for part in table.parts):
        yield "reads from something that is not named as a table is"
        return
    names = [part.name for part in table.parts]
    path = ".".join(names)
    if any(map(_PATH.search, names)) or (statement.dialect != "bigquery" and "*" in path):
        yield f"reads the file {snippet(path)!r}"
    elif statement.dialect in _FILES_AS_TABLES and (
        _FILE.fullmatch(path) or any("." in name for name in names)
    ):
        yield f"reads {snippet(path)!r}, which may be a file"
    elif statement.dialect in _FORMATS_AS_SCHEMAS and table.text("db").lower() in _FORMATS:
        yield f"reads {snippet(path)!r}, which is a file"
    elif statement.dialect == "sqlite" and _SQLITE_FUNCTIONS.fullmatch(names[-1]):
        yield f"has the function {snippet(path)} in FROM"
    elif any(part.args.get("quoted") and part.name not in statement.quoted_names for part in table.parts):
        yield f"has the text {snippet(path)!r} in place of a table"


def _unknown_quoted_functions(statement: Statement, allowed: Collection[str]) -> list[str]:
    """Return names of functions in quotes, which sqlglot reads in any case: ``"Lower"`` is not ``lower``."""
    from sqlglot import exp

    aliases = {alias.name for alias in statement.tree.find_all(exp.TableAlias)}
    return [name for name in sorted(statement.quoted_calls - aliases) if name.lower() not in allowed]


def _unknown_function(node: exp.Expr, allowed: Collection[str]) -> str | None:
    """Return the name of a function that is neither known nor allowed, None if the node is none."""
    from sqlglot import exp

    parent = node.parent
    schema = ""
    if isinstance(node, exp.Func) and isinstance(parent, exp.Dot) and node.arg_key == "expression":
        schema = parent.this.sql()
    elif isinstance(node, exp.Func) and isinstance(parent, exp.Table) and node.arg_key == "this":
        schema = ".".join(part.name for part in parent.parts if isinstance(part, exp.Identifier))
    if not isinstance(node, exp.Anonymous) and not schema:
        return None
    own = node.name if isinstance(node, exp.Anonymous) else type(node).__name__
    name = f"{schema}.{own}" if schema else own
    return None if name.lower() in {*HARMLESS, *allowed} else name
