"""Requests and responses compared with the API document by hand, without a client library."""

from __future__ import annotations

import itertools
import re
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.cases import cases
from tests.contract.conftest import FIELDS

if TYPE_CHECKING:
    import requests

TOP_COUNTRIES = "list the top 5 countries with the most orders"
LOGINS = "show the last 100 logins"
NO_TABLE = "what is this workspace about"
FAILING = "which warehouse ships the fastest"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
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


# Health and token


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


@cases("wrong", [{"client_secret": "wrong"}, {"client_id": "wrong"}])
def test_wrong_credentials_get_no_token(service: Any, wrong: dict[str, str]) -> None:
    """401 for a wrong secret and for a wrong id."""
    credentials = {name: service.connection[name] for name in ("client_id", "client_secret")}

    assert service.send("POST", "/v1/auth/token", json=credentials | wrong).status_code == 401


# Asking


def test_an_accepted_question_has_an_id_and_nothing_else(service: Any) -> None:
    """The response is {"question_id": UUID}."""
    reply = service.ask(TOP_COUNTRIES)

    assert reply.ok
    assert list(reply.json()) == ["question_id"]
    assert str(UUID(reply.json()["question_id"])) == reply.json()["question_id"]


@cases("headers", [{}, {"Authorization": "Bearer nonsense"}])
@cases(
    ("method", "path"),
    [("POST", "/v1/dw/13/questions"), ("GET", f"/v1/dw/13/questions/{UNKNOWN}/results")],
)
def test_nothing_but_health_and_token_without_a_good_token(
    service: Any, method: str, path: str, headers: dict[str, str]
) -> None:
    """401 without a token, and with one that the service did not issue."""
    reply = service.send(method, path, json={"question": TOP_COUNTRIES}, headers=headers)

    assert reply.status_code == 401


@cases(
    ("method", "path"),
    [
        ("GET", f"/v1/dw/13/questions/{UNKNOWN}/results"),
        ("GET", f"/v1/dw/14/questions/{UNKNOWN}/results"),
        ("POST", "/v1/dw/14/questions"),
    ],
)
def test_what_is_unknown_is_404(service: Any, method: str, path: str) -> None:
    """An id that was never issued, and a workspace that does not exist, whatever the question."""
    reply = service.send(method, path, json={"question": TOP_COUNTRIES}, headers=service.token())

    assert reply.status_code == 404


@cases("body", [{}, {"Question": "x"}])
def test_a_body_without_a_question_is_422(service: Any, body: dict[str, str]) -> None:
    """``question`` is required."""
    reply = service.send("POST", "/v1/dw/13/questions", json=body, headers=service.token())

    assert reply.status_code == 422


# States


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


# Results


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

    assert body == {
        "state": "COMPLETED",
        "results": {
            "dataframe": [
                ["country", "orders"],
                ["Poland", 31768],
                ["Germany", 12922],
                ["France", 8459],
                ["Italy", 5719],
                ["Spain", 5051],
            ]
        },
    }


def test_the_example_of_the_document_has_its_keys_and_kinds(service: Any) -> None:
    """Asked as the example says, the body has the example's keys at every level, and kinds of value.

    Statistics are of the whole result: a count of 100 beside 3 rows. Instants are text with an offset and
    without zeros at the end of the fraction.
    """
    question_id = service.finished(LOGINS)

    body = service.results(question_id, "?include=dataframe,sqlquery,statistics&max_rows=3").json()

    assert kinds(body) == {
        "state": "str",
        "results": {
            "sql_query": "str",
            "dataframe": [["str", "str"], ["str", "str"], ["str", "str"], ["str", "str"]],
            "dataframe_stats": {
                "login_timestamp": {
                    "general": {"count": "int", "nulls_count": "int"},
                    "temporal": {
                        "distinct_count": "int",
                        "distinct_approx": "bool",
                        "min": "str",
                        "max": "str",
                    },
                },
                "user_email": {
                    "general": {"count": "int", "nulls_count": "int"},
                    "string": {
                        "distinct_count": "int",
                        "distinct_approx": "bool",
                        "empty_string_count": "int",
                        "min_len": "int",
                        "mean_len": "float",
                        "max_len": "int",
                    },
                },
            },
        },
    }
    statistics = body["results"]["dataframe_stats"]
    assert [each["general"] for each in statistics.values()] == [{"count": 100, "nulls_count": 0}] * 2
    names, _, *rows = body["results"]["dataframe"]
    assert names == ["login_timestamp", "user_email"]
    assert rows == [
        [f"{service.last_day}T11:48:15.46+01:00", "damian@connectyai.com"],
        [f"{service.last_day}T10:49:22.91+01:00", "damian@connectyai.com"],
    ]


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


def test_max_rows_is_1000_by_default(live: Any) -> None:
    """The document's default, of a hundred thousand orders."""
    question_id = live.finished("list all orders")

    assert len(live.results(question_id).json()["results"]["dataframe"]) == 1 + 1000
    assert len(live.results(question_id, "?max_rows=1001").json()["results"]["dataframe"]) == 1 + 1001
    assert len(live.results(question_id, "?max_rows=0").json()["results"]["dataframe"]) == 1


@cases("query", ["?max_rows=-1", "?max_rows=many", "?include=everything", "?include="])
def test_an_invalid_parameter_is_422(live: Any, query: str) -> None:
    """It is not replaced by a default."""
    question_id = live.finished(TOP_COUNTRIES)

    assert live.results(question_id, query).status_code == 422


def test_commas_may_be_encoded(live: Any) -> None:
    """Most HTTP libraries encode them."""
    question_id = live.finished(TOP_COUNTRIES)

    reply = live.results(question_id, "?include=dataframe%2Csummary")

    assert sorted(reply.json()["results"]) == ["dataframe", "response_summary"]


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


def test_errors_have_one_shape(live: Any) -> None:
    """Of each status, with the id of the request that the header names too."""
    replies: list[requests.Response] = [
        live.send("GET", f"/v1/dw/13/questions/{UNKNOWN}/results"),
        live.send("GET", f"/v1/dw/13/questions/{UNKNOWN}/results", headers=live.token()),
        live.send("DELETE", "/v1/health"),
        live.send("POST", "/v1/dw/13/questions", data=b"nonsense", headers=live.token()),
        live.send(
            "POST",
            "/v1/dw/13/questions",
            data=b"nonsense",
            headers={**live.token(), "Content-Type": "application/json"},
        ),
    ]

    assert [reply.status_code for reply in replies] == [401, 404, 405, 415, 422]
    for reply in replies:
        assert kinds(reply.json()) == {"error": "str", "message": "str", "request_id": "str"}
        assert reply.json()["request_id"] == reply.headers["X-Request-Id"]
