"""The history in a PostgreSQL database, on a server that replies as a test scripts it."""

from __future__ import annotations

import importlib
import json
import os
import re
import resource
import socket
import socketserver
import struct
import sys
import threading
import time
from collections import defaultdict
from contextlib import closing, suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import connecty_frames as cf
from connecty_frames._base.secret import SecretStr
from connecty_frames.client import Client
from connecty_frames.options import Asked
from connecty_frames.settings.values import parse_setting
from connecty_frames.store import database, history
from connecty_frames.store.database import OutageError, Result, StoreError, UnfitError
from connecty_frames.store.history import History

pytest.importorskip("psycopg")
postgres = pytest.importorskip("connecty_frames.store.postgres")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.scripted import Script

#: The numbers of types.
INT8, INT4, TEXT = 20, 23, 25
#: The statement that looks at the database.
KNOWN = "SELECT current_setting"
#: More bytes than the system takes while the other end reads none.
LONG = 8 << 20
#: The version of the tables that :mod:`connecty_frames.store.postgres` makes.
NEWEST = 2


def message(kind: bytes, *parts: bytes) -> bytes:
    """Return a message of the protocol."""
    content = b"".join(parts)
    return kind + struct.pack("!i", len(content) + 4) + content


def rows(types: tuple[int, ...], *values: tuple[bytes | None, ...]) -> bytes:
    """Return rows with columns of these types."""
    columns = [struct.pack("!xihihih", 0, 0, each, -1, -1, 0) for each in types]
    parts = [message(b"T", struct.pack("!h", len(types)), *columns)]
    for row in values:
        cells = [struct.pack("!i", -1 if each is None else len(each)) + (each or b"") for each in row]
        parts.append(message(b"D", struct.pack("!h", len(row)), *cells))
    return b"".join(parts) + done(f"SELECT {len(values)}")


def done(tag: str) -> bytes:
    """Return the reply to a statement without rows."""
    return message(b"n") + message(b"C", tag.encode(), b"\0")


def error(code: str, text: bytes = b"it said no.", severity: bytes = b"ERROR") -> bytes:
    """Return an error."""
    return message(b"E", b"S", severity, b"\0C", code.encode(), b"\0M", text, b"\0\0")


def fatal(text: bytes) -> bytes:
    """Return the refusal of a connection."""
    return error("00000", text, b"FATAL")


def known(version: int = NEWEST, *, encoding: bytes = b"UTF8", schemas: int = 1) -> bytes:
    """Return what a database has."""
    return rows((TEXT, INT4, INT4), (encoding, b"%d" % schemas, b"%d" % version))


class Scripted(socketserver.ThreadingTCPServer):
    """A server whose database has the tables and no rows.

    Attributes
    ----------
    replies
        Replies by the beginning of a statement; the last reply repeats. A number means silence for that many
        seconds, and then the end of the connection. A new connection counts as the statement "".
    statements
        What was executed, with its parameters, except for the looks at the database.
    connections, ended
        How many connections were made, and ended by the client.
    pause
        Seconds before a statement is read.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        self.replies: dict[str, list[bytes | float]] = defaultdict(list)
        self.statements: list[tuple[str, list[bytes | None]]] = []
        self.connections = 0
        self.ended = threading.Semaphore(0)
        self.pause = 0.0
        self.url = f"postgresql://u@127.0.0.1:{self.server_address[1]}/d"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def reply(self, statement: str, default: bytes) -> bytes | float:
        """Return the next reply to a statement."""
        for beginning, replies in self.replies.items():
            if replies and statement.startswith(beginning) and bool(beginning) == bool(statement):
                return replies.pop(0) if len(replies) > 1 else replies[0]
        return default

    def close(self) -> None:
        """Refuse connections."""
        self.shutdown()
        self.server_close()

    def texts(self) -> list[str]:
        """Return the statements alone."""
        return [statement for statement, _ in self.statements]


class Connection(socketserver.StreamRequestHandler):
    """One connection of it."""

    server: Scripted

    def handle(self) -> None:
        """Reply to statements until either side ends the connection."""
        with suppress(OSError, struct.error):
            self.server.connections += 1
            while self.content()[:2] == b"\x04\xd2":  # may it be encrypted?
                self.wfile.write(b"N")
            is_open = self.say(self.server.reply("", message(b"R", struct.pack("!i", 0))))
            statement, parameters = "", []
            while is_open:
                time.sleep(self.server.pause)
                kind, content = self.rfile.read(1), self.content()
                if kind == b"P":
                    statement = content[1:].partition(b"\0")[0].decode()
                elif kind == b"B":
                    parameters = self.parameters(content)
                elif kind == b"S":
                    if not statement.startswith(KNOWN):
                        self.server.statements.append((statement, parameters))
                    default = known() if statement.startswith(KNOWN) else rows((INT4,))
                    is_open = self.say(self.server.reply(statement, default))
                elif kind == b"X":
                    self.server.ended.release()
                    return

    def content(self) -> bytes:
        """Read a message."""
        return self.rfile.read(struct.unpack("!i", self.rfile.read(4))[0] - 4)

    def say(self, reply: bytes | float) -> bool:
        """Send a reply, and return whether the connection stays open."""
        if isinstance(reply, bytes):
            self.wfile.write(reply + message(b"Z", b"I"))
            return True
        time.sleep(reply)
        return False

    @staticmethod
    def parameters(content: bytes) -> list[bytes | None]:
        """Return the parameters that are bound."""
        found: list[bytes | None] = []
        (count,) = struct.unpack("!h", content[4:6])
        at = 6
        for _ in range(count):
            (length,) = struct.unpack("!i", content[at : at + 4])
            found.append(None if length < 0 else content[at + 4 : at + 4 + length])
            at += 4 + max(length, 0)
        return found


@pytest.fixture
def postgresql() -> Iterator[Scripted]:
    """Run a server."""
    with closing(Scripted()) as found:
        yield found


def store_of(postgresql: Scripted, options: str = "") -> Any:
    """Return a store of a server."""
    return postgres.Server(parse_setting("history", postgresql.url + options, is_text=False))


@pytest.fixture
def store(postgresql: Scripted) -> Iterator[Any]:
    """Return a store with a connection that stays open."""
    with store_of(postgresql) as found:
        yield found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a clock that pauses alone advance, and at once."""
    found = SimpleNamespace(now=0.0, monotonic=lambda: found.now)
    found.sleep = lambda seconds: setattr(found, "now", found.now + seconds)
    for module in (postgres, database, history):
        monkeypatch.setattr(module, "time", found)
    return found


