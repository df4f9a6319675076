"""How the sandbox answers questions that people wrote: ``make verify WHAT=questions``.

The questions were written without knowing what the sandbox reads. Each has the right SQL, written by hand:
several where a question can honestly be answered in several ways, none where the data has no answer. It is
run in UTC, and the last 30 days are those before 1 November 2025. An answer is right if its table has the
columns of one of them. To refuse a question is no mistake; to answer it otherwise is.
"""
