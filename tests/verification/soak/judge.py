"""Whether what became of a case is right.

The frame is held against the case's own rows, the rest against what its kind allows and the other end saw.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from connecty_frames import metadata
from connecty_frames.errors import AuthError
from tests.verification.soak.kinds import End

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from tests.verification.soak.asking import Outcome
    from tests.verification.soak.cases import Case, Cell
    from tests.verification.soak.far_end import Evidence

__all__ = ["SLACK", "differences", "problems"]

#: What may pass between a deadline and the end of its call, in seconds.
SLACK: Final = 0.25
_UNAUTHORIZED: Final = 401
#: The row of states that nobody expects.
_STATES: Final = 21

#: The type of each column in each library.
_TYPES: Final = {
    "pandas": {
        "number": "Int64",
        "name": "string",
        "day": "datetime64[s]",
        "moment": "datetime64[us, UTC]",
        "ratio": "Float64",
    },
    "polars": {
        "number": "Int64",
        "name": "String",
        "day": "Date",
        "moment": "Datetime(time_unit='us', time_zone='UTC')",
        "ratio": "Float64",
    },
    "pyarrow": {
        "number": "int64",
        "name": "string",
        "day": "date32[day]",
        "moment": "timestamp[us, tz=UTC]",
        "ratio": "double",
    },
}


def differences(case: Case, frame: Any) -> tuple[str | None, list[str]]:
    """Give the id on a frame, and what in it is not what the case says."""
    known = metadata(frame)
    types, columns = _READERS[case.engine](frame)
    found = []
    if known is None or known.question != case.question:
        found.append(f"the metadata of the frame is {known}")
    if types != _types(case):
        found.append(f"the types are {types} instead of {_types(case)}")
    elif repr(columns) != repr(_columns(case)):  # as text, for NaN is not equal to itself
        found.append(f"the values are {columns} instead of {_columns(case)}")
    return (None if known is None else known.question_id), found


def problems(case: Case, outcome: Outcome, evidence: Evidence) -> list[str]:
    """Give all that is wrong with what became of a case."""
    kind, found = case.kind, list(outcome.problems)
    end = End(outcome.error, outcome.question_id is not None, len(evidence.ids))
    if end not in kind.ends and not _met_two_expiries(end, evidence):
        found.append(f"it ended as {_said(end)} instead of {' or '.join(map(_said, kind.ends))}")
    if outcome.question_id not in (None, *evidence.ids):
        found.append(f"the id {outcome.question_id} is none of {evidence.ids}")
    # A look that is refused since a token expired uses up a state that was to be sent.
    unsent = kind.row == _STATES and _UNAUTHORIZED in evidence.looked_at
    allowed = {kind.warns, ()} if kind.slow or unsent else {kind.warns}
    if outcome.error is not AuthError and outcome.warned not in allowed:
        found.append(f"the warnings are {outcome.warned} instead of {kind.warns}")
    if evidence.arrived > 1 or len(evidence.ids) > 1:
        found.append(f"it arrived {evidence.arrived} times and was accepted {len(evidence.ids)} times")
    if case.timeout is not None:
        over = outcome.took - case.timeout
        if not 0 <= over <= SLACK + outcome.overslept:
            found.append(
                f"with {case.timeout:.3f} s it took {outcome.took:.3f} s, while this machine overslept"
                f" {outcome.overslept:.3f} s"
            )
    return found


def _met_two_expiries(end: End, evidence: Evidence) -> bool:
    """Whether a call met two tokens that others had let expire; one new token is all that is tried.

    It has the id where there is one to have.
    """
    refused = max(evidence.asked.count(_UNAUTHORIZED), evidence.looked_at.count(_UNAUTHORIZED))
    return end.error is AuthError and refused > 1 and end.known == bool(end.accepted)


def _said(end: End) -> str:
    name = "the right frame" if end.error is None else end.error.__name__
    return f"{name} ({'with' if end.known else 'without'} an id, accepted {end.accepted} times)"


def _types(case: Case) -> dict[str, str]:
    """Give the types that are due."""
    types = {name: _TYPES[case.engine][name] for name in case.columns}
    if isinstance(case.kind.cell, str):
        types[case.columns[-1]] = _TYPES[case.engine]["name"]
    return types


def _columns(case: Case) -> list[list[Cell]]:
    """Give the columns that are due."""
    columns = [list(column) for column in zip(*case.rows, strict=True)]
    if isinstance(case.kind.cell, str):
        columns[-1] = [None if value is None else str(value) for value in columns[-1]]
    if case.kind.cell is not None:
        columns[-1][0] = case.kind.cell
    return columns


def _pandas(frame: pd.DataFrame) -> tuple[dict[str, str], list[list[Cell]]]:
    types = {str(name): str(dtype) for name, dtype in frame.dtypes.items()}
    columns = [[_plain(value) for value in frame[name].tolist()] for name in frame.columns]
    if "day" in types:  # pandas has no type for a date alone
        position = list(frame.columns).index("day")
        columns[position] = [_day(value) for value in columns[position]]
    return types, columns


def _polars(frame: pl.DataFrame) -> tuple[dict[str, str], list[list[Cell]]]:
    types = {name: str(dtype) for name, dtype in frame.schema.items()}
    return types, [[_plain(value) for value in column.to_list()] for column in frame.get_columns()]


def _pyarrow(table: pa.Table) -> tuple[dict[str, str], list[list[Cell]]]:
    types = {column.name: str(column.type) for column in table.schema}
    return types, [[_plain(value) for value in column.to_pylist()] for column in table.columns]


_READERS: Final[dict[str, Any]] = {"pandas": _pandas, "polars": _polars, "pyarrow": _pyarrow}


def _plain(value: Any) -> Cell:
    """Give a value as Python itself has it, an instant in UTC."""
    if value is pd.NA or value is pd.NaT or value is None:
        return None
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime()
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    plain: Cell = value
    return plain


def _day(value: Cell) -> date | None:
    """Give the date of a midnight; what is none stays as it is, to be found wrong."""
    midnight = isinstance(value, datetime) and value.time() == time()
    return value.date() if midnight else value  # type: ignore[union-attr, return-value]
