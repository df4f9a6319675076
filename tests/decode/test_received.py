"""What is read of a response beside its rows is bounded: statistics, and fields without a name in the API."""

import json
import warnings
from typing import Any

import msgspec
import pytest

from connecty_frames import Answer
from connecty_frames.decode.envelope import Envelope, read_envelope, read_statistics
from connecty_frames.decode.exact_json import LIMITS
from connecty_frames.errors import QuestionFailed, ResponseError, StatisticsWarning
from tests.cases import cases


def _failed(**fields: Any) -> Envelope:
    return read_envelope(json.dumps({"state": "FAILED", **fields}).encode())


# --- statistics --------------------------------------------------------------------------------------


def test_wide_tables_keep_all_statistics() -> None:
    """Statistics of thousands of columns are read as they are, however short they are written."""
    entry = {"general": {"count": 1, "nulls_count": 0}, "numeric": {"min": 1, "max": 1}}
    statistics = {f"c{number}": entry for number in range(8_000)}
    entries, _, excess = read_statistics(json.dumps(statistics, separators=(",", ":")).encode())
    assert excess == ""
    assert len(entries) == 8_000
    assert entries["c7999"] == {
        "general": {"count": "1", "nulls_count": "0"},
        "numeric": {"min": "1", "max": "1"},
    }


def test_large_statistics_are_read_like_small_ones() -> None:
    """Of more than 256 KB: every kind of value, at any depth, the last of repeated keys."""
    more = ",".join(['{"x":[1.50,-Infinity,NaN,"\\u00e9,\\"",null,true,{}]}'] * 20_000)
    statistics = f'{{"a":{{"more":[{more}],"long":"{"x" * 70_000}","n":1,"n":1.0}},"b":[1],"c":{{ }}}}'
    entries, *_ = read_statistics(statistics.encode())
    assert entries.keys() == {"a", "c"}
    assert entries["c"] == {}
    assert entries["a"]["n"] == "1.0"
    assert entries["a"]["long"] == "x" * 70_000
    item = {"x": ["1.50", "-Infinity", "NaN", 'é,"', None, True, {}]}
    assert entries["a"]["more"] == [item] * 20_000


def test_the_most_values_in_the_metadata() -> None:
    """Statistics of more than 100,000 values decide types and the total, and are not kept, with a warning."""
    for values, kept in ((99_000, 99_000), (100_000, 0)):
        entry = f'{{"general":{{"count":5}},"string":{{"n":1}},"more":[{",".join("1" * values)}]}}'
        results = f'{{"dataframe":[["a"],["2025-01-01"]],"dataframe_stats":{{"a":{entry}}}}}'
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            answer = Answer.from_json(
                f'{{"state":"COMPLETED","results":{results}}}'.encode(), on_truncation="ignore"
            )
        assert (str(answer.schema["a"].type), answer.total_rows) == ("string", 5)
        assert len(answer.statistics.get("a", {}).get("more", [])) == kept
        text = "The statistics hold more than 100,000 values, so they are not kept in the metadata."
        assert [str(warning.message) for warning in caught] == ([] if kept else [text])


def test_what_is_not_read_of_statistics() -> None:
    """Too many values, too many columns, or nested too deeply: the answer is read, with one warning."""
    assert LIMITS.most_values == 2_000_000
    limits = msgspec.structs.replace(LIMITS, most_values=1_000)
    assert read_statistics(b'{"a":[%s1]}' % (b"1," * 999), limits)[2] == "hold more than 1,000 values"
    many = json.dumps({f"a long name, number {number}": {} for number in range(100_001)}).encode()
    assert read_statistics(many)[2] == "cover more than 100,000 columns"
    deep = "[" * 101 + "]" * 101
    statistics = f'{{"a":{{"general":{{"count":5}},"x":{deep}}},"b":{{"y":"{"x" * 300_000}"}}}}'
    body = f'{{"state":"COMPLETED","results":{{"dataframe":[["a"],[1]],"dataframe_stats":{statistics}}}}}'
    with pytest.warns(StatisticsWarning) as caught:
        answer = Answer.from_json(body.encode(), on_truncation="ignore")
    assert [str(warning.message) for warning in caught] == [
        "The statistics are nested deeper than 100 levels, so they were not read."
    ]
    assert (answer.rows, answer.total_rows, answer.statistics) == (1, None, {})


