"""Client: one organisation's credentials and connections."""

from __future__ import annotations

import random as _random
import sys
import weakref
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, Self, TypeVar, overload
from urllib.parse import urlsplit

from connecty_frames._base.clock import SYSTEM_CLOCK, Clock, Deadline
from connecty_frames._base.secret import SecretStr
from connecty_frames._base.text import masked_id, terminal, value_text
from connecty_frames.answer import Answer, read_schema
from connecty_frames.asking.auth import Auth
from connecty_frames.asking.endpoints import Endpoints
from connecty_frames.asking.submission import (
    Submission,
    pending_message,
    question_body,
    resume_command,
)
from connecty_frames.calls.asynchronous import Call, in_thread
from connecty_frames.calls.concurrent import CancellableDeadline, ConcurrentRun, QuestionFuture
from connecty_frames.errors import ConfigError, HistoryWarning, NotFoundError, warn
from connecty_frames.http.models import strip_tracebacks
from connecty_frames.http.transport import Transport
from connecty_frames.options import (
    AskOptions,
    AskOptionsDict,
    Engine,
    check_age,
    check_bool,
    check_question_id,
    is_dw_id,
    shows_options,
)
from connecty_frames.protocol import SANDBOX_CLIENT
from connecty_frames.question import Question
from connecty_frames.settings.sources import resolve
from connecty_frames.settings.values import is_loopback

if TYPE_CHECKING:
    import os
    import threading
    from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
    from datetime import timedelta
    from types import TracebackType
    from typing import Unpack
    from uuid import UUID

    from connecty_frames._base.secret import SupportsSecret
    from connecty_frames.frames.accessor import ArrowTable, PandasFrame, PolarsFrame
    from connecty_frames.http.models import Response
    from connecty_frames.settings.values import Settings
    from connecty_frames.store import History, Row

_Result = TypeVar("_Result")

#: What to do if no workspace is named, in Python and on the command line.
_NO_DW_ID: Final = (
    "Give the data workspace to ask as {}, or in the environment as CONNECTY_DW_ID. ConnectyAI shows it in "
    "Manager > Data Environments > Data Workspaces > Workspace ID."
)


