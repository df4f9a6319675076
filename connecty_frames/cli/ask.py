"""``connecty ask``: ask a question and write its answer as text, table or file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from connecty_frames.cli import arguments
from connecty_frames.cli.arguments import (
    in_connection,
    in_output,
    in_question,
    question_reader,
    read_saved_schema,
)
from connecty_frames.cli.connection import (
    ADDRESS_CONFLICT,
    Profile,
    UseSandbox,
    connection,
    is_temporary,
    open_client,
    records_by_default,
)
from connecty_frames.cli.io import discard_output, echo_stderr
from connecty_frames.cli.output import (
    TABLES,
    Part,
    choose_format,
    echo_metadata,
    naming_file,
    open_output,
    open_response_file,
    saving,
    write_answer,
    write_plot,
)
from connecty_frames.errors import ConfigError
from connecty_frames.options import AskOptions, Engine

if TYPE_CHECKING:
    from connecty_frames.answer import Answer
    from connecty_frames.client import Client
    from connecty_frames.question import Question

_part = partial(typer.Option, rich_help_panel="A single part of the answer")


def _check_words(ctx: typer.Context, words: list[str] | None) -> list[str]:
    options = {name for parameter in ctx.command.params for name in parameter.opts if name.startswith("--")}
    words = words or []
    for word in words:
        if word in options and not ctx.resilient_parsing:  # used by a shell for completion
            raise ConfigError(
                f"{word} comes after --, so it would be a word of the question: write it before --.",
                setting="question",
            )
    return words


def ask(
    question: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="QUESTION",
            callback=_check_words,
            help="The question, in plain language; - reads it from standard input.",
        ),
    ] = None,
    *,
    file: Annotated[
        Path | None, in_question("--file", "-f", help="A file with the question, in UTF-8.")
    ] = None,
    question_id: Annotated[
        str | None, in_question(help="Fetch the answer to an earlier question, without asking.")
    ] = None,
    dw_id: Annotated[int | None, in_question(help="The data workspace to ask.")] = None,
    timeout: Annotated[
        float | None, in_question(help="Seconds for the whole command, waiting included.")
    ] = None,
    max_age: Annotated[
        str | None,
        in_question(
            metavar="AGE",
            help="Reuse an answer to the same question up to this age, such as 6h, instead of asking.",
        ),
    ] = None,
    tag: arguments.TagOption = None,
    no_history: Annotated[bool, in_question("--no-history", help="Do not record the question.")] = False,
    profile: Profile = None,
    base_url: Annotated[
        str | None, in_connection(metavar="URL", help="The address of the API, instead of a region.")
    ] = None,
    region: Annotated[
        Literal["eu1", "us1"] | None, in_connection(help="The region of your organisation.")
    ] = None,
    sandbox: UseSandbox = False,
    max_rows: arguments.MaxRows = 1000,
    on_truncation: arguments.OnTruncation = "warn",
    schema_file: arguments.SchemaFile = None,
    tz: arguments.TimeZone = "UTC",
    decimals: arguments.Decimals = "auto",
    strict: arguments.Strict = False,
    format_: arguments.FormatOption = None,
    output: arguments.OutputOption = None,
    plot: Annotated[
        bool, in_output("--plot", help="Draw a chart instead of the table: bars, lines or points.")
    ] = False,
    engine: Annotated[Engine, in_output(help="The library whose type names a table shows.")] = "pandas",
    save: Annotated[
        Path | None,
        in_output(
            help="Save the response to this file, as received, for Answer.from_json; without an answer, what "
            "came of each request."
        ),
    ] = None,
    quiet: Annotated[
        bool,
        in_output("--quiet", "-q", help="Do not write the id, progress, summary and SQL to standard error."),
    ] = False,
    sql: Annotated[bool, _part("--sql", help="Write only the SQL.")] = False,
    summary: Annotated[bool, _part("--summary", help="Write only the summary.")] = False,
    stats: Annotated[bool, _part("--stats", help="Write the statistics as JSON.")] = False,
    schema: Annotated[
        bool,
        _part(
            "--schema",
            help="Write the type of each column and the evidence for it; with --format json, for "
            "--schema-file and Schema.from_json.",
        ),
    ] = False,
) -> None:
    """Ask a question. Its table goes to standard output, its summary and SQL to standard error.

    Words need no quotation marks, except for special characters of the shell, such as ? ' & or >.

    If a word begins with a hyphen, write -- before the question.
    """
    part = _selected_part(sql=sql, summary=summary, stats=stats, schema=schema)
    if base_url and region:
        raise ConfigError(ADDRESS_CONFLICT, setting="base_url")
    if plot and (format_ or output or part):
        raise ConfigError(
            "--plot draws a chart on standard output: leave out --format, --output and single parts.",
            setting="plot",
        )
    written_as = choose_format(format_, output, part)
    read_question = question_reader(question or (), file, question_id)
    if question_id is not None and (max_age or tag):
        raise ConfigError(
            "--question-id fetches an answer, however old it is, and records nothing: leave out --max-age "
            "and --tag.",
            setting="question_id",
        )
    options = AskOptions(
        dw_id=dw_id,
        engine=engine if written_as in TABLES and not (part or plot) else "pyarrow",
        max_age=max_age,
        tags=arguments.read_tags(tag),
        max_rows=max_rows,
        on_truncation="ignore" if part and on_truncation == "warn" else on_truncation,
        schema=read_saved_schema(schema_file),
        timeout=timeout,
        tz=tz,
        decimals=decimals,
        strict=strict,
        progress=False if quiet else None,
    )
    if plot:
        from connecty_frames.display.terminal_chart import import_uniplot

        import_uniplot()
    place = {"profile": profile, "base_url": base_url, "region": region}
    # Opened first: an unwritable file must not cost a question.
    with (
        reporting_id(quiet=quiet) as accepted,
        open_response_file(save, output) as save_response,
        open_output(output, written_as) as target,
        connection(sandbox=sandbox, question_id=question_id, **place) as address,
        recording_client(address, no_history=no_history, max_age=max_age) as client,
        saving(client, save, save_response) as save_answer,
    ):
        # Read last: nobody should type a question in vain.
        text = read_question()
        if question_id is None:
            answer = client.call(text, options).answer(accepted=accepted, received=save_answer)
        else:
            answer = client.question(question_id, dw_id=dw_id).answer(options, received=save_answer)
        if answer.metadata.reused and not quiet:
            echo_stderr(f"Question {answer.question_id}: {answer.metadata.reuse_text}.")
        written = part
        if answer.table is None and answer.response_summary and not (format_ or output or schema_file):
            written = part or "summary"  # nobody asked for rows, so the summary is the answer
        parts = {"summary": written is None, "sql": part is None, "question_id": not is_temporary(address)}
        with _echoing_metadata(answer, quiet=quiet, **parts), naming_file(output):
            if not (plot and write_plot(answer, target)):
                write_answer(answer, written, written_as, engine, target)
            target.flush()


def _selected_part(*, sql: bool, summary: bool, stats: bool, schema: bool) -> Part | None:
    options: dict[Part, bool] = {"SQL": sql, "summary": summary, "statistics": stats, "schema": schema}
    selected = [part for part, is_given in options.items() if is_given]
    if len(selected) > 1:
        raise ConfigError("--sql, --summary, --stats and --schema each write a single part: give one.")
    return selected[0] if selected else None


@contextmanager
def recording_client(
    address: Mapping[str, Any], *, no_history: bool = False, max_age: str | None = None
) -> Iterator[Client]:
    """Yield a client; unlike in Python, it records questions unless a setting says otherwise."""
    from connecty_frames.settings.sources import explain

    settings = {name: (value, place) for name, value, place in explain(**address)}
    history: bool | str | None = None
    is_named = settings["history"][1] != "default"
    limit = settings["max_questions_per_day"][0]
    if no_history and not (is_named and limit):  # a limit counts in the named file
        history = False
    elif not is_named:
        history = "require" if max_age else records_by_default()
    with open_client(address, history=history, keep_answers=False if no_history else None) as client:
        try:
            yield client
        finally:
            if history and client.history is not None and client.history.database.is_new:
                echo_stderr(
                    f"Questions are recorded in {client.history.place} from now on; `connecty history` lists "
                    "them. --no-history or CONNECTY_HISTORY=0 turns this off."
                )


@contextmanager
def reporting_id(*, quiet: bool = False) -> Iterator[Callable[[Question], None]]:
    """Yield a function to report the id of a question; also quietly, if its answer cannot be written."""
    questions: list[Question] = []

    def accepted(question: Question) -> None:
        questions.append(question)
        if not quiet:
            _echo_acceptance(question)

    try:
        yield accepted
    except KeyboardInterrupt as interrupt:
        if questions and not hasattr(interrupt, "__notes__"):  # a note means that the client reported the id
            _echo_acceptance(questions[0], before="\n")
        raise
    except OSError as error:
        # A reader such as `head` closes the pipe on purpose.
        if questions and quiet and not isinstance(error, BrokenPipeError):
            _echo_acceptance(questions[0])
        raise


def _echo_acceptance(question: Question, *, before: str = "") -> None:
    """Write the id of an accepted question, since it is paid for; not for a temporary sandbox."""
    if command := question.resume_command:
        echo_stderr(
            f"{before}Question {question.question_id} was accepted; to fetch its answer without asking "
            f"again: {command}"
        )


@contextmanager
def _echoing_metadata(answer: Answer, *, quiet: bool, **parts: bool) -> Iterator[None]:
    """Write the metadata after the data, also if the data could not be written: the answer was paid for."""
    try:
        yield
    except KeyboardInterrupt:
        discard_output()
        raise
    except OSError:
        if not quiet:
            echo_metadata(answer, **parts)
        raise
    if not quiet:
        echo_metadata(answer, **parts)
