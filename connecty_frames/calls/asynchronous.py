"""Await calls on an event loop: a thread for each, and no second transport.

``asyncio.to_thread`` is not enough: it runs at most as many calls at once as there are processors and four
more, and a cancelled one is neither stopped nor does it say which question was asked.

The threads are daemons. On cancellation the deadline of the call is moved to now, which ends every pause
between requests, and the loop does not wait for the thread.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from connecty_frames._base.clock import CURRENT, Deadline
from connecty_frames.asking.submission import annotate
from connecty_frames.errors import WARNING_LOCATION, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from connecty_frames.answer import Answer
    from connecty_frames.errors import CodeLocation
    from connecty_frames.options import AskOptions
    from connecty_frames.question import Call

_Result = TypeVar("_Result")


async def ask_in_thread(
    prepare: Callable[[], Call],
    make: Callable[[Answer, AskOptions], _Result],
    location: CodeLocation,
) -> _Result:
    """Make a call in its own thread, and something of its answer; warnings point at the location."""
    # ``prepare`` runs in the thread of the event loop: wrong arguments or settings are raised before a thread
    # is started.
    import asyncio  # here, since it is not needed otherwise, and loaded wherever something is awaited

    is_task = False
    with suppress(RuntimeError):  # no loop is running; as a guest of one, trio runs no task of it
        is_task = asyncio.current_task() is not None
    if not is_task:
        raise ConfigError(
            "Awaited calls need the event loop of asyncio; nothing was sent. Under trio, run the synchronous "
            "function in a thread: await trio.to_thread.run_sync(cf.ask, question)."
        )
    context = copy_context()
    context.run(WARNING_LOCATION.set, location)
    begin, cancelled = threading.Event(), threading.Event()
    context.run(CURRENT.set, Deadline(cancelled=cancelled))
    call = context.run(prepare)
    loop, finished = asyncio.get_running_loop(), asyncio.Event()
    outcome: Future[_Result] = Future()  # unlike asyncio's, it reports no error left unread
    thread = threading.Thread(
        target=context.run,
        args=(_work, lambda: make(call.answer(), call.options), outcome),
        kwargs={"begin": begin, "finish": partial(loop.call_soon_threadsafe, finished.set)},
        name="connecty-question",
        daemon=True,
    )
    try:
        thread.start()
        # In the next turn of the loop: otherwise each start would wait until a working thread releases the
        # interpreter, 5 ms or longer: 0.1 to 0.3 s for 64 calls begun in this turn.
        loop.call_soon(begin.set)
        await finished.wait()
    except BaseException as error:  # CancelledError; GeneratorExit if the loop was closed before
        cancelled.set()  # first: from now on, no question unknown to the message is sent
        begin.set()  # the loop may have no further turn
        annotate(error, call.submission.message())
        raise
    try:
        return outcome.result()
    finally:
        del outcome  # it holds the error, and its traceback holds this frame


def _work(
    run: Callable[[], _Result],
    outcome: Future[_Result],
    *,
    begin: threading.Event,
    finish: Callable[[], object],
) -> None:
    begin.wait()
    try:
        outcome.set_result(run())
    except BaseException as error:  # noqa: BLE001 - the coroutine raises it
        outcome.set_exception(error)
    # Otherwise the traceback of its error keeps it alive. Not `del`: cgitb fails on deleted arguments.
    outcome = None  # type: ignore[assignment]
    with suppress(RuntimeError):  # the loop may be closed by now
        finish()