class Client:
    """A connection to ConnectyAI's Public API.

    Creating one opens no connection. It may be shared by threads and is closed at the end of ``with``; a
    forked process has connections of its own. A setting that is not given comes from ``configure()``, else
    the environment (``CONNECTY_CLIENT_ID`` and so on), else the profile, else the defaults.

    The settings are those of ``connecty_frames.configure``.

    Parameters
    ----------
    clock : Clock, optional
        The source of time; for tests.
    random : callable, optional
        The source of random numbers; for tests.
    resume_command : callable, optional
        Returns the line shown for fetching an answer later, from the ids of the question and of its
        workspace; a line of Python by default, and an empty text if no line fetches it.

    Raises
    ------
    ConfigError
        If a setting is missing or wrong.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> with cf.Client(timeout=60) as client:
    ...     question = client.submit("how many orders are there")
    ...     answer = question.result()
    >>> answer.rows
    1
    """

    #: What a traceback shows of one whose settings were refused.
    _repr = "<Client without settings>"

    def __init__(
        self,
        client_id: str | None = None,
        *,
        client_secret: str | SupportsSecret | None = None,
        region: Literal["eu1", "us1"] | None = None,
        base_url: str | None = None,
        dw_id: int | None = None,
        timeout: float | None = None,
        max_body_bytes: int | None = None,
        verify_tls: bool | None = None,
        ca_bundle: str | os.PathLike[str] | None = None,
        history: bool | str | os.PathLike[str] | None = None,
        keep_answers: bool | None = None,
        keep_answers_max_bytes: int | None = None,
        profile: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
        random: Callable[[], float] = _random.random,
        resume_command: Callable[[str, int], str] = resume_command,
    ) -> None:
        try:
            self._open(
                lambda: resolve(
                    client_id=client_id,
                    client_secret=client_secret,
                    region=region,
                    base_url=base_url,
                    dw_id=dw_id,
                    timeout=timeout,
                    max_body_bytes=max_body_bytes,
                    verify_tls=verify_tls,
                    ca_bundle=ca_bundle,
                    history=history,
                    keep_answers=keep_answers,
                    keep_answers_max_bytes=keep_answers_max_bytes,
                    profile=profile,
                ),
                clock,
                random,
                resume_command,
            )
        finally:
            # A traceback with locals shows those of this frame, also after an interrupt as it returns.
            client_id = client_secret = base_url = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return a client with settings that are all resolved already."""
        client = cls.__new__(cls)
        cls._open(client, lambda: settings, SYSTEM_CLOCK, _random.random, resume_command)
        return client

    def _open(
        self,
        settle: Callable[[], Settings],
        clock: Clock,
        random: Callable[[], float],
        resume_command: Callable[[str, int], str],
    ) -> None:
        """Take over the settings that a function returns."""
        self._resume_command = resume_command
        refused, handled = None, sys.exception()
        try:
            settings = settle()
            client_id, client_secret = settings.credentials
            self._repr = terminal(
                f"<Client {masked_id(client_id)} at {settings.address}, dw_id={settings.dw_id}>"
            )
            self._dw_id = settings.dw_id
            self._timeout = settings.timeout
            self._transport = Transport.from_settings(settings, clock)
            self._client_id = SecretStr(client_id)
            auth = Auth(self._client_id, client_secret, transport=self._transport, random=random)
            self._api = Endpoints(self._transport, auth, random=random)
            self._history = self._open_history(settings) if settings.keeps_history else None
            if self._history is not None:
                #: Also once this client is garbage.
                self._close_history = weakref.finalize(self, self._history.close)
        except BaseException as error:  # noqa: BLE001 - see below: none may pass with its traceback
            refused = error
        client_id = ""
        if refused is not None:
            # Without the frames below, whose locals hold the secret in the clear.
            strip_tracebacks(refused, keep=handled)
            raise refused

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def history(self) -> History | None:
        """Where the questions are recorded, for the command line; None if they are not."""
        return self._history

    def recording_in(self, path: Path) -> Client:
        """Return a client with the same connections that records in another file; the caller closes it.

        A ConfigError if the file cannot be used.
        """
        client = object.__new__(Client)
        vars(client).update(vars(self), _history=self._history_at(path, required=True))
        return client

    def target(self, dw_id: int | None = None) -> dict[str, Any]:
        """Return where questions go: ``base_url``, ``dw_id``, and ``client``, a hash of the client id."""
        from connecty_frames.store import client_hash

        client = client_hash(self._client_id.get_secret_value())
        return {"base_url": self._transport.address, "dw_id": self._workspace(dw_id), "client": client}

    def redacted(self, text: str) -> str:
        """Return data with the secrets of this client masked, but no client id, to be kept in a file."""
        return self._transport.redact.data(text)

    def observe(self, observer: Callable[[Response], object]) -> None:
        """Have each response shown, also that of the token endpoint, which holds a secret."""
        self._transport.observe = observer

    def close(self) -> None:
        """Close the connections and the history. Using the client afterwards is a ConfigError."""
        self._transport.close()
        if self._history is not None:
            self._close_history()

    def health(self, *, timeout: float | None = None) -> bool:
        """Whether the backend is operational.

        Parameters
        ----------
        timeout
            Seconds; None means 10.

        Returns
        -------
        bool
            True for the status 200 (the API document, ``/v1/health``), False for any other answer, or none.

        Raises
        ------
        ConnectionFailed
            If the backend cannot be reached.
        ConfigError
            If the server redirects.
        """
        from connecty_frames.asking.health import probe_health

        return probe_health(self._transport, timeout=timeout, random=self._api.random)

    def submit(
        self,
        question: str,
        *,
        dw_id: int | None = None,
        timeout: float | None = None,
        max_age: float | timedelta | str | None = None,
    ) -> Question:
        """Ask a question and do not wait for its answer.

        It is sent again only after a 429, after one 401, or if no connection was made: it is started at most
        once.

        Parameters
        ----------
        question
            In plain language, sent exactly as given.
        dw_id
            The data workspace; None uses the client's.
        timeout
            Seconds until it must be accepted; None uses the client's timeout.
        max_age
            The age up to which an answer to the same question is reused, as for :meth:`ask`.

        Returns
        -------
        Question
            The handle of the question, or of its earlier asking, which is then ``reused``.

        Raises
        ------
        ConfigError
            If the question or workspace is invalid, or the server redirects; nothing was started.
        ConnectionFailed, AuthError, NotFoundError, RateLimitError, APIError
            If the server cannot be reached, or refuses; nothing was started.
        QuestionTimeout
            If the time ran out before it was sent.
        SubmissionUncertain
            If it is unknown whether it was started. Look in ConnectyAI's chat history.
        """
        ask_options = self._checked(AskOptions(dw_id=dw_id, timeout=timeout, max_age=max_age))
        submission = self._submission(question, ask_options)
        deadline, gone = self.deadline(ask_options), set[str]()
        with submission.annotated():
            asked = self._submit_or_reuse(submission, ask_options, deadline, gone)
            while asked.reused and not asked.exists(deadline.remaining()):
                gone.add(asked.question_id)
                asked = self._submit_or_reuse(submission, ask_options, deadline, gone)
            if asked.reused:
                self._count_reuse(asked)
            return asked

    def question(self, question_id: str | UUID, *, dw_id: int | None = None) -> Question:
        """Return the handle of a question asked before, in this or any other process; nothing is sent.

        Parameters
        ----------
        question_id
            The server's id of it, a UUID.
        dw_id
            The data workspace that was asked; None uses the client's.

        Raises
        ------
        ConfigError
            If the id is not a UUID, or there is no workspace.
        """
        return Question(
            self._api,
            check_question_id(question_id),
            dw_id=self._workspace(dw_id),
            timeout=self._timeout,
            command=self._resume_command,
            history=self._history,
        )

    @shows_options()
    def ask(self, question: str, **options: Unpack[AskOptionsDict]) -> Answer:
        """Ask a question and wait for its answer, as :func:`connecty_frames.ask` does."""
        return self.answer(question, AskOptions.from_kwargs(options))

    @overload
    def ask_df(
        self, question: str, *, engine: Literal["pandas"] = "pandas", **options: Unpack[AskOptionsDict]
    ) -> PandasFrame: ...
    @overload
    def ask_df(
        self, question: str, *, engine: Literal["polars"], **options: Unpack[AskOptionsDict]
    ) -> PolarsFrame: ...
    @overload
    def ask_df(
        self, question: str, *, engine: Literal["pyarrow"], **options: Unpack[AskOptionsDict]
    ) -> ArrowTable: ...
    @shows_options()
    def ask_df(
        self, question: str, *, engine: Engine = "pandas", **options: Unpack[AskOptionsDict]
    ) -> PandasFrame | PolarsFrame | ArrowTable:
        """Ask a question and return its table as a frame, as :func:`connecty_frames.ask_df` does."""
        ask_options = AskOptions.from_kwargs(options, engine=engine)
        return self.answer(question, ask_options).to_frame(ask_options)

    def answer(
        self,
        question: str,
        ask_options: AskOptions,
        *,
        row: Row | None = None,
        accepted: Callable[[Question], object] | None = None,
        received: Callable[[bytes], object] | None = None,
    ) -> Answer:
        """Ask as :meth:`ask` does, with the options as one object; one deadline covers everything.

        ``row`` is the question's in the history, if it is recorded already. ``accepted`` is called once the
        server has accepted it, ``received`` with the response of a completed question before it is decoded.
        """
        deadline = self.deadline(ask_options)
        if ask_options.question_id is not None:
            asked = self.question(ask_options.question_id, dw_id=ask_options.dw_id)
            return asked.fetch(ask_options, deadline=deadline, received=received)
        ask_options = self._checked(ask_options)
        submission = self._submission(question, ask_options, row)
        with submission.annotated():
            # Common case: one level less to step through.
            if ask_options.max_age is None and accepted is None:
                return self._submit(submission, deadline).fetch(
                    ask_options, deadline=deadline, received=received
                )
            return self._ask_or_reuse(submission, ask_options, deadline, accepted=accepted, received=received)

    def prepare(
        self,
        question: str,
        ask_options: AskOptions,
        read: Callable[[Answer], _Result],
        *,
        row: Row | None = None,
    ) -> Call[_Result]:
        """Return the call that asks as :meth:`answer` does, in a thread; nothing is sent yet."""
        asked: Submission | Question
        if ask_options.question_id is not None:
            asked = self.question(ask_options.question_id, dw_id=ask_options.dw_id)
            message: Callable[[], str | None] = partial(
                pending_message, asked.question_id, asked.resume_command
            )
        else:
            ask_options = self._checked(ask_options)
            asked = self._submission(question, ask_options, row)
            message = asked.message
        return Call(lambda cancelled: read(self._answer_until(ask_options, asked, cancelled)), message)

    @shows_options()
    def ask_async(self, question: str, **options: Unpack[AskOptionsDict]) -> Coroutine[Any, Any, Answer]:
        """Ask a question and await its answer, as :func:`connecty_frames.ask_async` does."""
        return in_thread(
            lambda: self.prepare(question, AskOptions.from_kwargs(options), lambda answer: answer)
        )

    @overload
    def ask_df_async(
        self, question: str, *, engine: Literal["pandas"] = "pandas", **options: Unpack[AskOptionsDict]
    ) -> Coroutine[Any, Any, PandasFrame]: ...
    @overload
    def ask_df_async(
        self, question: str, *, engine: Literal["polars"], **options: Unpack[AskOptionsDict]
    ) -> Coroutine[Any, Any, PolarsFrame]: ...
    @overload
    def ask_df_async(
        self, question: str, *, engine: Literal["pyarrow"], **options: Unpack[AskOptionsDict]
    ) -> Coroutine[Any, Any, ArrowTable]: ...
    @shows_options()
    def ask_df_async(
        self, question: str, *, engine: Engine = "pandas", **options: Unpack[AskOptionsDict]
    ) -> Coroutine[Any, Any, PandasFrame | PolarsFrame | ArrowTable]:
        """Ask a question and await its table, as :func:`connecty_frames.ask_df_async` does."""

        def prepare() -> Call[PandasFrame | PolarsFrame | ArrowTable]:
            ask_options = AskOptions.from_kwargs(options, engine=engine)
            return self.prepare(question, ask_options, lambda answer: answer.to_frame(ask_options))

        return in_thread(prepare)

    @overload
    def ask_many(
        self,
        questions: Iterable[str],
        *,
        max_workers: int = 8,
        as_completed: Literal[False] = False,
        **options: Unpack[AskOptionsDict],
    ) -> list[QuestionFuture]: ...
    @overload
    def ask_many(
        self,
        questions: Iterable[str],
        *,
        max_workers: int = 8,
        as_completed: Literal[True],
        **options: Unpack[AskOptionsDict],
    ) -> Iterator[QuestionFuture]: ...
    @overload
    def ask_many(
        self,
        questions: Iterable[str],
        *,
        max_workers: int = 8,
        as_completed: bool,
        **options: Unpack[AskOptionsDict],
    ) -> list[QuestionFuture] | Iterator[QuestionFuture]: ...
    @shows_options("question_id")
    def ask_many(
        self,
        questions: Iterable[str],
        *,
        max_workers: int = 8,
        as_completed: bool = False,
        **options: Unpack[AskOptionsDict],
    ) -> list[QuestionFuture] | Iterator[QuestionFuture]:
        """Ask many questions, several at a time, as :func:`connecty_frames.ask_many` does."""
        if options.get("question_id") is not None:
            raise ConfigError(
                "question_id names a single question; ask(question_id=...) fetches its answer.",
                setting="question_id",
            )
        check_bool(as_completed, "as_completed")
        ask_options = self._checked(AskOptions.from_kwargs(options))
        self._workspace(ask_options.dw_id)
        run = ConcurrentRun(
            questions,
            lambda question: self._submission(question, ask_options),
            partial(self._answer_until, ask_options),
            max_workers=max_workers,
        )
        return run.completed() if as_completed else run.finished()

    def __repr__(self) -> str:
        return self._repr

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: connections cannot be, and secrets must not be."""
        raise TypeError(
            "A Client cannot be pickled, since it holds connections and a secret; make one in each process"
        )

    def _open_history(self, settings: Settings) -> History | None:
        """Return where questions are recorded; None for those to a sandbox, unless a file is named."""
        client_id, _ = settings.credentials
        is_sandbox = client_id.startswith(SANDBOX_CLIENT) and is_loopback(
            urlsplit(settings.address).hostname or ""
        )
        if is_sandbox and not isinstance(settings.history, Path):
            return None
        # Not imported where no history is kept.
        from connecty_frames.store import default_path

        try:
            path = settings.history if isinstance(settings.history, Path) else default_path()
        except ConfigError as error:
            if settings.history == "require":
                raise
            warn(HistoryWarning(f"{error} Questions are not recorded."))
            return None
        limit = settings.keep_answers_max_bytes if settings.keep_answers else None
        return self._history_at(path, required=settings.history == "require", kept_bytes=limit)

    def _history_at(self, path: Path, *, required: bool, kept_bytes: int | None = None) -> History:
        from connecty_frames.store import History, KeptAnswers, database_at

        database = database_at(path)
        return History(
            database,
            answers=None if kept_bytes is None else KeptAnswers(database, max_bytes=kept_bytes),
            required=required,
            base_url=self._transport.address,
            client_id=self._client_id.get_secret_value(),
            redact=self._transport.redact.data,
        )

    def _submission(self, question: str, ask_options: AskOptions, row: Row | None = None) -> Submission:
        return Submission(
            question,
            question_body(question),  # checked first: a wrong question is reported before a missing dw_id
            dw_id=self._workspace(ask_options.dw_id),
            clock=self._transport.clock,
            command=self._resume_command,
            history=self._history,
            row=row,
        )

    def _answer_until(
        self, ask_options: AskOptions, asked: Submission | Question, cancelled: threading.Event
    ) -> Answer:
        """Ask, or fetch the answer of a question asked before, until the event is set."""
        deadline = CancellableDeadline(self._transport.clock, self.deadline(ask_options).at, cancelled)
        if isinstance(asked, Question):
            return asked.fetch(ask_options, deadline=deadline)
        with asked.annotated():
            return self._ask_or_reuse(asked, ask_options, deadline)

    def _ask_or_reuse(
        self,
        submission: Submission,
        ask_options: AskOptions,
        deadline: Deadline,
        *,
        accepted: Callable[[Question], object] | None = None,
        received: Callable[[bytes], object] | None = None,
    ) -> Answer:
        """Fetch the answer of an earlier asking if ``max_age`` allows, else ask."""
        gone: set[str] = set()
        while True:
            asked = self._submit_or_reuse(submission, ask_options, deadline, gone)
            if accepted is not None and not asked.reused:
                accepted(asked)
            try:
                answer = asked.fetch(ask_options, deadline=deadline, received=received)
            except NotFoundError:
                if not asked.reused:
                    raise
                gone.add(asked.question_id)
                continue
            if asked.reused:
                self._count_reuse(asked)
            return answer

    def _submit_or_reuse(
        self, submission: Submission, ask_options: AskOptions, deadline: Deadline, gone: Collection[str]
    ) -> Question:
        """Return an earlier asking of a question if its age allows, else submit it."""
        # ``gone`` are the ids of earlier ones that the server no longer has.
        if ask_options.max_age is not None and self._history is not None:
            # Not imported where nothing is reused.
            from connecty_frames.asking.reuse import find_or_claim, kept_results

            submission.earlier = None  # an interrupt must not name one that is gone
            submission.earlier = earlier = find_or_claim(
                submission,
                self._history,
                max_age=check_age(ask_options.max_age),
                gone=gone,
                deadline=deadline,
                clock=self._transport.clock,
            )
            if earlier is not None and earlier.question_id is not None:
                return Question(
                    self._api,
                    earlier.question_id,
                    dw_id=submission.dw_id,
                    timeout=self._timeout,
                    earlier=earlier,
                    kept=kept_results(self._history, earlier.question_id),
                    command=self._resume_command,
                    history=self._history,
                )
        return self._submit(submission, deadline)

    def _count_reuse(self, asked: Question) -> None:
        if self._history is not None:
            self._history.reused(asked.question_id)

    def _submit(self, submission: Submission, deadline: Deadline) -> Question:
        return Question(
            self._api,
            submission.send(self._api, deadline=deadline),
            dw_id=submission.dw_id,
            timeout=self._timeout,
            submission=submission,
            command=self._resume_command,
            history=self._history,
        )

    def _checked(self, ask_options: AskOptions) -> AskOptions:
        """Validate the options before anything is sent and paid for, and return them."""
        if ask_options.max_age is not None and self._history is None:
            raise ConfigError(
                "max_age needs a history of what was asked, and none is kept.",
                hint="Turn it on: cf.configure(history=True). Questions to a sandbox are recorded only in a "
                "file that you name: history='history.sqlite3'.",
                shell_hint="Leave out what turns it off: --no-history, CONNECTY_HISTORY=0 or history = false "
                "in a profile. Questions to a sandbox are recorded only in a file that you name: "
                "CONNECTY_HISTORY=history.sqlite3.",
                setting="max_age",
            )
        return read_schema(ask_options)

    def deadline(self, ask_options: AskOptions) -> Deadline:
        """Return when a call that begins now must end.

        Parameters
        ----------
        ask_options
            Those of the call.
        """
        return Deadline.after(ask_options.timeout or self._timeout, self._transport.clock)

    def _workspace(self, dw_id: int | None) -> int:
        found = self._dw_id if dw_id is None else dw_id
        if found is None:
            raise ConfigError(
                "No dw_id.",
                hint=_NO_DW_ID.format("dw_id=, as an argument of Client, by configure()"),
                shell_hint=_NO_DW_ID.format("--dw-id, in a profile"),
                setting="dw_id",
            )
        if not is_dw_id(found):
            raise ConfigError(
                f"dw_id={value_text(found)}: expected a workspace id, a whole number such as 13.",
                setting="dw_id",
            )
        return found
