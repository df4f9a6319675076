"""The history as a frame, and how it is erased: ``history`` and ``forget``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload
from urllib.parse import urlsplit

from connecty_frames._base.text import path_text, snippet
from connecty_frames.batch.erasing import Erased, forget_records
from connecty_frames.batch.folder import erase, part_path
from connecty_frames.errors import ConfigError, HistoryWarning, warn, wrong_value
from connecty_frames.files import checked_path
from connecty_frames.options import AskOptions, Engine, check_age, check_bool, check_count, check_question_id
from connecty_frames.protocol import REGIONS
from connecty_frames.settings.sources import resolve
from connecty_frames.settings.values import Settings, is_loopback
from connecty_frames.store.database import StoreError
from connecty_frames.store.history import asker
from connecty_frames.store.table import (
    COLUMNS,
    LARGEST,
    READ_LIMITS,
    QuestionFile,
    RecordState,
    client_hash,
    count_records,
    is_sound,
    read_records,
    set_limit,
    store_at,
)

if TYPE_CHECKING:
    import os
    from uuid import UUID

    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from connecty_frames.frames.accessor import ArrowTable
    from connecty_frames.store.table import QuestionStore


class _Filters(TypedDict, total=False):
    state: str | Iterable[str] | None
    since: datetime | date | timedelta | str | None
    limit: int | None


@overload
def history(engine: Literal["pandas"] = ..., **filters: Unpack[_Filters]) -> pd.DataFrame: ...
@overload
def history(engine: Literal["polars"], **filters: Unpack[_Filters]) -> pl.DataFrame: ...
@overload
def history(engine: Literal["pyarrow"], **filters: Unpack[_Filters]) -> ArrowTable: ...
def history(
    engine: Engine = "pandas",
    *,
    state: str | Iterable[str] | None = None,
    since: datetime | date | timedelta | str | None = None,
    limit: int | None = 1000,
) -> Any:
    """Return the recorded questions, the latest first; nothing is sent.

    The setting ``history`` names the file; the default is your own file, which the command line also uses. If
    there is no file, the frame has no rows.

    Parameters
    ----------
    engine : {"pandas", "polars", "pyarrow"}, default "pandas"
        The library of the frame: ``"pandas"``, ``"polars"`` or ``"pyarrow"``.
    state : str, iterable of str or None, default None
        The state, or several: ``SENT`` (being sent), ``ASKED`` (accepted, no answer yet),
        ``COMPLETED``, ``FAILED``, ``UNCERTAIN`` (sent, delivery unknown), ``REJECTED`` (not started).
    since : datetime, date, timedelta, str or None, default None
        The earliest time of asking, or an age. It may be ISO 8601 text, or text such as ``"30m"``, ``"6h"``,
        ``"7d"``, ``"2w"``. A time without an offset is local time.
    limit : int or None, default 1000
        The maximum number of rows; None returns all.

    Returns
    -------
    pandas.DataFrame, polars.DataFrame or pyarrow.Table
        A row for each question: ``id`` (its number in the file), ``asked_at``, ``state``, ``question``,
        ``question_id``, ``dw_id``, ``base_url``, ``accepted_at`` and ``ended_at``. Times are in UTC, to the
        microsecond. Then ``rows`` of the whole answer, ``reused`` (how often it was reused), ``sql_query``,
        ``response_summary``, ``error``, ``tags`` (JSON), ``client`` (a hash of the client id), ``key``
        (equal for equal questions), ``host`` and ``user_name`` (the machine and the user that asked), and
        ``request_id``, which was sent with it as ``X-Request-Id``. A row
        that no client can have written is left out, with a HistoryWarning that names it.

    Raises
    ------
    ConfigError
        If an argument is wrong, or the file cannot be read.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> unanswered = cf.history(state=["ASKED", "UNCERTAIN"], since="7d")
    >>> len(unanswered)
    0
    """
    AskOptions(engine=engine)  # checks it
    settings = resolve()
    table = records_table(settings, state=state, since=since, limit=limit)
    if not table.num_rows and settings.store is None and state is since is None:
        text = "No questions are recorded: cf.configure(history='history.sqlite3') turns this on."
        warn(HistoryWarning(text))
    from connecty_frames.frames import to_engine

    return to_engine(table, engine)


def forget(
    question_id: str | UUID | int | None = None,
    *,
    older_than: datetime | date | timedelta | str | None = None,
    batch: str | os.PathLike[str] | None = None,
    containing: str | None = None,
    dry_run: bool = False,
) -> Erased:
    """Erase recorded questions from the history, but not from the server: all of them, or none.

    Their text is erased wherever the history has it, with kept answers on this machine. A batch in the same
    store knows that a question was asked, and does not ask it again.

    Parameters
    ----------
    question_id : str, UUID, int or None, default None
        The question to erase, by its id or its number in the file, in any state.
    older_than : datetime, date, timedelta, str or None, default None
        Erase questions asked before this time or age (as for ``since`` of :func:`history`). Those without a
        known answer (SENT, ASKED, UNCERTAIN) are kept.
    batch : path or None, default None
        The folder of a batch: erase its questions, its parts and its manifest.
    containing : str or None, default None
        Erase questions with this text, of 3 characters or more, in the question, SQL, summary, error, tags or
        a batch's list. It is searched for literally, in any case and white space, also in the escapes of
        JSON and SQL. Those without a known answer are kept.
    dry_run : bool, default False
        Erase nothing, and return what would be erased.

    Returns
    -------
    int
        The number of questions that were erased. Its attribute ``files`` names files that still have answers:
        parts of batches, and damaged histories that were renamed. ``found`` has the number and text of each
        question of a dry run. With ``containing``, ``kept`` counts the questions that were kept, and
        ``not_searched`` names what may have the text too.

    Raises
    ------
    ConfigError
        If not exactly one is given, one is wrong, or the history cannot be read or changed.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> cf.forget(older_than="30d")
    0
    """
    return forget_in(resolve(), question_id, older_than, batch, containing, dry_run=dry_run)


def forget_in(
    settings: Settings,
    question_id: str | UUID | int | None,
    older_than: datetime | date | timedelta | str | None,
    batch: str | os.PathLike[str] | None = None,
    containing: str | None = None,
    *,
    dry_run: bool = False,
) -> Erased:
    """Erase recorded questions as :func:`forget` does, in the settings' history."""
    database = store_at(settings.store)
    check_bool(dry_run, "dry_run")
    if [question_id, older_than, batch, containing].count(None) != 3:  # noqa: PLR2004 - of four
        erase_all = f"To erase everything, delete {database.place}"
        if isinstance(database, QuestionFile):
            erase_all += f" and {path_text(database.answers_path.name)}, each with its -wal and -shm files"
        raise ConfigError(
            "Name what to erase: a question, an age (to erase older ones), a text, or the folder of a batch.",
            hint=f"{erase_all}.",
            shell_hint=f"An age is --older-than 30d. {erase_all}.",
            setting="question_id",
        )
    if batch is not None:
        return erase(checked_path(batch, "batch").absolute(), database.url, dry_run=dry_run)
    is_row = isinstance(question_id, int) and not isinstance(question_id, bool)
    if containing is not None and not (isinstance(containing, str) and containing.strip()[2:]):
        raise wrong_value("containing", containing, "text of 3 characters or more")
    with _usable(database):
        erased = forget_records(
            database,
            row=question_id if is_row else None,  # type: ignore[arg-type]
            question_id=None if is_row or question_id is None else check_question_id(question_id),
            before=None if older_than is None else _time(older_than, "older_than"),
            containing=containing,
            dry_run=dry_run,
        )
    here, damaged = None, list[Path]()
    if isinstance(database, QuestionFile):
        here = database.path.parent
        damaged = sorted(here.glob(f"{database.path.name}.damaged-*"))
    erased.files = (*_named(erased.parts, here), *damaged)
    return erased


