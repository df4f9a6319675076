"""The columns that are measured, how each becomes the same type by hand, and what is wanted."""

from __future__ import annotations

import json
import random
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Annotated, Any, Final, Literal, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pydantic

import connecty_frames as cf

__all__ = [
    "ANSWERS",
    "CONTRACTS",
    "ODD",
    "PLAIN",
    "SMALL",
    "SPELLINGS",
    "WIDE",
    "Answer",
    "Column",
    "body_of",
]

_START: Final = datetime(2024, 1, 1, tzinfo=UTC)
_WARSAW: Final = ZoneInfo("Europe/Warsaw")
_WORDS: Final = ("north", "south", "east", "west")
Draw = Callable[[random.Random], str]
Convert = Callable[[Any], Any]


class Column(NamedTuple):
    """A column: the JSON of a cell, the section of its statistics, and what orders the cells."""

    cell: Draw
    section: str = ""
    key: Callable[[str], Any] | None = None  # without one, the statistics have no min and max
    odd: str = ""  # one cell in the middle


class Answer(NamedTuple):
    """The columns beside an id and a label, and how a pandas series of each gets the same type by hand."""

    columns: dict[Column, Convert]
    most: float = 1.0  # times by hand
    parse: dict[str, Any] = {}  # noqa: RUF012 - arguments of json.loads


def _time(rng: random.Random) -> datetime:
    return _START + timedelta(microseconds=rng.randrange(63_072_000_000_000))


def _quoted(write: Callable[[random.Random], object]) -> Draw:
    return lambda rng: f'"{write(rng)}"'


def _timed(form: str) -> Draw:
    """Return a writer of a random time in a format of ``str.format``."""
    return _quoted(lambda rng: form.format(_time(rng)))


def _number(token: str) -> float:
    return float(token.strip('"'))


_numeric = partial(Column, section="numeric", key=_number)
_temporal = partial(Column, section="temporal")
_ID: Final = _numeric(lambda rng: str(rng.randrange(10**6)))
_FLOAT: Final = _numeric(lambda rng: repr(round(rng.uniform(0, 1000), 4)))
_MONEY: Final = _numeric(lambda rng: f"{rng.randrange(10**7) / 100:.2f}")
_LABEL: Final = Column(_quoted(lambda rng: rng.choice(_WORDS)), "string")
_TEXT: Final = Column(_quoted(lambda rng: f"user{rng.randrange(10**6)}"), "string")
_DATE: Final = _temporal(_timed("{:%Y-%m-%d}"))
_NAIVE: Final = _temporal(_timed("{:%Y-%m-%dT%H:%M:%S}"))
_NOON: Final = _temporal(_timed("{0:%Y-%m-%d} 12:{0:%M:%S.%f}"))  # no clock is changed then
_INSTANT: Final = _temporal(_timed("{:%Y-%m-%dT%H:%M:%S.%f}Z"))
_CLOCK: Final = _temporal(_timed("{:%H:%M:%S}"))
_LIST: Final = Column(lambda rng: json.dumps([rng.randrange(99) for _ in range(3)]))
_OBJECT: Final = Column(lambda rng: f'{{"a":{rng.randrange(99)},"b":"x{rng.randrange(99)}"}}')
_DAYS: Final = _temporal(_quoted(lambda rng: f"{rng.randrange(2, 99)} days {_time(rng):%H:%M:%S}"))
_ZONED: Final = _temporal(
    _quoted(lambda rng: f"{_time(rng).astimezone(_WARSAW).isoformat(timespec='milliseconds')}[Europe/Warsaw]")
)


def _as(dtype: str) -> Convert:
    return lambda series: series.astype(dtype)


def _to_floats(series: Any) -> Any:
    return series.astype(float).astype("Float64")


def _to_durations(series: Any) -> Any:
    durations: Any = pd.to_timedelta(series)
    return durations.astype("timedelta64[us]")


def _to_instants(series: Any) -> Any:
    texts = series.str.split("[").str[0]
    return pd.to_datetime(texts, format="ISO8601", utc=True).astype("datetime64[us, UTC]")


