"""How questions are split into words, and which typing mistakes are corrected."""

from __future__ import annotations

from connecty_frames.sandbox.words import Vocabulary, split, stem
from tests.cases import cases

VOCABULARY = Vocabulary(
    ["category", "countries", "country", "customers", "orders", "poland", "products", "revenue", "status"]
)


@cases(
    ("question", "words"),
    [
        ("Show me the TOP three cities, please!", ["show", "top", "3", "cities", ","]),
        ("orders in Kraków and Gdańsk?", ["orders", "in", "krakow", "and", "gdansk"]),
        ("twenty-five orders, ninety one users", ["25", "orders", ",", "91", "users"]),
        ("more than 1,500 or 2.5 or 10k", ["more", "than", "1,500", "or", "2.5", "or", "10", "k"]),
        ("Q1 2025, 2025-10 and 2025-10-31", ["q1", "2025", ",", "2025-10", "and", "2025-10-31"]),
        ("month-over-month growth", ["month", "over", "month", "growth"]),
        ("Poland\u2019s share on the 1st of May", ["poland", "'s", "share", "on", "1st", "of", "may"]),
        ("\u201cLamp no. 8\u201d (delivered)", ["lamp", "no", "8", "delivered"]),
        ("total>5000 & ordered_at<=2", ["total", ">", "5000", "and", "ordered", "at", "<=", "2"]),
        ("revenue / order %", ["revenue", "/", "order", "%"]),
        ("", []),
    ],
)
def test_words(question: str, words: list[str]) -> None:
    """Words in lower case without accents, numbers, dates and signs; no punctuation, no articles."""
    assert split(question) == words


@cases(
    ("typed", "meant"),
    [
        ("contries", "countries"),
        ("ordres", "orders"),
        ("revenu", "revenue"),
        ("cuntry", "country"),
        ("custmers", "customers"),
        ("catagory", "category"),
        ("polnad", "poland"),
    ],
)
def test_a_typing_mistake(typed: str, meant: str) -> None:
    """A letter too many, too few, another one, or two exchanged."""
    assert VOCABULARY.corrected([typed]) == [meant]


@cases(
    "word",
    [
        "county",
        "counties",
        "costumers",
        "odors",
        "weather",
        "orer",
        "xyzzy",
        "rev",
        "2025",
        "countey",
        "untry",
    ],
)
def test_another_word(word: str) -> None:
    """A word of English, or as near to one, one that is too far off or too short, and a number."""
    assert VOCABULARY.corrected([word]) == [word]


@cases(
    ("word", "singular"),
    [
        ("countries", "country"),
        ("statuses", "status"),
        ("boxes", "box"),
        ("status", "statu"),
        ("was", "was"),
        ("ties", "tie"),
    ],
)
def test_stems(word: str, singular: str) -> None:
    """All forms of a noun have the same stem, which need not be a word."""
    assert stem(word) == singular
