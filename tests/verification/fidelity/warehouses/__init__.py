"""How exact the frames are, by producer: what real databases, drivers and libraries send.

The ground truth is a table of columns whose types and values are written down. Live servers and libraries
write them; of a producer that is not run here, the documented spelling is written. The statistics come from
the same writer or another of the same stack, with the documented sections alone and with numeric and boolean
ones, for all rows, for one, and for none.

===============  ==========================================================================================
``columns``      the true columns
``servers``      PostgreSQL and MariaDB in temporary folders
``postgres``,    their columns as the servers, drivers and libraries of Python write them
``mariadb``
``python``       ``json``, orjson, pydantic and pandas
``cloud``        the documented spellings of Snowflake, BigQuery, Databricks, Athena and Trino
``languages``    those of Jackson, .NET, Go and Ruby
``spelling``     the parts of such spellings
``bodies``       the response bodies; none of what writes them is shared with the decoder
``expected``     what is expected of a body: a type, or the exact text and the reason
``score``        the outcome of each reader and body
``report``       the printed tables
===============  ==========================================================================================
"""
