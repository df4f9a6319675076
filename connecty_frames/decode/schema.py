"""The schema of an answer: the name and the type of each column, and why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, overload

import msgspec
import pyarrow as pa

from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import counted, cut, quoted, snippet, terminal
from connecty_frames.decode.arrow import compute as pc
from connecty_frames.decode.arrow.buffers import index_of
from connecty_frames.decode.arrow_types import is_list, parse_type
from connecty_frames.decode.errors import CellError
from connecty_frames.decode.types.column import combine
from connecty_frames.decode.types.encodings import parse_encoding
from connecty_frames.errors import ConfigError, ConversionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from connecty_frames.decode.types.encodings import Encoding

#: The evidence for a type that the caller wrote down, and for one that an earlier answer inferred.
SET_BY_CALLER: Final = "schema="
SAVED: Final = "saved schema"
#: How many distinct values a rule checks at once.
_BLOCK: Final = 1 << 14  # pragma: no mutate - a size
#: How much a repr shows: columns, and characters of a name, a type and its evidence.
_MOST_COLUMNS: Final = 500
_LONGEST_TEXT: Final = 1_000


@dataclass(frozen=True, slots=True)
class ColumnSchema:
    """One column: its name, its Arrow type, in words the evidence for the type, and how values are written.

    The encoding is that of ``schema=``, such as ``cf.epoch("ms")``; None if a type was set, or nothing.
    """

    name: str
    type: pa.DataType
    evidence: str
    encoding: Encoding | None = None

    @property
    def is_inferred(self) -> bool:
        """Whether the type was not set by ``schema=``."""
        return not self.evidence.startswith((SET_BY_CALLER, SAVED))

    def __repr__(self) -> str:
        shown = [f"{key}={snippet(str(getattr(self, key)))!r}" for key in self.__slots__[:3]]
        if self.encoding is not None:
            shown.append(f"encoding={self.encoding!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


class ColumnRule(Immutable):
    """What a contract says of a column besides its type."""

    nullable: bool = True
    choices: tuple[str, ...] = ()  # exactly one of these names is there; () for its own name
    #: Returns the position of the first of some values that does not fit, and the reason; None if all fit.
    check: Callable[[Sequence[Any]], tuple[int, str] | None] | None = None
    checks_nulls_alone: bool = False  # the check refuses nothing but nulls inside of values
    is_secret: bool = False  # no error shows a value


def check_rule(array: Any, rule: ColumnRule, checkpoint: Callable[[], None] = lambda: None) -> None:
    """Raise CellError at a null or value that a rule does not allow."""
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
    """Column types that the caller sets beforehand with ``schema=``."""

    types: Mapping[str, pa.DataType | Encoding]
    complete: bool  # these are all columns, in this order; else they override those of the named ones
    inferred: frozenset[str] = frozenset()  # from the answer of a saved schema
    optional: frozenset[str] = frozenset()  # an answer need not have them
    rules: Mapping[str, ColumnRule] = msgspec.field(default_factory=dict)

    def named_as_in(self, names: Sequence[str]) -> SchemaTypes:
        """Return this with those names that an answer has; raises ConversionError unless it is one each."""
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


class Schema(Sequence[ColumnSchema]):
    """The columns of an answer in their order, each with its type and the evidence for it.

    Save it (:meth:`to_json`) and pass it as ``schema=`` to require these columns and types of another answer,
    and read its values in the same way.
    """

    __slots__ = ("_columns",)

    def __init__(self, columns: Iterable[ColumnSchema]) -> None:
        self._columns = tuple(columns)

    @overload
    def __getitem__(self, key: int | str) -> ColumnSchema: ...
    @overload
    def __getitem__(self, key: slice) -> Schema: ...
    def __getitem__(self, key: int | str | slice) -> ColumnSchema | Schema:
        """Return a column by position or name, or a part of the schema by slice."""
        if isinstance(key, slice):
            return Schema(self._columns[key])
        if isinstance(key, str):
            if key not in self.names:
                raise KeyError(f"no column {snippet(key)!r}; the columns are {quoted(self.names)}")
            key = self.names.index(key)
        return self._columns[key]

    def __len__(self) -> int:
        return len(self._columns)

    def __iter__(self) -> Iterator[ColumnSchema]:
        return iter(self._columns)

    def __eq__(self, other: object) -> bool:
        """Whether names, order, types and encodings are the same; the evidence may differ."""
        return isinstance(other, Schema) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[tuple[object, ...], ...]:
        return tuple((column.name, column.type, column.encoding) for column in self)

    def __repr__(self) -> str:
        rows = [
            [terminal(cut(text, _LONGEST_TEXT)) for text in (column.name, str(column.type), column.evidence)]
            for column in self._columns[:_MOST_COLUMNS]
        ]
        name_width, type_width = (max((len(row[place]) for row in rows), default=0) for place in (0, 1))
        lines = [f"{row[0]:<{name_width}}  {row[1]:<{type_width}}  {row[2]}" for row in rows]
        more = len(self) - _MOST_COLUMNS
        if more > 0:
            lines.append(f"… {counted(more, 'more column')}; to_json() or --format json lists all")
        return "\n".join(lines) or "(no columns)"

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in self._columns]

    @property
    def types(self) -> list[pa.DataType]:
        """The Arrow types of the columns, in order."""
        return [column.type for column in self._columns]

    @property
    def arrow(self) -> pa.Schema:
        """The same as a pyarrow schema, without the evidence."""
        return pa.schema([(column.name, column.type) for column in self._columns])

    def to_json(self) -> str:
        """Return the schema as JSON text that :meth:`from_json` reads back exactly."""
        # Arrow's own serialisation is the one spelling of a type that covers nested ones.
        return json.dumps(
            {"columns": list(map(column_texts, self)), "arrow": bytes(self.arrow.serialize()).hex()}
        )

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """Read what :meth:`to_json` returned.

        Raises
        ------
        ConfigError
            If the text is anything else.
        """
        try:
            saved = json.loads(text)
            arrow = pa.ipc.read_schema(pa.py_buffer(bytes.fromhex(saved["arrow"])))
            return cls(
                read_column({**column, "name": field.name, "evidence": str(column["evidence"])}, field.type)
                for field, column in zip(arrow, saved["columns"], strict=True)
            )
        except (ValueError, KeyError, TypeError, OSError, RecursionError, pa.ArrowException):
            raise ConfigError(
                "This is not a saved schema; save one with answer.schema.to_json().", setting="schema"
            ) from None


def column_texts(column: ColumnSchema) -> dict[str, str]:
    """Return a column as it is written in metadata, in saved schemas and in pins."""
    return {key: str(value) for key in column.__slots__ if (value := getattr(column, key)) is not None}


def read_column(texts: Mapping[str, str], type_: pa.DataType | None = None) -> ColumnSchema:
    """Return the column that :func:`column_texts` was given; ValueError or TypeError for an unknown type."""
    encoding = parse_encoding(texts["encoding"]) if "encoding" in texts else None
    if type_ is None:
        type_ = encoding.type if encoding else parse_type(texts["type"])
    return ColumnSchema(texts["name"], type_, texts["evidence"], encoding)
