"""``connecty config`` and ``sandbox``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connecty_frames._base.text import SecretStr, terminal
from connecty_frames.cli.connection import Profile, records_by_default, sandbox_class
from connecty_frames.cli.input import FlagGroup
from connecty_frames.cli.io import echo_stderr

if TYPE_CHECKING:
    from connecty_frames.sandbox import Sandbox
config = typer.Typer(name="config", cls=FlagGroup, help="Show the settings that apply.", no_args_is_help=True)


@config.command()
def path() -> None:
    """Print the path of the profile file, even if it does not exist."""
    from connecty_frames.settings.sources import config_file, environment

    typer.echo(config_file(environment().get("CONNECTY_CONFIG")))


@config.command()
def show(*, profile: Profile = None) -> None:
    """Show each setting, its value with secrets masked, and its source."""
    from connecty_frames.settings.sources import explain

    rows = []
    for name, value, place in explain(profile=profile):
        if name == "history" and place == "default":
            rows.append((name, str(records_by_default()), "default of the command line; False in Python"))
        else:
            rows.append((name, masked(name, value), place))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{name:<{widths[0]}}  {value:<{widths[1]}}  {terminal(place)}" for name, value, place in rows]
    typer.echo("\n".join(lines))


def masked(name: str, value: object) -> str:
    """Return the value of a setting for display: no secret, and of a client id its beginning."""
    from connecty_frames.http.redaction import masked_id

    if value is None:
        return "-"
    if isinstance(value, SecretStr):
        return "***" if name == "client_secret" else terminal(masked_id(value))
    return terminal(str(dict(value) if isinstance(value, tuple) else value))  # limits by job


def sandbox(
    *,
    port: Annotated[int, typer.Option(help="The port; 0 chooses a free one.")] = 0,
    database: Annotated[Path | None, typer.Option(help="A DuckDB file to answer questions from.")] = None,
    latency: Annotated[float, typer.Option(help="Seconds to delay each answer.")] = 0.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="A fault to inject: results:status=503,times=2 or ask:reset,when=after; may be repeated.",
            metavar="ENDPOINT:KIND[,OPTION...]",
        ),
    ] = None,
    examples: Annotated[
        bool,
        typer.Option("--examples", help="List examples of questions to the built-in workspace, and exit."),
    ] = False,
) -> None:
    """Serve the sandbox until interrupted, and print its settings as export commands."""
    make = sandbox_class()
    if examples:
        from connecty_frames.sandbox.workspace import answerer

        typer.echo("\n".join(answerer().questions))
        echo_stderr("These are examples: other measures, groups, filters and periods are read as well.")
        return
    from connecty_frames.sandbox import Fault

    faults = [Fault.from_text(text) for text in fault or ()]
    server = make(port=port, database=database, latency=latency, faults=faults)

    def announce(running: Sandbox) -> None:
        typer.echo(running.exports())
        echo_stderr("The sandbox is running; Ctrl-C stops it. Paste the lines above into another shell.")

    server.serve(announce)
