"""Client: one organisation's credentials and connections."""

from __future__ import annotations

import random as _random
import weakref
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self, TypeVar, overload
from urllib.parse import urlsplit

from connecty_frames._base.clock import SYSTEM_CLOCK, Clock, Deadline
from connecty_frames._base.text import hidden, terminal
from connecty_frames.answer import Answer, read_schema
from connecty_frames.asking.auth import API, Auth
from connecty_frames.asking.submission import Submission, question_body, resume_command
from connecty_frames.calls import ConcurrentRun, QuestionFuture, ask_in_thread
from connecty_frames.errors import CodeLocation, ConfigError, HistoryWarning, warn
from connecty_frames.http.redaction import masked_id
from connecty_frames.http.transport import Transport
from connecty_frames.options import (
    ASK_ONLY,
    FRAME_ONLY,
    Asked,
    AskOptions,
    AskOptionsDict,
    Engine,
    FetchOptionsDict,
    check_age,
    check_bool,
    check_question_id,
    shows_keywords,
    shows_options,
)
from connecty_frames.protocol import SANDBOX_CLIENT
from connecty_frames.question import Call, Question
from connecty_frames.settings.sources import hide, resolve
from connecty_frames.settings.values import ClientSettingsDict, is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator
    from pathlib import Path
    from typing import Unpack
    from uuid import UUID

    from connecty_frames._base.text import SecretStr
    from connecty_frames.asking.auth import ResumeCommand
    from connecty_frames.frames.accessor import ArrowTable, PandasFrame, PolarsFrame
    from connecty_frames.http.models import Response
    from connecty_frames.settings.values import Settings
    from connecty_frames.store.history import History
    from connecty_frames.store.table import Limit, QuestionStore

    class _ManyOptions(AskOptionsDict, total=False):
        max_workers: int


_Result = TypeVar("_Result")


