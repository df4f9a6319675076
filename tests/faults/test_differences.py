"""Answers that differ from the API document are read where that is certain, and each difference is said."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import connecty_frames as cf
from connecty_frames.client import Client
from tests.cases import cases
from tests.servers.scripted import ROWS, TIMEOUT, RecordedRequest, Script, Step, endpoint_of

QUESTION_ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
TABLE = [["n"], [1], [2]]
STATISTICS = {"n": {"general": {"count": 2, "nulls_count": 0}, "numeric": {"min": 1, "max": 2}}}


def completed(**results: Any) -> dict[str, Any]:
    return {"state": "COMPLETED", "results": results}


def answering(server: Script, answer: Callable[[list[str], int], Step]) -> None:
    """Answer each fetch by its parts and ``max_rows``; other requests are answered as usual."""

    def handle(request: RecordedRequest) -> Step:
        if endpoint_of(request.target) != "results":
            return server.next_step(request)
        server.requests.append(request)
        query = parse_qs(urlsplit(request.target).query)
        return answer(query["include"][0].split(","), int(query.get("max_rows", ["0"])[0]))

    server.handler = handle


def ask(client: Client, **options: Any) -> tuple[cf.Answer, list[str]]:
    with pytest.warns(cf.ProtocolWarning) as caught:
        answer = client.ask("how many?", **options)
    return answer, [str(each.message) for each in caught]


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (["DONE"], "'DONE', read as COMPLETED"),
        (["queued", "Running", "SUCCEEDED"], "'SUCCEEDED', read as COMPLETED"),
        (["completed"], "'completed', read as COMPLETED"),
    ],
)
def test_words_for_states(server: Script, fake_clock_client: Client, states: list[str], said: str) -> None:
    """A word of the table is its documented state, without case; each is said."""
    server.on("results", *(server.answer(200, {**ROWS, "state": state}) for state in states))
    answer, found = ask(fake_clock_client)
    assert answer.rows == 2
    assert len(found) == len(set(states))
    assert said in found[-1]


def test_a_cancelled_question(server: Script, fake_clock_client: Client) -> None:
    """It failed, at the first poll; the word and the server's reason are kept."""
    server.on("results", server.answer(200, {"state": "CANCELLED", "reason": "stopped by user"}))
    with (
        pytest.warns(cf.ProtocolWarning, match="read as FAILED"),
        pytest.raises(cf.QuestionFailed, match="state: CANCELLED; reason: stopped by user") as caught,
    ):
        fake_clock_client.ask("how many?")
    assert caught.value.details == {"state": "CANCELLED", "reason": "stopped by user"}
    assert (caught.value.state, server.count("results")) == ("FAILED", 1)


@pytest.mark.filterwarnings("ignore:.* came as:connecty_frames.errors.ProtocolWarning")
@cases(
    "early",
    [
        *({"state": word} for word in ("TIMEOUT", "REJECTED", "OK", "READY", "NEW", "PARTIAL")),
        {"state": "EXECUTING", "dataframe": TABLE[:2], "row_count": 1},
        {"state": "EXECUTING", "dataframe": TABLE[:2], "total_rows": 1, "has_more": True},
        {"state": "EXECUTING", "dataframe": TABLE[:2], "total_rows": 9},
        {"state": "EXECUTING", "dataframe": TABLE[:2], "rowCount": 1, "truncated": True},
        {"state": "EXECUTING", "results": {"dataframe": TABLE[:1], "total_rows": 0}},
    ],
)
def test_what_confirms_no_unknown_state(
    server: Script, fake_clock_client: Client, early: dict[str, Any]
) -> None:
    """A word that may mean anything, a number of rows that grows with them, or more to come: polled on."""
    server.on("results", server.answer(200, early), server.answer(200, early), server.answer(200, ROWS))
    with pytest.warns(cf.UnknownStateWarning):
        assert fake_clock_client.ask("how many?").rows == 2


