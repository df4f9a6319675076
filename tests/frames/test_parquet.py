"""A frame and its metadata as a file: between libraries and processes, whole, and guarded against damage."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import connecty_frames as cf
from connecty_frames.export import WRITERS as WRITERS_OF_FILES
from connecty_frames.frames.parquet_file import write_table
from tests.cases import cases
from tests.frames.data import body

ENGINES = ["pandas", "polars", "pyarrow"]
WRITERS: dict[str, Callable[[cf.Answer], Any]] = {
    "pandas": cf.Answer.to_pandas,
    "pandas of arrow": lambda answer: answer.to_pandas("pyarrow"),
    "polars": cf.Answer.to_polars,
}
every_writer = cases("make", WRITERS.values(), ids=WRITERS)
every_engine = cases("engine", ENGINES)

ROWS: list[list[Any]] = [
    ["id", "money", "share", "day", "at", "local", "slot", "note", "paid", "tags",
     "visits"],
    [9007199254740993, 1234567890123456.78, 0.1, "2025-03-30", "2025-03-30T01:00:00.123456+01:00",
     "2025-03-30T02:30:00", "09:30:00", "", True, ["a", None],
     {"at": [{"page": "home"}, None]}],
    [None, None, None, None, None, None, None, None, None, None, None],
    [-1, -0.01, 2.5, "1969-12-31", "2025-03-30T04:00:00+02:00", "2025-03-30T02:30:00.000001",
     "23:59:59.999999", "00123", False, [], {"at": []}],
]  # fmt: skip
SCHEMA = pa.schema(
    {
        "id": pa.int64(),
        "money": pa.decimal128(18, 2),
        "share": pa.float64(),
        "day": pa.date32(),
        "at": pa.timestamp("us", "UTC"),
        "local": pa.timestamp("us"),
        "slot": pa.time64("us"),
        "note": pa.string(),
        "paid": pa.bool_(),
        "tags": pa.list_(pa.string()),
        "visits": pa.struct({"at": pa.list_(pa.struct({"page": pa.string()}))}),
    }
)
VALUES: dict[str, list[Any]] = {
    "id": [9007199254740993, None, -1],
    "money": [Decimal("1234567890123456.78"), None, Decimal("-0.01")],
    "share": [0.1, None, 2.5],
    "day": [date(2025, 3, 30), None, date(1969, 12, 31)],
    "at": [datetime(2025, 3, 30, 0, 0, 0, 123456, tzinfo=UTC), None, datetime(2025, 3, 30, 2, tzinfo=UTC)],
    "local": [datetime(2025, 3, 30, 2, 30), None, datetime(2025, 3, 30, 2, 30, 0, 1)],
    "slot": [time(9, 30), None, time(23, 59, 59, 999999)],
    "note": ["", None, "00123"],
    "paid": [True, None, False],
    "tags": [["a", None], None, []],
    "visits": [{"at": [{"page": "home"}, None]}, None, {"at": []}],
}


@pytest.fixture
def answer() -> cf.Answer:
    sent = body(*ROWS, sql_query="select 'Ł'").replace(b"1234567890123456.8", b"1234567890123456.78")
    return cf.Answer.from_json(sent, schema=SCHEMA, question="what?")


@pytest.fixture
def countries(golden: Path) -> cf.Answer:
    return cf.Answer.from_json(golden / "top_countries.json", question="which?")


# Between libraries


@every_writer
@every_engine
def test_every_value_and_the_metadata_come_back(
    make: Callable[[cf.Answer], Any], engine: Any, answer: cf.Answer, tmp_path: Path
) -> None:
    """From either library into each: the frame is that of the answer itself, dtypes included."""
    path = make(answer).connecty.to_parquet(tmp_path / "frame.parquet")

    found = cf.read_parquet(path, engine=engine)

    assert cf.metadata(found) == answer.metadata
    if engine == "pandas":
        expected = answer.to_pandas()
        pd.testing.assert_frame_equal(found, expected)
        assert list(map(str, found.dtypes)) == list(map(str, expected.dtypes))  # with the names of items
    elif engine == "polars":
        assert dict(found.schema) | {"slot": pl.Time} == dict(answer.to_polars().schema)
        assert found.to_dict(as_series=False) == VALUES
    else:
        assert found.to_pydict() == VALUES
        assert list(map(str, found.schema.types)) == list(map(str, SCHEMA.types))
        assert list(found.schema.metadata) == [b"connecty"]


def test_the_backend_of_pandas(countries: cf.Answer, tmp_path: Path) -> None:
    """It is chosen as in ask_df; an invalid one is an error before the file is opened."""
    path = countries.to_pandas().connecty.to_parquet(tmp_path / "frame.parquet")
    found = cf.read_parquet(path, dtype_backend="pyarrow")
    assert [str(dtype) for dtype in found.dtypes] == ["string[pyarrow]", "int64[pyarrow]"]
    with pytest.raises(cf.ConfigError, match="engine='spark': expected 'pandas', 'polars' or 'pyarrow'"):
        cf.read_parquet("nowhere", engine="spark")  # type: ignore[call-overload]


@cases(
    ("derive", "index"),
    [
        (lambda df: df[df["orders"] > 6000], pd.RangeIndex(3)),
        (lambda df: df.iloc[[4, 0]], pd.Index([4, 0])),
        (
            lambda df: df.set_index("country").head(1),
            pd.Index(["Poland"], dtype="string[pyarrow]", name="country"),
        ),
        (lambda df: df.iloc[1:2], pd.RangeIndex(1, 2)),
    ],
    ids=["filter", "positions", "a column", "slice"],
)
def test_an_index_is_an_index_again(
    derive: Callable[[Any], Any], index: pd.Index, countries: cf.Answer, tmp_path: Path
) -> None:
    """In pandas, with its labels and names."""
    frame = derive(countries.to_pandas())
    path = frame.connecty.to_parquet(tmp_path / "frame.parquet")
    found = cf.read_parquet(path)
    pd.testing.assert_index_equal(found.index, index, exact="equiv")
    pd.testing.assert_frame_equal(found, frame, check_index_type="equiv")  # type: ignore[arg-type]


@cases("engine", ["polars", "pyarrow"])
def test_an_index_elsewhere(engine: Any, countries: cf.Answer, tmp_path: Path) -> None:
    """An index with a name is a column; one without a name is left out."""
    frame = countries.to_pandas()
    named = frame.set_index("country").connecty.to_parquet(tmp_path / "named.parquet")
    unnamed = frame.iloc[[4, 0]].connecty.to_parquet(tmp_path / "unnamed.parquet")
    first, second = (cf.read_parquet(path, engine=engine) for path in (named, unnamed))
    names = [
        getattr(found, "columns", []) if engine == "polars" else found.column_names
        for found in (first, second)
    ]
    assert names == [["orders", "country"], ["country", "orders"]]


def test_batches_of_any_size() -> None:
    """They are written together until a row group has 100,000 rows, which is read quickly."""
    batches = [pa.record_batch({"n": pa.nulls(rows)}) for rows in (60_000, 40_000, 1, 150_000, 1)]
    file = io.BytesIO()
    write_table(pa.RecordBatchReader.from_batches(batches[0].schema, batches), file)
    found = pq.ParquetFile(file).metadata
    groups = [found.row_group(group).num_rows for group in range(found.num_row_groups)]
    assert groups == [100_000, 150_001, 1]


def test_attrs_of_the_user_stay(countries: cf.Answer, tmp_path: Path) -> None:
    """Attrs of a user are written too; one that is not JSON is an error before anything is written."""
    frame = countries.to_pandas()
    frame.attrs["mine"] = {"a": [1]}
    path = frame.connecty.to_parquet(tmp_path / "frame.parquet")
    assert cf.read_parquet(path).attrs["mine"] == {"a": [1]}

    endless: list[Any] = []
    endless.append(endless)
    for value in (object(), endless):
        frame.attrs["mine"] = value
        with pytest.raises(cf.ConfigError, match=r"^frame\.attrs\['mine'\] cannot be stored as JSON"):
            frame.connecty.to_parquet(tmp_path / "other.parquet")
    assert list(tmp_path.iterdir()) == [path]


@cases(
    "column",
    [
        pd.Categorical(["b", "a", "b", None, "a"], ["b", "a"], ordered=True),
        pd.period_range("2025-01", periods=5, freq="M"),
        pd.interval_range(0, 5),
    ],
    ids=["categories", "periods", "intervals"],
)
def test_columns_that_only_pandas_has(column: Any, countries: cf.Answer, tmp_path: Path) -> None:
    """They are read in pandas as they were, or as Arrow's; in another library, or it is a ConfigError."""
    frame = countries.to_pandas().assign(c=column)
    path = frame.connecty.to_parquet(tmp_path / "frame.parquet")
    pd.testing.assert_series_equal(cf.read_parquet(path)["c"], frame["c"])
    arrow = cf.read_parquet(path, dtype_backend="pyarrow")["c"].dtype
    assert str(arrow).endswith(("[pyarrow]", "category"))
    try:
        assert cf.read_parquet(path, engine="polars").height == 5
    except cf.ConfigError as error:
        assert "a type that polars lacks" in str(error)


