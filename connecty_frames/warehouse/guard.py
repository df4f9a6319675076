"""The guard: which SQL may be sent to a warehouse.

The SQL comes from a server, where a model wrote it. Before it is sent to a warehouse, its text and parse tree
are checked. It must be one query that every lexer reads alike, made only of known parts and of functions
known to compute values. What is not known is refused. ``docs/design/warehouse.md`` says what this can and
cannot prevent.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeVar

from connecty_frames._base.text import excerpt, quoted, snippet, with_excerpt
from connecty_frames.errors import QueryRefused, missing_extra, wrong_value
from connecty_frames.warehouse.dotted_calls import functions_by_dot
from connecty_frames.warehouse.functions import FUNCTIONS, ROWS, SYNTAX, WORDS
from connecty_frames.warehouse.tokens import (
    POSTGRES_KIN,
    SPARK_KIN,
    quiet,
    raw,
    text_reasons,
    without_comments,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlglot import exp

_T = TypeVar("_T")

#: Classes of sqlglot of which a query is made, apart from functions.
_PARTS: Final = frozenset(
    """
    Add Adjacent Alias Aliases All Any AtIndex AtTimeZone Between BitString BitwiseAnd BitwiseLeftShift
    BitwiseNot BitwiseOr BitwiseRightShift BitwiseXor Boolean Bracket ByteString CTE CharacterSet Cluster
    Column ColumnDef Comprehension Connect Cube DPipe DataType DataTypeParam Distance DistanceNd Distinct
    Distribute Div Dot EQ Escape Except ExtendsLeft ExtendsRight Fetch Filter Final FormatJson FormatPhrase
    From FromTimeZone GT GTE Glob Group GroupingSets Having HavingMax Heredoc HexString HistoricalData ILike
    Identifier IgnoreNulls In IntDiv Intersect Interval IntervalSpan Introducer Is JSON JSONColumnDef
    JSONExtractQuote JSONKeyValue JSONPath JSONPathFilter JSONPathKey JSONPathRecursive JSONPathRoot
    JSONPathSelector JSONPathSlice JSONPathSubscript JSONPathUnion JSONPathWildcard JSONSchema JSONValue Join
    Kwarg LT LTE Lambda Lateral Like Limit LimitOptions Literal Match MatchRecognize MatchRecognizeMeasure
    Mod Mul NEQ National Neg NestedJSONSelect Not Null NullSafeEQ NullSafeNEQ ObjectIdentifier Offset
    OnCondition Order Ordered OverflowTruncateBehavior Overlaps Paren Pivot PivotAlias PivotAny
    PositionalColumn PreWhere Prior PropertyEQ PseudoType Pseudocolumn Qualify RawString RecursiveWithSearch
    RespectNulls Rollup Select SimilarTo Slice Sort Star Sub Subquery Table TableAlias TableColumn
    TableFromRows TableSample TranslateCharacters Tuple Union UnpivotColumns Unnest Values Var Variadic
    Version Where Window WindowSpec With WithFill WithinGroup
    """.split()
)
#: The clauses of queries and of tables, as sqlglot calls them, without the underscore that some versions add.
_CLAUSES: Final = frozenset(
    """
    alias by_name catalog cluster connect db distinct distribute except exclude expression expressions
    from group having indexed joins kind laterals limit match offset on only operation_modifiers order
    ordinality pivots prewhere qualify rename replace rows_from sample side sort this version when where
    windows with
    """.split()
)
#: Classes of sqlglot of functions that may stand in FROM.
_ROW_CLASSES: Final = frozenset(name.replace("_", "") for name in ROWS) | {
    "_explodeouter",
    "explodinggenerateseries",
}
#: How a query begins. Other words begin other statements, which are not even parsed.
_FIRST_WORDS: Final = frozenset({"SELECT", "WITH", "(", "FROM", "TABLE", "VALUES"})
#: A name without quotes.
_WORD: Final = re.compile(r"[^\W\d][\w$]*")
_QUOTES: Final = "'\"`]"
_PATH: Final = re.compile(r"[/\\:]")
#: Schemas of Spark that are formats, by name or by class: the name of the table is the path of a file.
_FORMAT: Final = re.compile(
    r".*\..*|avro|binaryfile|cobol|csv|delta|excel|geojson|geoparquet|hudi|iceberg|image|jdbc|json|libsvm|orc|"
    r"parquet|pdf|protobuf|raster|shapefile|text|xml",
    re.IGNORECASE,
)
#: Functions that stand in FROM without a parenthesis: of SQLite, and PostgreSQL's values.
_SQLITE_FUNCTIONS: Final = re.compile(
    r"pragma_.*|bytecode|completion|dbstat|fsdir|sqlite_dbpage|sqlite_stmt|tables_used|zipfile", re.IGNORECASE
)
_POSTGRES_VALUES: Final = re.compile(
    r"current_\w+|localtime|localtimestamp|session_user|system_user|user", re.IGNORECASE
)
#: Views of PostgreSQL that read files of the server.
_POSTGRES_FILES: Final = frozenset({"pg_file_settings", "pg_hba_file_rules", "pg_ident_file_mappings"})
#: The dialects in which a text can be the alias of a column.
_TEXT_ALIASES: Final = frozenset({"duckdb", "mysql", "sqlite", "tsql", "fabric"})
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
    """A query that was parsed."""

    sql: str  # without comments and the semicolon at its end
    dialect: str  # as sqlglot calls it
    tree: exp.Expr
    tokens: list[Any]  # of ``sql``
    allowed: frozenset[str] = frozenset()  # further functions, in lower case


def check(sql: str, dialect: str, functions: Collection[str] = ()) -> Statement:
    """Return SQL as a statement that may be sent; raises ConfigError or QueryRefused."""
    # ``functions`` are further ones that are allowed, with their schema if the SQL writes one.
    if (
        isinstance(functions, str)
        or not isinstance(functions, Collection)
        or not all(isinstance(name, str) for name in functions)
    ):
        raise wrong_value("functions", functions, "names of functions, such as ('my_schema.f',)")
    statement = parse(sql, dialect)
    statement = replace(statement, allowed=frozenset(name.lower() for name in functions))
    for reason in _read(statement.sql, dialect, lambda: list(_reasons(statement))):
        raise refused(statement.sql, reason)
    unknown = _read(statement.sql, dialect, lambda: list(dict.fromkeys(_unknown_functions(statement))))
    if unknown:
        raise unknown_functions(statement.sql, unknown)
    return statement


def parse(sql: str, dialect: str) -> Statement:
    """Return SQL as one query, otherwise unchecked; raises QueryRefused or, for the dialect, ConfigError."""
    try:
        import sqlglot
        from sqlglot import exp
    except ModuleNotFoundError as error:
        raise missing_extra("sql", "Reading SQL needs", error) from None
    if not isinstance(dialect, str) or dialect.lower() not in _dialects(sqlglot):
        raise wrong_value("dialect", dialect, f"one of {', '.join(_dialects(sqlglot))}")
    dialect = dialect.lower()
    written = _read(sql, dialect, lambda: sqlglot.tokenize(sql, read=dialect))
    while written and written[-1].token_type.name == "SEMICOLON":
        written.pop()
    text = without_comments(sql, written)
    tokens = _read(sql, dialect, lambda: sqlglot.tokenize(text, read=dialect))
    if not written or written[0].text.upper() not in _FIRST_WORDS:
        first = snippet(written[0].text) if written else ""
        advice = "Write SELECT ... FROM ... PIVOT (... IN ('a', 'b'))." if first.upper() == "PIVOT" else ""
        raise refused(sql, f"begins with {first!r}, unlike a query" if first else "is empty", advice)
    if [token.text for token in tokens] != [token.text for token in written]:
        raise refused(sql, "reads differently without its comments")
    if (word := _next_statement(tokens, dialect)) is not None:
        raise refused(sql, f"has {word!r}, after which {dialect} reads another statement")
    trees = [
        tree for tree in _read(sql, dialect, lambda: sqlglot.parse(text, read=dialect)) if tree is not None
    ]
    if len(trees) != 1:
        raise refused(sql, f"has {len(trees)} statements")
    if not isinstance(trees[0], exp.Select | exp.SetOperation | exp.Subquery | exp.Values):
        raise refused(sql, "is not a query")
    return Statement(text, dialect, trees[0], tokens)


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
        with quiet():
            return read()
    except RecursionError:
        raise refused(sql, "is nested too deeply to be read") from None
    except Exception as error:  # noqa: BLE001 - of malformed SQL some versions raise a TypeError
        reason = re.sub(r"\x1b\[\d*m", "", str(error)).partition("\n")[0]
        raise refused(sql, f"cannot be read as {dialect}: {snippet(reason, _SHOWN)}") from None


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


def refused(sql: str, reason: str, advice: str = "", functions: tuple[str, ...] = ()) -> QueryRefused:
    """Return the error for SQL, with the reason as its predicate."""
    message = with_excerpt(f"The SQL {reason}. Nothing was sent:", excerpt(sql, _SHOWN), advice)
    return QueryRefused(message, functions=functions)


def unknown_functions(sql: str, names: Sequence[str]) -> QueryRefused:
    """Return the error for SQL that calls functions of these names."""
    return refused(
        sql,
        f"calls {quoted(names)}, and it is unknown whether that only computes a value",
        f"If so, allow it with functions=({quoted(names)},).",
        functions=tuple(names),
    )


# --- what is refused ----------------------------------------------------------------------------------


def _reasons(statement: Statement) -> Iterator[str]:
    """Yield why a query may not be sent, as predicates of the SQL."""
    from sqlglot import exp

    yield from text_reasons(statement.sql, statement.tokens, statement.dialect)
    places = {token.start: token for token in statement.tokens}
    for node in statement.tree.walk():
        kind = type(node).__name__
        called = isinstance(node, exp.Func) and "start" in node.meta  # by a name, which is checked
        if not (called or kind in _PARTS or kind in SYNTAX):
            yield f"has {kind}, which is not allowed in a query"
        if isinstance(node, exp.Select | exp.SetOperation | exp.Table | exp.Subquery):
            clauses = {clause.rstrip("_") for clause, value in node.args.items() if value}
            yield from (f"has the clause {clause.upper()}" for clause in sorted(clauses - _CLAUSES))
        if isinstance(node, exp.Identifier):
            yield from _name_reasons(node, statement, places)
        elif isinstance(node, exp.Table):
            yield from _table_reasons(node, statement)
        elif isinstance(node, exp.TableFromRows) and not isinstance(node.this, exp.Func):
            yield "has a text instead of a table"
        elif isinstance(node, exp.PropertyEQ) and not isinstance(node.parent, exp.Func):  # of an argument
            yield "sets a variable"
        elif kind == "Generator" and not _is_bounded(node):
            yield "has GENERATOR with more than a ROWCOUNT"


def _is_bounded(generator: exp.Expr) -> bool:
    """Return whether Snowflake's GENERATOR has a number of rows alone: a TIMELIMIT may be an hour."""
    from sqlglot import exp

    given = {name: value for name, value in generator.args.items() if value}
    return set(given) == {"rowcount"} and isinstance(given["rowcount"], exp.Literal)


