"""The functions of ``pyarrow.compute``, mostly without its import.

It makes a Python function of each of Arrow's 300, with a signature and a docstring, which takes a tenth of
the imports of a first question. Here a function calls Arrow's own, which is found when it is first used. What
small answers seldom need is left to ``pyarrow.compute``: functions with options, and those written in Python.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

try:  # where pyarrow.compute has these public names from
    from pyarrow._compute import CastOptions, MatchSubstringOptions, TakeOptions, call_function, get_function
except ImportError:  # another version may have them elsewhere
    from pyarrow.compute import CastOptions, MatchSubstringOptions, TakeOptions, call_function, get_function

if TYPE_CHECKING:
    import pyarrow as pa


def cast(values: Any, type_: pa.DataType, *, safe: bool = True, memory_pool: Any = None) -> Any:
    """Return an array, chunked array or scalar in another type, as ``pyarrow.compute.cast`` does."""
    options = CastOptions.safe(type_) if safe else CastOptions.unsafe(type_)
    return call_function("cast", [values], options, memory_pool)


def take(values: Any, indices: Any, *, boundscheck: bool = True, memory_pool: Any = None) -> Any:
    """Return the values at some places, as ``pyarrow.compute.take`` does."""
    return call_function("take", [values, indices], TakeOptions(boundscheck=boundscheck), memory_pool)


def match_substring_regex(texts: Any, pattern: str) -> Any:
    """Return True for each text with a match of a pattern."""
    return call_function("match_substring_regex", [texts], MatchSubstringOptions(pattern))


def _make_caller(name: str) -> Callable[..., Any]:
    """Return a function of Arrow by its name in ``pyarrow.compute``, where no keyword is one of Python."""
    function = get_function(name.removesuffix("_"))
    most_arrays = math.inf if function.arity is ... else function.arity

    def call(*arrays: Any, memory_pool: Any = None, **options: Any) -> Any:
        if options or len(arrays) > most_arrays:
            return getattr(import_module("pyarrow.compute"), name)(
                *arrays, memory_pool=memory_pool, **options
            )
        return function.call(arrays, None, memory_pool)

    return call


def __getattr__(name: str) -> Any:
    try:
        found = _make_caller(name)
    except KeyError:  # a function of Python's own
        found = getattr(import_module("pyarrow.compute"), name)
    globals()[name] = found
    return found
