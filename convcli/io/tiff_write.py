"""
Image -> TIFF, deflated in strips or plain, at any depth.

Alpha is written as unassociated; ICC, XMP and resolution as tags, EXIF behind the samples.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from convcli.io import tiff_exif
from convcli.io.tiff_metadata import XMP

if TYPE_CHECKING:
    from convcli.io.image import Image

_BYTES = 1  # TIFF's type of XMP


def encode(image: Image, *, compress: int) -> bytes:
    """TIFF; `compress` 0 plain, 1 to 9 deflate with the predictor that suits the samples."""
    import tifffile

    options: dict[str, Any] = {"compression": "adobe_deflate", "predictor": True}
    options["compressionargs"] = {"level": compress}
    if compress == 0:
        options = {}
    samples = image.samples[:, :, 0] if image.samples.shape[2] == 1 else image.samples
    stream = BytesIO()
    tifffile.imwrite(
        stream,
        samples,
        photometric="rgb" if image.layout.startswith("rgb") else "minisblack",
        planarconfig="contig" if samples.ndim > 2 else None,  # noqa: PLR2004 - rows, columns
        extrasamples=_extra(image),
        iccprofile=image.metadata.icc,
        extratags=_tags(image),
        byteorder=tiff_exif.byte_order(image.metadata.exif),
        metadata=None,
        software=False,
        **_resolution(image),
        **options,
    )
    return tiff_exif.attached(stream.getvalue(), image.metadata.exif)


def _extra(image: Image) -> list[str] | None:
    if image.alpha:
        return ["unassalpha"]
    surplus = image.samples.shape[2] - 1
    return ["unspecified"] * surplus if image.layout == "numbers" and surplus else None


def _resolution(image: Image) -> dict[str, Any]:
    dpi = image.metadata.dpi
    return {"resolution": dpi, "resolutionunit": "inch"} if dpi else {}


def _tags(image: Image) -> list[tiff_exif.Tag]:
    xmp, exif = image.metadata.xmp, image.metadata.exif
    packet: list[tiff_exif.Tag] = [(XMP, _BYTES, len(xmp), xmp, True)] if xmp else []
    return [*packet, *tiff_exif.tags(exif)]
