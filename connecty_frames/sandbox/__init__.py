"""The other end, embedded: ConnectyAI's Public API served over HTTP from a DuckDB.

To try the library, to develop offline, and to test against. :class:`Sandbox` is the service; an
:class:`Answerer` of one's own, which gives a :class:`Plan` for each question, takes the place of the
catalogue.
"""

from connecty_frames.sandbox.questions import Answerer, Plan
from connecty_frames.sandbox.sandbox import Connection, Sandbox

__all__ = ["Answerer", "Connection", "Plan", "Sandbox"]
