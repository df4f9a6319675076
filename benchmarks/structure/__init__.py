"""The size of the package, and the path that one question takes through it: ``make structure``.

===============  =====================================================================
``source``       lines, functions, private functions called once, from the syntax trees
``traced_call``  the program that asks one question and records the functions it passes through
``report``       both, with the import time, as a printed table
===============  =====================================================================
"""
