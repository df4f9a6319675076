"""Files that users name: opened without waiting, and replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from connecty_frames.errors import ConfigError
from connecty_frames.text import value_text

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

__all__ = ["atomic_write", "checked_path", "open_regular"]

#: How much of a file's name the name of its temporary file repeats, in bytes; names have at most 255.
_REPEATED: Final = 200


def checked_path(path: str | os.PathLike[str], setting: str = "path") -> Path:
    """Return a path as a Path, once the system can be asked for it.

    Raises
    ------
    ConfigError
        If it is no path, or holds a character that no path can.
    """
    try:
        given = Path(path)
        encoded = os.fsencode(given)
    except TypeError:
        raise ConfigError(
            f"{setting} is of type {type(path).__name__}: expected a file's path.", setting=setting
        ) from None
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded:
        raise ConfigError(
            f"{setting}={value_text(path)}: no path holds a NUL character or a lone surrogate.",
            setting=setting,
        )
    return given


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file, or ``/dev/null``, for reading.

    Opening a pipe that nobody writes to would wait for ever, and a device such as ``/dev/zero`` never ends.

    Raises
    ------
    OSError
        If it cannot be opened, or is neither.
    """

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    file = open(path, "rb", opener=opener)  # noqa: SIM115 - Path.open takes no opener
    # The open file is looked at: between a look at the path and opening it, another could take its place.
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode) and not os.path.samestat(status, Path(os.devnull).stat()):
        file.close()
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return file


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing that appears only once it is whole, in place of one of that name.

    A link stays a link, and what it points at is replaced. What is no file, such as a pipe or
    ``/dev/stdout``, is written to as it stands. Temporary files of writers to this file that were killed
    are removed.

    Raises
    ------
    ConfigError
        If ``path`` is no path.
    OSError
        If it cannot be written; a file that was there before is then as it was.
    """
    given = checked_path(path)
    if given.exists() and not given.is_file():
        with given.open("wb") as file:
            yield file
        return
    target = Path(os.path.realpath(given))
    # Cut in bytes, and never within a character, which some systems would refuse.
    repeated = os.fsencode(target.name)[:_REPEATED].decode(errors="ignore")
    _remove_abandoned(target.parent, repeated)
    while True:
        # Not by tempfile, whose files nobody but their owner may read.
        part = target.with_name(f".{repeated}.{secrets.token_hex(4)}.part")
        try:
            file = part.open("xb")
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(target)) from None
        except BaseException:  # an interrupt right after the file was made
            part.unlink(missing_ok=True)
            raise
        try:
            with _locked(file):
                if not part.exists():
                    continue  # another writer took it for abandoned, before it was locked
                with file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                if target.exists():
                    shutil.copymode(target, part)
                part.replace(target)
                return
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        finally:
            file.close()


# A writer holds a lock on its temporary file from just after making it until it has its final name. The
# system frees the lock when the process ends, however it ends, so a temporary file that can be locked has no
# writer. In the moment between making and locking, another writer may remove the file: so the first looks
# once it has the lock whether the file is still there, and makes another one if not. Where the file system
# has no locks, and on Windows, nothing is removed.


@contextmanager
def _locked(file: BinaryIO) -> Iterator[None]:
    """Lock an open file, also beyond its being closed."""
    if sys.platform == "win32":
        yield
        return
    lock = os.dup(file.fileno())  # shares the lock, which lasts until the last of both is closed
    try:
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _remove_abandoned(folder: Path, repeated: str) -> None:
    """Remove the temporary files of a target whose writers are gone."""
    if sys.platform == "win32":
        return
    pattern = re.compile(rf"\.{re.escape(repeated)}\.[0-9a-f]{{8}}\.part")
    with suppress(OSError), os.scandir(folder) as entries:  # nothing here keeps a file from being written
        for entry in entries:
            if pattern.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(OSError):
                    _remove_unlocked(entry.path)


def _remove_unlocked(path: str) -> None:
    # For writing, since some network file systems lock only what is open for that.
    opened = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        Path(path).unlink()
    finally:
        os.close(opened)
