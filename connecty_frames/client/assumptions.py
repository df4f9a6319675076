"""The assumptions about the service that one question can show, by their names in ``docs/limits.md``.

The evidence has no values and no names of columns, so that it can be sent to anybody: columns are numbered,
and texts are masked.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from http import HTTPStatus
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from connecty_frames.client.contact import LONGEST, results_of, statistics_of
from connecty_frames.client.masking import FIELDS, NO_VALUE, masked
from connecty_frames.decode.exact_json import (
    FloatText,
    IntText,
    has_constant,
    has_lone_surrogate,
)
from connecty_frames.decode.statistics import match_names, parse_count, read_entry, section_named
from connecty_frames.errors import StatisticsWarning, TypeFidelityWarning
from connecty_frames.protocol import DEFAULT_MAX_ROWS, NEXT_STATES, QuestionResults, ResultsResponse, State
from connecty_frames.text import counted, listed, quoted, snippet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connecty_frames.client.contact import Contact, ReadColumn

#: Whether an assumption held, None if the question does not show it; and the evidence.
Judgement = tuple[bool | None, str]

_ALL: Final = ("token", "ask", "results", "again")
#: The types of the results, for all of which the client asks.
_RESULTS: Final = {"dataframe": list, "dataframe_stats": dict, "sql_query": str, "response_summary": str}
_is_moment: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d\S*)?", re.ASCII).fullmatch
_is_number: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?", re.ASCII).fullmatch


class Finding(NamedTuple):
    """What became of an assumption."""

    name: str
    held: bool | None
    evidence: str


def judge(contact: Contact) -> list[Finding]:
    """Judge each assumption."""
    return [Finding(name, *judged(contact)) for name, judged in ASSUMPTIONS.items()]


def _numbered(columns: Iterable[ReadColumn]) -> str:
    """Return which columns, in words."""
    numbers = [str(column.number) for column in columns]
    return f"column{'s' if len(numbers) > 1 else ''} {listed(numbers)}"


def _distinct(items: Iterable[str]) -> str:
    """Return each item once, the most frequent first."""
    return listed([item for item, _ in Counter(items).most_common()])


# --- the requests -------------------------------------------------------------------------------------


def _token(contact: Contact) -> Judgement:
    replies = contact.replies("token")
    if not replies:
        return None, "no token was requested"
    shown = ", then ".join(f"{reply.method} answered {reply.status}" for reply in replies)
    return replies[-1].is_success, shown


def _token_end(contact: Contact) -> Judgement:
    end = contact.expires_at
    if not any(reply.is_success for reply in contact.replies("token")):
        return None, "no token came"
    if not isinstance(end, str):
        return False, "no expires_at that is a text"
    try:
        is_aware = datetime.fromisoformat(end).tzinfo is not None
    except ValueError:
        is_aware = False
    return is_aware, f"expires_at as {masked(end)}"


def _acceptance(contact: Contact) -> Judgement:
    replies = contact.replies("ask")
    if not replies:
        return None, "the question was not sent"
    status, question_id = replies[-1].status, contact.question_id
    try:
        is_uuid = isinstance(question_id, str) and bool(UUID(question_id))
    except ValueError:
        is_uuid = False
    return is_uuid, f"{status}, with a UUID" if is_uuid else f"{status}, without a question_id that is a UUID"


def _visibility(contact: Contact) -> Judgement:
    statuses = [reply.status for reply in contact.replies("results")]
    if not statuses:
        return None, "nothing was fetched"
    hidden = statuses.count(HTTPStatus.NOT_FOUND)
    shown = f"{counted(hidden, 'fetch', 'fetches')} answered 404" if hidden else "at the first fetch"
    return not hidden, shown


def _states(contact: Contact) -> Judgement:
    every = [reply.state for reply in contact.replies("results") if reply.state]
    states = [state for state, _ in groupby(every)]
    if not states:
        return None, "no state came"
    known = [State(state) for state in states if state in State.__members__]
    in_order = all(after in NEXT_STATES[before] for before, after in pairwise(known))
    return in_order and len(known) == len(states), ", ".join(map(contact.shown, states))


def _failure(contact: Contact) -> Judgement:
    if contact.response.get("state") != State.FAILED:
        return None, "the question did not fail"
    names = _unnamed(contact)
    return bool(names), f"told in {listed(names)}" if names else "nothing but the state"


def _errors(contact: Contact) -> Judgement:
    replies = [each for each in contact.replies(*_ALL) if not each.is_success]
    if not replies:
        return None, "no request failed"
    kinds = [f"{reply.status} with {snippet(reply.content_type) or 'no content type'}" for reply in replies]
    return all(_is_json(reply.content_type) for reply in replies), _distinct(kinds)


def _rate_limits(contact: Contact) -> Judgement:
    replies = contact.replies(*_ALL)
    limited = [reply for reply in replies if reply.status == HTTPStatus.TOO_MANY_REQUESTS]
    waits = [reply.retry_after for reply in replies if reply.retry_after is not None]
    if not (limited or waits):
        return None, "no request was limited"
    given = f"Retry-After as {_distinct(map(masked, waits))}" if waits else "no Retry-After"
    shown = f"{len(limited)} of {counted(len(replies), 'response')} were 429; {given}"
    return len(waits) >= len(limited), shown


def _content_type(contact: Contact) -> Judgement:
    kinds = [reply.content_type for reply in contact.replies(*_ALL) if reply.is_success]
    return all(map(_is_json, kinds)) if kinds else None, _distinct(snippet(kind) or "none" for kind in kinds)


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


def _fetched_again(contact: Contact) -> Judgement:
    statuses = [reply.status for reply in contact.replies("again")]
    held = all(reply.is_success for reply in contact.replies("again"))
    return held if statuses else None, " and ".join(map(str, statuses))


def _max_rows(contact: Contact) -> Judgement:
    received = max(0, len(contact.rows) - 1)
    single = results_of(contact.single).get("dataframe")
    if received <= 1 or not isinstance(single, list):
        return None if received <= DEFAULT_MAX_ROWS else False, f"{counted(received, 'row')} came"
    one = len(single) - 1
    shown = f"{counted(one, 'row')} for max_rows=1, {received:,} for {DEFAULT_MAX_ROWS:,}"
    return one == 1 and received <= DEFAULT_MAX_ROWS, shown


# --- the response -------------------------------------------------------------------------------------


def _json(contact: Contact) -> Judgement:
    body = contact.body
    if not body:
        return None, "no response ended the question"
    if len(body) > LONGEST:
        return None, f"{len(body):,} bytes are too many to be examined"
    doubts = {
        "a byte order mark": body.startswith(b"\xef\xbb\xbf"),
        "a bare NaN or Infinity": has_constant(body),
        "a lone surrogate": has_lone_surrogate(body),
        "not a JSON object in UTF-8": not contact.response,
    }
    found = [doubt for doubt, is_there in doubts.items() if is_there]
    return not found, ", ".join(found) or "an object in UTF-8"


def _fields(contact: Contact) -> Judgement:
    if not contact.response:
        return None, "no JSON object came"
    names = _unnamed(contact)
    return not names, f"others: {listed(names)}" if names else "those of the API document"


def _unnamed(contact: Contact) -> list[str]:
    """Return the fields that the API document does not name."""
    outer = contact.response.keys() - set(ResultsResponse.__struct_fields__)
    inner = contact.results.keys() - set(QuestionResults.__struct_fields__)
    return [*map(contact.shown, sorted(outer)), *(f"results.{contact.shown(name)}" for name in sorted(inner))]


def _components(contact: Contact) -> Judgement:
    if not contact.results:
        return None, "no results came"
    lacking = [name for name, type_ in _RESULTS.items() if type(contact.results.get(name)) is not type_]
    return not lacking, f"no {' and no '.join(lacking)}" if lacking else ", ".join(_RESULTS)


def _not_requested(contact: Contact) -> Judgement:
    results = results_of(contact.narrow)
    if not results:
        return None, "it was not fetched again"
    others = {name: value for name, value in results.items() if name in _RESULTS and name != "sql_query"}
    came = [name for name, value in others.items() if value is not None]
    return not came, f"came: {', '.join(came)}" if came else "null" if others else "absent"


def _table(contact: Contact) -> Judgement:
    if not contact.results:
        return None, "no results came"
    if not contact.rows:
        return False, "no array of arrays of one length"
    names = contact.rows[0]
    if not all(isinstance(name, str) for name in names) or len({*names, ""}) <= len(names):
        return False, f"{len(names):,} names, of which some are equal, empty or no texts"
    return True, f"{counted(len(contact.rows) - 1, 'row')} below {counted(len(names), 'name')}"


# --- statistics ---------------------------------------------------------------------------------------


def _statistics(contact: Contact) -> Judgement:
    if not (contact.rows and contact.statistics):
        return None, "no statistics came"
    names = [name for name in contact.rows[0] if isinstance(name, str)]
    entries, absent = match_names(names, contact.statistics)
    exact = sum(name == entry for name, entry in zip(names, entries, strict=True))
    by_case = len(names) - entries.count(None) - exact
    parts = [f"for {exact:,} of {counted(len(names), 'column')} by the exact name"]
    parts += [f"{by_case:,} by another case"] * bool(by_case) + [f"{len(absent):,} for none"] * bool(absent)
    return not absent and exact == len(names), ", ".join(parts)


def _sections(contact: Contact) -> Judgement:
    if not contact.statistics:
        return None, "no statistics came"
    # Below a name of a section, names may be those of columns.
    show = masked if FIELDS.keys() & contact.statistics.keys() else contact.shown
    names: Counter[str] = Counter()
    unknown: set[str] = set()
    for entry in contact.statistics.values():
        sections = [name for name, value in entry.items() if isinstance(value, dict)]
        names.update(name if name in FIELDS else show(name) for name in sections or ["none"])
        unknown.update(read_entry(entry).unknown, (name for name in sections if not section_named(name)))
    parts = [listed([f"{name} ({count:,})" for name, count in names.items()])]
    parts += [f"unknown: {listed(sorted(map(show, unknown)))}"] * bool(unknown)
    return not unknown, "; ".join(parts)


def _section_fields(contact: Contact) -> Judgement:
    others: set[str] = set()
    sections = 0
    for entry in contact.statistics.values():
        for name, fields in entry.items():
            section = section_named(name)
            if section is None or not isinstance(fields, dict):
                continue
            sections += 1
            # Under whatever name, a field that is read gets that of the document.
            read = read_entry({"string": fields}).sections.get("string", {})
            others.update(
                f"{section}.{contact.shown(field)}" for field in read if field not in FIELDS[section]
            )
    if not sections:
        return None, "no known section came"
    return not others, f"others: {listed(sorted(others))}" if others else "those that are read"


def _counts(statistics: dict[str, dict[str, Any]]) -> list[tuple[int, int]]:
    """Return the counts of rows and of nulls of each column that has the first."""
    found = map(read_entry, statistics.values())
    return [(each.count, each.nulls or 0) for each in found if each.count is not None]


def _count(contact: Contact) -> Judgement:
    if not contact.statistics:
        return None, "no statistics came"
    rows, stated = max(0, len(contact.rows) - 1), {count for count, _ in _counts(contact.statistics)}
    if not stated:
        return False, "no count that is a whole number"
    shown = f"{' or '.join(f'{count:,}' for count in sorted(stated)[-3:])} beside {counted(rows, 'row')}"
    single = {count for count, _ in _counts(statistics_of(results_of(contact.single)))}
    if rows > 1 and single:
        return single == stated, f"{shown}, {'also' if single == stated else 'another one'} beside 1 row"
    return True if max(stated) > rows else None, shown


def _count_nulls(contact: Contact) -> Judgement:
    found, rows = _counts(contact.statistics), len(contact.rows) - 1
    if not any(nulls for _, nulls in found):
        return None, "no nulls are counted"
    counts, sums = {count for count, _ in found}, {count + nulls for count, nulls in found}
    if len(sums) > len(counts) == 1:
        return True, "count is equal for all columns, nulls_count is not"
    if len(counts) > len(sums) == 1:
        return False, "count and nulls_count add up to the same for all columns"
    if len(counts) > 1:
        return False, "neither count nor its sum with nulls_count is equal for all columns"
    held = counts == {rows} if rows in counts | sums else None
    return held, f"beside {counted(rows, 'row')}, with nulls in each column"


def _agreement(contact: Contact) -> Judgement:
    if not (contact.columns and contact.statistics):
        return None, "no statistics came"
    found = _warned(contact, StatisticsWarning)
    return not found, f"{counted(found, 'StatisticsWarning')}" if found else "with the rows"


def _warned(contact: Contact, category: type[Warning]) -> int:
    return (
        sum(isinstance(warning, category) for warning in contact.decoded.warnings) if contact.decoded else 0
    )


def _lengths(contact: Contact) -> Judgement:
    """Find the unit in which the lengths of texts are those of the statistics."""
    fitting: list[set[str]] = []
    for column in contact.columns:
        section = column.statistics.sections.get("string")
        texts = [value for value in column.values if type(value) is str]
        whole = len(column.values) + column.nulls
        if section is None or not texts or column.statistics.count not in (whole, len(column.values)):
            continue
        stated = [parse_count(section.get(end)) for end in ("min_len", "max_len")]
        lengths = {unit: list(map(measure, texts)) for unit, measure in _UNITS.items()}
        fitting.append({unit for unit, found in lengths.items() if [min(found), max(found)] == stated})
    if not fitting:
        return None, "no statistics of all texts of a column came"
    units = set.intersection(*fitting)
    shown = " or ".join(unit for unit in _UNITS if unit in units)
    return bool(units), shown or "none of characters, bytes, UTF-16"


_UNITS: Final[dict[str, Callable[[str], int]]] = {
    "characters": len,
    "bytes": lambda text: len(text.encode(errors="replace")),
    "UTF-16 units": lambda text: len(text.encode("utf-16-le", errors="replace")) // 2,
}


# --- values -------------------------------------------------------------------------------------------


def _types(contact: Contact) -> Judgement:
    if not contact.rows:
        return None, "no table came"
    if not contact.columns:
        return False, "the table cannot be read"
    found = _warned(contact, TypeFidelityWarning)
    types = _distinct(column.type for column in contact.columns)
    return not found, f"{types}; {counted(found, 'TypeFidelityWarning')}" if found else types


def _nulls(contact: Contact) -> Judgement:
    nulls = sum(column.nulls for column in contact.columns)
    words = {str(value) for column in contact.columns for value in column.values if _is_word_for_null(value)}
    if not (words or nulls):
        return None, "no null came"
    return not words, f"{nulls:,} as null{f'; also {quoted(sorted(words))}' if words else ''}"


def _is_word_for_null(value: object) -> bool:
    return isinstance(value, str) and not isinstance(value, IntText | FloatText) and value.lower() in NO_VALUE


def _numbers(contact: Contact) -> Judgement:
    columns = [(each, _number_texts(each)) for each in contact.columns]
    found = [(each, texts) for each, texts in columns if texts]
    if not found:
        return None, "no number came"
    places = {
        "plain": [each for each, texts in found if type(texts[0]) is not str],
        "in quotes": [each for each, texts in found if type(texts[0]) is str],
        "read as text": [each for each, _ in found if each.type == "string"],
    }
    shown = "; ".join(f"{how} in {_numbered(some)}" for how, some in places.items() if some)
    return not places["read as text"], shown


def _digits(contact: Contact) -> Judgement:
    columns = [(each, _number_texts(each)) for each in contact.columns]
    texts = [text for _, found in columns for text in found]
    if not texts:
        return None, "no number came"
    most = max(len(re.sub(r"[eE].*|\D", "", text).lstrip("0")) for text in texts)
    places = max(len(text.lower().partition("e")[0].partition(".")[2]) for text in texts)
    types = {each.type for each, found in columns if found}
    shown = f"up to {counted(most, 'digit')}, {places:,} after the point; read as {listed(sorted(types))}"
    return types <= {"int64", "double"}, shown


def _number_texts(column: ReadColumn) -> list[str]:
    """Return the numbers of a column: those of JSON, else texts that are no text by their statistics."""
    plain: list[str] = [value for value in column.values if isinstance(value, IntText | FloatText)]
    if plain or column.section == "string":
        return plain
    is_quoted = all(type(value) is str and _is_number(value) for value in column.values)
    return column.values if is_quoted else []


def _times(contact: Contact) -> Judgement:
    found = [
        each
        for each in contact.columns
        if each.section == "temporal"
        or (each.values and all(type(value) is str and _is_moment(value) for value in each.values))
    ]
    if not found:
        return None, "no date or time came"
    texts = [value for each in found for value in each.values if type(value) is str]
    sections = [section for each in found for section in each.statistics.sections.values()]
    bounds = [bound for each in sections for end in ("min", "max") if type(bound := each.get(end)) is str]
    others = [each for each in found if not each.type.startswith(("date", "time", "duration"))]
    parts = {
        "as": _distinct(map(masked, texts)),
        "min and max as": _distinct(map(masked, bounds)),
        "not read as such:": others and _numbered(others),
    }
    return not others, "; ".join(f"{how} {some}" for how, some in parts.items() if some)


def _booleans(contact: Contact) -> Judgement:
    found = [
        each
        for each in contact.columns
        if each.section == "boolean" or any(type(value) is bool for value in each.values)
    ]
    if not found:
        return None, "no boolean came"
    types = [each.type for each in found]
    return set(types) == {"bool"}, f"{_numbered(found)}, read as {_distinct(types)}"


def _nested(contact: Contact) -> Judgement:
    found = [each for each in contact.columns if any(isinstance(value, list | dict) for value in each.values)]
    if not found:
        return None, "no array or object came"
    as_text = [each for each in found if each.type == "string"]
    return not as_text, f"{_numbered(found)}{f'; read as text: {_numbered(as_text)}' if as_text else ''}"


#: The names on the page, and how to judge each; one question may show them.
ASSUMPTIONS: Final[dict[str, Callable[[Contact], Judgement]]] = {
    "token": _token,
    "token-end": _token_end,
    "acceptance": _acceptance,
    "visibility": _visibility,
    "states": _states,
    "failure": _failure,
    "errors": _errors,
    "rate-limits": _rate_limits,
    "content-type": _content_type,
    "json": _json,
    "fields": _fields,
    "components": _components,
    "not-requested": _not_requested,
    "fetch-again": _fetched_again,
    "max-rows": _max_rows,
    "table": _table,
    "types": _types,
    "nulls": _nulls,
    "numbers": _numbers,
    "digits": _digits,
    "times": _times,
    "booleans": _booleans,
    "nested": _nested,
    "statistics": _statistics,
    "sections": _sections,
    "section-fields": _section_fields,
    "count": _count,
    "count-nulls": _count_nulls,
    "agreement": _agreement,
    "lengths": _lengths,
}
#: The names of those that one question cannot show.
UNSHOWN: Final = (
    "addresses",
    "statuses",
    "duration",
    "answer-lifetime",
    "question-length",
    "largest-max-rows",
    "no-rows",
    "redirects",
    "prices",
    "idempotency",
)
