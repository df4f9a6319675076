"""The columnar reader: rows of scalars in JSON to Arrow columns at native speed.

numpy finds the commas of a block of rows; between two commas is a cell. So the block itself, without a copy,
is the data of an Arrow array whose offsets are the starts and ends of the cells, and Arrow takes the columns
out of it. The JSON is compact, or has one space behind each comma, as Python's own json writes it. These
facts and checks prove for each block that its cells are those of the JSON:

0. The body is JSON: msgspec has validated it. So no text holds a control character, and a backslash begins
   one of JSON's escapes. msgspec did not check UTF-8; Arrow does.
1. *Escapes are hidden*: an escaped backslash becomes 0x01, an escaped ``"`` becomes 0x02. Then every ``"`` in
   the block opens or closes a text.
2. *A block begins outside of texts and holds an even number of quotes*, so it ends outside of them too.
3. *The number of cells is a multiple of the number of columns, and between two rows is* ``],[``; where rows
   have spaces, *one is behind each comma*. These brackets and spaces belong to no cell.
4. *Each cell begins and ends as null or as a token of its column does.* A text begins and ends with a quote.
   A number begins with a digit or a minus, and ends with a digit. A truth value begins with ``t`` or ``f``,
   and ends with ``e``. An empty cell would begin with the separator behind it, which is none of these;
   neither is white space.
5. *There are exactly two quotes for each cell that is a text.* No cell has more than two: between two texts
   is a comma, or they are inside of an object, which would begin with a brace. So each text has two, its
   first and its last character. As quotes open and close in turn, these enclose one text; no text is in
   another column, and all commas were outside of texts.

So every cell is one token, since a nested value would begin with a bracket or brace; and every row has as
many as there are columns. A block of two rows of three columns, for example::

    "x","y",null],["c",-2.5,null
       |   |     |    |    |        commas: one between two cells, or between two rows
    ^^^ ^^^ ^^^^   ^^^ ^^^^ ^^^^    cells: the brackets between two rows belong to none
     ^   ^          ^               texts, without their quotes

The offsets of the array of cells are the start of cell 0, its end, the start of cell 1, and so on: cell ``n``
is element ``2n`` of the array, and what separates it from the next is element ``2n + 1``. Row ``r`` of column
``c`` is cell ``r * columns + c``.

If a text holds a comma, a check fails. Such a block is cut again, at the commas that have an even number of
quotes before them. If a check fails again, the block is refused, and with it all rows: they are read once
more with whole numbers as texts, then by the general reader.
"""

from __future__ import annotations

import codecs
import os
import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa

from connecty_frames.decode import compute as pc
from connecty_frames.decode import exact_json
from connecty_frames.decode.arrow import POOL, Array
from connecty_frames.decode.cells import FEW_COLUMNS, block_size, cell_array, escaped_in, take, unescape
from connecty_frames.decode.exact_json import KIND_BY_TYPE, LIMITS, ReaderLimits, ValueKind, hide_escapes
from connecty_frames.decode.scanning import byte_table, outside_texts
from connecty_frames.decode.schema import match_names
from connecty_frames.decode.types import numbers, times
from connecty_frames.decode.types.column import ScalarCells
from connecty_frames.decode.types.numbers import FloatValues
from connecty_frames.decode.types.times import TemporalValues

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEPARATORS: Final = (b"],[", b"], [")  # between two rows: in compact JSON, and as Python's json writes it
#: How many blocks are read at once; twice as many wait.
_WORKERS: Final = min(2, os.cpu_count() or 1)
#: How many bytes, at least for each column, and rows are usually sniffed for the kinds of the columns, which
#: only decides on the first attempt. A few rows are usually enough, and take a tenth of the time.
_SNIFFED_FIRST: Final = 1 << 12
_SNIFFED_BYTES: Final = 1 << 16
_SNIFFED_OF_EACH: Final = 1 << 7
_SNIFFED_ROWS: Final = 100

_CELL: Final = r'(?:[^",\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")'  # the pattern of a scalar in JSON

