"""Signals end a command as Ctrl-C does: it prints the id and how to resume; exit code 128 + signal."""

import io
import os
import random
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.servers.forking import CONNECTY
from tests.servers.scripted import QUESTION_ID, Script
from tests.servers.timing import until

with warnings.catch_warnings():
    # Of click, about what older versions of typer import from it.
    warnings.simplefilter("ignore", DeprecationWarning)
    from connecty_frames.cli.io import exit_on_signals


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="there are no signals to send there"),
    # Of click, about what older versions of typer import from it.
    pytest.mark.filterwarnings("ignore:'click:DeprecationWarning"),
]

#: What others write where a signal falls into their code: pydantic's core into the first use of a model, and
#: a module of Cython into its import.
PANIC = re.compile(
    r"^thread '<unnamed>' panicked at .*?^note: run with [^\n]*\n|^RuntimeWarning: Cython module [^\n]*\n",
    re.DOTALL | re.MULTILINE,
)
#: How many signals come at random moments.
SIGNALS = 8
CODES = [("SIGHUP", 129), ("SIGINT", 130), ("SIGTERM", 143)]
RESUME = f"connecty ask --question-id {QUESTION_ID} --dw-id 13"
ACCEPTED = f"Question {QUESTION_ID} was accepted; to fetch its answer without asking again: {RESUME}\n"
WAITING = f"Question {QUESTION_ID} may still be running; to fetch its answer without asking again: {RESUME}\n"
SENDING = re.compile(
    r"The question 'how many\?' was being sent to workspace 13 at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\. It "
    r"may be running, so it was not sent again\. Look in ConnectyAI's chat history before asking it again\.\n"
)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Let no command inherit an ignored signal, as under nohup, and restore what a test changes."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)  # a program that is started has the default instead
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


METADATA = f"Two rows.\n\nSELECT n\n\n2 rows; question_id {QUESTION_ID}\n"
OLD, NEW = b"before", b'[{"n":2},{"n":3}]\n'


class Asking:
    def __init__(self, *command: str, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )

    def wait_for(self, what: Callable[[], object]) -> None:
        until(lambda: what() or self.process.poll() is not None)
        assert what(), self.process.communicate()

    def send(self, *names: str) -> tuple[int, str, str]:
        """Send signals, and return exit code, standard output and standard error."""
        for name in names:
            with suppress(ProcessLookupError):
                self.process.send_signal(getattr(signal, name))
        return self.end()

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=60)
        assert b"Traceback" not in err, err.decode()
        return self.process.returncode, out.decode(), err.decode()