def _name_reasons(node: exp.Identifier, statement: Statement, places: dict[int, Any]) -> Iterator[str]:
    """Yield why a name is not written as one, or is that of a sequence."""
    from sqlglot import exp

    parent, of_table = node.parent, isinstance(node.parent, exp.Table)
    token = places.get(node.meta.get("start", -1))
    if token is None:  # made by sqlglot, as the columns of PIVOT are
        good = not of_table
    elif token.token_type.name in {"IDENTIFIER", "STRING"}:
        is_alias = statement.dialect in _TEXT_ALIASES and isinstance(parent, exp.Alias)
        good = token.token_type.name == "IDENTIFIER" or is_alias
    else:  # BigQuery has my-project.data.events
        dashed = statement.dialect == "bigquery" and of_table
        good = bool(
            re.fullmatch(r"[\w*-]+", node.name) if dashed else _WORD.fullmatch(raw(statement.sql, token))
        )
    if not good:
        yield f"has the text {snippet(node.name)!r} instead of a {'table' if of_table else 'name'}"
    if node.name.lower() == "nextval" and (isinstance(parent, exp.Dot) or (parent and parent.text("table"))):
        yield "advances a sequence"


def _table_reasons(table: exp.Table, statement: Statement) -> Iterator[str]:
    from sqlglot import exp

    if table.args.get("rows_from"):
        return  # its functions are tables, which are nodes of their own
    if isinstance(table.this, exp.Func):
        kind = type(table.this).__name__
        if not isinstance(table.this, exp.Anonymous) and kind.lower() not in _ROW_CLASSES:
            yield f"has the function {kind} in FROM"
        return
    if not all(isinstance(part, exp.Identifier) for part in table.parts):
        yield "reads from something that is not named like a table"
        return
    names = [part.name for part in table.parts]
    path = ".".join(names)
    if any(map(_PATH.search, names)) or (statement.dialect != "bigquery" and "*" in path):
        yield f"reads the file {snippet(path)!r}"
    elif statement.dialect in SPARK_KIN and names[:-1] and _FORMAT.fullmatch(names[-2]):
        yield f"reads {snippet(path)!r}, which is a file"
    elif statement.dialect in POSTGRES_KIN and names[-1].lower() in _POSTGRES_FILES:
        yield f"has {snippet(path)!r}, which reads files of the server"
    elif (statement.dialect == "sqlite" and _SQLITE_FUNCTIONS.fullmatch(names[-1])) or (
        statement.dialect in POSTGRES_KIN
        and not table.this.args.get("quoted")
        and _POSTGRES_VALUES.fullmatch(path)
    ):
        yield f"has the function {snippet(path)} in FROM"


