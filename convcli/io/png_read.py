"""
PNG -> Image at full depth: 16-bit colour survives, interlacing, palette and colour key undone.

libpng (through imagecodecs) is given a PNG of our own making, header, palette, key and samples
only: what it would say about the rest goes to the terminal, and this library never prints.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from convcli.io.image import CHANNELS, Header, Image, Layout, Samples
from convcli.io.limits import check_size, damaged
from convcli.io.orientation import stated, swaps_sides
from convcli.io.png_chunks import (
    GREY,
    GREY_ALPHA,
    PALETTE,
    RGB,
    RGB_ALPHA,
    SIGNATURE,
    Png,
    read_chunks,
    read_metadata,
)
from convcli.io.settle import settle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LAYOUTS: dict[int, Layout] = {
    GREY: "grey", RGB: "rgb", PALETTE: "rgb", GREY_ALPHA: "grey+alpha", RGB_ALPHA: "rgb+alpha",
}  # fmt: skip
_PER_PIXEL = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}
# Adam7: first column, first row, column step, row step of each pass.
_PASSES = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip


def probe(data: bytes, name: str) -> Header:
    """Header of a PNG, from its chunks."""
    png = read_chunks(data, name, strict=False)
    metadata = read_metadata(png, name)
    swapped = swaps_sides(stated(metadata.exif, metadata.xmp))
    width, height = (png.height, png.width) if swapped else (png.width, png.height)
    layout = _layout(png)
    dtype = "uint16" if png.depth == 16 else "uint8"  # noqa: PLR2004 - bits
    return Header("PNG", width, height, CHANNELS[layout], dtype, layout, png.frames, len(data))


def decode(data: bytes, name: str, *, max_pixels: int | None) -> Image:
    """Samples uint8 or uint16, every checksum compared; InputError for any damage."""
    png = read_chunks(data, name, strict=False)
    check_size(name, png.width, png.height, max_pixels)
    png = read_chunks(data, name, strict=True)
    metadata = read_metadata(png, name)
    samples = _deinterlaced(png, name) if png.interlaced else _plain(png)
    layout = _layout(png)
    shaped = samples.reshape(png.height, png.width, -1)
    if shaped.shape[2] != CHANNELS[layout]:
        raise damaged(name, f"its decoder gave {shaped.shape[2]} channels, not {CHANNELS[layout]}")
    return settle(shaped, layout, metadata, tuple(_notes(png)))


def _layout(png: Png) -> Layout:
    layout = _LAYOUTS[png.colour]
    if png.transparent and layout == "grey":
        return "grey+alpha"
    return "rgb+alpha" if png.transparent and layout == "rgb" else layout


def _notes(png: Png) -> Iterator[str]:
    if png.frames > 1:
        yield f"PNG: the still picture taken, {png.frames} frames of animation left out"
    if png.colour == PALETTE:
        yield "palette decoded to RGB" + (" with alpha" if png.transparent else "")
    elif png.transparent:
        yield "transparent colour decoded to alpha"
    if png.colour == GREY and png.depth < 8:  # noqa: PLR2004 - bits
        yield f"{png.depth}-bit decoded to 8-bit grey"


def _plain(png: Png) -> Samples:
    return _libpng(_rebuilt(png, png.width, png.height, png.samples))


def _libpng(data: bytes) -> Samples:
    import imagecodecs

    samples: Samples = imagecodecs.png_decode(data)
    return samples


def _rebuilt(png: Png, width: int, height: int, packed: Iterable[bytes | memoryview]) -> bytes:
    """A PNG of the same colour type with only what the samples need."""
    header = struct.pack(">IIBBBBB", width, height, png.depth, png.colour, 0, 0, 0)
    needed = [(kind, part) for kind, part in png.chunks if kind in _needed(png)]
    parts = [SIGNATURE, chunk(b"IHDR", header), *(chunk(kind, part) for kind, part in needed)]
    parts += [chunk(b"IDAT", part) for part in packed]
    return b"".join([*parts, chunk(b"IEND", b"")])


def _needed(png: Png) -> set[bytes]:
    # A palette beside RGB samples is only a suggestion, and libpng comments on bad ones.
    return {b"PLTE", b"tRNS"} if png.colour == PALETTE else {b"tRNS"}


def chunk(kind: bytes, contents: bytes | memoryview) -> bytes:
    """[length][type][contents][CRC]."""
    crc = zlib.crc32(contents, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(contents)), kind, contents, struct.pack(">I", crc)))


def _deinterlaced(png: Png, name: str) -> Samples:
    """
    Seven small pictures laid into one.

    Each pass holds filtered rows exactly as a small PNG would, so each is decoded as one: libpng's
    own way prints a warning from imagecodecs.
    """
    import numpy as np

    rows, whole = _inflated(png, name), None
    for left, top, across, down in _PASSES:
        width, height = -(-(png.width - left) // across), -(-(png.height - top) // down)
        if width <= 0 or height <= 0:
            continue
        size = height * (1 + _row_bytes(png, width))
        part = _libpng(_rebuilt(png, width, height, [zlib.compress(rows[:size], 0)]))
        rows = rows[size:]
        if whole is None:
            whole = np.empty((png.height, png.width, *part.shape[2:]), part.dtype)
        whole[top::down, left::across] = part
    if whole is None:
        raise damaged(name, "the interlaced PNG is empty")
    return whole


def _row_bytes(png: Png, width: int) -> int:
    return -(-width * _PER_PIXEL[png.colour] * png.depth // 8)


def _inflated(png: Png, name: str) -> memoryview:
    """Filtered rows of all passes, exactly as many bytes as the header says."""
    size = 0
    for left, top, across, down in _PASSES:
        width, height = -(-(png.width - left) // across), -(-(png.height - top) // down)
        size += height * (1 + _row_bytes(png, width)) if width > 0 and height > 0 else 0
    inflate = zlib.decompressobj()
    try:
        rows = inflate.decompress(b"".join(png.samples), size)
    except zlib.error as error:
        raise damaged(name, f"its compressed samples are broken ({error})") from error
    if len(rows) != size:
        raise damaged(name, f"it holds {len(rows)} bytes of samples, its header says {size}")
    return memoryview(rows)
