"""What our client returns: the same cases against the golden answers and live sandboxes."""

import json
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import connecty_frames as cf

TOP_COUNTRIES = "list the top 5 countries with the most orders"
LOGINS = "show the last 100 logins"
NO_TABLE = "what is this workspace about"
FAILING = "which warehouse ships the fastest"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
COUNTRIES = {
    "country": ["Poland", "Germany", "France", "Italy", "Spain"],
    "orders": [31768, 12922, 8459, 5719, 5051],
}


def to_milliseconds(instant: datetime) -> datetime:
    """Truncate to milliseconds, in which the document's example writes rows."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def test_the_service_is_operational(service: Any) -> None:
    """Status 200 of the health endpoint is True."""
    assert service.client().health() is True


def test_the_top_countries_are_text_and_whole_numbers(service: Any) -> None:
    """The first question of the document: country string, orders int64, five rows in their order."""
    answer = service.client().ask(TOP_COUNTRIES)
    assert answer.table.schema.equals(pa.schema({"country": pa.string(), "orders": pa.int64()}))
    assert answer.table.to_pydict() == COUNTRIES
    assert (answer.rows, answer.total_rows, answer.truncated) == (5, 5, False)
    assert answer.response_summary == "Poland has the most orders of all countries: 31768."
    assert answer.sql_query.startswith("SELECT ")
    assert answer.statistics["country"]["string"]["max_len"] == 7


def test_the_top_countries_in_each_library(service: Any) -> None:
    """The same values, in pandas with nullable dtypes, and the metadata on the frame."""
    client = service.client()
    frame = client.ask_df(TOP_COUNTRIES)
    polars, table = (client.ask_df(TOP_COUNTRIES, engine=engine) for engine in ("polars", "pyarrow"))
    assert type(frame) is pd.DataFrame
    assert frame.dtypes.astype(str).to_dict() == {"country": "string", "orders": "Int64"}
    assert polars.schema == pl.Schema({"country": pl.String, "orders": pl.Int64})
    assert frame.to_dict("list") == polars.to_dict(as_series=False) == table.to_pydict() == COUNTRIES
    assert {cf.metadata(each).question for each in (frame, polars, table)} == {TOP_COUNTRIES}
    assert frame.connecty.response_summary == "Poland has the most orders of all countries: 31768."
    assert polars.connecty.sql_query.startswith("SELECT ")


def test_the_logins_are_instants_and_text(service: Any) -> None:
    """The document's example: microseconds in UTC and text; a warning says that these are 3 of 100 rows."""
    with pytest.warns(cf.TruncationWarning, match=r"^3 of 100 rows received; max_rows=None fetches all"):
        answer = service.client().ask(LOGINS, max_rows=3)

    assert answer.table.schema.equals(
        pa.schema({"login_timestamp": pa.timestamp("us", "UTC"), "user_email": pa.string()})
    )
    day = service.last_day.timetuple()[:3]
    assert [to_milliseconds(instant) for instant in answer.table["login_timestamp"].to_pylist()] == [
        datetime(*day, 12, 5, 1, 146_000, tzinfo=UTC),
        datetime(*day, 10, 48, 15, 460_000, tzinfo=UTC),
        datetime(*day, 9, 49, 22, 910_000, tzinfo=UTC),
    ]
    assert answer.table["user_email"].to_pylist() == ["damian@connectyai.com"] * 3
    assert (answer.rows, answer.total_rows, answer.truncated) == (3, 100, True)
    assert "ranked_logins" in answer.sql_query


@pytest.mark.slow
def test_a_question_goes_through_its_states(slow_service: Any) -> None:
    """The progress that is reported holds each state, ends with COMPLETED and names the question."""
    steps: list[Any] = []
    client = slow_service.client()
    if slow_service.kind != "golden":
        client.submit("SELECT 1")
    answer = client.ask(TOP_COUNTRIES, progress=steps.append)
    assert list(dict.fromkeys(step.state for step in steps)) == ["PENDING", "IN_PROGRESS", "COMPLETED"]
    assert {step.question_id for step in steps} == {answer.question_id}
    assert {step.question for step in steps} == {TOP_COUNTRIES}
    assert [step.elapsed for step in steps] == sorted(step.elapsed for step in steps)


