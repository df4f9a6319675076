"""Questions in plain English, read as SELECT statements by slots and a semantic model.

:mod:`model` has the words and the SQL of tables, columns and values. :mod:`slots` turns the words of a
question into slots, :mod:`phrases` combines slots, :mod:`reader` makes a :mod:`query` of them, and
:mod:`statements` makes its SQL and a description of how it was read.
"""
