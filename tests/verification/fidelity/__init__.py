"""How exact the frames are: ``make verify WHAT=fidelity``.

The ground truth is DuckDB's own Arrow export. It is written as a response in the styles of several producers,
read by ours in three engines and by code that people write by hand, and compared value by value.

==================  =============================================================================
``edge_cases``      the queries and the table of edge cases
``ground_truth``    their types and values by DuckDB
``styles``          the producers, by their choices
``cells``,          how a producer writes a value, the statistics of a column, and a response; none of
``statistics``,     it is shared with the sandbox or the decoder, so that no mistake of theirs can
``producers``       hide
``expected``        the expected type of each column
``equality``        when a value equals the one that was sent
``readers``         ours, and those by hand
``ambiguities``     other columns with the same bytes: what cannot be known
``score``           the grade of each reader and column
``report``          the printed table
``warehouses``      a second ground truth, by producer
==================  =============================================================================
"""
