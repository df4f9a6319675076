"""``connecty-pins``: the folder of pins, with one file per pin for review in git.

Files are TOML. Each is rewritten as a whole, so comments in it are lost. The folder is searched for in the
working directory, then in the folders above it.
"""

from __future__ import annotations

import os
import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from connecty_frames._base.text import listed, path_text, quoted, snippet, value_text
from connecty_frames.answer_metadata import Schema, column_texts
from connecty_frames.decode.schema import ColumnSchema, read_column
from connecty_frames.errors import ConfigError, ConnectyError
from connecty_frames.files import atomic_write, checked_path, folded, name_problem, open_regular
from connecty_frames.options import AskOptions, check_question_id
from connecty_frames.pins.query import Pin

FOLDER: Final = "connecty-pins"
#: The options in the file: all that affect the types of an answer.
OPTIONS: Final = ("max_rows", "tz", "infer_temporal", "decimals")
_ALL_ROWS: Final = "all"  # ``max_rows=None`` in the file: TOML has no null
_FORMAT: Final = 2  # the version of the file format
_SUFFIX: Final = ".toml"
_MAX_BYTES: Final = 2**20  # the largest file, in bytes
#: Finds git's conflict markers, perhaps inside the SQL.
_find_conflict: Final = re.compile(rb"^<{7} .*^>{7} ", re.MULTILINE | re.DOTALL).search
#: Characters a reviewer does not see or takes for a plain space, or that move others. (The categories of
#: unicodedata differ by the version of Python.)
_HIDDEN: Final = re.compile(
    "[\x80-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800"
    "\u3164\ue000-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U00013430-\U00013446"
    "\U00016fe4\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U0010ffff]"
)