def test_a_handle_waits_and_returns_the_answer(service: Any) -> None:
    """Submit, wait, result, and result again with other options, of one question."""
    question = service.client().submit(TOP_COUNTRIES)
    assert question.wait() == "COMPLETED"
    assert question.state() == "COMPLETED"
    assert question.result().rows == 5
    assert question.result(max_rows=2, on_truncation="ignore").rows == 2
    assert question.dw_id == 13
    assert question.asked_at.utcoffset().total_seconds() == 0


def test_an_answer_is_fetched_again_by_its_id(service: Any) -> None:
    """The same rows, and metadata in which the question is None."""
    client = service.client()
    question_id = client.ask(TOP_COUNTRIES).question_id
    again = client.fetch(question_id)
    assert again.table.to_pydict() == COUNTRIES
    assert again.question_id == question_id
    assert (again.question, again.metadata.asked_at, again.metadata.elapsed) == (None, None, None)


def test_a_failed_question_is_an_error_with_its_details(service: Any) -> None:
    """QuestionFailed with question, id, workspace and state; a wait for it is no error.

    The document has no field for a reason, so every field beside the state is shown.
    """
    client = service.client()
    question = client.submit(FAILING)
    assert question.wait() == "FAILED"

    with pytest.raises(cf.QuestionFailed, match="failed") as raised:
        question.result()

    error = raised.value
    assert (error.question, error.dw_id, error.state) == (FAILING, 13, "FAILED")
    assert error.question_id == question.question_id
    if service.kind == "golden":
        assert error.details == {}
        assert "does not say why" in str(error)
    else:
        assert "warehouses does not exist" in error.details["error"]
        assert "warehouses does not exist" in str(error)


def test_an_answer_without_a_table(service: Any) -> None:
    """``ask`` returns the summary without a table; ``ask_df`` raises an error with the summary."""
    client = service.client()
    answer = client.ask(NO_TABLE)
    assert answer.table is None
    assert len(answer) == 0
    assert answer.response_summary.startswith("A made-up shop")
    with pytest.raises(cf.NoTableError, match=r"without a table\. A made-up shop") as raised:
        client.fetch_df(answer.question_id)
    assert raised.value.response_summary == answer.response_summary
    assert raised.value.question_id == answer.question_id


def test_what_is_unknown_is_not_found(service: Any) -> None:
    """404 is a NotFoundError: with the id at once, and without one for a workspace that does not exist."""
    with pytest.raises(cf.NotFoundError, match="Check dw_id, and question_id") as raised:
        service.client().fetch(UNKNOWN)
    assert (raised.value.status, raised.value.question_id) == (404, UNKNOWN)
    with pytest.raises(cf.NotFoundError) as raised:
        service.client(dw_id=14).ask(TOP_COUNTRIES)
    assert (raised.value.status, raised.value.question_id) == (404, None)


def test_wrong_credentials_are_an_auth_error(service: Any) -> None:
    """401 from the token endpoint; the message names the settings and no secret."""
    with pytest.raises(cf.AuthError, match="Check client_id and client_secret") as raised:
        service.client(client_secret="a-wrong-secret").ask(TOP_COUNTRIES)
    assert raised.value.status == 401
    assert "a-wrong-secret" not in str(raised.value)


def test_requests_are_those_of_the_document(golden_service: Any) -> None:
    """Plain commas, no //v1, JSON with the documented fields, a bearer token on all but the token call."""
    golden_service.client(base_url="https://api.eu1.connecty-ai.com/").ask(TOP_COUNTRIES, max_rows=50)

    sent = [call.request for call in golden_service.calls()]
    questions = "https://api.eu1.connecty-ai.com/v1/dw/13/questions"
    results = (
        f"{questions}/729cb7a4-4b06-449e-a3c9-df40f5e570b8/results"
        "?include=dataframe,statistics,sqlquery,summary&max_rows=50"
    )
    assert [(request.method, request.url) for request in sent] == [
        ("POST", "https://api.eu1.connecty-ai.com/v1/auth/token"),
        ("POST", questions),
        ("GET", results),
        ("GET", results),
        ("GET", results),
    ]
    assert json.loads(sent[0].body) == {"client_id": "YOUR_CLIENT_ID", "client_secret": "YOUR_CLIENT_SECRET"}
    assert json.loads(sent[1].body) == {"question": TOP_COUNTRIES}
    assert [request.headers["Content-Type"] for request in sent[:2]] == ["application/json"] * 2
    assert [request.headers.get("Authorization") for request in sent] == [
        None,
        *["Bearer eyJhbGciOiJSUzI1N..."] * 4,
    ]
