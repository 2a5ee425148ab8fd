"""
An EXIF stream moved into a TIFF: both are TIFF directories, so its bytes go behind the samples.

    TIFF ... 34665 -> 0 | samples      and      II*\\0 directory -> Exif directory -> values
    TIFF ... 34665 ---- | samples | II*\\0 directory  [ Exif directory -> values ]
                    `-----------------------------------^   every offset plus `base`

Descriptive tags of the stream's first directory become tags of the TIFF itself.
"""  # noqa: D301 - the escape as it is written

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Literal

from convcli.io.tiff_directory import entries
from convcli.io.tiff_metadata import DESCRIPTIVE, EXIF_IFD, GPS_IFD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_INTEROP_IFD = 40965
_DIRECTORIES = {EXIF_IFD, GPS_IFD, _INTEROP_IFD}
_ASCII, _LONG, _IFD8 = 2, 4, 18
HEAD = 1 << 16
"""Bytes that hold the first directory of what `tifffile` writes: it comes before the samples."""

Tag = tuple[int, int, int, bytes | int, bool]


def byte_order(exif: bytes | None) -> Literal["<", ">"]:
    """Order that a TIFF must have to take the stream as it is: `<` or `>`."""
    return ">" if exif and exif[:2] == b"MM" else "<"


def tags(exif: bytes | None) -> Iterator[Tag]:
    """
    Tags for `tifffile.imwrite(extratags=)`, the directories still pointing nowhere.

    tifffile declines to write 34665 and 34853, so their places are held by the numbers before.
    """
    for tag, size, place, _ in _first(exif):
        if tag in DESCRIPTIVE and exif:
            yield tag, _ASCII, size, exif[place : place + size], True
        elif tag in {EXIF_IFD, GPS_IFD}:
            yield tag - 1, _LONG, 1, 0, True


def attach(tiff: BinaryIO, exif: bytes | None) -> None:
    """
    Put the stream behind an open TIFF, and let its Exif and GPS tags point there.

    BigTIFF has directories of another form: those of the stream are translated.
    """
    found = {tag: place for tag, _, place, _ in _first(exif) if tag in {EXIF_IFD, GPS_IFD}}
    if not found or exif is None:
        return
    tiff.seek(0)
    head = tiff.read(HEAD)
    end = tiff.seek(0, os.SEEK_END)
    base = end + end % 2
    order, big = byte_order(exif), head[2:4] in {b"+\0", b"\0+"}
    blob = bytearray() if big else bytearray(exif)
    for holder, _, place, at in _first(head):
        tag = holder + 1
        if tag in found:
            (start,) = struct.unpack_from(order + "I", exif, found[tag])
            moved = _widened(blob, exif, start, base) if big else _move(blob, exif, start, base)
            _put(tiff, at, struct.pack(order + "HH", tag, _IFD8 if big else _LONG))
            _put(tiff, place, struct.pack(order + ("Q" if big else "I"), moved))
    _put(tiff, end, b"\0" * (end % 2))
    _put(tiff, base, bytes(blob))


def _put(file: BinaryIO, at: int, piece: bytes) -> None:
    file.seek(at)
    file.write(piece)


def _first(stream: bytes | None) -> Iterator[tuple[int, int, int, int]]:
    """Entries of the first directory; none where the stream is damaged."""
    if not stream or len(stream) < 16:  # noqa: PLR2004 - order, version, offset; any directory
        return
    order, big = byte_order(stream), stream[2:4] in {b"+\0", b"\0+"}
    (start,) = struct.unpack_from(order + ("Q" if big else "I"), stream, 8 if big else 4)
    try:
        yield from entries(stream, start)
    except struct.error:
        return


def _move(blob: bytearray, exif: bytes, start: int, base: int) -> int:
    """Add `base` to the offsets in the directory at `start`, and in those it points to."""
    order = byte_order(exif) + "I"
    for tag, size, place, at in entries(exif, start):
        if tag in _DIRECTORIES:
            (inner,) = struct.unpack_from(order, exif, place)
            struct.pack_into(order, blob, place, _move(blob, exif, inner, base))
        elif size > 4:  # noqa: PLR2004 - longer values live elsewhere
            struct.pack_into(order, blob, at + 8, base + place)
    return base + start


def _widened(blob: bytearray, exif: bytes, start: int, base: int) -> int:
    """The directory at `start`, and those it points to, as BigTIFF has them, behind `blob`."""
    order, table = byte_order(exif), b""
    found = list(entries(exif, start))
    for tag, size, place, at in found:
        _, kind, number = struct.unpack_from(order + "HHI", exif, at)
        value = exif[place : place + size]
        if tag in _DIRECTORIES:
            (inner,) = struct.unpack_from(order + "I", exif, place)
            kind = _IFD8
            value = struct.pack(order + "Q", _widened(blob, exif, inner, base))
        elif size > 8:  # noqa: PLR2004 - longer values live elsewhere
            offset = base + len(blob)
            blob += value + b"\0" * (size % 2)
            value = struct.pack(order + "Q", offset)
        table += struct.pack(order + "HHQ", tag, kind, number) + value.ljust(8, b"\0")
    here = base + len(blob)
    blob += struct.pack(order + "Q", len(found)) + table + b"\0" * 8
    return here
