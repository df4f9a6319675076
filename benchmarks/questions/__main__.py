"""Run the benchmark: ``python -m benchmarks.questions``. The exit code is 1 if an answer is wrong.

Of the generated questions every tenth is asked, every n-th with ``python -m benchmarks.questions n``.
"""

from __future__ import annotations

import sys

from benchmarks.questions.generated import cases, check, tables
from benchmarks.questions.score import Outcome, connect, format_report, judge, questions
from connecty_frames.sandbox import workspace

if __name__ == "__main__":
    answerer, connection = workspace.answerer(), connect()
    outcomes = [(each["question"], judge(each, answerer, connection)) for each in questions()]
    print("\n".join(format_report(outcomes, listed=[Outcome.WRONG, Outcome.REFUSED])))
    rows = tables(connection)
    made = list(cases())[:: int(sys.argv[1]) if sys.argv[1:] else 10]
    problems = [problem for case in made if (problem := check(case, answerer, connection, rows))]
    print(
        f"\ngenerated questions, in every order: {len(made)}, wrong: {len(problems)}", *problems, sep="\n  "
    )
    sys.exit(bool(problems) or any(outcome is Outcome.WRONG for _, outcome in outcomes))
