"""Convert Arrow tables to pandas and polars frames, with the metadata of the answer.

Arrow and a frame library are imported in a thread while the server works on the first question, from the time
it is accepted: docs/design/requests.md says why. Errors are not reported: the module raises them when it is
imported again. ``pyarrow.compute``, which few answers need, is also imported if there is time.
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

LOADED: Final[set[str]] = set()
_threads: Final[dict[str, threading.Thread]] = {}
_awaited: Final[set[str]] = set()  # the engines whose answer has arrived


def begin_loading(engine: Engine) -> None:
    """Start to import the modules for an engine, unless already done."""
    name = f"connecty_frames import {engine}"
    # By default, it would inherit being a daemon from this thread, as in awaited calls.
    thread = threading.Thread(target=_load, args=(engine,), name=name, daemon=False)
    if _threads.setdefault(engine, thread) is thread:
        with suppress(RuntimeError):  # no more threads can be started, or Python is about to end
            # This module registers functions to call before and after a fork. If the thread imported it while
            # a fork waits, only some of them would be called, and Python would report an error.
            import_module("concurrent.futures.thread")
            thread.start()


def finish_loading(engine: Engine) -> None:
    """Wait until the import has ended, or do it here if its thread could not be started."""
    _awaited.add(engine)
    thread = _threads[engine]
    if thread.is_alive():
        thread.join()
    if engine not in LOADED:
        _load(engine)


def _load(engine: Engine) -> None:
    with suppress(Exception):
        import_module("connecty_frames.decode.decoder")  # pragma: no mutate - saves time, as does the rest
        if engine != "pyarrow":  # pragma: no mutate - saves a search for a module
            import_module(f"connecty_frames.frames.{engine}")
        if engine not in _awaited:  # pragma: no mutate
            import_module("pyarrow.compute")
    LOADED.add(engine)


def _finish_before_fork() -> None:
    for thread in list(_threads.values()):
        if thread is not threading.current_thread() and thread.is_alive():
            thread.join()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_finish_before_fork)


def to_engine(table: pa.Table, engine: Engine, metadata: AnswerMetadata | None = None) -> Any:
    """Convert a table to an engine's frame with this metadata (an Arrow table has it already)."""
    if engine == "pyarrow":
        return table
    if engine == "polars":
        from connecty_frames.frames.polars import to_polars

        return to_polars(table, metadata)
    from connecty_frames.frames.pandas import to_pandas

    return to_pandas(table, metadata=metadata)
