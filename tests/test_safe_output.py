"""Everything that is shown of an answer is bounded, says what is left out, and is escaped for terminals."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames.answer_metadata import AnswerMetadata
from connecty_frames.files import atomic_write
from connecty_frames.frames.accessor import attach
from connecty_frames.frames.parquet_file import write_table
from tests.cases import cases

ESC = "\x1b[2J"
MANY = 3_000
MEGABYTE = 1_000_000


def body(rows: list[list[Any]], **results: Any) -> bytes:
    return json.dumps({"state": "COMPLETED", "results": {"dataframe": rows, **results}}).encode()


def wide(**results: Any) -> cf.Answer:
    return cf.Answer.from_json(body([[f"c{n}" for n in range(MANY)], list(range(MANY))], **results))


class TestTerminals:
    """Escape sequences in names of struct fields, which are parts of types."""

    @pytest.fixture
    def answer(self) -> cf.Answer:
        """Return an answer with a column whose type has an escape sequence in it."""
        return cf.Answer.from_json(body([["s"], [{ESC: 1}]]))

    def test_reprs(self, answer: cf.Answer) -> None:
        """It is shown as text, as is one in the evidence, which a file may contain."""
        assert str(answer.schema.types[0]) == f"struct<{ESC}: int64>"
        assert repr(answer).splitlines()[1] == "  s: struct<\\x1b[2J: int64>"
        assert repr(answer.schema) == "s  struct<\\x1b[2J: int64>  1 of 1 values are objects of one shape"
        assert repr(answer.schema[0]) == (
            "ColumnSchema(name='s', type='struct<\\\\x1b[2J: int64>', "
            "evidence='1 of 1 values are objects of one shape')"
        )
        saved = json.loads(answer.schema.to_json())
        saved["columns"][0]["evidence"] = ESC
        assert ESC not in repr(cf.Schema.from_json(json.dumps(saved)))

    def test_warnings(self) -> None:
        """A bare NaN in such an object is a warning that names the type."""
        bare = body([["s"], [{ESC: 0}]]).replace(b": 0", b": NaN")
        with pytest.warns(cf.TypeFidelityWarning, match=r"is struct<\\x1b\[2J: double>"):
            cf.Answer.from_json(bare)

    @cases("engine", ["pandas", "polars"])
    def test_what_a_library_lacks(self, engine: str) -> None:
        """The warning of a type that a library lacks names the type, escaped."""
        answer = cf.Answer.from_json(body([["s"], [{ESC: 0}]]).replace(b": 0", b": " + b"9" * 40))
        with pytest.warns(cf.TypeFidelityWarning, match=r"struct<\\x1b\[2J: decimal256"):
            answer.to_polars() if engine == "polars" else answer.to_pandas("numpy")

    def test_errors(self) -> None:
        """The message has the keys of a struct of ``schema=``, and its type."""
        with pytest.raises(cf.ConversionError) as caught:
            cf.Answer.from_json(body([["s"], [1]]), schema={"s": pa.struct([(ESC, pa.int64())])})
        assert ESC not in str(caught.value)


class TestManyColumns:
    """Thousands of columns are counted, not listed."""

    def test_a_column_that_does_not_exist(self) -> None:
        """The message has ten names and the number of the others."""
        with pytest.raises(KeyError, match=r"'c8', 'c9' and 2,990 more"):
            _ = wide().schema["x"]
        with pytest.raises(cf.ConversionError, match=r"schema: 'c1', .* 2,989 more\). It has .* more\."):
            cf.Answer.from_json(body([[f"c{n}" for n in range(MANY)]]), schema=pa.schema({"c0": pa.int64()}))

    @pytest.mark.slow
    def test_a_plot_of_a_column_that_does_not_exist(self) -> None:
        """The message has ten names and the number of the others."""
        pytest.importorskip("altair")
        with pytest.raises(cf.ConfigError, match=r"'c9' and 2,990 more"):
            wide().plot(y="x")
        texts = cf.Answer.from_json(body([[f"c{n}" for n in range(MANY)], ["x"] * MANY]))
        with pytest.raises(cf.ConfigError, match=r"'c9' \(dimension\) and 2,990 more"):
            texts.plot()

    def test_warnings_of_names(self) -> None:
        """There are ten of a category; one more counts the others and names their columns, up to a length."""
        with pytest.warns(cf.ColumnNameWarning) as warned:
            cf.Answer.from_json(body([["a"] * MANY]))
        assert len(warned) == 11
        said = str(warned[-1].message)
        assert said.startswith("Not shown: 2,989 more warnings of this category. Columns: 'a_11', 'a_12', ")
        assert said.endswith("…. The answer's schema and statistics show the details.")
        assert len(said) < 3_200
        assert {each.category for each in warned} == {cf.ColumnNameWarning}

    def test_warnings_of_types_and_statistics(self) -> None:
        """Each category has its own ten."""
        names = [f"c{n}" for n in range(MANY)]
        statistics = {
            name: {"temporal": {"min": "x"}} if at % 2 else {"general": {"count": 1, "nulls_count": 1}}
            for at, name in enumerate(names)
        }
        with pytest.warns(cf.ConnectyWarning) as warned:
            cf.Answer.from_json(body([names, ["x"] * MANY], dataframe_stats=statistics))
        assert [each.category for each in warned].count(cf.TypeFidelityWarning) == 11
        assert [each.category for each in warned].count(cf.StatisticsWarning) == 11
        assert len(warned) == 22

    def test_the_columns_of_warnings_that_are_not_shown(self) -> None:
        """All are named, each once."""
        names = [f"c{n}" for n in range(12)]
        statistics = {name: {"numeric": {"min": 5, "max": 6}} for name in names}
        with pytest.warns(cf.StatisticsWarning) as warned:
            cf.Answer.from_json(body([names, [1] * 12], dataframe_stats=statistics))
        assert "Columns: 'c10', 'c11'. " in str(warned[-1].message)
        assert len(warned) == 11


class TestLongTexts:
    """Texts of a megabyte are cut, and the length of the rest is shown."""

    @pytest.fixture
    def answer(self) -> cf.Answer:
        long = "$" * MEGABYTE
        rows = [[long, "b"], [long, {long: 1}]]
        return cf.Answer.from_json(
            body(rows, sql_query=long, response_summary=long), question=long, question_id=None
        )

    def test_a_notebook(self, answer: cf.Answer) -> None:
        """The pages of the answer and of its frames."""
        for page in (
            answer._repr_html_(),
            answer.to_pandas().connecty._repr_html_(),
            answer.to_polars().connecty._repr_html_(),
        ):
            assert len(page) < 300_000
            for left in ("999,000", "980,000", "999,700"):  # of the question, of summary and SQL, of a cell
                assert f"… ({left} more characters)" in page

    def test_reprs(self, answer: cf.Answer) -> None:
        """They show a few lines of a name, a type and the question."""
        frame = answer.to_pandas()
        for shown in (answer, answer.schema, answer.schema[1], answer.metadata, frame.connecty):
            assert len(repr(shown)) < 5_000

    def test_saved_metadata(self) -> None:
        """Metadata of a file may have an id or evidence of any length."""
        long = "x" * MEGABYTE
        columns = [{"name": long, "type": long, "evidence": long}]
        frame = attach(pd.DataFrame({"a": [1]}), AnswerMetadata(question_id=long, schema=columns))
        assert len(frame.connecty._repr_html_()) < 20_000
        assert len(repr(frame.connecty)) < 1_000

    def test_errors(self) -> None:
        """The message about a struct of ``schema=`` with many fields, or with long names."""
        for names in ([f"k{n}" for n in range(MANY)], ["k" * MEGABYTE, "l"]):
            kind = pa.struct([(name, pa.int64()) for name in names])
            with pytest.raises(cf.ConversionError) as caught:
                cf.Answer.from_json(body([["s"], [{}]]), schema={"s": kind})
            assert len(str(caught.value)) < 1_000

    def test_many_offsets(self) -> None:
        """The evidence names ten of them."""
        cells = [
            f"2025-01-01T00:00:00+{hours:02}:{minutes:02}"
            for hours in range(14)
            for minutes in range(0, 60, 5)
        ]
        evidence = cf.Answer.from_json(body([["t"], *([cell] for cell in cells)])).schema["t"].evidence
        assert evidence.endswith("+00:40, +00:45 and 158 more; no statistics")

    def test_a_plot_of_a_long_name(self) -> None:
        """The data has its position in place of the name; the titles have its beginning."""
        pytest.importorskip("altair")
        long = "x" * MEGABYTE
        rows = [[long, "column 0", "n"], ["a", "b", 1], ["c", "d", 2]]
        chart = cf.Answer.from_json(body(rows)).plot(x=long, y="n").to_dict()
        (values,) = chart["datasets"].values()
        # The second has the name that the first would have.
        fields = ["column 0", "column 1", "n"]
        names = [f"{field}{end}" for field in fields for end in ("", " in full")]
        assert list(values[0]) == [*names, "column 0 in order", "column end"]
        assert [row["column 0"] for row in values] == ["a", "c"]
        y = chart["layer"][0]["encoding"]["y"]
        assert (y["field"], y["title"]) == ("column 0", "x" * 120 + "…")
        assert len(json.dumps(chart)) < 10_000


class TestLoneSurrogates:
    """A lone surrogate, which UTF-8 cannot encode, outside of the rows."""

    def test_a_summary_and_sql(self) -> None:
        """Each is written as its escape, with a warning that names the places; UTF-8 can encode the texts."""
        texts = {
            "sql_query": "select '\ud800'",
            "response_summary": "\udfff ż 😀",
            "dataframe_stats": {"a": {"string": {"top": ["\ud801"], "\ud802": 1.10}}},
        }
        with pytest.warns(cf.TypeFidelityWarning) as warned:
            answer = cf.Answer.from_json(body([["a"], ["x"]], **texts))

        assert answer.sql_query == "select '\\ud800'"
        assert answer.response_summary == "\\udfff ż 😀"
        assert answer.statistics == {"a": {"string": {"top": ["\\ud801"], "\\ud802": 1.1}}}
        (message,) = [str(each.message) for each in warned]
        assert message == (
            "Found a lone surrogate, which UTF-8 cannot encode, in sql_query and response_summary and "
            "dataframe_stats: it is written as its escape."
        )
        assert answer.to_polars().connecty.sql_query.encode() == b"select '\\ud800'"

    def test_whole_pairs(self) -> None:
        """Escapes that make a character are that character, without a warning."""
        answer = cf.Answer.from_json(
            b'{"state": "COMPLETED", "results": {"sql_query": "\\ud83d\\ude00", "dataframe": [["a"]]}}'
        )
        assert answer.sql_query == "😀"

    def test_a_bound_of_the_statistics(self) -> None:
        """It cannot be compared, and the column keeps its type."""
        statistics = {"a": {"temporal": {"max": "\ud800"}}}
        with pytest.warns(cf.ConnectyWarning) as warned:
            answer = cf.Answer.from_json(body([["a"], ["2025-01-01"]], dataframe_stats=statistics))
        assert "cannot be compared with the statistics' max" in str(warned[1].message)
        assert answer.table.to_pydict() == {"a": [date(2025, 1, 1)]}


class TestNul:
    """Names with a NUL, which polars cannot export to Arrow; an answer has none, but a user may make them."""

    @pytest.mark.parametrize(
        "frame",
        [
            pl.DataFrame({"a\0b": [1]}),
            pl.DataFrame({"s": [{"a\0b": 1}]}),
            pl.DataFrame({"s": [[{"t": {"a\0b": 1}}]]}),
        ],
        ids=["name", "field", "field of a field"],
    )
    def test_a_frame_of_polars(self, frame: pl.DataFrame, tmp_path: Path) -> None:
        """The page has the metadata without the table, and writing is an error that says what to do."""
        attach(frame, AnswerMetadata(question="how many?"))
        assert "how many?" in frame.connecty._repr_html_()
        with pytest.raises(cf.ConfigError, match=r"NUL character .* rename it\.$"):
            frame.connecty.to_parquet(tmp_path / "x.parquet")
        assert list(tmp_path.iterdir()) == []

    def test_a_frame_of_pandas(self, tmp_path: Path) -> None:
        """It is written and read with its name."""
        frame = attach(pd.DataFrame({"a\0b": [1]}), AnswerMetadata(question="how many?"))
        assert "a\\x00b" in frame.connecty._repr_html_()
        path = frame.connecty.to_parquet(tmp_path / "x.parquet")
        assert list(cf.read_parquet(path).columns) == ["a\0b"]
        assert cf.read_parquet(path, engine="polars").columns == ["a\0b"]

    def test_a_file_with_such_a_field(self, tmp_path: Path) -> None:
        """It is a ConfigError in polars, which would cut its name, and the other libraries read it."""
        path = tmp_path / "x.parquet"
        with atomic_write(path) as file:
            write_table(pa.table({"s": [{"a\0b": 1}]}), file)
        assert cf.read_parquet(path, engine="pyarrow").to_pydict() == {"s": [{"a\0b": 1}]}
        with pytest.raises(cf.ConfigError, match="NUL"):
            cf.read_parquet(path, engine="polars")

    def test_a_schema(self) -> None:
        """A struct of ``schema=`` with such a field is refused."""
        with pytest.raises(cf.ConfigError, match="a field has a NUL character in its name"):
            cf.Answer.from_json(body([["s"]]), schema={"s": pa.list_(pa.struct([("a\0b", pa.int64())]))})
