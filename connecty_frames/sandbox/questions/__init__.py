"""Questions in plain English, read as SELECT statements by slots and a semantic model.

:mod:`model` has the words and the SQL of tables, columns and values. :mod:`slots` claims the words of a
question, :mod:`phrases` puts slots together, :mod:`reader` makes a :mod:`query` of them, :mod:`statements`
its SQL and the words that say how it was read.
"""
