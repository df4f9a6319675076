"""The size of the package, and the way that one question takes through it: ``make structure``.

===============  =========================================================================
``source``       lines, functions, copies of texts, ``noqa``, private APIs, from the source
``traced_call``  the program that asks one question and records the functions it passes through
``trace``        runs that program
``report``       both, with the import time, as a printed table
===============  =========================================================================
"""
