"""Statistics read from their JSON, and reduced where a server sends far more than a table has use for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from connecty_frames import Answer
from connecty_frames.decode.envelope import read_envelope, read_statistics
from connecty_frames.errors import ResponseError, StatisticsWarning

if TYPE_CHECKING:
    from connecty_frames.decode.envelope import Statistics

_MANY_ENTRIES = {f"other {number}": {"general": {"count": 1, "nulls_count": 0}} for number in range(6_000)}
_COMPARED = "values that are not compared with the table"


def _read(statistics: object, header: str = '["a"]') -> Statistics:
    text = statistics if isinstance(statistics, str) else json.dumps(statistics)
    return read_statistics(text.encode(), f"[{header},[1]]".encode())


def test_wide_tables_keep_all_statistics() -> None:
    """Statistics of thousands of columns are read as they are, however short they are written."""
    entry = {"general": {"count": 1, "nulls_count": 0}, "numeric": {"min": 1, "max": 1}}
    statistics = {f"c{number}": entry for number in range(8_000)}
    text = json.dumps(statistics, separators=(",", ":"))
    found = _read(text, json.dumps(list(statistics)))
    assert found.left_out == ""
    assert len(found.entries) == 8_000
    assert found.entries["c7999"]["numeric"] == {"min": "1", "max": "1"}


def test_entries_of_no_column_are_limited() -> None:
    """Of more than 256 KB, the entries of columns are kept, whatever their case, and a thousand others."""
    mine = {"a": {"more": [1, 2]}, "B": {"string": {"top": ["x"]}}, "1.50": {}}
    found = _read({**_MANY_ENTRIES, **mine}, '["A","b",1.50,null]')
    assert found.left_out == "5,000 more entries that match no column"
    assert len(found.entries) == 1_003
    assert found.entries["a"] == {"more": ["1", "2"]}
    assert found.entries["B"] == {"string": {"top": ["x"]}}
    assert found.entries["1.50"] == {}
    assert "other 999" in found.entries
    assert "other 1000" not in found.entries


def test_entries_are_kept_where_no_column_is_known() -> None:
    """Without rows, as in a response to which none were added, an entry may be of any column."""
    found = read_statistics(json.dumps(_MANY_ENTRIES).encode(), None)
    assert found.left_out == ""
    assert len(found.entries) == 6_000


@pytest.mark.parametrize("more", ["{}", "1", "[[[[]]]]", "NaN", '{"x":1}'])
def test_what_is_compared_is_kept_of_dense_statistics(more: str) -> None:
    """Of very many values, only the fields remain that are evidence or compared, as they were written."""
    many = ",".join([more] * 120_000)
    numeric = '{"min":-Infinity,"max":1.50,"mean":NaN,"top":[1],"distinct_count":[1],"count":2,"count":3}'
    found = _read(
        f'{{"a":{{"more":[{many}],"numeric":{numeric},"general":null}},'
        f'"b":{{"more":1}},"c":{{ }},"d":[{many}]}}'
    )
    assert found.left_out == _COMPARED
    assert found.entries == {
        "a": {"numeric": {"count": "3", "min": "-Infinity", "max": "1.50", "mean": "NaN"}},
        "b": {"general": None},
        "c": {},
    }


def test_one_long_entry() -> None:
    """One entry of more than a thousand values is reduced, and others are not."""
    long = {f"a long name of a field {number}": number for number in range(10_000)}
    found = _read({"a": {"numeric": {**long, "min": 1}}, "b": {"numeric": {"more": 1}}})
    assert found.left_out == _COMPARED
    assert found.entries == {"a": {"numeric": {"min": "1"}}, "b": {"numeric": {"more": "1"}}}


@pytest.mark.parametrize("statistics", ["[" + "{}," * 120_000 + "1]", '"' + "x" * 300_000 + '"'])
def test_what_is_no_object_is_left_out(statistics: str) -> None:
    """Statistics are evidence, never a reason to refuse an answer."""
    assert _read(statistics).entries == {}


def test_lone_surrogates_in_large_statistics() -> None:
    """Lone surrogates are escaped in names and texts, also if entries of no column are left out."""
    text = json.dumps({"a": {"string": {"min": "\ud800"}}, "\ud801": {}, **_MANY_ENTRIES})
    found = _read(text)
    assert found.is_escaped
    assert found.left_out == "5,001 more entries that match no column"
    assert found.entries["a"] == {"string": {"min": "\\ud800"}}
    assert found.entries["\\ud801"] == {}


def test_names_that_look_masked() -> None:
    """A name with a backslash is that of its column, beside a lone surrogate, which is escaped."""
    found = _read(f'{{"\\\\d800":{{"numeric":{{"min":NaN}},"\\ud800":[{"{}," * 120_000}1]}}}}', r'["\\d800"]')
    assert found.entries == {"\\d800": {"numeric": {"min": "NaN"}}}
    assert not found.is_escaped
    found = _read(f'{{"\\uD800":{{"more":[{"{}," * 120_000}1]}}}}')
    assert found.entries == {"\\ud800": {"general": None}}
    assert found.is_escaped


def test_what_is_left_out_must_be_utf_8() -> None:
    """A body that is not UTF-8 is refused, wherever that is."""
    statistics = b'{"a":{"more":[%s"\xff"]}}' % (b"{}," * 120_000)
    body = b'{"state":"COMPLETED","results":{"dataframe":[["a"],[1]],"dataframe_stats":%s}}' % statistics
    with pytest.raises(ResponseError, match="is not UTF-8"):
        read_envelope(body)


def test_evidence_and_checks_remain() -> None:
    """The type of a column, its warnings, and the total of rows are those that all statistics tell."""
    many = [{}] * 120_000
    entry: dict[str, Any] = {
        "general": {"count": 5, "nulls_count": 9},
        "string": {"more": many, "max_len": 1},
    }
    results = {"dataframe": [["a"], ["2025-01-01"]], "dataframe_stats": {"a": entry}}
    body = json.dumps({"state": "COMPLETED", "results": results}).encode()
    with pytest.warns(StatisticsWarning) as caught:
        answer = Answer.from_json(body, on_truncation="ignore")
    assert [str(warning.message) for warning in caught] == [
        f"The statistics are too large: {_COMPARED} are left out.",
        "Column 'a' has a text of 10 characters, but the statistics' max_len is 1.",
    ]
    assert str(answer.schema) == "a  string  string statistics"
    assert answer.total_rows == 5
    assert answer.statistics == {"a": {"general": {"count": 5, "nulls_count": 9}, "string": {"max_len": 1}}}
