"""The SQL of an answer, run on the warehouse itself: read, checked, sent, and its rows typed as the answer.

It takes SQL and columns, and knows nothing of answers. sqlglot and the clients of warehouses are imported
when they are needed.
"""

from connecty_frames.warehouse.guard import Statement, check, parse, parse_any
from connecty_frames.warehouse.lineage import fingerprint, tables
from connecty_frames.warehouse.query import Query, rerun

__all__ = ["Query", "Statement", "check", "fingerprint", "parse", "parse_any", "rerun", "tables"]
