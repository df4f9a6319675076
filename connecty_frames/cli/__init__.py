"""The command ``connecty``: data on standard output, everything else on standard error.

A file for each command or group of them. What is heavy is loaded by the command that needs it, so that
``connecty --version`` and completion answer at once.
"""

from connecty_frames.cli.app import app, main
from connecty_frames.cli.exit_codes import EXIT_CODES

__all__ = ["EXIT_CODES", "app", "main"]
