"""Files named by users: opened without blocking, locked (except on Windows), and replaced atomically."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
import unicodedata
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal
from urllib.parse import unquote_to_bytes

from connecty_frames._base.text import path_text, terminal
from connecty_frames.errors import ConfigError, WriteFailed

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from io import BufferedReader

_NAME_BYTES: Final = 100  # the most bytes of a name for a file: temporary names and batches add to it
#: A URL such as ``s3://a`` or ``jdbc:postgresql://a``; pathlib joins its slashes. A single letter is a drive.
_URL: Final = re.compile(rb"\s*([a-z][a-z0-9+.-][a-z0-9+.:-]*):/", re.IGNORECASE)
#: The URL of a file on this machine (RFC 8089), with its path.
_FILE_URL: Final = re.compile(rb"\s*file:(?://(?:localhost)?(?=/)|(?!//))(/.*)", re.IGNORECASE | re.DOTALL)


def write_failed(error: OSError, path: Path, question_id: str | None) -> WriteFailed:
    """Return the error of an answer that cannot be written to a file."""
    return WriteFailed(
        f"The answer{f' to question {question_id}' if question_id else ''} cannot be written to "
        f"{path_text(path)} ({error.strerror or error}). Fetch it again by its id at no cost.",
        errno=error.errno,
        question_id=question_id,
    )


@contextmanager
def answer_file(path: Path, question_id: str | None) -> Iterator[BinaryIO]:
    """Open a file for an answer as :func:`atomic_write` does; a full disk is a WriteFailed."""
    try:
        with atomic_write(path) as file:
            yield file
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:  # a disk, quota or file is full
            raise
        raise write_failed(error, path, question_id) from None


def checked_path(path: str | os.PathLike[str], setting: str = "path") -> Path:
    """Return a path on this machine as a Path; a ConfigError if it is none."""
    try:
        return local_path(path)
    except ValueError as error:
        raise ConfigError(f"{setting}: {error}.", setting=setting) from None


def local_path(path: Any) -> Path:
    """Return a local path as a Path; raises ValueError, never with a URL's password."""
    if isinstance(path, str):
        path = str.__str__(path)  # before Python 3.12, Path does not do it to an enum
    try:
        given = Path(path)
        encoded = os.fsencode(given.as_posix() if isinstance(path, PurePath) else os.fspath(path))
    except UnicodeEncodeError:
        encoded = b"\0"
    except Exception:  # noqa: BLE001 - an object may raise anything when it is asked for its path
        kind = type(path).__name__
        raise ValueError(f"expected a path as text, or an object such as pathlib.Path, not {kind}") from None
    if b"\0" in encoded:
        raise ValueError("expected a path without NUL characters and lone surrogates")
    if found := _FILE_URL.fullmatch(encoded):
        decoded = os.fsdecode(unquote_to_bytes(found[1]))
        return local_path(decoded[1:] if Path(decoded[1:]).drive else decoded)  # /C:/folder on Windows
    if found := _URL.match(encoded):
        raise ValueError(f"expected a local path, or file:///path, not a URL with {found[1].decode()}://")
    return given


def name_problem(name: str) -> str | None:
    """Return the reason why a name cannot be a file name, or None."""
    if not name.strip() or name in {".", ".."}:
        return "is not a file name"
    if "/" in name or "\\" in name:
        return "has a path separator"
    if terminal(name) != name:
        return "has a control character or an invisible one"
    if set('<>:"|?*') & set(name):
        return 'has one of < > : " | ? *, which Windows and Spark do not allow in file names'
    if len(name.encode()) > _NAME_BYTES:
        return f"has more than {_NAME_BYTES} bytes"
    return None


def folded(name: str) -> str:
    """Fold case and Unicode form, as case-insensitive file systems do."""
    return unicodedata.normalize("NFC", name).casefold()


