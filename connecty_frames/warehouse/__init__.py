"""Rows of a warehouse as rows of an answer: parse and run SQL, and cast tables.

It takes SQL and columns, and does not know answers. sqlglot and warehouse clients are imported when needed.
"""
