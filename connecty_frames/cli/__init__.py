"""The command ``connecty``: data on standard output, everything else on standard error.

A file for each command or group of them. What is heavy is loaded by the command that needs it, so that
``connecty --version`` and completion answer at once.
"""

from connecty_frames.cli.exits import EXIT_CODES
from connecty_frames.cli.program import app, main

__all__ = ["EXIT_CODES", "app", "main"]
