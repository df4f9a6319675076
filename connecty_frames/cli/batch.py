"""``connecty batch``: ask the questions of a file, and keep the answers in a folder."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from connecty_frames._base.text import cut, path_text, quoted, snippet
from connecty_frames.cli import arguments
from connecty_frames.cli.arguments import in_question, read_file, read_saved_schema
from connecty_frames.cli.connection import Profile, UseSandbox, connection, open_client
from connecty_frames.cli.io import EXIT_CODES, echo_stderr
from connecty_frames.errors import ConfigError, QuestionError, QuestionTimeout, SubmissionUncertain

if TYPE_CHECKING:
    from connecty_frames.batch import Batch, BatchSummary

_MOST_SHOWN: Final = 20  # the most unanswered questions to list


def batch(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="The questions, in UTF-8: a .csv file, or a .txt file with one per line."
        ),
    ],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder of the batch.")],
    column: Annotated[
        str | None,
        in_question(
            help="The column of a .csv file with the questions; by default the only one, otherwise question."
        ),
    ] = None,
    name_column: Annotated[
        str | None, in_question(help="The column of a .csv file with names for the parts.")
    ] = None,
    max_workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="The maximum number of questions in progress at once.")
    ] = 16,
    max_questions: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="The maximum number of questions to ask now.")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Re-ask questions that the server could not answer.")
    ] = False,
    retry_uncertain: Annotated[
        bool,
        typer.Option(
            "--retry-uncertain",
            help="Also re-ask questions that may already be running; some may be paid for twice.",
        ),
    ] = False,
    client_changed: Annotated[
        bool, typer.Option("--client-changed", help="Continue a batch that another client id began.")
    ] = False,
    dw_id: Annotated[int | None, in_question(help="The data workspace to ask.")] = None,
    tag: arguments.TagOption = None,
    timeout: Annotated[float | None, in_question(help="Seconds for each question.")] = None,
    profile: Profile = None,
    sandbox: UseSandbox = False,
    max_rows: arguments.MaxRows = 1000,
    on_truncation: arguments.OnTruncation = "warn",
    schema_file: arguments.SchemaFile = None,
    tz: arguments.TimeZone = "UTC",
    decimals: arguments.Decimals = "auto",
    strict: arguments.Strict = False,
    format_: arguments.ReportFormat = "text",
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Do not write progress and a summary to standard error.")
    ] = False,
) -> None:
    """Ask the questions in a file, each exactly once, and keep the answers as Parquet files in a folder.

    Run it again to continue: answered questions are skipped, and accepted ones are fetched.
    """
    questions = _read_questions(file, column, name_column)
    tags, schema = arguments.read_tags(tag), read_saved_schema(schema_file)
    from connecty_frames.batch import ask_batch

    with connection(sandbox=sandbox, profile=profile) as address, open_client(address) as client:
        finished = ask_batch(
            questions,
            output,
            max_workers=max_workers,
            max_questions=max_questions,
            retry_failed=retry_failed,
            retry_uncertain=retry_uncertain,
            client=client,
            client_changed=client_changed,
            dw_id=dw_id,
            tags=tags,
            max_rows=max_rows,
            on_truncation=on_truncation,
            schema=schema,
            timeout=timeout,
            tz=tz,
            decimals=decimals,
            strict=strict,
            progress=False if quiet else None,
        )
    summary = finished.summary()
    if format_ == "json":
        failures = finished.errors("pyarrow").to_pylist()
        typer.echo(json.dumps({**asdict(summary), "failures": failures}, indent=2))
    elif not quiet:
        _echo_failures(finished)
        echo_stderr(str(summary))
    raise typer.Exit(_exit_code(summary))


def _echo_failures(finished: Batch) -> None:
    failures = finished.errors("pyarrow").to_pylist()
    for each in failures[:_MOST_SHOWN]:
        reason = cut(" ".join((each["error"] or each["state"]).split()), 300)
        echo_stderr(f"{each['name'] or each['number']} ({snippet(each['question'], 60)}): {reason}")
    if len(failures) > _MOST_SHOWN:
        echo_stderr(f"... and {len(failures) - _MOST_SHOWN:,} more; cf.open_batch(DIR).errors() lists them.")


def _exit_code(summary: BatchSummary) -> int:
    if summary.uncertain:
        return EXIT_CODES[SubmissionUncertain]
    if summary.failed or summary.unusable or summary.rejected:
        return EXIT_CODES[QuestionError]
    return EXIT_CODES[QuestionTimeout] if summary.pending else 0


def _read_questions(
    file: Path, column: str | None, name_column: str | None
) -> list[str] | list[tuple[str, str]]:
    suffix = file.suffix.lower()
    if suffix not in {".csv", ".txt"}:
        raise ConfigError(f"{path_text(file)}: expected a .csv or a .txt file.", setting="file")
    text = read_file(file, "FILE")
    if suffix == ".txt":
        if column or name_column:
            raise ConfigError("--column and --name-column are only for .csv files.", setting="column")
        # Not by splitlines: it cuts at other characters, too, such as a form feed.
        return [line.strip() for line in io.StringIO(text, newline=None) if line.strip()]
    try:
        header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    except (csv.Error, ValueError) as error:
        reason = "it has no lines" if isinstance(error, ValueError) else str(error)
        raise ConfigError(f"{path_text(file)} is not a CSV file: {reason}.", setting="file") from None
    if column is None and len(header) == 1 and (found := {";", "\t"}.intersection(header[0])):
        raise ConfigError(
            f"{path_text(file)}: the first line has {found.pop()!r} and no comma. Separate fields by "
            "commas, or name the only column with --column.",
            setting="file",
        )
    chosen = column or (header[0] if len(header) == 1 else "question")
    for name, option in ((chosen, "--column"), (name_column, "--name-column")):
        if name is not None and header.count(name) != 1:
            raise ConfigError(
                f"{path_text(file)} does not have exactly one column {snippet(name)!r}. Choose one with "
                f"{option}: {quoted(header)}.",
                setting="column",
            )
    at = header.index(chosen)
    rows = [row for row in rows if row]
    if short := [number for number, row in enumerate(rows, start=1) if len(row) != len(header)]:
        raise ConfigError(
            f"{path_text(file)}: row {short[0]:,} does not have {len(header)} fields.", setting="file"
        )
    if name_column is None:
        return [row[at] for row in rows]
    return [(row[header.index(name_column)], row[at]) for row in rows]
