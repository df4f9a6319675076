"""Answer: one decoded table and its metadata, from golden answers and with no service at all."""

import copy
import io
import json
import pickle
import re
import warnings
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames.answer import read_schema
from connecty_frames.export import WRITERS
from tests.cases import cases

QUESTION_ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
TOP_COUNTRIES = "list the top 5 countries with the most orders"
COUNTRIES = {
    "country": ["Poland", "Germany", "France", "Italy", "Spain"],
    "orders": [31768, 12922, 8459, 5719, 5051],
}


def body(rows: list[list[Any]] | None, **results: Any) -> bytes:
    parts = results if rows is None else {"dataframe": rows, **results}
    return json.dumps({"state": "COMPLETED", "results": parts}).encode()


@pytest.fixture
def countries(golden: Path) -> cf.Answer:
    return cf.Answer.from_json(
        golden / "top_countries.json", question=TOP_COUNTRIES, question_id=QUESTION_ID, dw_id=13
    )


@pytest.fixture
def logins(golden: Path) -> cf.Answer:
    return cf.Answer.from_json(golden / "login_timestamps.json", on_truncation="ignore")


# The document's answers


def test_the_metadata_of_an_answer(countries: cf.Answer) -> None:
    """All fields, in one object and as properties."""
    metadata = countries.metadata

    assert (countries.question, metadata.question) == (TOP_COUNTRIES, TOP_COUNTRIES)
    assert (countries.question_id, metadata.question_id) == (QUESTION_ID, QUESTION_ID)
    assert metadata.dw_id == 13
    assert (metadata.base_url, metadata.asked_at, metadata.elapsed) == (None, None, None)
    assert countries.response_summary == "Poland has the most orders of all countries: 31768."
    assert (metadata.rows, metadata.total_rows, metadata.truncated) == (5, 5, False)
    assert [(column["name"], column["type"]) for column in metadata.schema] == [
        ("country", "string"),
        ("orders", "int64"),
    ]
    assert metadata.version == cf.__version__


def test_the_rows_alone_are_enough(golden: Path) -> None:
    """The default include: types from the values, no metadata but the rows, nothing known of the total."""
    answer = cf.Answer.from_json(golden / "dataframe_only.json")
    assert answer.table.to_pydict() == COUNTRIES
    assert answer.table.schema.types == [pa.string(), pa.int64()]
    assert (answer.total_rows, answer.truncated) == (None, None)
    assert (answer.sql_query, answer.response_summary, answer.statistics) == (None, None, {})


@cases("name", ["no_components.json", "summary_only.json"])
def test_an_answer_without_a_table(name: str, golden: Path) -> None:
    """It is an answer of no rows, and true; only frames cannot be made."""
    answer = cf.Answer.from_json(golden / name, question_id=QUESTION_ID)
    assert answer.table is None
    assert (answer.rows, len(answer), bool(answer)) == (0, 0, True)
    assert list(answer.schema) == []
    for make in (answer.to_pandas, answer.to_polars, answer.to_arrow, answer.__arrow_c_stream__):
        with pytest.raises(cf.NoTableError, match="answered without a table") as raised:
            make()
        assert raised.value.question_id == QUESTION_ID
        assert raised.value.response_summary == answer.response_summary
        assert raised.value.state == "COMPLETED"


@cases(
    ("name", "kind", "message"),
    [
        (
            "failed.json",
            cf.QuestionFailed,
            r"^The question 'how many\?' failed\. The server does not say why\. ",
        ),
        ("pending.json", cf.QuestionError, r"not finished \(state PENDING\)"),
        ("in_progress.json", cf.QuestionError, r"not finished \(state IN_PROGRESS\)"),
    ],
)
def test_questions_that_are_not_completed(
    name: str, kind: type[cf.QuestionError], message: str, golden: Path
) -> None:
    """FAILED is a QuestionFailed, another state a QuestionError that names it."""
    with pytest.raises(cf.QuestionError, match=message) as raised:
        cf.Answer.from_json(golden / name, question="how many?", question_id=QUESTION_ID, dw_id=13)
    assert type(raised.value) is kind
    assert (raised.value.question, raised.value.question_id) == ("how many?", QUESTION_ID)
    assert raised.value.state == json.loads((golden / name).read_bytes())["state"]


