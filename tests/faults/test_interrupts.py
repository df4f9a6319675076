"""Ctrl-C raises KeyboardInterrupt at once, with all that is known of the question.

The interrupts are real ones: SIGINT, sent to this process while its main thread asks.
"""

import contextlib
import ctypes
import gc
import os
import random
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

import connecty_frames as cf
from connecty_frames.client import Client
from tests.asking import recording
from tests.servers.scripted import QUESTION_ID, Script, serve
from tests.servers.timing import Pulse, pause, raising, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no signals to send there")

RESUME = (
    f"Question {QUESTION_ID} may still be running; to fetch its answer without asking again: "
    f'cf.fetch("{QUESTION_ID}", dw_id=13)'
)
#: The number of interrupts, and the latest one in seconds after the call began.
PRESSES = 100
LONGEST = 0.06


class Alarm(cf.QuestionTimeout):
    """An error that the code of a user derives from this package, and raises in a signal handler."""

    def __init__(self) -> None:
        super().__init__("The shift is over.")


class Missing(cf.NotFoundError):
    def __init__(self) -> None:
        super().__init__("There is no desk.")


def interrupt(
    act: Callable[[], object], wait: Callable[[], object], expected: type[BaseException] = KeyboardInterrupt
) -> BaseException:
    """Interrupt a call after a wait, and return its exception, which must come within a second."""
    pressed: list[float] = []

    def press() -> None:
        wait()
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    finger = threading.Thread(target=press)
    with Pulse().running() as pulse, raising(expected):
        try:
            finger.start()
            act()
        except expected as error:
            assert time.monotonic() - pressed[0] < 1.0 + pulse.late(pressed[0], pressed[0])
            assert type(error) is expected
            return error
        finally:
            finger.join()
    raise AssertionError("the call ended by itself")


@pytest.mark.parametrize("act", ["ask", "result", "wait"])
def test_while_waiting(server: Script, client: Client, capsys: pytest.CaptureFixture[str], act: str) -> None:
    """A note and one line on standard error have the id and the call that resumes."""
    acts: dict[str, Callable[[], object]] = {
        "ask": lambda: client.ask("how many?"),
        "result": client.question(QUESTION_ID).result,
        "wait": client.question(QUESTION_ID).wait,
    }
    error = interrupt(acts[act], lambda: until(lambda: server.count("results")))
    assert error.__notes__ == [RESUME]
    assert capsys.readouterr().err.strip() == RESUME
    assert server.count("ask") == (act == "ask")


@pytest.mark.parametrize("signalled", [KeyboardInterrupt, RuntimeError, TimeoutError, Alarm])
def test_between_sending_and_answer(
    server: Script, client: Client, capsys: pytest.CaptureFixture[str], signalled: type[BaseException]
) -> None:
    """Delivery unknown: the note says when and where it was sent, and what to do."""
    server.on("ask", server.hang)
    wait = partial(until, lambda: server.count("ask"))
    (note,) = interrupt(lambda: client.submit("what now?"), wait, signalled).__notes__
    assert note.startswith("The question 'what now?' was being sent to workspace 13 at ")
    assert note.endswith(
        "It may be running, so it was not sent again. "
        "Look in ConnectyAI's chat history before asking it again."
    )
    assert capsys.readouterr().err.strip() == (note if signalled is KeyboardInterrupt else "")
    assert server.questions == ["what now?"]


@pytest.mark.parametrize("signalled", [Alarm, Missing])
@pytest.mark.parametrize(
    ("endpoint", "row"), [("ask", "UNCERTAIN"), ("results", "ASKED"), ("token", "REJECTED")]
)
def test_an_error_of_the_package_that_a_handler_raises(
    server: Script, tmp_path: Path, endpoint: str, row: str, signalled: type[cf.ConnectyError]
) -> None:
    """It is an interrupt like any other: row and error say so, and what may be running is not sent again."""
    client = recording.make(server, tmp_path / "history")
    server.on(endpoint, server.hang, server.steps[endpoint][0])
    wait = partial(until, lambda: server.count(endpoint))
    error = interrupt(lambda: client.ask("how many?", max_age=60), wait, signalled)
    assert isinstance(error, signalled)
    assert not error.not_started
    assert recording.rows(tmp_path / "history", "state") == [(row,)]
    with contextlib.suppress(cf.SubmissionUncertain, cf.QuestionTimeout):
        client.ask("how many?", max_age=60, timeout=0.5)
    assert server.questions == ["how many?"]


