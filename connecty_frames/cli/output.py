"""The output of ``connecty ask``: its formats, its file, and the metadata on standard error."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal, TypeAlias, get_args

from connecty_frames._base.text import cut, terminal, value_text
from connecty_frames.cli.io import echo_stderr, shell_message, stdout_console
from connecty_frames.errors import ConfigError, QuestionError, missing_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import pyarrow as pa

    from connecty_frames.answer import Answer
    from connecty_frames.client import Client
    from connecty_frames.options import Engine

_MAX_TEXT: Final = 10_000  # the most characters of a summary or of SQL on standard error
_LineFormat = Literal["csv", "csv.gz", "tsv", "json", "ndjson", "jsonl"]
#: The formats of the data, and the parts of an answer to write alone.
Format = Literal["table", "text", _LineFormat, "parquet", "arrow", "markdown", "html", "xlsx"]
Part: TypeAlias = Literal["SQL", "summary", "statistics", "schema"]
#: Tables for people to read: as much as a terminal shows, or all of it.
TABLES: Final[frozenset[Format]] = frozenset({"table", "text"})
#: The format of a file by its suffix, if none is chosen.
_SUFFIXES: Final[dict[str, Format]] = {
    **{f".{name}": name for name in get_args(Format) if name not in {*TABLES, "markdown"}},
    ".feather": "arrow",
    ".md": "markdown",
    ".txt": "text",
}


def choose_format(chosen: Format | None, output: Path | None, part: Part | None) -> Format:
    """Return the chosen format, else the suffix's, else a table; raises ConfigError."""
    if part is not None:
        return _choose_part_format(chosen, output, part)
    format_ = chosen or _format_of_suffix(output)
    if format_ is None:
        raise ConfigError(
            f"output={value_text(str(output))}: unknown suffix. Name the format with --format, or use one of "
            f"{', '.join(_SUFFIXES)}.",
            setting="output",
        )
    if format_ == "xlsx":
        try:
            import xlsxwriter  # noqa: F401 - imported before a question is asked
        except ModuleNotFoundError as error:
            raise missing_extra("excel", "xlsx files need", error) from None
    return format_


def _choose_part_format(chosen: Format | None, output: Path | None, part: Part) -> Format:
    format_ = chosen or _format_of_suffix(output) or "text"
    if format_ == "json" or format_ in TABLES:
        return format_
    if chosen is None and format_ == "markdown":
        return "text"
    raise ConfigError(
        f"The {part} can be written as text or JSON (--format json), not as {format_}.", setting="format"
    )


def _format_of_suffix(output: Path | None) -> Format | None:
    if output is None or not output.suffix:
        return "table"
    name = output.name.lower()
    return next((format_ for suffix, format_ in _SUFFIXES.items() if name.endswith(suffix)), None)


@contextmanager
def open_output(output: Path | None, format_: Format) -> Iterator[BinaryIO]:
    """Open standard output, or a file that appears only once it is complete; raises ConfigError."""
    if output is not None and str(output) != "-":
        from connecty_frames.files import atomic_write, checked_path

        with atomic_write(checked_path(output, "output")) as file:
            yield file
        return
    if sys.__stdout__ is None:  # as by ``>&-``
        raise ConfigError("Standard output is closed: give --output FILE.", setting="output")
    if sys.stdout.isatty() and format_ in {"csv.gz", "parquet", "arrow", "xlsx"}:
        raise ConfigError(
            f"{format_} cannot be written to a terminal: use --output FILE or a pipe.", setting="format"
        )
    yield sys.stdout.buffer


@contextmanager
def open_response_file(path: Path | None, output: Path | None) -> Iterator[Callable[[bytes], object]]:
    """Open a file for the response, and yield a function to write it at once, completely."""
    # Written before it is decoded: an answer was paid for even if it cannot be converted or printed.
    if path is None:
        yield lambda _body: None
        return
    from connecty_frames.files import atomic_write, checked_path

    if str(path) == "-":
        raise ConfigError("--save needs a file name; - is only for --output.", setting="save")
    path = checked_path(path, "save")
    if output is not None and os.path.realpath(path) == os.path.realpath(checked_path(output, "output")):
        raise ConfigError("--save and --output name the same file.", setting="save")
    with ExitStack() as stack:
        file = stack.enter_context(atomic_write(path))

        def save(body: bytes) -> None:
            with naming_file(path):
                file.write(body)
                stack.close()

        yield save


@contextmanager
def saving(
    client: Client, path: Path | None, save: Callable[[bytes], object]
) -> Iterator[Callable[[bytes], object]]:
    """Yield a function to save the response of an answer; without one, save all exchanges."""
    if path is None:
        yield save
        return
    from connecty_frames.cli.first_contact import Exchanges  # it decodes answers

    exchanges, saved = Exchanges([]), list[bool]()
    client.observe(exchanges.observe)

    def save_answer(body: bytes) -> None:
        saved.append(True)
        save(body)

    try:
        yield save_answer
    except BaseException as error:
        if exchanges.responses and not saved:
            save(exchanges.record(error))
        raise


