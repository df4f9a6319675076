"""The endpoints of the Public API as calls: what is sent, what is accepted, what may be repeated."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

from pydantic import ValidationError

from connecty_frames.decode import Envelope, read_envelope
from connecty_frames.errors import ConfigError, ConnectionFailed, ResponseError
from connecty_frames.http.errors import content_failure
from connecty_frames.http.log import logged
from connecty_frames.http.models import Failure, FailureKind, Request, Response
from connecty_frames.http.retry import CONNECT_TRIES, AttemptTimeouts, RetryPolicy, retry, retry_after
from connecty_frames.protocol import HEALTH, QUESTIONS, RESULTS, QuestionAccepted, QuestionRequest, State
from connecty_frames.text import snippet, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connecty_frames.client.auth import Auth, Bearer
    from connecty_frames.clock import Clock, Deadline
    from connecty_frames.http.transport import Transport

__all__ = [
    "ASK_POLICY",
    "FETCH_POLICY",
    "NO_RETRIES",
    "Endpoints",
    "Results",
    "health",
    "id_in",
    "question_body",
]

#: Fetching changes nothing on the server, so it may be repeated until the deadline.
FETCH_POLICY: Final[RetryPolicy] = {
    FailureKind.CONNECT: CONNECT_TRIES,
    FailureKind.CONNECTION_LOST: math.inf,
    FailureKind.RATE_LIMITED: math.inf,
    FailureKind.UNAVAILABLE: math.inf,
    FailureKind.UNAUTHORIZED: 2,
    FailureKind.BAD_ENCODING: 2,
    FailureKind.EMPTY_BODY: 3,
    FailureKind.INVALID_PAYLOAD: 3,
}
#: A question costs money: it goes out again only where it is certain that nothing was started.
ASK_POLICY: Final[RetryPolicy] = {
    FailureKind.CONNECT: CONNECT_TRIES,
    FailureKind.RATE_LIMITED: math.inf,
    FailureKind.UNAUTHORIZED: 2,
}
#: A probe is an answer in itself.
NO_RETRIES: Final[RetryPolicy] = {}


_Result = TypeVar("_Result")

#: An id in the outermost object: one inside of another would be that of another question.
_QUESTION_ID: Final = re.compile(
    rb'\A\s*\{[^{}\[\]]*?"question_id"\s*:\s*"([0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12})"'
)
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Results:
    """One look at a question: its state and, once it is done, the body with its results."""

    envelope: Envelope = field(repr=False)
    body: bytes = field(repr=False)
    wait: float | None


class Endpoints:
    """The endpoints that need a token, for one client.

    Parameters
    ----------
    random
        Gives numbers from 0 up to 1; the waits between tries come from it.
    """

    def __init__(self, transport: Transport, auth: Auth, *, random: Callable[[], float]) -> None:
        self.transport = transport
        self.random = random
        self._auth = auth

    @property
    def clock(self) -> Clock:
        """The clock that deadlines are counted on."""
        return self.transport.clock

    def ask(
        self, body: bytes, *, dw_id: int, deadline: Deadline, sending: Callable[[Request], None]
    ) -> str | Failure:
        """Send a question, and give its id or why there is none.

        It goes out again only after 429, one 401, or a connection that was never made. A trouble of any
        other kind than those, ``REJECTED`` and ``DEADLINE`` means that nobody knows whether it was started.

        Parameters
        ----------
        body
            From :func:`question_body`.
        sending
            Called with the request right before it is sent, each time.

        Raises
        ------
        ConnectyError
            Where no token could be got, so that the question was not sent.
        """

        def attempt(limits: AttemptTimeouts) -> str | Failure:
            bearer = self._auth.bearer(deadline)
            if isinstance(bearer, Failure):
                if bearer.kind is FailureKind.DEADLINE:
                    return bearer
                bearer.raise_()
            call = Request("POST", QUESTIONS.format(dw_id=dw_id), body, bearer)
            sending(call)
            with logged(call, self.clock) as line:
                line.outcome = outcome = self._send(call, bearer, deadline, limits)
                if isinstance(outcome, Failure):
                    return outcome
                accepted = self._accepted(outcome)
                if isinstance(accepted, Failure):
                    line.outcome = accepted
                else:
                    line.question_id = accepted
                return accepted

        return self._repeat(attempt, ASK_POLICY, deadline)

    def results(
        self,
        question_id: str,
        *,
        dw_id: int,
        include: Iterable[str],
        max_rows: int | None = None,
        deadline: Deadline,
    ) -> Results | Failure:
        """Look at a question, again and again where that can help.

        Parameters
        ----------
        include
            The components to send with a finished answer, with plain commas as the API document shows.
        max_rows
            The most rows to send; None leaves it to the API's default.
        """
        path = f"{RESULTS.format(dw_id=dw_id, question_id=question_id)}?include={','.join(include)}"
        if max_rows is not None:
            path += f"&max_rows={max_rows}"

        def attempt(limits: AttemptTimeouts) -> Results | Failure:
            bearer = self._auth.bearer(deadline)
            if isinstance(bearer, Failure):
                if bearer.kind is FailureKind.DEADLINE or (
                    bearer.kind in (FailureKind.CONNECTION_LOST, FailureKind.UNAVAILABLE)
                    and self._auth.proven
                ):
                    return bearer
                bearer.raise_()
            call = Request("GET", path, auth=bearer)
            with logged(call, self.clock) as line:
                line.outcome = outcome = self._send(call, bearer, deadline, limits)
                if isinstance(outcome, Failure):
                    return outcome
                results = self._read(outcome)
                if isinstance(results, Failure):
                    line.outcome = results
                else:
                    line.state = snippet(results.envelope.state)
                return results

        return self._repeat(attempt, FETCH_POLICY, deadline)

    def _repeat(
        self, attempt: Callable[[AttemptTimeouts], _Result | Failure], rules: RetryPolicy, deadline: Deadline
    ) -> _Result | Failure:
        budget = self.transport.budget
        return retry(attempt, rules=rules, deadline=deadline, random=self.random, budget=budget)

    def _send(
        self, call: Request, bearer: Bearer, deadline: Deadline, limits: AttemptTimeouts
    ) -> Response | Failure:
        outcome = self.transport.send(call, deadline=deadline, limits=limits)
        if isinstance(outcome, Failure) and outcome.kind is FailureKind.UNAUTHORIZED:
            self._auth.refuse(bearer)
        return outcome

    def _accepted(self, reply: Response) -> str | Failure:
        try:
            return str(QuestionAccepted.model_validate_json(reply.body).question_id)
        except ValidationError:
            pass
        seen = f"{reply.host} answered {reply.status} without a question_id"
        return content_failure(reply, redact=self.transport.redact) or Failure(
            FailureKind.INVALID_PAYLOAD,
            ResponseError(f"{seen}.", host=reply.host),
            seen,
            status=reply.status,
            body=reply.body,
        )

    def _read(self, reply: Response) -> Results | Failure:
        stranger = content_failure(reply, redact=self.transport.redact)
        if stranger is not None:
            return stranger
        redact = self.transport.redact
        content_type = reply.headers.get("Content-Type")
        try:
            envelope = read_envelope(reply.body, host=reply.host, content_type=content_type)
        except ResponseError as error:
            content_type = content_type and terminal(redact(content_type))
            begins = snippet(redact(reply.body))
            message = terminal(redact(str(error).replace(error.snippet, begins)))
            broken = ResponseError(message, host=reply.host, content_type=content_type, snippet=begins)
        else:
            wait = retry_after(reply.headers, self.clock.now())
            if envelope.state == State.COMPLETED:
                return Results(envelope, reply.body, wait)
            # There are no values, and all that it says will be shown.
            state = envelope.state if envelope.state in State.__members__ else redact.data(envelope.state)
            said = {
                "details": redact.inside(envelope.details),
                "sql_query": envelope.sql_query and redact.data(envelope.sql_query),
                "response_summary": envelope.response_summary and redact.data(envelope.response_summary),
            }
            return Results(dataclasses.replace(envelope, state=state, **said), b"", wait)
        return Failure(FailureKind.INVALID_PAYLOAD, broken, f"{reply.host} sent what is no results response")


def question_body(question: str) -> bytes:
    """Write a question as the API wants it: UTF-8 JSON, the text exactly as given.

    Raises
    ------
    UnicodeEncodeError
        For a lone surrogate, which UTF-8 cannot hold.
    """
    return QuestionRequest(question=question).model_dump_json().encode("utf-8")


def id_in(body: bytes) -> str | None:
    """Find a question's id in what came of an answer: if it arrived whole, nothing may lose it."""
    found = _QUESTION_ID.search(body)
    return str(UUID(found[1].decode())) if found else None


def health(transport: Transport, *, deadline: Deadline, random: Callable[[], float]) -> bool:
    """Whether the backend is operational, which the API document makes 200 mean; no token is sent.

    Raises
    ------
    ConfigError, ConnectionFailed
        Where it could not be asked.
    """

    def attempt(limits: AttemptTimeouts) -> Response | Failure:
        call = Request("GET", HEALTH)
        with logged(call, transport.clock) as line:
            line.outcome = outcome = transport.send(call, deadline=deadline, limits=limits)
            return outcome

    outcome = retry(attempt, rules=NO_RETRIES, deadline=deadline, random=random, budget=transport.budget)
    if isinstance(outcome, Failure):
        if isinstance(outcome.error, ConfigError | ConnectionFailed):
            outcome.raise_()
        return False
    return outcome.status == _OK
