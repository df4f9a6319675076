"""Hostile SQL, judged by the databases themselves: ``make verify WHAT=fuzz-guard``."""
