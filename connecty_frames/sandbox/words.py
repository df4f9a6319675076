"""Split a question into words."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_STOP, _LEAD, _FUNCTION, _UNITS, _TENS = (
    words.split()
    for words in tomllib.loads((files(__package__) / "words.toml").read_text(encoding="utf-8")).values()
)
#: Words that never change the meaning of a question.
STOP_WORDS: Final = frozenset(_STOP)
#: Words that a question may begin with or leave out.
LEAD_WORDS: Final = frozenset(_LEAD)
#: Words that say nothing about the topic of a question.
FUNCTION_WORDS: Final = frozenset(_LEAD + _FUNCTION)
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
_COMPOUND: Final = re.compile(rf"\b({'|'.join(_TENS)})[- ]({'|'.join(_UNITS[1:10])})\b")


@cache
def word_table() -> dict[str, Any]:
    """Return the table of words in questions."""
    file = files("connecty_frames.sandbox.questions").joinpath("words.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def split(question: str) -> list[str]:
    """Return a question's words without accents and stop words: ``Top three cities?`` as ``top 3 cities``."""
    plain = question.replace("\u2019", "'").replace("_", " ").replace("&", " and ")
    decomposed = unicodedata.normalize("NFKD", plain)
    text = "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()
    text = re.sub(r"n't\b", " not", text)
    text = _COMPOUND.sub(lambda match: str(int(_NUMBERS[match[1]]) + int(_NUMBERS[match[2]])), text)
    text = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text)
    words = _WORD.findall(_PUNCTUATION.sub(" ", text))
    return [_NUMBERS.get(word, word) for word in words if word not in STOP_WORDS]


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
