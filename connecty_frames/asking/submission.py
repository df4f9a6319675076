"""A question is sent at most once.

The API has no idempotency key and no way to list or cancel questions, and each question costs money and
minutes. Unless it is certain that nothing was started, nothing is sent again: a SubmissionUncertain says what
happened and what to do.

An id counts by its name and place in the reply, never by its shape: a lone UUID may be that of a trace, a
parent question or a login. What else the reply holds is kept for a person to read.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urljoin, urlsplit
from uuid import uuid4

import msgspec

from connecty_frames import errors
from connecty_frames._base.clock import CURRENT, Deadline
from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import snippet, with_excerpt
from connecty_frames._base.tracebacks import short_traceback
from connecty_frames.asking.auth import content_failure
from connecty_frames.http.errors import name_request
from connecty_frames.http.models import SUCCESS, Failure, FailureKind, Request, RequestFailed, without_frames
from connecty_frames.http.redaction import shown_headers
from connecty_frames.http.transport import ASK_POLICY, MAY_HAVE_STARTED
from connecty_frames.options import id_key, is_question_id, is_uuid
from connecty_frames.protocol import QUESTIONS, QuestionRequest, folded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from connecty_frames.asking.auth import API
    from connecty_frames.http.models import Attempt, Response
    from connecty_frames.http.redaction import Redaction
    from connecty_frames.options import Asked
    from connecty_frames.store.table import Earlier, Row

_REDIRECTS: Final = range(300, 400)
#: Statuses that say, even without their body, that nothing was started.
_REFUSALS: Final = frozenset(range(400, 500)) - {HTTPStatus.REQUEST_TIMEOUT}
_WHAT_TO_DO: Final = (
    "It may be running, so it was not sent again. Look in ConnectyAI's chat history before asking it again"
)


def resume_command(question_id: str | None, dw_id: int | None) -> str:
    """Return the line of Python that fetches an answer later, without asking again."""
    return f'cf.fetch("{question_id}", dw_id={dw_id})'


def pending_message(question_id: str, command: str, recorded_in: str) -> str:
    """Return the message about an accepted question, for a caller about to stop waiting."""
    # ``command`` fetches its answer, and is empty if no line does; ``recorded_in`` is the history's file.
    pending = f"Question {question_id} may still be running"
    if recorded_in:
        pending += f" and is recorded in {recorded_in}"
    return f"{pending}; to fetch its answer without asking again: {command}" if command else f"{pending}."


def annotate(interrupt: BaseException, message: str | None) -> None:
    """Add a message, if there is one, to what ends the wait for a question, as its note, once."""
    # The message of a KeyboardInterrupt, which ends most programs, is also written to standard error.
    if message is None or message in getattr(interrupt, "__notes__", ()):
        return
    interrupt.add_note(message)
    # IPython displays this, as for an error of this package.
    interrupt._render_traceback_ = partial(short_traceback, interrupt)  # type: ignore[attr-defined]
    if not isinstance(interrupt, KeyboardInterrupt):
        return
    # Standard error may be closed, broken or missing (pythonw); the interrupt has to be raised nevertheless.
    with contextlib.suppress(Exception):
        sys.stderr.write(f"\n{message}\n")


@dataclass(eq=False, repr=False)
class Submission:
    """A question to submit, and its state at any moment, for an interrupt."""

    _api: API
    asked: Asked
    _body: bytes
    row: Row | None = None
    _request_id: str | None = None  # the question's key for support: the token of its row, if it has one
    question_id: str | None = None
    asked_at: datetime | None = None  # when it was last sent, aware and in UTC
    #: When it was last sent and when it was accepted, in seconds of the monotonic clock.
    sent_at: float = 0.0
    accepted_at: float = 0.0
    #: When the last attempt was sent, by the wall clock in UTC and by the monotonic clock, and the attempt.
    #: One tuple, since an interrupt may come between two assignments.
    _last: tuple[datetime, float, Attempt] | None = None
    _differing: Reply | None = None  # the reply, if it differs from the API document's
    earlier: Earlier | None = None

    @property
    def recorded_in(self) -> str:
        """The file of the history with the question; empty if none has it."""
        is_recorded = self.row is not None or self.earlier is not None
        return self._api.history.place if self._api.history is not None and is_recorded else ""

    def send(self, deadline: Deadline) -> str:
        """Send the question, once, and return its id."""
        # Nothing was started if ConfigError, ConnectionFailed, AuthError, RateLimitError, APIError or
        # QuestionTimeout is raised. After SubmissionUncertain, the question may have been started.
        send = partial(
            self._api.send,
            Request("POST", QUESTIONS.format(dw_id=self.asked.dw_id), self._body),
            read=self._read_id,
            describe=lambda question_id: {"question_id": question_id},
            on_send=self._before_sending,
        )
        try:
            outcome = self._api.transport.retry(send, policy=ASK_POLICY, deadline=deadline)
            if self._last is not None:
                self.asked_at, self.sent_at, _ = self._last
            if isinstance(outcome, Failure):
                outcome = self._id_or_raise(outcome)
        except errors.ConnectyError as error:
            if errors.is_own(error):
                self._record_error(error)
            raise
        self.question_id, self.accepted_at = outcome, self._api.clock.monotonic()
        if self.row is not None:
            self._record_acceptance(outcome)
        self._last = None  # a question may be kept for long, but its response is no longer needed
        if self._differing is not None:
            self._say_difference(self._differing)
        return outcome

    def _before_sending(self, attempt: Attempt) -> None:
        now = self._api.clock.now()
        if self._api.history is not None and self.row is None:
            self.row = self._api.history.sent(self.asked, asked_at=now)
        self._request_id = self._request_id or (str(uuid4()) if self.row is None else self.row.token)
        self._last = (now, self._api.clock.monotonic(), attempt)
        attempt.is_submission, attempt.request_id = True, self._request_id

    def _read_id(self, response: Response) -> str:
        failure = content_failure(response, self._api.transport)
        documented = match_documented(response.body)
        if documented and failure is None and "Location" not in response.headers:
            return documented[1].decode()
        self._differing = reply = self._reply(self._last)
        if reply.question_id is not None:
            return reply.question_id
        reason = f"{response.host} answered {response.status} {reply.problem}"
        error = errors.ResponseError(f"{reason}.", host=response.host)
        raise RequestFailed(
            failure or Failure(FailureKind.INVALID_PAYLOAD, error, reason, status=response.status)
        )

    def _reply(self, last: tuple[datetime, float, Attempt] | None) -> Reply:
        if last is None:
            return Reply(0, [], {})
        url = self._api.transport.address + QUESTIONS.format(dw_id=self.asked.dw_id)
        return without_frames(partial(read_reply, last[2], url, self.asked.dw_id))

    def _id_or_raise(self, failure: Failure) -> str:
        asked, is_redirect = self.asked, failure.status in _REDIRECTS
        if failure.kind is FailureKind.DEADLINE:
            raise errors.QuestionTimeout(
                f"The time ran out before the question could be sent ({failure.reason}); it was not started.",
                question=asked.question,
                dw_id=asked.dw_id,
            )
        self._differing = reply = self._reply(self._last)
        is_complete = is_redirect or (failure.status in SUCCESS and failure.kind is not FailureKind.TOO_LARGE)
        if is_complete and reply.question_id is not None:
            return reply.question_id
        is_processed = is_redirect and (failure.status == HTTPStatus.SEE_OTHER or bool(reply.named))
        if failure.kind not in MAY_HAVE_STARTED and not is_processed:
            failure.raise_()
        raise self._uncertain(failure, reply)

    def _uncertain(self, failure: Failure, reply: Reply) -> errors.SubmissionUncertain:
        asked, redact = self.asked, self._api.transport.redact
        found, said = "", dict[str, Any]()
        if self._last is not None:
            said = without_frames(partial(shown_reply, self._last[2], reply, redact))
        if reply.question_id is not None:
            command = self._api.resume_command(reply.question_id, asked.dw_id)
            found = f" Its id was received, though: {command} may fetch it."
        elif ids := said.get("ids"):
            named = ", ".join(snippet(f"{place} {value}") for place, value in ids.items())
            found = f" The reply has ids that may not be the question's: {snippet(named, 300)}."
        shown = said.get("reply")
        details = {"seen": failure.reason, "answer": str(failure.error), "x_request_id": self._request_id}
        error = errors.SubmissionUncertain(
            with_excerpt(
                f"It is unknown whether the question {snippet(asked.question)!r} was started: it was sent to "
                f"workspace {asked.dw_id} at {self.asked_at:%Y-%m-%d %H:%M:%S} UTC, and then "
                f"{failure.reason}. {_WHAT_TO_DO}; support can look it up by X-Request-Id "
                f"{self._request_id}.{found}{self._recorded()}{' The reply:' if shown else ''}",
                snippet(shown or "", 300),
            ),
            question_id=reply.question_id,
            question=asked.question,
            dw_id=asked.dw_id,
            asked_at=self.asked_at,
            details={**details, **said},
        )
        name_request(error, {} if self._last is None else self._last[2].headers, redact)
        return error

    def _say_difference(self, reply: Reply) -> None:
        """Warn of an id in another form than the API document's."""
        place, question_id = reply.named[0]
        if (place, is_uuid(question_id), reply.status in SUCCESS) != ("question_id", True, True):
            self._api.transport.differs(
                "the id of a question",
                f"The reply to a question ({reply.status}) names its id {snippet(place)!r}: {question_id}, "
                "not a UUID named 'question_id'. It is used as it was received.",
            )

    def _record_acceptance(self, question_id: str) -> None:
        if self._api.history is not None and self.row is not None:
            now = self._api.clock.now()
            asked_at = self.asked_at or (self._last[0] if self._last else now)
            self._api.history.accepted(self.row, question_id, asked_at=asked_at, now=now)

    def _record_error(self, error: BaseException) -> None:
        if self._api.history is None or self.row is None:
            return
        from connecty_frames.store.table import RecordState

        state, reason = RecordState.UNCERTAIN, type(error).__name__
        if not errors.is_own(error):
            if not _may_run(self._last):
                state = RecordState.REJECTED
        elif isinstance(error, errors.SubmissionUncertain):
            reason = ". ".join(filter(None, map(str, map(error.details.get, ("seen", "reply", "ids")))))
        else:
            state, reason = RecordState.REJECTED, str(error)
        question_id = getattr(error, "question_id", None) if errors.is_own(error) else None
        self._api.history.not_accepted(
            self.row, state, reason, now=self._api.clock.now(), question_id=question_id
        )

    @contextmanager
    def annotated(self) -> Iterator[None]:
        """Add the facts about a question, once sent, to exceptions other than ours."""
        try:
            yield
        except BaseException as error:
            if errors.is_own(error):
                raise  # its message already says it
            # KeyboardInterrupt, or any exception of a signal handler or a callable.
            message = self.message()
            if isinstance(error, KeyboardInterrupt):
                annotate(error, message)
            elif message is not None and message not in getattr(error, "__notes__", ()):
                error.add_note(message)
            last = self._last  # read before the id, as in message()
            question_id = self.question_id or self._reply(last).question_id
            before = CURRENT.get()
            try:
                CURRENT.set(Deadline.after(0.0, self._api.clock))
                if question_id is not None:
                    self._record_acceptance(question_id)
                else:
                    self._record_error(error)
            finally:
                CURRENT.set(before)
            raise

    def _recorded(self) -> str:
        return f" It is recorded in {self.recorded_in}." if self.recorded_in else ""

    def message(self) -> str | None:
        """Describe a question for an interrupt, or return None if it was never sent."""
        asked = self.asked
        last = self._last  # read before the id, since another thread sets the id and then clears this
        question_id = self.question_id or self._reply(last).question_id
        if self.earlier is not None:
            question_id = self.earlier.question_id
        if question_id is not None:
            return pending_message(
                question_id, self._api.resume_command(question_id, asked.dw_id), recorded_in=self.recorded_in
            )
        if last is None or not _may_run(last):
            return None
        return (
            f"The question {snippet(asked.question)!r} was being sent to workspace {asked.dw_id} at "
            f"{last[0]:%Y-%m-%d %H:%M:%S} UTC. {_WHAT_TO_DO}.{self._recorded()}"
        )


