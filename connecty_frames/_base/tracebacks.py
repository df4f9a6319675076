"""The traceback of an error in IPython and notebooks: the lines of the caller, then the message.

IPython displays what ``_render_traceback_`` of an exception returns. Its own formatter makes it here, in the
mode and colours that the user chose, from tracebacks without the frames that say nothing to the caller. The
exceptions keep their tracebacks, for ``%debug`` and for ``%xmode Verbose``, which shows every frame.
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final

_PACKAGE: Final = __name__.partition(".")[0]


def short_traceback(error: BaseException) -> list[str]:
    """Return the traceback of an error and its causes as IPython's parts, to be joined."""
    # Nothing is raised: without IPython, or if its formatter fails, it is Python's traceback.
    try:
        from IPython import get_ipython

        formatter: Any = get_ipython().InteractiveTB
        if formatter.mode == "Verbose":
            return _format(formatter, error)
        tracebacks = [(each, each.__traceback__) for each in _chain(error)]
        try:
            for each, full in tracebacks:
                each.__traceback__ = _shortened(full)
            return _format(formatter, error)
        finally:
            for each, full in tracebacks:
                each.__traceback__ = full
            formatter.tb = error.__traceback__  # where %debug starts
    except Exception:  # noqa: BLE001 - of a later version of IPython, or of what it reads
        return traceback.format_exception(error)


def _format(formatter: Any, error: BaseException) -> list[str]:
    parts: list[str] = formatter.structured_traceback(type(error), error, error.__traceback__, 0)
    notes: list[str] = getattr(error, "__notes__", [])
    # Most versions end with the notes, but some in a few modes only.
    if not notes or "".join(parts).rstrip().endswith(notes[-1].rstrip()):
        return parts
    return [*parts, *(note if formatter.tb_join_char else f"{note}\n" for note in notes)]


def _chain(error: BaseException) -> Iterator[BaseException]:
    following: BaseException | None = error
    seen: list[BaseException] = []
    while following is not None and not any(following is each for each in seen):
        seen.append(following)
        yield following
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)


def _shortened(full: TracebackType | None) -> TracebackType | None:
    # If this package was called, drop Python's own library too, such as threads and futures before the call,
    # and all libraries used by the call. Keep functions of the caller called from there.
    frames = []
    while full is not None:
        frames.append((full, str(full.tb_frame.f_globals.get("__name__")).partition(".")[0]))
        full = full.tb_next
    is_called = any(root == _PACKAGE for _, root in frames)
    kept = []
    is_inside = False  # in IPython or this package, or in code called from there
    for frame, root in frames:
        if root in {"IPython", _PACKAGE}:
            is_inside = True
        elif is_called and (
            root in sys.stdlib_module_names
            # Installed; files elsewhere are the caller's code.
            or (is_inside and re.search("(site|dist)-packages", frame.tb_frame.f_code.co_filename))
        ):
            pass
        else:
            is_inside = False
            kept.append(frame)
    short: TracebackType | None = None
    for frame in reversed(kept):
        short = TracebackType(short, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return short
