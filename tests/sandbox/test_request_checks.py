"""Which hosts a sandbox answers to, by where it listens."""

from __future__ import annotations

import socket

import pytest

from connecty_frames.sandbox.request_checks import allowed_hosts

EVERYWHERE = "0.0.0.0"  # noqa: S104 - whom it would let in is what is tested


@pytest.mark.parametrize(
    ("host", "address", "allowed", "refused"),
    [
        (
            "127.0.0.1",
            "127.0.0.1",
            ["127.0.0.1", "127.0.0.1:8000", "localhost", "LocalHost:8000", "[::1]", "[::1]:8000"],
            ["", "evil.example", "192.168.0.5", EVERYWHERE, "127.0.0.2", "localhost.", "a b", "localhost:x"],
        ),
        ("localhost", "127.0.0.1", ["localhost", "127.0.0.1"], ["evil.example"]),
        ("::1", "::1", ["[::1]:8000", "localhost"], ["::1", "[::2]", "evil.example"]),
        (
            "192.168.0.5",
            "192.168.0.5",
            ["192.168.0.5:8000"],
            ["localhost", "127.0.0.1", "192.168.0.6", "evil.example"],
        ),
        ("box.example", "192.168.0.5", ["box.example", "BOX.example:80", "192.168.0.5"], ["evil.example"]),
        (
            EVERYWHERE,
            EVERYWHERE,
            ["127.0.0.1", "localhost", "192.168.0.5:8000", "[fe80::1]", socket.gethostname()],
            ["evil.example", "999.1.1.1", "[zz::]"],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hosts(host: str, address: str, allowed: list[str], refused: list[str]) -> None:
    """Where it listens and the names of that; on every address, any address and the machine's own name."""
    allows = allowed_hosts(host, address)

    assert [header for header in allowed if not allows(header)] == []
    assert [header for header in refused if allows(header)] == []
