"""A pid namespace for a process, as containers have: the numbers of others mean nothing there."""

import subprocess
from functools import cache
from typing import Final

#: By root, and by others where the system lets them.
_COMMANDS: Final = (
    ("unshare", "--pid", "--fork", "--kill-child"),
    ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"),
)


@cache
def pid_namespace() -> tuple[tuple[str, ...], str]:
    """Return the beginning of a command that runs in one; nothing and the reason if that is not allowed."""
    reason = ""
    for command in _COMMANDS:
        try:
            done = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
        except OSError as error:
            return (), str(error)
        if not done.returncode:
            return command, ""
        reason = done.stderr.strip()
    return (), reason
