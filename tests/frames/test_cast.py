"""``cast``: what it takes, what comes out, and what it says of anything else."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames.errors import WARNING_LOCATION
from tests.cases import cases
from tests.frames.data import body

ROWS = [[1, "a", 0.5], [2, "b", 1.25], [3, "c", 984.18]]
DATABASE = duckdb.connect()
NAMES = ["id", "name", "amount"]


def saved(count: int | None = 3, **results: Any) -> cf.Answer:
    statistics = {
        name: {"general": {"count": count, "nulls_count": 0}} for name in NAMES if count is not None
    }
    sent = body(NAMES, ROWS[0], sql_query="SELECT 1", dataframe_stats=statistics, **results)
    return cf.Answer.from_json(sent, max_rows=1, on_truncation="ignore")


def table() -> pa.Table:
    """Return the rows as a client fetched them, in another order and with other types."""
    columns = dict(zip(NAMES, map(list, zip(*ROWS, strict=True)), strict=True))
    return pa.table(
        {"name": columns["name"], "id": pa.array(columns["id"], pa.int16()), "amount": columns["amount"]}
    )


def rows(found: Any) -> list[list[Any]]:
    read = found.read_all() if isinstance(found, pa.RecordBatchReader) else pa.table(found)
    return [list(row.values()) for row in read.to_pylist()]


def relation() -> Any:
    return DATABASE.from_arrow(table())


class Capsule:
    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return table().__arrow_c_stream__(requested_schema)


GIVEN: dict[str, tuple[Any, type]] = {
    "a pyarrow Table": (table, pa.Table),
    "a record batch": (lambda: table().to_batches()[0], pa.Table),
    "a reader": (lambda: table().to_reader(), pa.RecordBatchReader),
    "a polars frame": (lambda: pl.DataFrame(table()), pl.DataFrame),
    "a pandas frame": (lambda: table().to_pandas(), pd.DataFrame),
    "a pandas frame with nullable types": (
        lambda: table().to_pandas().convert_dtypes(dtype_backend="numpy_nullable"), pd.DataFrame,
    ),
    "a pandas frame with an index": (
        lambda: table().to_pandas().set_index("id").sort_values("amount"), pd.DataFrame,
    ),
    "a part of a pandas frame": (
        lambda: pd.concat([table().to_pandas()] * 2, ignore_index=True).iloc[[3, 4, 5]], pd.DataFrame,
    ),
    "a relation of DuckDB": (relation, pa.Table),
    "an object with __arrow_c_stream__": (Capsule, pa.Table),
    "a list of batches": (lambda: table().to_batches(max_chunksize=2), pa.RecordBatchReader),
    "a generator of tables": (
        lambda: (table().slice(row, 1) for row in range(3)), pa.RecordBatchReader,
    ),
}  # fmt: skip


@cases("name", GIVEN)
def test_a_kind_of_table(name: str) -> None:
    """It comes out as the kind that was given, a pyarrow Table or a reader, with types and metadata."""
    make, kind = GIVEN[name]
    answer = saved()

    found = answer.cast(make())

    assert isinstance(found, kind)
    assert rows(found) == ROWS
    known = cf.metadata(found.schema if isinstance(found, pa.RecordBatchReader) else found, required=True)
    assert known.schema == answer.metadata.schema
    for engine, expected in (
        ("pandas", answer.to_pandas()),
        ("polars", answer.to_polars()),
        ("pyarrow", answer.to_arrow()),
    ):
        frame: Any = cf.cast(answer, make(), engine=engine)  # type: ignore[call-overload]
        assert type(frame) is type(expected)
        assert rows(frame) == ROWS
        types = "schema" if engine == "pyarrow" else "dtypes"
        assert list(getattr(frame, types)) == list(getattr(expected, types))


@cases(
    ("given", "message"),
    [
        (pl.LazyFrame({"id": [1]}), r"polars\..*LazyFrame; expected .*\. Pass table\.collect\(\)\.$"),
        (pl.Series([1]), r"Pass table\.to_frame\(\)\."),
        (pd.Series([1]), r"Pass table\.to_frame\(\)\."),
        (pa.chunked_array([[1]]), r"Pass pyarrow\.table\(\{name: table\}\)"),
        (
            [(1, "a")],
            r"list; expected .*\. Pass pyarrow\.Table\.from_pylist\(rows\), with a dict for each row\.",
        ),
        (duckdb.connect(), r"Pass connection\.sql\(answer\.sql_query\), a relation"),
        ({"id": [1]}, "table is of type builtins.dict; expected a pyarrow Table or RecordBatchReader"),
        ("SELECT 1", "table is of type builtins.str"),
        (np.array([1]), r"table is of type numpy\.ndarray; expected .* or an iterable of .* or tables\.$"),
        (None, "table is of type builtins.NoneType"),
        (7, r"table is of type builtins\.int; (?!.*Pass)"),
    ],
)
def test_what_is_no_table(given: object, message: str) -> None:
    """The error says what is expected, and what to pass instead."""
    with pytest.raises(cf.ConfigError, match=message) as caught:
        saved().cast(given)
    assert caught.value.setting == "table"


def objects(*values: Any) -> pd.DataFrame:
    return pd.DataFrame({"v": pd.Series(values, dtype=object)})


NANOS = pd.Timestamp("2025-01-01 00:00:00.123456789")
NOON = datetime(2025, 1, 1, 12)


@cases(
    ("frame", "row"),
    [
        (objects(NOON, NANOS), 1),
        (objects(pd.Timedelta(1, "ns")), 0),
        (objects([NOON], [NANOS]), 1),
        (objects({"t": NANOS}), 0),
        (objects(NOON.date(), NOON), 1),
        (objects(NOON, NOON.replace(tzinfo=UTC)), 1),
        (objects(NOON.replace(tzinfo=UTC), NOON), 1),
        (objects(NOON.time().replace(tzinfo=UTC)), 0),
        (objects(Decimal(1), None, Decimal("NaN")), 2),
        (objects({"a": 1}, {"b": 2}), 0),
        (objects(b"a", "a"), 1),
        (objects(5, np.float32(16_777_217)), 1),  # which is 16,777,216
        (objects(5, np.float16(2_049)), 1),
        (objects(0.5, np.float32(0.1)), 1),
        (objects([np.float32(0.1)], [5]), 0),
        (pd.DataFrame({"v": pd.Categorical([NOON.date(), None, NOON])}), 2),
    ],
)
def test_objects_that_arrow_changes(frame: pd.DataFrame, row: int) -> None:
    """They are refused with their row before they are cast; pyarrow would change them in silence."""
    metadata = cf.AnswerMetadata(schema=[{"name": "v", "type": "timestamp[us]", "evidence": ""}])
    with pytest.raises(cf.ConversionError, match=f"Column 'v', row {row}: .* does not fit in ") as caught:
        cf.cast(metadata, frame)
    assert (caught.value.column, caught.value.row) == ("v", row)


def test_objects_that_arrow_keeps() -> None:
    """Whatever class of number, time or null they are."""
    for values, type_, expected in (
        ([pd.Timestamp(NOON), NOON, pd.NaT, None], "timestamp[us]", [NOON, NOON, None, None]),
        ([1, np.int32(2), float("nan"), pd.NA], "int64", [1, 2, None, None]),
        ([[1.5, float("nan")], np.array([2.5])], "list<item: double>", [[1.5, None], [2.5]]),
        ([Decimal("1.50"), None], "decimal128(9, 2)", [Decimal("1.50"), None]),
        ([np.float32(0.1), np.float32(2**24)], "double", [0.1, 16777216.0]),
        ([np.float32(2), 5, 0.5], "double", [2.0, 5.0, 0.5]),
    ):
        metadata = cf.AnswerMetadata(schema=[{"name": "v", "type": type_, "evidence": ""}])
        found = cf.cast(metadata, objects(*values), engine="pyarrow")["v"].to_pylist()
        assert str(found).replace("nan", "None") == str(expected)


@cases(
    ("frame", "message"),
    [
        (pd.DataFrame({"v": pd.period_range("2025-01", periods=1, freq="M")}), "no exact form as int64"),
        (pd.DataFrame({"v": pd.interval_range(0, 1)}), "no exact form as int64"),
        (pd.DataFrame({"v": pd.arrays.SparseArray([0, 1])}), "Sparse pandas data"),
        (pd.DataFrame({"v": [1]}, index=pd.Index([1], name="v")), "Two columns of this frame are called 'v'"),
        (
            pd.DataFrame({"v": [1]}, index=pd.MultiIndex.from_tuples([(1, 2)], names=["k", "k"])),
            "Two columns of this frame are called 'k'",
        ),
    ],
)
def test_pandas_frames_that_are_refused(frame: pd.DataFrame, message: str) -> None:
    """What is stored of a period or an interval is not its value, and each name is that of one column."""
    metadata = cf.AnswerMetadata(schema=[{"name": "v", "type": "int64", "evidence": ""}])
    with pytest.raises((cf.ConversionError, cf.ConfigError), match=message):
        cf.cast(metadata, frame)


def test_a_wrong_engine() -> None:
    """It is an error before anything is read."""
    reader = table().to_reader()
    with pytest.raises(
        cf.ConfigError, match=r"engine='dask': expected 'pandas', .*, or None for the kind of"
    ):
        saved().cast(reader, engine="dask")  # type: ignore[call-overload]
    assert reader.read_all().num_rows == 3


# Sources


def test_sources() -> None:
    """An answer, frames of each library with metadata, metadata, and an accessor."""
    answer = saved()
    frame = answer.to_pandas()
    for source in (answer, frame, answer.to_polars(), answer.to_arrow(), answer.metadata, frame.connecty):
        found = cf.cast(source, table())
        assert found.schema == answer.to_arrow().schema
        assert rows(found) == ROWS


@cases("source", [pa.table({"metadata": [1]}), pd.DataFrame({"metadata": [1]}), "SELECT 1", None])
def test_other_sources(source: object) -> None:
    """A frame without metadata has no types to cast to."""
    with pytest.raises(cf.ConfigError, match=r"no answer metadata|is not a frame"):
        cf.cast(source, table())


def test_an_answer_without_a_table() -> None:
    """There are no types."""
    with pytest.raises(cf.NoTableError):
        cf.cast(cf.Answer.from_json(b'{"state": "COMPLETED", "results": {}}'), table())


def test_a_type_that_metadata_does_not_tell() -> None:
    """A later version may have written it."""
    metadata = cf.AnswerMetadata(schema=[{"name": "v", "type": "quaternion", "evidence": ""}])
    with pytest.raises(cf.ConfigError, match=r"'quaternion' is not a column type.*: use the Answer"):
        cf.cast(metadata, pa.table({"v": [1]}))


def test_metadata() -> None:
    """That of the answer, with the time of the cast; nothing of the answer's rows."""
    answer = saved()
    before = datetime.now(UTC)
    found = cf.metadata(answer.cast(table()), required=True)
    assert found.sql_query == "SELECT 1"
    assert found.cast_at is not None
    assert 0 <= (found.cast_at - before).total_seconds() < 60
    assert (found.statistics, found.total_rows, found.truncated) == ({}, None, None)
    assert found == cf.AnswerMetadata.from_json(found.to_json())
    assert cf.cast(found, table()).num_rows == 3


