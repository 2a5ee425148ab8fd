"""
EXIF without its thumbnail, which shows the picture as it was before it was filtered.

    II*\\0 first directory -> 0        second directory: 513 where the JPEG begins, 514 its bytes
                          `- cut -->  [ zeros, or nothing where the stream ends with it ]

Who blurs a face must not hand it on in small. Offsets of all else stay as they are.
"""  # noqa: D301 - the escape as it is written

from __future__ import annotations

import struct

from convcli.io.tiff_directory import byte_order, entries

_BEGINS, _BYTES = 513, 514


def without_thumbnail(exif: bytes) -> bytes:
    """The stream with one directory only; as it was where it has no second, or is damaged."""
    order = byte_order(exif)
    try:
        (first,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, first)
        link = first + 2 + 12 * count
        (second,) = struct.unpack_from(order + "I", exif, link)
        if not second:
            return exif
        told = {tag: place for tag, _, place, _ in entries(exif, second)}
        begin, size = (
            struct.unpack_from(order + "I", exif, told[tag])[0] if tag in told else 0
            for tag in (_BEGINS, _BYTES)
        )
    except struct.error:
        return exif
    kept, end = bytearray(exif), min(begin + size, len(exif))
    kept[link : link + 4] = bytes(4)
    if link + 4 <= begin < end:
        kept[begin:end] = b"" if end == len(exif) else bytes(end - begin)
    return bytes(kept)
