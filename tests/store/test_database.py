"""The file of the history: private, shared, and replaced if it is damaged."""

import errno
import importlib.util
import io
import itertools
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from connecty_frames.errors import HistoryWarning
from connecty_frames.files import reserved
from connecty_frames.store import database as database_module
from connecty_frames.store.database import Result, StoreError, close_databases
from connecty_frames.store.history import Waiting
from connecty_frames.store.table import QuestionFile, default_path, store_at
from tests.store import stores

INSERT = (
    "INSERT INTO questions (key, question, base_url, dw_id, client, state, asked_at) "
    "VALUES ('k', ?, 'u', '13', 'c', 'SENT', 0)"
)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of the user's file, in a folder that does not exist yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return default_path()


def questions(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return [row[0] for row in connection.execute("SELECT question FROM questions ORDER BY id")]
    finally:
        connection.close()


def test_the_path_is_in_the_state_folder_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the platform names it, on Linux by XDG_STATE_HOME."""
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    if sys.platform == "linux":
        assert default_path() == Path("/state/connecty/history.sqlite3")
    assert default_path().name == "history.sqlite3"


@pytest.mark.skipif(sys.platform == "win32", reason="modes have no meaning there")
def test_only_the_owner_can_read_it(path: Path) -> None:
    """The folder has mode 700, each file 600, whatever the umask."""
    before = os.umask(0)
    try:
        with store_at(path) as database:
            database.execute(INSERT, ("how many?",))
            found = [path.parent, *path.parent.iterdir()]
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in found}
    finally:
        os.umask(before)

    assert modes == {
        "connecty": 0o700,
        "history.sqlite3": 0o600,
        "history.sqlite3-wal": 0o600,
        "history.sqlite3-shm": 0o600,
    }


def test_one_database_for_a_path() -> None:
    """Relative or not, since it is opened once a process."""
    database = store_at(Path("a.db"))
    assert database is store_at(Path.cwd() / "a.db")


def test_closing_all(path: Path) -> None:
    """Each is closed, and the path has another one from then on."""
    database = store_at(path)
    with database:
        database.open()
        close_databases()
        assert [each.name for each in path.parent.iterdir()] == ["history.sqlite3"]
    assert store_at(path) is not database


def test_it_is_closed_with_its_last_user(path: Path) -> None:
    """SQLite merges the files beside it then; without a user, it is closed after each statement."""
    names = {"history.sqlite3", "history.sqlite3-wal", "history.sqlite3-shm"}
    database = store_at(path)
    with database:
        with database:
            database.execute(INSERT, ("how many?",))
            assert {each.name for each in path.parent.iterdir()} == names
        assert {each.name for each in path.parent.iterdir()} == names
    assert [each.name for each in path.parent.iterdir()] == ["history.sqlite3"]
    database.execute(INSERT, ("how many more?",))
    assert [each.name for each in path.parent.iterdir()] == ["history.sqlite3"]

    assert questions(path) == ["how many?", "how many more?"]


@pytest.mark.parametrize("place", ["of the user", "named"])
@pytest.mark.parametrize("content", [b"", b"S", b"x"])
def test_an_empty_file(path: Path, tmp_path: Path, place: str, content: bytes) -> None:
    """It has lost what it had, since a file is created with its tables. That is told once."""
    found = path if place == "of the user" else tmp_path / "named.sqlite3"
    found.parent.mkdir(exist_ok=True)
    found.write_bytes(content)
    with pytest.warns(HistoryWarning, match=r"is damaged \(it is empty\)\. It was renamed to"):
        store_at(found).execute(INSERT, ("how many?",))
    store_at(found).execute(INSERT, ("how many more?",))  # warnings are errors
    assert questions(found) == ["how many?", "how many more?"]
    (renamed,) = found.parent.glob("*.damaged-*")
    assert renamed.read_bytes() == content


def test_pages_that_were_exchanged(tmp_path: Path) -> None:
    """Any two of them: SQLite alone would not find some questions, which would be asked again."""
    path = tmp_path / "named.sqlite3"
    with store_at(path) as database:
        for number in range(20):
            database.execute(INSERT.replace("'k'", f"'{number}'"), (f"{number}" * 200,))
    content = path.read_bytes()
    pages = [content[start : start + 4096] for start in range(0, len(content), 4096)]
    for one, other in itertools.combinations(range(len(pages)), 2):
        if pages[one] == pages[other]:  # those without rows
            continue
        swapped = list(pages)
        swapped[one], swapped[other] = pages[other], pages[one]
        path.write_bytes(b"".join(swapped))
        with pytest.warns(HistoryWarning, match="is damaged"):
            store_at(path).execute(INSERT, ("after",))
        assert questions(path) == ["after"], (one, other)
        close_databases()

    assert len(pages) > 4


#: The first bytes overwritten; everything but the first page; cut within the second page.
DAMAGES: Any = [
    lambda _: b"garbage " * 1000,
    lambda content: content[:4096] + b"\xff" * (len(content) - 4096),
    lambda content: content[:5000],
]


@pytest.mark.parametrize("damage", DAMAGES, ids=["header", "pages", "truncated"])
def test_a_damaged_file_is_renamed(path: Path, damage: Callable[[bytes], bytes]) -> None:
    """A new one is begun, with a warning that names both."""
    store_at(path).execute(INSERT, ("before",))
    close_databases()
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    with pytest.warns(HistoryWarning, match=r"is damaged \(.*\)\. It was renamed to .*\.damaged-\d{8}T"):
        store_at(path).execute(INSERT, ("after",))
    close_databases()
    (renamed,) = [each for each in path.parent.iterdir() if ".damaged-" in each.name]
    assert renamed.read_bytes() == damaged
    assert questions(path) == ["after"]


def test_damage_while_it_is_open(path: Path) -> None:
    """A second damage in one process is repaired without another warning."""
    for number in range(2):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            store_at(path).execute(INSERT, ("before",))
            store_at(path).close()
            path.write_bytes(b"garbage " * 1000)
            store_at(path).execute(INSERT, ("after",))
        assert [each.category for each in caught] == [HistoryWarning][number:]
    assert len([each for each in path.parent.iterdir() if ".damaged-" in each.name]) == 2


def test_a_locked_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A StoreError once the time is up; the file works when it is free again."""
    monkeypatch.setattr("connecty_frames.store.database._TIMEOUT", 0.05)
    database = store_at(path)
    database.open()
    with stores.locked(path, "EXCLUSIVE"):
        database.close()
        with pytest.raises(StoreError, match="database is locked"):
            database.execute(INSERT, ("how many?",))
    database.execute(INSERT, ("how many more?",))
    assert questions(path) == ["how many more?"]


def test_a_file_that_another_process_writes(path: Path) -> None:
    """It is opened and read without waiting, as WAL allows."""
    store_at(path).execute(INSERT, ("how many?",))
    with stores.locked(path):
        found = store_at(path).execute("SELECT question FROM questions", until=-1)
    assert found.rows == [("how many?",)]


def test_rows_that_cannot_be_read(path: Path) -> None:
    """Nothing stays locked for others, also while the error is handled."""
    with store_at(path) as database:
        for question in ("how many?", "who?"):
            database.execute(INSERT, (question,))
        with pytest.raises(StoreError, match=r"(?i)utf-8") as caught:
            database.execute("SELECT CAST(x'ff' AS TEXT) FROM questions")
        other = sqlite3.connect(path, isolation_level=None, timeout=0)
        ((busy, _, _),) = other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.close()
    assert busy == 0
    assert caught.value.__context__ is not None  # its traceback has the cursor


@pytest.mark.parametrize("content", ["country,orders\nPoland,31768\n" * 100, "PL"])
def test_a_file_of_another_kind(tmp_path: Path, content: str) -> None:
    """Where a user named it, it is not touched."""
    file = tmp_path / "orders.csv"
    file.write_text(content)
    with pytest.raises(StoreError, match="file is not a database"):
        store_at(file).open()
    assert file.read_text() == content
    assert list(tmp_path.iterdir()) == [file]


def test_a_database_of_another_program(path: Path) -> None:
    """It is not touched."""
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE mine (a)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="it is another program's database"):
        store_at(path).open()
    assert path.read_bytes() == before


