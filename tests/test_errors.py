"""The tree of errors and warnings, and their attributes."""

import copy
import inspect
import pickle
import subprocess
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames import errors
from tests.cases import cases

MOMENT = datetime(2025, 11, 5, 12, 0, tzinfo=UTC)
QUESTION_ID = "729cb7a4-4b06-449e-a3c9-df40f5e570b8"
OF_A_QUESTION: dict[str, Any] = {
    "question_id": QUESTION_ID,
    "question": "how many?",
    "dw_id": 13,
    "state": "FAILED",
    "asked_at": MOMENT,
    "details": {"error": "no"},
}
OF_AN_ANSWER: dict[str, Any] = {
    "question_id": QUESTION_ID,
    "status": 404,
    "request_id": "r-1",
    "text": "no such",
}
OF_A_BODY: dict[str, Any] = {
    "question_id": QUESTION_ID,
    "host": "h:443",
    "content_type": "text/html",
    "snippet": "<html>",
}
#: The parents and attributes of each error.
ERRORS: dict[str, tuple[tuple[type[BaseException], ...], dict[str, Any]]] = {
    "ConnectyError": ((Exception,), {"question_id": QUESTION_ID}),
    "ConfigError": ((errors.ConnectyError, ValueError), {"setting": "tz", "question_id": QUESTION_ID}),
    "ConnectionFailed": (
        (errors.ConnectyError,),
        {"host": "h:443", "phase": "tls", "question_id": QUESTION_ID},
    ),
    "AuthError": ((errors.ConnectyError,), {"status": 401, "question_id": QUESTION_ID}),
    "APIError": ((errors.ConnectyError,), OF_AN_ANSWER),
    "NotFoundError": ((errors.APIError,), OF_AN_ANSWER),
    "RateLimitError": ((errors.APIError,), {**OF_AN_ANSWER, "status": 429, "retry_after": 2.5}),
    "ServerError": ((errors.APIError,), {**OF_AN_ANSWER, "status": 503}),
    "ResponseError": ((errors.ConnectyError,), OF_A_BODY),
    "ResponseTooLarge": ((errors.ResponseError,), OF_A_BODY),
    "QuestionError": ((errors.ConnectyError,), OF_A_QUESTION),
    "QuestionFailed": ((errors.QuestionError,), OF_A_QUESTION),
    "QuestionLimitError": (
        (errors.QuestionError,),
        {**OF_A_QUESTION, "next_at": datetime(2026, 2, 1, tzinfo=UTC)},
    ),
    "QuestionTimeout": ((errors.QuestionError, TimeoutError), OF_A_QUESTION),
    "NoTableError": (
        (errors.QuestionError,),
        {**OF_A_QUESTION, "response_summary": "Nothing.", "sql_query": "SELECT 1"},
    ),
    "SubmissionUncertain": ((errors.QuestionError,), OF_A_QUESTION),
    "WriteFailed": ((errors.ConnectyError, OSError), {"errno": 28, "question_id": QUESTION_ID}),
    "ConversionError": (
        (errors.ConnectyError,),
        {"column": "c", "row": 7, "value": "x", "question_id": QUESTION_ID},
    ),
    "TruncatedError": ((errors.ConnectyError,), {"rows": 3, "total_rows": 100, "question_id": QUESTION_ID}),
    "QueryRefused": ((errors.ConnectyError,), {"question_id": QUESTION_ID}),
    "PinChanged": (
        (errors.ConnectyError,),
        {"name": "sales", "changes": ("There are 2 rows.",), "question_id": QUESTION_ID},
    ),
}
WARNINGS = {
    *("TruncationWarning", "TypeFidelityWarning", "ColumnNameWarning", "StatisticsWarning"),
    *("ProtocolWarning", "UnknownStateWarning", "InsecureWarning", "HistoryWarning", "PinWarning"),
}


def classes(root: type[BaseException]) -> set[str]:
    return {name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, root)}