def _may_run(last: tuple[datetime, float, Attempt] | None) -> bool:
    """Return False for a question never sent, or refused in its last attempt by the status."""
    return last is not None and last[2].status not in _REFUSALS


def question_body(question: object) -> bytes:
    """Return the body, UTF-8 JSON, with the question exactly as given; raises ConfigError."""
    if not isinstance(question, str):
        raise errors.ConfigError(
            f"question is of type {type(question).__name__}; expected the question as a str.",
            setting="question",
        )
    if not question.strip():
        raise errors.ConfigError(
            "question is blank; expected a question in plain language.", setting="question"
        )
    try:
        return msgspec.json.encode(QuestionRequest(question=str.__str__(question)))  # also of numpy's str_
    except UnicodeEncodeError:
        raise errors.ConfigError(
            "question contains a lone surrogate (half a character), which UTF-8 cannot encode; decode its "
            f"source text again: {snippet(question)}",
            setting="question",
        ) from None


#: The reply of the API document.
match_documented: Final = re.compile(
    rb'\s*\{\s*"question_id"\s*:\s*"([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})"\s*\}\s*'
).fullmatch
#: An id at the top of a reply, perhaps cut: no other object comes before it.
_search_part: Final = re.compile(
    rb'\A\s*\{[^{}\[\]]*?"question_id"\s*:\s*(?:"([^"\\]{1,200})"|([0-9]{1,200})\s*[,}])'
).search
#: Names at the top of a reply whose object may hold the id.
_HOLDERS: Final = frozenset({"data", "result", "question"})
#: The names of the id at the top or in a holder, in lower case without underscores; the first one found
#: decides. Each with its statuses and the fields that rule it out. The path of ``Location`` counts as well.
_RULES: Final[tuple[tuple[str, frozenset[int], frozenset[str]], ...]] = (
    # A refusal may name the running question; after other failures this one may be it.
    ("questionid", frozenset({*range(200, 400), 408, *range(500, 600)}), frozenset()),
    ("id", frozenset(SUCCESS), frozenset({"error", "errors"})),
)
_LOCATED: Final = range(200, 400)
_NAMES_RESULT: Final = (201, 202, 303)  # with a Location for the new question; else it may be any page
_search_token: Final = re.compile(rb"(?:access|id|refresh|bearer)[_-]?token|\bjwt\b", re.IGNORECASE).search
_MOST_KEPT: Final = 2_000  # how much of a reply is kept, in characters
_MOST_IDS: Final = 20  # and how many ids