def test_a_database_without_tables(path: Path) -> None:
    """It is no other program's, and gets ours."""
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.executescript("CREATE TABLE mine (a); DROP TABLE mine; VACUUM")
    other.close()
    assert path.stat().st_size > 1
    store_at(path).execute(INSERT, ("how many?",))
    assert questions(path) == ["how many?"]


def test_a_question_is_found_by_its_id_through_the_index(path: Path) -> None:
    """That of the rows with an id alone."""
    database = store_at(path)
    statement = "SELECT sql FROM sqlite_master WHERE name = 'questions_by_id'"
    ((made,),) = database.execute(statement).rows
    assert made.endswith("WHERE question_id IS NOT NULL")
    plan = "EXPLAIN QUERY PLAN SELECT id FROM questions WHERE question_id = ? AND base_url = ?"
    ((*_, step),) = database.execute(plan, ("id", "address")).rows
    assert step == "SEARCH questions USING INDEX questions_by_id (question_id=?)"


def test_what_is_no_file(tmp_path: Path) -> None:
    """A folder, a folder that cannot be created, and a path that no file can have."""
    with pytest.raises(StoreError, match="it is not a regular file"):
        store_at(tmp_path).open()
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"^(File exists|Not a directory)$"):
        store_at(tmp_path / "file" / "history.sqlite3").open()
    for name in ("a\0b", "\ud800"):
        with pytest.raises(StoreError, match="without NUL characters"):
            store_at(tmp_path / name).open()


