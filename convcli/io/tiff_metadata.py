"""
TIFF tags <-> Metadata: 34675 ICC, 700 XMP, 282/283/296 resolution, the rest as an EXIF stream.

    EXIF = a TIFF of its own: II*\\0, directory of descriptive tags, Exif and GPS directories
"""  # noqa: D301 - the escape as it is written

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.io.image import Metadata

if TYPE_CHECKING:
    from typing import IO

    from tifffile import TiffPage

ICC, XMP, EXIF_IFD, GPS_IFD = 34675, 700, 34665, 34853
DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 33432)
_PER_INCH = {2: 1.0, 3: 2.54}


def read_metadata(page: TiffPage, file: IO[bytes]) -> Metadata:
    """Metadata of one page of the TIFF `file`."""
    return Metadata(
        icc=_bytes(page, ICC), exif=_exif(page, file), xmp=_bytes(page, XMP), dpi=_dpi(page)
    )


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


def _exif(page: TiffPage, file: IO[bytes]) -> bytes | None:
    """The descriptive tags and the Exif and GPS directories, as a stream of their own."""
    if not any(code in page.tags for code in (*DESCRIPTIVE, EXIF_IFD, GPS_IFD)):
        return None
    from PIL import Image as PillowImage

    from convcli.io.pillow_read import quiet

    whole, kept = PillowImage.Exif(), PillowImage.Exif()
    try:
        file.seek(0)  # values of other tags may have been fetched from it since
        head = file.read(4)
        with quiet():
            whole.endian, whole.bigtiff = "<" if head[:2] == b"II" else ">", b"+" in head[2:]
            whole.load_from_fp(file, page.offset)
            kept.update({code: whole[code] for code in DESCRIPTIVE if code in whole})
            for directory in (EXIF_IFD, GPS_IFD):
                if inner := whole.get_ifd(directory):
                    kept.get_ifd(directory).update(inner)
            return kept.tobytes().removeprefix(b"Exif\0\0")
    except Exception:  # noqa: BLE001 - metadata is never worth failing for
        return None
