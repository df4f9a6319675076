"""One column before it has a type: its cells and its statistics.

All is found from the whole column: a type guessed from the first rows may silently change later values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa

from connecty_frames.decode import arrow, exact_json
from connecty_frames.decode import compute as pc
from connecty_frames.decode.arrow import Array, TypeTest
from connecty_frames.decode.cells import CODES, SURROGATE, cell_error, escaped_in
from connecty_frames.decode.exact_json import NESTED_KINDS, NUMBER_KINDS, FloatText, IntText, ValueKind
from connecty_frames.decode.scanning import byte_table
from connecty_frames.decode.statistics import NO_STATISTICS, ColumnStatistics, stated_bounds
from connecty_frames.decode.types.numbers import FloatValues
from connecty_frames.decode.types.times import TemporalValues, row_out_of_range

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The cells of a column, or the temporal or float values read from them.
Values: TypeAlias = Array | TemporalValues | FloatValues

#: How many cells are made Python objects at once, and, of nested ones, how many bytes of JSON.
_BATCH: Final = 1 << 12
BATCH_BYTES: Final = 1 << 16

_ESCAPED: Final = byte_table(np.bool_, {b'"\\': 1, bytes(range(32)): 1})  # what JSON escapes in a text
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

    def _cells_between(self, start: int, stop: int) -> Iterator[Any]:
        """Return cells as ``exact_json.parse`` would."""
        raise NotImplementedError

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, self.rows, _BATCH):
            yield from self._cells_between(start, min(start + _BATCH, self.rows))

    def __getitem__(self, key: Any) -> Any:
        place = range(self.rows)[key]
        return next(self._cells_between(place, place + 1))

    def json_of(self, row: int) -> str:
        return exact_json.dump(self[row])


class ScalarCells(_Cells):
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
        self.present_count: int = self.rows - int(cells.null_count)  # how many cells are not null
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

    def by_cell(self) -> MixedCells:
        """Return texts, or numbers read as texts, with a kind for each."""
        texts = self.array
        is_fraction = pc.match_substring_regex(texts, "[.eE]") if self.kind is ValueKind.FRACTION else None
        codes = np.full(len(texts), CODES[ValueKind.INTEGER if is_fraction else self.kind], np.uint8)
        for code, has_it in ((CODES[self.kind], is_fraction), (0, pc.is_null(texts))):
            if has_it is not None:
                codes[arrow.rows_where(has_it)] = code
        return MixedCells(codes, texts)

    def first_of(self, _: frozenset[ValueKind]) -> int:
        """Return the first row except nulls: all are of one kind."""
        return arrow.index_of(pc.is_valid(self.array), value=True)

    def _cells_between(self, start: int, stop: int) -> Iterator[Any]:
        values = self.array.slice(start, stop - start).to_pylist()
        if self.kind not in NUMBER_KINDS:
            return iter(values)
        texts = (value if value is None else str(value) for value in values)
        return (
            text if text is None else IntText(text) if text.lstrip("-").isdecimal() else FloatText(text)
            for text in texts
        )


class MixedCells(_Cells):
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

    values = array

    @property
    def quoted(self) -> Array:
        """The texts among the cells."""
        return pc.filter(self.texts, arrow.of_flags(self.codes == _TEXT_CODE))

    def by_cell(self) -> MixedCells:
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
        for start, part in arrow.slices_of(self.texts):
            if not exact_json.mentions_constant(arrow.bytes_of(part).tobytes()):
                continue
            for row in (arrow.rows_where(pc.match_substring_regex(part, "NaN|Infinity")) + start).tolist():
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

    def without(self, word: str, kind: ValueKind) -> tuple[MixedCells, NDArray[np.intp]]:
        """Return the cells with null for each occurrence of a word of a kind, and their rows."""
        rows = arrow.rows_where(pc.equal(self.texts, arrow.to_scalar(word, pa.string())))
        codes = self.codes.copy()
        rows = rows[codes[rows] == CODES[kind]]
        codes[rows] = 0
        # pyarrow 17's if_else breaks the offsets of a slice.
        texts = pc.replace_with_mask(
            self.texts, arrow.of_flags(codes == 0), arrow.to_scalar(None, pa.string())
        )
        flags = {"is_too_deep": self.is_too_deep, "has_surrogates": self.has_surrogates}
        return MixedCells(codes, texts, checkpoint=self.checkpoint, **flags), rows

    def surrogate_row(self) -> int:
        """Return the first row with a lone surrogate, if there is one."""
        row: int
        rows = np.flatnonzero(self.codes == SURROGATE)
        if self.kinds & NESTED_KINDS:
            rows = arrow.rows_where(pc.match_substring_regex(self.texts, r"\\u[dD]"))
        for row in rows.tolist():
            self.checkpoint()
            text = self.texts[row].as_buffer().to_pybytes()
            if self.codes[row] != _TEXT_CODE and exact_json.has_lone_surrogate(text):
                break
        return row

    def json_texts(self) -> pa.ChunkedArray:
        """Return the JSON of each cell, null for null."""
        parts = []
        for start in range(0, self.rows, _BATCH):
            self.checkpoint()
            texts = arrow.combine(self.texts.slice(start, _BATCH))
            is_text = self.codes[start : start + _BATCH] == _TEXT_CODE
            quotes = pc.take(arrow.to_array(["", '"'], pa.string()), arrow.of_numbers(is_text.view(np.uint8)))
            parts.append(pc.binary_join_element_wise(quotes, texts, quotes, arrow.to_scalar("", pa.string())))
            is_escaped = arrow.of_flags(is_text & np.isin(np.arange(len(texts)), escaped_in(texts, _ESCAPED)))
            if is_escaped.true_count:
                dumped = list(map(exact_json.dump, texts.filter(is_escaped).to_pylist()))
                parts[-1] = pc.replace_with_mask(parts[-1], is_escaped, arrow.to_array(dumped, pa.string()))
        return pa.chunked_array(parts, pa.string())

    def narrowed(self) -> ScalarCells | MixedCells:
        """Return cells of one scalar kind as a ScalarCells."""
        kinds = self.kinds
        if kinds == {ValueKind.TEXT} and not self.has_surrogates:
            return ScalarCells(ValueKind.TEXT, self.texts)
        if kinds == {ValueKind.BOOLEAN}:
            return ScalarCells(ValueKind.BOOLEAN, pc.cast(self.texts, pa.bool_()))
        if kinds == {ValueKind.INTEGER}:
            with suppress(pa.ArrowInvalid):  # beyond 64 bits
                return ScalarCells(ValueKind.INTEGER, pc.cast(self.texts, pa.int64()))
        return self

    def parts(self) -> Iterator[tuple[NDArray[np.uint8], pa.StringArray]]:
        """Return the codes and texts by block."""
        texts = arrow.chunks_of(self.texts)
        ends = np.cumsum([len(chunk) for chunk in texts], dtype=np.intp)
        return zip(np.split(self.codes, ends[:-1]), texts, strict=True)

    def _cells_between(self, start: int, stop: int) -> Iterator[Any]:
        self.checkpoint()
        texts = self.texts.slice(start, stop - start).to_pylist()
        codes = self.codes[start:stop].tolist()
        return (_READERS[code](text) for code, text in zip(codes, texts, strict=True))


def texts_of(cells: Sequence[Any], reason: str, *, numbers: bool = False) -> Array:
    """Return the texts of cells, null for null; CellError at the first cell of another kind."""
    if not isinstance(cells, ScalarCells | MixedCells):
        for row, cell in enumerate(cells):
            if cell is not None and type(cell) is not str and not (numbers and isinstance(cell, str)):
                raise cell_error(row, cell, reason)
        return arrow.to_array(cells, pa.string())
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
        cells: ScalarCells | MixedCells,
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

    def with_cells(self, cells: ScalarCells | MixedCells) -> Column:
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


# The cells of a column are read before their type is known. 64-bit numbers, dates and timestamps are cast to
# the type of ``schema=``; others, and all without an exact cast, are read from texts, to name the cell.

_FEW_DIGITS: Final = 38  # the most digits of a decimal128


def cast_exactly(cells: ScalarCells, type_: pa.DataType) -> Array | None:
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


def longest_of(cells: ScalarCells | MixedCells) -> Array:
    """Return the texts of cells, or one number with as many digits as any."""
    digits = _digits_of(cells)
    if digits is None:
        return cells.texts
    before, after = ("9" * count for count in digits)
    return arrow.to_array([f"{before or 0}.{after}".removesuffix(".")], pa.string())


def _digits_of(cells: ScalarCells | MixedCells) -> tuple[int, int] | None:
    if not isinstance(cells, ScalarCells) or cells.kind not in NUMBER_KINDS or not cells.present_count:
        return None
    if cells.kind is ValueKind.INTEGER:
        return max(len(str(extreme).lstrip("-0")) for extreme in pc.min_max(cells.array).values()), 0
    texts = arrow.combine(pc.drop_null(cells.array))
    data, (starts, ends) = arrow.bytes_of(texts), arrow.offsets_of(texts)
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


def _read_decimals(cells: ScalarCells, type_: pa.DataType) -> Array | None:
    # Beyond its digits Arrow wraps around a decimal.
    before, after = _digits_of(cells) or (type_.precision + 1, 0)
    is_held = before <= type_.precision - type_.scale and after <= type_.scale
    with suppress(pa.ArrowException):  # Arrow 17 casts no text to decimal256
        return pc.cast(cells.array, type_) if is_held else None
    return None


def _as_booleans(integers: Array, type_: pa.DataType) -> Array | None:
    found = pc.cast(integers, type_)
    return found if pc.cast(found, integers.type).equals(integers) else None


def _as_timestamp(times: Array, type_: pa.DataType) -> Array | None:
    if type_.unit == "ns" and getattr(times.type, "unit", "") != "ns":
        times = pc.cast(times, pa.timestamp("us", type_.tz))
        # Checked here since the cast wraps around silently on some versions of Arrow.
        pc.multiply_checked(pc.cast(times, pa.int64()), arrow.to_scalar(1_000, pa.int64()))
    found = pc.cast(times, type_)
    return found if type_.tz is None or row_out_of_range(found, type_.tz) is None else None


#: Casts of values to another type: exactly, or to None or ArrowInvalid.
_CASTS: Final[tuple[tuple[TypeTest, TypeTest, Callable[[Array, pa.DataType], Array | None]], ...]] = (
    (pa.types.is_int64, arrow.any_of(pa.types.is_integer, pa.types.is_floating), pc.cast),
    # 64 bits have at most 19 digits.
    (
        pa.types.is_int64,
        pa.types.is_decimal,
        lambda found, to: pc.cast(pc.cast(found, pa.decimal128(19)), to),
    ),
    (pa.types.is_int64, pa.types.is_boolean, _as_booleans),
    (pa.types.is_string, pa.types.is_large_string, pc.cast),  # Arrow 17 casts none to string_view
    (pa.types.is_date, pa.types.is_date, pc.cast),
    (pa.types.is_date, arrow.is_naive, _as_timestamp),
    (arrow.is_naive, arrow.is_naive, _as_timestamp),
    (arrow.is_aware, arrow.is_aware, _as_timestamp),
)