@pytest.fixture
def start_asking(shell: Any, settings: dict[str, object]) -> Callable[..., Asking]:
    """Start a command that asks the server; Ctrl-C works even if the tests run in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def begin(*arguments: str, program: list[str] | None = None) -> Asking:
        return Asking(*(program or [shell.command]), *arguments, environment=shell.environment(**settings))

    return begin


@pytest.mark.parametrize(("name", "code"), CODES)
@pytest.mark.parametrize("moment", ["token", "ask", "results"])
def test_a_signal_while_the_server_is_silent(
    server: Script, start_asking: Callable[..., Asking], moment: str, name: str, code: int
) -> None:
    """What is known of the question by then is printed, and nothing if nothing was sent."""
    server.on(moment, server.hang)
    command = start_asking("ask", "how many?")
    command.wait_for(lambda: server.count(moment))

    found, out, err = command.send(name)

    assert (found, out) == (code, "")
    if moment == "token":
        assert err == ""
    elif moment == "ask":
        assert SENDING.fullmatch(err.lstrip("\n"))
    else:
        assert err == f"{ACCEPTED}\n{WAITING}"
    assert server.count("ask") == (moment in {"ask", "results"})


@pytest.mark.parametrize("arguments", [["how many?", "--quiet"], ["--question-id", QUESTION_ID]])
def test_quiet(server: Script, start_asking: Callable[..., Asking], arguments: list[str]) -> None:
    """The id is printed even with --quiet."""
    server.on("results", server.answer(200, {"state": "PENDING"}))
    asking = start_asking("ask", *arguments)
    asking.wait_for(lambda: server.count("results"))
    assert asking.send("SIGTERM") == (143, "", f"\n{WAITING}")


@pytest.mark.parametrize(
    "names",
    [
        ["SIGTERM", "SIGTERM", "SIGTERM"],
        ["SIGTERM", "SIGHUP"],
        ["SIGHUP", "SIGTERM", "SIGINT"],
        ["SIGINT", "SIGINT"],
    ],
    ids=" ".join,
)
def test_several_signals_in_a_row(
    server: Script, start_asking: Callable[..., Asking], names: list[str]
) -> None:
    """One of them ends the command, and the message is printed once and completely.

    One that comes when the command has ended already ends the process by itself. A shell sees no difference.
    """
    server.on("results", server.answer(200, {"state": "PENDING"}))
    asking = start_asking("ask", "how many?")
    asking.wait_for(lambda: server.count("results"))
    code, out, err = asking.send(*names)
    assert (code if code > 0 else 128 - code) in {code for name, code in CODES if name in names}
    assert (out, err) == ("", f"{ACCEPTED}\n{WAITING}")


@pytest.mark.parametrize(("ignored", "sent"), [("HUP", "SIGHUP"), ("TERM", "SIGTERM"), ("INT", "SIGINT")])
def test_a_signal_that_is_ignored_stays_ignored(
    server: Script, start_asking: Callable[..., Asking], shell: Any, ignored: str, sent: str
) -> None:
    """As SIGHUP under nohup: the command waits for the answer."""
    answer = server.steps["results"]
    server.on("results", server.answer(200, {"state": "PENDING"}))
    asking = start_asking(
        program=["sh", "-c", f"trap '' {ignored}; exec \"$0\" ask x --format csv", shell.command]
    )
    asking.wait_for(lambda: server.count("results"))
    asking.process.send_signal(getattr(signal, sent))
    before = server.count("results")
    asking.wait_for(lambda: server.count("results") > before + 1)
    server.steps["results"] = answer

    code, out, err = asking.end()

    assert (code, out) == (0, '"n"\n2\n3\n')
    assert err.startswith(ACCEPTED)


@pytest.mark.parametrize("redirect", ["2>&-", "2>/dev/full"])
def test_a_standard_error_that_cannot_be_written(
    server: Script, start_asking: Callable[..., Asking], shell: Any, redirect: str
) -> None:
    """Closed or full: the exit code is the same."""
    if redirect == "2>/dev/full" and not Path("/dev/full").exists():
        pytest.skip("the system has no /dev/full")
    server.on("results", server.answer(200, {"state": "PENDING"}))
    asking = start_asking(program=["sh", "-c", f'exec "$0" ask "how many?" {redirect}', shell.command])
    asking.wait_for(lambda: server.count("results"))
    assert asking.send("SIGTERM") == (143, "", "")


#: Makes standard error the terminal of the command, and runs what the arguments say.
IN_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(2, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_terminal_that_is_closed(server: Script, shell: Any, settings: dict[str, object]) -> None:
    """Exit code 129, while the progress line cannot be written any more."""
    pty = pytest.importorskip("pty", reason="the system has no pseudo-terminals")
    server.on("results", server.answer(200, {"state": "PENDING"}))
    ours, theirs = pty.openpty()
    asking = subprocess.Popen(
        [sys.executable, "-c", IN_A_TERMINAL, CONNECTY, "ask", "how many?"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env={**shell.environment(**settings), "TERM": "xterm", "COLUMNS": "200"},
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    while b"PENDING" not in seen:
        seen += os.read(ours, 65536)
    os.close(ours)

    assert asking.wait(60) == 129
    assert seen.decode().replace("\r\n", "\n").startswith(ACCEPTED)


# While an answer is decoded and written

#: Sends SIGTERM to the command in the middle of a function, which is in the place of the first argument.
AT = """
import functools, importlib, os, signal, sys
place, name = sys.argv.pop(1).split(":")
owner = functools.reduce(getattr, name.split(".")[:-1], importlib.import_module(place))
real = getattr(owner, name.split(".")[-1])
def interrupted(*arguments, **options):
    result = real(*arguments, **options)
    os.kill(os.getpid(), signal.SIGTERM)
    return result
