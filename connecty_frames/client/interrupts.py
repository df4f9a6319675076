"""What is said when Ctrl-C ends a wait: the work on the server goes on, and its answer can be had later."""

from __future__ import annotations

import contextlib
import sys

__all__ = ["pursuing", "resume_by", "resuming", "tell"]

_line = ['Client.question("{question_id}", dw_id={dw_id}).result()']


def resume_by(line: str) -> None:
    """Let the line that fetches an answer later be another, as where questions come from a shell.

    Parameters
    ----------
    line
        With ``{question_id}`` and ``{dw_id}`` in it.
    """
    _line[:] = [line]


def resuming(question_id: str, dw_id: int) -> str:
    """Give the one line that fetches an answer later, without asking again."""
    return _line[0].format(question_id=question_id, dw_id=dw_id)


def pursuing(question_id: str, dw_id: int) -> str:
    """Say what is known of a question that was accepted and is left alone now."""
    return (
        f"Question {question_id} may still be worked on; to fetch its answer without asking again: "
        f"{resuming(question_id, dw_id)}"
    )


def tell(interrupt: KeyboardInterrupt, what: str) -> None:
    """Put what is known on the interrupt as its note, and on standard error as one line, once."""
    if what in getattr(interrupt, "__notes__", ()):
        return
    interrupt.add_note(what)
    # It may be closed, a broken pipe, or none at all (pythonw): the interrupt has to leave all the same.
    with contextlib.suppress(Exception):
        sys.stderr.write(f"\n{what}\n")
        sys.stderr.flush()
