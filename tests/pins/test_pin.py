"""``pin`` and ``pinned``: what is asked and when, what the file has, and what is run from it."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import connecty_frames as cf
from connecty_frames.pins import PinFolder
from connecty_frames.sandbox import Sandbox
from tests.servers import programs
from tests.servers.forking import Forking
from tests.servers.scripted import Script
from tests.servers.timing import pause, until, within

QUESTION_ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
SQL = "SELECT o.id, o.name FROM shop.orders AS o WHERE o.id < 100 ORDER BY o.id"


def test_a_pin_is_kept(service: Any) -> None:
    """All that the file has of it is read back."""
    service.pin(max_rows=None, tz="Asia/Tokyo")

    found = cf.pinned("orders")
    assert service.script.questions == ["list the orders"]
    assert (found.name, found.question, found.dw_id) == ("orders", "list the orders", 13)
    assert (found.question_id, found.dialect, found.sql) == (QUESTION_ID, "duckdb", SQL)
    assert found.tables == ("shop.orders",)
    assert found.schema.arrow == pa.schema({"id": pa.int64(), "name": pa.string()})
    assert found.rows == 2
    assert found.options == {"max_rows": None, "tz": "Asia/Tokyo"}
    assert found.asked_at is not None
    assert abs(datetime.now(UTC) - found.asked_at).total_seconds() < 60
    assert repr(found) == (f"<Pin 'orders': 'list the orders', 2 columns, question_id {QUESTION_ID}>")


def test_the_file_is_made_for_review(service: Any) -> None:
    """Each pin has a file, and the SQL has its lines."""
    service.answer("SELECT id,\n  name\nFROM shop.orders")
    service.pin("z")
    service.pin("a b", dialect=None)
    assert sorted(path.name for path in Path("connecty-pins").iterdir()) == ["a b.toml", "z.toml"]
    lines = Path("connecty-pins/z.toml").read_text(encoding="utf-8").splitlines()
    assert lines[1:3] == ["version = 2", 'question = "list the orders"']
    assert 'tables = ["shop.orders"]' in lines
    assert '    {name = "id", type = "int64", evidence = "2 whole numbers"},' in lines
    assert lines[-3:] == ['sql = """SELECT id,', "  name", 'FROM shop.orders"""']
    assert lines.count('dialect = "duckdb"') == 1


@pytest.mark.parametrize(
    "sql", ["SELECT 1\r\nFROM a", 'SELECT """x\\" \\', "SELECT 'ż\t\x7f\x01'\n", "\nSELECT 1"]
)
def test_sql_is_kept_exactly(service: Any, sql: str) -> None:
    """Whatever characters it has."""
    service.answer(sql)
    service.pin()
    assert cf.pinned("orders").sql == sql


#: Bidirectional, zero-width, blank, private and tag characters.
HIDDEN = {
    "\u202e": (r"\u202e", "U+202E (RIGHT-TO-LEFT OVERRIDE)"),
    "\u2066": (r"\u2066", "U+2066 (LEFT-TO-RIGHT ISOLATE)"),
    "\u200b": (r"\u200b", "U+200B (ZERO WIDTH SPACE)"),
    "\u200d": (r"\u200d", "U+200D (ZERO WIDTH JOINER)"),
    "\u2060": (r"\u2060", "U+2060 (WORD JOINER)"),
    "\ufeff": (r"\ufeff", "U+FEFF (ZERO WIDTH NO-BREAK SPACE)"),
    "\xad": (r"\u00ad", "U+00AD (SOFT HYPHEN)"),
    "\u2028": (r"\u2028", "U+2028 (LINE SEPARATOR)"),
    "\u3164": (r"\u3164", "U+3164 (HANGUL FILLER)"),
    "\x9b": (r"\u009b", "U+009B (unnamed)"),
    "\xa0": (r"\u00a0", "U+00A0 (NO-BREAK SPACE)"),
    "\u2009": (r"\u2009", "U+2009 (THIN SPACE)"),
    "\u2800": (r"\u2800", "U+2800 (BRAILLE PATTERN BLANK)"),
    "\ue000": (r"\ue000", "U+E000 (unnamed)"),
    "\ufffe": (r"\ufffe", "U+FFFE (unnamed)"),
    "\U0001d159": (r"\U0001d159", "U+1D159 (MUSICAL SYMBOL NULL NOTEHEAD)"),
    "\U000e0041": (r"\U000e0041", "U+E0041 (TAG LATIN CAPITAL LETTER A)"),
}


