"""Hostile texts: known attacks, and ordinary queries and attacks that were changed at random."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Final

from tests.verification.fuzz_guard.ordinary import queries

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ATTACKS", "texts"]

#: Attacks that every version of the guard has to refuse; those of all databases under "".
ATTACKS: Final[dict[str, list[str]]] = {
    "": [
        "SELECT leak(1) AS a",
        "SELECT main.leak(1) AS a",
        'SELECT "leak"(1) AS a',
        "SELECT 1 /*! , leak(1) */ AS a",
        "SELECT 1 -- \n, leak(1) AS a",
        "SELECT a FROM leak(1) AS t(a)",
        "WITH leak(a) AS (SELECT 1) SELECT leak(1) FROM leak",
        "SELECT CASE WHEN 1 = 1 THEN leak(1) END AS a",
        "SELECT $$a$$, a$$b$$ FROM orders",
        "SELECT lea\u212a(1) AS a",
        "SELECT \u017fum(total) AS a FROM orders",
        "SELECT 1 AS a FROM orders ORDER BY leak(1)",
        "SELECT 1 AS a UNION SELECT leak(1)",
        "SELECT 1;SELECT leak(1)",
        "SELECT 'a\\', leak(1), '",
        "SELECT 'a\\'', leak(1) --'",
    ],
    "postgres": [
        "SELECT x.u&\"pg_read_file\" AS a FROM unnest(ARRAY['/etc/hostname']) AS x(u)",
        'SELECT x.U&"leak" AS a FROM unnest(ARRAY[1]) AS x(U)',
        f"SELECT {'a' * 63}.pg_read_file AS a FROM unnest(ARRAY['/etc/hostname']) AS {'a' * 63}b(u)",
        "SELECT pg_read_file.pg_read_file FROM jsonb_array_elements_text('[\"/etc/group\"]') AS pg_read_file",
        "SELECT x.pg_ls_dir AS a FROM current_user AS x",
        "SELECT x.pg_ls_dir AS a FROM user AS x",
        "SELECT x.pg_ls_dir AS a FROM current_catalog x",
        "SELECT x.leak AS a FROM cast('a' as text) AS x",
        "SELECT x.leak AS a FROM coalesce('a') AS x",
        "SELECT x.leak AS a FROM lower('a') AS x",
        "SELECT x.leak AS a FROM date_trunc('day', now()) AS x",
        "SELECT x.leak AS a FROM extract(year from now()) AS x",
        "SELECT ('/etc/hostname').pg_read_file AS a",
        "SELECT (ARRAY['/etc/hostname'])[1].pg_read_file AS a",
        "SELECT c.tags[1].pg_read_file AS a FROM customers c",
        "SELECT tags[1].pg_read_file AS a FROM customers",
        "SELECT (c.name).pg_read_file AS a FROM customers c",
        "SELECT ((SELECT '/etc/hostname'::text)).pg_read_file AS a",
        "SELECT TREAT('/etc/hostname' AS pg_read_file) AS a",
        "SELECT x.pg_advisory_loc\u212a AS a FROM unnest(ARRAY[1]) AS x(pg_advisory_lock)",
        "SELECT x.pg_advisory_lock AS a FROM unnest(ARRAY[1]) AS x(pg_advisory_loc\u212a)",
        'SELECT x.pg_sleep AS a FROM unnest(ARRAY[1]) AS x("PG_SLEEP")',
        "SELECT x.leak AS a FROM unnest(ARRAY[1]) WITH ORDINALITY AS x(b)",
        "SELECT x.leak AS a FROM generate_series(1, 2) x",
        "SELECT x.leak AS a FROM ROWS FROM (generate_series(1, 2)) x",
        "SELECT generate_series.leak AS a FROM generate_series(1, 2)",
        "SELECT leak.leak AS a FROM unnest(ARRAY[1]) AS leak(b)",
        "SELECT (x).leak AS a FROM generate_series(1, 2) AS x",
        "SELECT x.leak AS a FROM orders, LATERAL generate_series(1, 2) AS x",
        'SELECT U&"lea\\006B"(1) AS a',
        "SELECT leak\u00a0(1) AS a",
        "SELECT 1 OPERATOR(public.+) 1 AS a",
        "SELECT E'a\\', leak(1), --'",
        "SELECT E'\\'', leak(1), '' AS a",
        "SELECT 1 AS a FROM orders TABLESAMPLE SYSTEM (leak(1))",
        "SELECT count(*) OVER leak(1) AS a FROM orders",
    ],
    "duckdb": [
        "SELECT content AS a FROM read_text \ufeff('/etc/hostname')",
        "SELECT content AS a FROM read_text \u200b('/etc/hostname')",
        "SELECT content AS a FROM read_text \u2060('/etc/hostname')",
        "SELECT * FROM query \ufeff('SELECT leak(1)')",
        "SELECT * FROM read_csv\u00a0('https://127.0.0.1/x.csv')",
        "SELECT a FROM (TABLE 'p.csv')",
        'SELECT a FROM (TABLE "p.csv")',
        "SELECT a FROM p.csv",
        'SELECT a FROM "p.csv"',
        "FROM g.geojson",
        "FROM other.ddb",
        "FROM x.gpkg",
        "FROM secret_frame",
        "FROM other.leaked",
        "FROM other.main.leaked",
        'WITH "p.csv" AS (SELECT * FROM "p.csv") SELECT * FROM "p.csv"',
        'WITH q AS (SELECT * FROM "p.csv"), "p.csv" AS (SELECT 1 AS a) SELECT * FROM q',
        'SELECT * FROM (WITH "p.csv" AS (SELECT 1 AS a) SELECT * FROM "p.csv") AS x, "p.csv"',
        'WITH RECURSIVE "p.csv" AS (SELECT a FROM "p.csv" UNION ALL SELECT 1) SELECT a FROM "p.csv"',
        'WITH "p\u212a.csv" AS (SELECT 1 AS a) SELECT * FROM "pk.csv"',
        'WITH "p.csv" AS MATERIALIZED (SELECT * FROM "p.csv") SELECT 1',
        "SELECT (WITH secret_frame AS (SELECT 1 AS a) FROM secret_frame), a FROM secret_frame",
        "SELECT 'x'.leak()",
        "SELECT 1 FROM LATERAL .leak()",
        "SELECT list_transform([1], lambda x: leak(x))",
        "SELECT list_transform([1], x -> leak(x))",
        "SELECT name::inet FROM customers",
        "SELECT * FROM (DESCRIBE customers)",
        "WITH q AS (DELETE FROM customers RETURNING *) SELECT * FROM q",
    ],
    "sqlite": [
        "SELECT file FROM pragma_database_list",
        "SELECT * FROM pragma_table_info('customers')",
        "SELECT * FROM [pragma_compile_options]",
        "SELECT load_extension('x')",
        "SELECT $leak(1)",
        "SELECT @leak FROM customers",
        "SELECT [leak](1)",
        "SELECT `leak`(1)",
        "SELECT * FROM dbstat",
        "SELECT name 'leak'(1) FROM customers",
    ],
}
_WORD: Final = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\$\$.*?\$\$|\w+|\s+|[^\w\s]""", re.DOTALL)
_FUNCTIONS: Final = ["leak", "leak", "lower", "sum", "count", "unnest", "generate_series", "abs", "coalesce"]
_DANGEROUS: Final = {
    "postgres": ["pg_read_file", "pg_sleep", "pg_ls_dir", "pg_terminate_backend", "lo_create", "set_config"],
    "duckdb": ["read_text", "read_csv", "glob", "query", "current_setting", "sleep_ms", "query_table"],
    "sqlite": ["load_extension", "pragma_table_info", "randomblob", "sqlite_log", "last_insert_rowid"],
}
_TABLES: Final = [
    "orders",
    "customers",
    "p.csv",
    '"p.csv"',
    "'p.csv'",
    "secret_frame",
    "other.leaked",
    "g.geojson",
]
_SPACES: Final = [
    *" \t\n\r\f\v\u00a0\ufeff\u200b\u2060\u2028\u3000\u1680\u0085\u180e\u202f\\",
    "", "/**/", "/* x */", "-- x\n", "/*/**/*/", "#\n", "//\n", "/*!*/", "/*+ x */",
]  # fmt: skip
_PIECES: Final = [
    *r"""
    . , ( ) [ ] { } ' " ` $ $$ $a$ & u&" U&' E' N' x' b' r' :: : @ # % ^ | || -> ->> => := ? ! ~ - + * /
    \ '' "" ; 1 1e 0x 1_0 1L .5 a x u t AS FROM SELECT TABLE WITH LATERAL IN OVER FILTER VALUES UNION
    WHERE LIMIT JOIN ON USING THEN END NOT NULL CAST INTERVAL ARRAY DISTINCT EXISTS RECURSIVE
    MATERIALIZED ORDINALITY COLLATE IS LIKE ESCAPE current_user user localtime TREAT OPERATOR PIVOT
    TABLESAMPLE QUALIFY
    """.split(),
    *"\u212a\u017f\u0131\u00df",
    "ROWS FROM", "UNION ALL", "ORDER BY", "CASE WHEN", "AT TIME ZONE",
]  # fmt: skip


