"""Hostile SQL until 10,000 texts for each database have passed the guard: ``make verify WHAT=fuzz-guard``.

PostgreSQL, DuckDB and SQLite say themselves what they read in each text that passed. It is a finding if that

- reads a file, a variable of Python or another database;
- calls a function that is not allowed, or that the text does not call as sqlglot reads it;
- reads a table, or has a number of columns, that sqlglot does not read.

The ordinary queries of ``tests/warehouse/ordinary_queries.sql`` are counted too: none is to be refused.

``--without RULE`` switches one rule of the guard off, to show that the check can fail.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from connecty_frames import QueryRefused
from connecty_frames.warehouse import duckdb_reading, guard
from tests.verification.fuzz_guard.judges import JUDGES
from tests.verification.fuzz_guard.ordinary import queries
from tests.verification.fuzz_guard.texts import texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.verification.fuzz_guard.judges import Judge

__all__ = ["RULES", "fuzz", "main"]

_PASSED: Final = 10_000
_PROGRESS: Final = 30.0
_SHOWN: Final = 20


def _as_written(sql: str, tokens: Any) -> str:
    return sql[tokens[0].start : tokens[-1].end + 1] if tokens else ""


#: What replaces the functions of each rule where it is switched off.
RULES: Final[dict[str, list[tuple[Any, str, Callable[..., Any]]]]] = {
    "text": [(guard, "text_reasons", lambda *_: ()), (guard, "without_comments", _as_written)],
    "functions": [(guard, "_unknown_functions", lambda _: ())],
    "dots": [(guard, "functions_by_dot", lambda *_: ())],
    "tables": [(guard, "_table_reasons", lambda *_: ()), (guard, "_name_reasons", lambda *_: ())],
    "reading": [(duckdb_reading, "check_reading", lambda *_: None)],
}


def fuzz(dialect: str, passed: int, seed: int) -> tuple[Counter[str], list[tuple[str, list[str]]]]:
    """Return the counts for a database, and the texts with findings.

    The known attacks are always tried, also where ``passed`` is 0.
    """
    counts: Counter[str] = Counter()
    found: list[tuple[str, list[str]]] = []
    with JUDGES[dialect]() as judge:
        known = len(_known(dialect))
        printed = time.monotonic()
        for text in texts(dialect, seed):
            if counts["tried"] >= known and counts["passed"] >= passed:
                break
            counts["tried"] += 1
            _judge(judge, text, counts, found)
            if time.monotonic() - printed > _PROGRESS:
                printed = time.monotonic()
                print(f"{dialect}: {counts['tried']:,} tried, {counts['passed']:,} passed", flush=True)
    return counts, found


def _known(dialect: str) -> list[str]:
    from tests.verification.fuzz_guard.texts import ATTACKS

    return ATTACKS[""] + ATTACKS[dialect]


def _passes(text: str, dialect: str) -> bool:
    try:
        guard.check(text, dialect)
    except QueryRefused:
        return False
    return True


def _judge(judge: Judge, text: str, counts: Counter[str], found: list[tuple[str, list[str]]]) -> None:
    try:
        statement = judge.passes(text)
    except QueryRefused:
        return
    counts["passed"] += 1
    findings = judge.findings(statement)
    if not findings:
        try:
            counts["ran"] += judge.runs(statement)
        except AssertionError as error:
            findings = [str(error)]
    if findings:
        counts["with findings"] += 1
        found.append((text, findings))


def main(arguments: list[str] | None = None) -> int:
    """Fuzz the guard, print the counts, and return 1 if there is a finding, or an ordinary query refused."""
    parser = argparse.ArgumentParser(prog="fuzz-guard", description=__doc__)
    parser.add_argument("--passed", type=int, default=_PASSED, help="texts that pass, for each database")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--databases", nargs="+", choices=list(JUDGES), default=list(JUDGES))
    parser.add_argument("--without", choices=list(RULES), help="the rule to switch off")
    given = parser.parse_args(arguments)
    failed = False
    with ExitStack() as stack:
        for module, name, replacement in RULES.get(given.without, []):
            stack.enter_context(mock.patch.object(module, name, replacement))
        print(f"seed {given.seed}" + (f", without {given.without}" if given.without else ""), flush=True)
        ordinary = queries()
        refused = [text for dialect, text in ordinary if not _passes(text, dialect)]
        failed |= bool(refused)
        dialects = len({dialect for dialect, _ in ordinary})
        print(f"ordinary queries: {len(ordinary)} in {dialects} dialects, {len(refused)} refused")
        for text in refused:
            print(f"    {text!r}")
        for dialect in given.databases:
            try:
                counts, found = fuzz(dialect, given.passed, given.seed)
            except FileNotFoundError as error:
                print(f"{dialect}: skipped, {error}")
                continue
            failed |= bool(found)
            numbers = ", ".join(
                f"{counts[name]:,} {name}" for name in ("tried", "passed", "ran", "with findings")
            )
            print(f"{dialect}: {numbers}")
            for text, findings in found[:_SHOWN]:
                print(f"    {text!r}: {'; '.join(findings)}")
    return int(failed)
