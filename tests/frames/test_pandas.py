"""Arrow to pandas: the types table of three backends, against dtypes and values written out."""

from __future__ import annotations

import datetime as dt
import math
import warnings
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connecty_frames.errors import TypeFidelityWarning
from connecty_frames.frames.pandas import to_pandas
from tests.cases import cases
from tests.frames.data import chunked

NEWER = int(pd.__version__.split(".")[0]) >= 3
NA, NAT, NAN = "<NA>", "NaT", "NaN"
#: What plain numpy frames keep strings in.
STR = "str" if NEWER else "object"


def spelled(value: object) -> object:
    """Return a cell as a Python value, and each kind of missing value by its name."""
    if value is None or value is pd.NA:
        return NA
    if value is pd.NaT:
        return NAT
    if isinstance(value, np.number | np.bool_) and not isinstance(value, np.timedelta64):
        value = value.item()
    return NAN if isinstance(value, float) and math.isnan(value) else value


def cells(column: pd.Series[Any]) -> list[object]:
    return [spelled(value) for value in column.array]


def stamp(text: str, tz: str | None = None) -> pd.Timestamp:
    """Return a local time, or an instant that is written in UTC and shown in a zone."""
    found = pd.Timestamp(text)
    return found if tz is None else found.tz_localize("UTC").tz_convert(tz)


class Row(NamedTuple):
    """A row of the types table: an Arrow type, two values, and their dtypes and values in pandas."""

    kind: pa.DataType
    pair: list[Any]
    #: The dtypes by backend, and numpy's where there are nulls if that is another one.
    nullable: str
    numpy: str
    numpy_with_nulls: str = ""
    #: The values as pandas shows them, where they are not the same objects: numpy's and Arrow's.
    shown: list[Any] | None = None
    arrow_shown: list[Any] | None = None
    #: What a null shows as: in nullable columns and in numpy's. In Arrow's it is always NA.
    nothing: str = NA
    numpy_nothing: str = NAN

    def dtype(self, backend: str, *, nulls: bool) -> Any:
        """Return the expected dtype: in Arrow's backend the type itself, and text where there is none."""
        if backend == "numpy":
            return self.numpy_with_nulls if nulls and self.numpy_with_nulls else self.numpy
        kind = pa.string() if self.kind == pa.null() else self.kind
        return self.nullable if backend == "numpy_nullable" else pd.ArrowDtype(kind)

    def cells(self, backend: str) -> list[Any]:
        shown = self.arrow_shown if backend == "pyarrow" else self.shown
        return self.pair if shown is None else shown

    def null(self, backend: str) -> str:
        return {"numpy_nullable": self.nothing, "pyarrow": NA, "numpy": self.numpy_nothing}[backend]


def whole(kind: pa.DataType, low: int, high: int, nullable: str, numpy: str) -> Row:
    return Row(kind, [low, high], nullable, numpy, "float64")


def temporal(kind: pa.DataType, values: list[Any], numpy: str, shown: list[Any]) -> Row:
    return Row(kind, values, numpy, numpy, shown=shown, arrow_shown=shown, nothing=NAT, numpy_nothing=NAT)


FIRST_DAY, LAST_DAY = dt.date(1, 1, 1), dt.date(9999, 12, 31)
#: The first and the last microsecond of the years 0001 to 9999, counted from 1970.
FIRST_US, LAST_US = -62135596800000000, 253402300799999999
ENDS = [stamp("0001-01-01"), stamp("9999-12-31T23:59:59.999999")]
ENDS_UTC = [stamp("0001-01-01", "UTC"), stamp("9999-12-31T23:59:59.999999", "UTC")]
#: Both sides of the hour that Warsaw has twice: 02:59:59 in summer time, a second later 02:00:00.
TWICE = [stamp("2025-10-26T00:59:59", "Europe/Warsaw"), stamp("2025-10-26T01:00:00", "Europe/Warsaw")]
LONG = "a text of more than twelve bytes"

