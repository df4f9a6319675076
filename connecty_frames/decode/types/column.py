"""One column before it has a type: its cells and its statistics.

Everything here is found from the whole column, never from a sample: a type guessed from the first rows may
silently change later values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa

from connecty_frames.decode import exact_json
from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import (
    Array,
    bytes_of,
    chunks_of,
    index_of,
    numbers_of,
    of_flags,
    offsets_of,
    to_array,
    to_scalar,
)
from connecty_frames.decode.arrow_types import any_of, is_aware, is_naive
from connecty_frames.decode.cells import CODES, SURROGATE
from connecty_frames.decode.errors import cell_error, check_texts
from connecty_frames.decode.exact_json import NESTED_KINDS, NUMBER_KINDS, FloatText, IntText, ValueKind
from connecty_frames.decode.statistics import NO_STATISTICS, ColumnStatistics, stated_bounds
from connecty_frames.decode.types.numbers import FloatValues
from connecty_frames.decode.types.times import TemporalValues, row_out_of_range

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from connecty_frames.decode.arrow_types import TypeTest

#: The cells of a column, or the temporal or float values read from them.
Values: TypeAlias = Array | TemporalValues | FloatValues

#: How many cells are made Python objects at once, and, of nested ones, how many bytes of JSON.
_BATCH: Final = 1 << 12  # pragma: no mutate - a size
BATCH_BYTES: Final = 1 << 16  # pragma: no mutate - a size

_TEXT_CODE: Final = CODES[ValueKind.TEXT]
NESTED_CODES: Final = frozenset(map(CODES.__getitem__, NESTED_KINDS))
#: The kinds allowed together in one column.
_ALIKE: Final = (NUMBER_KINDS, *(frozenset({kind}) for kind in ValueKind if kind not in NUMBER_KINDS))
_KIND_BY_CODE: Final = {code: kind for kind, code in CODES.items()} | {SURROGATE: ValueKind.TEXT}
#: The reader of a cell, by its code.
_READERS: Final[dict[int, Callable[[str], Any]]] = {
    0: lambda _: None,
    CODES[ValueKind.BOOLEAN]: "true".__eq__,
    CODES[ValueKind.TEXT]: str,
    CODES[ValueKind.INTEGER]: IntText,
    CODES[ValueKind.FRACTION]: FloatText,
    CODES[ValueKind.CONSTANT]: exact_json.ConstantText,
    CODES[ValueKind.ARRAY]: exact_json.parse,
    CODES[ValueKind.OBJECT]: exact_json.parse,
    SURROGATE: exact_json.parse,
}


def combine(array: Array) -> pa.Array:
    """Return an array without chunks."""
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def kind_masks(codes: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Return the codes in each row, as the bit of each code."""
    masks: NDArray[np.uint16] = np.bitwise_or.reduce(np.uint16(1) << codes.astype(np.uint16), axis=-1)
    return masks


@lru_cache
def _kinds_of(mask: int) -> frozenset[ValueKind]:
    return frozenset(kind for code, kind in _KIND_BY_CODE.items() if mask >> code & 1)


class _Cells(Sequence[Any]):
    """Cells in Arrow arrays; Python objects are made only where they are asked for, and for a while."""

    rows: int

    def _read(self, start: int, stop: int) -> Iterator[Any]:
        """Return cells as ``exact_json.parse`` would."""
        raise NotImplementedError

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, self.rows, _BATCH):
            yield from self._read(start, min(start + _BATCH, self.rows))

    def __getitem__(self, key: Any) -> Any:
        """Return the cell of a row, as ``exact_json.parse`` would."""
        place = range(self.rows)[key]
        return next(self._read(place, place + 1))

    def json_of(self, row: int) -> str:
        """Return the JSON of a cell for an error."""
        return exact_json.dump(self[row])


