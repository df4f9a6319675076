"""Where a command asks: the options for an address, a client for it, and ``connecty sandbox``."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from connecty_frames.cli.arguments import in_connection
from connecty_frames.cli.io import echo_stderr
from connecty_frames.errors import ConfigError, ConnectyError

if TYPE_CHECKING:
    from connecty_frames.client import Client
    from connecty_frames.sandbox import Sandbox

ADDRESS_CONFLICT: Final = "--base-url and --region both name the address: give one."


def records_by_default() -> bool:
    """Return True if commands record questions without a setting: wherever the user has a home folder."""
    from connecty_frames.files import user_folder

    return user_folder("state") is not None


def complete_profile(incomplete: str) -> list[str]:
    """Return the names of profiles to complete a word, for the shell."""
    from connecty_frames.settings.sources import Profiles, environment

    try:
        tables = Profiles.read(environment().get("CONNECTY_CONFIG"), needed=False).tables
    except ConnectyError:
        return []
    return [name for name in tables if name.startswith(incomplete)]


Profile = Annotated[
    str | None,
    in_connection("--profile", help="The profile in config.toml to use.", autocompletion=complete_profile),
]
UseSandbox = Annotated[
    bool,
    in_connection(
        "--sandbox", help="Use a temporary sandbox instead of the service, like CONNECTY_SANDBOX=1."
    ),
]


@contextmanager
def connection(
    *, sandbox: bool, question_id: str | None = None, **address: str | None
) -> Iterator[dict[str, Any]]:
    """Yield the settings from options, or from a sandbox kept running until the context ends.

    ``question_id`` is that of a question asked before, which no new sandbox has.
    """
    from connecty_frames.settings.sources import explain, wants_sandbox
    from connecty_frames.shared import sandbox_notice

    named = {name: value for name, value in address.items() if value is not None}
    is_announced = not sandbox and wants_sandbox()
    if not sandbox and not is_announced:
        yield named
        return
    if named or question_id is not None:
        raise ConfigError(
            "--sandbox or CONNECTY_SANDBOX starts a new sandbox: leave out --profile, --region, --base-url "
            "and --question-id.",
            setting="sandbox",
        )
    if is_announced:
        echo_stderr(sandbox_notice({name: place for name, _, place in explain()}))
    try:
        with sandbox_class()() as running:
            yield dict(running.connection)
    except ConnectyError as error:
        error.question_id = None  # it ends with the sandbox
        raise


@contextmanager
def open_client(address: Mapping[str, Any], **settings: Any) -> Iterator[Client]:
    """Yield a client for the settings of :func:`connection`, with further settings."""
    from connecty_frames.client import Client

    # An answer has to be fetched where its question was asked.
    options = [f" --{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in address.items()]

    def resume_command(question_id: str, dw_id: int) -> str:
        if is_temporary(address):
            return ""
        return f"connecty ask --question-id {shlex.quote(question_id)} --dw-id {dw_id}{''.join(options)}"

    with Client(**address, **settings, resume_command=resume_command) as client:
        yield client


def is_temporary(address: Mapping[str, Any]) -> bool:
    """Return True for a sandbox: its questions end with the command and cost nothing."""
    return "client_id" in address


def sandbox_class() -> type[Sandbox]:
    """Return the class of the sandbox, with a server that logs errors alone."""
    from connecty_frames.sandbox import Sandbox

    # None about a request that the end of a sandbox cuts off.
    logging.getLogger("uvicorn.error").addFilter(lambda record: "graceful shutdown" not in record.msg)
    return Sandbox


def sandbox(
    *,
    port: Annotated[int, typer.Option(help="The port; 0 chooses a free one.")] = 0,
    database: Annotated[Path | None, typer.Option(help="A DuckDB file to answer questions from.")] = None,
    latency: Annotated[float, typer.Option(help="Seconds to delay each answer.")] = 0.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="A fault to inject, such as results:status=503 or ask:reset,when=after; may be repeated.",
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
