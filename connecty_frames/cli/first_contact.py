"""Evidence for the assumptions in ``docs/limits.md``, from the responses to one question.

The evidence can be sent to anybody: columns are numbered, texts become ``x``, and digits ``1``, so that a
masked date still is one. ``Exchanges`` has all requests and responses, for finding the cause of an error.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import counted, listed, quoted
from connecty_frames.decode import exact_json
from connecty_frames.decode.decoder import decode
from connecty_frames.decode.envelope import read_envelope
from connecty_frames.decode.exact_json import ConstantText, FloatText, IntText
from connecty_frames.decode.schema import match_names
from connecty_frames.decode.statistics import FIELDS, SECTION_NAMES, read_entry, section_named
from connecty_frames.errors import ConnectyError, without_secrets
from connecty_frames.http.models import SUCCESS
from connecty_frames.http.redaction import shown_headers
from connecty_frames.options import AskOptions, is_question_id
from connecty_frames.protocol import DEFAULT_MAX_ROWS, NEXT_STATES, STATES, TOKEN, State, folded

if TYPE_CHECKING:
    from connecty_frames.decode.decoder import Decoded
    from connecty_frames.decode.statistics import ColumnStatistics
    from connecty_frames.http.models import Response

Judgement = tuple[bool | None, str]  # true or False for an assumption (None: not seen), and the evidence

_READ: Final = frozenset(FIELDS.values())
_COUNTS: Final = frozenset(name for name in _READ if name.endswith(("count", "_len")))
_OUTER: Final = frozenset({"state", "results"})
_INNER: Final = frozenset({"response_summary", "sql_query", "dataframe", "dataframe_stats"})
_NO_VALUE: Final = frozenset({"nan", "nat", "none", "null"})
_WORDS: Final = _NO_VALUE | {"inf", "-inf", "infinity", "-infinity", "true", "false"}
#: The protocol's names: they stay anywhere outside of cells and statistics.
_PROTOCOL: Final = frozenset(
    "accesstoken code data dataframe dataframestats detail details error errordescription errors expiresat "
    "hasmore id jsonrpc message meta metadata msg pagination question questionid requestid responsesummary "
    "result results rowcount sqlquery state status title totalrows traceid truncated type".split()
)
_STATISTICS: Final = ("results", "dataframe_stats")
_is_shaped: Final = re.compile(r"(?a)(?=.*\d)(?:[-+\d.,:/% ]|(?<=\d)[TeEZ](?=[-+\d]|\Z))*").fullmatch
_is_name: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}").fullmatch
_is_number: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?", re.ASCII).fullmatch
_is_moment: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d\S*)?", re.ASCII).fullmatch


class Column(NamedTuple):
    """A column: its number, its values without nulls, its statistics, and the type it was read as."""

    number: int
    values: list[Any]
    statistics: ColumnStatistics
    type: str

    def all_match(self, match: Callable[[str], object]) -> bool:
        """Return True if there are values, and all are matching texts."""
        return bool(self.values) and all(type(value) is str and match(value) for value in self.values)

    @property
    def numbers(self) -> list[str]:
        """JSON numbers, or quoted ones, unless the statistics call them texts."""
        if self.statistics.candidates[0] != "string" and self.all_match(_is_number):
            return self.values
        return [text for text in self.values if isinstance(text, IntText | FloatText)]


class Contact:
    """The responses to one question; a Transport calls :meth:`observe`."""

    def __init__(self) -> None:
        self.body = b""  # of the final response
        self.states: list[str] = []
        self.single = b""  # a fetch with one row

    def observe(self, response: Response) -> None:
        """Keep a response with the state of the question."""
        if not response.request.has_results or response.status not in SUCCESS:
            return
        if response.request.path.endswith("&max_rows=1"):
            self.single = response.body
            return
        try:
            self.states.append(read_envelope(response.body).word)
        except ConnectyError:
            self.states.append("")
        if self.states[-1] not in ("PENDING", "IN_PROGRESS"):
            self.body = response.body

    @property
    def rows(self) -> int:
        """How many rows came."""
        return self.decoded.rows if self.decoded else 0

    @cached_property
    def response(self) -> dict[str, Any]:
        """The response as JSON, empty if it is no object."""
        return _object(self.body)

    @cached_property
    def statistics(self) -> dict[str, dict[str, Any]]:
        """The statistics by column."""
        return _statistics(self.response)

    @cached_property
    def decoded(self) -> Decoded | None:
        """The table as the client reads it, or None if the client cannot read it."""
        try:
            return decode(read_envelope(self.body), AskOptions(), fetched=DEFAULT_MAX_ROWS)
        except ConnectyError:
            return None

    @cached_property
    def columns(self) -> list[Column]:
        """The columns, none if they cannot be read."""
        types = [str(column.type) for column in self.decoded.columns] if self.decoded else []
        names, *rows = (types and _inner(self.response, "results").get("dataframe")) or [[]]
        entries, _ = match_names([name if isinstance(name, str) else None for name in names], self.statistics)
        known = [read_entry({} if entry is None else self.statistics[entry]) for entry in entries]
        cells = [[row[at] for row in rows if row[at] is not None] for at in range(len(names))]
        return list(map(Column, range(1, len(types) + 1), cells, known, types))

    def shown(self, names: Iterable[str]) -> list[str]:
        """Return names of the service; mask any that may be the business's."""
        words = _words(self.body)
        return [name if _is_of_service(name, words) else masked(name) for name in names]


