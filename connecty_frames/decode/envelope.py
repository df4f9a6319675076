"""The small part of a results response, validated; the rows left as raw bytes.

``msgspec.Raw`` walks over the rows once and proves that they are JSON without making a Python object of
any cell. Reading them is the business of ``rows``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec
from pydantic import ValidationError

from connecty_frames.decode import exact_json
from connecty_frames.errors import ResponseError
from connecty_frames.protocol import QuestionResults, ResultsResponse, State
from connecty_frames.text import snippet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Envelope", "LooseRows", "read_envelope", "whole_number"]

#: A count of more digits counts no rows.
_MOST_DIGITS: Final = 19
#: How much is kept of what the API document does not name: fields, values in each, characters of a text.
_MOST_DETAILS: Final = 1000
_MOST_VALUES: Final = 1000
_LONGEST_DETAIL: Final = 65_536
#: What is kept of the results whole, beside the rows.
_TEXTS: Final = ("sql_query", "response_summary", "dataframe_stats")


class _Finished(msgspec.Struct):
    """A finished answer in one walk over the body, the parts of its results left unread."""

    state: str = ""
    results: dict[str, msgspec.Raw] | None = None


_FINISHED: Final = msgspec.json.Decoder(_Finished)
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT: Final = msgspec.json.Decoder(str | None)
_CELLS: Final = msgspec.json.Decoder(list[list[msgspec.Raw]])
_ROWS: Final = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class LooseRows:
    """Rows out of a body that is no strict JSON.

    Parameters
    ----------
    cells
        What ``tokens.parse`` gave.
    body
        The whole body.
    """

    cells: Any
    body: bytes

    def sources(self) -> list[list[bytes]] | None:
        """Give the cells as the texts they were, the header among them; None where nothing can cut them."""
        body, mark = exact_json.strict(self.body.decode())
        try:
            results = _FINISHED.decode(body).results or {}
            rows = _CELLS.decode(results["dataframe"])
        except (msgspec.DecodeError, RecursionError):
            return None
        return [
            [exact_json.bare(str(memoryview(cell), "utf-8"), mark).encode() for cell in row] for row in rows
        ]


@dataclass(frozen=True, slots=True)
class Envelope:
    r"""One results response without its rows.

    Parameters
    ----------
    state
        The question's state, as the server spelled it.
    rows
        The JSON of ``dataframe``, None where it is absent or null; parsed where the body is no strict JSON,
        since nothing else can read it then. That it is an array is not yet known.
    statistics
        ``dataframe_stats`` by column and section, numbers as their texts.
    details
        Fields that the API document does not name, by name: the first thousand of them.
    more_details
        How many more there were.
    mended
        Which of ``sql_query``, ``response_summary`` and ``dataframe_stats`` held half of a surrogate pair,
        which no text can hold: the escape that it was stands there, ``\ud800``.
    """

    state: str
    sql_query: str | None = None
    response_summary: str | None = None
    rows: memoryview | LooseRows | None = None
    statistics: dict[str, dict[str, Any]] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    more_details: int = 0
    mended: tuple[str, ...] = ()

    def count_rows(self) -> int:
        """Count the rows that came, the header not among them."""
        if isinstance(self.rows, memoryview):
            rows = _ROWS.decode(self.rows) if bytes(self.rows[:1]) == b"[" else None
        else:
            rows = None if self.rows is None else self.rows.cells
        return max(len(rows) - 1, 0) if isinstance(rows, list) else 0

    @property
    def total_rows(self) -> int | None:
        """The rows of the whole answer, as far as the statistics alone tell them."""
        return self.rows_in_all()

    def rows_in_all(self, came: int | None = None) -> int | None:
        """Give the rows of the whole answer as the statistics tell them, None where they do not.

        ``count`` is the rows of the whole result (in the document's example 100 beside 3 rows). A server
        whose counts differ between columns counts values without nulls: then ``count + nulls_count``. Where
        every column has as many nulls, only how many rows came shows whether it counts them.
        """
        counts = self._counts()
        if came is not None and {sum(pair) for pair in counts} == {came}:
            return came
        if len({count for count, _ in counts}) <= 1:
            return counts[0][0] if counts else None
        return max(count + nulls for count, nulls in counts)

    def _counts(self) -> list[tuple[int, int]]:
        """Give the ``count`` and ``nulls_count`` of each column that has a count."""
        general = [sections.get("general") for sections in self.statistics.values()]
        return [
            (count, whole_number(section.get("nulls_count")) or 0)
            for section in general
            if isinstance(section, dict) and (count := whole_number(section.get("count"))) is not None
        ]


def whole_number(value: object) -> int | None:
    """Give a count of the statistics, None where it is no whole number from 0."""
    text = value if isinstance(value, exact_json.IntText) else ""
    return int(text) if text.isdecimal() and len(text) < _MOST_DIGITS else None


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
        response = ResultsResponse.model_validate(parts)
    except UnicodeDecodeError:
        raise refuse("is not UTF-8") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        expected = "expected an object" if first["type"] == "model_type" else first["msg"]
        raise refuse(f"is not what the API promises: {where}: {expected}") from None
    except RecursionError:
        raise refuse("is nested too deeply") from None
    except ValueError as error:
        raise refuse(f"is no JSON: {error}") from None
    results = response.results or QuestionResults()
    details = {**(response.model_extra or {}), **(results.model_extra or {})}
    sent = results.sql_query, results.response_summary, _statistics(results.dataframe_stats)
    sql_query, summary, statistics = kept = exact_json.mended(list(sent))
    return Envelope(
        state=response.state,
        sql_query=sql_query,
        response_summary=summary,
        rows=_rows(results.dataframe, body),
        statistics=statistics,
        details={
            name: _bounded(value, iter(range(_MOST_VALUES)))
            for name, value in islice(details.items(), _MOST_DETAILS)
        },
        more_details=max(len(details) - _MOST_DETAILS, 0),
        mended=tuple(name for name, before, after in zip(_TEXTS, sent, kept, strict=True) if before != after),
    )


def _split(body: bytes) -> Any:
    """Read everything but the rows; numbers as Python's, but as their texts in rows and statistics."""
    try:
        found = _FINISHED.decode(body)
        parts: Any = {"state": found.state, "results": found.results}
        if found.state != State.COMPLETED or found.results is None:
            # Small, and without an answer everything that the server says matters.
            parts = dict(_OBJECT.decode(body))
            results = parts.get("results")
            if results is not None and bytes(memoryview(results)[:1]) == b"{":
                parts["results"] = dict(_OBJECT.decode(results))
    except msgspec.DecodeError:
        # Not strict JSON (a bare NaN, say), or nested deeply: the patient reader knows more.
        parts = exact_json.parse(body.decode("utf-8"))
    if not isinstance(parts, dict):
        return parts
    split: dict[str, Any] = {
        exact_json.mended(name): _plain(part) for name, part in parts.items() if name != "results"
    }
    results = parts.get("results")
    if isinstance(results, dict):
        rows = {"dataframe": results.pop("dataframe", None)}
        statistics = {"dataframe_stats": _parse(results.pop("dataframe_stats", None))}
        others = {exact_json.mended(name): _plain(part) for name, part in results.items()}
        return {**split, "results": {**others, **statistics, **rows}}
    return {**split, "results": _plain(results)}


def _plain(part: object) -> Any:
    """Read a part with Python's numbers; most are texts."""
    try:
        return _TEXT.decode(part) if isinstance(part, msgspec.Raw) else exact_json.plain(part)
    except msgspec.DecodeError:
        return exact_json.plain(_parse(part))


def _bounded(value: Any, places: Iterator[int]) -> Any:
    """Keep as many of a value's texts and of their characters as there are places for."""
    if isinstance(value, str):
        return exact_json.mended(value[:_LONGEST_DETAIL]) + "…" * (len(value) > _LONGEST_DETAIL)
    if isinstance(value, list):
        return [_bounded(item, places) for item, _ in zip(value, places, strict=False)]
    if isinstance(value, dict):
        items = zip(value.items(), places, strict=False)
        return {exact_json.mended(name): _bounded(item, places) for (name, item), _ in items}
    return value


def _parse(part: object) -> Any:
    return exact_json.parse(str(memoryview(part), "utf-8")) if isinstance(part, msgspec.Raw) else part


def _rows(dataframe: object, body: bytes) -> memoryview | LooseRows | None:
    """Give the rows as they are; ``null`` is no rows, and what is no array is for ``rows`` to refuse."""
    if not isinstance(dataframe, msgspec.Raw):
        return None if dataframe is None else LooseRows(dataframe, body)
    raw = memoryview(dataframe)
    return None if bytes(raw[:5]) == b"null" else raw


def _statistics(found: object) -> dict[str, dict[str, Any]]:
    """Keep what has the shape of statistics. They are evidence, never a reason to refuse an answer."""
    if not isinstance(found, dict):
        return {}
    shaped = {column: sections for column, sections in found.items() if isinstance(sections, dict)}
    if exact_json.too_deep(shaped.values()):
        return {
            column: sections for column, sections in shaped.items() if not exact_json.too_deep([sections])
        }
    return shaped
