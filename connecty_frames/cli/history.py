"""``connecty history``: list recorded questions, fetch the answer of one, and erase them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from connecty_frames._base.text import counted, path_text, terminal
from connecty_frames.cli.arguments import FlagGroup, FormatOption, OutputOption
from connecty_frames.cli.connection import Profile
from connecty_frames.cli.io import echo_stderr
from connecty_frames.cli.output import TABLES, choose_format, write_table
from connecty_frames.errors import ConfigError

history = typer.Typer(
    name="history", cls=FlagGroup, help="List recorded questions, fetch their answers, and erase them."
)


@history.command("list")
@history.callback(invoke_without_command=True)
def list_recorded(
    ctx: typer.Context,
    *,
    state: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE",
            help="Only questions in this state: SENT, ASKED, COMPLETED, FAILED, UNCERTAIN, REJECTED; "
            "may be repeated.",
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only questions since a time, such as 2026-01-31, or an age: 7d, 6h.")
    ] = None,
    summary: Annotated[bool, typer.Option("--summary", help="Count the questions by day.")] = False,
    by: Annotated[str | None, typer.Option(help="Count the questions by day and by this tag.")] = None,
    limit: Annotated[
        int, typer.Option(min=0, metavar="N", help="The maximum number of questions to list.")
    ] = 1000,
    format_: FormatOption = None,
    output: OutputOption = None,
    profile: Profile = None,
) -> None:
    """List recorded questions, the latest first."""
    if (command := ctx.invoked_subcommand) is not None:
        for each in ctx.params:
            name, source = each.strip("_"), ctx.get_parameter_source(each)
            if source is not None and source.name == "COMMANDLINE":
                raise ConfigError(
                    f"--{name} belongs after the command: connecty history {command} --{name} ...",
                    setting=name,
                )
        return
    import pyarrow as pa

    from connecty_frames.records import records_table, summary_table
    from connecty_frames.settings.sources import resolve

    written_as = choose_format(format_, output, None)
    settings = resolve(profile=profile)
    is_counted = summary or by is not None
    if is_counted:
        table = summary_table(settings, since=since, by=by)
    else:
        table = records_table(
            settings, state=[each.upper() for each in state or ()] or None, since=since, limit=limit
        )
    if written_as in TABLES and not is_counted:
        seconds = table["asked_at"].cast(pa.timestamp("s", "UTC"), safe=False)
        shown = ["asked_at", "state", "rows", "question_id", "question"]  # other formats have all columns
        table = table.select(shown).set_column(0, "asked_at", seconds)
    write_table(table, written_as, output)
    if not table.num_rows:
        filtered = " that match" if state or since else ""
        echo_stderr(
            f"No questions are recorded{filtered}. `connecty ask` records the questions it sends, except "
            "to a sandbox; in Python, cf.configure(history=True) turns this on."
        )


@history.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def resume(
    ctx: typer.Context,
    question_id: Annotated[str, typer.Argument(metavar="QUESTION_ID", help="The id of the question.")],
    *,
    profile: Profile = None,
) -> None:
    """Fetch the answer to a recorded question from its own workspace and address, without asking.

    Options after the id are those of connecty ask, such as --format csv.
    """
    from connecty_frames.records import recorded_place
    from connecty_frames.settings.sources import resolve

    base_url, dw_id = recorded_place(resolve(profile=profile), question_id)
    arguments = ["--question-id", question_id, "--base-url", base_url, "--dw-id", str(dw_id), *ctx.args]
    if profile is not None:
        arguments += ["--profile", profile]
    program: Any = ctx.find_root().command
    ask = program.get_command(ctx, "ask")
    with ask.make_context("ask", arguments, parent=ctx) as asking:
        ask.invoke(asking)


@history.command()
def forget(
    question_id: Annotated[
        str | None,
        typer.Argument(metavar="QUESTION_ID", help="The id of the question, or its number in the column id."),
    ] = None,
    *,
    older_than: Annotated[
        str | None, typer.Option(help="Erase finished questions older than a time or age.")
    ] = None,
    batch: Annotated[Path | None, typer.Option(help="Erase the batch of this folder and its parts.")] = None,
    containing: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Erase finished questions containing this text.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the number and text of each question, and erase none.")
    ] = False,
    profile: Profile = None,
) -> None:
    """Erase one recorded question, those before a time or age or with a text, or a batch."""
    from connecty_frames.records import forget_in, named_on_command_line
    from connecty_frames.settings.sources import resolve

    settings = resolve(profile=profile)
    named = None if question_id is None else named_on_command_line(settings, question_id)
    erased = forget_in(settings, named, older_than, batch, containing, dry_run=dry_run)
    for number, text in erased.found:
        typer.echo(f"{number or '-'}\t{terminal(text)}")
    echo_stderr(f"{counted(erased, 'question')} {'would be ' * dry_run}erased.")
    if containing is not None:
        echo_stderr(f"Kept, since their answer is unknown: {counted(erased.kept, 'question')}.")
        echo_stderr(f"Not searched: {erased.not_searched}.")
    if erased.files:
        echo_stderr(f"To be deleted too, with answers: {', '.join(map(path_text, erased.files))}")


@history.command()
def limit(
    job: Annotated[str | None, typer.Argument(help="The tag job of questions; '*' for all of them.")] = None,
    per_day: Annotated[int | None, typer.Argument(min=0, max=10**9, help="Questions in 24 hours.")] = None,
    *,
    drop: Annotated[bool, typer.Option("--drop", help="Drop the limit of this job.")] = False,
    format_: FormatOption = None,
    output: OutputOption = None,
    profile: Profile = None,
) -> None:
    """Set or drop a limit for all clients that record in the history, and list the limits."""
    from connecty_frames.records import limits_table
    from connecty_frames.settings.sources import resolve

    if drop + (per_day is not None) != bool((job or "").strip()):
        raise typer.BadParameter("Pass a job with a number or --drop, or nothing to list the limits.")
    table = limits_table(resolve(profile=profile), job, per_day)
    write_table(table, choose_format(format_, output, None), output)


@history.command()
def ddl(
    *,
    asks: Annotated[str | None, typer.Option(help="The role that asks questions.")] = None,
    reads: Annotated[str | None, typer.Option(help="The role that only reads.")] = None,
    erases: Annotated[str | None, typer.Option(help="The role that erases.")] = None,
    profile: Profile = None,
) -> None:
    """Print the SQL that creates or upgrades the tables in PostgreSQL, with GRANTs for three roles."""
    from connecty_frames.settings.sources import resolve
    from connecty_frames.store import schema

    _, name = schema.split(str(resolve(profile=profile).store))
    typer.echo(schema.ddl(name, asks, reads, erases), nl=False)