def test_while_an_earlier_answer_is_fetched(server: Script, tmp_path: Path) -> None:
    """An error that a handler raises does not say that the server lost the earlier question."""
    client = recording.make(server, tmp_path / "history")
    client.submit("how many?", max_age=60)
    server.on("results", server.hang)
    wait = partial(until, lambda: server.count("results"))
    error = interrupt(lambda: client.ask("how many?", max_age=60), wait, Missing)
    assert error.__notes__[0].startswith(f"Question {QUESTION_ID} may still be running and is recorded in ")
    assert server.questions == ["how many?"]


@pytest.mark.parametrize("signalled", [KeyboardInterrupt, Alarm])
@pytest.mark.parametrize(("status", "headers"), [(401, {}), (429, {"Retry_After": "9"})])
def test_after_a_refusal(
    server: Script, tmp_path: Path, status: int, headers: dict[str, str], signalled: type[BaseException]
) -> None:
    """Nothing was started: there is no note, and the question may be asked again."""
    client = recording.make(server, tmp_path / "history")
    server.on("ask", server.answer(status, {}, **headers), server.steps["ask"][0])
    server.on("token", server.steps["token"][0], server.hang, server.steps["token"][0])

    def wait() -> None:
        until(lambda: server.count("token") == 2 or (status == 429 and server.count("ask")))
        pause(0.2)

    error = interrupt(lambda: client.submit("how many?", max_age=60), wait, signalled)
    assert not hasattr(error, "__notes__")
    assert recording.rows(tmp_path / "history", "state") == [("REJECTED",)]
    assert client.submit("how many?", max_age=60).question_id == QUESTION_ID


class JobTimeout(Exception):
    """An error of another package."""


@pytest.mark.parametrize("signalled", [JobTimeout, Alarm])
def test_an_exception_set_by_another_thread(
    server: Script, client: Client, signalled: type[BaseException]
) -> None:
    """It is not taken for a failure of the connection, nor for an error of this package."""
    asking, raise_in = threading.get_ident(), ctypes.pythonapi.PyThreadState_SetAsyncExc

    def press() -> None:
        until(lambda: server.count("ask"))
        raise_in(ctypes.c_ulong(asking), ctypes.py_object(signalled))
        is_set.set()  # it is raised once the wait for the reply is over

    is_set = threading.Event()
    server.on("ask", server.held(is_set, server.send_and_close(b"")))
    timer = threading.Thread(target=press)
    timer.start()
    with pytest.raises(signalled) as caught:
        client.submit("how many?")
    timer.join()
    assert caught.value.__notes__[0].startswith("The question 'how many?' was being sent")


def test_while_the_history_waits(server: Script, tmp_path: Path) -> None:
    """A TimeoutError of a handler is not taken for one of the file."""
    client = recording.make(server, tmp_path / "history")
    client.submit("how many?")
    with contextlib.closing(sqlite3.connect(tmp_path / "history")) as other:
        other.execute("BEGIN EXCLUSIVE")
        with raising(TimeoutError, signal.SIGALRM):
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(TimeoutError) as caught:
                client.submit("how many?", max_age=60)
    assert type(caught.value) is TimeoutError
    assert server.questions == ["how many?"]


