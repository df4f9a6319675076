"""A SQLite file: private, shared by processes, and set aside if it is damaged.

It stays open while it has users, such as clients; otherwise each statement opens it.
"""

from __future__ import annotations

import atexit
import math
import os
import re
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Self, cast
from uuid import uuid4
from weakref import WeakValueDictionary

from connecty_frames._base.clock import CURRENT
from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import path_text, snippet
from connecty_frames.errors import HistoryWarning, is_interrupt, warn
from connecty_frames.files import atomic_write, open_regular, reserved, user_folder
from connecty_frames.store.schema import VERSION, Versions, in_sqlite, statements

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterator

Parameters = tuple[object, ...]
Statement = tuple[str, Parameters]

_TIMEOUT: Final = 1.0  # the seconds that a statement waits for other processes
_SLICE: Final = 0.1  # how often a wait checks for cancellation, in seconds
IN_USE: Final = "other calls are using it"
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
#: A full disk, an exceeded quota, or a file of the largest possible size.
_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
#: Larger files are not checked for damage when opened; a check of this size takes 60 ms.
_CHECKED_BYTES: Final = 8 * 1024**2
#: The SQL of tables and indexes of any version. Views, triggers and expressions would be executed.
_PLAIN: Final = re.compile(
    r"CREATE TABLE \w+ ?\((?:[\w\s,-]|'\w*'|(?<=UNIQUE |.. KEY )\([\w\s,]+\))+\)"
    r"|CREATE (UNIQUE )?INDEX \w+ ON \w+ \([\w\s,]+\)(\s+WHERE [\w\s]+)?"
)
#: The end of a journal that names a file. SQLite deletes this file once it has used the journal.
_NAMES_FILE: Final = bytes.fromhex("d9d505f920a163d7")


class StoreError(Exception):
    """The file or database cannot be used; the message says why, as a clause."""


class OutageError(StoreError):
    """The server cannot be reached, or has ended the connection; or other calls have it."""


class UnfitError(StoreError):
    """The store cannot work until somebody changes it; even questions that need no record are not sent."""


class Result(Immutable):
    """The rows that a statement returned, and the number that it changed."""

    rows: list[tuple[Any, ...]]
    changed: int


#: Gets the results of the statements of a transaction, before it is committed; an error undoes it.
Finish = Callable[[Sequence[Result]], None]


def version_of(rows: list[tuple[Any, ...]], newest: int) -> tuple[int, str]:
    """Return the version and the id of a store from the rows of its version table; raises UnfitError."""
    match rows:
        case [(int(version), int(oldest_writer), str(store_id))] if version > 0 and store_id:
            if oldest_writer <= newest:
                return version, store_id
            raise UnfitError(
                f"its tables are of version {version}, which this version of connecty_frames cannot use; "
                "install a newer one"
            )
    raise UnfitError(
        "it has tables, but no row that says their version. Restore its table version from a backup, or use "
        "another store"
    )


