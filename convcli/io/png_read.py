"""
PNG -> Image at full depth: 16-bit colour survives, interlacing, palette and colour key undone.

Plain pictures are read row by row, see `png_rows`. libpng (through imagecodecs) does the others; it
is given a PNG of our own making, header, palette, key and samples only: what it would say about the
rest goes to the terminal, and this library never prints.
"""

from __future__ import annotations

import struct
import zlib
from functools import partial
from typing import TYPE_CHECKING

from convcli.io.arrival import Arrival, at_once
from convcli.io.image import CHANNELS, Header, Image, Layout, Metadata, Samples
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
from convcli.io.png_rows import plain
from convcli.io.settle import settle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.io.arrival import Ready, Tell
    from convcli.io.png_rows import Plain

_LITTLE = 1 << 20  # bytes of samples that are there sooner than threads are started
_LAYOUTS: dict[int, Layout] = {
    GREY: "grey", RGB: "rgb", PALETTE: "rgb", GREY_ALPHA: "grey+alpha", RGB_ALPHA: "rgb+alpha",
}  # fmt: skip


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
    samples, ready = _arriving(png, name)
    notes = tuple(remarks(png, metadata))
    return settle(samples, _layout(png), metadata, notes, ready=ready)


def inflated(png: Png, name: str) -> Samples:
    """The samples of `png`, (rows, columns, channels); InputError for other channels."""
    samples, ready = _arriving(png, name)
    ready(png.height)
    return samples


def _arriving(png: Png, name: str) -> tuple[Samples, Ready]:
    """The samples, and how to wait for them: those of a large picture come meanwhile."""
    rows = plain(png)
    if rows is None:
        return _by_libpng(png, name), at_once
    work = partial(_filled, rows, png, name)
    if rows.samples.nbytes > _LITTLE:
        return rows.samples, Arrival(work)
    work(at_once)
    return rows.samples, at_once


def _filled(rows: Plain, png: Png, name: str, tell: Tell) -> None:
    """All rows; what is damaged libpng reads, or refuses: what others have read by then stays."""
    if not rows.fill(tell):
        samples, told = _by_libpng(png, name), rows.there
        if (samples[:told] != rows.samples[:told]).any():
            raise damaged(name, "two decoders disagree about its samples")
        rows.samples[told:] = samples[told:]
    tell(png.height)


def _by_libpng(png: Png, name: str) -> Samples:
    channels = CHANNELS[_layout(png)]
    shaped = _libpng(_rebuilt(png)).reshape(png.height, png.width, -1)
    if shaped.shape[2] != channels:
        raise damaged(name, f"its decoder gave {shaped.shape[2]} channels, not {channels}")
    return shaped


def _layout(png: Png) -> Layout:
    layout = _LAYOUTS[png.colour]
    if png.transparent and layout == "grey":
        return "grey+alpha"
    return "rgb+alpha" if png.transparent and layout == "rgb" else layout


def remarks(png: Png, metadata: Metadata) -> Iterator[str]:
    """What reading such a file changes, as sentences."""
    if png.chunk(b"iCCP") and metadata.icc is None:
        yield "ICC profile dropped: it does not decompress"
    if png.frames > 1:
        yield f"PNG: first of {png.frames:,} frames taken"
    if png.colour == PALETTE:
        yield "palette decoded to RGB" + (" with alpha" if png.transparent else "")
    elif png.transparent:
        yield "transparent colour decoded to alpha"
    if png.colour == GREY and png.depth < 8:  # noqa: PLR2004 - bits
        yield f"{png.depth}-bit decoded to 8-bit grey"


def _libpng(data: bytes) -> Samples:
    import logging

    import imagecodecs

    log = logging.getLogger("imagecodecs")
    if not log.hasHandlers():  # its remarks (on interlacing, which it handles) would be printed
        log.addHandler(logging.NullHandler())
    samples: Samples = imagecodecs.png_decode(data)
    return samples


def _rebuilt(png: Png) -> bytes:
    """A PNG of the same samples with only what they need: no text, no profile, no animation."""
    header = (png.width, png.height, png.depth, png.colour, 0, 0, int(png.interlaced))
    parts = [SIGNATURE, chunk(b"IHDR", struct.pack(">IIBBBBB", *header))]
    palette, key = png.chunk(b"PLTE"), png.chunk(b"tRNS")
    if palette and png.colour == PALETTE:
        parts.append(chunk(b"PLTE", palette))
    if key:
        parts.append(chunk(b"tRNS", key))
    parts += [chunk(b"IDAT", packed) for packed in png.samples]
    return b"".join([*parts, chunk(b"IEND", b"")])


def chunk(kind: bytes, contents: bytes | memoryview) -> bytes:
    """[length][type][contents][CRC]."""
    crc = zlib.crc32(contents, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(contents)), kind, contents, struct.pack(">I", crc)))
