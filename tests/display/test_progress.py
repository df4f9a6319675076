"""The progress of a question: a line in a terminal, a call of a function, or nothing."""

from __future__ import annotations

import io
import re
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from connecty_frames.answer import Answer
from connecty_frames.display.progress import Progress, notebook_shell, progress
from connecty_frames.options import AskOptions

QUESTION_ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    @property
    def line(self) -> str:
        return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", self.getvalue()).splitlines()[-2].rstrip()


def set_terminal(monkeypatch: pytest.MonkeyPatch, columns: str = "120") -> Terminal:
    """Make standard error a terminal, which pytest would undo after a fixture."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys, "stderr", stream := Terminal())
    return stream


def test_a_callable_receives_each_step() -> None:
    """Each is a Progress, with the question and its id."""
    steps: list[Progress] = []
    with progress("how many?", QUESTION_ID, wanted=steps.append) as report:
        report("PENDING", 0.0)
        report("COMPLETED", 1.5)
    assert steps == [
        Progress(state="PENDING", elapsed=0.0, question_id=QUESTION_ID, question="how many?"),
        Progress(state="COMPLETED", elapsed=1.5, question_id=QUESTION_ID, question="how many?"),
    ]


def test_the_repr_of_a_step() -> None:
    """It has every field; a step is immutable."""
    step = Progress("PENDING", 0.5, QUESTION_ID, None)
    assert repr(step) == f"Progress(state='PENDING', elapsed=0.5, question_id='{QUESTION_ID}', question=None)"
    with pytest.raises(AttributeError):
        step.state = "COMPLETED"  # type: ignore[misc]


def test_an_exception_of_a_callable_propagates() -> None:
    """It is a way to stop waiting."""

    def stop(step: Progress) -> None:
        raise RuntimeError(step.state)

    with pytest.raises(RuntimeError, match="PENDING"), progress(None, QUESTION_ID, wanted=stop) as report:
        report("PENDING", 0.0)


@pytest.mark.parametrize("wanted", [None, False])
def test_nothing_is_written_without_a_terminal(wanted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A log file or a pipe gets no progress unless it is asked for."""
    with progress("how many?", QUESTION_ID, wanted=wanted) as report:
        report("PENDING", 0.0)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_the_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The question, the state and the seconds are on standard error. Standard output is for data."""
    terminal = set_terminal(monkeypatch)
    with progress("how many [red]orders[/]?", QUESTION_ID, wanted=None) as report:
        report("IN_PROGRESS", 12.3)
        print("data")  # noqa: T201 - as a caller's code might
    shown = rf". how many \[red\]orders\[/\]\? IN_PROGRESS 0:00:0\d {QUESTION_ID}"
    assert re.fullmatch(shown, terminal.line)
    assert "\x1b[1mIN_PROGRESS" in terminal.getvalue()
    assert f"\x1b[2m{QUESTION_ID}" in terminal.getvalue()
    assert capsys.readouterr().out == "data\n"


@pytest.mark.parametrize(
    ("columns", "question", "question_id"),
    [
        ("80", "how many orders were…", QUESTION_ID),
        ("60", "how many ord…", r"729\S*…"),
        ("40", "how many ord…", r"729\S*…"),
    ],
)
def test_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, columns: str, question: str, question_id: str
) -> None:
    """The question is cut, then the id, which is whole in the line about the acceptance."""
    terminal = set_terminal(monkeypatch, columns)
    asked = "how many orders were there in each month of the last year?"
    with progress(asked, QUESTION_ID, wanted=None) as report:
        report("IN_PROGRESS", 0.0)
    assert re.fullmatch(rf". {question} IN_PROGRESS 0:00:0\d {question_id}", terminal.line)


def test_questions_at_the_same_time_share_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a line, whichever ends first; after the last, the lines are removed."""
    terminal = set_terminal(monkeypatch)
    before = set(threading.enumerate())

    first, second = progress("first", QUESTION_ID, wanted=None), progress("second", QUESTION_ID, wanted=None)
    report = first.__enter__()
    also = second.__enter__()
    report("PENDING", 0.0)
    also("IN_PROGRESS", 0.0)
    both = terminal.getvalue()
    first.__exit__(None, None, None)
    also("COMPLETED", 0.0)
    assert "\x1b[?25h" not in terminal.getvalue()  # the cursor is still hidden
    second.__exit__(None, None, None)

    assert both.count("\x1b[?25l") == 1  # a display hides the cursor
    frame = both[both.rindex("first") :]
    assert "PENDING" in frame
    assert "second" in frame
    assert "IN_PROGRESS" in frame
    assert sys.stderr is terminal
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()
    with progress("third", QUESTION_ID, wanted=None) as again:
        again("PENDING", 0.0)
    assert "third" in terminal.getvalue()


def test_a_terminal_behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """While rich shows a line of the user's, its proxy may deny being a terminal: there is a display."""
    terminal = set_terminal(monkeypatch)
    proxy = io.StringIO()
    proxy.rich_proxied_file = terminal  # type: ignore[attr-defined]  # as that of rich
    monkeypatch.setattr(sys, "stderr", proxy)
    with progress("how many?", QUESTION_ID, wanted=None):
        assert terminal.getvalue() == "\x1b[?25l"  # it hides the cursor


