"""Everything public is in the documentation: a new name, option, setting or error that is not fails here."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import connecty_frames as cf
import connecty_frames.sandbox
import connecty_frames.spark
import connecty_frames.testing
from connecty_frames import errors
from connecty_frames.settings.values import NAMES
from tests.cases import cases
from tools import generated

#: The oldest typer that is supported calls what the newest click deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:'click:DeprecationWarning")

DOCS: Final = Path(__file__).parents[2] / "docs"
ERRORS: Final = [name for name in cf.__all__ if hasattr(errors, name)]
#: Options that typer adds to every program and describes itself.
OF_TYPER: Final = {"--help", "--install-completion", "--show-completion"}


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def referenced(*pages: str) -> list[str]:
    """Return the names that pages of the API reference list, each of which gets its own page."""
    lists = [re.findall(r"^   (\w+)$", page(name), re.MULTILINE) for name in pages]
    return sorted(name for names in lists for name in names)


def options() -> Iterator[tuple[str, str]]:
    """Yield each command, subcommands included, with the name of each option and argument."""
    from typer.main import get_command

    from connecty_frames.cli import app

    commands = [("connecty", get_command(app))]
    while commands:
        path, command = commands.pop()
        commands += [(f"{path} {name}", below) for name, below in getattr(command, "commands", {}).items()]
        yield from ((path, parameter.opts[-1]) for parameter in command.params)


def test_every_public_name_is_in_the_reference() -> None:
    """Once each, and nothing that is not public."""
    found = referenced("api/asking.md", "api/answers.md", "api/frames.md", "api/errors.md")
    assert found == sorted(cf.__all__)


def test_every_name_of_the_other_public_modules_is_in_the_reference() -> None:
    """Once each: the sandbox, the data source of Spark and the helpers for tests."""
    assert referenced("api/sandbox.md") == sorted(connecty_frames.sandbox.__all__)
    assert re.findall(r"autoclass:: (\w+)", page("api/spark.md")) == connecty_frames.spark.__all__
    assert referenced("api/testing.md") == sorted(connecty_frames.testing.__all__)


@cases("name", ERRORS)
def test_every_error_is_documented(name: str) -> None:
    """Errors in the tree and in the table of what to do, warnings in their tree."""
    kind = getattr(cf, name)
    if issubclass(kind, Warning):
        assert f"`~connecty_frames.{name}`" in generated.warning_tree()
    elif kind is not cf.ConnectyError:
        assert f"| `{name}` |" in page("errors.md")
        assert f"`~connecty_frames.{name}`" in generated.error_tree()


def test_every_exit_code_is_in_the_tree_of_errors() -> None:
    """In the line of the error that has it; an OSError is none of ours."""
    from connecty_frames.cli import EXIT_CODES

    lines = generated.error_tree().splitlines()
    for kind in EXIT_CODES.keys() - {OSError}:
        (line,) = [line for line in lines if f"- {{py:exc}}`~connecty_frames.{kind.__name__}`" in line]
        assert line.endswith(f" Exit code {EXIT_CODES[kind]}.")


@cases("name", NAMES)
def test_every_setting_is_documented(name: str) -> None:
    """With its environment variable and a description."""
    row = next(row for row in generated.settings().splitlines() if row.startswith(f"| `{name}` |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1] == f"`CONNECTY_{name.upper()}`"
    assert cells[3].endswith(".")


def test_every_option_is_documented() -> None:
    """In the section of its command, with a description."""
    documented = generated.commands()
    sections = dict(
        re.findall(r"^#+ `(.+)`\n((?:(?!#+ `).*\n)*)", f"# `connecty`\n{documented}", re.MULTILINE)
    )
    found = [(command, option) for command, option in options() if option not in OF_TYPER]
    assert {command for command, _ in found} <= set(sections)
    for command, option in found:
        line = rf"^\* `[^`]*{re.escape(option)}\b[^`]*`: \w"
        assert re.search(line, sections[command], re.MULTILINE | re.IGNORECASE), (command, option)


@cases("name", generated.SECTIONS)
def test_every_generated_section_is_on_a_page(name: str) -> None:
    """On exactly one: a section that no page includes is not documented."""
    every = [*DOCS.glob("*.md"), *DOCS.glob("design/*.md")]
    pages = [path for path in every if f"{{generated}} {name}\n" in path.read_text("utf-8")]
    assert len(pages) == 1
