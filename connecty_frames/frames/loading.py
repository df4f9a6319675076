"""The import of Arrow and of a frame library while the server works on the first question.

It takes a few tenths of a second, which would otherwise be added to the time of the answer. It runs in a
thread of its own, so that a deadline and Ctrl-C end the call as they do without it.

- Only the first question to an engine begins one, and only after it was accepted.
- Errors are not reported: the module raises them when it is imported again.
- The thread is no daemon, since Python must not end in the middle of the import of a library in C.
- ``pyarrow.compute``, which few answers need, is imported as well if the answer is not there by then.
- A fork waits for it: in the child the lock of a module that another thread was importing is never released.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

    from connecty_frames.answer_metadata import AnswerMetadata
    from connecty_frames.options import Engine

#: The engines whose import has ended. For these nothing needs to be begun.
LOADED: Final[set[str]] = set()
_threads: Final[dict[str, threading.Thread]] = {}
#: The engines whose answer has arrived.
_awaited: Final[set[str]] = set()


def begin_loading(engine: Engine) -> None:
    """Begin to import what makes an answer a frame of a library, unless that was begun before."""
    name = f"connecty_frames import {engine}"
    # By default it would be a daemon if this thread is one, as those of awaited calls are.
    thread = threading.Thread(target=_load, args=(engine,), name=name, daemon=False)
    if _threads.setdefault(engine, thread) is thread:
        with suppress(RuntimeError):  # no more threads can be started, or Python is about to end
            # It adds functions that are called before and after a fork. Imported by the thread, while a fork
            # waits for that, some would be called without the others, and Python would write an error.
            import_module("concurrent.futures.thread")
            thread.start()


def finish_loading(engine: Engine) -> None:
    """Wait until the import that was begun has ended, or do it here if its thread could not be started."""
    _awaited.add(engine)
    thread = _threads[engine]
    if thread.is_alive():
        thread.join()
    if engine not in LOADED:
        _load(engine)


def _load(engine: Engine) -> None:
    with suppress(Exception):
        import_module("connecty_frames.decode.decoder")  # pragma: no mutate - saves time, as what follows
        if engine != "pyarrow":  # pragma: no mutate - saves a look for a module
            import_module(f"connecty_frames.frames.{engine}")
        if engine not in _awaited:  # pragma: no mutate
            import_module("pyarrow.compute")
    LOADED.add(engine)


def _finish_before_fork() -> None:
    for thread in list(_threads.values()):
        if thread is not threading.current_thread() and thread.is_alive():
            thread.join()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(before=_finish_before_fork)


def to_engine(table: pa.Table, engine: Engine, metadata: AnswerMetadata | None = None) -> Any:
    """Return a table as the frame of a library with this metadata, which an Arrow table has already."""
    if engine == "pyarrow":
        return table
    if engine == "polars":
        from connecty_frames.frames.polars import to_polars

        return to_polars(table, metadata)
    from connecty_frames.frames.pandas import to_pandas

    return to_pandas(table, metadata=metadata)
