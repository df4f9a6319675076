"""Which functions a question passes through, found in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["QuestionPath", "trace_question"]

_PROGRAM: Final = Path(__file__).with_name("traced_call.py")


@dataclass(frozen=True)
class QuestionPath:
    """The path of a warm ``cf.ask_df`` through the package.

    Parameters
    ----------
    functions
        File and qualified name of each function that is called, without lambdas and comprehensions.
    stack
        The package's functions from ``ask_df`` to ``http.client``'s ``putrequest`` of the GET for results.
    """

    functions: list[tuple[str, str]]
    stack: list[str]

    @property
    def files(self) -> set[str]:
        """The files that the functions are in."""
        return {file for file, _ in self.functions}


def trace_question(checkout: Path) -> QuestionPath:
    """Ask a question by the package of a checkout.

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
    return QuestionPath([(file, name) for file, name in found["functions"]], found["stack"])
