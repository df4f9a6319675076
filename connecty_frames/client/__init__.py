"""Our end of the conversation: the only folder that opens a connection."""

from connecty_frames.client.client import Client, check_health
from connecty_frames.client.interrupts import resume_by, resuming
from connecty_frames.client.many import Asked
from connecty_frames.client.question import Question

__all__ = ["Asked", "Client", "Question", "check_health", "resume_by", "resuming"]
