"""Secrets taken out of what a server says, before it is shown.

A server may repeat in an error what it was sent: "invalid client_secret 'xyz'". Such text ends up in
messages, logs and notebooks, where a secret must never be.

Secrets, tokens and passwords are hidden wherever they occur. A client id is no secret and may be an ordinary
word, so it is hidden in messages alone, and only where it stands as a word by itself. States, keys and ids
are data: no part of them is taken for a client id.
"""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import SecretStr

__all__ = ["Redaction"]

_SHOWN: Final = "***"
#: The shortest secret and client id that are hidden: a shorter one could be a part of every other word.
_SHORTEST: Final = 4
_SHORTEST_ID: Final = 8
#: How much of a body is looked at, in bytes; what is shown of it is far shorter.
_LOOKED_AT: Final = 2**20
#: The longest form of a character in a text that was escaped, ``\\\\u00e4`` or ``%C3%A4`` for example.
_LONGEST_CHARACTER: Final = 16
_NEVER: Final = "(?!)"
#: What no way of writing text down escapes.
_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True, repr=False)  # a traceback with locals would show the patterns
class _Patterns:
    """What finds the secrets that are known, their beginnings, and the client id."""

    known: tuple[tuple[SecretStr, ...], ...]
    secrets: re.Pattern[str]
    beginnings: re.Pattern[str]
    client_id: re.Pattern[str]
    longest: int


class Redaction:
    """The secrets of one client, in every form in which a server could repeat them.

    Two patterns are compiled from them when a text has to be shown: of secrets, and of the client id.
    """

    def __init__(self) -> None:
        self._client_id: SecretStr | None = None
        #: By name; beside each the one before it, since answers to that may be on their way.
        self._secrets: dict[str, tuple[SecretStr, ...]] = {}
        self._compiled: _Patterns | None = None

    def add_client_id(self, client_id: SecretStr) -> None:
        """Hide a client id in messages."""
        self._client_id, self._compiled = client_id, None

    def add(self, name: str, secret: SecretStr) -> None:
        """Hide a secret everywhere."""
        known = self._secrets.get(name, ())[:1]
        if known != (secret,):
            self._secrets[name] = (secret, *known)

    def __call__(self, text: str | bytes) -> str:
        """Return a message, of a body its beginning, with ``***`` for each secret and for the client id."""
        return self._patterns().client_id.sub(_SHOWN, self.data(text))

    def data(self, text: str | bytes) -> str:
        """Return a text that is data, of a body its beginning, with ``***`` for each secret in it.

        A body may be cut, and so may a text that ends with an ellipsis. What the cut may have left of a
        secret is hidden too.
        """
        patterns = self._patterns()
        if isinstance(text, bytes):
            shown = patterns.secrets.sub(_SHOWN, text[:_LOOKED_AT].decode(errors="backslashreplace"))
        else:
            shown = patterns.secrets.sub(_SHOWN, text)
            if not text.endswith("…"):
                return shown
        at = max(len(shown) - patterns.longest, 0)
        found = patterns.beginnings.search(shown, at)
        return shown if found is None else shown[: found.start()] + _SHOWN

    def inside(self, value: Any) -> Any:
        """Return a JSON value with each text in it as a message, and each name as the data that it is."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, list):
            return [self.inside(each) for each in value]
        if isinstance(value, dict):
            return {self.data(name): self.inside(each) for name, each in value.items()}
        if isinstance(value, int | float | Decimal) and self.data(str(value)) != str(value):
            return _SHOWN
        return value

    def _patterns(self) -> _Patterns:
        """Return the patterns of what is known by now; another thread may just have got a token."""
        known = tuple(self._secrets.values())
        patterns = self._compiled
        if patterns is None or patterns.known != known:
            secrets = _forms((secret for each in known for secret in each), _SHORTEST)
            client_ids = _forms(() if self._client_id is None else (self._client_id,), _SHORTEST_ID)
            patterns = self._compiled = _Patterns(
                known,
                re.compile("|".join(map(_written, secrets)) or _NEVER),
                re.compile("|".join({_written(form[:_SHORTEST]) for form in secrets}) or _NEVER),
                re.compile(rf"(?<!\w)(?:{'|'.join(map(_written, client_ids)) or _NEVER})(?!\w)"),
                _LONGEST_CHARACTER * max(map(len, secrets), default=0),
            )
        return patterns


def _forms(secrets: Iterable[SecretStr], shortest: int) -> list[str]:
    """Return the forms of all secrets, the longest first, whosever it is: one may be a part of another."""
    texts = [text for secret in secrets if len(text := secret.get_secret_value()) >= shortest]
    return sorted({form for text in texts for form in _forms_of(text)}, key=len, reverse=True)


def _forms_of(secret: str) -> Iterator[str]:
    yield secret
    yield secret.encode().decode("latin-1")  # as a header arrives
    yield secret.encode().hex()
    yield from _base64(secret.encode())


def _base64(secret: bytes) -> Iterator[str]:
    """Encode a secret that stands alone, and one inside of a longer text, such as ``user:password``."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(secret).decode().rstrip("=")
        for before in range(3):
            # The characters at either end that bits of other text share are left out.
            inside = encode(bytes(before) + secret).decode()
            yield inside[-(-8 * before // 6) : 8 * (before + len(secret)) // 6]


def _written(text: str) -> str:
    """Return the pattern of a text, each character of it plain or in any way of escaping it."""
    return "".join(each if _PLAIN.match(each) else rf"\\*(?:{'|'.join(_ways(each))})" for each in text)


def _ways(character: str) -> Iterator[str]:
    """Return the patterns of how URLs, HTML, JSON, JavaScript and Python write a character."""
    code, units = ord(character), character.encode("utf-16-be").hex()
    in_url = "".join(f"%{byte:02x}" for byte in character.encode())
    in_json = "".join(r"\\+u" + units[at : at + 4] for at in range(0, len(units), 4))
    yield re.escape(character)
    yield f"(?i:{in_url})"
    yield f"(?i:{in_json})"
    yield f"(?i:&#0*{code};|&#x0*{code:x};)"
    yield rf"(?i:\\+x{code:02x})"
    named = html.escape(character)
    if named != character:
        yield re.escape(named)
    if character == " ":
        yield r"\+"
