"""Servers of other teams, written from the API document alone: their users get what they paid for."""

from collections import Counter

import pytest

from tests.cases import cases
from tests.contract.peers.harness import CASES, SERVERS, Outcome, is_installed, report, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return run(CASES)


def test_enough_of_each() -> None:
    """The table names each variation of a server once, and has at least forty of them."""
    names = Counter(case.question for case in CASES)
    assert names.most_common(1)[0][1] == 1
    assert all(count >= 40 for count in Counter(case.server for case in CASES).values())


@cases("server", SERVERS)
def test_no_question_is_paid_for_twice(outcomes: list[Outcome], server: str) -> None:
    """Nor does an exception of another library come out."""
    if not is_installed(server):
        pytest.skip(f"{SERVERS[server][0]} is not installed")
    found = [outcome for outcome in outcomes if outcome.case.server == server]
    assert found
    wrong = [o for o in found if {"asked twice", "crash"} & set(o.faults)]
    assert not wrong, "\n".join(report(wrong, verbose=True))


def test_each_user_gets_what_was_paid_for(outcomes: list[Outcome]) -> None:
    """An answer with exactly its rows, or an error with its id and reason, unless the table says why not."""
    wrong = [outcome for outcome in outcomes if outcome.faults and not outcome.case.why]
    assert not wrong, "\n".join(report(wrong, verbose=True))


def test_each_reason_is_needed(outcomes: list[Outcome]) -> None:
    """A difference that the table explains is there."""
    assert [outcome.case.question for outcome in outcomes if outcome.case.why and not outcome.faults] == []
