"""How exact the frames are: ``make verify WHAT=fidelity``.

Columns whose types and values are known are written as responses by many producers, read by ours in three
engines and by code that people write by hand, and compared value by value. The types that are expected follow
from the bytes alone. Nothing here is shared with the sandbox or the decoder, so that no mistake of theirs
can hide.
"""
