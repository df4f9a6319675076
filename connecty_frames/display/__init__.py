"""What a person sees: the progress of a question, and its table in a terminal."""

from connecty_frames.display.progress import Progress, progress
from connecty_frames.display.table import terminal_table

__all__ = ["Progress", "progress", "terminal_table"]
