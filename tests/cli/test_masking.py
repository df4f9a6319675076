"""Responses that can be sent to the developers: no text, name or number of the business is left."""

import json
import warnings
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import connecty_frames as cf
from tests.cases import cases

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of click, by the lowest typer
    from connecty_frames.cli.first_contact import _is_of_service, anonymized

GOLDEN: Final = Path(__file__).parents[1] / "golden"


def test_the_example_of_the_document() -> None:
    """Structure, the service's names, lengths and counts stay; the spelling of times too."""
    body = b"""{
  "state": "COMPLETED",
  "results": {
    "sql_query": "SELECT email\\n",
    "dataframe": [["login", "email"], ["2025-11-04T13:05:01.146+01:00", "damian@connectyai.com"], [null, ""]],
    "dataframe_stats": {
      "login": {
        "general": {"count": 100, "nulls_count": 12},
        "temporal": {"distinct_count": 88, "min": "2025-10-24T11:03:05.196568+02:00"}
      },
      "email": {"general": {"count": "100"}, "string": {"mean_len": 2.4, "top": {"da@co.com": 42}}}
    }
  }
}"""
    expected = """{
  "state": "COMPLETED",
  "results": {
    "sql_query": "xxxxxxxxxxxxx",
    "dataframe": [["1xxxx", "2xxxx"], ["1111-11-11T11:11:11.111+11:11", "xxxxxxxxxxxxxxxxxxxxx"], [null, ""]],
    "dataframe_stats": {
      "1xxxx": {
        "general": {"count": 100, "nulls_count": 12},
        "temporal": {"distinct_count": 88, "min": "1111-11-11T11:11:11.111111+11:11"}
      },
      "2xxxx": {"general": {"count": "100"}, "string": {"mean_len": 2.4, "top": {"3xxxxxxxx": 11}}}
    }
  }
}"""
    assert anonymized(body).decode() == json.dumps(json.loads(expected), separators=(",", ":"))


@cases(
    ("name", "known"),
    [
        *(("state", True), ("sql_query", True), ("nulls_count", True), ("general", True)),
        *(("took_ms", True), ("country", False), ("Country", False), ("a name", False)),
    ],
)
def test_names_of_the_service(name: str, *, known: bool) -> None:
    """Those of the API document, and others that are names and no text of the response."""
    texts = {"state", "sql_query", "nulls_count", "general", "country"}
    assert _is_of_service(name, texts) is known