def user_folder(kind: Literal["config", "state"]) -> Path | None:
    """Return the folder for files of this user, or None if no home can be found."""
    import platformdirs

    with suppress(RuntimeError):
        folder = Path(getattr(platformdirs, f"user_{kind}_dir")("connecty", appauthor=False))
        if not folder.parts[0].startswith("~"):  # as older versions leave it
            return folder
    return None


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file, or ``/dev/null``, for reading; OSError for another kind of file."""
    # Opening a pipe without a writer would block forever, and a device such as ``/dev/zero`` never ends.
    nonblocking = getattr(os, "O_NONBLOCK", 0)  # not on Windows
    file = open(  # noqa: SIM115 - Path.open takes no opener
        path, "rb", opener=lambda name, flags: os.open(name, flags | nonblocking)
    )
    # Checked after opening, since another file could replace it between a check of the path and opening it.
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode) and not os.path.samestat(status, Path(os.devnull).stat()):
        file.close()
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return file


@contextmanager
def atomic_write(
    path: str | os.PathLike[str], *, private: bool = False, replaces: bool = True
) -> Iterator[BinaryIO]:
    """Open a file for writing; it replaces the one of this name only once it is complete."""
    # The target of a symbolic link is replaced, and the link kept. Pipes and devices such as ``/dev/stdout``
    # are written directly. Temporary files left behind by killed writers of this file are removed. A
    # ``private`` file has mode 600 from its first byte on; otherwise it keeps the mode of the replaced file.
    # Raises ConfigError for anything but a path, FileExistsError unless it ``replaces``, and OSError; an
    # existing file is then unchanged.
    given = checked_path(path)
    if given.exists() and not given.is_file():
        with given.open("wb") as file:
            yield file
        return
    target = Path(os.path.realpath(given))
    _remove_abandoned(target)
    while True:
        # Not by tempfile: its files can be read by their owner alone.
        part = _part_of(target, secrets.token_hex(4))
        try:
            file = open(part, "xb", opener=open_private if private else None)  # noqa: SIM115 - closed below
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(target)) from None
        except BaseException:  # an interrupt right after the file was created
            part.unlink(missing_ok=True)
            raise
        try:
            # The descriptor and the file share the lock.
            with locked(partial(os.dup, file.fileno())):
                if not part.exists():
                    continue  # removed by another writer as abandoned, before it was locked
                with file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                if not private:
                    with suppress(FileNotFoundError):  # there is none to replace, or it was removed just now
                        shutil.copymode(target, part)
                if replaces:
                    part.replace(target)
                else:
                    _link(part, target)
                return
        finally:
            part.unlink(missing_ok=True)
            file.close()


def _link(part: Path, target: Path) -> None:
    try:
        target.hardlink_to(part)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        part.rename(target)


def open_private(name: str, flags: int) -> int:
    """Open a file readable and writable by its owner alone, as the opener of ``open``."""
    return os.open(name, flags, stat.S_IRUSR | stat.S_IWUSR)


# A writer locks its temporary file right after creating it, until the file has its final name. The system
# releases the lock when the process ends for any reason, so a temporary file that can be locked has no
# writer. Another writer may remove the file before it is locked: so a writer checks after locking if it still
# exists, and creates another one if not. On file systems without locks, and on Windows, nothing is removed.


def locked_folder(folder: Path) -> AbstractContextManager[object]:
    """Lock a folder for other callers, in this process too, while files in it are read and then written."""
    return locked(partial(os.open, folder, os.O_RDONLY))


@contextmanager
def locked_name(target: Path, name: str, wait: Callable[[], object]) -> Iterator[None]:
    """Lock a name in a file for other callers, in this process too; ``wait`` is called while one has it."""
    target = Path(os.path.realpath(target))
    # As a temporary file of the target: its next writer removes it if this process is killed.
    path = _part_of(target, hashlib.sha256(name.encode()).hexdigest()[:8])
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    while True:
        with locked(partial(os.open, path, flags, 0o666), wait) as descriptor:
            if descriptor is None:  # there are no locks, or another user made the file
                yield
            elif not _is_at(descriptor, path):
                continue  # removed by the last owner of the lock, or as abandoned
            else:
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
            return


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _part_of(target: Path, token: str) -> Path:
    return target.with_name(f".{_prefix_of(target)}.{token}.part")


def _prefix_of(target: Path) -> str:
    # A name has at most 255 bytes. Some systems refuse one cut within a character.
    return os.fsencode(target.name)[:200].decode(errors="ignore")


def _remove_abandoned(target: Path) -> None:
    if sys.platform == "win32":
        return
    pattern = re.compile(rf"\.{re.escape(_prefix_of(target))}\.[0-9a-f]{{8}}\.part")
    with suppress(OSError), os.scandir(target.parent) as entries:  # a failure here must not prevent writing
        for entry in entries:
            if not pattern.fullmatch(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            with suppress(OSError):
                # Opened for writing, since some network file systems lock only such files.
                opened = os.open(entry.path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    if lock(opened, blocks=False):
                        Path(entry.path).unlink()
                finally:
                    os.close(opened)


def reserved(folder: Path) -> BinaryIO:
    """Return an unnamed file that reserves disk space for updates to questions in progress."""
    import tempfile

    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - its user closes it
    try:
        file.write(os.urandom(64 * 1024))  # random, so that no file system compresses it
        file.flush()
    except BaseException:
        with suppress(OSError):
            file.close()
        raise
    return file


@contextmanager
def locked(
    open_descriptor: Callable[[], int], wait: Callable[[], object] | None = None
) -> Iterator[int | None]:
    """Open and lock a file or folder; yield its descriptor, or None on Windows or if it cannot be opened."""
    # While another caller has the lock, ``wait`` is called again and again; without it, the system waits.
    descriptor = None
    with suppress(OSError):
        descriptor = None if sys.platform == "win32" else open_descriptor()
    if descriptor is None:
        yield None
        return
    try:
        while not _is_locked_or_cannot_be(descriptor, blocks=wait is None):
            if wait is not None:
                wait()
        yield descriptor
    finally:
        # Closing is not enough: a process forked meanwhile by another thread would keep the lock.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _is_locked_or_cannot_be(descriptor: int, *, blocks: bool) -> bool:
    try:
        return lock(descriptor, blocks=blocks)
    except OSError:  # a file system without locks
        return True


def lock(descriptor: int, *, blocks: bool) -> bool:
    """Lock a descriptor; False if another caller has the lock, OSError if it cannot be locked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if blocks else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
