"""A results response, validated, its rows left as raw bytes.

One pass of msgspec proves that a body is JSON and finds the fields that the API document names, without
making an object of anything else. Whatever the state, what is read of the other fields and of the statistics
is bounded, and :class:`ReaderLimits` ends what takes too long.
"""

from __future__ import annotations

import math
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from itertools import compress, pairwise
from typing import Any, Final

import msgspec

from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import snippet
from connecty_frames.decode import exact_json
from connecty_frames.decode.exact_json import LIMITS, ReaderLimits
from connecty_frames.decode.statistics import ColumnStatistics, count_total, read_entry
from connecty_frames.errors import ResponseError
from connecty_frames.protocol import STATES, State, folded

#: How much is kept for messages of a question without an answer: bytes in all, fields, bytes of a name.
_MOST_KEPT: Final = 65_536
_MOST_DETAILS: Final = 1000
_LONGEST_NAME: Final = 1000
_SMALL: Final = 1 << 18  # larger statistics, in bytes, are parsed piece by piece
_PIECE: Final = 1 << 16
#: The fields of the results to read, beside the rows.
_RESULT_FIELDS: Final = ("sql_query", "response_summary", "dataframe_stats")
_ABSENT: Final = msgspec.Raw()


class _Results(msgspec.Struct):
    sql_query: msgspec.Raw = _ABSENT
    response_summary: msgspec.Raw = _ABSENT
    dataframe: msgspec.Raw = _ABSENT
    dataframe_stats: msgspec.Raw = _ABSENT


class _StateAlone(msgspec.Struct):
    """A response, of interest for its state."""

    state: msgspec.Raw


class _Response(_StateAlone):
    results: _Results | msgspec.UnsetType | None = msgspec.UNSET


_RESPONSE: Final = msgspec.json.Decoder(_Response)
_STATE_ALONE: Final = msgspec.json.Decoder(_StateAlone)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
PART_MARK: Final = b"\x1e"  # begins each part of one answer (RFC 7464); no JSON text has it
#: Possible objects around the results or the number of rows, by their names without underscores.
_HOLDERS: Final = ("results", "result", "pagination", "metadata", "meta")
_search_others: Final = re.compile(
    rb"truncated|has_?more|total_?rows|row_?count|question_?id", re.IGNORECASE
).search
_SAYING: Final = frozenset({"truncated", "hasmore", "totalrows", "rowcount", "questionid"})
_LONGEST_VALUE: Final = 300
_TEXT_OR_NULL: Final = frozenset({b"", b'"', b"n"})
#: Words for states with rows still to come.
_is_growing: Final = re.compile("PART|STREAM|RUN|PROGRESS|PEND|QUEUE|LOAD", re.IGNORECASE).search
_STATE: Final = msgspec.json.Decoder(str)
_TEXT: Final = msgspec.json.Decoder(str | None)
#: Finds the end of a cut text: the first half of a pair of surrogates, the beginning of an escape.
_find_cut: Final = re.compile(rb"(?:\\u[dD][89abAB][0-9a-fA-F]{2})?(?:\\(?:u[0-9a-fA-F]{0,3})?)?\Z").search