TABLE: dict[str, Row] = {
    "int8": whole(pa.int8(), -128, 127, "Int8", "int8"),
    "int16": whole(pa.int16(), -32768, 32767, "Int16", "int16"),
    "int32": whole(pa.int32(), -2147483648, 2147483647, "Int32", "int32"),
    "int64": whole(pa.int64(), -5, 9007199254740992, "Int64", "int64"),
    "uint8": whole(pa.uint8(), 0, 255, "UInt8", "uint8"),
    "uint16": whole(pa.uint16(), 0, 65535, "UInt16", "uint16"),
    "uint32": whole(pa.uint32(), 0, 4294967295, "UInt32", "uint32"),
    "uint64": whole(pa.uint64(), 0, 9007199254740992, "UInt64", "uint64"),
    "int64 limits": Row(
        pa.int64(), [-(2**63), 2**63 - 1], "Int64", "int64", "int64[pyarrow]", numpy_nothing=NA
    ),
    "uint64 limits": Row(
        pa.uint64(), [0, 2**64 - 1], "UInt64", "uint64", "uint64[pyarrow]", numpy_nothing=NA
    ),
    "float64": Row(pa.float64(), [0.1, -1e308], "Float64", "float64"),
    "float32": Row(pa.float32(), [0.5, -2.0], "Float32", "float32"),
    "bool": Row(pa.bool_(), [True, False], "boolean", "bool", "object"),
    "string": Row(pa.string(), ["00123", ""], "string", STR),
    "large_string": Row(pa.large_string(), ["NA", "é\x00😀"], "string", STR),
    "string_view": Row(pa.string_view(), ["true", LONG], "string", STR),
    "date32": temporal(
        pa.date32(), [FIRST_DAY, LAST_DAY], "datetime64[s]", [stamp("0001-01-01"), stamp("9999-12-31")]
    )._replace(arrow_shown=[FIRST_DAY, LAST_DAY]),
    "date64": temporal(
        pa.date64(), [FIRST_DAY, LAST_DAY], "datetime64[ms]", [stamp("0001-01-01"), stamp("9999-12-31")]
    )._replace(arrow_shown=[FIRST_DAY, LAST_DAY]),
    "timestamp s": temporal(
        pa.timestamp("s"),
        [-62135596800, 253402300799],
        "datetime64[s]",
        [stamp("0001-01-01"), stamp("9999-12-31T23:59:59")],
    ),
    "timestamp ms": temporal(
        pa.timestamp("ms"),
        [-62135596800000, -1],
        "datetime64[ms]",
        [stamp("0001-01-01"), stamp("1969-12-31T23:59:59.999")],
    ),
    "timestamp us": temporal(pa.timestamp("us"), [FIRST_US, LAST_US], "datetime64[us]", ENDS),
    "timestamp ns": temporal(
        pa.timestamp("ns"),
        [1, 1735689600123456789],
        "datetime64[ns]",
        [stamp("1970-01-01T00:00:00.000000001"), stamp("2025-01-01T00:00:00.123456789")],
    ),
    "timestamp us UTC": temporal(
        pa.timestamp("us", "UTC"), [FIRST_US, LAST_US], "datetime64[us, UTC]", ENDS_UTC
    ),
    "timestamp s Warsaw": temporal(
        pa.timestamp("s", "Europe/Warsaw"), [1761440399, 1761440400], "datetime64[s, Europe/Warsaw]", TWICE
    ),
    "timestamp ns offset": temporal(
        pa.timestamp("ns", "+05:30"),
        [0, 1],
        "datetime64[ns, UTC+05:30]",
        [stamp("1970-01-01", "UTC+05:30"), stamp("1970-01-01T00:00:00.000000001", "UTC+05:30")],
    ),
    "duration s": temporal(
        pa.duration("s"), [90, 0], "timedelta64[s]", [dt.timedelta(seconds=90), dt.timedelta(0)]
    ),
    "duration us": temporal(
        pa.duration("us"),
        [-1, 3153600000000000],
        "timedelta64[us]",
        [dt.timedelta(microseconds=-1), dt.timedelta(days=36500)],
    ),
    "duration ns": temporal(
        pa.duration("ns"), [1, 0], "timedelta64[ns]", [pd.Timedelta(1, "ns"), pd.Timedelta(0)]
    ),
    "null": Row(pa.null(), [None, None], "string", STR),
}