class ScalarColumn(_Cells):
    """Cells of one kind in Arrow arrays; if it is FRACTION, some of the numbers may be whole."""

    # Whole numbers are int64, truth values bool, texts and numbers with a fraction texts; unless they were
    # read as temporal or float values: ``array`` then returns their source texts.

    is_too_deep = has_surrogates = False

    def __init__(self, kind: ValueKind, values: Values, texts: Callable[[], Array] | None = None) -> None:
        self.kind = kind
        self.values = values
        self._texts = texts
        cells = values.values if isinstance(values, TemporalValues | FloatValues) else values
        self.rows = len(cells)
        #: How many cells are not null.
        self.present_count: int = self.rows - int(cells.null_count)
        #: The kinds of the cells, null aside.
        self.kinds: frozenset[ValueKind] = _kinds_of(1 << CODES[kind] if self.present_count else 0)

    @property
    def array(self) -> Array:
        """The cells, or the source texts of temporal or float values."""
        return self.values if self._texts is None else self._texts()

    @property
    def texts(self) -> Array:
        """The texts of the cells, or their JSON."""
        array = self.array
        return array if pa.types.is_string(array.type) else pc.cast(array, pa.string())

    @property
    def quoted(self) -> Array:
        """The texts among the cells."""
        return self.array if self.kind is ValueKind.TEXT else pa.nulls(0, pa.string())

    def by_cell(self) -> CellColumn:
        """Return texts, or numbers read as texts, with a kind for each."""
        texts = self.array
        is_fraction = pc.match_substring_regex(texts, "[.eE]") if self.kind is ValueKind.FRACTION else None
        codes = np.full(len(texts), CODES[ValueKind.INTEGER if is_fraction else self.kind], np.uint8)
        for code, has_it in ((CODES[self.kind], is_fraction), (0, pc.is_null(texts))):
            if has_it is not None:
                codes[numbers_of(pc.indices_nonzero(combine(has_it)))] = code
        return CellColumn(codes, texts)

    def first_of(self, _: frozenset[ValueKind]) -> int:
        """Return the first row except nulls: all are of one kind."""
        return index_of(pc.is_valid(self.array), value=True)

    def _read(self, start: int, stop: int) -> Iterator[Any]:
        values = self.array.slice(start, stop - start).to_pylist()
        if self.kind not in NUMBER_KINDS:
            return iter(values)
        texts = (value if value is None else str(value) for value in values)
        return (
            text if text is None else IntText(text) if text.lstrip("-").isdecimal() else FloatText(text)
            for text in texts
        )


