"""The endpoints of the Public API: requests, their responses, and which of them may be repeated."""

from __future__ import annotations

import copy
import json
import math
import re
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

import msgspec

from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import snippet, terminal
from connecty_frames.decode.envelope import Envelope, read_envelope
from connecty_frames.decode.limits import LIMITS
from connecty_frames.errors import ResponseError
from connecty_frames.http.errors import content_failure
from connecty_frames.http.models import Attempt, Failure, FailureKind, Request, RequestFailed, Response
from connecty_frames.http.retry import CONNECT_ATTEMPTS, RetryPolicy, retry_after
from connecty_frames.protocol import DEFAULT_MAX_ROWS, QUESTIONS, RESULTS, QuestionAccepted, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connecty_frames._base.clock import Clock, Deadline
    from connecty_frames.asking.auth import Auth
    from connecty_frames.http.transport import Transport
    from connecty_frames.store.history import History

_Result = TypeVar("_Result")

#: A question costs money: it is sent again only if it is certain that nothing was started.
ASK_POLICY: Final[RetryPolicy] = {
    FailureKind.CONNECT: CONNECT_ATTEMPTS,
    FailureKind.RATE_LIMITED: math.inf,
    FailureKind.UNAUTHORIZED: 2,
}
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

#: An id in the outermost object, since one inside another would be that of another question. Some libraries
#: write a UUID as a URN or in braces, which msgspec does not read.
search_question_id: Final = re.compile(
    rb'\A\s*\{[^{}\[\]]*?"question_id"\s*:\s*"(?:urn:uuid:|\{)?'
    rb'([0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12})\}?"'
).search
#: Seconds that reading what has arrived may take in any case: nearly every answer takes less.
GRACE: Final = 0.1


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


class Endpoints:
    """The endpoints that need a token, for one client, and what its questions share.

    Each method returns a callable that makes one attempt, for :func:`~connecty_frames.http.retry.retry`.
    """

    def __init__(
        self,
        transport: Transport,
        auth: Auth,
        *,
        timeout: float,
        resume_command: Callable[[str, int], str],
    ) -> None:
        self.transport = transport
        self.clock: Clock = transport.clock
        self.timeout = timeout  # of a call that has none, in seconds
        self.resume_command = resume_command
        self.history: History | None = None
        self._auth = auth

    def recording(self, history: History) -> Endpoints:
        """Return the same endpoints for questions that are recorded in another history."""
        other = copy.copy(self)
        other.history = history
        return other

    def ask(self, body: bytes, *, dw_id: int, on_send: Callable[[Attempt], None]) -> Callable[[Attempt], str]:
        """Return the request that submits a question in JSON; ``on_send`` is called before each attempt."""
        return partial(
            self._send,
            Request("POST", QUESTIONS.format(dw_id=dw_id), body),
            read=self._read_id,
            describe=lambda question_id: {"question_id": question_id},
            on_send=on_send,
        )

    def results(
        self,
        question_id: str,
        *,
        dw_id: int,
        include: Iterable[str],
        max_rows: int | None = None,
        unread: dict[Request, Response],
    ) -> Callable[[Attempt], Results]:
        """Return the request for a question's results; ``unread`` keeps what could not be read in time."""
        # With plain commas, as the API document shows.
        path = f"{RESULTS.format(dw_id=dw_id, question_id=question_id)}?include={','.join(include)}"
        if max_rows is not None:
            path += f"&max_rows={max_rows}"
        return partial(
            self._send,
            Request("GET", path, has_results=True, question_id=question_id),
            read=partial(self._read_results, max_rows=max_rows or 0, unread=unread),
            describe=lambda results: {"state": snippet(results.envelope.state)},
            unread=unread,
        )

    def _send(
        self,
        request: Request,
        attempt: Attempt,
        *,
        read: Callable[[Response, Deadline], _Result],
        describe: Callable[[_Result], dict[str, str]],
        on_send: Callable[[Attempt], None] = lambda _: None,
        unread: dict[Request, Response] | None = None,
    ) -> _Result:
        """Make one attempt with a token; a ConnectyError says that another would not get one."""
        if unread and (received := unread.pop(request, None)) is not None:
            return read(received, attempt.deadline)
        bearer = self._auth.bearer(attempt.deadline)
        if isinstance(bearer, Failure):
            # A fetch may wait for the next token, since its question is being processed.
            recovers = request.body is None and self._auth.may_recover(bearer)
            if recovers or bearer.kind is FailureKind.DEADLINE:
                raise RequestFailed(bearer)
            bearer.raise_()
        on_send(attempt)
        try:
            return self.transport.send(
                request,
                attempt,
                auth=bearer,
                read=lambda response: read(response, attempt.deadline),
                describe=describe,
            )
        except RequestFailed as failed:
            if failed.failure.kind is FailureKind.UNAUTHORIZED:
                self._auth.discard(bearer)
            raise

    def _read_id(self, response: Response, _: Deadline) -> str:
        try:
            return str(msgspec.convert(json.loads(response.body), QuestionAccepted).question_id)
        except (ValueError, RecursionError, msgspec.ValidationError):
            pass
        reason = f"{response.host} answered {response.status} without a question_id"
        raise RequestFailed(
            content_failure(response, redact=self.transport.redact)
            or Failure(
                FailureKind.INVALID_PAYLOAD,
                ResponseError(f"{reason}.", host=response.host),
                reason,
                status=response.status,
                body=response.body,
            )
        )

    def _read_results(
        self, response: Response, deadline: Deadline, *, max_rows: int, unread: dict[Request, Response]
    ) -> Results:
        redact = self.transport.redact
        end = self.clock.monotonic() + max(deadline.remaining(), GRACE)

        def check() -> None:
            if self.clock.monotonic() > end:
                unread.clear()
                unread[response.request] = response
                reason = "its response arrived but was not read in time"
                error = ResponseError(f"{response.host} was called; {reason}.", host=response.host)
                raise RequestFailed(Failure(FailureKind.DEADLINE, error, reason))

        content_type = response.headers.get("Content-Type")
        failure = content_failure(response, redact=redact)
        if failure is not None:
            raise RequestFailed(failure)
        try:
            envelope = read_envelope(
                response.body,
                host=response.host,
                content_type=content_type,
                preview=lambda body: snippet(redact(body)),
                limits=msgspec.structs.replace(LIMITS, checkpoint=check),
            )
        except ResponseError as error:
            content_type = content_type and terminal(redact(content_type))
            message = terminal(redact(str(error)))
            invalid = ResponseError(
                message, host=response.host, content_type=content_type, snippet=error.snippet
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
        return Results(envelope, b"", max_rows, retry_after(response.headers, self.clock.now()))


def question_id_of(found: re.Match[bytes] | None) -> str | None:
    """Return the id that :data:`search_question_id` found in the part of a response that was read, if any.

    An id that was received must not be lost. The body is no argument: an interrupt would show it.
    """
    return str(UUID(found[1].decode())) if found else None