class _Object(list[tuple[str, Any]]):
    """A JSON object as its pairs, since a name may be repeated."""


class Reply(Immutable):
    """The ids in the reply to a question, each with its place in the reply."""

    hidden = frozenset({"named", "others"})

    status: int
    named: list[tuple[str, Any]]  # by a name of the question's id; a value may be no id
    others: dict[str, str]  # UUIDs under other names

    @property
    def problem(self) -> str:
        """Why there is no id; empty if there is one."""
        if not self.named:
            return "without a question_id"
        if not all(is_question_id(value) for _, value in self.named):
            return "with a question_id that is not valid"
        return "" if len({id_key(value) for _, value in self.named}) == 1 else "with two different ids"

    @property
    def question_id(self) -> str | None:
        """The id of the question, or None if there is a problem."""
        return None if self.problem else self.named[0][1]


def read_reply(attempt: Attempt, url: str, dw_id: int) -> Reply:
    """Find the ids in the received part of the reply to a question sent to ``url``."""
    body, status = attempt.received.getvalue(), attempt.status or 0
    try:
        # Numbers as their texts: an id is sent back as it was received.
        places = list(_places(json.loads(body, object_pairs_hook=_Object, parse_int=str)))
    except (ValueError, RecursionError):
        part = _search_part(body) if body.count(b'"question_id"') == 1 else None
        cut = (part[1] or part[2]).decode(errors="replace") if part else None
        places = [("question_id", "questionid", cut)]
    named: list[tuple[str, Any]] = []
    for wanted, statuses, spoilt_by in _RULES:
        found = [(place, value) for place, name, value in places if name == wanted]
        if found and status in statuses and not any(name in spoilt_by and value for _, name, value in places):
            named = [(place, value) for place, value in found if value is not None]
            break
    located = _id_in_location(attempt, url, dw_id)
    named += [] if located is None else [("Location", located)]
    others = ((place, value) for place, _, value in places if is_uuid(value))
    return Reply(status, named[:_MOST_IDS], dict(islice(others, _MOST_IDS)))


