"""A private PostgreSQL server that can be stopped and restarted, and a relay that loses its replies."""

import contextlib
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.servers.programs import free_port

#: Seconds that suffice for a start or a stop.
_PATIENCE: Final = 60.0
#: Whom a database server runs as: it refuses to be root.
SERVER_USER: Final[dict[str, Any]] = (
    {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
)
#: Authentication: the role ``locked`` needs a password.
_RULES: Final = """\
host all locked 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
local all all trust
"""


class PostgresServer:
    """A server on 127.0.0.1 with its data in a folder."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.programs = programs
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres", *, user: str = "postgres", port: int | None = None) -> str:
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={self.port}", "-c", "fsync=off"]
        settings += ["-c", f"unix_socket_directories={self.folder}", "-c", "max_connections=200"]
        self._process = subprocess.Popen(
            [self.programs / "postgres", "-D", self.folder / "data", *settings],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            **SERVER_USER,
        )
        until = time.monotonic() + _PATIENCE
        status = self.folder / "data" / "postmaster.pid"  # its last line says what the server does
        while not (status.exists() and status.read_text().rstrip().endswith("\nready")):
            if self._process.poll() is not None or time.monotonic() > until:
                raise TimeoutError("PostgreSQL does not start")
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends all connections first, SIGQUIT leaves them as a crash does."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_PATIENCE)
            self._process = None


def make_cluster(folder: Path) -> Path:
    """Make a cluster in the folder ``data`` of a folder, and return the folder of the programs.

    Debian has these outside of PATH. FileNotFoundError where they are not installed.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    initdb = found[-1] if found else shutil.which("initdb")
    if initdb is None:
        raise FileNotFoundError("initdb is not installed")
    if SERVER_USER:
        shutil.chown(folder, SERVER_USER["user"], SERVER_USER["group"])
    options = ["-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
    subprocess.run([initdb, *options], check=True, capture_output=True, cwd="/", **SERVER_USER)
    return Path(initdb).parent


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server; FileNotFoundError where none is installed."""
    with tempfile.TemporaryDirectory(prefix="store-postgres-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        programs = make_cluster(folder)
        (folder / "data" / "pg_hba.conf").write_text(_RULES)
        server = PostgresServer(programs, folder)
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)


class Relay:
    """A port in front of a server, which forwards everything unless told otherwise."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        #: What a request has in it whose reply is lost with its connection, None for none.
        self.cut: bytes | None = None
        #: How many were cut.
        self.cuts = 0
        #: Whether nothing is forwarded any more on connections that are open or are made.
        self.hangs = False
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Refuse further connections, and end those that are open."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # else the thread that waits would accept one more
        self._listener.close()
        self.hangs = False  # else its threads would never end
        self.drop()

    def drop(self) -> None:
        for each in list(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            client,
            socket.create_connection(("127.0.0.1", self._target)) as server,
        ):
            self._open |= {client, server}
            poll = select.poll()  # select takes no numbers from 1,024 on
            for each in (client, server):
                poll.register(each, select.POLLIN)
            try:
                loses = False
                while True:
                    for number, _ in poll.poll(50):
                        ready = client if number == client.fileno() else server
                        if self.hangs:
                            time.sleep(0.02)
                            continue
                        data = ready.recv(65536)
                        if not data or (ready is server and loses):
                            self.cuts += loses
                            return
                        if ready is client and self.cut is not None and self.cut in data:
                            loses = True
                        (server if ready is client else client).sendall(data)
            finally:
                self._open -= {client, server}
