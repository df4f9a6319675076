"""Commands and scripts as processes that are ready at once: forked from one that has imported everything.

Python takes a second of a core to start and import everything. A test of what a command does with its
streams, signals or environment needs a process, but not its start. Programs named ``connecty`` and ``python``
stand for the real ones (:mod:`tests.servers.forked`), so that shells and pipes run them too.

A forked process differs from a started one in a few things: it has another id than the program, no
controlling terminal, the umask, limits, ``PYTHON...`` and ``LC_...`` of the tests, and the warning filters of
all that is imported.
"""

import gc
import importlib
import marshal
import os
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import types
import warnings
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

#: The installed program.
CONNECTY: Final = str(Path(sys.executable).with_name("connecty"))
#: What commands import while they run, without polars: it starts threads.
_IMPORTED: Final = (
    "connecty_frames.batch",
    "connecty_frames.cli",
    "connecty_frames.diagnostics",
    "connecty_frames.display.table",
    "connecty_frames.export",
    "connecty_frames.export",
    "connecty_frames.frames.pandas",
    "connecty_frames.records",
    "connecty_frames.sandbox.sandbox",
    "connecty_frames.shared",
    "rich.progress_bar",
    "rich.table",
    "typer.rich_utils",
)


class Forking:
    """The programs. The first use of one starts the process that is forked."""

    def __init__(self) -> None:
        self._opened = ExitStack()

    @property
    def command(self) -> str:
        """The path of the command line; that of the installed one where no process can be forked."""
        return f"{self._programs}/connecty" if self._programs else CONNECTY

    @property
    def python(self) -> str:
        """The path of a Python that takes ``-c``; that of the real one where no process can be forked."""
        return f"{self._programs}/python" if self._programs else sys.executable

    @cached_property
    def _programs(self) -> str | None:
        if not hasattr(os, "fork"):
            return None
        folder = self._opened.enter_context(tempfile.TemporaryDirectory(prefix="connecty-"))
        address = f"{folder}/socket"
        forked = [sys.executable, "-I", "-S", str(Path(__file__).with_name("forked.py")), address]
        for name in ("connecty", "python"):
            program = Path(folder, name)
            program.write_text(f'#!/bin/sh\nexec {shlex.join(forked)} "$0" "$@"\n', encoding="utf-8")
            program.chmod(0o700)
        server = subprocess.Popen(
            [sys.executable, __file__, address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C ends the tests, and they end it
        )
        self._opened.enter_context(server)
        assert server.stdout is not None
        server.stdout.readline()  # it listens
        return folder

    def close(self) -> None:
        self._opened.close()


class _Request(NamedTuple):
    """What a new process gets from the program that stands for it."""

    #: One for each of the streams below.
    descriptors: list[int]
    arguments: tuple[str, ...]
    environment: dict[str, str]
    folder: str
    #: Those of the three streams that are open.
    streams: list[int]
    #: The signals that are ignored.
    ignored: set[int]


def _receive(connection: socket.socket) -> _Request:
    size, descriptors, _, _ = socket.recv_fds(connection, 4, 3)
    content = connection.recv(int.from_bytes(size), socket.MSG_WAITALL)
    return _Request(descriptors, *marshal.loads(content))  # noqa: S302 - our own program sent it


def _serve(listener: socket.socket) -> _Request:
    """Fork for each request, and return it in the new process; exit at the end of standard input."""
    running: dict[int, socket.socket] = {}
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([sys.stdin, listener, woken, *running.values()], [], [])
        if sys.stdin in ready:
            for pid in running:
                os.kill(pid, signal.SIGKILL)
            sys.exit()
        for pid, connection in running.items():
            if connection in ready:  # a signal, or the program was killed
                os.kill(pid, int.from_bytes(connection.recv(1)) or signal.SIGKILL)
        if woken in ready:
            os.read(woken, 4096)
            _report(running)
        if listener in ready:
            connection, _ = listener.accept()
            request = _receive(connection)
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                pid = os.fork()  # Python 3.12 warns of the threads of allocators
            if not pid:
                return request
            running[pid] = connection
            for descriptor in request.descriptors:
                os.close(descriptor)


def _report(running: dict[int, socket.socket]) -> None:
    """Tell the programs of processes that have ended how they did."""
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with running.pop(pid) as connection, suppress(OSError):  # the program may have been killed
                connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, signed=True))


def _become(request: _Request) -> None:
    """Make this process one that Python has just started for a request."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for which in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        handler = signal.default_int_handler if which == signal.SIGINT else signal.SIG_DFL
        signal.signal(which, signal.SIG_IGN if which in request.ignored else handler)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        before, stream = getattr(sys, name), None
        os.close(number)
        if number in request.streams:
            os.dup2(request.descriptors[request.streams.index(number)], number)
            stream = open(  # noqa: SIM115 - as Python opens it: it has no path, and stays open
                number,
                before.mode,
                encoding=before.encoding,
                errors=before.errors,
                newline="\n",
                closefd=False,
            )
            if name == "stderr":
                stream.reconfigure(line_buffering=True)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))


def _main(address: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        os.write(1, b"\n")
        sys.path[0] = str(Path(CONNECTY).parent)
        for name in _IMPORTED:
            importlib.import_module(name)
        gc.freeze()
        request = _serve(listener)
    _become(request)
    program, *arguments = request.arguments
    if Path(program).name == "python":
        _, code, *arguments = arguments
        sys.argv, sys.path[0] = ["-c", *arguments], ""
        sys.modules["__main__"] = module = types.ModuleType("__main__")
        exec(code, module.__dict__)
    else:
        sys.argv = [CONNECTY, *arguments]
        sys.modules["connecty_frames.cli"].main()


if __name__ == "__main__":
    _main(sys.argv[1])