def _object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body, numbers as their texts; an empty one for other bodies."""
    try:
        found = exact_json.parse(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _inner(value: object, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _statistics(response: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = _inner(_inner(response, "results"), "dataframe_stats")
    return {name: entry for name, entry in found.items() if isinstance(entry, dict)}


def _numbered(columns: Sequence[Column]) -> str:
    return f"column{'s'[: len(columns) - 1]} {listed([str(column.number) for column in columns])}"


def _distinct(items: Iterable[str]) -> str:
    return listed([item for item, _ in Counter(items).most_common()])


def _states(seen: Contact) -> Judgement:
    states = [state for state, _ in groupby(filter(None, seen.states))]
    if not states:
        return None, "none came"
    known = [State(state) for state in states if state in State.__members__]
    in_order = all(after in NEXT_STATES[before] for before, after in pairwise(known))
    shown = [each if _is_name(each) else masked(each) for each in states]
    return in_order and known == states, ", ".join(shown)


def _json(seen: Contact) -> Judgement:
    doubts = {
        "a byte order mark": seen.body.startswith(b"\xef\xbb\xbf"),
        "a bare NaN or Infinity": exact_json.has_constant(seen.body),
        "a lone surrogate": exact_json.has_lone_surrogate(seen.body),
        "not a JSON object in UTF-8": not seen.response,
    }
    found = [doubt for doubt, is_there in doubts.items() if is_there]
    if not seen.body:
        return None, "there was no response"
    return not found, ", ".join(found) or "an object in UTF-8"


def _fields(seen: Contact) -> Judgement:
    if not seen.response:
        return None, "there was no JSON object"
    results = _inner(seen.response, "results")
    read = [fields for entry in seen.statistics.values() for fields in read_entry(entry).sections.values()]
    others = {
        "": seen.response.keys() - _OUTER,
        "results.": results.keys() - _INNER,
        "statistics.": {name for fields in read for name in fields} - _READ,
    }
    came = [f"{place}{name}" for place, names in others.items() for name in seen.shown(sorted(names))]
    lacking = [name for name in sorted(_INNER) if results and results.get(name) is None]
    parts = [f"others: {', '.join(came)}"] * bool(came) + [f"no {' and no '.join(lacking)}"] * bool(lacking)
    return not parts, "; ".join(parts) or "those of the API document"


def _table(seen: Contact) -> Judgement:
    if seen.decoded is None or not seen.columns:
        has_table = bool(_inner(seen.response, "results").get("dataframe"))
        return (False, "it cannot be read") if has_table else (None, "there was no table")
    warned = Counter(type(warning).__name__ for warning in seen.decoded.warnings)
    parts = [f"{counted(seen.rows, 'row')} of {_distinct(each.type for each in seen.columns)}"]
    return not warned, "; ".join(parts + [counted(count, name) for name, count in warned.items()])


def _nulls(seen: Contact) -> Judgement:
    values = [value for column in seen.columns for value in column.values]
    nulls = seen.rows * len(seen.columns) - len(values)
    words = {str(each) for each in values if type(each) in (str, ConstantText) and each.lower() in _NO_VALUE}
    if not (words or nulls):
        return None, "there were no nulls"
    return not words, f"{nulls:,} as null{f'; also {quoted(sorted(words))}' if words else ''}"


def _numbers(seen: Contact) -> Judgement:
    found = [column for column in seen.columns if column.numbers]
    if not found:
        return None, "there were no numbers"
    texts = [text for column in found for text in column.numbers]
    most = max(len(re.sub(r"[eE].*|\D", "", text).lstrip("0")) for text in texts)
    places = max(len(re.split("[eE]", text)[0].partition(".")[2]) for text in texts)
    types = {column.type for column in found}
    where = {"plain": [each for each in found if type(each.numbers[0]) is not str]}
    where["in quotes"] = [each for each in found if type(each.numbers[0]) is str]
    parts = [f"{how} in {_numbered(some)}" for how, some in where.items() if some]
    parts += [f"up to {counted(most, 'digit')}, {places:,} after the point; read as {listed(sorted(types))}"]
    return types <= {"int64", "double"}, "; ".join(parts)


def _times(seen: Contact) -> Judgement:
    found = [
        column
        for column in seen.columns
        if column.statistics.candidates[0] == "temporal" or column.all_match(_is_moment)
    ]
    others = [column for column in found if not column.type.startswith(("date", "time", "duration"))]
    sections = [section for column in found for section in column.statistics.sections.values()]
    bounds = [section.get(end) for section in sections for end in ("min", "max")]
    parts = {
        "as": _distinct(masked(value) for each in found for value in each.values if type(value) is str),
        "min and max as": _distinct(masked(bound) for bound in bounds if type(bound) is str),
        "not read as such:": others and _numbered(others),
    }
    shown = "; ".join(f"{how} {some}" for how, some in parts.items() if some)
    return (not others, shown) if found else (None, "there were no dates or times")


def _sections(seen: Contact) -> Judgement:
    entries = seen.statistics.values()
    if SECTION_NAMES.keys() & seen.statistics.keys():  # no name of a column may be shown
        return False, "columns below sections"
    names = Counter(name for entry in entries for name, value in entry.items() if isinstance(value, dict))
    unknown = {name for entry in entries for name in read_entry(entry).unknown}
    unknown |= {name for name in names if section_named(name) is None}
    shown = [f"{name} ({count:,})" for name, count in zip(seen.shown(names), names.values(), strict=True)]
    parts = [listed(shown) or "flat objects"]
    parts += [f"unknown: {listed(seen.shown(sorted(unknown)))}"] * bool(unknown)
    return (not unknown, "; ".join(parts)) if entries else (None, "there were no statistics")


def _counts(statistics: dict[str, dict[str, Any]]) -> list[tuple[int, int]]:
    found = map(read_entry, statistics.values())
    return [(each.count, each.nulls or 0) for each in found if each.count is not None]


def _count(seen: Contact) -> Judgement:
    sources = seen.statistics, _statistics(_object(seen.single))
    stated, single = ({count for count, _ in _counts(source)} for source in sources)
    if not seen.statistics:
        return None, "there were no statistics"
    if not stated:
        return False, "no count that is a whole number"
    numbers = " or ".join(f"{count:,}" for count in sorted(stated)[-3:])
    shown = f"{numbers} beside {counted(seen.rows, 'row')}"
    if single:
        return single == stated, f"{shown}, {'also' if single == stated else 'another one'} beside 1 row"
    return True if max(stated) > seen.rows else None, shown


def _count_nulls(seen: Contact) -> Judgement:
    found = _counts(seen.statistics)
    counts, sums = {count for count, _ in found}, {count + nulls for count, nulls in found}
    if not any(nulls for _, nulls in found):
        return None, "no nulls are counted"
    if len(counts) == len(sums) == 1:
        held = counts == {seen.rows} if seen.rows in counts | sums else None
        return held, f"beside {counted(seen.rows, 'row')}, with nulls in each column"
    equal = {len(counts): "count", len(sums): "count + nulls_count"}.get(1, "neither of the two")
    return len(counts) == 1, f"{equal} is equal for all columns"


#: The names on the page, and how to judge each.
ASSUMPTIONS: Final[dict[str, Callable[[Contact], Judgement]]] = {
    judged.__name__[1:].replace("_", "-"): judged
    for judged in (_states, _json, _fields, _table, _nulls, _numbers, _times, _sections, _count, _count_nulls)
}


def masked(text: str) -> str:
    """Return a mark of the length of a text; a date or a number keeps its shape."""
    mark = re.sub(r"\d", "1", text) if _is_shaped(text) else "x" * len(text)
    return text if text.lower() in _WORDS else mark


def _words(body: bytes) -> set[str]:
    return set(re.findall(r'"(\w+)"(?!\s*:)', body.decode(errors="replace").casefold()))


def _is_of_service(name: str, words: set[str]) -> bool:
    """Return True if a name of a field or section is the service's; one also used as a text may not be."""
    is_known = name in _OUTER | _INNER | _READ | SECTION_NAMES.keys()
    is_name = bool(_is_name(name)) or section_named(name) is not None
    return is_known or (is_name and name.casefold() not in words)


