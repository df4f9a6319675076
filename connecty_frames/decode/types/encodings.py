r"""Encodings: how the values of a column are written where the Arrow type alone does not tell.

An encoding stands in ``schema=`` in place of a type. It knows the type that its values get. Its text, such as
``cf.epoch("ms", "UTC")``, is kept in saved schemas and in the metadata of frames.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pyarrow as pa

from connecty_frames._base.clock import named_zone
from connecty_frames._base.text import value_text
from connecty_frames.decode import compute as pc
from connecty_frames.decode.arrow import Array, combine, slices_of, to_array, to_scalar
from connecty_frames.decode.cells import CellError, raise_at_first
from connecty_frames.decode.exact_json import IntText, ValueKind
from connecty_frames.decode.types import formats, numbers, spellings, times
from connecty_frames.decode.types.column import ScalarCells, cast_exactly, texts_of
from connecty_frames.decode.types.times import DAY_MICROS, FIRST_MICROS, LAST_MICROS
from connecty_frames.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, repr=False)
class Encoding:
    """How the values of a column are written; the base of :class:`epoch` and its kin."""

    def __repr__(self) -> str:
        arguments = [json.dumps(each, ensure_ascii=False) for each in astuple(self) if each is not None]
        return f"cf.{type(self).__name__}({', '.join(arguments)})"

    @property
    def type(self) -> pa.DataType:
        """The Arrow type of the column."""
        raise NotImplementedError


Given: TypeAlias = pa.DataType | Encoding  # a type as ``schema=`` sets it


def parse_encoding(text: str) -> Encoding:
    """Return the encoding with this repr; raise ValueError or TypeError if there is none."""
    category = r"(Literal|pd\.CategoricalDtype\()(\[.*\])(?:, ordered=True\))?"
    if (found := re.fullmatch(category, text, re.DOTALL)) is not None:
        return Category(tuple(json.loads(found[2])), is_ordered=found[1] != "Literal")
    found = re.fullmatch(r"cf\.(\w+)\((.*)\)", text)
    classes = {class_.__name__: class_ for class_ in READERS}
    if found is None or found[1] not in classes:
        raise ValueError(text)
    return classes[found[1]](*json.loads(f"[{found[2]}]"))


def _check_zone(call: str, zone: object) -> None:
    if not isinstance(zone, str) or named_zone(zone) is None:
        raise ConfigError(
            f"{call}: expected the name of a time zone, such as 'UTC' or 'Europe/Warsaw', or an offset, such "
            "as '+05:30'.",
            setting="schema",
        )


def _to_timestamps(counts: pa.Array, type_: pa.DataType, texts: Sequence[Any]) -> pa.Array:
    """Return counts as a timestamp type; the year must be from 1 to 9999 in UTC and in its zone."""
    if type_.unit == "us":
        times.check_range(counts, FIRST_MICROS, LAST_MICROS, texts)
    return times.check_years(pc.cast(counts, type_), type_, texts)


CATEGORY_TYPES: Final = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


@dataclass(frozen=True, slots=True, repr=False)
class Category(Encoding):
    """One of some values, all of one type."""

    values: tuple[str | float, ...]
    is_ordered: bool = False

    def __repr__(self) -> str:
        values = json.dumps(self.values)
        return f"pd.CategoricalDtype({values}, ordered=True)" if self.is_ordered else f"Literal{values}"

    @property
    def type(self) -> pa.DataType:
        """The Arrow type of the column."""
        value_type = CATEGORY_TYPES[type(self.values[0])] if self.values else pa.string()
        return pa.dictionary(pa.int32(), value_type, self.is_ordered)

    def encode(self, values: pa.Array) -> pa.DictionaryArray:
        """Return values over a dictionary of all categories, null for others."""
        categories = to_array(self.values, values.type)
        codes = pc.index_in(values, value_set=categories)
        return pa.DictionaryArray.from_arrays(codes, categories, ordered=self.is_ordered)


@dataclass(frozen=True, slots=True, repr=False)
class OpenType(Encoding):
    """Decimals of any scale, or instants or local times, as the values of a column are."""

    class_: type[Decimal | datetime]

    def __repr__(self) -> str:
        return self.class_.__name__

    @property
    def type(self) -> pa.DataType:
        """The Arrow type of a column without values."""
        return pa.decimal128(38, 9) if self.class_ is Decimal else pa.timestamp("us")


#: By unit: its name, the digits after the point in the Arrow type, and the unit of the Arrow type.
EPOCH_UNITS: Final[dict[str, tuple[str, int, str]]] = {
    "s": ("seconds", 6, "us"),
    "ms": ("milliseconds", 3, "us"),
    "us": ("microseconds", 0, "us"),
    "ns": ("nanoseconds", 0, "ns"),
    "d": ("days", 0, ""),
}


@dataclass(frozen=True, slots=True, repr=False)
class epoch(Encoding):
    """Numbers that count from 1970-01-01T00:00:00Z, as a column's type in ``schema=``.

    The numbers may be bare or in quotes, with a fraction or an exponent. They are read exactly: a digit that
    the type cannot hold, or a year outside 1 to 9999, raises ConversionError.

    Parameters
    ----------
    unit
        ``"s"``, ``"ms"`` and ``"us"`` for ``timestamp[us]``, ``"ns"`` for ``timestamp[ns]``, or ``"d"``
        (days) for ``date32``.
    tz
        The time zone of the type, which makes the values instants. None gives timestamps without a zone.

    Raises
    ------
    ConfigError
        If the unit or the zone is unknown, or days have a zone.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> cf.epoch("ms", "UTC")
    cf.epoch("ms", "UTC")
    >>> cf.epoch("ms", "UTC").type
    TimestampType(timestamp[us, tz=UTC])
    """

    unit: str
    tz: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.unit, str) or self.unit not in EPOCH_UNITS:
            accepted = ", ".join(f"'{unit}' ({name})" for unit, (name, _, _) in EPOCH_UNITS.items())
            raise ConfigError(
                f"cf.epoch(unit={value_text(self.unit)}): expected one of {accepted}.", setting="schema"
            )
        if self.tz is not None:
            _check_zone(f"cf.epoch(tz={value_text(self.tz)})", self.tz)
            if self.unit == "d":
                raise ConfigError("cf.epoch('d') reads dates, which have no time zone.", setting="schema")

    @property
    def type(self) -> pa.DataType:
        """The Arrow type of the column."""
        unit = EPOCH_UNITS[self.unit][2]
        return pa.timestamp(unit, self.tz) if unit else pa.date32()


def _read_epoch(cells: Sequence[Any], encoding: epoch) -> pa.Array:
    name, places, unit = EPOCH_UNITS[encoding.unit]
    reason = f"is not a number of {name} that {encoding.type} holds exactly"
    texts = texts_of(cells, reason, numbers=True)
    # Any count of microseconds up to the year 9999 has 18 digits, and int64 holds them.
    type_ = pa.decimal128(18, places) if places else pa.int64()
    found = cast_exactly(cells, type_) if isinstance(cells, ScalarCells) else None
    try:
        counts = numbers.read(texts, type_) if found is None else combine(found)
    except CellError as error:
        raise CellError(error.row, error.value, reason) from None
    if places:
        places_moved = to_scalar(Decimal(10**places), pa.decimal128(places + 1))
        counts = pc.cast(pc.multiply(counts, places_moved), pa.int64())
    if unit == "ns":
        raise_at_first(pc.equal(counts, to_scalar(times.NAT, pa.int64())), texts, reason)
    if unit:
        return _to_timestamps(counts, encoding.type, texts)
    times.check_range(counts, FIRST_MICROS // DAY_MICROS, LAST_MICROS // DAY_MICROS, texts)
    return pc.cast(pc.cast(counts, pa.int32()), encoding.type)


@dataclass(frozen=True, slots=True, repr=False)
class local(Encoding):
    """Local times of a time zone, as a column's type in ``schema=``: ``timestamp[us, zone]``.

    Values are timestamps without an offset, or dates, read as midnight. A time that is ambiguous or missing
    because clocks changed raises ConversionError, and so does a value with an offset.

    Parameters
    ----------
    zone
        The time zone of these times.

    Raises
    ------
    ConfigError
        If the zone is unknown.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> cf.local("Europe/Berlin").type
    TimestampType(timestamp[us, tz=Europe/Berlin])
    """

    zone: str

    def __post_init__(self) -> None:
        _check_zone(f"cf.local({value_text(self.zone)})", self.zone)

    @property
    def type(self) -> pa.DataType:
        """The Arrow type of the column."""
        return pa.timestamp("us", self.zone)


def _read_local(cells: Sequence[Any], encoding: local) -> pa.Array:
    type_ = pa.timestamp("us")
    found = cast_exactly(cells, type_) if isinstance(cells, ScalarCells) else None
    if found is None:
        found = times.read_given(texts_of(cells, f"is not text, so it is not a value of {encoding!r}"), type_)
    micros = spellings.to_utc(combine(found), spellings.find_zone(encoding.zone), cells)
    return _to_timestamps(micros, encoding.type, cells)


@dataclass(frozen=True, slots=True, repr=False)
class strptime(Encoding):
    """Dates, timestamps or times of day written in a format, as a column's type in ``schema=``.

    The type is ``date32``, ``timestamp[us]``, ``timestamp[us, UTC]`` for a format with ``%z``, or
    ``time64[us]`` for one without a date. A text that does not match the format completely raises
    ConversionError, and so do a wrong weekday and more than six digits of a second.

    Parameters
    ----------
    format
        Text with the directives of Python's ``strptime``: ``%Y`` (four digits), ``%y`` (``69`` is 1969,
        ``68`` is 2068), ``%m``, ``%b``, ``%B``, ``%d``, ``%a``, ``%A``, ``%H``, ``%I`` with ``%p``, ``%M``,
        ``%S``, ``%f``, ``%z`` (``Z``, ``+01``, ``+0100`` or ``+01:00``) and ``%%``. Names are English, in any
        case. Numbers may lack a leading zero, except right next to another number, as in ``%Y%m%d``.

    Raises
    ------
    ConfigError
        If the format has another directive, or does not describe exactly one date or time.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> cf.strptime("%d/%m/%Y").type
    DataType(date32[day])
    >>> cf.strptime("%a %b %d %H:%M:%S %z %Y").type
    TimestampType(timestamp[us, tz=UTC])
    """

    format: str

    def __post_init__(self) -> None:
        try:
            if not isinstance(self.format, str):
                raise ValueError("expected text, such as '%d/%m/%Y'")
            formats.parse_format(self.format)
        except ValueError as error:
            raise ConfigError(f"cf.strptime({value_text(self.format)}): {error}.", setting="schema") from None

    @property
    def type(self) -> pa.DataType:
        """The Arrow type of the column."""
        return formats.parse_format(self.format).type


def _read_strptime(cells: Sequence[Any], encoding: strptime) -> pa.Array:
    reason = f"is not written in the format {encoding.format!r}"
    if not (isinstance(cells, ScalarCells) and cells.kind is ValueKind.TEXT):
        # A whole number is read as its digits; a number with a fraction may have lost some.
        cells = [str(cell) if type(cell) is IntText else cell for cell in cells]
    return times.read_format(combine(texts_of(cells, reason)), formats.parse_format(encoding.format), reason)


def _from_bytea(text: str) -> bytes:
    if not text.startswith("\\x"):
        raise ValueError(text)
    return binascii.unhexlify(text[2:])


def _from_base64(text: str) -> bytes:
    value = binascii.a2b_base64(text)
    if binascii.b2a_base64(value, newline=False).decode() != text:  # it skips other characters
        raise ValueError(text)
    return value


#: How bytes are written: the format of a text, in words, and its reader; it raises ValueError.
_BINARY: Final[dict[str | None, tuple[str, Callable[[str], bytes]]]] = {
    None: (r"pairs of hexadecimal digits after \x, as PostgreSQL writes bytes", _from_bytea),
    "hex": ("pairs of hexadecimal digits", binascii.unhexlify),
    "base64": ("base64 with its padding (RFC 4648, section 4)", _from_base64),
}


def read_binary(cells: Sequence[Any], type_: pa.DataType, text_encoding: str | None = None) -> Array:
    r"""Return texts as a binary array, by default from ``\x48``; raises CellError with the position."""
    words, decode = _BINARY[text_encoding]
    texts, parts = texts_of(cells, f"is not written as {words}"), []
    for start, part in slices_of(texts):
        values: list[bytes | None] = []
        for text in part.to_pylist():
            try:
                values.append(None if text is None else decode(text))
            except ValueError:
                raise CellError(start + len(values), text, f"is not written as {words}") from None
        parts.append(to_array(values, type_))
    return pa.chunked_array(parts, type_)


@dataclass(frozen=True, slots=True, repr=False)
class binary(Encoding):
    r"""Bytes written as text, as a column's type in ``schema=``: ``binary``.

    Texts such as ``\x48``, as PostgreSQL writes them, need no encoding: use ``pa.binary()``.

    Parameters
    ----------
    encoding
        ``"hex"``: hexadecimal digits in pairs, without a prefix. ``"base64"``: the standard alphabet of RFC
        4648, with padding. Whitespace is not allowed.

    Raises
    ------
    ConfigError
        If the encoding is unknown.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> cf.binary("hex")
    cf.binary("hex")
    """

    encoding: str

    def __post_init__(self) -> None:
        if not isinstance(self.encoding, str) or self.encoding not in _BINARY:
            raise ConfigError(
                f"cf.binary({value_text(self.encoding)}): expected 'hex' or 'base64'.", setting="schema"
            )

    @property
    def type(self) -> pa.DataType:
        """The Arrow type of the column."""
        return pa.binary()


#: The reader of cells by encoding: returns an array, None as null; raises CellError with the position.
READERS: Final[dict[type[Encoding], Callable[[Sequence[Any], Any], Array]]] = {
    epoch: _read_epoch,
    local: _read_local,
    strptime: _read_strptime,
    binary: lambda cells, encoding: read_binary(cells, encoding.type, encoding.encoding),
}
