"""Where data goes and as what: standard output or a file, whole or not at all."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import contextmanager
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from connecty_frames.cli.messages import say
from connecty_frames.cli.streams import drop_output, stdout_is_closed
from connecty_frames.errors import ConfigError, QuestionError
from connecty_frames.text import terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from connecty_frames.answer import Answer

__all__ = [
    "EngineChoice",
    "Format",
    "Part",
    "destination",
    "format_of",
    "harmless",
    "told_whatever_happens",
    "write_part",
    "write_table",
]

#: How many rows are shown, and how many characters a column needs at least.
_SHOWN_ROWS: Final = 50
_NARROWEST: Final = 6
#: How wide a table may be where nothing says how wide it should be, in characters.
_WIDE: Final = 1000


class EngineChoice(StrEnum):
    """Whose names the types of a table have."""

    PANDAS = "pandas"
    POLARS = "polars"
    PYARROW = "pyarrow"


class Format(StrEnum):
    """What the data is written as."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"
    PARQUET = "parquet"
    ARROW = "arrow"
    MARKDOWN = "markdown"


class Part(StrEnum):
    """What of an answer can be written alone."""

    SQL = "SQL"
    SUMMARY = "summary"
    STATISTICS = "statistics"
    SCHEMA = "schema"


_BINARY: Final = frozenset({Format.PARQUET, Format.ARROW})
#: What a file is written as, by the end of its name, where nothing else is chosen.
_SUFFIXES: Final[dict[str, Format]] = {
    ".csv": Format.CSV,
    ".json": Format.JSON,
    ".ndjson": Format.NDJSON,
    ".jsonl": Format.NDJSON,
    ".parquet": Format.PARQUET,
    ".arrow": Format.ARROW,
    ".feather": Format.ARROW,
    ".md": Format.MARKDOWN,
}


def format_of(chosen: Format | None, output: Path | None, part: Part | None) -> Format:
    """Give what is to be written: as chosen, else as the name of the file says, else a table.

    Raises
    ------
    ConfigError
        Where a part of an answer cannot be written so.
    """
    suffix = "" if output is None else output.suffix.lower()
    format_ = chosen or _SUFFIXES.get(suffix, Format.TABLE)
    if part is None or format_ in (Format.TABLE, Format.JSON):
        return format_
    if chosen is None:
        return Format.TABLE
    raise ConfigError(
        f"The {part} alone is written as text, or with --format json as JSON; not as {chosen}.",
        setting="format",
    )


@contextmanager
def destination(output: Path | None, format_: Format) -> Iterator[BinaryIO]:
    """Give standard output, or a file that appears only once it is whole.

    Raises
    ------
    ConfigError
        Where there is no standard output, or it is a terminal and the data no text.
    """
    if output is not None and str(output) != "-":
        from connecty_frames.files import atomic_write

        with atomic_write(output) as file:
            yield file
        return
    if stdout_is_closed():
        raise ConfigError("Standard output is closed: give --output FILE.", setting="output")
    if sys.stdout.isatty() and format_ in _BINARY:
        raise ConfigError(
            f"{format_} is no text for a terminal: give --output FILE, or a pipe.", setting="format"
        )
    yield sys.stdout.buffer


@contextmanager
def harmless(file: BinaryIO, format_: Format, part: Part | None) -> Iterator[BinaryIO]:
    """Give what to write to. A terminal gets no character that it would obey, a file or pipe all as it is."""
    table = format_ is Format.TABLE and part is None  # whose cells are safe, and whose colours are ours
    if table or file is not sys.stdout.buffer or not sys.stdout.isatty():
        yield file
        return
    held = io.BytesIO()
    yield held
    file.write(terminal(held.getvalue().decode(), keep="\n\t").encode())


@contextmanager
def told_whatever_happens(tell: Callable[[], None]) -> Iterator[None]:
    """Tell the story after the data, also where that could not be written: the answer was paid for."""
    try:
        yield
    except KeyboardInterrupt:
        drop_output()
        raise
    except OSError:
        tell()
        raise
    tell()


def write_table(answer: Answer, engine: EngineChoice, file: BinaryIO) -> None:
    """Write the first rows for people to read."""
    from rich.console import Console

    from connecty_frames.display import terminal_table

    table = answer.to_arrow()
    types: dict[EngineChoice, Callable[[], Iterable[object]]] = {
        EngineChoice.PANDAS: lambda: answer.to_pandas().dtypes,
        EngineChoice.POLARS: lambda: answer.to_polars().dtypes,
        EngineChoice.PYARROW: lambda: table.schema.types,
    }
    screen = file is sys.stdout.buffer
    # A terminal has a width, and COLUMNS gives one to what stands in for it. Nothing else needs folding.
    if screen and (sys.stdout.isatty() or os.environ.get("COLUMNS")):
        console = Console()
    else:
        console = Console(width=_WIDE, color_system="auto" if screen else None)
    most = max(console.width // _NARROWEST, 1)
    part = table.select(range(min(table.num_columns, most)))
    with console.capture() as captured:
        console.print(terminal_table(part, list(map(str, islice(types[engine](), most))), _SHOWN_ROWS))
    file.write(captured.get().encode())
    for what, count, shown in (
        ("rows", table.num_rows, _SHOWN_ROWS),
        ("columns", table.num_columns, most),
    ):
        if count > shown:
            say(f"The first {shown} of {count:,} {what} are shown; --format csv writes them all.")


def write_part(answer: Answer, part: Part, format_: Format, file: BinaryIO) -> None:
    """Write one part of an answer and nothing else.

    Raises
    ------
    QuestionError
        Where the answer has no such part.
    """
    text, plain = _part(answer, part)
    if text is None:
        raise QuestionError(f"The answer came without {part}.", question_id=answer.question_id)
    if format_ is Format.JSON:
        text = plain()
    file.write(f"{text.strip()}\n".encode())


def _part(answer: Answer, part: Part) -> tuple[str | None, Callable[[], str]]:
    """Give a part as text, None where there is none, and what gives it as JSON."""
    if part is Part.SCHEMA:
        schema = repr(answer.schema) if answer.table is not None else None
        return schema, answer.schema.to_json
    if part is Part.STATISTICS:
        statistics = _statistics(answer.statistics) if answer.statistics else None
        return statistics, lambda: str(statistics)
    text = answer.sql_query if part is Part.SQL else answer.response_summary
    return text or None, lambda: json.dumps(text)


def _statistics(statistics: dict[str, dict[str, Any]]) -> str:
    """Write statistics as JSON with all digits; Python's json knows long numbers, and no decimals."""
    import msgspec

    from connecty_frames.display import JSON, json_value

    def exact(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: exact(item) for key, item in value.items()}
        if isinstance(value, list):
            return [exact(item) for item in value]
        return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else json_value(value)

    return msgspec.json.format(JSON.encode(exact(statistics)), indent=2).decode()
