"""Poll a question until its state is final, at pauses that grow with the time elapsed.

The response with the final state also has the rows, and is kept, so that they are sent once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from connecty_frames import errors
from connecty_frames._base.clock import GRACE, Deadline
from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import fields_text, snippet, terminal
from connecty_frames.asking.auth import content_failure
from connecty_frames.decode.envelope import PART_MARK, Envelope, read_envelope
from connecty_frames.decode.exact_json import LIMITS
from connecty_frames.http.errors import server_message
from connecty_frames.http.models import Failure, FailureKind, Request, RequestFailed
from connecty_frames.http.transport import FETCH_POLICY, MAY_PASS, RetryPolicy, backoff, retry_after
from connecty_frames.options import id_key
from connecty_frames.protocol import COMPONENTS, DEFAULT_MAX_ROWS, FINAL_STATES, NEXT_STATES, RESULTS, State

if TYPE_CHECKING:
    from connecty_frames.asking.auth import API
    from connecty_frames.asking.submission import Submission
    from connecty_frames.http.models import Response
    from connecty_frames.store.history import History
    from connecty_frames.store.table import Earlier

_SHARE: Final = 0.1  # the pause between polls, as a share of the time elapsed
_MIN_PAUSE: Final = 0.1  # its bounds, in seconds
_MAX_PAUSE: Final = 5.0
_SETTLING: Final = 30.0  # for this many seconds after acceptance, a 404 means a question not visible yet
#: Failures that pass within so many seconds, if at all: a page, or a server being deployed.
_PATIENCE: Final = {
    FailureKind.SERVER_ERROR: 15.0,
    FailureKind.WRONG_CONTENT_TYPE: 15.0,
    FailureKind.GATEWAY_TIMEOUT: math.inf,
}
#: Statuses of a refused request, and statuses a single part may cause.
_REFUSALS: Final = (400, 422)
_OF_A_PART: Final = (*_REFUSALS, 500, 504, 524)
_PART_SECONDS: Final = 10.0  # the most seconds for a part fetched by itself
_RACE: Final = 3.0  # a completed question may have no results yet for this many seconds
#: A response with an unknown state and equal rows counts as the answer after so many polls and seconds.
_EQUAL_POLLS: Final = 3
_EQUAL_SECONDS: Final = 10.0
_USUAL_LIMIT: Final = 10_000  # the next ``max_rows`` if the server refuses a larger one and names no limit
_LEAST_LIMIT: Final = 100  # a smaller number in a refusal is none
_search_max_rows: Final = re.compile(rb"max_?rows", re.IGNORECASE).search
_find_limits: Final = re.compile(
    rb"(?i)(?:most|up to|equal to|than|maximum|limit|exceed|above|\"le\")\D{0,20}?(\d[\d,_]*)"
).findall


class Results(Immutable):
    """The state of a question and, once it is completed, the body with its results."""

    hidden = frozenset({"envelope", "body"})

    envelope: Envelope
    body: bytes
    max_rows: int  # of the request, 0 if it had none
    retry_after: float | None = None  # in seconds, as the server asked
    elapsed: float | None = None  # seconds from sending the question to this response, if known
    limit: float = math.inf  # the largest max_rows accepted by the server

    def next_max_rows(self, wanted: int | None, checkpoint: Callable[[], None]) -> int | None:
        """Return how many rows to request next, or None if another request would return nothing new."""
        if self.envelope.state != State.COMPLETED or self.max_rows == wanted or self.max_rows >= self.limit:
            return None
        rows, total = self.envelope.count_rows(checkpoint), self.envelope.total_rows
        total = self.envelope.stated_rows if total is None else total
        is_complete = rows < self.max_rows or rows == total
        if is_complete and (wanted is None or wanted >= rows):
            return None
        if wanted is not None:
            return wanted
        # Ten times more with each fetch, until their number is known.
        return total if total is not None and total > rows else max(self.max_rows * 10, DEFAULT_MAX_ROWS)


def delay(elapsed: float, random: Callable[[], float]) -> float:
    """Return the seconds to wait before the next poll: ``clamp(elapsed / 10, 0.1, 5) * (0.8 .. 1.2)``."""
    # A tenth of the time elapsed limits a person's needless wait to a share of the whole, and polls least
    # often where each poll says least: about a hundred requests for five minutes. Jitter spreads clients.
    base = min(max(elapsed * _SHARE, _MIN_PAUSE), _MAX_PAUSE)
    return base * (0.8 + 0.4 * random())


class Polling:
    """The polling of one question, its last reported state, and the final response."""

    def __init__(
        self,
        api: API,
        question_id: str,
        dw_id: int,
        *,
        submission: Submission | None,
        earlier: Earlier | None,
        kept: Results | None,
    ) -> None:
        self._api = api
        self._question_id = question_id
        self._dw_id = dw_id
        #: In seconds of the monotonic clock; None if unknown.
        self._sent_at = submission.sent_at if submission else None
        self._accepted_at = submission.accepted_at if submission else None
        if earlier is not None and earlier.accepted_ago is not None:
            self._accepted_at = api.clock.monotonic() - max(0.0, earlier.accepted_ago)
        self._last_state: str | None = None  # as the server spelled it
        self._known_state: State | None = None  # the last one in the API document
        self._warned = False
        #: When the first failure since a response came, by the monotonic clock, and their number.
        self._failing: tuple[float, int] | None = None
        self._bare_since: float | None = None  # when the first completed response without results came
        #: A response with an unknown state, when it came first, and how often.
        self._equal: tuple[bytes, float, int] | None = None
        self._limit = math.inf  # the largest max_rows accepted by the server
        self._is_apart = self._has_tried_alone = False  # the rows are fetched alone; the other parts follow
        self._parts: list[bytes] | None = None
        self._unread: dict[Request, Response] = {}  # responses not read in time
        self.final = kept  # its rows need not be sent again

    def fetch(
        self,
        deadline: Deadline,
        *,
        include: Sequence[str] = COMPONENTS,
        max_rows: int | None = None,
        report: Callable[[str, float], object] = lambda _state, _elapsed: None,
        once: bool = False,
    ) -> Results:
        """Fetch until the state is final, or once."""
        clock, sent_at, transport = self._api.clock, self._sent_at, self._api.transport
        began = clock.monotonic() if sent_at is None else sent_at
        while True:
            # The state before this request: another thread may see a later one meanwhile.
            previous = self._known_state
            results = self._get(include, max_rows, deadline)
            while isinstance(results, Failure):
                results = self._recovered(results, include, max_rows, deadline)
            self._failing = None
            if results.envelope.doubt:
                results = self._settled(results)
            is_final = self._is_final(results.envelope, previous)
            if once:
                return results
            elapsed = clock.monotonic() - began
            report(results.envelope.state, elapsed)
            if is_final:
                if self._is_apart and results.envelope.state == State.COMPLETED:
                    results = self._with_parts(results, include[1:], deadline)
                seconds = None if sent_at is None else elapsed
                fewer = self.final is not None and results.max_rows < self.final.max_rows
                self.final = msgspec.structs.replace(results, elapsed=seconds, limit=self._limit)
                if self._api.history is not None and not fewer:
                    checkpoint = self.checkpoint(deadline.remaining())
                    self._record_end(results.envelope, self._api.history, checkpoint)
                return self.final
            pause = delay(elapsed, transport.random)
            if results.retry_after is not None and results.retry_after < deadline.remaining():
                pause = max(pause, results.retry_after)
            deadline.sleep(pause)
            if deadline.remaining() <= 0:
                return self._last(results)

    def _last(self, results: Results) -> Results:
        if results.envelope.unnamed is None:
            raise self._timeout_error()
        return results  # they say more than a lack of time

    def _get(
        self,
        include: Sequence[str],
        max_rows: int | None,
        deadline: Deadline,
        policy: RetryPolicy = FETCH_POLICY,
    ) -> Results | Failure:
        include = include[:1] if self._is_apart else include
        max_rows = None if max_rows is None else int(min(max_rows, self._limit))
        # With plain commas, as the API document shows.
        path = RESULTS.format(dw_id=self._dw_id, question_id=quote(self._question_id, safe=""))
        rows = "" if max_rows is None else f"&max_rows={max_rows}"
        path = f"{path}?include={','.join(include)}{rows}"
        send = partial(
            self._api.send,
            Request("GET", path, has_results=True, question_id=self._question_id),
            read=partial(self._results_in, deadline=deadline, max_rows=max_rows or 0),
            describe=lambda results: {"state": snippet(results.envelope.state)},
            unread=self._unread,
        )
        return self._api.transport.retry(send, policy=policy, deadline=deadline)

    def _lowers_limit(self, failure: Failure, max_rows: int | None) -> bool:
        """Lower the limit of rows if the server refused this ``max_rows``; True if it was lowered."""
        if max_rows is None or failure.status not in _REFUSALS or not _search_max_rows(failure.body):
            return False
        refused, had = int(min(max_rows, self._limit)), self.final.max_rows if self.final else 0
        # Other numbers are codes, times and ids. The text is believed once, since it may echo the request.
        numbers = (int(text[:18].translate(None, b",_")) for text in _find_limits(failure.body))
        named = [each for each in numbers if _LEAST_LIMIT <= each < refused]
        first = max(named, default=0) if self._limit == math.inf else 0
        limits = (first, _USUAL_LIMIT, DEFAULT_MAX_ROWS, had)
        limit = next((each for each in limits if max(had, 1) <= each < refused), None)
        if limit is None:
            return False
        self._limit = limit
        said = server_message(failure.body, self._api.transport.redact)
        text = f"The server refuses max_rows={refused} ({said}); {limit} rows are fetched instead."
        self._api.transport.differs("max_rows", text)
        return True

    def _recovered(
        self, failure: Failure, include: Sequence[str], max_rows: int | None, deadline: Deadline
    ) -> Results | Failure:
        """Try again with fewer rows, without the other parts, or later; raise if nothing helps."""
        if self._lowers_limit(failure, max_rows):
            pass
        elif failure.status in _OF_A_PART and len(include) > 1 and not self._has_tried_alone:
            self._has_tried_alone = True
            alone = self._get(include[:1], max_rows, deadline, policy={})
            self._is_apart = isinstance(alone, Results)
            return alone if isinstance(alone, Results) else failure
        else:
            self._wait_or_raise(failure, deadline)
        return self._get(include, max_rows, deadline)

    def _with_parts(self, results: Results, others: Iterable[str], deadline: Deadline) -> Results:
        """Fetch each other part by itself and add it if possible; the bodies stay as received."""
        if self._parts is None:
            self._parts = []
            for part in others:
                # Such as a token that is refused: the rows are here.
                with errors.suppress_own(errors.ConnectyError):
                    own = Deadline.after(min(deadline.remaining(), _PART_SECONDS), deadline.clock)
                    found = self._get((part,), results.max_rows, own, policy={})
                    if isinstance(found, Results) and found.envelope.state == State.COMPLETED:
                        self._parts.append(found.body)
        body = b"".join(PART_MARK + each + b"\n" for each in (results.body, *self._parts))
        return msgspec.structs.replace(results, envelope=read_envelope(body), body=body)

    def _settled(self, results: Results) -> Results:
        envelope, now = results.envelope.as_completed(results.max_rows), self._api.clock.monotonic()
        if envelope.is_cut:
            return results  # more may come
        if envelope.doubt:
            if self._equal is None or self._equal[0] != results.body:
                self._equal = results.body, now, 0
            body, since, count = self._equal
            self._equal = body, since, count + 1
            has_count = (envelope.total_rows, envelope.stated_rows) != (None, None)
            if has_count or count + 1 < _EQUAL_POLLS or now - since < _EQUAL_SECONDS:
                return results
        return msgspec.structs.replace(results, envelope=envelope)

    def _results_in(self, response: Response, *, deadline: Deadline, max_rows: int) -> Results:
        redact = self._api.transport.redact
        end = self._api.clock.monotonic() + max(deadline.remaining(), GRACE)

        def check() -> None:
            if self._api.clock.monotonic() > end:
                self._unread.clear()
                self._unread[response.request] = response
                reason = "its response arrived but was not read in time"
                error = errors.ResponseError(f"{response.host} was called; {reason}.", host=response.host)
                raise RequestFailed(Failure(FailureKind.DEADLINE, error, reason))

        failure = content_failure(response, self._api.transport)
        if failure is not None:
            raise RequestFailed(failure)
        content_type = response.headers.get("Content-Type")
        try:
            envelope = read_envelope(
                response.body,
                host=response.host,
                content_type=content_type,
                preview=lambda body: snippet(redact(body)),
                limits=msgspec.structs.replace(LIMITS, checkpoint=check),
            )
        except errors.ResponseError as error:
            invalid = errors.ResponseError(
                terminal(redact(str(error))),
                host=response.host,
                content_type=content_type and terminal(redact(content_type)),
                snippet=error.snippet,
            )
            reason = f"{response.host} sent an invalid results response"
            raise RequestFailed(Failure(FailureKind.INVALID_PAYLOAD, invalid, reason)) from None
        others = [each for each in envelope.question_ids if id_key(each) != id_key(self._question_id)]
        if others:  # these rows belong to another question
            reason = f"{response.host} sent the results of question {snippet(redact.data(others[0]))}"
            wrong = errors.ResponseError(f"{reason} instead of {self._question_id}.", host=response.host)
            raise RequestFailed(Failure(FailureKind.INVALID_PAYLOAD, wrong, reason, status=response.status))
        body = response.body if envelope.state == State.COMPLETED or envelope.doubt else b""
        if envelope.state == State.COMPLETED:
            return Results(envelope, body, max_rows)
        # Messages show everything but the answer: without secrets.
        envelope = msgspec.structs.replace(
            envelope,
            state=envelope.state if envelope.state in State.__members__ else redact.data(envelope.state),
            word=envelope.word if envelope.word in State.__members__ else redact.data(envelope.word),
            details=envelope.details and redact.json_value(envelope.details),
            sql_query=envelope.sql_query and redact.data(envelope.sql_query),
            response_summary=envelope.response_summary and redact.data(envelope.response_summary),
        )
        return Results(envelope, body, max_rows, retry_after(response.headers, self._api.clock.now()))

    def checkpoint(self, seconds: float) -> Callable[[], None]:
        """Return a function that raises after ``seconds``, but at least ``GRACE``."""
        clock = self._api.clock
        end = clock.monotonic() + max(seconds, GRACE)

        def check() -> None:
            if clock.monotonic() > end:
                command = self._api.resume_command(self._question_id, self._dw_id)
                raise errors.QuestionTimeout(
                    f"The answer to question {self._question_id} arrived but was not decoded in the time "
                    "allowed. Question.result(timeout=...) decodes it again without another request"
                    f"{f'; {command} fetches it again' if command else ''}.",
                    state=State.COMPLETED,
                )

        return check

    def _record_end(self, envelope: Envelope, history: History, checkpoint: Callable[[], None]) -> None:
        """Record the end in the history, without the number of rows if counting them takes too long."""
        is_completed = envelope.state == State.COMPLETED
        rows = envelope.total_rows
        if is_completed and rows is None:
            with errors.suppress_own(errors.QuestionTimeout):
                rows = envelope.count_rows(checkpoint)
        history.ended(
            self._question_id,
            envelope.state,
            now=self._api.clock.now(),
            rows=rows,
            sql_query=envelope.sql_query,
            response_summary=envelope.response_summary,
            error=None if is_completed else fields_text(envelope.details, envelope.more_details),
        )

    def _wait_or_raise(self, failure: Failure, deadline: Deadline) -> None:
        """Wait if the failure may pass; raise if not, or if it has lasted too long."""
        now, random = self._api.clock.monotonic(), self._api.transport.random
        pause, patience = None, _PATIENCE.get(failure.kind)
        if patience is not None:
            since, count = self._failing or (now, 0)
            self._failing = since, count + 1
            pause = backoff(count + 1, random) if now - since < patience else None
        elif isinstance(failure.error, errors.NotFoundError) and self._accepted_at is not None:
            elapsed = now - self._accepted_at  # it may not be visible yet
            pause = delay(elapsed, random) if elapsed < _SETTLING else None
        if pause is not None:
            deadline.sleep(pause)
            if deadline.remaining() > 0:
                return
        timed_out = deadline.remaining() <= 0 and failure.kind in MAY_PASS
        if timed_out or failure.kind is FailureKind.DEADLINE:
            raise self._timeout_error(failure.reason)
        failure.raise_()

    def _is_final(self, envelope: Envelope, previous: State | None) -> bool:
        """Record a state; True if it is final. An unknown or earlier one is not."""
        state, self._last_state = envelope.state, envelope.word
        for kind, difference in envelope.differences:
            self._api.transport.differs(kind, difference)
        known = State(state) if state in State.__members__ else None
        expected = known is not None and (previous is None or known in NEXT_STATES[previous])
        if known is not None:
            self._known_state = known
        if not expected and not self._warned:
            self._warned = True
            why = "after a later one" if known else "which is not in the API document"
            errors.warn(
                errors.UnknownStateWarning(
                    f"The server says that question {self._question_id} is {snippet(state)!r}, {why}. It is "
                    "treated as not finished."
                )
            )
        if envelope.unnamed is not None:  # its results may come a moment later
            now = self._api.clock.monotonic()
            self._bare_since = now if self._bare_since is None else self._bare_since
            expected = expected and now - self._bare_since >= _RACE
        return expected and known in FINAL_STATES

    def _timeout_error(self, reason: str | None = None) -> errors.QuestionTimeout:
        last_failure = f" The last failure: {reason}." if reason else ""
        state = "the server reported no state"
        if self._last_state:
            state = f"the server last said {snippet(self._last_state)}"
        command = self._api.resume_command(self._question_id, self._dw_id)
        return errors.QuestionTimeout(
            f"No answer to question {self._question_id} in the time allowed; {state}.{last_failure} It may "
            f"still be running{f': {command} fetches the answer' if command else ''}.",
            state=self._last_state,
        )