class Envelope(Immutable):
    """One results response, its rows unread."""

    state: str  # one of the API document, else as the server spelled it
    word: str = ""  # as the server spelled it
    sql_query: str | None = None
    response_summary: str | None = None
    #: The JSON of ``dataframe``, perhaps with bare ``NaN`` and infinities; None if absent or null.
    rows: memoryview | None = None
    is_strict: bool = True  # the rows have none of these, nor a lone surrogate
    #: ``dataframe_stats`` by column and section, numbers as their texts.
    statistics: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    excess: str = ""  # why some were not kept, as in "hold more than 100,000 values"
    column_statistics: dict[str, ColumnStatistics] = msgspec.field(default_factory=dict)  # the same, read
    #: Fields beyond the API document, of a question without an answer.
    details: dict[str, Any] = msgspec.field(default_factory=dict)
    more_details: int = 0  # beyond the first thousand
    #: The names of texts with a lone surrogate, replaced by its escape as text, ``\ud800``.
    escaped_fields: tuple[str, ...] = ()
    #: How the response differs from the API document: the kind of each difference, and a sentence.
    differences: tuple[tuple[str, str], ...] = ()
    question_ids: tuple[str, ...] = ()  # the ids of questions in it
    #: The names received in place of the results, if nothing of these was found in a completed answer.
    unnamed: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()  # parts fetched one by one, without success
    stated_rows: int | None = None  # of the whole result, as a field beside the statistics says
    row_count: int | None = None  # of the whole result, or of this response
    is_cut: bool = False  # as such fields say
    doubt: str = ""  # why a response with an unknown state may not be the whole answer; empty if it is

    def count_rows(self, checkpoint: Callable[[], None] = lambda: None) -> int:
        """Count the received rows, without the header: one for each comma between them."""
        from connecty_frames.decode.scanning import inner_commas

        if self.rows is None or bytes(self.rows[:1]) != b"[":
            return 0
        return sum(map(len, inner_commas(self.rows, checkpoint)))

    def as_completed(self, max_rows: int | None = None) -> Envelope:
        """Return a response with an unknown state as completed; an equal count ends the doubt."""
        totals = {self.total_rows, self.stated_rows} - {None}
        rows, most = self.count_rows(), max_rows or math.inf
        is_whole = bool(rows and totals) and all(rows == min(each or 0, most) for each in totals)
        why = "since a count agrees with its rows" if is_whole else "though no count confirms its rows"
        said = f"The server says {snippet(self.word)!r}, read as COMPLETED {why}."
        return msgspec.structs.replace(
            self,
            state=State.COMPLETED.value,
            doubt="" if is_whole else self.doubt,
            differences=(*self.differences, (f"the state {self.word}", said)),
        )

    @property
    def total_rows(self) -> int | None:
        """The rows of the whole result, as far as the statistics alone tell them."""
        return count_total(self.column_statistics.values())


def read_envelope(
    body: bytes,
    *,
    host: str | None = None,
    content_type: str | None = None,
    preview: Callable[[bytes], str] = snippet,
    limits: ReaderLimits = LIMITS,
) -> Envelope:
    """Validate a results response and leave its rows unread; a ResponseError shows a preview of it."""

    def refuse(what: str) -> ResponseError:
        source = f" from {host}" if host else ""
        kind = f" ({content_type})" if content_type else ""
        begins = preview(body)
        shown = f"It begins: {begins}" if begins else "It is empty."
        return ResponseError(
            f"The results response{source}{kind} {what}. {shown}",
            host=host,
            content_type=content_type,
            snippet=begins,
        )

    try:
        return _read_body(body.removeprefix(BOM_UTF8), limits)
    except UnicodeDecodeError:
        raise refuse("is not UTF-8") from None
    except RecursionError:
        raise refuse("is nested too deeply") from None
    except msgspec.ValidationError as error:
        raise refuse(f"is not what the API promises: {error}") from None
    except (ValueError, msgspec.DecodeError) as error:
        raise refuse(f"is not JSON: {str(error).removeprefix('JSON is malformed: ')}") from None


def _read_body(body: bytes, limits: ReaderLimits) -> Envelope:
    if body.startswith(PART_MARK):
        return _read_parts([text for text in body.split(PART_MARK) if text.strip()], limits)
    checkpoint, strict = limits.checkpoint, body
    original: Callable[[msgspec.Raw], memoryview] = memoryview
    try:
        response = _RESPONSE.decode(body)
    except msgspec.DecodeError:  # also of a wrong shape, since the rest of it may be no JSON
        response, original, strict = _split_lenient(body, checkpoint)
    results = response.results or _Results()
    word = _read_text(original(response.state), "$.state", checkpoint, _STATE, _MOST_KEPT)[0] or ""
    state = str(STATES.get(word) or STATES.get(word.upper()) or word)
    may_have_answer = state == State.COMPLETED or not (state in STATES or _is_growing(word))
    rows = original(results.dataframe)
    start = exact_json.offset(rows, body) if rows else len(body)
    found = Envelope(state, word)
    lacks = any(part is _ABSENT for part in msgspec.structs.astuple(results))
    has_others = _search_others(strict, 0, start) or _search_others(strict, start + len(rows))
    if may_have_answer and (lacks or has_others):
        found = _read_others(found, strict, results, len(strict) - len(rows), checkpoint)
        rows = original(results.dataframe)
        start = exact_json.offset(rows, body) if rows else len(body)
    has_answer = state == State.COMPLETED or (may_have_answer and bytes(rows[:1]) == b"[")
    most = None if has_answer else _MOST_KEPT
    (sql_query, is_sql_escaped), (summary, is_summary_escaped) = (
        _read_text(original(getattr(results, name)), f"$.results.{name}", checkpoint, most=most)
        for name in _RESULT_FIELDS[:2]
    )
    details: dict[str, Any] = {}
    more, statistics_sent = 0, memoryview(b"")
    if has_answer:
        statistics_sent = original(results.dataframe_stats)
        for part in (memoryview(body)[:start], memoryview(body)[start + len(rows) :]):
            str(part, "utf-8")  # the reader of the rows checks these
    else:
        details, more = _read_details(body, response, checkpoint)
    statistics, is_escaped, excess = read_statistics(statistics_sent, limits)
    differences = found.differences
    first_bytes = {bytes(memoryview(getattr(results, name))[:1]) for name in _RESULT_FIELDS[:2]}
    if state != word or first_bytes - _TEXT_OR_NULL:
        differences += tuple(_differences(word, state, results))
    return msgspec.structs.replace(
        found,
        sql_query=sql_query,
        response_summary=summary,
        rows=None if bytes(rows[:5]) in (b"", b"null") else rows,
        is_strict=strict is body or rows == memoryview(strict)[start : start + len(rows)],
        statistics=statistics,
        excess=excess,
        column_statistics={name: read_entry(entry) for name, entry in statistics.items()},
        details=details if state == word else {"state": word, **details},
        more_details=more,
        escaped_fields=tuple(compress(_RESULT_FIELDS, (is_sql_escaped, is_summary_escaped, is_escaped))),
        differences=differences,
        unnamed=found.unnamed if state == State.COMPLETED else None,
        doubt=f"the state {snippet(word)} is not in the API document" * (has_answer and state not in STATES),
    )


