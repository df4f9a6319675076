"""Write keywords with their types and defaults into docstrings: ``make docstrings``.

A function that takes ``**options`` lists them in its section *Parameters*, behind its own parameters. Their
descriptions come from the docstring of the class that has them (``AskOptions``, ``Settings`` or ``Sandbox``),
their types and defaults from its fields. Types and defaults of a function's own parameters come from its
signature.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast, get_args

from connecty_frames import options
from connecty_frames.options import AskOptions, AskOptionsDict
from connecty_frames.sandbox.sandbox import Sandbox, SandboxOptions, Statistics
from connecty_frames.settings import Settings, SettingsDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["FUNCTIONS", "Keywords", "entries_of", "with_keywords"]

ROOT: Final = Path(__file__).parents[1]
#: The longest line, as in pyproject.toml.
_WIDTH: Final = 110
#: A section *Parameters*: its indentation, and its entries up to an empty line.
_SECTION: Final = re.compile(r"^( *)Parameters\n *-+\n((?:.+\n)+)", re.MULTILINE)
_LITERALS: Final = {
    **{name: getattr(options, name) for name in ("Engine", "DtypeBackend", "Decimals", "OnTruncation")},
    "Statistics": Statistics,
}
#: Types as documentation names them.
_WORDS: Final = (
    (r"Callable\[.*\]", "callable"),
    (r"Iterable\[str \| tuple\[str, str\]\]", "iterable"),
    (r"os\.PathLike\[str\]", "path-like"),
    (r"(Iterable|Sequence)\[(\w+)\]", lambda match: f"{match[1].lower()} of {match[2]}"),
    (r"Mapping\[.*\]", "mapping"),
    (r"\bSupportsSecret\b", "SecretStr"),
    (r"\bAny\b", "dict | schema | model | None"),  # what schema= accepts
)


class Keywords(NamedTuple):
    """The keywords that a function takes, and where they are described."""

    names: tuple[str, ...] = ()
    described_by: type = AskOptions
    #: Keywords with another meaning, whose entries the function has itself.
    redefined: tuple[str, ...] = ()

    def without(self, *names: str) -> Keywords:
        """Return the keywords without some of them."""
        return self._replace(names=tuple(name for name in self.names if name not in names))


class _Parameter(NamedTuple):
    annotation: str
    #: As in source code; None if there is none, and empty if it is an object without a literal.
    default: str | None

    def __str__(self) -> str:
        text = self.annotation
        for name, literal in _LITERALS.items():
            text = re.sub(rf"\b{name}\b", f"Literal{list(get_args(literal))}", text)
        text = re.sub(r"Literal\[([^]]*)\]", lambda match: f"{{{match[1]}}}".replace("'", '"'), text)
        for pattern, words in _WORDS:
            text = re.sub(pattern, words, text)
        *first, last = text.split(" | ")
        text = f"{', '.join(first)} or {last}" if first else last
        match self.default:
            case None:
                return text
            case "":
                return f"{text}, optional"
            case default:
                return f"{text}, default {default}"


#: For each class its fields as keywords, and with their defaults.
_DEFAULTS: Final[dict[type, tuple[type, Mapping[str, Any]]]] = {
    AskOptions: (AskOptionsDict, AskOptions.__dataclass_fields__),
    Settings: (SettingsDict, Settings.__dataclass_fields__),
}
_OPTIONS: Final = Keywords(tuple(AskOptionsDict.__annotations__))
_SETTINGS: Final = Keywords(tuple(SettingsDict.__annotations__), Settings)
#: The functions and classes of each file that take keywords.
FUNCTIONS: Final[dict[str, dict[str, Keywords]]] = {
    "connecty_frames/answer.py": {
        "from_json": _OPTIONS.without("dtype_backend", "timeout", "progress", "max_age")._replace(
            redefined=("dw_id", "max_rows", "question_id")
        ),
    },
    "connecty_frames/api.py": {
        "ask": _OPTIONS,
        "ask_async": _OPTIONS,
        "ask_df": _OPTIONS,
        "ask_df_async": _OPTIONS,
        "ask_many": _OPTIONS.without("question_id"),
    },
    "connecty_frames/batch/asking.py": {
        "ask_batch": _OPTIONS.without("dtype_backend", "question_id", "max_age")._replace(
            redefined=("progress",)
        ),
    },
    "connecty_frames/pins/asking.py": {"pin": _OPTIONS.without("dtype_backend", "on_truncation")},
    "connecty_frames/readers.py": {
        "read_connecty": _OPTIONS.without("schema"),
        "_read_polars": _OPTIONS,
    },
    "connecty_frames/client/client.py": {
        "Client": _SETTINGS,
        "ask": _OPTIONS,
        "ask_async": _OPTIONS,
        "ask_df": _OPTIONS,
        "ask_df_async": _OPTIONS,
        "ask_many": _OPTIONS.without("question_id"),
    },
    "connecty_frames/client/question.py": {"result": _OPTIONS.without("dw_id", "question_id", "max_age")},
    "connecty_frames/config.py": {"configure": _SETTINGS},
    "connecty_frames/options.py": {"AskOptions": Keywords()},
    "connecty_frames/sandbox/sandbox.py": {"Sandbox": Keywords()},
    "connecty_frames/shared.py": {
        "use_sandbox": Keywords(tuple(SandboxOptions.__annotations__), Sandbox),
    },
}


def with_keywords(source: str, functions: dict[str, Keywords]) -> str:
    """Return the source of a module with the keywords in the docstrings of its functions and classes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in functions:
            text = ast.get_docstring(node, clean=False)
            if text:  # an overload has none
                source = source.replace(text, _with_keywords(text, _own(node), functions[node.name]))
    return source


