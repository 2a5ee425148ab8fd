"""
Files that appear under their name whole or not at all, and what a killed process left of them.

    .convcli-0123456789abcdef.tmp   written, and locked while it is; then linked or renamed to  OUT

A process that is killed leaves the temporary file, but not its lock: `sweep` removes those that
nobody holds. Where there are no such locks (Windows, some network shares) stray files stay.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

NAME = re.compile(r"\.convcli-[0-9a-f]{16}\.tmp")
"""Not `.NAME-of-the-target`: a name of 255 bytes is allowed and a longer one is not."""

_UNFINISHED: set[Path] = set()
"""Temporary files of this process that are being written."""

_LEFT = threading.Event()
"""Set once this process ends without waiting for its threads."""


@contextmanager
def published(target: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """
    An open file to write and seek in, which becomes `target` when the block ends without error.

    FileExistsError if the target is there by then and was not to be replaced. Nothing is left
    behind on any error.
    """
    temporary, file = _opened(target.parent)
    try:
        _UNFINISHED.add(temporary)
        try:
            if _LEFT.is_set():
                raise OSError("this process ends")
            yield file
            file.flush()
            if fcntl:  # while the lock is held: nobody may take the file for a stray one
                _publish(temporary, target, overwrite=overwrite)
        finally:
            file.close()
        if not fcntl:  # Windows renames no file that is open
            _publish(temporary, target, overwrite=overwrite)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        _UNFINISHED.discard(temporary)


@contextmanager
def passing(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """The name of a temporary file, and the file; both are gone when the block ends."""
    temporary, file = _opened(folder)
    try:
        with file:
            yield temporary, file
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def abandon() -> None:
    """Remove all that this process is writing: for one that ends at once, whatever is at work."""
    _LEFT.set()
    for temporary in tuple(_UNFINISHED):
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _opened(folder: Path) -> tuple[Path, BinaryIO]:
    """A new file under a name of its own, locked; another one if it was swept before that."""
    while True:
        temporary = folder / f".convcli-{os.urandom(8).hex()}.tmp"
        # 0o666 less the umask, as for any new file; x: nobody can have planted a link here.
        file = temporary.open("x+b")
        if _lock(file) and not os.fstat(file.fileno()).st_nlink:
            file.close()
            continue
        return temporary, file


def _lock(file: IO[bytes]) -> bool:
    """Wait for the lock of a new file, which a sweep may hold for a moment; False without locks."""
    if not fcntl:
        return False
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
    except OSError:  # a file system that has none: there nobody sweeps either
        return False
    return True


def claimed(file: IO[bytes]) -> bool | None:
    """
    Whether the lock of a file is ours now, for as long as it is open and this process alive.

    False where somebody else holds it, None where there are no locks.
    """
    if not fcntl:
        return None
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def sweep(folders: Iterable[str]) -> int:
    """
    Remove the temporary files that killed processes left in `folders`, and count them.

    Those that somebody is writing, that are not ours to remove, or that are no plain files stay;
    so does all below the folders.
    """
    return sum(_swept(entry) for folder in folders for entry in _strays(folder))


def _strays(folder: str) -> list[os.DirEntry[str]]:
    with contextlib.suppress(OSError), os.scandir(folder or ".") as entries:
        return [entry for entry in entries if NAME.fullmatch(entry.name)]
    return []


def _swept(entry: os.DirEntry[str]) -> bool:
    """Whether one was removed: only while we hold its lock, which proves that nobody else does."""
    with contextlib.suppress(OSError):
        if not stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
            return False
        with open(entry.path, "rb") as file:  # noqa: PTH123 - a name, not a path
            if not claimed(file) or not os.fstat(file.fileno()).st_nlink:
                return False
            os.unlink(entry.path)  # noqa: PTH108 - as above
            return True
    return False


def _publish(temporary: Path, target: Path, *, overwrite: bool) -> None:
    if overwrite:
        mode = _mode(target)
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(target)
        return
    try:
        os.link(temporary, target)  # fails if the target exists; rename would replace it
    except (FileExistsError, FileNotFoundError):  # the latter: abandoned, or swept away
        raise
    except (OSError, AttributeError, NotImplementedError):  # FAT, some network shares
        _claim(target)
        try:
            temporary.replace(target)
        except BaseException:
            target.unlink()  # empty, and ours
            raise


def _mode(target: Path) -> int | None:
    """Permissions of what is replaced; None where a link leads nowhere, or round in circles."""
    with contextlib.suppress(OSError):
        return stat.S_IMODE(target.stat().st_mode)
    return None


def _claim(target: Path) -> None:
    """Take the name where there are no hard links; FileExistsError when somebody was first."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
