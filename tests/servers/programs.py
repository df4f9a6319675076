"""Proxy programs between a client and the API: started with a configuration, stopped, killed, suspended.

Each runs in the foreground and in a process group of its own, listens on loopback alone, and keeps its files
in a temporary folder. None runs as root: squid refuses to, and so all run alike for every user.
"""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from string import Template
from textwrap import dedent
from types import TracebackType
from typing import Any, Final, Self

from tests.servers.scripted import PEM

#: The user of squid, and the password file of its helper (``openssl passwd -apr1``).
USER: Final = "user"
PASSWORD: Final = "canary-proxy"
_PASSWORDS: Final = f"{USER}:$apr1$canary01$OetAJU.6qjiH2/fJrTI.5/\n"
#: Rules of squid that require the password; ``basic_ncsa_auth`` comes with squid.
PASSWORD_REQUIRED: Final = """
    auth_param basic program ${helper} ${folder}/../passwords
    auth_param basic children 2
    acl known proxy_auth REQUIRED
    http_access allow known
"""
#: For each program, the configuration around that of a test, and the arguments that run it in the foreground.
_TEMPLATES: Final = {
    "nginx": (
        """
        daemon off;
        worker_processes 1;
        pid nginx.pid;
        error_log stderr info;
        events { worker_connections 512; }
        http {
            client_body_temp_path body;
            proxy_temp_path proxy;
            fastcgi_temp_path other;
            uwsgi_temp_path other;
            scgi_temp_path other;
            log_format tests '$$request_method $$uri $$status $$upstream_status '
                '$$sent_http_content_encoding $$request_body';
            access_log access.log tests;
            ${config}
        }
        """,
        "-p ${folder} -e stderr -c ${folder}/config",
    ),
    "haproxy": (
        """
        global
            maxconn 500
        defaults
            mode http
            timeout connect 1s
            timeout client 20s
            timeout server 20s
        ${config}
        """,
        "-db -f ${folder}/config",
    ),
    "squid": (
        """
        http_port 127.0.0.1:${port}
        pid_filename none
        access_log stdio:${folder}/access.log
        cache_log stdio:/dev/null
        coredump_dir ${folder}
        cache deny all
        cache_mem 0
        memory_cache_shared off
        pinger_enable off
        max_filedescriptors 1024
        shutdown_lifetime 0 seconds
        visible_hostname squid.test
        ${config}
        """,
        "-N -d 1 -n squid${port} -f ${folder}/config",
    ),
}
#: Where Debian installs servers; the PATH of a user may lack it.
_FOLDERS: Final = "/usr/sbin:/usr/local/sbin:/sbin"
_HELPER: Final = "/usr/lib/squid/basic_ncsa_auth"
#: Squid leaves segments in here when it is killed; their names begin with that of its folder.
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a path of Linux, not a temporary file
_ROOT: Final = hasattr(os, "geteuid") and os.geteuid() == 0
#: Whether a missing program is a failure: ``.ci/run`` installs them, as root.
IN_CI: Final = _ROOT and os.environ.get("CI") == "true"
#: How the reason of a skip begins that no installation helps, as in a container without privileges.
REFUSED: Final = "the system refuses"
#: Seconds in which a program must listen after its start, and end after SIGTERM.
_START: Final = 30.0
_STOP: Final = 5.0
#: Below the ports of outgoing connections, one of which could take the port of a program while it restarts.
_PORTS: Final = range(20_000, 32_000)


