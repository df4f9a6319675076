"""Parquet files that are damaged, hostile or of other writers: an error of ours, or what was written.

A file of ours has a checksum over all its bytes, so that no damage reads as another frame. A file of another
writer has none: of it, only exceptions and warnings that are not ours count.
"""

import json
import os
import random
import warnings
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from time import process_time
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import connecty_frames as cf
from connecty_frames.answer_metadata import AnswerMetadata
from connecty_frames.frames.accessor import attach
from connecty_frames.frames.pandas import to_pandas
from connecty_frames.frames.parquet_file import write_parquet
from connecty_frames.frames.polars import to_polars
from tests.cases import cases

#: One bit in so many is flipped where all of a file is gone through; 1 takes minutes.
EVERY = int(os.environ.get("FLIPS_EVERY", "197"))
every_engine = cases("engine", ["pandas", "polars", "pyarrow"])

METADATA = AnswerMetadata(
    question="which?",
    rows=3,
    statistics={"share": {"numeric": {"mean": Decimal("1.30")}}},
    schema=[{"name": "day", "type": "date32[day]", "evidence": "2 dates"}],
)
#: A column of each type that an answer, pandas or polars may have.
TABLE = pa.table(
    {
        "day": pa.array([date(2025, 3, 30), None, date(1969, 12, 31)]),
        "s": pa.array([0, None, -1], pa.timestamp("s")),
        "ms": pa.array([0, None, -1], pa.timestamp("ms", "Europe/Warsaw")),
        "us": pa.array([datetime(2025, 3, 30, 2, 30), None, None], pa.timestamp("us", "UTC")),
        "ns": pa.array([1, None, -1], pa.timestamp("ns", "America/New_York")),
        "slot": pa.array([time(9, 30), None, time(23, 59, 59, 999999)]),
        "took": pa.array([timedelta(days=1), None, timedelta(microseconds=-1)]),
        "money": pa.array([Decimal("1234567890123456.78"), None, Decimal("-0.01")], pa.decimal128(18, 2)),
        "tags": pa.array([["a", None], None, []], pa.list_(pa.string())),
        "item": pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": ""}]),
        "pairs": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())),
        "note": pa.array(["", None, "00123"]),
        "kind": pa.array(["a", None, "b"]).dictionary_encode(),
        "paid": pa.array([True, None, False]),
        "id": pa.array([1, None, -(2**63)]),
        "share": pa.array([0.1, None, 2.5]),
    }
)


def numpy_frame() -> pd.DataFrame:
    """Make a frame of numpy's types, without the warning of what it loses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cf.TypeFidelityWarning)
        return to_pandas(TABLE, dtype_backend="numpy")


OURS: dict[str, Callable[[], Any]] = {
    "pandas, nullable": lambda: to_pandas(TABLE),
    "pandas, pyarrow": lambda: to_pandas(TABLE, dtype_backend="pyarrow"),
    "pandas, numpy": numpy_frame,
    "polars": lambda: to_polars(TABLE),
    "pyarrow": lambda: TABLE,
}


def pandas_frame() -> pd.DataFrame:
    """Make a frame of pandas' own types, with an index that has no name."""
    return TABLE.drop_columns(["pairs"]).to_pandas().assign(
        month=pd.period_range("2025-01", periods=3, freq="M"), range=pd.interval_range(0, 3)
    )[::-1]  # fmt: skip


THEIRS: dict[str, Callable[[Path], object]] = {
    "pandas": lambda path: pandas_frame().to_parquet(path),
    "pandas with metadata": lambda path: (
        attach(to_pandas(TABLE), METADATA).set_index("note").to_parquet(path)
    ),
    "polars": lambda path: to_polars(TABLE).write_parquet(path),
    "pyarrow": lambda path: pq.write_table(attach(TABLE, METADATA), path, write_page_checksum=True),
}


