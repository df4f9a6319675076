"""The rows of a warehouse as rows of an answer: SQL that is read and run, and tables that are cast.

It takes SQL and columns, and knows nothing of answers. sqlglot and the clients of warehouses are imported
when they are needed.
"""