class _File(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    question: str
    dw_id: int
    question_id: str
    asked_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    dialect: str | None = None
    sqlglot: str | None = None
    fingerprint: str
    digest: str = ""
    tables: list[str]
    rows: int | None = None
    options: dict[str, Any] = {}
    schema: list[dict[str, str]]
    sql: str


class PinFolder:
    """A folder of pins, existing or not."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def find(cls, path: str | os.PathLike[str] | None = None) -> PinFolder:
        """Return the given folder, by default the nearest existing one, or a new one in this folder."""
        if path is not None:
            given = checked_path(path)
            if given.is_file():
                raise _unusable(given, "is not a folder")
            return cls(given)
        here = Path.cwd()
        paths = (folder / FOLDER for folder in (here, *here.parents))
        return cls(next(filter(os.path.lexists, paths), here / FOLDER))

    def names(self) -> list[str]:
        """Return the names of the pins, sorted."""
        try:
            found = [each for each in self.path.iterdir() if each.suffix == _SUFFIX]
            return sorted(each.stem for each in found if not each.name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unusable(self.path, f"cannot be read: {error.strerror}") from None

    def file(self, name: str) -> Path:
        """Return the path of a pin's file."""
        return Path(os.path.realpath(self.path)) / f"{name}{_SUFFIX}"

    def find_pin(self, name: str) -> Pin | None:
        """Return the pin with this name, or None if there is none; raises ConfigError."""
        known = self.names()
        if check_name(name) in known:
            path = self.file(name)
            return _parsed(_content(path), path, name)
        if alike := [each for each in known if folded(each) == folded(name)]:
            raise ConfigError(
                f"name={snippet(name)!r} differs from the pin {alike[0]!r} only in case. Choose another "
                "name.",
                setting="name",
            )
        return None

    def __getitem__(self, name: str) -> Pin:
        """Return the pin with this name; raises ConfigError if there is none."""
        if pin := self.find_pin(name):
            return pin
        known = quoted(self.names()) or "none"
        raise ConfigError(
            f"No pin {snippet(name)!r} in {path_text(self.path)}; it has {known}.", setting="name"
        )

    def remove(self, name: str) -> None:
        """Remove a pin; raises ConfigError if there is none."""
        if name not in self.names():
            self[name]
        self.file(name).unlink()

    @contextmanager
    def writing(self, name: str, *, replaces: bool) -> Iterator[Callable[[Pin], None]]:
        """Open the file of a pin, and yield a function to write it; call the function once."""
        # Before yielding, check that the file can be written and the disk has space for more than a model's
        # SQL. Raises FileExistsError if the file exists and must not be replaced.
        target = self.file(name)
        with ExitStack() as stack:
            file = stack.enter_context(atomic_write(target, replaces=replaces))
            try:
                file.write(bytes(2**16))
                file.flush()
                os.fsync(file.fileno())
            except OSError as error:
                raise type(error)(error.errno, error.strerror, str(target)) from None

            def write(pin: Pin) -> None:
                text = _toml(pin).encode()
                if len(text) > _MAX_BYTES or _parsed(text, target, pin.name) != pin:
                    raise ConfigError(
                        "The answer has a type or a text that a pin file cannot hold, or is larger than "
                        f"{_MAX_BYTES:,} bytes. Set the types with schema=.",
                        setting="schema",
                    )
                file.seek(0)
                file.write(text)
                file.truncate()
                stack.close()

            yield write

    @contextmanager
    def made(self) -> Iterator[None]:
        """Create the folder; remove it at the end if nothing was written there."""
        is_new = not self.path.exists()
        self.path.mkdir(exist_ok=True)
        try:
            yield
        finally:
            if is_new:
                with suppress(OSError):  # it has a pin
                    self.path.rmdir()


def check_name(name: object) -> str:
    """Return the name of a pin if it is valid; raises ConfigError."""
    problem = name_problem(name) if isinstance(name, str) else "is not text"
    if problem is None and str(name).startswith("."):
        problem = "begins with a period, as hidden files do"
    if problem is None:
        return str(name)
    raise ConfigError(f"name={value_text(name)} {problem}; the pin's file is named after it.", setting="name")


def _content(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            text = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from None
    if len(text) > _MAX_BYTES:
        raise _unusable(path, f"is longer than {_MAX_BYTES:,} bytes")
    return text


def _parsed(text: bytes, path: Path, name: str) -> Pin:
    table = _document(text, path)
    try:
        return _read_pin(check_name(name), msgspec.convert(table, _File))
    except (ConnectyError, msgspec.ValidationError, ValueError, KeyError, OverflowError) as error:
        reason = f"a column lacks {error}" if isinstance(error, KeyError) else str(error).removesuffix(".")
        raise _unusable(path, f"is damaged: pin {snippet(name)!r}: {snippet(reason)}") from None


def _document(text: bytes, path: Path) -> dict[str, Any]:
    if _find_conflict(text):
        raise _unusable(path, "has a merge conflict", "Keep one side of it")
    try:
        document = tomllib.loads(decoded := text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, or a number with too many digits
        reason = str(error) if isinstance(error, tomllib.TOMLDecodeError) else type(error).__name__
        raise _unusable(path, f"is damaged: {snippet(reason)}") from None
    if type(found := document.pop("version", None)) is not int:
        raise _unusable(path, "is not a pin file")
    if shown := hidden_in(decoded):
        raise _unusable(path, f"has invisible characters: {shown}", "Restore it, or write them as escapes")
    if found != _FORMAT:
        raise _unusable(path, f"has version {found}, but this package reads {_FORMAT}")
    return document


def _read_pin(name: str, file: _File) -> Pin:
    keys = {key for column in file.schema for key in column}
    extra = {*file.options} - {*OPTIONS} or keys - {*ColumnSchema.__slots__}
    if extra:
        raise ValueError(f"it has {quoted(sorted(extra))}, which this package does not know")
    options: dict[str, Any] = {key: None if it == _ALL_ROWS else it for key, it in file.options.items()}
    AskOptions(dw_id=file.dw_id, **options)  # checks them
    read = {
        "question_id": check_question_id(file.question_id),
        "asked_at": file.asked_at and file.asked_at.astimezone(UTC),
        "tables": tuple(file.tables),
        "schema": Schema(map(read_column, file.schema)),
        "options": options,
    }
    return Pin(name=name, **{**msgspec.structs.asdict(file), **read})


def _toml(pin: Pin) -> str:
    import tomlkit

    columns = tomlkit.array().multiline(multiline=True)
    for column in pin.schema:
        inline = tomlkit.inline_table()
        inline.update(column_texts(column))
        columns.append(inline)
    options = tomlkit.inline_table()
    options.update({key: _ALL_ROWS if value is None else value for key, value in pin.options.items()})
    # Write the SQL in several lines for review, unless TOML would change it, such as CR LF.
    lines = tomlkit.string(pin.sql, multiline=True)
    is_changed = tomllib.loads(tomlkit.dumps({"sql": lines}))["sql"] != pin.sql
    document = tomlkit.document()
    header = (
        "Written by connecty_frames, which replaces it as a whole. Change it with cf.pin() or `connecty pin`."
    )
    document.add(tomlkit.comment(header))
    document["version"] = _FORMAT
    values = {name: getattr(pin, name) for name in _File.__struct_fields__} | {
        "tables": list(pin.tables),
        "options": options if pin.options else None,
        "schema": columns,
        "sql": pin.sql if is_changed else lines,
    }
    for key, value in values.items():
        if value is not None:
            document[key] = value
    text = tomlkit.dumps(document)  # with Python's escapes, except for \x9b
    return _HIDDEN.sub(lambda each: each[0].encode("unicode_escape").decode().replace("\\x", "\\u00"), text)


def hidden_in(text: str) -> str:
    """Name the invisible characters of a text, such as ``U+202E (RIGHT-TO-LEFT OVERRIDE)``."""
    found = dict.fromkeys(_HIDDEN.findall(text))
    return listed([f"U+{ord(each):04X} ({unicodedata.name(each, 'unnamed')})" for each in found])


def _unusable(
    path: Path, reason: str, advice: str = "Restore it from your version control, or name another folder"
) -> ConfigError:
    return ConfigError(f"{path_text(path)} {reason}. {advice}.", setting="path")