def _places(reply: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield each value at the top and one level below, with its place and its name for the rules."""
    prefix, top = ("[0].", reply[0]) if _is_list_of_one(reply) else ("", reply)
    fields = top if isinstance(top, _Object) else ()
    of_call = "id" if any(name == "jsonrpc" for name, _ in fields) else None
    for name, value in fields:
        yield prefix + name, "" if name == of_call else folded(name), value
        inner = value[0] if _is_list_of_one(value) else value
        for below, held in inner if isinstance(inner, _Object) else ():
            yield f"{prefix}{name}.{below}", folded(below) if folded(name) in _HOLDERS else "", held


def _is_list_of_one(value: Any) -> bool:
    return type(value) is list and len(value) == 1


def _id_in_location(attempt: Attempt, url: str, dw_id: int) -> str | None:
    """Return the id in the path of a question of this workspace, on the same host."""
    if attempt.status not in _LOCATED:
        return None
    try:
        target = urlsplit(urljoin(url, attempt.headers.get("Location", "")))
        is_same_host = target.hostname == urlsplit(url).hostname
    except ValueError:
        return None
    found = re.search(rf"/dw/{dw_id}/questions/([^/]+?)(?:/results)?/?\Z", target.path)
    if found is None or not is_same_host:
        return None
    question_id = unquote(found[1])
    is_certain = attempt.status in _NAMES_RESULT or is_uuid(question_id) or question_id.isdecimal()
    return question_id if is_certain and is_question_id(question_id) else None


def shown_reply(attempt: Attempt, reply: Reply, redact: Redaction) -> dict[str, Any]:
    """Describe a reply, without secrets, for the details of an error."""
    headers = shown_headers(attempt.headers, redact)
    body = attempt.received.getvalue()
    # A token may come with any status, and is not known here.
    shown = "" if _search_token(body) else snippet(redact(body), _MOST_KEPT)
    ids = {
        snippet(redact(place)): snippet(redact.data(str(value)), 200)
        for place, value in [*reply.others.items(), *reply.named]
    }
    return {"status": attempt.status, "headers": headers, "reply": shown, "ids": ids}
