"""A type that is Any only to mypy, for the types of returned frames in ``accessor``.

``docs/design/frames.md`` says why. It is in a separate module, because pyright does not resolve a name with
two declarations inside their own module.
"""

from __future__ import annotations

from typing import Any, Final, Never, TypeAlias

#: mypy takes a constant of this name for true.
MYPY: Final = False

if MYPY:
    AnyInMypy: TypeAlias = Any
else:
    AnyInMypy: TypeAlias = Never
