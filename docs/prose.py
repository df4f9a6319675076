"""Count the hard sentences of the pages for users, public docstrings, messages and help, by folder.

``make check`` prints the counts as a warning that never fails; ``--list`` prints the sentences too.
"""

from __future__ import annotations

import ast
import re
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
INVERTED: Final = re.compile(
    r"\b([Oo]f|[Bb]y|[Ff]rom) which\b|\b[Ww]here it\b|(?<!or )(?<!is )(?<!return )\bNone (for|if|where)\b"
)
LONGEST: Final = 30
#: A text of at most this many words is a name or part of a pattern.
NAMES: Final = 4
#: Blocks of code, comments and examples go, links keep their text, and an item of a list begins a paragraph.
MARKUP: Final = (
    (re.compile(r"(?ms)^( *)(`{3,}).*?^\1\2 *$|<!--.*?-->|^ *>>> .*?(\n\s*\n|\Z)"), "\n\n"),
    (re.compile(r"!?\[([^]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"(`+)[^`]+\1"), "CODE"),
    (re.compile(r"(?m)^( *)(?:[-*]|\d\.) +"), r"\n\1  "),
)
END: Final = re.compile(r"(?<=[.?!])[*_)\"]*\s+(?=[^a-z])|\|")


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of Markdown or of a docstring; a paragraph ends where the indentation changes."""
    for pattern, replacement in MARKUP:
        text = pattern.sub(replacement, text)
    for _, lines in groupby(text.splitlines(), lambda line: len(line) - len(line.lstrip()) if line else -1):
        yield from END.split(" ".join(map(str.strip, lines)))


def texts(source: str) -> Iterator[str]:
    """Yield the public docstrings of a module, and its messages: other texts of more than a few words."""
    done: set[ast.AST] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if docstring := ast.get_docstring(node):
                done.update(ast.walk(node.body[0]))
                yield "" if getattr(node, "name", "").startswith("_") else docstring
        elif isinstance(node, ast.JoinedStr):
            done.update(node.values)
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in done:
            yield node.value if len(node.value.split()) > NAMES else ""


def count(path: Path, inverted: list[str], long: list[str]) -> None:
    """Add the hard sentences of a file to both lists."""
    text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT)
    for part in texts(text) if path.suffix == ".py" else [text]:
        for sentence in sentences(part):
            line = f"  {name}: {sentence}\n"
            inverted += [line] * len(INVERTED.findall(sentence))
            long += [line] * (sentence.endswith((".", ":", "?")) and len(sentence.split()) > LONGEST)


if __name__ == "__main__":
    found: dict[Path, tuple[list[str], list[str]]] = {}
    for path in [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("connecty_frames/**/*.py")]:
        count(path, *found.setdefault(Path(*path.relative_to(ROOT).parent.parts[:2]), ([], [])))
    sys.stdout.write(f"{'hard sentences in':<28}inverted  over {LONGEST} words\n")
    for folder, (inverted, long) in sorted(found.items()):
        sys.stdout.write(f"{folder!s:<28}{len(inverted):>8}{len(long):>15}\n")
        sys.stdout.writelines(inverted + long if "--list" in sys.argv else [])
