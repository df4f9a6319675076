"""Questions in plain English, read as SELECT statements by a grammar and a semantic model.

:mod:`model` has the words and the SQL of tables, columns and values, :mod:`parser` makes a :mod:`query` of a
question by them, :mod:`select` the SQL of a query, and :mod:`description` a sentence that says how it was
read.
"""