class Client:
    """A connection to ConnectyAI's Public API.

    Creating one opens no connection. Threads may share it, and ``with`` closes it at the end; a forked
    process opens its own connections. A setting that is not given comes from ``configure()``, else the
    environment (``CONNECTY_CLIENT_ID`` and so on), else the profile, else the defaults.

    Parameters
    ----------
    client_id, **settings
        As for :func:`connecty_frames.configure`.
    clock : Clock, optional
        The source of time; for tests.
    random : callable, optional
        The source of random numbers; for tests.
    resume_command : callable, optional
        Takes the ids of a question and its workspace, and returns the code that fetches the answer later, or
        an empty text if nothing can. By default it returns Python code.

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

    _repr = "<Client without settings>"  # the repr in a traceback if its settings were refused
    _close_history: Callable[[], object] | None = None

    @shows_keywords(ClientSettingsDict.__annotations__)
    def __init__(
        self,
        client_id: str | None = None,
        *,
        clock: Clock = SYSTEM_CLOCK,
        random: Callable[[], float] = _random.random,
        resume_command: Callable[[str, int], str] = resume_command,
        **settings: Unpack[ClientSettingsDict],
    ) -> None:
        # A traceback with locals shows this frame's too.
        client_id = hidden(client_id)
        hide(settings)
        self._open(resolve(client_id=client_id, **settings), clock, random, resume_command)

    @classmethod
    def of(cls, settings: Settings, *, resumable: bool) -> Self:
        """Return a client for resolved settings."""
        client = cls.__new__(cls)
        command = resume_command if resumable else lambda _question_id, _dw_id: ""
        cls._open(client, settings, SYSTEM_CLOCK, _random.random, command)
        return client

    def _open(
        self, settings: Settings, clock: Clock, random: Callable[[], float], resume_command: ResumeCommand
    ) -> None:
        client_id, client_secret = settings.credentials()
        transport = Transport(settings, clock, random)
        auth = Auth(client_id, client_secret, transport=transport)
        api = API(transport, auth, timeout=settings.timeout, resume_command=resume_command)
        self._use(api, client_id, settings.dw_id)
        if settings.keeps_history:
            api.history = self._open_history(settings)
        if api.history is not None:
            self._close_history = weakref.finalize(self, api.history.close)  # also once the client is garbage

    def _use(self, api: API, client_id: SecretStr, dw_id: int | None) -> None:
        self._api, self._client_id, self._dw_id = api, client_id, dw_id
        self._repr = terminal(f"<Client {masked_id(client_id)} at {api.transport.address}, {dw_id=}>")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def history(self) -> History | None:
        """Where the questions are recorded, for the command line, or None if they are not."""
        return self._api.history

    @property
    def is_resumable(self) -> bool:
        """True if answers can be fetched later: not in a sandbox in this process."""
        return bool(self._api.resume_command("", 0))

    def recording_in(self, place: Path | str) -> Client:
        """Return a client with the same connections and another history, in a file or at a URL.

        The caller closes its history. A ConfigError if it cannot be used.
        """
        from connecty_frames.store.table import store_at

        limit = None if self._api.history is None else self._api.history.limit
        history = self._history_at(store_at(place), required=True, limit=limit)
        client = Client.__new__(Client)
        Client._use(client, self._api.recording(history), self._client_id, self._dw_id)
        return client

    def target(self, dw_id: int | None = None) -> dict[str, Any]:
        """Return where questions go: ``base_url``, ``dw_id``, and ``client``, a hash of the client id."""
        from connecty_frames.store.table import client_hash

        client = client_hash(self._client_id)
        return {"base_url": self._api.transport.address, "dw_id": self._workspace(dw_id), "client": client}

    def observe(self, observer: Callable[[Response], object]) -> None:
        """Pass each response to an observer, even the token endpoint's, which holds a secret."""
        self._api.transport.observe = observer

    def close(self) -> None:
        """Close the connections and the history. Using the client afterwards raises ConfigError."""
        self._api.transport.close()
        if self._close_history is not None:
            self._close_history()

    def health(self, *, timeout: float | None = None) -> bool:
        """Return True if the backend is operational.

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
        from connecty_frames.asking.checks import probe_health

        return probe_health(self._api.transport, timeout=timeout)

    @shows_options(without=FRAME_ONLY)
    def submit(self, question: str, **options: Unpack[AskOptionsDict]) -> Question:
        """Ask a question without waiting for its answer.

        The question is started at most once: it is sent again only after a 429, one 401 or no connection.

        Parameters
        ----------
        question
            In plain language, sent exactly as given.
        **options
            The options of :func:`ask_df` about asking; ``timeout`` covers the time until it is accepted.

        Returns
        -------
        Question
            The handle of the question, or of an earlier one that is ``reused``.

        Raises
        ------
        ConfigError
            If the question or workspace is invalid, or the server redirects; nothing was started.
        ConnectionFailed, AuthError, NotFoundError, RateLimitError, APIError
            If the server cannot be reached, or refuses; nothing was started.
        QuestionTimeout
            If the time ran out before it was sent.
        SubmissionUncertain
            If it is unknown whether the question was started. Check ConnectyAI's chat history.
        """
        return self.call(question, AskOptions.from_kwargs(options, without=FRAME_ONLY)).submit()

    def question(self, question_id: str | UUID, *, dw_id: int | None = None) -> Question:
        """Return the handle of an earlier question, asked in this or any other process; nothing is sent.

        Parameters
        ----------
        question_id
            The server's id of the question, as received.
        dw_id
            The data workspace that was asked; None uses the client's.

        Raises
        ------
        ConfigError
            If the id cannot be one, or there is no workspace.
        """
        given = AskOptions(dw_id=dw_id)  # checks it
        return Question(self._api, check_question_id(question_id), self._workspace(given.dw_id))

    @shows_options()
    def ask(self, question: str, **options: Unpack[AskOptionsDict]) -> Answer:
        """Ask a question and wait for its answer, as :func:`connecty_frames.ask` does."""
        return self.call(question, AskOptions.from_kwargs(options)).answer()

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
        return self.call(question, ask_options).answer().to_frame(ask_options)

    @shows_options(without=ASK_ONLY)
    def fetch(self, question_id: str | UUID, **options: Unpack[FetchOptionsDict]) -> Answer:
        """Fetch the answer of an earlier question, as :func:`connecty_frames.fetch` does."""
        ask_options = AskOptions.from_kwargs(options, without=ASK_ONLY)
        return self.question(question_id, dw_id=ask_options.dw_id).answer(ask_options)

    @overload
    def fetch_df(
        self, question_id: str | UUID, *, engine: Literal["pandas"] = ..., **options: Unpack[FetchOptionsDict]
    ) -> PandasFrame: ...
    @overload
    def fetch_df(
        self, question_id: str | UUID, *, engine: Literal["polars"], **options: Unpack[FetchOptionsDict]
    ) -> PolarsFrame: ...
    @overload
    def fetch_df(
        self, question_id: str | UUID, *, engine: Literal["pyarrow"], **options: Unpack[FetchOptionsDict]
    ) -> ArrowTable: ...
    @shows_options(without=ASK_ONLY)
    def fetch_df(
        self, question_id: str | UUID, *, engine: Engine = "pandas", **options: Unpack[FetchOptionsDict]
    ) -> PandasFrame | PolarsFrame | ArrowTable:
        """Fetch the table of an earlier question, as :func:`connecty_frames.fetch_df` does."""
        ask_options = AskOptions.from_kwargs(options, without=ASK_ONLY, engine=engine)
        return self.question(question_id, dw_id=ask_options.dw_id).answer(ask_options).to_frame(ask_options)

    def deadline(self, ask_options: AskOptions) -> Deadline:
        """Return the deadline for the beginning of a batch."""
        return Deadline.after(ask_options.timeout or self._api.timeout, self._api.clock)

    def call(self, question: str, ask_options: AskOptions) -> Call:
        """Return a call whose arguments are checked; nothing is sent yet, and its time runs from now on."""
        deadline = Deadline.after(ask_options.timeout or self._api.timeout, self._api.clock)
        if ask_options.max_age is not None and self._api.history is None:
            raise ConfigError(
                "max_age needs a history, but none is kept.",
                hint="Turn it on: cf.configure(history=True). Questions to a sandbox are recorded only in a "
                "file that you name: history='history.sqlite3'.",
                shell_hint="Remove what turns it off: --no-history, CONNECTY_HISTORY=0 or history = false "
                "in a profile. Questions to a sandbox are recorded only in a file that you name: "
                "CONNECTY_HISTORY=history.sqlite3.",
                setting="max_age",
            )
        if ask_options.schema is not None:
            ask_options = read_schema(ask_options)
        body = question_body(question)  # a wrong question is reported before a missing dw_id
        asked = Asked(question, self._workspace(ask_options.dw_id), tags=ask_options.tags)
        return Call(self._api, Submission(self._api, asked, body), ask_options, deadline)

    @shows_options()
    def ask_async(self, question: str, **options: Unpack[AskOptionsDict]) -> Coroutine[Any, Any, Answer]:
        """Ask a question and await its answer, as :func:`connecty_frames.ask_async` does."""
        return awaited(lambda: self, question, options, lambda answer, _: answer)

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
        return awaited(lambda: self, question, options, Answer.to_frame, engine=engine)

    @overload
    def ask_many(
        self, questions: Iterable[str], *, as_completed: Literal[False] = ..., **options: Unpack[_ManyOptions]
    ) -> list[QuestionFuture]: ...
    @overload
    def ask_many(
        self, questions: Iterable[str], *, as_completed: Literal[True], **options: Unpack[_ManyOptions]
    ) -> Iterator[QuestionFuture]: ...
    @overload
    def ask_many(
        self, questions: Iterable[str], *, as_completed: bool, **options: Unpack[_ManyOptions]
    ) -> list[QuestionFuture] | Iterator[QuestionFuture]: ...
    @shows_options()
    def ask_many(
        self,
        questions: Iterable[str],
        *,
        max_workers: int = 8,
        as_completed: bool = False,
        **options: Unpack[AskOptionsDict],
    ) -> list[QuestionFuture] | Iterator[QuestionFuture]:
        """Ask many questions, several at a time, as :func:`connecty_frames.ask_many` does."""
        check_bool(as_completed, "as_completed")
        # Wrong options are an error before any question is asked.
        ask_options = self.call("any question", AskOptions.from_kwargs(options)).options
        run = ConcurrentRun(questions, lambda each: self.call(each, ask_options), max_workers=max_workers)
        return run.completed() if as_completed else run.finished()

    def __repr__(self) -> str:
        return self._repr

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: connections cannot be, and secrets must not be."""
        raise TypeError(
            "A Client cannot be pickled, because it holds connections and a secret; create one in each "
            "process"
        )

    def _open_history(self, settings: Settings) -> History | None:
        is_sandbox = self._client_id.get_secret_value().startswith(SANDBOX_CLIENT) and is_loopback(
            urlsplit(settings.address).hostname or ""
        )
        if is_sandbox and settings.store is None:
            return None
        # Not imported where no history is kept.
        from connecty_frames.store.table import store_at

        try:
            store = store_at(settings.store)
        except ConfigError as error:
            if settings.requires_history or settings.store is not None:
                raise
            warn(HistoryWarning(f"{error} Questions are not recorded."))
            return None
        if settings.keep_answers_max_age is not None:
            from connecty_frames.store.answers import answers_beside

            answers_beside(store).expire(check_age(settings.keep_answers_max_age))
        return self._history_at(
            store,
            required=settings.requires_history,
            limit=settings.max_questions_per_day,
            kept_bytes=settings.keep_answers_max_bytes if settings.keep_answers else None,
        )

    def _history_at(
        self, store: QuestionStore, *, required: bool, limit: Limit | None, kept_bytes: int | None = None
    ) -> History:
        from connecty_frames.store.history import History

        return History(
            store,
            required=required,
            limit=limit,
            kept_bytes=kept_bytes,
            base_url=self._api.transport.address,
            client_id=self._client_id,
            redact=self._api.transport.redact.data,
        )

    def _workspace(self, dw_id: int | None) -> int:
        found = self._dw_id if dw_id is None else dw_id
        if found is None:
            advice = (
                "Set the data workspace with {}, in a profile or as CONNECTY_DW_ID. ConnectyAI shows it in "
                "Manager > Data Environments > Data Workspaces > Workspace ID."
            )
            raise ConfigError(
                "No dw_id.",
                hint=advice.format("dw_id=, with cf.configure(dw_id=)"),
                shell_hint=advice.format("--dw-id"),
                setting="dw_id",
            )
        return found


def awaited(
    find: Callable[[], Client],
    question: str,
    options: AskOptionsDict,
    make: Callable[[Answer, AskOptions], _Result],
    **fixed: Any,
) -> Coroutine[Any, Any, _Result]:
    """Ask with ``find()`` when awaited; return ``make(answer)``."""
    # Not a coroutine function: warnings must point at the calling line, and a task with the coroutine alone
    # has no line of the caller on the stack.

    def prepare() -> Call:
        return find().call(question, AskOptions.from_kwargs(options, **fixed))

    return ask_in_thread(prepare, make, CodeLocation.of_caller())
