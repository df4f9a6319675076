"""The keywords in docstrings are those of AskOptions, Settings and Sandbox, which alone describe them."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import connecty_frames as cf
from connecty_frames.sandbox.sandbox import Sandbox, SandboxOptions
from connecty_frames.settings import Settings, SettingsDict
from docs.docstrings import FUNCTIONS, Keywords, with_keywords

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstrings_have_the_keywords_as_described(name: str) -> None:
    """As ``make docstrings`` writes them."""
    source = (ROOT / name).read_text(encoding="utf-8")

    assert source == with_keywords(source, FUNCTIONS[name])


def test_keywords_are_written_behind_the_own_parameters() -> None:
    """With types and defaults; stale descriptions are replaced, and keywords that are not taken left out."""
    source = '''
def ask(question: str, client: Client | None = None, engine: Engine = "pandas", clock: Clock = CLOCK):
    """Ask.

    Parameters
    ----------
    question
        In plain
        language.
    client : str
        The client.
    engine
        Stale.
    clock
        The time.
    dw_id : str, default "x"
        Its own words.
    tz
        Stale.

    Returns
    -------
    Answer
    """
'''
    keywords = Keywords(("dw_id", "max_rows", "on_truncation", "progress"), redefined=("dw_id",))

    assert (
        with_keywords(source, {"ask": keywords})
        == '''
def ask(question: str, client: Client | None = None, engine: Engine = "pandas", clock: Clock = CLOCK):
    """Ask.

    Parameters
    ----------
    question : str
        In plain language.
    client : Client or None, default None
        The client.
    engine : {"pandas", "polars", "pyarrow"}, default "pandas"
        The library of the frame: ``"pandas"``, ``"polars"`` or ``"pyarrow"``.
    clock : Clock, optional
        The time.
    dw_id : str, default "x"
        Its own words.
    max_rows : int or None, default 1000
        The maximum number of rows to fetch, 0 or more; None fetches all.
    on_truncation : {"warn", "raise", "ignore"}, default "warn"
        What to do when rows were cut: ``"warn"``, ``"raise"`` or ``"ignore"``.
    progress : bool, callable or None, default None
        True or False shows or hides the progress line, a callable receives each step, None shows it if
        standard error is a terminal.

    Returns
    -------
    Answer
    """
'''
    )


def annotations(function: object) -> dict[str, str]:
    """Return the annotation of each parameter of a class."""
    return {
        name: parameter.annotation
        for name, parameter in inspect.signature(function).parameters.items()  # type: ignore[arg-type]
    }


def test_the_keywords_of_use_sandbox_are_the_parameters_of_a_sandbox() -> None:
    """With the same types."""
    keywords = {name: each.__forward_arg__ for name, each in SandboxOptions.__annotations__.items()}

    assert keywords == annotations(Sandbox)


def test_the_keywords_of_configure_are_the_settings() -> None:
    """Each is a parameter of Client of the same type, too."""
    keywords = {name: each.__forward_arg__ for name, each in SettingsDict.__annotations__.items()}

    assert keywords.keys() == Settings.__dataclass_fields__.keys()
    assert keywords.items() <= annotations(cf.Client).items()
