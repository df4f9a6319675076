"""The columnar reader: blocks of plain rows to Arrow columns at native speed.

Plain rows are rows of scalars in compact JSON. They look like CSV, which Arrow reads in C++: each ``],[``
is made a line break, and with the quote character turned off every field is a JSON token as it stands, its
``"`` included. That this reading is the JSON's own is shown for each block, from these facts and checks:

0. The body is JSON: msgspec has walked over it. So no text holds a control character, and after a backslash
   stands one of JSON's escapes.
1. *Escapes are hidden*: a backslash behind a backslash becomes 0x01, one with a ``"`` becomes 0x02. Then
   every ``"`` in the block opens or closes a text.
2. *A block begins outside of texts and holds an even number of quotes*, so it ends outside of them too.
3. *Each field of a text column that is not null begins and ends with a quote, and there are no more quotes
   than these.* So each has two; as quotes open and close in turn, each is one text, whole; no text is in
   another column, and all separators were outside of texts.
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
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from connecty_frames.decode import tokens
from connecty_frames.decode.buffers import texts_of
from connecty_frames.decode.evidence import Kind, PlainColumn, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from connecty_frames.decode.buffers import Texts


__all__ = ["read_plain"]

#: Blocks of this many bytes stay in a processor's cache, and bound the memory that the work takes.
_BLOCK: Final = 1 << 20
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
_QUOTE, _NEWLINE = ord('"'), ord("\n")
#: What a column is read as. Numbers with a fraction are read as the texts they are: their digits decide.
_READ_AS: Final = {
    Kind.TEXT: pa.string(),
    Kind.WHOLE: pa.int64(),
    Kind.FRACTION: pa.string(),
    Kind.BOOLEAN: pa.bool_(),
}
#: What a column holds that begins with nulls, by the section of its statistics.
_BY_SECTION: Final = {"numeric": Kind.WHOLE, "boolean": Kind.BOOLEAN}


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
    kinds = [
        _BY_SECTION.get(sections.get(str(name)) or "", Kind.TEXT) if value is None else kind_of(value)
        for name, value in zip(header, first, strict=True)
    ]
    # Where whole numbers turn out to be too long, or to stand beside fractions, all are read as texts.
    wider: list[Kind] = [Kind.FRACTION if kind is Kind.WHOLE else kind for kind in kinds]
    attempts: list[list[Kind]] = [kinds] if wider == kinds else [kinds, wider]
    body = source[start:-2]
    for attempt in attempts:
        if header and body and set(attempt) <= _READ_AS.keys():
            try:
                arrays = _read(body, attempt)
                return header, [_column(*each) for each in zip(kinds, attempt, arrays, strict=True)]
            except (_NotPlain, pa.ArrowInvalid):
                continue
    return None


def _column(due: Kind, kind: Kind, array: pa.ChunkedArray) -> PlainColumn:
    """Give a column as what it was due to be, though others needed to be read as texts."""
    if due is not kind:
        try:
            return PlainColumn(due, pc.cast(array, _READ_AS[due]))
        except pa.ArrowInvalid:
            pass
    return PlainColumn(kind, array)


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


def _read(body: memoryview, kinds: Sequence[Kind]) -> list[pa.ChunkedArray]:
    """Read all rows, a few blocks at once, giving up at the first that is refused."""
    reader = _BlockReader(kinds)
    if len(body) <= _BLOCK:
        blocks = [reader.read(block) for block in _blocks(body)]
    else:
        blocks = []
        waiting: deque[Future[list[pa.ChunkedArray]]] = deque()
        with ThreadPoolExecutor(_WORKERS) as pool:
            try:
                for block in _blocks(body):
                    waiting.append(pool.submit(reader.read, block))
                    if len(waiting) > _WAITING:
                        blocks.append(waiting.popleft().result())
                blocks.extend(future.result() for future in waiting)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    return [
        pa.chunked_array([chunk for column in columns for chunk in column.chunks], _READ_AS[kind])
        for kind, columns in zip(kinds, zip(*blocks, strict=True), strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Block:
    """Some rows between two separators, with escapes hidden."""

    data: bytes
    quotes: int
    escaped: bool


def _blocks(body: memoryview) -> Iterator[_Block]:
    """Cut the rows into blocks at separators that stand outside of texts."""
    start = 0
    while start < len(body):
        size = _BLOCK
        block = None
        while block is None:
            if size > _LONGEST:
                raise _NotPlain
            piece = bytes(body[start : start + size])
            block, cut = _block(piece, whole=start + size >= len(body))
            size *= 2  # a row longer than the piece
        yield block
        start += cut


def _block(piece: bytes, *, whole: bool) -> tuple[_Block | None, int]:
    """Give the longest block a piece holds and where the next begins; nothing if it holds none."""
    for find in (len,) if whole else (_last_separator, _last_outside):
        cut = find(piece)
        if cut <= 0:
            break
        data = piece[:cut]
        escaped = b"\\" in data
        if escaped:
            data = data.replace(b"\\\\", b"\x01").replace(b'\\"', b"\x02")
        quotes = int(np.count_nonzero(np.frombuffer(data, np.uint8) == _QUOTE))
        if quotes % 2 == 0:
            return _Block(data, quotes, escaped), cut + len(_SEPARATOR)
    return None, 0


def _last_separator(piece: bytes) -> int:
    """Give where the last separator is, which may stand inside of a text; -1 for none."""
    return piece.rfind(_SEPARATOR)


def _last_outside(piece: bytes) -> int:
    """Give where the last separator outside of texts is, -1 for none, in one pass however many are inside."""
    bare = np.frombuffer(piece.replace(b"\\\\", b"  ").replace(b'\\"', b"  "), np.uint8)
    ends = _separators(bare)
    opened = np.searchsorted(np.flatnonzero(bare == _QUOTE), ends)
    outside = ends[opened % 2 == 0]
    return int(outside[-1]) if len(outside) else -1


def _separators(data: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Give where each ``],[`` begins."""
    ends = np.flatnonzero(data[:-2] == _SEPARATOR[0])
    found: NDArray[np.intp] = ends[(data[ends + 1] == _SEPARATOR[1]) & (data[ends + 2] == _SEPARATOR[2])]
    return found


