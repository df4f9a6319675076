"""The progress of a question: a changing line during the wait, or a call for each step."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from connecty_frames._base.text import snippet

if TYPE_CHECKING:
    from rich.progress import Progress as Display

Report: TypeAlias = Callable[[str, float], object]
_MAX_TITLE: Final = 60  # characters of the question
#: Replaces the line of the latest wait in a notebook by a text; None if there was no such line.
show_in_notebook: Final[ContextVar[Callable[[str], object] | None]] = ContextVar(
    "show_in_notebook", default=None
)


@dataclass(frozen=True, slots=True)
class Progress:
    """One step in the progress of a question, as a ``progress=`` callable receives it."""

    state: str
    """The state that the server reported last."""
    elapsed: float
    """Seconds since the wait began."""
    question_id: str
    question: str | None
    """The question in words; None after re-attaching by id."""


def progress(
    question: str | None, question_id: str, *, wanted: Callable[..., object] | bool | None
) -> AbstractContextManager[Report]:
    """Return a context; its function shows a state and the seconds elapsed."""
    # True shows a line, False nothing, a callable receives a :class:`Progress`; None shows the line in a
    # terminal and in a notebook. The line never goes to standard output, which is for data.
    show_in_notebook.set(None)
    if callable(wanted):
        return nullcontext(lambda state, elapsed: wanted(Progress(state, elapsed, question_id, question)))
    if wanted is not False and not getattr(sys.stderr, "closed", sys.stderr is None):
        # While rich shows a line, its proxy of standard error (up to rich 14) denies being a terminal.
        stream = getattr(sys.stderr, "rich_proxied_file", sys.stderr)
        if (shell := notebook_shell()) is not None:
            return _in_notebook(shell, question, question_id)
        if stream.isatty():
            return _in_terminal(question, question_id)
        if wanted:
            return nullcontext(_in_log(question, question_id))
    return nullcontext(lambda _state, _elapsed: None)


def _title(question: str | None, limit: int = _MAX_TITLE) -> str:
    return snippet(question, limit) if question else "question"


def _in_log(question: str | None, question_id: str) -> Report:
    last: str | None = None

    def report(state: str, elapsed: float) -> None:
        nonlocal last
        if state != last:
            last = state
            sys.stderr.write(f"{_title(question)}  {snippet(state)}  {elapsed:.0f} s  {question_id}\n")
            sys.stderr.flush()

    return report


_lock = threading.Lock()
#: The display that is shown now, if any: two, of questions in several threads, would overwrite each other.
_displays: list[Display] = []


@contextmanager
def _in_terminal(question: str | None, question_id: str) -> Iterator[Report]:
    with _lock:
        display = _displays[0] if _displays else _start_display()
        limit = max(12, min(_MAX_TITLE, display.console.width - 60))  # the other columns need 60
        title = _title(question, limit)
        task = display.add_task("", total=None, title=title, state="", question_id=question_id)
    try:
        yield lambda state, _elapsed: display.update(task, state=snippet(state), refresh=True)
    finally:
        with _lock:
            display.remove_task(task)
            if not display.tasks:
                _displays.clear()
                display.stop()


def _start_display() -> Display:
    from rich.console import Console
    from rich.progress import Progress as Display
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    def column(field: str, style: str) -> TextColumn:
        # If the terminal is narrow, the id is shortened: an earlier line shows it whole.
        cells = Column(no_wrap=field != "question_id", overflow="ellipsis")
        return TextColumn(f"{{task.fields[{field}]}}", style=style, markup=False, table_column=cells)

    elapsed = TimeElapsedColumn(table_column=Column(no_wrap=True))
    shown = column("title", "none"), column("state", "bold"), elapsed, column("question_id", "dim")
    # Otherwise rich would redirect other standard output, perhaps data, to standard error.
    console = Console(stderr=True)
    display = Display(SpinnerColumn(), *shown, console=console, transient=True, redirect_stdout=False)
    display.start()
    _displays.append(display)
    return display


def notebook_shell() -> Any:
    """Return IPython's shell in a notebook, or None in a terminal without a kernel."""
    shell = sys.modules["IPython"].get_ipython() if sys.modules.get("IPython") else None
    return shell if hasattr(shell, "kernel") else None


@contextmanager
def _in_notebook(shell: Any, question: str | None, question_id: str) -> Iterator[Report]:
    title = _title(question)
    transient = {"display_id": f"connecty-{question_id}-{id(title)}"}

    def show(text: str, *, update: bool = True) -> None:
        shell.display_pub.publish({"text/plain": text}, transient=transient, update=update)

    show(title, update=False)
    show_in_notebook.set(show)
    try:
        yield lambda state, elapsed: show(f"{title}  {snippet(state)}  {elapsed:.0f} s  {question_id}")
    finally:
        show("")
