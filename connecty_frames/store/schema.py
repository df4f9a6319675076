"""The tables of stores, as PostgreSQL statements by version.

Later versions only add: clients of earlier ones may be in use. Statements can be repeated without effect.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from connecty_frames.store.leases import SECONDS

Versions = tuple[tuple[str, ...], ...]  # the statements that upgrade each version to the next

OLDEST_WRITER: Final = 1  # the oldest version of clients that can use these tables
#: The latest time of a row in microseconds, the last second of the year 9999.
LATEST: Final = 253402300799000000
#: Reads the row with the version of a store.
VERSION: Final = "SELECT version, oldest_writer, store_id FROM connecty.version"
LIMITS: Final = """\
CREATE TABLE IF NOT EXISTS connecty.limits (
    job text PRIMARY KEY, per_day bigint NOT NULL, set_by text NOT NULL, set_at bigint NOT NULL)"""
_TABLES: Final = (
    """\
CREATE TABLE IF NOT EXISTS connecty.questions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token text, key text NOT NULL, previous bigint, question text NOT NULL,
    base_url text NOT NULL, dw_id text NOT NULL, client text NOT NULL, host text, user_name text,
    state text NOT NULL, question_id text, asked_at bigint NOT NULL, accepted_at bigint, ended_at bigint,
    rows bigint, sql_query text, response_summary text, error text, tags jsonb, job text,
    reused bigint NOT NULL DEFAULT 0, lease bigint NOT NULL DEFAULT 0
)""",
    # A partial index: most writes of a row do not change it.
    """\
CREATE INDEX IF NOT EXISTS questions_by_id ON connecty.questions (question_id)
    WHERE question_id IS NOT NULL""",
    "CREATE INDEX IF NOT EXISTS questions_by_key ON connecty.questions (key, asked_at)",
    # For limits.
    "CREATE INDEX IF NOT EXISTS questions_by_client ON connecty.questions (client, asked_at)",
    """\
CREATE INDEX IF NOT EXISTS questions_by_job ON connecty.questions (job, asked_at)
    WHERE job IS NOT NULL""",
    # The questions of batches. In PostgreSQL, the number 0 marks a batch that is stored here.
    """\
CREATE TABLE IF NOT EXISTS connecty.items (
    batch text NOT NULL, number bigint NOT NULL, key text NOT NULL UNIQUE, name text, folded text,
    question text NOT NULL, digest text NOT NULL, outcome text, error text,
    PRIMARY KEY (batch, number), UNIQUE (batch, folded)
)""",
    LIMITS,
)


def _moment(name: str) -> str:
    """Return SQL for a time, with null if it is out of range: anyone may have written a row."""
    return f"to_timestamp(CASE WHEN {name} BETWEEN 0 AND {LATEST} THEN {name} / 1e6 END)"


_LEASE: Final = int(SECONDS * 1e6)
ASKED_AT: Final = _moment("asked_at")  # the time of a question in the view
#: The first two let only one claim succeed. The view is for people and dashboards, the last index for it too.
_CLAIMS: Final = (
    "CREATE UNIQUE INDEX IF NOT EXISTS questions_by_token ON connecty.questions (token)",
    "CREATE UNIQUE INDEX IF NOT EXISTS questions_by_claim ON connecty.questions (key, previous)",
    f"""\
CREATE OR REPLACE VIEW connecty.history AS SELECT
    id, {ASKED_AT} AS asked_at, question, question_id,
    CASE WHEN state = 'SENT' AND abs(lease - extract(epoch FROM clock_timestamp()) * 1000000) > {_LEASE}
        THEN 'UNCERTAIN' ELSE state END AS state,
    {_moment("accepted_at")} AS accepted_at, {_moment("ended_at")} AS ended_at,
    (accepted_at::float8 - asked_at) / 1000000 AS seconds_to_accept,
    (ended_at::float8 - asked_at) / 1000000 AS seconds,
    rows, reused, sql_query, response_summary, error, tags, job, host, user_name, client, dw_id, base_url, key
