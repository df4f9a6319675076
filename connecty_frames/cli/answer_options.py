"""The options of an answer that several commands take: which rows, of which types, and in which format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, get_args

import typer

from connecty_frames import options
from connecty_frames.cli.output import Format

#: The panels of the help of ``connecty ask`` and ``batch``.
_TABLE: Final = "Rows and types"
_OUTPUT: Final = "Output"


def _max_rows(value: object) -> int | None:
    """Return a number of rows, None for ``all``."""
    text = str(value)
    if text == "all":
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    raise typer.BadParameter(f"{text!r} is neither a number of rows, such as 1000, nor 'all'.")


MaxRows = Annotated[
    int | None,
    typer.Option(
        parser=_max_rows,
        metavar="N|all",
        help="The maximum number of rows to fetch.",
        rich_help_panel=_TABLE,
    ),
]
OnTruncation = Annotated[
    options.OnTruncation, typer.Option(help="What to do when rows were cut.", rich_help_panel=_TABLE)
]
SchemaFile = Annotated[
    Path | None,
    typer.Option(
        help="A saved schema, as --schema --format json writes it: the columns and types to require.",
        rich_help_panel=_TABLE,
    ),
]
TimeZone = Annotated[
    str,
    typer.Option(
        help="The time zone of timestamps with an offset, such as Asia/Tokyo.", rich_help_panel=_TABLE
    ),
]
Decimals = Annotated[
    options.Decimals,
    typer.Option(
        help="The type of fractions whose digits float64 does not give back.", rich_help_panel=_TABLE
    ),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Treat doubts about types or values as errors.", rich_help_panel=_TABLE),
]
FormatOption = Annotated[
    Format | None,
    typer.Option(
        "--format",
        metavar="NAME",
        case_sensitive=False,
        help=f"The format: {', '.join(get_args(Format))}; by default that of the file's suffix, else table.",
        rich_help_panel=_OUTPUT,
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="The file to write, whole or not at all; - is standard output.",
        rich_help_panel=_OUTPUT,
    ),
]
