"""What the responses to one question show of the assumptions on the page about limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connecty_frames.client import ASSUMPTIONS, Contact, judge
from connecty_frames.http.models import Request, Response

GOLDEN: Final = Path(__file__).parents[1] / "golden"
QUESTIONS: Final = "/v1/dw/13/questions"
RESULTS: Final = f"{QUESTIONS}/729cb7a4-4b06-449e-a3c9-df40f5e570b8/results"
WHOLE: Final = "?include=dataframe,statistics,sqlquery,summary&max_rows=1000"
SINGLE: Final = "?include=dataframe,statistics,sqlquery,summary&max_rows=1"
NARROW: Final = "?include=sqlquery"
MOMENT: Final = "1111-11-11T11:11:11"
Found = dict[str, tuple[bool | None, str]]


def received(path: str, body: object, status: int = 200, method: str = "GET", **headers: str) -> Response:
    """Return a response as the transport shows it."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(method, path, has_results=path.startswith(RESULTS))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(request, "host", status, {"Content-Type": "application/json", **named}, raw)


def found(*responses: Response) -> Found:
    """Return what became of each assumption."""
    contact = Contact()
    for response in responses:
        contact.observe(response)
    return {finding.name: (finding.held, finding.evidence) for finding in judge(contact)}


def of_table(rows: list[list[Any]], statistics: object = None, **results: object) -> Found:
    """Return what an answer of some rows and statistics shows."""
    given = {"dataframe": rows, "dataframe_stats": statistics, **results}
    return found(received(RESULTS + WHOLE, {"state": "COMPLETED", "results": given}))


def text(count: int, lengths: tuple[int, int] = (1, 1), nulls: int = 0) -> dict[str, Any]:
    """Return statistics of texts."""
    general = {"count": count, "nulls_count": nulls}
    return {"general": general, "string": {"min_len": lengths[0], "max_len": lengths[1]}}


def test_the_example_of_the_document() -> None:
    """All that it shows holds; of the rest it is said why it is not seen."""
    token = {"access_token": "canary", "expires_at": "2025-11-05T11:54:22.793708+01:00"}
    single = json.loads((GOLDEN / "login_timestamps.json").read_text(encoding="utf-8"))
    del single["results"]["dataframe"][2:]

    assert found(
        received("/v1/auth/token", token, method="POST"),
        received(QUESTIONS, {"question_id": "729cb7a4-4b06-449e-a3c9-df40f5e570b8"}, 202, "POST"),
        received(RESULTS + WHOLE, {"state": "PENDING"}),
        received(RESULTS + WHOLE, {"state": "IN_PROGRESS"}),
        received(RESULTS + WHOLE, {"state": "IN_PROGRESS"}),
        received(RESULTS + WHOLE, (GOLDEN / "login_timestamps.json").read_bytes()),
        received(RESULTS + NARROW, {"state": "COMPLETED", "results": {"sql_query": "SELECT 1"}}),
        received(RESULTS + SINGLE, single),
    ) == {
        "token": (True, "POST answered 200"),
        "token-end": (True, "expires_at as 1111-11-11T11:11:11.111111+11:11"),
        "acceptance": (True, "202, with a UUID"),
        "visibility": (True, "at the first fetch"),
        "states": (True, "PENDING, IN_PROGRESS, COMPLETED"),
        "failure": (None, "the question did not fail"),
        "errors": (None, "no request failed"),
        "rate-limits": (None, "no request was limited"),
        "content-type": (True, "application/json"),
        "json": (True, "an object in UTF-8"),
        "fields": (True, "those of the API document"),
        "components": (False, "no response_summary"),
        "not-requested": (True, "absent"),
        "fetch-again": (True, "200 and 200"),
        "max-rows": (True, "1 row for max_rows=1, 3 for 1,000"),
        "table": (True, "3 rows below 2 names"),
        "types": (True, "timestamp[us, tz=UTC], string"),
        "nulls": (None, "no null came"),
        "numbers": (None, "no number came"),
        "digits": (None, "no number came"),
        "times": (
            True,
            f"as {MOMENT}.11+11:11, {MOMENT}.111+11:11; min and max as {MOMENT}.111111+11:11",
        ),
        "booleans": (None, "no boolean came"),
        "nested": (None, "no array or object came"),
        "statistics": (True, "for 2 of 2 columns by the exact name"),
        "sections": (True, "general (2), temporal (1), string (1)"),
        "section-fields": (True, "those that are read"),
        "count": (True, "100 beside 3 rows, also beside 1 row"),
        "count-nulls": (None, "no nulls are counted"),
        "agreement": (True, "with the rows"),
        "lengths": (None, "no statistics of all texts of a column came"),
    }


