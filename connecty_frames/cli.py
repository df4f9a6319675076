"""The command ``connecty``: data on standard output, everything else on standard error."""

from __future__ import annotations

import sys
import warnings
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final

import typer

from connecty_frames import __version__
from connecty_frames.errors import (
    APIError,
    AuthError,
    ConfigError,
    ConnectionFailed,
    ConnectyError,
    ConversionError,
    QuestionError,
    QuestionTimeout,
    ResponseError,
    ServerError,
    SubmissionUncertain,
    TruncatedError,
)
from connecty_frames.escape import terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TextIO

    from connecty_frames.answer import Answer
    from connecty_frames.client import Client
    from connecty_frames.sandbox import Sandbox

__all__ = ["EXIT_CODES", "main"]

#: The exit code of each kind of error; the first class that an error is of decides. 0 is success, 2 is also
#: what a wrong command line gives, 130 an interrupt.
EXIT_CODES: Final[dict[type[BaseException], int]] = {
    ConfigError: 2,
    AuthError: 3,
    ConnectionFailed: 4,
    APIError: 5,
    ResponseError: 6,
    QuestionTimeout: 8,
    SubmissionUncertain: 9,
    QuestionError: 7,
    ConversionError: 10,
    TruncatedError: 11,
    ConnectyError: 1,
    OSError: 1,
}

#: How many rows a terminal shows.
_SHOWN_ROWS: Final = 50
#: How wide a table in a file may be, in characters.
_FILE_WIDTH: Final = 1000

app = typer.Typer(
    name="connecty",
    help="Ask ConnectyAI questions and get exactly typed tables.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


class Engine(StrEnum):
    """Whose names the types of a table have."""

    PANDAS = "pandas"
    POLARS = "polars"
    PYARROW = "pyarrow"


class Format(StrEnum):
    """What the data is written as."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def main() -> None:
    """Run the command line; every error of ours is one line and an exit code."""
    warnings.showwarning = _show_warning
    try:
        app()
    except KeyboardInterrupt as interrupt:
        for note in getattr(interrupt, "__notes__", ()):
            _say(note)
        sys.exit(130)
    except tuple(EXIT_CODES) as error:
        _say(f"{type(error).__name__}: {error}")
        question_id = getattr(error, "question_id", None)
        if question_id is not None and question_id not in str(error):
            _say(f"question_id {question_id}")
        sys.exit(next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind)))


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _common(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Ask ConnectyAI questions and get exactly typed tables."""


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question, in plain language.")],
    *,
    dw_id: Annotated[int | None, typer.Option(help="The data workspace to ask.")] = None,
    engine: Annotated[Engine, typer.Option(help="Whose names the types of a table have.")] = Engine.PANDAS,
    max_rows: Annotated[int, typer.Option(min=0, help="The most rows to fetch.")] = 1000,
    format_: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.TABLE,
    output: Annotated[
        Path | None, typer.Option(help="The file to write to, whole or not at all; - is standard output.")
    ] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Ask the embedded sandbox.")] = False,
) -> None:
    """Ask a question; its table goes to standard output, its summary and SQL to standard error."""
    # Opened first: a file that cannot be written must not cost a question.
    with _destination(output, format_) as file:
        with _client(sandbox=sandbox) as client:
            answer = client.ask(question, dw_id=dw_id, max_rows=max_rows)
        try:
            if format_ is Format.TABLE:
                _write_table(answer, engine, file)
            else:
                from connecty_frames.frames import WRITERS

                WRITERS[format_](answer.to_arrow(), file)
            file.flush()
        except OSError:
            _tell_story(answer)  # it was paid for, and its id is the way back to it
            raise
    _tell_story(answer)


@app.command()
def health() -> None:
    """Tell whether the service is operational; no credentials are needed."""
    from connecty_frames.client import check_health
    from connecty_frames.config import resolve

    address = resolve().address
    if not check_health():
        raise ServerError(f"{address} is not operational: it does not answer 200 OK. Try again later.")
    typer.echo(f"{address} is operational")