class Store:
    """A file or database, opened when first needed; threads may share it."""

    url: str | None = None  # the URL of a database that machines share
    limits: list[tuple[Any, ...]] | None = None  # as they were last read
    #: Executes one statement in its own transaction, as :meth:`SQLiteFile.execute` does.
    execute: Callable[..., Result]
    _disconnect: Callable[[], None]

    def __init__(self, key: Path | str, place: str) -> None:
        self._key = key
        self.place = place  # its name in messages
        self._store_id = ""
        self.is_new = False  # whether this process created the file
        #: Whether a missing or damaged file is an error; otherwise a new one is created.
        self.must_exist = False
        self._connection: Any = None
        self.lock = threading.RLock()  # held while a statement is executed
        #: Held while users and statements are counted. Reentrant: the garbage collector may end another use.
        self._counting = threading.RLock()
        self._users = 0

    @property
    def answers_path(self) -> Path:
        """The file of the answers that are kept next to a history."""
        raise NotImplementedError

    @property
    def store_id(self) -> str:
        """The id in its tables, the same by any path or URL; raises StoreError if it cannot be used."""
        self.open()
        return self._store_id

    def shared(self) -> Self:
        """Return the store that all clients of this process share for the same path or URL."""
        with _registering:
            return cast("Self", _databases.setdefault(self._key, self))

    def __enter__(self) -> Self:
        """Keep it open after the next statement."""
        with self._counting:
            self._users += 1
        return self

    def __exit__(self, *_: object) -> None:
        """Close it if nobody else uses it."""
        with self._counting:
            self._users -= 1
            if not self._users:
                self._disconnect()

    def execute_waiting(self, waiting: deque[Statement], until: float | None = None) -> None:
        """Execute queued statements in order, even from several threads, and remove them from the queue."""
        # Without a file, nothing is executed. After any exception, such as an interrupt, the statements stay
        # in the queue, though they may have been executed.
        # Locked until all are executed: a thread that finds the queue empty continues with statements that
        # depend on those of the queue.
        with self.locked(until or time.monotonic() + CURRENT.get().spare(10.0)), self:
            until = until or self.soon()
            while waiting:
                for each in self.execute_first(waiting, until):
                    if waiting and waiting[0] is each:  # otherwise a full queue has dropped it
                        waiting.popleft()

    def execute_first(self, waiting: deque[Statement], until: float) -> list[Statement]:
        """Execute the first statement, or several in one transaction, and return them."""
        statement = waiting[0]
        self.execute(*statement, creates=False, until=until)
        return [statement]

    @contextmanager
    def locked(self, until: float | None) -> Iterator[None]:
        """Keep other threads from using the connection; raises OutageError if it is in use until then."""
        end = math.inf if until is None else until
        if not waited(lambda seconds: self.lock.acquire(timeout=seconds), end):
            raise OutageError(IN_USE)
        try:
            yield
        finally:
            self.lock.release()

    def soon(self) -> float:
        """Return the deadline of a short wait."""
        return time.monotonic() + CURRENT.get().spare(_TIMEOUT)

    def open(self, until: float | None = None) -> None:
        """Open it now; raises StoreError if that is impossible."""
        self.execute("SELECT 1", until=until)

    def attempt(self, statement: str, parameters: Parameters) -> None:
        """Execute a statement if possible, and ignore errors."""
        with suppress(StoreError):
            self.execute(statement, parameters, creates=False, until=self.soon())

    def warn_once(self, problem: str, message: str) -> None:
        """Warn of a problem once per process."""
        if self.turns(problem, on=True):
            warn(HistoryWarning(message))

    def turns(self, problem: str, *, on: bool) -> bool:
        """Note that a problem is there or gone; return True if that is new."""
        key = self.place, problem
        with self._counting:
            was_on = key in _warned
            (_warned.add if on else _warned.discard)(key)
        return was_on is not on

    def close(self) -> None:
        """Close it, unless another thread uses it for long; the next statement opens it again."""
        with suppress(OutageError), self.locked(time.monotonic() + _TIMEOUT):
            self._disconnect()

    def leave_to_parent(self) -> None:
        """Forget the parent's connection in a forked child, which must neither use nor close it."""
        if self._connection is not None:
            _INHERITED.append(self._connection)
        self._connection, self.lock, self._counting = None, threading.RLock(), threading.RLock()


