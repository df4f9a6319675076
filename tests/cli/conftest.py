"""The command line: within the process of the tests, and as a process with pipes or a terminal."""

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final, TextIO
from unittest import mock

import pytest
import typer.main

from connecty_frames._base.clock import Clock
from connecty_frames.sandbox import Sandbox
from tests.servers.forking import Forking
from tests.servers.scripted import Script, serve

# Typer makes its commands anew for each command line, which takes longer than most commands do.
typer.main.get_command = cache(typer.main.get_command)

ACCEPTED: Final = re.compile(
    r"Question ([0-9a-f-]{36}) was accepted; to fetch its answer without asking again: "
    r"connecty ask --question-id \1 --dw-id 13"
)


#: What the scripted server answers.
ANSWER: Final = {
    "state": "COMPLETED",
    "results": {"sql_query": "SELECT n", "response_summary": "Two rows.", "dataframe": [["n"], [2], [3]]},
}


def _input(stdin: str | Path) -> TextIO:
    """Open the file at a path, or one with a text in it."""
    if isinstance(stdin, Path):
        return stdin.open(encoding="utf-8")
    file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - the caller closes it
    file.write(stdin)
    file.seek(0)
    return file


class Shell:
    """Runs commands to completion. A fixture, since test files do not import each other.

    A command is forked, or started where a test gives ``CONNECTY``.
    """

    def __init__(self, forking: Forking) -> None:
        self._forking = forking

    @property
    def command(self) -> str:
        """The path of a program whose processes are forked."""
        return self._forking.command

    @property
    def python(self) -> str:
        """The path of a Python whose processes are forked; it takes ``-c``."""
        return self._forking.python

    def environment(self, **settings: object) -> dict[str, str]:
        """Return the environment of a process: this one's with settings, no colours, profiles and history."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CONNECTY_")}
        named = {f"CONNECTY_{name.upper()}": str(value) for name, value in settings.items()}
        fixed = {"CONNECTY_CONFIG": os.devnull, "CONNECTY_HISTORY": "0"}
        return {**kept, "NO_COLOR": "1", "COLUMNS": "100", **fixed, **named}

    def run(
        self, *arguments: str, stdin: str | Path = "", **settings: object
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command within this process, which is faster than starting another."""
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8") as out,
            tempfile.TemporaryFile("w+", encoding="utf-8") as err,
            _input(stdin) as read,
            mock.patch.multiple(sys, argv=["connecty", *arguments], stdin=read, stdout=out, stderr=err),
            mock.patch.dict(os.environ, self.environment(**settings), clear=True),
            mock.patch("os._exit", sys.exit),  # a signal would end the tests
            mock.patch("atexit._run_exitfuncs"),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            warnings.simplefilter("default", UserWarning)  # as where no test runs
            from connecty_frames.cli import main

            with pytest.raises(SystemExit) as ended:
                main()
            code = ended.value.code or 0
            assert isinstance(code, int)
            written = []
            for file in (out, err):
                file.seek(0)
                written.append(file.buffer.read())
        return subprocess.CompletedProcess(arguments, code, *written)

    def process(
        self, *arguments: str, command: str | None = None, **settings: object
    ) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            [command or self.command, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=self.environment(**settings),
            timeout=60,
            check=False,
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done

    def text(self, done: subprocess.CompletedProcess[bytes]) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error."""
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def after_acceptance(self, err: str) -> str:
        """Check that standard error begins with the line of acceptance, and return the rest."""
        line, _, rest = err.partition("\n")
        assert ACCEPTED.fullmatch(line), err
        return rest

    def pipeline(
        self, line: str, *, command: str | None = None, **settings: object
    ) -> subprocess.CompletedProcess[bytes]:
        path = f"{Path(command or self.command).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**self.environment(**settings), "PATH": path},
            timeout=60,
            check=False,
        )

    def screen(self, *arguments: str, on: str = "stdout", **environment: str) -> tuple[int, str]:
        """Run a command with a terminal as one stream; return exit code and output there."""
        pty = pytest.importorskip("pty", reason="the system has no pseudo-terminals")
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [self.command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=theirs if on == "stdout" else subprocess.DEVNULL,
            stderr=theirs if on == "stderr" else subprocess.DEVNULL,
            env=environment,
        )
        os.close(theirs)
        seen = b""
        try:
            while piece := os.read(ours, 65536):
                seen += piece
        except OSError:  # how Linux says that the other end is closed
            pass
        finally:
            os.close(ours)
        return process.wait(60), seen.decode().replace("\r\n", "\n")


class Running:
    """A command that runs until it is interrupted."""

    def __init__(self, *command: str, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )

    def exports(self) -> dict[str, str]:
        """Return the settings that a sandbox prints as export commands."""
        assert self.process.stdout is not None
        found = {}
        for _ in range(4):
            words = shlex.split(self.process.stdout.readline())
            assert words[0] == "export"
            name, _, value = words[1].partition("=")
            found[name.removeprefix("CONNECTY_").lower()] = value
        return found

    def interrupt(self) -> tuple[int, str, str]:
        """Interrupt it as Ctrl-C does; return exit code, rest of standard output, and standard error."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err

    def kill(self) -> None:
        """Kill it if it still runs, and close its streams."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(20)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture(scope="session")
def shell(forking: Forking) -> Shell:
    return Shell(forking)


@pytest.fixture
def ask(shell: Shell, sandbox: Sandbox) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Return a function that asks the shared sandbox, configured by the environment."""

    def run(*arguments: str, **settings: object) -> subprocess.CompletedProcess[bytes]:
        return shell.run("ask", *arguments, **{**sandbox.connection, **settings})

    return run


@pytest.fixture
def server() -> Iterator[Script]:
    """Return a scripted server that by default accepts questions and answers them."""
    with serve() as script:
        script.on("results", Script.answer(200, ANSWER))
        yield script


@pytest.fixture
def settings(server: Script, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Return the settings of a command that asks that server, with buffered output, the default."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    return {"base_url": server.address, "client_id": "id", "client_secret": "secret", "dw_id": 13}


@pytest.fixture
def ask_server(
    shell: Shell, settings: dict[str, object]
) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    return lambda *arguments, **options: shell.run("ask", *arguments, **{**settings, **options})


@pytest.fixture
def _waits_cost_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pauses of commands in this process count for their time limits, and not take any time."""
    waited = [0.0]

    def sleep(_clock: Clock, seconds: float) -> None:
        waited[0] += max(seconds, 0.0)

    monkeypatch.setattr(Clock, "sleep", sleep)
    monkeypatch.setattr(Clock, "monotonic", lambda _clock: time.monotonic() + waited[0])


@pytest.fixture
def start(shell: Shell) -> Iterator[Callable[..., Running]]:
    """Return a function that starts commands; those still running at the end are killed."""
    started: list[Running] = []

    def run(*arguments: str, command: str | None = None, **settings: object) -> Running:
        environment = shell.environment(**settings)
        started.append(Running(command or shell.command, *arguments, environment=environment))
        return started[-1]

    yield run
    for running in started:
        running.kill()
