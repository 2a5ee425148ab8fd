"""
An EXIF stream moved into a TIFF: both are TIFF directories, so its bytes go behind the samples.

    TIFF ... 34665 -> 0 | samples      and      II*\\0 directory -> Exif directory -> values
    TIFF ... 34665 ---- | samples | II*\\0 directory  [ Exif directory -> values ]
                    `-----------------------------------^   every offset plus `base`

Descriptive tags of the stream's first directory become tags of the TIFF itself.
"""  # noqa: D301 - the escape as it is written

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Literal

from convcli.io.tiff_directory import entries
from convcli.io.tiff_metadata import DESCRIPTIVE, EXIF_IFD, GPS_IFD

if TYPE_CHECKING:
    from collections.abc import Iterator

_INTEROP_IFD = 40965
_DIRECTORIES = {EXIF_IFD, GPS_IFD, _INTEROP_IFD}
_ASCII, _LONG = 2, 4

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


def attached(tiff: bytes, exif: bytes | None) -> bytes:
    """The TIFF with the stream behind it and its Exif and GPS tags pointing there."""
    found = {tag: place for tag, _, place, _ in _first(exif) if tag in {EXIF_IFD, GPS_IFD}}
    if not found or exif is None:
        return tiff
    whole, base = bytearray(tiff + b"\0" * (len(tiff) % 2)), len(tiff) + len(tiff) % 2
    whole += exif
    order = byte_order(exif) + "I"
    for holder, _, place, at in _first(tiff):
        tag = holder + 1
        if tag in found:
            (start,) = struct.unpack_from(order, exif, found[tag])
            struct.pack_into(order[0] + "H", whole, at, tag)
            struct.pack_into(order, whole, place, base + start)
            _move(whole, exif, start, base)
    return bytes(whole)


def _first(stream: bytes | None) -> Iterator[tuple[int, int, int, int]]:
    """Entries of the first directory; none where the stream is damaged."""
    if not stream or len(stream) < 8:  # noqa: PLR2004 - order, version, offset
        return
    (start,) = struct.unpack_from(byte_order(stream) + "I", stream, 4)
    try:
        yield from entries(stream, start)
    except struct.error:
        return


def _move(whole: bytearray, exif: bytes, start: int, base: int) -> None:
    """Add `base` to the offsets in the directory at `start`, and in those it points to."""
    order = byte_order(exif) + "I"
    for tag, size, place, at in entries(exif, start):
        if tag in _DIRECTORIES:
            (inner,) = struct.unpack_from(order, exif, place)
            struct.pack_into(order, whole, base + place, base + inner)
            _move(whole, exif, inner, base)
        elif size > 4:  # noqa: PLR2004 - longer values live elsewhere
            struct.pack_into(order, whole, base + at + 8, base + place)
