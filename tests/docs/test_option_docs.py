"""The options in docstrings are those of AskOptions, which alone describes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.docstrings import FUNCTIONS, with_options

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstrings_have_the_options_as_described(name: str) -> None:
    """As ``make docstrings`` writes them."""
    source = (ROOT / name).read_text(encoding="utf-8")

    assert source == with_options(source, FUNCTIONS[name])


def test_options_are_written_behind_the_own_parameters() -> None:
    """Stale descriptions are replaced, and options that a function does not take are left out."""
    source = '''
def ask(question, **options):
    """Ask.

    Parameters
    ----------
    question
        In plain
        language.
    tz
        Stale.
    **options
        Others.

    Returns
    -------
    Answer
    """
'''
    left_out = (
        "decimals",
        "dtype_backend",
        "infer_temporal",
        "on_truncation",
        "progress",
        "question_id",
        "schema",
        "tz",
    )

    assert (
        with_options(source, {"ask": left_out})
        == '''
def ask(question, **options):
    """Ask.

    Parameters
    ----------
    question
        In plain language.
    dw_id
        The data workspace to ask; None uses the configured one.
    max_rows
        The maximum number of rows to fetch, 0 or more; None fetches all.
    strict
        Whether a doubt about a type or a value is an error instead of a warning.
    timeout
        Seconds for the whole call; None uses the configured timeout.

    Returns
    -------
    Answer
    """
'''
    )