def test_an_unknown_state_with_a_count(server: Script, fake_clock_client: Client) -> None:
    """It is the answer once the count agrees with the rows, and not before."""
    early = {"state": "OK", "results": {"dataframe": TABLE[:2], "dataframe_stats": STATISTICS}}
    whole = {"state": "OK", "results": {"dataframe": TABLE, "dataframe_stats": STATISTICS}}
    server.on("results", server.answer(200, early), server.answer(200, whole))
    answer, said = ask(fake_clock_client)
    assert (answer.rows, answer.truncated, server.count("results")) == (2, False, 2)
    assert any("'OK', read as COMPLETED since a count agrees" in each for each in said)


def test_an_unknown_state_without_a_count(server: Script, fake_clock_client: Client, clock: Any) -> None:
    """It is the answer after ten seconds without a change; whether rows were cut is unknown."""
    server.on("results", server.answer(200, {"state": "OK", "results": {"dataframe": TABLE}}))
    with pytest.warns(cf.TruncationWarning):
        answer, said = ask(fake_clock_client)
    assert (answer.rows, answer.truncated) == (2, None)
    assert any("'OK', read as COMPLETED though no count confirms its rows" in each for each in said)
    with pytest.warns(cf.ProtocolWarning, match="no count confirms its rows"):
        assert cf.Answer.from_json(answer.response).rows == 2
    assert 1010.0 <= clock.at <= 1013.0
    with (
        pytest.warns(cf.UnknownStateWarning),
        pytest.raises(cf.ResponseError, match=r"in doubt: the state OK .* strict=True") as caught,
    ):
        fake_clock_client.ask("how many?", strict=True)
    assert caught.value.question_id == QUESTION_ID


@cases("word", ["PARTIAL_SUCCESS", "STREAMING", "still_running", "LOADED", "QUEUED_FOR_EXPORT"])
def test_rows_that_may_still_grow(server: Script, fake_clock_client: Client, word: str) -> None:
    """They are never the answer, though a count agrees."""
    growing = {"state": word, "results": {"dataframe": TABLE, "dataframe_stats": STATISTICS}}
    server.on("results", server.answer(200, growing))
    with pytest.warns(cf.UnknownStateWarning), pytest.raises(cf.QuestionTimeout):
        fake_clock_client.ask("how many?")


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"state": "COMPLETED", "dataframe": TABLE}, "dataframe"),
        ({"state": "COMPLETED", "results": None, "dataframe": TABLE}, "dataframe"),
        ({"state": "COMPLETED", "result": {"dataframe": TABLE}}, "result.dataframe"),
        ({"state": "COMPLETED", "Result": {"dataFrame": TABLE, "sqlQuery": "SELECT 1"}}, "Result.dataFrame"),
        (completed(dataFrame=TABLE), "results.dataFrame"),
    ],
)
def test_a_table_in_another_place(server: Script, fake_clock_client: Client, body: Any, place: str) -> None:
    """Beside the state, under result, or in another case; the place is said."""
    server.on("results", server.answer(200, body))
    answer, said = ask(fake_clock_client)
    assert answer.rows == 2
    assert f"dataframe came as '{place}', and is read." in said
    assert answer.sql_query == ("SELECT 1" if "Result" in body else None)
    assert fake_clock_client.ask("again, said already").rows == 2


def test_other_parts_in_another_case(server: Script, fake_clock_client: Client) -> None:
    """Statistics and SQL are read beside a table that is named as documented: a cut is noticed."""
    results = {"dataframe": TABLE, "dataframeStats": {"n": {"general": {"count": 9}}}, "sqlQuery": "SELECT 1"}
    server.on("results", server.answer(200, completed(**results)))
    answer, _ = ask(fake_clock_client, on_truncation="ignore")
    assert (answer.total_rows, answer.truncated, answer.sql_query) == (9, True, "SELECT 1")


def test_a_pending_question_with_results_of_another_type(server: Script, fake_clock_client: Client) -> None:
    """As PHP writes an empty object: it is still running."""
    server.on("results", server.answer(200, {"state": "PENDING", "results": []}), server.answer(200, ROWS))
    assert fake_clock_client.ask("how many?").rows == 2


