"""Write the keywords of a TypedDict into docstrings: ``make docstrings``.

Each field of ``AskOptionsDict``, its base, ``SettingsDict`` and ``SandboxOptions`` is described once, by the
text below it, which editors show. One function or class lists these fields in its section *Parameters*,
behind its own parameters; all others refer to it.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from connecty_frames import options
from connecty_frames.options import AskOptions, AskOptionsDict, FetchOptionsDict
from connecty_frames.sandbox.sandbox import Sandbox, SandboxOptions
from connecty_frames.settings.values import ClientSettingsDict, Settings, SettingsDict

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).parents[1]
#: The longest line, as in pyproject.toml.
_WIDTH: Final = 110
#: A section *Parameters*: its indentation, and its entries up to an empty line.
_SECTION: Final = re.compile(r"^( *)Parameters\n *-+\n((?:.+\n)+)", re.MULTILINE)
#: The function or class that lists keywords, and its file.
FUNCTIONS: Final[dict[type, tuple[str, str]]] = {
    AskOptionsDict: ("ask_df", "connecty_frames/api.py"),
    SettingsDict: ("configure", "connecty_frames/settings/sources.py"),
    SandboxOptions: ("Sandbox", "connecty_frames/sandbox/sandbox.py"),
}
#: The default of each keyword; a `Field` or a `Parameter` has it as ``default``.
_DEFAULTS: Final[dict[type, Mapping[str, Any]]] = {
    AskOptionsDict: AskOptions.__dataclass_fields__,
    SettingsDict: Settings.__dataclass_fields__,
    SandboxOptions: inspect.signature(Sandbox).parameters,
}
_LITERALS: Final = {
    **{name: getattr(options, name) for name in ("Engine", "DtypeBackend", "Decimals", "OnTruncation")},
}
#: Types as documentation names them.
_WORDS: Final = (
    (r"Callable\[.*\]", "callable"),
    (r"os\.PathLike\[str\]", "path-like"),
    (r"Iterable\[(\w+)\]", r"iterable of \1"),
    (r"Mapping\[.*\]", "mapping"),
    (r"\bSupportsSecret\b", "SecretStr"),
    (r"\bAny\b", "dict | schema | model | None"),  # what schema= accepts
)


def with_keywords(source: str, function: str, keywords: type) -> str:
    """Return the source of a module with the keywords in the docstring of a function or class."""
    nodes = [node for node in ast.walk(ast.parse(source)) if getattr(node, "name", None) == function]
    (docstring,) = filter(None, (ast.get_docstring(node, clean=False) for node in nodes))  # type: ignore[arg-type]
    section = _SECTION.search(docstring)
    if section is None:
        raise ValueError(f"no section Parameters in: {docstring}")
    order = list(_DEFAULTS[keywords])
    described = dict(sorted(descriptions(keywords).items(), key=lambda item: order.index(item[0])))
    own = [
        entry
        for entry in re.split(rf"(?m)^(?={section[1]}\S)", section[2])
        if entry.strip().partition(" : ")[0] not in described
    ]
    wrap = partial(
        textwrap.wrap,
        width=_WIDTH,
        initial_indent=f"{section[1]}    ",
        subsequent_indent=f"{section[1]}    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    lines = [
        f"{line}\n"
        for name, words in described.items()
        for line in (f"{section[1]}{name} : {_type(name, keywords)}", *wrap(words))
    ]
    parts = (docstring[: section.start(2)], *own, *lines, docstring[section.end(2) :])
    return source.replace(docstring, "".join(parts))


def descriptions(keywords: type) -> dict[str, str]:
    """Return the text below each field of a TypedDict, as one line."""
    body = ast.parse(inspect.getsource(keywords)).body[0].body  # type: ignore[attr-defined]
    base = {AskOptionsDict: FetchOptionsDict, SettingsDict: ClientSettingsDict}.get(keywords)
    return (descriptions(base) if base else {}) | {
        field.target.id: " ".join(ast.literal_eval(text.value).split())
        for field, text in zip(body[1::2], body[2::2], strict=True)
    }


def _type(name: str, keywords: type) -> str:
    """Return the type and the default of a keyword, as documentation names them."""
    text = keywords.__annotations__[name].__forward_arg__
    for alias, literal in _LITERALS.items():
        text = re.sub(rf"\b{alias}\b", f"Literal{list(get_args(literal))}", text)
    text = re.sub(r"Literal\[([^]]*)\]", lambda match: f"{{{match[1]}}}".replace("'", '"'), text)
    for pattern, words in _WORDS:
        text = re.sub(pattern, words, text)
    *first, last = text.split(" | ")
    text = f"{', '.join(first)} or {last}" if first else last
    default = _DEFAULTS[keywords][name].default
    if isinstance(default, str):
        return f'{text}, default "{default}"'
    return (
        f"{text}, default {default!r}"
        if isinstance(default, int | float | tuple | None)
        else f"{text}, optional"
    )


if __name__ == "__main__":
    for keywords, (function, name) in FUNCTIONS.items():
        path = ROOT / name
        path.write_text(with_keywords(path.read_text(encoding="utf-8"), function, keywords), encoding="utf-8")
