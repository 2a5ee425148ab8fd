"""
Image -> JPEG (4:4:4), strips encoded in parallel and stitched into one scan.

    FF D8 | APP0 EXIF XMP ICC COM | tables, frame | DRI | SOS | strip D0 strip D1 ... strip | FF D9

A restart marker (D0 .. D7, D0 ...) lets prediction begin anew, as every file of its own does. So
strips of equally many 8 x 8 blocks, encoded apart with the same tables, are one picture whose
samples are those of a file without restarts. Where strips end depends on the width alone: threads
change no byte.
"""

from __future__ import annotations

import os
import struct
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from convcli.io.flow import ordered
from convcli.io.jpeg import APP0, APP1, APP2, COM, EXIF, ICC, SOS, XMP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.io.image import Image, Metadata, Samples

_SOI, _EOI, _SOF, _DRI, _RST = b"\xff\xd8", b"\xff\xd9", 0xC0, 0xDD, 0xD0
_BLOCK = 8
_STRIP = 1 << 20  # samples: enough to be worth a thread's while, and 2 bytes a strip are nothing
_LONGEST = 65533  # bytes that a segment can hold beside its length
_PART = _LONGEST - len(ICC) - 2
_PARTS = 255  # their number is a byte


def encode(image: Image, *, quality: int, threads: int | None = None) -> Iterator[bytes]:
    """
    JPEG of uint8 samples, grey or RGB, as its rows come.

    Metadata that its segments can't hold is left out, see `losses`.
    """
    rows, height = len(image.samples), _height(image.samples)
    strips = range(0, rows, height)
    work = partial(_strip, image, height, quality)
    workers = min(len(strips), threads or os.cpu_count() or 1)
    with closing(ordered(work, _arrived(image, strips), workers)) as parts:
        for number, (head, scan) in enumerate(parts):
            if number == 0:
                whole = _joined(head, image.samples, height) if len(strips) > 1 else _tables(head)
                yield b"".join([_SOI, *_metadata(image.metadata), whole])
            else:
                yield bytes((0xFF, _RST + (number - 1) % 8))
            yield scan
    yield _EOI


def _height(samples: Samples) -> int:
    """Rows of a strip, whole blocks."""
    row: int = samples[0].size
    return max(1, _STRIP // (row * _BLOCK)) * _BLOCK


def _arrived(image: Image, strips: range) -> Iterator[int]:
    """Where each strip starts, once it is there."""
    for start in strips:
        image.ready(min(start + strips.step, len(image.samples)))
        yield start


def _strip(image: Image, height: int, quality: int, start: int) -> tuple[bytes, bytes]:
    """What stands before the samples of one strip encoded alone, and the samples."""
    import imagecodecs

    rows = image.samples[start : start + height]
    rows = rows[..., 0] if image.layout == "grey" else rows
    file = bytes(imagecodecs.jpeg8_encode(rows, level=quality, subsampling="444"))
    at = len(_SOI)
    while file[at + 1] != SOS:
        at = _after(file, at)
    end = _after(file, at)
    return file[len(_SOI) : end], file[end : -len(_EOI)]


def _after(file: bytes, at: int) -> int:
    """Where the segment that begins there ends: FF, marker, length, contents."""
    return at + 2 + int.from_bytes(file[at + 2 : at + 4], "big")


def _tables(head: bytes) -> bytes:
    """Without APP0, which is ours to write."""
    return head[_after(head, 0) :]


def _joined(head: bytes, samples: Samples, height: int) -> bytes:
    """The head of the first strip for all of them: the whole picture's height, and DRI."""
    rows, columns = samples.shape[:2]
    parts, at = [], 0
    head = _tables(head)
    while at < len(head):
        segment, at = head[at : _after(head, at)], _after(head, at)
        if segment[1] == SOS:
            blocks = -(-columns // _BLOCK) * (height // _BLOCK)
            parts.append(_segment(_DRI, struct.pack(">H", blocks)))
        if segment[1] == _SOF:  # FF C0, length, precision, height, width ...
            parts += [segment[:5], struct.pack(">H", rows), segment[7:]]
        else:
            parts.append(segment)
    return b"".join(parts)


def losses(metadata: Metadata) -> tuple[str, ...]:
    """What a JPEG has no room for, as sentences: a segment ends at 65,533 bytes."""
    sizes = [(kind, len(text), _LONGEST) for kind, _, text in _segments(metadata)]
    sizes.append(("ICC profile", len(metadata.icc or b""), _PART * _PARTS))
    return tuple(
        f"{kind} left out: it has {size:,} bytes, JPEG has room for {room:,}"
        for kind, size, room in sizes
        if size > room
    )


def _segments(metadata: Metadata) -> Iterator[tuple[str, int, bytes]]:
    """What goes into one segment each: its name, marker, contents."""
    if metadata.exif:
        yield "EXIF", APP1, EXIF + metadata.exif
    if metadata.xmp:
        yield "XMP", APP1, XMP + metadata.xmp
    if metadata.comment:
        yield "comment", COM, metadata.comment


def _metadata(metadata: Metadata) -> Iterator[bytes]:
    yield _segment(APP0, b"JFIF\0\1\1" + _density(metadata.dpi) + b"\0\0")
    fitting = [(at, text) for _, at, text in _segments(metadata) if len(text) <= _LONGEST]
    yield from (_segment(marker, text) for marker, text in fitting if marker != COM)
    icc = metadata.icc or b""
    parts = [icc[at : at + _PART] for at in range(0, len(icc), _PART)]
    for number, part in enumerate(parts if len(parts) <= _PARTS else (), 1):
        yield _segment(APP2, ICC + bytes((number, len(parts))) + part)
    yield from (_segment(marker, text) for marker, text in fitting if marker == COM)


def _density(dpi: tuple[float, float] | None) -> bytes:
    """Unit (1: per inch, 0: none is known) and dots, as JFIF has them."""
    if not dpi:
        return struct.pack(">BHH", 0, 1, 1)
    return struct.pack(">BHH", 1, *(max(1, min(round(side), 65535)) for side in dpi))


def _segment(marker: int, contents: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(contents) + 2) + contents
