"""
The formats that Pillow decodes, each by its own plugin class.

`Image.open` is not used: it tries plugins we have not allowed (EPS runs Ghostscript) and has its
own idea, global to the process, of what is too large. A plugin class reads one format only.
"""

from __future__ import annotations

import importlib
import threading
import warnings
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from functools import partial
from io import BytesIO
from itertools import count
from typing import TYPE_CHECKING, Any

from convcli.errors import InputError
from convcli.io.film import Film, Shot, check_together
from convcli.io.image import CHANNELS, Header, Image, Layout, Metadata, Samples
from convcli.io.limits import check_size, damaged
from convcli.io.orientation import stated, swaps_sides
from convcli.io.settle import settle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import ImageFile

# format: module of Pillow, class in it.
PLUGINS: dict[str, tuple[str, str]] = {
    "JPEG": ("JpegImagePlugin", "JpegImageFile"),  # CMYK only
    "TIFF": ("TiffImagePlugin", "TiffImageFile"),  # old JPEG and YCbCr only
    "GIF": ("GifImagePlugin", "GifImageFile"),
    "BMP": ("BmpImagePlugin", "BmpImageFile"),
    "WEBP": ("WebPImagePlugin", "WebPImageFile"),
    "AVIF": ("AvifImagePlugin", "AvifImageFile"),
    "JPEG2000": ("Jpeg2KImagePlugin", "Jpeg2KImageFile"),
    "TGA": ("TgaImagePlugin", "TgaImageFile"),
    "QOI": ("QoiImagePlugin", "QoiImageFile"),
    "ICO": ("IcoImagePlugin", "IcoImageFile"),
    "SGI": ("SgiImagePlugin", "SgiImageFile"),
    "PCX": ("PcxImagePlugin", "PcxImageFile"),
    "DCX": ("DcxImagePlugin", "DcxImageFile"),
    "DDS": ("DdsImagePlugin", "DdsImageFile"),
    "XBM": ("XbmImagePlugin", "XbmImageFile"),
    "XPM": ("XpmImagePlugin", "XpmImageFile"),
    "IM": ("ImImagePlugin", "ImImageFile"),
    "MSP": ("MspImagePlugin", "MspImageFile"),
    "FITS": ("FitsImagePlugin", "FitsImageFile"),
}
_LAYOUTS: dict[str, tuple[Layout, str]] = {
    "1": ("grey", "uint8"), "L": ("grey", "uint8"), "P": ("rgb", "uint8"),
    "PA": ("rgb+alpha", "uint8"), "LA": ("grey+alpha", "uint8"), "La": ("grey+alpha", "uint8"),
    "RGB": ("rgb", "uint8"), "RGBX": ("rgb", "uint8"), "RGBA": ("rgb+alpha", "uint8"),
    "RGBa": ("rgb+alpha", "uint8"), "CMYK": ("rgb", "uint8"), "YCbCr": ("rgb", "uint8"),
    "HSV": ("rgb", "uint8"), "I": ("numbers", "int32"),
    "F": ("grey", "float32"), "I;16": ("grey", "uint16"), "I;16B": ("grey", "uint16"),
    "I;16L": ("grey", "uint16"),
}  # fmt: skip
_DIRECT = {"L", "LA", "RGB", "RGBA", "I", "F", "I;16", "I;16B", "I;16L"}
_WORDS = {"rgb": "RGB", "rgb+alpha": "RGB with alpha", "grey": "grey", "grey+alpha": "grey + alpha"}
_MODES = {"grey": "L", "grey+alpha": "LA", "rgb": "RGB", "rgb+alpha": "RGBA"}
_ANIMATED = {"GIF", "WEBP", "AVIF"}
_DESCRIPTORS = 64  # bytes of a WebP header that hold its size
_QUIET = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """
    Pillow's warnings about metadata unsaid, the one about bombs an error.

    Filters belong to the process, so one thread at a time; only headers are read inside, the
    long part, decoding, is not.
    """
    from PIL import Image as PillowImage

    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", PillowImage.DecompressionBombWarning)
        yield