def texts(dialect: str, seed: int) -> Iterator[str]:
    """Yield the known attacks, then changed texts without end."""
    random_ = random.Random(f"{dialect} {seed}")
    attacks = ATTACKS[""] + ATTACKS[dialect]
    yield from attacks
    ordinary = [text for its_dialect, text in queries() if its_dialect == dialect]
    # Short ones are changed as well as long ones, and faster.
    seeds = [text for text in ordinary if len(text) < 260] + attacks * 2 + _calls(dialect)
    while True:
        text = random_.choice(seeds)
        for _ in range(random_.choice((1, 1, 1, 2, 2, 3, 4))):
            text = _changed(text, dialect, random_, seeds)
        yield text


def _calls(dialect: str) -> list[str]:
    """Return small queries in which a name stands in every place."""
    names = ["leak", *_DANGEROUS[dialect]]
    shapes = [
        "SELECT x.{} FROM unnest(ARRAY[1]) AS x",
        "SELECT x.{} FROM generate_series(1, 2) AS x({})",
        "SELECT (name).{} FROM customers",
        "SELECT {} FROM orders AS {}",
        "SELECT o.total {} FROM orders o",
        "WITH {} AS (SELECT 1 AS a) SELECT a FROM {}",
        "SELECT a FROM (SELECT 1 AS a) {}",
        "SELECT sum(total) AS {} FROM orders GROUP BY status",
        "SELECT a {} FROM (VALUES (1)) AS t(a)",
    ]
    return [shape.replace("{}", name) for shape in shapes for name in names]


