"""What each Python that a test starts does first: it finds the mutant, or records its lines.

It is on the path of modules of these processes. Variables of the environment say what is to be done.
"""

from __future__ import annotations

import atexit
import importlib
import marshal
import os
import sys
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType


class Finder:
    """Finds one module, whose code is given."""

    def __init__(self, name: str, code: CodeType) -> None:
        self._name, self._code = name, code

    def find_spec(
        self, name: str, path: Sequence[str] | None, _: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module's spec, if it is that module."""
        if name != self._name:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = Loader(name, spec.loader.path)
            spec.loader.code = self._code
        return spec


class Loader(SourceFileLoader):
    """Loads the code that is given."""

    code: CodeType

    def get_code(self, _: str) -> CodeType:
        """Return that code."""
        return self.code


def _record(package: str, path: str) -> None:
    import coverage

    recording = coverage.Coverage(path, data_suffix=True, auto_data=True, config_file=False, source=[package])
    recording.set_option("run:disable_warnings", ["no-data-collected", "module-not-imported"])
    recording.start()
    data = recording.get_data()
    # Read at the end, before coverage.py saves: a forked command has the environment of another test.
    atexit.register(lambda: data.set_context(os.environ["MUTATE_TEST"]))


if __name__ == "sitecustomize":
    if mutant := os.environ.get("MUTATE_MUTANT"):
        name, code = marshal.loads(Path(mutant).read_bytes())  # noqa: S302 - the run wrote it
        sys.meta_path.insert(0, Finder(name, code))
    elif "MUTATE_TEST" in os.environ:
        _record(os.environ["MUTATE_PACKAGE"], os.environ["MUTATE_DATA"])
    # The next module of this name, if there is one.
    sys.path.remove(str(Path(__file__).parent))
    itself = sys.modules.pop(__name__)
    with suppress(ImportError):
        importlib.import_module(__name__)
    sys.modules.setdefault(__name__, itself)
