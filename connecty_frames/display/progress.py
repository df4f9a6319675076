"""The progress of a question: a line on standard error, or a call for each step."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connecty_frames.escape import snippet, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Progress", "progress"]


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a question's way, as a ``progress=`` callable receives it.

    Parameters
    ----------
    state
        The state the server told last.
    elapsed
        Seconds since the wait began.
    question_id, question
        Which question it is; ``question`` is None after re-attaching by id.
    """

    state: str
    elapsed: float
    question_id: str
    question: str | None


@contextmanager
def progress(
    wanted: Callable[..., object] | bool | None,  # noqa: FBT001 - the choice as the caller made it
    question: str | None,
    question_id: str,
) -> Iterator[Callable[[str, float], None]]:
    """Give a function that shows a state and the seconds elapsed, for as long as the context lasts.

    Parameters
    ----------
    wanted
        True shows a line, False nothing, a callable receives a :class:`Progress`; None shows the line where
        standard error is a terminal. The line never goes to standard output, which is for data.
    """
    if callable(wanted):

        def report(state: str, elapsed: float) -> None:
            wanted(Progress(state, elapsed, question_id, question))

        yield report
    elif wanted or (wanted is None and sys.stderr is not None and sys.stderr.isatty()):
        from rich.console import Console
        from rich.markup import escape

        title = escape(snippet(question or question_id, 60))
        with Console(stderr=True).status(title) as status:
            yield lambda state, elapsed: status.update(f"{title}  {escape(terminal(state))} {elapsed:.0f} s")
    else:
        yield lambda _state, _elapsed: None