class CellColumn(_Cells):
    """Cells of any kinds: the code of each, and its text, or else its JSON; null for null."""

    # A code is 0 for null, otherwise one of ``CODES`` or ``SURROGATE``. ``checkpoint`` is called before each
    # batch of cells becomes Python objects.

    def __init__(
        self,
        codes: NDArray[np.uint8],
        texts: Array,
        *,
        kind_mask: int | None = None,
        is_too_deep: bool = False,
        has_surrogates: bool = False,
        checkpoint: Callable[[], None] = lambda: None,
    ) -> None:
        self.rows = len(codes)
        self.checkpoint = checkpoint
        self.codes = codes
        self.texts = texts
        self.is_too_deep = is_too_deep
        self.has_surrogates = has_surrogates
        self.present_count: int = int(np.count_nonzero(codes))
        self.kinds: frozenset[ValueKind] = _kinds_of(
            int(kind_masks(codes)) if kind_mask is None else kind_mask
        )

    @property
    def array(self) -> Array | None:
        """The texts, or number texts, or None if the cells are of other kinds."""
        if self.kinds == {ValueKind.TEXT}:
            if self.has_surrogates:
                "\ud800".encode()  # raises what Arrow would
            return self.texts
        return self.texts if self.kinds and self.kinds <= NUMBER_KINDS else None

    #: The cells themselves.
    values = array

    @property
    def quoted(self) -> Array:
        """The texts among the cells."""
        return pc.filter(self.texts, of_flags(self.codes == _TEXT_CODE))

    def by_cell(self) -> CellColumn:
        """Return the cells themselves."""
        return self

    def json_of(self, row: int) -> str:
        """Return the JSON of a cell for an error, of a long array or object the beginning."""
        text = self.texts[row].as_buffer()
        if len(text) > BATCH_BYTES and self.codes[row] in NESTED_CODES:
            return bytes(text[:BATCH_BYTES]).decode(errors="replace")
        return super().json_of(row)

    def constants(self) -> Iterator[tuple[int, str]]:
        """Return the rows with a bare ``NaN`` or infinity, and that value, or NaN if it is nested."""
        mention_one = combine(pc.match_substring_regex(self.texts, "NaN|Infinity"))
        for row in numbers_of(pc.indices_nonzero(mention_one)).tolist():
            code, text = self.codes[row], self.texts[row]
            if code == CODES[ValueKind.CONSTANT]:
                yield row, text.as_py()
            elif code in NESTED_CODES and exact_json.has_constant(text.as_buffer().to_pybytes()):
                yield row, "NaN"

    def first_of(self, kinds: frozenset[ValueKind]) -> int:
        """Return the first row with one of some kinds."""
        row: int = self._are(kinds).argmax().item()
        return row

    def odd_row(self) -> int:
        """Return the first row with the rarest kind; of equally rare ones, the last to begin."""
        groups = [self._are(kinds) for kinds in _ALIKE if kinds & self.kinds]
        return int(min(groups, key=lambda group: (np.count_nonzero(group), -group.argmax())).argmax())

    def _are(self, kinds: frozenset[ValueKind]) -> NDArray[np.bool_]:
        return np.isin(self.codes, [CODES[kind] for kind in kinds])

    def without(self, word: str, kind: ValueKind) -> tuple[CellColumn, NDArray[np.intp]]:
        """Return the cells with null for each occurrence of a word of a kind, and their rows."""
        rows = numbers_of(pc.indices_nonzero(combine(pc.equal(self.texts, to_scalar(word, pa.string())))))
        codes = self.codes.copy()
        rows = rows[codes[rows] == CODES[kind]]
        codes[rows] = 0
        # pyarrow 17's if_else breaks the offsets of a slice.
        texts = pc.replace_with_mask(self.texts, of_flags(codes == 0), to_scalar(None, pa.string()))
        flags = {"is_too_deep": self.is_too_deep, "has_surrogates": self.has_surrogates}
        return CellColumn(codes, texts, checkpoint=self.checkpoint, **flags), rows

    def surrogate_row(self) -> int:
        """Return the first row with a lone surrogate, if there is one."""
        may_have_one = combine(pc.match_substring_regex(self.texts, r"\\u[dD]"))
        row: int
        for row in numbers_of(pc.indices_nonzero(may_have_one)).tolist():
            self.checkpoint()
            is_nested = self.codes[row] in NESTED_CODES
            if self.codes[row] == SURROGATE or (
                is_nested and exact_json.has_lone_surrogate(self.texts[row].as_buffer().to_pybytes())
            ):
                break
        return row

    def json_texts(self) -> pa.ChunkedArray:
        """Return the JSON of each cell, null for null."""
        parts = []
        for start in range(0, self.rows, _BATCH):
            self.checkpoint()
            texts = self.texts.slice(start, _BATCH).to_pylist()
            codes = self.codes[start : start + _BATCH].tolist()
            cells = zip(codes, texts, strict=True)
            json = [exact_json.dump(text) if code == _TEXT_CODE else text for code, text in cells]
            parts.append(to_array(json, pa.string()))
        return pa.chunked_array(parts, pa.string())

    def narrowed(self) -> ScalarColumn | CellColumn:
        """Return cells of one scalar kind as a ScalarColumn."""
        kinds = self.kinds
        if kinds == {ValueKind.TEXT} and not self.has_surrogates:
            return ScalarColumn(ValueKind.TEXT, self.texts)
        if kinds == {ValueKind.BOOLEAN}:
            return ScalarColumn(ValueKind.BOOLEAN, pc.cast(self.texts, pa.bool_()))
        if kinds == {ValueKind.INTEGER}:
            with suppress(pa.ArrowInvalid):  # beyond 64 bits
                return ScalarColumn(ValueKind.INTEGER, pc.cast(self.texts, pa.int64()))
        return self

    def parts(self) -> Iterator[tuple[NDArray[np.uint8], pa.StringArray]]:
        """Return the codes and texts by block."""
        texts = chunks_of(self.texts)
        ends = np.cumsum([len(chunk) for chunk in texts], dtype=np.intp)
        return zip(np.split(self.codes, ends[:-1]), texts, strict=True)

    def _read(self, start: int, stop: int) -> Iterator[Any]:
        self.checkpoint()
        texts = self.texts.slice(start, stop - start).to_pylist()
        codes = self.codes[start:stop].tolist()
        return (_READERS[code](text) for code, text in zip(codes, texts, strict=True))


