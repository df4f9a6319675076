"""``connecty doctor``: check the way from here to a token, with advice on each failure."""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from connecty_frames._base import __version__
from connecty_frames._base.text import listed, terminal
from connecty_frames.cli.arguments import question_reader
from connecty_frames.cli.ask import recording_client, reporting_id
from connecty_frames.cli.connection import Profile, UseSandbox, connection
from connecty_frames.cli.io import NOT_AS_ASSUMED, exit_code_of, shell_message, stdout_console, wrapped
from connecty_frames.cli.login import masked
from connecty_frames.cli.output import open_response_file
from connecty_frames.errors import ConfigError, ConnectyError, InsecureWarning, without_secrets
from connecty_frames.options import AskOptions

if TYPE_CHECKING:
    from rich.console import Console

    from connecty_frames.asking.checks import Check
    from connecty_frames.cli.first_contact import Contact
    from connecty_frames.client import Client
    from connecty_frames.http.models import Response
    from connecty_frames.question import Call

_DISTRIBUTION: Final = "connecty-frames"
#: The name and the extra of a requirement such as ``duckdb>=1.3; extra == 'sandbox'``.
_REQUIREMENT: Final = re.compile(r"([\w.-]+).*\bextra *== *['\"]([\w-]+)['\"]")
_STYLES: Final = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}
_OUTCOMES: Final = {True: ("held", "green"), False: ("not held", "bold red"), None: ("not seen", "dim")}
_asking = partial(typer.Option, rich_help_panel="First contact")


def doctor(
    *,
    profile: Profile = None,
    sandbox: UseSandbox = False,
    ask: Annotated[
        str | None,
        _asking(
            metavar="QUESTION",
            help="Then ask this question once, which costs money, and print which assumptions about the "
            "service held, without values and column names.",
        ),
    ] = None,
    dw_id: Annotated[int | None, _asking(help="The data workspace to ask.")] = None,
    save: Annotated[
        Path | None, _asking(help="Save what came of each request to this file, as JSON.")
    ] = None,
    anonymize: Annotated[
        bool,
        _asking(
            "--anonymize",
            help="Mask what --save writes, so that you can send it to the developers: column names and "
            "texts become marks of the same length, digits become 1. The structure, the service's "
            "own names, true, false, null, row counts and text lengths stay.",
        ),
    ] = False,
) -> None:
    """Check settings, connection and credentials; only --ask asks a question, which costs money.

    The exit code is 0, or that of the first check that failed; with --ask, 13 if an assumption did not hold.
    """
    if (ask is None and (dw_id, save) != (None, None)) or (save is None and anonymize):
        raise ConfigError("--dw-id and --save need --ask, and --anonymize needs --save.", setting="ask")
    console = stdout_console(width=1000)  # unless it is a terminal
    question = "" if ask is None else question_reader([ask], None, None)()
    if ask is not None and not question.strip():
        raise ConfigError("--ask is blank; expected a question in plain language.", setting="ask")
    options = AskOptions(dw_id=dw_id, engine="pyarrow", on_truncation="ignore")
    # Opened first: a file that cannot be written must not cost a question.
    with (
        open_response_file(save, None) as save_response,
        connection(sandbox=sandbox, profile=profile) as address,
    ):
        _check(console, address)
        if question:
            with recording_client(address) as client:
                call = client.call(question, options)
                _first_contact(client, call, console, save_response, anonymize=anonymize)


def _first_contact(
    client: Client, call: Call, console: Console, save: Callable[[bytes], object], *, anonymize: bool
) -> None:
    from connecty_frames.cli.first_contact import Contact, Exchanges

    contact, exchanges, error = Contact(), Exchanges([]), None

    def observe(response: Response) -> None:
        exchanges.observe(response)
        contact.observe(response)

    client.observe(observe)
    with reporting_id() as accepted:
        try:
            answer = call.answer(accepted=accepted)
        except ConnectyError as failed:
            error = failed
        except BaseException as interrupt:
            save(exchanges.record(interrupt, anonymize=anonymize))
            raise
        save(exchanges.record(error, anonymize=anonymize))
        if error is None:
            # One row, fetched by the id and so not paid for, shows whether ``count`` follows ``max_rows``.
            with warnings.catch_warnings(), suppress(ConnectyError):
                warnings.simplefilter("ignore")
                client.fetch(answer.question_id or "", dw_id=answer.metadata.dw_id, max_rows=1)
    held = not contact.body or _report(console, contact)
    if error is not None:
        raise error
    if not held:
        raise typer.Exit(NOT_AS_ASSUMED)


