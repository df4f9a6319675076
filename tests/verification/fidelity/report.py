"""The report: what is scored, and how it is printed."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from tests.verification.fidelity.ground_truth import load_ground_truth
from tests.verification.fidelity.readers import OURS, PEERS
from tests.verification.fidelity.score import FidelityReport, Grade, score
from tests.verification.fidelity.styles import STYLES

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["format_report", "run"]

_ROWS: Final = 300
_QUICK_ROWS: Final = 30
#: One of each depth of statistics, and between them every way to write a number.
_QUICK_STYLES: Final = frozenset(
    {"document", "postgres", "python", "no statistics, 20 rows", "guessed sections, 1 row"}
)
_VALUES_RIGHT: Final = (Grade.RIGHT, Grade.EXACT)


def run(*, quick: bool) -> FidelityReport:
    """Score all readers on all truths."""
    if quick:
        return score(
            load_ground_truth(rows=_QUICK_ROWS), [style for style in STYLES if style.name in _QUICK_STYLES]
        )
    return score(load_ground_truth(rows=_ROWS), STYLES)


def format_report(report: FidelityReport) -> Iterator[str]:
    """Return the lines of the report."""
    heads = ("columns", "type right", "every value right", "silently wrong", "loud")
    yield f"{'reader':<27}" + "".join(f"{head:>{len(head) + 4}}" for head in heads)
    for reader in (*OURS.each, *PEERS.each):
        found = report.outcomes[reader]
        right = sum(found[outcome] for outcome in _VALUES_RIGHT)
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
        right, exact, loud, wrong = (found[outcome] for outcome in Grade)
        yield f"{style:<34}{right:>8,}{exact:>19,}{loud:>7,}{wrong:>16,}"
    yield ""
    yield f"{report.side_by_side:,} columns were read once more beside the others of their query."
    yield ""
    yield f"Not recoverable, since another truth has the same bytes ({len(report.unrecoverable):,} columns):"
    grouped: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for entry in report.unrecoverable:
        grouped[entry.kind, entry.twin].add((entry.column, entry.style))
    for (kind, twin), places in sorted(grouped.items()):
        yield f"  {kind}, may be {twin}: {len(places)}"
        styles: dict[str, set[str]] = defaultdict(set)
        for column, style in places:
            styles[column].add(style)
        for column, found_in in sorted(styles.items()):
            yield f"    {column} ({', '.join(sorted(found_in))})"
    yield ""
    yield f"Ours not right though it could be ({len(report.failures):,}):"
    engines: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for failure in report.failures:
        place = (failure.outcome, failure.column, failure.kind, failure.style)
        engines[place].append(f"{failure.reader.rpartition(' ')[2]}: {failure.reason}")
    for (outcome, column, kind, style), reasons in engines.items():
        which = f"{len(reasons)} of {len(OURS.each)} engines"
        yield f"  {outcome}: {column} [{kind}], {style}: {which}; {reasons[-1]}"
    yield ""
    causes = Counter((failure.outcome, failure.kind) for failure in report.failures)
    yield from (f"  {number:>5} {outcome} {kind}" for (outcome, kind), number in causes.most_common())
