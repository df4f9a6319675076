"""Requests and responses compared with the API document by hand, without a client library.

Errors and limits of the sandbox are in ``tests/sandbox/test_server.py``.
"""

import itertools
import re
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from tests.cases import cases
from tests.contract.conftest import FIELDS, golden

TOP_COUNTRIES = "list the top 5 countries with the most orders"
LOGINS = "show the last 100 logins"
NO_TABLE = "what is this workspace about"
FAILING = "which warehouse ships the fastest"
SUBSETS = [chosen for count in range(1, 5) for chosen in itertools.combinations(FIELDS, count)]
#: The keys and kinds of the statistics in the document's example, by section.
SECTIONS = {
    "general": {"count": int, "nulls_count": int},
    "temporal": {"distinct_count": int, "distinct_approx": bool, "min": str, "max": str},
    "string": {
        "distinct_count": int,
        "distinct_approx": bool,
        "empty_string_count": int,
        "min_len": int,
        "mean_len": float,
        "max_len": int,
    },
}


def kinds(value: Any) -> Any:
    """Return a JSON value with the kind of each leaf in place of its value."""
    if isinstance(value, dict):
        return {name: kinds(item) for name, item in value.items()}
    if isinstance(value, list):
        return [kinds(item) for item in value]
    return type(value).__name__


def test_health_needs_no_token(service: Any) -> None:
    """The document says: 200 if the backend is operational. No token is needed."""
    assert service.send("GET", "/v1/health").status_code == 200


@cases("method", ["POST", "GET"])
def test_a_token_response_has_the_two_fields(service: Any, method: str) -> None:
    """By the POST of the example and by the GET of the heading: access_token, expires_at, both text.

    The end is ISO-8601 with a T, a fraction of the second and an offset of hours and minutes.
    """
    credentials = {name: service.connection[name] for name in ("client_id", "client_secret")}
    reply = service.send(method, "/v1/auth/token", json=credentials)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "application/json"
    assert kinds(reply.json()) == {"access_token": "str", "expires_at": "str"}
    expires_at = reply.json()["expires_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d:\d\d", expires_at)


def test_an_accepted_question_has_an_id_and_nothing_else(service: Any) -> None:
    """The response is {"question_id": UUID}."""
    reply = service.ask(TOP_COUNTRIES)
    assert reply.ok
    assert list(reply.json()) == ["question_id"]
    assert str(UUID(reply.json()["question_id"])) == reply.json()["question_id"]


@pytest.mark.slow
def test_until_it_is_done_only_the_state_is_sent(slow_service: Any) -> None:
    """PENDING, then IN_PROGRESS, each alone in its body; then COMPLETED with the results."""
    if slow_service.kind != "golden":
        slow_service.ask("SELECT 1")  # takes the one worker, so that the next one waits
    question_id = slow_service.ask(TOP_COUNTRIES).json()["question_id"]
    seen: list[str] = []
    until = time.monotonic() + 20
    while not seen or seen[-1] != "COMPLETED":
        assert time.monotonic() < until
        body = slow_service.results(question_id).json()
        assert list(body) == (["state", "results"] if body["state"] == "COMPLETED" else ["state"])
        if body["state"] not in seen[-1:]:
            seen.append(body["state"])

    assert seen == ["PENDING", "IN_PROGRESS", "COMPLETED"]


def test_a_failed_question_has_no_results(service: Any) -> None:
    """Its state is FAILED, and ``results`` is for successfully processed questions."""
    body = service.results(service.finished(FAILING)).json()
    assert body["state"] == "FAILED"
    assert "results" not in body


@cases("chosen", SUBSETS, ids=",".join)
def test_exactly_the_components_asked_for_are_sent(service: Any, chosen: tuple[str, ...]) -> None:
    """For each subset, in two orders, with plain commas."""
    question_id = service.finished(TOP_COUNTRIES)
    for include in (chosen, chosen[::-1]):
        reply = service.results(question_id, f"?include={','.join(include)}")
        assert reply.status_code == 200
        assert list(reply.json()) == ["state", "results"]
        assert sorted(reply.json()["results"]) == sorted(FIELDS[component] for component in chosen)


def test_the_dataframe_alone_is_the_default(service: Any) -> None:
    """Without ``include`` the rows are sent and nothing beside them."""
    body = service.results(service.finished(TOP_COUNTRIES)).json()

    table = golden("top_countries.json")["results"]["dataframe"]
    assert body == {"state": "COMPLETED", "results": {"dataframe": table}}


def test_the_example_of_the_document_has_its_keys_and_kinds(service: Any) -> None:
    """Asked as the example says, the body has the example's keys at every level, and kinds of value.

    Statistics are of the whole result: a count of 100 beside 3 rows. Instants are text with an offset and
    without zeros at the end of the fraction.
    """
    question_id = service.finished(LOGINS)

    body = service.results(question_id, "?include=dataframe,sqlquery,statistics&max_rows=3").json()

    assert kinds(body) == kinds(golden("login_timestamps.json"))
    statistics = body["results"]["dataframe_stats"]
    assert [each["general"] for each in statistics.values()] == [{"count": 100, "nulls_count": 0}] * 2
    names, _, *rows = body["results"]["dataframe"]
    assert names == ["login_timestamp", "user_email"]
    assert {user for _, user in rows} == {"damian@connectyai.com"}
    # The document writes an offset of one hour, and the sandbox none.
    assert [time if service.kind == "live" else _in_utc(time) for time, _ in rows] == [
        f"{service.last_day}T10:48:15.46+00:00",
        f"{service.last_day}T09:49:22.91+00:00",
    ]


def _in_utc(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).isoformat().replace("0000+", "+")


def test_a_question_can_be_answered_without_a_table(service: Any) -> None:
    """COMPLETED with a summary alone, although everything was asked for."""
    question_id = service.finished(NO_TABLE)
    body = service.results(question_id, "?include=dataframe,statistics,sqlquery,summary").json()
    assert body == {
        "state": "COMPLETED",
        "results": {
            "response_summary": "A made-up shop: its users and their logins, and the orders of its "
            "customers from 2023-11-01 to 2025-11-01."
        },
    }


# What the golden answers do not hold


@cases(
    "question",
    [
        LOGINS,
        TOP_COUNTRIES,
        "how many orders are gifts and how many are not",
        "when were the last 50 orders shipped",
        "which delivery slots are the most popular",
        "what are the weights and ratings of the products",
        "which tags do the products have",
        "which orders came from Antarctica",
    ],
)
def test_the_documented_sections_are_as_documented(live: Any, question: str) -> None:
    """Each column has ``general``; what else the document shows has exactly its keys and kinds."""
    question_id = live.finished(question)
    body = live.results(question_id, "?include=dataframe,statistics&max_rows=1").json()
    columns = body["results"]["dataframe_stats"]
    guessed = {"numeric", "boolean"}

    assert list(columns) == body["results"]["dataframe"][0]
    for sections in columns.values():
        assert next(iter(sections)) == "general"
        assert set(sections) <= {"general", "temporal", "string"} | guessed
        for name in set(sections) & set(SECTIONS):
            assert list(sections[name]) == list(SECTIONS[name])
            for key, kind in SECTIONS[name].items():
                assert sections[name][key] is None or type(sections[name][key]) is kind
