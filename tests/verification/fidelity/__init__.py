"""How exact are the frames: ``make bench-fidelity``.

The truth is DuckDB's own Arrow export. It is written as a response in the styles of several producers, read
by ours in three engines and by what people write by hand, and compared value by value.

==================  =============================================================================
``edges``           the queries and the table of edge cases
``truths``          what DuckDB says they are
``styles``          the producers, by what they choose
``cells``,          how one of them writes a value, a column's statistics, a response; none of it
``statistics``,     is shared with the sandbox or the decoder, so that no mistake of theirs can
``producers``       hide
``expected``        the type due for each column
``equality``        when a value is the one that was sent
``readers``         ours, and those by hand
``twins``           other truths with the same bytes: what cannot be known
``score``           the judgement
``report``          the printed table
==================  =============================================================================
"""
