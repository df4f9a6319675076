"""Which hosts a request may name."""

from __future__ import annotations

import socket

from connecty_frames.sandbox.request_checks import allowed_hosts
from tests.cases import cases

EVERYWHERE = "0.0.0.0"  # noqa: S104 - the hosts allowed there are tested, and nothing listens


@cases(
    ("host", "address", "allowed", "rejected"),
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
def test_hosts(host: str, address: str, allowed: list[str], rejected: list[str]) -> None:
    """The address and its names are allowed; on all addresses, any address and the host name."""
    is_allowed = allowed_hosts(host, address)

    assert [header for header in allowed if not is_allowed(header)] == []
    assert [header for header in rejected if is_allowed(header)] == []
