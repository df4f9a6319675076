"""Paths and ``file://`` URLs are taken, other URLs are an error, and files are complete or absent."""

import enum
import errno
import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

import connecty_frames as cf
from connecty_frames import files
from connecty_frames.cli.app import app
from connecty_frames.errors import ConfigError
from connecty_frames.files import atomic_write, locked_folder
from connecty_frames.sandbox import Sandbox
from tests.cases import cases
from tests.servers.scripted import Script, serve

URLS: Final = (
    "s3://bucket/nightly",
    "gs://bucket/nightly",
    "postgresql://reader:canary@host/db",
    "abfss://data@account.dfs.core.windows.net/a",
    "hdfs://host:8020/a",
    "https://host/a.parquet",
    "S3://bucket",
    " s3a://bucket",
    "jdbc:postgresql://host/db",
    "simplecache::s3://bucket/a",
    "file://host/folder",
    "file://folder",
)


@cases("url", [*URLS, "sqlite:///a.db", "dbfs:/a", "s3://", *map(Path, URLS[:10])])
def test_a_url_is_no_path(url: str | Path) -> None:
    """Also as a Path, which has a single slash, and in any case; the message names the scheme alone."""
    scheme = str(url).partition(":/")[0].strip()
    with pytest.raises(ConfigError) as raised:
        files.checked_path(url, "folder")
    assert str(raised.value) == (
        f"folder: expected a local path, or file:///path, not a URL with {scheme}://."
    )
    assert raised.value.setting == "folder"


@cases(
    ("url", "path"),
    [
        ("file:///a/b.parquet", "/a/b.parquet"),
        ("FILE:///a", "/a"),
        ("file://localhost/a", "/a"),
        ("file://LOCALHOST/a", "/a"),
        ("file:/a", "/a"),
        (Path("file:///a/b c"), "/a/b c"),
        ("file:///a%20b/%C3%BC%25", "/a b/\u00fc%"),
        ("file:///a%ff", "/a\udcff"),
        ("file:///100%", "/100%"),
        ("file:///a?b#c", "/a?b#c"),
        ("file:///", "/"),
    ],
)
def test_a_url_of_a_file_is_its_path(url: str | Path, path: str) -> None:
    """With the host left out or localhost, what is percent-encoded decoded, and a NUL refused."""
    assert files.checked_path(url) == Path(path)
    with pytest.raises(ConfigError, match="without NUL characters"):
        files.checked_path("file:///a%00b")


def test_a_text_that_is_an_enum_is_its_value() -> None:
    """Not the name of its member, which Path takes before Python 3.12."""
    names: Any = enum.Enum("names", {"OUTPUT": "a/b", "BUCKET": "s3://bucket"}, type=str)
    assert files.checked_path(names.OUTPUT) == Path("a/b")
    with pytest.raises(ConfigError, match="not a URL with s3://"):
        files.checked_path(names.BUCKET)


@cases(
    "path",
    [
        "C:\\x",
        "C:/x",
        "c://x",
        "a:b/c",
        "./s3://bucket",
        "/s3://bucket",
        "a/s3://b",
        "s3:",
        "a:b:/c",
        "10:/a",
        "",
        "~/a",
    ],
)
def test_other_texts_are_paths(path: str) -> None:
    """Drives of Windows, and what begins with no scheme."""
    assert files.checked_path(path) == Path(path)


@pytest.fixture
def server() -> Iterator[Script]:
    with serve() as script:
        results = {"sql_query": "SELECT 1 AS n", "dataframe": [["n"], [1]]}
        script.on("results", script.answer(200, {"state": "COMPLETED", "results": results}))
        yield script


