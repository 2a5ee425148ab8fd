"""
JPEG = FF D8, segments [FF marker length contents], scans of entropy-coded data, FF D9.

libjpeg makes up what a cut file lacks; here a file without its end marker is refused.
"""

from __future__ import annotations

import re
import struct
from dataclasses import field
from typing import TYPE_CHECKING

from convcli.errors import InputError
from convcli.io.image import CHANNELS, NO_IPTC, Header, Image, Layout, Metadata, Samples
from convcli.io.limits import check_size, damaged
from convcli.io.orientation import stated, swaps_sides
from convcli.io.settle import settle
from convcli.record import mutable

if TYPE_CHECKING:
    from collections.abc import Iterator

SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
APP0, APP1, APP2, APP13, COM = 0xE0, 0xE1, 0xE2, 0xED, 0xFE
PHOTOSHOP = b"Photoshop 3.0\0"  # around IPTC, too
EXIF, XMP, ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_LAYOUTS: dict[int, Layout] = {1: "grey", 3: "rgb", 4: "rgb"}
_CM_PER_INCH = 2.54
_SCANS = 100  # encoders make about ten; each costs a pass over the picture, and 31 bytes at least


@mutable
class Jpeg:
    """Frame header and metadata segments; `ended` tells whether the end marker was found."""

    width: int = 0
    height: int = 0
    components: int = 0
    precision: int = 0
    process: int = 0
    ended: bool = False
    scans: int = 0
    frames: int = 1
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    more_xmp: bool = False
    comment: bytes | None = None
    photoshop: bool = False
    icc: dict[int, bytes] = field(default_factory=dict)

    @property
    def metadata(self) -> Metadata:
        """Metadata with the ICC profile put together again."""
        icc = b"".join(self.icc[key] for key in sorted(self.icc)) or None
        return Metadata(icc, self.exif, self.xmp, self.dpi, self.comment)


def read_segments(data: bytes, name: str) -> Jpeg:
    """Frame header and metadata of a JPEG; InputError where there is no frame, or a scan bomb."""
    jpeg = Jpeg()
    for marker, contents in _walk(data):
        _file(jpeg, marker, contents)
    if not jpeg.process:
        raise damaged(name, "the JPEG holds no picture (no frame header)")
    if jpeg.scans > _SCANS:
        raise damaged(name, f"the JPEG paints its picture {jpeg.scans:,} times over")
    return jpeg


