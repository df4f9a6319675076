"""Text that must not be shown by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class SupportsSecret(Protocol):
    """Any object that holds a secret as pydantic's ``SecretStr`` does."""

    def get_secret_value(self) -> str:
        """Return the secret."""


class SecretStr:  # noqa: PLW1641 - it is compared, but nothing needs its hash
    """Text that neither ``repr`` nor ``str`` nor a format shows, as in a traceback with locals."""

    __slots__ = ("_value", "read")

    def __init__(self, value: str, read: Callable[[], str] | None = None) -> None:
        self._value = value
        #: Returns the secret of now, if it may change.
        self.read = read

    def get_secret_value(self) -> str:
        """Return the secret."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretStr) and self._value == other._value

    def __repr__(self) -> str:
        return "SecretStr('**********')"

    def __str__(self) -> str:
        return "**********"


def hidden(value: Any) -> Any:
    """Return a value that no traceback with locals shows; None stays None."""
    return value if value is None or isinstance(value, SecretStr) else SecretStr(value)