def test_rows_and_parameters(postgresql: Scripted, store: Any) -> None:
    """Whole numbers, texts and nulls; tables are those of the schema; all by one connection."""
    postgresql.replies["SELECT n"] = [
        rows((INT8, INT4, TEXT), (b"1", None, b"5"), (b"-2", b"3", "é".encode()))
    ]
    postgresql.replies["UPDATE"] = [done("UPDATE 2")]
    assert store.execute("SELECT n FROM questions JOIN items ON questions.key = ?", ("é",)) == Result(
        [(1, None, "5"), (-2, 3, "é")], 2
    )
    assert store.execute("UPDATE questions SET rows = ?, error = ?, tags = ?", (7, None, "a\0b")).changed == 2
    assert postgresql.statements == [
        (
            "SELECT n FROM connecty.questions JOIN connecty.items ON connecty.questions.key = $1",
            ["é".encode()],
        ),
        ("UPDATE connecty.questions SET rows = $1, error = $2, tags = $3", [b"7", None, rb"a\x00b"]),
    ]
    assert postgresql.connections == 1


@pytest.mark.parametrize(
    ("found", "made"),
    [
        ([known(0, schemas=0)], ["CREATE SCHEMA", *["CREATE TABLE", *["CREATE INDEX"] * 4, "CREATE TABLE"]]),
        ([known(0)], ["CREATE TABLE", *["CREATE INDEX"] * 4, "CREATE TABLE"]),
        ([known(1)], ["CREATE TABLE"]),
        ([known(0, schemas=0), known()], []),
    ],
)
def test_tables_are_made(
    postgresql: Scripted, store: Any, found: list[bytes | float], made: list[str]
) -> None:
    """Those that another process has not made before, in one transaction, with their version."""
    postgresql.replies[KNOWN] = found
    assert store.execute("SELECT 1").rows == []
    begin, lock, *statements, comment, commit, last = postgresql.texts()
    assert (begin, lock, commit, last) == ("BEGIN", "SELECT pg_advisory_xact_lock($1)", "COMMIT", "SELECT 1")
    assert [" ".join(each.split()[:2]) for each in statements] == made
    assert comment == f"COMMENT ON TABLE connecty.questions IS '{NEWEST}'"
    assert store.exists