_COMMA, _QUOTE, _ASCII = b',"\x7f'
#: The Arrow types of some kinds. Numbers with a fraction stay texts: their digits decide on the type.
_CAST_TYPES: Final = {ValueKind.INTEGER: pa.int64(), ValueKind.BOOLEAN: pa.bool_()}
#: JSON's scalar tokens, one bit each, and the token of each kind.
_TEXT, _NUMBER, _TRUTH, _NULL = 1, 2, 4, 8
_TOKENS: Final = {
    ValueKind.TEXT: _TEXT,
    ValueKind.INTEGER: _NUMBER,
    ValueKind.FRACTION: _NUMBER,
    ValueKind.BOOLEAN: _TRUTH,
}
_BEGINS: Final = byte_table(np.uint8, {b'"': _TEXT, b"-0123456789": _NUMBER, b"tf": _TRUTH, b"n": _NULL})
_ENDS: Final = byte_table(np.uint8, {b'"': _TEXT, b"0123456789": _NUMBER, b"e": _TRUTH, b"l": _NULL})

#: A column of a block: an array, the values parsed from its texts, or None where they could not be parsed.
_Part: TypeAlias = TemporalValues | FloatValues | pa.Array | None


class UnsupportedRows(Exception):
    """The columnar reader does not support the rows."""


class Block(NamedTuple):
    """Whole rows, without the separators around them, in memory of their own."""

    data: NDArray[np.uint8]  # with escaped backslashes and quotes replaced
    quotes: int  # how many there are
    escaped: bool  # there are backslashes


class _ColumnReader(NamedTuple):
    """The kind of a column's cells, and a parser of its texts while they are in the processor's cache."""

    kind: ValueKind
    #: Returns None if it cannot parse the texts of a block; without it, the kind decides.
    parse: Callable[[pa.Array], TemporalValues | FloatValues | None] | None = None

    def read(self, texts: pa.StringArray, *, escaped: bool) -> _Part:
        if escaped and self.kind is ValueKind.TEXT:
            texts, lone = unescape(texts, escaped_in(texts))
            if lone:
                raise UnsupportedRows
        if self.parse is not None:
            return self.parse(texts)
        type_ = _CAST_TYPES.get(self.kind)
        return texts if type_ is None else pc.cast(texts, type_, memory_pool=POOL)


def read_columnar(
    source: memoryview, sections: Mapping[str, str | None], limits: ReaderLimits = LIMITS
) -> tuple[list[Any], list[ScalarCells]] | None:
    """Read the JSON of ``dataframe``, already validated, as header and columns, or None if unsupported."""
    try:
        sniffed = _sniff(source, limits)
        if sniffed is None:
            # Other white space between tokens is removed first.
            source = memoryview(msgspec.json.format(source, indent=-1))
            sniffed = _sniff(source, limits)
    except (ValueError, RecursionError, UnsupportedRows, msgspec.DecodeError):
        return None
    if sniffed is None:
        return None
    header, first_cells, body, separator = sniffed
    limits.checkpoint()
    entries, _ = match_names(list(map(str, header)), sections)
    readers = [
        _choose_reader(cell, None if entry is None else sections[entry])
        for entry, cell in zip(entries, first_cells, strict=True)
    ]
    if not header or not body or not {reader.kind for reader in readers} <= _TOKENS.keys():
        return None
    # If some whole numbers turn out to be too long, or to be mixed with fractions, all are read as texts.
    wider = [
        _ColumnReader(ValueKind.FRACTION) if reader.kind is ValueKind.INTEGER else reader
        for reader in readers
    ]
    for attempt in (readers,) if wider == readers else (readers, wider):
        try:
            columns = _read_columns(body, separator, attempt, limits)
        except UnsupportedRows:
            return None  # whatever their numbers are read as
        except (pa.ArrowInvalid, msgspec.DecodeError):
            continue
        return header, columns if attempt is readers else list(map(_as_whole_numbers, columns, readers))
    return None


