"""Our end of the conversation: the only folder that opens a connection."""

from connecty_frames.client.client import Client, check_health
from connecty_frames.client.concurrent import Asked
from connecty_frames.client.question import Question
from connecty_frames.client.submission import resume_by, resuming

__all__ = ["Asked", "Client", "Question", "check_health", "resume_by", "resuming"]
