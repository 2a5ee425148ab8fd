"""
PNG = signature, then chunks of [length][type][contents][CRC]; nothing here inflates samples.

    \\x89PNG..  IHDR  (PLTE tRNS gAMA iCCP eXIf tEXt ...)  IDAT IDAT ...  IEND

Pillow and libpng let some damage pass; here every checksum is compared.
"""  # noqa: D301 - the signature as it is written

from __future__ import annotations

import struct
import zlib
from dataclasses import field
from typing import TYPE_CHECKING

from convcli.errors import InputError
from convcli.io.image import Metadata
from convcli.io.limits import damaged
from convcli.record import mutable

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
DEPTHS = {
    GREY: {1, 2, 4, 8, 16}, RGB: {8, 16}, PALETTE: {1, 2, 4, 8},
    GREY_ALPHA: {8, 16}, RGB_ALPHA: {8, 16},
}  # fmt: skip
_COLOUR = {b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI"}  # of each at most one
_TEXT = {b"tEXt", b"zTXt", b"iTXt"}
_XMP_KEY = b"XML:com.adobe.xmp"
_RAW_EXIF = {b"Raw profile type exif", b"Raw profile type APP1"}
_TEXT_LIMIT, _TEXTS_LIMIT, _PROFILE_LIMIT = 1 << 20, 1 << 24, 1 << 24  # bytes once inflated
_INCH = 0.0254  # metres


@mutable
class Png:
    """IHDR's fields, the chunks that matter and the compressed samples, unread."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool
    chunks: list[tuple[bytes, bytes]] = field(default_factory=list)
    samples: list[memoryview] = field(default_factory=list)

    def chunk(self, kind: bytes) -> bytes | None:
        """Contents of the first chunk of this kind."""
        return next((contents for type_, contents in self.chunks if type_ == kind), None)

    @property
    def transparent(self) -> bool:
        """Whether a colour key or palette entries make pixels transparent."""
        return self.chunk(b"tRNS") is not None

    @property
    def frames(self) -> int:
        """Frames of an animation, 1 for a still picture; the picture shown first counts."""
        control = self.chunk(b"acTL")
        if control is None:
            return 1
        apart = self.chunk(b"fcTL") is None  # nothing before IDAT says that it is a frame
        return max(1, int.from_bytes(control[:4], "big") + apart)


def read_chunks(data: bytes, name: str, *, strict: bool) -> Png:
    """
    Chunks of a PNG; `strict` also compares every checksum and insists on the end.

    InputError names the chunk that is wrong.
    """
    chunks = walk(data, name, strict=strict)
    kind, contents = next(chunks, (b"", memoryview(b"")))
    if kind != b"IHDR" or len(contents) != 13:  # noqa: PLR2004 - IHDR's length
        raise damaged(name, "a PNG begins with a header chunk, this one does not")
    png = _header(bytes(contents), name)
    for kind, contents in chunks:
        _file(png, kind, contents, name)
    if strict and not png.samples:
        raise damaged(name, "the PNG holds no samples (no IDAT chunk)")
    _check_palette(png, name)
    return png


def walk(data: bytes, name: str, *, strict: bool) -> Iterator[tuple[bytes, memoryview]]:
    """(type, contents) of every chunk before IEND; InputError as in `read_chunks`."""
    view, at = memoryview(data), len(SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            if not strict:
                return
            raise damaged(name, f"chunk {kind!r} at byte {at} is longer than the file")
        if strict and zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end]):
            raise damaged(name, f"the checksum of chunk {kind!r} at byte {at} is wrong")
        if kind == b"IEND":
            return
        yield kind, view[at + 8 : end - 4]
        at = end
    if strict:
        raise damaged(name, "the PNG stops before its end chunk")


def _header(contents: bytes, name: str) -> Png:
    width, height, depth, colour, method, filters, interlace = struct.unpack(">IIBBBBB", contents)
    if depth not in DEPTHS.get(colour, ()):
        raise damaged(name, f"PNG has no colour type {colour} with {depth} bits")
    if method or filters or interlace > 1:
        raise damaged(name, "unknown compression, filter or interlacing in the PNG header")
    if max(width, height) >= 1 << 31:
        raise damaged(name, f"{width} x {height} is more than PNG allows")
    return Png(width, height, depth, colour, interlaced=bool(interlace))


def _file(png: Png, kind: bytes, contents: memoryview, name: str) -> None:
    if kind == b"IDAT":
        png.samples.append(contents)
    elif kind == b"IHDR":
        raise damaged(name, "the PNG has two headers")
    elif kind != b"fdAT" and not (kind == b"fcTL" and png.samples):
        critical = not kind[:1].islower()
        if critical and kind != b"PLTE":
            raise damaged(name, f"unknown critical chunk {kind!r}")
        png.chunks.append((kind, bytes(contents)))


def _check_palette(png: Png, name: str) -> None:
    palette, key = png.chunk(b"PLTE"), png.chunk(b"tRNS")
    if png.colour == PALETTE and (not palette or len(palette) % 3 or len(palette) > 3 * 256):
        raise damaged(name, "the palette is missing or has an impossible length")
    if key is not None:
        limit = {GREY: 2, RGB: 6, PALETTE: len(palette or b"") // 3}.get(png.colour, 0)
        exact = png.colour != PALETTE
        if not key or len(key) > limit or (exact and len(key) != limit):
            raise damaged(name, "the transparency chunk does not fit the colour type")


def read_metadata(png: Png, name: str) -> Metadata:
    """ICC, EXIF, XMP, DPI, text and colour chunks; InputError for a text that is a bomb."""
    icc = png.chunk(b"iCCP")
    texts = _texts(png, name)
    xmp = next((text for key, text in texts if key == _XMP_KEY), None)
    raw = next(filter(None, (_raw_exif(text) for key, text in texts if key in _RAW_EXIF)), None)
    return Metadata(
        icc=_inflate(icc.partition(b"\0")[2][1:], _PROFILE_LIMIT, name) or None if icc else None,
        exif=png.chunk(b"eXIf") or raw,
        xmp=xmp or None,
        dpi=_dpi(png.chunk(b"pHYs")),
        png=tuple(_kept(png, texts)),
    )


def _kept(png: Png, texts: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """Chunks that describe colour, the first of each kind, and texts that were not decoded."""
    seen: set[bytes] = set()
    for chunk, (key, _) in zip(png.chunks, texts, strict=True):
        if chunk[0] in _COLOUR - seen or (chunk[0] in _TEXT and key not in _RAW_EXIF | {_XMP_KEY}):
            yield chunk
        seen.add(chunk[0])


def _texts(png: Png, name: str) -> list[tuple[bytes, bytes]]:
    """(keyword, text) for every chunk; InputError where many small bombs make a large one."""
    found, grown = [], 0
    for kind, contents in png.chunks:
        found.append(_text(kind, contents, name))
        grown += max(0, len(found[-1][1]) - len(contents))
        if grown > _TEXTS_LIMIT:
            raise _bomb(name, "the texts in it inflate", _TEXTS_LIMIT)
    return found


def _text(kind: bytes, contents: bytes, name: str) -> tuple[bytes, bytes]:
    """(keyword, text) of a text chunk; empty for every other kind."""
    key, _, rest = contents.partition(b"\0")
    if kind == b"tEXt":
        return key, rest
    if kind == b"zTXt":
        return key, _inflate(rest[1:], _TEXT_LIMIT, name)
    if kind == b"iTXt":
        packed, text = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
        return key, _inflate(text, _TEXT_LIMIT, name) if packed else text
    return b"", b""


def _inflate(packed: bytes, limit: int, name: str) -> bytes:
    """Empty where it does not decompress; InputError where it never seems to end."""
    inflate = zlib.decompressobj()
    try:
        text = inflate.decompress(packed, limit)
    except zlib.error:
        return b""
    if inflate.unconsumed_tail:
        raise _bomb(name, "a text or profile in it inflates", limit)
    return text


def _bomb(name: str, what: str, limit: int) -> InputError:
    return InputError(
        f"{name} can't be read: {what} to over {limit >> 20} MB.",
        "That is a decompression bomb; strip the metadata with another tool.",
        cause="too-large",
    )


def _raw_exif(text: bytes) -> bytes | None:
    """ImageMagick's way before eXIf: name, length and hexadecimal digits, one to a line."""
    words = text.split()
    try:  # no pattern of blanks and digits: on hostile text it would try every way to part them
        exif = bytes.fromhex(b"".join(words[2:]).decode())
    except ValueError:
        return None
    return exif.removeprefix(b"Exif\0\0") if exif.startswith(b"Exif\0\0") else None


def _dpi(contents: bytes | None) -> tuple[float, float] | None:
    if not contents or len(contents) != 9 or contents[8] != 1:  # noqa: PLR2004 - pHYs' length; 1 = metre
        return None
    across, down = struct.unpack(">II", contents[:8])
    return (round(across * _INCH, 4), round(down * _INCH, 4)) if across and down else None
