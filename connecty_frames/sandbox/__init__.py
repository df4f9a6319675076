"""ConnectyAI's Public API, served over HTTP from an embedded DuckDB.

Use it to try the library, to develop offline and in tests. :class:`Sandbox` is the service. An
:class:`Answerer`, which returns a :class:`Plan` for each question, can replace the way it reads questions. A
:class:`Fault` makes it misbehave. Its :class:`RequestLog` has the requests it received.

Each name is loaded when it is first used (PEP 562), because its module imports a server. Without the extra
``sandbox``, a name that needs it raises ConfigError.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from connecty_frames._base import lazy_getattr
from connecty_frames.errors import missing_extra

if TYPE_CHECKING:
    from connecty_frames.sandbox.catalogue import Answerer, Plan
    from connecty_frames.sandbox.faults import Fault, Faults
    from connecty_frames.sandbox.request_log import AskedQuestion, RequestLog, SeenRequest
    from connecty_frames.sandbox.sandbox import Connection, Sandbox

__all__ = [
    "Answerer",
    "AskedQuestion",
    "Connection",
    "Fault",
    "Faults",
    "Plan",
    "RequestLog",
    "Sandbox",
    "SeenRequest",
]

_load = lazy_getattr(
    __name__,
    {
        **dict.fromkeys(("Answerer", "Plan"), "catalogue"),
        **dict.fromkeys(("Fault", "Faults"), "faults"),
        **dict.fromkeys(("AskedQuestion", "RequestLog", "SeenRequest"), "request_log"),
        **dict.fromkeys(("Connection", "Sandbox"), "sandbox"),
    },
)


if not TYPE_CHECKING:  # otherwise type checkers would accept any name

    class _Module(ModuleType):
        def __call__(self, *_: object, **_named: object) -> NoReturn:
            raise TypeError("'module' object is not callable; use cf.use_sandbox()")

    sys.modules[__name__].__class__ = _Module

    def __getattr__(name: str) -> Any:
        try:
            return _load(name)
        except ModuleNotFoundError as error:
            raise missing_extra("sandbox", "The sandbox needs", error) from None


def __dir__() -> list[str]:
    return sorted(__all__)
