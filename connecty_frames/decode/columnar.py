"""The columnar reader: blocks of plain rows to Arrow columns at native speed.

Plain rows are rows of scalars in compact JSON. numpy finds their commas, and between two commas lies a cell.
So the block as it lies there is the data of an Arrow array whose offsets are the edges of its cells, and
Arrow takes the columns out of it. That this reading is the JSON's own is shown for each block, from these
facts and checks:

0. The body is JSON: msgspec has walked over it. So no text holds a control character, and after a backslash
   stands one of JSON's escapes. At UTF-8 msgspec did not look; Arrow does.
1. *Escapes are hidden*: a backslash behind a backslash that is not itself behind one becomes 0x01, a ``"``
   there becomes 0x02. Then every ``"`` in the block opens or closes a text.
2. *A block begins outside of texts and holds an even number of quotes*, so it ends outside of them too.
3. *There are as many cells as columns, or a multiple of that, and between two rows stands* ``],[``. These
   brackets belong to no cell.
4. *Each cell begins and ends as a token of its column does, or as null*: a text with a quote, a number with a
   digit, before which may be a minus, a truth value with ``t`` or ``f`` and ``e``. An empty cell would begin
   with what stands behind it, which is none of these; neither is white space.
5. *There are two quotes for each cell that is a text, and no more.* No cell has more than two: between two
   texts stands a comma, or they are inside of an object, which would begin with a brace. So each text has
   two, and they are its first and its last character; as quotes open and close in turn, it is one text,
   whole; no text is in another column, and all commas were outside of texts.

So every cell is one token, since a nested value would begin with a bracket or brace; and every row has as
many as there are columns.

A text may hold a comma; then a check fails. Such a block is cut again, at the commas that have an even number
of quotes before them. A block for which a check fails again is refused, and with it the whole body: the
general reader takes it.
"""

from __future__ import annotations

import codecs
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connecty_frames.decode import exact_json, numbers, temporal
from connecty_frames.decode.arrow_buffers import POOL, bytes_of
from connecty_frames.decode.column import ScalarColumn, concat
from connecty_frames.decode.exact_json import Kind, kind_of
from connecty_frames.decode.numbers import FloatValues
from connecty_frames.decode.temporal import TemporalValues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["read_plain"]

#: Blocks of this many bytes stay in a processor's cache, and bound the memory that the work takes.
_BLOCK: Final = 1 << 21
#: For more columns than these they are longer: each column of each block has its cost.
_FEW_COLUMNS: Final = 128
#: A row of more bytes than this is not plain: where it is nothing but commas, their places take thirty times
#: as much.
_LONGEST: Final = 1 << 23
#: Blocks that are read at once, and that wait.
_WORKERS: Final = min(2, os.cpu_count() or 1)
_WAITING: Final = 2 * _WORKERS
#: From how many bytes on the work is shared out evenly, with how much room for cutting between rows.
_SHARED: Final = 1 << 20
_SLACK: Final = 1 << 14
#: How much is looked at, in characters and rows, for what the columns hold. It proves nothing, and only
#: decides what is tried first.
_SNIFF: Final = 1 << 16
_SNIFF_ROWS: Final = 100

_UTF8: Final = codecs.getincrementaldecoder("utf-8")
_SEPARATOR: Final = b"],["
_QUOTE, _BACKSLASH, _COMMA, _ASCII = ord('"'), ord("\\"), ord(","), 0x7F
#: What stands for a backslash, and for a quote, behind a backslash: JSON has no such characters in texts.
_HIDDEN: Final = b"\x01\x02"
_SHOWN: Final = bytes.maketrans(_HIDDEN, b'\\"')
#: What Arrow reads a column as. Numbers with a fraction are read as the texts they are: their digits decide.
_READ_AS: Final = {
    Kind.TEXT: pa.string(),
    Kind.WHOLE: pa.int64(),
    Kind.FRACTION: pa.string(),
    Kind.BOOLEAN: pa.bool_(),
}
#: The tokens there are, one bit each, and by kind of column which it holds.
_TEXT, _NUMBER, _TRUTH, _NULL = 1, 2, 4, 8
_TOKENS: Final = {Kind.TEXT: _TEXT, Kind.WHOLE: _NUMBER, Kind.FRACTION: _NUMBER, Kind.BOOLEAN: _TRUTH}


def _by_byte(characters: dict[int, bytes]) -> NDArray[np.uint8]:
    """Make a table of all bytes that tells which token has a character there."""
    table = np.zeros(256, np.uint8)
    for token, some in characters.items():
        table[list(some)] = token
    return table


