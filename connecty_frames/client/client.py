"""Client: one organisation's credentials and connections."""

from __future__ import annotations

import random as _random
import sys
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, Self, overload

from pydantic import SecretStr

from connecty_frames.answer import Answer, read_schema
from connecty_frames.client import endpoints as _api
from connecty_frames.client.auth import Auth
from connecty_frames.client.concurrent import CancellableDeadline, ConcurrentRun, QuestionFuture
from connecty_frames.client.endpoints import Endpoints
from connecty_frames.client.question import Question
from connecty_frames.client.submission import Sendings, checked_question, submit
from connecty_frames.clock import SYSTEM_CLOCK, Clock, Deadline
from connecty_frames.config import Settings, resolve
from connecty_frames.errors import ConfigError, InsecureWarning, warn
from connecty_frames.http.models import strip_tracebacks
from connecty_frames.http.redaction import Redaction
from connecty_frames.http.transport import Transport
from connecty_frames.options import AskOptions, AskOptionsDict, Engine, check_question_id, is_dw_id
from connecty_frames.text import terminal

if TYPE_CHECKING:
    import os
    import threading
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Unpack
    from uuid import UUID

    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["Client", "check_health"]

#: Seconds a health probe may take; who probes wants to know soon.
_PROBE: Final = 10.0

#: What to do where no workspace is named, in Python and on the command line.
_NO_DW_ID: Final = (
    "Give the data workspace to ask as {}, or in the environment as CONNECTY_DW_ID. ConnectyAI shows it in "
    "Manager > Data Environments > Data Workspaces > Workspace ID."
)


