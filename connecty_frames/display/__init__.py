"""All that users see: the progress of a question, its table in a terminal or notebook, and a chart.

This package is below ``frames``, so that the accessor of a frame can use it. It takes Arrow tables and
imports no frame library. Only ``progress`` loads fast: import its other modules where they are needed.
"""