def test_dates_that_became_times(tmp_path: Path) -> None:
    """The metadata says date, but a time of day was added: it is not cut off."""
    frame = cf.Answer.from_json(body(["day"], ["2025-01-01"])).to_pandas()
    frame["day"] += pd.Timedelta(hours=1).as_unit("s")  # as dates are; Arrow would cut it off in silence
    assert frame["day"].dtype == "datetime64[s]"
    path = frame.connecty.to_parquet(tmp_path / "frame.parquet")
    assert cf.read_parquet(path, engine="polars")["day"].to_list() == [datetime(2025, 1, 1, 1)]
    assert cf.read_parquet(path)["day"].to_list() == [pd.Timestamp("2025-01-01 01:00")]


def test_maps_keep_the_names_of_their_items(tmp_path: Path) -> None:
    """Parquet names the value of a map after the column, which would show in its type."""
    type_ = pa.map_(pa.string(), pa.list_(pa.int64()))
    answer = cf.Answer.from_json(body(["counts"], [{"a": [1]}], [None]), schema={"counts": type_})
    read = cf.read_parquet(answer.to_parquet(tmp_path / "a.parquet"), engine="pyarrow")
    assert str(read["counts"].type) == "map<string, list<item: int64>>"
    assert read["counts"].to_pylist() == [[("a", [1])], None]