# The number of rows


@pytest.mark.parametrize(("count", "warns"), [(3, False), (4, True), (None, False)])
@pytest.mark.parametrize("is_reader", [False, True])
def test_the_number_of_rows(
    count: int | None, *, warns: bool, is_reader: bool, recwarn: pytest.WarningsRecorder
) -> None:
    """It is compared with that of the answer, if it is known, at the line that called cast."""
    found = saved(count).cast(table().to_reader() if is_reader else table())
    assert rows(found) == ROWS
    message = (
        "The table has 3 rows, but the answer has 4: the data has changed since, or other SQL made the table."
    )
    seen = [(str(each.message), each.category, each.filename) for each in recwarn]
    assert seen == ([(message, cf.StatisticsWarning, __file__)] if warns else [])
    assert WARNING_LOCATION.get(None) is None


# Readers


def test_a_reader_is_read_batch_by_batch() -> None:
    """Nothing is read before it is needed, but for the first part, which has the types."""
    read: list[int] = []

    def parts() -> Iterator[pa.RecordBatch]:
        for row in range(3):
            read.append(row)
            yield table().slice(row, 1).to_batches()[0]

    found = saved().cast(parts())

    assert read == [0]
    found.read_next_batch()
    assert read == [0]
    found.read_next_batch()
    assert read == [0, 1]