class SQLiteFile(Store):
    """A SQLite file."""

    # It and its folder are created if needed, readable only by their owner.

    #: What it contains, for messages.
    content: str
    #: Distinguishes it from databases of other programs.
    application_id: int
    versions: Versions
    later: tuple[str, ...] = ()  # tables that a file of the newest version may lack

    def __init__(self, path: Path) -> None:
        super().__init__(path, path_text(path))
        self.path = path
        self._name = str(path)
        self._connection: sqlite3.Connection | None = None
        #: The status of the file when it was last opened.
        self._status: os.stat_result
        self._reserve: BinaryIO | None = None

    @property
    def exists(self) -> bool:
        """Whether there is a file that this process can see."""
        return os.path.exists(self.path)  # noqa: PTH110 - unlike Path.exists, it raises nothing

    def execute(
        self,
        statement: str,
        parameters: Parameters = (),
        *,
        creates: bool = True,
        reserves: bool = False,
        until: float | None = None,
    ) -> Result:
        """Execute one statement in its own transaction."""
        # A damaged file is renamed, with a warning, and the statement is executed in a new one, unless the
        # file must exist. A file that never was a database is renamed only at the default path. Without
        # ``creates``, nothing is executed if the file is missing. ``reserves`` needs disk space for later
        # statements too, so that these succeed even on a full disk.
        latest = Store.soon(self)
        with self.locked(until), self:
            execute = partial(self._execute, (statement, parameters), min(until or latest, latest))
            try:
                try:
                    return execute(creates=creates, reserves=reserves)
                except sqlite3.Error as error:
                    if _code(error) not in _FULL or reserves or self._reserve is None:
                        raise
                    self._free()
                    return execute(creates=creates)
            except sqlite3.Error as error:
                if _code(error) not in _DAMAGED:
                    raise StoreError(str(error)) from None
                reason = str(error)
                is_ours = _code(error) == sqlite3.SQLITE_CORRUPT or self._was_database()
            except (OSError, ValueError) as error:  # ValueError: an impossible path
                if is_interrupt(error):
                    raise
                raise StoreError(getattr(error, "strerror", None) or str(error)) from None
            if self.must_exist or not is_ours:
                raise StoreError(reason)
            try:
                self._set_aside(reason)
                return execute(reserves=reserves)
            except (sqlite3.Error, OSError) as error:
                if is_interrupt(error):
                    raise
                raise StoreError(f"{reason}; {error}") from None

    def attempt(self, statement: str, parameters: Parameters) -> None:
        """Execute a statement if possible; ignore errors, and leave a damaged file as it is."""
        try:
            with self.locked(self.soon()), self:
                self._execute((statement, parameters), self.soon(), creates=False)
        except (StoreError, sqlite3.Error, OSError) as error:
            if is_interrupt(error):
                raise

    def overwrite(self) -> None:
        """Write the file anew, since erased rows leave copies in its pages; warn if that is impossible."""
        try:
            self.execute("VACUUM", creates=False)
            found = self.execute("PRAGMA wal_checkpoint(TRUNCATE)", creates=False).rows
            reason = "it is being read" if found and found[0][0] else ""
        except StoreError as error:
            reason = str(error)
        if reason:
            text = f"Erased text may remain in {self.place} ({reason})"
            warn(HistoryWarning(f"{text}: end the other processes that use it, and erase again."))

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._free()

    def _free(self) -> None:
        if self._reserve is not None:
            self._reserve.close()
            self._reserve = None

    def leave_to_parent(self) -> None:
        """Forget the connection, and the reserved disk space too."""
        super().leave_to_parent()
        self._free()

    def _execute(
        self, statement: Statement, until: float, *, creates: bool = True, reserves: bool = False
    ) -> Result:
        """Execute a statement; try again until then if another process has a lock."""
        # SQLite itself waits for a slice, within which no interrupt is noticed.
        while True:
            try:
                return self._execute_now(statement, creates=creates, reserves=reserves)
            except sqlite3.Error as error:
                if _code(error) not in _BUSY or time.monotonic() > until or CURRENT.get().remaining() <= 0:
                    raise
                time.sleep(0.01)

    def _execute_now(self, statement: Statement, *, creates: bool, reserves: bool) -> Result:
        if self._connection is not None and self._is_replaced():
            self._disconnect()
        if self._connection is None and not creates and not self.exists:
            return Result([], 0)
        if self._connection is None:
            self._connection = self._connect()
        if reserves and self._reserve is None:
            self._reserve = reserved(self.path.parent)
        cursor = self._connection.execute(*statement)
        try:
            return Result(cursor.fetchall(), cursor.rowcount)
        finally:
            cursor.close()  # otherwise it keeps its lock if a row cannot be read

    def _is_replaced(self) -> bool:
        """Return True if the open file was removed or renamed: nobody would find new rows."""
        try:
            return not os.path.samestat(self._status, os.stat(self._name))  # noqa: PTH116 - Path's takes longer
        except FileNotFoundError:
            return True

    def _connect(self) -> sqlite3.Connection:
        if not self.exists:
            if self.must_exist:
                raise StoreError("it is missing")
            self._create()
        self._status = self.path.stat()
        if not stat.S_ISREG(self._status.st_mode):
            raise StoreError("it is not a regular file")
        if self._status.st_size <= 1:  # SQLite would take it for a new database
            raise _damaged("it is empty")
        journal = Path(f"{self.path.resolve()}-journal")
        if not journal.is_symlink():  # which SQLite refuses
            with suppress(FileNotFoundError), open_regular(journal) as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - len(_NAMES_FILE)))
                if file.read() == _NAMES_FILE:
                    raise StoreError("its journal names another file")
        connection = sqlite3.connect(self.path, timeout=_SLICE, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self) -> None:
        """Create the file with its tables: a file without tables is therefore damaged."""
        self.path.parent.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        with suppress(FileExistsError):  # another process was faster
            # Private; SQLite creates its other files with the same mode.
            with (
                atomic_write(self.path, private=True, replaces=False) as file,
                closing(sqlite3.connect(file.name, isolation_level=None)) as connection,
            ):
                connection.execute("PRAGMA journal_mode = OFF")  # a killed process leaves no journal
                self._make_tables(connection)
            self.is_new = True

    def _prepare(self, connection: sqlite3.Connection) -> None:
        # In this order, because another process creates tables and id in one transaction.
        if self._has_tables(connection) and self._status.st_size <= _CHECKED_BYTES:
            # If pages were exchanged, SQLite would notice nothing, and not find what was asked.
            ((found,),) = connection.execute("PRAGMA integrity_check(1)")
            if found != "ok":
                raise _damaged("database disk image is malformed")
        is_newest = self._version(connection) >= len(self.versions)
        connection.execute("PRAGMA query_only = OFF")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = ON")  # overwrite what is erased
        # Truncate a longer log once its pages are in the file.
        connection.execute(f"PRAGMA journal_size_limit = {4 * 1024**2}")
        if not is_newest:
            self._make_tables(connection)
        for statement in self.later:
            connection.execute(in_sqlite(statement))

    def _has_tables(self, connection: sqlite3.Connection) -> bool:
        """Whether there are tables; raises StoreError if not only clients can have made them."""
        connection.executescript("PRAGMA trusted_schema = OFF; PRAGMA query_only = ON")
        made = connection.execute("SELECT type || ' ' || name, sql FROM sqlite_master").fetchall()
        if made and connection.execute("PRAGMA application_id").fetchone()[0] != self.application_id:
            raise StoreError("it is another program's database")
        for name, sql in made:
            if sql is not None and not _PLAIN.fullmatch(str(sql)):  # None: the index of a key
                raise StoreError(f"it is not an index of a batch or a history (see its {snippet(str(name))})")
        return bool(made)

    def _version(self, connection: sqlite3.Connection) -> int:
        """Return the version of the tables, or 0 without tables, and store the id."""
        columns = {row[1] for row in connection.execute("PRAGMA table_info(version)")}
        if not columns and connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
            return 0
        rows = connection.execute(in_sqlite(VERSION)).fetchall() if "store_id" in columns else []
        version, self._store_id = version_of(rows, len(self.versions))
        return version

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        # Inside the transaction, because another process may have been faster.
        for statement in statements(self.versions, self._version(connection), f"'{uuid4()}'"):
            connection.execute(in_sqlite(statement))
        connection.execute(f"PRAGMA application_id = {self.application_id}")
        self._version(connection)
        connection.execute("COMMIT")

    def _was_database(self) -> bool:
        """Whether the file may be renamed: it is at the default path, or was a SQLite database."""
        usual = user_folder("state")
        if usual is not None and self.path.parent == usual.absolute():
            return True
        with suppress(OSError), self.path.open("rb") as file:
            return any(page.startswith(b"SQLite format 3\0") for page in iter(partial(file.read, 4096), b""))
        return False

    def _set_aside(self, reason: str) -> None:
        """Rename the damaged file and its log files, unless another process has just done so."""
        self._disconnect()
        if self._is_replaced():
            return
        renamed = self.path.with_name(f"{self.path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").rename(f"{renamed}{suffix}")
        self.warn_once(
            "damaged",
            f"The {self.content} in {path_text(self.path)} is damaged ({reason}). It was renamed to "
            f"{path_text(renamed.name)}, and a new one was created.",
        )