def texts_of(cells: Sequence[Any], reason: str, *, numbers: bool = False) -> Array:
    """Return the texts of cells, null for null; CellError at the first cell of another kind."""
    if not isinstance(cells, ScalarColumn | CellColumn):
        return to_array(check_texts(cells, reason, numbers=numbers), pa.string())
    unlike = cells.kinds - {ValueKind.TEXT} - (NUMBER_KINDS if numbers else frozenset())
    if unlike:
        row = cells.first_of(unlike)
        raise cell_error(row, cells[row], reason)
    if cells.has_surrogates:
        "\ud800".encode()  # raises what Arrow would
    return cells.texts


class Column:
    """One column before it has a type; ``whole`` if all rows of the result were received."""

    # Null is none of ``kinds`` and not counted. ``bounds`` are the min and max of the statistics, if they are
    # evidence of the type: if all rows were received, the values decide.

    def __init__(
        self,
        name: str,
        cells: ScalarColumn | CellColumn,
        statistics: ColumnStatistics = NO_STATISTICS,
        *,
        whole: bool = False,
    ) -> None:
        self.name = name
        self.cells = cells
        self.count: int = cells.present_count
        self.kinds: frozenset[ValueKind] = cells.kinds
        self.statistics = statistics
        self._whole = whole
        self.section: str | None = statistics.candidates[0]
        self.bounds: list[str] = []
        if not (whole and self.count):
            self.bounds = list(stated_bounds(statistics.sections.get(self.section or "", {})).values())

    def with_cells(self, cells: ScalarColumn | CellColumn) -> Column:
        """Return the column with other cells."""
        return Column(self.name, cells, self.statistics, whole=self._whole)

    def under(self, section: str | None) -> Column:
        """Return the column as if this section alone told its type."""
        statistics = msgspec.structs.replace(self.statistics, candidates=(section,))
        return Column(self.name, self.cells, statistics, whole=self._whole)

    def with_nat_as_null(self) -> Column | None:
        """Return the column with null for each ``NaT``, None unless the statistics count these as nulls."""
        stated = self.statistics.nulls
        if stated is None or ValueKind.TEXT not in self.kinds:
            return None
        cells, rows = self.cells.by_cell().without("NaT", ValueKind.TEXT)
        nulls = len(cells) - cells.present_count
        agrees = stated == nulls if self._whole else stated >= nulls
        return self.with_cells(cells.narrowed()) if agrees and len(rows) else None


# --- values that have been read, as another type: cast by Arrow if that is exact ---------------------
#
# The cells of a column are read before their type is known. 64-bit numbers, dates and timestamps are cast to
# the type of ``schema=``; others, and all without an exact cast, are read from their texts: the error then
# names the cell.

#: The most digits of a decimal128.
_FEW_DIGITS: Final = 38


def cast_exactly(cells: ScalarColumn, type_: pa.DataType) -> Array | None:
    """Return cells as a type, or None unless each is known to be one of its values exactly."""
    if pa.types.is_decimal(type_) and cells.kind is ValueKind.FRACTION:
        return _read_decimals(cells, type_)
    read = cells.values
    values = read.values if isinstance(read, TemporalValues | FloatValues) else read
    if values.type == type_:
        return values
    casts = (cast for is_source, is_target, cast in _CASTS if is_source(values.type) and is_target(type_))
    cast = next(casts, None)
    with suppress(pa.ArrowInvalid):
        return cast and cast(values, type_)
    return None