_BEGINS: Final = _by_byte({_TEXT: b'"', _NUMBER: b"-0123456789", _TRUTH: b"tf", _NULL: b"n"})
_ENDS: Final = _by_byte({_TEXT: b'"', _NUMBER: b"0123456789", _TRUTH: b"e", _NULL: b"l"})
#: What a column holds that begins with nulls, by the section of its statistics.
_BY_SECTION: Final = {"numeric": Kind.WHOLE, "boolean": Kind.BOOLEAN}


class _Reading(NamedTuple):
    """How a column is read: its kind, and, where its texts mean more, what reads them while they are at hand.

    ``quickly`` gives None where it cannot read the texts of a block; then the column is given as texts.
    """

    kind: Kind
    quickly: Callable[[pa.Array], TemporalValues | FloatValues | None] | None = None

    @property
    def keeps(self) -> bool:
        """Whether texts remain texts."""
        return self.quickly is None and _READ_AS[self.kind] == pa.string()

    def read(self, texts: pa.StringArray) -> _Part:
        """Read the texts of a block."""
        if self.quickly is not None:
            return self.quickly(texts)
        return texts if self.keeps else pc.cast(texts, _READ_AS[self.kind], memory_pool=POOL)


#: The column of a block: what its texts mean, or its values (None: they mean something that is not known).
_Part: TypeAlias = TemporalValues | FloatValues | pa.Array | None


class _NotPlain(Exception):
    """The rows are not what this reader reads."""


def read_plain(
    source: memoryview, sections: Mapping[str, str | None]
) -> tuple[list[Any], list[ScalarColumn]] | None:
    """Read rows as the header and the columns, or give None where they are not plain.

    Parameters
    ----------
    source
        The JSON of ``dataframe``, proved to be JSON.
    sections
        Which section of the statistics tells a column's type, by name.
    """
    try:
        glance = _sniff(source)
        if glance is None:
            # White space between tokens, as Python's own json writes it, is taken out in one go.
            source = memoryview(msgspec.json.format(source, indent=-1))
            glance = _sniff(source)
    except (ValueError, RecursionError, msgspec.DecodeError):
        return None
    if glance is None:
        return None
    header, first, start = glance
    readings = [_reading(value, sections.get(str(name))) for name, value in zip(header, first, strict=True)]
    # Where whole numbers turn out to be too long, or to stand beside fractions, all are read as texts.
    wider = [_Reading(Kind.FRACTION) if each.kind is Kind.WHOLE else each for each in readings]
    body = source[start:-2]
    if not header or not body or not {each.kind for each in readings} <= _READ_AS.keys():
        return None
    for attempt in (readings,) if wider == readings else (readings, wider):
        try:
            columns = _read(body, attempt)
        except (_NotPlain, pa.ArrowInvalid):
            continue
        return header, [_as_due(each.kind, column) for each, column in zip(readings, columns, strict=True)]
    return None


def _reading(first: Any, section: str | None) -> _Reading:
    """Choose how to read a column by its first value, None where none was seen."""
    kind = _BY_SECTION.get(section or "", Kind.TEXT) if first is None else kind_of(first)
    if kind is Kind.FRACTION:
        return _Reading(kind, numbers.read_fast)
    if kind is Kind.TEXT and first is not None and section in ("temporal", None):
        form = temporal.quick_form(first)
        if form is not None:
            return _Reading(kind, partial(temporal.read_fast, form=form))
    return _Reading(kind)


def _as_due(due: Kind, column: ScalarColumn) -> ScalarColumn:
    """Give a column as what it was due to be, though others needed to be read as texts."""
    if due is not column.kind:
        try:
            return ScalarColumn(due, pc.cast(column.array, _READ_AS[due]))
        except pa.ArrowInvalid:
            pass
    return column


def _sniff(source: memoryview) -> tuple[list[Any], list[Any], int] | None:
    """Give the header, the first value of each column (None: none seen), and where the first row begins.

    None stands for rows that are not compact.
    """
    text = _UTF8().decode(source[:_SNIFF])  # what is cut off at the end waits for more
    if not text.startswith("[[") or bytes(source[-2:]) != b"]]":
        return None
    header, end = exact_json.parse_first(text, 1)
    if text[end : end + 2] != ",[":
        return None
    start = len(text[:end].encode()) + 2
    first: list[Any] = [None] * len(header)
    for _ in range(_SNIFF_ROWS):
        try:
            row, end = exact_json.parse_first(text, end + 1)
        except ValueError:  # the end of what is looked at
            break
        if not isinstance(row, list) or len(row) != len(header):
            return None
        first = [cell if seen is None else seen for seen, cell in zip(first, row, strict=True)]
        if None not in first or text[end : end + 1] != ",":
            break
    return header, first, start


