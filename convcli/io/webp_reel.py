"""
WebP files of one picture -> one animated WebP: every frame whole, in place of the one before.

    RIFF WEBP VP8X ICCP ANIM   ANMF [x y w h time flags (ALPH) VP8 or VP8L]   ANMF ...   EXIF XMP

https://developers.google.com/speed/webp/docs/riff_container
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from convcli.errors import OutputError
from convcli.io.reel import Ticks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from convcli.io.film import Film

_ANIMATION, _ALPHA = 0x02, 0x10
_FLAGS = {b"ICCP": 0x20, b"EXIF": 0x08, b"XMP ": 0x04}
_REPLACE = 0x02  # do not blend
_MOST, _PLAYS = (1 << 24) - 1, 65535
_ROOM = (1 << 32) - 10
_SAMPLES = {b"ALPH", b"VP8 ", b"VP8L"}


class Joiner:
    """Joins WebP files of one size."""

    def __init__(self, film: Film) -> None:
        self._plays = film.plays
        self._ticks = Ticks(1000, _MOST)
        self._size, self._flags = b"", _ANIMATION
        self._about: dict[bytes, bytes] = {}
        self._frames: list[bytes] = []

    def add(self, payload: bytes, seconds: Fraction) -> None:
        """Take the next frame; the first one gives profile, EXIF and XMP."""
        chunks = list(_chunks(payload))
        if not self._frames:
            self._about = {kind: contents for kind, contents in chunks if kind in _FLAGS}
        self._size = _size(chunks)
        if any(kind == b"ALPH" or (kind == b"VP8L" and c[4] & _ALPHA) for kind, c in chunks):
            self._flags |= _ALPHA
        time = self._ticks.of(seconds).to_bytes(3, "little")
        samples = b"".join(_chunk(*each) for each in chunks if each[0] in _SAMPLES)
        frame = b"".join((bytes(6), self._size, time, bytes([_REPLACE]), samples))
        self._frames.append(_chunk(b"ANMF", frame))

    def close(self) -> bytes:
        """The whole file."""
        flags = self._flags | sum(_FLAGS[kind] for kind in self._about)
        kept = {kind: _chunk(kind, contents) for kind, contents in self._about.items()}
        animation = struct.pack("<IH", 0, min(self._plays, _PLAYS))
        body = b"".join((
            b"WEBP",
            _chunk(b"VP8X", bytes([flags, 0, 0, 0]) + self._size),
            kept.get(b"ICCP", b""),
            _chunk(b"ANIM", animation),
            *self._frames,
            kept.get(b"EXIF", b""),
            kept.get(b"XMP ", b""),
        ))  # fmt: skip
        if len(body) > _ROOM:
            raise OutputError(
                "The frames together are larger than 4 GiB, where a WebP file ends.",
                "Write them one by one with --frames N.",
            )
        return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(kind: bytes, contents: bytes) -> bytes:
    return kind + struct.pack("<I", len(contents)) + contents + b"\0" * (len(contents) % 2)


def _chunks(payload: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(payload):
        kind, size = struct.unpack_from("<4sI", payload, at)
        yield kind, payload[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _size(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """Width and height, each less one, in 3 bytes: as VP8X has them."""
    kind, contents = chunks[0]
    if kind == b"VP8X":
        return contents[4:10]
    if kind == b"VP8L":
        bits = int.from_bytes(contents[1:5], "little")
        width, height = bits & 0x3FFF, bits >> 14 & 0x3FFF
    else:
        across, down = struct.unpack_from("<HH", contents, 6)
        width, height = (across & 0x3FFF) - 1, (down & 0x3FFF) - 1
    return width.to_bytes(3, "little") + height.to_bytes(3, "little")