def _differences(word: str, state: str, results: _Results) -> Iterator[tuple[str, str]]:
    if state != word:
        yield f"the state {word}", f"The server says {snippet(word)!r}, read as {state}."
    for name in _RESULT_FIELDS[:2]:
        if bytes(memoryview(getattr(results, name))[:1]) not in _TEXT_OR_NULL:
            yield f"the type of {name}", f"{name} is no text; it is kept as JSON."


def _read_parts(texts: list[bytes], limits: ReaderLimits) -> Envelope:
    found, *others = (_read_body(text, limits) for text in texts)
    for each in others:
        found = msgspec.structs.replace(
            found,
            sql_query=found.sql_query or each.sql_query,
            response_summary=found.response_summary or each.response_summary,
            statistics=found.statistics or each.statistics,
            column_statistics=found.column_statistics or each.column_statistics,
            excess=found.excess or each.excess,
            escaped_fields=(*found.escaped_fields, *each.escaped_fields),
        )
    came = {"statistics": found.statistics, "SQL": found.sql_query, "summary": found.response_summary}
    missing = tuple(name for name, part in came.items() if not part)
    without = f"; it has no {' and no '.join(missing)}" if missing else ""
    said = f"The server could not send this answer at once. Its parts were fetched one by one{without}."
    return msgspec.structs.replace(
        found, missing=missing, differences=(*found.differences, ("an answer in parts", said))
    )


def _read_others(
    found: Envelope, body: bytes, results: _Results, size: int, checkpoint: Callable[[], None]
) -> Envelope:

    def read(source: Any) -> dict[str, Any]:
        if size <= _SMALL:  # without the rows
            return _FIELDS.decode(source)
        return {name: _trimmed(each) for name, each in _first_fields(_trimmed(source), checkpoint)[0].items()}

    objects = {"": read(body)}
    for name, value in objects[""].items():
        if folded(name) in _HOLDERS and bytes(memoryview(value)[:1]) == b"{":
            objects[f"{name}."] = read(value)
    fields = {f"{place}{name}": value for place, inside in objects.items() for name, value in inside.items()}
    differences = []
    for wanted in _Results.__struct_fields__:
        places = [place for place in fields if _last_folded(place) == folded(wanted)]
        is_lacking = getattr(results, wanted) is _ABSENT
        if is_lacking and len({bytes(memoryview(fields[place])) for place in places}) == 1:
            setattr(results, wanted, fields[places[0]])
            place = f"{wanted} came as {snippet(places[0])!r}, and is read."
            differences.append((f"the place of {wanted}", place))
    has_results = any(part is not _ABSENT for part in msgspec.structs.astuple(results))
    is_empty = objects.get("results.") == {}  # an answer without a table
    said = [
        (name, msgspec.json.decode(value))
        for place, value in fields.items()
        if (name := _last_folded(place)) in _SAYING and len(memoryview(value)) <= _LONGEST_VALUE
    ]
    totals, counts = (
        [value for name, value in said if name == wanted and type(value) is int]
        for wanted in ("totalrows", "rowcount")
    )
    named = [str(value) for name, value in said if name == "questionid" and value]
    return msgspec.structs.replace(
        found,
        differences=tuple(differences),
        question_ids=tuple(named),
        unnamed=None if has_results or is_empty else tuple(map(_shown, fields.items())),
        stated_rows=max(totals, default=None),
        row_count=max(counts, default=None),
        is_cut=any(value is True for name, value in said if name in ("truncated", "hasmore")),
    )


