"""How questions are split into words, and named again."""

from connecty_frames.sandbox.catalogue import as_typed, split, stem
from tests.cases import cases


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
    ("words", "question", "typed"),
    [
        (["10", "lollipops"], "Top ten Lollipops?", ["ten", "Lollipops"]),
        (["s", "1980"], "revenue in the 1980s and the 1980s", ["1980s"]),
        (["more than 3"], "more than three, or more", ["more than three"]),
        (["25"], "twenty-five", ["twenty-five"]),
        (["25"], "the twenty five of them", ["twenty five"]),
        (["25", "more"], "more than 20 or 5, more", ["25", "more"]),
    ],
)
def test_words_as_they_were_typed(words: list[str], question: str, typed: list[str]) -> None:
    """In the words of the question, each once; what it does not contain stays as it was read."""
    assert list(as_typed(words, question)) == typed


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
