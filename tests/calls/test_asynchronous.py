"""Questions that are awaited: concurrent without a limit, cancelled at once, and never blocking the loop."""

import asyncio
import gc
import logging
import re
import subprocess
import sys
import threading
import time
import warnings
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
from typing import Any

import anyio
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import trio

import connecty_frames as cf
from connecty_frames import calls
from connecty_frames.sandbox import Sandbox
from connecty_frames.store.table import store_at
from tests.servers.scripted import QUESTION_ID, TOKEN, Script

PACKAGE = Path(cf.__file__).parent
TOP_COUNTRIES = "list the top 5 countries with the most orders"
ONE_ROW = {
    "state": "COMPLETED",
    "results": {
        "dataframe": [["n"], [1]],
        "dataframe_stats": {"n": {"general": {"count": 1, "nulls_count": 0}}},
    },
}
RESUME = (
    f"Question {QUESTION_ID} may still be running; to fetch its answer without asking again: "
    f'cf.fetch("{QUESTION_ID}", dw_id=13)'
)


def run(awaited: Coroutine[Any, Any, Any]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(60):
            return await awaited

    return asyncio.run(bounded())


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - what a server thread does sets no event of the loop
        await asyncio.sleep(0.005)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "connecty-question"]


async def ask_df() -> None:
    await cf.ask_df_async(TOP_COUNTRIES, dw_id=13)


async def guest() -> None:
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    trio.lowlevel.start_guest_run(
        ask_df,
        run_sync_soon_threadsafe=asyncio.get_running_loop().call_soon_threadsafe,
        done_callback=done.set_result,
    )
    (await done).unwrap()


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize(
    "start",
    [
        lambda: trio.run(ask_df),
        lambda: anyio.run(ask_df, backend="trio"),
        lambda: asyncio.run(guest()),
        lambda: ask_df().send(None),
    ],
    ids=["trio", "anyio", "guest", "no loop"],
)
def test_another_loop_is_an_error(start: Callable[[], object], connected: Sandbox) -> None:
    """Without a task of asyncio nothing is sent, and the error says what to do under trio."""
    before = len(connected.request_log.requests)
    with pytest.raises(cf.ConfigError, match=r"need the event loop of asyncio; .*trio\.to_thread\.run_sync"):
        start()
    assert len(connected.request_log.requests) == before