@cases("name", ERRORS)
def test_an_error(name: str) -> None:
    """Its parents are those of the tree, each keyword is an attribute, and only the message is needed."""
    kind: Any = getattr(errors, name)
    parents, facts = ERRORS[name]
    error, bare = kind("what, where, what to do", **facts), kind("message")
    assert kind.__bases__ == parents
    assert str(error) == "what, where, what to do"
    assert {fact: getattr(error, fact) for fact in facts} == facts
    assert bare.question_id is None
    if isinstance(bare, errors.QuestionError):
        assert (bare.question, bare.dw_id, bare.state, bare.asked_at) == (None, None, None, None)
        assert bare.details == {}


def test_there_are_no_other_errors_and_warnings() -> None:
    """A new one belongs in these tests. One filter matches all warnings, and Python shows them by default."""
    assert classes(errors.ConnectyError) == set(ERRORS)
    assert classes(Warning) == {"ConnectyWarning"} | WARNINGS
    parents = {name: getattr(errors, name).__bases__ for name in WARNINGS}
    assert parents.pop("UnknownStateWarning") == (errors.ProtocolWarning,)
    assert set(parents.values()) == {(errors.ConnectyWarning,)}
    assert issubclass(errors.ConnectyWarning, UserWarning)


@cases("name", ERRORS)
@cases("again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_an_error_survives_a_pickle_and_a_copy(name: str, again: Any) -> None:
    """With class, message, attributes and notes."""
    facts = ERRORS[name][1]
    error = getattr(errors, name)("message", **facts)
    error.add_note("note")
    found = again(error)
    assert type(found) is type(error)
    assert str(found) == "message"
    assert {fact: getattr(found, fact) for fact in facts} == facts
    assert found.__notes__ == ["note"]


def test_a_hint_is_the_end_of_the_message() -> None:
    """Also after a pickle, and in a warning."""
    error = errors.ConfigError("No dw_id.", hint="Set dw_id=.", shell_hint="Give --dw-id.", setting="dw_id")
    again = pickle.loads(pickle.dumps(error))
    warning = errors.TruncationWarning("3 of 5;", hint="max_rows=None", shell_hint="--max-rows all")
    for each in (error, again):
        assert (str(each), each.hint, each.shell_hint) == (
            "No dw_id. Set dw_id=.",
            "Set dw_id=.",
            "Give --dw-id.",
        )
    assert (str(warning), warning.shell_hint) == ("3 of 5; max_rows=None", "--max-rows all")


def test_the_status_of_a_rate_limit() -> None:
    """It is that of the HTTP status, and no other keyword is taken."""
    assert errors.RateLimitError("message").status == 429
    unknown: dict[str, Any] = {"stats": 429}
    with pytest.raises(TypeError, match="RateLimitError has no keyword 'stats'"):
        errors.RateLimitError("message", **unknown)


def test_details_are_copied() -> None:
    """Changing the dict later does not change the error."""
    details = {"error": "no"}
    error = errors.QuestionFailed("message", details=details)
    details["error"] = "yes"
    assert error.details == {"error": "no"}


def test_a_warning_points_at_the_line_of_the_caller(golden: Path) -> None:
    """At the call in this file, not at a line of the package."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        cf.Answer.from_json(golden / "login_timestamps.json")  # the line
    assert [(warning.category, warning.filename) for warning in seen] == [(cf.TruncationWarning, __file__)]
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    assert "# the line" in lines[seen[0].lineno - 1]


@pytest.mark.slow
def test_a_folder_whose_name_begins_like_the_package(tmp_path: Path, golden: Path) -> None:
    """A project connecty_frames_reports beside the package is a caller."""
    package = tmp_path / "connecty_frames"
    package.symlink_to(errors.__file__.rpartition("/")[0])
    user = tmp_path / "connecty_frames_reports.py"
    user.write_text(
        "import warnings\n"
        "from connecty_frames import Answer\n"
        "def report():\n"
        f"    Answer.from_json({str(golden / 'login_timestamps.json')!r})\n"
        "with warnings.catch_warnings(record=True) as seen:\n"
        "    warnings.simplefilter('always')\n"
        "    report()\n"
        "print(seen[0].filename, seen[0].lineno)\n"
    )

    shown = subprocess.run([sys.executable, user], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert shown.stdout.split() == [str(user), "4"]


def test_a_warning_that_is_an_error_is_raised() -> None:
    """With the filter ``error``, as in this project's tests."""
    with pytest.raises(errors.StatisticsWarning, match="they differ"):
        errors.warn(errors.StatisticsWarning("they differ"))
