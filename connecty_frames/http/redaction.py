"""Masking of secrets and client ids in text from servers and drivers.

A server may repeat in an error what it was sent: "invalid client_secret 'xyz'". Such text ends up in
messages, logs and notebooks, where a secret must never be.

Secrets, tokens and passwords are masked wherever they occur. A client id is not a secret and may be an
ordinary word, so only messages mask it, and only as a whole word. States, keys and ids are data, and keep it.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote
from weakref import ref

from connecty_frames.errors import MASKS

if TYPE_CHECKING:
    from connecty_frames._base.text import SecretStr

_MASK: Final = "***"
_MIN_LENGTH: Final = 4  # the shortest masked secret: a shorter one could be a part of many words
_MIN_ID_LENGTH: Final = 8  # the same for a client id
_LONG_ID: Final = 16  # the shortest client id whose first characters are shown; most of it stays hidden
_MAX_LENGTH: Final = 3 * 2**12  # how much of a secret is known in each form: a token may have a megabyte
#: The longest beginning of a form to search for. Behind it, the rest of the word is masked.
_MAX_SEARCHED: Final = 255
_MAX_SCANNED: Final = 2**16  # how much of a body is scanned, in bytes; messages show far less
_search_secret_name: Final = re.compile("auth|cookie|token|key|secret|session", re.IGNORECASE).search
_MOST_LAYERS: Final = 3  # how often a text is decoded: a URL in a URL in JSON
_BYTE: Final = "[0-9A-Fa-f][0-9A-Fa-f]"
#: Splits a text at its escapes, every second piece: of URLs; of JSON, JavaScript and Python, behind any
#: number of backslashes, perhaps escaped themselves; of HTML; of SQL and CSV.
_split_escapes: Final = re.compile(
    rf"(%{_BYTE}(?:%{_BYTE})*+"
    rf"|\\\\*+(?:u[Dd][89ABab]{_BYTE}\\\\*+u[Dd][C-Fc-f]{_BYTE}|u{_BYTE}{_BYTE}|x{_BYTE})?+"
    r"|&#0*+\d{1,6};|&#[Xx]0*+[0-9A-Fa-f]{1,5};|&lt;|&gt;|&amp;|&quot;|&apos;"
    r"""|'(?:\\*+')++|"(?:\\*+")++)"""
).split
#: The rest of an escape after a cut.
_cut_escape: Final = re.compile(r"(?:%[0-9A-Fa-f]?|(?<!\\)\\++(?:[ux][0-9A-Fa-f]*)?|&[#0-9A-Za-z]*)?$")


class Redaction:
    """The secrets of one client, in every encoding a server could repeat them in."""

    def __init__(self) -> None:
        self._client_id: tuple[SecretStr, ...] = ()
        #: By name; each with its predecessor, since responses to the old one may still arrive.
        self._secrets: dict[str, tuple[SecretStr, ...]] = {}
        #: The last known secrets; the forms of the secrets and of the client id, with True for words.
        self._latest: tuple[object, dict[str, bool], dict[str, bool]] = None, {}, {}
        _live.append(ref(self, _live.remove))

    def add_client_id(self, client_id: SecretStr) -> None:
        """Mask a client id in messages."""
        self._client_id, self._latest = (client_id,), (None, {}, {})

    def add(self, name: str, secret: SecretStr) -> None:
        """Mask a secret everywhere."""
        known = self._secrets.get(name, ())[:1]
        if known != (secret,):
            self._secrets[name] = (secret, *known)

    def __call__(self, text: str | bytes) -> str:
        """Return a message, or the beginning of a body, with secrets and the client id masked."""
        return _masked(text, lambda: self.known()[2] | self.known()[1])

    def data(self, text: str | bytes) -> str:
        """Return data, or the beginning of a body, with secrets masked."""
        return _masked(text, lambda: self.known()[1])

    def json_value(self, value: Any) -> Any:
        """Return a JSON value with its texts redacted as messages, and its names as data."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, list):
            return [self.json_value(each) for each in value]
        if isinstance(value, dict):
            return {self.data(name): self.json_value(each) for name, each in value.items()}
        if isinstance(value, int | float | Decimal) and self.data(str(value)) != str(value):
            return _MASK
        return value

    def known(self) -> tuple[object, dict[str, bool], dict[str, bool]]:
        """Return the known secrets, and the forms of the secrets and of the client id."""
        known = tuple(self._secrets.values())  # another thread may just have received a token
        if self._latest[0] != known:
            self._latest = known, _forms(chain.from_iterable(known)), _forms(self._client_id, are_words=True)
        return self._latest


_live: Final[list[ref[Redaction]]] = []  # weak references to the redactions of all clients


def _mask_of_all(text: str) -> str:
    """Return text without the secrets of any client: at once, since one may contain another."""

    def forms() -> dict[str, bool]:
        known = [redaction.known()[1] for each in list(_live) if (redaction := each()) is not None]
        return dict(chain.from_iterable(map(dict.items, known)))

    return _masked(text, forms)


MASKS.append(_mask_of_all)


def shown_headers(headers: Mapping[str, str], redact: Callable[[str], str]) -> dict[str, str]:
    """Return the headers of a response without cookies, credentials and the query of ``Location``."""
    return {
        name: redact(value.partition("?")[0] if name.lower() == "location" else value)
        for name, value in headers.items()
        if not _search_secret_name(name)
    }


def masked_id(client_id: SecretStr) -> str:
    """Return a client id for display: enough of a long one to distinguish it, and nothing of a short one."""
    is_long = len(client_id.get_secret_value()) >= _LONG_ID
    return f"{client_id.get_secret_value()[:4] if is_long else ''}…"


