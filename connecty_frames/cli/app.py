"""The command line: all commands, and their exit codes."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import warnings
from typing import Annotated

import typer

from connecty_frames._base import __version__
from connecty_frames.cli import io
from connecty_frames.cli.arguments import FlagGroup
from connecty_frames.cli.ask import ask
from connecty_frames.cli.batch import batch
from connecty_frames.cli.connection import sandbox
from connecty_frames.cli.doctor import doctor
from connecty_frames.cli.history import history
from connecty_frames.cli.login import config, login
from connecty_frames.cli.pin import pin
from connecty_frames.errors import ConnectyError

_EPILOG = "connecty help exit-codes explains the exit codes."

app = typer.Typer(
    name="connecty", cls=FlagGroup, epilog=_EPILOG, no_args_is_help=True, pretty_exceptions_enable=False
)


def main() -> None:
    """Run the command line and exit: with the code of an error, of standard output or of a signal."""
    # Without it, the garbage collection at exit takes a third of the time of a short command.
    atexit.register(gc.freeze)
    warnings.showwarning = io.show_warning
    columns = os.environ.get("COLUMNS", "")
    if not (columns.isdecimal() and int(columns)):  # some programs export 0, and rich takes it for a width
        os.environ.pop("COLUMNS", None)
    try:
        with io.standard_streams(), io.exit_on_signals():
            _run()
    except SystemExit as ended:
        if ended.code in io.SIGNAL_CODES:
            # Do not wait for threads: an interrupted import may hold a lock that another import needs.
            atexit._run_exitfuncs()  # noqa: SLF001 - Python has no public name for it
            os._exit(ended.code)
        raise


def _run() -> None:
    try:
        app()
    except BrokenPipeError:
        sys.exit(io.BROKEN_PIPE)
    except tuple(io.EXIT_CODES) as error:
        io.echo_stderr(f"{type(error).__name__}: {io.shell_message(error)}")
        if isinstance(error, ConnectyError):
            for note in getattr(error, "__notes__", ()):  # such as how far a batch got
                io.echo_stderr(note)
            if error.question_id is not None and error.question_id not in str(error):
                io.echo_stderr(f"question_id {error.question_id}")
        sys.exit(io.exit_code_of(error))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Ask ConnectyAI questions and get exactly typed tables."""


app.command(epilog=_EPILOG)(ask)
app.command(epilog=_EPILOG)(batch)
app.command(context_settings={"allow_extra_args": True})(login)
app.command()(doctor)
app.command()(sandbox)
app.add_typer(history)
app.add_typer(pin)
app.add_typer(config)


@app.command("help")
def explain(
    ctx: typer.Context,
    topic: Annotated[
        list[str] | None, typer.Argument(metavar="TOPIC", help="A command, or exit-codes.")
    ] = None,
) -> None:
    """Explain a command, or the exit codes."""
    if topic == ["exit-codes"]:
        typer.echo("\n".join(f"{code:>3}  {meaning}" for code, meaning in io.MEANINGS.items()))
    else:
        root = ctx.find_root()
        commands = (each for each in topic or () if not each.startswith("-"))  # behind --, --help is a word
        root.command.main([*commands, "--help"], prog_name=root.info_name)