@cases("filler", ["", "x" * 300_000])
def test_lone_surrogates_in_statistics(filler: str) -> None:
    """They are escaped in names and texts; a name that looks like an escape remains."""
    text = json.dumps({"a": {"string": {"min": "\ud800", "max": "\U0001f600"}}, "\ud801": {"x": filler}})
    entries, is_escaped, _ = read_statistics(text.encode())
    assert is_escaped
    assert entries["a"] == {"string": {"min": "\\ud800", "max": "\U0001f600"}}
    assert entries["\\ud801"] == {"x": filler}
    entries, is_escaped, _ = read_statistics(rb'{"\\ud800":{"x":"\\\\ud800","y":"\uD83D\uDE00"}}')
    assert not is_escaped
    assert entries == {"\\ud800": {"x": "\\\\ud800", "y": "\U0001f600"}}


def test_statistics_that_are_not_read_must_be_utf_8() -> None:
    """A body that is not UTF-8 is refused, wherever that is."""
    statistics = b'{"a":{"more":[%s"\xff"]}}' % (b"{}," * 1_000_000)
    body = b'{"state":"COMPLETED","results":{"dataframe":[["a"],[1]],"dataframe_stats":%s}}' % statistics
    with pytest.raises(ResponseError, match="is not UTF-8"):
        read_envelope(body)


# --- fields that the API document does not name --------------------------------------------------------


def test_fields_of_a_small_body() -> None:
    """All are kept, as they were sent, beside those that the document names."""
    envelope = _failed(error="no", code=1.50, results={"sql_query": "SELECT 1", "hint": ["a", {"b": None}]})
    assert envelope.details == {"error": "no", "code": 1.5, "hint": ["a", {"b": None}]}
    assert (envelope.sql_query, envelope.more_details) == ("SELECT 1", 0)


def test_long_fields_are_cut_and_short_ones_kept() -> None:
    """Of more than 64 KB, the longest are cut: a text to its beginning, another value to that of its JSON."""
    envelope = _failed(
        trace=[[1]] * 100_000,
        log="é" * 100_000,
        results={"more": {"x": [1, 2]}, "sql_query": "x" * 70_000, "dataframe": [["a"]] * 1000},
        error="no such table",
    )
    assert envelope.details["error"] == "no such table"
    assert envelope.details["more"] == {"x": [1, 2]}
    trace, log = envelope.details["trace"], envelope.details["log"]
    assert trace.startswith("[[1], [1], ")
    assert trace.endswith("…")
    assert set(log) == {"é", "…"}
    # The short ones take 14 and 16 bytes of 65,536, and each of the long ones half of the others: 32,753.
    assert len(trace) == 32_753 + 1
    assert len(log) == (32_753 - 1) // len("\\u00e9") + 1
    assert envelope.sql_query == "x" * 65_535 + "…"
    assert envelope.more_details == 0
    assert list(envelope.details) == ["trace", "log", "error", "more"]