def test_nothing_came() -> None:
    """Nothing is claimed to have held."""
    assert {held for held, _ in found().values()} == {None}


@pytest.mark.parametrize(
    ("name", "response", "expected"),
    [
        ("token", received("/v1/auth/token", {}, 405, "POST"), (False, "POST answered 405")),
        ("token-end", received("/v1/auth/token", {}, method="POST"), (False, "no expires_at that is a text")),
        (
            "token-end",
            received("/v1/auth/token", {"expires_at": "2025-11-05 11:54"}, method="POST"),
            (False, "expires_at as 1111-11-11 11:11"),
        ),
        (
            "token-end",
            received("/v1/auth/token", {"expires_at": "canary"}, method="POST"),
            (False, "expires_at as xxxxxx"),
        ),
        (
            "acceptance",
            received(QUESTIONS, {"question_id": 7}, 201, "POST"),
            (False, "201, without a question_id that is a UUID"),
        ),
        ("visibility", received(RESULTS + WHOLE, {}, 404), (False, "1 fetch answered 404")),
        ("states", received(RESULTS + WHOLE, {"state": "SUCCEEDED"}), (False, "SUCCEEDED")),
        ("states", received(RESULTS + WHOLE, {"state": "a secret!"}), (False, "xxxxxxxxx")),
        ("failure", received(RESULTS + WHOLE, {"state": "FAILED"}), (False, "nothing but the state")),
        ("failure", received(RESULTS + WHOLE, {"state": "FAILED", "error": "x"}), (True, "told in error")),
        (
            "errors",
            received(RESULTS + WHOLE, b"<p>", 503, Content_Type="text/html"),
            (False, "503 with text/html"),
        ),
        (
            "rate-limits",
            received(QUESTIONS, {}, 429, "POST"),
            (False, "1 of 1 response were 429; no Retry-After"),
        ),
        (
            "rate-limits",
            received(QUESTIONS, {}, 429, "POST", Retry_After="20"),
            (True, "1 of 1 response were 429; Retry-After as 11"),
        ),
        ("content-type", received(RESULTS + WHOLE, b"<p>", Content_Type="text/html"), (False, "text/html")),
        ("json", received(RESULTS + WHOLE, b"<p>Log in"), (False, "not a JSON object in UTF-8")),
        (
            "json",
            received(RESULTS + WHOLE, b"\xef\xbb\xbf{}"),
            (False, "a byte order mark, not a JSON object in UTF-8"),
        ),
        (
            "json",
            received(RESULTS + WHOLE, b'{"state": "COMPLETED", "results": {"dataframe": [["a"], [NaN]]}}'),
            (False, "a bare NaN or Infinity"),
        ),
        ("json", received(RESULTS + WHOLE, b'{"state": "\\ud800"}'), (False, "a lone surrogate")),
        ("json", received(RESULTS + WHOLE, b"[" * 100_000), (False, "not a JSON object in UTF-8")),
        (
            "fields",
            received(RESULTS + WHOLE, {"state": "COMPLETED", "took": 1, "results": {"chart": {}, "a b": 1}}),
            (False, "others: took, results.xxx, results.chart"),
        ),
        (
            "not-requested",
            received(RESULTS + NARROW, {"results": {"dataframe": []}}),
            (False, "came: dataframe"),
        ),
        ("not-requested", received(RESULTS + NARROW, {"results": {"dataframe": None}}), (True, "null")),
        ("fetch-again", received(RESULTS + NARROW, {}, 404), (False, "404")),
    ],
)
def test_one_response(name: str, response: Response, expected: tuple[bool | None, str]) -> None:
    """What it shows of one assumption, without what may be the business's."""
    assert found(response)[name] == expected


