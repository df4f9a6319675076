"""Generated results responses of typical kinds, deterministic by seed."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["WORKLOADS", "mixed", "repeated"]

_WARSAW = ZoneInfo("Europe/Warsaw")
_START = datetime(2024, 1, 1, tzinfo=UTC)


def _response(
    names: list[str], rows: list[list[Any]], kinds: list[str], separators: tuple[str, str]
) -> bytes:
    """Return a response with correct statistics, in the shape of the API document."""
    statistics: dict[str, dict[str, Any]] = {}
    for position, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        values = [row[position] for row in rows if row[position] is not None]
        sections: dict[str, Any] = {"general": {"count": len(rows), "nulls_count": len(rows) - len(values)}}
        if kind == "temporal":
            in_order = sorted((datetime.fromisoformat(value).timestamp(), value) for value in values)
            sections["temporal"] = {"min": in_order[0][1], "max": in_order[-1][1]}
        elif kind == "string":
            sections["string"] = {"min_len": min(map(len, values)), "max_len": max(map(len, values))}
        elif kind == "numeric":
            sections["numeric"] = {"min": min(values), "max": max(values)}
        elif kind == "decimal":
            sections["numeric"] = {"min": min(values, key=Decimal), "max": max(values, key=Decimal)}
        statistics[name] = sections
    body = {
        "state": "COMPLETED",
        "results": {
            "sql_query": "SELECT 1",
            "response_summary": "Made up.",
            "dataframe": [names, *rows],
            "dataframe_stats": statistics,
        },
    }
    return json.dumps(body, separators=separators, ensure_ascii=False).encode()


def _random_instant(rng: random.Random) -> datetime:
    return _START + timedelta(microseconds=rng.randrange(2 * 365 * 86_400_000_000))


def _api_timestamp(instant: datetime) -> str:
    """Return an instant as the API writes it: the fraction without trailing zeros."""
    text = instant.astimezone(_WARSAW).isoformat()
    if "." not in text:
        return text
    head, tail = text.split(".")
    return f"{head}.{tail[:-6].rstrip('0')}{tail[-6:]}"


def mixed(rows: int, separators: tuple[str, str] = (",", ":"), *, digit_text: bool = False) -> bytes:
    """W1: eight columns of common types; W5 with other separators and texts of digits only."""
    rng = random.Random(1)
    words = ["north", "south", "east", "west", "centre"]
    table = [
        [
            _api_timestamp(_random_instant(rng)),
            f"{rng.randrange(10**8):08d}" if digit_text else f"user{rng.randrange(10**6)}@example.com",
            rng.randrange(10**9),
            round(rng.uniform(0, 10_000), 4),
            rng.random() < 0.5,
            _random_instant(rng).date().isoformat(),
            rng.choice(words),
            None if rng.random() < 0.1 else rng.randrange(-1000, 1000),
        ]
        for _ in range(rows)
    ]
    names = ["logged_in", "email", "id", "amount", "active", "day", "region", "change"]
    kinds = ["temporal", "string", "numeric", "numeric", "boolean", "temporal", "string", "numeric"]
    return _response(names, table, kinds, separators)


def escaped(rows: int) -> bytes:
    r"""W2: texts in every row with ``\n``, ``\"``, ``\u`` escapes and brackets."""
    rng = random.Random(2)
    table = [
        [
            rng.randrange(10**9),
            f'line one\nline "two" [{rng.randrange(1000)}], {{x}}\t\\end',
            f"name {rng.randrange(10**6)} \u0001 \x7f",
            round(rng.uniform(0, 100), 2),
            "],[" if rng.random() < 0.1 else "plain",
            None if rng.random() < 0.1 else "a, b",
        ]
        for _ in range(rows)
    ]
    names = ["id", "note", "name", "price", "code", "tags"]
    kinds = ["numeric", "string", "string", "numeric", "string", "string"]
    return _response(names, table, kinds, (",", ":"))


def dates_and_decimals(rows: int) -> bytes:
    """W3a: dates, timestamps, and amounts in quotes, of which those with 18 digits are decimals."""
    rng = random.Random(3)
    table = [
        [
            rng.randrange(10**9),
            _random_instant(rng).date().isoformat(),
            None if rng.random() < 0.1 else _random_instant(rng).date().isoformat(),
            _api_timestamp(_random_instant(rng)),
            _api_timestamp(_random_instant(rng)),
            f"{rng.randrange(10**15, 10**16)}.{rng.randrange(100):02}",
            f"{rng.randrange(1, 10**6) / 100:.2f}",
            rng.choice(["open", "paid", "returned"]),
        ]
        for _ in range(rows)
    ]
    table[0][2] = "2024-01-01"
    names = ["id", "ordered", "shipped", "created_at", "changed_at", "total", "tax", "state"]
    kinds = ["numeric", *["temporal"] * 4, "decimal", "decimal", "string"]
    return _response(names, table, kinds, (",", ":"))


