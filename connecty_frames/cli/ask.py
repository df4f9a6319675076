"""``connecty ask``: a question, and its answer as text, table or file."""

from __future__ import annotations

import shlex
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final

import typer

from connecty_frames.cli.commands import Profile, sandbox_class
from connecty_frames.cli.messages import say
from connecty_frames.cli.output import (
    EngineChoice,
    Format,
    Part,
    destination,
    format_of,
    harmless,
    told_whatever_happens,
    write_part,
    write_table,
)
from connecty_frames.errors import ConfigError
from connecty_frames.options import AskOptions
from connecty_frames.text import cut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connecty_frames.answer import Answer
    from connecty_frames.client import Client, Question
    from connecty_frames.options import AskOptionsDict

__all__ = ["ask"]

_ALONE: Final = "One part of the answer alone"
#: How many characters of a summary or of SQL go to standard error.
_LONGEST: Final = 10_000


class Cut(StrEnum):
    """What to do where rows were cut."""

    WARN = "warn"
    RAISE = "raise"
    IGNORE = "ignore"


def _rows(text: object) -> int | None:
    """Read a number of rows, or ``all``."""
    words = str(text)
    if words == "all":
        return None
    if words.isascii() and words.isdigit():
        return int(words)
    raise typer.BadParameter(f"{words!r} is neither a number of rows, such as 1000, nor 'all'.")


def ask(
    question: Annotated[str | None, typer.Argument(help="The question, in plain language.")] = None,
    *,
    dw_id: Annotated[int | None, typer.Option(help="The data workspace to ask.")] = None,
    profile: Profile = None,
    question_id: Annotated[
        str | None, typer.Option(help="Fetch the answer to a question asked before; nothing is asked.")
    ] = None,
    max_rows: Annotated[
        int | None, typer.Option(parser=_rows, metavar="N|all", help="The most rows to fetch.")
    ] = 1000,
    on_truncation: Annotated[Cut, typer.Option(help="What to do where rows were cut.")] = Cut.WARN,
    timeout: Annotated[float | None, typer.Option(help="Seconds for everything, waiting included.")] = None,
    tz: Annotated[
        str, typer.Option(help="The zone in which instants are shown, such as Asia/Tokyo.")
    ] = "UTC",
    strict: Annotated[bool, typer.Option("--strict", help="Make doubts about types errors.")] = False,
    format_: Annotated[
        Format | None,
        typer.Option("--format", help="What to write; else what the name of the file says, else a table."),
    ] = None,
    engine: Annotated[
        EngineChoice, typer.Option(help="Whose names the types of a table have.")
    ] = EngineChoice.PANDAS,
    output: Annotated[
        Path | None, typer.Option(help="The file to write to, whole or not at all; - is standard output.")
    ] = None,
    sql: Annotated[
        bool, typer.Option("--sql", help="Write the SQL and nothing else.", rich_help_panel=_ALONE)
    ] = False,
    summary: Annotated[
        bool, typer.Option("--summary", help="Write the summary and nothing else.", rich_help_panel=_ALONE)
    ] = False,
    stats: Annotated[
        bool, typer.Option("--stats", help="Write the statistics as JSON.", rich_help_panel=_ALONE)
    ] = False,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema",
            help="Write the type of each column and the evidence for it; with --format json, what "
            "Schema.from_json reads.",
            rich_help_panel=_ALONE,
        ),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", help="Keep the line of acceptance, progress, summary and SQL off standard error."
        ),
    ] = False,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Ask the embedded sandbox.")] = False,
) -> None:
    """Ask a question; its table goes to standard output, its summary and SQL to standard error."""
    part = _one_part(sql=sql, summary=summary, stats=stats, schema=schema)
    written = format_of(format_, output, part)
    if question is None and question_id is None:
        raise ConfigError("No question. Give one, or --question-id ID of one asked before.")
    if sandbox and (profile or question_id):
        raise ConfigError(
            "--sandbox starts afresh: it has no profile, and knows no question asked before.",
            setting="sandbox",
        )
    # Opened first: a file that cannot be written must not cost a question.
    with (
        _id_told(quiet=quiet, sandbox=sandbox) as known,
        destination(output, written) as file,
        _client(sandbox=sandbox, profile=profile) as client,
    ):
        choices: AskOptionsDict = {
            "dw_id": dw_id,
            "question_id": question_id,
            "max_rows": max_rows,
            "on_truncation": "ignore" if part and on_truncation is Cut.WARN else on_truncation.value,
            "timeout": timeout,
            "tz": tz,
            "strict": strict,
            "progress": False if quiet else None,
        }

        def accepted(asked: Question) -> None:
            known.append(asked)
            if not quiet:
                say(_accepted(asked, sandbox=sandbox))

        answer = client.answer(
            question or "",
            AskOptions.from_kwargs(choices),
            accepted=accepted,
        )
        with told_whatever_happens(lambda: None if quiet else _tell_story(answer, alone=part is not None)):
            with harmless(file, written, part) as harmless_file:
                _write(answer, part, written, engine, harmless_file)
            file.flush()


