"""Print the size of the project, and the way of one question: ``make structure``.

``--package PATH`` measures another checkout, to compare two states.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType

ROOT: Final = Path(__file__).parents[1]
#: Left out for equal counts on all versions: Python 3.12 and newer call no function for a comprehension.
UNNAMED: Final = {"<lambda>", "<genexpr>", "<listcomp>", "<dictcomp>", "<setcomp>"}
#: The calls that are traced after the first. Several, since an answer may need one poll or more.
CALLS: Final = 3
#: File and qualified name of each function, in the order of the first calls.
Way = list[tuple[str, str]]


def size(checkout: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each figure of the source."""
    package = [path.read_text(encoding="utf-8") for path in checkout.glob("connecty_frames/**/*.py")]
    assignments, classes = definitions(package)
    yield "package, lines", f"{_lines(checkout.glob('connecty_frames/**/*.py')):,}"
    yield "tests, lines", f"{_lines(checkout.glob('tests/**/*.py')):,}"
    yield "  of them verification", f"{_lines(checkout.glob('tests/verification/**/*.py')):,}"
    yield "benchmarks with corpora, lines", f"{_lines(checkout.glob('benchmarks/**/*.*')):,}"
    yield "assignments at module level", f"{assignments:,}"
    yield "classes", f"{classes:,}"
    pages = (path.read_text(encoding="utf-8") for path in checkout.glob("docs/design/*.md"))
    yield "docs/design, words", f"{sum(len(page.split()) for page in pages):,}"


def definitions(sources: Iterable[str]) -> tuple[int, int]:
    """Count the assignments at module level, and all classes."""
    trees = [ast.parse(source) for source in sources]
    return (
        sum(isinstance(node, ast.Assign | ast.AnnAssign) for tree in trees for node in tree.body),
        sum(isinstance(node, ast.ClassDef) for tree in trees for node in ast.walk(tree)),
    )


def traced(checkout: Path) -> Way:
    """Trace a question through the package of a checkout, in a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, "--trace"],
        env=os.environ | {"PYTHONPATH": str(checkout)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return [(file, function) for file, function in json.loads(done.stdout)]


def trace() -> Way:
    """Ask a sandbox the same question again, and return the package's functions that its thread calls."""
    import connecty_frames as cf
    from connecty_frames.sandbox import Sandbox

    package = Path(cf.__file__).parent
    found: dict[tuple[str, str], None] = {}

    def record(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        is_function = code.co_flags & inspect.CO_NEWLOCALS and code.co_name not in UNNAMED
        if event == "call" and is_function and code.co_filename.startswith(f"{package}{os.sep}"):
            found[str(Path(code.co_filename).relative_to(package)), code.co_qualname] = None

    with Sandbox() as sandbox:
        cf.configure(**sandbox.connection)
        for call in range(1 + CALLS):
            sys.setprofile(record if call else None)
            try:
                cf.ask_df("list the top 5 countries with the most orders", engine="pandas")
            finally:
                sys.setprofile(None)
    return list(found)


def changes(way: Way) -> int:
    """Count how often a reader who follows the functions turns to another file."""
    return sum(file != next_file for (file, _), (next_file, _) in pairwise(way))


def _lines(paths: Iterable[Path]) -> int:
    return sum(path.read_bytes().count(b"\n") for path in paths if path.suffix in {".py", ".toml"})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the project and the way of one question.")
    parser.add_argument("--package", type=Path, default=ROOT, help="the checkout (default: this one)")
    parser.add_argument("--trace", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.trace:
        print(json.dumps(trace()))
        sys.exit()
    for name, figure in size(arguments.package.resolve()):
        print(f"{name:<36}{figure:>8}")
    way = traced(arguments.package.resolve())
    figures = (len(way), len({file for file, _ in way}), changes(way))
    for name, count in zip(("functions", "files", "changes of file"), figures, strict=True):
        print(f"{'warm ask_df, ' + name:<36}{count:>8}")
