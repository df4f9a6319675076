"""What a soak shows: counted while it runs, printed at its end."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.verification.soak.checks import SLACK

if TYPE_CHECKING:
    from tests.verification.soak.asker import CallOutcome
    from tests.verification.soak.cases import SoakCase
    from tests.verification.soak.resources import Resources
    from tests.verification.soak.server_process import QuestionRecord, ServerSummary

__all__ = ["SoakReport"]

_MIB: Final = 2**20
#: How much more memory may be held after the last so many questions.
_MEMORY: Final = 4 * _MIB
_MEASURED: Final = 10_000
#: What so many questions may take, in seconds.
_FULL_RUN: Final = 20_000
_TIME: Final = 360.0
_PRINTED: Final = 10


@dataclass
class SoakReport:
    """The counts of a soak.

    Parameters
    ----------
    questions
        How many are asked.
    """

    questions: int
    failures: list[str] = field(default_factory=list)
    took: float = 0.0
    _ends: defaultdict[tuple[int, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _slow: list[tuple[float, float]] = field(default_factory=list)
    _longest: float = 0.0
    _memory: list[tuple[int, int]] = field(default_factory=list)

    def add(
        self, case: SoakCase, outcome: CallOutcome, evidence: QuestionRecord, problems: list[str]
    ) -> None:
        """Count a case."""
        name = "right" if outcome.error is None else outcome.error.__name__
        known = ", with its id" if outcome.error is not None and outcome.question_id else ""
        self._ends[case.kind.row, case.kind.name][name + known] += 1
        if case.timeout is not None:
            self._slow.append((outcome.took - case.timeout, outcome.overslept))
        else:
            self._longest = max(self._longest, outcome.took)
        if problems:
            self.failures.append(
                f"seed {case.seed}, case {case.number}: {case.kind.name}, {case.engine}; {evidence}\n  "
                + "\n  ".join(problems)
            )

    def rest(self, done: int, at_rest: Resources) -> None:
        """Note what is held after so many questions, when nothing is under way."""
        self._memory.append((done, at_rest.memory))

    def close(self, seen: ServerSummary, before: Resources, after: Resources) -> None:
        """Judge what only shows at the end, and note what is to be printed of it."""
        grown = self._grown()
        checks = {
            f"these arrived or were accepted twice: {seen.twice}": seen.twice,
            f"{seen.strays} requests followed a redirect": seen.strays,
            f"threads are left: {_added(after.threads, before.threads)}": after.threads != before.threads,
            f"files are left open: {_added(after.files, before.files)}": len(after.files) > len(before.files),
            f"{grown / _MIB:.1f} MiB are left": grown > _MEMORY,
            f"it took {self.took:.0f} s, more than {_TIME:.0f}": (
                self.questions >= _FULL_RUN and self.took > _TIME * self.questions / _FULL_RUN
            ),
        }
        self.failures += [what for what, wrong in checks.items() if wrong]
        self._seen, self._before, self._after = seen, before, after

    def print(self) -> None:
        """Print the table, the totals and the first failures."""
        print(f"{'row':>3}  {'what goes wrong':<46} {'cases':>6}  how the calls ended")
        for (row, name), ends in sorted(self._ends.items()):
            said = "; ".join(f"{count:,} {end}" for end, count in ends.most_common())
            print(f"{row:>3}  {name:<46} {ends.total():>6,}  {said}")
        ends = sum(self._ends.values(), Counter[str]())
        print("\n" + "; ".join(f"{count:,} {end}" for end, count in ends.most_common()))
        print("\n".join(f"{name:<11} {said}" for name, said in self._totals().items()))
        for failure in self.failures[:_PRINTED]:
            print(f"\nFAILED {failure}")
        if self.failures:
            print(f"\n{len(self.failures):,} failures; `--seed S --case N` runs a case alone")
        else:
            print("every promise kept")

    def _totals(self) -> dict[str, str]:
        seen, before, after = self._seen, self._before, self._after
        over = [late for late, _ in self._slow] or [0.0]
        slept = max((slept for _, slept in self._slow), default=0.0)
        memory = ", ".join(f"{held / _MIB:.1f}" for _, held in self._memory)
        return {
            "submissions": f"{seen.accepted:,} accepted, {seen.arrived:,} arrived, {len(seen.twice)} twice",
            "requests": f"{seen.requests:,}, {seen.tokens:,} tokens given out",
            "time": f"{self.took:.0f} s, {self.questions / self.took:.0f} questions a second, the longest "
            f"call without a deadline of its own {self._longest:.1f} s",
            "slow": f"{len(self._slow)} calls ended {min(over):.3f} to {max(over):.3f} s past their time; "
            f"allowed are {SLACK} s, and what this machine overslept ({slept:.3f} s at most)",
            "threads": f"{len(before.threads)} before, {len(after.threads)} after",
            "open files": f"{len(before.files)} before, {len(after.files)} after",
            "memory": f"{memory} MiB; {self._grown() / _MIB:+.1f} over the last {_MEASURED:,} questions"
            if self._settled()
            else f"{memory} MiB; too few questions to judge it",
        }

    def _settled(self) -> list[int]:
        """Return the memory held from when as many questions were left as it is measured over."""
        began = self.questions - _MEASURED
        return [held for done, held in self._memory if done >= began] if began >= _MEASURED else []

    def _grown(self) -> int:
        settled = self._settled()
        return settled[-1] - settled[0] if settled else 0


def _added(after: list[str], before: list[str]) -> list[str]:
    """Return what there is now and was not before."""
    return sorted((Counter(after) - Counter(before)).elements())
