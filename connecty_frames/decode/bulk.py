"""The columnar reader: blocks of plain rows to Arrow columns at native speed.

Plain rows are rows of scalars in compact JSON. They look like CSV, which Arrow reads in C++: each ``],[``
is made a line break, and with the quote character turned off every field is a JSON token as it stands, its
``"`` included. That this reading is the JSON's own is shown for each block, from these facts and checks:

0. The body is JSON: msgspec has walked over it. So no text holds a control character, and after a backslash
   stands one of JSON's escapes.
1. *Escapes are hidden*: a backslash behind a backslash that is not itself behind one becomes 0x01, a ``"``
   there becomes 0x02. Then every ``"`` in the block opens or closes a text.
2. *A block begins outside of texts and holds an even number of quotes*, so it ends outside of them too.
3. *Each field of a text column that is not null begins and ends with a quote, and there are no more quotes
   than these.* So each has two, and none is empty; as quotes open and close in turn, each is one text, whole;
   no text is in another column, and all separators were outside of texts.
4. *Each field of a number column that is not null begins with a digit or a minus, and has no white space*; so
   it is a number. Arrow itself refuses what is no whole number or no truth value in a column of these. So no
   field begins with a bracket or brace, and where none begins with one, there is none outside of texts.
5. *No field is empty.* JSON has no two commas without a value between them, but white space may hold a line
   break: then a line that is a part of a row has an empty field behind its last comma or before its first.
   So a line is a whole row. Arrow itself refuses a line with more or fewer fields than there are columns.
6. *There are as many lines as separators, and one more*: no row was empty.

A text may hold a comma or ``],[``; then (3) fails, or a row does not fit. Such a block is read again with
each ``"`` led by 0x03, which is then Arrow's quote character: a text is a quoted field that holds its own two
quotes, the checks stay the same, and line breaks inside of a field are the ``],[`` that they were.

A block for which a check fails is refused, and with it the whole body: the general reader takes it.
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
from pyarrow import csv

from connecty_frames.decode import numbers, temporal, tokens
from connecty_frames.decode.buffers import POOL, bytes_of, texts_of
from connecty_frames.decode.evidence import Kind, PlainColumn, kind_of
from connecty_frames.decode.numbers import Amounts
from connecty_frames.decode.temporal import Moments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray


__all__ = ["read_plain"]

#: Blocks of this many bytes stay in a processor's cache, and bound the memory that the work takes.
_BLOCK: Final = 1 << 20
#: For more columns than these they are longer: each column of each block has its cost.
_FEW_COLUMNS: Final = 128
#: A row of more bytes than this is not plain: Arrow counts the bytes of a block in 32 bits.
_LONGEST: Final = 1 << 29
#: Blocks that are read at once, and that wait.
_WORKERS: Final = min(2, os.cpu_count() or 1)
_WAITING: Final = 2 * _WORKERS
#: How much is looked at, in characters and rows, for what the columns hold. It proves nothing, and only
#: decides what is tried first.
_GLANCE: Final = 1 << 16
_GLANCE_ROWS: Final = 100

_UTF8: Final = codecs.getincrementaldecoder("utf-8")
_SEPARATOR: Final = b"],["
_QUOTE, _BACKSLASH, _NEWLINE = ord('"'), ord("\\"), ord("\n")
#: What stands for a backslash, and for a quote, behind a backslash: JSON has no such characters in texts.
_HIDDEN_BACKSLASH, _HIDDEN_QUOTE = 1, 2
_SHOWN: Final = bytes.maketrans(b"\x01\x02", b'\\"')
#: What Arrow reads a column as. Numbers with a fraction are read as the texts they are: their digits decide.
_READ_AS: Final = {
    Kind.TEXT: pa.string(),
    Kind.WHOLE: pa.int64(),
    Kind.FRACTION: pa.string(),
    Kind.BOOLEAN: pa.bool_(),
}
#: What a column holds that begins with nulls, by the section of its statistics.
_BY_SECTION: Final = {"numeric": Kind.WHOLE, "boolean": Kind.BOOLEAN}


class _Reading(NamedTuple):
    """How a column is read: its kind, and, where its texts mean more, what reads them while they are at hand.

    ``quickly`` gives None where it cannot read the texts of a block; then the column is given as texts.
    """

    kind: Kind
    quickly: Callable[[pa.Array], Moments | Amounts | None] | None = None


#: The column of a block: what its texts mean, or its values (None: they mean something that is not known).
_Part: TypeAlias = Moments | Amounts | pa.Array | None


class _NotPlain(Exception):
    """The rows are not what this reader reads."""


def read_plain(
    source: memoryview, sections: Mapping[str, str | None]
) -> tuple[list[Any], list[PlainColumn]] | None:
    """Read rows as the header and the columns, or give None where they are not plain.

    Parameters
    ----------
    source
        The JSON of ``dataframe``, proved to be JSON.
    sections
        Which section of the statistics tells a column's type, by name.
    """
    try:
        glance = _glance(source)
        if glance is None:
            # White space between tokens, as Python's own json writes it, is taken out in one go.
            source = memoryview(msgspec.json.format(source, indent=-1))
            glance = _glance(source)
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


def _reading(first: Any, section: str | None) -> _Reading:  # noqa: ANN401 - any JSON value
    """Choose how to read a column by its first value, None where none was seen."""
    kind = _BY_SECTION.get(section or "", Kind.TEXT) if first is None else kind_of(first)
    if kind is Kind.FRACTION:
        return _Reading(kind, numbers.read_quickly)
    if kind is Kind.TEXT and first is not None and section in ("temporal", None):
        form = temporal.quick_form(first)
        if form is not None:
            return _Reading(kind, partial(temporal.read_quickly, form=form))
    return _Reading(kind)


def _as_due(due: Kind, column: PlainColumn) -> PlainColumn:
    """Give a column as what it was due to be, though others needed to be read as texts."""
    if due is not column.kind:
        try:
            return PlainColumn(due, pc.cast(column.array, _READ_AS[due]))
        except pa.ArrowInvalid:
            pass
    return column


def _glance(source: memoryview) -> tuple[list[Any], list[Any], int] | None:
    """Give the header, the first value of each column (None: none seen), and where the first row begins.

    None stands for rows that are not compact.
    """
    text = _UTF8().decode(source[:_GLANCE])  # what is cut off at the end waits for more
    if not text.startswith("[[") or bytes(source[-2:]) != b"]]":
        return None
    header, end = tokens.parse_first(text, 1)
    if text[end : end + 2] != ",[":
        return None
    start = len(text[:end].encode()) + 2
    first: list[Any] = [None] * len(header)
    for _ in range(_GLANCE_ROWS):
        try:
            row, end = tokens.parse_first(text, end + 1)
        except ValueError:  # the end of what is looked at
            break
        if not isinstance(row, list) or len(row) != len(header):
            return None
        first = [cell if seen is None else seen for seen, cell in zip(first, row, strict=True)]
        if None not in first or text[end : end + 1] != ",":
            break
    return header, first, start


def _read(body: memoryview, readings: Sequence[_Reading]) -> list[PlainColumn]:
    """Read all rows; gives up at the first block that is refused."""

    @cache
    def texts() -> list[PlainColumn]:
        """Read all again, for what was lost by reading texts as something else; few ask for it."""
        return _read(body, [_Reading(each.kind) for each in readings])

    columns = []
    for position, (reading, parts) in enumerate(
        zip(readings, zip(*_parts(body, readings), strict=True), strict=True)
    ):
        if reading.quickly is None:
            array = pa.chunked_array(parts, _READ_AS[reading.kind])
            columns.append(PlainColumn(reading.kind, array))
        else:
            read = None if None in parts else type(parts[0]).joined(parts)
            columns.append(PlainColumn(reading.kind, partial(_array_at, texts, position), read))
    return columns


def _array_at(columns: Callable[[], list[PlainColumn]], position: int) -> pa.ChunkedArray:
    return columns()[position].array


def _parts(body: memoryview, readings: Sequence[_Reading]) -> list[list[_Part]]:
    """Read the blocks, a few at once."""
    reader = _BlockReader(readings)
    size = _BLOCK * max(len(readings) // _FEW_COLUMNS, 1)
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
    own = bytearray(piece)
    data = np.frombuffer(own, np.uint8)
    escaped = b"\\" in own
    if escaped:
        _hide(data)
    for find in (len,) if whole else (_last_separator, _last_outside):
        cut = find(own)
        if cut <= 0:
            break
        quotes = int(np.count_nonzero(data[:cut] == _QUOTE))
        if quotes % 2 == 0:
            return _Block(data[:cut], quotes, escaped), cut + len(_SEPARATOR)
    return None, 0


def _hide(data: NDArray[np.uint8]) -> None:
    """Hide the characters behind backslashes that mean something to this reader."""
    backslashes = np.flatnonzero(data == _BACKSLASH)
    # In a run of backslashes every second one stands behind another.
    begins = np.flatnonzero(np.diff(backslashes, prepend=-2) != 1)
    runs = np.diff(begins, append=len(backslashes))
    places = np.arange(len(backslashes)) - np.repeat(begins, runs)
    behind = backslashes[places % 2 == 0] + 1
    if behind[-1] == len(data):  # beyond the piece, and so beyond its last separator
        behind = behind[:-1]
    escaped = data[behind]
    data[behind[escaped == _BACKSLASH]] = _HIDDEN_BACKSLASH
    data[behind[escaped == _QUOTE]] = _HIDDEN_QUOTE


def _last_separator(piece: bytearray) -> int:
    """Give where the last separator is, which may stand inside of a text; -1 for none."""
    return piece.rfind(_SEPARATOR)


def _last_outside(piece: bytearray) -> int:
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
        self._names = [str(position) for position in range(len(readings))]
        self._convert = csv.ConvertOptions(
            column_types={
                name: _READ_AS[each.kind] for name, each in zip(self._names, readings, strict=True)
            },
            null_values=["null"],
            true_values=["true"],
            false_values=["false"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )

    def read(self, block: _Block) -> list[_Part]:
        """Read a block, or refuse it."""
        lines, ends = block.data, _separators(block.data)
        for place in range(len(_SEPARATOR)):
            lines[ends + place] = _NEWLINE  # of three line breaks, Arrow skips the empty lines
        try:
            columns = self._columns(pa.py_buffer(lines), block, len(ends), quote=False)
        except (_NotPlain, pa.ArrowInvalid):
            led = lines.tobytes().replace(b'"', b'\x03"')
            columns = self._columns(pa.py_buffer(led), block, len(ends), quote="\x03")
        return [
            column if each.quickly is None else each.quickly(column)
            for each, column in zip(self._readings, columns, strict=True)
        ]

    def _columns(
        self, text: pa.Buffer, block: _Block, separators: int, *, quote: str | bool
    ) -> list[pa.Array]:
        # Of Arrow's two CSV readers this is the one without threads of its own.
        reader = csv.open_csv(
            pa.BufferReader(text),
            read_options=csv.ReadOptions(
                column_names=self._names, block_size=text.size + 1, use_threads=False
            ),
            parse_options=csv.ParseOptions(
                quote_char=quote, double_quote=False, newlines_in_values=bool(quote)
            ),
            convert_options=self._convert,
            memory_pool=POOL,
        )
        batches = reader.read_all().to_batches()
        if len(batches) != 1:  # empty lines alone; for more, Arrow would need more than one block
            raise _NotPlain
        (table,) = batches
        columns = list(zip((each.kind for each in self._readings), table.columns, strict=True))
        texts = [column for kind, column in columns if kind is Kind.TEXT]
        bare = _bare(texts, block.quotes)
        _check_numbers([column for kind, column in columns if kind is Kind.FRACTION])
        inside = sum(pc.sum(pc.count_substring(text, "\n\n\n")).as_py() or 0 for text in bare) if quote else 0
        if table.num_rows != separators - inside + 1:  # check (6)
            raise _NotPlain
        if inside:
            bare = [pc.replace_substring(text, "\n\n\n", _SEPARATOR.decode()) for text in bare]
        if block.escaped:
            bare = list(map(_unescaped, bare))
        shown = iter(bare)
        return [next(shown) if kind is Kind.TEXT else column for kind, column in columns]


def _bare(texts: Sequence[pa.StringArray], quotes: int) -> list[pa.StringArray]:
    """Take the quotes off, and check (3): as many went as two of each field, and as there were, and no less.

    A field loses its first and its last character. If that takes away two quotes for each field, then both
    of each were quotes; no field was empty, or a quote alone.
    """
    bare = [
        pc.binary_slice(text.view(pa.binary()), 1, -1, memory_pool=POOL).view(pa.string()) for text in texts
    ]
    fields = sum(len(text) - text.null_count for text in texts)
    gone = sum(map(_count_quotes, texts)) - sum(map(_count_quotes, bare))
    if not gone == quotes == 2 * fields:
        raise _NotPlain
    return bare


def _count_quotes(texts: pa.StringArray) -> int:
    return int(np.count_nonzero(bytes_of(texts) == _QUOTE))


def _check_numbers(columns: Sequence[pa.Array]) -> None:
    """Check (4) and (5) for numbers that are read as texts."""
    for column in columns:
        data, starts, _ = texts_of(column)
        first = data[starts]
        digits = (first >= ord("0")) & (first <= ord("9"))
        if (
            len(starts) + column.null_count != len(column)
            or not (digits | (first == ord("-"))).all()
            or (data <= ord(" ")).any()
        ):
            raise _NotPlain


def _unescaped(chunk: pa.StringArray) -> pa.StringArray:
    """Decode a column's texts as one JSON array of them, if any holds an escape."""
    data = chunk.buffers()[2]
    if data is None or b"\\" not in memoryview(data).tobytes():
        return chunk
    one = pa.ListArray.from_arrays([0, len(chunk)], pc.fill_null(chunk, ""))
    joined = pc.binary_join(one, '","')[0].as_buffer().to_pybytes().translate(_SHOWN)
    values = msgspec.json.decode(b'["' + joined + b'"]', type=list[str])
    return pa.array(values, pa.string(), mask=pc.is_null(chunk).to_numpy(zero_copy_only=False))
