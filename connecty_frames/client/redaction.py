"""Secrets taken out of what a server says, before it is shown.

A server may repeat in an error what it was sent: "invalid client_secret 'xyz'". Such text ends up in
messages, logs and notebooks, where a secret must never be.
"""

from __future__ import annotations

import base64
import html
import itertools
import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Redaction"]

_SHOWN: Final = "***"
_HEX: Final = re.compile("%[0-9A-F]{2}")
#: Shorter than this, and every other word of a message could be "it".
_SHORTEST: Final = 4
#: How much of a text is looked at; what is shown of it is far shorter.
_LOOKED_AT: Final = 65_536


class Redaction:
    """The secrets of one client, in every form in which a server could repeat them."""

    def __init__(self) -> None:
        self._forms: dict[str, tuple[tuple[str, ...], ...]] = {}

    def add(self, name: str, secret: str) -> None:
        """Know a secret by a name, beside the one before it: answers to that may be on their way."""
        forms = sorted({form for form in _forms(secret) if len(form) >= _SHORTEST}, key=len, reverse=True)
        self._forms[name] = (tuple(forms), *self._forms.get(name, ())[:1])

    def __call__(self, text: str | bytes) -> str:
        """Give the beginning of a text with ``***`` for each secret in it."""
        if isinstance(text, bytes):
            text = text[:_LOOKED_AT].decode("utf-8", errors="backslashreplace")
        return self._hidden(text[:_LOOKED_AT])

    def inside(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """Give a JSON value with the same done to every text in it."""
        if isinstance(value, str):
            return self._hidden(value)
        if isinstance(value, list):
            return [self.inside(each) for each in value]
        if isinstance(value, dict):
            return {self._hidden(name): self.inside(each) for name, each in value.items()}
        return value

    def _hidden(self, text: str) -> str:
        known = itertools.chain.from_iterable(list(self._forms.values()))
        # The longest first, whosever it is: a client id may be a part of the secret.
        for form in sorted(itertools.chain.from_iterable(known), key=len, reverse=True):
            text = text.replace(form, _SHOWN)
        return text


def _forms(secret: str) -> Iterator[str]:
    yield secret
    for encoded in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield encoded
        yield _HEX.sub(lambda found: found[0].lower(), encoded)
    yield html.escape(secret)
    yield html.escape(secret, quote=False)
    for escaped in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield escaped
        yield escaped.replace("/", r"\/")  # as PHP writes it
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
    yield base64.urlsafe_b64encode(secret.encode()).decode().rstrip("=")
