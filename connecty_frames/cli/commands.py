"""``--profile``, and ``connecty config``: which settings hold, and where they come from."""

from __future__ import annotations

import logging
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Final

import typer

from connecty_frames.cli.messages import say
from connecty_frames.errors import ConfigError, ConnectyError
from connecty_frames.text import terminal

if TYPE_CHECKING:
    from connecty_frames.sandbox import Sandbox

__all__ = ["Profile", "config", "questions", "sandbox", "sandbox_class"]

#: A client id as long as this may show its beginning: most of it stays hidden.
_LONG: Final = 16


def _names(incomplete: str) -> list[str]:
    """Give the profiles there are, for the shell to complete."""
    from connecty_frames.profiles import Profiles

    try:
        return [name for name in Profiles.read(needed=False).tables if name.startswith(incomplete)]
    except ConnectyError:
        return []


Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        help="The profile of config.toml to take what is set nowhere else from.",
        autocompletion=_names,
    ),
]

config = typer.Typer(name="config", help="Show which settings hold.", no_args_is_help=True)


@config.command()
def path() -> None:
    """Write the path of the file of profiles, whether it is there or not."""
    from connecty_frames.profiles import config_file

    typer.echo(config_file())


@config.command()
def show(*, profile: Profile = None) -> None:
    """Show each setting, its value with secrets masked, and where it comes from."""
    from connecty_frames.config import explain

    rows = [(name, _shown(name, value), place) for name, value, place in explain(profile=profile)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{name:<{widths[0]}}  {value:<{widths[1]}}  {terminal(place)}" for name, value, place in rows]
    typer.echo("\n".join(lines))


def _shown(name: str, value: object) -> str:
    if value is None:
        return "-"
    if name == "client_secret":
        return "***"
    if name == "client_id":
        text = str(value)
        return terminal(f"{text[:4] if len(text) >= _LONG else ''}…")
    return terminal(str(value))


def sandbox(
    *,
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = 0,
    database: Annotated[Path | None, typer.Option(help="A DuckDB file to answer from.")] = None,
    questions: Annotated[Path | None, typer.Option(help="A TOML catalogue of questions.")] = None,
    latency: Annotated[float, typer.Option(help="Seconds spent on each question.")] = 0.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="How to misbehave: results:status=503,times=2 or ask:reset,when=after; may be repeated.",
            metavar="ENDPOINT:KIND[,OPTION...]",
        ),
    ] = None,
) -> None:
    """Serve the sandbox until interrupted; what to export is written to standard output."""
    make = sandbox_class()
    from connecty_frames.sandbox import Fault

    faults = [Fault.from_text(text) for text in fault or ()]
    box = make(port=port, database=database, questions=questions, latency=latency, faults=faults)

    def announce(running: Sandbox) -> None:
        typer.echo(running.exports())
        say("The sandbox is running; Ctrl-C stops it. Paste the lines above into another shell.")

    box.serve(announce)


def questions(
    *,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Those that the sandbox knows.")] = False,
) -> None:
    """List the questions that the sandbox knows, one a line."""
    if not sandbox:
        raise ConfigError(
            "ConnectyAI takes any question and lists none; --sandbox lists those that the sandbox knows.",
            setting="sandbox",
        )
    sandbox_class()
    from connecty_frames.sandbox.catalogue import Catalogue
    from connecty_frames.sandbox.workspace import catalogue

    typer.echo("\n".join(Catalogue.from_toml(*catalogue()).questions))


def sandbox_class() -> type[Sandbox]:
    """Return the sandbox, whose server logs errors and nothing else."""
    from connecty_frames.sandbox import Sandbox

    logging.getLogger("uvicorn.error").addFilter(_is_error)
    return Sandbox


def _is_error(record: logging.LogRecord) -> bool:
    """Whether a record of the server is one: that requests are cut off when a sandbox is stopped is none."""
    return "graceful shutdown" not in record.msg
