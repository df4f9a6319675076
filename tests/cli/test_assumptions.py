"""What the responses to one question show of the assumptions on the page about limits."""

import json
import warnings
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connecty_frames.http.models import Request, Response
from tests.cases import cases

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of click, by the lowest typer
    from connecty_frames.cli.first_contact import ASSUMPTIONS, Contact

GOLDEN: Final = Path(__file__).parents[1] / "golden"
QUESTIONS: Final = "/v1/dw/13/questions"
RESULTS: Final = f"{QUESTIONS}/729cb7a4-4b06-449e-a3c9-df40f5e570b8/results"
WHOLE: Final = "?include=dataframe,statistics,sqlquery,summary&max_rows=1000"
SINGLE: Final = "?include=dataframe,statistics,sqlquery,summary&max_rows=1"
MOMENT: Final = "1111-11-11T11:11:11"
Found = dict[str, tuple[bool | None, str]]


def received(path: str, body: object, status: int = 200, method: str = "GET", **headers: str) -> Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(method, path, has_results=path.startswith(RESULTS))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(request, "host", status, {"Content-Type": "application/json", **named}, raw)


def found(*responses: Response) -> Found:
    contact = Contact()
    for response in responses:
        contact.observe(response)
    return {name: judged(contact) for name, judged in ASSUMPTIONS.items()}


def of_table(rows: list[list[Any]], statistics: object = None, **results: object) -> Found:
    given = {"dataframe": rows, "dataframe_stats": statistics, **results}
    return found(received(RESULTS + WHOLE, {"state": "COMPLETED", "results": given}))


def text(count: int, nulls: int = 0) -> dict[str, Any]:
    general = {"count": count, "nulls_count": nulls}
    return {"general": general, "string": {"min_len": 1, "max_len": 1}}


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
        received(RESULTS + SINGLE, single),
    ) == {
        "states": (True, "PENDING, IN_PROGRESS, COMPLETED"),
        "json": (True, "an object in UTF-8"),
        "fields": (False, "no response_summary"),
        "table": (True, "3 rows of timestamp[us, tz=UTC], string"),
        "nulls": (None, "there were no nulls"),
        "numbers": (None, "there were no numbers"),
        "times": (True, f"as {MOMENT}.11+11:11, {MOMENT}.111+11:11; min and max as {MOMENT}.111111+11:11"),
        "sections": (True, "general (2), temporal (1), string (1)"),
        "count": (True, "100 beside 3 rows, also beside 1 row"),
        "count-nulls": (None, "no nulls are counted"),
    }


def test_nothing_came() -> None:
    """Nothing is claimed to have held."""
    assert {held for held, _ in found().values()} == {None}


@cases(
    ("name", "body", "expected"),
    [
        ("states", {"state": "SUCCEEDED"}, (False, "SUCCEEDED")),
        ("states", {"state": "a secret!"}, (False, "xxxxxxxxx")),
        ("table", {"state": "FAILED", "error": "x"}, (None, "there was no table")),
        ("json", b"<p>Log in", (False, "not a JSON object in UTF-8")),
        ("json", b"\xef\xbb\xbf{}", (False, "a byte order mark, not a JSON object in UTF-8")),
        (
            "json",
            b'{"state": "COMPLETED", "results": {"dataframe": [["a"], [NaN]]}}',
            (False, "a bare NaN or Infinity"),
        ),
        ("json", b'{"state": "\\ud800"}', (False, "a lone surrogate")),
        ("json", b"[" * 100_000, (False, "not a JSON object in UTF-8")),
        (
            "fields",
            {"state": "COMPLETED", "took": 1, "results": {"chart": {}, "a b": 1}},
            (
                False,
                (
                    "others: took, results.xxx, results.chart; no dataframe and no dataframe_stats and no "
                    "response_summary and no sql_query"
                ),
            ),
        ),
    ],
)
def test_one_response(name: str, body: object, expected: tuple[bool | None, str]) -> None:
    """What it shows of one assumption, without what may be the business's."""
    assert found(received(RESULTS + WHOLE, body))[name] == expected