# The frame that is written


def test_a_temporary_frame(countries: cf.Answer, tmp_path: Path) -> None:
    """It is written, although it no longer exists, as in ``frame.head().connecty.to_parquet(path)``."""
    path = tmp_path / "frame.parquet"
    countries.to_pandas().head(2).connecty.to_parquet(path)
    assert cf.read_parquet(path)["country"].to_list() == ["Poland", "Germany"]
    cf.copy_metadata(countries.to_pandas(), countries.to_polars().tail(1)).connecty.to_parquet(path)
    assert cf.read_parquet(path)["country"].to_list() == ["Spain"]


def test_a_frame_that_was_changed_in_place(countries: cf.Answer, tmp_path: Path) -> None:
    """It is written as it is now, although the accessor was made before."""
    frame, other = countries.to_pandas(), countries.to_polars()
    accessor, other_accessor = frame.connecty, other.connecty
    frame.loc[0, "orders"] = 1
    other[0, "orders"] = 2
    assert cf.read_parquet(accessor.to_parquet(tmp_path / "a"))["orders"].to_list()[0] == 1
    assert cf.read_parquet(other_accessor.to_parquet(tmp_path / "b"))["orders"].to_list()[0] == 2


@cases(
    ("spoil", "message"),
    [
        (lambda df: df.set_axis(["a", "a"], axis=1), "Two columns of this frame are called 'a'"),
        (lambda df: df.set_axis([0, 1], axis=1), r"names that are not text.*frame\.columns = \["),
        (lambda df: df.assign(o=[1, "x", None, 2.5, ()]), "values that Arrow has no type for: .*column o"),
    ],
    ids=["twice", "numbers", "objects"],
)
def test_a_pandas_frame_that_parquet_cannot_hold(
    spoil: Callable[[Any], Any], message: str, countries: cf.Answer, tmp_path: Path
) -> None:
    """A ConfigError says where and what to do, and no file is written."""
    frame = spoil(countries.to_pandas())
    with pytest.raises(cf.ConfigError, match=message) as raised:
        frame.connecty.to_parquet(tmp_path / "frame.parquet")
    assert raised.value.__cause__ is None
    assert list(tmp_path.iterdir()) == []


