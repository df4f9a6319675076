"""Hundreds of batch folders, clients and histories in one process, with few descriptors allowed.

Each is used as programs use them: kept, closed, let go of, or left to a shared client. What the process holds
is measured after the first of each kind, and after the last.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import connecty_frames as cf
from connecty_frames.client import Client
from tests.servers.timing import until
from tests.verification.service import service
from tests.verification.soak.resources import measure_resources

#: The most open files: less than three for each of a hundred.
_DESCRIPTORS: Final = 256
#: How many are opened before the first measurement, since shared clients and caches fill up.
_FIRST: Final = 20
#: The bytes by which memory may grow from there: less than the cache of a file for each.
_MAX_GROWTH: Final = 6 * 2**20


def _folder(path: Path, settings: dict[str, Any]) -> object:
    with Client(**settings) as client:
        return cf.ask_batch(["how many?"], path, client=client, progress=False)


def _closed(path: Path, settings: dict[str, Any]) -> object:
    with Client(**settings, history=path, keep_answers=True) as client:
        client.ask("how many?", max_age=60)
        return client.submit("how much?")  # a handle that outlives its client


def _gone(path: Path, settings: dict[str, Any]) -> object:
    Client(**settings, history=path).ask("how many?", max_age=60)
    return None


def _shared(path: Path, settings: dict[str, Any]) -> object:
    cf.configure(**settings, history=path)
    cf.ask("how many?", max_age=60)
    assert len(cf.history()) == cf.forget(1) == 1
    return None


#: What is opened. What a function returns is kept until the last was opened.
KINDS: Final[dict[str, Callable[[Path, dict[str, Any]], object]]] = {
    "batch folders": _folder,
    "closed clients": _closed,
    "clients let go of": _gone,
    "configured histories": _shared,
}


def main(count: int) -> list[str]:
    """Open so many of each kind, print what they leave, and return which promises were broken."""
    broken = []
    with service() as (_, script), _few_descriptors():
        settings = {"client_id": "id", "client_secret": "secret", "base_url": script.address, "dw_id": 13}
        for kind, use in KINDS.items():
            with tempfile.TemporaryDirectory() as folder:
                kept: list[object] = []
                before = measure_resources()
                for number in range(count):
                    if number == _FIRST:
                        before = measure_resources()
                    kept.append(use(Path(folder, str(number)), settings))
                    # What the server of the test records of requests is none of the package.
                    script.requests.clear()
                del kept
                with suppress(AssertionError):  # a thread of the server may close its end late
                    until(lambda: len(measure_resources().files) <= len(before.files))  # noqa: B023 - called at once
                after = measure_resources()
            files, memory = len(after.files) - len(before.files), after.memory - before.memory
            print(f"{count} {kind:<21} {files:+d} open files, {memory / 2**10:+,.0f} KiB")
            if files > 0 or memory > _MAX_GROWTH:
                broken.append(f"{count} {kind} leave {files} open files and {memory:,} bytes")
        cf.configure(**dict.fromkeys([*settings, "history"]))
    return broken


@contextmanager
def _few_descriptors() -> Iterator[None]:
    if sys.platform == "win32":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_DESCRIPTORS, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