def same(one: Any, other: Any) -> bool:
    """Whether two frames of a library have the same names, types, values and metadata."""
    if isinstance(one, pl.DataFrame):
        equal = one.schema == other.schema and one.equals(other)
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
        equal = one.attrs == other.attrs
    else:
        equal = one.schema.equals(other.schema, check_metadata=True) and one.equals(other)
    return equal and cf.metadata(one) == cf.metadata(other)


def flipped(content: bytes, bit: int) -> bytes:
    damaged = bytearray(content)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def footer_of(content: bytes) -> int:
    return len(content) - 8 - int.from_bytes(content[-8:-4], "little")


def sample(bits: range, count: int) -> list[int]:
    return random.Random(1).sample(bits, count)


# Files of ours


@every_engine
@cases("make", OURS.values(), ids=OURS)
def test_a_file_of_ours_that_is_damaged(make: Callable[[], Any], engine: Any, tmp_path: Path) -> None:
    """It is a ConfigError; only bits of the mark before the checksum change nothing."""
    path = write_parquet(make(), tmp_path / "frame.parquet", METADATA)
    content = path.read_bytes()
    footer = footer_of(content)
    mark = range(8 * (footer - 12), 8 * (footer - 4))
    whole = cf.read_parquet(path, engine=engine)
    end = range(8 * (len(content) - 8), 8 * len(content))

    for bit in [
        *end[::3],
        *mark[::9],
        *sample(range(8 * footer, 8 * len(content)), 15),
        *sample(range(8 * footer), 15),
    ]:
        path.write_bytes(flipped(content, bit))
        if bit in mark:
            assert same(cf.read_parquet(path, engine=engine), whole)
            continue
        with pytest.raises(cf.ConfigError, match=r"^.*frame\.parquet is damaged"):
            cf.read_parquet(path, engine=engine)


@pytest.mark.slow
@cases("make", OURS.values(), ids=OURS)
def test_every_flipped_bit_is_found(make: Callable[[], Any], tmp_path: Path) -> None:
    """In each place of a byte, except in the mark before the checksum."""
    path = write_parquet(make(), tmp_path / "frame.parquet", METADATA)
    content = path.read_bytes()
    not_found = []
    bits = range(0, 8 * len(content), EVERY)
    for bit in bits:
        path.write_bytes(flipped(content, bit))
        try:
            cf.read_parquet(path, engine="pyarrow")
        except cf.ConfigError:
            continue
        not_found.append(bit)

    footer = footer_of(content)
    mark = range(8 * (footer - 12), 8 * (footer - 4))
    assert not_found == [bit for bit in bits if bit in mark]


@cases("count", [1, 8, 12, 100])
def test_a_file_that_was_cut(count: int, tmp_path: Path) -> None:
    """A file cut at its end or beginning is damaged, as is one with bytes before it."""
    path = write_parquet(TABLE, tmp_path / "frame.parquet", METADATA)
    content = path.read_bytes()
    for damaged in (content[:-count], content[count:], content[:count] + content):
        path.write_bytes(damaged)
        with pytest.raises(cf.ConfigError, match="damaged"):
            cf.read_parquet(path)


def test_rewriting_a_file_drops_the_checksum(tmp_path: Path) -> None:
    """A part of a table that pyarrow wrote again, with its metadata, is read without an error."""
    path = write_parquet(TABLE, tmp_path / "frame.parquet", METADATA)
    pq.write_table(pq.read_table(path).slice(0, 1).select(["id"]), path)
    found = cf.read_parquet(path, engine="pyarrow")
    assert found.to_pydict() == {"id": [1]}
    assert cf.metadata(found) == METADATA


@cases("read", [pd.read_parquet, pl.read_parquet, pq.read_table])
def test_every_reader_reads_a_file_with_a_checksum(read: Callable[[Path], Any], tmp_path: Path) -> None:
    """It is ordinary Parquet."""
    path = write_parquet(TABLE.select(["note"]), tmp_path / "frame.parquet", METADATA)
    note = read(path)["note"]
    assert [note[0], note[2]] == ["", "00123"] or [note[0].as_py(), note[2].as_py()] == ["", "00123"]


