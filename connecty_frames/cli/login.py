"""``connecty login``: store credentials in a profile.

A secret is typed without being shown, or piped; as an argument, other users could read it in the list of
processes, and it would stay in the shell's history.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from connecty_frames._base.secret import SecretStr
from connecty_frames._base.text import listed, masked_id, path_text, snippet
from connecty_frames.cli.commands import ADDRESS_CONFLICT, complete_profile
from connecty_frames.cli.exit_codes import exit_code_of
from connecty_frames.cli.messages import echo_stderr, shell_message
from connecty_frames.errors import ConfigError, ConnectyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from connecty_frames.settings.profiles import Profiles

    Changes = dict[str, Any]

#: The longest secret that is read from standard input, in characters.
_MAX_SECRET: Final = 10_000


def login(
    ctx: typer.Context,
    *,
    profile: Annotated[
        str | None,
        typer.Option(help="The profile to store; default if none is named.", autocompletion=complete_profile),
    ] = None,
    client_id: Annotated[str | None, typer.Option(help="The client id.")] = None,
    client_secret_stdin: Annotated[
        bool,
        typer.Option("--client-secret-stdin", help="Read the client secret from a pipe, as its first line."),
    ] = False,
    region: Annotated[str | None, typer.Option(help="The region of the organisation, eu1 or us1.")] = None,
    base_url: Annotated[str | None, typer.Option(help="The address of the API, instead of a region.")] = None,
    dw_id: Annotated[int | None, typer.Option(help="The data workspace to ask.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Change a profile of that name without asking.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Request a token first, which is free.")
    ] = True,
) -> None:
    """Store credentials in a profile; what no option gives is asked for.

    Only the owner can read the file, and everything else in it stays as it is.
    """
    from connecty_frames.settings.profiles import Profiles
    from connecty_frames.settings.sources import selected_profile

    if ctx.args:  # perhaps the secret, so the message does not have it
        raise ConfigError(
            "login takes options alone. The secret is typed, or piped to --client-secret-stdin: other users "
            "can read arguments.",
            setting="client_secret",
        )
    if region is not None and base_url is not None:
        raise ConfigError(ADDRESS_CONFLICT, setting="base_url")
    entry = _Entry(Profiles.read_to_change(), selected_profile(profile))
    entry.confirm(replace=replace)
    entry.read_client_id(client_id)
    entry.read_client_secret(_piped_secret() if client_secret_stdin and not entry.can_ask else None)
    entry.read_address(region=region, base_url=base_url)
    entry.read_dw_id(dw_id)
    entry.check(token=check)
    entry.save()


class _Entry:
    """A profile that is being entered; nothing is stored before :meth:`save`."""

    def __init__(self, profiles: Profiles, name: str) -> None:
        self.can_ask = sys.stdin is not None and sys.stdin.isatty()
        self._profiles = profiles
        self._name = name
        self._stored = profiles.tables.get(name, {})
        self._changes: Changes = {}

    def confirm(self, *, replace: bool) -> None:
        """Ask whether to change a profile that exists."""
        if replace or not self._stored:
            return
        exists = f"Profile {snippet(self._name)} exists in {path_text(self._profiles.path)}"
        if not self.can_ask:
            raise ConfigError(f"{exists}; --replace changes it.", setting="profile")
        typer.confirm(f"{exists}. Change it?", abort=True, err=True)

    def read_client_id(self, given: str | None) -> None:
        """Read the client id; the stored one is the default."""
        stored = self._stored.get("client_id")
        self._read(
            "Client id",
            lambda text: {"client_id": text},
            given=given,
            default=stored,
            shown=masked_id(str(stored)),
        )

    def read_client_secret(self, given: SecretStr | None) -> None:
        """Read the secret; the stored one is the default if it belongs to the same client id."""
        is_same = self._changes["client_id"] == self._stored.get("client_id")
        self._read(
            "Client secret (not shown)",
            lambda text: {"client_secret": text if isinstance(text, SecretStr) else SecretStr(text)},
            given=given,
            default=self._stored.get("client_secret") if is_same else None,
            shown="the stored one",
            hidden=True,
        )

    def read_address(self, *, region: str | None, base_url: str | None) -> None:
        """Read the region or the address of the API."""
        from connecty_frames.protocol import REGIONS

        stored = self._stored.get("base_url") or self._stored.get("region") or next(iter(REGIONS))
        self._read(
            f"Region ({listed([*REGIONS])}) or address of the API",
            lambda text: (
                {"region": text, "base_url": None}
                if text in REGIONS or text == region
                else {"region": None, "base_url": text}
            ),
            given=base_url if region is None else region,
            default=stored,
            shown=str(stored),
        )

    def read_dw_id(self, given: int | None) -> None:
        """Read the data workspace, which may be left open."""
        stored = self._stored.get("dw_id", "")
        self._read(
            "Id of the data workspace",
            lambda text: {"dw_id": int(text) if str(text).isdecimal() else text or None},
            given=given,
            default=stored,
            shown=str(stored) or "none",
        )

    def _read(
        self,
        prompt: str,
        convert: Callable[[Any], Changes],
        *,
        given: object,
        default: object,
        shown: str,
        hidden: bool = False,
    ) -> None:
        """Take what an option gives, else what is typed, else the default; None requires an answer."""
        from connecty_frames.settings.sources import check_settings

        def checked(value: object) -> Changes:
            is_empty = given is None and value == "" and default is not None
            changes = convert(default if is_empty else value)
            try:
                check_settings(changes)
            except ConfigError as error:
                if given is not None or not self.can_ask:
                    raise
                raise typer.BadParameter(str(error)) from None  # is shown, and the question asked again
            return changes

        if given is not None:
            self._changes |= checked(given)
        elif self.can_ask:
            end, empty = ("", None) if default is None else (f" [{shown}]", "")
            self._changes |= typer.prompt(
                prompt + end,
                default=empty,
                show_default=False,
                hide_input=hidden,
                value_proc=checked,
                err=True,
            )
        elif default is not None:
            self._changes |= checked(default)
        else:
            raise ConfigError(
                "There is no terminal in which to ask for the credentials. Give --client-id, and pipe the "
                "secret to --client-secret-stdin; or set CONNECTY_CLIENT_ID and CONNECTY_CLIENT_SECRET in "
                "the environment, which need no profile.",
                setting="client_id",
            )

    def check(self, *, token: bool) -> None:
        """Check all settings and request a token; without one, ask whether to store the profile."""
        from connecty_frames.asking.checks import check_token
        from connecty_frames.settings.sources import profile_settings

        settings = profile_settings(self._profiles, self._name, self._changes)
        if not token:
            return
        try:
            check_token(settings)
        except ConnectyError as error:
            echo_stderr(f"{type(error).__name__}: {shell_message(error)}")
            if self.can_ask and typer.confirm("Store the profile nevertheless?", err=True):
                return
            echo_stderr("Nothing was stored; --no-check stores a profile without requesting a token.")
            raise typer.Exit(exit_code_of(error)) from None

    def save(self) -> None:
        """Store the profile, and report what overrides it."""
        from connecty_frames.settings.sources import explain

        self._profiles.save(self._name, self._changes)
        typer.echo(f"Profile {snippet(self._name)} is stored in {path_text(self._profiles.path)}")
        for setting, _, place in explain(profile=self._name):
            is_stored = self._changes.get(setting) is not None or setting in {"region", "base_url"}
            if is_stored and place.startswith("environment"):
                echo_stderr(f"The {place} overrides its {setting}: unset it to use the profile's.")


def _piped_secret() -> SecretStr:
    """Return the first line of standard input."""
    line = sys.stdin.readline(_MAX_SECRET) if sys.stdin is not None else ""
    return SecretStr(line.removesuffix("\n").removesuffix("\r"))
