"""The columns of an answer: the name and the type of each, and why; the types and rules of ``schema=``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa

from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import quoted, snippet
from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import index_of
from connecty_frames.decode.arrow_types import is_list, parse_type
from connecty_frames.decode.errors import CellError
from connecty_frames.decode.types.column import combine
from connecty_frames.decode.types.encodings import parse_encoding
from connecty_frames.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from connecty_frames.decode.types.encodings import Encoding

#: The evidence for a type written by the caller, and for one inferred from an earlier answer, by basis.
GIVEN: Final = {"schema": "schema=", "saved": "saved schema"}
#: How many distinct values a rule checks at once.
_BLOCK: Final = 1 << 14  # pragma: no mutate - a size


@dataclass(frozen=True, slots=True)
class ColumnSchema:
    """One column: its name, its Arrow type, in words the evidence for the type, and how values are written.

    The encoding is that of ``schema=``, such as ``cf.epoch("ms")``; None if a type was set, or nothing. The
    basis is the evidence for programs: None, a key of ``GIVEN``, ``"nearest"`` or ``"computed"`` (all or
    computed fractions are the nearest float), ``"text"`` (nothing else is exact) or ``"empty"`` (no value).
    """

    name: str
    type: pa.DataType
    evidence: str
    encoding: Encoding | None = None
    basis: str | None = None

    @property
    def is_inferred(self) -> bool:
        """False if the type was set by ``schema=``."""
        return self.basis not in GIVEN

    def __repr__(self) -> str:
        shown = [f"{key}={snippet(str(getattr(self, key)))!r}" for key in self.__slots__[:3]]
        if self.encoding is not None:
            shown.append(f"encoding={self.encoding!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


class ColumnRule(Immutable):
    """The rule of a contract for a column, besides its type."""

    nullable: bool = True
    choices: tuple[str, ...] = ()  # exactly one of these names is there; () for its own name
    #: Returns the position of the first misfit among some values, and the reason; None if all fit.
    check: Callable[[Sequence[Any]], tuple[int, str] | None] | None = None
    checks_nulls_alone: bool = False  # the check refuses nothing but nulls inside of values
    is_secret: bool = False  # no error shows a value


def check_rule(array: Any, rule: ColumnRule, checkpoint: Callable[[], None] = lambda: None) -> None:
    """Raise CellError at a null or value against a rule."""
    if not rule.nullable and array.null_count:
        row = index_of(pc.is_null(combine(array)), value=True)
        raise CellError(row, "null", "is a null, which schema= does not allow")
    if rule.check is None:
        return
    values, rows = combine(array), None
    if rule.checks_nulls_alone and not _has_nulls_inside(values):
        return
    if not pa.types.is_nested(values.type):
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()  # not all categories need occur
        encoded = values.dictionary_encode()
        values, rows = encoded.dictionary, encoded.indices
    for start in range(0, len(values), _BLOCK):
        checkpoint()
        found = rule.check(values.slice(start, _BLOCK).to_pylist())
        if found is not None:
            position = start + found[0]
            row = position if rows is None else index_of(rows, position)
            raise CellError(row, str(values[position].as_py()), f"does not fit the model: {found[1]}")


def _has_nulls_inside(lists: pa.Array) -> bool:
    while is_list(lists.type):
        lists = lists.flatten()
        if lists.null_count:
            return True
    return False


class SchemaTypes(Immutable):
    """Column types set beforehand with ``schema=``."""

    types: Mapping[str, pa.DataType | Encoding]
    complete: bool  # these are all columns, in this order; else they override some
    inferred: frozenset[str] = frozenset()  # from the answer of a saved schema
    optional: frozenset[str] = frozenset()  # an answer need not have them
    rules: Mapping[str, ColumnRule] = msgspec.field(default_factory=dict)

    def named_as_in(self, names: Sequence[str]) -> SchemaTypes:
        """Return this with an answer's names; raises ConversionError unless each column has exactly one."""
        found = {}
        for name, rule in self.rules.items():
            there = [choice for choice in rule.choices or (name,) if choice in names]
            if rule.choices and len(there) != 1:
                raise ConversionError(
                    f"schema= expects one of the columns {quoted(rule.choices)}, but the answer has "
                    f"{quoted(there) or 'none of them'}. Its columns are {quoted(names)}.",
                    column=(there or [name])[0],
                )
            found[name] = (there or [name])[0]
        return msgspec.structs.replace(
            self,
            types={found.get(name, name): type_ for name, type_ in self.types.items()},
            rules={found.get(name, name): rule for name, rule in self.rules.items()},
        )


def read_column(texts: Mapping[str, str], type_: pa.DataType | None = None) -> ColumnSchema:
    """Reverse ``column_texts``; ValueError or TypeError for an unknown type."""
    encoding = parse_encoding(texts["encoding"]) if "encoding" in texts else None
    if type_ is None:
        type_ = encoding.type if encoding else parse_type(texts["type"])
    return ColumnSchema(texts["name"], type_, texts["evidence"], encoding, texts.get("basis"))