def _unknown_functions(statement: Statement) -> Iterator[str]:
    """Yield the names of functions that are neither known nor allowed."""
    from sqlglot import exp

    tree, allowed = statement.tree, statement.allowed
    known = FUNCTIONS | ROWS | allowed
    sources = {
        source.this.meta.get("start")
        for source in tree.find_all(exp.Table, exp.Lateral, exp.TableFromRows)
        if isinstance(source.this, exp.Func)
    }
    for token, name in _calls(statement):
        if not _WORD.match(token.text) or token.token_type.name == "IDENTIFIER":
            good: Collection[str] = allowed
        elif token.start in sources:
            good = ROWS | allowed
        else:
            good = known if "." in name else known | WORDS
        if name.lower() not in good:
            yield name
    words = {token.start: token.text for token in statement.tokens}
    for node in tree.find_all(exp.Func):  # those that are called as keywords are
        name = words.get(node.meta.get("start", -1), "")
        if name.lower() in WORDS - known:
            yield name
    if statement.dialect in POSTGRES_KIN:
        yield from functions_by_dot(tree, words, allowed)


def _calls(statement: Statement) -> Iterator[tuple[Any, str]]:
    """Yield each word or quote that a parenthesis follows, and its name with what stands before its dots."""
    from sqlglot import exp

    aliases = [alias.this for alias in statement.tree.find_all(exp.TableAlias) if alias.this is not None]
    places = {alias.meta.get("start") for alias in aliases}
    tokens = statement.tokens
    for position, (token, following) in enumerate(pairwise(tokens)):
        text = raw(statement.sql, token)
        if following.token_type.name != "L_PAREN" or token.start in places or not re.search(r"\w", text):
            continue
        name = token.text if text[-1] in _QUOTES else token.text.split()[-1]  # GROUPING SETS is one token
        first = position
        while first > 1 and tokens[first - 1].token_type.name == "DOT":
            first -= 2
            name = f"{tokens[first].text}.{name}"
        if statement.dialect == "bigquery" and name.lower().startswith("safe."):
            name = name[len("safe.") :]  # it calls the function, and returns NULL for an error
        yield token, name
