"""Which functions a question passes through, found in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

__all__ = ["QuestionPath", "trace_question"]

_PROGRAM: Final = Path(__file__).with_name("traced_call.py")


@dataclass(frozen=True)
class QuestionPath:
    """The way of a ``cf.ask_df`` through the package.

    Parameters
    ----------
    functions
        File and qualified name of each function that is called, in the order of its first call, without
        lambdas and comprehensions.
    stack
        The package's functions from ``ask_df`` to ``http.client``'s ``putrequest`` of the GET for results.
    frames
        The number of all frames there, those of other libraries included.
    """

    functions: list[tuple[str, str]]
    stack: list[str]
    frames: int

    @property
    def files(self) -> set[str]:
        """The files that the functions are in."""
        return {file for file, _ in self.functions}

    @property
    def changes(self) -> int:
        """How often a reader who follows the functions in this order turns to another file."""
        return sum(file != next_file for (file, _), (next_file, _) in pairwise(self.functions))

    def __str__(self) -> str:
        return (
            f"{len(self.functions)} functions in {len(self.files)} files, {self.changes} changes of file, "
            f"{len(self.stack)} of {self.frames} frames at the socket"
        )


def trace_question(checkout: Path) -> dict[str, QuestionPath]:
    """Ask questions by the package of a checkout: the way of the first, ``cold``, and of others, ``warm``.

    Raises
    ------
    RuntimeError
        The package that was imported is another one, as with PYTHONSAFEPATH.
    """
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.read_text(encoding="utf-8")],
        cwd=checkout,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found = json.loads(done.stdout)
    if Path(found["package"]) != checkout / "connecty_frames":
        raise RuntimeError(f"{found['package']} was imported instead of the package in {checkout}.")
    return {
        name: QuestionPath([(file, function) for file, function in functions], stack, frames)
        for name, (functions, stack, frames) in found["paths"].items()
    }
