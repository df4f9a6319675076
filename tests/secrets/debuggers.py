"""What the usual printers of tracebacks show of an error, with the locals of its frames."""

import re
import sys
import traceback
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Final

from rich.traceback import Traceback


def by_python(error: BaseException) -> str:
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def by_rich(error: BaseException) -> str:
    """Return what rich shows of the values, without the lines of code."""
    extracted = Traceback.extract(
        type(error),
        error,
        error.__traceback__,
        show_locals=True,
        locals_max_length=10_000,
        locals_max_string=10_000,
        locals_hide_dunder=False,
    )
    texts = []
    for stack in extracted.stacks:
        texts.append(stack.exc_value)
        for frame in stack.frames:
            texts += ["".join(node.iter_tokens()) for node in (frame.locals or {}).values()]
    return "\n".join(texts)


def by_ipython(error: BaseException) -> str:
    """Return what ``%xmode Verbose`` shows, without colours."""
    from IPython.core.ultratb import FormattedTB

    lines = FormattedTB("Verbose").structured_traceback(type(error), error, error.__traceback__)
    return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(lines))


def by_cgitb(error: BaseException) -> str:
    """Return what cgitb shows, which Python 3.13 no longer has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import cgitb
    return cgitb.text((type(error), error, error.__traceback__))


PRINTERS: Final[dict[str, Callable[[BaseException], str]]] = {
    "python": by_python,
    "rich": by_rich,
    **({"IPython": by_ipython} if find_spec("IPython") else {}),
    **({"cgitb": by_cgitb} if sys.version_info < (3, 13) else {}),
}


def shown(error: BaseException) -> dict[str, str]:
    return {name: show(error) for name, show in PRINTERS.items()}
