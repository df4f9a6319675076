"""A response, validated, except for the rows."""

import json
from typing import Any

import msgspec
import pytest

from connecty_frames.decode.envelope import Envelope, read_envelope, read_statistics
from connecty_frames.decode.exact_json import LIMITS, to_python
from connecty_frames.errors import ResponseError
from tests.cases import cases


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


@cases(
    "body",
    [
        b'{"state":"PENDING"}',
        b'{"state":"FAILED","results":null}',
        b'{"state":"COMPLETED","results":{}}',
        b'{"state":"COMPLETED","results":{"dataframe":null,"dataframe_stats":null,"sql_query":null}}',
        b'{"state":"COMPLETED","results":{"response_summary":null}}',
        b'{"state":"COMPLETED","results":{"dataframe": null }}',
    ],
)
def test_no_rows(body: bytes) -> None:
    """Absent and null are the same: no rows, no statistics, nothing refused."""
    envelope = read_envelope(body)
    assert (envelope.rows, envelope.sql_query, envelope.response_summary) == (None, None, None)
    assert envelope.count_rows() == 0
    assert envelope.total_rows is None
    assert envelope.statistics == {}


@cases(
    ("body", "says"),
    [
        (b"", "is not JSON"),
        (b"<html>", "is not JSON"),
        (b'{"state":"COMPLETED"', "is not JSON"),
        (b'{"state":"COMPLETED"} x', "is not JSON"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "is not JSON"),
        (b"\xef\xbb\xbf", "is not JSON"),
        (b"[]", "is not what the API promises: expected an object."),
        (b"null", "is not what the API promises: expected an object."),
        (b'"COMPLETED"', "is not what the API promises: expected an object."),
        (b"{}", "Object missing required field `state`"),
        (b'{"state":null}', "Expected `str`, got `null` - at `$.state`"),
        (b'{"state":5}', "Expected `str`, got `int` - at `$.state`"),
        (b'{"state":"COMPLETED","results":[]}', "Expected `object | null`, got `array` - at `$.results`"),
        (b'{"state":"COMPLETED","results":"x"}', "Expected `object | null`, got `str` - at `$.results`"),
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


@cases(
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


def _raise_timeout() -> None:
    raise TimeoutError


@cases(
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


def test_counting_rows_can_be_ended() -> None:
    """The time is checked for each megabyte of rows, and only commas between rows count."""
    cell = '[[1,2],{"a":",]","b":"\\\\"}]'
    rows = ",".join([cell] * 200_000)
    envelope = read_envelope(f'{{"state":"COMPLETED","results":{{"dataframe":[["a","b"],{rows}]}}}}'.encode())
    checks: list[None] = []
    assert envelope.count_rows(lambda: checks.append(None)) == 200_000
    assert len(checks) == len(rows) // (1 << 20) + 1
    assert len(checks) > 4
    with pytest.raises(TimeoutError):
        envelope.count_rows(_raise_timeout)


@cases(
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
        ('{"a":{"general":{"count":-1}},"b":{"general":{"count":1.5}},"c":{"general":{"count":"x"}}}', None),
        ('{"a":{"general":{"count":2500.0}},"b":{"general":{"count":"2500"}}}', 2500),
        # A flat object counts values: without nulls it does not tell the rows.
        ('{"a":{"type":"int64","count":97,"null_count":3},"b":{"COUNT":"100.0","NULL_COUNT":"0"}}', 100),
        ('{"a":{"type":"int64","count":97},"b":{"type":"int64","count":95,"null_count":5}}', 100),
        ('{"a":{"type":"int64","count":97}}', None),
        ('{"a":{"type":"int64","row_count":100,"count":97,"null_count":0}}', 100),
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


def test_a_byte_order_mark() -> None:
    """It is skipped, as RFC 8259 allows."""
    body = b'\xef\xbb\xbf{"state":"COMPLETED","results":{"dataframe":[["a"],["\xef\xbb\xbf"]]}}'
    rows = read_envelope(body).rows
    assert rows is not None
    assert bytes(rows) == b'[["a"],["\xef\xbb\xbf"]]'
    assert read_envelope(body.replace(b'"COMPLETED"', b'"FAILED","n":NaN')).details.keys() == {"n"}


def test_statistics_nested_too_deeply_are_left_out() -> None:
    """Statistics that are nested too deeply are dropped, column by column."""
    deep = '{"x":' * 300 + "1" + "}" * 300
    body = f'{{"state":"COMPLETED","results":{{"dataframe_stats":{{"a":{deep},"b":{{"general":{{}}}}}}}}}}'
    envelope = read_envelope(body.encode())
    assert to_python(envelope.statistics) == {"b": {"general": {}}}


@cases("depth", [101, 500, 900])
@cases("body", ['{"state":"PENDING","x":%s}', '{"state":"FAILED","results":{"dataframe":[["a"]],"x":%s}}'])
def test_details_nested_too_deeply_are_cut(body: str, depth: int) -> None:
    """A field that the API document does not name is no reason to refuse an answer."""
    found = read_envelope((body % ("[" * depth + "]" * depth)).encode()).details["x"]
    for _ in range(100):
        assert isinstance(found, list)
        (found,) = found
    assert found == "…"


# --- limits ------------------------------------------------------------------------------------------


def failed(**fields: Any) -> Envelope:
    return read_envelope(json.dumps({"state": "FAILED", **fields}).encode())


@cases(("length", "kept"), [(65_534, "x" * 65_534), (65_535, "x" * 65_535 + "…")])
def test_the_longest_text_that_is_kept_whole(length: int, kept: str) -> None:
    """It has 65,536 bytes with its quotes."""
    assert read_envelope(b'{"state":"%s"}' % (b"x" * length)).state == kept
    assert failed(results={"sql_query": "x" * length}).sql_query == kept
    assert failed(results={"response_summary": "x" * length}).response_summary == kept


@cases(("size", "kept"), [(65_536, 2_000), (65_537, 999)])
def test_the_longest_body_of_which_all_fields_are_kept(size: int, kept: int) -> None:
    """It has 65,536 bytes, white space around it aside; of a longer one the first thousand are kept."""
    text = json.dumps({"state": "FAILED"} | {f"field {number}": number for number in range(2_000)})
    envelope = read_envelope(f" {text[:-1]}{' ' * (size - len(text))}}}\n".encode())
    assert (len(envelope.details), envelope.more_details) == (kept, 2_000 - kept)


@cases(("length", "kept"), [(998, "k" * 998), (999, "k" * 999 + "…"), (5_000, "k" * 999 + "…")])
def test_long_names_of_fields_are_cut(length: int, kept: str) -> None:
    """A name has a thousand bytes with its quotes at most."""
    assert failed(**{"k" * length: 1}, log="x" * 70_000).details.keys() == {kept, "log"}


@cases(
    ("statistics", "excess"),
    [
        (b'{"a":{"m":[1,2,3,4,5,6,7,8]}}', ""),
        (b'{"a":{"m":[1,2,3,4,5,6,7,8,9]}}', "hold more than 10 values"),
        (b'{"a":{},LONG}', ""),
        (b'{"a":{},"b":{},LONG}', "cover more than 2 columns"),
        (b'{"a":%s1%s,LONG}' % (b'{"b":' * 3, b"}" * 3), ""),
    ],
)
def test_the_most_values_and_columns_of_statistics(statistics: bytes, excess: str) -> None:
    """Values are counted always, columns only of long statistics."""
    limits = msgspec.structs.replace(LIMITS, most_values=10, most_columns=2)
    long = b'"x":{"y":"%s"}' % (b"x" * 300_000)
    entries, _, found = read_statistics(statistics.replace(b"LONG", long), limits)
    assert found == excess
    assert bool(entries) is not bool(excess)


@cases(("depth", "excess"), [(99, ""), (100, "are nested deeper than 100 levels")])
def test_the_deepest_statistics(depth: int, excess: str) -> None:
    """They have a hundred levels, with that of the columns."""
    long = b'"x":{"y":"%s"}' % (b"x" * 300_000)
    entries, _, found = read_statistics(b'{"a":%s1%s,%s}' % (b'{"b":' * depth, b"}" * depth, long))
    assert (found, len(entries)) == (excess, 0 if excess else 2)
