"""The scripted server, for the tests of what talks to it."""

from tests.servers.fixtures import client, clock, server

__all__ = ["client", "clock", "server"]
