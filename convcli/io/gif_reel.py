"""
GIF files of one frame -> one animated GIF: every frame whole, with a colour table of its own.

    GIF89a screen [NETSCAPE2.0 loop]   control descriptor table samples   control ...   3B

https://www.w3.org/Graphics/GIF/spec-gif89a.txt
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from convcli.io.gif import Parts, parts
from convcli.io.reel import Ticks

if TYPE_CHECKING:
    from fractions import Fraction

    from convcli.io.film import Film

_KEEP, _CLEAR = 1, 2  # what becomes of a frame when the next one comes
_MOST = 65535


class Joiner:
    """Joins GIF files of one size."""

    def __init__(self, film: Film) -> None:
        self._plays = film.plays
        self._ticks = Ticks(100, _MOST)
        self._size, self._pieces = b"", list[bytes]()

    def add(self, payload: bytes, seconds: Fraction) -> None:
        """Take the next frame."""
        found = parts(payload)
        self._size = found.size
        self._pieces += [self._control(found, seconds), found.descriptor, found.table, found.blocks]

    def close(self) -> bytes:
        """The whole file."""
        repeats = b""
        if self._plays != 1:  # no word: shown once
            again = min(max(self._plays - 1, 0), _MOST)
            repeats = b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", again) + b"\0"
        return b"".join((b"GIF89a", self._size, b"\x70\0\0", repeats, *self._pieces, b"\x3b"))

    def _control(self, found: Parts, seconds: Fraction) -> bytes:
        hole = found.transparent
        flags = _KEEP << 2 if hole is None else _CLEAR << 2 | 1
        ticks = self._ticks.of(seconds)
        return b"\x21\xf9\x04" + struct.pack("<BHBB", flags, ticks, hole or 0, 0)
