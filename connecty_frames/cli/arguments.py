"""The arguments of commands: options that several have, the question of ``ask``, and files."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final, Literal, get_args

import typer
from typer.core import TyperGroup

from connecty_frames import options
from connecty_frames._base.text import path_text
from connecty_frames.cli.io import echo_stderr
from connecty_frames.cli.output import Format
from connecty_frames.errors import ConfigError, wrong_value
from connecty_frames.options import parse_max_rows

if TYPE_CHECKING:
    from connecty_frames.answer_metadata import Schema

_MAX_BYTES: Final = 10_000_000  # the most bytes to read of an endless input
#: What first guesses at a command, or at an option of ``ask``, mean.
_GUESSES: Final = {
    **dict.fromkeys(("fetch", "get", "result", "results"), "connecty ask --question-id ID"),
    **dict.fromkeys(("query", "run", "sql"), "connecty ask QUESTION"),
    **dict.fromkeys(("--limit", "--rows", "--nrows"), "--max-rows"),
    **{f"--{name}": f"--format {name}" for name in get_args(Format)},
}
_RICH_WIDTH: Final = 80  # below it, Rich's columns cut names of options


class FlagGroup(TyperGroup):
    """A group of commands; its help shows types only where they say something."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters of the group itself."""
        return _without_types(super().get_params(ctx))

    def invoke(self, ctx: Any) -> Any:
        """Run a command; take pydantic's words out of an error, and add advice to one of ``ask``."""
        try:
            return super().invoke(ctx)
        except Exception as caught:
            error: Any = caught
            if ctx.parent is None and isinstance(message := getattr(error, "message", None), str):
                error.message = re.sub("^Value error, |, unable to parse .*", "", message)
                # The class NoSuchOption is in click for older versions of typer, and inside newer ones.
                is_of_ask = hasattr(error, "possibilities") and error.ctx.command.name == "ask"
                unknown = re.match("No such (command|option):? '?([^']+?)'?(?:[.] |[.]?$)", message)
                if unknown and (unknown[1] == "command" or is_of_ask):
                    self._advise(error, *unknown.groups())
            raise

    @staticmethod
    def _advise(error: Any, kind: str, name: str) -> None:
        hint = f"use {_GUESSES[name]}." if name in _GUESSES else ""
        if kind == "command" and " " in name:
            hint = "to ask a question, write connecty ask before it."
        elif kind == "option" and not (hint or error.possibilities):
            hint = "if it is a word of the question, write -- before the question."
        if hint:
            error.message, error.possibilities = f"No such {kind} {name!r}; {hint}", None

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command of the group."""
        command: Any = super().get_command(ctx, cmd_name)
        if command is not None:
            _without_types(command.get_params(ctx))
            # Typer keeps the line ends of the code.
            command.help = re.sub(r"(?<!\n)\n(?!\n)", " ", command.help or "")
            if shutil.get_terminal_size().columns < _RICH_WIDTH:
                command.rich_markup_mode = None
        return command


def _without_types(parameters: list[Any]) -> list[Any]:
    for each in parameters:
        if getattr(each, "is_flag", False):
            each.metavar = ""
        elif each.param_type_name == "argument":
            each.display_type_rich = lambda **_: None  # its name says enough; before 0.25, typer ignores this
    return parameters


def question_reader(words: Sequence[str], file: Path | None, question_id: str | None) -> Callable[[], str]:
    """Return a function to read the question, once everything else is checked; raises ConfigError."""
    if file is not None and str(file) in get_args(Format) and not file.exists():
        raise ConfigError(
            f"-f is --file, the file with the question; for the format, write --format {file}.",
            setting="file",
        )
    is_stdin = "-" in (*words[:1], str(file))
    given = [bool(words), file is not None, question_id is not None]
    if sum(given) > 1 or (is_stdin and len(words) > 1):
        raise ConfigError(
            "More than one question. Give one only: as words, - for standard input, --file or --question-id.",
            setting="question",
        )
    if not any(given):
        raise ConfigError(
            "No question. Give one as words, as - for standard input or with --file, or fetch an earlier "
            "answer with --question-id ID.",
            setting="question",
        )
    if is_stdin:
        return _read_stdin
    if file is not None:
        return lambda: _question(read_file(file, "--file"), f"--file {path_text(file)}")
    return lambda: " ".join(words)


def read_saved_schema(path: Path | None) -> Schema | None:
    """Read the output of ``Schema.to_json`` or ``--schema --format json``, if a path is given."""
    if path is None:
        return None
    from connecty_frames.answer_metadata import Schema

    text = read_file(path, "--schema-file")
    try:
        return Schema.from_json(text)
    except ConfigError:
        raise ConfigError(
            f"--schema-file {path_text(path)}: this is not a saved schema. Save one with connecty ask ... "
            "--schema --format json, or in Python with answer.schema.to_json().",
            setting="schema_file",
        ) from None


def _read_stdin() -> str:
    if sys.stdin is None:
        raise ConfigError("Standard input is closed, so there is no question to read.", setting="question")
    is_typed = sys.stdin.isatty()
    try:
        if is_typed:
            end = "Ctrl-Z and Enter" if sys.platform == "win32" else "Ctrl-D"
            echo_stderr(f"Type the question, then {end} on its own line.")
        return _question(_read_text(sys.stdin.buffer, "Standard input"), "Standard input")
    except KeyboardInterrupt:
        if is_typed:
            echo_stderr("")  # ends the line with ^C
        raise
    except OSError as error:
        raise ConfigError(f"Standard input cannot be read: {error}.", setting="question") from None


def _question(text: str, source: str) -> str:
    question = text.rstrip("\r\n")
    if not question.strip():
        raise ConfigError(f"{source} is empty: expected a question in plain language.", setting="question")
    return question


def read_file(path: Path, option: str) -> str:
    """Return the text of a file; raises ConfigError with the names of the file and the option."""
    from connecty_frames.files import checked_path, open_regular

    try:
        with open_regular(checked_path(path, option)) as file:
            return _read_text(file, f"{option} {path_text(path)}")
    except OSError as error:
        raise ConfigError(
            f"{option} {path_text(path)}: {error.strerror or error}.",
            setting=option.lower().removeprefix("--").replace("-", "_"),
        ) from None


def _read_text(file: BinaryIO, source: str) -> str:
    body = file.read(_MAX_BYTES + 1)
    if len(body) > _MAX_BYTES:
        raise ConfigError(f"{source}: more than {_MAX_BYTES:,} bytes.")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{source}: byte {error.start:,} is not UTF-8 text.") from None
    if "\0" in text:
        raise ConfigError(f"{source}: contains a NUL character, so it is not text.")
    return text


#: Options, by their panel in the help.
in_question = partial(typer.Option, rich_help_panel="Question")
in_connection = partial(typer.Option, rich_help_panel="Connection")
in_table = partial(typer.Option, rich_help_panel="Rows and types")
in_output = partial(typer.Option, rich_help_panel="Output")


def _max_rows(value: object) -> int | None:
    try:
        return parse_max_rows(str(value))
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from None


MaxRows = Annotated[
    int | None, in_table(parser=_max_rows, metavar="N|all", help="The maximum number of rows to fetch.")
]
OnTruncation = Annotated[options.OnTruncation, in_table(help="What to do if rows were cut.")]
SchemaFile = Annotated[
    Path | None, in_table(help="A file saved by --schema --format json: the columns and types to require.")
]
TimeZone = Annotated[
    str, in_table(help="The time zone for showing timestamps that have an offset, such as Asia/Tokyo.")
]
Decimals = Annotated[
    options.Decimals, in_table(help="How to type fractional numbers that float64 cannot represent exactly.")
]
Strict = Annotated[
    bool, in_table("--strict", help="Fail instead of warning when a type or value is in doubt.")
]


def read_tags(given: list[str] | None) -> dict[str, str] | None:
    """Return tags by name; raises ConfigError."""
    pairs = [each.partition("=") for each in given or ()]
    if wrong := [each for each in pairs if not each[0].strip() or not each[1]]:
        raise wrong_value("tag", "".join(wrong[0]), "NAME=VALUE, such as job=nightly")
    return {name: value for name, _, value in pairs} or None


TagOption = Annotated[
    list[str] | None,
    in_question(
        "--tag", metavar="NAME=VALUE", help="A tag to keep with the question in the history; may be repeated."
    ),
]
FormatOption = Annotated[
    Format | None,
    in_output(
        "--format",
        metavar="NAME",
        case_sensitive=False,
        help=f"The format: {', '.join(get_args(Format))}; by default from the file's suffix, otherwise "
        "table.",
    ),
]
#: The format of a report for people, or for programs.
ReportFormat = Annotated[
    Literal["text", "json"],
    in_output("--format", case_sensitive=False, help="Text for people, or JSON for programs."),
]
OutputOption = Annotated[
    Path | None,
    in_output("--output", "-o", help="Output file, replaced only when complete; - for standard output."),
]