#: The answer that the others are compared with, of fewer rows.
PLAIN: Final = "plain: id, label, floats"
#: By hand is ``json.loads`` and the pandas of someone who knows the column.
ANSWERS: Final = {
    PLAIN: Answer({_FLOAT: _as("Float64")}),
    "PostgreSQL avg() and numeric(20,4)": Answer(
        {
            _numeric(lambda rng: f"{rng.randrange(10**6) / 97:.16f}"): _as("Float64"),
            _numeric(lambda rng: f"{rng.randrange(10**8) / 100:.2f}00"): _as("Float64"),
        }
    ),
    "valid_to with infinity": Answer({_DATE._replace(odd='"infinity"'): _as("string")}),
    "MySQL 0000-00-00": Answer({_DATE._replace(odd='"0000-00-00"'): _as("string")}),
    "text doubles with NaN": Answer(
        {Column(_quoted(lambda rng: repr(rng.uniform(0, 1000))), "numeric", odd='"NaN"'): _to_floats}
    ),
    "p-values": Answer({_numeric(lambda rng: repr(10 ** rng.uniform(-30, 0))): _as("Float64")}),
    "1 day 02:03:04": Answer({_DAYS: _to_durations}),
    ".5 as text": Answer({_numeric(_quoted(lambda rng: f".{rng.randrange(1, 10**4):04}")): _to_floats}),
    "UInt64 hashes": Answer({_numeric(lambda rng: str(rng.getrandbits(64))): _as("UInt64")}),
    "[Europe/Warsaw]": Answer({_ZONED: _to_instants}, 1.5),
    "tinyint booleans": Answer({Column(lambda rng: rng.choice("01"), "boolean"): _as("boolean")}),
    "n/a among numbers": Answer(  # numbers stay as they were written
        {_FLOAT._replace(key=None, odd='"n/a"'): _as("string")}, parse={"parse_float": str}
    ),
}


def _model(type_: Any) -> type[pydantic.BaseModel]:
    fields: dict[str, Any] = {"c0": (type_, ...)}
    return pydantic.create_model("Contract", **fields)


_REGION: Final = Enum("Region", {name: name for name in _WORDS})  # type: ignore[misc]
_MILLIS: Final = _numeric(lambda rng: str(int(_time(rng).timestamp() * 1000)))
#: Columns and the ``schema=`` of each, where inference reads the same text.
CONTRACTS: Final[dict[str, tuple[Column, Any]]] = {
    "int to int32": (_ID, {"c0": pa.int32()}),
    "int to double": (_ID, {"c0": pa.float64()}),
    "int to decimal128(18, 2)": (_ID, {"c0": pa.decimal128(18, 2)}),
    "us to ms": (_NAIVE, {"c0": pa.timestamp("ms")}),
    "UTC to a zone": (_INSTANT, {"c0": pa.timestamp("us", "Europe/Warsaw")}),
    "money to decimal128(18, 2)": (_MONEY, {"c0": pa.decimal128(18, 2)}),
    'cf.epoch("ms", "UTC")': (_MILLIS, {"c0": cf.epoch("ms", "UTC")}),
    "model: AwareDatetime": (_INSTANT, _model(pydantic.AwareDatetime)),
    "model: Decimal": (_MONEY, _model(Decimal)),
    "list of int64": (_LIST, {"c0": pa.list_(pa.int64())}),
    "struct of int64, string": (_OBJECT, {"c0": pa.struct([("a", pa.int64()), ("b", pa.string())])}),
    "Literal": (_LABEL, {"c0": Literal["north", "south", "east", "west"]}),
    "model: Enum": (_LABEL, _model(_REGION)),
    "model: datetime with bounds": (
        _INSTANT,
        _model(
            Annotated[pydantic.AwareDatetime, pydantic.Field(ge=_START, lt=datetime.max.replace(tzinfo=UTC))]
        ),
    ),
    "model: text with a maximum length": (_TEXT, _model(Annotated[str, pydantic.Field(max_length=20)])),
    "model: UUID": (
        Column(_quoted(lambda rng: UUID(int=rng.getrandbits(128), version=4)), "string"),
        _model(UUID),
    ),
}
#: The same where inference does not read it.
SPELLINGS: Final[dict[str, tuple[Column, Any]]] = {
    "H:MM:SS as duration": (
        Column(_quoted(lambda rng: f"{rng.randrange(99)}:{_time(rng):%M:%S}")),
        {"c0": timedelta},
    ),
    "midnight as date": (_temporal(_timed("{:%Y-%m-%d}T00:00:00Z")), {"c0": pa.date32()}),
    "YYYYMMDD as date": (Column(lambda rng: f"{_time(rng):%Y%m%d}"), {"c0": pa.date32()}),
    "cf.local": (_NOON, {"c0": cf.local("Europe/Warsaw")}),
    "quoted epoch": (
        Column(_quoted(lambda rng: int(_time(rng).timestamp() * 1000))),
        {"c0": cf.epoch("ms", "UTC")},
    ),
    "strptime, names": (Column(_timed("{:%d %b %Y}")), {"c0": cf.strptime("%d %b %Y")}),
    "strptime, fractions": (
        Column(_timed("{:%d/%m/%Y %H:%M:%S.%f}")),
        {"c0": cf.strptime("%d/%m/%Y %H:%M:%S.%f")},
    ),
    "time": (_CLOCK, {"c0": pa.time64("us")}),
    "hex": (Column(_quoted(lambda rng: rng.randbytes(8).hex())), {"c0": cf.binary("hex")}),
    "base64": (
        Column(_quoted(lambda rng: b64encode(rng.randbytes(8)).decode())),
        {"c0": cf.binary("base64")},
    ),
}
#: Answers of 3 rows of one column.
SMALL: Final = {
    "int": _ID,
    "float": _FLOAT,
    "money": _MONEY,
    "boolean": Column(lambda rng: rng.choice(("true", "false")), "boolean"),
    "text": _TEXT,
    "date": _DATE,
    "timestamp": _NAIVE,
    "instant": _INSTANT,
    "time": _CLOCK,
    "list": _LIST,
    "object": _OBJECT,
    **{name: next(iter(answer.columns)) for name, answer in ANSWERS.items() if name != PLAIN},
}
_DIGIT: Final = Column(lambda rng: str(rng.randrange(99)))