@pytest.mark.parametrize(
    ("name", "rows", "expected"),
    [
        ("table", [["a", "a"], [1, 2]], (False, "2 names, of which some are equal, empty or no texts")),
        ("table", [["a", ""], [1, 2]], (False, "2 names, of which some are equal, empty or no texts")),
        ("table", [["a"], [1, 2]], (False, "no array of arrays of one length")),
        ("table", {"a": [1]}, (False, "no array of arrays of one length")),
        ("types", [["a"], ["x"], [1]], (False, "string; 1 TypeFidelityWarning")),
        ("nulls", [["a"], ["NaN"], [None], ["b"]], (False, "1 as null; also 'NaN'")),
        ("nulls", [["a"], [None], ["b"]], (True, "1 as null")),
        ("nulls", [["a"], [float("nan")], [1]], (False, "0 as null; also 'NaN'")),
        ("nulls", [["a"], [float("inf")], [1]], (None, "no null came")),
        (
            "numbers",
            [["a", "b"], [1, "2.50"], [2, "3.75"]],
            (False, "plain in column 1; in quotes in column 2; read as text in column 2"),
        ),
        ("numbers", [["a"], ["00123"], ["00124"]], (None, "no number came")),
        ("digits", [["a"], [0.125]], (True, "up to 3 digits, 3 after the point; read as double")),
        ("digits", [["a"], [2**63]], (False, "up to 19 digits, 0 after the point; read as uint64")),
        ("times", [["a"], ["2025-11-04"], [None]], (True, "as 1111-11-11")),
        ("booleans", [["a"], [True]], (True, "column 1, read as bool")),
        ("nested", [["a"], [[1]], [{"b": 1}]], (False, "column 1; read as text: column 1")),
        ("nested", [["a"], [[1]]], (True, "column 1")),
    ],
)
def test_one_table(name: str, rows: Any, expected: tuple[bool | None, str]) -> None:
    """What its values show of one assumption."""
    assert of_table(rows)[name] == expected


@pytest.mark.parametrize(
    ("name", "rows", "statistics", "expected"),
    [
        ("numbers", [["a"], ["2.5"]], {"a": {"numeric": {}}}, (True, "in quotes in column 1")),
        (
            "times",
            [["a"], ["2025-11-04"]],
            {"a": {"string": {}}},
            (False, "as 1111-11-11; not read as such: column 1"),
        ),
        ("times", [["a"], [1730725501]], {"a": {"temporal": {}}}, (False, "not read as such: column 1")),
        (
            "times",
            [["a"], ["Germany"]],
            {"a": {"temporal": {}}},
            (False, "as xxxxxxx; not read as such: column 1"),
        ),
        ("booleans", [["a"], ["yes"]], {"a": {"boolean": {}}}, (False, "column 1, read as string")),
        (
            "statistics",
            [["a", "b"], [1, 2]],
            {"A": {}, "c": {}},
            (False, "for 0 of 2 columns by the exact name, 1 by another case, 1 for none"),
        ),
        (
            "sections",
            [["a"], [1]],
            {"a": {"integers": {}, "general": {}}},
            (False, "integers (1), general (1); unknown: integers"),
        ),
        (
            "sections",
            [["a", "b"], [1, 2]],
            {"a": {"type": "int64", "count": 1}, "b": {"datetime64[ns]": {"min": None}}},
            (True, "none (1), datetime64[ns] (1)"),
        ),
        ("sections", [["a"], [1]], {"a": {"type": "money"}}, (False, "none (1); unknown: money")),
        # The sections of columns, or the columns of sections: no name of a column may be shown.
        (
            "sections",
            [["revenue"], [1]],
            {"general": {"revenue": {}}},
            (False, "xxxxxxx (1); unknown: xxxxxxx"),
        ),
        ("sections", [], {"general": {"revenue": {}}}, (False, "xxxxxxx (1); unknown: xxxxxxx")),
        (
            "section-fields",
            [["a"], [1]],
            {"a": {"numeric": {"min": 1, "std": 2}}},
            (False, "others: numeric.std"),
        ),
        ("count", [["a"], [1]], {"a": {"numeric": {}}}, (False, "no count that is a whole number")),
        ("count", [["a"], [1]], {"a": {"general": {"count": 1}}}, (None, "1 beside 1 row")),
        ("count", [["a"], [1]], {"a": {"general": {"count": 9}}}, (True, "9 beside 1 row")),
        (
            "count-nulls",
            [["a", "b"], ["x", "y"], [None, "y"]],
            {"a": text(2, nulls=1), "b": text(2)},
            (True, "count is equal for all columns, nulls_count is not"),
        ),
        (
            "count-nulls",
            [["a", "b"], ["x", "y"], [None, "y"]],
            {"a": text(1, nulls=1), "b": text(2)},
            (False, "count and nulls_count add up to the same for all columns"),
        ),
        (
            "count-nulls",
            [["a"], ["x"], [None]],
            {"a": text(2, nulls=1)},
            (True, "beside 2 rows, with nulls in each column"),
        ),
        (
            "count-nulls",
            [["a"], ["x"], [None]],
            {"a": text(1, nulls=1)},
            (False, "beside 2 rows, with nulls in each column"),
        ),
        ("agreement", [["a"], ["x"]], {"a": text(1, (1, 2))}, (False, "1 StatisticsWarning")),
        ("lengths", [["a"], ["ä"], ["b"]], {"a": text(2, (1, 2))}, (True, "bytes")),
        ("lengths", [["a"], ["ä"], ["b"]], {"a": text(2, (1, 1))}, (True, "characters or UTF-16 units")),
        (
            "lengths",
            [["a"], ["ä"], ["b"]],
            {"a": text(2, (1, 3))},
            (False, "none of characters, bytes, UTF-16"),
        ),
        (
            "lengths",
            [["a"], ["ä"]],
            {"a": text(9, (1, 3))},
            (None, "no statistics of all texts of a column came"),
        ),
        ("statistics", [["a"], [1]], {"a": 7}, (None, "no statistics came")),
        ("sections", [["a"], [1]], [1], (None, "no statistics came")),
    ],
)
def test_statistics(name: str, rows: Any, statistics: object, expected: tuple[bool | None, str]) -> None:
    """What they show of one assumption."""
    assert of_table(rows, statistics)[name] == expected


