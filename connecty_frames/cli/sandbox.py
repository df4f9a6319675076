"""``connecty sandbox`` and ``connecty questions``: the other end, and what it can be asked."""

from __future__ import annotations

import logging
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from connecty_frames.cli.words import say
from connecty_frames.errors import ConfigError

if TYPE_CHECKING:
    from connecty_frames.sandbox import Sandbox

__all__ = ["questions", "sandbox", "sandbox_class"]


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
    from connecty_frames.sandbox.questions import Catalogue
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
