"""How exact the frames are: ``make verify WHAT=fidelity``.

Columns whose types and values are known are written as responses by many producers, read by ours in three
engines and by code that people write by hand, and compared value by value. The types that are expected follow
from the bytes alone. Nothing here is shared with the sandbox or the decoder, so that no mistake of theirs
can hide.

==================  =============================================================================
``columns``         columns whose types and values are written down
``edge_cases``,     queries and edge cases, with their types and values by DuckDB's own Arrow export
``ground_truth``
``postgres``,       columns as a running PostgreSQL, its driver and libraries of Python write them
``python``
``producers``       warehouses and libraries by their documented spellings, and DuckDB's values in styles
``spelling``        the functions and templates that the tables have for each type
``bodies``          the responses: columns of a producer in each extent, with each depth of statistics
``expected``        what is expected of a body: a type, or the exact text and the reason
``equality``        when a value equals the one that was sent
``readers``         ours, and those by hand
``score``           the outcome of each reader and body
``report``          the producers that are scored, and the printed tables
==================  =============================================================================
"""
