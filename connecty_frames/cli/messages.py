"""Messages on standard error: worded for the command line, with terminal control characters escaped."""

from __future__ import annotations

import typer

from connecty_frames._base.text import terminal
from connecty_frames.errors import ConnectyError, ConnectyWarning


def shell_message(error: BaseException) -> str:
    """Return the message of an error or warning, with its hint for the command line."""
    message = str(error)
    if isinstance(error, ConnectyError | ConnectyWarning) and error.shell_hint:
        return message.removesuffix(error.hint) + error.shell_hint
    return message


def echo_stderr(text: str) -> None:
    """Write text for people to standard error."""
    typer.echo(terminal(text, keep="\n\t"), err=True)


def show_warning(message: Warning | str, category: type[Warning], *_: object, **_named: object) -> None:
    """Write a warning as one line, without the line of a script, since a command has none."""
    text = message if isinstance(message, str) else shell_message(message)
    echo_stderr(f"{category.__name__}: {text}")
