"""Servers that other teams would have written from the API document alone, and what their users want."""