def _with_keywords(docstring: str, own: dict[str, _Parameter], keywords: Keywords) -> str:
    section = _SECTION.search(docstring)
    if section is None:
        raise ValueError(f"no section Parameters in: {docstring}")
    entries = entries_of(docstring)
    described = entries_of(inspect.getdoc(keywords.described_by) or "")
    types = {**own, **_given(keywords.described_by)}
    names = dict.fromkeys([*(name for name in own if name in entries), *keywords.names])
    for name in names.keys() - set(keywords.redefined):
        _, words = described[name] if name in described else entries[name]
        entries[name] = (str(types[name]), words)
    indent = section[1] + " " * 4
    wrapper = textwrap.TextWrapper(
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    lines = [
        line
        for name in names
        for line in (f"{section[1]}{name} : {entries[name][0]}", *wrapper.wrap(entries[name][1]))
    ]
    return docstring[: section.start(2)] + "\n".join(lines) + "\n" + docstring[section.end(2) :]


def _own(node: ast.FunctionDef | ast.ClassDef) -> dict[str, _Parameter]:
    """Return the parameters of a function, of a class with ``__init__``, or of a dataclass."""
    if isinstance(node, ast.FunctionDef):
        return dict(_arguments(node.args))
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            return dict(_arguments(member.args))
    return {
        member.target.id: _Parameter(ast.unparse(member.annotation), _literal(member.value))
        for member in node.body
        if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name)
    }


def _arguments(arguments: ast.arguments) -> Iterable[tuple[str, _Parameter]]:
    missing = len(arguments.args) - len(arguments.defaults)
    defaults = [*[None] * missing, *arguments.defaults, *arguments.kw_defaults]
    for argument, default in zip([*arguments.args, *arguments.kwonlyargs], defaults, strict=True):
        if argument.annotation is not None:  # self and cls have none
            yield argument.arg, _Parameter(ast.unparse(argument.annotation), _literal(default))


def _literal(node: ast.expr | None) -> str | None:
    if node is None:
        return None
    try:
        return _spelled(ast.literal_eval(node))
    except ValueError:
        return ""


def _given(kind: type) -> dict[str, _Parameter]:
    """Return the keywords that a class describes."""
    if kind is Sandbox:
        return _own(cast("ast.ClassDef", ast.parse(inspect.getsource(Sandbox)).body[0]))
    keywords, fields = _DEFAULTS[kind]
    return {
        name: _Parameter(annotation.__forward_arg__, _spelled(fields[name].default))
        for name, annotation in keywords.__annotations__.items()
    }


def _spelled(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def entries_of(docstring: str) -> dict[str, tuple[str, str]]:
    """Return the type and the description, each as one line, of each name of a section *Parameters*."""
    section = _SECTION.search(docstring + "\n")
    text = "" if section is None else inspect.cleandoc("\n" + section[2])
    found = re.findall(r"^(\S.*)\n((?: {4}.*\n?)+)", text, re.MULTILINE)
    heads = [head.partition(" : ") for head, _ in found]
    return {
        name: (kind, " ".join(words.split()))
        for (name, _, kind), (_, words) in zip(heads, found, strict=True)
    }


if __name__ == "__main__":
    for name, functions in FUNCTIONS.items():
        path = ROOT / name
        path.write_text(with_keywords(path.read_text(encoding="utf-8"), functions), encoding="utf-8")