@cases(
    "dtype", [getattr(pl, name) for name in ("Object", "Int128", "UInt128", "Float16") if hasattr(pl, name)]
)
def test_a_polars_frame_that_arrow_cannot_hold(dtype: Any, countries: cf.Answer, tmp_path: Path) -> None:
    """The same; polars itself panics or writes memory addresses."""
    column = pl.Series("o", [1] * 5, dtype=dtype)
    frame = cf.copy_metadata(countries.to_polars(), countries.to_polars().with_columns(column))
    with pytest.raises(
        cf.ConfigError, match=r"^Column 'o' is of polars' (Object|U?Int128|Float16).*, which Arrow lacks"
    ):
        frame.connecty.to_parquet(tmp_path / "frame.parquet")


# What is read


def test_a_file_without_metadata(tmp_path: Path) -> None:
    """It is read as a frame, and one that pandas wrote keeps its index and attrs."""
    path = tmp_path / "frame.parquet"
    frame = pd.DataFrame({"a": [1]}, index=pd.Index(["x"], name="key"))
    frame.attrs = {"mine": 1}
    frame.to_parquet(path)
    found = cf.read_parquet(path)
    assert cf.metadata(found) is None
    assert (found.attrs, found.index.name, found["a"].to_list()) == ({"mine": 1}, "key", [1])


def test_pandas_finds_the_metadata_of_an_answer_as_a_file(countries: cf.Answer, tmp_path: Path) -> None:
    """Its own function reads it, from a file that no frame was written to."""
    with (tmp_path / "answer.parquet").open("wb") as file:
        WRITERS_OF_FILES["parquet"](countries.to_arrow(), file)
    assert cf.metadata(pd.read_parquet(tmp_path / "answer.parquet")) == countries.metadata


def test_names_that_polars_cannot_hold(tmp_path: Path) -> None:
    """Two columns of one name are a ConfigError."""
    path = tmp_path / "frame.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), path)
    with pytest.raises(cf.ConfigError, match=r"Two columns are called 'a', which polars cannot hold"):
        cf.read_parquet(path, engine="polars")


def test_fields_that_polars_cannot_hold(tmp_path: Path) -> None:
    """Two fields of one name are a ConfigError where polars refuses them."""
    path = tmp_path / "frame.parquet"
    fields = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    pq.write_table(pa.table({"a": fields}), path)
    try:
        pl.from_arrow(pq.read_table(path))
    except pl.exceptions.PolarsError:
        pass
    else:
        pytest.skip("this polars takes them")

    with pytest.raises(cf.ConfigError, match=r"This file holds a type that polars lacks: .*'?x'?") as raised:
        cf.read_parquet(path, engine="polars")

    assert raised.value.setting == "engine"


