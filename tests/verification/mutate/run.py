"""Mutants of each room, and the share of them that the fast tests kill: ``make verify WHAT=mutate``."""

from __future__ import annotations

import hashlib
import re
import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.verification.mutate.mutants import Mutant, compile_mutant, mutants_of
from tests.verification.mutate.recording import LEFT_OUT, Recording, record
from tests.verification.mutate.trial import Trial, preload, run_trials

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The share of a room's mutants that tests have to kill. Some change nothing that a test could see: they
#: survive, too.
_LEAST: Final = 0.93
#: Seconds of tests, as recorded, that each batch of a mutant runs at most: the quickest ones.
_MOST_SECONDS: Final = 60.0
_PROGRESS: Final = 20


@dataclass(frozen=True)
class Project:
    """What is mutated.

    Parameters
    ----------
    root
        A checkout, with its tests in the folder ``tests``.
    package
        The name of the package.
    rooms
        The folders and files of the package that each room has. The folders of tests have the same names.
    """

    root: Path
    package: str
    rooms: dict[str, tuple[str, ...]]


PROJECT: Final = Project(
    root=Path(__file__).parents[3],
    package="connecty_frames",
    rooms={
        "decode": ("decode",),
        "client": ("client.py", "question.py", "asking", "calls", "http"),
        "frames": ("frames", "export"),
        "store": ("store", "batch"),
        "settings": ("settings",),
        "display": ("display",),
        "pins": ("pins",),
        "cli": ("cli",),
        "sandbox": ("sandbox",),
    },
)


@dataclass(kw_only=True)
class _Drawn(Trial):
    """A mutant that was drawn, and the test that killed it."""

    room: str
    file: str
    mutant: Mutant
    killer: str | None = None

    def __str__(self) -> str:
        """Return a description like a diff."""
        where = f"{self.file}:{self.mutant.line} {self.mutant.function}"
        return f"{where}\n  - {self.mutant.before}\n  + {self.mutant.after}"


def _place_in_draw(seed: int, file: Path, mutant: Mutant) -> bytes:
    """Return a hash that a change of other code, or a mark, does not change."""
    text = f"{seed} {file.name} {mutant.function} {mutant.before} {mutant.after}"
    return hashlib.sha256(text.encode()).digest()


class _Room:
    """The mutants of a room that were drawn.

    Attributes
    ----------
    marked, not_executed
        How many were drawn beside those that are tried.
    """

    def __init__(self, project: Project, name: str) -> None:
        self._project, self._name = project, name
        self._package = project.root / project.package
        self.marked = self.not_executed = self.total = 0
        self.drawn: list[_Drawn] = []
        self._lines = {
            file: file.read_text(encoding="utf-8").splitlines() for file in self._package.rglob("*.py")
        }

    def draw(self, recording: Recording, seed: int, count: int) -> None:
        """Draw so many mutants that are executed and not marked."""
        every = [
            (file, mutant)
            for file in sorted(self._lines)
            if file.relative_to(self._package).parts[0] in self._project.rooms[self._name]
            for mutant in mutants_of(file.read_text(encoding="utf-8"))
        ]
        self.total = len(every)
        every.sort(key=lambda each: _place_in_draw(seed, *each))
        for file, mutant in every:
            if len(self.drawn) == count:
                break
            if mutant.is_marked:
                self.marked += 1
                continue
            near = self._tests_of_names(recording, mutant)
            if tests := near | self._tests(recording, file, mutant):
                seconds = {test: recording.seconds[test] for test in tests}
                self.drawn.append(self._trial(file, mutant, seconds, near))
            else:
                self.not_executed += 1

    def _tests(self, recording: Recording, file: Path, mutant: Mutant) -> set[str]:
        found: set[str] = next(filter(None, (recording.tests(file, lines) for lines in mutant.lines)), set())
        # A module of constants, unless its tests are left out.
        if mutant.at_import and not found and file.stem not in LEFT_OUT:
            return {test for test in recording.seconds if self._is_own(Path(test))}
        return found

    def _tests_of_names(self, recording: Recording, mutant: Mutant) -> set[str]:
        """Return the tests whose file, or a line that they execute, has a name that is set at import."""
        if not mutant.names:
            return set()
        find = re.compile(rf"\b(?:{'|'.join(mutant.names)})\b").search
        executing = {
            test
            for file, lines in self._lines.items()
            for test in recording.tests(file, (at for at, line in enumerate(lines, 1) if find(line)))
        }
        files = {test.partition("::")[0] for test in recording.seconds}
        naming = {file for file in files if find((self._project.root / file).read_text(encoding="utf-8"))}
        return executing | {test for test in recording.seconds if test.partition("::")[0] in naming}

    def _is_own(self, test: Path) -> bool:
        return test.parts[1] in {Path(name).stem for name in self._project.rooms[self._name]}

    def _trial(self, file: Path, mutant: Mutant, tests: dict[str, float], near: set[str]) -> _Drawn:
        """Return the trial of a mutant: first the tests of its file, then those of its room, then all."""
        batches: list[dict[str, float]] = [{}, {}, {}]
        left = [_MOST_SECONDS] * 3
        # The quickest of each file of tests, then the next of each: slow files have a turn too.
        numbers: defaultdict[str, count[int]] = defaultdict(count)
        turns = {
            test: (test not in near, next(numbers[test.partition("::")[0]]))
            for test in sorted(tests, key=tests.__getitem__)
        }
        folder, stem = file.parent.name, file.stem.strip("_")
        own = {f"test_{stem}", f"test_{folder}", f"test_{folder}_{stem}"}
        for test in sorted(tests, key=turns.__getitem__):
            path = Path(test.partition("::")[0])
            distance = 0 if path.stem in own else 1 if self._is_own(path) else 2
            if tests[test] < left[distance]:
                left[distance] -= tests[test]
                batches[distance][test] = tests[test]
        code = compile_mutant(file.read_text(encoding="utf-8"), mutant.number, str(file))
        module = ".".join(file.relative_to(self._project.root).with_suffix("").parts)
        return _Drawn(
            batches=[batch for batch in batches if batch],
            mutant_code=(module.removesuffix(".__init__"), code),
            room=self._name,
            file=file.relative_to(self._package).as_posix(),
            mutant=mutant,
        )

    def print_score(self) -> bool:
        """Print the score, and return whether it is high enough."""
        killed = [each for each in self.drawn if each.killer]
        share = len(killed) / max(len(self.drawn), 1)
        print(
            f"{self._name:<8}{len(killed):>5} of {len(self.drawn)} killed ({share:.1%}), "
            f"{sum(each.killer == 'time' for each in killed)} of them by the time limit; "
            f"{self.marked} marked, {self.not_executed} not executed, {self.total:,} in all; "
            f"{sum(each.seconds for each in self.drawn) / max(len(self.drawn), 1):.1f} s each"
        )
        return share >= _LEAST


