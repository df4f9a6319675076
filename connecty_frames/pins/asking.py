"""``pin`` asks a question once and keeps its SQL; ``pinned`` reads it back."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from connecty_frames._base.text import path_text, snippet
from connecty_frames.answer import read_schema
from connecty_frames.api import shared_client
from connecty_frames.asking.submission import annotate, question_body
from connecty_frames.errors import ConfigError, PinWarning, QuestionTimeout, warn, without_secrets
from connecty_frames.files import locked_name, write_failed
from connecty_frames.options import (
    ASK_ONLY,
    AskOptions,
    AskOptionsDict,
    check_bool,
    check_question_id,
    shows_options,
)
from connecty_frames.pins.comparison import digest, parsed, text_fingerprint
from connecty_frames.pins.folder import OPTIONS, PinFolder, check_name, hidden_in
from connecty_frames.pins.query import Pin
from connecty_frames.warehouse.sql import fingerprint, parse, tables

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Unpack
    from uuid import UUID

    from connecty_frames._base.clock import Deadline
    from connecty_frames.answer import Answer
    from connecty_frames.client import Client
    from connecty_frames.errors import WriteFailed

#: Options of ask_df that pin does not take: it makes no frame and keeps no rows.
_LEFT_OUT: Final = ("dtype_backend", "on_truncation")


@shows_options(without=_LEFT_OUT)
def pin(
    name: str,
    question: str,
    *,
    dialect: str | None = None,
    path: str | os.PathLike[str] | None = None,
    replace: bool = False,
    question_id: str | UUID | None = None,
    client: Client | None = None,
    **options: Unpack[AskOptionsDict],
) -> Pin:
    """Ask a question once, and save its SQL and schema under a name in the folder ``connecty-pins``.

    Rows are not kept. Nothing is asked if the file cannot be written or the pin exists. If several calls pin
    a name at once, even in different processes, only one asks; calls with the same question return its pin.

    Parameters
    ----------
    name : str
        The name of the pin and its file: up to 100 bytes that are allowed in file names. Names must differ in
        more than case.
    question : str
        In plain language; with ``question_id``, only for the file.
    dialect : str or None, default None
        The SQL dialect of the warehouse, a name that sqlglot knows, such as ``"postgres"``; ``rerun`` needs
        it. With None, SQL is compared in the first common dialect that can parse it.
    path : str, path-like or None, default None
        The folder; None is the nearest ``connecty-pins``, in the working directory or above it, or a new one
        in the working directory.
    replace : bool, default False
        Replace an existing pin.
    question_id : str, UUID or None, default None
        The id of a question asked before: its answer is pinned, and nothing is asked.
    client : Client or None, default None
        The client to use; None uses a shared one, made from the settings.
    **options
        Options of :func:`ask_df`, except ``dtype_backend`` and ``on_truncation``; with ``question_id``,
        those of :func:`fetch_df`.

    Returns
    -------
    Pin
        The pin. SQL that cannot be parsed is pinned as text, without ``tables``.

    Raises
    ------
    ConfigError
        If a setting or argument is missing or wrong, the pin exists, or sqlglot is not installed; nothing was
        asked. If the answer has no SQL or no table, the error has the question's id.
    OSError
        If the file cannot be written; nothing was asked.
    WriteFailed
        If the question was answered but the file can no longer be written, for example on a full disk.
    ConnectyError
        As for :func:`ask_df`.
    """
    check_name(name)
    check_bool(replace, "replace")
    if left_out := [option for option in _LEFT_OUT if option in options]:
        raise TypeError(f"unexpected keyword argument {left_out[0]!r}: pin keeps no rows")
    earlier_id = None if question_id is None else check_question_id(question_id)
    ask_options = read_schema(AskOptions.from_kwargs(options, without=ASK_ONLY if earlier_id else ()))
    # Check for sqlglot and the dialect before a question is paid for.
    parse("SELECT 1", "postgres" if dialect is None else dialect)
    asking = shared_client(client)
    folder = PinFolder.find(path)
    question_body(question)  # raises an error if it is not text
    _check_secret(name, question)
    call = asking.call(question, dataclasses.replace(ask_options, on_truncation="ignore"))  # no rows are kept
    dw_id = asking.target(ask_options.dw_id)["dw_id"]
    before = folder.find_pin(name)
    if before and not replace:
        raise _is_there(name, folder.file(name))
    target = folder.file(name)
    with folder.made(), locked_name(target, name, partial(_wait, call.deadline, name)):
        found = folder.find_pin(name)
        is_new = found is not None and found != before and earlier_id in {None, found.question_id}
        if found and is_new and _is_same(found, question, dw_id, dialect, ask_options):
            return found  # another call made it meanwhile
        if found and not replace:
            raise _is_there(name, target)
        with folder.writing(name, replaces=replace) as write:
            answer = (
                asking.question(earlier_id, dw_id=dw_id).answer(call.options, deadline=call.deadline)
                if earlier_id
                else call.answer()
            )
            with _paid(answer, target, asking):
                made = _pin_of(answer, name, question, dialect, ask_options)
                _check_secret(made.sql, *(f"{each.name}\n{each.evidence}" for each in made.schema))
                write(made)
    if hidden := hidden_in(made.sql):
        problem = f"has invisible characters: {hidden}. They are escapes in {path_text(target)}"
        warn(PinWarning(f"The SQL of pin {snippet(name)!r} {problem}: read it before you commit it."))
    return made


def pinned(name: str, *, path: str | os.PathLike[str] | None = None) -> Pin:
    """Return a pin by its name; no question is asked.

    Parameters
    ----------
    name : str
        The name.
    path : str, path-like or None, default None
        The folder; None is the nearest ``connecty-pins``, in the working directory or above it.

    Returns
    -------
    Pin
        The pin, with the question, its SQL and its schema.

    Raises
    ------
    ConfigError
        If there is no such pin, or the file cannot be read or is damaged.
    """
    return PinFolder.find(path)[name]


def _pin_of(answer: Answer, name: str, question: str, dialect: str | None, ask_options: AskOptions) -> Pin:
    from importlib.metadata import version

    known, sql = answer.metadata, answer.sql_query
    if not sql or answer.table is None or known.dw_id is None or known.question_id is None:
        raise ConfigError(
            f"The question was answered without {'a table' if sql else 'SQL'}, so nothing was pinned.",
            setting="question",
            question_id=known.question_id,
        )
    statement = parsed(sql, dialect)
    made = text_fingerprint(sql) if statement is None else fingerprint(statement)
    return Pin(
        name=name,
        question=question,
        dw_id=known.dw_id,
        question_id=known.question_id,
        asked_at=known.asked_at,
        dialect=None if dialect is None else dialect.lower(),
        sql=sql,
        fingerprint=made,
        digest=digest(sql, made),
        sqlglot=None if statement is None else version("sqlglot"),
        tables=() if statement is None else tables(statement),
        schema=answer.schema,
        rows=known.whole_rows,
        options=_kept_options(ask_options),
    )


def _wait(deadline: Deadline, name: str) -> None:
    if deadline.remaining() <= 0:
        raise QuestionTimeout(
            f"Another call was still pinning {snippet(name)!r} at the timeout; nothing was asked. "
            "Call again, or with a longer timeout=."
        )
    deadline.sleep(0.05)  # pragma: no mutate - saves time


@contextmanager
def _paid(answer: Answer, path: Path, client: Client) -> Iterator[None]:
    note = "The question was asked."
    if client.is_resumable:
        note += f" question_id={answer.question_id!r} pins its answer without asking again."
    try:
        yield
    except OSError as error:
        failed: ConfigError | WriteFailed = write_failed(error, path, answer.question_id)
        if isinstance(error, FileExistsError):  # git, for example, creates files without this lock
            failed = _is_there(path.stem, path)
        annotate(failed, note)
        raise failed from None
    except BaseException as error:
        annotate(error, note)
        raise


def _is_there(name: str, path: Path) -> ConfigError:
    return ConfigError(
        f"Pin {snippet(name)!r} already exists in {path_text(path.parent)}.",
        hint="Choose another name, or pass replace=True.",
        shell_hint="Choose another name, or pass --replace.",
        setting="name",
    )


def _is_same(found: Pin, question: str, dw_id: int, dialect: str | None, ask_options: AskOptions) -> bool:
    schema: Any = ask_options.schema
    if (found.question, found.dw_id) != (question, dw_id) or found.options != _kept_options(ask_options):
        return False
    set_by_caller = {
        column.name: column.encoding or column.type for column in found.schema if not column.is_inferred
    }
    types = {} if schema is None else schema.types
    return (found.dialect, set_by_caller) == (dialect and dialect.lower(), types)


def _kept_options(ask_options: AskOptions) -> dict[str, Any]:
    defaults = AskOptions()
    return {
        option: value
        for option in OPTIONS
        if (value := getattr(ask_options, option)) != getattr(defaults, option)
    }


def _check_secret(*texts: str) -> None:
    if any(without_secrets(text) != text for text in texts):
        raise ConfigError(
            "The name, the question or its answer contains the client secret, which is never written to a "
            "pin file.",
            setting="question",
        )