@cases("content", [b"", b"PAR1", b"no parquet at all", b"PAR1\x00\x00\x00\x00PAR1"])
@every_engine
def test_a_file_that_is_not_parquet(content: bytes, engine: Any, tmp_path: Path) -> None:
    """A ConfigError names the file."""
    path = tmp_path / "frame.parquet"
    path.write_bytes(content)
    with pytest.raises(cf.ConfigError, match=r"frame\.parquet is damaged or not a Parquet file") as raised:
        cf.read_parquet(path, engine=engine)
    assert raised.value.setting == "path"


def test_invalid_paths(tmp_path: Path) -> None:
    """A file that does not exist is Python's own error, and so is a folder."""
    with pytest.raises(FileNotFoundError):
        cf.read_parquet(tmp_path / "nope")
    with pytest.raises(IsADirectoryError):
        cf.read_parquet(tmp_path)


@cases("key", ["PANDAS_ATTRS", "pandas", "connecty.other"])
@cases("text", [b"{", b"5", b"[]", b'["a"]', b"\xff", b"[" * 5000, b'{"columns": [5]}', b"{}"])
@every_engine
def test_invalid_entries_of_others(key: str, text: bytes, engine: Any, tmp_path: Path) -> None:
    """They are ignored, and the table is read."""
    path = tmp_path / "frame.parquet"
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata({key: text}), path)
    found = cf.read_parquet(path, engine=engine)
    assert cf.metadata(found) is None
    assert [str(value) for value in found["a"]] == ["1"]


@cases("text", ["5", "{", "\ud800", '{"schema": [{"name": "a"}]}'])
def test_damaged_metadata(text: str, tmp_path: Path) -> None:
    """It is an error, in attrs and in the schema."""
    safe = text.encode(errors="backslashreplace")
    for key, kept in (("connecty", safe), ("PANDAS_ATTRS", json.dumps({"connecty": text}))):
        path = tmp_path / "frame.parquet"
        pq.write_table(pa.table({"a": [1]}).replace_schema_metadata({key: kept}), path)
        with pytest.raises(cf.ConfigError, match="damaged"):
            cf.read_parquet(path)


# In another process


@pytest.mark.slow
@cases(
    ("make", "engine"),
    [(cf.Answer.to_pandas, "polars"), (cf.Answer.to_polars, "pandas"), (cf.Answer.to_pandas, "pyarrow")],
)
def test_a_new_process_needs_the_file_alone(
    make: Callable[[cf.Answer], Any], engine: str, countries: cf.Answer, tmp_path: Path
) -> None:
    """In a new process, a frame that was read has its metadata and accessor, in another library."""
    path = make(countries).connecty.to_parquet(tmp_path / "frame.parquet")
    script = (
        "import sys, connecty_frames as cf\n"
        f"frame = cf.read_parquet({str(path)!r}, engine={engine!r})\n"
        "print(cf.metadata(frame).question)\n"
        "print(frame.connecty.response_summary if hasattr(frame, 'connecty') else '-')\n"
        "print(sorted({'pandas', 'polars', 'requests'} & set(sys.modules)))\n"
    )

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )

    summary = "-" if engine == "pyarrow" else "Poland has the most orders of all countries: 31768."
    loaded = [] if engine == "pyarrow" else [engine]
    assert (done.stdout, done.stderr) == (f"which?\n{summary}\n{loaded}\n", "")


@pytest.mark.slow
def test_the_reader_of_pandas_in_a_new_process(countries: cf.Answer, tmp_path: Path) -> None:
    """With the package imported after pandas, the accessor works for pandas' own reader, too."""
    path = countries.to_polars().connecty.to_parquet(tmp_path / "frame.parquet")
    script = (
        f"import pandas as pd, connecty_frames\nprint(pd.read_parquet({str(path)!r}).connecty.question)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    # Not what is on standard error: over files of Python's, pyarrow 17 aborts now and then at the very end.
    assert done.stdout == "which?\n"