def anonymized(body: bytes) -> bytes:
    """Mask texts, names of columns and digits of a response; its structure and the service's names stay."""
    try:
        response = exact_json.parse(body.decode("utf-8-sig"))
        return exact_json.dump(_masked(response, (), _words(body), {})).encode()
    except (ValueError, RecursionError):  # no JSON
        return re.sub(r"\S", "x", body.decode(errors="replace")).encode()


def _masked(value: Any, path: tuple[Any, ...], words: set[str], marks: dict[str, str]) -> Any:
    is_count = _below_statistics(path) is not None and path[-1] in _COUNTS
    match value:
        case dict():
            pairs = exact_json.pairs_of(value)
            return exact_json.RepeatedKeys(
                [
                    (_masked_key(key, path, words, marks), _masked(each, (*path, key), words, marks))
                    for key, each in pairs
                ]
            )
        case list():
            return [_masked(each, (*path, at), words, marks) for at, each in enumerate(value)]
        case IntText() | FloatText() if not is_count:
            return type(value)(re.sub(r"\d", "1", value))
        case str() if type(value) is str and path[-2:-1] == (0,) and _folded(path[-3:-2]) == "dataframe":
            return _mark(value, marks)
        case str() if type(value) is str and not _is_plain(value, path):
            return value if is_count and _is_number(value) else masked(value)
    return value


