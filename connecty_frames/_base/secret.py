"""Text that must not be shown by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class SupportsSecret(Protocol):
    """Any object that holds a secret as pydantic's ``SecretStr`` does."""

    def get_secret_value(self) -> str:
        """Return the secret."""


class SecretStr:
    """Text that neither ``repr`` nor ``str`` nor a format shows, as in a traceback with locals.

    Equal secrets are equal, and have the same hash.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        """Return the secret."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretStr) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "SecretStr('**********')"

    def __str__(self) -> str:
        return "**********"


class ChangingSecret(SecretStr):
    """A secret that a function returns, which may return another one later."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[], str]) -> None:
        super().__init__(read())
        self._read = read

    def read_again(self) -> ChangingSecret:
        """Return the secret of now."""
        return ChangingSecret(self._read)


def hidden(value: Any) -> Any:
    """Return a value that no traceback with locals shows; None stays None."""
    return value if value is None or isinstance(value, SecretStr) else SecretStr(value)
