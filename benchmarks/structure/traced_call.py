"""A program: print as JSON which functions of the package a question passes through.

It runs by ``python -c`` in the checkout that is measured, so that it imports that checkout's package, and
uses nothing that an older one does not have. Only the calling thread is traced.
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import connecty_frames as cf
from connecty_frames.sandbox import Sandbox

if TYPE_CHECKING:
    from types import CodeType, FrameType

PACKAGE: Final = Path(cf.__file__).resolve().parent
#: Left out for equal counts on all versions: Python 3.12 and newer call no function for a comprehension.
UNNAMED: Final = {"<lambda>", "<genexpr>", "<listcomp>", "<dictcomp>", "<setcomp>"}
#: The warm calls after the first. Several, since an answer may need one poll or more.
CALLS: Final = 3


class Trace:
    """The functions that the calls passed through, and the frames above the request for results."""

    def __init__(self) -> None:
        self.functions: dict[tuple[str, str], None] = {}
        self.stack: list[str] = []
        self.frames = 0

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """Record a call; a profile function of ``sys.setprofile``."""
        if event != "call":
            return
        name = self._own_name(frame.f_code)
        if name is not None:
            self.functions[name] = None
        elif frame.f_code.co_name == "putrequest" and self._is_for_results(frame):
            stack, frames = self._stack_above(frame)
            self.stack, self.frames = max((self.stack, self.frames), (stack, frames), key=lambda it: it[1])

    @staticmethod
    def _own_name(code: CodeType) -> tuple[str, str] | None:
        path = Path(code.co_filename)
        is_class = not code.co_flags & inspect.CO_NEWLOCALS
        if is_class or code.co_name in UNNAMED or not path.is_relative_to(PACKAGE):
            return None
        return str(path.relative_to(PACKAGE)), code.co_qualname

    @staticmethod
    def _is_for_results(frame: FrameType) -> bool:
        given = frame.f_locals
        return given.get("method") == "GET" and "/results" in str(given.get("url"))

    def _stack_above(self, frame: FrameType) -> tuple[list[str], int]:
        stack: list[str] = []
        frames = 0
        caller: FrameType | None = frame
        while caller is not None and caller.f_code.co_name != main.__name__:
            frames += 1
            name = self._own_name(caller.f_code)
            if name is not None:
                stack.append(": ".join(name))
            caller = caller.f_back
        return stack[::-1], frames


def main() -> None:
    """Ask a sandbox the same question several times, and print what the calls passed through."""
    paths = {"warm": Trace(), "cold": Trace()}
    with Sandbox() as sandbox:
        cf.configure(**sandbox.connection)
        for call in range(1 + CALLS):
            sys.setprofile(paths["warm" if call else "cold"])
            try:
                cf.ask_df("list the top 5 countries with the most orders", engine="pandas")
            finally:
                sys.setprofile(None)
    found = {name: (list(path.functions), path.stack, path.frames) for name, path in paths.items()}
    print(json.dumps({"package": str(PACKAGE), "paths": found}))


if __name__ == "__main__":
    main()
