"""The scripted server, for the tests that need one."""

from tests.servers.fixtures import client, clock, server

__all__ = ["client", "clock", "server"]
