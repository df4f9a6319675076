"""Arrow to polars: dtypes and values written out, and what polars cannot hold."""

import datetime as dt
import inspect
import math
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connecty_frames.errors import TypeFidelityWarning
from connecty_frames.frames.polars import to_polars
from tests.cases import cases
from tests.frames.data import chunked

UTC, WARSAW = ZoneInfo("UTC"), ZoneInfo("Europe/Warsaw")
MAP = pa.map_(pa.string(), pa.int64())
NINES = "9" * 76

#: Each Arrow type: its values, the polars dtype, and what polars gives where that is not the same.
TABLE: dict[str, tuple[Any, ...]] = {
    "int8": (pa.int8(), [-128, 127], pl.Int8),
    "int16": (pa.int16(), [-32768, 32767], pl.Int16),
    "int32": (pa.int32(), [-2147483648, 2147483647], pl.Int32),
    "int64": (pa.int64(), [-9223372036854775808, 9223372036854775807], pl.Int64),
    "uint8": (pa.uint8(), [0, 255], pl.UInt8),
    "uint16": (pa.uint16(), [0, 65535], pl.UInt16),
    "uint32": (pa.uint32(), [0, 4294967295], pl.UInt32),
    "uint64": (pa.uint64(), [0, 18446744073709551615], pl.UInt64),
    "float64": (pa.float64(), [0.1, math.inf], pl.Float64),
    "float32": (pa.float32(), [0.5, -2.0], pl.Float32),
    "bool": (pa.bool_(), [True, False], pl.Boolean),
    "string": (pa.string(), ["00123", "é\x00😀"], pl.String),
    "large_string": (pa.large_string(), ["NA", ""], pl.String),
    "string_view": (pa.string_view(), ["NA", "x" * 99], pl.String),
    "date32": (pa.date32(), [dt.date(1, 1, 1), dt.date(9999, 12, 31)], pl.Date),
    "timestamp s": (
        pa.timestamp("s"),
        [-62135596800, 253402300799],
        pl.Datetime("ms"),
        [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59)],
    ),
    "timestamp ms": (
        pa.timestamp("ms"),
        [-1, 0],
        pl.Datetime("ms"),
        [dt.datetime(1969, 12, 31, 23, 59, 59, 999000), dt.datetime(1970, 1, 1)],
    ),
    "timestamp us": (
        pa.timestamp("us"),
        [-62135596800000000, 253402300799999999],
        pl.Datetime("us"),
        [dt.datetime.min, dt.datetime.max],
    ),
    "timestamp us UTC": (
        pa.timestamp("us", "UTC"),
        [-62135596800000000, 253402300799999999],
        pl.Datetime("us", "UTC"),
        [dt.datetime.min.replace(tzinfo=UTC), dt.datetime.max.replace(tzinfo=UTC)],
    ),
    # Both sides of the hour that Warsaw has twice; `fold` is which of the two.
    "timestamp s Warsaw": (
        pa.timestamp("s", "Europe/Warsaw"),
        [1761440399, 1761440400],
        pl.Datetime("ms", "Europe/Warsaw"),
        [
            dt.datetime(2025, 10, 26, 2, 59, 59, tzinfo=WARSAW),
            dt.datetime(2025, 10, 26, 2, 0, fold=1, tzinfo=WARSAW),
        ],
    ),
    "time32 s": (pa.time32("s"), [0, 86399], pl.Time, [dt.time(0), dt.time(23, 59, 59)]),
    "time32 ms": (pa.time32("ms"), [0, 86399999], pl.Time, [dt.time(0), dt.time(23, 59, 59, 999000)]),
    "time64 us": (pa.time64("us"), [0, 86399999999], pl.Time, [dt.time(0), dt.time.max]),
    "duration s": (
        pa.duration("s"),
        [90, -1],
        pl.Duration("ms"),
        [dt.timedelta(seconds=90), dt.timedelta(seconds=-1)],
    ),
    "duration us": (
        pa.duration("us"),
        [-1, 3153600000000000],
        pl.Duration("us"),
        [dt.timedelta(microseconds=-1), dt.timedelta(days=36500)],
    ),
    "decimal 38": (
        pa.decimal128(38, 2),
        [Decimal("999999999999999999999999999999999999.99"), Decimal("-0.01")],
        pl.Decimal(38, 2),
    ),
    "decimal 18": (pa.decimal128(18, 2), [Decimal("1.50"), Decimal("0.00")], pl.Decimal(18, 2)),
    # It says 256 bits and needs 128.
    "decimal256, short": (pa.decimal256(10, 1), [Decimal("1.5"), Decimal("-999999999.9")], pl.Decimal(10, 1)),
    "decimal256 of 38 digits": (
        pa.decimal256(38, 2),
        [Decimal("999999999999999999999999999999999999.99"), None],
        pl.Decimal(38, 2),
    ),
    "list": (pa.list_(pa.int64()), [[1, None], []], pl.List(pl.Int64)),
    "large_list": (pa.large_list(pa.string()), [["a"], []], pl.List(pl.String)),
    "fixed list": (pa.list_(pa.int8(), 2), [[1, 2], [3, 4]], pl.Array(pl.Int8, 2)),
    "fixed list of size 0": (pa.list_(pa.int8(), 0), [[], []], pl.List(pl.Int8)),
    "struct": (
        pa.struct([("a", pa.int64()), ("b", pa.string())]),
        [{"a": 2**53 + 1, "b": "x"}, {"a": None, "b": ""}],
        pl.Struct({"a": pl.Int64, "b": pl.String}),
    ),
    "dictionary of numbers": (pa.dictionary(pa.int8(), pa.int64()), [5, 7], pl.Int64),
    "null": (pa.null(), [None, None], pl.String),
    "list of null": (pa.list_(pa.null()), [[None], []], pl.List(pl.String)),
    "struct of null": (pa.struct([("a", pa.null())]), [{"a": None}] * 2, pl.Struct({"a": pl.String})),
}


