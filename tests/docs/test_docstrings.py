"""The examples in docstrings run against the sandbox and print what they show."""

import doctest
import inspect
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import connecty_frames as cf
import connecty_frames.sandbox
import connecty_frames.testing
from connecty_frames.frames.accessor import ConnectyAccessor
from tests.cases import cases

#: Output may be shortened by three dots, and lines broken as they fit.
FLAGS: Final = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def public() -> Iterator[tuple[str, Any]]:
    """Yield every object of the reference that can have a docstring, by name."""
    for module in (cf, connecty_frames.sandbox, connecty_frames.testing):
        yield module.__name__, module
        for name in module.__all__:
            yield from _with_members(name, getattr(module, name))
    yield from _with_members("frame.connecty", ConnectyAccessor)


def _with_members(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    yield name, thing
    members = vars(thing).items() if inspect.isclass(thing) else ()
    for member, value in members:
        if isinstance(value, types.FunctionType | classmethod | staticmethod | property):
            yield f"{name}.{member}", value


def examples() -> list[doctest.DocTest]:
    parser = doctest.DocTestParser()
    found = [(name, inspect.getdoc(thing) or "") for name, thing in public()]
    return [parser.get_doctest(text, {}, name, name, 0) for name, text in found if ">>>" in text]


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_the_example_of_a_docstring_runs(
    example: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself, in an empty folder, with the output that it shows; warnings are errors."""
    monkeypatch.chdir(tmp_path)
    output: list[str] = []
    result = doctest.DocTestRunner(optionflags=FLAGS).run(example, out=output.append)
    assert result.failed == 0, "".join(output)
    assert result.attempted > 0


@cases(
    "name",
    [
        "Answer.from_json",
        "AskOptions",
        "Client",
        "ask",
        "ask_df",
        "copy_metadata",
        "configure",
        "read_connecty",
    ],
)
def test_the_most_used_names_have_an_example(name: str) -> None:
    """In its docstring."""
    assert name in {example.name for example in examples()}
