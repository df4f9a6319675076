"""``connecty login``, which stores credentials in a profile, and ``connecty config``.

A secret is typed without being shown, or piped; as an argument, other users could read it in the list of
processes, and it would stay in the shell's history.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from connecty_frames._base.text import SecretStr, hidden, listed, path_text, snippet, terminal
from connecty_frames.cli.arguments import FlagGroup
from connecty_frames.cli.connection import ADDRESS_CONFLICT, Profile, complete_profile, records_by_default
from connecty_frames.cli.io import echo_stderr, exit_code_of, shell_message
from connecty_frames.errors import ConfigError, ConnectyError

if TYPE_CHECKING:
    from connecty_frames.settings.values import Settings

    Changes = dict[str, Any]

_PROMPTS: Final = {
    "client_id": "Client id",
    "client_secret": "Client secret (not shown)",
    "address": "Region ({}) or address of the API",
    "dw_id": "Id of the data workspace",
}


def login(
    ctx: typer.Context,
    *,
    profile: Annotated[
        str | None,
        typer.Option(help="The profile to store; default if not given.", autocompletion=complete_profile),
    ] = None,
    client_id: Annotated[str | None, typer.Option(help="The client id.")] = None,
    client_secret_stdin: Annotated[
        bool,
        typer.Option("--client-secret-stdin", help="Read the secret from the first line of standard input."),
    ] = False,
    region: Annotated[str | None, typer.Option(help="The region of the organisation, eu1 or us1.")] = None,
    base_url: Annotated[str | None, typer.Option(help="The address of the API, instead of a region.")] = None,
    dw_id: Annotated[int | None, typer.Option(help="The data workspace to ask.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Change an existing profile without asking.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Request a token first, which is free.")
    ] = True,
) -> None:
    """Store credentials in a profile. Prompts for anything not given as an option.

    Only you can read the profile file; its other profiles do not change.
    """
    from connecty_frames.settings import sources

    if ctx.args:  # perhaps the secret, so the message does not have it
        raise ConfigError(
            "login takes only options. Type the secret, or pipe it to --client-secret-stdin: other users "
            "can read arguments.",
            setting="client_secret",
        )
    if region is not None and base_url is not None:
        raise ConfigError(ADDRESS_CONFLICT, setting="base_url")
    can_ask = sys.stdin is not None and sys.stdin.isatty()
    profiles, name = sources.profiles_to_change(), sources.selected_profile(profile)
    stored = profiles.tables.get(name, {})
    if stored and not replace:
        _confirm(f"Profile {snippet(name)} exists in {path_text(profiles.path)}", can_ask=can_ask)
    given = {"client_id": client_id, "region": region, "base_url": base_url, "dw_id": dw_id}
    changes: Changes = {key: value for key, value in given.items() if value is not None}
    if client_secret_stdin and not can_ask:
        line = sys.stdin.readline(10_000) if sys.stdin is not None else ""
        changes["client_secret"] = SecretStr(line.removesuffix("\n").removesuffix("\r"))
    sources.check_settings(changes)
    for key in ("client_id", "client_secret", "address", "dw_id"):
        if not changes.keys() & ({"region", "base_url"} if key == "address" else {key}):
            changes |= _prompted(key, _stored(key, stored, changes), can_ask=can_ask)
    changes = {"region": None, "base_url": None, **changes}
    settings = sources.profile_settings(profiles, name, changes)
    if check:
        _request_token(settings, can_ask=can_ask)
    sources.save_profile(profiles.path, name, changes)
    typer.echo(f"Profile {snippet(name)} is stored in {path_text(profiles.path)}")
    for setting, _, place in sources.explain(profile=name):
        is_stored = changes.get(setting) is not None or setting in {"region", "base_url"}
        if is_stored and place.startswith("environment"):
            echo_stderr(f"The {place} overrides its {setting}: unset it to use the profile's.")


def _confirm(exists: str, *, can_ask: bool) -> None:
    if not can_ask:
        raise ConfigError(f"{exists}; --replace changes it.", setting="profile")
    typer.confirm(f"{exists}. Change it?", abort=True, err=True)


def _stored(key: str, stored: Changes, changes: Changes) -> Any:
    if key == "address":
        from connecty_frames.protocol import REGIONS

        return stored.get("base_url") or stored.get("region") or next(iter(REGIONS))
    if key == "client_secret" and changes["client_id"] != stored.get("client_id"):
        return None  # it belongs to another id
    return stored.get(key, "" if key == "dw_id" else None)


def _prompted(key: str, default: Any, *, can_ask: bool) -> Changes:
    """Return the typed settings, asking again while they are wrong, else the default."""
    if can_ask:
        from connecty_frames.http.redaction import masked_id
        from connecty_frames.protocol import REGIONS

        text, shown = _PROMPTS[key].format(listed([*REGIONS])), "the stored one"
        if key != "client_secret":
            shown = masked_id(hidden(default)) if key == "client_id" and default else str(default) or "none"
        changes: Changes = typer.prompt(
            text if default is None else f"{text} [{shown}]",
            default=None if default is None else "",
            show_default=False,
            hide_input=key == "client_secret",
            value_proc=lambda value: _checked(key, value if default is None else value or default),
            err=True,
        )
        return changes
    if default is not None:
        return _as_settings(key, default)
    raise ConfigError(
        "There is no terminal to prompt for the credentials. Pass --client-id, and pipe the secret to "
        "--client-secret-stdin; or set CONNECTY_CLIENT_ID and CONNECTY_CLIENT_SECRET in the environment, "
        "which needs no profile.",
        setting="client_id",
    )


def _as_settings(key: str, value: Any) -> Changes:
    from connecty_frames.protocol import REGIONS

    match key:
        case "client_secret":
            return {key: hidden(value)}
        case "address":
            return {"region": value} if value in REGIONS else {"base_url": value}
        case "dw_id":
            return {key: int(value) if str(value).isdecimal() else value or None}
        case _:
            return {key: value}


def _checked(key: str, value: Any) -> Changes:
    from connecty_frames.settings.sources import check_settings

    changes = _as_settings(key, value)
    try:
        check_settings(changes)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from None
    return changes


def _request_token(settings: Settings, *, can_ask: bool) -> None:
    from connecty_frames.asking.checks import check_token

    try:
        check_token(settings)
    except ConnectyError as error:
        echo_stderr(f"{type(error).__name__}: {shell_message(error)}")
        if can_ask and typer.confirm("Store the profile anyway?", err=True):
            return
        echo_stderr("Nothing was stored; --no-check stores a profile without requesting a token.")
        raise typer.Exit(exit_code_of(error)) from None


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