def test_trio_runs_a_call_in_a_thread(connected: Sandbox) -> None:
    """As the error advises."""

    async def main() -> pd.DataFrame:
        return await trio.to_thread.run_sync(cf.ask_df, TOP_COUNTRIES)

    before = connected.request_log.submissions()
    assert trio.run(main)["country"].tolist()[0] == "Poland"
    assert connected.request_log.submissions() - before == {TOP_COUNTRIES: 1}


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Return an event for which a server waits; it is set in the end, and no thread may be left then."""
    event = threading.Event()
    yield event
    event.set()
    for thread in threads():
        thread.join(20)
    assert threads() == []


# Answers


@pytest.mark.slow
@pytest.mark.usefixtures("connected")
def test_an_answer_and_frames() -> None:
    """The same as without await, for each engine, by the functions and by a client."""

    async def ask() -> Any:
        with cf.Client() as client:
            return await asyncio.gather(
                cf.ask_async("SELECT 1 AS n"),
                cf.ask_df_async("SELECT 2 AS n"),
                client.ask_df_async("SELECT 3 AS n", engine="polars"),
                cf.ask_df_async("SELECT 4 AS n", engine="pyarrow", client=client),
                client.ask_async("SELECT 5 AS n"),
            )

    first, pandas, polars, arrow, last = run(ask())

    assert isinstance(first, cf.Answer)
    assert [type(pandas), type(polars), type(arrow)] == [pd.DataFrame, pl.DataFrame, pa.Table]
    found = [first.table["n"][0].as_py(), pandas["n"][0], polars["n"][0], arrow["n"][0].as_py()]
    assert [*found, last.table["n"][0].as_py()] == [1, 2, 3, 4, 5]
    assert pandas.connecty.metadata.question == "SELECT 2 AS n"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"question": " "}, cf.ConfigError, "blank"),
        ({"question": "q", "tz": "Mars"}, cf.ConfigError, "tz='Mars'"),
        ({"question": "q", "schema": 5}, cf.ConfigError, "schema"),
        ({"question": "q", "client": 5}, cf.ConfigError, "client is of type int; expected a Client"),
        ({"question": "q", "max_row": 5}, TypeError, "did you mean 'max_rows'"),
    ],
)
@pytest.mark.parametrize("function", [cf.ask_async, cf.ask_df_async])
def test_what_is_wrong_is_raised_before_a_thread_is_started(
    connected: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    function: Any,
    arguments: Any,
    error: type[Exception],
    message: str,
) -> None:
    """When the call is awaited, as for any coroutine; nothing is sent."""
    asked = len(connected.request_log.requests)
    monkeypatch.setattr(calls.threading.Thread, "start", pytest.fail)
    awaited = function(**arguments)
    with pytest.raises(error, match=message):
        run(awaited)
    assert len(connected.request_log.requests) == asked


# Concurrency


def test_sixty_four_at_once(server: Script, client: cf.Client) -> None:
    """More than asyncio.to_thread would run: the server answers none before all have arrived.

    Meanwhile the thread of the loop runs none of the code that sends, waits, decodes or converts.
    """
    arrived = threading.Barrier(64, timeout=60)

    def accept(connection: Any) -> bool:
        arrived.wait()
        return Script.answer(202, {"question_id": QUESTION_ID})(connection)

    server.on("ask", accept)
    server.on("results", Script.answer(200, ONE_ROW))
    called: set[str] = set()

    def record(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            called.add(frame.f_code.co_filename)
        elif event == "c_call" and argument.__name__ in ("connect", "getaddrinfo", "sendall", "sleep"):
            called.add(argument.__name__)

    async def ask() -> list[pd.DataFrame]:
        sys.setprofile(record)  # of this thread alone
        try:
            return await asyncio.gather(*(client.ask_df_async(f"number {n}") for n in range(64)))
        finally:
            sys.setprofile(None)

    frames = run(ask())

    assert [frame["n"].tolist() for frame in frames] == [[1]] * 64
    assert sorted(server.questions) == sorted(f"number {n}" for n in range(64))
    assert str(PACKAGE / "client.py") in called
    blocking = {"http", "decode", "frames", "display", "diagnostics.py"}
    ours = [Path(each).relative_to(PACKAGE) for each in called if each.startswith(str(PACKAGE))]
    assert [each for each in ours if blocking & {*each.parts}] == []
    assert called & {"connect", "getaddrinfo", "sendall", "sleep"} == set()


@pytest.mark.usefixtures("connected")
def test_where_warnings_point() -> None:
    """At the line that called, also where a task is the call alone, so that no line of it is on the stack."""
    lines: list[int] = []

    def here() -> int:
        lines.append(sys._getframe(1).f_lineno)
        return 2

    async def ask() -> None:
        await cf.ask_async(TOP_COUNTRIES, max_rows=here())
        await asyncio.gather(cf.ask_df_async(TOP_COUNTRIES, max_rows=here()))
        task = asyncio.create_task(cf.Client().ask_async(TOP_COUNTRIES, max_rows=here()))
        await task

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        run(ask())

    assert len(lines) == 3
    assert [(each.category, each.filename, each.lineno) for each in seen] == [
        (cf.TruncationWarning, __file__, line) for line in lines
    ]


@pytest.mark.usefixtures("connected")
def test_progress_and_context_variables() -> None:
    """A callable is called in the thread of the question, with the context of the task."""
    name: ContextVar[str] = ContextVar("name")
    seen: set[tuple[str, str]] = set()

    async def ask(number: int) -> None:
        name.set(f"task {number}")
        await cf.ask_async(
            f"SELECT {number} AS n",
            progress=lambda _step: seen.add((name.get(), threading.current_thread().name)),
        )

    async def both() -> None:
        await asyncio.gather(ask(1), ask(2))

    run(both())

    assert seen == {("task 1", "connecty-question"), ("task 2", "connecty-question")}


def test_an_exception_of_a_callable(server: Script, client: cf.Client) -> None:
    """It is raised with the id as its note; Python makes a RuntimeError of a StopIteration."""

    def stop(_step: object) -> None:
        raise StopIteration

    with pytest.raises(RuntimeError, match="coroutine raised StopIteration") as raised:
        run(client.ask_async("how many?", progress=stop))
    assert raised.value.__cause__ is not None
    assert raised.value.__cause__.__notes__ == [RESUME]
    assert server.questions == ["how many?"]


# Cancellation


@asynccontextmanager
async def cancelled(awaited: Coroutine[Any, Any, Any]) -> AsyncIterator[list[asyncio.CancelledError]]:
    """Start a task, and cancel it after the block; yield a list that then has its CancelledError."""
    found: list[asyncio.CancelledError] = []
    task = asyncio.create_task(awaited)
    await asyncio.sleep(0)
    yield found
    task.cancel()
    try:
        await task
    except asyncio.CancelledError as error:
        found.append(error)


def notes(error: BaseException) -> list[str]:
    found: list[str] = getattr(error, "__notes__", [])
    return found


def cancel(
    awaited: Coroutine[Any, Any, Any], when: Callable[[], object], released: threading.Event | None = None
) -> list[str]:
    """Cancel a call once a condition holds; return the notes once its thread has ended."""

    async def ask() -> asyncio.CancelledError:
        async with cancelled(awaited) as found:
            await until(when)
        if released is not None:
            assert len(threads()) == 1  # the loop did not wait for it
            released.set()
        await until(lambda: not threads())
        return found[0]

    return notes(run(ask()))


def test_cancelled_before_it_was_sent(server: Script, client: cf.Client, released: threading.Event) -> None:
    """No note, since there is no question: it is not sent when the token comes."""
    server.on("token", Script.held(released, Script.answer(200, TOKEN)))
    assert cancel(client.ask_async("what now?"), lambda: server.count("token"), released) == []
    assert server.questions == []


def test_cancelled_while_it_was_sent(
    server: Script, client: cf.Client, released: threading.Event, capsys: pytest.CaptureFixture[str]
) -> None:
    """The note says that delivery is unknown; it is sent once, and its answer not polled for."""
    server.on("ask", Script.held(released, Script.answer(202, {"question_id": QUESTION_ID})))
    (note,) = cancel(client.ask_df_async("what now?"), lambda: server.questions, released)
    assert note.startswith("The question 'what now?' was being sent to workspace 13 at ")
    assert note.endswith("Look in ConnectyAI's chat history before asking it again.")
    assert server.questions == ["what now?"]
    assert server.count("results") == 0
    assert capsys.readouterr().err == ""


def test_the_history_of_a_question_that_was_cancelled_while_it_was_sent(
    server: Script, released: threading.Event, tmp_path: Path
) -> None:
    """It has the id, since the reply is read to its end: the question is paid for."""
    server.on("ask", Script.held(released, Script.answer(202, {"question_id": QUESTION_ID})))
    path = tmp_path / "history.sqlite3"
    with cf.Client("id", client_secret="x", base_url=server.address, dw_id=13, history=path) as client:
        cancel(client.ask_async("what now?"), lambda: server.questions, released)
    ((state, question_id),) = store_at(path).execute("SELECT state, question_id FROM questions").rows
    assert (state, question_id) == ("ASKED", QUESTION_ID)
    assert server.count("results") == 0


def test_cancelled_during_the_wait_after_a_429(server: Script, client: cf.Client) -> None:
    """It is not sent again."""
    server.on("ask", Script.answer(429, Retry_After="5"), Script.answer(202, {"question_id": QUESTION_ID}))
    cancel(client.ask_async("what now?"), lambda: server.questions)
    assert server.questions == ["what now?"]


def test_cancelled_while_polling(
    server: Script, client: cf.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """The note has the id and the call that resumes, polling ends, and standard error stays empty."""
    assert cancel(client.ask_async("how many?"), lambda: server.count("results") > 1) == [RESUME]
    assert server.count("ask") == 1
    assert capsys.readouterr().err == ""
    polls = server.count("results")
    run(asyncio.sleep(0.15))  # longer than a pause between polls
    assert server.count("results") == polls


def test_cancelled_while_a_poll_is_answered(
    server: Script, client: cf.Client, released: threading.Event
) -> None:
    """The loop does not wait for the request, and its answer is dropped without a word."""
    server.on("results", Script.held(released, Script.answer(200, ONE_ROW)))
    assert cancel(client.ask_async("how many?"), lambda: server.count("results"), released) == [RESUME]


def test_a_timeout_of_asyncio(server: Script, client: cf.Client) -> None:
    """The note stands on the cause of the TimeoutError."""

    async def by_timeout() -> None:
        async with asyncio.timeout(None) as bound:
            clock = asyncio.create_task(expire(bound))
            await client.ask_async("how many?")
        await clock

    async def expire(bound: asyncio.Timeout) -> None:
        await until(lambda: server.count("results"))
        bound.reschedule(asyncio.get_running_loop().time())

    with pytest.raises(TimeoutError) as raised:
        run(by_timeout())
    assert not isinstance(raised.value, cf.QuestionTimeout)
    cause = raised.value.__cause__ or raised.value.__context__  # Python 3.11.2 sets only the second
    assert cause is not None
    assert notes(cause) == [RESUME]
    assert server.questions == ["how many?"]


def test_a_task_that_never_ran(server: Script, client: cf.Client) -> None:
    """Nothing happens before the coroutine is awaited."""

    async def ask() -> None:
        task = asyncio.create_task(client.ask_async("how many?"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(ask())
    assert server.requests == []


@pytest.mark.parametrize("cancel", [True, False])
def test_an_answer_after_the_loop_was_closed(
    server: Script,
    client: cf.Client,
    released: threading.Event,
    caplog: pytest.LogCaptureFixture,
    cancel: bool,
) -> None:
    """It is dropped: no thread fails, and nothing is logged of a closed loop or a future nobody asked."""
    server.on("results", Script.held(released, Script.answer(200, ONE_ROW)))
    loop = asyncio.new_event_loop()
    task = loop.create_task(client.ask_async("how many?"))
    loop.run_until_complete(asyncio.wait_for(until(lambda: server.count("results")), 20))
    if cancel:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
    loop.close()
    with caplog.at_level(logging.DEBUG, "asyncio"):
        released.set()
        for thread in threads():
            thread.join(20)
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # of which asyncio warns, rightly
        del task
        gc.collect()

    assert [record for record in caplog.records if record.name == "asyncio"] == []


def test_an_error_is_not_kept(server: Script, client: cf.Client) -> None:
    """No reference cycle leaves it, with all that its frames hold, to the garbage collector."""
    server.on("ask", Script.answer(422, {"message": "no"}))

    async def ask() -> weakref.ref[BaseException]:
        try:
            await client.ask_async("how many?")
        except cf.APIError as error:
            reference: weakref.ref[BaseException] = weakref.ref(error)
        await until(lambda: not threads())
        return reference

    gc.collect()
    gc.disable()
    try:
        reference = run(ask())
        assert reference() is None
    finally:
        gc.enable()


@pytest.mark.slow
def test_a_program_ends_while_a_cancelled_call_waits(server: Script) -> None:
    """Neither the end of the loop nor the end of Python waits for its thread."""
    server.on("ask", server.hang)
    code = (
        "import asyncio, sys, connecty_frames as cf\n"
        f"client = cf.Client('id', client_secret='secret', base_url={server.address!r}, dw_id=13)\n"
        "async def main():\n"
        "    asked = asyncio.create_task(client.ask_async('how many?'))\n"
        "    await asyncio.to_thread(sys.stdin.readline)\n"
        "    async with asyncio.timeout(0):\n"
        "        await asked\n"
        "asyncio.run(main())\n"
    )

    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not server.count("ask"):
        assert process.poll() is None
        time.sleep(0.01)
    _, printed = process.communicate("now\n")

    assert not server.done.is_set()
    assert server.questions == ["how many?"]
    assert "The question 'how many?' was being sent to workspace 13" in printed
    assert printed.splitlines()[-1] == "TimeoutError"
    assert process.returncode == 1


# Notebooks


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that runs a cell of IPython with variables, within a loop as its kernel does."""
    interactive = pytest.importorskip("IPython.core.interactiveshell", reason="IPython is not installed")
    from traitlets.config import Config

    config = Config({"HistoryManager": {"enabled": False}})
    shell = interactive.InteractiveShell.instance(config=config, ipython_dir=str(tmp_path))

    async def run_cell(text: str) -> Any:
        return await shell.run_cell_async(text, transformed_cell=shell.transform_cell(text))

    def run_with(text: str, **variables: object) -> Any:
        shell.push({"cf": cf, "asyncio": asyncio, **variables})
        return run(run_cell(text))

    yield run_with
    interactive.InteractiveShell.clear_instance()


@pytest.mark.usefixtures("connected")
def test_await_in_a_cell(cell: Callable[..., Any]) -> None:
    """IPython awaits at the top level of a cell."""
    found = cell("df = await cf.ask_df_async('SELECT 7 AS n')\ndf['n'][0]")
    assert found.error_in_exec is None
    assert found.result == 7


def test_a_cell_that_is_interrupted(
    server: Script, client: cf.Client, cell: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """A kernel cancels its task: the traceback is short, and ends with the id."""

    async def interrupt(task: asyncio.Task[Any]) -> None:
        await until(lambda: server.count("results"))
        task.cancel()

    found = cell(
        "button = asyncio.create_task(interrupt(asyncio.current_task()))\n"
        "await client.ask_async('how many?')",
        client=client,
        interrupt=interrupt,
    )

    assert isinstance(found.error_in_exec, asyncio.CancelledError)
    shown = capsys.readouterr().out
    assert "await client.ask_async" in re.sub("\x1b[^m]*m", "", shown)
    assert shown.rstrip().endswith(RESUME)
    assert "calls" not in shown
