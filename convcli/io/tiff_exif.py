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
from typing import TYPE_CHECKING

from convcli.io.tiff_directory import BIG_SIZES, DIRECTORIES, byte_order, entries, moved

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from typing import BinaryIO

    from convcli.io.tiff_directory import Buffer

DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 33432)
EXIF_IFD, GPS_IFD = 34665, 34853

_ASCII, _LONG, _SIGNED, _IFD8 = 2, 4, 17, 18
_NARROW = {16: 4, _SIGNED: 9, _IFD8: 13}  # types of 64 bits: those of 32 that are as good
_ALL = range(1 << 16)
_TAKEN = frozenset({*DESCRIPTIVE, EXIF_IFD, GPS_IFD})
_MOST, _LARGEST = 8, 1 << 24  # directories in a stream, and its bytes; more is an attack
HEAD = 1 << 16
"""Bytes that hold the first directory of what `tifffile` writes: it comes before the samples."""

Tag = tuple[int, int, int, bytes | int, bool]


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
    starts = _directories(exif)
    if not starts or exif is None:
        return
    tiff.seek(0)
    head = tiff.read(HEAD)
    end = tiff.seek(0, os.SEEK_END)
    base = end + end % 2
    order, big = byte_order(exif), head[2:4] in {b"+\0", b"\0+"}
    blob = bytearray() if big else moved(exif, starts.values(), base)
    for holder, _, place, at in _first(head):
        tag = holder + 1
        if tag in starts:
            start = starts[tag]
            there = _copied(blob, exif, start, base, big=True) if big else base + start
            _put(tiff, at, struct.pack(order + "HH", tag, _IFD8 if big else _LONG))
            _put(tiff, place, struct.pack(order + ("Q" if big else "I"), there))
    _put(tiff, end, b"\0" * (end % 2))
    _put(tiff, base, bytes(blob))


def _directories(exif: bytes | None) -> dict[int, int]:
    """Where the Exif and GPS directories of the stream begin."""
    places = {tag: place for tag, _, place, _ in _first(exif) if tag in {EXIF_IFD, GPS_IFD}}
    order = byte_order(exif or b"")
    return {tag: struct.unpack_from(order + "I", exif or b"", at)[0] for tag, at in places.items()}


def _put(file: BinaryIO, at: int, piece: bytes) -> None:
    file.seek(at)
    file.write(piece)


def _first(stream: bytes | None) -> Iterator[tuple[int, int, int, int]]:
    """Entries of the first directory; none where the stream is damaged."""
    start = _start(stream) if stream else None
    if not stream or start is None:
        return
    try:
        yield from entries(stream, start)
    except struct.error:
        return


def _start(stream: bytes) -> int | None:
    """Where the first directory lies; None where the stream is too short for any."""
    if len(stream) < 14:  # noqa: PLR2004 - order, version, offset; a directory of no entries
        return None
    order, big = byte_order(stream), stream[2:4] in {b"+\0", b"\0+"}
    (start,) = struct.unpack_from(order + ("Q" if big else "I"), stream, 8 if big else 4)
    return int(start)


def _copied(  # noqa: PLR0913 - what, from where, to where
    blob: bytearray, data: Buffer, start: int, base: int, *, big: bool, kept: Container[int] = _ALL
) -> int:
    """
    The directory at `start`, and those it points to, behind `blob`, in the form of TIFF or BigTIFF.

    Returns where it lies if `blob` lies at `base`. `kept` are the tags that are taken.
    """
    order, table, number_of = byte_order(data), b"", 0
    inline, offset_as = (8, "Q") if big else (4, "I")
    for tag, size, place, at in entries(data, start):
        (kind,) = struct.unpack_from(order + "H", data, at + 2)
        if tag not in kept or not size or place + size > len(data):
            continue
        if tag in DIRECTORIES:
            inner = _copied(blob, data, _pointer(data, place, size), base, big=big)
            kind, number, value = _IFD8 if big else _LONG, 1, struct.pack(order + offset_as, inner)
        else:
            kind, number, value = _value(data, kind, place, size, big=big)
        if len(value) > inline:
            offset = base + len(blob)
            blob += value + b"\0" * (len(value) % 2)
            value = struct.pack(order + offset_as, offset)
        table += struct.pack(order + "HH" + offset_as, tag, kind, number)
        table, number_of = table + value.ljust(inline, b"\0"), number_of + 1
    here = base + len(blob)
    blob += struct.pack(order + ("Q" if big else "H"), number_of) + table + b"\0" * inline
    return here


def _pointer(data: Buffer, place: int, size: int) -> int:
    """A value that is the offset of a directory: of 8 bytes in BigTIFF, of 4 else."""
    (where,) = struct.unpack_from(byte_order(data) + ("Q" if size == 8 else "I"), data, place)  # noqa: PLR2004 - as said
    return int(where)


def _value(data: Buffer, kind: int, place: int, size: int, *, big: bool) -> tuple[int, int, bytes]:
    """(type, number of values, values); TIFF has no whole numbers of 64 bits, BigTIFF has."""
    value = bytes(data[place : place + size])
    if kind in _NARROW and not big:
        code = "q" if kind == _SIGNED else "Q"
        order, number = byte_order(data), size // 8
        values = struct.unpack(f"{order}{number}{code}", value)
        narrow = struct.pack(f"{order}{number}{'i' if code == 'q' else 'I'}", *values)
        return _NARROW[kind], number, narrow
    return kind, size // BIG_SIZES[kind], value


def _check(data: Buffer, start: int, seen: set[int]) -> None:
    """ValueError for directories without end or bottom; struct.error beyond the end."""
    found = list(entries(data, start))
    inside = sum(size for _, size, place, _ in found if place + size <= len(data))
    if start in seen or len(seen) > _MOST or inside > _LARGEST:
        raise ValueError("directories that go round in circles, or values that overlap")
    seen.add(start)
    for tag, size, place, _ in found:
        if tag in DIRECTORIES:
            _check(data, _pointer(data, place, size), seen)


def sound(exif: bytes | None) -> bytes | None:
    """The stream, if its directories can be followed; None where they are damaged."""
    try:
        start = _start(exif) if exif else None
        if exif is None or start is None:
            return None
        _check(exif, start, set())
    except (struct.error, ValueError):
        return None
    return exif


def losses(exif: bytes) -> tuple[str, ...]:
    """What a TIFF does not take of the stream, as sentences."""
    return () if sound(exif) else ("EXIF left out: it is damaged",)


def gathered(data: Buffer, start: int) -> bytes | None:
    """
    The descriptive tags and the Exif and GPS directories of the page at `start`, as a stream.

    None where it has none. `data` is TIFF or BigTIFF. struct.error and ValueError for damage.
    """
    found = [entry for entry in entries(data, start) if entry[0] in _TAKEN]
    if not found or sum(size for _, size, *_ in found) > _LARGEST:
        return None
    for tag, size, place, _ in found:
        if tag in DIRECTORIES:
            _check(data, _pointer(data, place, size), set())
    order = byte_order(data)
    stream = bytearray((b"MM\0*" if order == ">" else b"II*\0") + b"\0" * 4)
    struct.pack_into(
        order + "I", stream, 4, _copied(stream, data, start, 0, big=False, kept=_TAKEN)
    )
    return bytes(stream)