#: Types that are an ArrowDtype in every backend: two values of each.
ALWAYS_ARROW: dict[str, tuple[pa.DataType, list[Any]]] = {
    "time64 us": (pa.time64("us"), [dt.time(0), dt.time(23, 59, 59, 999999)]),
    "time32 s": (pa.time32("s"), [dt.time(0), dt.time(23, 59, 59)]),
    "decimal128": (
        pa.decimal128(38, 2),
        [Decimal("999999999999999999999999999999999999.99"), Decimal("-0.01")],
    ),
    "decimal256": (pa.decimal256(76, 0), [Decimal("9" * 76), Decimal(-1)]),
    "list": (pa.list_(pa.int64()), [[1, 2], []]),
    "struct": (
        pa.struct([("a", pa.int64()), ("b", pa.string())]),
        [{"a": 1, "b": "x"}, {"a": 2**53 + 1, "b": ""}],
    ),
    "binary": (pa.binary(), [b"\x00", b""]),
    "map": (pa.map_(pa.string(), pa.int64()), [[("a", 1)], []]),
}
BACKENDS = ("numpy_nullable", "pyarrow", "numpy")
ROWS = [
    pytest.param(row, backend, id=f"{name}-{backend}") for name, row in TABLE.items() for backend in BACKENDS
]
ARROW_ROWS = [
    pytest.param(row, backend, id=f"{row}-{backend}") for row in ALWAYS_ARROW for backend in BACKENDS
]


def quiet(table: pa.Table, backend: Any) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TypeFidelityWarning)
        return to_pandas(table, dtype_backend=backend)


@cases("backend", BACKENDS)
def test_dictionaries(backend: Any) -> None:
    """A dictionary is categorical in every backend, with the same values over different chunks."""
    parts = [pa.array(["b", None]).dictionary_encode(), pa.array(["a", "b"]).dictionary_encode()]
    column = to_pandas(pa.table({"c": pa.chunked_array(parts)}), dtype_backend=backend)["c"]
    assert column.dtype == pd.CategoricalDtype(["b", "a"])
    assert column.tolist()[::2] == ["b", "a"]
    assert column.isna().tolist() == [False, True, False, False]


@cases(("row", "backend"), ROWS)
class TestTheTypesTable:
    """Each Arrow type in each backend."""

    def test_without_nulls(self, row: Row, backend: str) -> None:
        """Values and dtype are those of the table."""
        column = quiet(chunked(row.kind, row.pair), backend)["c"]
        assert column.dtype == row.dtype(backend, nulls=False)
        if row.kind == pa.null():
            assert cells(column) == [row.null(backend)] * 2
        else:
            assert cells(column) == row.cells(backend)

    def test_nulls_alone(self, row: Row, backend: str) -> None:
        """A column of nulls keeps its type; plain numpy then has floats for whole numbers."""
        column = quiet(chunked(row.kind, [None, None]), backend)["c"]
        if backend == "numpy" and row.numpy in {"int64", "uint64"}:
            assert column.dtype == "float64"
            assert cells(column) == [NAN, NAN]
        else:
            assert column.dtype == row.dtype(backend, nulls=True)
            assert cells(column) == [row.null(backend)] * 2

    @cases("parts", [[], [[]], [[], []]])
    def test_zero_rows(self, row: Row, backend: str, parts: list[list[Any]]) -> None:
        """No rows, in no chunk or in empty ones, have the dtype of a column without nulls."""
        column = quiet(chunked(row.kind, *parts), backend)["c"]
        assert column.dtype == row.dtype(backend, nulls=False)
        assert cells(column) == []

    def test_chunks_and_slices(self, row: Row, backend: str) -> None:
        """Chunks, one of them cut out of a longer array, join in order."""
        first, second = row.pair
        cut = pa.array([second, None, first, second, second], row.kind).slice(1, 3)
        parts = [pa.array([first], row.kind), pa.array([], row.kind), cut]
        column = quiet(pa.table({"c": pa.chunked_array(parts, row.kind)}), backend)["c"]
        nothing = row.null(backend)
        one, other = [nothing] * 2 if row.kind == pa.null() else row.cells(backend)
        assert column.dtype == row.dtype(backend, nulls=True)
        assert cells(column) == [one, nothing, one, other]