def _named(parts: Iterable[tuple[Any, ...]], here: Path | None) -> Iterator[Path]:
    for folder, number, name in parts:
        if is_sound("number", number) and (name is None or is_sound("name", name)):
            with suppress(ConfigError):  # a link, or anything but a folder
                yield part_path(here or checked_path(folder), number, name)


def records_table(
    settings: Settings,
    *,
    state: str | Iterable[str] | None = None,
    since: datetime | date | timedelta | str | None = None,
    limit: int | None = 1000,
) -> pa.Table:
    """Return recorded questions as :func:`history` does, from the settings' history."""
    import pyarrow as pa

    check_count(limit, "limit", optional=True)
    database = store_at(settings.store)
    earliest = None if since is None else _time(since, "since")
    with _usable(database):
        rows = read_records(database, states=_states(state), since=earliest, limit=limit)
    found = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    types = dict.fromkeys(("id", "rows", "reused"), pa.int64())
    types |= dict.fromkeys(("asked_at", "accepted_at", "ended_at"), pa.timestamp("us", "UTC"))
    if all(int(row["dw_id"]) <= LARGEST for row in found):
        types["dw_id"] = pa.int64()
        found = [{**row, "dw_id": int(row["dw_id"])} for row in found]
    return pa.Table.from_pylist(found, pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS]))