def test_two_tables_are_none(server: Script, fake_clock_client: Client) -> None:
    """Which of them is the answer is unknown."""
    body = {"state": "COMPLETED", "dataframe": TABLE, "result": {"dataframe": TABLE[:2]}}
    server.on("results", server.answer(200, body))
    with pytest.raises(
        cf.ResponseError, match=r'it has state "COMPLETED", dataframe .*, result .*, result\.dataframe'
    ):
        fake_clock_client.ask("how many?")


@cases(
    ("body", "names"),
    [
        ({"state": "COMPLETED"}, 'state "COMPLETED"'),
        (
            {"state": "COMPLETED", "results": None, "error": "no such table"},
            'state "COMPLETED", results null, error "no such table"',
        ),
        (completed(kind="x"), 'state "COMPLETED", results {"kind": "x"}, results.kind "x"'),
    ],
)
def test_a_completed_answer_without_results(
    server: Script, fake_clock_client: Client, clock: Any, body: Any, names: str
) -> None:
    """Polled for three seconds, since it may be a race; then an error lists the names that came."""
    server.on("results", server.answer(200, body), server.answer(200, ROWS))
    assert fake_clock_client.ask("how many?").rows == 2
    began = clock.at
    server.on("results", server.answer(200, body))
    with pytest.raises(cf.ResponseError, match=f"it has {re.escape(names)}\\.") as caught:
        fake_clock_client.ask("how many?")
    assert caught.value.question_id == QUESTION_ID
    assert began + 3.0 <= clock.at <= began + 4.0


def test_no_results_at_the_deadline(server: Script, fake_clock_client: Client) -> None:
    """The names that came say more than that the time ran out."""
    server.on("results", server.answer(200, {"state": "COMPLETED", "error": "no such table"}))
    with pytest.raises(cf.ResponseError, match='error "no such table"'):
        fake_clock_client.ask("how many?", timeout=2)


@cases(
    "fields", [{"question_id": "other"}, {"questionId": 7}, {"meta": {"question_id": f"{QUESTION_ID[:-1]}0"}}]
)
def test_the_results_of_another_question(
    server: Script, fake_clock_client: Client, fields: dict[str, Any]
) -> None:
    """An error after three tries, since a cache may mix questions up: never its rows."""
    server.on("results", server.answer(200, {**completed(dataframe=TABLE), **fields}))
    with pytest.raises(cf.ResponseError, match=r"sent the results of question .* instead of") as caught:
        fake_clock_client.ask("how many?")
    assert caught.value.question_id == QUESTION_ID
    same = {**completed(dataframe=TABLE), "questionId": QUESTION_ID.upper().replace("-", "")}
    server.on("results", server.answer(200, same))
    assert fake_clock_client.ask("how many?").rows == 2


def test_texts_of_another_type_are_json(server: Script, fake_clock_client: Client) -> None:
    """SQL and summary are advisory: what is no text is kept as JSON, and said."""
    server.on("results", server.answer(200, completed(dataframe=TABLE, sql_query=["a"], response_summary=5)))
    answer, said = ask(fake_clock_client)
    assert (answer.sql_query, answer.response_summary, answer.rows) == ('["a"]', "5", 2)
    assert said == [f"{name} is no text; it is kept as JSON." for name in ("sql_query", "response_summary")]


def test_json_is_decided_by_its_first_byte(server: Script, fake_clock_client: Client) -> None:
    """For the token, the reply and the results, said once."""
    token = {"access_token": "canary", "expires_at": "2099-01-01T00:00:00+00:00"}
    server.on("token", server.answer(200, token, Content_Type="text/plain"))
    server.on("ask", server.answer(202, {"question_id": QUESTION_ID}, Content_Type="text/plain"))
    server.on("results", server.answer(200, ROWS, Content_Type="text/html"))
    answer, said = ask(fake_clock_client)
    assert answer.rows == 2
    assert said == [f"{server.address[7:]} sends JSON as text/plain; it is read as JSON."]