# Files of others


def count_errors(path: Path, engine: Any, bits: list[int]) -> int:
    """Return how often damage is a ConfigError; otherwise it must be a frame, and no other error."""
    content = path.read_bytes()
    refused = 0
    for bit in bits:
        path.write_bytes(flipped(content, bit))
        try:
            cf.read_parquet(path, engine=engine)
        except cf.ConfigError:
            refused += 1
        except BaseException as error:
            error.add_note(f"bit {bit}")
            raise
    return refused


@every_engine
@cases("write", THEIRS.values(), ids=THEIRS)
@pytest.mark.parametrize(
    ("begins", "count"),
    [(footer_of, 25), pytest.param(lambda _: 0, 9_300 // EVERY, marks=pytest.mark.slow)],
    ids=["the footer", "anywhere"],
)
def test_a_file_of_others_that_is_damaged(
    write: Callable[[Path], object], begins: Callable[[bytes], int], count: int, engine: Any, tmp_path: Path
) -> None:
    """The table is read, or reading it is a ConfigError; the latter for over a fifth of the bits."""
    path = tmp_path / "frame.parquet"
    write(path)
    content = path.read_bytes()
    bits = sample(range(8 * begins(content), 8 * len(content)), count)
    assert count_errors(path, engine, bits) > count // 5


@every_engine
def test_text_that_is_not_utf_8(engine: Any, tmp_path: Path) -> None:
    """They are found before polars panics and pandas fails when the text is first read."""
    text = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe"))
    path = tmp_path / "frame.parquet"
    pq.write_table(pa.table({"a": text}), path)
    with pytest.raises(cf.ConfigError, match=r"frame\.parquet is damaged or not a Parquet file: .*UTF8"):
        cf.read_parquet(path, engine=engine)


@cases("zone", ["Nowhere/Atlantis", "Europe", "+99:00", "UTC\0", "../../etc/passwd", "UTC+3", "a" * 300])
@cases("nested", [False, True])
def test_a_zone_that_a_library_lacks(zone: str, nested: bool, tmp_path: Path) -> None:
    """In pandas and polars the error names the column; Arrow holds any zone."""
    kind = pa.timestamp("us", zone)
    path = tmp_path / "frame.parquet"
    column = pa.array([[0]], pa.list_(kind)) if nested else pa.array([0], kind)
    pq.write_table(pa.table({"at": column}), path)

    assert cf.read_parquet(path, engine="pyarrow").schema.types == [column.type]
    message = r"^Column 'at': {} does not know the time zone '.*tzdata.*engine=\"pyarrow\""
    for backend in ("numpy_nullable", "pyarrow", "numpy"):
        with pytest.raises(cf.ConfigError, match=message.format("pandas")):
            cf.read_parquet(path, dtype_backend=backend)  # type: ignore[call-overload]
    with pytest.raises(cf.ConfigError, match=message.format("polars")):
        cf.read_parquet(path, engine="polars")


def with_metadata(path: Path, table: pa.Table, key: str, value: object) -> Path:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    pq.write_table(table.replace_schema_metadata({key: text}), path)
    return path


@cases(
    "metadata",
    [
        b'{"statistics": {"a": 1E999999999999999999999}}',
        b'{"statistics": ' + b"[" * 100_000,
        b'{"rows": ' + b"9" * 5_000 + b"}",
        b"{\xff",
        5,
        {"question": 5},
        {"asked_at": "0001-01-01T00:00:00+14:00"},
        {"schema": [{"name": ["a"], "type": "b", "evidence": "c"}]},
        {"rows": True},
    ],
    ids=range(9),
)
@every_engine
def test_invalid_metadata(metadata: object, engine: Any, tmp_path: Path) -> None:
    """A ConfigError names the file, and how to read the table without the metadata."""
    path = with_metadata(tmp_path / "frame.parquet", pa.table({"a": [1]}), "connecty", metadata)
    with pytest.raises(cf.ConfigError, match=r"frame\.parquet is damaged.*'connecty'.*pandas\.read_parquet"):
        cf.read_parquet(path, engine=engine)
    assert pd.read_parquet(path)["a"].to_list() == [1]


@cases(
    "index",
    [
        *(5, "a", ["nowhere"], [5, None, [], {}], [{"kind": "range"}]),
        [{"start": 0, "stop": 10**30, "step": 1}],
        [{"start": -(2**63), "stop": 2**63 - 1, "step": 1}],
        [{"start": 2, "stop": 0, "step": -2}],
        [{"start": 0, "stop": 2, "step": 0}],
        [{"start": "0", "stop": "2", "step": "1"}],
        [{"start": 0, "stop": 2, "step": 1, "name": []}],
        *(["__index_level_0__"], ["__index_level_0__"] * 2),
    ],
    ids=range(13),
)
@every_engine
def test_an_invalid_index(index: object, engine: Any, tmp_path: Path) -> None:
    """The entry is ignored, and no column is lost."""
    table = pa.table({"a": [1, 2], "__index_level_0__": [3, 4]})
    path = with_metadata(tmp_path / "frame.parquet", table, "pandas", {"index_columns": index})
    found = cf.read_parquet(path, engine=engine)
    assert [int(str(value)) for value in found["a"]] == [1, 2]
    if engine == "pandas":
        assert list(found.index) == [0, 1]
        assert list(found.columns) == ["a", "__index_level_0__"]


def test_columns_that_pandas_held_in_seconds(tmp_path: Path) -> None:
    """The entry says so, but the values have fractions of seconds: they do not change."""
    table = pa.table({"a": pa.array([1001], pa.timestamp("ms"))})
    column = {"field_name": "a", "numpy_type": "datetime64[s]", "metadata": None}
    path = with_metadata(tmp_path / "frame.parquet", table, "pandas", {"columns": [column]})
    assert cf.read_parquet(path)["a"].to_list() == [pd.Timestamp("1970-01-01 00:00:01.001")]


def test_duplicate_names(tmp_path: Path) -> None:
    """Pandas and Arrow hold them, also with types of pandas."""
    path = tmp_path / "frame.parquet"
    kind = pa.array(["x", "y"]).dictionary_encode()
    pq.write_table(pa.Table.from_arrays([kind, pa.array([1, 2]), kind], names=["a", "a", "b"]), path)
    found = cf.read_parquet(path)
    assert [str(dtype) for dtype in found.dtypes] == ["category", "Int64", "category"]
    assert found.to_numpy().tolist() == [["x", 1, "x"], ["y", 2, "y"]]


def test_an_index_of_many_columns(tmp_path: Path) -> None:
    """Time is linear in their number: with set_index, 1,000 took 14 s and 4,000 over a minute."""
    path = tmp_path / "x.parquet"
    noted = {"index_columns": [f"c{at}" for at in range(1_000)], "columns": []}
    table = pa.table({f"c{at}": pa.array([at]) for at in range(2_000)})
    pq.write_table(table.replace_schema_metadata({b"pandas": json.dumps(noted).encode()}), path)
    started = process_time()
    frame = cf.read_parquet(path)
    assert process_time() - started < 8
    assert (frame.shape, frame.index.nlevels, frame.index.names[999]) == ((1, 1_000), 1_000, "c999")


@pytest.mark.slow
@every_engine
def test_a_wide_file_of_others(engine: Any, tmp_path: Path) -> None:
    """Time is linear in the number of columns: replaced one by one, 10,000 took a minute."""
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({f"c{at}": pa.array([at]) for at in range(3_000)}), path)
    started = process_time()
    frame = cf.read_parquet(path, engine=engine)
    assert process_time() - started < 2
    assert frame.shape == (1, 3_000)
