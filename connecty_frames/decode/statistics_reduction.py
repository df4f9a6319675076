"""Very large statistics reduced, of which a hostile server may send far more than a table has use for.

A value takes 60 to 200 bytes as a Python object, whatever the length of its JSON. Up to 256 KB, statistics
are read whatever they are. Beyond that, they are reduced as JSON, before any of it becomes an object:

- Entries of no column are left out, but for the first thousand, which tell what is wrong.
- Of entries of more than a thousand values, and of all where a value has fewer than 8 bytes, which no
  statistics of a table come near, only the fields are kept that a table is compared with.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from connecty_frames.decode import exact_json

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SECTIONS", "SMALL", "reduce_statistics"]

#: The sections that tell the type of a column, strongest first; ``numeric`` and ``boolean`` are assumed,
#: since the API document leaves them out.
SECTIONS: Final = ("string", "temporal", "numeric", "boolean")
#: The fields of sections that a table is compared with, or that are evidence of a type.
_FIELDS: Final = (
    *("count", "nulls_count", "min", "max", "mean", "min_len", "max_len", "empty_string_count"),
    *("true_count", "false_count", "distinct_count", "distinct_approx"),
)
#: Up to this many bytes, statistics are read as they are.
SMALL: Final = 1 << 18
#: Of larger ones, how many entries of no column are kept, and entries of how many values, and how many bytes
#: a value has at least.
_MOST_OTHERS: Final = 1_000
_MOST_VALUES: Final = 1_000
_BYTES_PER_VALUE: Final = 8

_NO_JSON: Final = msgspec.Raw()
_ENTRIES: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _decoder_of(*names: str) -> msgspec.json.Decoder[Any]:
    """Return a decoder of objects that leaves these fields as JSON, and makes nothing of any other."""
    fields = [(name, msgspec.Raw, _NO_JSON) for name in names]
    return msgspec.json.Decoder(msgspec.defstruct("_Fields", fields))


_ENTRY: Final = _decoder_of("general", *SECTIONS)
_SECTION: Final = _decoder_of(*_FIELDS)
#: Match an object without a field, and the first row of ``dataframe`` if nothing in it is nested.
_is_empty: Final = re.compile(rb"\{\s*\}").fullmatch
_match_header: Final = re.compile(
    rb'\s*\[\s*(\[(?:[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+\])', re.DOTALL
).match


def reduce_statistics(source: bytes, rows: Any) -> tuple[bytes, str]:
    """Return statistics without what would take too much memory, and in words what that is, if anything.

    Parameters
    ----------
    source
        The JSON of ``dataframe_stats``, which may have bare ``NaN`` and infinities.
    rows
        That of ``dataframe``, whose header tells which entries are of columns; None where there is none.
    """
    names = _names_in_header(rows)
    source.decode()  # raises if it is no UTF-8, which nothing below would see in what is left out
    proved = exact_json.mask_leniencies(source)
    original = partial(exact_json.original, proved=proved, source=source)
    try:
        entries = _ENTRIES.decode(proved)
    except msgspec.ValidationError:
        return b"{}", ""  # not an object
    if proved is not source:
        entries = {exact_json.unmask_name(name): part for name, part in entries.items()}
    left_out = []
    others = [name for name in entries if exact_json.escape_surrogates(name).casefold() not in names]
    more = others[_MOST_OTHERS:] if names else []
    if more:
        left_out.append(f"{len(more):,} more entries that match no column")
    for name in more:
        del entries[name]
    is_dense = _count_values(source) * _BYTES_PER_VALUE > len(source)
    long = {name for name, part in entries.items() if is_dense or _count_values(bytes(part)) > _MOST_VALUES}
    if long:
        left_out.append("values that are not compared with the table")
    if not left_out:
        return source, ""
    pairs = (
        b"%s:%s" % (json.dumps(name).encode(), _compared(part, original) if name in long else original(part))
        for name, part in entries.items()
        if bytes(memoryview(part)[:1]) == b"{"
    )
    return b"{%s}" % b",".join(pairs), " and ".join(left_out)


def _count_values(source: bytes) -> int:
    """Return how many values JSON has, or more: what is counted may also be in texts."""
    return sum(map(source.count, (b",", b"{", b"[")))


def _compared(entry: msgspec.Raw, original: Callable[[msgspec.Raw], memoryview]) -> bytes:
    """Return the JSON of an entry with only the fields that a table is compared with."""
    sections = []
    for section, part in _parts(_ENTRY, entry):
        with suppress(msgspec.ValidationError):  # not an object
            values = ((field, bytes(original(value))) for field, value in _parts(_SECTION, part))
            pairs = (
                b'"%s":%s' % (field.encode(), value) for field, value in values if value[:1] not in b"[{"
            )
            sections.append(b'"%s":{%s}' % (section.encode(), b",".join(pairs)))
    if not sections and not _is_empty(entry):
        return b'{"general":null}'  # that there is an entry is evidence too
    return b"{%s}" % b",".join(sections)


def _parts(decoder: msgspec.json.Decoder[Any], source: msgspec.Raw) -> list[tuple[str, msgspec.Raw]]:
    """Return the fields that are there."""
    fields = msgspec.structs.asdict(decoder.decode(source))
    return [(name, part) for name, part in fields.items() if part is not _NO_JSON]


def _names_in_header(rows: Any) -> set[str]:
    """Return the names of the columns, in which case does not count; empty where they are not known."""
    header = None if rows is None else _match_header(rows)
    names = exact_json.parse(header[1].decode(errors="replace")) if header else []
    texts = (name if isinstance(name, str) else exact_json.dump(name) for name in names)
    return {text.casefold() for text in texts}
