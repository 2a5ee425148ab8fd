"""
Orientation 1..8: how the stored rows must be turned to stand upright.

    1 as stored   2 mirrored   3 turned 180   4 upside down and mirrored
    5 transposed  6 turned 90 clockwise       7 transposed along the other diagonal
    8 turned 90 counter-clockwise

The tag is baked into the samples and reset to 1 in the EXIF and XMP that travel on.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convcli.io.image import Samples

TAG = 0x0112
_SHORT = 3
_XMP = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)([0-9]+)")


def swaps_sides(orientation: int) -> bool:
    """Whether width and height change places."""
    return orientation >= 5  # noqa: PLR2004 - drawn above


def upright(samples: Samples, orientation: int) -> Samples:
    """Samples (rows, columns, channels) turned as `orientation` says; C-contiguous."""
    import numpy as np

    if swaps_sides(orientation):
        samples = samples.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        samples = samples[::-1]
    if orientation in {2, 3, 6, 7}:
        samples = samples[:, ::-1]
    return np.ascontiguousarray(samples)


def exif_orientation(exif: bytes | None) -> int | None:
    """Orientation 1..8 that a TIFF stream's first directory states; None where it states none."""
    place = _exif_place(exif) if exif else None
    if exif is None or place is None:
        return None
    (value,) = struct.unpack_from(_order(exif) + "H", exif, place)
    return value if 1 <= value <= 8 else None  # noqa: PLR2004 - the eight drawn above


def upright_exif(exif: bytes) -> bytes:
    """The same stream, orientation 1 where it states any; every other byte as it was."""
    place = _exif_place(exif)
    if place is None:
        return exif
    return exif[:place] + struct.pack(_order(exif) + "H", 1) + exif[place + 2 :]


def xmp_orientation(xmp: bytes | None) -> int | None:
    """Orientation 1..8 that an XMP packet states, or None."""
    found = _XMP.search(xmp) if xmp else None
    value = int(found[2][:3]) if found else 0
    return value if 1 <= value <= 8 else None  # noqa: PLR2004 - the eight drawn above


def upright_xmp(xmp: bytes) -> bytes:
    """The same packet with every orientation 1."""
    return _XMP.sub(rb"\g<1>1", xmp)


def stated(exif: bytes | None, xmp: bytes | None) -> int:
    """Orientation of a file: EXIF first, XMP where EXIF is silent, else 1."""
    return exif_orientation(exif) or xmp_orientation(xmp) or 1


def _order(exif: bytes) -> str:
    return ">" if exif[:2] == b"MM" else "<"


def _exif_place(exif: bytes) -> int | None:
    """Offset of the orientation's two bytes; None when absent or the stream is damaged."""
    if exif[:4] not in {b"II*\0", b"MM\0*"}:
        return None
    order = _order(exif)
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", exif, entry)
            if tag == TAG and kind == _SHORT and entry + 10 <= len(exif):
                return entry + 8
    except struct.error:
        return None
    return None
