"""Which SQL may be sent: a table of what is refused, and one of what must pass."""

from __future__ import annotations

import logging
import re

import pytest

import connecty_frames as cf
from connecty_frames.warehouse.guard import check, parse
from connecty_frames.warehouse.lineage import fingerprint, tables
from tests.cases import cases
from tests.verification.fuzz_guard.ordinary import queries

#: Dialect, SQL, and what the message says of it.
REFUSED = [
    # Other statements, several statements, no statement
    ("postgres", "DELETE FROM t", "begins with 'DELETE'"),
    ("postgres", "INSERT INTO t VALUES (1)", "begins with 'INSERT'"),
    ("postgres", "UPDATE t SET a = 1", "begins with 'UPDATE'"),
    ("postgres", "MERGE INTO t USING u ON a = b WHEN MATCHED THEN DELETE", "begins with 'MERGE'"),
    ("postgres", "DROP TABLE t", "begins with 'DROP'"),
    ("postgres", "CREATE TABLE x AS SELECT 1", "begins with 'CREATE'"),
    ("postgres", "TRUNCATE t", "begins with 'TRUNCATE'"),
    ("postgres", "COPY t TO PROGRAM 'sh'", "begins with 'COPY'"),
    ("postgres", "COPY (SELECT 1) TO '/tmp/x'", "begins with 'COPY'"),
    ("postgres", "SET ROLE admin", "begins with 'SET'"),
    ("postgres", "DO $$ BEGIN DELETE FROM t; END $$", "begins with 'DO'"),
    ("postgres", "CALL f()", "begins with 'CALL'"),
    ("postgres", "EXPLAIN ANALYZE DELETE FROM t", "begins with 'EXPLAIN'"),
    ("postgres", "VACUUM", "begins with 'VACUUM'"),
    ("postgres", "BEGIN", "begins with 'BEGIN'"),
    ("postgres", "LOCK TABLE t", "begins with 'LOCK'"),
    ("postgres", "PREPARE p AS DELETE FROM t", "begins with 'PREPARE'"),
    ("postgres", "SELECT 1; DELETE FROM t", "has 2 statements"),
    ("postgres", "SELECT 1; -- a comment\n DROP TABLE t;", "has 2 statements"),
    ("postgres", "SELECT 'a\\'; DROP TABLE t; --'", "has 2 statements"),
    ("postgres", "", "is empty"),
    ("postgres", "-- SELECT 1", "is empty"),
    ("postgres", "SELECT FROM WHERE (", "cannot be read as postgres"),
    ("postgres", "SELECT 'a", "cannot be read as postgres"),
    ("duckdb", "INSTALL httpfs", "begins with 'INSTALL'"),
    ("duckdb", "ATTACH 'x.db'", "begins with 'ATTACH'"),
    ("duckdb", "PRAGMA database_list", "begins with 'PRAGMA'"),
    ("duckdb", "PIVOT t ON a USING sum(b)", "begins with 'PIVOT'"),
    ("sqlite", "ATTACH 'x.db' AS x", "begins with 'ATTACH'"),
    ("snowflake", "PUT file:///etc/passwd @stage", "begins with 'PUT'"),
    ("bigquery", "DECLARE x INT64; SELECT 1", "begins with 'DECLARE'"),
    ("bigquery", "EXPORT DATA OPTIONS (uri = 'gs://x/*') AS SELECT 1", "begins with 'EXPORT'"),
    # Statements inside of a query
    ("postgres", "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "has Delete"),
    ("postgres", "WITH x AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x", "has Insert"),
    ("postgres", "WITH x AS (UPDATE t SET a = 1 RETURNING *) SELECT 1", "has Update"),
    ("postgres", "WITH x AS (SELECT 1) DELETE FROM t", "is not a query"),
    ("postgres", "SELECT * INTO x FROM t", "the clause INTO"),
    ("tsql", "SELECT * INTO x FROM t", "the clause INTO"),
    ("postgres", "SELECT * FROM t FOR UPDATE", "the clause LOCKS"),
    ("postgres", "SELECT * FROM (SELECT * FROM t FOR SHARE) AS x", "the clause LOCKS"),
    ("duckdb", "SELECT * FROM (DESCRIBE t)", "has Describe"),
    ("duckdb", "SELECT * FROM (SUMMARIZE t)", "has Summarize"),
    ("spark", "SELECT TRANSFORM(a) USING 'sh' FROM t", "has QueryTransform"),
    # Statements without a semicolon between them
    ("snowflake", "SELECT 1 ->> DELETE FROM t", "has '->>', after which snowflake reads another statement"),
    ("snowflake", "SELECT 'a' ->> TRUNCATE FROM t", "has '->>'"),
    ("tsql", "SELECT 1 DELETE FROM t", "has 'DELETE', after which tsql reads another statement"),
    ("tsql", "SELECT a FROM t SHUTDOWN", "has 'SHUTDOWN'"),
    ("tsql", "SELECT a FROM t exec", "has 'EXEC'"),
    # Variables, hints and settings
    ("mysql", "SELECT @a := 1", "is not allowed|sets a variable"),
    ("bigquery", "SELECT @secret", "has Parameter"),
    ("postgres", "SELECT $1", "has (Parameter|Placeholder)"),
    ("mysql", "SELECT /*+ SET_VAR(sql_mode = '') */ 1", "has Hint|the clause HINT"),
    ("tsql", "SELECT * FROM t WITH (UPDLOCK)", "has WithTableHint|the clause HINTS"),
    ("clickhouse", "SELECT 1 SETTINGS readonly = 0", "the clause SETTINGS|cannot be read"),
    ("clickhouse", "SELECT 1 FORMAT CSV", "the clause FORMAT"),
    ("mysql", "SELECT 1 INTO OUTFILE '/tmp/x'", "cannot be read|the clause INTO"),
    # Sequences
    ("postgres", "SELECT nextval('s')", "calls 'nextval'"),
    ("tsql", "SELECT NEXT VALUE FOR s", "has NextValueFor"),
    ("snowflake", "SELECT s.nextval", "advances a sequence"),
    # Functions that are not known
    ("postgres", "SELECT pg_read_file('/etc/passwd')", "calls 'pg_read_file'"),
    ("postgres", "SELECT pg_terminate_backend(1)", "calls 'pg_terminate_backend'"),
    ("postgres", "SELECT lo_import('/etc/passwd')", "calls 'lo_import'"),
    ("postgres", "SELECT lo_create(0)", "calls 'lo_create'"),
    ("postgres", "SELECT set_config('role', 'admin', false)", "calls 'set_config'"),
    ("postgres", "SELECT pg_sleep(1e9)", "calls 'pg_sleep'"),
    ("postgres", "SELECT pg_advisory_lock(1)", "calls 'pg_advisory_lock'"),
    ("postgres", "SELECT query_to_xml('DELETE FROM t', true, true, '')", "calls 'query_to_xml'"),
    ("postgres", "SELECT * FROM dblink('host=x', 'DELETE FROM t') AS t (a int)", "calls 'dblink'"),
    ("postgres", "SELECT (f(1)).*", "calls 'f'"),
    ("postgres", "SELECT a FROM t WHERE f(a)", "calls 'f'"),
    ("postgres", "SELECT a FROM t ORDER BY (SELECT max(x) FROM u WHERE g(x))", "calls 'g'"),
    ("postgres", 'SELECT "Lower"(a) FROM t', "calls 'Lower'"),
    ("postgres", 'SELECT "Now"()', "calls 'Now'"),
    ("postgres", "SELECT evil.lower(a) FROM t", r"calls 'evil\.lower'"),
    ("postgres", "SELECT evil.now()", r"calls 'evil\.now'"),
    ("postgres", "SELECT pg_catalog.set_config('role', 'admin', false)", r"calls 'pg_catalog\.set_config'"),
    ("postgres", "SELECT U&\"pg\\005fread_file\"('x')", "has U&"),
    ("postgres", "SELECT CASE WHEN true THEN pg_sleep(1) END", "calls 'pg_sleep'"),
    ("postgres", "SELECT ARRAY(SELECT lo_unlink(1))", "calls 'lo_unlink'"),
    ("postgres", "SELECT a FROM t LIMIT (SELECT pg_sleep(1))", "calls 'pg_sleep'"),
    ("postgres", "SELECT a FROM t TABLESAMPLE SYSTEM (pg_sleep(1))", "calls 'pg_sleep'|cannot be read"),
    ("postgres", "SELECT sum(pg_sleep(1)) OVER ()", "calls 'pg_sleep'"),
    ("postgres", "SELECT a FROM t JOIN u ON pg_sleep(1) IS NULL", "calls 'pg_sleep'"),
    ("postgres", "VALUES (pg_sleep(1))", "calls 'pg_sleep'"),
    ("postgres", "SELECT 1 OPERATOR(evil.+) 2", "has Operator"),
    ("postgres", "SELECT * FROM f(1)", "calls 'f'"),
    ("postgres", "SELECT * FROM ROWS FROM (f(1), g(2)) AS x", "calls 'f', 'g'"),
    ("postgres", "SELECT * FROM t, LATERAL f(t.a) AS x", "calls 'f'"),
    ("duckdb", "SELECT getenv('HOME')", "calls 'getenv'"),
    ("duckdb", "SELECT * FROM query('DELETE FROM t')", "calls 'query'"),
    ("duckdb", "SELECT * FROM duckdb_secrets()", "calls 'duckdb_secrets'"),
    ("duckdb", "SELECT * FROM glob('/*')", "calls 'glob'"),
    ("duckdb", "SELECT * FROM postgres_query('db', 'DELETE FROM t')", "calls 'postgres_query'"),
    ("duckdb", "SELECT * FROM read_json('x')", "calls 'read_json'"),
    ("duckdb", "SELECT * FROM parquet_scan('x')", "calls 'parquet_scan'|ReadParquet"),
    ("duckdb", "SELECT unnest(glob('*'))", "calls 'glob'"),
    ("duckdb", "SELECT write_log('x')", "calls 'write_log'"),
    ("sqlite", "SELECT writefile('x', 'y')", "calls 'writefile'"),
    ("sqlite", "SELECT load_extension('x.so')", "calls 'load_extension'"),
    ("sqlite", "SELECT * FROM pragma_table_info('t')", "calls 'pragma_table_info'"),
    ("mysql", "SELECT load_file('/etc/passwd')", "calls 'load_file'"),
    ("mysql", "SELECT sleep(1000)", "calls 'sleep'"),
    ("tsql", "SELECT * FROM OPENROWSET('SQLNCLI', 'x', 'DELETE FROM t')", "calls 'OPENROWSET'"),
    ("snowflake", "SELECT SYSTEM$CANCEL_QUERY('x')", r"calls 'SYSTEM\$CANCEL_QUERY'"),
    ("snowflake", "SELECT * FROM TABLE(RESULT_SCAN('x'))", "calls 'RESULT_SCAN'"),
    ("snowflake", "SELECT SNOWFLAKE.CORTEX.COMPLETE('m', 'p')", r"calls 'SNOWFLAKE\.CORTEX\.COMPLETE'"),
    ("snowflake", "SELECT GET_DDL('table', 't')", "calls 'GET_DDL'"),
    ("bigquery", "SELECT `project.dataset.f`(1)", r"calls 'project\.dataset\.f'"),
    ("bigquery", "FROM t |> EXPORT DATA OPTIONS (uri = 'x')", "cannot be read|is not a query"),
    ("bigquery", "SELECT * FROM EXTERNAL_QUERY('c', 'DELETE FROM t')", "calls 'EXTERNAL_QUERY'"),
    ("databricks", "SELECT secret('scope', 'key')", "has Secret|calls 'secret'"),
    ("databricks", "SELECT http_request(conn => 'x')", "calls 'http_request'"),
    ("databricks", "SELECT java_method('java.lang.Runtime', 'exec')", "calls 'java_method'"),
    ("databricks", "SELECT reflect('java.lang.System', 'exit')", "calls 'reflect'"),
    ("databricks", "SELECT ai_query('model', a) FROM t", "calls 'ai_query'"),
    ("clickhouse", "SELECT * FROM url('http://x')", "calls 'url'"),
    (
        "trino",
        "SELECT * FROM TABLE(system.query(query => 'DELETE FROM t'))",
        r"calls 'TABLE', 'system\.query'",
    ),
    # Functions of PostgreSQL behind a dot
    ("postgres", "SELECT ('/etc/passwd').pg_read_file", "calls 'pg_read_file'"),
    ("postgres", "SELECT (SELECT 9::float8).pg_sleep", "calls 'pg_sleep'"),
    ("postgres", "SELECT (ARRAY['/etc/passwd'])[1].pg_read_file", "calls 'pg_read_file'"),
    (
        "postgres",
        "SELECT (x.a).pg_read_file FROM (SELECT '/etc/passwd'::text AS a) AS x",
        "calls 'pg_read_file'",
    ),
    ("postgres", "SELECT x.pg_read_file FROM unnest(ARRAY['/etc/passwd']) AS x", "calls 'pg_read_file'"),
    ("postgres", "SELECT 1 FROM unnest(ARRAY[9]) AS x (y) ORDER BY X.pg_sleep", "calls 'pg_sleep'"),
    ("postgres", "SELECT x.pg_sleep FROM LATERAL unnest(ARRAY[9]) AS x", "calls 'pg_sleep'"),
    ("postgres", "SELECT x.pg_sleep FROM ROWS FROM (unnest(ARRAY[9])) AS x", "calls 'pg_sleep'"),
    ("postgres", "SELECT x.lo_create FROM ROWS FROM (f(1), g(2)) AS x", "calls 'f', 'g', 'lo_create'"),
    ("postgres", "SELECT unnest.pg_sleep FROM unnest(ARRAY[9])", "calls 'pg_sleep'"),
    ("postgres", "SELECT generate_series.lo_create FROM generate_series(1, 2)", "calls 'lo_create'"),
    ("postgres", "SELECT pg_sleep.pg_sleep FROM unnest(ARRAY[9]) AS pg_sleep (y)", "calls 'pg_sleep'"),
    ("postgres", 'SELECT x.pg_sleep FROM unnest(ARRAY[9]) AS x ("PG_SLEEP")', "calls 'pg_sleep'"),
    (
        "postgres",
        "SELECT x.pg_sleep FROM unnest(a) AS x WHERE EXISTS (SELECT 1 FROM unnest(b) AS x (pg_sleep))",
        "calls 'pg_sleep'",
    ),
    (
        "postgres",
        "SELECT x.lo_create FROM unnest(a) AS x WHERE EXISTS (SELECT 1 FROM t AS x)",
        "calls 'lo_create'",
    ),
    ("postgres", "SELECT j.pg_read_file FROM jsonb_array_elements_text(a) AS j", "calls 'pg_read_file'"),
    # Known functions that do more than compute
    ("duckdb", "SELECT (SELECT a FROM t WHERE read_csv('x'))", "calls 'read_csv'"),
    ("duckdb", "SELECT * FROM read_csv('/etc/passwd')", "ReadCSV in FROM"),
    ("duckdb", "SELECT * FROM read_parquet('s3://x')", "ReadParquet in FROM"),
    ("bigquery", "SELECT * FROM ML.PREDICT(MODEL m, TABLE t)", "Predict in FROM"),
    ("snowflake", "SELECT * FROM IDENTIFIER('t')", "DynamicIdentifier in FROM|calls 'IDENTIFIER'"),
    # Files and texts as tables
    ("duckdb", "SELECT * FROM '/etc/passwd'", "reads the file '/etc/passwd'"),
    ("duckdb", "SELECT * FROM t, 'data.csv'", r"the text 'data\.csv' instead of a table"),
    ("duckdb", "SELECT a FROM t WHERE a IN (FROM 'x.csv')", r"the text 'x\.csv'|cannot be read"),
    ("duckdb", "SELECT * FROM t POSITIONAL JOIN 'x.csv'", r"the text 'x\.csv' instead"),
    ("duckdb", "SELECT * FROM 't'", "has the text 't' instead of a table"),
    ("duckdb", "SELECT * FROM 's3://bucket/*'", "reads the file"),
    ("duckdb", "SELECT * FROM (SELECT * FROM 'x.json') AS y", r"the text 'x\.json' instead"),
    ("databricks", "SELECT * FROM csv.`/etc/passwd`", r"reads the file 'csv\./etc/passwd'"),
    ("databricks", "SELECT * FROM delta.`s3://bucket/t`", "reads the file"),
    ("databricks", "SELECT * FROM csv.`data`", r"reads 'csv\.data', which is a file"),
    ("databricks", "SELECT * FROM TEXT.passwd", r"reads 'TEXT\.passwd', which is a file"),
    ("databricks", "SELECT * FROM read_files('/x')", "calls 'read_files'"),
    ("sqlite", "SELECT file FROM pragma_database_list", "the function pragma_database_list in FROM"),
    (
        "sqlite",
        "SELECT * FROM main.[PRAGMA_table_info] WHERE arg = 't'",
        "the function main.PRAGMA_table_info",
    ),
    ("sqlite", "SELECT sql FROM sqlite_stmt", "the function sqlite_stmt in FROM"),
    ("snowflake", "SELECT * FROM TABLE('t')", "has a text instead of a table"),
    # Texts that another lexer divides into other words
    ("postgres", "SELECT x.u&\"pg_read_file\" FROM unnest(ARRAY['/etc/passwd']) AS x(u)", "has U&"),
    ("postgres", "SELECT x.U&'a' FROM t AS x", "has a text with Unicode escapes|has U&"),
    ("trino", "SELECT U&'\\0041'", "has a text with Unicode escapes"),
    ("duckdb", "SELECT content FROM read_text \ufeff('/etc/passwd')", "may be white space"),
    ("duckdb", "SELECT content FROM read_text \u200b('/etc/passwd')", "may be white space"),
    ("duckdb", "SELECT content FROM read_text \u2060('/etc/passwd')", "may be white space"),
    ("duckdb", "SELECT a FROM query\u00a0('DELETE FROM t')", "may be white space|calls 'query'"),
    ("postgres", f"SELECT {'a' * 63}.pg_ls_dir FROM unnest(b) AS {'a' * 63}b(u)", "more than 63 bytes"),
    ("postgres", f'SELECT "{"ł" * 32}" FROM t', "more than 63 bytes"),
    (
        "postgres",
        "SELECT x.pg_advisory_lock FROM unnest(a) AS x(pg_advisory_loc\u212a)",
        "read as another one",
    ),
    ("postgres", "SELECT \u017fum(a) FROM t", "read as another one"),
    ("athena", "SELECT 'a\\', f(1) --'", "calls 'f'|backslash before a quote|cannot be read"),
    ("athena", "SELECT 'a\\', f(1), '", "backslash before a quote|cannot be read"),
    ("trino", "SELECT 'a\\', f(1), '", "cannot be read"),
    ("databricks", "SELECT r'a\\', f(1) --'", "backslash before a quote|calls 'f'"),
    ("bigquery", "SELECT '''a\\''' , ''', f(1), '''\\'''", "backslash before a quote|calls 'f'|cannot be"),
    ("oracle", "SELECT 'a\\', f(1) --'", "backslash before a quote"),
    ("postgres", "SELECT n FROM pg_hba_file_rules", "reads files of the server"),
    ("postgres", 'SELECT n FROM pg_catalog."pg_file_settings"', "reads files of the server"),
    ("bigquery", "SELECT `a\\`b` FROM t", "backslash before a quote|cannot be read"),
    ("postgres", "SELECT $\u0142$a$\u0142$", "with an ambiguous quote"),
    ("postgres", "SELECT 1a", "a number that runs into a word"),
    ("postgres", "SELECT 0xleak(1)", "a number that runs into a word"),
    ("postgres", "SELECT 0xleak_(1)", "a number that runs into a word|cannot be read"),
    ("postgres", "SELECT \u0661", "instead of a name|a number that runs into a word"),
    ("snowflake", "SELECT $f(1)", r"calls '\$f'|has Parameter|cannot be read"),
    ("tsql", "SELECT #f(1)", "calls '#f'|cannot be read"),
    ("postgres", "SELECT 'a\0b'", "cannot be sent"),
    ("databricks", "SELECT '${env:TOKEN}'", "which Spark replaces"),
    # Names that are none
    ("sqlite", "SELECT $a FROM t", "instead of a name|has Parameter|has Placeholder"),
    ("bigquery", 'SELECT a FROM "t"', "the text 't' instead of a table"),
    ("duckdb", "SELECT a FROM (TABLE 'p.csv')", "the text 'p.csv' instead of a"),
    ("postgres", "SELECT a 'b' FROM t", "the text 'b' instead of a name|cannot be read"),
    # Values and functions in FROM, and what is called by a dot
    ("postgres", "SELECT x.pg_ls_dir FROM current_user AS x", "the function current_user in FROM"),
    ("postgres", "SELECT x.pg_ls_dir FROM User AS x", "the function User in FROM"),
    ("postgres", "SELECT x.pg_sleep FROM lower('a') AS x", "calls 'lower', 'pg_sleep'|Lower in FROM"),
    (
        "postgres",
        "SELECT pg_read_file.pg_read_file FROM jsonb_array_elements_text('[]') AS pg_read_file",
        "calls 'pg_read_file'",
    ),
    ("postgres", "SELECT regexp_matches.f FROM regexp_matches('a', 'a')", "calls 'f'"),
    ("postgres", "SELECT t.a[1].pg_read_file FROM t", "calls 'pg_read_file'"),
    ("postgres", "SELECT (a).lower FROM t", "calls 'lower'"),
    ("postgres", "SELECT TREAT('/etc/passwd' AS pg_read_file)", "calls 'TREAT'"),
    ("duckdb", "SELECT 1 FROM LATERAL .f()", r"calls 'LATERAL\.f'"),
    ("duckdb", "SELECT analyze(1), local(2)", "calls 'analyze', 'local'|cannot be read"),
    ("snowflake", "SELECT a.b.c.d.nextval", "advances a sequence"),
    ("snowflake", 'SELECT s."NEXTVAL"', "advances a sequence"),
    # What costs money, and formats of Spark
    ("snowflake", "SELECT 1 FROM TABLE(GENERATOR(TIMELIMIT => 3600))", "more than a ROWCOUNT|cannot be read"),
    (
        "snowflake",
        "SELECT 1 FROM TABLE(GENERATOR(ROWCOUNT => 1, TIMELIMIT => 3600))",
        "more than a ROWCOUNT|cannot be read",
    ),
    (
        "snowflake",
        "SELECT 1 FROM TABLE(GENERATOR(ROWCOUNT => (SELECT 1)))",
        "more than a ROWCOUNT|cannot be read",
    ),
    ("spark", "SELECT * FROM `com.databricks.spark.csv`.x", "which is a file"),
    ("databricks", "SELECT * FROM image.x", "which is a file"),
    ("databricks", "SELECT * FROM LibSVM.`x`", "which is a file"),
    ("snowflake", "SELECT $1 FROM @stage/x.csv", "has Parameter|not named like a table"),
    ("snowflake", "SELECT a FROM @stage", "not named like a table"),
]

#: Dialect and SQL that only queries.
HARMLESS = [
    ("postgres", "SELECT 1"),
    ("postgres", "SELECT a FROM t -- the end\n;;"),
    ("postgres", "VALUES (1, 'a'), (2, 'b')"),
    ("postgres", "SELECT * FROM db.s.t AS x, ONLY u NATURAL JOIN v FULL OUTER JOIN w USING (a)"),
    ("postgres", (
        "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE "
        "n < 5) SELECT * FROM r"
    )),
    ("postgres", "WITH x AS MATERIALIZED (SELECT 1 AS a) SELECT a FROM x WHERE EXISTS (SELECT 1)"),
    ("postgres", "(SELECT 1) UNION ALL (SELECT 2) EXCEPT SELECT 3 INTERSECT SELECT 4 LIMIT 5 OFFSET 6"),
    ("postgres", "SELECT a, row_number() OVER (PARTITION BY b ORDER BY c DESC NULLS LAST) FROM t"),
    (
        "postgres",
        "SELECT sum(a) OVER w, lag(a) OVER w FROM t WINDOW w AS (ORDER BY b ROWS 1 PRECEDING)",
    ),
    ("postgres", "SELECT count(*) FILTER (WHERE a), percentile_cont(0.5) WITHIN GROUP (ORDER BY b) FROM t"),
    ("postgres", (
        "SELECT a FROM t GROUP BY GROUPING SETS ((a), (b)), ROLLUP (c), CUBE "
        "(d) HAVING count(*) > 1"
    )),
    ("postgres", "SELECT DISTINCT ON (a) a, b FROM t ORDER BY a FETCH FIRST 5 ROWS ONLY"),
    ("postgres", "SELECT a::numeric(10, 2), CAST(b AS date), c::text[] FROM t"),
    ("postgres", "SELECT now() - INTERVAL '1 day', date '2025-01-01' + 1, a AT TIME ZONE 'UTC' FROM t"),
    ("postgres", (
        "SELECT date_trunc('month', a), extract(epoch FROM a), age(a, b), "
        "to_char(a, 'YYYY-MM') FROM t"
    )),
    ("postgres", "SELECT CASE WHEN a THEN 1 ELSE 2 END, coalesce(a, b), nullif(a, 0), greatest(a, b) FROM t"),
    ("postgres", (
        "SELECT a ILIKE '%x%', a ~* 'x', a SIMILAR TO 'x', a BETWEEN 1 AND 2, "
        "a IS DISTINCT FROM b FROM t"
    )),
    ("postgres", "SELECT j ->> 'a', j #>> '{a,b}', j @> '{}', j ? 'k', jsonb_build_object('a', 1) FROM t"),
    ("postgres", (
        "SELECT x.a FROM t CROSS JOIN LATERAL (SELECT t.a) AS x, "
        "unnest(ARRAY[1, 2]) WITH ORDINALITY AS u"
    )),
    ("postgres", (
        "SELECT g FROM generate_series(date '2025-01-01', date '2025-02-01', "
        "interval '1 day') AS g"
    )),
    ("postgres", "SELECT e FROM t, jsonb_array_elements(t.j) AS e"),
    ("postgres", "SELECT e.key, e.value FROM t, jsonb_each_text(t.j) AS e WHERE (e).key = t.a"),
    ("postgres", (
        'SELECT d.day, n.n, x."Y" FROM generate_series(1, 2) AS d (day), '
        'unnest(a) AS n, unnest(b) AS x ("Y")'
    )),
    ("postgres", "SELECT e.value, e.ordinality FROM jsonb_array_elements(a) WITH ORDINALITY AS e"),
    ("postgres", "SELECT x.a FROM jsonb_to_recordset(j) AS x (a int, b text)"),
    ("postgres", "SELECT unnest.unnest, t.pg_sleep, u.a FROM unnest(a), t, (SELECT 1 AS a) AS u, s.t AS v"),
    ("postgres", "SELECT string_agg(a, ',' ORDER BY a), array_agg(DISTINCT a), E'\\n', $$text$$ FROM t"),
    ("postgres", "SELECT 'DROP TABLE t; -- no', \"delete\" FROM \"update\""),
    ("postgres", r"SELECT a FROM t WHERE a LIKE '\%' ESCAPE '\' OR b ~ '^[\"]' OR b = replace(c, '\', '/')"),
    ("postgres", r"SELECT E'\', pg_sleep(1), ', E'it\'s', E'a\\', N'C:\' FROM t"),
    ("postgres", "SELECT u.name, u.ord FROM t, unnest(t.names) WITH ORDINALITY AS u(name, ord)"),
    ("postgres", "SELECT a::character varying(9), b::bit(3) FROM t TABLESAMPLE SYSTEM (10) REPEATABLE (42)"),
    ("duckdb", r"SELECT a FROM t WHERE a LIKE '\%' ESCAPE '\' AND b = replace(c, '\', '/') OR c = E'it\'s'"),
    ("duckdb", "SELECT a FROM t TABLESAMPLE reservoir(20%)"),
    ("duckdb", "WITH RECURSIVE x(a) USING KEY (a) AS (SELECT 1 UNION SELECT a FROM x WHERE a < 3) FROM x"),
    ("sqlite", r"SELECT [a b] FROM t WHERE a LIKE '%50\%%' ESCAPE '\'"),
    ("trino", r"SELECT regexp_replace(a, '[\"'']', '') FROM t WHERE a LIKE '%50\%%' ESCAPE '\'"),
    ("tsql", r"SELECT REPLACE([a b], '\', '/') FROM t WHERE path LIKE N'C:\%' ESCAPE N'\'"),
    ("redshift", r"SELECT a FROM t WHERE a LIKE '%50\%%' ESCAPE '\\'"),
    (
        "mysql",
        r"""SELECT 'it\'s', "te\"xt" FROM t WHERE MATCH(a, b) AGAINST ('x' IN NATURAL LANGUAGE MODE)""",
    ),
    (
        "bigquery",
        r'''SELECT REGEXP_EXTRACT(a, r"['\"](\w+)"), """a "b" c""", 'it\'s' FROM t''',
    ),
    ("bigquery", "SELECT '''it's''' FROM t"),
    ("bigquery", "SELECT JSON '{}', SAFE_CAST(a AS DATE FORMAT 'YYYY') FROM t"),
    ("snowflake", r"SELECT 'it\'s', $$a'b\'$$ FROM t"),
    ("snowflake", "SELECT ARRAY_GENERATE_RANGE(0, 10), CURRENT_WAREHOUSE(), SEARCH(a, 'x') FROM t"),
    ("snowflake", "SELECT a::TIMESTAMP_TZ(9) FROM t"),
    ("snowflake", "SELECT CONNECT_BY_ROOT name AS r FROM e START WITH m IS NULL CONNECT BY PRIOR id = m"),
    ("snowflake", "SELECT a FROM t1 ASOF JOIN t2 MATCH_CONDITION (t1.ts >= t2.ts) ON t1.k = t2.k"),
    ("duckdb", "FROM t"),
    ("duckdb", "FROM t SELECT a"),
    ("duckdb", "SELECT * EXCLUDE (a) REPLACE (b AS c) FROM t QUALIFY row_number() OVER () = 1"),
    ("duckdb", "SELECT COLUMNS('a.*'), {'a': 1}, [1, 2], MAP {'k': 1}, x[1:2] FROM t"),
    ("duckdb", "SELECT list_transform(x, y -> y + 1), [z FOR z IN x IF z > 1] FROM t"),
    ("duckdb", "SELECT strftime(a, '%Y'), date_diff('day', a, b), time_bucket(INTERVAL '1 day', a) FROM t"),
    ("duckdb", (
        "SELECT arg_max(a, b), approx_quantile(a, 0.5), to_days(3) FROM "
        "range(10) AS r (a) GROUP BY ALL"
    )),
    ("duckdb", "SELECT weekday(d), mean(a), json_value(j, '$.a'), struct_insert(s, b := 2) FROM t"),
    ("duckdb", "SELECT unnest(x, recursive := true) FROM t"),
    ("sqlite", "SELECT json_patch(a, b), json_insert(a, '$.x', 1), json(a) FROM t"),
    ("databricks", "SELECT try_sum(a), weekday(d), array_union(a, b), variant_get(v, '$.a') FROM t"),
    ("athena", "SELECT map_filter(m, (k, v) -> v > 1), to_iso8601(a), url_encode(a), crc32(b) FROM t"),
    ("postgres", "SELECT jsonb_set(j, '{a}', '1'), to_tsvector(a) @@ to_tsquery('b') FROM t"),
    ("duckdb", "SELECT * FROM t PIVOT (sum(a) FOR b IN ('x', 'y'))"),
    ("duckdb", "SELECT * FROM t UNPIVOT (a FOR b IN (c, d))"),
    ("duckdb", "SELECT * FROM t ASOF JOIN u ON t.a >= u.a USING SAMPLE 10%"),
    ("sqlite", "SELECT date('now', '-1 day'), strftime('%Y', a), julianday(a), datetime(a) FROM t"),
    ("sqlite", "SELECT ifnull(a, b), iif(a, b, c), total(a), a GLOB 'x*', group_concat(a) FROM t"),
    ("sqlite", "SELECT value FROM json_each('[1]')"),
    ("snowflake", "SELECT a:b:c::string, f.value FROM t, LATERAL FLATTEN(input => t.x) AS f"),
    ("snowflake", "SELECT value FROM TABLE(FLATTEN(input => PARSE_JSON('[1]')))"),
    ("snowflake", (
        "SELECT DATEADD(day, 1, a), DATEDIFF('day', a, b), "
        "TO_TIMESTAMP_NTZ(a), IFF(a, b, c) FROM t"
    )),
    ("snowflake", "SELECT LISTAGG(a, ',') WITHIN GROUP (ORDER BY b), OBJECT_CONSTRUCT('a', 1) FROM db.s.t"),
    ("snowflake", (
        "SELECT a FROM t AT (TIMESTAMP => '2025-01-01'::timestamp) QUALIFY "
        "RANK() OVER (ORDER BY a) = 1"
    )),
    ("snowflake", (
        "SELECT TRY_TO_NUMBER(a), ZEROIFNULL(b), DIV0(a, b), "
        "CONVERT_TIMEZONE('UTC', a) FROM t SAMPLE (10)"
    )),
    ("bigquery", "SELECT * EXCEPT (a) FROM `project.dataset.events_*` WHERE _TABLE_SUFFIX > '2025'"),
    ("bigquery", "SELECT SAFE_CAST(a AS INT64), STRUCT(1 AS a), ARRAY(SELECT 1), x[OFFSET(0)] FROM t"),
    ("bigquery", (
        "SELECT FORMAT_DATE('%Y', d), TIMESTAMP_DIFF(a, b, DAY), DATE_TRUNC(d, "
        "MONTH) FROM t, UNNEST(x) AS y"
    )),
    ("bigquery", (
        "SELECT COUNTIF(a), APPROX_QUANTILES(a, 4)[SAFE_OFFSET(1)], "
        "JSON_VALUE(j, '$.a'), r'\\d' FROM t"
    )),
    ("databricks", "SELECT y FROM t LATERAL VIEW EXPLODE(x) e AS y"),
    ("databricks", (
        "SELECT TRANSFORM(x, a -> a + 1), DATE_FORMAT(a, 'y'), "
        "NAMED_STRUCT('a', 1), j:b.c FROM c.s.t"
    )),
    ("databricks", "SELECT MONTHS_BETWEEN(a, b), TRY_DIVIDE(a, b), COLLECT_LIST(a) FROM t VERSION AS OF 1"),
    ("trino", "SELECT a FROM t CROSS JOIN UNNEST(x) WITH ORDINALITY AS u (a, n)"),
    ("athena", (
        "SELECT approx_distinct(a), date_diff('day', a, b), at_timezone(a, "
        "'UTC'), try_cast(a AS bigint) FROM t"
    )),
    ("redshift", (
        "SELECT dateadd(day, 1, a), nvl(a, b), listagg(a, ',') WITHIN GROUP "
        "(ORDER BY b), getdate() FROM t"
    )),
    ("tsql", "SELECT [delete], 'EXEC' AS \"drop\" FROM t"),
    ("tsql", "SELECT TOP 5 a, DATEDIFF(day, a, b), ISNULL(a, b), TRY_CONVERT(int, a) FROM [db].[dbo].[t]"),
    ("mysql", "SELECT DATE_FORMAT(a, '%Y'), GROUP_CONCAT(a SEPARATOR ','), IFNULL(a, b) FROM `t` LIMIT 1, 2"),
]  # fmt: skip


@cases(("dialect", "sql", "reason"), REFUSED)
def test_what_is_refused(dialect: str, sql: str, reason: str) -> None:
    """With the reason, and without a line in the log."""
    with pytest.raises(cf.QueryRefused) as caught:
        check(sql, dialect)

    assert re.search(reason, str(caught.value)), str(caught.value)
    assert "Nothing was sent" in str(caught.value)


@pytest.mark.parametrize(("dialect", "sql"), HARMLESS)
def test_what_only_queries_passes(dialect: str, sql: str, caplog: pytest.LogCaptureFixture) -> None:
    """As it was written, but for the end."""
    with caplog.at_level(logging.WARNING):
        sent = check(sql, dialect).sql

    assert sent == (sql.partition(" --")[0] if sql.endswith(";;") else sql)

    assert caplog.text == ""


@cases(("dialect", "sql"), queries())
def test_ordinary_queries_pass(dialect: str, sql: str) -> None:
    """As language models write them for business questions, in nine dialects."""
    assert check(sql, dialect).dialect == dialect


def test_there_are_enough_ordinary_queries() -> None:
    """At least 200 in nine dialects."""
    assert len(queries()) >= 200
    assert len({dialect for dialect, _ in queries()}) >= 9


def test_the_tables_are_large_enough() -> None:
    """At least 60 ways around the guard, in every dialect whose clients are supported."""
    assert len(REFUSED) >= 60
    clients = {"postgres", "duckdb", "sqlite", "snowflake", "bigquery", "databricks"}
    assert {dialect for dialect, _, _ in REFUSED} >= clients
    assert {dialect for dialect, _ in HARMLESS} >= clients | {"athena"}


def test_a_function_that_is_called_as_a_keyword_is() -> None:
    """``list`` begins a type in one dialect, and is a function of the user in another."""
    with pytest.raises(cf.QueryRefused, match="calls 'pattern'"):
        check("SELECT pattern(1)", "postgres")
    assert check("SELECT pattern(1)", "postgres", ["pattern"]).sql == "SELECT pattern(1)"


def test_functions_are_allowed_by_name() -> None:
    """In any case, with the schema that the SQL writes; the message has the line that allows them."""
    with pytest.raises(cf.QueryRefused, match=r"functions=\('net_price', 'fin\.rate',\)") as caught:
        check("SELECT net_price(a), fin.rate(b), net_price(c) FROM t", "postgres")

    assert caught.value.functions == ("net_price", "fin.rate")
    assert check("SELECT net_price(a), fin.rate(b) FROM t", "postgres", ["NET_PRICE", "fin.rate"]).sql
    with pytest.raises(cf.QueryRefused, match=r"calls 'other\.rate'"):
        check("SELECT other.rate(b) FROM t", "postgres", ["rate", "fin.rate"])


def test_allowing_a_function_allows_nothing_else() -> None:
    """Neither a file nor another statement."""
    with pytest.raises(cf.QueryRefused, match="ReadCSV in FROM"):
        check("SELECT f(a) FROM read_csv('x')", "duckdb", ["f", "read_csv"])
    with pytest.raises(cf.QueryRefused, match="has Delete"):
        check("WITH x AS (DELETE FROM t RETURNING a) SELECT f(a) FROM x", "postgres", ["f"])


@cases(
    ("dialect", "sql", "sent"),
    [
        ("mysql", "SELECT 1 /*! , load_file('/etc/passwd') */ FROM t", "SELECT 1   FROM t"),
        ("postgres", "/* a */ SELECT 'é -- no' AS \"ü\" /* b */ -- c\nFROM t; -- d",
         "SELECT 'é -- no' AS \"ü\" FROM t"),
        ("snowflake", "SELECT a // b\nFROM t;", "SELECT a \nFROM t"),
    ],
)  # fmt: skip
def test_comments_are_not_sent(dialect: str, sql: str, sent: str) -> None:
    """They may be SQL to the warehouse; and ADBC puts the SQL between parentheses."""
    assert check(sql, dialect).sql.split() == sent.split()


@cases(
    ("dialect", "sql", "sent"),
    [
        ("postgres", "SELECT a,\n\tb\r\nFROM\u3000t\nGROUP\nBY a", "SELECT a,  b  FROM t GROUP BY a"),
        ("sqlite", "SELECT a  +  1 FROM t", "SELECT a  +  1 FROM t"),
        ("postgres", "SELECT a$$b$$ FROM t", "SELECT a$$b$$ FROM t"),
        ("postgres", "SELECT a&\"b\", a@>'{}', a#>'{b}' FROM t", "SELECT a& \"b\", a@>'{}', a#>'{b}' FROM t"),
        ("postgres", "SELECT date'2025-01-01'", "SELECT date '2025-01-01'"),
        ("postgres", "SELECT N'a', x'0f', 'a''b', \"a\"\"b\"", "SELECT N'a', x'0f', 'a''b', \"a\"\"b\""),
        ("databricks", "SELECT 100L, 1.5BD, 'a''b' FROM t", "SELECT 100L, 1.5BD, 'a''b' FROM t"),
    ],
)  # fmt: skip
def test_what_is_sent(dialect: str, sql: str, sent: str) -> None:
    """The words as they were written, white space as spaces, a space before a quote that touches a word."""
    assert check(sql, dialect).sql == sent


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT STRFTIME('%Q', a), b ~ 'x' FROM t",
        'SELECT "\\n" ?? 1',
        "CALL f()",
        "SELECT x'zz', b'x' FROM t",
    ],
)
def test_messages_of_sqlglot_are_kept_back(sql: str, caplog: pytest.LogCaptureFixture) -> None:
    """They have hostile text; those of other threads pass."""
    with caplog.at_level(logging.DEBUG):
        for dialect in ("postgres", "duckdb", "snowflake", "tsql"):
            try:
                check(sql, dialect)
                statement = parse(sql, dialect)
                tables(statement), fingerprint(statement)
            except cf.QueryRefused:
                pass
        assert caplog.text == ""

        logging.getLogger("sqlglot").warning("of somebody else")

    assert "of somebody else" in caplog.text