def test_all_details_of_a_failure_are_shown() -> None:
    """The document has no field for a reason, so that any field may be one; all are escaped."""
    with pytest.raises(cf.QuestionFailed, match=r"The server says: error: no \\x1b\[2J; code: 7\.") as raised:
        cf.Answer.from_json(b'{"state": "FAILED", "error": "no \\u001b[2J", "code": 7}')
    assert raised.value.details == {"error": "no \x1b[2J", "code": 7}


def test_the_lines_of_a_failure_are_kept() -> None:
    """A database points at the place of an error with a line of its own."""
    reason = "syntax error at or near FORM\nLINE 1: SELECT 1 FORM x\n                 ^\x1b[2J"
    with pytest.raises(cf.QuestionFailed) as raised:
        cf.Answer.from_json(json.dumps({"state": "FAILED", "error": reason, "code": 7}).encode())

    assert str(raised.value) == (
        "The question failed. The server says:\n"
        "error: syntax error at or near FORM\n"
        "LINE 1: SELECT 1 FORM x\n"
        "                 ^\\x1b[2J\n"
        "code: 7\n"
        "Rephrase the question, or ask again if the server failed."
    )


def test_the_lines_of_a_summary_are_kept() -> None:
    """In the error of a question that was answered without a table."""
    response = {"state": "COMPLETED", "results": {"response_summary": "Which year?\n- 2024\n- 2025"}}
    with pytest.raises(cf.NoTableError) as raised:
        cf.Answer.from_json(json.dumps(response).encode()).to_pandas()
    assert str(raised.value) == "The question was answered without a table.\nWhich year?\n- 2024\n- 2025"


# Sources


def test_each_kind_of_source(golden: Path) -> None:
    """Bytes are a body, a str and a Path name its file."""
    path = golden / "top_countries.json"
    content = path.read_bytes()
    for source in (content, bytearray(content), memoryview(content), str(path), path):
        assert cf.Answer.from_json(source).table.to_pydict() == COUNTRIES


@cases(
    ("source", "message"),
    [
        ('{"state": "FAILED"}', "source is JSON in a str; give the body as bytes"),
        (' [["a"]]', "source is JSON in a str"),
        (None, "source is of type NoneType; expected bytes"),
        ({"state": "FAILED"}, "source is of type dict"),
        (io.BytesIO(b"{}"), "source is of type BytesIO"),
    ],
)
def test_another_source_is_refused(source: Any, message: str) -> None:
    """The error says what is accepted; a body in a str would otherwise be taken for a path."""
    with pytest.raises(cf.ConfigError, match=message) as raised:
        cf.Answer.from_json(source)
    assert raised.value.setting == "source"


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    """It is Python's own error."""
    with pytest.raises(FileNotFoundError, match=r"nope\.json"):
        cf.Answer.from_json(tmp_path / "nope.json")


def test_options_of_decoding(golden: Path) -> None:
    """schema, tz, infer_temporal and decimals mean the same as for a question."""
    path = golden / "top_countries.json"
    assert cf.Answer.from_json(path, schema={"orders": pa.int32()}).table.schema.types[1] == pa.int32()
    warsaw = cf.Answer.from_json(golden / "login_timestamps.json", tz="Europe/Warsaw", on_truncation="ignore")
    assert warsaw.table.schema.types[0] == pa.timestamp("us", "Europe/Warsaw")
    text = cf.Answer.from_json(body([["day"], ["2025-01-01"]]), infer_temporal=False)
    assert text.table.to_pydict() == {"day": ["2025-01-01"]}
    ratio = b'{"state":"COMPLETED","results":{"dataframe":[["ratio"],[0.123456789012345678]]}}'
    assert cf.Answer.from_json(ratio).table.to_pydict() == {"ratio": [0.12345678901234568]}
    exact = cf.Answer.from_json(ratio, decimals="exact").table.to_pydict()
    assert exact == {"ratio": [Decimal("0.123456789012345678")]}


def test_a_schema_is_read_once() -> None:
    """Options whose schema was read, before the question was sent, are returned as they are."""
    options = read_schema(cf.AskOptions(schema={"a": int}))
    assert options.schema.types == {"a": pa.int64()}
    assert read_schema(options) is options
    assert read_schema(cf.AskOptions()).schema is None


