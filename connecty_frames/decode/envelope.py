"""A results response, validated except for its rows, which are left as raw bytes.

``msgspec.Raw`` proves in one pass that the rows are JSON, and makes no Python object of any cell; the module
``rows`` reads them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import compress, islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from connecty_frames.decode import exact_json
from connecty_frames.decode.statistics_reduction import SMALL, reduce_statistics
from connecty_frames.errors import ResponseError
from connecty_frames.immutable import Immutable
from connecty_frames.protocol import QuestionResults, ResultsResponse, State
from connecty_frames.text import snippet

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

__all__ = [
    "Envelope",
    "Statistics",
    "match_names",
    "parse_count",
    "read_envelope",
    "read_statistics",
    "stated_bounds",
]

#: A number of more digits is not a count of rows.
_MOST_DIGITS: Final = 18
#: In lower case, what a writer of statistics puts in place of a bound that it does not have.
_NO_BOUND: Final = frozenset({"", "nan", "nat", "none", "null"})
#: How much is kept of what the API document does not name: fields, values in each, characters of a text.
_MOST_DETAILS: Final = 1000
_MOST_VALUES: Final = 1000
_LONGEST_DETAIL: Final = 65_536
#: The fields of the results that the API document names, beside the rows.
_RESULT_FIELDS: Final = ("sql_query", "response_summary", "dataframe_stats")


class _Finished(msgspec.Struct):
    """A finished response, decoded in one pass over the body; the parts of its results are left unread."""

    state: str = ""
    results: dict[str, msgspec.Raw] | None = None


_FINISHED: Final = msgspec.json.Decoder(_Finished)
_ANY: Final = msgspec.json.Decoder(msgspec.Raw)
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT: Final = msgspec.json.Decoder(str | None)
_RAW_ROWS: Final = msgspec.json.Decoder(list[msgspec.Raw])


class Statistics(NamedTuple):
    r"""Statistics as they were read.

    Parameters
    ----------
    entries
        The statistics by column and section, numbers as their texts.
    is_escaped
        Whether they held a lone surrogate; its escape, ``\ud800``, stands in its place.
    left_out
        What was left out since there was too much, in words; empty where nothing was.
    """

    entries: dict[str, dict[str, Any]]
    is_escaped: bool = False
    left_out: str = ""


class Envelope(Immutable):
    r"""One results response without its rows.

    Parameters
    ----------
    state
        The question's state, as the server spelled it.
    rows
        The JSON of ``dataframe``, which may have bare ``NaN`` and infinities, and need not be an array; None
        where it is absent or null.
    statistics
        ``dataframe_stats`` by column and section, numbers as their texts.
    left_out
        What was left out of them, in words; empty where nothing was.
    details
        Fields that the API document does not name, by name: the first thousand of them.
    more_details
        How many more there were.
    escaped_fields
        Which of ``sql_query``, ``response_summary`` and ``dataframe_stats`` held a lone surrogate; its
        escape, ``\ud800``, stands in its place.
    """

    state: str
    sql_query: str | None = None
    response_summary: str | None = None
    rows: memoryview | None = None
    statistics: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    left_out: str = ""
    details: dict[str, Any] = msgspec.field(default_factory=dict)
    more_details: int = 0
    escaped_fields: tuple[str, ...] = ()

    def count_rows(self) -> int:
        """Count the rows that were received, the header not among them."""
        if self.rows is None or bytes(self.rows[:1]) != b"[":
            return 0
        try:
            rows = _RAW_ROWS.decode(self.rows)
        except msgspec.DecodeError:
            rows = _RAW_ROWS.decode(exact_json.mask_leniencies(bytes(self.rows)))
        return max(len(rows) - 1, 0)

    @property
    def total_rows(self) -> int | None:
        """The rows of the whole result, as far as the statistics alone tell them."""
        return self.count_total()

    def count_total(self, received: int | None = None, absent: Collection[str] = ()) -> int | None:
        """Return the rows of the whole result by the statistics, None where they do not tell.

        ``count`` is the rows of the whole result (in the document's example 100 beside 3 rows). A server
        whose counts differ between columns counts values without nulls: then ``count + nulls_count``. Where
        every column has as many nulls, only the number of rows received shows whether it counts them.

        Parameters
        ----------
        received
            The rows that were received, None before they are read.
        absent
            The entries of the statistics that belong to no column, and so count something else.
        """
        counts, sums = [], []
        for entry, sections in self.statistics.items():
            general = None if entry in absent else sections.get("general")
            if isinstance(general, dict) and (count := parse_count(general.get("count"))) is not None:
                counts.append(count)
                sums.append(count + (parse_count(general.get("nulls_count")) or 0))
        if received is not None and set(sums) == {received}:
            return received
        if len(set(counts)) <= 1:
            return counts[0] if counts else None
        return max(sums)


def match_names(names: Sequence[str | None], entries: Collection[str]) -> tuple[list[str | None], list[str]]:
    """Match the columns with the entries of the statistics.

    A column's entry has the same name, or one that differs in case alone where no other column or entry does.
    Columns of one name have none, since it could be that of either.

    Parameters
    ----------
    names
        The name of each column, None where it has none.
    entries
        The names in the statistics.

    Returns
    -------
    list of str or None
        The entry of each column, None where there is none.
    list of str
        The entries that belong to no column. Those of a name that several columns share are not among them.
    """
    times = Counter(names)
    found = [name if times[name] == 1 and name in entries else None for name in names]
    if len(entries) == len(names) - found.count(None):  # all of them are matched, as nearly always
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


def parse_count(value: object) -> int | None:
    """Return a count of the statistics, None where it is not a whole number from 0."""
    text = value if isinstance(value, exact_json.IntText) else ""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


def stated_bounds(section: dict[str, Any]) -> dict[str, str]:
    """Return the ``min`` and the ``max`` of a section, without those that say nothing."""
    bounds = {end: section.get(end) for end in ("min", "max")}
    return {
        end: bound
        for end, bound in bounds.items()
        if isinstance(bound, str) and bound.lower() not in _NO_BOUND
    }


def read_envelope(
    body: bytes,
    *,
    host: str | None = None,
    content_type: str | None = None,
    preview: Callable[[bytes], str] = snippet,
) -> Envelope:
    """Validate a results response and leave its rows unread.

    Parameters
    ----------
    host, content_type
        Where the body came from, for the error; None for a saved response.
    preview
        Returns how a body begins, for the error.

    Raises
    ------
    ResponseError
        Where the body is not what the API promises.
    """

    def refuse(what: str) -> ResponseError:
        source = f" from {host}" if host else ""
        kind = f" ({content_type})" if content_type else ""
        begins = preview(body)
        return ResponseError(
            f"The results response{source}{kind} {what}. It begins: {begins}",
            host=host,
            content_type=content_type,
            snippet=begins,
        )

    try:
        parts = _split(body)
    except UnicodeDecodeError:
        raise refuse("is not UTF-8") from None
    except RecursionError:
        raise refuse("is nested too deeply") from None
    except ValueError as error:
        raise refuse(f"is not JSON: {error}") from None
    if not isinstance(parts, dict):
        raise refuse("is not what the API promises: expected an object")
    try:
        response = msgspec.convert(parts, ResultsResponse)
    except msgspec.ValidationError as error:
        raise refuse(f"is not what the API promises: {error}") from None
    results = response.results or QuestionResults()
    statistics: Statistics = results.dataframe_stats or Statistics({})
    details = _further(parts, ResultsResponse) | _further(parts.get("results") or {}, QuestionResults)
    received = [results.sql_query, results.response_summary]
    sql_query, summary = escaped = exact_json.escape_surrogates(received)
    are_escaped = [before != after for before, after in zip(received, escaped, strict=True)]
    are_escaped.append(statistics.is_escaped)
    return Envelope(
        state=response.state,
        sql_query=sql_query,
        response_summary=summary,
        rows=_rows(results.dataframe),
        statistics=statistics.entries,
        left_out=statistics.left_out,
        details={
            name: _truncate(value, iter(range(_MOST_VALUES)))
            for name, value in islice(details.items(), _MOST_DETAILS)
        },
        more_details=max(len(details) - _MOST_DETAILS, 0),
        escaped_fields=tuple(compress(_RESULT_FIELDS, are_escaped)),
    )


def read_statistics(source: Any, rows: Any) -> Statistics:
    """Read what is valid of ``dataframe_stats``: they are evidence, and no reason to refuse an answer.

    Parameters
    ----------
    source
        Their JSON, or JSON with bare ``NaN`` and infinities; None where there are none.
    rows
        That of ``dataframe``, whose header tells which entries are of columns.
    """
    if source is None:
        return Statistics({})
    text, left_out = bytes(memoryview(source)), ""
    if len(text) > SMALL:
        text, left_out = reduce_statistics(text, rows)
    found = _valid_entries(exact_json.parse(text.decode()))
    if not exact_json.may_have_surrogates(text):  # most often, and escaping would copy them
        return Statistics(found, left_out=left_out)
    escaped: dict[str, dict[str, Any]] = exact_json.escape_surrogates(found)
    return Statistics(escaped, escaped != found, left_out)


def _valid_entries(found: object) -> dict[str, dict[str, Any]]:
    if not isinstance(found, dict):
        return {}
    valid = {column: sections for column, sections in found.items() if isinstance(sections, dict)}
    if not exact_json.is_too_deep(valid.values()):
        return valid
    return {column: sections for column, sections in valid.items() if not exact_json.is_too_deep([sections])}


def _further(parts: dict[str, Any], message: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the fields that the API document does not name."""
    return {name: part for name, part in parts.items() if name not in message.__struct_fields__}


def _split(body: bytes) -> Any:
    """Parse everything but the rows; numbers as Python's, but as their texts in the statistics."""
    parts = _split_parts(body)
    if not isinstance(parts, dict):
        return parts
    results = parts.get("results")
    if not isinstance(results, dict):
        return _read_parts(parts)
    del parts["results"]
    rows, statistics = results.pop("dataframe", None), results.pop("dataframe_stats", None)
    return {
        **_read_parts(parts),
        "results": {
            **_read_parts(results),
            "dataframe_stats": read_statistics(statistics, rows),
            "dataframe": rows,
        },
    }


def _split_parts(body: bytes) -> Any:
    """Return the fields of a response and of its results as their JSON; a list if it is not an object."""
    try:
        found = _FINISHED.decode(body)
        if found.state == State.COMPLETED and found.results is not None:
            return {"state": b'"COMPLETED"', "results": found.results}
        # Without a table the body is small, and everything in it matters.
        return _split_fields(body)
    except msgspec.DecodeError:
        return _split_lenient(body)


def _split_fields(body: bytes) -> dict[str, Any]:
    parts: dict[str, Any] = dict(_OBJECT.decode(body))
    results = parts.get("results")
    if results is not None and bytes(memoryview(results)[:1]) == b"{":
        parts["results"] = dict(_OBJECT.decode(results))
    return parts


def _split_lenient(body: bytes) -> Any:
    """Split a response that may have bare constants, keys with lone surrogates, or not be an object."""
    proved = exact_json.mask_leniencies(body)
    try:
        is_object = bytes(memoryview(_ANY.decode(proved))[:1]) == b"{"
    except msgspec.DecodeError as error:
        body.decode()  # to be no UTF-8 is what is wrong then
        raise ValueError(str(error)) from None
    if not is_object:
        return []

    def original(part: Any) -> Any:
        """Return the same part of the body."""
        if isinstance(part, dict):
            rename = exact_json.unmask_name if proved is not body else str
            return {rename(name): original(field) for name, field in part.items()}
        return exact_json.original(part, proved, body)

    return original(_split_fields(proved))


def _read_parts(parts: dict[str, Any]) -> dict[str, Any]:
    """Parse fields with Python's numbers; most are texts."""
    read: dict[str, Any] = {}
    for name, part in parts.items():
        try:
            value = _TEXT.decode(part)
        except msgspec.DecodeError:
            value = exact_json.to_python(_parse(part))
        read[exact_json.escape_surrogates(name)] = value
    return read


def _parse(part: Any) -> Any:
    return exact_json.parse(str(memoryview(part), "utf-8"))


def _truncate(value: Any, budget: Iterator[int], depth: int = exact_json.MAX_DEPTH) -> Any:
    """Return a value with as many items and levels as given, and the beginning of each text.

    Parameters
    ----------
    budget
        Has an element for each item, at all depths.
    depth
        How many levels are kept. An ellipsis stands for what is nested deeper, which recursive code could
        not read.
    """
    if isinstance(value, str):
        return exact_json.escape_surrogates(value[:_LONGEST_DETAIL]) + "…" * (len(value) > _LONGEST_DETAIL)
    if depth == 0 and isinstance(value, list | dict):
        return "…"
    if isinstance(value, list):
        return [_truncate(item, budget, depth - 1) for item, _ in zip(value, budget, strict=False)]
    if isinstance(value, dict):
        items = zip(value.items(), budget, strict=False)
        return {
            exact_json.escape_surrogates(name): _truncate(item, budget, depth - 1)
            for (name, item), _ in items
        }
    return value


def _rows(dataframe: Any) -> memoryview | None:
    """Return the rows unread, None for ``null``; the module ``rows`` refuses what is not an array."""
    rows = None if dataframe is None else memoryview(dataframe)
    return None if rows is None or bytes(rows[:5]) == b"null" else rows
