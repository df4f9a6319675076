"""``ask_batch``: ask the questions of a list, and keep the answers in a folder."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from connecty_frames._base.text import path_text
from connecty_frames.answer import read_schema
from connecty_frames.api import shared_client
from connecty_frames.batch.batch import DEFAULT_WORKERS, NOT_OF_A_BATCH, Batch, check_max_questions
from connecty_frames.batch.folder import begin_folder, known_names, manifest_of, store_of
from connecty_frames.batch.items import read_items
from connecty_frames.batch.run import run_batch
from connecty_frames.calls.concurrent import check_max_workers
from connecty_frames.errors import ConfigError
from connecty_frames.files import checked_path
from connecty_frames.options import AskOptions, AskOptionsDict, check_bool, shows_options

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from typing import Unpack

    from connecty_frames.client import Client


@shows_options(*NOT_OF_A_BATCH)
def ask_batch(
    questions: Iterable[str | tuple[str, str]],
    folder: str | os.PathLike[str],
    *,
    max_workers: int = DEFAULT_WORKERS,
    max_questions: int | None = None,
    retry_failed: bool = False,
    retry_uncertain: bool = False,
    client: Client | None = None,
    **options: Unpack[AskOptionsDict],
) -> Batch:
    """Ask many questions, each once, and keep their answers in a folder.

    Called again with the folder it goes on, after a kill too: answered questions are skipped, the answers of
    accepted ones fetched, and the others asked. Several processes may call it for a folder at a time, and
    on several machines if the batch began with a history in PostgreSQL.

    Parameters
    ----------
    questions : iterable
        Questions in plain language; or pairs of a name and a question, where the name is part of the name of
        a file; or a column of a frame. A question is recognised by its name, else by its text and how often
        it occurred before, so that a list may be extended and reordered.
    folder : str or path-like
        The folder, which is created if there is none. It has the answers as ``parts/000001-<name>.parquet``.
    max_workers : int, optional
        The maximum number of questions in progress at once, 1 or more.
    max_questions : int or None, default None
        The maximum number of questions to ask in this call; None asks all. Fetching is not asking.
    retry_failed : bool, default False
        Whether to ask questions again that the server could not answer.
    retry_uncertain : bool, default False
        Also re-ask questions that may already be running; some may be paid for twice.
    client : Client or None, default None
        The client to use; None uses a shared one, made from the settings.
    progress : bool, callable or None, default None
        True or False shows or hides the line with counts and rate, a callable receives a BatchProgress after
        each question, None shows the line if standard error is a terminal.
    **options
        Options of :func:`ask_df`, except ``dtype_backend`` and ``max_age``.

    Returns
    -------
    Batch
        What became of the questions. A question that failed is no error of this call:
        :meth:`Batch.summary` counts them, and :meth:`Batch.errors` lists them.

    Raises
    ------
    ConfigError, TypeError
        If an argument is wrong, or the folder has something else in it or the batch of another workspace,
        client, store or options; nothing was sent.
    AuthError, ConnectionFailed, NotFoundError, QuestionLimitError, RateLimitError
        If no question can be asked. What is in progress is waited for, and no more are asked.
    WriteFailed
        If a part cannot be written, as on a full disk. It has the id, and the next call fetches the answer.
    KeyboardInterrupt
        On Ctrl-C. Its note, and standard error, say how many were asked; no more are asked.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> questions = {
    ...     "orders": "how many orders are there",
    ...     "top": "list the top 5 countries with the most orders",
    ... }
    >>> batch = cf.ask_batch(questions, "nightly")
    >>> print(batch.summary())
    2 questions: 2 answered
    >>> cf.read_parquet(batch.parts()["top"]).shape
    (5, 2)
    """
    for name, reason in NOT_OF_A_BATCH.items():
        if options.get(name) is not None:
            raise ConfigError(reason, setting=name)
    check_max_workers(max_workers)
    check_max_questions(max_questions)
    check_bool(retry_failed, "retry_failed")
    check_bool(retry_uncertain, "retry_uncertain")
    ask_options = read_schema(AskOptions.from_kwargs(options))
    path = checked_path(folder, "folder").absolute()
    items = read_items(questions, cache(partial(known_names, path)))
    asking = shared_client(client)
    target = asking.target(ask_options.dw_id)
    history = asking.history
    store = None if history is None else history.database.url
    if history is not None and history.limit is not None and store_of(path, store) is None:
        raise ConfigError(
            "max_questions_per_day counts the questions in a history, but a batch in a folder has its own. "
            "Begin the batch with a history in PostgreSQL, or unset it and pass max_questions=.",
            setting="max_questions_per_day",
        )
    try:
        index = begin_folder(path, manifest_of(target, ask_options), store)
    except OSError as error:
        raise ConfigError(
            f"folder={path_text(path)} cannot be used ({error.strerror}). Nothing was sent.",
            setting="folder",
        ) from None
    items = index.keyed(items)
    ask = partial(
        run_batch,
        path,
        asking,
        dw_id=target["dw_id"],
        questions={item.key: item.question for item in items},
        ask_options=ask_options,
    )
    with index:
        index.register(items, asking.redacted)
        ask(
            max_workers=max_workers,
            max_questions=max_questions,
            retry_failed=retry_failed,
            retry_uncertain=retry_uncertain,
        )
    return Batch(path, ask, asking)
