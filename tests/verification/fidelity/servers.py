"""Live database servers: private ones, in a temporary folder and on a Unix socket."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
import pymysql

from tests.servers.postgres import SERVER_USER, make_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_Connection = TypeVar("_Connection", psycopg.Connection[Any], pymysql.connections.Connection)

__all__ = ["mariadb", "postgres"]

_PATIENCE: Final = 60


@contextmanager
def postgres() -> Iterator[psycopg.Connection[Any]]:
    """Run PostgreSQL and return a connection.

    Raises
    ------
    FileNotFoundError
        Where it is not installed.
    """
    with _folder("postgres") as folder:
        programs = make_cluster(folder)
        options = {"unix_socket_directories": folder, "listen_addresses": "", "fsync": "off"}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = [str(programs / "postgres"), "-D", f"{folder}/data", *settings]
        with _running(command, lambda: psycopg.connect(f"host={folder} user=postgres")) as connection:
            yield connection


@contextmanager
def mariadb() -> Iterator[pymysql.connections.Connection]:
    """Run MariaDB and return a connection.

    Raises
    ------
    FileNotFoundError
        Where it is not installed.
    """
    install, server = _program("mariadb-install-db"), _program("mariadbd")
    with _folder("mariadb") as folder:
        common = ["--no-defaults", f"--datadir={folder}/data"]
        _run([install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"])
        command = [
            server,
            *common,
            f"--socket={folder}/socket",
            f"--pid-file={folder}/pid",
            "--skip-networking",
        ]
        with _running(
            command, lambda: pymysql.connect(unix_socket=f"{folder}/socket", user="root", charset="utf8mb4")
        ) as connection:
            yield connection


def _program(name: str) -> str:
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        raise FileNotFoundError(f"{name} is not installed")
    return path


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f"fidelity-{name}-", ignore_cleanup_errors=True) as folder:
        if SERVER_USER:
            shutil.chown(folder, SERVER_USER["user"], SERVER_USER["group"])
        yield Path(folder)


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, cwd="/", **SERVER_USER)


@contextmanager
def _running(command: Sequence[str], connect: Callable[[], _Connection]) -> Iterator[_Connection]:
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **SERVER_USER
    ) as process:
        try:
            with closing(_connect(process, connect)) as connection:
                yield connection
        finally:
            process.terminate()


def _connect(process: subprocess.Popen[bytes], connect: Callable[[], _Connection]) -> _Connection:
    """Connect as soon as the server accepts it."""
    last = time.monotonic() + _PATIENCE
    while True:
        try:
            return connect()
        except (psycopg.OperationalError, pymysql.OperationalError):
            if process.poll() is not None or time.monotonic() > last:
                raise
            time.sleep(0.05)