# Truncation


def test_truncation(golden: Path) -> None:
    """It is a warning by default, and an error or nothing where that is chosen."""
    path = golden / "login_timestamps.json"
    with pytest.warns(
        cf.TruncationWarning,
        match=r"^3 of 100 rows received; max_rows=None fetches all, and on_truncation='ignore' hides this ",
    ):
        cf.Answer.from_json(path)
    with pytest.raises(cf.TruncatedError, match=r"^3 of 100 rows received; max_rows=None fetches all\.$"):
        cf.Answer.from_json(path, on_truncation="raise")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cf.Answer.from_json(path, on_truncation="ignore").truncated is True


def test_unknown_truncation_counts_as_truncation(golden: Path) -> None:
    """As many rows as were asked for, and no statistics: a pipeline must not continue with half a result."""
    path = golden / "dataframe_only.json"
    for max_rows, message in (
        (5, "as many as were requested"),
        (1, "though 1 was requested"),
        (0, "though 0 were requested"),
    ):
        with pytest.raises(cf.TruncatedError, match=f"^5 rows received, {message}, and the statistics"):
            cf.Answer.from_json(path, max_rows=max_rows, on_truncation="raise")
    answer = cf.Answer.from_json(path, max_rows=5, on_truncation="ignore")
    assert (answer.truncated, answer.total_rows) == (None, None)
    assert cf.Answer.from_json(path, max_rows=6, on_truncation="raise").truncated is False


def test_values_that_were_counted_and_did_not_come() -> None:
    """How many rows there are is unknown if each column has nulls that the statistics do not count."""
    body = b"""{"state":"COMPLETED","results":{"dataframe":[["a"],[1],[null]],
        "dataframe_stats":{"a":{"type":"int64","count":5}}}}"""
    with pytest.raises(
        cf.TruncatedError, match=r"^2 rows received, but the server counts or announces more;"
    ):
        cf.Answer.from_json(body, on_truncation="raise")
    answer = cf.Answer.from_json(body, on_truncation="ignore")
    assert (answer.truncated, answer.total_rows, answer.metadata.rows_text) == (
        True,
        None,
        "2 rows, truncated",
    )


# Frames


@cases(
    ("dtype_backend", "dtypes"),
    [
        ("numpy_nullable", ["string", "Int64"]),
        ("pyarrow", ["string[pyarrow]", "int64[pyarrow]"]),
        ("numpy", [pd.Series(["text"]).dtype, "int64"]),
    ],
)
def test_a_pandas_frame(countries: cf.Answer, dtype_backend: Any, dtypes: list[Any]) -> None:
    """It has the chosen backend, text as pandas itself has it in plain numpy, and the metadata."""
    frame = countries.to_pandas(dtype_backend)
    assert type(frame) is pd.DataFrame
    assert frame.dtypes.tolist() == dtypes
    assert frame.to_dict("list") == COUNTRIES
    assert frame.connecty.question_id == QUESTION_ID


def test_other_frames(countries: cf.Answer) -> None:
    """Polars has the metadata in the registry, Arrow in the schema; the answer's own table has none."""
    frame, table = countries.to_polars(), countries.to_arrow()
    assert frame.schema == pl.Schema({"country": pl.String, "orders": pl.Int64})
    assert frame.connecty.question_id == QUESTION_ID
    assert table.to_pydict() == COUNTRIES
    assert cf.metadata(table) == countries.metadata
    assert countries.table.schema.metadata is None


def test_a_table_without_columns(tmp_path: Path) -> None:
    """Its rows are in every library and in Arrow files; Parquet alone, as Arrow writes it, has none."""
    answer = cf.Answer.from_json(b'{"state": "COMPLETED", "results": {"dataframe": [[], [], [], []]}}')
    table = answer.to_arrow()
    assert (table.num_rows, len(answer.to_pandas()), pa.table(answer).num_rows) == (3, 3, 3)
    assert cf.metadata(table, required=True).rows == 3
    file = io.BytesIO()
    WRITERS["arrow"](table, file)
    assert pa.ipc.open_file(file.getvalue()).read_all().num_rows == 3
    read = cf.read_parquet(answer.to_parquet(tmp_path / "a.parquet"), engine="pyarrow")
    assert (read.num_rows, cf.metadata(read)) == (0, answer.metadata)


