"""Sections of the documentation that are generated from the code, as Markdown.

The directive ``{generated}`` inserts them (see ``docs/conf.py``). Anything undocumented in the code is a
KeyError, which fails the build of the pages and the tests.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import warnings
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

import connecty_frames as cf
from connecty_frames import errors
from connecty_frames.answer_metadata import AnswerMetadata
from connecty_frames.decode.exact_json import NUMBER_KINDS, ValueKind
from connecty_frames.decode.types.inference import RULES
from connecty_frames.frames.pandas import to_pandas
from connecty_frames.frames.polars import to_polars
from connecty_frames.sandbox import faults as fault_module
from connecty_frames.settings.values import NAMES, Settings, SettingsDict
from tools.docstrings import descriptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connecty_frames.options import DtypeBackend

_ROOT: Final = Path(__file__).parents[1]
#: One value of each type that a column of an answer can have.
_VALUES: Final[dict[pa.DataType, object]] = {
    pa.string(): "a",
    pa.date32(): date(2025, 11, 4),
    pa.timestamp("us"): datetime.fromisoformat("2025-11-04"),
    pa.timestamp("us", "UTC"): datetime(2025, 11, 4, tzinfo=UTC),
    pa.time64("us"): time(13, 5),
    pa.duration("us"): timedelta(days=1),
    pa.int64(): 1,
    pa.uint64(): 2**63,
    pa.float64(): 0.5,
    pa.decimal128(38, 2): Decimal("0.25"),
    pa.bool_(): True,
    pa.binary(): b"a",
    pa.list_(pa.int64()): [1],
    pa.struct({"name": pa.string()}): {"name": "a"},
}
#: The third one, ``"pyarrow"``, keeps every type.
_BACKENDS: Final[tuple[DtypeBackend, ...]] = ("numpy_nullable", "numpy")


def types_table() -> str:
    """Return the rules that decide a column's type, in order."""
    rows = ((f"`{rule.section}`" if rule.section else "", _kinds(rule.kinds), rule.result) for rule in RULES)
    return as_table([("statistics", "values", "Arrow type"), *rows])


def frames_table() -> str:
    """Return the pandas and polars dtype of each Arrow type, read from frames."""
    columns = [pa.array([value], kind) for kind, value in _VALUES.items()]
    table = pa.table(columns, names=list(map(str, _VALUES)))
    inferred = [{"name": name, "type": name, "evidence": "values"} for name in table.column_names]
    answer = AnswerMetadata(schema=inferred)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cf.TypeFidelityWarning)  # of types that numpy lacks
        dtypes = [
            *(to_pandas(table, dtype_backend=each, metadata=answer).dtypes for each in _BACKENDS),
            to_polars(table).dtypes,
        ]
    head = ("Arrow", *(f"pandas, `{backend}`" for backend in _BACKENDS), "polars")
    rows = (tuple(f"`{kind}`" for kind in row) for row in zip(_VALUES, *dtypes, strict=True))
    return as_table([head, *rows])


def error_tree() -> str:
    """Return the errors as a nested list, with each exit code that differs from the parent's."""
    return "\n".join(_branch(errors.ConnectyError, 0))


def warning_tree() -> str:
    """Return the warnings as a nested list."""
    return "\n".join(_branch(errors.ConnectyWarning, 0))


def exit_codes() -> str:
    """Return the exit codes of the command line."""
    from connecty_frames.cli.io import MEANINGS

    return as_table([("code", "meaning"), *((str(code), meaning) for code, meaning in MEANINGS.items())])


def faults() -> str:
    """Return the effects of faults, from the table in the docstring of their module."""
    table = (fault_module.__doc__ or "").split("\n==")[1].partition("\n")[2]
    rows = (re.fullmatch(r"``(.+?)``  +(.+)", line) for line in table.splitlines() if line)
    return as_table([("fault", "effect"), *((f"`{row[1]}`", _code(row[2])) for row in rows if row)])


def settings() -> str:
    """Return every setting with its environment variable and default."""
    described, defaults = descriptions(SettingsDict), Settings()
    rows = [
        (f"`{name}`", f"`CONNECTY_{name.upper()}`", _default(getattr(defaults, name)), _code(described[name]))
        for name in NAMES
    ]
    return as_table([("setting", "environment", "default", "meaning"), *rows])


