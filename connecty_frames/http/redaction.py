"""Masking of secrets in what is shown: what a server or a driver says, and a client id.

A server may repeat in an error what it was sent: "invalid client_secret 'xyz'". Such text ends up in
messages, logs and notebooks, where a secret must never be.

Secrets, tokens and passwords are masked wherever they occur. A client id is not a secret and may be an
ordinary word, so only messages mask it, and only as a whole word. States, keys and ids are data: they keep
a client id.
"""

from __future__ import annotations

import base64
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from connecty_frames._base.immutable import Immutable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from connecty_frames._base.text import SecretStr

_MASK: Final = "***"
#: The shortest secret and client id that are masked: a shorter one could be a part of many words.
_MIN_LENGTH: Final = 4
_MIN_ID_LENGTH: Final = 8
#: The shortest client id whose first characters are shown; most of it stays hidden.
_LONG_ID: Final = 16
#: The longest beginning of a secret that is searched for, since a server may issue a token of a megabyte: a
#: multiple of three bytes, which are four characters of base64. Behind it, the rest of the word is masked.
_MAX_LENGTH: Final = 255
#: How much of a body is scanned, in bytes; what is shown of it is far shorter.
_MAX_SCANNED: Final = 2**16
_search_secret_name: Final = re.compile("auth|cookie|token|key|secret|session", re.IGNORECASE).search
_MATCHES_NOTHING: Final = "(?!)"
_SLASH: Final = "\\"
#: The characters that no format escapes.
_NEVER_ESCAPED: Final = re.compile(r"[A-Za-z0-9._-]")


class _Patterns(Immutable):
    """The patterns of the secrets, of their beginnings, and of the client id."""

    hidden = frozenset({"secrets", "beginnings", "client_id"})

    known: tuple[tuple[SecretStr, ...], ...]
    secrets: re.Pattern[str]
    beginnings: re.Pattern[str]
    client_id: re.Pattern[str]
    longest: int


class Redaction:
    """The secrets of one client, in every encoding in which a server could repeat them."""

    def __init__(self) -> None:
        self._client_id: SecretStr | None = None
        #: By name; each with the one before it, since responses to that may still arrive.
        self._secrets: dict[str, tuple[SecretStr, ...]] = {}
        self._compiled: _Patterns | None = None

    def add_client_id(self, client_id: SecretStr) -> None:
        """Mask a client id in messages."""
        self._client_id, self._compiled = client_id, None

    def add(self, name: str, secret: SecretStr) -> None:
        """Mask a secret everywhere."""
        known = self._secrets.get(name, ())[:1]
        if known != (secret,):
            self._secrets[name] = (secret, *known)

    def __call__(self, text: str | bytes) -> str:
        """Return a message, or the beginning of a body, with secrets and the client id masked."""
        return self._patterns().client_id.sub(_MASK, self.data(text))

    def data(self, text: str | bytes) -> str:
        """Return data, or the beginning of a body, with secrets masked."""
        # A body may be cut, and so may a text that ends with an ellipsis. What the cut may have left of a
        # secret is masked too.
        patterns = self._patterns()
        if isinstance(text, bytes):
            shown = patterns.secrets.sub(_MASK, text[:_MAX_SCANNED].decode(errors="backslashreplace"))
        else:
            shown = patterns.secrets.sub(_MASK, text)
            if not text.endswith("…"):
                return shown
        at = max(len(shown) - patterns.longest, 0)
        found = patterns.beginnings.search(shown, at)
        return shown if found is None else shown[: found.start()] + _MASK

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

    def _patterns(self) -> _Patterns:
        """Return the patterns of what is known now; another thread may just have received a token."""
        known = tuple(self._secrets.values())
        patterns = self._compiled
        if patterns is None or patterns.known != known:
            secrets = _encodings((secret for each in known for secret in each), _MIN_LENGTH)
            client_ids = _encodings(() if self._client_id is None else (self._client_id,), _MIN_ID_LENGTH)
            patterns = self._compiled = _Patterns(
                known,
                re.compile("|".join(map(_secret_pattern, secrets)) or _MATCHES_NOTHING),
                re.compile(
                    "|".join({_escaped_pattern(secret[:_MIN_LENGTH]) for secret in secrets})
                    or _MATCHES_NOTHING
                ),
                re.compile(
                    rf"(?<!\w)(?:{'|'.join(map(_escaped_pattern, client_ids)) or _MATCHES_NOTHING})(?!\w)"
                ),
                16 * max(map(len, secrets), default=0),  # the escapes of one character are no longer
            )
        return patterns


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
    # Of a password that is not percent-encoded, a driver takes a piece for a port, host or parameter. In a
    # query it ends before the next name with a value.
    found = re.findall(r"(?s)://[^:/]*:(.*)@|[?&]password=((?:(?!&\w+=).)*)", url)
    passwords = [each for pair in found for each in pair]
    for secret in filter(None, (url, *passwords, *map(unquote, passwords))):
        message = message.replace(secret, _MASK)
    pieces = filter(None, re.split(r"[\s/?#@&]", "&".join(passwords)))
    pattern = "|".join(map(re.escape, pieces)) or _MATCHES_NOTHING
    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", _MASK, message)


