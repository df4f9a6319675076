"""The SQL of an answer, run on the warehouse itself: read, checked, sent, and its rows typed as the answer.

It takes SQL and columns, and knows nothing of answers. sqlglot and the clients of warehouses are imported
when they are needed.
"""
