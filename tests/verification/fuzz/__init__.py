"""Hostile bodies: ``make fuzz``.

Made-up responses, most of them broken on purpose, are read by ``Answer.from_json`` and held against an oracle
that is written on the standard library alone.

===========  =====================================================================
``grammar``  JSON's grammar as a list of texts that are JSON and texts that are not
``tables``   random tables, written in random spelling
``bodies``   the body of each case, by its number
``moments``  dates and times read as whole nanoseconds
``oracle``   what a body says, and whether a table says the same
``trial``    one case: read, timed, and judged
===========  =====================================================================
"""
