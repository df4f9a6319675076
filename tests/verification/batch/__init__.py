"""Batches are killed and started again, and no question is asked twice; memory stays flat."""