def _write(answer: Answer, part: Part | None, written: Format, engine: EngineChoice, file: BinaryIO) -> None:
    if part is not None:
        write_part(answer, part, written, file)
    elif written is Format.TABLE:
        write_table(answer, engine, file)
    else:
        from connecty_frames.frames import WRITERS

        WRITERS[written](answer.to_arrow(), file)


def _one_part(*, sql: bool, summary: bool, stats: bool, schema: bool) -> Part | None:
    chosen = [
        part
        for part, wanted in (
            (Part.SQL, sql),
            (Part.SUMMARY, summary),
            (Part.STATISTICS, stats),
            (Part.SCHEMA, schema),
        )
        if wanted
    ]
    if len(chosen) > 1:
        raise ConfigError("--sql, --summary, --stats and --schema each write one thing alone: give one.")
    return chosen[0] if chosen else None


@contextmanager
def _client(*, sandbox: bool, profile: str | None) -> Iterator[Client]:
    """Give the client that the settings describe, or one of a sandbox of its own."""
    from connecty_frames.client import Client

    def resume_command(question_id: str, dw_id: int) -> str:
        option = "" if profile is None else f" --profile {shlex.quote(profile)}"
        return f"connecty ask --question-id {question_id} --dw-id {dw_id}{option}"

    with ExitStack() as stack:
        if sandbox:
            box = stack.enter_context(sandbox_class()())
            yield stack.enter_context(Client(**box.connection, resume_command=resume_command))
        else:
            yield stack.enter_context(Client(profile=profile, resume_command=resume_command))


@contextmanager
def _id_told(*, quiet: bool, sandbox: bool) -> Iterator[list[Question]]:
    """Yield a list for the question that is asked, and tell its id where its answer cannot be written."""
    known: list[Question] = []
    try:
        yield known
    except KeyboardInterrupt as interrupt:
        if known and not hasattr(interrupt, "__notes__"):  # the client tells what it is interrupted in
            say(f"\n{_accepted(known[0], sandbox=sandbox)}")
        raise
    except BrokenPipeError:
        raise  # its reader has seen enough
    except OSError:
        if known and quiet:
            say(_accepted(known[0], sandbox=sandbox))
        raise


def _accepted(question: Question, *, sandbox: bool) -> str:
    """Return the line with the id of a question, which is paid for whatever ends the command."""
    accepted = f"Question {question.question_id} was accepted"
    if sandbox:  # an embedded one ends with the command, and its questions with it
        return f"{accepted}."
    return f"{accepted}; to fetch its answer without asking again: {question.resume_command}"


def _tell_story(answer: Answer, *, alone: bool) -> None:
    """Write the summary, the SQL and the extent of an answer to standard error."""
    if answer.response_summary and not alone:
        say(_begun(answer.response_summary, "--summary"))
    if answer.sql_query and not alone:
        say(f"\n{_begun(answer.sql_query, '--sql')}\n")
    say(f"{answer.metadata.counted}; question_id {answer.question_id}")


def _begun(text: str, option: str) -> str:
    """Return as much of a text as people read, and the option that writes all of it."""
    text = text.strip()
    return text if len(text) <= _LONGEST else f"{cut(text, _LONGEST)}\n({option} writes it all.)"