def _sniff(source: memoryview, limits: ReaderLimits) -> tuple[list[Any], list[Any], memoryview, bytes] | None:
    """Return the header, the first cell of each column except nulls, the rows, and their separator.

    Return None if the white space is not supported.
    """
    # If the header and the first row are longer, as many bytes as the longest allowed row are sniffed.
    found, enough = None, 0
    for most in (_SNIFFED_FIRST, _SNIFFED_BYTES, limits.longest_row):
        size = enough or most
        # An incomplete character at the end is left out.
        text = codecs.getincrementaldecoder("utf-8")().decode(source[:size])
        if not text.startswith("[[") or bytes(source[-2:]) != b"]]":
            return None
        try:
            header, end = exact_json.parse_first(text, 1)
            if len(header) > limits.most_columns:
                raise UnsupportedRows
            behind = text[end - 1 :][: len(SEPARATORS[-1])].encode()  # it may be cut off
            separator = next((each for each in SEPARATORS if each.startswith(behind[: len(each)])), None)
            limits.checkpoint()
            # To parse a nested row may take a hundred times its size, in vain.
            more = max(len(header) - 1, 0)
            plain_row = rf",[ ]?\[{_CELL}(?:,[ ]?+{_CELL}){{{more}}}\]"
            pattern = re.compile(plain_row, re.DOTALL) if size > _SNIFFED_BYTES else None
            if separator is None or (pattern and not pattern.match(text, end)):
                return None
            start = end + len(separator) - 2
            _, stop = exact_json.parse_first(text, start)
        except ValueError:  # they are cut off
            continue
        if separator != SEPARATORS[0] and msgspec.json.format(text[start:stop], indent=0) != text[start:stop]:
            return None  # its cells are separated in another way
        enough = max(_SNIFFED_BYTES, _SNIFFED_OF_EACH * len(header))
        first_cells = _first_cells(text[: max(stop + 1, enough)], end, separator, len(header), pattern)
        if first_cells is None:
            return None
        found = header, first_cells, source[len(text[:start].encode()) + 1 : -2], separator
        if size >= enough or None not in first_cells:
            break
    return found


def _first_cells(
    text: str, end: int, separator: bytes, columns: int, pattern: re.Pattern[str] | None
) -> list[Any] | None:
    """Return the first cell of each column except nulls, or None if the rows behind the header differ."""
    first_cells: list[Any] = [None] * columns
    for _ in range(_SNIFFED_ROWS):
        if pattern and not pattern.match(text, end):
            break
        try:
            row, end = exact_json.parse_first(text, end + len(separator) - 2)
        except ValueError:  # the end of the sniffed text
            break
        if not isinstance(row, list) or len(row) != columns:
            return None
        first_cells = [cell if found is None else found for found, cell in zip(first_cells, row, strict=True)]
        if None not in first_cells or text[end : end + 1] != ",":
            break
    return first_cells


def _choose_reader(first: Any, section: str | None) -> _ColumnReader:
    if first is None:
        kinds = {"numeric": ValueKind.INTEGER, "boolean": ValueKind.BOOLEAN}
        return _ColumnReader(kinds.get(section or "", ValueKind.TEXT))
    kind = KIND_BY_TYPE[type(first)]
    if kind is ValueKind.FRACTION:
        return _ColumnReader(kind, numbers.read_fast)
    if kind is ValueKind.TEXT and section in ("temporal", None):
        type_ = next(iter(times.fast_casts(first)), None)
        if type_ is not None:
            return _temporal_reader(type_, inferred=section is None)
    return _ColumnReader(kind)


@cache  # gives columns of one type equal readers
def _temporal_reader(type_: pa.DataType, *, inferred: bool) -> _ColumnReader:
    return _ColumnReader(ValueKind.TEXT, partial(times.read_fast, type_=type_, inferred=inferred))


def _as_whole_numbers(column: ScalarCells, reader: _ColumnReader) -> ScalarCells:
    if reader.kind is not column.kind:
        with suppress(pa.ArrowInvalid):
            return ScalarCells(reader.kind, pc.cast(column.array, _CAST_TYPES[reader.kind]))
    return column


