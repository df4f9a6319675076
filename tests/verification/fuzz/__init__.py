"""Malformed bodies: ``make verify WHAT=fuzz``.

Generated responses, most of them malformed on purpose, are read by ``Answer.from_json`` and compared with an
oracle that is written on the standard library alone.

==============  =====================================================================
``grammar``     JSON's grammar as a list of texts that are JSON and texts that are not
``tables``      random tables, written in random spelling
``bodies``      the body of each case, by its number
``oracle``      what a body contains, and whether a table contains the same
``trial``       one case: read, timed, and checked
``run``         the worker processes and the command line
==============  =====================================================================
"""