class Client:
    """A connection to ConnectyAI's Public API.

    Making one connects to nothing. It may be shared by threads and is closed at the end of ``with``; a
    process that was forked has connections of its own.

    Parameters
    ----------
    client_id, client_secret
        The credentials, which ConnectyAI support gives out.
    region
        Where the organisation is registered, ``"eu1"`` or ``"us1"``.
    base_url
        The address of the API; takes the place of ``region``.
    dw_id
        The data workspace to ask where a call names none.
    timeout
        Seconds for a whole call where it names none.
    max_body_bytes
        The longest response that is read, 2 GiB where nothing is set.
    verify_tls
        False accepts any certificate, and gives an InsecureWarning for it.
    ca_bundle
        The certificates to trust instead of the usual ones, a PEM file or a folder of them.
    profile
        The table of ``config.toml`` to take what is set nowhere else from.
    clock, random
        Where time and chance come from; for tests.

    Raises
    ------
    ConfigError
        Where a setting is missing or wrong. What is not given comes from ``configure()``, then from the
        environment (``CONNECTY_CLIENT_ID`` and so on), then from the profile, then from the defaults.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> with cf.Client(timeout=60) as client:
    ...     question = client.submit("how many orders are there")
    ...     answer = question.result()
    >>> answer.rows
    1
    """

    def __init__(
        self,
        client_id: str | None = None,
        *,
        client_secret: str | SecretStr | None = None,
        region: Literal["eu1", "us1"] | None = None,
        base_url: str | None = None,
        dw_id: int | None = None,
        timeout: float | None = None,
        max_body_bytes: int | None = None,
        verify_tls: bool | None = None,
        ca_bundle: str | os.PathLike[str] | None = None,
        profile: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self._shown = "<Client without settings>"  # a traceback may show one whose settings were refused
        refused, handled = None, sys.exception()
        try:
            settings = resolve(
                client_id=client_id,
                client_secret=client_secret,
                region=region,
                base_url=base_url,
                dw_id=dw_id,
                timeout=timeout,
                max_body_bytes=max_body_bytes,
                verify_tls=verify_tls,
                ca_bundle=ca_bundle,
                profile=profile,
            )
            self._set_up(settings, clock, random)
        except BaseException as error:  # noqa: BLE001 - see below: none may pass with its traceback
            refused = error
        if refused is not None:
            # Without the frames below and the locals here, which hold the secret in the clear.
            client_id = client_secret = base_url = settings = None  # type: ignore[assignment]
            strip_tracebacks(refused, but=handled)
            raise refused

    def _set_up(self, settings: Settings, clock: Clock, random: Callable[[], float]) -> None:
        client_id, client_secret = settings.credentials
        address = terminal(settings.address)
        self._shown = f"<Client {_masked(client_id)} at {address}, dw_id={settings.dw_id}>"
        self._dw_id = settings.dw_id
        self._timeout = settings.timeout
        self._transport = _transport(settings, clock)
        auth = Auth(SecretStr(client_id), client_secret, transport=self._transport, random=random)
        self._api = Endpoints(self._transport, auth, random=random)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. Using the client afterwards is a ConfigError."""
        self._transport.close()

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
            Where there is nobody to ask.
        ConfigError
            Where the address leads elsewhere (a redirect).
        """
        return _probe(self._transport, timeout, self._api.random)

    def submit(self, question: str, *, dw_id: int | None = None, timeout: float | None = None) -> Question:
        """Ask a question and do not wait for its answer.

        It is sent at most once: again only after 429, one 401, or a connection that was never made.

        Parameters
        ----------
        question
            In plain language, sent exactly as given.
        dw_id
            The data workspace; None takes the client's.
        timeout
            Seconds to get it accepted; None takes the client's.

        Returns
        -------
        Question
            The handle on it.

        Raises
        ------
        ConfigError
            Where the question or workspace cannot be one, or the server redirects; nothing was started.
        ConnectionFailed, AuthError, NotFoundError, RateLimitError, APIError
            Where the server cannot be reached or refused; nothing was started.
        QuestionTimeout
            Where the time ran out before it was sent.
        SubmissionUncertain
            Where nobody knows whether it was started. Look in ConnectyAI's chat history.
        """
        options = AskOptions(dw_id=dw_id, timeout=timeout)
        sendings = self._sendings(question, options)
        with sendings.told():
            return self._submit(sendings, self._deadline(options))

    def question(self, question_id: str | UUID, *, dw_id: int | None = None) -> Question:
        """Give the handle on a question asked before, in this or any other process; nothing is sent.

        Parameters
        ----------
        question_id
            The server's id of it, a UUID.
        dw_id
            The data workspace it was put to; None takes the client's.

        Raises
        ------
        ConfigError
            Where the id is no UUID, or there is no workspace.
        """
        return Question(
            self._api, check_question_id(question_id), dw_id=self._workspace(dw_id), timeout=self._timeout
        )

    def ask(self, question: str, **choices: Unpack[AskOptionsDict]) -> Answer:
        """Ask a question and wait for its answer.

        Parameters
        ----------
        question
            In plain language. With ``question_id=`` nothing is asked, and it does not matter.
        dw_id
            The data workspace to ask; None uses the configured one.
        dtype_backend
            The dtypes of pandas columns: ``"numpy_nullable"`` (null and NaN are different), ``"pyarrow"``, or
            ``"numpy"`` (plain numpy, with a warning about what it cannot hold).
        max_rows
            The maximum number of rows to fetch, 0 or more; None fetches all.
        schema
            Column types that take precedence over the inferred ones: a dict for some columns, or a full
            schema as a contract.
        tz
            The time zone of timestamps with an offset, as an IANA name. The instants themselves do not
            change, and columns without an offset are not affected.
        infer_temporal
            Whether text becomes dates and timestamps where there are no statistics about the column, and
            every value is a full ISO-8601 date or timestamp.
        strict
            Whether a doubt about a type or a value is an error instead of a warning.
        on_truncation
            What to do when rows were cut: ``"warn"``, ``"raise"`` or ``"ignore"``.
        timeout
            Seconds for the whole call; None uses the configured timeout.
        progress
            True or False shows or hides the progress line, a callable receives each step, None shows it if
            standard error is a terminal.
        question_id
            The id of a question asked before: its answer is fetched, and nothing is asked (or paid) again.

        Returns
        -------
        Answer
            The table and its metadata.

        Raises
        ------
        ConfigError, TypeError
            Where a choice is wrong; nothing was sent.
        ConnectyError
            As for :meth:`submit` and ``Question.result``; once there is a question, with its id.
        """
        return self.answer(question, AskOptions.from_kwargs(choices))

    @overload
    def ask_df(
        self, question: str, *, engine: Literal["pandas"] = "pandas", **choices: Unpack[AskOptionsDict]
    ) -> pd.DataFrame: ...
    @overload
    def ask_df(
        self, question: str, *, engine: Literal["polars"], **choices: Unpack[AskOptionsDict]
    ) -> pl.DataFrame: ...
    @overload
    def ask_df(
        self, question: str, *, engine: Literal["pyarrow"], **choices: Unpack[AskOptionsDict]
    ) -> pa.Table: ...
    def ask_df(
        self, question: str, *, engine: Engine = "pandas", **choices: Unpack[AskOptionsDict]
    ) -> pd.DataFrame | pl.DataFrame | pa.Table:
        """Ask a question and give its table as a frame that still knows where it came from.

        Parameters
        ----------
        question
            In plain language. With ``question_id=`` nothing is asked, and it does not matter.
        engine
            The library of the frame: ``"pandas"``, ``"polars"`` or ``"pyarrow"``.
        dw_id
            The data workspace to ask; None uses the configured one.
        dtype_backend
            The dtypes of pandas columns: ``"numpy_nullable"`` (null and NaN are different), ``"pyarrow"``, or
            ``"numpy"`` (plain numpy, with a warning about what it cannot hold).
        max_rows
            The maximum number of rows to fetch, 0 or more; None fetches all.
        schema
            Column types that take precedence over the inferred ones: a dict for some columns, or a full
            schema as a contract.
        tz
            The time zone of timestamps with an offset, as an IANA name. The instants themselves do not
            change, and columns without an offset are not affected.
        infer_temporal
            Whether text becomes dates and timestamps where there are no statistics about the column, and
            every value is a full ISO-8601 date or timestamp.
        strict
            Whether a doubt about a type or a value is an error instead of a warning.
        on_truncation
            What to do when rows were cut: ``"warn"``, ``"raise"`` or ``"ignore"``.
        timeout
            Seconds for the whole call; None uses the configured timeout.
        progress
            True or False shows or hides the progress line, a callable receives each step, None shows it if
            standard error is a terminal.
        question_id
            The id of a question asked before: its answer is fetched, and nothing is asked (or paid) again.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame or pyarrow.Table
            One row for each row of the answer.

        Raises
        ------
        NoTableError
            Where the question was answered without a table; it carries the summary.
        ConfigError, TypeError, ConnectyError
            As for :meth:`ask`.
        """
        options = AskOptions.from_kwargs(choices, engine=engine)
        return self.answer(question, options).to_frame(options)

    def answer(
        self, question: str, options: AskOptions, *, accepted: Callable[[Question], object] | None = None
    ) -> Answer:
        """Do what :meth:`ask` does, with choices that are already one object.

        One deadline holds from here to the decoded answer.

        Parameters
        ----------
        accepted
            Called with the question as soon as the server has accepted it; not called with
            ``question_id=``, where nothing is asked.
        """
        deadline = self._deadline(options)
        if options.question_id is not None:
            return self.question(options.question_id, dw_id=options.dw_id).fetch(options, deadline=deadline)
        options = read_schema(options)  # a wrong schema must not cost a question
        return self._answer(self._sendings(question, options), options, deadline, accepted)

    @overload
    def ask_many(
        self,
        questions: Iterable[str],
        *,
        max_workers: int = 8,
        as_completed: Literal[False] = False,
        **choices: Unpack[AskOptionsDict],
    ) -> list[QuestionFuture]: ...
    @overload
    def ask_many(
        self,
        questions: Iterable[str],
        *,
        max_workers: int = 8,
        as_completed: Literal[True],
        **choices: Unpack[AskOptionsDict],
    ) -> Iterator[QuestionFuture]: ...
    def ask_many(
        self,
        questions: Iterable[str],
        *,
        max_workers: int = 8,
        as_completed: bool = False,
        **choices: Unpack[AskOptionsDict],
    ) -> list[QuestionFuture] | Iterator[QuestionFuture]:
        """Ask many questions, several at a time, and wait for their answers.

        Parameters
        ----------
        questions
            In plain language; all are taken before the first is asked. One that is in there twice is asked
            twice.
        max_workers
            How many are under way at once, 1 or more.
        as_completed
            Whether to give an iterator that has each as soon as it is done, instead of a list.
        dw_id
            The data workspace to ask; None uses the configured one.
        dtype_backend
            The dtypes of pandas columns: ``"numpy_nullable"`` (null and NaN are different), ``"pyarrow"``, or
            ``"numpy"`` (plain numpy, with a warning about what it cannot hold).
        max_rows
            The maximum number of rows to fetch, 0 or more; None fetches all.
        schema
            Column types that take precedence over the inferred ones: a dict for some columns, or a full
            schema as a contract.
        tz
            The time zone of timestamps with an offset, as an IANA name. The instants themselves do not
            change, and columns without an offset are not affected.
        infer_temporal
            Whether text becomes dates and timestamps where there are no statistics about the column, and
            every value is a full ISO-8601 date or timestamp.
        strict
            Whether a doubt about a type or a value is an error instead of a warning.
        on_truncation
            What to do when rows were cut: ``"warn"``, ``"raise"`` or ``"ignore"``.
        timeout
            Seconds for the whole call; None uses the configured timeout.
        progress
            True or False shows or hides the progress line, a callable receives each step, None shows it if
            standard error is a terminal.

        Returns
        -------
        list or iterator of concurrent.futures.Future
            Each is finished: its ``result()`` gives the Answer, or raises what became of its question, and
            its ``question`` is the question. A list is in the order asked. An iterator asks when it is asked
            for its next: who stops iterating asks nothing more.

        Raises
        ------
        ConfigError, TypeError
            Where a choice is wrong; nothing was sent.
        KeyboardInterrupt
            On Ctrl-C. Its note, and a line on standard error, say which questions were asked and how to fetch
            their answers; no other one is asked.
        """
        if choices.get("question_id") is not None:
            raise ConfigError(
                "question_id is of one question; ask(question_id=...) fetches its answer.",
                setting="question_id",
            )
        options = read_schema(AskOptions.from_kwargs(choices))
        self._workspace(options.dw_id)

        def answer(sendings: Sendings, stop: threading.Event) -> Answer:
            until = self._deadline(options)
            return self._answer(sendings, options, CancellableDeadline(until.clock, until.at, stop))

        batch = ConcurrentRun(
            questions, lambda question: self._sendings(question, options), answer, max_workers=max_workers
        )
        return batch.completed() if as_completed else batch.finished()

    def __repr__(self) -> str:
        return self._shown

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: connections do not travel, and secrets must not."""
        raise TypeError(
            "A Client cannot be pickled, since it holds connections and a secret; make one in each process"
        )

    def _sendings(self, question: str, options: AskOptions) -> Sendings:
        checked_question(question)
        return Sendings(question, dw_id=self._workspace(options.dw_id), clock=self._transport.clock)

    def _answer(
        self,
        sendings: Sendings,
        options: AskOptions,
        deadline: Deadline,
        accepted: Callable[[Question], object] | None = None,
    ) -> Answer:
        with sendings.told():
            question = self._submit(sendings, deadline)
            if accepted is not None:
                accepted(question)
            return question.fetch(options, deadline=deadline)

    def _submit(self, sendings: Sendings, deadline: Deadline) -> Question:
        accepted = submit(self._api, sendings, deadline=deadline)
        return Question(
            self._api,
            accepted.question_id,
            dw_id=sendings.dw_id,
            timeout=self._timeout,
            question=sendings.question,
            accepted=accepted,
        )

    def _deadline(self, options: AskOptions) -> Deadline:
        return Deadline.after(options.timeout or self._timeout, self._transport.clock)

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
                f"dw_id={found!r}: expected a workspace id, a whole number such as 13.", setting="dw_id"
            )
        return found


def check_health(
    *,
    region: Literal["eu1", "us1"] | None = None,
    base_url: str | None = None,
    timeout: float | None = None,
    verify_tls: bool | None = None,
    ca_bundle: str | os.PathLike[str] | None = None,
    profile: str | None = None,
    clock: Clock = SYSTEM_CLOCK,
    random: Callable[[], float] = _random.random,
) -> bool:
    """Whether the backend is operational; needs no credentials.

    Parameters and errors are those of ``Client`` and ``Client.health``.
    """
    settings = resolve(
        region=region, base_url=base_url, verify_tls=verify_tls, ca_bundle=ca_bundle, profile=profile
    )
    transport = _transport(settings, clock)
    try:
        return _probe(transport, timeout, random)
    finally:
        transport.close()


def _transport(settings: Settings, clock: Clock) -> Transport:
    """Make the connections that the settings describe, with a warning where nobody checks who answers."""
    if not settings.verify_tls:
        warn(
            InsecureWarning(
                "verify_tls is False: whoever answers is taken for the API and gets the credentials. Give a "
                "private certificate authority as ca_bundle= instead."
            )
        )
    return Transport(
        settings.address,
        clock=clock,
        redact=Redaction(),
        limit=settings.max_body_bytes,
        verify=settings.verify_tls,
        ca_bundle=settings.ca_bundle,
    )


def _probe(transport: Transport, timeout: float | None, random: Callable[[], float]) -> bool:
    seconds = AskOptions(timeout=timeout).timeout or _PROBE
    return _api.health(transport, deadline=Deadline.after(seconds, transport.clock), random=random)


def _masked(client_id: str) -> str:
    """Show the beginning of a long client id, which is enough to tell two apart."""
    shown: Any = client_id[:4] if len(client_id) >= 16 else ""  # noqa: PLR2004 - then most of it stays hidden
    return terminal(f"{shown}…")