def test_a_count_of_the_rows_that_came() -> None:
    """It changes with ``max_rows``."""
    bodies = [
        {
            "state": "COMPLETED",
            "results": {"dataframe": rows, "dataframe_stats": {"a": text(len(rows) - 1, (1, 1))}},
        }
        for rows in ([["a"], ["x"], ["y"]], [["a"], ["x"]])
    ]

    assert found(received(RESULTS + WHOLE, bodies[0]), received(RESULTS + SINGLE, bodies[1]))["count"] == (
        False,
        "2 beside 2 rows, another one beside 1 row",
    )


def test_an_answer_with_an_unknown_state() -> None:
    """It is examined nevertheless: the client polls on, and the word may be all that differs."""
    whole = {"state": "SUCCESS", "results": {"dataframe": [["a"], [1]]}}

    seen = found(received(RESULTS + WHOLE, whole))

    assert (seen["states"], seen["table"]) == ((False, "SUCCESS"), (True, "1 row below 1 name"))


VALUES: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        ["2025-11-04", "general", "type", "count", "nulls_count", "min", "COMPLETED", "\ud800"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["general", "temporal", "string", "type", "count", "nulls_count", "min", "a", ""]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)
TABLES: Final = st.lists(st.lists(VALUES, min_size=2, max_size=2), max_size=4) | VALUES


@pytest.mark.slow
@settings(deadline=None)
@given(
    rows=TABLES,
    statistics=st.dictionaries(st.sampled_from(["a", "count", ""]), VALUES) | VALUES,
    single=VALUES,
    state=st.sampled_from(["COMPLETED", "FAILED", "DONE"]) | VALUES,
)
def test_any_response_is_judged(rows: object, statistics: object, single: object, state: object) -> None:
    """Nothing that a server sends is an exception."""
    results = {"dataframe": rows, "dataframe_stats": statistics}

    seen = found(
        received("/v1/auth/token", {"expires_at": single}, method="POST"),
        received(QUESTIONS, single, method="POST"),
        received(RESULTS + WHOLE, {"state": state, "results": results}),
        received(RESULTS + NARROW, {"state": state, "results": single}),
        received(
            RESULTS + SINGLE, {"state": state, "results": {"dataframe": single, "dataframe_stats": single}}
        ),
    )

    assert list(seen) == list(ASSUMPTIONS)