def commands() -> str:
    """Return every command with its options, as documented by typer."""
    command = [sys.executable, "-m", "typer", "connecty_frames.cli", "utils", "docs", "--name", "connecty"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return printed.partition("\n")[2]  # without the title: the page has one


def outages() -> str:
    """Return the faults that the tests cause, each with the behaviour that they expect."""
    rows = ((number, row["fault"], row["behaviour"]) for number, row in _promises()["Faults"].items())
    return as_table([("#", "fault", "behaviour"), *rows])


def intermediaries() -> str:
    """Return what the tests do to proxies, each with the behaviour that they expect."""
    head = ("proxy", "situation", "behaviour")
    return as_table([head, *(tuple(row[name] for name in head) for row in _promises()["Intermediaries"])])


def layers_table() -> str:
    """Return each module and folder by its layer, from top to bottom, with what it is."""
    numbered = enumerate(layers((_ROOT / "pyproject.toml").read_text(encoding="utf-8")), 1)
    rows = (
        (str(number), f"`{name}`", _first_sentence(name))
        for number, names in numbered
        for name in sorted(names)
    )
    return as_table([("layer", "module or folder", "contents"), *rows])


def layers(pyproject: str) -> list[list[str]]:
    """Return the names of each layer, from top to bottom, by the contracts in ``pyproject.toml``."""
    contracts = tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"]
    (contract,) = (
        each for each in contracts if each["type"] == "layers" and each["containers"] == ["connecty_frames"]
    )
    return [[name.strip() for name in layer.replace(":", "|").split("|")] for layer in contract["layers"]]


def as_table(rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table in Markdown; the first row is its head."""
    head, *others = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + "---|" * (head.count(" | ") + 1), *others])


#: The sections by the name that a page uses.
SECTIONS: Final[dict[str, Callable[[], str]]] = {
    "types": types_table,
    "frames": frames_table,
    "errors": error_tree,
    "warnings": warning_tree,
    "exit-codes": exit_codes,
    "faults": faults,
    "settings": settings,
    "commands": commands,
    "layers": layers_table,
    "outages": outages,
    "intermediaries": intermediaries,
}


def _kinds(kinds: frozenset[ValueKind]) -> str:
    if kinds == frozenset(ValueKind):
        return "anything"
    others = sorted(kind.value for kind in kinds - NUMBER_KINDS)
    return ", ".join(["numbers", *others] if kinds & NUMBER_KINDS else others) or "only nulls, or no rows"


def _branch(kind: type[BaseException], depth: int) -> list[str]:
    """Return the lines of a class and its public subclasses, in the order of definition."""
    from connecty_frames.cli import EXIT_CODES

    also = [base.__name__ for base in kind.__bases__ if base.__module__ == "builtins"]
    is_a = f" (a subclass of `{also[0]}`)" if also and depth else ""
    code = EXIT_CODES.get(kind)
    exits = f" Exit code {code}." if code else ""
    line = f"{'  ' * depth}- {{py:exc}}`~connecty_frames.{kind.__name__}`{is_a}: {_summary(kind)}{exits}"
    children = (child for child in kind.__subclasses__() if hasattr(cf, child.__name__))
    return [line, *(each for child in children for each in _branch(child, depth + 1))]


def _summary(kind: type) -> str:
    return _code((kind.__doc__ or "").partition("\n\n")[0].strip())


def _promises() -> dict[str, Any]:
    return tomllib.loads((_ROOT / "tests/faults/promises.toml").read_text(encoding="utf-8"))


def _first_sentence(name: str) -> str:
    """Return the first sentence of the docstring of a module or folder of the package."""
    path = _ROOT / "connecty_frames" / name
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return _code(" ".join(text.partition("\n\n")[0].split())).replace("|", "\\|")


def _default(value: object) -> str:
    return "" if value is None else f"`{value!r}`"


def _code(text: str) -> str:
    """Return text with code in one backtick, as in Markdown, instead of two."""
    return text.replace("``", "`")
