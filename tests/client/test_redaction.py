"""A secret that a server repeats is shown as *** in every form."""

from __future__ import annotations

import pytest

from connecty_frames.client.redaction import Redaction


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ('bad secret pä/ss"wd+1', "bad secret ***"),
        (r"bad secret pä/ss\"wd+1", "bad secret ***"),
        (r"bad secret p\u00e4/ss\"wd+1", "bad secret ***"),
        (r"bad secret p\u00e4\/ss\"wd+1", "bad secret ***"),
        ("bad secret p%C3%A4%2Fss%22wd%2B1", "bad secret ***"),
        ("bad secret p%c3%a4/ss%22wd%2b1", "bad secret ***"),
        ("bad secret cMOkL3NzIndkKzE=", "bad secret ***="),
        ("<p>bad secret pä/ss&quot;wd+1", "<p>bad secret ***"),
        ("nothing of it", "nothing of it"),
    ],
)
def test_every_form_of_a_secret_is_hidden(said: str, shown: str) -> None:
    """Plain, JSON-escaped, URL-encoded, base64 and HTML: none of them is left."""
    redact = Redaction()
    redact.add("client_secret", 'pä/ss"wd+1')
    assert redact(said) == shown
    assert redact(said.encode()) == shown


def test_the_token_before_the_last_is_hidden_too() -> None:
    """After a refresh an answer to the old token may still come; the third token replaces the first."""
    redact = Redaction()
    for token in ("token-one", "token-two", "token-three"):
        redact.add("token", token)
    assert redact("token-two token-three") == "*** ***"


def test_a_secret_that_begins_with_the_client_id_is_hidden_whole() -> None:
    """Hiding the id first would leave the rest of the secret to be read."""
    redact = Redaction()
    redact.add("client_id", "acme")
    redact.add("client_secret", "acme-9f8e7d6c")
    assert redact("acme sent acme-9f8e7d6c") == "*** sent ***"


def test_every_text_in_a_value_is_hidden() -> None:
    """Names and texts at any depth; what is no text stays what it is."""
    redact = Redaction()
    redact.add("token", "token-one")
    said = {"token-one": ["has token-one", {"n": 1, "none": None}]}
    assert redact.inside(said) == {"***": ["has ***", {"n": 1, "none": None}]}


def test_a_short_secret_does_not_tear_words_apart() -> None:
    """A client id of one letter is no reason to hide that letter everywhere."""
    redact = Redaction()
    redact.add("client_id", "a")
    assert redact("a bad day") == "a bad day"
