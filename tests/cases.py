"""Many cases in one test: for tables that need no fixture of their own in each row."""

from __future__ import annotations

import functools
import inspect
import reprlib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def cases(
    names: str | tuple[str, ...], table: Iterable[Any], ids: Any = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test for every row of a table, as ``pytest.mark.parametrize`` does, but as a single test.

    A test of its own costs each process a millisecond or two to collect and to run, which is more than most
    cases take. All rows are run, and each one that fails is reported.
    """
    keys = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    rows = [row if isinstance(row, tuple) and len(keys) > 1 else _values(row, len(keys)) for row in table]
    labels = [str(ids(row[0])) for row in rows] if callable(ids) else list(ids or ())

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(*args: Any, **fixtures: Any) -> None:
            failures: list[BaseException] = []
            skipped: list[BaseException] = []
            for at, row in enumerate(rows):
                try:
                    test(*args, **fixtures, **dict(zip(keys, row, strict=True)))
                except pytest.skip.Exception as error:
                    skipped.append(error)
                except (Exception, pytest.fail.Exception) as error:
                    error.add_note(f"in case {labels[at] if labels else ', '.join(map(reprlib.repr, row))}")
                    failures.append(error)
            if len(failures) > 1:
                raise BaseExceptionGroup(f"{len(failures)} of {len(rows)} cases failed", failures)
            if failures or (skipped and len(skipped) == len(rows)):
                raise (failures or skipped)[0]

        plain = inspect.signature(test)
        own = [parameter for name, parameter in plain.parameters.items() if name not in keys]
        run.__signature__ = plain.replace(parameters=own)  # type: ignore[attr-defined]
        return run

    return decorate


def _values(row: Any, count: int) -> tuple[Any, ...]:
    """Return a row as a tuple; one with marks or an id is pytest's own."""
    if isinstance(row, type(pytest.param())):
        assert not row.marks, "a case has no marks of its own"
        return tuple(row.values)
    return tuple(row) if count > 1 else (row,)