@cases(
    ("fields", "inside", "truncated", "total"),
    [
        ({"truncated": True}, {}, True, None),
        ({}, {"hasMore": True}, True, None),
        ({"has_more": False}, {}, False, None),
        ({"total_rows": 9}, {}, True, 9),
        ({}, {"rowCount": 9}, True, 9),
        ({"row_count": 2}, {}, False, None),
        ({"pagination": {"has_more": True, "total_rows": 9}}, {}, True, 9),
        ({"metadata": {"totalRows": 9}}, {}, True, 9),
        ({"meta": "truncated"}, {}, False, None),
    ],
)
def test_fields_that_say_that_rows_were_cut(
    server: Script,
    fake_clock_client: Client,
    fields: dict[str, Any],
    inside: dict[str, Any],
    *,
    truncated: bool,
    total: int | None,
) -> None:
    """In the usual places; the caller decides by on_truncation whether that is an error."""
    server.on("results", server.answer(200, {**completed(dataframe=TABLE, **inside), **fields}))
    answer = fake_clock_client.ask("how many?", on_truncation="ignore")
    assert (answer.truncated, answer.total_rows) == (truncated, total)
    if truncated:
        with pytest.raises(cf.TruncatedError):
            fake_clock_client.ask("how many?", on_truncation="raise")


def test_a_silent_limit(server: Script, fake_clock_client: Client) -> None:
    """Exactly 5,000 rows without a count, though all were requested."""
    rows = [["n"], *([number] for number in range(5_000))]
    answering(server, lambda _, most: server.answer(200, completed(dataframe=rows[: most + 1])))
    answer, said = ask(fake_clock_client, max_rows=None)
    assert answer.rows == 5_000
    assert said == ["5,000 rows came of 10,000 requested, without a count: the server may have cut there."]


@pytest.mark.parametrize(
    ("limit", "refusal", "fetched"),
    [
        (300, {"detail": [{"loc": ["query", "max_rows"], "msg": "at most 300", "input": "20000"}]}, 300),
        (2_000, {"error": {"code": 3, "message": "max_rows too large"}}, 1_000),
        (10_000, {"message": "maxRows is too large", "status": 422}, 10_000),
        (10_000, "max_rows: 15000 is refused (request 12345)", 10_000),
        (10_000, {"detail": "max_rows invalid", "at": "2025-11-05", "line": 170}, 10_000),
    ],
)
def test_a_refused_max_rows(
    server: Script, fake_clock_client: Client, limit: int, refusal: Any, fetched: int
) -> None:
    """The rows up to the server's limit are fetched; a cut is reported as usual."""
    rows = [["n"], *([number] for number in range(12_000))]
    statistics = {"n": {"general": {"count": 12_000, "nulls_count": 0}}}

    def answer(_: list[str], most: int) -> Step:
        if most > limit:
            return server.answer(422, refusal)
        return server.answer(200, completed(dataframe=rows[: most + 1], dataframe_stats=statistics))

    answering(server, answer)
    found, said = ask(fake_clock_client, max_rows=20_000, on_truncation="ignore")
    assert (found.rows, found.total_rows, found.truncated) == (fetched, 12_000, True)
    assert any("refuses max_rows=" in each for each in said)
    with pytest.raises(cf.TruncatedError, match=f"the server takes max_rows up to {fetched:,}"):
        fake_clock_client.ask("how many?", max_rows=20_000, on_truncation="raise")
    everything = fake_clock_client.ask("how many?", max_rows=None, on_truncation="ignore")
    assert (everything.rows, everything.truncated) == (fetched, True)


def by_part(failing: set[str], status: int, server: Script) -> Callable[[list[str], int], Step]:
    parts = {
        "dataframe": {"dataframe": TABLE},
        "statistics": {"dataframe_stats": STATISTICS},
        "sqlquery": {"sql_query": "SELECT n"},
        "summary": {"response_summary": "Two."},
    }

    def answer(include: list[str], _: int) -> Step:
        if failing & set(include):
            return server.answer(status, {"detail": "NaN is not JSON"})
        return server.answer(200, completed(**{k: v for name in include for k, v in parts[name].items()}))

    return answer


