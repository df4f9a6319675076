"""Hostile SQL, judged by the databases themselves: ``make fuzz-guard``."""
