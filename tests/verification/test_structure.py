"""The limits of the package's size and of the way of one question, and whether the counts are right."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from benchmarks.structure.source import SourceSize, measure_source
from benchmarks.structure.trace import QuestionPath, trace_question

ROOT: Final = Path(__file__).parents[2]

MODULE = '''"""A module,

of two paragraphs."""

import json, _thread
from http.client import (
    HTTPConnection,
)


class SettingsDict:
    """A shape."""

    side: int
    """The ``side`` in metres. It has a default."""

    def area(self):
        """Return the area from the side in metres."""
        return self._side() * self._side()

    def _side(self):
        # how often
        return _twice(1)  # noqa: RET504


def _twice(number):
    """Return twice a number; "# noqa" in a text silences nothing."""
    return [2 * each for each in (number,)][0]


def _unused():
    def inner(): return lambda: None  # noqa: E704, D103 - a test


class Connection(HTTPConnection):
    def _tunnel(self):
        super()._tunnel()
        getattr(self, "_tunnel_host")
        return self._replace(_side=json._default_encoder)
'''


@pytest.fixture
def size(tmp_path: Path) -> SourceSize:
    """Return the counts of a package of a module at the root and one in a folder."""
    package = tmp_path / "shapes"
    (package / "room").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "module.py").write_text(MODULE)
    (package / "room" / "__init__.py").write_text('"""The side in\n    metres."""\n')
    (package / "room" / "other.py").write_text("from shapes.module import _twice\n")
    return measure_source(package)


def test_each_line_is_of_one_kind(size: SourceSize) -> None:
    """A docstring is any string that stands alone; blank lines in it, and in imports, are theirs."""
    assert size.rooms == {
        "(root)": Counter(code=15, docstrings=7, comments=1, blank=12, imports=4),
        "room": Counter(docstrings=2, imports=1),
    }
    assert size.file_lines == {"__init__.py": 0, "module.py": 39, "room/__init__.py": 2, "room/other.py": 1}
    assert (size.lines, size.root_modules, size.largest) == (42, ["module.py"], ("module.py", 39))


def test_functions_are_counted(size: SourceSize) -> None:
    """Methods and nested functions count, lambdas and comprehensions do not."""
    assert (size.functions, size.function_lines, size.private, size.called_once) == (6, 16, 4, 2)


def test_copies_of_the_text_of_an_option_are_counted(size: SourceSize) -> None:
    """The first sentence, in any string and without regard to line breaks and marks of code."""
    assert size.options == {"SettingsDict.side": 2}


def test_a_noqa_without_a_reason_is_found(size: SourceSize) -> None:
    """A reason stands behind the codes; a string is no comment."""
    assert (size.noqa, size.unexplained) == (2, ["module.py:23"])


def test_private_names_of_other_libraries_are_found(size: SourceSize) -> None:
    """Imported, used, and overridden ones; not the package's own, nor those that are documented."""
    assert size.private_apis == {
        "_default_encoder": ["module.py:39"],
        "_thread": ["module.py:5"],
        "_tunnel": ["module.py:35"],
        "_tunnel_host": ["module.py:38"],
    }


def test_changes_of_file_are_those_of_a_reader() -> None:
    """From function to function, in the order of their first calls."""
    path = QuestionPath([("a", "f"), ("a", "g"), ("b", "f"), ("a", "h")], ["a: f", "b: f"], 5)
    assert path.changes == 2
    assert str(path) == "4 functions in 2 files, 2 changes of file, 2 of 5 frames at the socket"


@pytest.mark.slow
def test_the_package_keeps_its_limits() -> None:
    """At its root, in one file, in copies of a text, and in silenced warnings of the linter."""
    size = measure_source(ROOT / "connecty_frames")

    assert len(size.root_modules) <= 16
    assert size.largest[1] <= 620
    assert len(size.options) >= 40
    assert max(size.options.values()) <= 4
    assert size.noqa <= 45
    assert size.unexplained == []


@pytest.mark.slow
def test_a_question_takes_a_short_way() -> None:
    """Warm, with the settings read anew: functions, files, and the frames above the request for results."""
    paths = trace_question(ROOT)
    warm, cold = paths["warm"], paths["cold"]

    assert len(warm.functions) <= 190
    assert len(warm.files) <= 38
    assert 0 < len(warm.stack) <= 7
    assert len(warm.functions) < len(cold.functions)
    assert warm.files < cold.files