def test_each_call_makes_a_new_frame(countries: cf.Answer) -> None:
    """Changing one changes no other."""
    first, second = countries.to_pandas(), countries.to_pandas()
    first.loc[0, "orders"] = 1
    assert second.to_dict("list") == COUNTRIES
    assert countries.table.to_pydict() == COUNTRIES


def test_any_library_reads_an_answer_by_the_arrow_protocol(countries: cf.Answer) -> None:
    """Polars and pyarrow do."""
    assert pl.DataFrame(countries).to_dict(as_series=False) == COUNTRIES
    assert pa.table(countries).to_pydict() == COUNTRIES


# Saving


def test_the_response_is_saved_as_it_was_received(golden: Path, tmp_path: Path) -> None:
    """Byte for byte, with white space; the path is returned."""
    source = golden / "top_countries.json"
    answer = cf.Answer.from_json(source)
    saved = answer.to_json(str(tmp_path / "saved.json"))
    assert saved == tmp_path / "saved.json"
    assert answer.response == source.read_bytes()
    assert saved.read_bytes() == source.read_bytes()
    assert list(tmp_path.iterdir()) == [saved]


@pytest.mark.parametrize("again", [lambda a: pickle.loads(pickle.dumps(a)), copy.deepcopy, copy.copy])
def test_an_answer_survives_a_pickle(countries: cf.Answer, again: Any) -> None:
    """Table, schema and metadata."""
    found = again(countries)
    assert found.table.equals(countries.table)
    assert found.metadata == countries.metadata
    assert repr(found) == repr(countries)


# Display


def test_the_repr(countries: cf.Answer, logins: cf.Answer) -> None:
    """Question, rows of total, columns, id, the summary, and each column with its type."""
    assert repr(countries) == (
        "<Answer to 'list the top 5 countries with the most orders': 5 of 5 rows x 2 columns, "
        f"question_id {QUESTION_ID}>\n"
        "  Poland has the most orders of all countries: 31768.\n"
        "  country: string\n"
        "  orders: int64"
    )
    assert repr(logins).splitlines()[0] == (
        "<Answer to (question unknown): 3 of 100 rows x 2 columns, truncated, question_id unknown>"
    )
    without = cf.Answer.from_json(body(None))
    assert repr(without) == "<Answer to (question unknown): no table, question_id unknown>"


def test_the_repr_stays_short_and_safe() -> None:
    """It shows twelve of many columns, and escapes foreign names."""
    names = ["a\x1b[2J", *(f"column {n}" for n in range(19))]
    shown = repr(cf.Answer.from_json(body([names]), question="how\nmany?"))
    assert shown.splitlines()[0].startswith("<Answer to 'how many?': 0 rows x 20 columns")
    assert shown.splitlines()[1] == "  a\\x1b[2J: string"
    assert shown.splitlines()[-1] == "  … 8 more columns"
    assert len(shown.splitlines()) == 1 + 12 + 1


@cases(
    ("guess", "right", "owners"),
    [
        ("summary", "response_summary", 3),
        ("sql", "sql_query", 3),
        ("id", "question_id", 3),
        ("columns", "schema.names", 2),
        ("chart", "plot()", 2),
        ("reused", "metadata.reused", 2),
        ("df", "to_pandas()", 1),
        ("polars", "to_polars()", 1),
        ("toPandas", "to_pandas()", 1),
        ("merge", "to_pandas().merge", 1),
        ("join", "to_polars().join", 1),
        ("fetchall", "to_arrow().to_pylist()", 1),
        ("to_pyarrow", "to_arrow()", 1),
        ("head", "to_pandas().head", 1),
        ("to_df", "to_pandas()", 1),
        ("to_csv", "to_pandas().to_csv", 1),
        ("write_csv", "to_polars().write_csv", 1),
        ("num_rows", "rows", 1),
    ],
)
def test_first_guesses(countries: cf.Answer, guess: str, right: str, owners: int) -> None:
    """The error of an answer, the accessor of its frame or its metadata names the right one, which exists."""
    for owner in (countries, countries.to_polars().connecty, countries.metadata)[:owners]:
        with pytest.raises(AttributeError) as caught:
            getattr(owner, guess)
        assert (
            str(caught.value) == f"{type(owner).__name__!r} object has no attribute {guess!r}; use .{right}"
        )
        assert eval(f"owner.{right}", {"owner": owner}) is not None