def test_reading_makes_no_tables(postgresql: Scripted, store: Any) -> None:
    """Without them there is no history, and nothing is executed."""
    postgresql.replies[KNOWN] = [known(0)]
    assert not store.exists
    assert store.execute("DELETE FROM questions", creates=False) == Result([], 0)
    assert postgresql.statements == []


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (known(encoding=b"LATIN1"), "the encoding of its database is LATIN1, not UTF8"),
        (known(NEWEST + 1), "a newer version of connecty_frames made its tables"),
        (error("42501"), "it said no; an owner of the database may let its role create and use the schema"),
    ],
)
def test_a_database_that_cannot_be_used(postgresql: Scripted, store: Any, reply: bytes, text: str) -> None:
    """It is no outage, which would be waited for."""
    postgresql.replies[KNOWN] = [reply]
    with pytest.raises(UnfitError, match=f"^{text}"):
        store.execute("SELECT 1")
    assert postgresql.connections == 1


OUTAGES = {
    "a connection failure": error("08006"),
    "a standby": error("25006"),
    "a database without the schema": error("3F000"),
    "a deadlock": error("40P01"),
    "a database without the tables": error("42P01"),
    "too many connections": error("53300"),
    "a shutdown": error("57P01"),
    "a connection that ends": 0.0,
    "no result": b"",
}


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("reply", OUTAGES.values(), ids=OUTAGES)
def test_an_outage(postgresql: Scripted, store: Any, reply: bytes | float) -> None:
    """The statement is executed again by another connection."""
    postgresql.replies["SELECT 7"] = [reply, rows((INT4,), (b"7",))]
    assert store.execute("SELECT 7").rows == [(7,)]
    assert (postgresql.connections, postgresql.texts()) == (2, ["SELECT 7"] * 2)


@pytest.mark.parametrize("code", ["23505", "42601", "XX001"])
def test_an_error(postgresql: Scripted, store: Any, code: str) -> None:
    """It is raised at once, and the connection is given up although the error is kept."""
    postgresql.replies["SELECT 7"] = [error(code)]
    with pytest.raises(StoreError, match=r"^it said no$") as caught:
        store.execute("SELECT 7")
    assert caught.type is StoreError
    assert postgresql.ended.acquire(timeout=5)
    assert store.execute("SELECT 8").rows == []
    assert (postgresql.connections, postgresql.texts()) == (2, ["SELECT 7", "SELECT 8"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b'database "d" does not exist', 'database "d" does not exist'),
        (b"Datenbank \xbbd\xab existiert nicht", "Datenbank \ufffdd\ufffd existiert nicht"),
        (b'the password "canary" of u is wrong', r'the password "\*\*\*" of u is wrong'),
    ],
)
def test_a_refusal(
    postgresql: Scripted, store: Any, monkeypatch: pytest.MonkeyPatch, text: bytes, shown: str
) -> None:
    """One that waiting does not change is told at once, in any encoding and without the password."""
    if b"canary" in text:
        monkeypatch.setenv("PGPASSWORD", "canary")
    postgresql.replies[""] = [fatal(text)]
    with pytest.raises(UnfitError, match=f"FATAL: +{shown}$"):
        store.execute("SELECT 1")
    assert postgresql.connections == 1


@pytest.mark.parametrize("text", ["the database system is starting up", "sorry, too many clients already"])
def test_a_refusal_that_passes(postgresql: Scripted, store: Any, clock: Any, text: str) -> None:
    """The connection is made again, after a moment."""
    postgresql.replies[""] = [fatal(text.encode()), message(b"R", struct.pack("!i", 0))]
    assert store.execute("SELECT 1").rows == []
    assert (postgresql.connections, clock.now) == (2, 0.1)


@pytest.mark.parametrize("moment", ["connecting", "executing", "sending"])
def test_a_server_that_is_silent(postgresql: Scripted, store: Any, moment: str) -> None:
    """A statement ends in time, also while it is sent; the next one has a connection and reply of its own."""
    if moment == "sending":
        store.execute("SELECT 1")
        postgresql.pause = 0.4
    postgresql.replies["" if moment == "connecting" else "SELECT 7"] = [0.4]
    began = time.monotonic()
    with pytest.raises(OutageError, match=r"^its server did not answer in time$"):
        store.execute("SELECT 7", ("a" * LONG if moment == "sending" else 1,), until=began + 0.05)
    assert time.monotonic() - began > 0.04
    postgresql.pause = 0.0
    postgresql.replies.clear()
    postgresql.replies["SELECT 8"] = [rows((INT4,), (b"8",))]
    assert store.execute("SELECT 8").rows == [(8,)]


def test_a_long_statement(postgresql: Scripted, store: Any) -> None:
    """It is sent as fast as the server reads it."""
    postgresql.pause = 0.02
    store.execute("SELECT 7", ("a" * LONG,))
    assert [len(each or b"") for _, parameters in postgresql.statements for each in parameters] == [LONG]
    assert postgresql.connections == 1


