"""A program: ask a batch, and print time and memory after some of its questions."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from connecty_frames.batch import BatchProgress, ask_batch
from connecty_frames.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable


def questions(count: int) -> list[str]:
    """Return so many questions."""
    return [f"question {number}" for number in range(count)]


def _reporter(moments: list[int]) -> Callable[[BatchProgress], None]:
    """Return what prints, after each of these numbers of questions, the seconds and the bytes of memory."""
    began = time.monotonic()

    def report(progress: BatchProgress) -> None:
        if progress.done in moments:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            moment = [progress.done, time.monotonic() - began, pages * os.sysconf("SC_PAGE_SIZE")]
            print(json.dumps(moment), flush=True)

    return report


if __name__ == "__main__":
    _, address, folder, count, *rest = sys.argv
    with Client("id", client_secret="secret", base_url=address, dw_id=13) as client:
        ask_batch(questions(int(count)), folder, client=client, progress=_reporter(list(map(int, rest))))
