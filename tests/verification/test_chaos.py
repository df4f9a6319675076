"""The quick form of ``make verify WHAT=chaos`` with a fixed seed, and tests of its check."""

from dataclasses import replace
from typing import Any

import pytest

import connecty_frames as cf
from tests.cases import cases
from tests.servers import programs
from tests.verification.__main__ import main
from tests.verification.chaos import run as chaos
from tests.verification.chaos.durable import Accepted
from tests.verification.chaos.run import ProxiedRequest, QuestionOutcome, check

MISSING = programs.missing("nginx", "haproxy", "squid")


@pytest.mark.slow
@pytest.mark.external
@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
def test_a_hundred_questions() -> None:
    """Programs are killed, stopped and suspended: every promise is kept, and questions are answered."""
    report = chaos.run(100, seed=1)
    assert report.broken == [], str(report)
    assert report.asked == report.ends.total() == 100
    assert report.ends["right"] > 0, str(report)
    assert report.disturbed.total() > 0, str(report)


#: Question 0 was accepted as a and answered, question 1 as b.
RIGHT, SECOND = (QuestionOutcome(number, question_id=each) for number, each in enumerate("ab"))
ACCEPTED = [Accepted("a", chaos.question(0)), Accepted("b", chaos.question(1))]
TWICE = [*ACCEPTED, Accepted("c", chaos.question(1))]


def failed(error: type[BaseException], question_id: str | None = None, **fields: Any) -> QuestionOutcome:
    return QuestionOutcome(1, error, question_id, text=error.__name__, **fields)


@cases(
    "outcome",
    [
        SECOND,
        replace(SECOND, over=0.25),
        failed(cf.QuestionTimeout, "b"),
        failed(cf.SubmissionUncertain),
        failed(cf.SubmissionUncertain, "b"),
        QuestionOutcome(2, cf.ConnectionFailed),
    ],
)
def test_allowed_outcomes(outcome: QuestionOutcome) -> None:
    """A table, an error with the id, an uncertain submission, and an error where nothing was accepted."""
    sent = [ProxiedRequest(1, status) for status in ("401", "429", "502")]
    assert check([RIGHT, outcome], ACCEPTED, sent).broken == []


@cases(
    ("outcome", "accepted", "broken"),
    [
        (SECOND, TWICE, "twice: question 1 was accepted as ['b', 'c']"),
        (failed(cf.QuestionTimeout), ACCEPTED, "lost: question 1 was accepted as ['b']"),
        (failed(cf.ConnectionFailed), ACCEPTED, "lost: question 1 was accepted as ['b']"),
        (failed(cf.QuestionTimeout, "a"), ACCEPTED, "swapped: question 1 has the id a instead of ['b']"),
        (replace(SECOND, wrong="its table is {}"), ACCEPTED, "swapped: question 1 its table is {}"),
        (SECOND, ACCEPTED[:1], "swapped: question 1 has the id b instead of []"),
        (failed(KeyError, "b"), ACCEPTED, "foreign: question 1 KeyError"),
        (failed(cf.QuestionTimeout, "b", over=0.251), ACCEPTED, "late: question 1 ended 0.251 s late"),
    ],
)
def test_broken_promises(outcome: QuestionOutcome, accepted: list[Accepted], broken: str) -> None:
    """Each is found once, under its name."""
    (found,) = check([RIGHT, outcome], accepted, [ProxiedRequest(0, "200"), ProxiedRequest(1, "200")]).broken
    assert found.startswith(broken)


def test_a_repeated_submission_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A question that a proxy answered with 502 was sent, though the sandbox got it only the second time.

    The program prints it, and exits with 1.
    """
    report = check([RIGHT], ACCEPTED[:1], [ProxiedRequest(0, "502"), ProxiedRequest(0, "200")])
    assert report.broken == ["twice: question 0 was sent again: the proxies answered 502, 200"]
    monkeypatch.setattr(chaos, "run", lambda _questions, _seed: report)
    monkeypatch.setattr(programs, "missing", lambda *_: ())
    assert main(["chaos"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == report.broken[0]
