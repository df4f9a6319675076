"""How exact the frames are: ``make verify WHAT=fidelity``.

Columns whose types and values are known are written as responses by many producers, read by ours in three
engines and by code that people write by hand, and compared value by value. The types that are expected follow
from the bytes alone. Nothing here is shared with the sandbox or the decoder, so that no mistake of theirs
can hide.

==================  =============================================================================
``columns``         columns whose types and values are written down
``edge_cases``,     queries and edge cases, with their types and values by DuckDB's own Arrow export
``ground_truth``
``styles``,         DuckDB's values, in one choice for each point that the API document leaves open
``cells``
``servers``         PostgreSQL and MariaDB in temporary folders
``postgres``,       columns as the servers, drivers and libraries of Python write them
``mariadb``,
``python``
``cloud``           the documented spellings of Snowflake, BigQuery, Databricks, Athena and Trino
``languages``       those of Jackson, .NET, Go and Ruby
``spelling``        the parts of such spellings
``shapes``          statistics as five writers spell them
``bodies``          the responses: columns of a producer in each extent, with each depth of statistics
``expected``        what is expected of a body: a type, or the exact text and the reason
``equality``        when a value equals the one that was sent
``readers``         ours, and those by hand
``score``           the outcome of each reader and body
``report``          the producers that are scored, and the printed tables
==================  =============================================================================
"""
