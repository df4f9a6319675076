"""What a question costs does not depend on the number of rows: each statement on its way uses an index."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.options import Asked
from connecty_frames.store.database import SQLiteFile, Statement, close_databases
from connecty_frames.store.table import RecordState, reached, set_limit
from tests.servers.scripted import QUESTION_ID, Script
from tests.store.stores import client, execute, store

#: Where a tenth of the questions is of the last day.
ROWS = 100_000
FILL = """\
INSERT INTO connecty.questions
    (token, key, previous, question, base_url, dw_id, client, state, question_id, asked_at, job)
SELECT 't' || n, 'k' || n, 0, 'how many?', 'u', '13', 'client ' || (n % 2), 'COMPLETED', 'q' || n,
    {now} - n * CAST(8640000 AS bigint), 'job ' || (n % 10)
FROM ({numbers}) AS numbers"""
ITEMS = """\
INSERT INTO connecty.items (batch, number, key, name, folded, question, digest)
SELECT 'b' || n / 1000, n, 'i' || n, 'n' || n, 'n' || n, 'how many?', '' FROM ({numbers}) AS numbers"""
NUMBERS = f"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {ROWS}) SELECT n FROM s"


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[object, ...]]:
    """Return the statements that are executed from now on, with their parameters."""
    postgres = pytest.importorskip("connecty_frames.store.postgres")
    found: dict[str, tuple[object, ...]] = {}
    attempts, execute = postgres.Server._attempts, SQLiteFile._execute

    def in_server(self: Any, several: list[Statement], *given: Any, **options: Any) -> Any:
        found.update(several)
        return attempts(self, several, *given, **options)

    def in_file(self: Any, *given: Any, **options: Any) -> Any:
        found.update(given[:1])
        return execute(self, *given, **options)

    monkeypatch.setattr(postgres.Server, "_attempts", in_server)
    monkeypatch.setattr(SQLiteFile, "_execute", in_file)
    return found


def accesses(place: str, statement: str, parameters: tuple[object, ...]) -> list[str]:
    """Return how the plan of a statement finds rows of the tables: an index with its condition, or else."""
    if not place.startswith("postgresql:"):
        rows = store(place).execute(f"EXPLAIN QUERY PLAN {statement}", parameters).rows
        details = [re.sub(r"USING INTEGER PRIMARY KEY", "USING INDEX", row[3]) for row in rows]
        return [each for each in details if re.match(r"(SCAN|SEARCH) (questions|items|place|later)\b", each)]
    ((plan,),) = store(place).execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters).rows

    def walk(node: dict[str, Any]) -> Iterator[str]:
        kind, table = node["Node Type"], node.get("Relation Name")
        if "Index Cond" in node:
            yield f"SEARCH USING INDEX {node['Index Name']} {node['Index Cond']}"
        elif table not in {None, "limits"} and kind not in {"ModifyTable", "Bitmap Heap Scan"}:
            yield f"{kind} {table}"
        for each in node.get("Plans", ()):
            yield from walk(each)

    return list(walk(json.loads(plan)[0]["Plan"]))


@pytest.mark.slow
def test_the_way_of_a_question(
    server: Script, place: str, statements: dict[str, tuple[object, ...]], tmp_path: Path
) -> None:
    """With limits, reuse and a batch, up to the error of a limit: no table is read whole.

    A count reads no more questions than its limit.
    """
    store(place).execute("SELECT 1")
    now = int(datetime.now(UTC).timestamp() * 1e6)
    execute(place, *(each.format(numbers=NUMBERS, now=now) for each in (FILL, ITEMS)))
    if place.startswith("postgresql:"):
        execute(place, "ANALYZE")
    for job in ("job 1", "*"):
        set_limit(store(place), job, ROWS, "ops")
    statements.clear()
    with client(server, place, max_questions_per_day={"job 1": 3, "*": 4}) as asking:
        for _ in range(2):
            asking.ask("how many?", tags={"job": "job 1"}, max_age=60)
        found: Any = asking.history
        asked, moment = Asked("who?", 13), datetime.now(UTC)
        row = found.sent(asked, asked_at=moment)
        found._renew(row)
        found.not_accepted(row, RecordState.UNCERTAIN, "lost", now=moment)
        assert found.recorded(QUESTION_ID)[0] == "how many?"
        for question in ("why?", "when?"):
            asking.ask(question)
        with pytest.raises(cf.QuestionLimitError):
            asking.ask("what?")
    if place.startswith("postgresql:"):
        an_hour = "SELECT FROM connecty.history WHERE asked_at > now() - interval '1 hour'"
        assert "USING INDEX questions_by_time" in "".join(accesses(place, an_hour, ()))
        with client(server, place) as asking:
            cf.ask_batch(["how many?", "who?"], tmp_path / "batch", client=asking)
    close_databases()
    executed = {each: given for each, given in statements.items() if re.match("SELECT|INSERT|UPDATE", each)}
    used = [each for statement in executed.items() for each in accesses(place, *statement)]
    assert [each for each in used if "USING" not in each] == []
    limits = [each for each in used if re.search("questions_by_(client|job|time) ", each)]
    assert {re.findall("questions_by_(\\w+)", each)[0] for each in limits} == {"client", "job", "time"}
    assert [each for each in limits if not re.search("(asked_at|CASE.*) ?>", each)] == []
    for job in ("job 1", "*"):
        set_limit(store(place), job, 30, "ops")
    counts = reached(store(place), None, "", "job 1", datetime.now(UTC))
    assert [store(place).execute(*each).rows[0][:3] for each in counts] == [
        ("*", 30, "ops"),
        ("job 1", 30, "ops"),
    ]
    if place.startswith("postgresql:"):
        for count, given in counts:
            plan = store(place).execute(f"EXPLAIN (ANALYZE, TIMING OFF) {count}", given).rows
            assert re.findall(r"Index Scan.* on questions .*actual rows=(\d+)", str(plan)) == ["30"]
