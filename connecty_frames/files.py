"""Files named by users: opened without blocking, and replaced atomically."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import sys
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from connecty_frames.errors import ConfigError, WriteFailed
from connecty_frames.text import path_text, value_text

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from io import BufferedReader

__all__ = [
    "answer_file",
    "atomic_write",
    "checked_path",
    "locked_folder",
    "open_regular",
    "write_failed",
]

#: A full disk, an exhausted quota, and the largest size of a file.
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

#: The bytes of a file's name that the name of its temporary file begins with; names have at most 255.
_PREFIX_BYTES: Final = 200


def write_failed(error: OSError, path: Path, question_id: str | None) -> WriteFailed:
    """Return the error of an answer that cannot be written to a file."""
    return WriteFailed(
        f"The answer{f' to question {question_id}' if question_id else ''} cannot be written to "
        f"{path_text(path)} ({error.strerror or error}). By its id it is fetched again at no cost.",
        errno=error.errno,
        question_id=question_id,
    )


@contextmanager
def answer_file(path: Path, question_id: str | None) -> Iterator[BinaryIO]:
    """Open a file for an answer as :func:`atomic_write` does.

    Raises
    ------
    WriteFailed
        If the disk is full.
    """
    try:
        with atomic_write(path) as file:
            yield file
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise write_failed(error, path, question_id) from None


def checked_path(path: str | os.PathLike[str], setting: str = "path") -> Path:
    """Return a path as a Path that can be passed to the system.

    Raises
    ------
    ConfigError
        If it is not a path, or has a character that no path can have.
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

    Opening a pipe without a writer would block forever, and a device such as ``/dev/zero`` never ends.

    Raises
    ------
    OSError
        If it cannot be opened, or is another kind of file.
    """

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    file = open(path, "rb", opener=opener)  # noqa: SIM115 - Path.open takes no opener
    # Checked after opening, since another file could replace it between a check of the path and opening it.
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode) and not os.path.samestat(status, Path(os.devnull).stat()):
        file.close()
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return file


@contextmanager
def atomic_write(path: str | os.PathLike[str], *, private: bool = False) -> Iterator[BinaryIO]:
    """Open a file for writing that replaces the one of that name only when it is complete.

    The target of a symbolic link is replaced, and the link kept. Pipes and devices such as ``/dev/stdout``
    are written directly. Temporary files that killed writers of this file left behind are removed.

    Parameters
    ----------
    private
        Whether only the owner may read and write it (mode 600), from its first byte on. Otherwise it keeps
        the mode of the file that it replaces.

    Raises
    ------
    ConfigError
        If ``path`` is not a path.
    OSError
        If it cannot be written; an existing file is then unchanged.
    """
    given = checked_path(path)
    if given.exists() and not given.is_file():
        with given.open("wb") as file:
            yield file
        return
    target = Path(os.path.realpath(given))
    # Cut by bytes, but not within a character, which some systems would refuse.
    prefix = os.fsencode(target.name)[:_PREFIX_BYTES].decode(errors="ignore")
    _remove_abandoned(target.parent, prefix)
    while True:
        # Not by tempfile, which makes files that only their owner can read.
        part = target.with_name(f".{prefix}.{secrets.token_hex(4)}.part")
        try:
            file = open(part, "xb", opener=_open_private if private else None)  # noqa: SIM115 - closed below
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(target)) from None
        except BaseException:  # an interrupt right after the file was created
            part.unlink(missing_ok=True)
            raise
        try:
            # The descriptor and the file share the lock.
            with _locked(partial(os.dup, file.fileno())):
                if not part.exists():
                    continue  # removed by another writer as abandoned, before it was locked
                with file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                if not private:
                    with suppress(FileNotFoundError):  # there is none to replace, or it was removed just now
                        shutil.copymode(target, part)
                part.replace(target)
                return
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        finally:
            file.close()


def _open_private(name: str, flags: int) -> int:
    return os.open(name, flags, stat.S_IRUSR | stat.S_IWUSR)


# A writer locks its temporary file right after creating it, until the file has its final name. The system
# releases the lock when the process ends for any reason, so a temporary file that can be locked has no
# writer. Between creating and locking, another writer may remove the file: so a writer checks after locking
# that the file still exists, and creates another one if not. On file systems without locks, and on Windows,
# nothing is removed.


@contextmanager
def _locked(open_descriptor: Callable[[], int]) -> Iterator[None]:
    """Lock a file or folder for other processes; not on Windows, nor where there are no locks.

    A folder that this user may write to but not list cannot be locked either.

    Parameters
    ----------
    open_descriptor
        Returns a descriptor of it, which is closed at the end.
    """
    if sys.platform == "win32":
        yield
        return
    descriptor = None
    with suppress(PermissionError):
        descriptor = open_descriptor()
    if descriptor is None:
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        # Closing is not enough: a process that another thread forked meanwhile would keep the lock.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def locked_folder(folder: Path) -> AbstractContextManager[None]:
    """Lock a folder for other callers, in this process too, while files in it are read and then written."""
    return _locked(partial(os.open, folder, os.O_RDONLY))


def _remove_abandoned(folder: Path, prefix: str) -> None:
    """Remove temporary files of a target that have no writer any more."""
    if sys.platform == "win32":
        return
    pattern = re.compile(rf"\.{re.escape(prefix)}\.[0-9a-f]{{8}}\.part")
    with suppress(OSError), os.scandir(folder) as entries:  # a failure here must not prevent writing
        for entry in entries:
            if not pattern.fullmatch(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            with suppress(OSError):
                # Opened for writing, since some network file systems lock only such files.
                opened = os.open(entry.path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    Path(entry.path).unlink()
                finally:
                    os.close(opened)