def without_password(message: str, url: str) -> str:
    """Return a message of a driver without the URL of its connection, and without the password in it."""
    # A driver may take a piece of a password without percent-encoding for a port, host or parameter. In a
    # query the password ends before the next name with a value.
    found = re.findall(r"(?s)://[^:/]*:(.*)@|[?&]password=((?:(?!&\w+=).)*)", url)
    passwords = [each for pair in found for each in pair]
    for secret in filter(None, (url, *passwords, *map(unquote, passwords))):
        message = message.replace(secret, _MASK)
    pieces = filter(None, re.split(r"[\s/?#@&]", "&".join(passwords)))
    pattern = "|".join(map(re.escape, pieces)) or "(?!)"
    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", _MASK, message)


def _masked(text: str | bytes, find_forms: Callable[[], dict[str, bool]]) -> str:
    try:
        return _replaced(text, find_forms())
    except BaseException as error:
        error.__traceback__ = None  # its frames hold secrets
        raise


def _replaced(text: str | bytes, forms: dict[str, bool]) -> str:
    shown = text if isinstance(text, str) else text[:_MAX_SCANNED].decode(errors="backslashreplace") + "…"
    pieces, end = [""], 0
    for start, after in sorted(_places(shown, forms)):
        if start >= end:
            pieces += shown[end:start], _MASK
        end = max(end, after)
    shown = "".join([*pieces, shown[end:]])
    return shown if isinstance(text, str) else shown.removesuffix("…")


def _places(text: str, forms: dict[str, bool]) -> Iterator[tuple[int, int]]:
    for layer, pairs in _layers(text):
        places = [*_found(layer, forms), *_cut_off(layer, forms)]
        for pair in pairs if places else ():
            ends = [list(accumulate(map(len, each), initial=0)) for each in pair]
            places = [(_source(a, bisect_right, *ends), _source(b, bisect_left, *ends)) for a, b in places]
        yield from places


def _found(text: str, forms: dict[str, bool]) -> Iterator[tuple[int, int]]:
    for form, is_word in forms.items():
        searched = form[:_MAX_SEARCHED]
        start = text.find(searched)  # takes linear time, unlike a regular expression
        while start >= 0:
            end = start + len(form if text.startswith(form, start) else searched)
            if searched != form and (rest := re.compile(r"[^\s\"'<>]*").match(text, end)):
                end = rest.end()
            if not is_word or not re.search(r"\w", text[start - 1 : start] + text[end : end + 1]):
                yield start, end
            start = text.find(searched, end)


def _cut_off(text: str, forms: dict[str, bool]) -> Iterator[tuple[int, int]]:
    starts, end = defaultdict[str, list[str]](list), 0
    for form, is_word in forms.items():
        starts[form[:_MIN_LENGTH]] += [] if is_word else [form]
    for part in text.rsplit("…", 1_000)[:-1]:  # no message has more
        end += len(part) + 1
        left = _cut_escape.sub("", part[-_MAX_SEARCHED:], 1)
        for at in range(len(left)):
            if any(form.startswith(left[at:]) for form in starts.get(left[at : at + _MIN_LENGTH], ())):
                yield end - 1 - len(part[-_MAX_SEARCHED:]) + at, end


def _layers(text: str) -> Iterator[tuple[str, list[tuple[list[str], list[str]]]]]:
    """Yield a text as it is and with its escapes decoded, and the pieces before and after each decoding."""
    pairs: list[tuple[list[str], list[str]]] = []
    while True:
        yield text, pairs
        before = _split_escapes(text)
        if len(before) == 1 or len(pairs) == _MOST_LAYERS:
            return
        decoded = {escape: _decode(escape) for escape in set(before[1::2])}
        after = before.copy()
        after[1::2] = map(decoded.__getitem__, before[1::2])
        pairs.insert(0, (before, after))
        text = "".join(after)


def _source(at: int, bisect: Callable[[list[int], int], int], before: list[int], after: list[int]) -> int:
    """Return where it was before escapes were decoded; ``bisect`` tells the start from the end of a place."""
    index = bisect(after, at)
    length = (before[index] - before[index - 1]) // (after[index] - after[index - 1])  # of a character
    return before[index] - (after[index] - at) * length


def _decode(escape: str) -> str:
    if escape[0] == "&":
        from html import unescape  # it has a long table of names

        return unescape(escape)
    code = escape.replace("\\", "").replace("%", "")
    if code[:1] in {"", "'", '"'}:
        return code[:1]
    if code.rfind("u") == 0:
        return chr(int(code[1:], 16))
    codec = "utf-16-be" if code[0] == "u" else "latin-1"
    return bytes.fromhex(code.replace("u", "").lstrip("x")).decode(codec)


def _forms(secrets: Iterable[SecretStr], *, are_words: bool = False) -> dict[str, bool]:
    found, shortest = set[str](), _MIN_ID_LENGTH if are_words else _MIN_LENGTH
    for secret in secrets:
        text = secret.get_secret_value()[:_MAX_LENGTH]
        if len(text) >= shortest:
            bare = text.encode()
            plain = {text, bare.decode("latin-1")}  # as a header and decoded bytes arrive
            plain |= {each.replace(" ", "+") for each in plain}  # as forms write it
            # A secret may itself look like an escape.
            found |= {layer for each in plain for layer, _ in _layers(each) if len(layer) >= shortest}
            found |= {bare.hex(), bare.hex().upper(), *_base64(bare)}
    return dict.fromkeys(found, are_words)


def _base64(secret: bytes) -> Iterator[str]:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(secret).decode().rstrip("=")
        # Without the characters at either end: they also hold bits of the other text.
        for before, start in enumerate((0, 2, 3)):
            inside = encode(bytes(before) + secret).decode()
            yield inside[start : 8 * (before + len(secret)) // 6]
