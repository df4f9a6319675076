"""Our end of the conversation: the only folder that opens a connection."""

from connecty_frames.client.client import Client, check_health
from connecty_frames.client.question import Question

__all__ = ["Client", "Question", "check_health"]
