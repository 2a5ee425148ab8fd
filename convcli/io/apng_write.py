"""
PNG files -> one animated PNG: the first one's chunks, then each frame's samples.

    IHDR acTL (colour, text ...) fcTL IDAT ...   fcTL fdAT ...   fcTL fdAT ...   IEND

A poster has no fcTL. https://www.w3.org/TR/png-3/#apng-frame-based-animation
"""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING

from convcli.io.png_chunks import SIGNATURE, walk
from convcli.io.png_strips import chunk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.io.film import Film

_MOST = 65535  # of either part of a duration


class Joiner:
    """Joins PNG files of one size and kind."""

    def __init__(self, film: Film) -> None:
        self._frames, self._plays = len(film.headers) - film.poster, film.plays
        self._poster, self._number = film.poster, 0
        self._pieces: list[bytes] = []

    def add(self, payload: bytes, seconds: Fraction) -> None:
        """Take the next frame; the first one gives size, colour and text."""
        chunks = [(kind, bytes(contents)) for kind, contents in walk(payload, "", strict=False)]
        size = chunks[0][1][:8]
        first = not self._pieces
        if first:
            self._pieces += [SIGNATURE, *self._head(chunks)]
        if not (first and self._poster):
            self._control(size, seconds)
        for kind, contents in chunks:
            if kind == b"IDAT" and first:
                self._pieces += chunk(kind, contents)
            elif kind == b"IDAT":
                self._pieces += chunk(b"fdAT", self._next(), contents)

    def close(self) -> bytes:
        """The whole file."""
        return b"".join([*self._pieces, *chunk(b"IEND")])

    def _head(self, chunks: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
        for kind, contents in chunks:
            if kind != b"IDAT":
                yield from chunk(kind, contents)
            if kind == b"IHDR":
                yield from chunk(b"acTL", struct.pack(">II", self._frames, self._plays))

    def _control(self, size: bytes, seconds: Fraction) -> None:
        """Every frame is whole, and so takes the place of all before: no disposal, no blending."""
        near = seconds.limit_denominator(max(1, int(_MOST / max(seconds, Fraction(1)))))
        time = struct.pack(">HH", min(near.numerator, _MOST), near.denominator)
        self._pieces += chunk(b"fcTL", self._next(), size, bytes(8), time, bytes(2))

    def _next(self) -> bytes:
        self._number += 1
        return struct.pack(">I", self._number - 1)