def mutate(project: Project, names: Iterable[str], *, seed: int, count: int, workers: int) -> int:
    """Try mutants of rooms, print the scores and the survivors, and return the exit code."""
    print(f"{count} mutants a room, seed {seed}, {workers} processes", flush=True)
    preload()
    begun = time.monotonic()
    recording = record(project.root, project.package, workers)
    for test in recording.failed:
        print(f"not used, since it fails without a mutant: {test}")
    rooms = {name: _Room(project, name) for name in names}
    for room in rooms.values():
        room.draw(recording, seed, count)
    drawn = [each for room in rooms.values() for each in room.drawn]
    print(f"{len(recording.seconds):,} tests, recorded after {time.monotonic() - begun:,.0f} s", flush=True)
    for done, (each, outcome) in enumerate(run_trials(drawn, project.root, workers), 1):
        each.killer = outcome
        if outcome is None:
            print(f"survived: {each}", flush=True)
        if not done % _PROGRESS:
            print(f"{done} of {len(drawn)} tried, after {time.monotonic() - begun:,.0f} s", flush=True)
    _recheck(project, drawn, recording)
    print(f"tried in {time.monotonic() - begun:,.0f} s:")
    passed = [room.print_score() for room in rooms.values()]
    return 0 if all(passed) else 1


def _recheck(project: Project, drawn: list[_Drawn], recording: Recording) -> None:
    """Run the tests that killed mutants without a mutant, and count no mutant as killed by one that fails."""
    tests = {
        each.killer: recording.seconds[each.killer] for each in drawn if each.killer in recording.seconds
    }
    while tests:
        ((_, failed),) = run_trials([Trial(batches=[dict(tests)])], project.root, 1)
        if failed is None:
            return
        del tests[failed]
        for each in drawn:
            if each.killer == failed:
                each.killer = None
                print(f"survived, since {failed} fails without a mutant: {each}", flush=True)


def main(room: list[str], count: int, seed: int, workers: int) -> list[str]:
    """Try mutants of rooms, or of all, and return whether too few were killed."""
    names = [name for name in PROJECT.rooms if name in room or room == [""]]
    code = mutate(PROJECT, names, seed=seed, count=count, workers=workers)
    return [f"fewer than {_LEAST:.0%} were killed"] if code else []