def _is_plain(value: str, path: tuple[Any, ...]) -> bool:
    """Return True for the protocol's own texts: a state or an id, in no array, cell or statistics."""
    if (
        _is_in_cells(path)
        or _below_statistics(path) is not None
        or not all(isinstance(key, str) for key in path)
    ):
        return False
    key = _folded(path[-1:])
    if key in ("state", "status"):
        return value.upper() in STATES or (len(path) == 1 and bool(_is_name(value)))
    return key in ("questionid", "requestid") and is_question_id(value)


def _masked_key(name: str, path: tuple[Any, ...], words: set[str], marks: dict[str, str]) -> str:
    if _is_in_cells(path):
        return _mark(name, marks)
    below = _below_statistics(path)
    if below is None:
        is_known = folded(name) in _PROTOCOL or (path in ((), ("results",)) and _is_of_service(name, words))
        return name if is_known else _mark(name, marks)
    # Below a column: its sections, and their fields. Columns and sections may be turned round.
    column, section, *_ = *map(str, below), "general", "general"
    is_entry = bool(below) and column not in SECTION_NAMES
    is_place = is_entry and not below[2:] and section_named(section)
    return name if is_place and _is_of_service(name, words) else _mark(name, marks)


def _is_in_cells(path: tuple[Any, ...]) -> bool:
    return any(_folded((key,)) == "dataframe" for key in path)


def _below_statistics(path: tuple[Any, ...]) -> tuple[Any, ...] | None:
    at = next((at for at, key in enumerate(path, 1) if _folded((key,)) == "dataframestats"), None)
    return None if at is None else path[at:]


def _folded(key: tuple[Any, ...]) -> str:
    return folded(key[0]) if key and isinstance(key[0], str) else ""


def _mark(name: str, marks: dict[str, str]) -> str:
    return name and marks.setdefault(name, f"{len(marks) + 1}".ljust(len(name), "x"))


_MOST_KEPT: Final = 2**20  # how much of a body is kept, in bytes
#: Headers without business data.
_PLAIN_HEADERS: Final = frozenset(
    {"content-type", "content-length", "content-encoding", "date", "server", "retry-after", "traceparent"}
)


class Exchanges(Immutable):
    """The responses of a client, in their order; a Transport calls :meth:`observe`."""

    hidden = frozenset({"responses"})

    responses: list[Response]

    def observe(self, response: Response) -> None:
        """Keep a response."""
        self.responses.append(response)

    def record(self, error: BaseException | None = None, *, anonymize: bool = False) -> bytes:
        """Return all responses as JSON, without secrets; ``anonymize`` masks business data too."""
        exchanges = [_exchange(each, anonymize=anonymize) for each in self.responses]
        found: dict[str, Any] = {"exchanges": exchanges}
        if error is not None:
            name = type(error).__name__
            found["error"] = name if anonymize else without_secrets(f"{name}: {error}")
            found["x_request_id"] = getattr(error, "details", {}).get("x_request_id")
        return exact_json.dump(found).encode(errors="backslashreplace")


def _exchange(response: Response, *, anonymize: bool) -> dict[str, Any]:
    request, headers = response.request, shown_headers(response.headers, without_secrets)
    if anonymize:
        headers = {name: value if _is_harmless(name) else masked(value) for name, value in headers.items()}
    # A token is not known if it came under another name.
    body = anonymized(response.body) if anonymize or request.path == TOKEN else response.body
    text = without_secrets(body.decode(errors="backslashreplace"))[:_MOST_KEPT]  # before it is cut
    try:
        shown = exact_json.parse(text)
    except (ValueError, RecursionError):
        shown = text
    place = {"method": request.method, "path": without_secrets(request.path), "status": response.status}
    return {**place, "headers": headers, "body": shown}


def _is_harmless(name: str) -> bool:
    return name.lower() in _PLAIN_HEADERS or name.lower().endswith(
        ("request-id", "requestid", "trace-id", "ray")
    )