def waited(attempt: Callable[[float], object], until: float) -> bool:
    """Wait in slices until an attempt succeeds; False once the time, or that of the current call, is over."""
    left = until - time.monotonic()
    while not attempt(max(0.0, min(_SLICE, left))):
        left = min(left - _SLICE, until - time.monotonic())  # also by a clock that stands still
        if left <= 0 or CURRENT.get().remaining() <= 0:
            return False
    return True


_databases: Final[WeakValueDictionary[Path | str, Store]] = WeakValueDictionary()
_registering = threading.Lock()
_warned: Final[set[tuple[str, str]]] = set()
#: Connections that a fork inherited. SQLite forbids using or closing them; libpq would end the parent's.
_INHERITED: Final[list[Any]] = []
#: By thread, because only the thread that acquired a lock may release it.
_locked_for_fork: Final[dict[int, list[threading.RLock]]] = {}


def close_databases() -> None:
    """Close all stores, and forget the warnings given; a client that still uses one opens it again."""
    while _databases:
        _databases.popitem()[1].close()
    _warned.clear()


def _wait_before_fork() -> None:
    """Wait until no thread executes a statement: otherwise SQLite's locks would stay locked in the child.

    The wait is limited, because the forking thread may be executing a statement itself.
    """
    until = time.monotonic() + _TIMEOUT
    locked = _locked_for_fork[threading.get_ident()] = []
    for database in list(_databases.values()):
        lock = database.lock
        if lock.acquire(timeout=max(0.0, until - time.monotonic())):
            locked.append(lock)


def _go_on_after_fork() -> None:
    for lock in _locked_for_fork.pop(threading.get_ident()):
        lock.release()


def _leave_to_parent() -> None:
    global _registering  # noqa: PLW0603 - a thread of the parent may hold it
    _registering = threading.Lock()
    for database in list(_databases.values()):
        database.leave_to_parent()


def _damaged(reason: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(reason)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _code(error: sqlite3.Error) -> int | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


atexit.register(close_databases)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_wait_before_fork, after_in_parent=_go_on_after_fork, after_in_child=_leave_to_parent
    )
