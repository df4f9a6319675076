"""The report of a soak: counted while it runs, printed at its end."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Final

from tests.servers.timing import SLACK
from tests.verification.soak.asker import CallOutcome
from tests.verification.soak.cases import SoakCase
from tests.verification.soak.resources import Resources
from tests.verification.soak.server_process import QuestionRecord, ServerSummary

_MIB: Final = 2**20
#: The bytes by which memory may grow, and the last questions over which this is measured.
_MAX_GROWTH: Final = 4 * _MIB
_MEASURED: Final = 10_000
#: The questions of a full run, and the seconds that they may take.
_FULL_RUN: Final = 20_000
_MAX_SECONDS: Final = 360.0
_PRINTED: Final = 10


@dataclass
class SoakReport:
    questions: int  # how many are asked
    failures: list[str] = field(default_factory=list)
    took: float = 0.0
    _ends: defaultdict[tuple[int, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _slow: list[tuple[float, float]] = field(default_factory=list)
    _longest: float = 0.0
    _memory: list[tuple[int, int]] = field(default_factory=list)

    def add(self, case: SoakCase, outcome: CallOutcome, record: QuestionRecord, problems: list[str]) -> None:
        name = "right" if outcome.error is None else outcome.error.__name__
        known = ", with its id" if outcome.error is not None and outcome.question_id else ""
        self._ends[case.scenario.row, case.scenario.name][name + known] += 1
        if case.timeout is not None:
            self._slow.append((outcome.took - case.timeout, outcome.lateness))
        else:
            self._longest = max(self._longest, outcome.took)
        if problems:
            self.failures.append(
                f"seed {case.seed}, case {case.number}: {case.scenario.name}; {record}\n  "
                + "\n  ".join(problems)
            )

    def add_resources(self, done: int, resources: Resources) -> None:
        """Record what the process holds after so many questions, when no call is running."""
        self._memory.append((done, resources.memory))

    def close(self, server: ServerSummary, before: Resources, after: Resources) -> None:
        """Check the totals, and keep them for the printed report."""
        grown = self._grown()
        checks = {
            f"these questions arrived or were accepted twice: {server.duplicates}": server.duplicates,
            f"{server.followed_redirects} requests followed a redirect": server.followed_redirects,
            f"threads are left: {_added(after.threads, before.threads)}": after.threads != before.threads,
            f"files are left open: {_added(after.files, before.files)}": len(after.files) > len(before.files),
            f"{grown / _MIB:.1f} MiB are left": grown > _MAX_GROWTH,
            f"it took {self.took:.0f} s, more than {_MAX_SECONDS:.0f}": (
                self.questions >= _FULL_RUN and self.took > _MAX_SECONDS * self.questions / _FULL_RUN
            ),
        }
        self.failures += [what for what, wrong in checks.items() if wrong]
        self._server, self._after = server, after

    def print(self) -> None:
        """Print the table, the totals and the first failures."""
        print(f"{'row':>3}  {'scenario':<46} {'cases':>6}  how the calls ended")
        for (row, name), ends in sorted(self._ends.items()):
            endings = "; ".join(f"{count:,} {end}" for end, count in ends.most_common())
            print(f"{row:>3}  {name:<46} {ends.total():>6,}  {endings}")
        ends = sum(self._ends.values(), Counter[str]())
        print("\n" + "; ".join(f"{count:,} {end}" for end, count in ends.most_common()))
        print("\n".join(f"{name:<11} {value}" for name, value in self._totals().items()))
        for failure in self.failures[:_PRINTED]:
            print(f"\nFAILED {failure}")

    def _totals(self) -> dict[str, str]:
        server, after = self._server, self._after
        over = [late for late, _ in self._slow] or [0.0]
        slept = max((slept for _, slept in self._slow), default=0.0)
        memory = ", ".join(f"{held / _MIB:.1f}" for _, held in self._memory)
        return {
            "submissions": f"{server.accepted:,} accepted, {server.arrived:,} arrived, "
            f"{len(server.duplicates)} twice",
            "requests": f"{server.requests:,}, {server.tokens:,} tokens issued",
            "time": f"{self.took:.0f} s, the longest call without a deadline {self._longest:.1f} s",
            "slow": f"{len(self._slow)} calls ended {min(over):.3f} to {max(over):.3f} s past the deadline; "
            f"allowed are {SLACK} s and the lateness of this machine ({slept:.3f} s at most)",
            "left": f"{len(after.threads)} threads, {len(after.files)} open files",
            "memory": f"{memory} MiB; {self._grown() / _MIB:+.1f} over the last {_MEASURED:,} questions",
        }

    def _grown(self) -> int:
        """Return the bytes by which memory grew over the last questions; 0 in a run with few before them."""
        began = self.questions - _MEASURED
        settled = [held for done, held in self._memory if done >= began >= _MEASURED] or [0]
        return settled[-1] - settled[0]


def _added(after: list[str], before: list[str]) -> list[str]:
    return sorted((Counter(after) - Counter(before)).elements())
