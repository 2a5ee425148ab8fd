"""
The shape that tifffile notes in a file's description, which a result may not have any more.

    {"shape": [20, 30, 3]}   result of 20 x 30 x 3: kept      of 10 x 15 x 3: left out, with a note

Who reads such a file by that description finds other samples than are there; without it the sides
that the file states elsewhere count.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

from convcli.io.tiff_directory import byte_order, entries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcli.io.image import Metadata

_DESCRIPTION = 270


def redescribed(metadata: Metadata, shape: Sequence[int]) -> tuple[Metadata, tuple[str, ...]]:
    """Metadata of a picture of `shape` (rows, columns, channels), and what was left out of it."""
    exif = metadata.exif
    try:
        place = _found(exif, shape) if exif else None
    except (struct.error, RecursionError):  # damaged, which is told elsewhere
        place = None
    if exif is None or place is None:
        return metadata, ()
    said = "description left out: it tells of samples of another shape"
    return replace(metadata, exif=_without(exif, place)), (said,)


def _found(exif: bytes, shape: Sequence[int]) -> int | None:
    """Where the entry lies of a description of another shape; None where there is none."""
    (start,) = struct.unpack_from(byte_order(exif) + "I", exif, 4)
    for tag, size, place, at in entries(exif, start):
        if tag == _DESCRIPTION:
            told = _shape(exif[place : place + size])
            return None if told is None or _sides(told) == _sides(shape) else at
    return None


def _shape(text: bytes) -> list[int] | None:
    """The shape that a description tells; None where it tells of something else."""
    if not text.startswith(b'{"shape":'):
        return None
    import json

    try:
        told = json.loads(text.rstrip(b"\0"))["shape"]
    except ValueError:
        return None
    return told if isinstance(told, list) else None


def _sides(shape: Sequence[int]) -> list[int]:
    return [side for side in shape if side != 1]


def _without(exif: bytes, at: int) -> bytes:
    """The stream whose first directory lacks an entry; all it points to stays where it is."""
    order = byte_order(exif)
    (start,) = struct.unpack_from(order + "I", exif, 4)
    (count,) = struct.unpack_from(order + "H", exif, start)
    end = start + 2 + 12 * count + 4  # behind the link to the next directory
    kept = exif[:at] + exif[at + 12 : end] + bytes(12) + exif[end:]
    return kept[:start] + struct.pack(order + "H", count - 1) + kept[start + 2 :]
