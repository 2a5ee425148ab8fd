"""
Words of a command line to inputs: every picture once, in an order that never changes.

    photo.jpg           the file, whatever it holds
    photos              every picture below the folder; `inside` keeps its place in the tree
    "scans/**/*.tif"    the same of all that match below `scans`, if no file has that very name
    -                   standard input

What the user named himself is never skipped; what was found must be a picture, by its suffix or
else by its first bytes. One file that two words reach, or two spellings of a word, is one input,
as the first found it. Hard links and links to files are names in their own right.
"""

from __future__ import annotations

import os
import stat
import sys
from collections import Counter
from dataclasses import field
from functools import cache
from typing import TYPE_CHECKING

from convcli.batch import patterns
from convcli.batch.lasting import lasting
from convcli.batch.task import STANDARD, Input
from convcli.batch.tree import Folder, identity, walk
from convcli.errors import InputError, UsageError
from convcli.io import is_picture, suffix_format
from convcli.record import mutable, record

if TYPE_CHECKING:
    import re
    from collections import deque
    from collections.abc import Iterable, Iterator, Sequence

    from convcli.batch.tree import Entry, Identity

NUMBERS = frozenset({"NPY", "CSV"})
_KINDS = 5
"""Kinds of files and places that a message names before it counts the rest."""