def test_parts_of_other_types() -> None:
    """Clients of clouds narrow the types of each part; what does not fit names the row of all."""
    answer = saved(None)
    parts = [
        pa.table({"id": pa.array([1], pa.int8()), "name": ["a"], "amount": [0.5]}),
        pa.table({"amount": pa.array([1], pa.int32()), "id": [2], "name": pa.nulls(1)}),
    ]

    assert rows(answer.cast(parts)) == [[1, "a", 0.5], [2, None, 1.0]]
    wrong = pa.table({"id": [1.5], "name": ["c"], "amount": [0.5]})
    with pytest.raises(cf.ConversionError, match=r"Column 'id', row 2: '1\.5' does not fit in int64"):
        answer.cast([*parts, wrong]).read_all()
    with pytest.raises(cf.ConversionError, match="The table does not have the columns of the answer"):
        answer.cast([*parts, pa.table({"id": [1]})]).read_all()
    with pytest.raises(cf.ConfigError, match=r"table is of type builtins\.dict"):
        answer.cast([*parts, {"id": 1}]).read_all()


def test_no_parts() -> None:
    """A client that yields no batch for no rows tells no types: those of the answer come out."""
    answer = saved(None)
    found = answer.cast(iter(()))
    assert found.read_all().schema == answer.to_arrow().schema


