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
from connecty_frames.http.errors import not_json
from connecty_frames.http.log import logged
from connecty_frames.http.models import Call, Kind, Reply, Trouble
from connecty_frames.http.retry import CONNECT_TRIES, RetryPolicy, Try, repeat, retry_after
from connecty_frames.protocol import HEALTH, QUESTIONS, RESULTS, QuestionAccepted, QuestionRequest, State
from connecty_frames.text import snippet, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connecty_frames.client.auth import Auth, Bearer
    from connecty_frames.clock import Clock, Deadline
    from connecty_frames.http.transport import Transport

__all__ = ["API", "ASK_POLICY", "FETCH_POLICY", "NO_RETRIES", "Results", "health", "id_in", "question_body"]

#: Fetching changes nothing on the server, so it may be repeated until the deadline.
FETCH_POLICY: Final[RetryPolicy] = {
    Kind.UNCONNECTED: CONNECT_TRIES,
    Kind.LOST: math.inf,
    Kind.BUSY: math.inf,
    Kind.DOWN: math.inf,
    Kind.UNAUTHORIZED: 2,
    Kind.GARBLED: 2,
    Kind.EMPTY: 3,
    Kind.UNREADABLE: 3,
}
#: A question costs money: it goes out again only where it is certain that nothing was started.
ASK_POLICY: Final[RetryPolicy] = {Kind.UNCONNECTED: CONNECT_TRIES, Kind.BUSY: math.inf, Kind.UNAUTHORIZED: 2}
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


class API:
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
        self, body: bytes, *, dw_id: int, deadline: Deadline, sending: Callable[[Call], None]
    ) -> str | Trouble:
        """Send a question, and give its id or why there is none.

        It goes out again only after 429, one 401, or a connection that was never made. A trouble of any
        other kind than those, ``REFUSED`` and ``LATE`` means that nobody knows whether it was started.

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

        def attempt(limits: Try) -> str | Trouble:
            bearer = self._auth.bearer(deadline)
            if isinstance(bearer, Trouble):
                if bearer.kind is Kind.LATE:
                    return bearer
                bearer.leave()
            call = Call("POST", QUESTIONS.format(dw_id=dw_id), body, bearer)
            sending(call)
            with logged(call, self.clock) as line:
                line.outcome = outcome = self._send(call, bearer, deadline, limits)
                if isinstance(outcome, Trouble):
                    return outcome
                accepted = self._accepted(outcome)
                if isinstance(accepted, Trouble):
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
    ) -> Results | Trouble:
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

        def attempt(limits: Try) -> Results | Trouble:
            bearer = self._auth.bearer(deadline)
            if isinstance(bearer, Trouble):
                if bearer.kind is Kind.LATE or (bearer.kind in (Kind.LOST, Kind.DOWN) and self._auth.proven):
                    return bearer
                bearer.leave()
            call = Call("GET", path, auth=bearer)
            with logged(call, self.clock) as line:
                line.outcome = outcome = self._send(call, bearer, deadline, limits)
                if isinstance(outcome, Trouble):
                    return outcome
                results = self._read(outcome)
                if isinstance(results, Trouble):
                    line.outcome = results
                else:
                    line.state = snippet(results.envelope.state)
                return results

        return self._repeat(attempt, FETCH_POLICY, deadline)

    def _repeat(
        self, attempt: Callable[[Try], _Result | Trouble], rules: RetryPolicy, deadline: Deadline
    ) -> _Result | Trouble:
        budget = self.transport.budget
        return repeat(attempt, rules=rules, deadline=deadline, random=self.random, budget=budget)

    def _send(self, call: Call, bearer: Bearer, deadline: Deadline, limits: Try) -> Reply | Trouble:
        outcome = self.transport.send(call, deadline=deadline, limits=limits)
        if isinstance(outcome, Trouble) and outcome.kind is Kind.UNAUTHORIZED:
            self._auth.refuse(bearer)
        return outcome

    def _accepted(self, reply: Reply) -> str | Trouble:
        try:
            return str(QuestionAccepted.model_validate_json(reply.body).question_id)
        except ValidationError:
            pass
        seen = f"{reply.host} answered {reply.status} without a question_id"
        return not_json(reply, redact=self.transport.redact) or Trouble(
            Kind.UNREADABLE,
            ResponseError(f"{seen}.", host=reply.host),
            seen,
            status=reply.status,
            body=reply.body,
        )

    def _read(self, reply: Reply) -> Results | Trouble:
        stranger = not_json(reply, redact=self.transport.redact)
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
        return Trouble(Kind.UNREADABLE, broken, f"{reply.host} sent what is no results response")


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

    def attempt(limits: Try) -> Reply | Trouble:
        call = Call("GET", HEALTH)
        with logged(call, transport.clock) as line:
            line.outcome = outcome = transport.send(call, deadline=deadline, limits=limits)
            return outcome

    outcome = repeat(attempt, rules=NO_RETRIES, deadline=deadline, random=random, budget=transport.budget)
    if isinstance(outcome, Trouble):
        if isinstance(outcome.error, ConfigError | ConnectionFailed):
            outcome.leave()
        return False
    return outcome.status == _OK
