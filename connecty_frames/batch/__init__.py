"""Batches: many questions, each asked once, with their answers in a folder."""

from connecty_frames.batch.batch import Batch, BatchSummary, ask_batch, open_batch
from connecty_frames.batch.run import BatchProgress

__all__ = ["Batch", "BatchProgress", "BatchSummary", "ask_batch", "open_batch"]