@cases(
    ("text", "mark"),
    [
        ("2025-11-04", "1111-11-11"),
        ("2025-11-04 13:05:01.146 UTC", "xxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        ("2025-11-04T13:05:01Z[Europe/Warsaw]", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        ("Tue, 04 Nov 2025 13:05:01 GMT", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        ("7 March 2025", "xxxxxxxxxxxx"),
        ("/Date(1730725501000)/", "xxxxxxxxxxxxxxxxxxxxx"),
        ("1 day, 2:00:00", "xxxxxxxxxxxxxx"),
        ("P1DT2H30M", "xxxxxxxxx"),
        ("-1.50e+07", "-1.11e+11"),
        ("1,234.50 %", "1,111.11 %"),
        ("00123", "11111"),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("", ""),
        ("Germany", "xxxxxxx"),
        ("Order 4711", "xxxxxxxxxx"),
        ("B2B", "xxx"),
        ("Müller", "xxxxxx"),
        ("2025-11-04 Müller", "xxxxxxxxxxxxxxxxx"),
        ("२०२५", "xxxx"),
        ("3 Z Corp", "xxxxxxxx"),
        ("2W", "xx"),
    ],
)
def test_a_text(text: str, mark: str) -> None:
    """Of a date, a time or a number the spelling stays, of any other text the length."""
    body = json.dumps({"results": {"dataframe": [["a"], [text]]}}).encode()
    assert json.loads(anonymized(body))["results"]["dataframe"][1] == [mark]


@cases("word", ["NaN", "nat", "None", "NULL", "inf", "-inf", "Infinity", "-infinity", "true", "FALSE"])
def test_words_for_values_stay(word: str) -> None:
    """They show how the service writes a value, and nothing of the business."""
    body = json.dumps({"results": {"dataframe": [["a"], [word]]}}).encode()
    assert json.loads(anonymized(body))["results"]["dataframe"][1] == [word]


@cases(
    ("body", "expected"),
    [
        (b"<p>Log in, Ada</p>", b"xxxxxx xxx xxxxxxx"),
        (b'{"state": "COMPLETED", "results', b"xxxxxxxxx xxxxxxxxxxxx xxxxxxxx"),
        (b'[NaN, -Infinity, 12.5, "secret"]', b'[NaN,-Infinity,11.1,"xxxxxx"]'),
        (b"[" * 100_000, b"x" * 100_000),
        (
            b'{"state": "FAILED", "error": {"code": 7, "Ada": "no"}}',
            b'{"state":"FAILED","error":{"code":1,"1xx":"xx"}}',
        ),
        (
            b'{"data": {"questionId": "q-7", "parent": {"id": "Ada"}}, "Ada": [{"title": "Eve"}]}',
            b'{"data":{"questionId":"q-7","1xxxxx":{"id":"xxx"}},"2xx":[{"title":"xxx"}]}',
        ),
        (
            (
                b'{"status": "DONE", "result": {"dataFrame": [["state"], [{"error": "Ada"}]], '
                b'"dataframeStats": {"state": {"general": {"count": 1}, "string": {"max_len": 3}}}}}'
            ),
            (
                b'{"status":"DONE","result":{"dataFrame":[["1xxxx"],[{"2xxxx":"xxx"}]],"dataframeStats":'
                b'{"1xxxx":{"general":{"count":1},"string":{"max_len":3}}}}}'
            ),
        ),
        (
            b'{"results": {"dataframe": [["a"], [{"status": "Ada", "question_id": "Eve"}]]}}',
            b'{"results":{"dataframe":[["1"],[{"2xxxxx":"xxx","3xxxxxxxxxx":"xxx"}]]}}',
        ),
        (
            b'{"result": [{"state": "Texas", "status": "OK", "question_id": "Eve"}], "data": {"state": "O"}}',
            b'{"result":[{"state":"xxxxx","status":"xx","question_id":"xxx"}],"data":{"state":"x"}}',
        ),
        (
            b'{"status": "CAN_REST", "requestId": "r-1", "dataframe_stats": {"status": "Ada"}}',
            b'{"status":"CAN_REST","requestId":"r-1","dataframe_stats":{"1xxxxx":"xxx"}}',
        ),
        (b'{"state": "not Ada"}', b'{"state":"xxxxxxx"}'),
        (b'{"a": 1, "a": 2}', b'{"a":1,"a":1}'),
        (
            b'{"results": {"dataframe_stats": {"general": {"Ada": {"n": 7}}}}}',
            b'{"results":{"dataframe_stats":{"1xxxxxx":{"2xx":{"3":1}}}}}',
        ),
        (
            b'{"results": {"dataframe": [["Ada"]], "dataframe_stats": {"general": {"Ada": {"n": 7}}}}}',
            b'{"results":{"dataframe":[["1xx"]],"dataframe_stats":{"2xxxxxx":{"1xx":{"3":1}}}}}',
        ),
        (
            b'{"results": {"dataframe": [{"Ada": 1}], "dataframe_stats": {"Ada": {"tops": {"Eve": 2}}}}}',
            b'{"results":{"dataframe":[{"1xx":1}],"dataframe_stats":{"1xx":{"tops":{"2xx":1}}}}}',
        ),
        (
            b'{"results": {"dataframe": [["date"]], "dataframe_stats": {"date": {"temporal": {"min": 5}}}}}',
            b'{"results":{"dataframe":[["1xxx"]],"dataframe_stats":{"1xxx":{"temporal":{"min":1}}}}}',
        ),
        (b"\xff\xfe", b"xx"),
        (
            b'{"results": {"dataframe": [["a"], ["\\ud800", "\\u00e9"]]}}',
            b'{"results":{"dataframe":[["1"],["x","x"]]}}',
        ),
    ],
)
def test_other_bodies(body: bytes, expected: bytes) -> None:
    """Whatever came is masked, also what is no JSON; keys inside of values are the business's."""
    assert anonymized(body) == expected


@cases("name", ["login_timestamps", "top_countries"])
def test_it_is_read_like_the_original(name: str) -> None:
    """The same types and rows, from names that are distinct."""
    body = (GOLDEN / f"{name}.json").read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", cf.StatisticsWarning
        )  # masks of milli- and microseconds differ by more
        before, after = (
            cf.Answer.from_json(each, on_truncation="ignore") for each in (body, anonymized(body))
        )
    assert [column.type for column in after.schema] == [column.type for column in before.schema]
    assert (after.rows, after.total_rows) == (before.rows, before.total_rows)


#: Letters and digits that no mark has, nor any name of the response.
TEXTS: Final = st.text("jkqvwJKQVWé٣Σ😀23456789 -:./", max_size=12)
VALUES: Final = st.recursive(
    st.none() | st.booleans() | TEXTS | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def shape(value: object) -> object:
    if isinstance(value, dict):
        return {"object": [shape(each) for each in value.values()]}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return len(value) if isinstance(value, str) else type(value).__name__


def leaves(value: object) -> str:
    if isinstance(value, dict | list):
        return " ".join(map(leaves, value.values() if isinstance(value, dict) else value))
    return str(value)


@pytest.mark.slow
@settings(deadline=None)
@given(rows=st.lists(st.lists(VALUES, max_size=3), min_size=1, max_size=4), other=VALUES)
def test_nothing_is_left(rows: list[list[Any]], other: object) -> None:
    """Of no text, key or number a character is left; structure and lengths are those of before."""
    body = {"state": "COMPLETED", "results": {"dataframe": [["a"], *rows], "other": other}}
    masked = anonymized(json.dumps(body).encode()).decode()
    assert shape(json.loads(masked)) == shape(body)
    assert not set(masked) & set("jkqvwJKQVWé٣Σ😀")
    assert not set(leaves(json.loads(masked, parse_int=str, parse_float=str))) & set("023456789")


def test_long_texts_take_no_long_time() -> None:
    """Each pattern is tried on what is short enough for a date."""
    texts = ["1T" * 200_000, "1" * 400_000, "May" * 100_000, '"' * 100_000, "[1" * 100_000]
    body = json.dumps({"results": {"dataframe": [texts]}}, separators=(",", ":")).encode()
    assert len(anonymized(body)) == len(body) - 100_000  # whose quotes were escaped
