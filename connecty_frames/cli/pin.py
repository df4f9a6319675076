"""``connecty pin``: ask a question once, keep its SQL in a file, run it, and check it for changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import unquote

import typer

from connecty_frames._base.text import counted, excerpt, path_text, snippet, terminal, with_excerpt
from connecty_frames.cli import arguments
from connecty_frames.cli.arguments import FlagGroup, read_saved_schema
from connecty_frames.cli.connection import Profile, UseSandbox, connection, is_temporary, open_client
from connecty_frames.cli.io import EXIT_CODES, echo_stderr
from connecty_frames.cli.output import (
    TABLES,
    choose_format,
    escaped_on_terminal,
    naming_file,
    open_output,
    write_batches,
    write_table,
)
from connecty_frames.errors import ConfigError, ConnectyError, PinChanged

if TYPE_CHECKING:
    import pyarrow as pa

    from connecty_frames.pins import Pin, PinFolder

#: The drivers of ADBC by the schemes of their URLs; a package of any other name may be anybody's.
_DRIVERS: Final = {name: name for name in ("postgresql", "sqlite", "snowflake", "bigquery", "flightsql")} | {
    "postgres": "postgresql",
    "grpc": "flightsql",
}

pin = typer.Typer(
    cls=FlagGroup,
    name="pin",
    help="Ask a question once, save its SQL to a file, and run it from there.",
    no_args_is_help=True,
)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the pin.")]
_Names = Annotated[list[str] | None, typer.Argument(metavar="NAMES", help="The names of pins.")]
_All = Annotated[bool, typer.Option("--all", help="All pins of the folder.")]
_Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        metavar="DIR",
        help="The folder of pins; by default the nearest connecty-pins, in this folder or above it.",
    ),
]
_CONNECTION: Final = (
    "The warehouse: duckdb:///FILE, or the URL of an ADBC driver: postgresql://..., sqlite:///FILE, "
    "snowflake://..."
)
_Dialect = Annotated[
    str | None,
    typer.Option(
        help="The SQL dialect of the warehouse, a name that sqlglot knows, such as postgres or snowflake."
    ),
]
_Timeout = Annotated[float | None, typer.Option(help="Seconds for each question.")]


@pin.command()
def add(
    name: _Name,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="The question, in plain language.")],
    *,
    dialect: _Dialect = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing pin.")] = False,
    question_id: Annotated[
        str | None, typer.Option(help="Pin the answer to an earlier question, without asking.")
    ] = None,
    dw_id: Annotated[int | None, typer.Option(help="The data workspace to ask.")] = None,
    timeout: _Timeout = None,
    max_rows: arguments.MaxRows = 1000,
    schema_file: arguments.SchemaFile = None,
    tz: arguments.TimeZone = "UTC",
    decimals: arguments.Decimals = "auto",
    folder: _Folder = None,
    profile: Profile = None,
    sandbox: UseSandbox = False,
) -> None:
    """Ask a question once, and keep its SQL and schema."""
    from connecty_frames.pins import pin as add_pin

    with (
        connection(sandbox=sandbox, question_id=question_id, profile=profile) as address,
        open_client(address) as client,
    ):
        made = add_pin(
            name,
            question,
            dialect=dialect,
            path=folder,
            replace=replace,
            client=client,
            question_id=question_id,
            dw_id=dw_id,
            timeout=timeout,
            max_rows=max_rows,
            schema=read_saved_schema(schema_file),
            tz=tz,
            decimals=decimals,
        )
        _describe(made, has_id=not is_temporary(address))


@pin.command("list")
def list_pins(
    *, folder: _Folder = None, format_: arguments.FormatOption = None, output: arguments.OutputOption = None
) -> None:
    """List the pins by name."""
    import pyarrow as pa

    from connecty_frames.pins import PinFolder

    written_as = choose_format(format_, output, None)
    found = PinFolder.find(folder)
    read = _read_pins(found, found.names())
    pins = _readable(read)
    table = pa.table(
        {
            "name": pa.array([each.name for each in pins], pa.string()),
            "asked_at": pa.array([each.asked_at for each in pins], pa.timestamp("us", "UTC")),
            "dialect": pa.array([each.dialect for each in pins], pa.string()),
            "question": pa.array([each.question for each in pins], pa.string()),
        }
    )
    write_table(table, written_as, output)
    for each in read.values():
        _usable(each)


@pin.command()
def show(name: _Name, *, folder: _Folder = None) -> None:
    """Print the SQL of a pin; everything else about it goes to standard error."""
    from connecty_frames.pins import pinned

    found = pinned(name, path=folder)
    _describe(found)
    with open_output(None, "text") as file, escaped_on_terminal(file) as target:
        target.write(f"{found.sql.strip()}\n".encode())


@pin.command()
def check(
    names: _Names = None,
    *,
    all_: _All = False,
    warehouse: Annotated[str | None, typer.Option("--connection", metavar="URL", help=_CONNECTION)] = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask the questions again instead; each one is paid for.")
    ] = False,
    times: Annotated[int, typer.Option(min=1, metavar="N", help="How many times to ask each question.")] = 1,
    timeout: _Timeout = None,
    folder: _Folder = None,
    profile: Profile = None,
    sandbox: UseSandbox = False,
    format_: arguments.ReportFormat = "text",
) -> None:
    """Check whether the SQL of pins may be run, and with --connection whether it returns the same columns.

    Nothing is asked without --ask. The exit code is 12 if anything other than the SQL's formatting changed,
    else that of the first pin that could not be checked.
    """
    from connecty_frames.pins import PinFolder

    read = _chosen(PinFolder.find(folder), names, all_=all_)
    options: dict[str, Any] = {"ask": ask, "times": times, "timeout": timeout}
    with ExitStack() as stack:
        if ask:
            address = stack.enter_context(connection(sandbox=sandbox, profile=profile))
            options["client"] = stack.enter_context(open_client(address))
            if not is_temporary(address):
                count = len(_readable(read)) * times
                which = "which is" if count == 1 else "each"
                echo_stderr(f"This asks {counted(count, 'question')}, {which} paid for.")
        if warehouse is not None:
            options["connection"] = stack.enter_context(connected(warehouse))
        rows, texts, failure = _check_each(read, options, warehouse or "")
        typer.echo(json.dumps(rows, indent=2) if format_ == "json" else terminal("\n".join(texts), keep="\n"))
        changed = any(row["changed"] for row in rows)
        if failure and not changed:
            raise failure  # here, where no error shows the password of the URL
    if changed:
        raise typer.Exit(EXIT_CODES[PinChanged])


def _check_each(
    read: dict[str, Pin | ConfigError], options: dict[str, Any], url: str
) -> tuple[list[dict[str, Any]], list[str], Exception | None]:
    rows: list[dict[str, Any]] = []
    texts: list[str] = []
    failure: Exception | None = None
    for name, found in read.items():
        try:
            with _naming(name):
                checked = _usable(found).check(on_change=lambda _: None, **options)
        except Exception as error:
            if len(read) == 1:
                raise
            failure = failure or error
            reason = _reason(error, url)
            rows.append({"name": name, "changed": None, "differences": [reason]})
            texts.append(f"Pin {snippet(name)!r}: not checked.\n  {reason}")
            if options["ask"] and error is not found:
                break
        else:
            rows.append({"name": name, "changed": checked.changed, "differences": checked.lines})
            texts.append(str(checked))
    return rows, texts, failure


@pin.command()
def remove(name: _Name, *, folder: _Folder = None) -> None:
    """Remove a pin and its file."""
    from connecty_frames.pins import PinFolder

    found = PinFolder.find(folder)
    found.remove(name)
    echo_stderr(f"Pin {terminal(name)!r} was removed from {path_text(found.path)}.")


@pin.command()
def run(
    names: _Names = None,
    *,
    warehouse: Annotated[str, typer.Option("--connection", metavar="URL", help=_CONNECTION)],
    all_: _All = False,
    dialect: _Dialect = None,
    schema_file: arguments.SchemaFile = None,
    format_: arguments.FormatOption = None,
    output: arguments.OutputOption = None,
    output_folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder for one file per pin, by default Parquet.")
    ] = None,
    folder: _Folder = None,
) -> None:
    """Run the SQL of pins on the warehouse, and write all rows as they arrive; no question is asked."""
    from connecty_frames.pins import PinFolder

    read = _chosen(PinFolder.find(folder), names, all_=all_)
    chosen = _readable(read)
    if output_folder is None:
        if len(read) > 1:
            raise ConfigError("Several pins need --output-folder DIR.", setting="output_folder")
        written_as = choose_format(format_, output, None)
        files = [output]
    elif output is not None:
        raise ConfigError("Give --output or --output-folder, not both.", setting="output")
    else:
        written_as = format_ or "parquet"
        suffix = "txt" if written_as in TABLES else "md" if written_as == "markdown" else written_as
        files = [output_folder / f"{each.name}.{suffix}" for each in chosen]
        output_folder.mkdir(exist_ok=True)
    schema = read_saved_schema(schema_file)
    for each, file in zip(chosen, files, strict=True):
        # Opened first: an unwritable file must not cost a query.
        with open_output(file, written_as) as opened, naming_file(file), _naming(each.name):
            run_sql = partial(each.rerun, dialect=dialect, schema=schema)
            write_batches(read_batches(warehouse, run_sql), written_as, opened)
            opened.flush()
    for found in read.values():
        _usable(found)


def _chosen(pins: PinFolder, names: list[str] | None, *, all_: bool) -> dict[str, Pin | ConfigError]:
    if bool(names) == all_:
        raise ConfigError("Name the pins, or pass --all instead.", setting="name")
    known = pins.names()
    if not (chosen := names or known):
        raise ConfigError(f"There are no pins in {path_text(pins.path)}.", setting="path")
    for name in chosen:
        if name not in known:
            pins[name]  # raises the error with a list of the pins
    return _read_pins(pins, chosen)


def _read_pins(pins: PinFolder, names: list[str]) -> dict[str, Pin | ConfigError]:
    found: dict[str, Pin | ConfigError] = {}
    for name in names:
        try:
            found[name] = pins[name]
        except ConfigError as error:
            found[name] = error
    return found


def _readable(read: dict[str, Pin | ConfigError]) -> list[Pin]:
    found = [each for each in read.values() if not isinstance(each, ConfigError)]
    return found or [_usable(each) for each in read.values()]


def _usable(found: Pin | ConfigError) -> Pin:
    if isinstance(found, ConfigError):
        raise found
    return found


@contextmanager
def _naming(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        error.add_note(f"Failed pin: {snippet(name)!r}.")
        raise


def _describe(found: Pin, *, has_id: bool = True) -> None:
    asked = "" if found.asked_at is None else f", asked {found.asked_at:%Y-%m-%d %H:%M} UTC"
    echo_stderr(f"{found.name}: {found.question}")
    question_id = f"question_id {found.question_id}, " if has_id else ""
    echo_stderr(f"{question_id}dw_id {found.dw_id}{asked}")
    echo_stderr(f"dialect {found.dialect or 'unknown'}; tables: {', '.join(found.tables) or 'unknown'}")
    echo_stderr(repr(found.schema))


def read_batches(url: str, run: Callable[[Any], pa.RecordBatchReader]) -> pa.RecordBatchReader:
    """Return the rows of a query on the connection of a URL."""
    import pyarrow as pa

    def read() -> Iterator[Any]:
        with connected(url) as connection, run(connection) as reader:
            yield reader.schema
            yield from reader

    batches = read()
    return pa.RecordBatchReader.from_batches(next(batches), batches)


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """Connect, for as long as the context; no error of the driver shows the password."""
    try:
        with _connection(url) as connection:
            yield connection
    except ConnectyError:
        raise
    except Exception as error:  # noqa: BLE001 - each driver has exceptions of its own
        kind = type(error)
        message = with_excerpt(
            f"The warehouse's client raised {kind.__module__}.{kind.__qualname__}:", _reason(error, url)
        )
        notes: list[str] = getattr(error, "__notes__", [])
    else:
        return
    raised = ConnectyError(message)  # apart from the exception, since it may have the password
    for note in notes:
        raised.add_note(note)
    raise raised


def _reason(error: Exception, url: str) -> str:
    from connecty_frames.http.redaction import without_password

    return excerpt(without_password(str(error), url), 1_000)


@contextmanager
def _connection(url: str) -> Iterator[Any]:
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in {"duckdb", *_DRIVERS}:
        raise ConfigError(
            "--connection: expected a URL, such as postgresql://reader@host/database, duckdb:///file.duckdb "
            f"or sqlite:///file.db; the schemes are duckdb, {', '.join(_DRIVERS)}.",
            setting="connection",
        )
    if scheme == "duckdb":
        with _module("duckdb").connect(_file(url), read_only=True) as connection:
            yield connection
        return
    name = _DRIVERS[scheme]
    driver = _module(f"adbc_driver_{name}.dbapi")
    if name == "sqlite":  # otherwise it creates a missing file
        url = f"{Path(_file(url)).absolute().as_uri()}?mode=ro"
    elif name == "snowflake":  # its driver takes the rest of the URL
        url = url.partition("://")[2]
    with closing(driver.connect(url, autocommit=name != "postgresql")) as connection:
        yield connection


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        package = name.partition(".")[0].replace("_", "-")
        raise ConfigError(
            f"--connection: this URL needs {snippet(package)}: pip install {snippet(package)}.",
            setting="connection",
        ) from None


def _file(url: str) -> str:
    """Return the path of a file in a URL: relative after three slashes, absolute after four."""
    host, _, path = url.partition("://")[2].partition("/")
    if host or not path:
        raise ConfigError(
            "--connection: expected the path of a file after three slashes, such as duckdb:///file.duckdb.",
            setting="connection",
        )
    return unquote(path)