def _encodings(secrets: Iterable[SecretStr], shortest: int) -> list[str]:
    """Return the encodings of all secrets, the longest first: one may be a part of another."""
    found: set[str] = set()
    for secret in secrets:
        text = secret.get_secret_value()[:_MAX_LENGTH]
        if len(text) >= shortest:
            as_header = text.encode().decode("latin-1")  # as a header arrives
            found |= {text, as_header, text.encode().hex(), *_base64(text.encode())}
    return sorted(found, key=len, reverse=True)


def _base64(secret: bytes) -> Iterator[str]:
    """Encode a secret alone, and one inside a longer text, such as ``user:password``."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(secret).decode().rstrip("=")
        # Without the characters at either end, which also hold bits of the other text.
        for before, start in enumerate((0, 2, 3)):
            inside = encode(bytes(before) + secret).decode()
            yield inside[start : 8 * (before + len(secret)) // 6]


def _secret_pattern(text: str) -> str:
    """Return the pattern of a secret, and of the rest of the word if the secret may be longer."""
    return _escaped_pattern(text) + (r"[^\s\"'<>]*+" if len(text) >= _MAX_LENGTH else "")


def _escaped_pattern(text: str) -> str:
    """Return the pattern of a text, each character plain or escaped."""
    # Backslashes are matched possessively, and from the first of them on: a server may repeat a million.
    pattern = "".join(
        part
        if _NEVER_ESCAPED.match(part)
        else f"(?:{'|'.join(_escapes(part[0]))}){'++' * (part[0] == _SLASH)}"
        for part in re.findall(r"\\+|[^\\]", text)
    )
    return pattern if _NEVER_ESCAPED.match(text) else rf"(?<!\\){pattern}"


def _escapes(character: str) -> Iterator[str]:
    """Return the patterns of a character as URLs, HTML, JSON, JavaScript and Python write it."""
    import html  # it has a long table of names

    code, units = ord(character), character.encode("utf-16-be").hex()
    in_url = "".join(f"%{byte:02x}" for byte in character.encode())
    in_json = r"\\++".join("u" + units[at : at + 4] for at in range(0, len(units), 4))
    yield rf"\\++(?i:{in_json}|x{code:02x})"
    plain = [f"(?i:{in_url})", f"(?i:&#0*+{code};|&#x0*+{code:x};)", re.escape(html.escape(character))]
    if character == " ":
        plain.append(r"\+")
    yield r"\\++" if character == _SLASH else rf"\\*+{re.escape(character)}"
    yield rf"\\*+(?:{'|'.join(plain)})"
