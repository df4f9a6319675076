"""The door of the folder: names that are imported when they are first used."""

from __future__ import annotations

import pytest

from connecty_frames import client


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("checks", {"CONNECTION_CHECKS", "Check", "Status", "check_connection", "check_token"}),
        ("health", {"check_health", "not_operational"}),
    ],
)
def test_names_that_are_loaded_late(file: str, names: set[str]) -> None:
    """They are those of their files."""
    for name in names:
        assert getattr(client, name) is getattr(getattr(client, file), name)


def test_unknown_name() -> None:
    """Another name is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'check_everything'"):
        _ = client.check_everything
