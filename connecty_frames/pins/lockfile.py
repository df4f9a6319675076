"""``connecty.lock``: the file of pins, made for review in git.

It is TOML, with a table for each pin in the order of their names. It is read from the working directory or
the nearest folder above it, and is written as a whole, so that comments in it are lost.
"""

from __future__ import annotations

import os
import tomllib
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from connecty_frames._base.text import path_text, quoted, snippet, value_text
from connecty_frames.decode.schema import ColumnSchema, Schema, column_texts, read_column
from connecty_frames.errors import ConfigError, ConnectyError, wrong_value
from connecty_frames.files import atomic_write, checked_path, locked_folder, open_regular
from connecty_frames.options import AskOptions, check_question_id, is_dw_id
from connecty_frames.pins.query import Pin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOCK_FILE: Final = "connecty.lock"
#: The options that the types of an answer depend on, as the file has them.
OPTIONS: Final = ("max_rows", "tz", "infer_temporal", "decimals")
#: ``max_rows=None`` in the file: TOML has no null.
_ALL_ROWS: Final = "all"
_HEADER: Final = (
    "Written by connecty_frames, which replaces it as a whole: change it by cf.pin() or `connecty pin`."
)
#: The version of the file's form.
_FORMAT: Final = 1
_LONGEST_NAME: Final = 100
_KEYS: Final = frozenset(
    {
        *("question", "dw_id", "question_id", "asked_at", "dialect", "sqlglot", "fingerprint", "tables"),
        *("rows", "options", "schema", "sql"),
    }
)


def find_lock_file(path: str | os.PathLike[str] | None = None) -> Path:
    """Return the path of the file: the one given, else the nearest that exists, else one in this folder."""
    if path is not None:
        return checked_path(path)
    here = Path.cwd()
    found = (folder / LOCK_FILE for folder in (here, *here.parents))
    return next((each for each in found if os.path.lexists(each)), here / LOCK_FILE)


def check_name(name: object) -> str:
    """Return a name that a pin may have; a ConfigError for any other."""
    if (
        isinstance(name, str)
        and name.isprintable()
        and name.strip() == name
        and 0 < len(name) <= _LONGEST_NAME
    ):
        return name
    raise wrong_value(
        "name",
        name,
        f"a text of 1 to {_LONGEST_NAME} characters, without control characters, and without white space at "
        "its ends",
    )


def read_pins(path: Path) -> dict[str, Pin]:
    """Return the pins of a file by their names; one that does not exist has none. Raises ConfigError."""
    try:
        with open_regular(path) as file:
            return _parsed(file.read(), path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from None


def named(pins: dict[str, Pin], name: str, path: Path) -> Pin:
    """Return the pin of a name; a ConfigError if there is none."""
    if check_name(name) not in pins:
        known = f"there are {quoted(sorted(pins))}" if pins else "there are none"
        raise ConfigError(f"No pin {snippet(name)!r} in {path_text(path)}; {known}.", setting="name")
    return pins[name]


@contextmanager
def changing(path: Path, *, room: int = 0) -> Iterator[Callable[[Callable[[dict[str, Pin]], object]], None]]:
    """Open a pin file to be changed, and yield a function that does so, which is to be called once."""
    # That the file can be written is known before anything else is done in the context. The function reads
    # the pins again, passes them to its argument, which changes them, and writes them; no other process
    # changes the file meanwhile. After an exception it is as it was. There is ``room`` on the disk for as
    # many bytes more than it has. Raises ConfigError if it is not a pin file, and OSError if it cannot be
    # written.
    target = Path(os.path.realpath(path))
    read_pins(target)
    with ExitStack() as stack:
        file = stack.enter_context(atomic_write(target))
        try:
            file.write(bytes(room + (target.stat().st_size if target.exists() else 0)))
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(target)) from None

        def change(apply: Callable[[dict[str, Pin]], object]) -> None:
            with locked_folder(target.parent):
                pins = read_pins(target)
                apply(pins)
                text = _text(pins).encode()
                if _parsed(text, target) != pins:
                    raise ConfigError(
                        "The answer has a type or a text that a file of pins cannot keep. Give the types by "
                        "schema=.",
                        setting="schema",
                    )
                file.seek(0)
                file.write(text)
                file.truncate()
                stack.close()

        yield change


# --- pins as TOML ---------------------------------------------------------------------------------------