@pytest.mark.parametrize("hidden", HIDDEN, ids=lambda each: f"{ord(each):X}")
def test_invisible_characters(service: Any, hidden: str) -> None:
    """They are escapes in the file, and those of the SQL are named; a file that has one itself is refused."""
    escape, name = HIDDEN[hidden]
    sql = f"SELECT id,\n'\\{hidden}' FROM t"
    service.answer(sql, rows=[["id", f"n{hidden}"], [1, "a"]])
    with pytest.warns(cf.PinWarning) as warned:
        cf.pin("orders", f"list {hidden}", client=service.client)

    assert str(warned[0].message) == (
        f"The SQL of pin 'orders' has invisible characters: {name}. They are escapes in "
        f"{Path('connecty-pins/orders.toml').resolve()}: read it before you commit it."
    )
    path = Path("connecty-pins/orders.toml")
    text = path.read_text(encoding="utf-8")
    assert hidden not in text
    assert text.splitlines()[2] == f'question = "list {escape}"'
    assert text.splitlines()[-2:] == ['sql = """SELECT id,', f"'\\\\{escape}' FROM t" + '"' * 3]
    found = cf.pinned("orders")
    assert (found.sql, found.question, found.schema.names) == (sql, f"list {hidden}", ["id", f"n{hidden}"])

    path.write_text(text.replace("version = 2", f"# {hidden}\nversion = 2"), encoding="utf-8")
    with pytest.raises(cf.ConfigError) as caught:
        cf.pinned("orders")
    assert f"orders.toml has invisible characters: {name}. Restore it, or write" in str(caught.value)


@pytest.mark.filterwarnings("error")
def test_visible_characters(service: Any) -> None:
    """Letters of other scripts and combining marks stay as they are, without a warning."""
    sql = "SELECT 'Łódź, e\u0301, 東京\u3000都, مرحبا'"
    service.answer(sql)
    service.pin()
    assert f'sql = """{sql}"""' in Path("connecty-pins/orders.toml").read_text(encoding="utf-8")


def test_an_answer_is_pinned_by_its_id(service: Any) -> None:
    """Nothing is asked; when it was asked is then unknown."""
    service.pin(question_id=QUESTION_ID)
    assert service.script.questions == []
    assert cf.pinned("orders").asked_at is None
    assert cf.pinned("orders").question == "list the orders"


