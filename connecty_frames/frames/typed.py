"""A type that is Any to mypy alone, which the types of returned frames in ``accessor`` need.

mypy fixes the type of a variable at its first assignment. If that is a class derived from DataFrame, mypy
refuses a later ``df = df.groupby(...).sum()``; if it is a union with Any, it does not. Others do not need it,
and are more exact without. This is its own module, since pyright does not resolve a name that has two
declarations within their module. ``docs/design/frames.md`` has the measurements.
"""

from __future__ import annotations

from typing import Any, Final, Never, TypeAlias

#: mypy takes a constant of this name for true, whatever its value.
MYPY: Final = False

if MYPY:
    AnyInMypy: TypeAlias = Any
else:
    AnyInMypy: TypeAlias = Never