def instants(values: list[Any]) -> list[Any]:
    """Make aware times comparable as instants: two of one zone compare by local time."""
    return [value.timestamp() if getattr(value, "tzinfo", None) else value for value in values]


@cases("row", TABLE)
class TestTheTypesTable:
    """Each Arrow type as polars has it."""

    def test_without_nulls(self, row: str) -> None:
        """Values and dtype are those of the table, and nothing warns."""
        kind, values, dtype, expected = (*TABLE[row], TABLE[row][1])[:4]
        column = to_polars(chunked(kind, values))["c"]
        assert column.dtype == dtype
        assert column.to_list() == expected
        assert instants(column.to_list()) == instants(expected)

    def test_with_nulls_and_chunks(self, row: str) -> None:
        """Nulls change neither dtype nor another value, however the column is cut."""
        kind, values, dtype, expected = (*TABLE[row], TABLE[row][1])[:4]
        cut = pa.array([values[1], None, values[0], values[1]], kind).slice(1, 2)
        parts = [pa.array([values[0]], kind), pa.array([], kind), cut, pa.array([values[1]], kind)]
        column = to_polars(pa.table({"c": pa.chunked_array(parts, kind)}))["c"]
        assert column.dtype == dtype
        assert column.to_list() == [expected[0], None, expected[0], expected[1]]

    @cases("parts", [[[None, None]], [[]], []])
    def test_no_values(self, row: str, parts: list[list[Any]]) -> None:
        """Nulls alone and no rows at all have the same dtype."""
        kind, _, dtype, *_ = TABLE[row]
        column = to_polars(chunked(kind, *parts))["c"]
        assert column.dtype == dtype
        assert column.to_list() == [None for part in parts for _ in part]


