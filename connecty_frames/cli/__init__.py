"""The command ``connecty``: data on standard output, everything else on standard error.

A command imports heavy libraries when it runs, so that ``connecty --version`` and completion are fast.
"""

from connecty_frames.cli.app import app, main
from connecty_frames.cli.io import EXIT_CODES

__all__ = ["EXIT_CODES", "app", "main"]
