"""The report: the producers that are scored, and the printed tables."""

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import duckdb
import psycopg

from tests.servers.postgres import postgres_server
from tests.verification.fidelity import postgres, producers, python
from tests.verification.fidelity.bodies import Body, Producer, Unwritable, bodies
from tests.verification.fidelity.columns import COLUMNS
from tests.verification.fidelity.ground_truth import TrueColumn, load_ground_truth
from tests.verification.fidelity.readers import OURS, PEERS
from tests.verification.fidelity.score import Failure, Outcome, Score, score

#: The most rows of a query over the sample workspace.
_ROWS: Final = 300


def run(*, every: int = 1) -> tuple[Score, list[str]]:
    """Score all readers on one of so many columns of each producer, and return what is missing as well."""
    missing = []
    written: list[Body] = []
    try:
        with postgres_server() as server, psycopg.connect(server.url()) as connection:
            live = postgres.producers(connection)
            written += _write(live, (*COLUMNS, *postgres.COLUMNS), every)
    except FileNotFoundError as error:
        missing.append(f"PostgreSQL was skipped: {error}.")
    written += _write((*producers.DOCUMENTED, *python.PRODUCERS), COLUMNS, every)
    if int(duckdb.__version__.partition(".")[0]) < 2:
        missing.append("The values of DuckDB were skipped: before 2.0 it lacks types of the edge cases.")
    else:
        written += _write(producers.STYLES, load_ground_truth(rows=_ROWS), every)
    return score(written), missing


def _write(by: Iterable[Producer], columns: Sequence[TrueColumn], every: int) -> Iterator[Body]:
    for turn, producer in enumerate(by):
        for column in columns[turn % every :: every]:
            try:
                yield from bodies(column, producer)
            except Unwritable:
                continue


def format_score(found: Score) -> Iterator[str]:
    names = list(dict.fromkeys(producer for producer, _ in found.outcomes))
    yield f"{'reader':<27}" + "".join(f"{head:>{len(head) + 3}}" for head in _HEADS)
    for reader in (*OURS.each, *PEERS.each):
        yield f"{reader:<27}{_counts(sum((found.outcomes[each, reader] for each in names), Counter()))}"
    yield ""
    yield f"{'ours, three engines together':<43}" + "".join(f"{head:>{len(head) + 3}}" for head in _HEADS)
    for producer in names:
        ours: Counter[Outcome] = sum((found.outcomes[producer, reader] for reader in OURS.each), Counter())
        yield f"{producer:<43}{_counts(ours)}"
    yield ""
    yield from _places("Stays exact text, since its bytes name no one value", found.texts)
    yield ""
    yield from _places("Silent, as documented", found.documented)
    yield ""
    yield from _failures(found.failures)


_HEADS: Final = ("columns", *(outcome.value for outcome in Outcome))


def _counts(found: Counter[Outcome]) -> str:
    numbers = (found.total(), *(found[outcome] for outcome in Outcome))
    return "".join(f"{number:>{len(head) + 3},}" for head, number in zip(_HEADS, numbers, strict=True))


def _places(title: str, places: dict[str, set[str]]) -> Iterator[str]:
    yield f"{title}:"
    for reason, found in sorted(places.items()):
        columns = sorted({place.partition(": ")[2] for place in found})
        yield f"  {reason}: {len(found):,} of {_listed(columns)}"


def _failures(failures: Sequence[Failure]) -> Iterator[str]:
    """Return the columns that are not as expected, each with the first of its bodies."""
    yield f"Ours, not as expected ({len(failures):,}):"
    grouped: dict[tuple[str, str], list[Failure]] = defaultdict(list)
    for failure in failures:
        grouped[failure.outcome.value, failure.body.column].append(failure)
    for (outcome, column), found in sorted(grouped.items(), key=lambda group: (group[0][0], -len(group[1]))):
        first = found[0].body
        sent, bounds = ", ".join(first.tokens[:3]), ", ".join(token for _, token in first.bounds)
        yield f"  {len(found):>5} {outcome}: {column} ({_listed(each.body.producer for each in found)})"
        yield f"        first: {first.producer}, {first.variant}: {sent} beside {bounds}"
        yield f"        {found[0].reason}"


def _listed(names: Iterable[str]) -> str:
    found = list(dict.fromkeys(names))
    return "; ".join(found[:6]) + f" and {len(found) - 6} more" * (len(found) > 6)


def main(every: int) -> list[str]:
    """Run the benchmark, and return what is broken."""
    begun = time.perf_counter()
    found, missing = run(every=every)
    print("\n".join([*format_score(found), *missing]))
    print(f"\n{time.perf_counter() - begun:.0f} s", file=sys.stderr)
    return [f"{len(found.failures):,} columns are not as expected"] if found.failures else []
