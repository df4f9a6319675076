"""How long a thing took, beside how late this machine was at the time."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What may pass between a deadline and its end, in seconds.
SLACK = 0.25
_BEAT = 0.005


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Hold a block to its deadline and the slack.

    A machine that has other things to do wakes nobody on time. So a thread sleeps for moments meanwhile, and
    the most it overslept is granted on top: on a machine at rest that is nothing.
    """
    over, late = threading.Event(), [0.0]

    def beat() -> None:
        while not over.is_set():
            slept = time.monotonic()
            time.sleep(_BEAT)
            late.append(time.monotonic() - slept - _BEAT)

    heart = threading.Thread(target=beat, daemon=True)
    heart.start()
    began = time.monotonic()
    try:
        yield
    finally:
        took = time.monotonic() - began
        over.set()
        heart.join()
    assert took <= seconds + SLACK + max(late)
