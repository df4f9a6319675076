"""The options of an answer in several commands: rows, types and format."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

from connecty_frames import options
from connecty_frames.cli.output import Format
from connecty_frames.errors import wrong_value
from connecty_frames.options import parse_max_rows

#: Options, by their panel in the help.
_table = partial(typer.Option, rich_help_panel="Rows and types")
_output = partial(typer.Option, rich_help_panel="Output")


def _max_rows(value: object) -> int | None:
    try:
        return parse_max_rows(str(value))
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from None


MaxRows = Annotated[
    int | None, _table(parser=_max_rows, metavar="N|all", help="The maximum number of rows to fetch.")
]
OnTruncation = Annotated[options.OnTruncation, _table(help="What to do if rows were cut.")]
SchemaFile = Annotated[
    Path | None, _table(help="A file saved by --schema --format json: the columns and types to require.")
]
TimeZone = Annotated[
    str, _table(help="The time zone for showing timestamps that have an offset, such as Asia/Tokyo.")
]
Decimals = Annotated[
    options.Decimals, _table(help="How to type fractional numbers that float64 cannot represent exactly.")
]
Strict = Annotated[bool, _table("--strict", help="Fail instead of warning when a type or value is in doubt.")]


def read_tags(given: list[str] | None) -> dict[str, str] | None:
    """Return tags by name; raises ConfigError."""
    pairs = [each.partition("=") for each in given or ()]
    if wrong := [each for each in pairs if not each[0].strip() or not each[1]]:
        raise wrong_value("tag", "".join(wrong[0]), "NAME=VALUE, such as job=nightly")
    return {name: value for name, _, value in pairs} or None


TagOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="NAME=VALUE",
        help="A tag to keep with the question in the history; may be repeated.",
        rich_help_panel="Question",
    ),
]
FormatOption = Annotated[
    Format | None,
    _output(
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
    _output("--format", case_sensitive=False, help="Text for people, or JSON for programs."),
]
OutputOption = Annotated[
    Path | None,
    _output("--output", "-o", help="Output file, replaced only when complete; - for standard output."),
]