setattr(owner, name.split(".")[-1], interrupted)
from connecty_frames.cli import main
main()
"""


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize(
    "moment",
    [
        ("connecty_frames.asking.polling:read_envelope", f"\n{WAITING}", OLD),
        ("connecty_frames.decode.decoder:decode", f"\n{WAITING}", OLD),
        ("connecty_frames.question:Call.answer", f"\n{ACCEPTED}", OLD),
        ("connecty_frames.answer:Answer.to_arrow", f"\n{ACCEPTED}", OLD),
        ("connecty_frames.export:json_value", f"\n{ACCEPTED}", OLD),
        ("os:fsync", f"{METADATA}\n{ACCEPTED}", OLD),
        ("pathlib:Path.replace", f"{METADATA}\n{ACCEPTED}", NEW),
    ],
)
def test_a_signal_while_the_answer_is_made_a_file(
    start_asking: Callable[..., Asking],
    shell: Any,
    tmp_path: Path,
    moment: tuple[str, str, bytes],
    *,
    quiet: bool,
) -> None:
    """The id is printed, the file is the old or the new one, and no other file is left."""
    place, printed, content = moment
    target = tmp_path / "out.json"
    target.write_bytes(OLD)
    program = [shell.python, "-c", AT, place, "ask", "how many?", "--output", str(target)]
    code, out, err = start_asking(*(["--quiet"] if quiet else []), program=program).end()
    assert (code, out) == (143, "")
    assert err == (printed.removeprefix(METADATA) if quiet else ACCEPTED + printed)
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == content


#: A thread waits forever, as for the lock of an interrupted import.
STUCK = """\
import sys, threading
threading.Thread(target=threading.Event().wait, daemon=False).start()
from connecty_frames.cli.app import main
main()
"""


def test_no_thread_delays_the_end(server: Script, start_asking: Callable[..., Asking], shell: Any) -> None:
    """After a signal, a command waits for no thread."""
    server.on("results", server.hang)
    asking = start_asking("ask", "how many?", program=[shell.python, "-c", STUCK])
    asking.wait_for(lambda: server.count("results"))
    assert asking.send("SIGTERM") == (143, "", f"{ACCEPTED}\n{WAITING}")


def test_a_signal_while_the_pipe_is_full(server: Script, start_asking: Callable[..., Asking]) -> None:
    """The command ends at once, although its pipe is full."""
    rows = [["word"], *([f"{number:0100}"] for number in range(10_001))]
    server.on("results", server.completed(dataframe=rows))
    asking = start_asking("ask", "how many?", "--format", "csv", "--quiet", "--max-rows", "20000")
    assert asking.process.stdout is not None
    assert asking.process.stdout.read(1) == b'"'
    time.sleep(0.3)
    asking.process.terminate()
    assert asking.process.wait(60) == 143
    assert asking.end()[2] == f"\n{ACCEPTED}"


def test_signals_at_random_moments(
    server: Script, start_asking: Callable[..., Asking], tmp_path: Path
) -> None:
    """Ids of sent questions are printed, files are complete or absent, and no question is sent twice."""
    draw = random.Random(38)
    target = tmp_path / "out.json"
    for kind in ("token", "ask", "results"):
        server.on(kind, server.delayed(0.1, server.steps[kind][0]))
    for _ in range(SIGNALS):
        server.requests.clear()
        asking = start_asking("ask", "how many?", "--output", str(target), program=[CONNECTY])
        with suppress(subprocess.TimeoutExpired):
            asking.process.wait(draw.uniform(0.2, 2.5))
        code, out, err = asking.send("SIGTERM")
        err = PANIC.sub("", err)

        assert out == ""
        # -SIGTERM: before the command began or after it ended, when Python's default applies.
        assert code in {0, 143, -signal.SIGTERM}
        assert server.count("ask") <= 1
        if server.count("results"):
            assert err.startswith((ACCEPTED, f"\n{WAITING}"))
        elif err or server.count("ask"):
            assert WAITING in err or SENDING.fullmatch(err.lstrip("\n"))
        assert list(tmp_path.iterdir()) in ([], [target])
        if target.exists():
            assert target.read_bytes() == NEW
            target.unlink()


def seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


#: A query that takes hours.
SLOW = "SELECT sum(a.range * b.range) FROM range(100000000) a, range(100000000) b"
#: The processor time after which it has begun, in seconds: the start of a command takes less.
BEGUN = 2.5
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="processor time is looked up in /proc"
)


@needs_proc
def test_an_embedded_sandbox_ends_with_its_command(start_asking: Callable[..., Asking]) -> None:
    """A query that still runs is interrupted, and the command ends as always."""
    asking = start_asking("ask", SLOW, "--sandbox", "--quiet", program=[CONNECTY])
    asking.wait_for(lambda: seconds(asking.process.pid) > BEGUN)
    found, out, err = asking.send("SIGTERM")
    assert (found, out) == (143, "")
    # No command fetches the answer, since the sandbox has ended.
    assert re.fullmatch(r"\nQuestion [0-9a-f-]{36} may still be running\.\n", err)


@needs_proc
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_sandbox_serves_until_a_signal(start: Any, name: str) -> None:
    """Exit code 0, since this is how it is stopped; the port is closed, even while a query runs."""
    running = start("sandbox", command=CONNECTY)
    exports = running.exports()
    before = seconds(running.process.pid)
    asking = start("ask", SLOW, "--quiet", **exports)
    until(lambda: seconds(running.process.pid) >= before + 1)
    running.process.send_signal(getattr(signal, name))
    out, err = running.process.communicate(timeout=60)

    assert (running.process.returncode, out) == (0, "")
    assert err == "The sandbox is running; Ctrl-C stops it. Paste the lines above into another shell.\n"
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{exports['base_url']}/v1/health", timeout=5)
    asking.kill()


@pytest.mark.parametrize("name", ["close", "closed"])
def test_a_signal_that_the_finalizer_of_a_stream_swallows(name: str) -> None:
    """Python does not even report it, and runs such a finalizer for each response: the command ends too."""

    class Stream(io.RawIOBase):
        killed = False

        def __getattribute__(self, wanted: str) -> Any:
            if wanted == name and not Stream.killed:
                Stream.killed = True
                os.kill(os.getpid(), signal.SIGTERM)
            return super().__getattribute__(wanted)

    def finalize_and_wait() -> None:
        Stream()
        time.sleep(60)
        raise AssertionError("the sleep ended by itself")

    with pytest.raises(SystemExit) as ended, exit_on_signals():
        finalize_and_wait()

    assert Stream.killed
    assert ended.value.code == 143


def test_what_an_interrupt_does_on_its_way_is_not_interrupted() -> None:
    """It may take longer than the check for a lost one, in each place where an exception is handled."""
    done: list[str] = []

    @contextmanager
    def closing() -> Iterator[None]:
        try:
            yield
        finally:
            time.sleep(0.3)
            done.append("closed")

    def wait() -> None:
        try:
            with closing():
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(10)
        except KeyboardInterrupt:
            try:
                int("x")
            except ValueError:
                time.sleep(0.3)
                done.append("handled")
            raise SystemExit(130) from None

    with pytest.raises(SystemExit) as ended, exit_on_signals():
        wait()

    assert (ended.value.code, done) == (143, ["closed", "handled"])


def test_an_object_that_a_signal_leaves_half_made(capfd: pytest.CaptureFixture[str]) -> None:
    """Its finalizer may fail, as that of a response without a file; standard error shows nothing."""

    class HalfMade:
        def __init__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            self.file = None

        def __del__(self) -> None:
            assert self.file is None

    def make() -> None:
        try:
            HalfMade()
        except KeyboardInterrupt as interrupt:  # as typer ends a command
            raise SystemExit(130) from interrupt

    with pytest.raises(SystemExit) as ended, exit_on_signals():
        make()

    assert ended.value.code == 143
    assert capfd.readouterr() == ("", "")