def _listed(column: Column) -> Column:
    return Column(lambda rng: f"[{column.cell(rng)},{column.cell(rng)},{column.cell(rng)}]")


#: A column, and plain ones of the same values.
ODD: Final = {
    "lists of whole numbers": (_listed(_DIGIT), [_DIGIT] * 3),
    "lists of fractions": (_listed(_FLOAT), [_FLOAT._replace(section="")] * 3),
    "lists of texts": (_listed(_TEXT), [_TEXT._replace(section="")] * 3),
    "a lone surrogate in 1,000 texts": (
        Column(lambda rng: _TEXT.cell(rng) if rng.randrange(1000) else r'"user\ud800"'),
        [_TEXT._replace(section="")],
    ),
}
#: Columns of 3 rows, 4,000 times, and the most microseconds of each.
WIDE: Final = {"text with statistics": (_TEXT, 100), "lists": (_LIST, 300), "objects": (_OBJECT, 400)}


def columns_of(table: str, name: str) -> list[Column]:
    """Return the columns of a body of a table."""
    match table:
        case "answers":
            return [_ID, _LABEL, *ANSWERS[name].columns]
        case "small":
            return [SMALL[name]]
        case "odd":
            return [ODD[name][0]]
        case "plain":
            return ODD[name][1]
        case "wide":
            return [WIDE[name][0]] * 4_000
        case _:
            return [(CONTRACTS | SPELLINGS)[name][0]]


def body_of(columns: list[Column], rows: int) -> bytes:
    """Return a response of columns, ``c0`` and on, with honest statistics."""
    rng = random.Random(rows)
    cells, entries = [], []
    for number, column in enumerate(columns):
        drawn = [column.cell(rng) for _ in range(rows)]
        if column.odd:
            drawn[rows // 2] = column.odd
        cells.append(drawn)
        if column.section:
            fields = {"count": rows, "nulls_count": 0}, _measures(column, drawn)
            general, own = (
                "{" + ",".join(f'"{n}":{value}' for n, value in each.items()) + "}" for each in fields
            )
            entries.append(f'"c{number}":{{"general":{general},"{column.section}":{own}}}')
    names = ",".join(f'"c{number}"' for number in range(len(columns)))
    table = ",".join([f"[{names}]", *(f"[{','.join(row)}]" for row in zip(*cells, strict=True))])
    parts = f'"dataframe":[{table}],"dataframe_stats":{{{",".join(entries)}}}'
    return f'{{"state":"COMPLETED","results":{{"sql_query":"SELECT 1",{parts}}}}}'.encode()


def _measures(column: Column, cells: list[str]) -> dict[str, object]:
    if column.section == "boolean":
        trues = sum(cell in {"1", "true"} for cell in cells)
        return {"true_count": trues, "false_count": len(cells) - trues}
    found: dict[str, object] = {"distinct_count": len(set(cells)), "distinct_approx": "true"}
    if column.section == "string":
        lengths = [len(cell) - len('""') for cell in cells]
        mean = round(sum(lengths) / len(lengths), 2)
        found |= {"empty_string_count": 0, "min_len": min(lengths), "mean_len": mean, "max_len": max(lengths)}
    elif column.key is not None:
        found |= {"min": min(cells, key=column.key), "max": max(cells, key=column.key)}
    return found
