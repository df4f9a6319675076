"""``connecty config``, ``sandbox`` and ``questions``, and the option ``--profile``."""

from __future__ import annotations

import logging
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Final

import typer

from connecty_frames._base.text import masked_id, terminal
from connecty_frames.cli.messages import echo_stderr
from connecty_frames.errors import ConfigError, ConnectyError

if TYPE_CHECKING:
    from connecty_frames.sandbox import Sandbox


ADDRESS_CONFLICT: Final = "--base-url and --region both name the address: give one."


def complete_profile(incomplete: str) -> list[str]:
    """Return the names of profiles that complete a word, for the shell."""
    from connecty_frames.settings.profiles import Profiles

    try:
        return [name for name in Profiles.read(needed=False).tables if name.startswith(incomplete)]
    except ConnectyError:
        return []


Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        help="The profile of config.toml with settings that are not set elsewhere.",
        autocompletion=complete_profile,
        rich_help_panel="Connection",
    ),
]

config = typer.Typer(name="config", help="Show the settings that apply.", no_args_is_help=True)


@config.command()
def path() -> None:
    """Print the path of the file of profiles, whether it exists or not."""
    from connecty_frames.settings.profiles import config_file

    typer.echo(config_file())


@config.command()
def show(*, profile: Profile = None) -> None:
    """Show each setting, its value with secrets masked, and its source."""
    from connecty_frames.settings.sources import explain

    rows = [(name, masked(name, value), place) for name, value, place in explain(profile=profile)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{name:<{widths[0]}}  {value:<{widths[1]}}  {terminal(place)}" for name, value, place in rows]
    typer.echo("\n".join(lines))


def masked(name: str, value: object) -> str:
    """Return the value of a setting for display: no secret, and of a client id its beginning."""
    if value is None:
        return "-"
    if name == "client_secret":
        return "***"
    if name == "client_id":
        return terminal(masked_id(str(value)))
    return terminal(str(value))


def sandbox(
    *,
    port: Annotated[int, typer.Option(help="The port; 0 chooses a free one.")] = 0,
    database: Annotated[Path | None, typer.Option(help="A DuckDB file to answer questions from.")] = None,
    questions: Annotated[Path | None, typer.Option(help="A TOML catalogue of questions.")] = None,
    latency: Annotated[float, typer.Option(help="Seconds spent on each question.")] = 0.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="A fault to inject: results:status=503,times=2 or ask:reset,when=after; may be repeated.",
            metavar="ENDPOINT:KIND[,OPTION...]",
        ),
    ] = None,
) -> None:
    """Serve the sandbox until interrupted; its settings are printed as export commands."""
    make = sandbox_class()
    from connecty_frames.sandbox import Fault

    faults = [Fault.from_text(text) for text in fault or ()]
    server = make(port=port, database=database, questions=questions, latency=latency, faults=faults)

    def announce(running: Sandbox) -> None:
        typer.echo(running.exports())
        echo_stderr("The sandbox is running; Ctrl-C stops it. Paste the lines above into another shell.")

    server.serve(announce)


def questions(
    *,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="List those of the sandbox.")] = False,
) -> None:
    """List the questions that the sandbox can answer, one per line."""
    if not sandbox:
        raise ConfigError(
            "ConnectyAI takes any question and lists none; --sandbox lists those that the sandbox knows.",
            setting="sandbox",
        )
    sandbox_class()
    from connecty_frames.sandbox.workspace import answerer

    typer.echo("\n".join(answerer().questions))
    echo_stderr("These are examples: other measures, groups, filters and periods are read as well.")


def sandbox_class() -> type[Sandbox]:
    """Return the class of the sandbox, whose server then logs errors alone."""
    from connecty_frames.sandbox import Sandbox

    logging.getLogger("uvicorn.error").addFilter(_is_error)
    return Sandbox


def announce_sandbox() -> None:
    """Say that a command asks a sandbox because the environment says so."""
    from connecty_frames.settings.sources import explain
    from connecty_frames.shared import sandbox_notice

    echo_stderr(sandbox_notice({name: place for name, _, place in explain()}))


def _is_error(record: logging.LogRecord) -> bool:
    """Whether a log record is an error; one about requests that stopping a sandbox cut off is not."""
    return "graceful shutdown" not in record.msg
