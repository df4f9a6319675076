"""``connecty ask``: ask a question and write its answer as text, table or file."""

from __future__ import annotations

import shlex
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Final

import typer

from connecty_frames.cli.commands import Profile, announce_sandbox, sandbox_class
from connecty_frames.cli.messages import echo_stderr
from connecty_frames.cli.output import (
    EngineChoice,
    Format,
    Part,
    choose_format,
    echo_metadata,
    open_output,
    write_answer,
)
from connecty_frames.cli.streams import discard_output
from connecty_frames.errors import ConfigError
from connecty_frames.options import AskOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connecty_frames.answer import Answer
    from connecty_frames.client import Client, Question
    from connecty_frames.options import AskOptionsDict

__all__ = ["ask"]

_PARTS_PANEL: Final = "One part of the answer alone"


class TruncationChoice(StrEnum):
    """What to do when rows were cut."""

    WARN = "warn"
    RAISE = "raise"
    IGNORE = "ignore"


class DecimalsChoice(StrEnum):
    """The type of numbers whose digits float64 does not give back."""

    AUTO = "auto"
    EXACT = "exact"
    FLOAT = "float"


def _max_rows(value: object) -> int | None:
    """Return a number of rows, None for ``all``."""
    text = str(value)
    if text == "all":
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    raise typer.BadParameter(f"{text!r} is neither a number of rows, such as 1000, nor 'all'.")


def ask(
    ctx: typer.Context,
    question: Annotated[str | None, typer.Argument(help="The question, in plain language.")] = None,
    *,
    dw_id: Annotated[int | None, typer.Option(help="The data workspace to ask.")] = None,
    profile: Profile = None,
    question_id: Annotated[
        str | None, typer.Option(help="Fetch the answer to a question asked before; nothing is asked.")
    ] = None,
    max_rows: Annotated[
        int | None,
        typer.Option(parser=_max_rows, metavar="N|all", help="The maximum number of rows to fetch."),
    ] = 1000,
    on_truncation: Annotated[
        TruncationChoice, typer.Option(help="What to do when rows were cut.")
    ] = TruncationChoice.WARN,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds for the whole command, waiting included.")
    ] = None,
    tz: Annotated[
        str, typer.Option(help="The time zone of timestamps with an offset, such as Asia/Tokyo.")
    ] = "UTC",
    decimals: Annotated[
        DecimalsChoice, typer.Option(help="The type of fractions whose digits float64 does not give back.")
    ] = DecimalsChoice.AUTO,
    strict: Annotated[
        bool, typer.Option("--strict", help="Treat doubts about types or values as errors.")
    ] = False,
    format_: Annotated[
        Format | None,
        typer.Option("--format", help="The format; by default that of the file's suffix, else a table."),
    ] = None,
    engine: Annotated[
        EngineChoice, typer.Option(help="The library whose names of types a table shows.")
    ] = EngineChoice.PANDAS,
    output: Annotated[
        Path | None, typer.Option(help="The file to write, completely or not at all; - is standard output.")
    ] = None,
    sql: Annotated[
        bool, typer.Option("--sql", help="Write the SQL and nothing else.", rich_help_panel=_PARTS_PANEL)
    ] = False,
    summary: Annotated[
        bool,
        typer.Option("--summary", help="Write the summary and nothing else.", rich_help_panel=_PARTS_PANEL),
    ] = False,
    stats: Annotated[
        bool, typer.Option("--stats", help="Write the statistics as JSON.", rich_help_panel=_PARTS_PANEL)
    ] = False,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema",
            help="Write the type of each column and the evidence for it; with --format json, what "
            "Schema.from_json reads.",
            rich_help_panel=_PARTS_PANEL,
        ),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", help="Write no acceptance, progress, summary and SQL to standard error."
        ),
    ] = False,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", envvar="CONNECTY_SANDBOX", help="Ask the embedded sandbox.")
    ] = False,
) -> None:
    """Ask a question; its table goes to standard output, its summary and SQL to standard error."""
    part = _selected_part(sql=sql, summary=summary, stats=stats, schema=schema)
    written_as = choose_format(format_, output, part)
    if question is None and question_id is None:
        raise ConfigError("No question. Give one, or --question-id ID of one asked before.")
    if sandbox and (profile or question_id):
        raise ConfigError(
            "--sandbox starts a new sandbox, as CONNECTY_SANDBOX=1 does: it has no profile, and knows no "
            "question asked before.",
            setting="sandbox",
        )
    announce_sandbox(ctx)
    options: AskOptionsDict = {
        "dw_id": dw_id,
        "question_id": question_id,
        "max_rows": max_rows,
        "on_truncation": "ignore" if part and on_truncation is TruncationChoice.WARN else on_truncation.value,
        "timeout": timeout,
        "tz": tz,
        "decimals": decimals.value,
        "strict": strict,
        "progress": False if quiet else None,
    }
    # Opened first: a file that cannot be written must not cost a question.
    with (
        _reporting_id(quiet=quiet, sandbox=sandbox) as questions,
        open_output(output, written_as) as file,
        _client(sandbox=sandbox, profile=profile) as client,
    ):

        def accepted(asked: Question) -> None:
            questions.append(asked)
            if not quiet:
                echo_stderr(_acceptance(asked, sandbox=sandbox))

        answer = client.answer(question or "", AskOptions.from_kwargs(options), accepted=accepted)
        with _echoing_metadata(answer, quiet=quiet, alone=part is not None):
            write_answer(answer, part, written_as, engine, file)
            file.flush()