class TestOtherTypes:
    """Types whose dtype differs between versions of polars, or whose values Python cannot show."""

    def test_nanoseconds(self) -> None:
        """A nanosecond is kept, as a timestamp and as a time of day."""
        table = pa.table(
            {
                "t": pa.array([1735689600123456789], pa.timestamp("ns")),
                "z": pa.array([1], pa.timestamp("ns", "UTC")),
                "d": pa.array([86399999999999], pa.time64("ns")),
            }
        )
        frame = to_polars(table)
        assert frame.schema == {"t": pl.Datetime("ns"), "z": pl.Datetime("ns", "UTC"), "d": pl.Time}
        assert frame.select(pl.all().to_physical()).row(0) == (1735689600123456789, 1, 86399999999999)

    def test_nan_is_not_null(self) -> None:
        """NaN and null stay apart."""
        first, second = to_polars(chunked(pa.float64(), [float("nan"), None]))["c"].to_list()
        assert math.isnan(first)
        assert second is None

    def test_dictionary(self) -> None:
        """A dictionary of text is categorical, its values the same over chunks with other dictionaries."""
        parts = [pa.array(["b", None]).dictionary_encode(), pa.array(["a", "b"]).dictionary_encode()]
        column = to_polars(pa.table({"c": pa.chunked_array(parts)}))["c"]
        assert column.dtype == pl.Categorical
        assert column.to_list() == ["b", None, "a", "b"]

    @cases(("offset", "zone"), [("+02:00", "Etc/GMT-2"), ("-12:00", "Etc/GMT+12"), ("+14:00", "Etc/GMT-14")])
    def test_whole_hour_offset(self, offset: str, zone: str) -> None:
        """An offset of whole hours is the database's zone of that offset; the instant is the same."""
        column = to_polars(chunked(pa.timestamp("us", offset), [0]))["c"]
        assert column.dtype == pl.Datetime("us", zone)
        assert instants(column.to_list()) == [0.0]

    def test_map(self) -> None:
        """A map keeps its keys and values; before polars had maps, it is a list of pairs."""
        column = to_polars(chunked(pa.map_(pa.string(), pa.int64()), [[("a", 1)], None]))["c"]
        has_maps = hasattr(pl, "Map")
        assert column.dtype == (
            pl.Map(pl.String, pl.Int64)
            if has_maps
            else pl.List(pl.Struct({"key": pl.String, "value": pl.Int64}))
        )
        assert column.to_list()[0] == ({"a": 1} if has_maps else [{"key": "a", "value": 1}])
        assert column.null_count() == 1

    @cases(
        ("kind", "cells"),
        [
            (MAP, []),
            (MAP, [None]),
            (pa.list_(MAP), []),
            (pa.list_(MAP), [[[("a", 1)], None]]),
            (pa.struct([("m", MAP)]), [{"m": [("a", 1)]}, {"m": None}]),
        ],
    )
    def test_maps_anywhere(self, kind: pa.DataType, cells: list[Any]) -> None:
        """Maps inside other types and without rows are no panic."""
        found = to_polars(chunked(kind, cells))["c"].to_list()
        assert len(found) == len(cells)
        assert ("'a'" in repr(found)) is ("'a'" in repr(cells))


class TestWhatPolarsCannotHold:
    """Exact text and one warning, never a panic."""

    def test_decimal256(self) -> None:
        """76 digits become their text; the warning names the column, and it is the caller's line."""
        table = pa.table(
            {
                "m": pa.array([Decimal(NINES), None, Decimal(-1)], pa.decimal256(76, 0)),
                "n": pa.array([Decimal("0.00"), Decimal("-1.50"), None], pa.decimal256(39, 2)),
                "i": [1, 2, 3],
            }
        )
        with pytest.warns(TypeFidelityWarning) as caught:
            frame = to_polars(table)
        assert frame.schema == {"m": pl.String, "n": pl.String, "i": pl.Int64}
        assert frame["m"].to_list() == [NINES, None, "-1"]
        assert frame["n"].to_list() == ["0.00", "-1.50", None]
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert str(caught[0].message) == (
            "polars has no type for some of these columns. Their values are kept exactly, decimals of more "
            "than 38 digits as text and instants in UTC: 'm' (decimal256(76, 0) -> string), "
            "'n' (decimal256(39, 2) -> string)."
        )

    def test_small_decimals_are_spelled_out(self) -> None:
        """All digits are written, without an exponent, with zeros."""
        values = [Decimal("0.0000000000123"), Decimal(0), None, Decimal("12345.5")]
        with pytest.warns(TypeFidelityWarning):
            column = to_polars(chunked(pa.decimal256(76, 14), values[:1], values[1:]))["c"]
        assert column.to_list() == ["0.00000000001230", "0.00000000000000", None, "12345.50000000000000"]

    @cases("rows", [[], [None]])
    def test_decimal256_without_values(self, rows: list[None]) -> None:
        """The dtype does not depend on the values."""
        with pytest.warns(TypeFidelityWarning):
            column = to_polars(chunked(pa.decimal256(76, 0), rows))["c"]
        assert column.dtype == pl.String
        assert column.to_list() == rows

    @cases(
        ("kind", "values", "dtype", "expected"),
        [
            (pa.list_(pa.decimal256(76, 0)), [[Decimal(NINES), None]], pl.List(pl.String), [[NINES, None]]),
            (pa.large_list(pa.decimal256(76, 0)), [[Decimal(1)]], pl.List(pl.String), [["1"]]),
            (pa.list_(pa.decimal256(76, 0), 1), [[Decimal(1)]], pl.Array(pl.String, 1), [["1"]]),
            (
                pa.struct([("a", pa.decimal256(76, 0)), ("b", pa.int64())]),
                [{"a": Decimal(NINES), "b": 1}],
                pl.Struct({"a": pl.String, "b": pl.Int64}),
                [{"a": NINES, "b": 1}],
            ),
            (
                pa.list_(pa.struct([("a", pa.list_(pa.decimal256(76, 0)))])),
                [[{"a": [Decimal(NINES)]}]],
                pl.List(pl.Struct({"a": pl.List(pl.String)})),
                [[{"a": [NINES]}]],
            ),
        ],
        ids=["list", "large_list", "fixed list", "struct", "three deep"],
    )
    def test_nested_decimal256(
        self, kind: pa.DataType, values: list[Any], dtype: Any, expected: list[Any]
    ) -> None:
        """At any depth the decimal becomes text, and the rest stays."""
        with pytest.warns(TypeFidelityWarning, match=r"'c' \("):
            column = to_polars(chunked(kind, [*values, None]))["c"]
        assert column.dtype == dtype
        assert column.to_list() == [*expected, None]

    def test_map_of_decimal256(self) -> None:
        """Also as the values of a map."""
        table = chunked(pa.map_(pa.string(), pa.decimal256(76, 0)), [[("k", Decimal(NINES))]])
        with pytest.warns(TypeFidelityWarning):
            first = to_polars(table)["c"].to_list()[0]
        assert first in ([{"key": "k", "value": NINES}], {"k": NINES})

    @cases("zone", ["+05:30", "-00:30", "-13:00", "+15:00"])
    def test_offsets_without_a_name(self, zone: str) -> None:
        """An offset that is no zone of the database becomes UTC, with a warning; the instant stays."""
        with pytest.warns(TypeFidelityWarning, match="tz=UTC"):
            column = to_polars(chunked(pa.timestamp("us", zone), [1_000_000, None]))["c"]
        assert column.dtype == pl.Datetime("us", "UTC")
        assert instants(column.to_list()) == [1.0, None]

    def test_many_columns(self) -> None:
        """A long list of columns is cut and counted, and names are shown with controls escaped."""
        column = pa.array([Decimal(1)], pa.decimal256(76, 0))
        names = ["\x1b[2J", *(f"c{at}" for at in range(11))]
        with pytest.warns(TypeFidelityWarning, match=r" and 2 more\.$") as caught:
            to_polars(pa.table(dict.fromkeys(names, column)))
        assert "\x1b" not in str(caught[0].message)


