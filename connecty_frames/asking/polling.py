"""Polling: a question's state is asked for until it is final, at pauses that grow with the time elapsed.

The response with the final state also has the rows, and is kept, so that they are sent once.
"""

from __future__ import annotations

import math
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import fields_text, snippet, terminal
from connecty_frames.asking.auth import content_failure
from connecty_frames.decode.envelope import Envelope, read_envelope
from connecty_frames.decode.limits import LIMITS
from connecty_frames.errors import NotFoundError, QuestionTimeout, ResponseError, UnknownStateWarning, warn
from connecty_frames.http.models import Failure, FailureKind, Request, RequestFailed
from connecty_frames.http.transport import CONNECT_ATTEMPTS, RetryPolicy, retry_after
from connecty_frames.protocol import (
    COMPONENTS,
    DEFAULT_MAX_ROWS,
    FINAL_STATES,
    NEXT_STATES,
    RESULTS,
    State,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connecty_frames._base.clock import Deadline
    from connecty_frames.asking.auth import API
    from connecty_frames.asking.submission import Submission
    from connecty_frames.http.models import Response
    from connecty_frames.store.history import History
    from connecty_frames.store.table import Earlier

#: Fetching changes nothing on the server, so it may be repeated until the deadline.
FETCH_POLICY: Final[RetryPolicy] = {
    FailureKind.CONNECT: CONNECT_ATTEMPTS,
    FailureKind.CONNECTION_LOST: math.inf,
    FailureKind.RATE_LIMITED: math.inf,
    FailureKind.UNAVAILABLE: math.inf,
    FailureKind.UNAUTHORIZED: 2,
    FailureKind.BAD_ENCODING: 2,
    FailureKind.EMPTY_BODY: 3,
    FailureKind.INVALID_PAYLOAD: 3,
}
#: Seconds that reading what has arrived may take in any case: nearly every answer takes less.
GRACE: Final = 0.1
#: The pause between polls: as a share of the time elapsed, and its bounds in seconds.
_SHARE: Final = 0.1
_MIN_PAUSE: Final = 0.1
_MAX_PAUSE: Final = 5.0
#: For this many seconds after acceptance, a 404 means that the question is not visible yet.
_SETTLING: Final = 10.0
#: The failures that may pass by themselves; at the deadline they count as a timeout.
_TRANSIENT: Final = frozenset(
    {FailureKind.CONNECTION_LOST, FailureKind.UNAVAILABLE, FailureKind.RATE_LIMITED, FailureKind.EMPTY_BODY}
)


class Results(Immutable):
    """The state of a question and, once it is completed, the body with its results."""

    hidden = frozenset({"envelope", "body"})

    envelope: Envelope
    body: bytes
    max_rows: int  # of the request, 0 if it had none
    retry_after: float | None = None  # in seconds, as the server asked
    elapsed: float | None = None  # seconds from sending the question to this response, if that is known

    def next_max_rows(self, wanted: int | None, checkpoint: Callable[[], None]) -> int | None:
        """Return how many rows to request next, or None if another request would return nothing new."""
        if self.envelope.state != State.COMPLETED or self.max_rows == wanted:
            return None
        rows, total = self.envelope.count_rows(checkpoint), self.envelope.total_rows
        is_complete = rows < self.max_rows or rows == total
        if is_complete and (wanted is None or wanted >= rows):
            return None
        if wanted is not None:
            return wanted
        # Ten times more with each fetch, until their number is known.
        return total if total is not None and total > rows else max(self.max_rows * 10, DEFAULT_MAX_ROWS)


def delay(elapsed: float, random: Callable[[], float]) -> float:
    """Return the seconds to wait before the next poll: ``clamp(elapsed / 10, 0.1, 5) * (0.8 .. 1.2)``."""
    # A tenth of the time elapsed bounds how much longer than necessary a person waits, as a share of the
    # whole, and polls least often where each poll says least: about a hundred requests for five minutes. The
    # jitter spreads clients that started together.
    base = min(max(elapsed * _SHARE, _MIN_PAUSE), _MAX_PAUSE)
    return base * (0.8 + 0.4 * random())


class Polling:
    """The polling of one question, the state that the server last reported, and the final response."""

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
        #: In seconds of the monotonic clock; None if that is unknown.
        self._sent_at = submission.sent_at if submission else None
        self._accepted_at = submission.accepted_at if submission else None
        if earlier is not None and earlier.accepted_ago is not None:
            self._accepted_at = api.clock.monotonic() - max(0.0, earlier.accepted_ago)
        self._last_state: str | None = None  # as the server spelled it
        self._known_state: State | None = None  # the last that the API document has
        self._warned = False
        self._unread: dict[Request, Response] = {}  # what could not be read in time
        self.final = kept  # so that its rows need not be sent again

    def fetch(
        self,
        deadline: Deadline,
        *,
        include: Iterable[str] = COMPONENTS,
        max_rows: int | None = None,
        report: Callable[[str, float], object] = lambda _state, _elapsed: None,
        once: bool = False,
    ) -> Results:
        """Fetch until the state is final, or once."""
        clock, sent_at, transport = self._api.clock, self._sent_at, self._api.transport
        began = clock.monotonic() if sent_at is None else sent_at
        # With plain commas, as the API document shows.
        path = RESULTS.format(dw_id=self._dw_id, question_id=quote(self._question_id, safe=""))
        rows = "" if max_rows is None else f"&max_rows={max_rows}"
        path = f"{path}?include={','.join(include)}{rows}"
        request = Request("GET", path, has_results=True, question_id=self._question_id)
        send = partial(
            self._api.send,
            request,
            read=partial(self._read, deadline=deadline, max_rows=max_rows or 0),
            describe=lambda results: {"state": snippet(results.envelope.state)},
            unread=self._unread,
        )
        while True:
            # The state before this request: another thread may see a later one meanwhile.
            previous = self._known_state
            results = transport.retry(send, policy=FETCH_POLICY, deadline=deadline)
            if isinstance(results, Failure):
                self._wait_or_raise(results, deadline)
                continue
            is_final = self._is_final(results.envelope.state, previous)
            if once:
                return results
            elapsed = clock.monotonic() - began
            report(results.envelope.state, elapsed)
            if is_final:
                fewer = self.final is not None and results.max_rows < self.final.max_rows
                self.final = msgspec.structs.replace(results, elapsed=None if sent_at is None else elapsed)
                if self._api.history is not None and not fewer:
                    checkpoint = self.checkpoint(deadline.remaining())
                    self._record_end(results.envelope, self._api.history, checkpoint)
                return self.final
            pause = delay(elapsed, transport.random)
            if results.retry_after is not None and results.retry_after < deadline.remaining():
                pause = max(pause, results.retry_after)
            deadline.sleep(pause)
            if deadline.remaining() <= 0:
                raise self._timeout_error()

    def _read(self, response: Response, *, deadline: Deadline, max_rows: int) -> Results:
        redact = self._api.transport.redact
        end = self._api.clock.monotonic() + max(deadline.remaining(), GRACE)

        def check() -> None:
            if self._api.clock.monotonic() > end:
                self._unread.clear()
                self._unread[response.request] = response
                reason = "its response arrived but was not read in time"
                error = ResponseError(f"{response.host} was called; {reason}.", host=response.host)
                raise RequestFailed(Failure(FailureKind.DEADLINE, error, reason))

        failure = content_failure(response, redact=redact)
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
        except ResponseError as error:
            invalid = ResponseError(
                terminal(redact(str(error))),
                host=response.host,
                content_type=content_type and terminal(redact(content_type)),
                snippet=error.snippet,
            )
            reason = f"{response.host} sent an invalid results response"
            raise RequestFailed(Failure(FailureKind.INVALID_PAYLOAD, invalid, reason)) from None
        if envelope.state == State.COMPLETED:
            return Results(envelope, response.body, max_rows)
        # It has no rows, and messages show the rest: without secrets.
        envelope = msgspec.structs.replace(
            envelope,
            state=envelope.state if envelope.state in State.__members__ else redact.data(envelope.state),
            details=envelope.details and redact.json_value(envelope.details),
            sql_query=envelope.sql_query and redact.data(envelope.sql_query),
            response_summary=envelope.response_summary and redact.data(envelope.response_summary),
        )
        wait = retry_after(response.headers, self._api.clock.now())
        return Results(envelope, b"", max_rows, wait)

    def checkpoint(self, seconds: float) -> Callable[[], None]:
        """Return a function that raises once ``seconds``, but at least ``GRACE``, have passed."""
        clock = self._api.clock
        end = clock.monotonic() + max(seconds, GRACE)

        def check() -> None:
            if clock.monotonic() > end:
                command = self._api.resume_command(self._question_id, self._dw_id)
                raise QuestionTimeout(
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
            with suppress(QuestionTimeout):
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
        """Wait after a 404 for a question that may not be visible yet; raise after any other failure."""
        if self._accepted_at is not None and isinstance(failure.error, NotFoundError):
            elapsed = self._api.clock.monotonic() - self._accepted_at
            if elapsed < _SETTLING:
                deadline.sleep(delay(elapsed, self._api.transport.random))
                if deadline.remaining() > 0:
                    return
        timed_out = deadline.remaining() <= 0 and failure.kind in _TRANSIENT
        if timed_out or failure.kind is FailureKind.DEADLINE:
            raise self._timeout_error(failure.reason)
        failure.raise_()

    def _is_final(self, state: str, previous: State | None) -> bool:
        """Record a state, and return whether it is final; an unknown or earlier one is not."""
        self._last_state = state
        known = State(state) if state in State.__members__ else None
        expected = known is not None and (previous is None or known in NEXT_STATES[previous])
        if known is not None:
            self._known_state = known
        if not expected and not self._warned:
            self._warned = True
            why = "after a later one" if known else "which is not in the API document"
            warn(
                UnknownStateWarning(
                    f"The server says that question {self._question_id} is {snippet(state)!r}, {why}. It is "
                    "treated as not finished."
                )
            )
        return expected and known in FINAL_STATES

    def _timeout_error(self, reason: str | None = None) -> QuestionTimeout:
        last_failure = f" The last failure: {reason}." if reason else ""
        state = "the server reported no state"
        if self._last_state:
            state = f"the server last said {snippet(self._last_state)}"
        command = self._api.resume_command(self._question_id, self._dw_id)
        return QuestionTimeout(
            f"No answer to question {self._question_id} in the time allowed; {state}.{last_failure} It may "
            f"still be running{f': {command} fetches the answer' if command else ''}.",
            state=self._last_state,
        )
