"""Tests of all that could show a secret, and the printers of tracebacks that they share."""
