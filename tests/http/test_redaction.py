"""Secrets that a server repeats are masked in every encoding; data stays as it is."""

import base64
import html
import json
import re
import time
from urllib.parse import quote

import pytest

from connecty_frames._base.text import SecretStr
from connecty_frames.http import redaction
from connecty_frames.http.redaction import Redaction
from tests.cases import cases

SECRET = 'pä/ss"wd+1'


def knowing(client_id: str = "", **secrets: str) -> Redaction:
    redact = Redaction()
    if client_id:
        redact.add_client_id(SecretStr(client_id))
    for name, secret in secrets.items():
        redact.add(name, SecretStr(secret))
    return redact


@cases(
    ("said", "shown"),
    [
        ('bad secret pä/ss"wd+1', "bad secret ***"),
        (r"bad secret pä/ss\"wd+1", "bad secret ***"),
        (r"bad secret p\u00e4/ss\"wd+1", "bad secret ***"),
        (r"bad secret p\u00E4/ss\"wd+1", "bad secret ***"),
        (r"bad secret p\u00e4\/ss\"wd+1", "bad secret ***"),
        ("bad secret p%C3%A4%2Fss%22wd%2B1", "bad secret ***"),
        ("bad secret p%c3%a4/ss%22wd%2b1", "bad secret ***"),
        ("bad secret p%C3%A4%2Fss%22wd%2b1", "bad secret ***"),
        ("bad secret p%25C3%25A4%252Fss%2522wd%252B1", "bad secret ***"),
        (r"bad secret p\u00e4\u002fss\u0022wd\u002B1", "bad secret ***"),
        ('bad secret pä/ss""wd+1', "bad secret ***"),
        ("bad secret 70c3a42f73732277642b31", "bad secret ***"),
        ("bad secret 70C3A42F73732277642B31", "bad secret ***"),
        ("bad secret cMOkL3NzIndkKzE=", "bad secret ***="),
        ("<p>bad secret pä/ss&quot;wd+1", "<p>bad secret ***"),
        ("nothing of it", "nothing of it"),
    ],
)
def test_every_form_of_a_secret_is_hidden(said: str, shown: str) -> None:
    """Plain, JSON-escaped, URL-encoded once and twice, with doubled quotes, hexadecimal, base64 and HTML."""
    redact = knowing(client_secret=SECRET)
    assert redact(said) == redact.data(said) == shown
    assert redact(said.encode()) == shown