@cases("before", [0, 1])
@cases("engine", [None, "pyarrow", "polars", "pandas"])
def test_a_reader_that_fails(engine: Any, before: int) -> None:
    """At once or half-way: its error passes, and nothing is returned of what came before."""

    class LostError(Exception):
        """What a client raises."""

    def parts() -> Iterator[pa.RecordBatch]:
        yield from table().to_batches()[:before]
        raise LostError

    with pytest.raises(LostError):
        saved().cast(parts(), engine=engine).read_all()


def test_an_arrow_stream_that_fails() -> None:
    """Half-way: an error of ours says how far it got, with Arrow's or the database's as its cause."""
    failing = "SELECT CASE WHEN i < 250000 THEN i ELSE error('lost') END AS v FROM range(300000) AS t (i)"
    metadata = cf.AnswerMetadata(question_id="7", schema=[{"name": "v", "type": "int64", "evidence": ""}])

    def parts() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"v": [1, 2]})
        raise OSError("lost")

    for given, message in (
        (pa.RecordBatchReader.from_batches(pa.schema({"v": pa.int64()}), parts()), "after 2 rows: lost"),
        (duckdb.sql(failing), r"after [0-9,]+ rows: Invalid Input Error: lost"),
    ):
        with pytest.raises(cf.ConversionError, match=f"^The table cannot be read {message}") as caught:
            cf.cast(metadata, given, engine="pyarrow")
        assert isinstance(caught.value.__cause__, OSError)
        assert caught.value.question_id == "7"


class Once(Capsule):
    def __init__(self) -> None:
        self.capsule = table().__arrow_c_stream__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.capsule


class NoCapsule(Capsule):
    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return 7


def test_a_stream_that_was_read_before() -> None:
    """It is an error of ours, and so is what is no stream."""
    once = Once()
    assert rows(saved().cast(once)) == ROWS
    for given in (once, NoCapsule()):
        with pytest.raises(
            cf.ConfigError, match=r"^table is an Arrow stream that cannot be read, or not again"
        ) as caught:
            saved().cast(given)
        assert caught.value.setting == "table"


@pytest.mark.slow
def test_the_memory_of_a_reader() -> None:
    """It is that of one batch: 400 batches of 8 MB pass within 200 MB."""
    code = """
import resource, pyarrow as pa
import connecty_frames as cf
batch = pa.record_batch({"v": pa.array([1.0] * 1_000_000)})
metadata = cf.AnswerMetadata(schema=[{"name": "v", "type": "int64", "evidence": ""}])
reader = cf.cast(metadata, (batch for _ in range(400)))
first = reader.read_next_batch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = sum(len(each) for each in reader)
print(rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    count, grown = map(int, done.stdout.split())
    assert (count, grown < 200) == (399_000_000, True)


def test_what_is_imported() -> None:
    """The tables of the SQL need sqlglot, and cast does not; without it, an error says so."""
    code = """
import sys
import connecty_frames as cf
results = '{"dataframe": [["n"], [1]], "sql_query": "SELECT 1 AS n"}'
answer = cf.Answer.from_json(b'{"state": "COMPLETED", "results": ' + results.encode() + b"}")
assert "connecty_frames.warehouse" not in sys.modules
sys.modules["sqlglot"] = None
print(answer.cast(answer).num_rows)
try:
    answer.tables
except cf.ConfigError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "1\nReading SQL needs sqlglot: pip install 'connecty-frames[sql]'.\n"