@pytest.mark.parametrize(("status", "together"), [(400, 1), (422, 1), (500, 3), (504, 3), (524, 3)])
def test_parts_are_fetched_one_by_one(
    server: Script, fake_clock_client: Client, status: int, together: int
) -> None:
    """If one part fails the four: the table comes, and what is missing is None and said."""
    server.requests.clear()
    answering(server, by_part({"statistics"}, status, server))
    client = fake_clock_client
    answer, said = ask(client)
    client.ask("the same difference")
    with pytest.warns(cf.ProtocolWarning, match="it has no statistics"):
        cf.Answer.from_json(answer.response)
    assert (answer.rows, answer.sql_query, answer.response_summary) == (2, "SELECT n", "Two.")
    assert answer.statistics == {}
    assert "fetched one by one; it has no statistics." in said[-1]
    fetched = [each.target for each in server.requests if endpoint_of(each.target) == "results"]
    assert len(fetched) == 2 * (together + 4)
    assert answer.response.count(b"\x1e") == 3
    with pytest.raises(cf.ResponseError, match="its statistics could not be fetched"):
        client.ask("how many?", strict=True)


def test_everything_fails_for_good(server: Script, fake_clock_client: Client, clock: Any) -> None:
    """A permanent 500 does not cost the whole timeout: an error after 15 seconds, with the id."""
    server.on("results", server.answer(500, {"detail": "no"}))
    with pytest.raises(cf.ServerError) as caught:
        fake_clock_client.ask("how many?")
    assert caught.value.question_id == QUESTION_ID
    assert 1015.0 <= clock.at <= 1024.0


@cases("status", [502, 503, 504, *range(520, 531)])
def test_a_deployment(server: Script, fake_clock_client: Client, status: int) -> None:
    """Polling continues while an intermediary answers."""
    server.on("results", *[server.answer(status)] * 4, server.answer(200, ROWS))
    assert fake_clock_client.ask("how many?").rows == 2


@cases(
    "step",
    [Script.answer(500), Script.answer(507), Script.answer(200, raw=b"<html>", Content_Type="text/html")],
)
def test_a_short_outage(server: Script, fake_clock_client: Client, step: Step) -> None:
    """A page, 500 and 507 may pass."""
    server.on("results", step, step, server.answer(200, ROWS))
    assert fake_clock_client.ask("how many?").rows == 2


@pytest.mark.parametrize("word", ["DONE", "OK"])
def test_a_kept_answer_says_its_differences(server: Script, tmp_path: Any, word: str) -> None:
    """Another client that reads it again says them too, and sends nothing."""
    server.on("results", server.answer(200, {**ROWS, "state": word, "total_rows": 2}))
    settings: Any = {
        "client_secret": "canary-secret",
        "base_url": server.address,
        "dw_id": 13,
        "history": tmp_path / "history.sqlite3",
        "keep_answers": True,
        "timeout": TIMEOUT,
    }
    for _ in range(2):
        with (
            cf.Client("canary-client-id", **settings) as client,
            pytest.warns(cf.ProtocolWarning, match=word),
        ):
            assert client.ask("how many?", max_age="1d").rows == 2
    assert (server.count("ask"), server.count("results")) == (1, 1)


def test_a_saved_response_says_its_differences() -> None:
    """Without a client, each time."""
    body = json.dumps({"state": "done", "results": {"dataFrame": TABLE}}).encode()
    for _ in range(2):
        with pytest.warns(cf.ProtocolWarning) as caught:
            assert cf.Answer.from_json(body).rows == 2
        assert len(caught) == 2


def test_a_server_that_refuses_every_max_rows(server: Script, fake_clock_client: Client) -> None:
    """Three lower limits are tried: the one that it names, 10,000 and the API document's default."""
    answering(server, lambda _, most: server.answer(422, {"detail": f"max_rows {most} is above {most - 1}"}))
    with pytest.warns(cf.ProtocolWarning), pytest.raises(cf.APIError, match="above") as caught:
        fake_clock_client.ask("how many?", max_rows=20_000)
    asked = [parse_qs(urlsplit(each.target).query)["max_rows"][0] for each in server.requests[2:]]
    assert asked == ["20000", "19999", "10000", "1000", "1000"]
    assert caught.value.question_id == QUESTION_ID