class _BlockReader:
    """Reads blocks whose columns hold given kinds."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self._kinds = kinds
        self._names = [str(position) for position in range(len(kinds))]
        self._convert = csv.ConvertOptions(
            column_types={name: _READ_AS[kind] for name, kind in zip(self._names, kinds, strict=True)},
            null_values=["null"],
            true_values=["true"],
            false_values=["false"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )

    def read(self, block: _Block) -> list[pa.ChunkedArray]:
        """Read a block, or refuse it."""
        lines = np.frombuffer(block.data, np.uint8).copy()
        ends = _separators(lines)
        for place in range(len(_SEPARATOR)):
            lines[ends + place] = _NEWLINE  # of three line breaks, Arrow skips the empty lines
        try:
            return self._columns(pa.py_buffer(lines), block, len(ends), quote=False)
        except (_NotPlain, pa.ArrowInvalid):
            led = lines.tobytes().replace(b'"', b'\x03"')
            return self._columns(pa.py_buffer(led), block, len(ends), quote="\x03")

    def _columns(
        self, text: pa.Buffer, block: _Block, separators: int, *, quote: str | bool
    ) -> list[pa.ChunkedArray]:
        # Of Arrow's two CSV readers this is the one without threads of its own.
        table = csv.open_csv(
            pa.BufferReader(text),
            read_options=csv.ReadOptions(
                column_names=self._names, block_size=text.size + 1, use_threads=False
            ),
            parse_options=csv.ParseOptions(
                quote_char=quote, double_quote=False, newlines_in_values=bool(quote)
            ),
            convert_options=self._convert,
        ).read_all()
        columns = list(zip(self._kinds, table.columns, strict=True))
        texts = [column for kind, column in columns if kind is Kind.TEXT]
        _check_texts(texts, block.quotes)
        _check_numbers([column for kind, column in columns if kind is Kind.FRACTION])
        inside = (
            sum(pc.sum(pc.count_substring(text, "\n\n\n")).as_py() or 0 for text in texts) if quote else 0
        )
        if table.num_rows != separators - inside + 1:  # check (6)
            raise _NotPlain
        return [
            _text(column, escaped=block.escaped, broken=inside > 0) if kind is Kind.TEXT else column
            for kind, column in columns
        ]


def _fields(column: pa.ChunkedArray) -> Iterator[Texts]:
    """Give the fields of a column that are not null, after check (5)."""
    for chunk in column.chunks:
        found = texts_of(chunk)
        if len(found.starts) + chunk.null_count != len(chunk):
            raise _NotPlain
        yield found


def _check_texts(columns: Sequence[pa.ChunkedArray], quotes: int) -> None:
    """Check (3)."""
    count = 0
    for data, starts, ends in chain.from_iterable(map(_fields, columns)):
        if (data[starts] != _QUOTE).any() or (data[ends - 1] != _QUOTE).any() or (ends - starts == 1).any():
            raise _NotPlain
        count += len(starts)
    if quotes != 2 * count:
        raise _NotPlain


def _check_numbers(columns: Sequence[pa.ChunkedArray]) -> None:
    """Check (4) for numbers that are read as texts."""
    for data, starts, _ in chain.from_iterable(map(_fields, columns)):
        first = data[starts]
        digits = (first >= ord("0")) & (first <= ord("9"))
        if not (digits | (first == ord("-"))).all() or (data <= ord(" ")).any():
            raise _NotPlain


def _text(column: pa.ChunkedArray, *, escaped: bool, broken: bool) -> pa.ChunkedArray:
    """Take the quotes off, and give back what was hidden."""
    bare = pc.utf8_slice_codeunits(column, 1, -1)
    if broken:
        bare = pc.replace_substring(bare, "\n\n\n", _SEPARATOR.decode())
    return pa.chunked_array([_unescaped(chunk) for chunk in bare.chunks], pa.string()) if escaped else bare


def _unescaped(chunk: pa.StringArray) -> pa.StringArray:
    """Decode a column's texts as one JSON array of them, if any holds an escape."""
    data = chunk.buffers()[2]
    found = b"" if data is None else data.to_pybytes()
    if not any(each in found for each in (b"\\", b"\x01", b"\x02")):
        return chunk
    one = pa.ListArray.from_arrays([0, len(chunk)], pc.fill_null(chunk, ""))
    joined = pc.binary_join(one, '","')[0].as_buffer().to_pybytes()
    array = b'["' + joined.replace(b"\x01", b"\\\\").replace(b"\x02", b'\\"') + b'"]'
    values = msgspec.json.decode(array, type=list[str])
    return pa.array(values, pa.string(), mask=pc.is_null(chunk).to_numpy(zero_copy_only=False))