def test_a_connection_that_was_inherited(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept, since it must not be closed either; a file that was not open leaves none."""
    inherited: list[sqlite3.Connection] = []
    monkeypatch.setattr(database_module, "_INHERITED", inherited)
    store_at(path).leave_to_parent()
    assert inherited == []
    with store_at(path) as database:
        database.open()
        connection = database._connection
        database.leave_to_parent()
        assert inherited == [connection]
        database.open()
        assert database._connection not in {None, connection}

    inherited[0].close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_opens_it_again(path: Path) -> None:
    """Both write on, each by a connection of its own."""
    code = f"""
import os
from pathlib import Path
from connecty_frames.store.table import store_at
database = store_at(Path({str(path)!r})).__enter__()
database.execute({INSERT!r}, ("before",))
connection = database._connection
child = os.fork()
database.execute({INSERT!r}, ("parent" if child else "child",))
assert (database._connection is connection) == bool(child)
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)

    found = questions(path)
    assert (found[0], sorted(found[1:])) == ("before", ["child", "parent"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_that_is_forked_while_a_thread_writes(path: Path) -> None:
    """It is forked between two statements: SQLite's locks of one would never be released in it."""
    code = f"""
import os, threading
from pathlib import Path
from connecty_frames.store.table import store_at
database = store_at(Path({str(path)!r})).__enter__()
database.execute({INSERT!r}, ("before",))
writing, written = threading.Event(), threading.Event()

def write(_):
    writing.set()
    written.wait(0.2)
    return 0

database._connection.create_function("slow", 1, write)
thread = threading.Thread(target=database.execute, args=({INSERT.replace("?", "slow(?)")!r}, ("thread",)))
thread.start()
writing.wait()
child = os.fork()
if child:
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
database.execute({INSERT!r}, ("parent" if child else "child",))
"""
    subprocess.run([sys.executable, "-c", code], check=True)

    assert sorted(questions(path)) == ["0", "before", "child", "parent"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_two_threads_that_fork_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each releases what it has locked itself, and nothing stays locked."""
    monkeypatch.setattr(database_module, "_TIMEOUT", 0.02)
    database = store_at(path)
    other_forks, other_goes_on = threading.Event(), threading.Event()

    def fork() -> None:
        database_module._wait_before_fork()
        other_forks.set()
        other_goes_on.wait(20)
        database_module._go_on_after_fork()

    other = threading.Thread(target=fork)
    other.start()
    other_forks.wait(20)
    database_module._wait_before_fork()
    database_module._go_on_after_fork()
    other_goes_on.set()
    other.join()

    assert database.lock.acquire(timeout=20)
    database.lock.release()


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is removed without locks")
@pytest.mark.parametrize("call", ["make_tables", "link"])
def test_a_process_that_is_killed_while_it_creates_the_file(path: Path, call: str) -> None:
    """What it leaves behind is removed by the next one."""
    code = f"""
import os, signal
from pathlib import Path
from connecty_frames import files
from connecty_frames.store.history import Waiting
from connecty_frames.store.table import store_at
from connecty_frames.store.database import SQLiteFile
database = store_at(Path({str(path)!r}))

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if {call!r} == "link":
    files._link = die
else:
    begun = SQLiteFile._make_tables

    def make_tables(self, connection):
        connection.set_trace_callback(lambda statement: "application_id =" not in statement or die())
        begun(self, connection)

    SQLiteFile._make_tables = make_tables
database.open()
"""
    killed = subprocess.run([sys.executable, "-c", code], check=False)
    left = len(list(path.parent.iterdir()))
    store_at(path).open()

    assert (killed.returncode, left) == (-9, 1)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
def test_a_link_to_a_file_that_does_not_exist_yet(path: Path) -> None:
    """The file is created where it points."""
    target = path.with_name("target.sqlite3")
    path.parent.mkdir()
    path.symlink_to(target)
    store_at(path).execute(INSERT, ("a",))
    assert (path.is_symlink(), questions(target)) == (True, ["a"])


@pytest.mark.slow
def test_processes_create_it_together(path: Path) -> None:
    """Eight that begin at once on no file record every row."""
    code = f"""
from pathlib import Path
from connecty_frames.store.history import Waiting
from connecty_frames.store.table import store_at
import sys
sys.stdin.readline()
for number in range(20):
    store_at(Path({str(path)!r})).execute({INSERT!r}, (f"{{sys.argv[1]}}-{{number}}",))
"""
    started = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", code, str(name)], stdin=subprocess.PIPE)
        for name in range(8)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.close()

    assert [process.wait(60) for process in started] == [0] * 8
    assert len(questions(path)) == 160


@pytest.mark.parametrize("before", range(1, 9))
def test_another_creates_it_between_two_statements(
    path: Path, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a connection has read before does not make it take the file for one of another program."""
    connect, executed = sqlite3.connect, 0

    class Interrupted(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            nonlocal executed
            executed += 1
            if executed == before:
                with monkeypatch.context() as patch:
                    patch.setattr(sqlite3, "connect", connect)
                    other = QuestionFile(path)
                    other.execute(INSERT, ("other",))
                    other.close()
            return super().execute(*arguments)

    def interrupted(*arguments: Any, **options: Any) -> sqlite3.Connection:
        return connect(*arguments, **options, factory=Interrupted)

    monkeypatch.setattr(sqlite3, "connect", interrupted)
    store_at(path).execute(INSERT, ("this",))
    monkeypatch.undo()

    assert executed > before
    assert questions(path) == ["other", "this"]


@pytest.mark.skipif(sys.platform == "win32", reason="files that are open cannot be removed there")
@pytest.mark.parametrize("by", ["removed", "renamed"])
def test_a_file_that_is_gone_while_it_is_open(path: Path, by: str) -> None:
    """A new one is begun, since nobody would find what the old one gets."""
    database = store_at(path)
    database.execute(INSERT, ("before",))
    for each in list(path.parent.iterdir()):
        if by == "removed":
            each.unlink()
        else:
            each.rename(each.with_name(f"old-{each.name}"))
    database.execute(INSERT, ("after",))
    assert questions(path) == ["after"]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.3, 9.0])
def test_the_wait_for_other_threads_counts(path: Path, seconds: float) -> None:
    """Threads that wait for a file that is locked end together: after a second, or by their deadline."""
    with store_at(path) as database:
        database.open()
        with stores.locked(path), ThreadPoolExecutor(4) as pool:
            began = time.monotonic()

            def execute(_: int) -> float:
                with pytest.raises(StoreError, match=r"database is locked|other calls are using it"):
                    database.execute(INSERT, ("a",), until=began + seconds)
                return time.monotonic() - began

            longest = max(pool.map(execute, range(4)))
    assert min(seconds, 1.0) <= longest < min(seconds, 1.0) + 1.0


def waiting_for(*statements: Any) -> Waiting:
    queue = Waiting()
    for each in statements:
        queue.append(each)
    return queue


class TestWaitingStatements:
    """Statements of a queue are executed once each, in its order, and leave it when they are done."""

    def test_without_a_file(self, path: Path) -> None:
        """Nothing is executed, and none is created."""
        waiting = waiting_for((INSERT, ("a",)), (INSERT, ("b",)))
        store_at(path).execute_waiting(waiting)
        assert not waiting
        assert not path.exists()

    def test_a_locked_file(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A StoreError once the time is up, whatever their number; all wait for the next call."""
        monkeypatch.setattr("connecty_frames.store.database._TIMEOUT", 0.05)
        database = store_at(path)
        database.open()
        waiting = waiting_for((INSERT, ("a",)), (INSERT, ("b",)))
        with stores.locked(path), pytest.raises(StoreError, match="database is locked"):
            database.execute_waiting(waiting)
        assert [parameters for _, parameters in waiting] == [("a",), ("b",)]
        database.execute_waiting(waiting)
        assert not waiting
        assert questions(path) == ["a", "b"]

    def test_an_error_in_the_middle(self, path: Path) -> None:
        """The statement and those after it stay."""
        database = store_at(path)
        database.open()
        waiting = waiting_for((INSERT, ("a",)), ("INSERT", ()), (INSERT, ("b",)))
        with pytest.raises(StoreError, match="incomplete input"):
            database.execute_waiting(waiting)
        assert list(waiting) == [("INSERT", ()), (INSERT, ("b",))]
        assert questions(path) == ["a"]

    def test_two_threads(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The second returns when those of the first are done, on which its own may depend."""
        monkeypatch.setattr("connecty_frames.store.database._TIMEOUT", 20.0)
        database = store_at(path)
        database.open()
        waiting = waiting_for((INSERT, ("a",)), (INSERT, ("b",)))
        with ThreadPoolExecutor(2) as pool, stores.locked(path):
            calls = [pool.submit(database.execute_waiting, waiting) for _ in range(2)]
            assert not wait(calls, 0.1, FIRST_COMPLETED).done
        assert [call.result() for call in calls] == [None, None]
        assert questions(path) == ["a", "b"]

    def test_a_full_queue(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A statement that drops the first one while that is executed is executed too."""
        monkeypatch.setattr("connecty_frames.store.history._MOST_WAITING", 600)
        database = store_at(path)
        database.open()
        waiting = waiting_for((INSERT, ("a",)))
        execute = database.execute

        def execute_first(*arguments: Any, **options: Any) -> object:
            monkeypatch.setattr(database, "execute", execute)
            waiting.append((INSERT, ("b",)))
            return execute(*arguments, **options)

        monkeypatch.setattr(database, "execute", execute_first)
        database.execute_waiting(waiting)
        assert not waiting
        assert questions(path) == ["a", "b"]


def test_the_settings_of_a_connection(path: Path) -> None:
    """What a power cut may lose, how long the log gets, and that what is erased is overwritten."""
    with store_at(path) as database:
        names = ("journal_mode", "synchronous", "secure_delete", "journal_size_limit", "application_id")
        found = {name: database.execute(f"PRAGMA {name}").rows[0][0] for name in names}
    assert found == {
        "journal_mode": "wal",
        "synchronous": 1,
        "secure_delete": 1,
        "journal_size_limit": 4_194_304,
        "application_id": 0x636E7479,
    }


def test_a_file_in_use_is_not_changed_by_opening_it(path: Path) -> None:
    """One of this version is only read: its tables are made once."""
    store_at(path).execute(INSERT, ("how many?",))
    close_databases()
    before = path.read_bytes()
    store_at(path).open()
    close_databases()
    assert path.read_bytes() == before


@pytest.mark.parametrize(("longer", "is_noticed"), [(0, True), (1, False)])
def test_how_long_a_file_is_checked(
    path: Path, monkeypatch: pytest.MonkeyPatch, longer: int, *, is_noticed: bool
) -> None:
    """Up to 8 MB as it is opened, since that takes 60 ms; what SQLite notices is found in longer ones too."""
    store_at(path).execute(INSERT, ("a" * 50_000,))
    close_databases()
    content = path.read_bytes()
    pages = [content[start : start + 4096] for start in range(0, len(content), 4096)]
    pages[-1], pages[-2] = pages[-2], pages[-1]
    path.write_bytes(b"".join(pages))
    assert database_module._CHECKED_BYTES == 8_388_608
    monkeypatch.setattr(database_module, "_CHECKED_BYTES", len(content) - longer)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        store_at(path).open()

    assert len(caught) == is_noticed


def test_room_that_is_reserved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 KB by a file without a name; where there is no room, nothing is left open."""
    with reserved(tmp_path) as file:
        assert os.fstat(file.fileno()).st_size == 65_536
        assert list(tmp_path.iterdir()) == []

    opened: list[Any] = []

    def made(*arguments: Any, **options: Any) -> Any:
        opened.append(temporary(*arguments, **options))
        return opened[0]

    temporary = tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", made)
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(os, "urandom", mock.Mock(side_effect=full))
    with pytest.raises(OSError, match="No space left"):
        reserved(tmp_path)
    assert opened[0].closed


def test_what_the_reserve_is_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk it makes room for what becomes of a question, and for no further question."""

    def limit(pages: str) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    class Reserve(io.BytesIO):
        def close(self) -> None:
            with suppress(sqlite3.ProgrammingError):  # of a connection that is closed
                limit("1000")
            super().close()

    monkeypatch.setattr(database_module, "reserved", lambda _: Reserve())
    with store_at(path) as found:
        found.execute(INSERT, ("how many?",), reserves=True)
        connection = found._connection
        limit("1")  # those that it has
        with pytest.raises(StoreError, match="database or disk is full"):
            found.execute(INSERT, ("a" * 50_000,), reserves=True)
        with pytest.raises(StoreError, match="no such column"):
            found.execute("SELECT absent FROM questions")
        assert found._reserve is not None
        found.execute("UPDATE questions SET error = ?", ("a" * 50_000,))
        assert found._reserve is None
        limit("1")
        with pytest.raises(StoreError, match="database or disk is full"):
            found.execute(INSERT, ("a" * 50_000,))
    assert questions(path) == ["how many?"]


def test_a_reserve_that_almost_has_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last bytes count too, which Python would write as it is closed."""

    class Disk(io.RawIOBase):
        room = 65_000

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            if not self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            written = min(len(data), self.room)
            self.room -= written
            return written

    disk = Disk()
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: io.BufferedWriter(disk))
    with pytest.raises(OSError, match="No space left"):
        reserved(tmp_path)
    assert disk.closed


def test_an_attempt_waits_for_another_process(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as any statement, since a lease that is not renewed ends."""
    monkeypatch.setattr("connecty_frames.store.database._TIMEOUT", 20.0)
    found = store_at(path)
    found.open()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    end = threading.Timer(0.1, other.execute, ["ROLLBACK"])
    end.start()
    found.attempt(INSERT, ("how many?",))
    end.join()
    other.close()

    assert questions(path) == ["how many?"]


def test_a_damaged_file_that_cannot_be_renamed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both reasons are given, and the file stays."""
    path.parent.mkdir()
    path.write_bytes(b"x")
    monkeypatch.setattr(
        Path, "rename", mock.Mock(side_effect=PermissionError(errno.EACCES, "Permission denied"))
    )
    with pytest.raises(StoreError, match=r"^it is empty; \[Errno 13\] Permission denied$"):
        store_at(path).open()
    assert path.read_bytes() == b"x"


def test_a_file_that_is_damaged_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may put one there meanwhile."""
    path.parent.mkdir()
    path.write_bytes(b"x")
    monkeypatch.setattr(Path, "rename", lambda *_: None)
    with pytest.warns(HistoryWarning, match="is damaged"), pytest.raises(StoreError, match=r"^it is empty; "):
        store_at(path).open()


def test_a_file_system_without_links(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is made there too, and nothing else is left in its folder."""
    monkeypatch.setattr(
        Path, "hardlink_to", mock.Mock(side_effect=PermissionError(errno.EPERM, "Operation not permitted"))
    )
    found = store_at(path)
    assert not found.is_new
    found.execute(INSERT, ("how many?",))

    assert found.is_new
    assert [each.name for each in path.parent.iterdir()] == ["history.sqlite3"]
    assert questions(path) == ["how many?"]


def test_rows_are_counted(path: Path) -> None:
    """What a statement has changed, its last number, and what it returned; of none, nothing."""
    found = store_at(path)
    assert found.execute("DELETE FROM questions", creates=False) == Result([], 0)
    assert found.execute(INSERT, ("how many?",)) == Result([], 1)
    assert found.execute("PRAGMA secure_delete") == Result([(1,)], -1)


@pytest.mark.parametrize("name", ["database", "leases"])
def test_a_system_without_fork(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The module can be imported there too."""
    monkeypatch.delattr(os, "register_at_fork", raising=False)
    monkeypatch.setattr("atexit.register", lambda _: None)
    spec = sys.modules[f"connecty_frames.store.{name}"].__spec__
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_the_files_beside_a_damaged_one(path: Path) -> None:
    """They are renamed with it, since they belong to no other."""
    path.parent.mkdir()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").write_bytes(suffix[:1].encode())
    with pytest.warns(HistoryWarning, match="is damaged"):
        store_at(path).open()
    names = [each.name for each in path.parent.iterdir()]
    (renamed,) = [name for name in names if ".damaged-" in name and not name.endswith(("-wal", "-shm"))]
    assert sorted(names) == ["history.sqlite3", renamed, f"{renamed}-shm", f"{renamed}-wal"]


def test_an_error_without_a_code() -> None:
    """It is not of SQLite itself but of its module."""
    assert database_module._code(sqlite3.ProgrammingError("closed")) is None
