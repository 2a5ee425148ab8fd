"""Image -> WebP, AVIF, BMP and grey GIF, 8 bits a channel, through Pillow."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convcli.io.image import Image, Metadata


def encode(image: Image, format_name: str, *, quality: int, lossless: bool) -> bytes:
    """File contents; `quality` 1 to 100, `lossless` for WebP."""
    import numpy as np
    from PIL import Image as PillowImage

    samples = image.samples[:, :, 0] if image.layout == "grey" else image.samples
    picture = PillowImage.fromarray(np.ascontiguousarray(samples))
    if format_name in {"WEBP", "AVIF"} and image.layout.startswith("grey"):
        picture = picture.convert("RGBA" if image.alpha else "RGB")
    options = _OPTIONS[format_name](image.metadata, quality, lossless)
    stream = BytesIO()
    picture.save(stream, format=format_name, **options)
    return stream.getvalue()


def _profiles(metadata: Metadata) -> dict[str, Any]:
    named = {"icc_profile": metadata.icc, "exif": metadata.exif, "xmp": metadata.xmp}
    return {key: value for key, value in named.items() if value}


def _webp(metadata: Metadata, quality: int, lossless: bool) -> dict[str, Any]:  # noqa: FBT001 - as above
    # exact: colour under full transparency is kept, as everywhere else here
    return _profiles(metadata) | {"quality": quality, "lossless": lossless, "exact": True}


def _avif(metadata: Metadata, quality: int, lossless: bool) -> dict[str, Any]:  # noqa: ARG001, FBT001 - as above
    return _profiles(metadata) | {"quality": quality, "subsampling": "4:4:4"}


def _bmp(metadata: Metadata, quality: int, lossless: bool) -> dict[str, Any]:  # noqa: ARG001, FBT001 - as above
    return {"dpi": metadata.dpi} if metadata.dpi else {}


def _gif(metadata: Metadata, quality: int, lossless: bool) -> dict[str, Any]:  # noqa: ARG001, FBT001 - as above
    return {"optimize": False}


_OPTIONS = {"WEBP": _webp, "AVIF": _avif, "BMP": _bmp, "GIF": _gif}
