"""Responses that cost a client much more than their size, or more than the time allowed."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

from tests.servers.scripted import QUESTION_ID

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PACKED", "PLACES", "ROWS", "VALUES", "response"]

_DEEP: Final = 95
_TOO_DEEP: Final = 100_000
#: How many values are the worst, and how many places have parts that are read in a way of their own.
_WORST: Final = 6
_MOST: Final = 4


def _items(size: int, item: str, frame: str = "[%s]") -> str:
    return frame % ",".join([item] * (size // (len(item) + 1)))


def _fields(size: int, value: str, *, key: str = "k%07d") -> str:
    width = len(key % 0) + len(value) + 4
    fields = (f'"{key % number}":{value}' for number in range(size // width))
    return f"{{{','.join(fields)}}}"


def _text(size: int, part: str) -> str:
    return f'"{part * (size // len(part.encode(errors="surrogateescape")))}"'


#: JSON values by name. Each takes a number of bytes and returns a value of about that size.
VALUES: Final[dict[str, Callable[[int], str]]] = {
    "arrays of arrays": partial(_items, item="[[]]"),
    "nested objects": partial(_items, item='{"a":{}}'),
    "keys": partial(_fields, value="1"),
    "pairs and one lone surrogate": partial(_items, item='"\\ud83d\\ude00"', frame='["\\ud800",%s]'),
    "one text of lone surrogates": partial(_text, part="\\ud800"),
    "not UTF-8": partial(_text, part="\udcff"),
    "keys of objects": partial(_fields, value='{"a":1}'),
    "long keys": partial(_fields, value="1", key="k%01000d"),
    "one long key": lambda size: f'{{"{"k" * size}":1}}',
    "a key again and again": partial(_items, item='"k":1', frame="{%s}"),
    "keys twice": partial(_items, item='{"a":1,"a":2}'),
    "numbers": partial(_items, item="1"),
    "fractions": partial(_items, item="1.5"),
    "decimals": partial(_items, item="0.12345678901234567890"),
    "one number": lambda size: "1" * size,
    "empty texts": partial(_items, item='""'),
    "one text": partial(_text, part="x"),
    "one text of escapes": partial(_text, part="\\n"),
    "one text of backslashes": partial(_text, part="\\\\"),
    "texts of escapes": partial(_items, item='"\\u00e9\\u00e9\\u00e9\\n"'),
    "lone surrogates": partial(_items, item='"\\ud800"'),
    "lone surrogates as keys": partial(_fields, value="1", key="\\ud800%07d"),
    "bare NaN": partial(_items, item="NaN"),
    "texts and a bare NaN": partial(_items, item='"NaN"', frame="[%s,NaN]"),
    "one text of NaN, and a bare one": lambda size: f"[{_text(size, 'NaN')},NaN]",
    "95 levels": partial(_items, item="[" * _DEEP + "]" * _DEEP),
    "100,000 levels": partial(_items, item="[]", frame="[" * _TOO_DEEP + "%s" + "]" * _TOO_DEEP),
    "spaces": lambda size: f"[{' ' * size}]",
}

_STATISTICS: Final = '{"state":"COMPLETED","results":{"dataframe":[["a"],[1]],"dataframe_stats":%s}}'
#: What a response is, by name: its endpoint, its status, and its body around a value.
PLACES: Final[dict[str, tuple[str, int, str]]] = {
    "IN_PROGRESS": ("results", 200, '{"state":"IN_PROGRESS","more":%s}'),
    "FAILED": ("results", 200, '{"state":"FAILED","more":%s}'),
    "COMPLETED": ("results", 200, '{"state":"COMPLETED","more":%s,"results":{"dataframe":[["a"],[1]]}}'),
    "COMPLETED, a column's": ("results", 200, _STATISTICS % '{"a":{"x":%s}}'),
    "token": ("token", 200, '{"access_token":"a-token","more":%s}'),
    "submission": ("ask", 202, '{"more":%s,"question_id":"' + QUESTION_ID + '"}'),
    "results, 500": ("results", 500, "%s"),
    "token itself": ("token", 200, '{"access_token":%s}'),
    "token, 401": ("token", 401, '{"detail":%s}'),
    "submission, 400": ("ask", 400, '{"error":{"message":%s}}'),
    "health": ("health", 200, "%s"),
    "results, 404": ("results", 404, '{"message":%s}'),
    "FAILED, its results": ("results", 200, '{"state":"FAILED","results":%s}'),
    "FAILED, its SQL": ("results", 200, '{"state":"FAILED","results":{"sql_query":%s}}'),
    "an unknown state": ("results", 200, '{"state":%s}'),
    "COMPLETED, its results": ("results", 200, '{"state":"COMPLETED","results":%s}'),
    "COMPLETED, its summary": ("results", 200, '{"state":"COMPLETED","results":{"response_summary":%s}}'),
    "COMPLETED, its rows": ("results", 200, '{"state":"COMPLETED","results":{"dataframe":%s}}'),
    "COMPLETED, statistics": ("results", 200, _STATISTICS),
    "no response": ("results", 200, "%s"),
}
#: What is measured: the first places with every value, the others with the first values alone.
ROWS: Final = [
    (place, value)
    for number, value in enumerate(VALUES)
    for place in list(PLACES)[: None if number < _WORST else _MOST]
]
#: The places whose responses are sent as gzip, which is far smaller.
PACKED: Final = frozenset(name for name, (endpoint, *_) in PLACES.items() if endpoint != "results") | {
    "FAILED",
    "COMPLETED, statistics",
    "results, 500",
}


def response(place: str, value: str, size: int) -> tuple[str, int, bytes]:
    """Return the endpoint, the status and the body."""
    endpoint, status, frame = PLACES[place]
    return endpoint, status, (frame % _value(value, size)).encode(errors="surrogateescape")


@lru_cache(maxsize=2)
def _value(name: str, size: int) -> str:
    return VALUES[name](size)
