"""The history: what was asked, kept in one SQLite file so that no id of a paid question is lost.

Only processes in which a history is on import the modules of this package.
"""
