"""A response, validated, except for the rows."""

from __future__ import annotations

import pytest

from connecty_frames.decode import python_statistics, read_envelope
from connecty_frames.errors import ResponseError


def test_everything_a_response_can_hold() -> None:
    """Each field arrives, the rows as the bytes they were; unknown fields are read of no completed answer."""
    envelope = read_envelope(
        b' {"state":"COMPLETED","took":1.5,"results":{"sql_query":"SELECT 1","response_summary":"One.",'
        b'"dataframe": [["a"], [1.10]] ,"dataframe_stats":{"a":{"general":{"count":1}}},"more":{"x":[1]}}} '
    )
    assert envelope.state == "COMPLETED"
    assert envelope.sql_query == "SELECT 1"
    assert envelope.response_summary == "One."
    assert isinstance(envelope.rows, memoryview)
    assert bytes(envelope.rows) == b'[["a"], [1.10]]'
    assert envelope.statistics == {"a": {"general": {"count": "1"}}}
    assert envelope.details == {}
    assert envelope.count_rows() == 1
    assert envelope.total_rows == 1


@pytest.mark.parametrize(
    "body",
    [
        b'{"state":"PENDING"}',
        b'{"state":"FAILED","results":null}',
        b'{"state":"COMPLETED","results":{}}',
        b'{"state":"COMPLETED","results":{"dataframe":null,"dataframe_stats":null,"sql_query":null}}',
        b'{"state":"COMPLETED","results":{"dataframe": null }}',
    ],
)
def test_no_rows(body: bytes) -> None:
    """Absent and null are the same: no rows, no statistics, nothing refused."""
    envelope = read_envelope(body)
    assert envelope.rows is None
    assert envelope.count_rows() == 0
    assert envelope.total_rows is None
    assert envelope.statistics == {}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "is not JSON"),
        (b"<html>", "is not JSON"),
        (b'{"state":"COMPLETED"', "is not JSON"),
        (b'{"state":"COMPLETED"} x', "is not JSON"),
        (b"\xef\xbb\xbf{}", "is not JSON"),
        (b"[]", "is not what the API promises: expected an object."),
        (b"null", "is not what the API promises: expected an object."),
        (b'"COMPLETED"', "is not what the API promises: expected an object."),
        (b"{}", "Object missing required field `state`"),
        (b'{"state":null}', "Expected `str`, got `null` - at `$.state`"),
        (b'{"state":5}', "Expected `str`, got `int` - at `$.state`"),
        (b'{"state":"COMPLETED","results":[]}', "Expected `object | null`, got `array` - at `$.results`"),
        (b'{"state":"COMPLETED","results":"x"}', "Expected `object | null`, got `str` - at `$.results`"),
        (
            b'{"state":"COMPLETED","results":{"sql_query":5}}',
            "Expected `str | null`, got `int` - at `$.results.sql_query`",
        ),
        (b'{"state":"\xff"}', "is not UTF-8"),
        (b'{"\xff":1}', "is not UTF-8"),
        (b'{"state":"COMPLETED","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "is nested too deeply"),
    ],
)
def test_what_the_api_does_not_promise(body: bytes, says: str) -> None:
    """Each wrong body is a ResponseError that says what is wrong and where it came from."""
    with pytest.raises(ResponseError) as caught:
        read_envelope(body, host="api.example.com", content_type="application/json")
    assert says in str(caught.value)
    assert "from api.example.com (application/json)" in str(caught.value)
    assert caught.value.host == "api.example.com"
    assert caught.value.content_type == "application/json"


@pytest.mark.parametrize(
    ("host", "content_type", "source"),
    [
        (None, None, ""),
        ("a.example", None, " from a.example"),
        (None, "text/html", " (text/html)"),
        ("a.example", "text/html", " from a.example (text/html)"),
    ],
)
def test_where_a_wrong_response_came_from(host: str | None, content_type: str | None, source: str) -> None:
    """The error names what is known of it, and how it begins."""
    with pytest.raises(ResponseError) as caught:
        read_envelope(b"[]", host=host, content_type=content_type, preview=lambda body: f"<{len(body)}>")
    assert str(caught.value) == (
        f"The results response{source} is not what the API promises: expected an object. It begins: <2>"
    )
    assert (caught.value.host, caught.value.content_type) == (host, content_type)
    assert caught.value.snippet == "<2>"


def test_the_last_of_repeated_fields_counts() -> None:
    """Every JSON reader does so."""
    envelope = read_envelope(
        b'{"state":"FAILED","state":"COMPLETED","results":{"sql_query":"a","sql_query":"b"}}'
    )
    assert (envelope.state, envelope.sql_query) == ("COMPLETED", "b")


