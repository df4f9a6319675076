"""AnswerMetadata: what is known of an answer, and its JSON text."""

import datetime as dt
import json
import math
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connecty_frames.answer_metadata import AnswerMetadata
from connecty_frames.errors import ConfigError
from tests.cases import cases

QUESTION_ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
FULL = AnswerMetadata(
    question="the last 100 logins",
    question_id=QUESTION_ID,
    dw_id=13,
    base_url="https://api.example.com/",
    sql_query="select *\nfrom usr.logins",
    response_summary='Zażółć "gęślą" jaźń 😀 \ud800 </script>',
    asked_at=dt.datetime(2025, 10, 26, 2, 30, 0, 123456, dt.timezone(dt.timedelta(hours=2))),
    elapsed=1.25,
    rows=3,
    total_rows=100,
    truncated=True,
    statistics={"total": {"numeric": {"min": Decimal("0.10"), "mean": 0.1, "max": 2**100, "n": None}}},
    schema=[{"name": "total", "type": "decimal128(18, 2)", "evidence": "numeric statistics"}],
    version="0.1.0",
)


class TestFields:
    """The fields, and which may be None."""

    def test_nothing_known(self) -> None:
        """Every field has a default."""
        fields = json.loads(AnswerMetadata().to_json())
        known = {name: value for name, value in fields.items() if value is not None}
        assert known == {"rows": 0, "reused": False, "statistics": {}, "schema": [], "version": ""}

    def test_asked_at_is_utc(self) -> None:
        """A time in another zone is the same instant in UTC."""
        assert FULL.asked_at == dt.datetime(2025, 10, 26, 0, 30, 0, 123456, dt.UTC)
        assert FULL.asked_at.tzinfo is dt.UTC

    @cases("name", ["asked_at", "cast_at"])
    def test_naive_time(self, name: str) -> None:
        """A time without a zone is not accepted."""
        with pytest.raises(ConfigError, match="aware") as caught:
            AnswerMetadata(**{name: dt.datetime(2025, 1, 1)})  # type: ignore[arg-type]
        assert caught.value.setting == name

    def test_a_time_that_utc_has_no_date_for(self) -> None:
        """The first hours of year 1 east of Greenwich are a ConfigError."""
        east = dt.timezone(dt.timedelta(hours=14))
        with pytest.raises(ConfigError, match="has no date in UTC") as caught:
            AnswerMetadata(asked_at=dt.datetime(1, 1, 1, tzinfo=east))
        assert caught.value.setting == "asked_at"

    def test_frozen(self) -> None:
        """Metadata is immutable."""
        with pytest.raises(AttributeError):
            FULL.rows = 4  # type: ignore[misc]


class TestRepr:
    """One line."""

    def test_full(self) -> None:
        """Question, rows and id."""
        assert repr(FULL) == (
            "<AnswerMetadata: 'the last 100 logins', 3 of 100 rows, truncated, "
            "question_id 729cb7a4-4b06-449e-a3c9-df40f5e570b8>"
        )

    def test_nothing_known(self) -> None:
        """Without a question, it says "an answer"."""
        assert repr(AnswerMetadata(rows=1234)) == "<AnswerMetadata: an answer, 1,234 rows>"

    def test_of_a_cast(self) -> None:
        """Its rows are not counted."""
        metadata = AnswerMetadata(question="orders", cast_at=dt.datetime(2026, 1, 31, 8, tzinfo=dt.UTC))
        assert repr(metadata) == "<AnswerMetadata: 'orders', rows of 2026-01-31 08:00 UTC>"

    def test_long_and_hostile(self) -> None:
        """A long question is cut, and control characters are shown."""
        assert repr(AnswerMetadata(question="\x1b[2J" + "x" * 500)) == (
            "<AnswerMetadata: '\\\\x1b[2J" + "x" * 53 + "…', 0 rows>"
        )