def _open(format_name: str, data: bytes) -> ImageFile.ImageFile:
    module, class_name = PLUGINS[format_name]
    try:
        plugin = getattr(importlib.import_module(f"PIL.{module}"), class_name)
    except (ImportError, AttributeError) as error:  # IM leaves Pillow in 2028
        raise InputError(
            f"This Pillow reads no {format_name} files.", "Try another one.", cause="unsupported"
        ) from error
    picture: ImageFile.ImageFile = plugin(BytesIO(data))
    return picture


def probe(format_name: str, data: bytes, name: str) -> Header:
    """Header by the plugin of `format_name`; nothing is decoded."""
    with quiet():
        picture = _open(format_name, data)
        metadata, frames = _metadata(picture), _frames(format_name, data, picture)
        layout, dtype = _layout(picture, name)
    width, height = picture.size
    if swaps_sides(stated(metadata.exif, metadata.xmp)):
        width, height = height, width
    channels = CHANNELS.get(layout, 1)
    return Header(format_name, width, height, channels, dtype, layout, frames, len(data))


def decode(format_name: str, data: bytes, name: str, *, max_pixels: int | None) -> Image:
    """First frame; what the decoder or the conversion changed is in the notes."""
    if format_name == "WEBP":
        check_size(name, *webp_size(data, name), max_pixels)
    with quiet():
        picture = _open(format_name, data)
        check_size(name, *picture.size, max_pixels)
        _layout(picture, name)
        metadata, frames = _metadata(picture), _frames(format_name, data, picture)
    notes = (f"{format_name}: first of {frames:,} frames taken",) if frames > 1 else ()
    return _decoded(picture, name, metadata, notes)


def film(format_name: str, data: bytes, name: str, *, max_pixels: int | None) -> Film:
    """Every frame, composed by Pillow; those of a GIF all of one kind, as colour may come late."""
    header = probe(format_name, data, name)
    check_size(name, header.width, header.height, max_pixels)
    pixels = header.frames * header.width * header.height
    check_together(name, header.frames, pixels, max_pixels)
    with quiet():
        picture = _open(format_name, data)
    headers = tuple(
        replace(header, width=width, height=height, layout=layout, channels=CHANNELS[layout])
        for width, height, layout in _kinds(picture, header, name, max_pixels)
    )
    loop = picture.info.get("loop", 0 if format_name == "AVIF" else None)
    if format_name == "GIF":  # how often it is repeated; nothing: it is not
        loop = 1 if loop is None else loop and loop + 1
    return Film(headers, partial(_shots, format_name, data, headers, name), int(loop or 0))


def _kinds(
    picture: ImageFile.ImageFile, header: Header, name: str, max_pixels: int | None
) -> list[tuple[int, int, Layout]]:
    """Sides and layout of every frame; a GIF is decoded to know, and has the sides of its first."""
    found: list[tuple[int, int, Layout]] = []
    for _ in _sought(picture):
        check_size(name, *picture.size, max_pixels)
        if header.format == "GIF":
            picture.load()
        found.append((*picture.size, _layout(picture, name)[0]))
    if header.format != "GIF":
        return found
    grey = all(layout.startswith("grey") for _, _, layout in found)
    clear = any(layout.endswith("+alpha") for _, _, layout in found)
    layout = "grey" if grey else "rgb"
    joined: Layout = f"{layout}+alpha" if clear else layout  # type: ignore[assignment]  # two words that make a third
    return [(header.width, header.height, joined)] * len(found)


def _sought(picture: ImageFile.ImageFile) -> Iterator[int]:
    """The picture at each of its frames."""
    for index in count():
        try:
            with quiet():
                picture.seek(index)
        except EOFError:
            return
        yield index


def _shots(
    format_name: str, data: bytes, headers: tuple[Header, ...], name: str, start: int
) -> Iterator[Shot]:
    with quiet():
        picture = _open(format_name, data)
    for index in _sought(picture):
        if format_name == "GIF" and index < start:
            picture.load()
        elif index >= start:
            yield _shot(picture, headers[index], name)


def _shot(picture: ImageFile.ImageFile, header: Header, name: str) -> Shot:
    metadata = _metadata(picture)
    if header.format == "GIF":
        picture.load()
        image = _one_kind(picture, header, metadata)
    else:
        image = _decoded(picture, name, metadata, ())
    if header.format not in _ANIMATED:
        return Shot(image)
    return Shot(image, Fraction(picture.info.get("duration") or 0) / 1000)


