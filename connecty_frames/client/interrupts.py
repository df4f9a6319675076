"""What is said when Ctrl-C ends a wait: the work on the server goes on, and its answer can be had later."""

from __future__ import annotations

import sys

__all__ = ["pursuing", "resuming", "tell"]


def resuming(question_id: str, dw_id: int) -> str:
    """Give the one line that fetches an answer later, without asking again."""
    return f'Client.question("{question_id}", dw_id={dw_id}).result()'


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
    if sys.stderr is not None:  # pythonw has none
        sys.stderr.write(f"\n{what}\n")
        sys.stderr.flush()
