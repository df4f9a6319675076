"""Honest statistics in the spellings of five writers, times five ways to name their sections.

Those of pandas and polars are what their ``describe`` returns. BigQuery writes counts and numbers in quotes,
Snowflake fields in upper case; the document's fields are those of its example.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
import polars as pl

from tests.verification.fidelity.bodies import Producer, Shape, Unwritable, bodies
from tests.verification.fidelity.columns import COLUMNS, SECTIONS
from tests.verification.fidelity.producers import DOCUMENTED
from tests.verification.fidelity.python import (
    convert_dtypes,
    python_value,
    write_json,
    write_orjson,
    write_pandas_bound,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.verification.fidelity.bodies import Body, Counted
    from tests.verification.fidelity.ground_truth import TrueColumn

__all__ = ["DIALECTS", "NAMINGS", "shapes"]

_UNTYPED: Final = frozenset({"list", "struct", "interval", "timetz"})
_CLOUD: Final = {producer.name: producer for producer in DOCUMENTED}


class Described(NamedTuple):
    """The statistics of a column: the name of its type, and each field as JSON text."""

    type: str
    fields: dict[str, str]


class Dialect(NamedTuple):
    """A writer of rows and statistics, by the names of its counts."""

    producer: Producer
    describe: Callable[[Counted], Described]
    counts: tuple[str, str] = ("count", "nulls_count")
    spell: Callable[[int], str] = str  # a count


def _python(write: Callable[[object], str]) -> Callable[[TrueColumn], list[str]]:
    def write_all(column: TrueColumn) -> list[str]:
        return [write(python_value(column.kind, value)) for value in column.values]  # noqa: PD011 (no pandas)

    return write_all


def _described(described: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    plain = ((name, value.item() if hasattr(value, "item") else value) for name, value in described)
    return {str(name): "null" if pd.isna(value) is True else write_json(value) for name, value in plain}


def _by_pandas(column: Counted) -> Described:
    with np.errstate(invalid="ignore"):  # for infinity
        series = convert_dtypes(column.column)
        described = series.iloc[: column.size].describe()
    return Described(str(series.dtype), _described(described.items()))


def _by_polars(column: Counted) -> Described:
    kind = column.column.kind
    values = [python_value(kind, value) for value in column.column.values]  # noqa: PD011 (no pandas)
    if any(isinstance(value, Decimal) and not value.is_finite() for value in values):
        raise Unwritable  # polars panics
    try:
        series = pl.Series(values)
        described = series.head(column.size).describe().rows()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, TypeError, OverflowError) as error:
        raise Unwritable from error
    if series.dtype == pl.Null:
        raise Unwritable
    return Described(str(series.dtype), _described(described))


def _by_section(column: Counted) -> dict[str, str]:
    least, most = column.bounds
    if column.section in {"temporal", "numeric"}:
        return {"distinct_approx": "true", "min": least, "max": most}
    present = [value for value in column.column.values[: column.size] if value is not None]  # noqa: PD011
    if column.section == "boolean":
        return {"true_count": str(present.count(True)), "false_count": str(present.count(False))}
    lengths = [len(value) for value in present]
    return {
        "min_len": str(min(lengths, default="null")),
        "mean_len": str(sum(lengths) / len(lengths)) if lengths else "null",
        "max_len": str(max(lengths, default="null")),
    }


def _by_type(
    types: dict[str, str], spell: Callable[[dict[str, str]], dict[str, str]]
) -> Callable[[Counted], Described]:
    def describe(column: Counted) -> Described:
        return Described(types[column.column.kind.name], spell(_by_section(column)))

    return describe


def _quoted(fields: dict[str, str]) -> dict[str, str]:
    """Quote numbers, as BigQuery does."""
    quote = json.dumps
    return {name: value if value[0] in '"tfn' else quote(value) for name, value in fields.items()}


_DOCUMENT: Final = dict(SECTIONS) | {"other": "string"}
_BIGQUERY: Final = {
    "boolean": "BOOL", "whole": "INT64", "decimal": "BIGNUMERIC", "float32": "FLOAT64", "float64": "FLOAT64",
    "text": "STRING", "other": "STRING", "date": "DATE", "timestamp": "DATETIME", "instant": "TIMESTAMP",
    "time": "TIME",
}  # fmt: skip
_SNOWFLAKE: Final = {
    "boolean": "BOOLEAN", "whole": "NUMBER(38,0)", "decimal": "NUMBER(38,2)", "float32": "FLOAT",
    "float64": "FLOAT", "text": "VARCHAR(16777216)", "other": "TEXT", "date": "DATE",
    "timestamp": "TIMESTAMP_NTZ(9)", "instant": "TIMESTAMP_TZ", "time": "TIME(9)",
}  # fmt: skip

DIALECTS: Final = {
    "document": Dialect(
        Producer("document", _python(write_orjson), _python(write_orjson)), _by_type(_DOCUMENT, dict)
    ),
    "pandas describe": Dialect(
        Producer("pandas", _python(write_json), write_pandas_bound), _by_pandas, spell="{}.0".format
    ),
    "polars describe": Dialect(
        Producer("polars", _python(write_orjson), _python(write_json)),
        _by_polars,
        ("count", "null_count"),
        "{}.0".format,
    ),
    "BigQuery": Dialect(_CLOUD["BigQuery console"], _by_type(_BIGQUERY, _quoted), spell='"{}"'.format),
    "Snowflake": Dialect(
        _CLOUD["Snowflake driver"],
        _by_type(_SNOWFLAKE, lambda fields: {name.upper(): value for name, value in fields.items()}),
        ("COUNT", "NULL_COUNT"),
    ),
}
_Entry = dict[str, "str | dict[str, str]"]
#: How the sections are named, by the canonical name, the type's, the counts and the other fields.
NAMINGS: Final[dict[str, Callable[..., _Entry]]] = {
    "sections": lambda section, _, general, fields: {"general": general, section: fields},
    "upper case": lambda section, _, general, fields: {"GENERAL": general, section.upper(): fields},
    "by type": lambda _, type_, general, fields: {"general": general, type_: fields},
    "flat": lambda _, type_, general, fields: {"type": json.dumps(type_), **general, **fields},
    "empty others": lambda section, _, general, fields: {
        "general": general,
        **{name: {} for name in ("string", "temporal", "numeric", "boolean")},
        section: fields,
    },
}


def shapes(every: int = 1) -> Iterator[Body]:
    """Write one of so many columns in every shape, whose dialect and naming are the name of the producer."""
    columns = [column for column in COLUMNS if column.kind.name not in _UNTYPED]
    for turn, (name, naming) in enumerate(itertools.product(DIALECTS, NAMINGS)):
        dialect = DIALECTS[name]
        for column in columns[turn % every :: every]:
            try:
                for body in bodies(column, dialect.producer, _shape(dialect, naming)):
                    yield replace(body, producer=f"{name}, {naming}")
            except Unwritable:
                continue


def _shape(dialect: Dialect, naming: str) -> Shape:
    is_flat = naming == "flat"

    def write(column: Counted) -> tuple[str, str, list[str]]:
        described = dialect.describe(column)
        fields = {name: value for name, value in described.fields.items() if name not in dialect.counts}
        # Those of flat objects count values, as those of describe do; pandas counts no nulls.
        numbers = (column.size - column.nulls * is_flat, column.nulls)
        counts = {name: dialect.spell(number) for name, number in zip(dialect.counts, numbers, strict=True)}
        if is_flat and dialect.describe is _by_pandas:
            del counts["nulls_count"]
        section = "string" if described.type in {"object", "string", "str"} else column.section or "string"
        if naming == "empty others" and not fields:
            section = ""  # all are empty
        entry = NAMINGS[naming](section, described.type, counts, fields)
        bounds = [fields.get(end, token) for end, token in zip(("min", "max"), column.bounds, strict=True)]
        return _json(entry), section, bounds

    return write


def _json(entry: _Entry | dict[str, str]) -> str:
    fields = (
        f"{json.dumps(name)}:{value if isinstance(value, str) else _json(value)}"
        for name, value in entry.items()
    )
    return "{" + ",".join(fields) + "}"