class TestJson:
    """Text that reads back as the same metadata."""

    def test_round_trip(self) -> None:
        """Every field comes back, a lone surrogate and a decimal's trailing zero included."""
        back = AnswerMetadata.from_json(FULL.to_json())
        assert back == FULL
        assert str(back.statistics["total"]["numeric"]["min"]) == "0.10"
        assert type(back.statistics["total"]["numeric"]["mean"]) is float
        assert type(back.statistics["total"]["numeric"]["max"]) is int

    def test_is_json_for_everyone(self) -> None:
        """Any reader of JSON reads the same fields and numbers."""
        read = json.loads(FULL.to_json())
        assert list(read) == [
            *("question", "question_id", "dw_id", "base_url", "sql_query", "response_summary"),
            *("asked_at", "elapsed", "reused", "rows", "total_rows", "truncated", "statistics", "schema"),
            *("version", "cast_at"),
        ]
        assert read["asked_at"] == "2025-10-26T00:30:00.123456+00:00"
        assert read["statistics"]["total"]["numeric"] == {"min": 0.1, "mean": 0.1, "max": 2**100, "n": None}

    @cases(
        ("number", "text"),
        [
            (Decimal("0.10"), "1.0E-1"),
            (Decimal("-1E+3"), "-1E+3"),
            (Decimal(7), "7E+0"),
            (Decimal("-0.0"), "-0E-1"),
            (0.1, "0.1"),
            (1e300, "1e+300"),
            (2**100, "1267650600228229401496703205376"),
            (True, "true"),
        ],
    )
    def test_text_of_numbers(self, number: Any, text: str) -> None:
        """A decimal has a capital exponent, and nothing else does."""
        assert AnswerMetadata(statistics={"c": number}).to_json().find(f'{{"c": {text}}}') > 0

    def test_not_a_number(self) -> None:
        """NaN and infinity are read back, though they are no JSON."""
        back = AnswerMetadata.from_json(AnswerMetadata(statistics={"a": math.nan, "b": -math.inf}).to_json())
        assert math.isnan(back.statistics["a"])
        assert back.statistics["b"] == -math.inf

    def test_fields_of_a_later_version(self) -> None:
        """Unknown fields are ignored."""
        assert AnswerMetadata.from_json('{"rows": 2, "mood": "good"}') == AnswerMetadata(rows=2)

    def test_bytes(self) -> None:
        """Arrow's metadata is bytes."""
        assert AnswerMetadata.from_json(b'{"rows": 2}') == AnswerMetadata(rows=2)

    @cases(
        "text",
        [
            *("", "{", "[]", "5", '"text"', b"\xff\xff", "[" * 100_000, 5, 10**5_000, None),
            *('{"asked_at": "yesterday"}', '{"asked_at": "2025-01-01T00:00:00"}', '{"asked_at": 5}'),
            *('{"asked_at": "0001-01-01T00:00:00+14:00"}', '{"elapsed": "1"}', '{"version": null}'),
            *('{"rows": "3"}', '{"rows": true}', '{"rows": ' + "9" * 5_000 + "}"),
            *('{"statistics": []}', '{"statistics": {"a": 1e999}}', '{"question": 5}', '{"truncated": 1}'),
            '{"statistics": {"a": 1E999999999999999999999}}',
            *('{"schema": {}}', '{"schema": [5]}', '{"schema": [{"name": "a", "type": "b"}]}'),
            '{"schema": [{"name": "a", "type": ["b"], "evidence": "c"}]}',
        ],
    )
    def test_no_metadata(self, text: Any) -> None:
        """Anything else is a ConfigError that shows only how it begins."""
        with pytest.raises(ConfigError, match="not the metadata of an answer") as caught:
            AnswerMetadata.from_json(text)
        assert len(str(caught.value)) < 250

    def test_a_number_that_the_context_lets_pass(self) -> None:
        """It is an error, also where the decimal context turns a decimal that is too large into NaN."""
        with localcontext(traps=[]), pytest.raises(ConfigError, match="not the metadata of an answer"):
            AnswerMetadata.from_json('{"statistics": {"a": 1E999999999999999999999}}')

    @cases("value", [object(), 10**5000, Decimal("NaN")], ids=["object", "digits", "NaN"])
    def test_statistics_that_are_no_json(self, value: object) -> None:
        """Anything in the statistics that JSON cannot hold is a ConfigError."""
        with pytest.raises(ConfigError, match="statistics") as caught:
            AnswerMetadata(statistics={"a": value}).to_json()
        assert caught.value.setting == "statistics"

    @pytest.mark.slow
    def test_deeply_nested_statistics(self) -> None:
        """They are a ConfigError, too."""
        nested: dict[str, Any] = {}
        for _ in range(100_000):
            nested = {"a": nested}
        metadata = AnswerMetadata(statistics=nested)
        with pytest.raises(ConfigError, match="nested too deeply"):
            metadata.to_json()

    @pytest.mark.slow
    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False)
            | st.decimals(allow_nan=False, allow_infinity=False)
            | st.text(),
            lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
            max_leaves=20,
        )
    )
    def test_any_statistics(self, value: Any) -> None:
        """All values of statistics are read back, with their types."""
        back = AnswerMetadata.from_json(AnswerMetadata(statistics={"c": value}).to_json()).statistics["c"]
        assert back == value
        assert repr(back) == repr(value)
