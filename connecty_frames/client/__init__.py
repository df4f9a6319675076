"""Our end of the conversation: the only folder that opens a connection."""

from connecty_frames.client.client import Client, check_health
from connecty_frames.client.concurrent import QuestionFuture
from connecty_frames.client.question import Question
from connecty_frames.client.submission import resume_by, resume_command

__all__ = ["Client", "Question", "QuestionFuture", "check_health", "resume_by", "resume_command"]
