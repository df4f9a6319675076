"""Base modules for all others; here is only what the root package imports: the version, and lazy names."""

from __future__ import annotations

import sys

__version__ = "0.1.0"

TYPE_CHECKING = not __name__  # as in the root package, whose import must be fast
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def lazy_getattr(
    package: str, modules: Mapping[str, str], hints: Mapping[str, str] | None = None
) -> Callable[[str], Any]:
    """Return the ``__getattr__`` (PEP 562) of a package from the module of each name, relative to it."""

    def load(name: str) -> Any:
        if name not in modules:
            hint = (hints or {}).get(name, "")
            raise AttributeError(f"module {package!r} has no attribute {name!r}{hint}")
        module = f"{package}.{modules[name]}"
        __import__(module)  # importlib would take longer to import
        found = getattr(sys.modules[module], name)
        setattr(sys.modules[package], name, found)
        return found

    return load
