"""
Files that appear under their name whole or not at all, and what a killed process left of them.

    .convcli-0123456789abcdef.tmp   written, and locked while it is; then linked or renamed to  OUT

Files that belong together are all written first; then they get their names one after the other, and
where one cannot, those before it are taken back, and what they replaced is put back.

A process that is killed leaves the temporary file, but not its lock: `sweep` removes those that
nobody holds. Where there are no such locks (Windows, some network shares) stray files stay.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Self

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # a module, or none

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

NAME = re.compile(r"\.convcli-[0-9a-f]{16}\.tmp")
"""Not `.NAME-of-the-target`: a name of 255 bytes is allowed and a longer one is not."""

_UNFINISHED: set[str] = set()
"""Temporary names of this process: from before they are there until they are gone."""

_GIVING: set[_Names] = set()
"""Those that have given some of their names, but not all."""

_FEW, _OPEN = 16, 10240
"""Files that are written together without a thought; the most that macOS lets a process open."""


_STEPPING: set[int] = set()
"""Threads that are making or naming a file just now."""

_PATIENCE = 1.0
"""Seconds that such a step may take of a process that ends."""


class _Ending:
    """Whether this process ends without waiting for its threads. No lock: a signal may tell so."""

    begun = False


@contextmanager
def _step() -> Iterator[None]:
    """What a process that ends lets be finished; OSError if it already ends."""
    me = threading.get_ident()
    _STEPPING.add(me)  # first: then either this thread sees that it ends, or `abandon` this thread
    try:
        if _Ending.begun:
            raise OSError("this process ends")
        yield
    finally:
        _STEPPING.discard(me)


@contextmanager
def published(target: str | os.PathLike[str], *, overwrite: bool) -> Iterator[BinaryIO]:
    """
    An open file to write and seek in, which becomes `target` when the block ends without error.

    FileExistsError if the target is there by then and was not to be replaced. Nothing is left
    behind on any error.
    """
    with together([os.fspath(target)], overwrite=overwrite) as (file,):
        yield file


@contextmanager
def together(targets: Sequence[str], *, overwrite: bool) -> Iterator[list[BinaryIO]]:
    """As `published`, of several: all of them, or on any error none, and all that was there."""
    if len(targets) > _FEW:
        _raise_limit()
    with ExitStack() as held:
        drafts = [held.enter_context(passing(os.path.dirname(target))) for target in targets]
        yield [file for _, file in drafts]
        for _, file in drafts:
            file.flush()
            if not fcntl:  # Windows renames no file that is open; elsewhere the lock is held on to
                file.close()
        with _Names(single=len(targets) == 1) as names:
            for (temporary, _), target in zip(drafts, targets, strict=True):
                names.give(temporary, target, overwrite=overwrite)


def _raise_limit() -> None:
    """Let this process have more open files: all that are written together are open together."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = _OPEN if hard == resource.RLIM_INFINITY else min(_OPEN, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class _Names:
    """
    Names that are given to files one after the other; all are taken back where one cannot be given.

    What is replaced keeps a second name until the end. A single name needs none: it is given, or is
    not, at once.
    """

    def __init__(self, *, single: bool) -> None:
        self._single = single
        self._given: list[tuple[str, str, str]] = []
        self._held = ExitStack()

    def give(self, temporary: str, target: str, *, overwrite: bool) -> None:
        with _step():
            old = self._spare(target) if overwrite and not self._single else ""
            if not self._single and (old or not os.path.lexists(target)):
                self._given.append((target, temporary, old))
            _publish(temporary, target, overwrite=overwrite)

    def _spare(self, target: str) -> str:
        """A second name of what is to be replaced; "" where there is nothing, or no such names."""
        spare = _name(os.path.dirname(target))
        _UNFINISHED.add(spare)
        try:
            os.link(target, spare, follow_symlinks=False)
        except (OSError, AttributeError, NotImplementedError):
            _UNFINISHED.discard(spare)
            return ""
        self._hold(spare)
        return spare

    def _hold(self, spare: str) -> None:
        """Lock it where that can be done, or a sweep would take it for a killed process's."""
        with contextlib.suppress(OSError):
            if fcntl and not os.path.islink(spare):
                file = open(spare, "rb")  # noqa: SIM115 - closed with the others
                claimed(self._held.enter_context(file))

    def __enter__(self) -> Self:
        _GIVING.add(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind:
            self.take_back()
        _GIVING.discard(self)
        for given in self._given:
            _forget(given[-1])
        self._held.close()

    def take_back(self) -> None:
        """
        Everything as it was; the last name was perhaps not given any more.

        `abandon` and who is abandoned may both do it, side by side: what is done twice is done.
        """
        for given in reversed(tuple(self._given)):
            target, temporary, old = given
            with contextlib.suppress(OSError):
                if old:
                    os.replace(old, target)
                elif not os.path.exists(temporary) or os.path.samefile(target, temporary):
                    os.unlink(target)
            _forget(old)
            with contextlib.suppress(ValueError):  # the other one was first
                self._given.remove(given)


def _forget(name: str) -> None:
    """Remove a temporary file that may be gone already; "" is none."""
    with contextlib.suppress(OSError):
        if name:
            os.unlink(name)
    _UNFINISHED.discard(name)


@contextmanager
def passing(folder: str) -> Iterator[tuple[str, BinaryIO]]:
    """The name of a temporary file, and the file; both are gone when the block ends."""
    with _step():
        temporary, file = _opened(folder)
    try:
        with file:
            try:
                yield temporary, file
            finally:
                if fcntl:
                    _forget(temporary)  # locked, or a sweep would take it for a killed process's
    finally:
        _forget(temporary)


def abandon() -> None:
    """Remove all that this process is writing: for one that ends at once, whatever is at work."""
    _Ending.begun = True
    _wait_for_steps()
    for names in tuple(_GIVING):
        names.take_back()
    for temporary in tuple(_UNFINISHED):
        _forget(temporary)


def _wait_for_steps() -> None:
    """Until no other thread is at one: this one may be, where a signal has come meanwhile."""
    end = time.monotonic() + _PATIENCE
    while _STEPPING - {threading.get_ident()} and time.monotonic() < end:
        time.sleep(0.001)


def _opened(folder: str) -> tuple[str, BinaryIO]:
    """A new file under a name of its own, locked; another one if it was swept before that."""
    while True:
        temporary = _name(folder)
        _UNFINISHED.add(temporary)
        try:
            # 0o666 less the umask, as for any new file; x: nobody can have planted a link here.
            file = open(temporary, "x+b")  # noqa: SIM115 - whoever asked closes it
        except OSError:
            _UNFINISHED.discard(temporary)
            raise
        if not _lock(file) or os.fstat(file.fileno()).st_nlink:
            return temporary, file
        file.close()
        _UNFINISHED.discard(temporary)


def _name(folder: str) -> str:
    return os.path.join(folder, f".convcli-{os.urandom(8).hex()}.tmp")


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
        with open(entry.path, "rb") as file:
            if not claimed(file) or not os.fstat(file.fileno()).st_nlink:
                return False
            os.unlink(entry.path)
            return True
    return False


def _publish(temporary: str, target: str, *, overwrite: bool) -> None:
    if overwrite:
        mode = _mode(target)
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, target)
        return
    try:
        os.link(temporary, target)  # fails if the target exists; rename would replace it
    except (FileExistsError, FileNotFoundError):  # the latter: abandoned, or swept away
        raise
    except (OSError, AttributeError, NotImplementedError):  # FAT, some network shares
        _claim(target)
        try:
            os.replace(temporary, target)
        except BaseException:
            os.unlink(target)  # empty, and ours
            raise


def _mode(target: str) -> int | None:
    """Permissions of what is replaced; None where a link leads nowhere, or round in circles."""
    with contextlib.suppress(OSError):
        return stat.S_IMODE(os.stat(target).st_mode)
    return None


def _claim(target: str) -> None:
    """Take the name where there are no hard links; FileExistsError when somebody was first."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
