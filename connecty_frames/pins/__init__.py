"""Pinned SQL: ask a question once, keep its SQL in ``connecty-pins``, and run it from there.

Only ``pin`` and ``Pin.check(ask=True)`` ask, and pay.
"""

from connecty_frames.pins.asking import pin, pinned
from connecty_frames.pins.comparison import Drift, PinCheck
from connecty_frames.pins.folder import PinFolder
from connecty_frames.pins.query import Pin

__all__ = ["Drift", "Pin", "PinCheck", "PinFolder", "pin", "pinned"]
