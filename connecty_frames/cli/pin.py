"""``connecty pin``: ask a question once, keep its SQL in a file, run it, and check it for changes."""

from __future__ import annotations

from contextlib import closing, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import unquote, urlsplit

import typer

from connecty_frames._base.text import counted, excerpt, path_text, snippet, terminal, with_excerpt
from connecty_frames.cli.answer_options import (
    Decimals,
    FormatOption,
    MaxRows,
    OutputOption,
    SchemaFile,
    TimeZone,
)
from connecty_frames.cli.connection import Profile, UseSandbox, connection, is_temporary, open_client
from connecty_frames.cli.exit_codes import EXIT_CODES
from connecty_frames.cli.input import read_saved_schema
from connecty_frames.cli.io import echo_stderr
from connecty_frames.cli.output import (
    choose_format,
    escaped_on_terminal,
    naming_file,
    open_output,
    write_rows,
    write_table,
)
from connecty_frames.errors import ConfigError, ConnectyError, PinChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from connecty_frames.pins import Pin

#: How many characters of a driver's message are shown.
_SHOWN: Final = 1_000

pin = typer.Typer(
    name="pin", help="Ask a question once, and run its SQL from a file of pins.", no_args_is_help=True
)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the pin.")]
_LockFile = Annotated[
    Path | None,
    typer.Option(
        "--lock-file",
        help="The file of pins; by default the nearest connecty.lock, in this folder or above it.",
    ),
]
_Dialect = Annotated[
    str | None,
    typer.Option(help="The dialect of the warehouse as sqlglot calls it, such as postgres or snowflake."),
]
_Timeout = Annotated[float | None, typer.Option(help="Seconds for each question.")]


@pin.command()
def add(
    name: _Name,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="The question, in plain language.")],
    *,
    dialect: _Dialect = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a pin of that name.")] = False,
    question_id: Annotated[
        str | None,
        typer.Option(help="The id of a question asked before, whose answer is pinned without asking."),
    ] = None,
    dw_id: Annotated[int | None, typer.Option(help="The data workspace to ask.")] = None,
    timeout: _Timeout = None,
    max_rows: MaxRows = 1000,
    schema_file: SchemaFile = None,
    tz: TimeZone = "UTC",
    decimals: Decimals = "auto",
    lock_file: _LockFile = None,
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
            path=lock_file,
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
    *, lock_file: _LockFile = None, format_: FormatOption = None, output: OutputOption = None
) -> None:
    """List the pins, in the order of their names."""
    import pyarrow as pa

    from connecty_frames.pins import find_lock_file, read_pins

    written_as = choose_format(format_, output, None)
    pins = [each for _, each in sorted(read_pins(find_lock_file(lock_file)).items())]
    table = pa.table(
        {
            "name": pa.array([each.name for each in pins], pa.string()),
            "asked_at": pa.array([each.asked_at for each in pins], pa.timestamp("us", "UTC")),
            "dialect": pa.array([each.dialect for each in pins], pa.string()),
            "question": pa.array([each.question for each in pins], pa.string()),
        }
    )
    write_table(table, written_as, output)


@pin.command()
def show(name: _Name, *, lock_file: _LockFile = None) -> None:
    """Write the SQL of a pin, and what else is known of it to standard error."""
    from connecty_frames.pins import pinned

    found = pinned(name, path=lock_file)
    _describe(found)
    with open_output(None, "text") as file, escaped_on_terminal(file) as target:
        target.write(f"{found.sql.strip()}\n".encode())


@pin.command()
def check(
    names: Annotated[list[str] | None, typer.Argument(help="The names of pins; by default all.")] = None,
    *,
    times: Annotated[int, typer.Option(min=1, help="How often to ask each question.")] = 1,
    timeout: _Timeout = None,
    lock_file: _LockFile = None,
    profile: Profile = None,
    sandbox: UseSandbox = False,
) -> None:
    """Ask pinned questions again, each of which is paid for, and report what has changed.

    The exit code is 12 if anything differs but the writing of SQL. The file stays as it is.
    """
    from connecty_frames.pins import find_lock_file, named, read_pins

    path = find_lock_file(lock_file)
    pins = read_pins(path)
    if not pins:
        raise ConfigError(f"There are no pins in {path_text(path)}.", setting="path")
    chosen = [named(pins, name, path) for name in names or sorted(pins)]
    count = len(chosen) * times
    changed = False
    with connection(sandbox=sandbox, profile=profile) as address, open_client(address) as client:
        if not is_temporary(address):
            each_one = "which is" if count == 1 else "each"
            echo_stderr(f"This asks {counted(count, 'question')}, {each_one} paid for.")
        for each in chosen:
            found = each.check(times=times, timeout=timeout, client=client, on_change=lambda _: None)
            typer.echo(terminal(str(found), keep="\n"))
            changed = changed or found.changed
    if changed:
        raise typer.Exit(EXIT_CODES[PinChanged])