@pytest.fixture
def client(server: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[cf.Client]:
    monkeypatch.chdir(tmp_path)
    with cf.Client("id", client_secret="secret", base_url=server.address, dw_id=13) as made:
        yield made


CALLS: Final[dict[str, Callable[[Any, cf.Client], object]]] = {
    "ask_batch": lambda url, client: cf.ask_batch(["how many?"], url, client=client),
    "open_batch": lambda url, _: cf.open_batch(url),
    "pin": lambda url, client: cf.pin("a", "how many?", path=url, client=client),
    "pinned": lambda url, _: cf.pinned("a", path=url),
    "read_parquet": lambda url, _: cf.read_parquet(url),
    "to_parquet": lambda url, client: client.question(ID).result().to_pandas().connecty.to_parquet(url),
    "to_json": lambda url, client: client.question(ID).result().to_json(url),
    "from_json": lambda url, _: cf.Answer.from_json(url),
    "history": lambda url, _: cf.configure(history=url),
    "Client": lambda url, _: cf.Client("id", client_secret="secret", history=url),
    "certificates": lambda url, _: cf.Client("id", client_secret="secret", ca_bundle=url),
    "database": lambda url, _: Sandbox(database=url),
}
ID: Final = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"


@pytest.mark.parametrize("make", [str, Path])
@pytest.mark.parametrize("name", CALLS)
def test_no_call_takes_a_url(server: Script, client: cf.Client, name: str, make: type[str | Path]) -> None:
    """Nothing is asked, and no file or folder is made."""
    with pytest.raises(ConfigError, match=r"expected a local path, .* not a URL with s3://"):
        CALLS[name](make("s3://bucket/nightly"), client)
    assert server.count("ask") == 0
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["ask", "how", "many", "--output", "gs://bucket/a.csv"],
        ["ask", "how", "many", "--save", "gs://bucket/a.json"],
        ["ask", "how", "many", "--schema-file", "gs://bucket/a.json"],
        ["ask", "--file", "gs://bucket/a.txt"],
        ["batch", "gs://bucket/a.csv", "--output", "folder"],
        ["batch", "questions.txt", "--output", "gs://bucket/a"],
        ["pin", "add", "a", "how many", "--folder", "gs://bucket/pins"],
        ["pin", "run", "a", "--connection", "sqlite:///a", "--folder", "gs://bucket/pins"],
        ["history", "--output", "gs://bucket/a.csv"],
        ["sandbox", "--database", "gs://bucket/a.duckdb"],
    ],
)
def test_no_command_takes_a_url(
    server: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """It ends with a ConfigError; nothing is asked or written."""
    monkeypatch.chdir(tmp_path)
    Path("questions.txt").write_text("how many?\n")
    settings = {"CLIENT_ID": "id", "CLIENT_SECRET": "s", "BASE_URL": server.address, "DW_ID": "1"}
    for name, value in settings.items():
        monkeypatch.setenv(f"CONNECTY_{name}", value)
    ended = CliRunner().invoke(app, arguments)
    assert isinstance(ended.exception, ConfigError)
    assert "not a URL with gs://" in str(ended.exception)
    assert server.count("ask") == 0
    assert [path.name for path in Path().iterdir()] == ["questions.txt"]


@pytest.mark.parametrize("variable", ["CONNECTY_HISTORY", "CONNECTY_CA_BUNDLE", "CONNECTY_CONFIG"])
def test_no_variable_takes_a_url(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named; a password in the URL is not shown."""
    monkeypatch.setenv(variable, "mysql://reader:canary@host/db")
    with pytest.raises(ConfigError, match=f"{variable}.*not a URL with mysql://") as raised:
        cf.ask("how many?")
    assert "canary" not in str(raised.value)


def test_a_profile_takes_urls_of_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is relative to the folder of the profiles, a URL is absolute or an error."""
    file = tmp_path / "config.toml"
    monkeypatch.setenv("CONNECTY_CONFIG", file.as_uri())
    file.touch(mode=0o600)
    file.write_text(
        f'[default]\nclient_id = "a"\nclient_secret = "b"\nhistory = "{tmp_path.as_uri()}/a%20b"\n'
    )
    with cf.Client() as client:
        assert client.history is not None
        assert client.history.place == os.fspath(tmp_path / "a b")

    file.write_text('[default]\nca_bundle = "s3://bucket/a.pem"\n')
    with pytest.raises(ConfigError, match=r"ca_bundle \(profile default in .*not a URL with s3://"):
        cf.Client()


def test_files_of_urls(client: cf.Client, tmp_path: Path) -> None:
    """What is written to a ``file://`` URL is there, and the path is returned."""
    url = f"{tmp_path.as_uri()}/a%20b"
    answer = client.question(ID).result()
    assert answer.to_json(f"{url}.json") == tmp_path / "a b.json"
    assert answer.to_polars().connecty.to_parquet(f"{url}.parquet") == tmp_path / "a b.parquet"
    assert cf.read_parquet(f"{url}.parquet").shape == (1, 1)
    assert cf.ask_batch(["how many?"], url, client=client).folder == tmp_path / "a b"
    assert cf.open_batch(url).summary().answered == 1
    cf.pin("a", "how many?", path=f"{url}.pins", client=client)
    assert cf.pinned("a", path=tmp_path / "a b.pins").sql == "SELECT 1 AS n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a b", "a b.json", "a b.parquet", "a b.pins"]


# Whole files


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    """Not while it is written; afterwards, no temporary file is left."""
    target = tmp_path / "out.csv"
    with atomic_write(target) as file:
        file.write(b"half")
        assert not target.exists()
        file.write(b" and half")
    assert target.read_bytes() == b"half and half"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError, OSError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    """Also at Ctrl-C; no temporary file is left."""
    target = tmp_path / "out.csv"
    target.write_bytes(b"before")

    def fail() -> None:
        with atomic_write(str(target)) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        fail()

    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_an_interrupt_while_the_file_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal right after the file is created: KeyboardInterrupt, and no file is left."""
    target = tmp_path / "out.csv"
    target.write_bytes(b"before")

    def interrupted(path: Path, mode: str, **_: object) -> BinaryIO:
        path.open(mode).close()
        assert len(list(tmp_path.iterdir())) == 2
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(files, "open", interrupted, raising=False)
        with pytest.raises(KeyboardInterrupt), atomic_write(target):
            pytest.fail("the file was not opened")

    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"before"


def test_a_file_that_is_removed_before_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new one is written nevertheless."""
    target, copymode = tmp_path / "out.csv", shutil.copymode
    target.write_bytes(b"old")

    def too_late(source: Path, copy: Path) -> None:
        source.unlink()
        copymode(source, copy)

    monkeypatch.setattr(shutil, "copymode", too_late)
    with atomic_write(target) as file:
        file.write(b"new")

    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


def test_the_mode_of_a_file(tmp_path: Path) -> None:
    """A new file has that of the umask; an existing one keeps its mode, also behind a link, which stays."""
    old, new, link = tmp_path / "old", tmp_path / "new", tmp_path / "link"
    old.write_bytes(b"")
    old.chmod(0o640)
    link.symlink_to("old")
    before = os.umask(0o022)
    try:
        for target in (old, new, link):
            with atomic_write(target) as file:
                file.write(target.name.encode())
    finally:
        os.umask(before)

    assert stat.S_IMODE(new.stat().st_mode) == 0o644
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert old.read_bytes() == b"link"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """Neither a pipe nor a device is replaced by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()), daemon=True)
    reader.start()
    with atomic_write(pipe) as file:
        file.write(b"through")
    reader.join(10)
    assert received == [b"through"]
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", ["n" * 250, "\u4e2d" * 83], ids=["letters", "Chinese"])
def test_a_long_name(name: str, tmp_path: Path) -> None:
    """The longest that the system allows: 255 bytes, also of multi-byte characters."""
    target = tmp_path / name
    with atomic_write(target) as file:
        file.write(b"x")
    assert target.read_bytes() == b"x"


@pytest.mark.parametrize(
    ("path", "error"),
    [("nope/out.csv", FileNotFoundError), (".", IsADirectoryError), ("file/x", NotADirectoryError)],
)
def test_an_error_names_the_path(tmp_path: Path, path: str, error: type[OSError]) -> None:
    """As given, before anything is written."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(error) as raised, atomic_write(tmp_path / path):
        pytest.fail("there is nothing to write to")
    assert raised.value.filename == str(tmp_path / path)


@cases("path", ["a\0b", "\ud800", b"bytes", 5, None])
def test_an_invalid_path(path: Any, golden: Path) -> None:
    """A ConfigError instead of an error of Python about bytes or types."""
    answer = cf.Answer.from_json(golden / "top_countries.json")
    frame = answer.to_polars()
    for use in (answer.to_json, frame.connecty.to_parquet, cf.read_parquet):
        with pytest.raises(cf.ConfigError, match=r"^path: expected a path") as raised:
            use(path)
        assert raised.value.setting == "path"
    if not isinstance(path, bytes):  # which is a response itself
        with pytest.raises(cf.ConfigError, match=r"^source(: expected a path| is of type )"):
            cf.Answer.from_json(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["pipe", "/dev/zero"])
@pytest.mark.parametrize("read", [cf.read_parquet, cf.Answer.from_json])
def test_only_a_regular_file_is_read(read: Callable[[Path], Any], kind: str, tmp_path: Path) -> None:
    """Opening a pipe would block, and reading a device would never end."""
    path = tmp_path / "pipe" if kind == "pipe" else Path(kind)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="Not a regular file"):
        read(path)