FROM connecty.questions""",
    f"CREATE INDEX IF NOT EXISTS questions_by_time ON connecty.questions ({ASKED_AT})",
    "GRANT SELECT ON connecty.limits TO PUBLIC",  # everyone keeps to them
)
SQLITE: Final[Versions] = (
    (
        *_TABLES,
        "CREATE INDEX IF NOT EXISTS questions_by_time ON connecty.questions (asked_at)",
        # A second clock for leases.
        "ALTER TABLE questions ADD COLUMN lease_uptime bigint NOT NULL DEFAULT -1000000000000000",
    ),
)
POSTGRES: Final[Versions] = ((*_TABLES, *_CLAIMS),)
_ASKED: Final = "ON connecty.questions, connecty.items"
_GRANTS: Final = {
    "asks": (f"SELECT, INSERT, UPDATE {_ASKED}", "SELECT ON connecty.version, connecty.history"),
    "reads": (f"SELECT {_ASKED}, connecty.version, connecty.history",),
    "erases": (f"SELECT, DELETE {_ASKED}", "UPDATE ON connecty.items", "SELECT ON connecty.version"),
}


def statements(versions: Versions, version: int, store_id: str) -> Sequence[str]:
    """Return the statements that upgrade a version to the newest; ``store_id`` is an expression."""
    newest = len(versions)
    upgrade = f"version = {newest}, oldest_writer = {OLDEST_WRITER} WHERE version < {newest}"
    return [
        """\
CREATE TABLE IF NOT EXISTS connecty.version (
    version bigint NOT NULL, oldest_writer bigint NOT NULL, store_id text NOT NULL)""",
        *chain.from_iterable(versions[version:]),
        f"""\
INSERT INTO connecty.version SELECT 0, 0, {store_id}
    WHERE NOT EXISTS (SELECT 1 FROM connecty.version)""",
        f"UPDATE connecty.version SET {upgrade}",
    ]


def ddl(name: str, asks: str | None = None, reads: str | None = None, erases: str | None = None) -> str:
    """Return SQL for an administrator that creates or upgrades a schema, with the GRANTs of three roles."""
    lines = ["CREATE SCHEMA IF NOT EXISTS connecty", *statements(POSTGRES, 0, "gen_random_uuid()")]
    lines = [in_schema(line, name) for line in lines]
    # After the transaction, so that questions are recorded while the indexes of a large store are made.
    create = "CREATE INDEX"
    indexes = [line.replace(create, f"{create} CONCURRENTLY") for line in lines if line.startswith(create)]
    lines = [line for line in lines if not line.startswith(create)]
    for (does, grants), role in zip(_GRANTS.items(), (asks, reads, erases), strict=True):
        to = f"a_role_that_{does}" if role is None else '"' + role.replace('"', '""') + '"'
        for grant in ("USAGE ON SCHEMA connecty", *grants):
            lines.append(f"{'-- ' * (role is None)}GRANT {in_schema(grant, name)} TO {to}")
    return "".join(f"{line};\n" for line in ("BEGIN", *lines, "COMMIT", *indexes))


def split(url: str) -> tuple[str, str]:
    """Return a URL without its parameter for the schema, and the schema."""
    address, _, query = url.partition("?")
    parameters = dict(parse_qsl(query))
    name = parameters.pop("schema", "connecty")
    return f"{address}?{urlencode(parameters, quote_via=quote)}", name


def in_schema(statement: str, name: str) -> str:
    """Return a statement for a schema with another name, which may be a keyword."""
    if name == "connecty":
        return statement
    return re.sub(r"\bconnecty\b(?!')", f'"{name}"', statement.replace("'connecty'", f"'{name}'"))


def in_sqlite(statement: str) -> str:
    """Return a statement for SQLite, without the schema."""
    identity = "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    statement = statement.replace(identity, "INTEGER PRIMARY KEY AUTOINCREMENT")
    return re.sub(r"\bconnecty\.|(?<=COLUMN) IF NOT EXISTS", "", statement)