@pin.command()
def remove(name: _Name, *, lock_file: _LockFile = None) -> None:
    """Remove a pin from the file."""
    from connecty_frames.pins import changing, find_lock_file, named, read_pins

    path = find_lock_file(lock_file)
    named(read_pins(path), name, path)
    with changing(path) as change:
        change(lambda pins: pins.pop(named(pins, name, path).name))
    echo_stderr(f"Pin {terminal(name)!r} was removed from {path_text(path)}.")


@pin.command()
def run(
    name: _Name,
    *,
    connection: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="The warehouse: postgresql://..., duckdb:///FILE, sqlite:///FILE, or a URL of SQLAlchemy.",
        ),
    ],
    dialect: _Dialect = None,
    function: Annotated[
        list[str] | None,
        typer.Option(help="A further function that the SQL may call; may be repeated.", metavar="NAME"),
    ] = None,
    schema_file: SchemaFile = None,
    format_: FormatOption = None,
    output: OutputOption = None,
    lock_file: _LockFile = None,
) -> None:
    """Run the SQL of a pin on the warehouse, and write all its rows; nothing is asked."""
    from connecty_frames.pins import pinned

    written_as = choose_format(format_, output, None)
    found = pinned(name, path=lock_file)
    # Opened first: a file that cannot be written must not cost a query.
    with open_output(output, written_as) as file, naming_file(output):
        schema = read_saved_schema(schema_file)
        run_sql = partial(found.rerun, dialect=dialect, functions=function or (), schema=schema)
        table = read_rows(connection, run_sql)
        write_rows(table, table.schema.types, written_as, file)
        file.flush()


def _describe(found: Pin, *, has_id: bool = True) -> None:
    """Write a pin to standard error, without its SQL."""
    asked = "" if found.asked_at is None else f", asked {found.asked_at:%Y-%m-%d %H:%M} UTC"
    echo_stderr(f"{found.name}: {found.question}")
    question_id = f"question_id {found.question_id}, " if has_id else ""
    echo_stderr(f"{question_id}dw_id {found.dw_id}{asked}")
    echo_stderr(f"dialect {found.dialect or 'unknown'}; tables: {', '.join(found.tables) or 'unknown'}")
    echo_stderr(repr(found.schema))


# --- warehouses by their URLs ---------------------------------------------------------------------------


def read_rows(url: str, run: Callable[[Any], pa.RecordBatchReader]) -> pa.Table:
    """Return all rows of what is run on the connection of a URL; no error shows the password."""
    try:
        with _connection(url) as connection:
            return run(connection).read_all()
    except ConnectyError:
        raise
    except Exception as error:  # noqa: BLE001 - each driver has exceptions of its own
        kind = type(error)
        message = with_excerpt(
            f"The warehouse's client raised {kind.__module__}.{kind.__qualname__}:",
            excerpt(_without_password(str(error), url), _SHOWN),
        )
    raise ConnectyError(message)  # apart from the exception, which may have the password


@contextmanager
def _connection(url: str) -> Iterator[Any]:
    """Connect, for as long as the context."""
    scheme, separator, _ = url.partition("://")
    if not separator or not scheme.isascii():
        raise ConfigError(
            "--connection: expected a URL, such as postgresql://reader@host/database, duckdb:///file.duckdb "
            "or sqlite:///file.db.",
            setting="connection",
        )
    match scheme:
        case "duckdb":
            with _module("duckdb").connect(_file(url), read_only=True) as connection:
                yield connection
        case "sqlite":
            import sqlite3

            with closing(
                sqlite3.connect(f"{Path(_file(url)).absolute().as_uri()}?mode=ro", uri=True)
            ) as lite:
                yield lite
        case "postgresql" | "postgres":
            with closing(_module("adbc_driver_postgresql.dbapi", "psycopg").connect(url)) as connection:
                yield connection
        case _:
            sqlalchemy = _module("sqlalchemy")
            try:
                engine = sqlalchemy.create_engine(url)
            except (sqlalchemy.exc.ArgumentError, ModuleNotFoundError) as error:
                reason = (
                    f"needs {error.name}"
                    if isinstance(error, ModuleNotFoundError)
                    else "is none of SQLAlchemy"
                )
                raise ConfigError(
                    f"--connection: the URL {snippet(scheme)}://… {reason}.", setting="connection"
                ) from None
            try:
                with engine.connect() as connection:
                    yield connection
            finally:
                engine.dispose()


def _module(*names: str) -> Any:
    """Return the first of some modules that is installed."""
    for name in names:
        try:
            return import_module(name)
        except ModuleNotFoundError:
            continue
    packages = " or ".join(name.partition(".")[0].replace("_", "-") for name in names)
    raise ConfigError(f"--connection: this URL needs {packages}: pip install it.", setting="connection")


def _file(url: str) -> str:
    """Return the path of a file in a URL: relative after three slashes, absolute after four."""
    host, _, path = url.partition("://")[2].partition("/")
    if host or not path:
        raise ConfigError(
            "--connection: expected the path of a file after three slashes, such as duckdb:///file.duckdb.",
            setting="connection",
        )
    return unquote(path)


def _without_password(message: str, url: str) -> str:
    try:
        password = urlsplit(url).password
    except ValueError:  # brackets without an address in them
        password = None
    for secret in filter(None, (url, password, password and unquote(password))):
        message = message.replace(secret, "***")
    return message
