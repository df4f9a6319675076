"""The progress of a question: a line that ticks while one waits, or a call for each step.

In a terminal the line is rich's, on standard error. Questions that are waited for at the same time, each in a
thread of its own, share one display with a line each: two displays would write over each other. In a notebook
it is an output of the cell that changes in place and is empty in the end, since what is written to standard
error there stays, in red. In a log, where it was asked for, it is a line for each state.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from connecty_frames.text import snippet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

    from rich.progress import Progress as Display

__all__ = ["Progress", "progress"]

#: How much of a question the line shows; in a terminal, as much as the rest of the line leaves room for.
_SHOWN: Final = 60
_REST: Final = 60
_LEAST: Final = 12


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
        True shows a line with the question, its state, the time and its id, False nothing, a callable
        receives a :class:`Progress`; None shows the line in a terminal and in a notebook. The line never
        goes to standard output, which is for data.
    """
    notebook = _notebook()
    if callable(wanted):

        def report(state: str, elapsed: float) -> None:
            wanted(Progress(state, elapsed, question_id, question))

        yield report
    elif wanted is False or getattr(sys.stderr, "closed", sys.stderr is None):
        yield lambda _state, _elapsed: None
    elif notebook is not None:
        with _in_notebook(notebook, question, question_id) as show:
            yield show
    elif _is_terminal(sys.stderr):
        with _in_terminal(question, question_id) as show:
            yield show
    elif wanted:
        yield _in_log(question, question_id)
    else:
        yield lambda _state, _elapsed: None


def _is_terminal(stream: TextIO) -> bool:
    # While rich shows a line, it stands in front of standard error and (up to 14) denies being a terminal.
    terminal_: bool = getattr(stream, "rich_proxied_file", stream).isatty()
    return terminal_


def _title(question: str | None, room: int) -> str:
    return snippet(question, room) if question else "question"


def _in_log(question: str | None, question_id: str) -> Callable[[str, float], None]:
    told: list[str] = []

    def report(state: str, elapsed: float) -> None:
        if told[-1:] != [state]:
            told.append(state)
            line = f"{_title(question, _SHOWN)}  {snippet(state)}  {elapsed:.0f} s  {question_id}"
            print(line, file=sys.stderr, flush=True)  # noqa: T201 - to whoever asked for it

    return report


# --- in a terminal ----------------------------------------------------------------------------------

_lock = threading.Lock()
_shared: list[Display] = []


@contextmanager
def _in_terminal(question: str | None, question_id: str) -> Iterator[Callable[[str, float], None]]:
    with _lock:
        display = _shared[0] if _shared else _started()
        room = max(_LEAST, min(_SHOWN, display.console.width - _REST))
        title = _title(question, room)
        task = display.add_task("", total=None, title=title, state="", question_id=question_id)
    try:
        yield lambda state, _elapsed: display.update(task, state=snippet(state), refresh=True)
    finally:
        with _lock:
            display.remove_task(task)
            if not display.tasks:
                _shared.clear()
                display.stop()


def _started() -> Display:
    from rich.console import Console
    from rich.progress import Progress as Display
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = [
        TextColumn(f"{{task.fields[{field}]}}", style=style, markup=False)
        for field, style in (("title", "none"), ("state", "bold"), ("question_id", "dim"))
    ]
    display = Display(
        SpinnerColumn(),
        *columns[:2],
        TimeElapsedColumn(),
        *columns[2:],
        console=Console(stderr=True),
        transient=True,
        # rich would send what others print to standard output, which may be data, to standard error.
        redirect_stdout=False,
    )
    display.start()
    _shared.append(display)
    return display


# --- in a notebook ----------------------------------------------------------------------------------


def _notebook() -> Any:
    """Give the shell of a notebook; one of a terminal has no kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell if hasattr(shell, "kernel") else None


@contextmanager
def _in_notebook(
    shell: Any,
    question: str | None,
    question_id: str,
) -> Iterator[Callable[[str, float], None]]:
    title = _title(question, _SHOWN)
    publish = shell.display_pub.publish
    place = {"display_id": f"connecty-{question_id}-{id(title)}"}
    publish({"text/plain": title}, transient=place)
    try:
        yield lambda state, elapsed: publish(
            {"text/plain": f"{title}  {snippet(state)}  {elapsed:.0f} s  {question_id}"},
            transient=place,
            update=True,
        )
    finally:
        publish({"text/plain": ""}, transient=place, update=True)
