"""The responses to one question, kept for :mod:`~connecty_frames.client.assumptions`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from connecty_frames.client.masking import is_service_name, masked
from connecty_frames.decode import decode, read_envelope
from connecty_frames.decode.exact_json import parse
from connecty_frames.decode.statistics import NO_STATISTICS, ColumnStatistics, match_names, read_entry
from connecty_frames.errors import ConnectyError
from connecty_frames.http.models import SUCCESS
from connecty_frames.options import AskOptions
from connecty_frames.protocol import DEFAULT_MAX_ROWS, FINAL_STATES, TOKEN, State

if TYPE_CHECKING:
    from connecty_frames.decode import Decoded
    from connecty_frames.http.models import Response

#: A longer response is not examined: its objects take many times its memory.
LONGEST: Final = 1 << 26
#: The states that others follow.
_WAITING: Final = frozenset(State) - FINAL_STATES
#: The attribute for the response of a further fetch, by the end of its path.
_AGAIN: Final = {"include=sqlquery": "narrow", "&max_rows=1": "single"}


class Reply(NamedTuple):
    """What is kept of a response."""

    endpoint: str  # token, ask, results, or again for the further fetches
    method: str
    status: int
    content_type: str
    retry_after: str | None
    state: str | None  # of the question, if it is a result that can be read

    @property
    def is_success(self) -> bool:
        """Whether the status is one of success."""
        return self.status in SUCCESS


class ReadColumn(NamedTuple):
    """A column of the answer: its number, what came, and as what it was read."""

    number: int
    values: list[Any]  # without nulls, numbers as their texts
    nulls: int
    statistics: ColumnStatistics
    type: str

    @property
    def section(self) -> str | None:
        """The section that tells its type."""
        return self.statistics.candidates[0]


class Contact:
    """What came in reply to one question; a Transport calls :meth:`observe`."""

    def __init__(self) -> None:
        #: The response that ended the question, as received.
        self.body = b""
        #: The responses of two further fetches: with the SQL alone, and with one row.
        self.narrow: dict[str, Any] = {}
        self.single: dict[str, Any] = {}
        self.expires_at: object = None
        self.question_id: object = None
        self._replies: list[Reply] = []

    def observe(self, response: Response) -> None:
        """Keep what is needed of a response; a token is not."""
        request, headers, body = response.request, response.headers, response.body
        endpoint = "results" if request.has_results else "token" if request.path == TOKEN else "ask"
        again = next((name for end, name in _AGAIN.items() if request.path.endswith(end)), None)
        endpoint = "again" if again else endpoint
        state = None
        if response.status not in SUCCESS:
            pass
        elif endpoint == "token":
            self.expires_at = read_object(body).get("expires_at")
        elif endpoint == "ask":
            self.question_id = read_object(body).get("question_id")
        elif again:
            setattr(self, again, read_object(body))
        else:
            state = _state(body)
            if state not in _WAITING:
                self.body = body
        kind, wait = headers.get("Content-Type", ""), headers.get("Retry-After")
        self._replies.append(Reply(endpoint, request.method, response.status, kind, wait, state))

    def replies(self, *endpoints: str) -> list[Reply]:
        """Return the replies of some endpoints, in their order."""
        return [reply for reply in self._replies if reply.endpoint in endpoints]

    @cached_property
    def response(self) -> dict[str, Any]:
        """The response with the results, empty if it is no JSON object."""
        return read_object(self.body)

    @property
    def results(self) -> dict[str, Any]:
        """The results, empty if the question has none."""
        return results_of(self.response)

    @cached_property
    def rows(self) -> list[list[Any]]:
        """The rows, that of the names first; empty if they are no table."""
        found = self.results.get("dataframe")
        if not isinstance(found, list) or not all(isinstance(row, list) for row in found):
            return []
        return found if len(set(map(len, found))) == 1 else []

    @cached_property
    def statistics(self) -> dict[str, dict[str, Any]]:
        """The statistics by column, without what is no object."""
        return statistics_of(self.results)

    @cached_property
    def _texts(self) -> set[str]:
        return {cell for row in self.rows for cell in row if isinstance(cell, str)}

    def shown(self, name: str) -> str:
        """Return a name of the service's; one that may be the business's is masked."""
        return name if is_service_name(name) and name not in self._texts else masked(name)

    @cached_property
    def decoded(self) -> Decoded | None:
        """The answer as the client reads it, None if it cannot."""
        try:
            return decode(read_envelope(self.body), AskOptions(), fetched=DEFAULT_MAX_ROWS)
        except ConnectyError:
            return None

    @cached_property
    def columns(self) -> list[ReadColumn]:
        """The columns, none if they cannot be read."""
        if not self.rows or self.decoded is None:
            return []
        names, rows = self.rows[0], self.rows[1:]
        entries, _ = match_names([name if isinstance(name, str) else None for name in names], self.statistics)
        cells = list(zip(*rows, strict=True)) or [()] * len(names)
        return [
            ReadColumn(
                number,
                [value for value in values if value is not None],
                values.count(None),
                NO_STATISTICS if entry is None else read_entry(self.statistics[entry]),
                str(described.type),
            )
            for number, (values, entry, described) in enumerate(
                zip(cells, entries, self.decoded.columns, strict=True), 1
            )
        ]


def results_of(response: dict[str, Any]) -> dict[str, Any]:
    """Return the results in a response, empty if they are no object."""
    found = response.get("results")
    return found if isinstance(found, dict) else {}


def statistics_of(results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the statistics by column, without what is no object."""
    found = results.get("dataframe_stats")
    entries = found if isinstance(found, dict) else {}
    return {name: entry for name, entry in entries.items() if isinstance(entry, dict)}


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body, numbers as their texts; an empty one if it is none."""
    try:
        found = parse(body.decode("utf-8-sig")) if len(body) <= LONGEST else {}
    except (ValueError, RecursionError):
        found = {}
    return found if isinstance(found, dict) else {}


def _state(body: bytes) -> str | None:
    try:
        return read_envelope(body).state if len(body) <= LONGEST else None
    except ConnectyError:
        return None
