"""
Pictures within a TIFF: a strip or tile may be a whole JPEG, PNG, WebP or JPEG 2000.

    TIFF 16 x 16 -> strip -> JPEG 65000 x 65000

Their decoders believe the inner size, and make room for it; here it is held against the outer one.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from convcli.errors import InputError
from convcli.io.limits import damaged

if TYPE_CHECKING:
    from collections.abc import Callable
    from mmap import mmap

    from tifffile import TiffPage

    Size = tuple[int, int]

# Compressions whose decoders take a size from the segment, and none of which convcli can look up.
_UNKNOWN = {22610: "JPEG XR", 34934: "JPEG XR", 34887: "LERC", 50002: "JPEG XL", 52546: "JPEG XL"}
_J2K = b"\xff\x4f\xff\x51"


def check_segments(data: bytes | mmap, page: TiffPage, name: str) -> None:
    """InputError for a strip or tile with a picture larger than itself, or of unknown size."""
    if page.compression in _UNKNOWN:
        raise InputError(
            f"{name}: convcli reads no TIFF of {_UNKNOWN[page.compression]} samples.",
            "Convert it to another compression with another tool first.",
            cause="unsupported",
        )
    look = _LOOKS.get(page.compression)
    if look is None:
        return
    width, height = _segment(page)
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        across, down = look(data[offset : offset + count], name) if count else (0, 0)
        if across > width or down > height:
            raise damaged(name, f"a picture of {across} x {down} lies in {width} x {height} pixels")


def _segment(page: TiffPage) -> Size:
    if page.is_tiled:
        return page.tilewidth, page.tilelength
    return page.imagewidth, min(page.rowsperstrip or page.imagelength, page.imagelength)


def _jpeg(segment: bytes, name: str) -> Size:
    from convcli.io.jpeg import read_segments

    jpeg = read_segments(segment, name)
    return jpeg.width, jpeg.height


def _png(segment: bytes, name: str) -> Size:
    from convcli.io.png_chunks import read_chunks

    png = read_chunks(segment, name, strict=False)
    return png.width, png.height


def _webp(segment: bytes, name: str) -> Size:
    from convcli.io.pillow_read import webp_size

    return webp_size(segment, name)


def _jpeg2000(segment: bytes, name: str) -> Size:
    at = segment.find(_J2K)
    if at < 0 or len(segment) < at + 24:
        raise damaged(name, "a strip or tile holds no JPEG 2000 picture")
    right, bottom, left, top = struct.unpack_from(">IIII", segment, at + 8)
    return right - left, bottom - top


_LOOKS: dict[int, Callable[[bytes, str], Size]] = {
    7: _jpeg, 33007: _jpeg, 34892: _jpeg, 34933: _png, 50001: _webp,
    33003: _jpeg2000, 33004: _jpeg2000, 33005: _jpeg2000, 34712: _jpeg2000,
}  # fmt: skip