@contextmanager
def naming_file(path: Path | None) -> Iterator[None]:
    """Name the file in an error of writing to it, such as a full disk."""
    try:
        yield
    except OSError as error:
        if path is not None and str(path) != "-" and error.errno and error.filename is None:
            error.filename = str(path)
        raise


def write_answer(answer: Answer, part: Part | None, format_: Format, engine: Engine, file: BinaryIO) -> None:
    """Write an answer, or one part of it; control characters are escaped only for a terminal."""
    if part is not None:
        with escaped_on_terminal(file) as target:
            _write_part(answer, part, format_, target)
        return
    table = answer.to_arrow()
    types: Iterable[object] = table.schema.types
    if format_ in TABLES and engine == "pandas":
        types = answer.to_pandas().dtypes
    elif format_ in TABLES and engine == "polars":
        types = answer.to_polars().dtypes
    write_rows(table, types, format_, file)


def write_table(table: pa.Table, format_: Format, output: Path | None) -> None:
    """Write a table with the names of Arrow's types to a file, or to standard output."""
    with open_output(output, format_) as file, naming_file(output):
        write_rows(table, table.schema.types, format_, file)
        file.flush()


def write_rows(table: pa.Table, types: Iterable[object], format_: Format, file: BinaryIO) -> None:
    """Write a table; ``types`` are the names in a table for people."""
    if format_ in TABLES:
        _write_table(table, list(map(str, types)), format_, file)  # its cells are escaped, its styles wanted
        return
    from connecty_frames.export import WRITERS

    with escaped_on_terminal(file) as target:
        WRITERS[format_](table, target)


def write_batches(reader: pa.RecordBatchReader, format_: Format, file: BinaryIO) -> None:
    """Write rows as they come, or all at once if the format or the terminal needs it."""
    from connecty_frames.export import STREAMS

    if format_ in STREAMS and not (file is sys.stdout.buffer and sys.stdout.isatty()):
        STREAMS[format_](reader, file)
    else:
        table = reader.read_all()
        write_rows(table, table.schema.types, format_, file)


@contextmanager
def escaped_on_terminal(file: BinaryIO) -> Iterator[BinaryIO]:
    """Yield a file, with control characters escaped on a terminal."""
    if file is not sys.stdout.buffer or not sys.stdout.isatty():
        yield file
        return
    buffer = io.BytesIO()
    yield buffer
    file.write(terminal(buffer.getvalue().decode(), keep="\n\t").encode())


def echo_metadata(answer: Answer, *, summary: bool, sql: bool, question_id: bool) -> None:
    """Write to standard error the size of an answer, and its summary, SQL and id, if they are wanted."""
    if answer.response_summary and summary:
        echo_stderr(_shortened(answer.response_summary, "--summary"))
    if answer.sql_query and sql:
        echo_stderr(f"\n{_shortened(answer.sql_query, '--sql')}\n", wraps=False)
    size = "No table" if answer.table is None else answer.metadata.rows_text
    echo_stderr(f"{size}; question_id {answer.question_id}" if question_id else size)


def _shortened(text: str, option: str) -> str:
    text = text.strip()
    return text if len(text) <= _MAX_TEXT else f"{cut(text, _MAX_TEXT)}\n({option} writes all of it.)"


def _write_table(table: pa.Table, types: list[str], format_: Format, file: BinaryIO) -> None:
    from connecty_frames.display.table import terminal_table, text_table

    # COLUMNS gives a pipe the width of a terminal.
    is_screen = file is sys.stdout.buffer and (sys.stdout.isatty() or "COLUMNS" in os.environ)
    if is_screen and format_ == "table":
        lines = terminal_table(table, types, stdout_console())
    else:
        lines = text_table(table, types)
    file.writelines(f"{line}\n".encode() for line in lines)


def write_plot(answer: Answer, file: BinaryIO) -> bool:
    """Draw the chart of an answer; if there is none, say why on standard error and return False."""
    from connecty_frames.display.terminal_chart import terminal_plot

    if answer.table is None:
        if answer.response_summary:  # without one, the error about the table says it
            echo_stderr("The question was answered without a table, so there is no chart.")
        return False
    try:
        chart = terminal_plot(answer.table, answer.question, stdout_console(), cut=answer.metadata.cut_text)
    except ConfigError as error:
        echo_stderr(shell_message(error))
        return False
    file.write(chart.encode())
    return True


def _write_part(answer: Answer, part: Part, format_: Format, file: BinaryIO) -> None:
    as_json = format_ == "json"
    text: str | None
    match part:
        case "schema" if answer.table is None:
            text = None
        case "schema":
            text = answer.schema.to_json() if as_json else repr(answer.schema)
        case "statistics":
            text = _statistics(answer.statistics) if answer.statistics else None
        case _:
            text = (answer.sql_query if part == "SQL" else answer.response_summary) or None
            text = json.dumps(text) if text and as_json else text
    if text is None:
        raise QuestionError(f"The answer came without {part}.", question_id=answer.question_id)
    file.write(f"{text.strip()}\n".encode())


def _statistics(statistics: dict[str, dict[str, Any]]) -> str:
    import msgspec

    from connecty_frames.decode.texts import JSON, json_value

    return msgspec.json.format(JSON.encode(json_value(statistics)), indent=2).decode()