@cases("escape", ["\\n", "\\\\", '\\"', "\\u00e9", "\\ud83d\\ude00", "\\ud800", "é", "🙂"])
def test_cut_texts(escape: str) -> None:
    """A cut leaves no half of an escape or of a character, wherever it falls."""
    for shift in range(12):
        body = f'{{"state":"FAILED","x":"{"a" * shift}{escape * (100_000 // len(escape))}"}}'
        found = read_envelope(body.encode()).details["x"]
        whole = {"\\ud800": "\\ud800"}.get(escape) or json.loads(f'"{escape}"')
        kept = found.removeprefix("a" * shift).removesuffix("…")
        assert found.endswith("…")
        assert len(kept) > 5_000 * len(whole)
        if whole == "\\ud800":  # a text of six characters, which may be cut anywhere
            kept = kept[: len(kept) // 6 * 6]
        assert kept == whole * (len(kept) // len(whole))


@cases("in_results", [False, True])
@cases("first", [False, True])
def test_many_fields_are_counted(in_results: bool, first: bool) -> None:
    """The first thousand are kept and the others counted, the named ones not among them."""
    fields: dict[str, Any] = {f"field {number}": number for number in range(20_000)}
    named: dict[str, Any] = {"sql_query": "SELECT 1"} if in_results else {"state": "FAILED", "results": None}
    fields = named | fields if first else fields | named
    body = {"state": "FAILED", "results": fields} if in_results else fields
    envelope = read_envelope(json.dumps(body).encode())
    kept = 1000 - len(named) * first
    assert list(envelope.details) == [f"field {number}" for number in range(kept)]
    assert envelope.more_details == 20_000 - kept
    assert envelope.sql_query == ("SELECT 1" if in_results else None)
    with pytest.raises(QuestionFailed, match=r"; and 19,\d\d\d more\.") as caught:
        Answer.from_json(json.dumps(body).encode())
    assert len(str(caught.value).encode()) < 4_096


@cases(
    "field",
    [
        '"x":"]},{[\\"",',
        '"\\"x":{"y":[{},"}"]},',
        ' "x" : [ 1 , 2 ] , ',
        '"\\\\":"\\\\",',
        f'"{"k" * 5_000}":1,',
        '"x":NaN,',
        '"\\ud800":"\\ud800",',
    ],
)
def test_where_fields_end(field: str) -> None:
    """Brackets, quotes and commas in texts, escapes, white space, long names and what is no strict JSON."""
    times = 600_000 // len(field)
    inside = "".join(field.replace("x", f"x{number}", 1) for number in range(times))
    envelope = read_envelope(f' {{"state":"FAILED",{inside}"last":[1]}} '.encode())
    assert envelope.state == "FAILED"
    kept = list(envelope.details)
    assert all(len(name) < 1_010 for name in kept)
    # Fields of one name are one, but each is counted.
    assert envelope.more_details in range(times - 1_000, times + 3)


def test_an_empty_object_beside_a_long_field() -> None:
    """It has no field to keep."""
    envelope = read_envelope(b'{"state":"FAILED","x":"%s","results":{}}' % (b"x" * 70_000))
    assert list(envelope.details) == ["x"]
    assert envelope.more_details == 0


def test_the_time_is_checked_between_two_readings() -> None:
    """Before, while and after what a strict reader refuses is replaced, and once the rest is read."""
    called: list[int] = []
    body = b'{"state":"COMPLETED","results":{"dataframe":[["a"],[NaN]]}}'
    read_envelope(body, limits=msgspec.structs.replace(LIMITS, checkpoint=lambda: called.append(1)))
    assert len(called) == 4


@cases("state", ["COMPLETED", "FAILED", "IN_PROGRESS"])
@cases(
    "field",
    [
        '"\\ud800",' * 400_000,
        "NaN," * 400_000,
        '"NaN",' * 400_000,
        '"\\ud83d\\ude00NaN\\ud800",' * 200_000,
        '"\\n",' * 400_000,
    ],
)
def test_the_time_is_checked_while_a_body_is_read(state: str, field: str) -> None:
    """What a checkpoint raises ends the reading, also of what a strict reader refuses."""
    called = []

    def checkpoint() -> None:
        called.append(1)
        if len(called) == 3:
            raise TimeoutError

    body = (
        f'{{"state":"{state}","x":[{field}NaN],"results":{{"dataframe_stats":{{"a":{{"x":[{field}1]}}}}}}}}'
    )
    with pytest.raises(TimeoutError):
        read_envelope(body.encode(), limits=msgspec.structs.replace(LIMITS, checkpoint=checkpoint))