def longest_of(cells: ScalarColumn | CellColumn) -> Array:
    """Return the texts of cells, or one number with as many digits as any."""
    digits = _digits_of(cells)
    if digits is None:
        return cells.texts
    before, after = ("9" * count for count in digits)
    return to_array([f"{before or 0}.{after}".removesuffix(".")], pa.string())


def _digits_of(cells: ScalarColumn | CellColumn) -> tuple[int, int] | None:
    """Return the most digits before and after the point of JSON's own numbers, None unless they are few."""
    if not isinstance(cells, ScalarColumn) or cells.kind not in NUMBER_KINDS or not cells.present_count:
        return None
    if cells.kind is ValueKind.INTEGER:
        return max(len(str(extreme).lstrip("-0")) for extreme in pc.min_max(cells.array).values()), 0
    texts = combine(pc.drop_null(cells.array))
    data, (starts, ends) = bytes_of(texts), offsets_of(texts)
    starts, ends = starts - starts[0], ends - starts[0]
    if data.max() > ord("9"):  # an exponent
        return None
    points, found = ends.copy(), np.flatnonzero(data == ord("."))
    every: Any = slice(None)  # common case: all have a point
    points[every if len(found) == len(ends) else np.searchsorted(starts, found, "right") - 1] = found
    first = starts + (data[starts] == ord("-"))
    before = points - first - (data[first] == ord("0"))
    digits = int(before.max()), int((ends - points).max()) - bool(len(found))
    return digits if sum(digits) <= _FEW_DIGITS else None


def _read_decimals(cells: ScalarColumn, type_: pa.DataType) -> Array | None:
    """Return JSON's own numbers as decimals, or None if some may have too many digits."""
    # Beyond its digits Arrow wraps around a decimal.
    before, after = _digits_of(cells) or (type_.precision + 1, 0)
    is_held = before <= type_.precision - type_.scale and after <= type_.scale
    with suppress(pa.ArrowException):  # Arrow 17 casts no text to decimal256
        return pc.cast(cells.array, type_) if is_held else None
    return None


def _as_booleans(integers: Array, type_: pa.DataType) -> Array | None:
    """Return whole numbers as truth values if all are 0 or 1."""
    found = pc.cast(integers, type_)
    return found if pc.cast(found, integers.type).equals(integers) else None


def _as_timestamp(times: Array, type_: pa.DataType) -> Array | None:
    """Return dates or timestamps in another unit or time zone."""
    if type_.unit == "ns" and getattr(times.type, "unit", "") != "ns":
        times = pc.cast(times, pa.timestamp("us", type_.tz))
        # Checked here since the cast wraps around silently on some versions of Arrow.
        pc.multiply_checked(pc.cast(times, pa.int64()), to_scalar(1_000, pa.int64()))
    found = pc.cast(times, type_)
    is_shown = type_.tz is None or row_out_of_range(found, type_.tz) is None
    return found if is_shown else None


#: Casts of values to another type: exactly, or to None or ArrowInvalid.
_CASTS: Final[tuple[tuple[TypeTest, TypeTest, Callable[[Array, pa.DataType], Array | None]], ...]] = (
    (pa.types.is_int64, any_of(pa.types.is_integer, pa.types.is_floating), pc.cast),
    # 64 bits have at most 19 digits.
    (
        pa.types.is_int64,
        pa.types.is_decimal,
        lambda found, to: pc.cast(pc.cast(found, pa.decimal128(19)), to),
    ),
    (pa.types.is_int64, pa.types.is_boolean, _as_booleans),
    (pa.types.is_string, pa.types.is_large_string, pc.cast),  # Arrow 17 casts none to string_view
    (pa.types.is_date, pa.types.is_date, pc.cast),
    (pa.types.is_date, is_naive, _as_timestamp),
    (is_naive, is_naive, _as_timestamp),
    (is_aware, is_aware, _as_timestamp),
)