@cases("wrong", [{"kind": "bar"}, {"hue": "country"}])
def test_other_arguments_of_plot(countries: cf.Answer, wrong: Any) -> None:
    """Those of pandas' own plot() are an error that says where other kinds of chart are drawn."""
    for owner in (countries, countries.to_pandas().connecty, countries.to_polars().connecty):
        with pytest.raises(
            TypeError, match=r"unexpected keyword argument '\w+'\nIt takes x=, y= and color=;"
        ):
            owner.plot(**wrong)


def test_other_guesses(countries: cf.Answer) -> None:
    """A column is that of a frame, and so are rows; an attribute that nobody guesses is only missing."""
    for use in (list, pd.DataFrame):
        with pytest.raises(TypeError, match=r"'Answer' object is not iterable; use .to_pandas\(\), or"):
            use(countries)
    with pytest.raises(TypeError, match=r"not subscriptable; use \.to_pandas\(\)\['country'\]\ncf.fetch"):
        countries["country"]  # type: ignore[index]
    for rows in (0, slice(3)):
        with pytest.raises(TypeError, match=r"not subscriptable; use \.to_pandas\(\)\.iloc\[\.\.\.\]\n"):
            countries[rows]  # type: ignore[index]
    with pytest.raises(AttributeError, match=r"^'Answer' object has no attribute 'colour'\ncf.fetch"):
        countries.colour  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="copy_metadata"):
        pl.DataFrame({"n": [1]}).connecty.summary
    assert not hasattr(countries, "_repr_png_")
    assert pickle.loads(pickle.dumps(countries)).rows == copy.copy(countries).rows == 5


def test_a_notebook_shows_the_answer(countries: cf.Answer, logins: cf.Answer) -> None:
    """Its question, summary, row count, table, SQL and columns; truncation is visible."""
    page = countries._repr_html_()
    for text in (TOP_COUNTRIES, "5 of 5 rows", QUESTION_ID, "Poland has the most orders", ">5051<", ">SQL<"):
        assert text in re.sub("</?span[^>]*>", "", page)
    assert "3 of 100 rows, cut" in logins._repr_html_()
    assert ">no table<" in cf.Answer.from_json(body(None))._repr_html_()


def test_a_plot_of_an_answer(countries: cf.Answer) -> None:
    """A chart of altair that may be changed, with numbers in a second layer; its title is the question."""
    alt = pytest.importorskip("altair")
    chart = countries.plot()
    assert isinstance(chart, alt.LayerChart)
    assert chart.title == TOP_COUNTRIES  # and no rows, since it was not cut
    assert chart.mark_point().to_dict()["mark"] == {"type": "point"}
    assert countries.plot(y="orders", x="country").to_dict()["layer"][0]["mark"] == {"type": "bar"}


def test_a_plot_of_an_answer_that_was_cut() -> None:
    """It says of how many rows, as the card does; several columns share its y axis."""
    pytest.importorskip("altair")
    rows = b'[["shop", "budget", "actual"], ["a", 1, 2], ["b", 2, 3]]'
    stats = b'{"budget": {"type": "int64", "count": 5, "null_count": 0}}'
    answer = cf.Answer.from_json(
        b'{"state": "COMPLETED", "results": {"dataframe": %b, "dataframe_stats": %b}}' % (rows, stats),
        on_truncation="ignore",
    )
    title = answer.plot(y=["budget", "actual"]).to_dict()["title"]
    assert (title["text"], title["subtitle"]) == ("budget and actual by shop", "Shown: 2 of 5 rows")
    assert answer.metadata.cut_text == "2 of 5 rows"


def test_a_plot_without_a_table_or_a_fit(golden: Path, logins: cf.Answer) -> None:
    """It is an error that says so."""
    pytest.importorskip("altair")
    with pytest.raises(cf.NoTableError, match="answered without a table"):
        cf.Answer.from_json(golden / "summary_only.json").plot()
    with pytest.raises(cf.ConfigError, match="No plot fits this answer"):
        logins.plot()
