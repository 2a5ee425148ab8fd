"""
TIFF tags <-> Metadata: 34675 ICC, 700 XMP, 282/283/296 resolution, the rest as an EXIF stream.

    EXIF = a TIFF of its own: II*\\0, directory of descriptive tags, Exif and GPS directories
"""  # noqa: D301 - the escape as it is written

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from convcli.io.image import NO_IPTC, Metadata
from convcli.io.tiff_exif import gathered

if TYPE_CHECKING:
    from tifffile import TiffPage

    from convcli.io.tiff_directory import Buffer

ICC, XMP = 34675, 700
_IPTC, _PHOTOSHOP = 33723, 34377
_PER_INCH = {2: 1.0, 3: 2.54}


def read_metadata(page: TiffPage, data: Buffer, notes: list[str]) -> Metadata:
    """Metadata of one page of the TIFF `data`; notes say what of it is damaged or left out."""
    try:
        exif = gathered(data, page.offset)
    except (struct.error, ValueError):
        notes.append("EXIF left out: it is damaged")
        exif = None
    if _IPTC in page.tags or _PHOTOSHOP in page.tags:
        notes.append(NO_IPTC)
    return Metadata(icc=_bytes(page, ICC), exif=exif, xmp=_bytes(page, XMP), dpi=_dpi(page))


def _bytes(page: TiffPage, code: int) -> bytes | None:
    tag = page.tags.get(code)
    value = tag.value if tag is not None else None
    if isinstance(value, str):
        value = value.encode()
    return bytes(value) if isinstance(value, bytes) and value else None


def _dpi(page: TiffPage) -> tuple[float, float] | None:
    unit = page.tags.valueof(296, default=2)
    sides = [page.tags.valueof(code) for code in (282, 283)]
    if unit not in _PER_INCH or not all(isinstance(s, tuple) and len(s) == 2 for s in sides):  # noqa: PLR2004 - a fraction
        return None
    across, down = (n / d * _PER_INCH[unit] if d else 0.0 for n, d in sides)
    return (across, down) if across > 0 and down > 0 else None
