"""The history: a record of the questions asked, so that no id of a paid question is lost.

The modules of this package are imported only if a history is on.
"""
