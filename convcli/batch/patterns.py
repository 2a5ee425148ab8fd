"""
Patterns of names, as shells have them, with `/` between folders on every system.

    *  any letters of one name     ?  one letter     [a-z]  [!a-z]  one of them, or none
    **  as a part of its own: any folders, also none

    "*.tif"  matches  a.tif           "raw/**/*.tif"  matches  raw/a.tif  raw/2024/b.tif
"""

from __future__ import annotations

import os
import re
from functools import cache

from convcli.errors import UsageError

_PIECE = re.compile(r"\*+|\?|\[!?\]?[^]]*\]|.", re.DOTALL)
_MAGIC = re.compile(r"[*?]|\[[^]/]+\]")


def is_pattern(word: str) -> bool:
    """Whether anything in `word` stands for other letters."""
    return _MAGIC.search(word) is not None


def split(word: str) -> tuple[str, str]:
    """
    The folder to be searched, and the pattern of names below it.

    `scans/**/*.tif` -> `scans`, `**/*.tif`; a pattern alone is of the current folder, "".
    """
    drive, rest = os.path.splitdrive(_slashed(word))
    parts = rest.split("/")
    first = next(n for n, part in enumerate(parts) if is_pattern(part))
    root = "/".join(parts[:first])
    return drive + (root or "/" * (first > 0)), "/".join(part for part in parts[first:] if part)


def depth(pattern: str) -> int | None:
    """How many folders lie between the root and what matches at most; None for any number."""
    parts = pattern.split("/")
    return None if "**" in parts else len(parts) - 1


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """
    A regular expression to be held against a whole path whose folders are parted by `/`.

    Letters are told from capitals but on Windows. UsageError for a pattern that is empty.
    """
    parts = [part for part in _slashed(pattern).split("/") if part not in {"", "."}]
    if not parts:
        raise UsageError(f"'{pattern}' is no pattern of names.", 'Write "*.tif" or "raw/**".')
    *folders, name = parts
    body = "".join("(?:[^/]+/)*" if part == "**" else f"{_part(part)}/" for part in folders)
    body += ".+" if name == "**" else _part(name)
    return re.compile(body, re.DOTALL | (re.IGNORECASE if os.name == "nt" else 0))


def _slashed(word: str) -> str:
    return word.replace(os.sep, "/")


def _part(text: str) -> str:
    """One name: its stars and sets as a regular expression, all else as it is."""
    return "".join(map(_piece, _PIECE.findall(text)))


def _piece(piece: str) -> str:
    if piece[0] == "*":
        return "[^/]*"
    if piece == "?":
        return "[^/]"
    if len(piece) < len("[x]"):
        return re.escape(piece)
    inverted = piece[1] == "!"
    letters = re.sub(r"[\\^\[\]&~|]", r"\\\g<0>", piece[1 + inverted : -1])
    return f"(?!/)[{'^' * inverted}{letters}]"
