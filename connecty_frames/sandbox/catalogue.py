"""Plans, which say what SQL answers a question, the catalogue of the sample workspace, and its words.

A question is looked up by its words; order, plurals and filler words ("please", "show me the") do not matter.

To translate questions into SQL in another way, pass the sandbox an :class:`Answerer`.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Protocol

from connecty_frames.errors import QuestionFailed

if TYPE_CHECKING:
    from connecty_frames.sandbox.results import QueryResult

#: The words of questions.
WORDS: Final[dict[str, Any]] = tomllib.loads(
    files("connecty_frames.sandbox.questions").joinpath("words.toml").read_text(encoding="utf-8")
)
BASE_LENGTH: Final = 1000  # longer questions (in characters) are not read
_SIMILAR: Final = 0.65  # a question is similar if so much of the words is the same
#: The beginning of a query. Possessive (*+), so that long runs of spaces or comments take linear time.
SQL_START: Final = re.compile(
    r"(?:\s|--[^\n]*|/\*.*?\*/|\()*+(?:select|with|from)\b", re.IGNORECASE | re.DOTALL
)
_SUMMARY: Final = "The query returned {rows} rows."
#: Words without meaning, words to begin a question with, and words of any topic.
_STOP, _LEAD, _FUNCTION = (frozenset(WORDS["plain"][kind].split()) for kind in ("stop", "lead", "function"))
#: Numbers from zero on, and from twenty on.
_UNITS, _TENS = (WORDS["plain"][kind].split() for kind in ("units", "tens"))
#: Dates, months, ordinals, numbers, quarters and halves, words, and single symbols.
_WORD: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?!\d)|\d{4}-\d\d(?![-\d])|\d{1,2}(?:st|nd|rd|th)\b"
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?"
    r"|[qh][1-4]\b|'(?:s|d)\b|[^\W\d]+|[<>]=?|\S"
)
#: Punctuation at the end of words, quotation marks and parentheses.
_PUNCTUATION: Final = re.compile(r"[?!.;:]+(?=\s|$)|[\"\u201c\u201d\u201e()]|'(?![sd]\b)")
_NUMBERS: Final = {word: str(number) for number, word in enumerate(_UNITS)} | {
    word: str(10 * number) for number, word in enumerate(_TENS, 2)
}
_BACK: Final = re.compile(WORDS["plain"]["back"])
_COMPOUND: Final = re.compile(rf"\b({'|'.join(_TENS)})[- ]({'|'.join(_UNITS[1:10])})\b")


@dataclass(frozen=True, slots=True)
class Plan:
    """How to answer a question.

    Parameters
    ----------
    sql
        One SELECT statement, or None for a summary without a table.
    summary
        The summary. ``{rows}`` stands for the number of rows, ``{columns}`` for the number of columns, and
        the name of a column for its value in the first row.
    """

    sql: str | None
    summary: str = _SUMMARY

    def summarise(self, result: QueryResult | None) -> str:
        """Return the summary with its placeholders filled; other text in braces stays."""
        if result is None:
            return self.summary
        values = result.first_row() | {"rows": len(result), "columns": len(result.columns)}
        return re.sub(r"\{(\w+)\}", lambda match: str(values.get(match[1], match[0])), self.summary)


class Answerer(Protocol):
    """Any object that returns the plan for a question."""

    def answer(self, question: str, dw_id: int) -> Plan:
        """Return the plan for a question to a workspace; called from several threads at once.

        Raises
        ------
        QuestionFailed
            If there is no plan. Users see the message.
        """


def plan_select(question: str, _dw_id: int) -> Plan:
    """Return the plan for a SELECT statement; raises QuestionFailed for any other question."""
    if SQL_START.match(question):
        return Plan(question)
    raise QuestionFailed(
        "This sandbox answers SELECT statements alone. Questions in English are about the sample workspace."
    )


class Catalogue:
    """Questions and the plans that answer them. All wordings, including paraphrases, must differ."""

    def __init__(self, text: str) -> None:
        """Read TOML tables ``[[question]]`` with ``question``, ``sql``, ``summary`` and ``paraphrases``."""
        self.questions: list[str] = []
        self._plans: dict[tuple[str, ...], Plan] = {}
        for entry in tomllib.loads(text)["question"]:
            self.questions += [] if entry.get("fails") else [entry["question"]]
            plan = Plan(entry.get("sql"), entry.get("summary", _SUMMARY))
            for wording in (entry["question"], *entry.get("paraphrases", ())):
                if self._plans.setdefault(_key(split(wording)), plan) is not plan:
                    raise ValueError(f"The catalogue has the wording {wording!r} twice.")

    def find(self, question: str) -> Plan | None:
        """Return the plan of the wording that a question matches, or None."""
        if len(question) > BASE_LENGTH:  # splitting it into words would block other threads
            return None
        return self._plans.get(_key(split(question)))


def similar_question(question: str, others: Iterable[str]) -> str:
    """Return text that names the question with the most similar words, if most of them are the same."""
    asked, known = _content(question[:BASE_LENGTH]), {other: _content(other) for other in others}
    shares = {other: len(asked & words) / max(len(asked), len(words), 1) for other, words in known.items()}
    nearest = max(shares, key=shares.__getitem__)
    return f' It answers "{nearest}".' if shares[nearest] >= _SIMILAR else ""


def _content(question: str) -> frozenset[str]:
    return frozenset(stem(word) for word in split(question) if word not in _FUNCTION)


def _key(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(stem(word) for word in words if word not in _LEAD and word.isalnum()))


def split(question: str) -> list[str]:
    """Return a question's words without accents and stop words: ``Top three cities?`` as ``top 3 cities``."""
    plain = question.replace("\u2019", "'").replace("_", " ").replace("&", " and ")
    decomposed = unicodedata.normalize("NFKD", plain)
    text = "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()
    text = re.sub(r"n't\b", " not", text)
    text = _COMPOUND.sub(lambda match: str(int(_NUMBERS[match[1]]) + int(_NUMBERS[match[2]])), text)
    text = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text)
    text = _BACK.sub("past ", text)
    words = _WORD.findall(_PUNCTUATION.sub(" ", text))
    return [_NUMBERS.get(word, word) for word in words if word not in _STOP]


def as_typed(texts: Iterable[str], question: str, read: Callable[[str], list[str]] = split) -> Iterable[str]:
    """Return words as the user typed them, each once: "ten" or "5 May 2025" is read as one word."""
    chunks, typed = question.split(), dict[str, str]()
    for length in range(1, 5):
        for at in range(len(chunks)):
            span = " ".join(chunks[at : at + length]).strip("?.!,;:()")
            words = read(span)
            if length == 1 or len(words) == 1:
                typed = {**dict.fromkeys(words, span), **typed}  # the shortest
    return dict.fromkeys(
        " ".join(dict.fromkeys(typed.get(word, word) for word in text.split())) for text in texts
    )


def stem(word: str) -> str:
    """Return a noun without its plural ending, so that ``country`` and ``countries`` are the same."""
    if word.endswith("ies") and len(word) > len("ties"):
        return f"{word[:-3]}y"
    if word.endswith(("sses", "xes", "ches", "shes", "uses")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > len("was") else word