def _changed(text: str, dialect: str, random_: random.Random, seeds: list[str]) -> str:
    """Return a text with one change."""
    words = _WORD.findall(text)
    place = random_.randrange(len(words) + 1)
    here = words[place % len(words)] if words else ""
    name = random_.choice([*_FUNCTIONS, *_DANGEROUS[dialect]])
    other = _WORD.findall(random_.choice(seeds))
    start = random_.randrange(len(other))
    quotes = random_.choice(('""', "''", "``", "[]", "$$", "()", 'u"', "{}"))
    #: How many words are replaced, and by what.
    changes: list[tuple[int, list[str]]] = [
        (0, [random_.choice(_PIECES)]),
        (1, [random_.choice(_SPACES)]),
        (0, [random_.choice(_SPACES)]),
        (random_.choice((1, 1, 2, 3)), []),
        (1, [random_.choice((name, f"{name}(1)", f"{name}({here})", f"{here}.{name}"))]),
        (1, [f"{quotes[0]}{here}{quotes[-1]}"]),
        (random_.choice((0, 1, 3)), other[start : start + random_.randrange(1, 8)]),
        (1, [random_.choice(_TABLES)]),
        (1, [here.swapcase()]),
    ]
    choice = random_.randrange(len(changes) + 3)
    if choice < len(changes):
        count, replacement = changes[choice]
        words[place : place + count] = replacement
        return "".join(words)
    if choice == len(changes):
        return f"WITH {random_.choice(_TABLES[3:])} AS (SELECT * FROM {random_.choice(_TABLES)}) {text}"
    if not here.isidentifier():
        return text
    if choice == len(changes) + 1:
        name = "n" * random_.choice((62, 63, 64))
    return re.sub(rf"\b{re.escape(here)}\b", name, text)  # everywhere
