"""The statistics of a column, in whatever shape a server sends them.

The API document shows an object of sections, ``general`` and ``temporal`` or ``string``, and says that they
depend on the column's type. All else is a guess: a section may be named as a database or a library names the
type, the entry may be a flat object that names it in ``type``, and there may be sections without a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from string import digits
from typing import Any, Final

import msgspec

from connecty_frames._base.immutable import Immutable

_TIMES: Final = "time timetz timewithtimezone timewithouttimezone"
_DURATIONS: Final = "duration interval intervaldaytosecond timedelta"
_CLOCKS: Final = dict.fromkeys(_TIMES.split(), "time") | dict.fromkeys(_DURATIONS.split(), "duration")
#: The names of each section, as ``_fold`` returns them: of ``datetime64[ns]``, ``datetime``. Of several
#: sections, the first decides on the type; the names of ``general`` tell no type.
SECTION_NAMES: Final = {
    "boolean": "boolean bool",
    "numeric": (
        "numeric number integer int bigint mediumint smallint tinyint hugeint long short serial bigserial"
        " smallserial uint uinteger ubigint usmallint utinyint uhugeint decimal bigdecimal bignumeric fixed"
        " float double doubleprecision real"
    ),
    "temporal": (
        "temporal date datetime datetimetz datetimeoffset smalldatetime timestamp timestampntz timestampltz"
        " timestamptz timestampwithtimezone timestampwithlocaltimezone timestampwithouttimezone timestamps"
        f" timestampms timestampns {_TIMES} {_DURATIONS}"
    ),
    "string": (
        "string str largestring text citext ntext tinytext mediumtext longtext clob varchar nvarchar char"
        " bpchar nchar character charactervarying utf largeutf object enum uuid uniqueidentifier bytes bytea"
        " binary varbinary blob"
    ),
    "general": "general list array struct record map json jsonb variant category categorical null",
}
SECTIONS: Final = tuple(SECTION_NAMES)[:-1]
_SECTION_OF: Final = {name: section for section, names in SECTION_NAMES.items() for name in names.split()}
#: The fields of the document and of the sandbox, by their name as written and as ``_fold`` returns it.
FIELDS: Final = {
    spelling: name
    for name in (
        *("count", "nulls_count", "row_count", "type", "min", "max", "mean"),
        *("min_len", "mean_len", "max_len", "distinct_count", "distinct_approx"),
        *("true_count", "false_count", "empty_string_count"),
    )
    for spelling in (name, name.replace("_", ""))
} | {"nullcount": "nulls_count", "dtype": "type", "datatype": "type", "columntype": "type"}
#: An array of PostgreSQL or DuckDB: ``text[]``, ``_int4``, ``integer[3]``.
_is_array: Final = re.compile(r"_[a-z]+\d?|.*\[\d*\]", re.ASCII).fullmatch
#: A count of at most 18 digits, also as a float or in quotes.
_match_count: Final = re.compile(r"\d{1,18}(?:\.\d{0,18})?(?:[eE]\+?\d{1,2})?", re.ASCII).fullmatch
#: The words of writers of statistics for a missing bound, in lower case.
_NO_BOUND: Final = frozenset({"", "nan", "nat", "none", "null"})


class ColumnStatistics(Immutable):
    """The statistics of one column."""

    sections: Mapping[str, dict[str, Any]] = msgspec.field(default_factory=dict)  # each with a value
    #: The sections with evidence of the type, strongest first; else "general"; None without any section.
    candidates: tuple[str | None, ...] = (None,)
    count: int | None = None
    nulls: int | None = None
    counts_values: bool = False  # rather than rows; False if unknown
    unknown: tuple[str, ...] = ()  # names of sections
    clock: str = ""  # "time" or "duration" if the statistics name one of the two
    rows: int | None = None  # None if nulls were not counted


NO_STATISTICS: Final = ColumnStatistics()


def _fold(name: str) -> str:
    return re.sub(r"[\[(<].*|[ _-]", "", name[:100], flags=re.DOTALL).casefold()  # no known name is longer


def section_named(name: str) -> str | None:
    """Return the section meant by a name, or None for an unknown name; see :data:`SECTION_NAMES`."""
    section = _SECTION_OF.get(name) or _SECTION_OF.get(_fold(name).rstrip(digits))
    return "general" if section is not None and _is_array(name) else section


def _read_fields(section: dict[str, Any]) -> dict[str, Any]:
    names = sorted(section, key=lambda name: section[name] is not None)  # a value beats a null beside it
    return {FIELDS.get(name) or FIELDS.get(_fold(name), name): section[name] for name in names}


def read_entry(entry: dict[str, Any]) -> ColumnStatistics:
    """Read the entry of a column."""
    top: dict[str, Any] = {}
    found: dict[str, tuple[str, dict[str, Any]]] = {}  # the name of each section and its fields
    unknown = []
    for name, value in entry.items():
        if not isinstance(value, dict):
            top[name] = value
        elif (section := section_named(name)) is not None:
            _keep(found, section, name, _read_fields(value))
        elif value:
            unknown.append(name)
    top = _read_fields(top)
    general = found["general"][1] if "general" in found else {}
    fields = top | general
    type_ = fields.get("type")
    if type(type_) is str:
        if (section := section_named(type_)) is not None:
            unknown = []  # these are fields of the flat object
            _keep(found, section, type_, fields)
        elif not found.keys() - {"general"}:
            unknown.append(type_)
    is_general = found.pop("general", None) is not None and not unknown
    kept = {
        name: fields
        for name, (_, fields) in found.items()
        if any(each is not None for each in fields.values())
    }
    sections = {name: kept[name] for name in SECTIONS if name in kept}
    # A single section without a value tells the type of values that fit it; of several none does.
    said = [name for name in found if found[name][1]] or list(found)
    alone = said if len(said) == 1 else ()
    rows, nulls = parse_count(fields.get("row_count")), parse_count(fields.get("nulls_count"))
    count = parse_count(fields.get("count")) if rows is None else rows
    counts_values = rows is None and "count" not in general
    is_known = count is not None and not (counts_values and nulls is None)
    others: tuple[str | None, ...] = () if sections else ("general" if is_general else None,)
    if found.get("string", ("",))[0].casefold() == "object":  # in pandas also booleans with nulls
        others = ("general",)
    return ColumnStatistics(
        sections,
        (*(sections or alone), *others),
        count,
        nulls,
        counts_values=counts_values,
        unknown=tuple(unknown),
        clock=_CLOCKS.get(_fold(found["temporal"][0]).rstrip(digits), "") if "temporal" in found else "",
        rows=(count or 0) + (nulls or 0) if is_known else None,
    )


def _keep(
    found: dict[str, tuple[str, dict[str, Any]]], section: str, name: str, fields: dict[str, Any]
) -> None:
    if all(value is None for value in found.get(section, ("", {}))[1].values()):
        found[section] = name, fields


def count_total(columns: Iterable[ColumnStatistics], received: int | None = None) -> int | None:
    """Return the number of rows of the whole result, or None if the statistics do not tell.

    ``count`` is the rows of the whole result (in the document's example 100 beside 3 rows). A server whose
    counts differ between columns counts values without nulls: then ``count + nulls_count``. If every column
    has as many nulls, only the number of rows received shows whether it counts them; ``received`` is None
    before the rows are read.
    """
    known = [(column, rows) for column in columns if (rows := column.rows) is not None]
    sums, counts = {rows for _, rows in known}, {column.count for column, _ in known}
    if sums == {received}:
        return received
    count = counts.pop() if len(counts) == 1 else None
    if count is None or any(column.counts_values for column, _ in known) or (received or 0) > count:
        return max(sums, default=None)
    return count


def parse_count(value: object) -> int | None:
    """Return a count of the statistics, also of ``2500.0`` and ``"2500"``, or None for anything else."""
    if not isinstance(value, str) or not _match_count(value):
        return None
    if value.isdecimal():  # common case
        return int(value)
    number = Decimal(value)
    return int(number) if number < 10**18 and number == int(number) else None


def stated_bounds(section: dict[str, Any]) -> dict[str, str]:
    """Return the ``min`` and the ``max`` of a section, unless they say nothing."""
    bounds = {end: section.get(end) for end in ("min", "max")}
    return {
        end: bound
        for end, bound in bounds.items()
        if isinstance(bound, str) and bound.lower() not in _NO_BOUND
    }
