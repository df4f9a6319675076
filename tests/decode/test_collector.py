"""The garbage collector does not start while a thread decodes, and stays as the caller wants it."""

from __future__ import annotations

import gc
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from connecty_frames.decode import ReaderLimits, decode, read_envelope
from connecty_frames.options import AskOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENVELOPE = read_envelope(b'{"state": "COMPLETED", "results": {"dataframe": [["a"], [1]]}}')


@pytest.fixture(autouse=True)
def _thresholds() -> Iterator[None]:
    """Set thresholds of the test's own, and those of before after it."""
    before = gc.get_threshold()
    gc.set_threshold(500, 7, 8)
    yield
    gc.set_threshold(*before)
    gc.enable()


@contextmanager
def decoding() -> Iterator[None]:
    """Let another thread decode meanwhile."""
    begun, ended = threading.Event(), threading.Event()
    limits = ReaderLimits(checkpoint=lambda: [begun.set(), ended.wait()])
    thread = threading.Thread(target=decode, args=(ENVELOPE, AskOptions()), kwargs={"limits": limits})
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def is_collecting() -> bool:
    """Return whether many new objects start a collection."""
    before = gc.get_stats()[0]["collections"]
    _ = [[] for _ in range(5_000)]
    return gc.get_stats()[0]["collections"] > before


def test_it_pauses_until_the_last_thread_is_done() -> None:
    """It is not disabled meanwhile, and its thresholds are those of the caller afterwards."""
    with decoding():
        with decoding():
            assert (is_collecting(), gc.isenabled()) == (False, True)
        assert is_collecting() is False
    assert is_collecting() is True
    assert gc.get_threshold() == (500, 7, 8)


@pytest.mark.parametrize(
    ("change", "collects", "threshold"),
    [
        (gc.disable, False, 500),
        (lambda: gc.set_threshold(0), False, 0),
        (lambda: gc.set_threshold(9), True, 9),
    ],
)
def test_a_change_meanwhile_is_kept(change: Callable[[], None], *, collects: bool, threshold: int) -> None:
    """Whether the caller disables it, or sets another threshold."""
    with decoding():
        change()
    decode(ENVELOPE, AskOptions())
    assert (is_collecting(), gc.get_threshold()[0]) == (collects, threshold)


def test_enabled_meanwhile() -> None:
    """The caller that disabled it enables it again."""
    gc.disable()
    with decoding():
        gc.enable()
        assert is_collecting() is False
    assert is_collecting() is True


def test_many_threads_leave_it_as_it_was() -> None:
    """Which decode at the same time, while the caller disables and enables it."""
    with ThreadPoolExecutor(16) as pool:
        running = [pool.submit(decode, ENVELOPE, AskOptions()) for _ in range(2_000)]
        while not all(future.done() for future in running):
            gc.disable()
            assert gc.isenabled() is False
            gc.enable()
            assert gc.isenabled() is True
    assert gc.get_threshold() == (500, 7, 8)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_child_collects() -> None:
    """Also one of a process in which another thread decodes."""
    with decoding():
        child = os.fork()
        if not child:
            os._exit(int(is_collecting() and gc.get_threshold() == (500, 7, 8)))
        assert is_collecting() is False
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
