"""Pinned SQL: a question that is asked once, whose SQL is kept in ``connecty.lock`` and run from there.

Only ``pin`` and ``Pin.check`` ask, and pay.
"""

from connecty_frames.pins.asking import pin, pinned
from connecty_frames.pins.comparison import Drift, PinCheck
from connecty_frames.pins.lockfile import changing, find_lock_file, named, read_pins
from connecty_frames.pins.query import Pin

__all__ = [
    "Drift",
    "Pin",
    "PinCheck",
    "changing",
    "find_lock_file",
    "named",
    "pin",
    "pinned",
    "read_pins",
]