@record
class Choice:
    """
    Which files of the folders are wanted.

    Patterns of `include` and `exclude` are held against the way from the root, `2024/a.png`, and
    against the plain name. `apart`, the folder of the results, is not searched if it lies in
    another.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    hidden: bool = False
    apart: str = ""


@mutable
class Found:
    """The inputs, and what was not taken: `foreign` by suffix, what is no picture; and counts."""

    inputs: list[Input] = field(default_factory=list)
    searched: list[str] = field(default_factory=list)
    foreign: Counter[str] = field(default_factory=Counter)
    excluded: int = 0
    hidden: int = 0
    twice: int = 0
    apart: str = ""

    def notes(self) -> Iterator[str]:
        """What the user may not expect, as sentences."""
        if self.foreign:
            yield f"{_were(self.foreign.total(), 'skipped')}: no picture ({self._kinds()})"
        if self.twice:
            yield f"{_were(self.twice, 'reached twice')}: done once, as first named"
        if self.apart:
            yield f"{self.apart} was not searched: results go there"

    def _kinds(self) -> str:
        kinds = self.foreign.most_common(_KINDS)
        rest = self.foreign.total() - sum(number for _, number in kinds)
        said = [f"{number:,} {kind}" for kind, number in kinds]
        return ", ".join([*said, *[f"{rest:,} others"] * (rest > 0)])

    def nothing(self) -> InputError:
        """That there is no input: where it was looked for, and what was passed over."""
        where = ", ".join(self.searched[:_KINDS]) or "the list of files, which is empty"
        passed = [
            f"{number:,} {word}"
            for word, number in (
                (f"no picture ({self._kinds()})", self.foreign.total()),
                ("excluded", self.excluded),
                ("hidden", self.hidden),
            )
            if number
        ]
        over = f"\nPassed over: {', '.join(passed)}." if passed else ""
        cure = "Take hidden files too: --hidden" if self.hidden else "Name files or folders."
        return InputError(f"No picture was found in {where}.{over}", cure)


def _were(number: int, done: str) -> str:
    return f"{number:,} file{'s were' if number != 1 else ' was'} {done}"


def look(roots: Iterable[str], choice: Choice) -> Found:
    """What folders hold now, be it nothing. InputError where one must not be read."""
    search = _Search(choice)
    for root in roots:
        search.name(root)
    return search.found


@lasting()
def find(words: Iterable[str], choice: Choice, listed: Iterable[str] = ()) -> Found:
    """
    Everything that `words` name, then the names of a list, which are taken as they are.

    A file that is not there is an input all the same: to read it says what is wrong. InputError
    where nothing was found at all, or where a folder must not be read.
    """
    search = _Search(choice)
    for word in words:
        search.word(word)
    for name in listed:
        search.name(os.path.join(os.curdir, name) if name == STANDARD else name)
    if not search.found.inputs:
        raise search.found.nothing()
    search.found.inputs.extend(map(Input, search.unmatched))
    return search.found


class _Search:
    """One search over all words: it knows what was found before."""

    def __init__(self, choice: Choice) -> None:
        self.found, self.unmatched = Found(), list[str]()
        self._choice = choice
        self._include = [patterns.compiled(text) for text in choice.include]
        self._exclude = [patterns.compiled(text) for text in choice.exclude]
        self._apart = identity(choice.apart) if choice.apart else None
        self._reached: dict[Identity, set[str]] = {}
        self._beside: dict[str, set[str]] = {}

    def word(self, word: str) -> None:
        """A name, or a pattern of names."""
        if word == STANDARD:
            self._append(Input(STANDARD), self._reached.setdefault(STANDARD, set()), STANDARD)
        elif patterns.is_pattern(word) and not os.path.lexists(word):
            self._pattern(word)
        else:
            self.name(word)

    def name(self, name: str) -> None:
        """A folder or a file, as it is called."""
        status = _status(name)
        if status and stat.S_ISDIR(status.st_mode):
            self.found.searched.append(name)
            self._search(name, self._include, self._choice.include)
            return
        folder, base = os.path.split(name)
        if folder not in self._beside:
            mark = identity(folder or os.curdir)
            self._beside[folder] = self._reached.setdefault(mark, set())
        size = status.st_size if status and stat.S_ISREG(status.st_mode) else -1
        source = Input(name, size=size, mtime=status.st_mtime_ns if status else 0)
        self._append(source, self._beside[folder], base)

    def _pattern(self, word: str) -> None:
        """A pattern that nothing matches will fail in its turn, as a name that is not there."""
        root, pattern = patterns.split(word)
        self.found.searched.append(word)
        before = len(self.found.inputs) + self.found.twice
        if os.path.isdir(root or os.curdir):
            depth = patterns.depth(pattern)
            self._search(root, [patterns.compiled(pattern)], (pattern,), depth)
        if before == len(self.found.inputs) + self.found.twice:
            self.unmatched.append(word)

    def _search(
        self,
        root: str,
        include: Sequence[re.Pattern[str]],
        texts: Sequence[str],
        depth: int | None = None,
    ) -> None:
        """Every wanted file below a root; `texts` are the patterns of `include` as written."""
        numbers = {_suffix(os.path.basename(text)) for text in texts}

        def enter(path: str, inside: str, level: int) -> bool:
            return (depth is None or level <= depth) and self._enters(path, inside)

        for folder in walk(root, enter):
            files = (
                entry
                for entry in _off(folder.files)
                if self._wanted(folder.below(entry.name), entry, include, numbers)
            )
            self._take(root or os.curdir, folder, files)

    def _enters(self, path: str, inside: str) -> bool:
        name = os.path.basename(path)
        if self._passes_over(inside, name):
            return False
        if self._apart is None or identity(path) != self._apart:
            return True
        self.found.apart = path
        return False

    def _passes_over(self, way: str, name: str) -> bool:
        """Whether a file or folder is hidden or excluded; count it if so."""
        if name.startswith(".") and not self._choice.hidden:
            self.found.hidden += 1
            return True
        if self._exclude and _matches(self._exclude, way, name):
            self.found.excluded += 1
            return True
        return False

    def _wanted(
        self, way: str, entry: Entry, include: Sequence[re.Pattern[str]], numbers: set[str]
    ) -> bool:
        name = entry.name
        if self._passes_over(way, name):
            return False
        if include and not _matches(include, way, name):
            self.found.excluded += 1
            return False
        if _is_file(entry) and _taken(entry, numbers):
            return True
        self.found.foreign[_suffix(name) or "without a suffix"] += 1
        return False

    def _take(self, root: str, folder: Folder, files: Iterable[Entry]) -> None:
        inside, here = folder.inside.replace("/", os.sep), not folder.path
        reached = self._reached.setdefault(folder.identity, set())
        for entry in files:
            path = entry.name if here else entry.path
            self._append(Input(path, root, inside, *_figures(entry)), reached, entry.name)

    def _append(self, source: Input, reached: set[str], name: str) -> None:
        """One more input, unless it is among those that were reached in its folder."""
        if name in reached:
            self.found.twice += 1
        else:
            reached.add(name)
            self.found.inputs.append(source)


def _off(files: deque[Entry]) -> Iterator[Entry]:
    """One by one, and gone: each keeps all that the system told of it, half a kilobyte."""
    while files:
        yield files.popleft()


def _matches(some: Sequence[re.Pattern[str]], way: str, name: str) -> bool:
    return any(one.fullmatch(way) or one.fullmatch(name) for one in some)


def _taken(entry: Entry, numbers: set[str]) -> bool:
    """Whether a file is a picture, or numbers of a suffix that was asked for."""
    suffix = _suffix(entry.name)
    form = _form(suffix)
    if form in NUMBERS:
        return suffix in numbers
    return form is not None or is_picture(entry.path)


@cache
def _form(suffix: str) -> str | None:
    return suffix_format(f"a{suffix}")


def _suffix(name: str) -> str:
    """As of `splitext`, of a name without folders, and in small letters."""
    stem, dot, suffix = name.rpartition(".")
    return f"{dot}{suffix.lower()}" if stem.strip(".") else ""


def _is_file(entry: Entry) -> bool:
    """Whether there are bytes to read: links lead nowhere, pipes never begin."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _figures(entry: Entry) -> tuple[int, int]:
    try:
        status = entry.stat()
    except OSError:
        return -1, 0
    return status.st_size, status.st_mtime_ns


def _status(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)
    except (OSError, ValueError):  # ValueError: a null byte in the name
        return None


# --- lists of names -------------------------------------------------------------------------------


def names_in(text: bytes, *, zero: bool = False) -> Iterator[str]:
    """
    The names of a list: one a line, or with a null byte behind each if `zero`.

    Names are bytes and may be no text; empty ones are left out, as is the mark that some editors
    put in front of a text.
    """
    lines = text.split(b"\0") if zero else text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for line in lines:
        name = line if zero else line.removesuffix(b"\r")
        if name:
            yield os.fsdecode(name)


def read_list(path: str, *, zero: bool = False) -> list[str]:
    """The names in the file `path`, or on standard input for `-`. InputError as `io.read_bytes`."""
    from convcli.io import read_bytes

    if path == STANDARD and sys.stdin is not None and sys.stdin.isatty():
        raise UsageError(
            "Reading the list of files from the terminal makes no sense.",
            "Pipe one in: find photos -name '*.jpg' | convcli apply --from-file - ...",
        )
    return list(names_in(read_bytes(path), zero=zero))