@cases(("row", "backend"), ARROW_ROWS)
class TestTypesThatOnlyArrowHas:
    """Times of day, decimals, nested values and the rest stay Arrow's in every backend."""

    @cases("nulls", ["none", "some", "all", "no rows"])
    def test_kept(self, row: str, backend: str, nulls: str) -> None:
        """The dtype is the Arrow type, and the values are the same, nulls or not."""
        kind, values = ALWAYS_ARROW[row]
        given_values, expected = {
            "none": (values, values),
            "some": ([values[0], None, values[1]], [values[0], None, values[1]]),
            "all": ([None, None], [None, None]),
            "no rows": ([], []),
        }[nulls]
        column = quiet(chunked(kind, given_values[:1], given_values[1:]), backend)["c"]
        assert column.dtype == pd.ArrowDtype(kind)
        assert pa.chunked_array(column.array.__arrow_array__()).to_pylist() == expected


class TestShapes:
    """Names, rows and the index."""

    @cases("backend", BACKENDS)
    def test_no_columns(self, backend: Any) -> None:
        """A table of rows without columns keeps its rows."""
        table = pa.table({"c": [1, 2, 3]}).select([])
        frame = to_pandas(table, dtype_backend=backend)
        assert frame.shape == (table.num_rows, 0)
        assert list(frame.columns) == []

    def test_names(self) -> None:
        """Any text is a name, the order is kept, and pandas has the names as text."""
        names = ["b", "a", "", "0", "é 😀", "a.b", "index", "connecty"]
        frame = to_pandas(pa.Table.from_arrays([pa.array([1])] * 8, names=names))
        assert list(frame.columns) == ["b", "a", "", "0", "é 😀", "a.b", "index", "connecty"]
        assert all(type(name) is str for name in frame.columns)

    @cases("backend", BACKENDS)
    def test_names_of_many_columns(self, backend: Any) -> None:
        """However many there are, each has its name and its values."""
        table = pa.table({f"column {at}": [at, at + 1] for at in range(60)})
        frame = to_pandas(table, dtype_backend=backend)
        assert list(frame.columns) == [f"column {at}" for at in range(60)]
        assert frame.columns.dtype == (STR if NEWER else "object")
        assert frame.iloc[0].tolist() == list(range(60))

    def test_duplicate_names(self) -> None:
        """Two columns of one name are two columns."""
        table = pa.Table.from_arrays([pa.array([1]), pa.array(["x"])], names=["a", "a"])
        frame = to_pandas(table)
        assert list(frame.columns) == ["a", "a"]
        assert [spelled(frame.iloc[0, 0]), frame.iloc[0, 1]] == [1, "x"]

    def test_index(self) -> None:
        """The index is a range, and the table's own metadata does not make another one."""
        source = pd.DataFrame({"a": [1, 2]}, index=pd.Index([7, 8], name="i"))
        frame = to_pandas(pa.Table.from_pandas(source))
        assert isinstance(frame.index, pd.RangeIndex)
        assert list(frame.columns) == ["a", "i"]
        assert frame.attrs == {}


