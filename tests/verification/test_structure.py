"""The promised size of the path of one question, and whether the counts are right."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.structure.source import SourceSize, measure_source
from benchmarks.structure.trace import trace_question

MODULE = '''
class Shape:
    """A shape."""

    def area(self):
        return self._side() * self._side()

    def _side(self):
        return _twice(1)  # noqa: RET504


def _twice(number):
    """Return twice a number."""
    return [2 * each for each in (number,)][0]


def _unused():
    def inner(): return lambda: None
'''


def test_the_source_is_counted(tmp_path: Path) -> None:
    """Methods and nested functions count, lambdas and comprehensions do not."""
    (tmp_path / "module.py").write_text(MODULE)
    (tmp_path / "empty.py").touch()
    size = measure_source(tmp_path)
    assert size == SourceSize(
        files=2, lines=18, functions=5, function_lines=10, private=3, called_once=1, noqa=1
    )
    assert size.mean_length == 2.0


@pytest.mark.slow
def test_a_question_takes_a_short_path() -> None:
    """A warm ask_df calls at most 165 functions in 29 files, 7 of them above the request for results."""
    path = trace_question(Path(__file__).parents[2])
    assert len(path.functions) <= 165
    assert len(path.files) <= 29
    assert 0 < len(path.stack) <= 7