@app.command()
def sandbox(
    *,
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = 0,
    database: Annotated[Path | None, typer.Option(help="A DuckDB file to answer from.")] = None,
    questions: Annotated[Path | None, typer.Option(help="A TOML catalogue of questions.")] = None,
    latency: Annotated[float, typer.Option(help="Seconds spent on each question.")] = 0.0,
) -> None:
    """Serve the sandbox until interrupted; what to export is written to standard output."""
    box = _sandbox()(port=port, database=database, questions=questions, latency=latency)

    def announce(running: Sandbox) -> None:
        typer.echo(running.exports())
        _say("The sandbox is running; Ctrl-C stops it. Paste the lines above into another shell.")

    box.serve(announce)


@contextmanager
def _client(*, sandbox: bool) -> Iterator[Client]:
    """Give the client that the settings describe, or one of a sandbox of its own."""
    from connecty_frames.client import Client

    with ExitStack() as stack:
        if sandbox:
            box = stack.enter_context(_sandbox()())
            yield stack.enter_context(Client(**box.connection))
        else:
            yield stack.enter_context(Client())


def _sandbox() -> type[Sandbox]:
    try:
        from connecty_frames.sandbox import Sandbox
    except ImportError as error:
        raise ConfigError(
            f"The sandbox needs {error.name}: pip install 'connecty-frames[sandbox]'.", setting="sandbox"
        ) from None
    return Sandbox


def _tell_story(answer: Answer) -> None:
    """Write the summary, the SQL and the extent of an answer to standard error."""
    if answer.response_summary:
        _say(answer.response_summary.strip())
    if answer.sql_query:
        _say(f"\n{answer.sql_query.strip()}\n")
    _say(f"{answer.metadata.counted}; question_id {answer.question_id}")


def _write_table(answer: Answer, engine: Engine, file: BinaryIO) -> None:
    from rich.console import Console

    from connecty_frames.display import terminal_table

    table = answer.to_arrow()
    types: dict[Engine, Callable[[], Iterable[object]]] = {
        Engine.PANDAS: lambda: answer.to_pandas().dtypes,
        Engine.POLARS: lambda: answer.to_polars().dtypes,
        Engine.PYARROW: lambda: table.schema.types,
    }
    shown = terminal_table(table, list(map(str, types[engine]())), _SHOWN_ROWS)
    # A file is as wide as it needs to be; a terminal, or what stands in for one, has its width.
    console = Console() if file is sys.stdout.buffer else Console(width=_FILE_WIDTH, color_system=None)
    with console.capture() as captured:
        console.print(shown)
    file.write(captured.get().encode())
    if table.num_rows > _SHOWN_ROWS:
        _say(f"The first {_SHOWN_ROWS} of {table.num_rows:,} rows are shown; --format csv writes them all.")


@contextmanager
def _destination(output: Path | None, format_: Format) -> Iterator[BinaryIO]:
    """Give standard output, or a file that appears only once it is whole."""
    if output is None or str(output) == "-":
        if sys.stdout is None:  # started with >&-
            raise ConfigError("Standard output is closed: give --output FILE.", setting="output")
        if format_ is Format.PARQUET and sys.stdout.isatty():
            raise ConfigError(
                "Parquet is no text for a terminal: give --output FILE, or a pipe.", setting="format"
            )
        yield sys.stdout.buffer
        return
    from connecty_frames.frames import whole_file

    with whole_file(output) as file:
        yield file


def _say(text: str) -> None:
    typer.echo(terminal(text, keep="\n\t"), err=True)


def _show_warning(  # noqa: PLR0917 - what the warnings module calls
    message: Warning | str,
    category: type[Warning],
    filename: str,  # noqa: ARG001 - where a script warned is not where its user can look
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    _say(f"{category.__name__}: {message}")
