"""The columns of an answer: the name and type of each, and why; the types and rules of ``schema=``."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any, Final

import msgspec
import pyarrow as pa

from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import quoted, snippet
from connecty_frames.decode import compute as pc
from connecty_frames.decode import exact_json
from connecty_frames.decode.arrow import combine, index_of, is_list, parse_type
from connecty_frames.decode.cells import CellError
from connecty_frames.decode.types.encodings import Encoding, Given, parse_encoding
from connecty_frames.errors import ColumnNameWarning, ConversionError, ResponseError

#: The evidence for a type written by the caller, and for one inferred from an earlier answer, by basis.
GIVEN: Final = {"schema": "schema=", "saved": "saved schema"}
#: How many distinct values a rule checks at once.
_BLOCK: Final = 1 << 14


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

    def __getitem__(self, name: str) -> Any:
        """Return an attribute by its name, as an item of a dict."""
        return {each: getattr(self, each) for each in self.__slots__}[name]

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
    #: Selects a few values to check first: if these fit, all do.
    decisive: Callable[[pa.Array], Sequence[Any]] | None = None
    checks_nulls_alone: bool = False  # the check refuses nothing but nulls inside of values
    is_secret: bool = False  # no error shows a value


def check_rule(array: Any, rule: ColumnRule, checkpoint: Callable[[], None] = lambda: None) -> None:
    """Raise CellError at a null or value against a rule."""
    if not rule.nullable and array.null_count:
        row = index_of(pc.is_null(combine(array)), value=True)
        raise CellError(row, "null", "is a null, which schema= does not allow")
    if rule.check is None or array.null_count == len(array):
        return
    values, rows = combine(array), None
    if rule.decisive is not None and rule.check(rule.decisive(values)) is None:
        return
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

    types: Mapping[str, Given]
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


def column_names(
    header: list[Any], checkpoint: Callable[[], None] = lambda: None
) -> tuple[list[str], list[str | None], list[ColumnNameWarning]]:
    """Return unique names, the server's names, and warnings; of equal names, the first keeps it."""
    are_names = set(map(type, header)) == {str} and "" not in header and len(set(header)) == len(header)
    if are_names and "".join(header).isprintable():  # common case: a NUL and a lone surrogate are not
        return header, list(header), []
    texts = [_name_text(position, name) for position, name in enumerate(header)]
    taken = {text for text in texts if text}
    numbers: defaultdict[str, count[int]] = defaultdict(lambda: count(1))
    names: list[str] = []
    used: set[str] = set()
    warnings: list[ColumnNameWarning] = []
    for position, (given, text) in enumerate(exact_json.checked(zip(header, texts, strict=True), checkpoint)):
        wanted = "" if exact_json.NUL in text else text
        if wanted and wanted not in used:
            name = wanted
        else:
            name = _free_name(wanted, position, taken, numbers)
            taken.add(name)
        if name != given or type(given) is not str:
            reason = "is not a valid name"
            if exact_json.NUL in text:
                reason = "holds a NUL character"
            elif wanted in used:
                reason = "is taken"
            what = snippet(exact_json.dump(given))
            message = f"Column {position} is called {snippet(name)!r}, because {what} {reason}."
            warnings.append(ColumnNameWarning(message, column=name))
        names.append(name)
        used.add(name)
    server_names = [None if name is None else text for name, text in zip(header, texts, strict=True)]
    return names, server_names, warnings


def _free_name(wanted: str, position: int, taken: set[str], numbers: defaultdict[str, count[int]]) -> str:
    # Numbers only grow: many columns of one name are not searched from the start again.
    base = wanted or f"column_{position}"
    candidates = chain((base,), (f"{base}_{number}" for number in numbers[base]))
    return next(candidate for candidate in candidates if candidate not in taken)


def _name_text(position: int, name: object) -> str:
    """Return a name as text: empty for null, the exact JSON text of a number or a truth value."""
    if isinstance(name, list | dict):
        raise ResponseError(
            f"The header of dataframe holds {exact_json.preview(name)} at position {position}, which is not "
            "a column name; is the header row missing?"
        )
    text = "" if name is None else name if isinstance(name, str) else exact_json.dump(name)
    if not exact_json.is_encodable(text):
        raise ResponseError(
            f"The column name at position {position} holds {exact_json.LONE_SURROGATE}: {snippet(text)}"
        )
    return str(text)


def match_names(names: Sequence[str | None], entries: Collection[str]) -> tuple[list[str | None], list[str]]:
    """Match the columns with the entries of the statistics.

    A column's entry has the same name, or one that differs only in case where no other column or entry does.
    Columns of one name have none, since it could be that of either.

    Returns the entry of each column, and the entries that belong to no column; those of a name that several
    columns share are not among them.
    """
    times = Counter(names)
    found = [name if times[name] == 1 and name in entries else None for name in names]
    if len(entries) == len(names) - found.count(None):  # all of them are matched: the common case
        return found, []
    folded_times = Counter(name.casefold() for name in names if name is not None)
    by_folded_name = defaultdict(list)
    for entry in entries:
        by_folded_name[entry.casefold()].append(entry)
    for position, name in enumerate(names):
        alike = by_folded_name[name.casefold()] if name is not None else []
        if len(alike) == 1 == folded_times[alike[0].casefold()]:
            found[position] = alike[0]
    shared = {name.casefold() for name, count in times.items() if name is not None and count > 1}
    matched = set(found)
    absent = [entry for entry in entries if entry not in matched and entry.casefold() not in shared]
    return found, absent
