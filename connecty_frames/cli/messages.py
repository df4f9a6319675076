"""What is said on standard error: in the words of a shell, and without power over the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import typer

from connecty_frames.text import terminal

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["in_shell", "say", "show_warning"]

#: How our messages spell choices in Python, and how they are spelled here.
_SPELLINGS: Final[tuple[tuple[str, str], ...]] = (
    ("max_rows=None", "--max-rows all"),
    ("(max_rows=)", "(--max-rows)"),
    ("on_truncation='ignore'", "--on-truncation ignore"),
    ("or raise the limit: max_body_bytes=, or CONNECTY_MAX_BODY_BYTES", "or set CONNECTY_MAX_BODY_BYTES"),
    ("as dw_id=, as an argument of Client, by configure(), or in", "as --dw-id, in a profile, or in"),
    ("as an argument of Client, by connecty_frames.configure(), in the", "in the"),
    ("schema.to_json() gives all", "--format json writes all"),
    ("give its CA bundle as ca_bundle= or in", "give its CA bundle in"),
)


def in_shell(text: str) -> str:
    """Give a message of ours in the words of the command line."""
    for python, shell in _SPELLINGS:
        text = text.replace(python, shell)
    return text


def say(text: str) -> None:
    """Write text to standard error, which is for people."""
    typer.echo(terminal(text, keep="\n\t"), err=True)


def show_warning(  # noqa: PLR0917 - what the warnings module calls
    message: Warning | str,
    category: type[Warning],
    filename: str,  # noqa: ARG001 - where a script warned is not where its user can look
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    """Say a warning in one line."""
    say(f"{category.__name__}: {in_shell(str(message))}")
