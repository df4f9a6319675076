"""Whether the outcome of a case is right.

The frame is compared with the case's own rows, the rest with what its scenario allows and what the sandbox
received.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connecty_frames import metadata
from connecty_frames.errors import AuthError, SubmissionUncertain
from tests.servers.timing import SLACK
from tests.verification.soak.scenarios import Ending

if TYPE_CHECKING:
    import pyarrow as pa

    from tests.verification.soak.asker import CallOutcome
    from tests.verification.soak.cases import Cell, SoakCase
    from tests.verification.soak.server_process import QuestionRecord

_UNAUTHORIZED: Final = 401
#: The row of the scenarios with unknown states.
_UNKNOWN_STATE_ROW: Final = 21

#: The type of each column.
_TYPES: Final = {"number": "int64", "name": "string", "day": "date32[day]", "ratio": "double"}


def check_frame(case: SoakCase, table: pa.Table) -> tuple[str | None, list[str]]:
    """Return the question id in a table's metadata, and the differences between the table and the case."""
    found = metadata(table)
    types = {field.name: str(field.type) for field in table.schema}
    columns = [column.to_pylist() for column in table.columns]
    expected_types, expected = _expected(case)
    problems = []
    if found is None or found.question != case.question:
        problems.append(f"the table has other metadata: {found}")
    if types != expected_types:
        problems.append(f"the types are {types} instead of {expected_types}")
    elif repr(columns) != repr(expected):  # as text, for NaN is not equal to itself
        problems.append(f"the values are {columns} instead of {expected}")
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


def _expected(case: SoakCase) -> tuple[dict[str, str], list[list[Cell]]]:
    types = {name: _TYPES[name] for name in case.columns}
    columns = [list(column) for column in zip(*case.rows, strict=True)]
    value = case.scenario.last_value
    if isinstance(value, str):
        types[case.columns[-1]] = "string"
        columns[-1] = [None if cell is None else str(cell) for cell in columns[-1]]
    if value is not None:
        columns[-1][0] = value
    return types, columns