def _shown(field: tuple[str, Any]) -> str:
    place, value = field[0], bytes(memoryview(field[1]))
    return f"{place} {value.decode(errors='replace')}" if len(value) <= _LONGEST_VALUE else place


def _trimmed(source: Any) -> memoryview:
    text = bytes(memoryview(source))
    return memoryview(source)[len(text) - len(text.lstrip()) : len(text.rstrip())]


def _last_folded(place: str) -> str:
    return folded(place.rpartition(".")[2])


def _split_lenient(
    body: bytes, checkpoint: Callable[[], None]
) -> tuple[_Response, Callable[[msgspec.Raw], memoryview], bytes]:
    """Split lenient JSON: return its parts, a function from a part to its bytes as sent, and strict JSON."""
    checkpoint()
    body.decode()
    proved = exact_json.mask_leniencies(body, checkpoint)
    checkpoint()

    def original(part: msgspec.Raw) -> memoryview:
        start = exact_json.offset(part, proved)
        return memoryview(body)[start : start + len(memoryview(part))]

    try:
        response = _RESPONSE.decode(proved)
    except msgspec.DecodeError:
        whole = msgspec.json.decode(proved, type=msgspec.Raw)  # raises if the rest is not JSON
        if bytes(memoryview(whole)[:1]) != b"{":
            raise msgspec.ValidationError("expected an object") from None
        found = _STATE_ALONE.decode(proved)  # an unfinished question may have anything for results
        word, _ = _read_text(original(found.state), "$.state", checkpoint, _STATE, _MOST_KEPT)
        if word not in (State.PENDING, State.IN_PROGRESS):
            raise
        response = _Response(found.state)
    checkpoint()
    return response, original, proved


def _read_text(
    part: memoryview,
    path: str,
    checkpoint: Callable[[], None],
    decoder: msgspec.json.Decoder[Any] = _TEXT,
    most: int | None = None,
) -> tuple[str | None, bool]:
    """Return a text, or None if null or absent, and True if it held a lone surrogate."""
    # Of a text longer than ``most``, only this many bytes are read.
    if not part:
        return None, False
    if decoder is _TEXT and bytes(part[:1]) not in _TEXT_OR_NULL:
        return str(part[:most], "utf-8", "ignore"), False
    source = part if most is None or len(part) <= most or bytes(part[:1]) != b'"' else _cut_text(part, most)
    try:
        return decoder.decode(source), False
    except msgspec.ValidationError as error:
        raise msgspec.ValidationError(f"{error} - at `{path}`") from None
    except msgspec.DecodeError:
        str(source, "utf-8")  # raises about UTF-8
        return decoder.decode(exact_json.escape_lone_surrogates(bytes(source), checkpoint)), True


def _cut_text(text: bytes | memoryview, size: int) -> bytes:
    beginning = bytes(text[:size]).decode(errors="ignore").encode()  # in whole characters
    cut = _find_cut(exact_json.hide_escapes(beginning))
    return beginning[: cut.start() if cut else None] + '…"'.encode()


def read_statistics(
    source: Any, limits: ReaderLimits = LIMITS
) -> tuple[dict[str, dict[str, Any]], bool, str]:
    """Read the valid part of ``dataframe_stats``: evidence, and no reason to refuse an answer.

    Returns the entries by column, numbers as their texts; whether they held a lone surrogate, in whose place
    its escape stands; and :attr:`Envelope.excess`.
    """
    sent = bytes(memoryview(source))
    if sent[:1] != b"{":
        return {}, False, ""
    values = sum(map(sent.count, (b",", b"[", b"{")))
    if values > limits.most_values:
        sent.decode()  # raises if it is not UTF-8
        return {}, False, f"hold more than {limits.most_values:,} values"
    excess = f"hold more than {limits.most_kept:,} values" if values > limits.most_kept else ""
    escaped = exact_json.escape_lone_surrogates(sent, limits.checkpoint)
    if len(escaped) > _SMALL:
        found, unread = _read_long_statistics(escaped, limits)
        excess = unread or excess
    else:
        found = exact_json.parse(escaped.decode())
        if exact_json.is_too_deep(found.values()):
            found = {name: entry for name, entry in found.items() if not exact_json.is_too_deep([entry])}
    entries = {column: sections for column, sections in found.items() if isinstance(sections, dict)}
    return entries, escaped != sent, excess


