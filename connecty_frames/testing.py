"""For tests of code that asks: a sandbox in the place of ConnectyAI.

With pytest it is the fixture ``connecty_sandbox``, which comes with the package. :func:`connected` is the
same for everything else::

    with connected() as sandbox:
        report()  # whatever asks with cf.ask_df(...) and the like
    assert sandbox.request_log.submissions() == {"how many orders are there": 1}
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from connecty_frames.api import close_clients
from connecty_frames.config import Settings, configure, swap_configured
from connecty_frames.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connecty_frames.sandbox import Sandbox

__all__ = ["connected"]

_PREFIX: Final = "CONNECTY_"


@contextmanager
def connected(sandbox: Sandbox | None = None) -> Iterator[Sandbox]:
    """Let every call that names no connection of its own ask a sandbox, for as long as the context lasts.

    The settings of the process are put aside: those of ``configure()``, of the environment (the new one also
    holds for processes that are started) and of profiles. Afterwards they are as before. They belong to the
    process, so this is not for tests that run in threads beside each other.

    Parameters
    ----------
    sandbox
        The one to ask; it is started if it does not run yet, and stopped then. None starts one with the
        sample workspace.

    Yields
    ------
    Sandbox
        Running. Its ``request_log`` tells what it was asked; its ``faults`` make it misbehave.

    Raises
    ------
    ConfigError
        Where the extra ``sandbox`` is not installed.
    """
    from connecty_frames.sandbox import Sandbox

    with ExitStack() as stack:
        running = Sandbox() if sandbox is None else sandbox
        try:
            connection = running.connection
        except ConfigError:
            connection = stack.enter_context(running).connection
        stack.enter_context(
            _environment({f"{_PREFIX}{name.upper()}": str(value) for name, value in connection.items()})
        )
        stack.callback(swap_configured, swap_configured({}))
        configure(**connection)
        close_clients()
        stack.callback(close_clients)
        yield running


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    """Let these settings be the only ones in the environment."""
    ours = {f"{_PREFIX}{name.upper()}" for name in (*Settings.model_fields, "config")}
    before = {name: os.environ.pop(name) for name in list(os.environ) if name.upper() in ours}
    os.environ.update({**settings, f"{_PREFIX}CONFIG": os.devnull})
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
        os.environ.update(before)