def test_a_pin_is_replaced_only_on_request(service: Any) -> None:
    """A name that exists is an error before a question is asked; a replaced pin is the new one."""
    service.pin()
    with pytest.raises(cf.ConfigError, match=r"Pin 'orders' already exists in .*-pins\. .*replace=True"):
        service.pin()
    assert len(service.script.questions) == 1
    service.answer("SELECT 1 AS id, 'a' AS name")
    service.pin(replace=True)
    assert cf.pinned("orders").sql == "SELECT 1 AS id, 'a' AS name"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"name": ""}, cf.ConfigError, "name='' is not a file name; the pin's file is named after it"),
        ({"name": ".."}, cf.ConfigError, "is not a file name"),
        ({"name": ".orders"}, cf.ConfigError, "begins with a period, as hidden files do"),
        ({"name": "a/b"}, cf.ConfigError, "has a path separator"),
        ({"name": "a:b"}, cf.ConfigError, "which Windows and Spark do not allow in file names"),
        ({"name": "a\x1b[2J"}, cf.ConfigError, "has a control character"),
        ({"name": "a" * 101}, cf.ConfigError, "has more than 100 bytes"),
        ({"name": 7}, cf.ConfigError, "name=7 is not text"),
        ({"name": "secret"}, cf.ConfigError, "contains the client secret"),
        ({"dialect": "klingon"}, cf.ConfigError, "dialect='klingon': expected one of athena"),
        ({"path": "missing/pins"}, FileNotFoundError, "missing"),
        ({"path": os.devnull}, cf.ConfigError, "cannot be read: "),
        ({"max_rows": -1}, cf.ConfigError, "max_rows=-1"),
        ({"replace": "no"}, cf.ConfigError, "replace='no': expected True or False"),
        ({"on_truncation": "raise"}, TypeError, "pin keeps no rows"),
        ({"tmezone": "UTC"}, TypeError, "unexpected keyword argument 'tmezone'"),
        ({"question_id": QUESTION_ID, "max_age": "1h"}, TypeError, "unexpected keyword argument 'max_age'"),
        ({"question_id": ""}, cf.ConfigError, "question_id='': expected the id of a question"),
    ],
)
def test_a_wrong_argument_costs_nothing(
    service: Any, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    """It is an error before anything is asked, and no file is left."""
    with pytest.raises(error, match=message):
        service.pin(**{"name": "orders", **arguments})
    assert service.script.questions == []
    assert list(Path().iterdir()) == []


def test_a_question_that_is_no_text(service: Any) -> None:
    """It is the error of ask."""
    with pytest.raises(cf.ConfigError, match="question is of type int; expected the question as a str"):
        cf.pin("orders", 7, client=service.client)  # type: ignore[arg-type]


@pytest.mark.parametrize(("answer", "lacking"), [({"sql": None}, "SQL"), ({"dataframe": None}, "a table")])
def test_an_answer_without_sql_or_table(service: Any, answer: dict[str, Any], lacking: str) -> None:
    """It is not pinned, and the error has the id of the question, which was paid for."""
    service.answer(**answer)
    with pytest.raises(cf.ConfigError, match=f"answered without {lacking}, so nothing was pinned") as caught:
        service.pin()
    assert caught.value.question_id == QUESTION_ID
    assert list(Path().iterdir()) == []


def test_a_paid_question_is_not_lost(service: Any, folder: Path) -> None:
    """If the name is taken while the question is asked, the note of the error says how to pin the answer."""
    other = replace(service.pin("other", question_id=QUESTION_ID), name="orders", question="another")

    def take(_: object) -> None:
        pins = PinFolder(folder / "connecty-pins")
        if "orders" not in pins.names():
            with pins.writing("orders", replaces=False) as write:  # as git may, which waits for nobody
                write(other)

    with pytest.raises(cf.ConfigError, match="already") as caught:
        service.pin(progress=take)

    assert caught.value.__notes__ == [
        f"The question was asked. question_id='{QUESTION_ID}' pins its answer without asking again."
    ]
    assert cf.pinned("orders").question == "another"


@pytest.mark.parametrize(
    "answer", [{"sql": "SELECT 'secret'"}, {"rows": [["id", "secret"], [1, "a"]]}], ids=["SQL", "column"]
)
def test_a_secret_is_not_written(service: Any, answer: dict[str, Any]) -> None:
    """SQL or a column with the client secret in it is an error, since the file is made to be shared."""
    service.answer(**answer)
    with pytest.raises(cf.ConfigError, match="contains the client secret"):
        service.pin()
    assert list(Path().iterdir()) == []


def test_the_nearest_file_is_read(service: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one of the working directory or of a folder above it; a new pin goes there as well."""
    service.pin()
    (folder / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(folder / "a" / "b")
    assert cf.pinned("orders").sql == SQL
    service.pin("second")
    assert list((folder / "a").rglob("*.toml")) == []
    assert cf.pinned("second", path=folder / "connecty-pins").sql == SQL


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is not a pin file"),
        (b"[package]\nname = 'x'", "is not a pin file"),
        (b"version = 3", "has version 3, but this package reads 2"),
        (b"version = 2\nother = 1", "is damaged: pin 'orders': Object contains unknown field `other`"),
        (b"version = 2\n[pins", "is damaged: Expected ']'"),
        (b"#" * 2**20, "is not a pin file"),
        (b"#" * (2**20 + 1), "is longer than 1,048,576 bytes"),
        (b"\xff\xfe", "is damaged: UnicodeDecodeError"),
        (b"a = " + b"[" * 100_000, "is damaged: "),
        (b"version = 2\nquestion = 'q'", "is damaged: pin 'orders': Object missing required field `dw_id`"),
    ],
)
def test_a_damaged_or_foreign_file(service: Any, text: bytes, message: str) -> None:
    """It is an error when it is read, and before anything is asked; it stays as it is, as do other pins."""
    service.pin("other")
    path = Path("connecty-pins/orders.toml")
    path.write_bytes(text)
    for call in (lambda: cf.pinned("orders"), service.pin):
        with pytest.raises(cf.ConfigError, match=message) as caught:
            call()
        assert caught.value.setting == "path"
    assert len(service.script.questions) == 1
    assert path.read_bytes() == text
    assert cf.pinned("other").sql == SQL


def test_links(service: Any, folder: Path) -> None:
    """A folder and a file may be links, which stay; what is no regular file is not read."""
    (folder / "shared").mkdir()
    Path("connecty-pins").symlink_to("shared")
    service.pin()
    (folder / "shared" / "orders.toml").rename(folder / "elsewhere.toml")
    (folder / "shared" / "orders.toml").symlink_to("../elsewhere.toml")
    service.pin(question_id=QUESTION_ID, replace=True)

    assert (folder / "shared" / "orders.toml").is_symlink()
    assert (cf.pinned("orders").asked_at, [*folder.glob("*.toml")]) == (None, [folder / "elsewhere.toml"])
    for name, target, reason in (
        ("zeros", "/dev/zero", "Not a regular file"),
        ("gone", "gone-too", "No such file or directory"),
        ("circle", "circle.toml", "Too many levels of symbolic links"),
    ):
        (folder / "shared" / f"{name}.toml").symlink_to(target)
        with pytest.raises(cf.ConfigError, match=f"{name}.toml cannot be read: {reason}"):
            service.pin(name)
    assert service.script.questions == ["list the orders"]


def test_a_pin_that_is_too_large(service: Any) -> None:
    """Nothing is written, and the error has the id of the question, which was paid for."""
    service.answer(f"{SQL} -- {'x' * 2**20}")
    with pytest.raises(cf.ConfigError, match="or is larger than 1,048,576 bytes") as caught:
        service.pin()
    assert f"question_id='{QUESTION_ID}'" in caught.value.__notes__[0]
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("dw_id = 13", "dw_id = -13", "dw_id=-13: expected a workspace id"),
        ("dw_id = 13", 'dw_id = "13"', "Expected `int`, got `str` - at `\\$.dw_id`"),
        ("question_id = ", 'question_id = "/" #', "expected the id of a question"),
        ("asked_at = ", "asked_at = 2026-01-01T00:00:00 #", "Expected `datetime` with a timezone"),
        ("asked_at = ", "asked_at = 0001-01-01T00:00:00+10:00 #", "pin 'orders': date value out of range"),
        ('type = "int64"', 'type = "int64", unit = "s"', "it has 'unit', which this package does not"),
        ("rows = 2", "rows = true", "Expected `int . null`, got `bool`"),
        ('type = "int64"', 'type = "int65"', "pin 'orders': "),
        ("rows = 2", 'rows = 2\noptions = {tz = "Mars"}', "tz='Mars'"),
        ("rows = 2", "rows = 2\noptions = {strict = true}", "it has 'strict', which"),
        ("rows = 2", "rows = 2\nsize = 2", "Object contains unknown field `size`"),
        ('tables = ["shop.orders"]', "tables = [1]", "Expected `str`, got `int` - at `..tables"),
    ],
)
def test_an_edited_value(service: Any, before: str, after: str, message: str) -> None:
    """A value that cannot be is an error that names the pin."""
    service.pin()
    service.edit(before, after)
    with pytest.raises(cf.ConfigError, match=message):
        cf.pinned("orders")


def test_edited_sql_is_not_run(service: Any, database: duckdb.DuckDBPyConnection) -> None:
    """What differs from its fingerprint was never an answer; a difference in layout is none."""
    service.pin()
    service.edit("SELECT o.id,", "SELECT  o.id,")
    assert cf.pinned("orders").rerun(database).read_all().num_rows == 3
    service.edit("< 100", "< 1000")
    with pytest.raises(cf.ConfigError, match="is not the pinned SQL: the file was edited"):
        cf.pinned("orders").rerun(database)


def test_an_unknown_name(service: Any) -> None:
    """The error lists the names that there are; without a file there are none."""
    with pytest.raises(cf.ConfigError, match=r"No pin 'order' in .*connecty-pins; it has none\."):
        cf.pinned("order")
    service.pin()
    with pytest.raises(cf.ConfigError, match=r"No pin 'order' in .*connecty-pins; it has 'orders'\."):
        cf.pinned("order")


def test_names_that_differ_in_case(service: Any) -> None:
    """Some file systems do not tell them apart."""
    service.pin()
    with pytest.raises(cf.ConfigError, match="name='Orders' differs from the pin 'orders' only in case"):
        service.pin("Orders")
    assert len(service.script.questions) == 1


def test_neighbours_merge_without_a_conflict(service: Any, folder: Path) -> None:
    """Two branches of a repository add pins, whose files git merges."""

    def git(*arguments: str) -> str:
        options = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
        return subprocess.run(
            ["git", *options, *arguments], cwd=folder, check=True, capture_output=True, text=True
        ).stdout

    def add(branch: str, name: str) -> None:
        git("checkout", "-q", "-b", branch, "main")
        service.pin(name)
        git("add", "-A")
        git("commit", "-qm", name)

    git("init", "-q")
    service.pin("orders")
    git("add", "-A")
    git("commit", "-qm", "orders")
    add("one", "orders_by_day")
    add("two", "orders_by_week")
    git("merge", "-q", "--no-edit", "one")

    assert git("status", "--porcelain") == ""
    assert PinFolder.find().names() == ["orders", "orders_by_day", "orders_by_week"]
    assert [cf.pinned(name).sql for name in PinFolder.find().names()] == [SQL] * 3


@pytest.mark.slow
def test_processes_that_pin_at_once_lose_nothing(service: Any, forking: Forking) -> None:
    """Each of three processes adds its pins to the same folder."""
    code = (
        "import connecty_frames as cf, sys\n"
        f"client = cf.Client('id', client_secret='secret', base_url={service.script.address!r}, dw_id=13)\n"
        "for n in range(4):\n"
        f"    cf.pin(f'{{sys.argv[1]}} {{n}}', 'q', client=client, question_id={QUESTION_ID!r})\n"
    )
    processes = [subprocess.Popen([forking.python, "-c", code, name]) for name in "abc"]
    assert [process.wait(60) for process in processes] == [0] * 3
    assert len(PinFolder.find().names()) == 12
    assert len(list(Path("connecty-pins").iterdir())) == 12


#: Pins one name with the arguments of the program.
PIN = """
import connecty_frames as cf, json, sys
address, options = json.loads(sys.argv[1])
client = cf.Client("id", client_secret="secret", base_url=address, dw_id=13, timeout=30)
print(cf.pin("orders", client=client, **options).question_id)
"""


def start(service: Any, **options: Any) -> subprocess.Popen[str]:
    arguments = json.dumps([service.script.address, {"question": "list the orders", **options}])
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", PIN, arguments], stdout=pipe, stderr=pipe, text=True)


def pin_all(service: Any, count: int, **options: Any) -> list[cf.Pin | Exception]:
    """Pin one name in threads that begin at the same time, and return what each gets."""
    begin = threading.Barrier(count)

    def make(_: int) -> cf.Pin | Exception:
        begin.wait()
        try:
            return service.pin(**options)
        except cf.ConnectyError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(make, range(count)))


def has_opened_part(process: subprocess.Popen[str]) -> bool:
    assert process.poll() is None
    with suppress(FileNotFoundError):  # a file was closed just now
        return any(path.readlink().suffix == ".part" for path in Path(f"/proc/{process.pid}/fd").iterdir())
    return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("replace", [False, True])
def test_processes_that_pin_one_name_ask_once(service: Any, folder: Path, *, replace: bool) -> None:
    """The others wait, and have the pin of the first; nothing else is left in the folder."""
    if replace:
        service.pin(question_id=QUESTION_ID)
    released = threading.Event()
    service.script.on("ask", service.script.held(released, Script.answer(202, {"question_id": QUESTION_ID})))
    processes = [start(service, replace=replace) for _ in range(3)]
    until(lambda: all(map(has_opened_part, processes)))
    released.set()

    assert [process.communicate(timeout=60) for process in processes] == [(f"{QUESTION_ID}\n", "")] * 3
    assert service.script.questions == ["list the orders"]
    assert [path.name for path in folder.rglob("*.*")] == ["orders.toml"]


def test_threads_that_pin_one_name_ask_once(service: Any, folder: Path) -> None:
    """They have the same pin, with the types that each wanted."""
    released = threading.Event()  # once all of them have begun
    service.script.on("ask", service.script.held(released, Script.answer(202, {"question_id": QUESTION_ID})))

    def release() -> None:
        pause(0.3)
        released.set()

    threading.Thread(target=release).start()
    pins = pin_all(service, 8, schema={"id": "int32"}, tz="Asia/Tokyo")
    assert pins == [cf.pinned("orders")] * 8
    assert service.script.questions == ["list the orders"]
    assert [path.name for path in folder.rglob("*.*")] == ["orders.toml"]


@pytest.mark.parametrize(
    "other",
    [
        {"question": "another"},
        {"dialect": "postgres"},
        {"dw_id": 14},
        {"tz": "Asia/Tokyo"},
        {"schema": {"id": "int32"}},
        {"question_id": "00000000-b06a-449e-a3c9-df40f5e570b8"},
    ],
)
def test_another_pin_of_the_name_is_an_error(service: Any, other: dict[str, Any]) -> None:
    """For the caller that waited for it; nothing more is asked."""
    question = other.pop("question", "list the orders")
    errors = []

    def pin_too(_: object) -> None:
        thread.start()
        pause(0.2)

    def wait() -> None:
        try:
            cf.pin("orders", question, **{"client": service.client, "dialect": "duckdb", **other})
        except cf.ConfigError as error:
            errors.append(str(error).partition(" in ")[0])

    thread = threading.Thread(target=wait)
    service.pin(progress=lambda step: thread.is_alive() or pin_too(step))
    thread.join()

    assert errors == ["Pin 'orders' already exists"]
    assert len(service.script.questions) == 1


def test_other_names_are_pinned_meanwhile(service: Any) -> None:
    """They do not wait for each other."""
    other: list[cf.Pin] = []
    service.pin(progress=lambda _: other or other.append(service.pin("other")))
    assert (cf.pinned("orders").name, cf.pinned("other").name) == ("orders", "other")


def test_waiting_ends_with_the_timeout(service: Any, folder: Path) -> None:
    """Nothing is asked by the caller that waited; the other goes on."""
    waited: list[float] = []

    def pin_too(_: object) -> None:
        if not waited:
            began = time.monotonic()
            with (
                within(0.3, slack=1.2),
                pytest.raises(
                    cf.QuestionTimeout,
                    match=r"Another call was still pinning 'orders'.*nothing was asked\. Call again, or with",
                ),
            ):
                service.pin(timeout=0.3)
            waited.append(time.monotonic() - began)

    service.pin(progress=pin_too)

    assert waited[0] >= 0.3
    assert service.script.questions == ["list the orders"]
    assert [path.name for path in folder.rglob("*.*")] == ["orders.toml"]


@pytest.mark.slow
def test_a_killed_process_holds_no_name(service: Any, folder: Path) -> None:
    """The next caller asks, and removes what the process left behind."""
    service.script.on("ask", service.script.hang)
    process = start(service)
    until(lambda: service.script.questions)
    process.kill()
    process.communicate()
    assert len(list((folder / "connecty-pins").iterdir())) == 2
    service.script.on("ask", Script.answer(202, {"question_id": QUESTION_ID}))
    assert service.pin().question_id == QUESTION_ID
    assert [path.name for path in folder.rglob("*.*")] == ["orders.toml"]


def test_a_pin_has_room_before_its_question_is_asked(service: Any) -> None:
    """64 KB, since there may be none later; the file has only what it needs in the end."""
    sizes: list[int] = []
    service.pin(
        progress=lambda _: sizes.extend(path.stat().st_size for path in Path("connecty-pins").iterdir())
    )
    assert max(sizes) == 65_536
    assert Path("connecty-pins/orders.toml").stat().st_size < 1_000


@pytest.fixture
def disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    mount = folder / "disk"
    mount.mkdir()
    programs.run_privileged("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mount))
    with monkeypatch.context() as patch:
        patch.chdir(mount)
        yield mount
    subprocess.run(["umount", str(mount)], check=True)


def fill(disk: Path, left: int = 0) -> None:
    space = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with suppress(OSError), (disk / "other").open("ab", buffering=0) as file:
        file.write(bytes(max(0, space - left)))


@pytest.mark.external
@pytest.mark.parametrize("left", [0, 4096, 32_768])
def test_a_full_disk_costs_nothing(service: Any, disk: Path, left: int) -> None:
    """Nothing is asked where a pin may not be kept; the file is as it was."""
    service.pin("other", question_id=QUESTION_ID)
    before = Path("connecty-pins/other.toml").read_bytes()
    fill(disk, left)
    with pytest.raises(OSError, match="No space left on device") as caught:
        service.pin()
    assert caught.value.filename == str(disk / "connecty-pins" / "orders.toml")
    assert service.script.questions == []
    assert Path("connecty-pins/other.toml").read_bytes() == before
    assert [path.name for path in Path("connecty-pins").iterdir()] == ["other.toml"]


@pytest.mark.external
def test_a_disk_that_is_filled_meanwhile(service: Any, disk: Path) -> None:
    """There is room for the pin that is being paid for."""
    service.pin(progress=lambda _: fill(disk))
    assert cf.pinned("orders").sql == SQL


@pytest.mark.external
def test_a_pin_that_does_not_fit(service: Any, disk: Path) -> None:
    """The error has the id, by which it is pinned at no cost once there is room."""
    service.answer(f"SELECT o.id, o.name /* {'x' * 100_000} */ FROM shop.orders AS o")
    with pytest.raises(cf.WriteFailed) as caught:
        service.pin(progress=lambda _: fill(disk))

    assert str(caught.value) == (
        f"The answer to question {QUESTION_ID} cannot be written to {disk / 'connecty-pins' / 'orders.toml'} "
        "(No space left on device). Fetch it again by its id at no cost."
    )
    assert caught.value.__notes__ == [
        f"The question was asked. question_id='{QUESTION_ID}' pins its answer without asking again."
    ]
    assert caught.value.question_id == QUESTION_ID
    assert [path.name for path in disk.iterdir()] == ["other"]
    (disk / "other").unlink()
    assert service.pin(question_id=caught.value.question_id).name == "orders"
    assert service.script.questions == ["list the orders"]


def test_fetch_df_fetches_the_pinned_answer(service: Any) -> None:
    """It asks nothing, and requires the pinned columns and types."""
    pin = service.pin()
    service.answer(rows=[["id", "name"], [1.5, "a"]])
    with pytest.raises(cf.ConversionError, match="'id'"):
        pin.fetch_df(client=service.client)
    service.answer(rows=[["id", "name"], [5, "a"]])
    frame = pin.fetch_df(engine="polars", client=service.client)
    assert frame.rows() == [(5, "a")]
    assert len(service.script.questions) == 1


@pytest.mark.parametrize("option", [{"dw_id": 14}, {"schema": {}}])
def test_what_a_pin_decides(service: Any, option: dict[str, Any]) -> None:
    """Another workspace or schema is an error."""
    pin = service.pin()
    with pytest.raises(cf.ConfigError, match=f"{next(iter(option))}=.*: pin 'orders' sets it"):
        pin.fetch_df(client=service.client, **option)


def test_rerun(service: Any, database: duckdb.DuckDBPyConnection) -> None:
    """All rows that the warehouse has now, with the pinned types; their number may have changed."""
    service.pin()
    expected = [{"id": 2, "name": "b"}, {"id": 3, "name": "c"}, {"id": 7, "name": "d"}]
    pin = cf.pinned("orders")

    reader = pin.rerun(database)
    assert reader.schema == pa.schema({"id": pa.int64(), "name": pa.string()})
    assert reader.read_all().to_pylist() == expected
    del reader
    for table in (pin.cast(database.sql(pin.sql)), cf.cast(pin, database.sql(pin.sql))):
        assert table.schema == pa.schema({"id": pa.int64(), "name": pa.string()})
        assert table.to_pylist() == expected
        assert cf.metadata(table, required=True).question_id == pin.question_id
    assert len(service.script.questions) == 1


def test_a_cast_that_fails_names_the_question(service: Any) -> None:
    """The pinned answer can be fetched again for free."""
    pin = service.pin()
    with pytest.raises(cf.ConfigError) as caught:
        pin.cast(7)
    assert caught.value.question_id == pin.question_id
    assert f'cf.fetch("{pin.question_id}"' in caught.value.__notes__[0]


def test_types_of_a_rerun(service: Any, database: duckdb.DuckDBPyConnection) -> None:
    """Whole numbers become a declared double, unless ``schema=`` set their type, then or now."""
    database.execute("ALTER TABLE shop.orders ALTER id TYPE DOUBLE")
    pin = service.pin()
    pinned = service.pin("chosen", schema={"id": int})

    table = pin.rerun(database).read_all()
    assert table.schema.field("id").type == pa.float64()
    known = cf.metadata(table, required=True)
    assert (known.question, known.question_id) == (pin.question, pin.question_id)
    assert known.asked_at == pin.asked_at
    assert known.schema[0] == {"name": "id", "type": "double", "evidence": "double in the table"}
    assert pinned.rerun(database).read_all().schema.field("id").type == pa.int64()
    chosen = pin.rerun(database, schema={"id": "int32"}).read_all()
    assert chosen.schema.field("id").type == pa.int32()
    assert pin.cast(database.sql(pin.sql)).schema.field("id").type == pa.int64()


def test_rerun_needs_a_dialect(service: Any, database: duckdb.DuckDBPyConnection) -> None:
    """Of the pin or of the call."""
    pin = service.pin(dialect=None)
    with pytest.raises(
        cf.ConfigError,
        match=r"Pin 'orders' has no dialect\. Name the SQL dialect of the connection, such as dialect=",
    ):
        pin.rerun(database)
    assert pin.rerun(database, dialect="duckdb").read_all().num_rows == 3


def test_a_question_of_the_sandbox(connected: Sandbox) -> None:
    """A real question is pinned, fetched and checked; its SQL gives the same rows again."""
    pin = cf.pin("countries", "list the top 5 countries with the most orders", dialect="duckdb")
    assert pin.tables == ("sales.orders", "sales.customers", "sales.countries")
    assert pin.fetch_df().country.tolist() == ["Poland", "Germany", "France", "Italy", "Spain"]
    before = connected.request_log.submissions()
    checked = pin.check(ask=True, times=2)
    assert not checked.changed
    assert (checked.same_sql, checked.same_columns, checked.same_rows) == (2, 2, 2)
    assert connected.request_log.submissions() - before == {
        "list the top 5 countries with the most orders": 2
    }
