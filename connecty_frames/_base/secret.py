"""Text that must not be shown by accident."""

from __future__ import annotations

from typing import Protocol


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