@pytest.mark.parametrize("signalled", [KeyboardInterrupt, SystemExit, RuntimeError, TimeoutError])
@pytest.mark.parametrize(
    ("endpoint", "status"), [("token", 200), ("ask", 202), ("ask", 500), ("results", 200)]
)
def test_while_a_response_arrives(
    server: Script,
    client: Client,
    capsys: pytest.CaptureFixture[str],
    endpoint: str,
    status: int,
    signalled: type[BaseException],
) -> None:
    """An id that arrived is kept, and nothing is sent again; no note if there is no question yet.

    Also by whatever services raise on SIGTERM or SIGALRM, even if a library might raise it too.
    """
    response = f'HTTP/1.1 {status} Said\r\nContent-Length: 99\r\n\r\n{{"question_id": "{QUESTION_ID}"'
    server.on(endpoint, server.send_and_hang(response.encode()))

    def wait() -> None:
        until(lambda: server.count(endpoint))
        pause(0.2)  # until the client has read what was sent

    error = interrupt(lambda: client.ask("how many?"), wait, signalled)
    notes = [] if endpoint == "token" else [RESUME]
    assert getattr(error, "__notes__", []) == notes
    assert capsys.readouterr().err.split("\n")[1:-1] == notes * (signalled is KeyboardInterrupt)
    assert (server.count(endpoint), server.count("ask")) == (1, len(notes))


@pytest.mark.parametrize("end", ["closed", "a broken pipe", "none"])
@pytest.mark.usefixtures("_no_collection")
def test_a_standard_error_that_cannot_be_written(
    server: Script, client: Client, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """A standard error that cannot be written does not change the KeyboardInterrupt and its note."""
    receiver, sender = os.pipe()
    os.close(receiver)
    with contextlib.suppress(BrokenPipeError), os.fdopen(sender, "w", encoding="utf-8") as stream:
        if end == "closed":
            stream.close()
        monkeypatch.setattr(sys, "stderr", None if end == "none" else stream)
        error = interrupt(lambda: client.ask("how many?"), lambda: until(lambda: server.count("results")))
    assert error.__notes__ == [RESUME]
    assert server.questions == ["how many?"]


@pytest.fixture
def _no_collection() -> Iterator[None]:
    """Disable Python's garbage collector: an interrupt in a finalizer that it calls is lost."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


# An interrupt while a socket is being created leaves the socket to the collector: no code could close it.
@pytest.mark.filterwarnings("ignore:unclosed <connecty_frames.http.connection:ResourceWarning")
@pytest.mark.usefixtures("_no_collection")
@pytest.mark.slow
def test_a_hundred_at_random_moments() -> None:
    """Each is raised within 0.5 s, no question is sent twice, and a known id is reported."""
    rng = random.Random(1)
    for _ in range(PRESSES):
        with serve() as server:
            for endpoint in ("token", "ask", "results"):
                server.on(endpoint, server.delayed(LONGEST / 6, server.steps[endpoint][0]))
            with Client("id", client_secret="s", base_url=server.address, dw_id=13, timeout=10) as client:
                error = interrupt(
                    partial(client.ask, "how many?"), partial(time.sleep, rng.uniform(0, LONGEST))
                )
        notes = getattr(error, "__notes__", [])
        assert server.count("ask") <= 1
        if server.count("results"):
            assert notes == [RESUME]
        elif server.count("ask"):
            (note,) = notes
            assert note == RESUME or "'how many?' was being sent to workspace 13" in note


def test_the_client_is_usable_after_an_interrupt(server: Script, client: Client) -> None:
    """After an interrupt during the token call, another thread gets its token at once."""
    server.on("token", server.hang, server.steps["token"][0])
    interrupt(lambda: client.submit("how many?"), lambda: until(lambda: server.count("token")))
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(client.question(QUESTION_ID).state()))
    thread.start()
    thread.join()
    assert found == ["PENDING"]


def test_an_interrupt_that_the_caller_handled(server: Script, client: Client) -> None:
    """It is not raised again, although a reply that is read meanwhile is cut."""
    earlier = interrupt(partial(time.sleep, 9), lambda: None, TimeoutError)
    server.on("ask", server.send_and_close(b"HTTP/1.1 400 Said\r\nContent-Length: 9\r\n\r\nno"))
    try:
        raise ValueError from earlier  # noqa: TRY301 - what the caller handles
    except ValueError:
        with pytest.raises(Exception, match="answered 400"):
            client.submit("how many?")


def test_while_the_end_of_a_response_is_checked(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A TimeoutError of a handler is not taken for one of the socket."""
    press = partial(os.kill, os.getpid(), signal.SIGINT)
    monkeypatch.setattr("connecty_frames.http.connection.wait_for_read", lambda *_, **__: press())
    with raising(TimeoutError), pytest.raises(TimeoutError):
        client.submit("how many?")
