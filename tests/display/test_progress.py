"""The progress of a question: a line for a person, a call for a program, or nothing."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from connecty_frames.display import Progress, progress

QUESTION_ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_a_callable_receives_each_step() -> None:
    """As a Progress, with what is known of the question."""
    steps: list[Progress] = []

    with progress(steps.append, "how many?", QUESTION_ID) as report:
        report("PENDING", 0.0)
        report("COMPLETED", 1.5)

    assert steps == [
        Progress(state="PENDING", elapsed=0.0, question_id=QUESTION_ID, question="how many?"),
        Progress(state="COMPLETED", elapsed=1.5, question_id=QUESTION_ID, question="how many?"),
    ]


def test_a_step_says_what_it_is() -> None:
    """Its repr shows every field, and it does not change."""
    step = Progress("PENDING", 0.5, QUESTION_ID, None)

    assert repr(step) == (
        f"Progress(state='PENDING', elapsed=0.5, question_id='{QUESTION_ID}', question=None)"
    )
    with pytest.raises(AttributeError):
        step.state = "COMPLETED"  # type: ignore[misc]


def test_what_a_callable_raises_is_not_swallowed() -> None:
    """It is the caller's own code, and a way to stop waiting."""

    def stop(step: Progress) -> None:
        raise RuntimeError(step.state)

    with pytest.raises(RuntimeError, match="PENDING"), progress(stop, None, QUESTION_ID) as report:
        report("PENDING", 0.0)


@pytest.mark.parametrize("wanted", [None, False])
def test_nothing_is_written_where_no_terminal_is(wanted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A log file or a pipe gets no progress unless it is asked for."""
    with progress(wanted, "how many?", QUESTION_ID) as report:
        report("PENDING", 0.0)

    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_the_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error: the question, the state and the seconds. Standard output is for data."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")

    with progress(None, "how many [red]orders[/]?", QUESTION_ID) as report:
        report("IN_PROGRESS", 12.3)

    assert "how many [red]orders[/]?" in stream.getvalue()
    assert capsys.readouterr().out == ""


def test_false_shows_nothing_even_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was said."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)

    with progress(False, "how many?", QUESTION_ID) as report:  # noqa: FBT003 - the choice as a user makes it
        report("PENDING", 0.0)

    assert stream.getvalue() == ""


def test_what_the_server_says_is_made_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state or question with control characters or markup cannot do anything to the terminal."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")

    with progress(True, "clear \x1b[2J", QUESTION_ID) as report:  # noqa: FBT003 - as above
        report("\x1b]0;title\x07[bold]", 0.0)

    assert "clear \\x1b[2J" in stream.getvalue()
    assert "\x1b[2J" not in stream.getvalue()
    assert "\x1b]0;" not in stream.getvalue()


@pytest.mark.parametrize("wanted", [None, True])
def test_without_a_standard_error_nothing_happens(wanted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a program that was started without one."""
    monkeypatch.setattr(sys, "stderr", None)

    with progress(wanted, "how many?", QUESTION_ID) as report:
        report("PENDING", 0.0)
