"""
Image -> PNG, strips deflated in parallel and stitched into one zlib stream.

    78 01 | strip, sync flush | strip, sync flush | ... | last strip, finished | Adler-32
          `---- IDAT ----'      `---- IDAT ----'          `------ IDAT ------'   `- IDAT

A sync flush ends on a byte border, so strips deflated apart read as one stream. Each strip takes
the row filter (none, Sub, Up) that makes a sample of its rows smallest.
"""

from __future__ import annotations

import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from convcli.io.png_chunks import SIGNATURE
from convcli.io.png_read import chunk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.io.image import Image, Layout, Metadata, Samples

_COLOURS: dict[Layout, int] = {"grey": 0, "rgb": 2, "grey+alpha": 4, "rgb+alpha": 6}
_NONE, _SUB, _UP = 0, 1, 2
_STRIP = 1 << 20  # bytes: 32 windows of deflate, so little is lost where it starts anew
_SAMPLED = 1 << 15  # bytes of a strip that choose its filter
_ADLER = 65521
_ISAL_LEVELS = {1: 1, 2: 2, 3: 3}  # above and at 0 zlib is used, slower and smaller
_INCH = 0.0254  # metres


def encode(image: Image, *, compress: int, threads: int | None = None) -> bytes:
    """PNG of uint8 or uint16 samples; `compress` 0 (stored) to 9 (smallest)."""
    rows = _big_endian_rows(image.samples)
    step = image.samples.shape[2] * image.samples.itemsize
    height = max(1, _STRIP // rows.shape[1])
    starts = range(0, rows.shape[0], height)
    with ThreadPoolExecutor(min(len(starts), threads or os.cpu_count() or 1)) as pool:
        strips = list(pool.map(lambda at: _strip(rows, at, at + height, step, compress), starts))
    header = _header(image)
    return b"".join([SIGNATURE, header, *_ancillary(image.metadata), *_stream(strips), _END])


_END = chunk(b"IEND", b"")


def _big_endian_rows(samples: Samples) -> Samples:
    """(rows, bytes of a row) uint8, as PNG orders them."""
    import numpy as np

    ordered = samples.astype(samples.dtype.newbyteorder(">"), copy=False)
    return np.ascontiguousarray(ordered).view(np.uint8).reshape(samples.shape[0], -1)


def _header(image: Image) -> bytes:
    rows, columns, _ = image.samples.shape
    depth, colour = 8 * image.samples.itemsize, _COLOURS[image.layout]
    return chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, depth, colour, 0, 0, 0))


def _strip(
    rows: Samples, start: int, stop: int, step: int, compress: int
) -> tuple[bytes, int, int]:
    """(deflated strip, Adler-32 of it, its length before)."""
    stop = min(stop, rows.shape[0])
    chosen = _choice(rows, start, stop, step) if compress else _NONE
    filtered = _filtered(rows, start, stop, step, chosen).data.cast("B")
    deflate = _deflater(compress)
    packed = deflate.compress(filtered)
    # An empty last block would do too, but every strip ends on a byte border anyhow.
    packed += deflate.flush(zlib.Z_FINISH if stop == rows.shape[0] else zlib.Z_SYNC_FLUSH)
    return packed, zlib.adler32(filtered), len(filtered)


def _deflater(compress: int) -> Any:  # noqa: ANN401 - zlib and isal share a shape, not a type
    if compress in _ISAL_LEVELS:
        from isal import isal_zlib

        return isal_zlib.compressobj(_ISAL_LEVELS[compress], zlib.DEFLATED, -15)
    return zlib.compressobj(compress, zlib.DEFLATED, -15)


def _choice(rows: Samples, start: int, stop: int, step: int) -> int:
    """The filter whose rows deflate smallest, measured on a few rows amid the strip."""
    few = max(1, _SAMPLED // rows.shape[1])
    first = max(start, (start + stop - few) // 2)
    last = min(stop, first + few)

    def size(kind: int) -> int:
        deflate = _deflater(1)
        part = _filtered(rows, first, last, step, kind)
        return len(deflate.compress(part.data.cast("B"))) + len(deflate.flush())

    return min((_UP, _SUB, _NONE), key=size)


def _filtered(rows: Samples, start: int, stop: int, step: int, kind: int) -> Samples:
    """Rows with the filter's number before each; differences wrap around 256."""
    import numpy as np

    block = rows[start:stop]
    out = np.empty((stop - start, rows.shape[1] + 1), np.uint8)
    out[:, 0] = kind
    body = out[:, 1:]
    if kind == _SUB:
        body[:, :step] = block[:, :step]
        np.subtract(block[:, step:], block[:, :-step], out=body[:, step:])
    elif kind == _UP:
        body[0] = block[0] - rows[start - 1] if start else block[0]
        np.subtract(block[1:], block[:-1], out=body[1:])
    else:
        body[:] = block
    return out


def _stream(strips: list[tuple[bytes, int, int]]) -> Iterator[bytes]:
    checksum, prefix = 1, b"\x78\x01"
    for packed, adler, length in strips:
        checksum = _adler_joined(checksum, adler, length)
        yield chunk(b"IDAT", prefix + packed)
        prefix = b""
    yield chunk(b"IDAT", struct.pack(">I", checksum))


def _adler_joined(first: int, second: int, length: int) -> int:
    """Adler-32 of two pieces put together, the second `length` bytes long."""
    low = ((first & 0xFFFF) + (second & 0xFFFF) - 1) % _ADLER
    high = ((first >> 16) + (second >> 16) + length * ((first & 0xFFFF) - 1)) % _ADLER
    return high << 16 | low


def _ancillary(metadata: Metadata) -> Iterator[bytes]:
    """Chunks in the order PNG wants: colour before samples, then the rest."""
    texts = (b"tEXt", b"zTXt", b"iTXt")
    for kind, contents in metadata.png:
        if kind not in texts and not (kind == b"sRGB" and metadata.icc):
            yield chunk(kind, contents)
    if metadata.icc:
        yield chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc))
    if metadata.dpi:
        across, down = (max(1, min(round(side / _INCH), 2**31 - 1)) for side in metadata.dpi)
        yield chunk(b"pHYs", struct.pack(">IIB", across, down, 1))
    if metadata.exif:
        yield chunk(b"eXIf", metadata.exif)
    if metadata.xmp:
        yield chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp)
    for kind, contents in metadata.png:
        if kind in texts:
            yield chunk(kind, contents)
