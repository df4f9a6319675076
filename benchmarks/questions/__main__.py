"""Run the benchmark: ``python -m benchmarks.questions``. The exit code is 1 if an answer is wrong."""

from __future__ import annotations

import sys

from benchmarks.questions.score import Outcome, connect, format_report, judge, questions
from connecty_frames.sandbox import workspace

if __name__ == "__main__":
    answerer, connection = workspace.answerer(), connect()
    outcomes = {
        name: [(each["question"], judge(each, answerer, connection)) for each in asked]
        for name, asked in questions().items()
    }
    print("\n".join(format_report(outcomes, listed=[Outcome.WRONG, Outcome.REFUSED])))
    sys.exit(any(outcome is Outcome.WRONG for found in outcomes.values() for _, outcome in found))