@cases("before", ["", "a", "ab", "user:", '{"p": "'])
@cases("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_inside_of_an_encoded_text_is_hidden(before: str, encode: object) -> None:
    """Wherever it begins in the text: at most one character at each end of the encoded text is left."""
    assert callable(encode)
    secret = "tok??en~~secret-0123"
    said = encode(f"{before}{secret}after".encode()).decode()
    shown = knowing(token=secret)(f"said {said}.")
    assert "***" in shown
    assert base64.b64encode(secret.encode()).decode()[4:16] not in shown
    assert len(shown) <= len("said ***.") + len(encode(f"{before}after".encode())) + 2


@cases(("before", "start", "end"), [("", 0, 26), ("a", 2, 28), ("ab", 3, 29), ("abc", 4, 30)])
def test_what_is_left_of_an_encoded_text(before: str, start: int, end: int) -> None:
    """The characters that have bits of the text around a secret of twenty bytes, and no other."""
    said = base64.b64encode(f"{before}tok??en~~secret-0123after".encode()).decode()
    assert knowing(token="tok??en~~secret-0123")(said) == f"{said[:start]}***{said[end:]}"


def test_the_token_before_the_last_is_hidden_too() -> None:
    """After a refresh a response to the old token may still arrive; the third token replaces the first."""
    redact = Redaction()
    for token in ("token-one", "token-two", "token-three"):
        redact.add("token", SecretStr(token))
        assert redact(token) == "***"
    for _ in range(2):
        assert redact("token-two token-three token-one") == "*** *** token-one"
        redact.add("token", SecretStr("token-three"))


@cases(
    ("client_id", "secret", "said", "shown"),
    [
        # Masking the id first would leave the rest of the secret readable.
        ("acme-prod", "acme-prod-9f8e7d6c", "acme-prod sent acme-prod-9f8e7d6c", "*** sent ***"),
        # An id of eight characters is hidden as a word: a shorter one, or a part, may be an ordinary word.
        ("orders", "", "no such table: orders", "no such table: orders"),
        ("FAIL", "", "FAILED: FAIL", "FAILED: FAIL"),
        ("2025", "", "in 2025", "in 2025"),
        ("sandbox", "", "The sandbox has no answer", "The sandbox has no answer"),
        ("customers", "", "unknown client customers.", "unknown client ***."),
        ("customers", "", "no table customers2, my_customers", "no table customers2, my_customers"),
        ("client+1", "", "unknown client client%2B1", "unknown client ***"),
        # A secret of four characters is one.
        ("", "bad", "a bad day", "a bad day"),
        ("", "pass", "a password", "a ***word"),
        # Backslashes, however often they are escaped, and one before a secret, as in a path of Windows.
        ("", r"pa\\ss+word", r"x pa\\ss+word y", "x *** y"),
        ("", r"pa\\ss+word", r"x pa\\\\ss\u002bword y", "x *** y"),
        ("", r"pa\\ss+word", "x pa%5C%5css%2Bword y", "x *** y"),
        ("", r"pa\\ss+word", r"x pa\u005c\u005css+word y", "x *** y"),
        ("", "s3cr3t", r"no file C:\s3cr3t", r"no file C:\***"),
        # Quotes, as SQL and CSV double them, also where the secret has two; a backslash at its end.
        ("", "o'clock's", "VALUES ('o''clock''s')", "VALUES ('***')"),
        ("", "o''clock", "VALUES ('o''''clock')", "VALUES ('***')"),
        ("", 'a"b"cd', 'x,"a""b""cd",y', 'x,"***",y'),
        ("", "slash+\\", r'{"a": "slash\u002b\\"}', r'{"a": "***\\"}'),
        # A secret that looks like an escape, as it is and escaped.
        ("", 'a%2Bb"c%41', 'it is a%2Bb"c%41.', "it is ***."),
        ("", 'a%2Bb"c%41', r"it is a%2Bb\"c%41.", "it is ***."),
        ("", 'a%2Bb"c%41', "it is a%252Bb%22c%2541.", "it is ***."),
        # Two secrets that overlap are masked together; two that touch are two.
        ("", "abcdef", "abcdefabcdef", "******"),
        # Spaces, as forms and URLs write them too; a plus is a space alone.
        ("", "canary of three", "it is canary of three.", "it is ***."),
        ("", "canary of three", "it is canary+of+three.", "it is ***."),
        ("", "canary of three", "it is canary%20of%20three.", "it is ***."),
        ("", "canary of three", r"it is canary\u0020of\u0020three.", "it is ***."),
        ("", "canary/of/three", "it is canary+of+three.", "it is canary+of+three."),
    ],
)
def test_what_is_hidden(client_id: str, secret: str, said: str, shown: str) -> None:
    """A secret wherever it occurs, a client id as a word."""
    assert knowing(client_id, **({"client_secret": secret} if secret else {}))(said) == shown


def test_data_is_not_changed_for_a_client_id() -> None:
    """States, keys and ids may hold the same word; a secret is masked there too."""
    redact = knowing("customers", client_secret="s3cr3t")
    assert redact.data("WAITING for customers s3cr3t") == "WAITING for customers ***"
    assert redact.json_value({"customers": ["customers", {"s3cr3t": 1}]}) == {
        "customers": ["***", {"***": 1}]
    }


def test_a_long_body_is_cut_before_a_secret_that_the_cut_divides() -> None:
    """The first megabyte of a body is scanned; no part of a secret is left at its end."""
    secret = "0123456789abcdef" * 4
    body = b"x" * (2**16 - 20) + secret.encode() + b"y" * 100
    shown = knowing(client_secret=secret)(body)
    assert shown == "x" * (2**16 - 20) + "***"


def test_a_long_text_is_searched_to_its_end() -> None:
    """Only bodies are cut; a text that is data is whole."""
    text = "x" * 2_000_000 + " s3cr3t"
    assert knowing(client_secret="s3cr3t").data(text) == "x" * 2_000_000 + " ***"


AWKWARD = "canary'se&cr<et\"!(x)/y+z*\u00e4\U0001f98a"


@cases(
    "said",
    [
        # Jinja and Django; encodeURIComponent; Go; .NET; JSON in JSON; a repr; HTML of JSON
        "canary&#39;se&amp;cr&lt;et&#34;!(x)/y+z*\u00e4\U0001f98a",
        "canary'se%26cr%3Cet%22!(x)%2Fy%2Bz*%C3%A4%F0%9F%A6%8A",
        r"canary'se\u0026cr\u003cet\"!(x)/y+z*\u00e4\ud83e\udd8a",
        r"canary\u0027se\u0026cr\u003Cet\u0022!(x)/y\u002Bz*\u00E4\uD83E\uDD8A",
        json.dumps(json.dumps(AWKWARD))[3:-3],
        repr(AWKWARD.encode())[2:-1],
        html.escape(json.dumps(AWKWARD)[1:-1]),
        quote(base64.b64encode(AWKWARD.encode()).decode(), safe=""),
        AWKWARD.encode().hex(),
        AWKWARD.encode().decode("latin-1"),
    ],
)
def test_every_way_of_escaping_is_known(said: str) -> None:
    """However a server, a proxy or a framework writes the characters of a secret, it is masked."""
    shown = knowing(client_secret=AWKWARD)(f"said {said} so")
    assert re.fullmatch(r"said \*\*\*(=|%3D)* so", shown)


@cases(
    ("said", "shown"),
    [
        ("cell 'canary-se…' is wrong, 'can…' is not", "cell '***' is wrong, 'can…' is not"),
        ("https://a.test/?t=canary-se%6…", "https://a.test/?t=***"),
        (r"canary-secr\u00…", "***"),
        ("first… canary… canary-secret… last", "first… *** *** last"),
    ],
)
def test_a_part_of_a_secret_before_an_ellipsis_is_hidden(said: str, shown: str) -> None:
    """Wherever a text was shortened, from four characters on, also within an escape."""
    assert knowing(client_secret="canary-secret").data(said) == shown


@cases("left", [4, 8, 12])
def test_a_part_of_a_secret_at_a_cut_is_hidden(left: int) -> None:
    """At the end of a body, and of a text that was shortened; elsewhere it may be an ordinary word."""
    redact = knowing(client_secret="canary-secret")
    part = "canary-secret"[:left]
    assert redact(b'{"message": "bad ' + part.encode()) == '{"message": "bad ***'
    assert redact(f"bad {part}…") == "bad ***"
    assert redact(f"{part}…") == "***"
    assert redact(f"bad {part} one") == f"bad {part} one"


def test_an_interrupt_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A debugger that prints the local variables of what is left prints none."""

    def interrupt(_text: str, forms: dict[str, bool]) -> None:
        assert "canary-secret" in forms
        raise KeyboardInterrupt

    redact = knowing("canary-id", client_secret="canary-secret")
    monkeypatch.setattr(redaction, "_places", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        redact("message")
    shown = [sorted(frame.frame.f_locals) for frame in caught.traceback[1:]]
    assert shown == [["self", "text"]]


def test_a_secret_that_is_a_number_is_hidden_as_one() -> None:
    """A server may write the digits without quotes; other numbers stay what they are."""
    redact = knowing(client_secret="12345678")
    assert redact.json_value({"secret": 12345678, "n": 7, "ok": True}) == {
        "secret": "***",
        "n": 7,
        "ok": True,
    }


@pytest.mark.slow
@cases(
    "secret",
    [
        *("s3cr3t+word", "back\\\\slash\\", "~!" * 500_000, "+" * 60),
        *(f"{'+' * 1_999}!", f"{'a' * 1_999}b", "+/=!&'\"<>\\%" * 200),
    ],
)
@cases("run", ["\\", "\\u002", "\\u002b", "&#0000", "%252B", "+/=!", "''", "…", "s3cr3t\\"])
def test_a_body_made_to_take_long(secret: str, run: str) -> None:
    """A megabyte of escapes, or of all but the end of a secret, takes no longer than another text.

    Nor does a token of a megabyte. ``make bench WHAT=masking`` measures each.
    """
    redact = Redaction()
    redact.add("token", SecretStr(secret))
    began = time.process_time()
    redact(f"{secret[:6]}{run * (2**20 // len(run))}".encode())
    redact.data(run * (2**20 // len(run)))
    redact.data((secret[:-1] + run) * (2**20 // len(secret + run)))
    assert time.process_time() - began < 5.0
    assert redact(f"a {secret} b") == "a *** b"
