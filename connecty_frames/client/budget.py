"""How many retries a client may spend: an outage must not be multiplied by those who wait for its end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from connecty_frames.clock import Clock

__all__ = ["Budget"]

#: The most retries that can be saved up.
_MOST: Final = 10.0
#: Retries won back each second, whatever happens.
_A_SECOND: Final = 1.0
#: Less than this is nothing: what rounding leaves out of a whole retry.
_NOTHING: Final = 1e-6


class Budget:
    """The retries that all calls of one client share.

    There are ten to begin with. Each retry takes one; each second and each request that went well gives one
    back, up to ten again. So a hiccup is over before anybody notices, a server that fails now and then is
    asked again at most once for each time it answers, and one that is down sees the first try of each call,
    ten retries, and then one a second, however many threads wait for it.

    gRPC (gRFC A6, "Throttling Retry Attempts and Hedged RPCs") and the AWS SDKs do the same, but let a call
    fail for which there is no retry left. Here it waits for one, as long as its deadline allows: the answer
    it is after was paid for.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._left = _MOST
        self._counted_at = clock.monotonic()

    def take(self) -> float:
        """Take a retry and give 0.0, or the seconds until there can be one."""
        with self._lock:
            now = self._clock.monotonic()
            self._left = min(_MOST, self._left + (now - self._counted_at) * _A_SECOND)
            self._counted_at = now
            missing = 1.0 - self._left
            if missing > _NOTHING:
                return missing / _A_SECOND
            self._left -= 1.0
            return 0.0

    def give_back(self) -> None:
        """Give one back, for a request that went well."""
        with self._lock:
            self._left = min(_MOST, self._left + 1.0)