class Program:
    """A program that runs in a folder while the ``with`` block does.

    It is ready when a connection to its port can be made. What it prints is appended to ``output.log``. Run
    by root, it has another user unless it is trusted.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        port: int,
        folder: Path,
        trusted: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.port = port
        self.folder = folder
        self._command = command
        self._environment = environment
        self._identity: dict[str, Any] = (
            {} if trusted or not _ROOT else {"user": "nobody", "group": _group(), "extra_groups": []}
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        for left in _SHARED_MEMORY.glob(f"{self.folder.name}-*"):
            left.unlink()

    def start(self) -> None:
        """Start it, and return when it listens; else it is a RuntimeError with the end of its output."""
        with (self.folder / "output.log").open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=self._environment,
                **self._identity,
            )
        until = time.monotonic() + _START
        while time.monotonic() < until and self._process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.01)
        self.kill()
        raise RuntimeError(f"{self._command[0]} does not listen: {self.output()[-2000:]}")

    def stop(self) -> None:
        """End it by SIGTERM, or by SIGKILL where it does not end in time."""
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP)
        self.kill()

    def kill(self) -> None:
        """Kill it and all processes that it started (SIGKILL)."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def suspend(self) -> None:
        """Suspend it and all processes that it started (SIGSTOP) until :meth:`resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def reload(self) -> None:
        """Let it read its configuration again (SIGHUP)."""
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def secured(self) -> dict[str, Any]:
        return {"base_url": f"https://127.0.0.1:{self.port}", "ca_bundle": PEM}

    def output(self) -> str:
        return (self.folder / "output.log").read_text(errors="replace")

    def log(self) -> str:
        return (self.folder / "access.log").read_text(errors="replace")

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):  # all of them ended by themselves
                os.killpg(self._process.pid, number)


@contextmanager
def program_folder() -> Iterator[Path]:
    """Make a folder for programs with the certificate in it, and remove it at the end.

    It is not one of pytest's folders, since the user ``nobody`` may not enter those.
    """
    with tempfile.TemporaryDirectory(prefix="connecty-external-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(PEM, folder / "loopback.pem")
        (folder / "passwords").write_text(_PASSWORDS)
        yield folder


def missing(*names: str) -> list[str]:
    """Return which of these programs are not installed; squid needs its helper too."""
    return [name for name in names if not _find(name) or (name == "squid" and not Path(_HELPER).exists())]


def external_marks(name: str) -> list[Any]:
    """Return the marks of tests that run a program: external, slow, and skipped where it is not installed."""
    import pytest  # not needed by `make verify WHAT=chaos`

    reason = f"{name} is not installed: apt-get install {name}"
    return [pytest.mark.external, pytest.mark.slow, pytest.mark.skipif(bool(missing(name)), reason=reason)]


def run_privileged(*command: str) -> None:
    """Run a program that needs privileges; skip the test if it is missing or the system refuses it."""
    import pytest  # not needed by `make verify WHAT=chaos`

    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip(f"{command[0]} is not installed: apt-get install mount util-linux")
    except subprocess.CalledProcessError as error:
        message = error.stderr.strip().partition("\n")[0]
        if re.search("permission denied|not permitted", message, re.IGNORECASE):
            message = f"{REFUSED}: {message}"
        pytest.skip(message)


def _find(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path=_FOLDERS)


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now, and stays free while its program restarts."""
    rng = random.SystemRandom()
    while True:
        port = rng.choice(_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def prepare(name: str, parent: Path, config: str, **values: object) -> Program:
    """Prepare nginx, haproxy or squid on a free port.

    It gets a folder of its own in that of :func:`program_folder`, so that the certificate is
    ``../loopback.pem``. The config is the rest of nginx's ``http`` block, of haproxy's sections, or of
    squid's directives, with ``${port}`` and ``${name}`` for each of the values; ``$$`` is a dollar sign.
    """
    port = free_port()
    folder = parent / f"{name}{port}"
    folder.mkdir()
    known = {"port": port, "folder": folder, "helper": _HELPER, **values}
    known["config"] = Template(config).substitute(known)
    whole, arguments = _TEMPLATES[name]
    (folder / "config").write_text(dedent(Template(whole).substitute(known)).strip() + "\n")
    if _ROOT:
        shutil.chown(folder, "nobody", _group())
    command = [_find(name) or name, *Template(arguments).substitute(known).split()]
    return Program(name, command, port=port, folder=folder)


def _group() -> int:
    import pwd  # only where there are users

    return pwd.getpwnam("nobody").pw_gid