def test_true_in_a_log_is_a_line_for_each_state(capsys: pytest.CaptureFixture[str]) -> None:
    """Plain lines on standard error, one for each change of the state."""
    with progress("how many\x1b[2J?", QUESTION_ID, wanted=True) as report:
        for state, elapsed in (("PENDING", 0.0), ("PENDING", 0.4), ("IN_PROGRESS", 1.2), ("COMPLETED", 3.0)):
            report(state, elapsed)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"how many\\x1b[2J?  PENDING  0 s  {QUESTION_ID}\n"
        f"how many\\x1b[2J?  IN_PROGRESS  1 s  {QUESTION_ID}\n"
        f"how many\\x1b[2J?  COMPLETED  3 s  {QUESTION_ID}\n"
    )


def test_the_question_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    """It is cut behind 60 characters, and not known after re-attaching by id."""
    for question in ("a" * 60, "a" * 61, None):
        with progress(question, QUESTION_ID, wanted=True) as report:
            report("PENDING", 0.0)
    shown = [line.partition("  ")[0] for line in capsys.readouterr().err.splitlines()]
    assert shown == ["a" * 60, "a" * 60 + "…", "question"]


def test_a_line_of_a_log_is_there_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the log is a file, which is written in blocks."""
    log = io.TextIOWrapper(io.BufferedWriter(raw := io.BytesIO()), encoding="utf-8")
    monkeypatch.setattr(sys, "stderr", log)
    with progress("why?", QUESTION_ID, wanted=True) as report:
        report("PENDING", 0.0)
        written = raw.getvalue().decode()
    assert written == f"why?  PENDING  0 s  {QUESTION_ID}\n"


class Shell:
    """IPython's shell, reduced to the output of a notebook; notebooks are run by other tests."""

    kernel = None

    def __init__(self) -> None:
        self.published: list[tuple[str, str, bool]] = []
        self.display_pub = self

    def publish(self, data: dict[str, str], *, transient: dict[str, str], update: bool = False) -> None:
        self.published.append((data["text/plain"], transient["display_id"], update))

    def get_ipython(self) -> Shell:
        return self


def test_a_notebook_shows_one_output_that_ends_empty(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It changes in place. Text on standard error would stay in the notebook."""
    shell = Shell()
    monkeypatch.setitem(sys.modules, "IPython", shell)

    with progress("how many?", QUESTION_ID, wanted=None) as report:
        report("IN_PROGRESS", 2.0)
    with progress("how many?", QUESTION_ID, wanted=False) as report:
        report("IN_PROGRESS", 2.0)

    texts, places, updates = zip(*shell.published, strict=True)
    assert texts == ("how many?", f"how many?  IN_PROGRESS  2 s  {QUESTION_ID}", "")
    assert len(set(places)) == 1
    assert updates == (False, True, True)
    assert capsys.readouterr() == ("", "")


def test_the_line_about_a_frame_takes_the_place_of_the_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the latest question; where no progress was shown, there is no line either."""
    shell, options = Shell(), AskOptions(engine="pyarrow")
    answer = Answer.from_json(b'{"state": "COMPLETED", "results": {"dataframe": [["n"], [1]]}}')
    monkeypatch.setitem(sys.modules, "IPython", shell)

    with progress("how many?", QUESTION_ID, wanted=None):
        pass
    answer.to_frame(options)
    with progress("how many?", QUESTION_ID, wanted=False):
        pass
    answer.to_frame(options)

    texts, places, updates = zip(*shell.published, strict=True)
    assert (texts, updates) == (("how many?", "", answer.metadata.line), (False, True, True))
    assert len(set(places)) == 1


def test_ipython_in_a_terminal_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its shell has no kernel, and its standard error is the terminal's."""
    ipython = SimpleNamespace(get_ipython=lambda: SimpleNamespace(display_pub=None))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert notebook_shell() is None
    monkeypatch.setitem(sys.modules, "IPython", shell := Shell())
    assert notebook_shell() is shell
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert notebook_shell() is None


def test_false_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It overrides the default of a terminal."""
    terminal = set_terminal(monkeypatch)
    with progress("how many?", QUESTION_ID, wanted=False) as report:
        report("PENDING", 0.0)
    assert terminal.getvalue() == ""


def test_states_and_questions_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control characters and markup in a state or question have no effect on the terminal."""
    terminal = set_terminal(monkeypatch)
    with progress("clear \x1b[2J", QUESTION_ID, wanted=True) as report:
        report("\x1b]0;title\x07[bold]", 0.0)
    assert "clear \\x1b[2J" in terminal.getvalue()
    assert "\x1b[2J" not in terminal.getvalue()
    assert "\x1b]0;" not in terminal.getvalue()


@pytest.mark.parametrize("wanted", [None, True])
@pytest.mark.parametrize("is_closed", [True, False])
def test_without_standard_error(wanted: Any, monkeypatch: pytest.MonkeyPatch, *, is_closed: bool) -> None:
    """Nothing is written, as in a program that was started without it or has closed it."""
    stream = Terminal()
    stream.close()
    monkeypatch.setattr(sys, "stderr", stream if is_closed else None)
    with progress("how many?", QUESTION_ID, wanted=wanted) as report:
        report("PENDING", 0.0)