def _read(body: memoryview, readings: Sequence[_Reading]) -> list[ScalarColumn]:
    """Read all rows; gives up at the first block that is refused."""

    @cache
    def texts() -> list[ScalarColumn]:
        """Read all again, for what was lost by reading texts as something else; few ask for it."""
        return _read(body, [_Reading(each.kind) for each in readings])

    columns = []
    for position, (reading, parts) in enumerate(
        zip(readings, zip(*_parts(body, readings), strict=True), strict=True)
    ):
        if reading.quickly is None:
            columns.append(
                ScalarColumn(reading.kind, parts[0] if len(parts) == 1 else pa.chunked_array(parts))
            )
        else:
            columns.append(ScalarColumn(reading.kind, partial(_array_at, texts, position), concat(parts)))
    return columns


def _array_at(columns: Callable[[], list[ScalarColumn]], position: int) -> pa.ChunkedArray | pa.Array:
    return columns()[position].array


def _parts(body: memoryview, readings: Sequence[_Reading]) -> list[list[_Part]]:
    """Read the blocks, a few at once."""
    reader = _BlockReader(readings)
    size = min(_BLOCK * max(len(readings) // _FEW_COLUMNS, 1), _LONGEST)
    if len(body) > _SHARED:
        size = min(size, len(body) // _WORKERS + _SLACK)
    if len(body) <= size:
        return [reader.read(block) for block in _blocks(body, size)]
    parts = []
    waiting: deque[Future[list[_Part]]] = deque()
    with ThreadPoolExecutor(_WORKERS) as pool:
        try:
            for block in _blocks(body, size):
                waiting.append(pool.submit(reader.read, block))
                if len(waiting) > _WAITING:
                    parts.append(waiting.popleft().result())
            parts.extend(future.result() for future in waiting)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return parts


@dataclass(frozen=True, slots=True)
class _Block:
    """Some rows between two separators, in memory of their own, with escapes hidden."""

    data: NDArray[np.uint8]
    quotes: int
    escaped: bool


def _blocks(body: memoryview, usual: int) -> Iterator[_Block]:
    """Cut the rows into blocks of a usual size, at separators that stand outside of texts."""
    start = 0
    while start < len(body):
        size = usual
        block = None
        while block is None:
            if size > _LONGEST:
                raise _NotPlain
            block, cut = _block(body[start : start + size], whole=start + size >= len(body))
            size *= 2  # a row longer than the piece
        yield block
        start += cut


def _block(piece: memoryview, *, whole: bool) -> tuple[_Block | None, int]:
    """Give the longest block a piece holds and where the next begins; nothing if it holds none."""
    own = bytes(piece)
    escaped = b"\\" in own
    if escaped:  # of a run of backslashes, the first stands behind none
        own = own.replace(rb"\\", b"\\" + _HIDDEN[:1]).replace(rb"\"", b"\\" + _HIDDEN[1:])
    data = np.frombuffer(own, np.uint8)
    for find in (len,) if whole else (_last_separator, _last_outside):
        cut = find(own)
        if cut <= 0:
            break
        quotes = int(np.count_nonzero(data[:cut] == _QUOTE))
        if quotes % 2 == 0:
            return _Block(data[:cut], quotes, escaped), cut + len(_SEPARATOR)
    return None, 0


def _last_separator(piece: bytes) -> int:
    """Give where the last separator is, which may stand inside of a text; -1 for none."""
    return piece.rfind(_SEPARATOR)


def _last_outside(piece: bytes) -> int:
    """Give where the last separator outside of texts is, -1 for none, in one pass however many are inside."""
    data = np.frombuffer(piece, np.uint8)
    ends = _separators(data)
    opened = np.searchsorted(np.flatnonzero(data == _QUOTE), ends)
    outside = ends[opened % 2 == 0]
    return int(outside[-1]) if len(outside) else -1


def _separators(data: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Give where each ``],[`` begins."""
    ends = np.flatnonzero(data[:-2] == _SEPARATOR[0])
    found: NDArray[np.intp] = ends[(data[ends + 1] == _SEPARATOR[1]) & (data[ends + 2] == _SEPARATOR[2])]
    return found


class _BlockReader:
    """Reads blocks whose columns are read in given ways."""

    def __init__(self, readings: Sequence[_Reading]) -> None:
        self._readings = readings
        token_of = [_TOKENS[each.kind] for each in readings]
        self._may_be = np.array([token | _NULL for token in token_of], np.uint8)
        #: By how much the edges of a cell are moved to leave its quotes out.
        self._inwards = np.array([token == _TEXT for token in token_of], np.intp)
        # What is kept is taken alone, or it would keep the memory of all that is taken with it.
        self._order = sorted(range(len(readings)), key=lambda position: not readings[position].keeps)
        self._first_row = 2 * np.array(self._order, np.int32)
        kept = sum(each.keeps for each in readings)
        self._runs = [slice(each, each + 1) for each in range(kept)]
        if kept < len(readings):
            self._runs.append(slice(kept, len(readings)))

    def read(self, block: _Block) -> list[_Part]:
        """Read a block, or refuse it."""
        buffer = pa.py_buffer(block.data)
        if block.data.max() > _ASCII:
            _check_utf8(buffer)
        commas = block.data == _COMMA
        try:
            edges, nulls = self._cells(block, commas.nonzero()[0])
        except _NotPlain:
            edges, nulls = self._cells(block, _outside(block.data, commas))
        # Each cell and, between two, what separates them: as such the block is an array as it lies there.
        pieces = pa.Array.from_buffers(pa.string(), edges.size - 1, [None, pa.py_buffer(edges), buffer])
        width, rows = nulls.shape
        nulls = nulls[self._order]
        places = np.add.outer(self._first_row, np.arange(0, edges.size, 2 * width, dtype=np.int32))
        columns: list[_Part] = [None] * width
        for run in self._runs:
            texts = pc.take(pieces, _indices(places[run], nulls[run]), memory_pool=POOL)
            for number, position in enumerate(self._order[run]):
                reading, column = self._readings[position], texts.slice(number * rows, rows)
                if block.escaped and reading.kind is Kind.TEXT:
                    column = _unescaped(column)
                columns[position] = reading.read(column)
        return columns

    def _cells(self, block: _Block, commas: NDArray[np.intp]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Give where each cell starts and ends, quotes left out, and, by column and row, which are null."""
        data, width = block.data, len(self._readings)
        rows, left = divmod(len(commas) + 1, width)
        if left:
            raise _NotPlain
        starts, ends = np.empty((2, rows, width), np.intp)
        np.add(commas, 1, out=starts.ravel()[1:])
        ends.ravel()[:-1] = commas
        starts[0, 0], ends[-1, -1] = 0, len(data)
        ends[:-1, -1] -= 1
        if (data[ends[:-1, -1]] != _SEPARATOR[0]).any() or (data[starts[1:, 0]] != _SEPARATOR[2]).any():
            raise _NotPlain
        starts[1:, 0] += 1
        # Only an empty cell can lie at the end, or end at the start, of the block: clipped, it is refused.
        first, last = data.take(starts, mode="clip"), data.take(ends - 1, mode="clip")
        exact_json = _BEGINS.take(first) & _ENDS.take(last)
        if not (exact_json & self._may_be).all() or 2 * np.count_nonzero(exact_json == _TEXT) != block.quotes:
            raise _NotPlain
        starts += self._inwards
        ends -= self._inwards
        edges = np.empty((rows, width, 2), np.int32)
        edges[..., 0], edges[..., 1] = starts, ends
        return edges, (exact_json == _NULL).T


def _outside(data: NDArray[np.uint8], commas: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Give the places of commas that have an even number of quotes before them."""
    marks = (commas | (data == _QUOTE)).nonzero()[0]
    quotes = data[marks] == _QUOTE
    inside = np.cumsum(quotes, dtype=np.uint8) & 1  # of which the last bit is right
    places: NDArray[np.intp] = marks[(inside == 0) & ~quotes]
    return places


def _indices(places: NDArray[np.int32], nulls: NDArray[np.bool_]) -> pa.Int32Array:
    """Give places as what Arrow takes, null where there is a null."""
    valid = pa.py_buffer(np.packbits(~nulls, bitorder="little")) if nulls.any() else None
    return pa.Array.from_buffers(pa.int32(), places.size, [valid, pa.py_buffer(places.ravel())])


def _check_utf8(buffer: pa.Buffer) -> None:
    """Look at the bytes of a whole block, which ends outside of texts and so between two characters."""
    offsets = pa.py_buffer(np.array([0, buffer.size], np.int32))
    pc.cast(pa.Array.from_buffers(pa.binary(), 1, [None, offsets, buffer]), pa.string())


def _unescaped(chunk: pa.StringArray) -> pa.StringArray:
    """Decode a column's texts as one JSON array of them, if any holds an escape."""
    if not (bytes_of(chunk) == _BACKSLASH).any():
        return chunk
    one = pa.ListArray.from_arrays([0, len(chunk)], pc.fill_null(chunk, ""))
    text = pc.binary_join(one, '","')[0].as_buffer().to_pybytes().translate(_SHOWN)
    values = msgspec.json.decode(b'["' + text + b'"]', type=list[str])
    return pa.array(values, pa.string(), mask=pc.is_null(chunk).to_numpy(zero_copy_only=False))
