"""How long the event loop is blocked while questions are awaited: ``make bench WHAT=async``.

A task sleeps for 5 ms again and again. How late it wakes is the lag of the loop, or of the machine, for which
the idle loop is measured. The sandbox runs in a process of its own, on the same processors.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import connecty_frames as cf
from connecty_frames import sandbox
from connecty_frames.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from multiprocessing.connection import Connection

__all__ = ["main", "sandbox_process"]

_BEAT: Final = 0.005
_AT_ONCE: Final = 64
_LARGE: Final = "list all orders"


def _serve(pipe: Connection) -> None:
    with Sandbox() as sandbox:
        pipe.send(sandbox.connection)
        pipe.recv()


@contextmanager
def sandbox_process() -> Iterator[sandbox.Connection]:
    """Yield the settings of a sandbox that runs in another process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join()


async def _lags(work: Awaitable[object]) -> tuple[float, list[float]]:
    """Await something; return the seconds that it took, and how late each sleep ended meanwhile."""
    late: list[float] = []

    async def tick() -> None:
        while True:
            asleep = time.perf_counter()
            await asyncio.sleep(_BEAT)
            late.append(time.perf_counter() - asleep - _BEAT)

    ticking = asyncio.create_task(tick())
    began = time.perf_counter()
    await work
    took = time.perf_counter() - began
    ticking.cancel()
    return took, late


def main() -> None:
    """Print the table."""
    with sandbox_process() as connection, cf.Client(**connection) as client:

        async def small() -> None:
            await asyncio.gather(
                *(client.ask_df_async(f"SELECT {n} AS n", progress=False) for n in range(_AT_ONCE))
            )

        async def large() -> None:
            await client.ask_df_async(_LARGE, max_rows=None, progress=False)

        cases: dict[str, Callable[[], Awaitable[object]]] = {
            "nothing": lambda: asyncio.sleep(2),
            "a first question": lambda: client.ask_df_async("SELECT 1 AS n", progress=False),
            f"{_AT_ONCE} questions at once": small,
            "an answer of 100,000 rows": large,
        }
        print(f"{'while this is awaited':<28}{'seconds':>10}{'median lag ms':>16}{'largest lag ms':>16}")
        for name, work in cases.items():
            took, late = asyncio.run(_lags(work()))
            median, most = (1000 * lag for lag in (statistics.median(late), max(late)))
            print(f"{name:<28}{took:>10.1f}{median:>16.1f}{most:>16.1f}")


if __name__ == "__main__":
    main()