class TestExactness:
    """Values that a careless conversion changes without a warning."""

    @cases("backend", ["numpy_nullable", "pyarrow"])
    def test_nan_is_not_null(self, backend: str) -> None:
        """NaN, null and infinity stay apart."""
        column = quiet(chunked(pa.float64(), [float("nan"), None, float("inf")]), backend)["c"]
        back = column.array.__arrow_array__() if backend == "pyarrow" else column.array
        assert [spelled(v.as_py() if isinstance(v, pa.Scalar) else v) for v in back] == [
            NAN,
            NA,
            float("inf"),
        ]

    @cases(
        ("values", "dtype"),
        [
            ([2**53, None], "float64"),
            ([-(2**53), None], "float64"),
            ([2**53 + 1, None], "int64[pyarrow]"),
            ([-(2**53) - 1, None], "int64[pyarrow]"),
            ([2**53 + 1], "int64"),
        ],
    )
    def test_numpy_floats_only_where_exact(self, values: list[Any], dtype: str) -> None:
        """Beside a null, plain numpy takes floats up to 2**53 and Arrow above."""
        assert str(quiet(chunked(pa.int64(), values), "numpy")["c"].dtype) == dtype

    def test_half_floats(self) -> None:
        """There is no masked 16-bit float, so that stays Arrow's; numpy has one."""
        table = pa.table({"c": pa.array(np.array([1.5], np.float16))})
        assert str(to_pandas(table)["c"].dtype) == "halffloat[pyarrow]"
        assert str(to_pandas(table, dtype_backend="numpy")["c"].dtype) == "float16"

    @given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))), st.integers(0, 5))
    def test_any_integers(self, values: list[int | None], at: int) -> None:
        """Whatever integers and nulls, however cut: the nullable column is the list."""
        column = to_pandas(chunked(pa.int64(), values[:at], values[at:]))["c"]
        assert [None if value is pd.NA else value for value in column.array] == values

    @given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False))))
    def test_any_floats(self, values: list[float | None]) -> None:
        """Whatever floats and nulls: the nullable column is the list, the sign of zero included."""
        column = to_pandas(chunked(pa.float64(), values))["c"]
        assert [None if value is pd.NA else repr(float(value)) for value in column.array] == [
            None if value is None else repr(value) for value in values
        ]

    @given(st.lists(st.one_of(st.none(), st.datetimes())))
    def test_any_instants(self, values: list[dt.datetime | None]) -> None:
        """Every datetime that Python has comes through as it is."""
        column = to_pandas(chunked(pa.timestamp("us"), values))["c"]
        assert [None if value is pd.NaT else value for value in column.array] == values


class TestMemory:
    """Memory that is shared with Arrow, and memory that is not."""

    @cases("backend", ["numpy_nullable", "numpy"])
    def test_columns_can_be_written(self, backend: Any) -> None:
        """A cell can be set in place, and the table does not change by it."""
        table = pa.table(
            {
                "i": [1, 2],
                "f": [1.5, 2.5],
                "b": [True, False],
                "d": pa.array([0, 1], pa.date32()),
                "t": pa.array([0, 1], pa.timestamp("us")),
                "z": pa.array([0, 1], pa.timestamp("us", "UTC")),
                "l": pa.array([0, 1], pa.duration("us")),
            }
        )
        frame = to_pandas(table, dtype_backend=backend)
        for name in table.column_names:
            frame.loc[0, name] = frame.loc[1, name]
            assert frame.loc[0, name] == frame.loc[1, name]
        assert table.column("i").to_pylist() == [1, 2]
        assert table.column("b").to_pylist() == [True, False]

    def test_pyarrow_backend_copies_nothing(self) -> None:
        """ArrowDtype columns are the table's own buffers: nothing grows with the rows."""
        numbers = pa.array(range(100_000))
        texts = pa.array(["a text"] * 100_000)
        before = pa.total_allocated_bytes()
        frame = to_pandas(pa.table({"n": numbers, "s": texts}), dtype_backend="pyarrow")
        assert pa.total_allocated_bytes() - before < 1000
        shared: Any = frame["n"].array.__arrow_array__()
        assert shared.chunk(0).buffers()[1].address == numbers.buffers()[1].address

    def test_text_is_not_copied(self) -> None:
        """The characters of pandas' own string column are Arrow's, in the default backend too."""
        texts = pa.array(["a text of some length"] * 1000, pa.large_string())
        column: Any = to_pandas(pa.table({"s": texts}))["s"]
        assert (type(column.dtype), column.dtype.storage) == (pd.StringDtype, "pyarrow")
        shared = column.array.__arrow_array__()
        assert pa.chunked_array(shared).chunk(0).buffers()[2].address == texts.buffers()[2].address


