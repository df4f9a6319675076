"""The commands together, and how each of them ends."""

from __future__ import annotations

import atexit
import gc
import sys
import warnings
from typing import Annotated

import typer

from connecty_frames import __version__
from connecty_frames.cli.ask import ask
from connecty_frames.cli.commands import Profile, config, questions, sandbox
from connecty_frames.cli.exit_codes import EXIT_CODES, LEFT, MEANINGS, exit_code_of
from connecty_frames.cli.messages import say, shell_message, show_warning
from connecty_frames.cli.signals import ending_on_signals
from connecty_frames.cli.streams import standard_streams
from connecty_frames.errors import ServerError

__all__ = ["app", "main"]

_EXITS = f"Exit codes: {'. '.join(f'{code}: {meaning}' for code, meaning in MEANINGS.items())}."

app = typer.Typer(
    name="connecty",
    help="Ask ConnectyAI questions and get exactly typed tables.",
    epilog=_EXITS,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line, and end with the exit code of its error, its output or a signal."""
    # As it ends, Python looks through all objects for cycles: a third of the time of a short command.
    atexit.register(gc.freeze)
    warnings.showwarning = show_warning
    with standard_streams(), ending_on_signals():
        _run()


def _run() -> None:
    """Run the command line; every error of ours is one line and an exit code."""
    try:
        if sys.argv[1:] == ["--version"]:  # without making every command first
            typer.echo(__version__)
        else:
            app()
    except BrokenPipeError:
        sys.exit(LEFT)
    except tuple(EXIT_CODES) as error:
        say(f"{type(error).__name__}: {shell_message(error)}")
        question_id = getattr(error, "question_id", None)
        if question_id is not None and question_id not in str(error):
            say(f"question_id {question_id}")
        sys.exit(exit_code_of(error))


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _common(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Ask ConnectyAI questions and get exactly typed tables."""


app.command(epilog="connecty --help tells the exit codes.")(ask)


@app.command()
def health(*, profile: Profile = None) -> None:
    """Tell whether the service is operational; no credentials are needed."""
    from connecty_frames.client import check_health
    from connecty_frames.config import resolve

    address = resolve(profile=profile).address
    if not check_health(profile=profile):
        raise ServerError(f"{address} is not operational: it does not answer 200 OK. Try again later.")
    typer.echo(f"{address} is operational")


app.command()(sandbox)
app.command()(questions)
app.add_typer(config)
