"""A sandbox instead of ConnectyAI, for tests of code that asks questions.

In pytest, use the fixture ``connecty_sandbox``, which comes with the package. :func:`connected` is the same
as a context manager::

    with connected() as sandbox:
        report()  # code that calls cf.ask_df(...) and so on
    assert sandbox.request_log.submissions() == {"how many orders are there": 1}
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from connecty_frames.errors import ConfigError
from connecty_frames.settings.sources import configure, swap_configured
from connecty_frames.settings.values import NAMES
from connecty_frames.shared import close_clients

if TYPE_CHECKING:
    from connecty_frames.sandbox import Sandbox

__all__ = ["connected"]


@contextmanager
def connected(sandbox: Sandbox | None = None) -> Iterator[Sandbox]:
    """Send every call without a client to a sandbox, within this context.

    The settings of ``configure()``, of the environment (also for child processes) and of profiles are
    replaced, and restored afterwards. Settings are per process, so do not use this in parallel threads.

    Parameters
    ----------
    sandbox
        The sandbox to use. If it is not running, it is started, and stopped afterwards. None starts one with
        the sample workspace.

    Yields
    ------
    Sandbox
        The running sandbox. Its ``request_log`` has the requests it got; its ``faults`` inject faults.

    Raises
    ------
    ConfigError
        If the extra ``sandbox`` is not installed.
    """
    from connecty_frames.sandbox import Sandbox

    with ExitStack() as stack:
        running = Sandbox() if sandbox is None else sandbox
        try:
            connection = running.connection
        except ConfigError:
            connection = stack.enter_context(running).connection
        stack.enter_context(
            _environment({f"CONNECTY_{name.upper()}": str(value) for name, value in connection.items()})
        )
        stack.callback(swap_configured, swap_configured({}))
        configure(**connection)
        close_clients()
        stack.callback(close_clients)
        yield running


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    names = {f"CONNECTY_{name.upper()}" for name in (*NAMES, "client_secret_file", "config", "sandbox")}
    before = {name: os.environ.pop(name) for name in list(os.environ) if name.upper() in names}
    os.environ.update({**settings, "CONNECTY_CONFIG": os.devnull})
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)