def test_what_is_a_comment_in_one_dialect_alone() -> None:
    """MySQL needs white space behind ``--``: either it is seen, or it is not sent."""
    try:
        sent = check("SELECT 1 --1, load_file('/etc/passwd')", "mysql").sql
    except cf.QueryRefused as error:
        assert error.functions == ("load_file",)
    else:
        assert sent == "SELECT 1"


def test_a_dialect_is_one_of_sqlglot() -> None:
    """In any case; the message lists them."""
    assert check("SELECT 1", "Postgres").dialect == "postgres"
    for dialect in ("postgresql", "", None, 3):
        with pytest.raises(cf.ConfigError, match=r"expected one of athena, bigquery, .*, trino"):
            check("SELECT 1", dialect)  # type: ignore[arg-type]


@cases("functions", ["f", [1], {"f": 1, 2: 3}, None, 5, iter(["f"])])
def test_functions_are_names(functions: object) -> None:
    """A text would be read as its characters, and an iterator only once."""
    with pytest.raises(cf.ConfigError, match="functions="):
        check("SELECT 1", "postgres", functions)  # type: ignore[arg-type]


def test_nesting_without_end_is_refused() -> None:
    """And not a RecursionError."""
    with pytest.raises(cf.QueryRefused, match="nested too deeply"):
        check(f"SELECT {'(' * 2_000}1{')' * 2_000}", "postgres")


def test_a_message_shows_the_beginning_of_the_sql() -> None:
    """Without control characters."""
    with pytest.raises(cf.QueryRefused) as caught:
        check("DELETE FROM t WHERE a = '\x1b[31m" + "x" * 1000 + "'", "postgres")

    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 500


@cases(
    "sql",
    [
        f"SELECT {'a' * 100_000}",
        f"SELECT U&'{'a' * 100_000}'",
        f"SELECT 1{'a' * 100_000}",
        "SELECT " + ", ".join(f"f{number}(1)" for number in range(1_000)),
    ],
)
def test_a_message_is_bounded(sql: str) -> None:
    """Whatever the SQL has very much of."""
    with pytest.raises(cf.QueryRefused) as caught:
        check(sql, "postgres")

    assert len(str(caught.value)) < 1_000
