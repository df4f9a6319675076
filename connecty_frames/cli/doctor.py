"""``connecty doctor``: what works on the way from here to a token, and what to do about the rest."""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import typer

from connecty_frames import __version__
from connecty_frames.cli.commands import Profile, masked
from connecty_frames.cli.exit_codes import exit_code_of
from connecty_frames.cli.messages import shell_message
from connecty_frames.cli.streams import stdout_console
from connecty_frames.errors import ConnectyError, InsecureWarning
from connecty_frames.text import terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from connecty_frames.client import Check

_DISTRIBUTION: Final = "connecty-frames"
#: The name and the extra of a requirement such as ``duckdb>=1.3; extra == 'sandbox'``.
_REQUIREMENT: Final = re.compile(r"([\w.-]+).*\bextra *== *['\"]([\w-]+)['\"]")
_STYLES: Final = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}
#: The width of the output if it is not a terminal, in characters.
_FILE_WIDTH: Final = 1000


def doctor(*, profile: Profile = None) -> None:
    """Check settings, connection and credentials; nothing is asked, so nothing is paid for.

    The exit code is 0, or that of the first check that failed.
    """
    console = stdout_console(width=_FILE_WIDTH)
    failure: ConnectyError | None = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)  # a check says the same
        for check in _checks(profile):
            _show(check, console)
            failure = failure or check.error
    if failure is not None:
        raise typer.Exit(exit_code_of(failure))


def _show(check: Check, console: Console) -> None:
    """Write a check: its text is wrapped beside its name, where there is a width."""
    from rich.table import Table
    from rich.text import Text

    text = f"{check.text} {shell_message(check.error) if check.error else ''}".strip()
    row = Table.grid(padding=(0, 2, 0, 0))
    for width in (7, 11, None):
        row.add_column(width=width, overflow="fold")
    row.add_row(Text(check.status, _STYLES[check.status]), check.name, Text(terminal(text)))
    with console.capture() as captured:
        console.print(row)
    typer.echo(captured.get(), nl=False)  # rich itself ends the process if the reader closed the pipe


def _checks(profile: str | None) -> Iterator[Check]:
    import platform

    from connecty_frames.client import CONNECTION_CHECKS, Check, Status, check_connection
    from connecty_frames.config import resolve

    python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Check("version", Status.OK, f"connecty_frames {__version__}, {python}")
    try:
        check = _settings(profile)
    except ConnectyError as error:
        yield Check.failed("settings", error)
        for name in CONNECTION_CHECKS:
            yield Check.skipped(name, "the settings cannot be used")
    else:
        yield check
        yield from check_connection(resolve(profile=profile))
    yield _extras()


def _settings(profile: str | None) -> Check:
    """Return the check of the settings, with the source of each one that is not a default."""
    from connecty_frames.client import Check, Status
    from connecty_frames.config import explain, resolve, wants_sandbox

    settings, sources = resolve(profile=profile), defaultdict(list)
    for name, value, place in explain(profile=profile):
        source = "the environment" if place.startswith("environment") else place
        sources[source].append(f"{name} {masked(name, value)}")
    sources.pop("default", None)
    text = "; ".join(f"{', '.join(names)} (from {source})" for source, names in sources.items())
    try:
        _ = settings.credentials
    except ConnectyError as error:
        return Check.failed("settings", error, found=f"{text or 'None is set'}.")
    doubts = [
        *(["no dw_id: each question needs --dw-id"] if settings.dw_id is None else []),
        *(["CONNECTY_SANDBOX is set: questions go to a sandbox"] if wants_sandbox() else []),
    ]
    return Check("settings", Status.WARNING if doubts else Status.OK, "; ".join([text, *doubts]))


def _extras() -> Check:
    """Return the check of the optional dependencies, whose absence is no failure."""
    from importlib.metadata import PackageNotFoundError, requires

    from connecty_frames.client import Check, Status

    try:
        requirements = requires(_DISTRIBUTION) or []
    except PackageNotFoundError:
        return Check.skipped("extras", "the package is not installed, but run from its source")
    extras: dict[str, bool] = {}
    for name, extra in (found.groups() for each in requirements if (found := _REQUIREMENT.match(each))):
        extras[extra] = extras.get(extra, True) and _is_installed(name)
    lacking = [
        f"pip install '{_DISTRIBUTION}[{extra}]'" for extra, installed in extras.items() if not installed
    ]
    text = f"installed: {', '.join(extra for extra, installed in extras.items() if installed) or 'none'}"
    return Check("extras", Status.OK, f"{text}; for more: {', '.join(lacking)}" if lacking else text)


def _is_installed(name: str) -> bool:
    from importlib.metadata import PackageNotFoundError, version

    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