def _walk(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 2
    while found := _MARKER.search(data, at):
        marker, at = found[1][0], found.end()
        if marker in _BARE:
            continue
        if marker == EOI:
            yield marker, b""
            return
        length = int.from_bytes(data[at : at + 2], "big")
        yield marker, data[at + 2 : at + length]
        at += max(length, 2)


def _file(jpeg: Jpeg, marker: int, contents: bytes) -> None:
    if marker == EOI:
        jpeg.ended = True
    elif marker == SOS:
        jpeg.scans += 1
    elif marker in _FRAMES and not jpeg.process and len(contents) >= 6:  # noqa: PLR2004 - its fields
        fields = struct.unpack_from(">BHHB", contents)
        jpeg.precision, jpeg.height, jpeg.width, jpeg.components = fields
        jpeg.process = marker
    elif marker == APP0 and contents.startswith(b"JFIF\0") and len(contents) >= 12:  # noqa: PLR2004 - its fields
        jpeg.dpi = _density(contents)
    elif marker == APP1:
        _file_app1(jpeg, contents)
    elif marker == APP2 and contents.startswith(ICC) and len(contents) > len(ICC) + 2:
        jpeg.icc.setdefault(contents[len(ICC)], contents[len(ICC) + 2 :])
    elif marker == APP13 and contents.startswith(PHOTOSHOP):
        jpeg.photoshop = True
    elif marker == COM and jpeg.comment is None:
        jpeg.comment = contents or None
    elif marker == APP2 and contents.startswith(b"MPF\0"):
        jpeg.frames = _mpf_frames(contents[4:])


def _file_app1(jpeg: Jpeg, contents: bytes) -> None:
    if contents.startswith(EXIF) and jpeg.exif is None:
        jpeg.exif = contents[len(EXIF) :] or None
    elif contents.startswith(XMP) and jpeg.xmp is None:
        jpeg.xmp = contents[len(XMP) :] or None
    elif contents.startswith(MORE_XMP):
        jpeg.more_xmp = True


def _density(contents: bytes) -> tuple[float, float] | None:
    unit, across, down = struct.unpack_from(">BHH", contents, 7)
    if unit not in {1, 2} or not across or not down:
        return None
    per_inch = 1.0 if unit == 1 else _CM_PER_INCH
    return across * per_inch, down * per_inch


def _mpf_frames(index: bytes) -> int:
    """Number of pictures in a multi-picture file: tag B001 of its small TIFF directory."""
    order = ">" if index[:2] == b"MM" else "<"
    try:
        (start,) = struct.unpack_from(order + "I", index, 4)
        (count,) = struct.unpack_from(order + "H", index, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(order + "HHII", index, at)
            if tag == 0xB001:  # noqa: PLR2004 - NumberOfImages
                return max(1, int(value))
    except struct.error:
        return 1
    return 1


def probe(data: bytes, name: str) -> Header:
    """Header of a JPEG, from its segments."""
    jpeg = read_segments(data, name)
    layout = _layout(jpeg, name)
    swapped = swaps_sides(stated(jpeg.exif, jpeg.xmp))
    width, height = (jpeg.height, jpeg.width) if swapped else (jpeg.width, jpeg.height)
    size = len(data)
    return Header("JPEG", width, height, CHANNELS[layout], "uint8", layout, jpeg.frames, size)


def _layout(jpeg: Jpeg, name: str) -> Layout:
    if jpeg.precision != 8 or jpeg.process in _LOSSLESS:  # noqa: PLR2004 - bits
        kind = "lossless" if jpeg.process in _LOSSLESS else "lossy"
        raise InputError(
            f"{name} is a {kind} JPEG with {jpeg.precision} bits; convcli reads lossy 8-bit ones.",
            "Convert it to PNG or TIFF with another tool first.",
            cause="unsupported",
        )
    if jpeg.components not in _LAYOUTS:
        raise InputError(
            f"{name} is a JPEG with {jpeg.components} colour components.",
            "1, 3 or 4",
            cause="unsupported",
        )
    return _LAYOUTS[jpeg.components]


def decode(data: bytes, name: str, *, max_pixels: int | None) -> Image:
    """Samples uint8 of a grey or colour JPEG; CMYK becomes RGB, and the notes say so."""
    jpeg = read_segments(data, name)
    check_size(name, jpeg.width, jpeg.height, max_pixels)
    layout = _layout(jpeg, name)
    if not jpeg.ended:
        raise damaged(name, "the JPEG stops before its end marker")
    if jpeg.components == 4:  # noqa: PLR2004 - cyan, magenta, yellow, black
        from convcli.io.pillow_read import decode_as

        return decode_as("JPEG", data, name, jpeg.metadata, notes=_notes(jpeg))
    samples = _libjpeg(data).reshape(jpeg.height, jpeg.width, -1)
    if samples.shape[2] != CHANNELS[layout]:
        raise damaged(name, f"its decoder gave {samples.shape[2]} channels")
    return settle(samples, layout, jpeg.metadata, _notes(jpeg))


def _notes(jpeg: Jpeg) -> tuple[str, ...]:
    """What is left out on reading."""
    first = (first_of("JPEG", jpeg.frames, "picture"),) if jpeg.frames > 1 else ()
    more = ("XMP beyond 64 kB left out",) if jpeg.more_xmp else ()
    return (*first, *more, NO_IPTC) if jpeg.photoshop else (*first, *more)


def _libjpeg(data: bytes) -> Samples:
    import imagecodecs

    samples: Samples = imagecodecs.jpeg8_decode(data)
    return samples


def first_of(format_name: str, frames: int, noun: str = "frame") -> str:
    """`GIF: first of 12 frames taken`."""
    return f"{format_name}: first of {frames:,} {noun}s taken"