def _selected_part(*, sql: bool, summary: bool, stats: bool, schema: bool) -> Part | None:
    options = {Part.SQL: sql, Part.SUMMARY: summary, Part.STATISTICS: stats, Part.SCHEMA: schema}
    selected = [part for part, is_given in options.items() if is_given]
    if len(selected) > 1:
        raise ConfigError("--sql, --summary, --stats and --schema each write one thing alone: give one.")
    return selected[0] if selected else None


@contextmanager
def _client(*, sandbox: bool, profile: str | None) -> Iterator[Client]:
    """Yield a client made from the settings, or one of a sandbox that runs as long as the client."""
    from connecty_frames.client import Client

    def resume_command(question_id: str, dw_id: int) -> str:
        option = "" if profile is None else f" --profile {shlex.quote(profile)}"
        return f"connecty ask --question-id {question_id} --dw-id {dw_id}{option}"

    with ExitStack() as stack:
        if sandbox:
            running = stack.enter_context(sandbox_class()())
            yield stack.enter_context(Client(**running.connection, resume_command=resume_command))
        else:
            yield stack.enter_context(Client(profile=profile, resume_command=resume_command))


@contextmanager
def _reporting_id(*, quiet: bool, sandbox: bool) -> Iterator[list[Question]]:
    """Yield a list for the question that is asked, and report its id if its answer cannot be written."""
    questions: list[Question] = []
    try:
        yield questions
    except KeyboardInterrupt as interrupt:
        if questions and not hasattr(interrupt, "__notes__"):  # a note means that the client reported the id
            echo_stderr(f"\n{_acceptance(questions[0], sandbox=sandbox)}")
        raise
    except BrokenPipeError:
        raise  # the reader closed the pipe on purpose, as `head` does
    except OSError:
        if questions and quiet:
            echo_stderr(_acceptance(questions[0], sandbox=sandbox))
        raise


def _acceptance(question: Question, *, sandbox: bool) -> str:
    """Return the line with the id of a question that was accepted, and so paid for."""
    accepted = f"Question {question.question_id} was accepted"
    if sandbox:  # its questions end with it, at the end of the command
        return f"{accepted}."
    return f"{accepted}; to fetch its answer without asking again: {question.resume_command}"


@contextmanager
def _echoing_metadata(answer: Answer, *, quiet: bool, alone: bool) -> Iterator[None]:
    """Write the metadata after the data, also if the data could not be written: the answer was paid for."""
    try:
        yield
    except KeyboardInterrupt:
        discard_output()
        raise
    except OSError:
        if not quiet:
            echo_metadata(answer, alone=alone)
        raise
    if not quiet:
        echo_metadata(answer, alone=alone)
