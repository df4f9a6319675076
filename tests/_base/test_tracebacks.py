"""The display of errors in IPython: the lines of the caller and the whole message, in IPython's style."""

import json
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Final

import pytest

import connecty_frames as cf
from connecty_frames._base.tracebacks import short_traceback
from connecty_frames.sandbox import Sandbox

#: Runs cells in IPython, and writes what each displays.
RUN: Final = """
import contextlib, io, json, sys
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

settings = Config()
settings.HistoryManager.enabled = False
settings.InteractiveShell.colors = "nocolor"
shell = InteractiveShell.instance(config=settings)
shown = []
for cell in json.load(sys.stdin):
    sys.stdin = io.StringIO("p source\\nq\\n")  # for the debugger
    with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.redirect_stderr(output):
        shell.run_cell(cell)
    shown.append(output.getvalue())
print(json.dumps(shown))
"""
#: A module of the user.
MODULE: Final = """
import connecty_frames as cf

def load():
    return cf.Answer.from_json("{}")

def handle():
    try:
        return load()
    except cf.ConfigError as error:
        raise cf.NoTableError("no table") from error

def call(function):
    return cf.ask("how many orders are there", progress=function)
"""
FAILED: Final = r"""b'{"state": "FAILED", "error": "no FORM\\nLINE 1: x\\n        ^\\u001b[2J"}'"""
CELLS: Final = {
    "start": "import concurrent.futures, connecty_frames as cf, mine",
    "cell": f"line = 1\ncf.Answer.from_json({FAILED})",
    "module": "mine.load()",
    "cause": "mine.handle()",
    "context": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    mine.load()",
    "suppressed": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise cf.ConfigError('mine') from None",
    "thread": "with concurrent.futures.ThreadPoolExecutor() as pool:\n    pool.submit(mine.load).result()",
    "future": "cf.ask_many([''])[0].result()",
    "pandas": "cf.install_readers()\nimport pandas as pd\npd.read_connecty('')",
    "library": "import json\ntry:\n    json.loads('{')\nexcept ValueError:\n    mine.load()",
    "called": "def report(step): mine.load()\nmine.call(report)",
    "interrupt": "def stop(step): raise KeyboardInterrupt\nmine.call(stop)",
    "cycle": "one, two = cf.ConfigError('1'), cf.NoTableError('2')\none.__cause__ = two\nraise two from one",
    "note": "error = cf.ConfigError('a\\nb')\nerror.add_note('c')\nerror.add_note('d')\nraise error",
    "tb": "%tb",
    "plain": "%xmode Plain\nraise error",
    "minimal": "%xmode Minimal\nraise error",
    "verbose": "%xmode Verbose\nmine.load()",
    "context again": "%xmode Context\nmine.load()",
    "debug": "%debug",
}


#: What is displayed of the function of the user.
LOAD: Final = """
File mine.py:5, in load()
      4 def load():
----> 5     return cf.Answer.from_json("{}")

ConfigError: source is JSON in a str; give the body as bytes, or the path of a file.
"""
HEAD: Final = "ConfigError                               Traceback (most recent call last)\n"
BLANK: Final = "\nConfigError: question is blank; expected a question in plain language.\n"


@pytest.fixture(scope="module")
def shown(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what IPython displays for each cell, without the rule at its top and the module's folder."""
    pytest.importorskip("IPython", reason="IPython is not installed")
    folder: Path = tmp_path_factory.mktemp("ipython")
    (folder / "mine.py").write_text(MODULE)
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(list(CELLS.values())),
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env={
            **os.environ,
            "IPYTHONDIR": str(folder),
            **{f"CONNECTY_{name.upper()}": str(value) for name, value in sandbox.connection.items()},
        },
        timeout=100,
    )
    texts = [re.sub(r"^-+\n|\S*(?=mine\.py)", "", text) for text in json.loads(done.stdout)]
    return dict(zip(CELLS, texts, strict=True))


pytestmark = pytest.mark.slow  # IPython takes a second to start


def test_the_lines_of_the_caller_and_the_message_are_shown(shown: dict[str, str]) -> None:
    """In the style of IPython, without a line of this package; line breaks of the server are kept."""
    assert shown["module"] == f"{HEAD}Cell In[1], line 1\n----> 1 mine.load()\n{LOAD}"
    _, _, message = shown["cell"].partition("\n\n")
    assert message == (
        "QuestionFailed: The question failed. The server says:\n"
        "error: no FORM\nLINE 1: x\n        ^\\x1b[2J\n"
        "Rephrase the question, or ask again if the server failed.\n"
    )


