"""``--profile``, and ``connecty config``: which settings hold, and where they come from."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from connecty_frames.errors import ConnectyError
from connecty_frames.escape import terminal

__all__ = ["Profile", "config"]

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