def test_a_statement_alone(postgresql: Scripted, store: Any) -> None:
    """No other process executes one of the same name until it is committed."""
    store.execute("INSERT INTO items DEFAULT VALUES", alone="a client")
    assert postgresql.statements == [
        ("BEGIN", []),
        ("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [b"a client"]),
        ("INSERT INTO connecty.items DEFAULT VALUES", []),
        ("COMMIT", []),
    ]


def test_a_question_with_nul(postgresql: Scripted, store: Any) -> None:
    """It is refused before it is sent."""
    with pytest.raises(UnfitError, match="the question has a NUL character"):
        store.execute("INSERT INTO items VALUES (?)", ("a\0b",), reserves=True)
    store.execute("INSERT INTO items VALUES (?)", ("ab",), reserves=True)
    assert [parameters for _, parameters in postgresql.statements] == [[b"ab"]]


def test_threads_that_wait(store: Any) -> None:
    """Until their deadline, without a limit that has passed; then others have the connection."""
    is_held, is_released = threading.Event(), threading.Event()
    raised: list[StoreError] = []

    def hold() -> None:
        with store.locked(time.monotonic() + 1):
            is_held.set()
            is_released.wait(2)

    def execute(seconds: float) -> None:
        try:
            store.execute("SELECT 1", until=time.monotonic() + seconds)
        except StoreError as caught:
            raised.append(caught)

    holder = threading.Thread(target=hold)
    holder.start()
    is_held.wait()
    began = time.monotonic()
    execute(-1)
    assert time.monotonic() - began < 0.9
    assert [str(each) for each in raised] == ["other calls are waiting for its server"]
    is_released.set()
    holder.join()
    for _ in range(2):
        thread = threading.Thread(target=execute, args=(5,))
        thread.start()
        thread.join()
    assert len(raised) == 1


def test_a_server_that_is_down(postgresql: Scripted, clock: Any) -> None:
    """It is tried for ten seconds; for two more, calls without a deadline do without it."""
    store = store_of(postgresql)
    assert store.soon() == 1.0
    store.execute("SELECT 1", until=store.soon())
    assert store.soon() == 1.0
    postgresql.close()
    with pytest.raises(OutageError, match="Connection refused"):
        store.execute("SELECT 1")
    assert 9.8 < clock.now < 10.05
    down = clock.now
    assert store.soon() == down
    clock.now = down + 1
    with pytest.raises(OutageError):
        store.execute("SELECT 1", until=store.soon())
    clock.now = down + 2
    assert store.soon() == down + 3
    with pytest.raises(OutageError):
        store.execute("SELECT 1", until=clock.now)
    assert store.soon() == clock.now


def test_a_server_that_is_back(postgresql: Scripted, store: Any, clock: Any) -> None:
    """It is waited for as before."""
    postgresql.replies[""] = [fatal(b"the database system is starting up")]
    with pytest.raises(OutageError):
        store.execute("SELECT 1", until=store.soon())
    assert store.soon() == clock.now
    postgresql.replies.clear()
    store.execute("SELECT 1")
    assert store.soon() == clock.now + 1


def test_a_record_that_is_required(postgresql: Scripted, clock: Any) -> None:
    """It is tried for as long as the call may take, which then sends nothing."""
    found = History(
        store_of(postgresql), required=True, base_url="u", client_id=SecretStr("c"), redact=lambda text: text
    )
    postgresql.close()
    began = clock.now
    with pytest.raises(cf.ConfigError, match="Connection refused") as caught:
        found.sent(Asked("how many?", 13), asked_at=datetime.now(UTC), seconds=3)
    assert caught.value.setting == "history"
    assert 2.8 < clock.now - began <= 3.05


def test_a_record_that_was_not_required(postgresql: Scripted, clock: Any) -> None:
    """It is written later if that takes longer than a second, with a warning."""
    found = History(
        store_of(postgresql), required=False, base_url="u", client_id=SecretStr("c"), redact=lambda text: text
    )
    postgresql.close()
    began, now = clock.now, datetime.now(UTC)
    with pytest.warns(cf.HistoryWarning, match="Connection refused"):
        found.ended("an id", "COMPLETED", now=now, rows=3)
    assert clock.now - began <= 1


@pytest.mark.parametrize("limit", [None, 3])
def test_one_question_at_a_time(postgresql: Scripted, limit: int | None) -> None:
    """Where questions are counted, those of a client are recorded one after the other, on all machines."""
    postgresql.replies["INSERT"] = [done("INSERT 0 1")]
    found = History(
        store_of(postgresql), required=True, base_url="u", client_id=SecretStr("c"), redact=lambda text: text
    )
    found.limit = limit
    with closing(found):
        assert found.sent(Asked("how many?", 13), asked_at=datetime.now(UTC)) is not None
    locks = [parameters for text, parameters in postgresql.statements if "advisory" in text]
    assert locks == ([] if limit is None else [[found._client.encode()]])


@pytest.fixture
def by_url(server: Script, postgresql: Scripted) -> Iterator[Client]:
    """Return a client whose history is in that database."""
    settings = {"client_secret": "s", "base_url": server.address, "dw_id": 13}
    with Client("canary-client-id", history=postgresql.url, **settings) as found:
        yield found


def test_a_batch_of_another_store(
    client: Client, by_url: Client, postgresql: Scripted, tmp_path: Path
) -> None:
    """It is refused before its store is asked, with what to do; one of the same by other options is not."""
    folder = tmp_path / "batch"
    cf.ask_batch(["how many?"], folder, client=client, max_questions=0, progress=False)
    with pytest.raises(
        cf.ConfigError, match=r"Name a new folder, or ask without a URL, as at the start: only"
    ):
        cf.ask_batch(["how many?"], folder, client=by_url)
    manifest = json.loads((folder / "batch.json").read_text())
    for url, other in ((postgresql.url, client), (f"{postgresql.url}2", by_url)):
        (folder / "batch.json").write_text(json.dumps({**manifest, "store": url}))
        with pytest.raises(
            cf.ConfigError, match=rf"Name a new folder, or ask with history='{re.escape(url)}[?'].*, as at"
        ):
            cf.ask_batch(["how many?"], folder, client=other)
    assert [text for text in postgresql.texts() if "items" in text] == []

    (folder / "batch.json").write_text(json.dumps({**manifest, "store": f"{postgresql.url}?user=u"}))
    postgresql.replies["SELECT 1 FROM connecty.items"] = [rows((INT4,), (b"1",))]
    cf.ask_batch([], folder, client=by_url, progress=False)


def test_a_batch_with_nul(server: Script, by_url: Client, postgresql: Scripted, tmp_path: Path) -> None:
    """None of its questions gets a number, nor is sent."""
    postgresql.replies["SELECT 1 FROM connecty.items WHERE batch = $1 AND number"] = [rows((INT4,), (b"1",))]
    with pytest.raises(cf.ConfigError, match="a question has a NUL character, which PostgreSQL cannot store"):
        cf.ask_batch(["how many?", "who\0?"], tmp_path / "batch", client=by_url)
    inserted = [
        given for text, given in postgresql.statements if text.startswith("INSERT INTO connecty.items")
    ]
    assert [given[1] for given in inserted] == [b"0"]  # which is the batch itself
    assert server.questions == []


def test_its_clock(store: Any) -> None:
    """Times and leases are those of the server, for all machines."""
    assert store.now(datetime.now(UTC)) == (postgres._CLOCK, ())
    assert store.lease() == {"lease": (postgres._CLOCK, ())}


def test_its_place(postgresql: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages name it without options; answers are kept in a file of this user, if one can be made."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    store = store_of(postgresql, "?application_name=a")
    assert store.place == postgresql.url
    assert store.answers_path.parent == tmp_path / "connecty"
    assert store.answers_path == store_of(postgresql).answers_path
    monkeypatch.setattr(postgres, "user_folder", lambda _: None)
    assert store.answers_path.parent.as_posix() == "/dev/null"


@pytest.mark.parametrize("has_poll", [True, False])
def test_waiting_for_a_socket(monkeypatch: pytest.MonkeyPatch, *, has_poll: bool) -> None:
    """To read or to write it, until a time that may have passed; also for one of many that are open."""
    if not has_poll:
        monkeypatch.delattr(postgres.select, "poll")
    one, other = socket.socketpair()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with one, other:
        number = one.fileno()
        if has_poll:  # beyond what select takes
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2_000)), hard))
            number = os.dup2(number, 1_500)
        try:
            postgres._wait(number, time.monotonic(), reads=False, writes=True)
            for seconds in (0.02, -1):
                began = time.monotonic()
                with pytest.raises(OutageError):
                    postgres._wait(number, began + seconds)
                assert seconds - 0.01 < time.monotonic() - began < 0.9
            other.send(b"a")
            postgres._wait(number, time.monotonic())
        finally:
            if has_poll:
                os.close(number)
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_psycopg(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ConfigError names the extra."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "connecty_frames.store.postgres")
    with pytest.raises(cf.ConfigError) as caught:
        importlib.import_module("connecty_frames.store.postgres")
    assert str(caught.value) == (
        "A history in PostgreSQL needs psycopg: pip install 'connecty-frames[postgres]'."
    )
