"""Processes are killed while they ask, and no question that was accepted is lost."""
