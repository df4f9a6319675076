"""A SQLite file: private, shared by processes, and set aside if it is damaged.

In WAL mode with ``synchronous=NORMAL`` an insert takes about 0.02 ms and survives the death of the process;
a power cut may lose the last ones. ``FULL`` would take 1 to 3 ms. WAL needs processes on one machine.
"""

from __future__ import annotations

import atexit
import math
import os
import sqlite3
import stat
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from connecty_frames.errors import ConfigError, HistoryWarning, warn
from connecty_frames.files import user_folder
from connecty_frames.immutable import Immutable
from connecty_frames.text import path_text

if TYPE_CHECKING:
    from collections import deque

__all__ = ["Database", "Layout", "StoreError", "close_databases", "default_path", "shared_database"]

#: Seconds for which a statement waits for other processes.
_TIMEOUT: Final = 1.0
_PAUSE: Final = 0.02
#: A log of more bytes than these is cut once its pages are in the file.
_LOG_BYTES: Final = 4 * 1024**2
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class StoreError(Exception):
    """The file cannot be used; the message says why, as a clause."""


class Layout(NamedTuple):
    """What a file has in it.

    Parameters
    ----------
    content
        What it is, for messages.
    application_id
        Distinguishes the file from databases of other programs.
    steps
        The statements that lead from each version of its tables to the next, from an empty file on.
    """

    content: str
    application_id: int
    steps: tuple[tuple[str, ...], ...]


class Result(Immutable):
    """The outcome of a statement: the rows that it returned, and what it changed."""

    rows: list[tuple[Any, ...]]
    last_id: int
    changed: int


def default_path() -> Path:
    """Return the path of the history of this user, existing or not; a ConfigError without a home."""
    folder = user_folder("state")
    if folder is None:
        raise ConfigError(
            "This user has no home folder, where the history would be.",
            hint="Name a file: history='/folder/history.sqlite3'.",
            shell_hint="Name a file: CONNECTY_HISTORY=/folder/history.sqlite3.",
            setting="history",
        )
    return folder / "history.sqlite3"


