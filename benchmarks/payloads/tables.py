"""The tables that are printed, and the worker processes that measure."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from benchmarks.payloads.columns import ANSWERS, CONTRACTS, ODD, PLAIN, SMALL, SPELLINGS, WIDE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["print_tables"]

_ROOT: Final = Path(__file__).parents[2]
_Worker: TypeAlias = subprocess.Popen[str]


class Table(NamedTuple):
    """One table: what it reads, how, what each line shows, and the target of each."""

    title: str
    bodies: str  # as `columns_of` has them
    rows: int
    lines: Mapping[str, float | None]  # the most of each; None for that of the other package, times `room`
    way: str
    unit: str
    beside: str = ""  # the way whose time the figure is a multiple of
    peer: str = ""  # the bodies that it reads, if they are others
    scale: float = 1.0  # from milliseconds
    above: str = ""  # the line whose figure is subtracted
    room: float = 1.0


def _tables(scale: float) -> list[Table]:
    many, few, bulk = (max(int(rows * scale), 20) for rows in (20_000, 1_000, 300_000))
    times = {name: answer.most for name, answer in ANSWERS.items()}
    more, other = dict.fromkeys(ANSWERS, 3.0), dict.fromkeys(ANSWERS)
    odd = dict.fromkeys(ODD, 3.0)
    contracts, spellings = dict.fromkeys(CONTRACTS, 3.0), dict.fromkeys(SPELLINGS, 1.5)
    wide = {name: most for name, (_, most) in WIDE.items()}
    per_cell, per_column = 1000 / many, 1000 / 4_000
    return [
        Table("answers to pandas", "answers", many, times, "pandas", "x by hand", "by hand"),
        Table("answers beside the plain one", "answers", few, more, "pandas", "ms more", above=PLAIN),
        Table("contracts that inference reads", "pairs", many, contracts, "schema", "x without", "arrow"),
        Table("spellings that it does not", "pairs", many, spellings, "schema", "us a cell", scale=per_cell),
        Table("odd cells beside plain ones", "odd", many, odd, "arrow", "x plain", "arrow", "plain"),
        Table("small answers", "small", 3, dict.fromkeys(SMALL), "arrow", "us", scale=1000, room=1.3),
        Table("wide answers, 4,000 columns", "wide", 3, wide, "arrow", "us a column", scale=per_column),
        Table("bulk, 8 columns", "bulk", bulk, {"W6": 0.5}, "arrow", "x orjson, collector off", "orjson"),
        Table("memory", "answers", many * 5, other, "memory", "x the body", room=1.1),
        Table("memory, 8 columns", "bulk", bulk, {"W6": None}, "memory", "x the body", room=1.1),
    ]


def print_tables(packages: Sequence[Path], scale: float, rounds: int, only: Sequence[str] | None) -> None:
    """Print all tables or some: the figures of this package, those of the other one, and what is wanted."""
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker(package)) for package in packages]
        for table in _tables(scale):
            if only and table.title.replace(",", "").split()[0] not in only:
                continue
            print(f"\n{table.title}, {table.rows:,} rows", flush=True)
            base = [0.0] * len(workers)
            for name, most in table.lines.items():
                figures = _figures(packages, workers, table, name, rounds)
                if name == table.above:
                    base = figures
                    _print_line(name, figures, None, "ms in all")
                    continue
                figures = [figure - least for figure, least in zip(figures, base, strict=True)]
                wanted = figures[1] * table.room if most is None and len(figures) > 1 else most
                _print_line(name, figures, wanted, table.unit)
        for worker in workers:
            worker.communicate()


def _worker(package: Path) -> _Worker:
    command = [sys.executable, "-m", "benchmarks.payloads", "--worker", str(package)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT)


def _figures(
    packages: Sequence[Path], workers: Sequence[_Worker], table: Table, name: str, rounds: int
) -> list[float]:
    """Return the figure of a line for each package, which take turns; memory is that of fresh processes."""
    ways = [(table.bodies, table.way)]
    ways += [(table.peer or table.bodies, table.beside)] if table.beside else []
    found: list[list[list[float]]] = [[[] for _ in ways] for _ in workers]
    for _ in range(rounds):
        for package, worker, times in zip(packages, workers, found, strict=True):
            asked = _worker(package) if table.way == "memory" else worker
            for (bodies, way), figures in zip(ways, times, strict=True):
                figures.append(_ask(asked, bodies, name, table.rows, way))
            if asked is not worker:
                asked.communicate()
    # A peak of memory is also what an allocator happens to keep.
    typical = min if table.way == "memory" else statistics.median
    measured = [[typical(figures) for figures in times] for times in found]
    return [own * table.scale / (peer[0] if peer else 1) for own, *peer in measured]


def _ask(worker: _Worker, *what: object) -> float:
    if worker.stdin is None or worker.stdout is None:
        raise RuntimeError("A worker has no pipes.")
    print(json.dumps(what), file=worker.stdin, flush=True)
    answer = worker.stdout.readline()
    if not answer:
        raise SystemExit(f"A worker ended at {what}.")
    return float(answer)


def _print_line(name: str, figures: Sequence[float], most: float | None, unit: str) -> None:
    shown = "".join(f"{figure:>10.2f}" for figure in figures)
    wanted = "" if most is None else f"at most {most:.2f}  {'met' if figures[0] <= most else 'MISSED'}"
    print(f"  {name:<36}{shown}  {unit:<25}{wanted}".rstrip(), flush=True)
