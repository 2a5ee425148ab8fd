"""
A folder and all below it, in an order that never changes, each folder read once.

    root                root/2.png  root/10.png  root/a/1.png  root/b/1.png  root/link/1.png
     files first, then folders, by natural order; links to folders last, never in circles
"""

from __future__ import annotations

import os
import re
from collections import deque
from typing import TYPE_CHECKING

from convcli.errors import InputError
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    Entry = os.DirEntry[str]
    Identity = tuple[int, int] | str

_DIGITS = re.compile(r"([0-9]+)")
_ALIKE = str.maketrans("123456789", "0" * 9)


@record
class Folder:
    """One folder: how it is opened, its way from the root with `/`, and its entries in order."""

    path: str
    inside: str
    identity: Identity
    files: deque[Entry]

    def below(self, name: str) -> str:
        """The way from the root to an entry."""
        return f"{self.inside}/{name}" if self.inside else name


def walk(root: str, enter: Callable[[str, str, int], bool]) -> Iterator[Folder]:
    """
    `root` and every folder below it that may be entered; "" is the current folder.

    `enter` is asked with the path, the way from the root and the depth, 1 just below it. A folder
    that was walked is not entered again by a link. InputError for one that must not be read.
    """
    known: set[Identity] = set()
    waiting, links = [(root, "", 0)], deque[tuple[str, str, int]]()
    while waiting or links:
        path, inside, depth = waiting.pop() if waiting else links.popleft()
        mark = identity(path or os.curdir)
        if mark in known:
            continue
        known.add(mark)
        files, folders, linked = _listed(path or os.curdir)
        folder = Folder(path, inside, mark, files)
        for names, later in (folders, waiting), (linked, links):
            ways = ((os.path.join(path, name), folder.below(name), depth + 1) for name in names)
            entered = [way for way in ways if enter(*way)]
            later.extend(entered if later is links else reversed(entered))
        yield folder


def _listed(path: str) -> tuple[deque[Entry], list[str], list[str]]:
    """Files, folders and links to folders of one folder, each in natural order."""
    files: deque[Entry] = deque()
    folders: list[str] = []
    linked: list[str] = []
    try:
        with os.scandir(path) as entries:
            found = {entry.name: entry for entry in entries}
    except OSError as error:
        raise InputError(
            f"The folder {path} can't be searched: {error.strerror}.",
            f"Leave it out: --exclude '{os.path.basename(path)}'",
        ) from None
    for name in in_order(found):
        entry = found[name]
        if not is_folder(entry):
            files.append(entry)
        else:
            (linked if entry.is_symlink() else folders).append(name)
    return files, folders, linked


def is_folder(entry: Entry) -> bool:
    """Whether it is one, or a link to one; what cannot be looked at is none."""
    try:
        return entry.is_dir()
    except OSError:  # links in circles, or to where nobody may look
        return False


def in_order(names: Collection[str]) -> list[str]:
    """2 before 10, a beside A; names that are the same so are in the order of their letters."""
    letters = sorted(names)
    if len({name.translate(_ALIKE) for name in names}) == 1:
        return letters  # numbers of so many digits each, in the same places: of cameras, films
    return sorted(letters, key=_natural)


def _natural(name: str) -> list[str | int]:
    parts: list[str | int] = list(_DIGITS.split(name.casefold()))
    parts[1::2] = [int(digits) for digits in parts[1::2]]
    return parts


def identity(path: str) -> Identity:
    """What all names of one file or folder share; of what is not there, its full name."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return _full(path)
    return status.st_dev, status.st_ino


def _full(path: str) -> str:
    try:
        return os.path.abspath(path)
    except FileNotFoundError:  # the current folder was removed
        return path