@cases(
    ("name", "rows", "expected"),
    [
        ("table", [["a", "a"], [1, 2]], (False, "1 row of int64; 1 ColumnNameWarning")),
        ("table", [["a", ""], [1, 2]], (False, "1 row of int64; 1 ColumnNameWarning")),
        ("table", [["a"], [1, 2]], (False, "it cannot be read")),
        ("table", {"a": [1]}, (False, "it cannot be read")),
        ("table", [["a"], ["x"], [1]], (False, "2 rows of string; 1 TypeFidelityWarning")),
        ("table", [["a", "b"], [True, [1]]], (True, "1 row of bool, list<item: int64>")),
        ("nulls", [["a"], ["NaN"], [None], ["b"]], (False, "1 as null; also 'NaN'")),
        (
            "nulls",
            [["a"], ["None"], ["null"], ["NaT"], ["NULL"]],
            (False, "0 as null; also 'NULL', 'NaT', 'None', 'null'"),
        ),
        ("nulls", [["a"], [None], ["b"]], (True, "1 as null")),
        ("nulls", [["a"], [float("nan")], [1]], (False, "0 as null; also 'NaN'")),
        ("nulls", [["a"], [float("inf")], [1]], (None, "there were no nulls")),
        (
            "numbers",
            [["a", "b"], [1, "2.50"], [2, "3.75"]],
            (
                False,
                (
                    "plain in column 1; in quotes in column 2; up to 3 digits, 2 after the point; "
                    "read as int64, string"
                ),
            ),
        ),
        (
            "numbers",
            [["a", "b"], [1, 2.5]],
            (True, "plain in columns 1, 2; up to 2 digits, 1 after the point; read as double, int64"),
        ),
        ("numbers", [["a"], ["00123"], ["00124"]], (None, "there were no numbers")),
        (
            "numbers",
            [["a"], [0.125]],
            (True, "plain in column 1; up to 3 digits, 3 after the point; read as double"),
        ),
        (
            "numbers",
            [["a"], [2**63]],
            (False, "plain in column 1; up to 19 digits, 0 after the point; read as uint64"),
        ),
        ("times", [["a"], ["2025-11-04"], [None]], (True, "as 1111-11-11")),
    ],
)
def test_one_table(name: str, rows: Any, expected: tuple[bool | None, str]) -> None:
    """What its values show of one assumption."""
    assert of_table(rows)[name] == expected


@cases(
    ("name", "rows", "statistics", "expected"),
    [
        (
            "numbers",
            [["a"], ["2.5"]],
            {"a": {"numeric": {}}},
            (True, "in quotes in column 1; up to 2 digits, 1 after the point; read as double"),
        ),
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
            (True, "datetime64[ns] (1)"),
        ),
        ("sections", [["a"], [1]], {"a": {"type": "money"}}, (False, "flat objects; unknown: xxxxx")),
        # The sections of columns, or the columns of sections: no name of a column may be shown.
        ("sections", [["revenue"], [1]], {"general": {"revenue": {}}}, (False, "columns below sections")),
        ("sections", [], {"general": {"revenue": {}}}, (False, "columns below sections")),
        (
            "fields",
            [["a"], [1]],
            {"a": {"numeric": {"min": 1, "std": 2}}},
            (False, "others: statistics.std; no response_summary and no sql_query"),
        ),
        ("count", [["a"], [1]], {"a": {"numeric": {}}}, (False, "no count that is a whole number")),
        ("count", [["a"], [1]], {"a": {"general": {"count": 1}}}, (None, "1 beside 1 row")),
        ("count", [["a"], [1]], {"a": {"general": {"count": 9}}}, (True, "9 beside 1 row")),
        (
            "count-nulls",
            [["a", "b"], ["x", "y"], [None, "y"]],
            {"a": text(2, nulls=1), "b": text(2)},
            (True, "count is equal for all columns"),
        ),
        (
            "count-nulls",
            [["a", "b"], ["x", "y"], [None, "y"]],
            {"a": text(1, nulls=1), "b": text(2)},
            (False, "count + nulls_count is equal for all columns"),
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
        (
            "table",
            [["a"], [1]],
            {"a": {"general": {"count": 1}, "numeric": {"max": 2}}},
            (False, "1 row of int64; 1 StatisticsWarning"),
        ),
        ("table", [["a", "b"], [1, 2]], {"A": {}, "c": {}}, (False, "1 row of int64; 1 StatisticsWarning")),
        ("sections", [["a"], [1]], [1], (None, "there were no statistics")),
    ],
)
def test_statistics(name: str, rows: Any, statistics: object, expected: tuple[bool | None, str]) -> None:
    """What they show of one assumption."""
    assert of_table(rows, statistics)[name] == expected


def test_a_count_of_the_rows_that_came() -> None:
    """It changes with ``max_rows``."""
    bodies = [
        {"state": "COMPLETED", "results": {"dataframe": rows, "dataframe_stats": {"a": text(len(rows) - 1)}}}
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
    assert (seen["states"], seen["table"]) == ((False, "SUCCESS"), (True, "1 row of int64"))


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
        received(
            RESULTS + SINGLE, {"state": state, "results": {"dataframe": single, "dataframe_stats": single}}
        ),
    )
    assert list(seen) == list(ASSUMPTIONS)