def _one_kind(picture: ImageFile.ImageFile, header: Header, metadata: Metadata) -> Image:
    """A frame of a GIF in the layout of all, cut to the canvas as viewers cut it."""
    import numpy as np

    samples = np.asarray(picture.convert(_MODES[header.layout]))
    shaped = samples.reshape(picture.height, picture.width, -1)[: header.height, : header.width]
    notes = () if picture.mode == "L" else (f"palette decoded to {_WORDS[header.layout]}",)
    return settle(shaped, header.layout, metadata, notes)


def decode_as(  # noqa: PLR0913 - what the caller has already read
    format_name: str,
    data: bytes,
    name: str,
    metadata: Metadata,
    *,
    notes: tuple[str, ...] = (),
    orientation: int | None = None,
) -> Image:
    """Decode what another reader has checked and knows the metadata of."""
    with quiet():
        picture = _open(format_name, data)
    return _decoded(picture, name, metadata, notes, orientation=orientation)


def _decoded(
    picture: ImageFile.ImageFile,
    name: str,
    metadata: Metadata,
    notes: tuple[str, ...],
    *,
    orientation: int | None = None,
) -> Image:
    picture.load()
    layout, _ = _layout(picture, name)
    samples, note = _samples(picture, layout, metadata.icc)
    samples = samples.reshape(picture.height, picture.width, -1)
    if picture.mode == "CMYK":
        metadata = Metadata(exif=metadata.exif, xmp=metadata.xmp, dpi=metadata.dpi)
    told = (*notes, note) if note else notes
    return settle(samples, layout, metadata, told, orientation=orientation)


def _layout(picture: ImageFile.ImageFile, name: str) -> tuple[Layout, str]:
    if picture.mode not in _LAYOUTS:
        raise damaged(name, f"its pixels are of a kind convcli does not know ({picture.mode})")
    layout, dtype = _LAYOUTS[picture.mode]
    if layout in {"grey", "rgb"} and dtype == "uint8" and "transparency" in picture.info:
        layout = "grey+alpha" if layout == "grey" else "rgb+alpha"
    return layout, dtype


def _samples(picture: Any, layout: Layout, icc: bytes | None) -> tuple[Samples, str]:  # noqa: ANN401 - mypy would want every Pillow mode
    import numpy as np

    mode, wanted = picture.mode, _MODES.get(layout, "RGBA")
    if mode in _DIRECT and "transparency" not in picture.info:
        note = "32-bit integers taken as numbers" if mode == "I" else ""
        return np.asarray(picture), note
    if mode == "CMYK":
        from convcli.io.ink import cmyk_to_rgb

        return cmyk_to_rgb(np.asarray(picture), icc)
    if mode == "1":
        picture = picture.convert("L")
    kinds = {"1": "1-bit decoded to 8-bit", "P": "palette decoded to", "PA": "palette decoded to"}
    verb = kinds.get(mode, f"{mode} converted to")
    return np.asarray(picture.convert(wanted)), f"{verb} {_WORDS[layout]}"


def _metadata(picture: ImageFile.ImageFile) -> Metadata:
    info = picture.info
    exif, xmp, dpi = info.get("exif"), info.get("xmp"), info.get("dpi")
    return Metadata(
        icc=info.get("icc_profile") or None,
        exif=exif.removeprefix(b"Exif\0\0") or None if isinstance(exif, bytes) else None,
        xmp=(xmp.encode() if isinstance(xmp, str) else xmp) or None,
        dpi=(float(dpi[0]), float(dpi[1])) if dpi and all(dpi) else None,
    )


def _frames(format_name: str, data: bytes, picture: ImageFile.ImageFile) -> int:
    if format_name == "GIF":
        from convcli.io.gif import count_frames

        return count_frames(data)
    return 1 if format_name == "ICO" else int(getattr(picture, "n_frames", 1))


def webp_size(data: bytes, name: str) -> tuple[int, int]:
    """Size from the first chunk: Pillow's plugin allocates the canvas on opening."""
    kind, body = data[12:16], data[20:_DESCRIPTORS]
    if len(body) < 10:  # noqa: PLR2004 - the longest of the three headers
        raise damaged(name, "the WebP stops within its header")
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = body[6:8], body[8:10]
    return int.from_bytes(width, "little") & 0x3FFF, int.from_bytes(height, "little") & 0x3FFF