def _read_columns(
    body: memoryview, separator: bytes, readers: Sequence[_ColumnReader], limits: ReaderLimits
) -> list[ScalarCells]:

    @cache
    def read_again() -> list[ScalarCells]:
        """Read all columns without parsing their texts, for the few in need of texts."""
        return _read_columns(body, separator, [_ColumnReader(reader.kind) for reader in readers], limits)

    def texts_of(position: int) -> Array:
        return read_again()[position].array

    columns = []
    blocks = _read_blocks(body, separator, readers, limits)
    for position, (reader, *parts) in enumerate(zip(readers, *blocks, strict=True)):
        if position % 1_000 == 0:  # pragma: no mutate - a size
            limits.checkpoint()
        texts = None if reader.parse is None else partial(texts_of, position)
        values = parts[0]
        if None in parts:  # some texts could not be parsed
            values, texts = texts_of(position), None
        elif len(parts) > 1:
            values = pa.chunked_array(parts) if texts is None else type(values).concat(parts)
        columns.append(ScalarCells(reader.kind, values, texts))
    return columns


def _read_blocks(
    body: memoryview, separator: bytes, readers: Sequence[_ColumnReader], limits: ReaderLimits
) -> list[list[_Part]]:
    limits.checkpoint()
    reader = _BlockReader(readers, separator)
    size = block_size(limits.block, len(readers), limits)
    if len(body) > size // 2:
        # An even share for each worker, and room to cut it between rows.
        size = min(size, len(body) // _WORKERS + (1 << 14))  # pragma: no mutate - a size
    blocks = cut_blocks(body, separator, size, limits.longest_row)
    if len(body) <= size:  # pragma: no mutate - saves time
        return [reader.read(block) for block in blocks]
    parts = []
    waiting: deque[Future[list[_Part]]] = deque()
    with ThreadPoolExecutor(_WORKERS) as pool:
        try:
            for block in blocks:
                limits.checkpoint()
                waiting.append(pool.submit(reader.read, block))
                if len(waiting) > 2 * _WORKERS:  # pragma: no mutate - saves memory
                    parts.append(waiting.popleft().result())
            parts.extend(future.result() for future in waiting)
        except BaseException:
            pool.shutdown(cancel_futures=True)  # pragma: no mutate - saves time
            raise
    return parts


def cut_blocks(body: memoryview, separator: bytes, size: int, longest_row: int) -> Iterator[Block]:
    """Cut rows into blocks of about the given size, at separators outside of texts."""
    start = 0
    while start < len(body):
        length, block = size, None
        while block is None:
            if length > longest_row:
                raise UnsupportedRows
            block = _cut_block(body[start : start + length], separator, is_last=start + length >= len(body))
            length *= 2  # a row may be longer than the piece
        yield block
        start += len(block.data) + len(separator)


def _cut_block(piece: memoryview, separator: bytes, *, is_last: bool) -> Block | None:
    text = bytes(piece)
    escaped = b"\\" in text
    if escaped:
        text = hide_escapes(text)
    data = np.frombuffer(text, np.uint8)
    end = len(text) if is_last else text.rfind(separator)
    quotes = np.count_nonzero(data[:end] == _QUOTE)
    if quotes % 2 and 0 < end < len(text):  # the separator is in a text
        end = _last_outside_texts(data, separator)
        quotes = np.count_nonzero(data[:end] == _QUOTE)
    return Block(data[:end], int(quotes), escaped) if end > 0 else None


def _last_outside_texts(data: NDArray[np.uint8], separator: bytes) -> int:
    ends = commas_outside_texts(data, data == _COMMA) - 1
    for offset, byte in enumerate(separator):
        ends = ends[data.take(ends + offset, mode="clip") == byte]
    return int(ends[-1]) if len(ends) else -1


class _BlockReader:
    """Reads blocks of rows; of many columns, all with equal readers at once."""

    def __init__(self, readers: Sequence[_ColumnReader], separator: bytes) -> None:
        self._readers, self._separator = readers, separator
        self._allowed = np.array([_TOKENS[reader.kind] | _NULL for reader in readers], np.uint8)
        # Columns of one group are taken together; of few, one of texts alone: it keeps its group's memory.
        self._at_once = len(readers) > FEW_COLUMNS
        groups = defaultdict[object, list[int]](list)
        for position, reader in enumerate(readers):
            is_kept = reader.parse is None and reader.kind not in _CAST_TYPES
            own = position if is_kept else -1
            groups[reader if self._at_once else own].append(position)
        self._groups = list(groups.values())

    def read(self, block: Block) -> list[_Part]:
        if block.data.max() > _ASCII:  # Arrow checks the block; it ends between two characters
            offsets = pa.py_buffer(np.array([0, block.data.size], np.int32))
            whole = pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(block.data)])
            pc.cast(whole, pa.string())
        is_comma = block.data == _COMMA
        with suppress(UnsupportedRows):
            return self._take_columns(block, *self._find_cells(block, is_comma.nonzero()[0]))
        # Not in a handler: its exception would keep the memory of the first attempt.
        return self._take_columns(block, *self._find_cells(block, commas_outside_texts(block.data, is_comma)))

    def _find_cells(self, block: Block, commas: NDArray[np.intp]) -> tuple[pa.StringArray, NDArray[np.bool_]]:
        """Return the array of all cells, without their quotes, and by column True for each except nulls."""
        data, width = block.data, len(self._readers)
        closing, _, *spaces, opening = self._separator
        rows, left_over = divmod(len(commas) + 1, width)
        between_rows = commas[width - 1 :: width]
        begins = 1 + len(spaces)  # where a cell begins behind a comma
        # Fact 3. Clipped, since the commas of the first attempt may be of a text at the end of the block.
        if (
            left_over
            or (data[between_rows - 1] != closing).any()
            or (data.take(between_rows + begins, mode="clip") != opening).any()
            or (spaces and (data.take(commas + 1, mode="clip") != spaces[0]).any())
        ):
            raise UnsupportedRows
        bounds = np.empty((rows * width, 2), np.int32)
        bounds[1:, 0], bounds[:-1, 1] = commas, commas
        bounds[1:, 0] += begins
        bounds[0, 0], bounds[-1, 1] = 0, len(data)
        del commas  # as large as all bounds
        starts, ends = bounds[:, 0].reshape(rows, width), bounds[:, 1].reshape(rows, width)
        ends[:-1, -1] -= 1
        starts[1:, 0] += 1
        # Only an empty cell can start at the end of the block or end at its start: clipped, it is refused.
        first, last = data.take(starts, mode="clip"), data.take(ends - 1, mode="clip")
        tokens = _BEGINS.take(first) & _ENDS.take(last)
        is_text = tokens == _TEXT
        # Facts 4 and 5. Repeated for all rows: numpy takes five times as long to repeat it while it computes.
        allowed = np.tile(self._allowed, (len(tokens), 1))
        if not (tokens & allowed).all() or 2 * np.count_nonzero(is_text) != block.quotes:
            raise UnsupportedRows
        starts += is_text  # to leave the quotes out
        ends -= is_text
        return cell_array(data, bounds), (tokens != _NULL).T

    def _take_columns(self, block: Block, cells: pa.StringArray, is_valid: NDArray[np.bool_]) -> list[_Part]:
        width, rows = is_valid.shape
        first_cells = np.arange(0, len(cells), 2 * width, dtype=np.int32)
        columns: list[_Part] = [None] * width
        for positions in self._groups:
            places = np.add.outer(2 * np.array(positions, np.int32), first_cells)
            texts = take(cells, places, is_valid[positions])
            values = None
            if self._at_once:
                values = self._readers[positions[0]].read(texts, escaped=block.escaped)
            if isinstance(values, TemporalValues) and len(values.offsets) > 1:
                values = None  # each column has offsets of its own
            elif isinstance(values, FloatValues) and values.inexact:
                values = None  # each column counts its own
            for number, position in enumerate(positions):
                if values is None:
                    column = texts.slice(number * rows, rows)
                    columns[position] = self._readers[position].read(column, escaped=block.escaped)
                else:
                    columns[position] = values.slice(number * rows, rows)
        return columns


def commas_outside_texts(data: NDArray[np.uint8], is_comma: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the positions of the commas with an even number of quotes before them."""
    marks = (is_comma | (data == _QUOTE)).nonzero()[0]
    positions: NDArray[np.intp] = marks[outside_texts(data[marks] == _QUOTE)]
    return positions