class TestShapes:
    """Names and rows."""

    def test_no_columns(self) -> None:
        """A table without columns is such a frame, with its rows where polars can hold them."""
        assert to_polars(pa.table({})).shape == (0, 0)
        table = pa.table({"c": [1, 2]}).select([])
        can_hold = "height" in inspect.signature(pl.DataFrame).parameters
        assert to_polars(table).shape == (2 if can_hold else 0, 0)

    def test_names(self) -> None:
        """Any text is a name, and order is kept."""
        names = ["b", "a", "", "0", "é 😀", "connecty"]
        assert to_polars(pa.Table.from_arrays([pa.array([1])] * 6, names=names)).columns == names

    def test_chunks_are_kept(self) -> None:
        """Chunks are kept and not concatenated, which would copy."""
        assert to_polars(chunked(pa.int64(), [1], [2], [3])).n_chunks() == 3

    def test_no_copy_of_numbers(self) -> None:
        """The numbers are Arrow's own memory: nothing grows with the rows."""
        numbers = pa.array(range(100_000))
        back = to_polars(pa.table({"n": numbers})).to_arrow().column("n").chunk(0)
        assert back.buffers()[1].address == numbers.buffers()[1].address

    @given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))), st.integers(0, 5))
    def test_any_integers(self, values: list[int | None], at: int) -> None:
        """The column is the list of any integers and nulls, in any chunks."""
        assert to_polars(chunked(pa.int64(), values[:at], values[at:]))["c"].to_list() == values

    @given(st.lists(st.one_of(st.none(), st.decimals(allow_nan=False, allow_infinity=False, places=20))))
    def test_any_large_decimals(self, values: list[Decimal | None]) -> None:
        """The text of any decimal has all its digits."""
        fitting = [value for value in values if value is None or abs(value) < Decimal(10) ** 50]
        with pytest.warns(TypeFidelityWarning):
            texts = to_polars(chunked(pa.decimal256(76, 20), fitting))["c"].to_list()
        assert [None if text is None else Decimal(text) for text in texts] == fitting
        assert not [text for text in texts if text is not None and "E" in text]
