"""The questions of a batch, each with the key that identifies it in later calls."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from connecty_frames._base.text import snippet, value_text
from connecty_frames.asking.submission import question_body
from connecty_frames.errors import ConfigError
from connecty_frames.files import folded, name_problem


class Item(NamedTuple):
    """A question of a batch."""

    key: str  # a hash of the name, or of the text and the number of its earlier occurrences
    name: str | None
    question: str


def read_items(questions: object) -> list[Item]:
    """Check and return the questions that a caller passes; raises ConfigError."""
    items: list[Item] = []
    occurrences: Counter[str] = Counter()
    names: dict[str, str] = {}
    for position, given in enumerate(_values(questions), start=1):
        name, question = _pair(given, position)
        try:
            question_body(question)
        except ConfigError as error:
            raise _wrong(position, str(error)) from None
        if name is None:
            key = digest("question", question, occurrences[question])
            occurrences[question] += 1
        else:
            if problem := name_problem(name):
                raise _wrong(position, f"the name {snippet(name)!r} {problem}; parts are named after it.")
            key = digest("name", name)
            earlier = names.get(folded(name))
            names[folded(name)] = name
            if earlier is not None:
                reason = "occurs twice" if earlier == name else f"differs from {earlier!r} only in case"
                raise _wrong(position, f"the name {name!r} {reason}; choose another.")
        items.append(Item(key, name, question))
    return items


def digest(*parts: object) -> str:
    """Return a hash of texts and numbers."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _values(questions: object) -> Iterable[Any]:
    if hasattr(questions, "columns"):
        raise ConfigError(
            f"questions is a {type(questions).__name__}: pass its column of questions, or pairs of "
            'names and questions such as zip(frame["name"], frame["question"]).',
            setting="questions",
        )
    if isinstance(questions, Mapping):
        return questions.items()
    if hasattr(questions, "to_pylist"):  # iterating over an Arrow array yields scalars
        values: list[Any] = questions.to_pylist()
        return values
    if isinstance(questions, str | bytes) or not isinstance(questions, Iterable):
        raise ConfigError(
            f"questions is of type {type(questions).__name__}; expected a list of questions, or of pairs of "
            "a name and a question.",
            setting="questions",
        )
    return questions


def _pair(given: Any, position: int) -> tuple[str | None, str]:
    if not isinstance(given, tuple | list):
        return None, given
    match given:
        case [str(name), question]:
            return name, question
    why = "is not a pair of texts, a name and a question; use str() to make a number a name."
    raise _wrong(position, f"{value_text(given)} {why}")


def _wrong(position: int, reason: str) -> ConfigError:
    return ConfigError(f"questions, number {position}: {reason}", setting="questions")
