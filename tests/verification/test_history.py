"""The short form of ``make verify WHAT=history`` with a fixed seed, and tests of what its check finds."""

import sys
from dataclasses import replace

import pytest

from tests.cases import cases
from tests.servers.postgres import postgres_server
from tests.verification.history.run import Record, check, run
from tests.verification.namespaces import pid_namespace

RECORDS = [Record("a", "1", "ASKED", resumed=True), Record("b", None, "UNCERTAIN")]
ACCEPTED = {"a": "1", "b": "2"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_thirty_kills() -> None:
    """Each accepted question is recorded, each id is resumed; some are killed before and after the id."""
    report = run(30, seed=1, lease=2.0)
    assert report.broken == [], str(report)
    assert report.killed == 30
    assert report.accepted == report.recorded > 0, str(report)
    assert report.received == report.resumed > 0, str(report)
    assert report.uncertain > 0, str(report)
    assert report.submissions == 0
    assert report.foreign == (15 if pid_namespace()[0] else 0)


@pytest.mark.slow
@pytest.mark.external
def test_pods_that_share_a_database() -> None:
    """The short form of ``--store postgres``: kills, one key over restarts, and outages."""
    shared = pytest.importorskip("tests.verification.history.shared")
    try:
        with postgres_server() as server:
            report = run(20, seed=1, lease=2.0, place=server.url())
            line, broken = shared.one_key(server, pods=3, threads=4, rounds=4, seed=1, restarts=1)
            outages = [shared.outages(server, seed=1, times=2, required=each) for each in (True, False)]
    except FileNotFoundError as error:
        pytest.skip(str(error))
    assert report.broken == [], str(report)
    assert report.accepted == report.recorded > 0, str(report)
    assert (line, broken) == ("3 pods x 4 threads, 4 rounds, 1 restarts: 4 questions", [])
    assert outages == [
        ("2 outages, required: 160 of 160 questions sent", []),
        ("2 outages, optional: 160 of 160 questions sent", []),
    ]


def test_what_is_counted() -> None:
    """Questions that were accepted and recorded, ids, and those that were resumed."""
    report = check(ACCEPTED, ["1"], [*RECORDS, Record("c", None, "UNCERTAIN")])
    assert report.broken == []
    assert (report.accepted, report.recorded, report.uncertain) == (2, 2, 2)
    assert (report.received, report.resumed) == (1, 1)


@cases(
    ("received", "records", "broken"),
    [
        ([], RECORDS[:1], "lost: 'b' was accepted"),
        (["2"], RECORDS, "lost: the id 2 was received"),
        ([], [replace(RECORDS[0], question_id="2"), RECORDS[1]], "swapped: 'a' has the id 2"),
        ([], [replace(RECORDS[0], resumed=False), RECORDS[1]], "not resumed: 'a'"),
        ([], [RECORDS[0], replace(RECORDS[1], state="SENT")], "open: 'b' is SENT without an id"),
        ([], [*RECORDS, Record("b", None, "UNCERTAIN")], "twice: 'b' is recorded again"),
    ],
)
def test_broken_promises(received: list[str], records: list[Record], broken: str) -> None:
    """Each is found."""
    assert check(ACCEPTED, received, records).broken == [broken]
