"""The clients that calls share, one for each settings, and the sandbox of this process."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Final

from connecty_frames.client import Client
from connecty_frames.errors import ConfigError
from connecty_frames.settings.sources import CREDENTIALS, explain, resolve, set_sandbox, wants_sandbox

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Unpack

    from connecty_frames.sandbox import Connection, Sandbox
    from connecty_frames.sandbox.sandbox import SandboxOptions
    from connecty_frames.settings.values import Settings

clients: dict[Settings, Client] = {}
_lock = threading.Lock()
_MOST_CLIENTS: Final = 8  # the most shared clients, as in a process with settings that change often

#: The sandbox of this process, its options and its connection, by its address; none or one.
_used: dict[str, tuple[Sandbox, SandboxOptions, Connection]] = {}
_used_lock = threading.RLock()  # reentrant, since an unusable sandbox is closed while it is held


def open_client(settings: Settings) -> Client:
    """Return the client for settings; the sandbox's if the environment says so."""
    if wants_sandbox():
        # Given as arguments: the variable has no effect on a Client made elsewhere.
        _, connection = _run_sandbox({})
        settings = resolve(**connection)
    with _lock:
        if settings not in clients:
            # Not resolved again: another thread may call configure() at any moment.
            clients[settings] = Client.of(settings, resumable=settings.address not in _used)
        while len(clients) > _MOST_CLIENTS:  # the oldest goes once nobody uses it
            del clients[next(iter(clients))]
        return clients[settings]


def close_clients(address: str | None = None) -> None:
    """Close the shared clients, or those of one address; later calls make new ones."""
    with _lock:
        chosen = [settings for settings in clients if address in (None, settings.address)]
        closed = [clients.pop(settings) for settings in chosen]
    for client in closed:
        client.close()


def use_sandbox(**options: Unpack[SandboxOptions]) -> Sandbox:
    """Start a sandbox for this process, and send it every question asked without a client.

    No account is needed. The sandbox takes precedence over ``configure()``, environment and profiles. It does
    not replace an account that the code names: credentials or a profile in ``configure()``, or these or an
    address in ``Client``. A line on standard error, or in the notebook's cell, says that this is not the real
    service. The sandbox runs until ``close()``, which restores the settings, or until the process ends.
    ``CONNECTY_SANDBOX=1`` in the environment has the same effect on calls without a client.

    Parameters
    ----------
    **options
        Parameters of ``Sandbox``.

    Returns
    -------
    Sandbox
        The running sandbox; a second call returns the same one.

    Raises
    ------
    ConfigError
        If ``configure()`` was given credentials, a sandbox with other options is running, an option is wrong,
        or the extra ``sandbox`` is not installed.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> sandbox = cf.use_sandbox()
    >>> cf.ask("how many orders are there").rows
    1
    >>> sandbox.close()
    """
    with _used_lock:
        sandbox, connection = _run_sandbox(options)
        set_sandbox(connection)
    return sandbox


def _run_sandbox(options: SandboxOptions) -> tuple[Sandbox, Connection]:
    with _used_lock:
        places = {name: place for name, _, place in explain()}
        if given := [name for name in CREDENTIALS if places[name] == "configure()"]:
            raise ConfigError(
                f"configure() has set {given[0]}, so calls use that account. To ask a sandbox instead, unset "
                f"it: cf.configure({', '.join(f'{name}=None' for name in given)}).",
                setting="sandbox",
            )
        for sandbox, used_options, connection in _used.values():
            if options and not _is_equal(options, used_options):
                raise ConfigError(
                    "A sandbox with other options is running. Close it first: cf.use_sandbox().close()",
                    setting="sandbox",
                )
            return sandbox, connection
        from connecty_frames.display.progress import notebook_shell
        from connecty_frames.sandbox import Sandbox

        sandbox = Sandbox(**options)
        connection = sandbox.start(on_close=_leave_sandbox).connection
        _used[connection["base_url"]] = sandbox, options, connection
    # Standard error may be closed or missing (pythonw); a notebook displays it in red, as it does failures.
    with contextlib.suppress(Exception):
        stream = sys.stdout if notebook_shell() else sys.stderr
        stream.write(f"{sandbox_notice(places, options)}\n")
        stream.flush()
    return sandbox, connection


def sandbox_notice(places: Mapping[str, str], options: Collection[str] = ()) -> str:
    """Return the line about the use of a sandbox, in place of the sources of other settings."""
    notice = "connecty_frames asks its embedded sandbox, not ConnectyAI"
    if places["client_id"] != "default":
        notice += f"; the credentials of the {places['client_id']} are not used"
    if {"database", "answerer"} & set(options):
        return f"{notice}."
    return f"{notice}. `connecty sandbox --examples` lists what it knows."


def _is_equal(options: SandboxOptions, others: SandboxOptions) -> bool:
    with contextlib.suppress(Exception):  # frames among the answers do not compare to one truth value
        return options == others
    return False


def _leave_sandbox() -> None:
    with _used_lock:
        addresses = list(_used)
        _used.clear()
        set_sandbox({})
    for address in addresses:
        close_clients(address)