def _parsed(text: bytes, path: Path) -> dict[str, Pin]:
    """Return the pins of a file's text."""
    try:
        document = tomllib.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, or a number with too many digits
        reason = str(error) if isinstance(error, tomllib.TOMLDecodeError) else type(error).__name__
        raise _unusable(path, f"is damaged: {snippet(reason)}") from None
    if type(document.get("version")) is not int or not isinstance(document.get("pins"), dict):
        raise _unusable(path, "is no file of pins")
    if document["version"] != _FORMAT:
        raise _unusable(path, f"has the version {document['version']}; this package knows {_FORMAT}")
    if extra := sorted(document.keys() - {"version", "pins"}):
        raise _unusable(path, f"has {quoted(extra)} in it, which this package does not know")
    pins = {}
    for name, table in document["pins"].items():
        try:
            pins[name] = _read_pin(check_name(name), table)
        except (ConnectyError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            reason = f"lacks {error}" if isinstance(error, KeyError) else snippet(str(error))
            raise _unusable(path, f"is damaged: pin {snippet(name)!r}: {reason}") from None
    return pins


def _read_pin(name: str, table: dict[str, Any]) -> Pin:
    """Return a pin; what it lacks is a KeyError, what is wrong another exception, whose text says what."""
    if extra := sorted(table.keys() - _KEYS):
        raise ValueError(f"it has {quoted(extra)}, which this package does not know")
    texts = {key: _of_type(str, table, key) for key in ("question", "sql", "fingerprint")}
    optional = {key: _of_type(str, table, key) for key in ("dialect", "sqlglot") if key in table}
    rows = _of_type(int, table, "rows") if "rows" in table else None
    asked_at = _of_type(datetime, table, "asked_at") if "asked_at" in table else None
    tables = _of_type(list, table, "tables")
    if not is_dw_id(table["dw_id"]) or not all(isinstance(each, str) for each in tables):
        raise ValueError("dw_id is no id of a workspace, or tables has something else than texts")
    if asked_at is not None and asked_at.tzinfo is None:
        raise ValueError("asked_at has no offset from UTC")
    return Pin(
        name=name,
        dw_id=table["dw_id"],
        question_id=check_question_id(table["question_id"]),
        asked_at=asked_at and asked_at.astimezone(UTC),
        dialect=optional.get("dialect"),
        sqlglot=optional.get("sqlglot"),
        tables=tuple(tables),
        schema=Schema(map(_read_column, _of_type(list, table, "schema"))),
        rows=rows,
        options=_read_options(table.get("options", {})),
        **texts,
    )


def _of_type(type_: type[Any], table: dict[str, Any], key: str) -> Any:
    if type(value := table[key]) is not type_:
        raise TypeError(f"{key} is {value_text(value)}")
    return value


def _read_column(column: dict[str, str]) -> ColumnSchema:
    if extra := sorted(column.keys() - set(ColumnSchema.__slots__)):
        raise ValueError(f"a column has {quoted(extra)}, which this package does not know")
    for key in ("name", "evidence"):
        _of_type(str, column, key)
    return read_column(column)


def _read_options(table: dict[str, Any]) -> dict[str, Any]:
    if extra := sorted(table.keys() - set(OPTIONS)):
        raise ValueError(f"its options have {quoted(extra)}, which this package does not know")
    options = {**table, **({"max_rows": None} if table.get("max_rows") == _ALL_ROWS else {})}
    AskOptions(**options)
    return options


def _text(pins: dict[str, Pin]) -> str:
    """Return the file as text."""
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment(_HEADER))
    document["version"] = _FORMAT
    tables = tomlkit.table(is_super_table=bool(pins))
    for name in sorted(pins):
        tables[name] = _table(pins[name])
    document["pins"] = tables
    return tomlkit.dumps(document)


def _table(pin: Pin) -> Any:
    import tomlkit

    table = tomlkit.table()
    columns = tomlkit.array().multiline(multiline=True)
    for column in pin.schema:
        inline = tomlkit.inline_table()
        inline.update(column_texts(column))
        columns.append(inline)
    options = tomlkit.inline_table()
    options.update({key: _ALL_ROWS if value is None else value for key, value in pin.options.items()})
    values = {
        "question": pin.question,
        "dw_id": pin.dw_id,
        "question_id": pin.question_id,
        "asked_at": pin.asked_at,
        "dialect": pin.dialect,
        "sqlglot": pin.sqlglot,
        "fingerprint": pin.fingerprint,
        "tables": list(pin.tables),
        "rows": pin.rows,
        "options": options if pin.options else None,
        "schema": columns,
        "sql": _multiline(pin.sql),
    }
    for key, value in values.items():
        if value is not None:
            table[key] = value
    return table


def _multiline(text: str) -> Any:
    """Return text as lines that can be reviewed; as one line if TOML would change them, as CR LF."""
    import tomlkit

    lines = tomlkit.string(text, multiline=True)
    return lines if tomllib.loads(tomlkit.dumps({"text": lines}))["text"] == text else text


def _unusable(path: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"{path_text(path)} {reason}. Restore it from your version control, or name another file.",
        setting="path",
    )