def _read_long_statistics(text: bytes, limits: ReaderLimits) -> tuple[dict[str, Any], str]:
    """Parse statistics piece by piece; also return why they were not read, if they were not."""
    from connecty_frames.decode.scanning import parse_by_piece, scan  # only for long ones

    text.decode()  # raises if it is not UTF-8
    block = scan(memoryview(text))
    if len(block.separators(1)) >= limits.most_columns:
        return {}, f"cover more than {limits.most_columns:,} columns"
    if block.depths.max() > exact_json.MAX_DEPTH:
        return {}, f"are nested deeper than {exact_json.MAX_DEPTH} levels"
    return parse_by_piece(block, _PIECE, limits.checkpoint), ""


def _read_details(
    body: bytes, response: _Response, checkpoint: Callable[[], None]
) -> tuple[dict[str, Any], int]:
    """Return the fields beyond the API document, and how many more there are."""
    text = exact_json.escape_lone_surrogates(body, checkpoint).strip()
    decoded = text.decode()
    if len(text) <= _MOST_KEPT:
        parts = exact_json.parse(decoded)
        unnamed = _without(parts, _Response) | _without(parts.get("results") or {}, _Results)
        return {name: exact_json.to_python(_cut_levels(value)) for name, value in unnamed.items()}, 0
    del decoded
    top, more = _first_fields(memoryview(text), checkpoint)
    named = 1 + (response.results is not msgspec.UNSET)
    found = _without(top, _Response)
    # Behind the first thousand, fields of the API document are not counted.
    more -= bool(more) * (named - len(top) + len(found))
    results = bytes(top.get("results", b"")).strip()
    if results[:1] == b"{":
        inside, more_inside = _first_fields(memoryview(results), checkpoint)
        parts = msgspec.structs.astuple(response.results or _Results())
        present = sum(part is not _ABSENT for part in parts)
        unnamed = _without(inside, _Results)
        more += more_inside - bool(more_inside) * (present - len(inside) + len(unnamed))
        found |= unnamed
    longest = left = _MOST_KEPT
    for number, length in enumerate(sorted(map(len, found.values()))):
        longest = left // (len(found) - number)
        left -= min(length, longest)
    return {name: _beginning(bytes(value).strip(), longest) for name, value in found.items()}, more


def _without(parts: dict[str, Any], message: type[msgspec.Struct]) -> dict[str, Any]:
    return {name: part for name, part in parts.items() if name not in message.__struct_fields__}


def _first_fields(source: memoryview, checkpoint: Callable[[], None]) -> tuple[dict[str, memoryview], int]:
    """Return the first thousand fields of an object as JSON, and how many more it has."""
    from connecty_frames.decode.scanning import inner_commas, match_key

    commas: list[int] = []
    more = 0
    for positions in inner_commas(source, checkpoint):
        room = _MOST_DETAILS - len(commas)
        commas += positions[:room].tolist()
        more += len(positions[room:])
    if len(commas) < _MOST_DETAILS:
        commas.append(len(source) - 1)
    else:
        more += 1  # the last field has no comma behind it
    found = {}
    for start, end in pairwise([0, *commas]):
        key = match_key(source, start + 1)
        if key is not None:  # the object is not empty
            name = key[1] if len(key[1]) <= _LONGEST_NAME else _cut_text(key[1], _LONGEST_NAME)
            found[exact_json.parse(name.decode())] = source[key.end() : end]
    return found, more


def _beginning(source: bytes, size: int) -> Any:
    if len(source) <= size:
        return exact_json.to_python(_cut_levels(exact_json.parse(source.decode())))
    if source[:1] == b'"':
        return exact_json.parse(_cut_text(source, size).decode())
    return source[:size].decode(errors="ignore") + "…"


def _cut_levels(value: Any, depth: int = exact_json.MAX_DEPTH) -> Any:
    """Replace levels too deep for recursive code by an ellipsis."""
    if not isinstance(value, list | dict):
        return value
    if depth == 0:
        return "…"
    if isinstance(value, list):
        return [_cut_levels(item, depth - 1) for item in value]
    return {name: _cut_levels(item, depth - 1) for name, item in value.items()}
