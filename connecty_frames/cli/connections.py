"""Connections to warehouses by their URLs, for ``connecty pin run``."""

from __future__ import annotations

from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from connecty_frames._base.text import excerpt, snippet, with_excerpt
from connecty_frames.errors import ConfigError, ConnectyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

#: How many characters of a driver's message are shown.
_SHOWN = 1_000


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