# What writers that were killed leave

#: Writes half a file, says so and waits.
HALF = """
import sys, time
from connecty_frames.files import atomic_write
with atomic_write(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    print("half", flush=True)
    sys.stdin.read()
    file.write(b" and half")
"""


@contextmanager
def writer(target: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", HALF, str(target)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(os.name == "nt", reason="on Windows they stay")
def test_files_of_killed_writers_are_removed(tmp_path: Path) -> None:
    """By the next writer; those of a running writer are kept."""
    target = tmp_path / "out.csv"
    with writer(target) as living:
        with writer(target) as killed:
            killed.send_signal(signal.SIGKILL)
            killed.wait(10)
        assert len(list(tmp_path.iterdir())) == 2

        with atomic_write(target) as file:
            file.write(b"mine")
        assert len(list(tmp_path.iterdir())) == 2
        assert target.read_bytes() == b"mine"

        assert living.stdin is not None
        living.stdin.close()
        assert living.wait(10) == 0

    assert target.read_bytes() == b"half and half"
    assert list(tmp_path.iterdir()) == [target]


def test_other_files_are_kept(tmp_path: Path) -> None:
    """Files of other names or targets, links, folders and pipes."""
    for name in (".out.csv.0123456z.part", ".other.csv.01234567.part", "out.csv.01234567.part", "outXcsv"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".out.csv.00000001.part").symlink_to(tmp_path / "outXcsv")
    (tmp_path / ".out.csv.00000002.part").mkdir()
    os.mkfifo(tmp_path / ".out.csv.00000003.part")
    (tmp_path / ".outXcsv.00000004.part").write_bytes(b"")
    before = set(tmp_path.iterdir())
    abandoned = tmp_path / ".out.csv.89abcdef.part"
    abandoned.write_bytes(b"half")

    with atomic_write(tmp_path / "out.csv") as file:
        file.write(b"x")

    assert set(tmp_path.iterdir()) == {*before, tmp_path / "out.csv"}


def test_many_writers_to_one_file(tmp_path: Path) -> None:
    """Each writes a complete file, none removes that of another, and no temporary file is left."""
    target = tmp_path / "out.csv"
    failed: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for _ in range(50):
                with atomic_write(target) as file:
                    file.write(bytes([number]) * 100)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert list(tmp_path.iterdir()) == [target]
    assert len(target.read_bytes()) == 100


def test_a_temporary_file_removed_by_another_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it was locked, it looks abandoned; another one is made."""
    target = tmp_path / "out.csv"
    lock = fcntl.flock
    taken: list[Path] = []

    def too_late(file: int, operation: int) -> None:
        if not taken:
            taken.extend(tmp_path.iterdir())
            taken[0].unlink()
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", too_late)
    with atomic_write(target) as file:
        file.write(b"x")

    assert len(taken) == 1
    assert target.read_bytes() == b"x"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python 3.12 warns of threads
def test_a_process_that_is_forked_while_a_folder_is_locked(tmp_path: Path) -> None:
    """It does not keep the lock, however long it runs."""
    reading, writing = os.pipe()
    with locked_folder(tmp_path):
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
    try:
        folder = os.open(tmp_path, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(folder)
    finally:
        os.close(writing)  # which ends the child
        os.waitpid(child, 0)
        os.close(reading)


def test_a_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be opened, and so not be locked, but files in it can be written."""
    refuse = Mock(side_effect=PermissionError(errno.EACCES, "Permission denied"))
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        with locked_folder(tmp_path):
            reached = True
    assert reached


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are written nevertheless, and temporary files are not removed."""
    abandoned = tmp_path / ".out.csv.89abcdef.part"
    abandoned.write_bytes(b"half")
    monkeypatch.setattr(fcntl, "flock", Mock(side_effect=OSError(errno.ENOLCK, "No locks available")))
    with atomic_write(tmp_path / "out.csv") as file:
        file.write(b"x")
    assert set(tmp_path.iterdir()) == {abandoned, tmp_path / "out.csv"}