def test_threads_and_futures_are_left_out(shown: dict[str, str]) -> None:
    """Those of the caller and those of ``ask_many``; functions of the caller are shown wherever they run."""
    assert shown["thread"] == (
        f"{HEAD}Cell In[1], line 2\n"
        "      1 with concurrent.futures.ThreadPoolExecutor() as pool:\n"
        f"----> 2     pool.submit(mine.load).result()\n{LOAD}"
    )
    assert shown["future"] == f"{HEAD}Cell In[1], line 1\n----> 1 cf.ask_many([''])[0].result()\n{BLANK}"
    called, question, note = shown["called"].partition("Question ")
    assert (question, note[36:57]) == ("Question ", " may still be running")
    assert called == (
        f"{HEAD}Cell In[1], line 2\n"
        "      1 def report(step): mine.load()\n"
        "----> 2 mine.call(report)\n\n"
        "File mine.py:14, in call(function)\n"
        "     13 def call(function):\n"
        '---> 14     return cf.ask("how many orders are there", progress=function)\n\n'
        "Cell In[1], line 1, in report(step)\n"
        f"----> 1 def report(step): mine.load()\n{LOAD}"
    )
    assert shown["pandas"] == (
        f"{HEAD}Cell In[1], line 3\n"
        "      1 cf.install_readers()\n"
        "      2 import pandas as pd\n"
        f"----> 3 pd.read_connecty('')\n{BLANK}"
    )


def test_an_interrupt_is_short_too(shown: dict[str, str]) -> None:
    """The lines of the caller and the note, which says how to fetch the answer."""
    _, _, traceback = shown["interrupt"].partition("KeyboardInterrupt  ")
    lines, _, note = traceback.partition("\n\nKeyboardInterrupt: \n")
    assert re.findall("^(?:File|Cell) .*", lines, re.MULTILINE) == [
        "Cell In[1], line 2",
        "File mine.py:14, in call(function)",
        "Cell In[1], line 1, in stop(step)",
    ]
    assert re.fullmatch(r"Question \S{36} may still be running; .* cf\.fetch\(.*\)\n", note)


def test_errors_before_it_are_shown(shown: dict[str, str]) -> None:
    """A cause and what was being handled, each short; one of another library is shown as it is."""
    cause, _, error = shown["cause"].partition("\nThe above exception was the direct cause of the following ")
    assert cause.endswith(LOAD)
    assert error.endswith(
        '---> 11     raise cf.NoTableError("no table") from error\n\nNoTableError: no table\n'
    )
    for name, before in {"context": "division by zero", "library": "(char 1)"}.items():
        handled, _, error = shown[name].partition("\nDuring handling of the above exception, another ")
        assert handled.endswith(f"{before}\n")
        assert error.endswith(f"     mine.load()\n{LOAD}")
    assert "json/decoder.py" in shown["library"]
    assert "ZeroDivisionError:\n----> 4" in shown["suppressed"]
    assert "division" not in shown["suppressed"]


def test_notes_are_shown(shown: dict[str, str]) -> None:
    """After the message, in every mode; Minimal has nothing else."""
    assert shown["note"].endswith("----> 4 raise error\n\nConfigError: a\nb\nc\nd\n")
    assert shown["tb"] == shown["note"]
    assert shown["plain"].endswith("    raise error\nConfigError: a\nb\nc\nd\n\n")
    assert shown["minimal"] == "Exception reporting mode: Minimal\nConfigError: a\nb\nc\nd\n\n"


def test_all_frames_are_there_for_those_who_look(shown: dict[str, str]) -> None:
    """``%xmode Verbose`` shows those of this package, and ``%debug`` starts in the innermost one."""
    assert "connecty_frames/answer.py" in shown["verbose"]
    assert "in _body_from(" in shown["verbose"]
    assert "connecty_frames/answer.py" in shown["debug"]
    assert "ipdb> '{}'\n" in shown["debug"]


def test_without_ipython(monkeypatch: pytest.MonkeyPatch) -> None:
    """The traceback is Python's, and the error keeps it."""
    monkeypatch.setitem(sys.modules, "IPython", None)
    with pytest.raises(cf.ConfigError) as raised:
        cf.Answer.from_json("{}")
    error = raised.value
    before = error.__traceback__
    assert error._render_traceback_() == traceback.format_exception(error)
    assert error.__traceback__ is before


def test_a_formatter_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The traceback is Python's too, and the error keeps its own."""
    ipython = pytest.importorskip("IPython", reason="IPython is not installed")

    class Shell:
        class InteractiveTB:
            mode = "Context"

            @staticmethod
            def structured_traceback(*_: object) -> list[str]:
                raise AttributeError("a later version")

    monkeypatch.setattr(ipython, "get_ipython", Shell)
    with pytest.raises(cf.ConfigError) as raised:
        cf.Answer.from_json("{}")
    before = raised.value.__traceback__

    assert short_traceback(raised.value) == traceback.format_exception(raised.value)
    assert raised.value.__traceback__ is before


def test_errors_that_cause_each_other(shown: dict[str, str]) -> None:
    """The display of a cycle ends, with the error that was raised."""
    assert "\nConfigError: 1\n" in shown["cycle"]
    assert shown["cycle"].endswith("\nNoTableError: 2\n")
