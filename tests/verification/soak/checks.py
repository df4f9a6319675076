"""Whether the outcome of a case is right.

The frame is compared with the case's own rows, the rest with what its scenario allows and what the sandbox
received.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from connecty_frames import metadata
from connecty_frames.errors import AuthError, SubmissionUncertain
from tests.servers.timing import SLACK
from tests.verification.soak.scenarios import Ending

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from tests.verification.soak.asker import CallOutcome
    from tests.verification.soak.cases import Cell, SoakCase
    from tests.verification.soak.server_process import QuestionRecord

__all__ = ["check_frame", "check_outcome"]

_UNAUTHORIZED: Final = 401
#: The row of the scenarios with unknown states.
_UNKNOWN_STATE_ROW: Final = 21

#: The type of each column in each library.
_TYPES: Final = {
    "pandas": {
        "number": "Int64",
        "name": "string",
        "day": "datetime64[s]",
        "instant": "datetime64[us, UTC]",
        "ratio": "Float64",
    },
    "polars": {
        "number": "Int64",
        "name": "String",
        "day": "Date",
        "instant": "Datetime(time_unit='us', time_zone='UTC')",
        "ratio": "Float64",
    },
    "pyarrow": {
        "number": "int64",
        "name": "string",
        "day": "date32[day]",
        "instant": "timestamp[us, tz=UTC]",
        "ratio": "double",
    },
}


def check_frame(case: SoakCase, frame: Any) -> tuple[str | None, list[str]]:
    """Return the question id in a frame's metadata, and the differences between the frame and the case."""
    found = metadata(frame)
    types, columns = _READERS[case.engine](frame)
    problems = []
    if found is None or found.question != case.question:
        problems.append(f"the frame has other metadata: {found}")
    if types != _expected_types(case):
        problems.append(f"the types are {types} instead of {_expected_types(case)}")
    elif repr(columns) != repr(_expected_columns(case)):  # as text, for NaN is not equal to itself
        problems.append(f"the values are {columns} instead of {_expected_columns(case)}")
    return (None if found is None else found.question_id), problems


def check_outcome(case: SoakCase, outcome: CallOutcome, record: QuestionRecord) -> list[str]:
    """Return all that is wrong with the outcome of a case."""
    scenario, problems = case.scenario, list(outcome.problems)
    ending = Ending(outcome.error, outcome.question_id is not None, len(record.ids))
    excused = _had_two_expired_tokens(ending, record) or _was_rejected_before_fault(case, ending, record)
    if ending not in scenario.endings and not excused:
        problems.append(
            f"it ended as {_describe(ending)} instead of {' or '.join(map(_describe, scenario.endings))}"
        )
    if outcome.question_id not in (None, *record.ids):
        problems.append(f"the id {outcome.question_id} is none of {record.ids}")
    # A poll that is rejected for an expired token uses up the unknown state that was to be sent.
    not_sent = scenario.row == _UNKNOWN_STATE_ROW and _UNAUTHORIZED in record.polls
    allowed = {scenario.warnings, ()} if scenario.slow or not_sent else {scenario.warnings}
    if outcome.error is not AuthError and outcome.warned not in allowed:
        problems.append(f"the warnings are {outcome.warned} instead of {scenario.warnings}")
    if record.arrived > 1 or len(record.ids) > 1:
        problems.append(f"it arrived {record.arrived} times and was accepted {len(record.ids)} times")
    if case.timeout is not None:
        over = outcome.took - case.timeout
        if not 0 <= over <= SLACK + outcome.lateness:
            problems.append(
                f"with {case.timeout:.3f} s it took {outcome.took:.3f} s, while this machine was late by"
                f" {outcome.lateness:.3f} s"
            )
    return problems


def _had_two_expired_tokens(ending: Ending, record: QuestionRecord) -> bool:
    """Return whether a call was rejected for two tokens that expired; a call tries one new token only.

    Its AuthError must have the id of an accepted question.
    """
    refused = max(record.submissions.count(_UNAUTHORIZED), record.polls.count(_UNAUTHORIZED))
    return ending.error is AuthError and refused > 1 and ending.known == bool(ending.accepted)


def _was_rejected_before_fault(case: SoakCase, ending: Ending, record: QuestionRecord) -> bool:
    """Return whether a fault after the effect may have replaced a 401: then nothing was accepted.

    All threads share a token, which another case may have made expire. The client cannot know of the 401, so
    that it must report the same as after an accepted question, and send nothing again.
    """
    if ending.error is not SubmissionUncertain or ending.known or ending.accepted:
        return False
    return ending._replace(accepted=1) in case.scenario.endings and len(record.submissions) == 1


def _describe(ending: Ending) -> str:
    name = "the right frame" if ending.error is None else ending.error.__name__
    return f"{name} ({'with' if ending.known else 'without'} an id, accepted {ending.accepted} times)"


def _expected_types(case: SoakCase) -> dict[str, str]:
    """Return the expected types."""
    types = {name: _TYPES[case.engine][name] for name in case.columns}
    if isinstance(case.scenario.last_value, str):
        types[case.columns[-1]] = _TYPES[case.engine]["name"]
    return types


def _expected_columns(case: SoakCase) -> list[list[Cell]]:
    """Return the expected columns."""
    columns = [list(column) for column in zip(*case.rows, strict=True)]
    if isinstance(case.scenario.last_value, str):
        columns[-1] = [None if value is None else str(value) for value in columns[-1]]
    if case.scenario.last_value is not None:
        columns[-1][0] = case.scenario.last_value
    return columns


def _pandas(frame: pd.DataFrame) -> tuple[dict[str, str], list[list[Cell]]]:
    types = {str(name): str(dtype) for name, dtype in frame.dtypes.items()}
    columns = [[_python_value(value) for value in frame[name].tolist()] for name in frame.columns]
    if "day" in types:  # pandas has no type for a date alone
        position = list(frame.columns).index("day")
        columns[position] = [_date_of_midnight(value) for value in columns[position]]
    return types, columns


def _polars(frame: pl.DataFrame) -> tuple[dict[str, str], list[list[Cell]]]:
    types = {name: str(dtype) for name, dtype in frame.schema.items()}
    return types, [[_python_value(value) for value in column.to_list()] for column in frame.get_columns()]


def _pyarrow(table: pa.Table) -> tuple[dict[str, str], list[list[Cell]]]:
    types = {column.name: str(column.type) for column in table.schema}
    return types, [[_python_value(value) for value in column.to_pylist()] for column in table.columns]


_READERS: Final[dict[str, Any]] = {"pandas": _pandas, "polars": _polars, "pyarrow": _pyarrow}


def _python_value(value: Any) -> Cell:
    """Return the Python value of a cell, an instant in UTC."""
    if value is pd.NA or value is pd.NaT or value is None:
        return None
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime()
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    plain: Cell = value
    return plain


def _date_of_midnight(value: Cell) -> date | None:
    """Return the date of a midnight; any other value stays as it is and is found to differ."""
    midnight = isinstance(value, datetime) and value.time() == time()
    return value.date() if midnight else value  # type: ignore[union-attr, return-value]
