"""The short form of ``make verify WHAT=fuzz-guard`` with a fixed seed, and tests that the check can fail."""

from __future__ import annotations

import re

import pytest

from tests.cases import cases
from tests.verification.fuzz_guard import run
from tests.verification.fuzz_guard.judges import JUDGES
from tests.verification.fuzz_guard.texts import ATTACKS

_PASSED = 150


def _counts(printed: str, database: str) -> dict[str, int]:
    line = re.search(rf"^{database}: (.* with findings)$", printed, re.MULTILINE)
    assert line is not None, printed
    pairs = (part.split(" ", 1) for part in re.sub(r"(\d),(\d)", r"\1\2", line[1]).split(", "))
    return {name: int(count) for count, name in pairs}


@pytest.mark.slow
@pytest.mark.parametrize(
    "database", ["duckdb", "sqlite", pytest.param("postgres", marks=pytest.mark.external)]
)
def test_hostile_sql(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of what passes, a part runs, and nothing does what it should not."""
    code = run.main(["--passed", str(_PASSED), "--seed", "3", "--databases", database])

    printed = capsys.readouterr().out
    if "skipped" in printed:
        pytest.skip(printed)
    counts = _counts(printed, database)
    assert (code, counts["with findings"]) == (0, 0), printed
    assert counts["passed"] >= _PASSED
    assert counts["tried"] > 3 * _PASSED
    assert counts["ran"] > _PASSED / 4
    assert re.search(r"^ordinary queries: \d+ in 9 dialects, 0 refused$", printed, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "database"),
    [
        ("functions", "sqlite"),
        ("tables", "sqlite"),
        ("reading", "duckdb"),
        *(
            pytest.param(rule, "postgres", marks=pytest.mark.external)
            for rule in ("text", "functions", "tables", "dots")
        ),
    ],
)
def test_without_a_rule_there_are_findings(
    rule: str, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Already among the known attacks: each rule is needed, and the judges see what it prevents."""
    code = run.main(["--passed", "0", "--seed", "1", "--databases", database, "--without", rule])

    printed = capsys.readouterr().out
    if "skipped" in printed:
        pytest.skip(printed)
    assert code == 1
    assert _counts(printed, database)["with findings"] >= 1


@cases(
    ("database", "sql", "findings"),
    [
        ("sqlite", "SELECT sum(total) FROM orders", []),
        ("sqlite", "SELECT leak(total) FROM orders", ["calls leak"]),
        ("sqlite", "SELECT file FROM pragma_database_list", ["reads pragma_database_list"]),
        ("duckdb", "SELECT sum(total) FROM orders", []),
        ("duckdb", "SELECT * FROM 'p.csv'", ["disabled by configuration"]),
        ("duckdb", "SELECT * FROM other.leaked", ["leaked"]),
        ("duckdb", "SELECT leak(total) FROM orders", ["CANARY", "calls error"]),
        ("duckdb", "SELECT current_setting('threads')", ["calls current_setting"]),
    ],
)
def test_the_judges_find_what_is_wrong(database: str, sql: str, findings: list[str]) -> None:
    """They are asked about SQL that was not checked."""
    with JUDGES[database]() as judge:
        assert judge.findings(run.guard.parse(sql, database)) == findings


def test_every_database_has_attacks() -> None:
    """Of its own, beside those of all."""
    assert ATTACKS.keys() == JUDGES.keys() | {""}
    assert min(map(len, ATTACKS.values())) >= 10