def _check(console: Console, address: Mapping[str, Any]) -> None:
    failure: ConnectyError | None = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)  # a check says the same
        for check in _checks(address):
            text = f"{check.text} {shell_message(check.error) if check.error else ''}".strip()
            _show(console, (check.status, _STYLES[check.status]), check.name, text)
            failure = failure or check.error
    if failure is not None:
        raise typer.Exit(exit_code_of(failure))


def _report(console: Console, contact: Contact) -> bool:
    """Report each assumption; return True if all seen ones held."""
    from connecty_frames.cli.first_contact import ASSUMPTIONS

    typer.echo("")
    broken = []
    for name, judged in ASSUMPTIONS.items():
        held, evidence = judged(contact)
        _show(console, _OUTCOMES[held], name, without_secrets(evidence))
        broken += [name] * (held is False)
    outcome = f"Not held: {listed(broken)}." if broken else "Everything observed held."
    typer.echo(f"\n{outcome} The documentation's page Limits explains the names.")
    return not broken


def _show(console: Console, outcome: tuple[str, str], name: str, text: str) -> None:
    """Write a row: its text is wrapped beside its name, where there is a width."""
    from rich.text import Text

    status, style = outcome
    indent = 10 + 13  # of the status, and of the name
    shown = wrapped(terminal(text), max(console.width - indent, 1)).replace("\n", "\n" + " " * indent)
    with console.capture() as captured:
        console.print(Text.assemble((f"{status:<10}", style), f"{name:<13}{shown}"), soft_wrap=True)
    typer.echo(captured.get(), nl=False)  # rich itself ends the process if the reader closed the pipe


def _checks(address: Mapping[str, Any]) -> Iterator[Check]:
    import platform

    from connecty_frames.asking.checks import CONNECTION_CHECKS, Check, check_connection
    from connecty_frames.settings.sources import resolve

    python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Check("version", "ok", f"connecty_frames {__version__}, {python}")
    try:
        check = _settings(address)
    except ConnectyError as error:
        yield Check.failed("settings", error)
        for name in CONNECTION_CHECKS:
            yield Check.skipped(name, "the settings cannot be used")
    else:
        yield check
        yield from check_connection(resolve(**address))
    yield _extras()


def _settings(address: Mapping[str, Any]) -> Check:
    from connecty_frames.asking.checks import Check
    from connecty_frames.settings.sources import explain, resolve

    settings, sources = resolve(**address), defaultdict(list)
    for name, value, place in explain(**address):
        source = "the environment" if place.startswith("environment") else place
        sources[source].append(f"{name} {masked(name, value)}")
    sources.pop("default", None)
    text = "; ".join(f"{', '.join(names)} (from {source})" for source, names in sources.items())
    try:
        _ = settings.credentials()
    except ConnectyError as error:
        return Check.failed("settings", error, found=text and f"{text}.")
    if settings.dw_id is None:
        return Check("settings", "warning", f"{text}; no dw_id: each question needs --dw-id")
    return Check("settings", "ok", text)


def _extras() -> Check:
    from importlib.metadata import PackageNotFoundError, distributions, requires

    from connecty_frames.asking.checks import Check

    try:
        requirements = requires(_DISTRIBUTION) or []
    except PackageNotFoundError:
        return Check.skipped("extras", "the package runs from its source and is not installed")
    extras: dict[str, bool] = {}
    for name, extra in (found.groups() for each in requirements if (found := _REQUIREMENT.match(each))):
        extras[extra] = extras.get(extra, True) and any(distributions(name=name))
    text = f"installed: {', '.join(extra for extra, installed in extras.items() if installed) or 'none'}"
    lacking = ",".join(extra for extra, installed in extras.items() if not installed)
    hint = f"; for the others: pip install '{_DISTRIBUTION}[{lacking}]'" if lacking else ""
    return Check("extras", "ok", text + hint)
