"""What users see: the progress of a question, its table in a terminal or notebook, and a chart.

This package is below ``frames``, so that the accessor of a frame can use it. It takes Arrow tables and
imports no frame library.
"""