@pytest.mark.parametrize(
    ("dataframe", "count"),
    [
        ("[]", 0),
        ("[[]]", 0),
        ('[["a"]]', 0),
        ('[["a"],[1],[2]]', 2),
        ("{}", 0),
        ('"x"', 0),
        ("5", 0),
        ("[1,2]", 1),
        ('[["a"],[NaN]]', 1),
        ("NaN", 0),
    ],
)
def test_count_rows(dataframe: str, count: int) -> None:
    """Rows are counted without the header; what is not an array has none, and is refused later."""
    envelope = read_envelope(f'{{"state":"COMPLETED","results":{{"dataframe":{dataframe}}}}}'.encode())
    assert envelope.count_rows() == count


@pytest.mark.parametrize(
    ("statistics", "total"),
    [
        ("{}", None),
        ('{"a":{"general":{"count":100,"nulls_count":3}}}', 100),
        (
            '{"a":{"general":{"count":100,"nulls_count":0}},"b":{"general":{"count":100,"nulls_count":7}}}',
            100,
        ),
        ('{"a":{"general":{"count":100,"nulls_count":0}},"b":{"general":{"count":93,"nulls_count":7}}}', 100),
        ('{"a":{"general":{"count":0}}}', 0),
        ('{"a":{"general":{"count":1.0}},"b":{"general":{"count":"5"}},"c":{"general":{"count":-1}}}', None),
        ('{"a":{"general":{"count":99999999999999999999}}}', None),
        ('{"a":{"general":[]},"b":{"general":null},"c":{}}', None),
        ('{"a":{"general":{"count":5,"nulls_count":"many"}},"b":{"general":{"count":4}}}', 5),
    ],
)
def test_total_rows(statistics: str, total: int | None) -> None:
    """`count` is the whole result's rows; where it differs between columns, nulls are added."""
    body = f'{{"state":"COMPLETED","results":{{"dataframe_stats":{statistics}}}}}'
    assert read_envelope(body.encode()).total_rows == total


def test_names_of_details_in_lenient_json() -> None:
    """A name with a backslash remains, also beside a bare NaN; a lone surrogate is written as its escape."""
    assert read_envelope(rb'{"state":"FAILED","\\d800":NaN}').details.keys() == {"\\d800"}
    assert read_envelope(rb'{"state":"FAILED","\uD800":1}').details.keys() == {"\\ud800"}


@pytest.mark.parametrize("statistics", ["null", "[]", "5", '"x"', '{"a":[]}', '{"a":null}', '{"a":NaN}'])
def test_statistics_of_the_wrong_shape_are_left_out(statistics: str) -> None:
    """Statistics are evidence, never a reason to refuse an answer."""
    body = f'{{"state":"COMPLETED","results":{{"dataframe_stats":{statistics}}}}}'
    assert read_envelope(body.encode()).statistics == {}


def test_statistics_nested_too_deeply_are_left_out() -> None:
    """Statistics that are nested too deeply are dropped, column by column."""
    deep = '{"x":' * 300 + "1" + "}" * 300
    body = f'{{"state":"COMPLETED","results":{{"dataframe_stats":{{"a":{deep},"b":{{"general":{{}}}}}}}}}}'
    envelope = read_envelope(body.encode())
    assert python_statistics(envelope) == {"b": {"general": {}}}


@pytest.mark.parametrize("depth", [101, 500, 900])
@pytest.mark.parametrize(
    "body", ['{"state":"PENDING","x":%s}', '{"state":"FAILED","results":{"dataframe":[["a"]],"x":%s}}']
)
def test_details_nested_too_deeply_are_cut(body: str, depth: int) -> None:
    """A field that the API document does not name is no reason to refuse an answer."""
    found = read_envelope((body % ("[" * depth + "]" * depth)).encode()).details["x"]
    for _ in range(100):
        (found,) = found

    assert found == "…"


def test_a_bare_nan_anywhere_is_read() -> None:
    """A body that is not strict JSON is read, and its rows are left as they are."""
    envelope = read_envelope(
        b'{"state":"COMPLETED","results":{"dataframe":[["a"],[1.10]],"dataframe_stats":{"a":{"numeric":{"mean":NaN}}}}}'
    )
    assert bytes(envelope.rows or b"") == b'[["a"],[1.10]]'
    assert envelope.count_rows() == 1
    assert envelope.statistics == {"a": {"numeric": {"mean": "NaN"}}}
