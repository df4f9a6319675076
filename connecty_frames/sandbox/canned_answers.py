"""Canned answers: tables, saved responses and failures that a user sets for single questions.

They take precedence over the answerer. Case, extra whitespace and a final ``?``, ``.`` or ``!`` are ignored.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import msgspec

from connecty_frames._base.text import snippet
from connecty_frames.errors import ConfigError, ConnectyError, QuestionFailed
from connecty_frames.protocol import State
from connecty_frames.sandbox.catalogue import Plan
from connecty_frames.sandbox.results import QueryResult


@dataclass(frozen=True, slots=True)
class CannedAnswer:
    """The outcome of a question: completed with these components, or failed with an error."""

    sql: str | None = None
    summary: str | None = None
    result: QueryResult | None = None
    error: str | None = None


class CannedAnswers:
    """The canned answers of a sandbox by question; any thread may set them while questions are answered."""

    def __init__(self, answers: Mapping[str, object]) -> None:
        self._answers: dict[str, CannedAnswer] = {}
        if not isinstance(answers, Mapping):
            raise ConfigError(
                f"answers is of type {type(answers).__name__}; expected a dict of questions and answers.",
                setting="answers",
            )
        for number, (question, value) in enumerate(answers.items(), start=1):
            self.set(question, value)
            if len(self._answers) < number:
                raise ConfigError(
                    f"answers has the words {snippet(question)!r} twice: one question has one answer.",
                    setting="answers",
                )
        self._initial = dict(self._answers)

    def set(
        self, question: str, value: object, *, sql: str | None = None, summary: str | None = None
    ) -> None:
        """Set the answer to a question, replacing an earlier one; see :meth:`Sandbox.answer`."""
        words = _words(question) if isinstance(question, str) else ""
        if not words:
            raise ConfigError(
                f"answers: expected a question in words, got {snippet(repr(question))}.", setting="answers"
            )
        try:
            answer = self._read(value, sql, summary)
        except ConfigError as error:
            raise ConfigError(
                f"The answer to {snippet(question)!r} cannot be used. {error}", setting="answers"
            ) from error
        self._answers[words] = answer

    def find(self, question: str) -> CannedAnswer | None:
        """Return the answer to a question, or None if none was set."""
        return self._answers.get(_words(question)) if self._answers else None

    def reset(self) -> None:
        """Restore the initial answers."""
        self._answers = dict(self._initial)

    def _read(self, value: Any, sql: str | None, summary: str | None) -> CannedAnswer:
        for name, text in (("sql", sql), ("summary", summary)):
            # Lone surrogates cannot be sent.
            if text is not None and (not isinstance(text, str) or re.search("[\ud800-\udfff]", text)):
                raise ConfigError(f"{name}={snippet(repr(text))}: expected text.")
        # Recognise an Answer by its methods, because the sandbox imports nothing from the client.
        saved = value if isinstance(value, bytes) else getattr(value, "response", None)
        is_saved, error = isinstance(saved, bytes), _failure(value)
        if (is_saved or error is not None) and (sql, summary) != (None, None):
            raise ConfigError("sql= and summary= are for a table or None: any other answer has its own.")
        if isinstance(saved, bytes):
            return _replay(saved)
        if error is not None:
            return CannedAnswer(error=error)
        if value is None and summary is None:
            raise ConfigError("An answer of None has no table: give its text as summary='...'.")
        if not (value is None or isinstance(value, list) or hasattr(value, "__arrow_c_stream__")):
            raise ConfigError(
                f"It is of type {type(value).__name__}; expected a frame or a list of dicts (a table), an "
                "Answer or the bytes of a saved response (replayed), an exception (the question fails), or "
                "None (a summary without a table)."
            )
        result = None
        if value is not None:
            from connecty_frames.sandbox.arrow_tables import read_frame  # which imports pyarrow

            result = read_frame(value)
        plan = Plan(sql, "Number of rows: {rows}." if summary is None else summary)
        return CannedAnswer(sql, plan.summarise(result), result)


def _words(question: str) -> str:
    return " ".join(unicodedata.normalize("NFC", question).casefold().split()).rstrip(" ?.!")


def _failure(value: object) -> str | None:
    kind = value if isinstance(value, type) else type(value)
    if not issubclass(kind, Exception):
        return None
    if issubclass(kind, ConnectyError) and not issubclass(kind, QuestionFailed):
        raise ConfigError(
            f"{kind.__name__} is not the answer to a question. A fault makes the service cause it: "
            "sandbox.faults.add(Fault(...)). QuestionFailed makes the question fail."
        )
    # A message may quote a file name with bytes that are not text.
    text = "" if isinstance(value, type) else str(value).encode(errors="backslashreplace").decode()
    if kind is QuestionFailed:
        return text or "this question fails, as set"
    return f"{kind.__name__}: {text}" if text else kind.__name__


class _Results(msgspec.Struct):
    """The results of a saved response; rows and statistics stay as received."""

    response_summary: str | None = None
    sql_query: str | None = None
    dataframe: list[msgspec.Raw] | None = None
    dataframe_stats: msgspec.Raw = msgspec.Raw(b"null")


class _Response(msgspec.Struct):
    state: str
    results: _Results = msgspec.field(default_factory=_Results)
    error: Any = None


def _replay(body: bytes) -> CannedAnswer:
    try:
        response = msgspec.json.decode(body, type=_Response)
        results = response.results
        result = None
        if results.dataframe is not None:
            header, *rows = results.dataframe
            columns = msgspec.json.decode(header, type=tuple[str | None, ...])
            texts = list(map(bytes, rows))
            # Each row ends before the comma that separates it from the next.
            ends = [end + position for position, end in enumerate(accumulate(map(len, texts)))]
            statistics = bytes(results.dataframe_stats).removeprefix(b"null")
            result = QueryResult(columns, b",".join(texts), array("Q", ends), statistics)
    except (msgspec.DecodeError, UnicodeError, ValueError, RecursionError) as error:
        raise ConfigError(f"It is not a saved response of results in JSON: {error}") from error
    if response.state == State.FAILED:
        return CannedAnswer(error=response.error if isinstance(response.error, str) else body.decode())
    if response.state != State.COMPLETED:
        raise ConfigError(f"It is the response of a question that was {snippet(response.state)}.")
    return CannedAnswer(results.sql_query, results.response_summary, result)
