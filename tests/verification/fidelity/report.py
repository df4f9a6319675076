"""The report: the readers and columns that are scored, and the printed table."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from tests.verification.fidelity.ground_truth import load_ground_truth
from tests.verification.fidelity.readers import OURS, PEERS
from tests.verification.fidelity.score import FidelityReport, Grade, score
from tests.verification.fidelity.styles import STYLES

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["format_report", "main", "read_every", "run"]

_ROWS: Final = 300
_VALUES_RIGHT: Final = (Grade.RIGHT, Grade.EXACT)


def run(*, every: int = 1) -> FidelityReport:
    """Score all readers on one of so many columns of each style, other ones in each."""
    return score(load_ground_truth(rows=_ROWS), STYLES, every)


def format_report(report: FidelityReport) -> Iterator[str]:
    """Return the lines of the report."""
    heads = ("columns", "type right", "every value right", "silently wrong", "loud")
    yield f"{'reader':<27}" + "".join(f"{head:>{len(head) + 4}}" for head in heads)
    for reader in (*OURS.each, *PEERS.each):
        found = report.grades[reader]
        right = sum(found[grade] for grade in _VALUES_RIGHT)
        numbers = (
            found.total(),
            report.types_right[reader],
            right,
            found[Grade.WRONG],
            found[Grade.LOUD],
        )
        yield f"{reader:<27}" + "".join(
            f"{number:>{len(head) + 4},}" for head, number in zip(heads, numbers, strict=True)
        )
    yield ""
    yield f"{'ours, by style':<34}{'right':>8}{'exact, other type':>19}{'loud':>7}{'silently wrong':>16}"
    for style, found in report.by_style.items():
        right, exact, loud, wrong = (found[grade] for grade in Grade)
        yield f"{style:<34}{right:>8,}{exact:>19,}{loud:>7,}{wrong:>16,}"
    yield ""
    yield f"{report.side_by_side:,} columns were read a second time together with the others of their query."
    yield ""
    yield f"Not recoverable, since another column has the same bytes ({len(report.unrecoverable):,} columns):"
    grouped: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for entry in report.unrecoverable:
        grouped[entry.kind, entry.other].add((entry.column, entry.style))
    for (kind, other), places in sorted(grouped.items()):
        yield f"  {kind}, may be {other}: {len(places)}"
        styles: dict[str, set[str]] = defaultdict(set)
        for column, style in places:
            styles[column].add(style)
        for column, found_in in sorted(styles.items()):
            yield f"    {column} ({', '.join(sorted(found_in))})"
    yield ""
    yield f"Ours, recoverable but not right ({len(report.failures):,}):"
    engines: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for failure in report.failures:
        place = (failure.grade, failure.column, failure.kind, failure.style)
        engines[place].append(f"{failure.reader.rpartition(' ')[2]}: {failure.reason}")
    for (grade, column, kind, style), reasons in engines.items():
        which = f"{len(reasons)} of {len(OURS.each)} engines"
        yield f"  {grade}: {column} [{kind}], {style}: {which}; {reasons[-1]}"
    yield ""
    causes = Counter((failure.grade, failure.kind) for failure in report.failures)
    yield from (f"  {number:>5} {grade} {kind}" for (grade, kind), number in causes.most_common())


def main() -> int:
    """Read the command line and run the benchmark."""
    every, begun = read_every(), time.perf_counter()
    report = run(every=every)
    print("\n".join(format_report(report)))
    print(f"\n{time.perf_counter() - begun:.0f} s", file=sys.stderr)
    return 1 if report.failures else 0


def read_every() -> int:
    """Return the only argument of the command line of a fidelity benchmark."""
    parser = argparse.ArgumentParser(description="Is every value right, or reported?")
    parser.add_argument("--every", type=int, default=1, help="read one of so many columns (default: all)")
    every: int = parser.parse_args().every
    return every
