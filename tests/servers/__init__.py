"""Servers that tests and verification programs talk to."""