class Database:
    """The file, opened when it is first needed; threads may share it.

    Parameters
    ----------
    path
        It and its folder are created if need be, for their owner alone.
    layout
        Its tables.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path = path
        self._name = str(path)
        self._layout = layout
        #: Whether this process created the file.
        self.is_new = False
        #: Whether a missing or damaged file is an error; otherwise a new one is begun.
        self.must_exist = False
        self._connection: sqlite3.Connection | None = None
        self._status: os.stat_result | None = None
        #: Tenths of a second for which the connection waits for other processes.
        self._wait: int | None = None
        #: Held while a statement is executed.
        self.lock = threading.Lock()
        self._warned: set[str] = set()

    @property
    def exists(self) -> bool:
        """Whether there is a file, as far as this process may know."""
        return os.path.exists(self.path)  # noqa: PTH110 - unlike that of Path, it raises nothing

    def execute(self, statement: str, parameters: tuple[object, ...] = (), *, creates: bool = True) -> Result:
        """Execute one statement in a transaction of its own.

        A damaged file is renamed, with a warning, and the statement executed in a new one, unless the file
        must exist. A file that is no database is renamed only in the place that users do not name.

        Parameters
        ----------
        creates
            Whether a missing file is created; otherwise nothing is executed without one.

        Raises
        ------
        StoreError
            If the file cannot be opened, or is locked for a second.
        """
        until = time.monotonic() + _TIMEOUT  # also for threads that wait for each other
        with self.lock:
            return self._execute_or_replace(statement, parameters, until, creates=creates)

    def execute_waiting(self, waiting: deque[tuple[str, tuple[object, ...]]]) -> None:
        """Execute statements and take them from their queue, in its order whichever threads do so.

        Each has a transaction of its own. Nothing is executed without a file. After any exception, such as
        an interrupt, the statement and those after it are in the queue; it may have been executed.

        Raises
        ------
        StoreError
            As for :meth:`execute`.
        """
        until = time.monotonic() + _TIMEOUT
        # Held from taking one to its end: a thread that finds the queue empty goes on to statements that
        # depend on those of the queue.
        with self.lock:
            while waiting:
                statement = waiting[0]
                self._execute_or_replace(*statement, until, creates=False)
                if waiting[0] is statement:  # else a full queue has dropped it for a newer one
                    waiting.popleft()

    def open(self) -> None:
        """Open the file, so that what prevents it is known at once.

        Raises
        ------
        StoreError
            As for :meth:`execute`.
        """
        self.execute("SELECT 1 FROM sqlite_master LIMIT 1")

    def warn_once(self, problem: str, message: str) -> None:
        """Warn of a problem, unless this process has done so."""
        if problem not in self._warned:
            self._warned.add(problem)
            warn(HistoryWarning(message))

    def close(self) -> None:
        """Close the file; a further statement opens it again."""
        with self.lock:  # another thread may be using it
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def leave_to_parent(self) -> None:
        """Forget the connection of the parent in a forked child, where it must be neither used nor closed."""
        if self._connection is not None:
            _INHERITED.append(self._connection)
        self._connection, self.lock = None, threading.Lock()

    def _execute_or_replace(
        self, statement: str, parameters: tuple[object, ...], until: float, *, creates: bool
    ) -> Result:
        """Execute a statement, in a new file if this one is damaged."""
        try:
            return self._execute(statement, parameters, until, creates=creates)
        except sqlite3.Error as error:
            if _code(error) not in _DAMAGED or self.must_exist or self._is_of_another_kind(error):
                raise StoreError(str(error)) from None
            reason = str(error)
        except OSError as error:
            raise StoreError(error.strerror or str(error)) from None
        except ValueError as error:  # of a path that no file can have
            raise StoreError(str(error)) from None
        try:
            self._set_aside(reason)
            return self._execute(statement, parameters, until)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{reason}; {error}") from None

    def _execute(
        self, statement: str, parameters: tuple[object, ...], until: float, *, creates: bool = True
    ) -> Result:
        if self._connection is not None and self._is_replaced():
            self._disconnect()
        if self._connection is None and not creates and not self.exists:
            return Result([], 0, 0)
        if self._connection is None:
            self._connection, self._wait = self._connect(until), None
        wait = math.ceil(10 * _remaining(until))
        if wait != self._wait:
            self._connection.execute(f"PRAGMA busy_timeout = {100 * wait}").close()
            self._wait = wait
        cursor = self._connection.execute(statement, parameters)
        try:
            return Result(cursor.fetchall(), cursor.lastrowid or 0, cursor.rowcount)
        finally:
            cursor.close()  # else it would hold its lock if a row cannot be read

    def _is_replaced(self) -> bool:
        """Whether the file that is open was removed or renamed, so that nobody would find what it gets."""
        try:
            # Each statement asks this, and Path.stat takes longer.
            return self._status is None or not os.path.samestat(self._status, os.stat(self._name))  # noqa: PTH116
        except FileNotFoundError:
            return True

    def _connect(self, until: float) -> sqlite3.Connection:
        if self.must_exist and not self.exists:
            raise StoreError("it is missing")
        self.path.parent.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            # SQLite gives the files beside it the permissions of this one.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR))
            self.is_new = True
        self._status = self.path.stat()
        if not stat.S_ISREG(self._status.st_mode):
            raise StoreError("it is not a regular file")
        connection = sqlite3.connect(
            self.path, timeout=_remaining(until), isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(connection, until)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection, until: float) -> None:
        def value(statement: str) -> int:
            return int(connection.execute(statement).fetchone()[0])

        layout, newest = self._layout, len(self._layout.steps)
        # In this order: another process that creates the file sets both in one transaction.
        has_tables = value("SELECT count(*) FROM sqlite_master") > 0
        if has_tables and value("PRAGMA application_id") != layout.application_id:
            raise StoreError("it is a database of another program")
        if value("PRAGMA user_version") > newest:
            raise StoreError("a newer version of connecty_frames wrote it")
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                # Unlike other statements, this one does not wait for another process that does the same.
                if _code(error) not in _BUSY or time.monotonic() > until:
                    raise
                time.sleep(_PAUSE)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
        if value("PRAGMA user_version") < newest:
            connection.execute("BEGIN IMMEDIATE")
            # Read again: another process may have been faster.
            for statement in chain.from_iterable(layout.steps[value("PRAGMA user_version") :]):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {layout.application_id}")
            connection.execute(f"PRAGMA user_version = {newest}")
            connection.execute("COMMIT")

    def _is_of_another_kind(self, error: sqlite3.Error) -> bool:
        """Whether the user named a file that never was a database, which is not ours to rename."""
        usual = user_folder("state")
        return _code(error) == sqlite3.SQLITE_NOTADB and self.path.parent != (usual and usual.absolute())

    def _set_aside(self, reason: str) -> None:
        """Rename the damaged file and those beside it, unless another process has just done so."""
        self._disconnect()
        if self._is_replaced():
            return
        renamed = self.path.with_name(f"{self.path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").rename(f"{renamed}{suffix}")
        self.warn_once(
            "damaged",
            f"The {self._layout.content} in {path_text(self.path)} is damaged ({reason}). It was renamed to "
            f"{path_text(renamed.name)}, and a new one begun.",
        )


_databases: Final[dict[Path, Database]] = {}
#: The connections that a forked process got from its parent. SQLite does not allow to use or close them.
_INHERITED: Final[list[sqlite3.Connection]] = []
_locked_for_fork: Final[list[threading.Lock]] = []


def shared_database(path: Path, layout: Layout) -> Database:
    """Return the database that all clients of this process share for a path."""
    return _databases.setdefault(path.absolute(), Database(path.absolute(), layout))


def close_databases() -> None:
    """Close all files; a client that still uses one opens it again."""
    while _databases:
        _databases.popitem()[1].close()


def _wait_before_fork() -> None:
    """Wait until no thread executes a statement: what SQLite has locked for it, a child would keep locked.

    Only for as long as a statement may wait, since the thread that forks may be executing one itself.
    """
    until = time.monotonic() + _TIMEOUT
    for database in list(_databases.values()):
        lock = database.lock
        if lock.acquire(timeout=_remaining(until)):
            _locked_for_fork.append(lock)


def _go_on_after_fork() -> None:
    while _locked_for_fork:
        _locked_for_fork.pop().release()


def _leave_to_parent() -> None:
    _locked_for_fork.clear()
    for database in _databases.values():
        database.leave_to_parent()


def _remaining(until: float) -> float:
    """Return the seconds until a time of the monotonic clock, 0 or more."""
    return max(0.0, until - time.monotonic())


def _code(error: sqlite3.Error) -> int | None:
    """Return the primary code of an error, None if it is not of SQLite itself."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


atexit.register(close_databases)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_wait_before_fork, after_in_parent=_go_on_after_fork, after_in_child=_leave_to_parent
    )
