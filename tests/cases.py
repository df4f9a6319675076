"""Many cases in one test: for tables whose rows need no fixture of their own."""

import functools
import inspect
import reprlib
from collections.abc import Callable, Iterable
from typing import Any

import pytest


def cases(names: str | tuple[str, ...], table: Iterable[Any], ids: Any = None) -> Callable[[Any], Any]:
    """Run a test, or each of a class, for every row of a table: ``pytest.mark.parametrize`` in a single test.

    A test of its own costs each process a millisecond or two to collect and to run, which is more than most
    rows take. All rows are run, and each one that fails is reported.
    """
    keys = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    rows = [dict(zip(keys, _values(row, len(keys)), strict=True)) for row in table]
    labels = (
        list(ids or ()) if not callable(ids) else [" ".join(map(str, map(ids, row.values()))) for row in rows]
    )

    def decorate(test: Any) -> Any:
        if inspect.isclass(test):
            for name in [name for name in vars(test) if name.startswith("test_")]:
                setattr(test, name, decorate(getattr(test, name)))
            return test

        @functools.wraps(test)
        def run(*args: Any, **fixtures: Any) -> None:
            _run(functools.partial(test, *args, **fixtures), rows, labels)

        signature = inspect.signature(test)
        own = [parameter for name, parameter in signature.parameters.items() if name not in keys]
        run.__signature__ = signature.replace(parameters=own)  # type: ignore[attr-defined]
        return run

    return decorate


def _values(row: Any, count: int) -> tuple[Any, ...]:
    """Return the values of a row, which may have an id but no marks."""
    if isinstance(row, type(pytest.param())):
        assert not row.marks
        return tuple(row.values)
    return tuple(row) if count > 1 else (row,)


def _run(test: Callable[..., None], rows: list[dict[str, Any]], labels: list[str]) -> None:
    """Run a test for all rows; it is skipped if it is for each."""
    failures: list[BaseException] = []
    skipped: list[BaseException] = []
    for at, row in enumerate(rows):
        try:
            test(**row)
        except pytest.skip.Exception as error:
            skipped.append(error)
        except (Exception, pytest.fail.Exception) as error:
            error.add_note(f"in case {labels[at] if labels else ', '.join(map(reprlib.repr, row.values()))}")
            failures.append(error)
    if len(failures) > 1:
        raise BaseExceptionGroup(f"{len(failures)} of {len(rows)} cases failed", failures)
    if failures or (skipped and len(skipped) == len(rows)):
        raise (failures or skipped)[0]