class TestWhatNumpyLoses:
    """One warning that names each column and what it lost; none where nothing is lost."""

    def test_nothing_lost(self) -> None:
        """Numbers without nulls, NaN without null, null without NaN, text and times lose nothing."""
        table = pa.table(
            {
                "i": [1, 2],
                "f": [1.0, float("nan")],
                "g": [1.0, None],
                "s": ["a", None],
                "b": [True, False],
                "t": pa.array([0, None], pa.timestamp("us", "UTC")),
                "d": pa.array([0, None], pa.date32()),
                "l": pa.array([0, None], pa.duration("s")),
            }
        )
        frame = to_pandas(table, dtype_backend="numpy")
        assert frame.shape == (2, 8)

    def test_everything_lost(self) -> None:
        """Each loss is named once, with its columns and their Arrow types, at the caller's line."""
        table = pa.table(
            {
                "i": [1, None],
                "j": [2, None],
                "big": [2**60, None],
                "f": [float("nan"), None],
                "b": [True, None],
                "m": pa.array([Decimal("1.50"), None], pa.decimal128(18, 2)),
                "fine": [1, 2],
            }
        )
        with pytest.warns(TypeFidelityWarning) as caught:
            to_pandas(table, dtype_backend="numpy")
        assert len(caught) == 1
        assert str(caught[0].message) == (
            'dtype_backend="numpy" cannot hold everything. Whole numbers that became float64, since they '
            "have nulls: 'i' (int64), 'j' (int64); kept as ArrowDtype, since numpy has no type that holds "
            "their values and nulls: 'big' (int64), 'm' (decimal128(18, 2)); NaN and null can no "
            'longer be told apart: \'f\' (double). dtype_backend="numpy_nullable" or "pyarrow" loses nothing.'
        )
        assert caught[0].filename == __file__

    def test_many_columns(self) -> None:
        """A long list of columns is cut, and counted; control characters of names are escaped."""
        table = pa.table({name: [1, None] for name in ("\x1b[2J", *(f"c{at}" for at in range(11)))})
        with pytest.warns(TypeFidelityWarning, match=r"x1b\[2J.*'c8' \(int64\) and 2 more\. dtype") as caught:
            to_pandas(table, dtype_backend="numpy")
        assert "\x1b" not in str(caught[0].message)

    @cases("backend", ["numpy_nullable", "pyarrow"])
    def test_the_others_lose_nothing(self, backend: Any) -> None:
        """The other backends have a type for all of it and do not warn."""
        table = pa.table({"i": [2**60, None], "f": [float("nan"), None], "b": [True, None]})
        assert to_pandas(table, dtype_backend=backend).shape == (2, 3)


@cases("backend", ["numpy_nullable", "pyarrow"])
def test_no_object_column(backend: str) -> None:
    """Unless plain numpy is asked for, no Arrow type becomes dtype object, with nulls or without."""
    kinds = {row.kind: row.pair for row in TABLE.values()}
    kinds |= dict(ALWAYS_ARROW.values())
    columns = {str(kind): pa.array([*values, None], kind) for kind, values in kinds.items()}
    full = {str(kind): pa.array(values, kind) for kind, values in kinds.items()}
    for table in (pa.table(columns), pa.table(full)):
        assert not [
            name
            for name, dtype in quiet(table, backend).dtypes.items()
            if dtype.kind == "O" and not isinstance(dtype, pd.api.extensions.ExtensionDtype)
        ]
