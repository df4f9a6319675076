"""One line in the log for each request, at DEBUG: what was asked of whom, and what became of it.

It is for whoever has to find out why a call took so long. So it has the id, the state, the time and the
size, and nothing that was sent or that came: no header, no question, no row, no secret. A library's log goes
nowhere until somebody asks for it.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from connecty_frames.http.models import Failure, Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connecty_frames.clock import Clock
    from connecty_frames.http.models import Request

__all__ = ["LogLine", "logged"]

logging.getLogger("connecty_frames").addHandler(logging.NullHandler())
_LOG: Final = logging.getLogger("connecty_frames.client")


@dataclass(slots=True)
class LogLine:
    """What is known of a request when it is over.

    Parameters
    ----------
    outcome
        The reply, or why there is none; None if it was interrupted.
    question_id
        The id that came, where the path does not have it.
    state
        The state that the question is said to be in, safe to show.
    """

    outcome: Response | Failure | None = None
    question_id: str | None = None
    state: str | None = None

    def __str__(self) -> str:
        status = getattr(self.outcome, "status", None)
        said = [] if status is None else [str(status)]
        if self.outcome is None:
            said.append("interrupted")
        elif isinstance(self.outcome, Failure):
            said.append(self.outcome.kind.name)
        if self.state is not None:
            said.append(self.state)
        if self.question_id is not None:
            said.append(f"question_id {self.question_id}")
        return " ".join(said)


@contextmanager
def logged(call: Request, clock: Clock) -> Iterator[LogLine]:
    """Write the line of a request at the end of the context; what is known of it is to be put in."""
    line, began = LogLine(), clock.monotonic()
    try:
        yield line
    finally:
        took = (clock.monotonic() - began) * 1000
        size = call.received.tell()
        _LOG.debug("%s %s: %s, %.0f ms, %d bytes", call.method, call.path, line, took, size)