def summary_table(
    settings: Settings, *, since: datetime | date | timedelta | str | None = None, by: str | None = None
) -> pa.Table:
    """Count recorded questions by day, in UTC, and the values of a tag: asked, reused, failed, uncertain."""
    import pyarrow as pa

    database = store_at(settings.store)
    with _usable(database):
        counts = count_records(database, since=None if since is None else _time(since, "since"), by=by)
    names = ("asked", "reused", "failed", "uncertain")
    tag = f"{by}_tag" if by in {"day", *names} else by
    rows = [
        {"day": day, **({} if tag is None else {tag: value}), **dict(zip(names, numbers, strict=True))}
        for day, value, *numbers in sorted(counts, key=lambda row: (row[0], row[1] or ""), reverse=True)
    ]
    tags = [] if tag is None else [(tag, pa.string())]
    types = [("day", pa.date32()), *tags, *((name, pa.int64()) for name in names)]
    return pa.Table.from_pylist(rows, pa.schema(types))


def limits_table(settings: Settings, job: str | None = None, per_day: int | None = None) -> pa.Table:
    """Return the limits of the store, once that of a job (``*`` for all) is set, or dropped with None."""
    import pyarrow as pa

    database = store_at(settings.store)
    with _usable(database):
        by = " on ".join(filter(None, reversed(asker().values())))
        if job is not None and not set_limit(database, job, per_day, by):
            raise ConfigError(f"{database.place} has no limit for the job {snippet(job)}.", setting="job")
        rows = database.execute(READ_LIMITS, creates=False).rows
    types = {"job": pa.string(), "per_day": pa.int64(), "set_by": pa.string()}
    types |= {"set_at": pa.timestamp("us", "UTC")}
    rows = [(job and str(job), number, by and str(by), at) for job, number, by, at in rows]  # or bytes
    return pa.Table.from_pylist([dict(zip(types, row, strict=True)) for row in rows], pa.schema(types))


def named_on_command_line(settings: Settings, text: str) -> str | int:
    """Return digits as an id if the history has it, else as a row's number; raises ConfigError for both."""
    if not re.fullmatch("[0-9]{1,18}", text):
        return text
    database = store_at(settings.store)
    with _usable(database):
        by_id = read_records(database, question_id=text, limit=1)
        by_row = read_records(database, row=int(text), limit=1)
    if by_id and by_row and by_id != by_row:
        raise ConfigError(
            f"{text} is the id of one question and the number of another in {database.place}.",
            hint=f'In Python, cf.forget("{text}") erases the first, and cf.forget({text}) the second.',
            setting="question_id",
        )
    return text if by_id else int(text)


def recorded_place(settings: Settings, question_id: str) -> tuple[str, int]:
    """Return the address and workspace of this client's recorded question; raises ConfigError."""
    database, wanted = store_at(settings.store), check_question_id(question_id)
    with _usable(database):
        rows = read_records(database, question_id=wanted, limit=1)
    if not rows:
        raise ConfigError(f"No question {wanted} is recorded in {database.place}.", setting="question_id")
    found = dict(zip(COLUMNS, rows[0], strict=True))
    client_id, _ = settings.credentials()
    # Never send a client's secret to a server named only in a row.
    of_other = "by another client, " if found["client"] != client_hash(client_id) else ""
    if of_other or not (
        found["base_url"] in {settings.address, *REGIONS.values()}
        or is_loopback(urlsplit(found["base_url"]).hostname or "")
    ):
        raise ConfigError(
            f"Question {wanted} was asked {of_other}at {snippet(found['base_url'])}.",
            hint="Use the settings of that client.",
            shell_hint="Name its profile with --profile, or fetch the answer with the current settings: "
            f"connecty ask --question-id {shlex.quote(wanted)} --dw-id {found['dw_id']}",
            setting="client_id",
        )
    return found["base_url"], int(found["dw_id"])


@contextmanager
def _usable(database: QuestionStore) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise ConfigError(
            f"The history in {database.place} cannot be used: {error}. Repair it, or set history to another.",
            setting="history",
        ) from None


def _states(state: str | Iterable[str] | None) -> list[RecordState]:
    if state is None:
        return []
    is_list = not isinstance(state, str) and hasattr(state, "__iter__")
    given: list[object] = list(state) if is_list else [state]
    wrong = [each for each in given if not isinstance(each, str) or each not in RecordState.__members__]
    if wrong or not given:
        raise wrong_value(
            "state", wrong[0] if wrong else given, f"{', '.join(RecordState)}, or several of them"
        )
    return [RecordState(str(each)) for each in given]


def _time(value: object, setting: str) -> datetime:
    found = value
    if isinstance(found, str):
        try:
            found = (
                check_age(found) if found.strip().endswith(tuple("smhdw")) else datetime.fromisoformat(found)
            )
        except (ConfigError, ValueError):
            found = None
    if isinstance(found, date) and not isinstance(found, datetime):
        found = datetime.combine(found, time())
    try:
        if isinstance(found, timedelta) and found > timedelta():
            return datetime.now(UTC) - found
        if isinstance(found, datetime):
            return found.astimezone(UTC)
    except (OverflowError, ValueError, OSError):  # before the year 1, or after 9999
        pass
    raise wrong_value(setting, value, "a time, an age, or text such as '2026-01-31' or '7d'")
