"""When to ask again whether a question is done: a pure function of the time elapsed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["delay"]

_SHARE: Final = 0.1
_SHORTEST: Final = 0.1
_LONGEST: Final = 5.0
_JITTER: Final = 0.2


def delay(elapsed: float, random: Callable[[], float]) -> float:
    """Give the seconds to wait before the next poll.

    What matters to a person is how much longer than necessary they waited, as a share of the whole. A
    tenth of the time elapsed bounds that share at a tenth (a twentieth on average, since a question is
    done at any moment between two polls) and asks rarely just where each request says least: about a
    hundred requests for five minutes. The floor of 0.1 s keeps short questions from hammering the server,
    the ceiling of 5 s keeps long ones from lagging. The jitter of a fifth either way parts clients that
    started together; full jitter would double the requests for no shorter wait.

    Parameters
    ----------
    elapsed
        Seconds since the question was asked, 0 or more.
    random
        Gives numbers from 0 up to 1, as ``random.random`` does.

    Returns
    -------
    float
        Seconds, ``clamp(elapsed / 10, 0.1, 5) * (0.8 .. 1.2)``.
    """
    base = min(max(elapsed * _SHARE, _SHORTEST), _LONGEST)
    return base * (1 + _JITTER * (2 * random() - 1))
