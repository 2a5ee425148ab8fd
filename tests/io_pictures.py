"""Pictures, metadata and a slow PNG decoder for the tests of convcli.io."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageCms

from convcli.io.image import CHANNELS, Image, Layout, Metadata

if TYPE_CHECKING:
    from numpy.typing import NDArray

CORPUS = Path(__file__).parents[2] / "shared" / "testdata" / "images"


def samples(
    layout: Layout, dtype: str = "uint8", rows: int = 7, columns: int = 5, seed: int = 1
) -> NDArray[Any]:
    """Noise over the whole range of `dtype`; for `numbers` one channel."""
    rng = np.random.default_rng(seed)
    shape = (rows, columns, CHANNELS.get(layout, 1))
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return (rng.standard_normal(shape) * 3).astype(kind)
    if kind.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    limits = np.iinfo(kind)
    return rng.integers(limits.min, limits.max, shape, kind, endpoint=True)


def picture(layout: Layout = "rgb", dtype: str = "uint8", **sides: int) -> Image:
    """An Image of noise without metadata."""
    return Image(samples(layout, dtype, **sides), layout)


def exif(orientation: int = 1, order: str = "<") -> bytes:
    """A stream of ImageDescription, Orientation, an Exif directory and a GPS one."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    exif_at, gps_at, text_at = 8 + 2 + 4 * 12 + 4, 8 + 2 + 4 * 12 + 4 + 18, 98
    entries = [
        (270, 2, 12, struct.pack(order + "I", text_at)),
        (274, 3, 1, struct.pack(order + "HH", orientation, 0)),
        (34665, 4, 1, struct.pack(order + "I", exif_at)),
        (34853, 4, 1, struct.pack(order + "I", gps_at)),
    ]
    body = mark + struct.pack(order + "IH", 8, 4)
    for tag, kind, count, value in entries:
        body += struct.pack(order + "HHI", tag, kind, count) + value
    body += struct.pack(order + "I", 0)
    body += struct.pack(order + "HHHII", 1, 0x829A, 5, 1, 110) + struct.pack(order + "I", 0)
    body += struct.pack(order + "HHHII", 1, 6, 5, 1, 118) + struct.pack(order + "I", 0)
    assert len(body) == text_at
    return body + b"a hill, 1999" + struct.pack(order + "IIII", 1, 250, 1234, 10)


def xmp(orientation: int = 1) -> bytes:
    """A packet with an orientation."""
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf'
        b'-syntax-ns#"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
        b'tiff:Orientation="%d"/></rdf:RDF></x:xmpmeta>' % orientation
    )


def rgb_profile() -> bytes:
    """Pillow's sRGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def grey_profile() -> bytes:
    """The sRGB profile with its colour space rewritten: enough for what looks at the header."""
    profile = rgb_profile()
    return profile[:16] + b"GRAY" + profile[20:]


def metadata(layout: Layout) -> Metadata:
    """Everything a file can carry."""
    icc = grey_profile() if layout.startswith("grey") else rgb_profile()
    return Metadata(icc=icc, exif=exif(), xmp=xmp(), dpi=(300.0, 150.0))


def pillow(payload: bytes) -> PillowImage.Image:
    """Pillow's own reading of a file, decoded."""
    opened = PillowImage.open(BytesIO(payload))
    opened.load()
    return opened


def png_chunks(payload: bytes) -> list[tuple[bytes, bytes]]:
    """(type, contents) of every chunk, checksums compared."""
    found, at = [], 8
    while at < len(payload):
        length, kind = struct.unpack_from(">I4s", payload, at)
        contents = payload[at + 8 : at + 8 + length]
        (crc,) = struct.unpack_from(">I", payload, at + 8 + length)
        assert crc == zlib.crc32(kind + contents)
        found.append((kind, contents))
        at += 12 + length
        if kind == b"IEND":  # what follows is none of PNG's business
            break
    return found


def png_file(
    header: tuple[int, int, int, int, int], rows: bytes, *extra: tuple[bytes, bytes]
) -> bytes:
    """A PNG of (width, height, depth, colour, interlace) from filtered rows."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", *header[:4], 0, 0, header[4])), *extra]
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks
    )


_PASSES = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip
_PER_PIXEL = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def slow_png(payload: bytes) -> NDArray[Any]:
    """(rows, columns, channels) by the PNG specification, byte for byte, palette and key undone."""
    chunks = png_chunks(payload)
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    raw = zlib.decompress(b"".join(c for k, c in chunks if k == b"IDAT"))
    named = dict(reversed(chunks))
    values = np.zeros((height, width, _PER_PIXEL[colour]), np.int64)
    at = 0
    for left, top, across, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            block, at = _unfiltered(raw, at, columns, rows, depth, _PER_PIXEL[colour])
            values[top::down, left::across] = block
    return _meaning(values, depth, colour, named)


def _unfiltered(  # noqa: PLR0917 - IHDR's fields
    raw: bytes, at: int, columns: int, rows: int, depth: int, channels: int
) -> tuple[NDArray[Any], int]:
    size, step = -(-columns * channels * depth // 8), max(1, channels * depth // 8)
    above, lines = bytearray(size), []
    for _ in range(rows):
        kind, line = raw[at], bytearray(raw[at + 1 : at + 1 + size])
        for i in range(size):
            a, b = (line[i - step] if i >= step else 0), above[i]
            c = above[i - step] if i >= step else 0
            nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            line[i] = (line[i] + (0, a, b, (a + b) // 2, nearest)[kind]) & 255
        lines.append(line)
        above, at = line, at + 1 + size
    packed = np.frombuffer(b"".join(lines), np.uint8).reshape(rows, size)
    if depth == 16:
        flat: NDArray[Any] = packed.view(">u2")
    else:
        bits = np.unpackbits(packed, axis=1).reshape(rows, -1, depth)
        flat = bits @ (1 << np.arange(depth)[::-1])
    return flat[:, : columns * channels].reshape(rows, columns, channels), at


def _meaning(
    values: NDArray[Any], depth: int, colour: int, named: dict[bytes, bytes]
) -> NDArray[Any]:
    dtype, key = (np.uint16 if depth == 16 else np.uint8), named.get(b"tRNS")
    if colour == 3:
        table = np.frombuffer(named[b"PLTE"], np.uint8).reshape(-1, 3)
        looked_up: NDArray[Any] = table[values[..., 0]]
        if key is None:
            return looked_up
        opacity = np.full(len(table), 255, np.uint8)
        opacity[: len(key)] = np.frombuffer(key, np.uint8)
        return np.concatenate([looked_up, opacity[values]], axis=2)
    full = 65535 if depth == 16 else 255
    scaled = values * full // ((1 << depth) - 1)
    if key is not None:
        wanted = np.frombuffer(key, ">u2") & ((1 << depth) - 1)
        shown = np.where((values == wanted).all(axis=2, keepdims=True), 0, full)
        scaled = np.concatenate([scaled, shown], axis=2)
    whole: NDArray[Any] = scaled.astype(dtype)
    return whole
