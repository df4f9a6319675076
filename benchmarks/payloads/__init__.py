"""What warehouses really write, and contracts: ``make bench WHAT=payloads``.

Worker processes read the same bodies in turn: this package, and with ``--package PATH`` that of another
checkout. Times are of the processor, medians of several rounds; each ratio is of one run.

===========  ===============================================================================
``columns``  the columns, how they become the same types by hand, and the limits
``work``     the worker process, which measures one package
``tables``   the tables that are printed
===========  ===============================================================================
"""
