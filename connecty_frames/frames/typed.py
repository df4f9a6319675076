"""A type that is Any to mypy alone, which the types of returned frames in ``accessor`` need.

``docs/design/frames.md`` says why. This is its own module, since pyright does not resolve a name that has two
declarations within their module.
"""

from __future__ import annotations

from typing import Any, Final, Never, TypeAlias

#: mypy takes a constant of this name for true, whatever its value.
MYPY: Final = False

if MYPY:
    AnyInMypy: TypeAlias = Any
else:
    AnyInMypy: TypeAlias = Never