_CITIES = ["Kraków", "Łódź", "München", "Paris", "Lyon", "Oslo", "São Paulo", "Rome"]
_NAMES = ["Zoë", "José", "Jürgen", "Anna", "Tom", "Mária", "Eva", "Jan"]


def foreign(rows: int, *, more_floats: bool = False) -> bytes:
    """W3c: half of the texts not ASCII; W6 with two columns of floats, and one of floats and nulls."""
    rng = random.Random(6)
    table = [
        [
            _api_timestamp(_random_instant(rng)),
            f"{rng.choice(_NAMES)} {rng.randrange(10**6)}",
            rng.randrange(10**9),
            round(rng.uniform(0, 10_000), 4),
            round(rng.uniform(-1, 1), 6) if more_floats else rng.random() < 0.5,
            _random_instant(rng).date().isoformat(),
            rng.choice(_CITIES),
            None if rng.random() < 0.1
            else round(rng.uniform(0, 100), 2) if more_floats
            else rng.randrange(-1000, 1000),
        ]
        for _ in range(rows)
    ]  # fmt: skip
    names = ["logged_in", "name", "id", "amount", "rate", "day", "city", "change"]
    fourth = "numeric" if more_floats else "boolean"
    kinds = ["temporal", "string", "numeric", "numeric", fourth, "temporal", "string", "numeric"]
    return _response(names, table, kinds, (",", ":"))


def money(rows: int) -> bytes:
    """W3e: amounts with two digits after the point, as databases write decimals: ``1.10``."""
    rng = random.Random(5)
    words = ["north", "south", "east", "west", "centre"]
    table = [
        [
            rng.randrange(10**9),
            _random_instant(rng).date().isoformat(),
            rng.choice(words),
            *[rng.randrange(1, 10**6) / 100 for _ in range(3)],
            None if rng.random() < 0.1 else rng.randrange(1, 10**5) / 100,
            rng.randrange(1, 100),
        ]
        for _ in range(rows)
    ]
    names = ["id", "day", "region", "net", "tax", "gross", "discount", "pieces"]
    kinds = ["numeric", "temporal", "string", *["numeric"] * 5]
    body = _response(names, table, kinds, (",", ":"))
    return re.sub(rb"\d+\.\d+", lambda found: b"%.2f" % float(found[0]), body)


def repeated_columns(rows: int, times: int) -> bytes:
    """W3b: W1's columns several times."""
    results = json.loads(mixed(rows))["results"]
    header, *cells = results["dataframe"]
    names = [f"{name}_{number}" for number in range(times) for name in header]
    return json.dumps(
        {
            "state": "COMPLETED",
            "results": {
                "dataframe": [names, *(row * times for row in cells)],
                "dataframe_stats": {
                    name: results["dataframe_stats"][name.rpartition("_")[0]] for name in names
                },
            },
        },
        separators=(",", ":"),
        ensure_ascii=False,
    ).encode()


def wide(rows: int, columns: int) -> bytes:
    """W4: many columns of numbers with nulls."""
    rng = random.Random(4)
    table = [
        [
            None
            if rng.random() < 0.1
            else rng.randrange(10**6)
            if column % 2
            else round(rng.uniform(0, 1), 6)
            for column in range(columns)
        ]
        for _ in range(rows)
    ]
    return _response([f"c{column}" for column in range(columns)], table, ["numeric"] * columns, (",", ":"))


def repeated(rows: int) -> bytes:
    """W1's rows repeated, which makes a large body in little time."""
    part = 50_000
    body = mixed(part)
    first = body.index(b"],[") + 2
    last = body.index(b'],"dataframe_stats"')
    counted = re.sub(
        rb'(count":)(\d+)', lambda found: found[1] + b"%d" % (int(found[2]) * rows // part), body[last:]
    )
    return body[:first] + b",".join([body[first:last]] * (rows // part)) + counted


#: The workloads by name. ``dataframe_stats`` has the types of the columns.
WORKLOADS: dict[str, Callable[[], bytes]] = {
    "W1": partial(mixed, 500_000),
    "W2": partial(escaped, 200_000),
    "W3": partial(mixed, 1_000),
    "W3a": partial(dates_and_decimals, 1_000),
    "W3b": partial(repeated_columns, 1_000, 5),
    "W3c": partial(foreign, 1_000),
    "W3d": partial(mixed, 1_000, (", ", ": ")),
    "W3e": partial(money, 1_000),
    "W4": partial(wide, 2_000, 500),
    "W5": partial(mixed, 500_000, (", ", ": "), digit_text=True),
    "W6": partial(foreign, 300_000, more_floats=True),
}
