"""
TIFF -> Image: first page, full depth, by tifffile; by Pillow for the few kinds it leaves.

    photometric  0 white is zero  1 black is zero  2 RGB  3 palette  5 CMYK  6 YCbCr  8 LAB
    extra        0 unspecified    1 associated alpha (colour multiplied by it)   2 alpha
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

from convcli.errors import InputError
from convcli.io.film import Film, Shot, check_together
from convcli.io.image import CHANNELS, Header, Image, Layout, Metadata, Samples
from convcli.io.limits import check_size, damaged
from convcli.io.orientation import swaps_sides
from convcli.io.settle import native, settle
from convcli.io.tiff_directory import check_directory, plain_directory
from convcli.io.tiff_metadata import read_metadata
from convcli.io.tiff_segments import check_segments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from tifffile import TiffFile, TiffPage

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, CMYK, _YCBCR, _LAB = 0, 1, 2, 3, 5, 6, 8
_COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}
_UNSPECIFIED, _ASSOCIATED = 0, 1
_JPEG, _OLD_JPEG = 7, 6
_ORIENTATION = 274
_DERIVED = 1 | 4  # bits of NewSubfileType: smaller copy, mask
_CHANNEL_LIMIT = 64
_KINDS = {"uint8", "uint16", "float32", "float64"}
_NUMBERS = {"int8", "int16", "int32", "uint32", "int64", "uint64"}


def opened(file: BinaryIO) -> TiffFile:
    """The directories of a TIFF; no sample is read."""
    import tifffile

    # Without a handler of its own, what it has to say would go to the terminal.
    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    return tifffile.TiffFile(file)


def first_page(tif: TiffFile, name: str) -> TiffPage:
    """The page that is read; InputError where there is none."""
    from tifffile import TiffPage

    page = tif.pages[0] if len(tif.pages) else None
    if not isinstance(page, TiffPage):
        raise damaged(name, "the TIFF has no page")
    sides = (page.imagewidth, page.imagelength, page.samplesperpixel)
    if not all(isinstance(side, int) for side in sides):  # a tag of no or many values is a tuple
        raise damaged(name, "its width, height or samples a pixel are no single numbers")
    return page


def probe(data: bytes, name: str) -> Header:
    """Header of the first page."""
    with opened(BytesIO(data)) as tif:
        return header(tif, name, len(data))


def film(data: bytes, name: str, *, max_pixels: int | None) -> Film:
    """All pages but smaller copies and masks of others; each has its own size and depth."""
    with opened(BytesIO(data)) as tif:
        every = [_page(tif, index, name) for index in range(len(tif.pages))]
        places = [n for n, page in enumerate(every) if not (n and page.subfiletype & _DERIVED)]
        pages = [every[n] for n in places]
        for page in pages:
            check_size(name, page.imagewidth, page.imagelength, max_pixels)
        headers = tuple(_header(page, name, len(pages), len(data)) for page in pages)
    left_out = len(every) - len(pages)
    pixels = sum(header.width * header.height for header in headers)
    check_together(name, len(headers), pixels, max_pixels)
    notes = (f"TIFF: {left_out:,} smaller copies or masks of pages left out",) if left_out else ()
    return Film(headers, partial(_shots, data, name, places, max_pixels), notes=notes)


def _page(tif: TiffFile, index: int, name: str) -> TiffPage:
    from tifffile import TiffPage

    page = tif.pages[index]
    if not isinstance(page, TiffPage):
        raise damaged(name, f"page {index + 1} of the TIFF is none")
    return page


def _shots(
    data: bytes, name: str, places: list[int], max_pixels: int | None, start: int
) -> Iterator[Shot]:
    with opened(BytesIO(data)) as tif:
        for index in places[start:]:
            yield Shot(_decoded(data, _page(tif, index, name), name, max_pixels))


def header(tif: TiffFile, name: str, size: int) -> Header:
    """Header of the first page of a file of `size` bytes."""
    return _header(first_page(tif, name), name, len(tif.pages), size)


def _header(page: TiffPage, name: str, pages: int, size: int) -> Header:
    width, height = page.imagewidth, page.imagelength
    if swaps_sides(orientation(page)):
        width, height = height, width
    layout, dtype = _target(page, name)
    channels = CHANNELS.get(layout, page.samplesperpixel)
    return Header("TIFF", width, height, channels, dtype, layout, pages, size)


def orientation(page: TiffPage) -> int:
    """How the stored rows must be turned, 1 to 8."""
    tag = page.tags.get(_ORIENTATION)
    value = tag.value if tag is not None else 1
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else 1  # noqa: PLR2004 - the eight


def _target(page: TiffPage, name: str) -> tuple[Layout, str]:
    """Layout and dtype that decoding gives."""
    kind = str(page.dtype)
    if kind in _NUMBERS:
        return "numbers", kind
    if page.photometric not in _COLOURS:
        raise InputError(
            f"{name}: convcli reads no {_words(page)} TIFF.",
            "Convert it to RGB first.",
            cause="unsupported",
        )
    colours = _COLOURS[page.photometric]
    if page.samplesperpixel < colours:
        raise damaged(name, f"{_words(page)} takes {colours} samples a pixel, it has fewer")
    colour = "grey" if page.photometric in {_WHITE_IS_ZERO, _BLACK_IS_ZERO} else "rgb"
    layout: Layout = "grey" if colour == "grey" else "rgb"
    if _alpha(page) is not None:
        layout = "grey+alpha" if colour == "grey" else "rgb+alpha"
    return layout, _depth(page, name)


def _words(page: TiffPage) -> str:
    return str(getattr(page.photometric, "name", page.photometric))


def _depth(page: TiffPage, name: str) -> str:
    kind = str(page.dtype)
    if kind == "float16":
        return "float32"
    if page.photometric == _LAB and kind != "uint8":
        raise InputError(
            f"{name}: convcli reads LAB of 8 bits only.",
            "Convert it to RGB first.",
            cause="unsupported",
        )
    if page.photometric == _PALETTE or kind == "bool":
        return "uint8"
    if kind not in _KINDS:
        raise InputError(
            f"{name}: convcli reads no TIFF of {kind} samples.",
            "Convert it first.",
            cause="unsupported",
        )
    return kind


def _alpha(page: TiffPage) -> int | None:
    """Which sample is opacity; None when none is."""
    colours = _COLOURS.get(page.photometric, 0)
    if page.samplesperpixel <= colours:
        return None
    extra = page.extrasamples
    if not extra:  # no word about the surplus: for RGB every reader takes it as alpha
        return colours if page.photometric == _RGB else None
    wanted = (place for place, kind in enumerate(extra) if kind != _UNSPECIFIED)
    found = next(wanted, None)
    return None if found is None else colours + found


def decode(data: bytes, name: str, *, max_pixels: int | None) -> Image:
    """First page at full depth; notes say what was converted, InputError what can't be read."""
    with opened(BytesIO(data)) as tif:
        image = _decoded(data, first_page(tif, name), name, max_pixels)
        notes = page_notes(tif)
    return replace(image, notes=(*notes, *image.notes))


def _decoded(data: bytes, page: TiffPage, name: str, max_pixels: int | None) -> Image:
    check_page(page, name, max_pixels)
    layout, dtype = _target(page, name)
    metadata = read_metadata(page, BytesIO(data))
    turn = orientation(page)
    notes = [*check_places(page, name, len(data))]
    check_directory(data, page, name)
    check_segments(data, page, name)
    if for_libtiff(page):
        return _by_pillow(data, page, name, metadata, notes)
    samples = native(_arranged(page, name))
    meaning = interpreted(samples, page, layout, dtype, metadata.icc, notes)
    metadata = fitting(page, metadata)
    return settle(meaning, layout, metadata, tuple(notes), orientation=turn)


def page_notes(tif: TiffFile) -> list[str]:
    """What is left out of a file of many pages."""
    pages = len(tif.pages)
    return [f"TIFF: first of {pages:,} pages taken"] if pages > 1 else []


def fitting(page: TiffPage, metadata: Metadata) -> Metadata:
    """Without a profile of inks: the samples are RGB by then."""
    return replace(metadata, icc=None) if page.photometric in {CMYK, _LAB} else metadata


def _by_pillow(
    data: bytes, page: TiffPage, name: str, metadata: Metadata, notes: list[str]
) -> Image:
    from convcli.io.pillow_read import decode_as

    return decode_as(
        "TIFF",
        plain_directory(data, page),
        name,
        metadata,
        notes=tuple(notes),
        orientation=orientation(page),
    )


def check_page(page: TiffPage, name: str, max_pixels: int | None) -> None:
    """InputError for sides and kinds of samples that no picture has."""
    check_size(name, page.imagewidth, page.imagelength, max_pixels)
    if page.imagedepth != 1 or not 1 <= page.samplesperpixel <= _CHANNEL_LIMIT:
        raise damaged(name, f"a TIFF of {page.samplesperpixel} samples a pixel is none it can be")
    if page.is_tiled:
        check_size(name, page.tilewidth, page.tilelength, max_pixels)
    if page.dtype is None:
        raise damaged(name, f"samples of {page.bitspersample} bits are unknown")


def check_places(page: TiffPage, name: str, size: int) -> tuple[str, ...]:
    """Notes, or InputError where the file is shorter than its samples."""
    pieces = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if not pieces or max(offset + count for offset, count in pieces) > size:
        raise damaged(name, "its samples lie beyond the end of the file")
    sparse = not all(count for _, count in pieces)
    if sparse and for_libtiff(page):
        raise damaged(name, "some of its samples were never written")
    return ("samples never written are taken as 0",) if sparse else ()


def for_libtiff(page: TiffPage) -> bool:
    """Kinds that need libtiff: old JPEG, and YCbCr without JPEG, which may be subsampled."""
    if page.compression == _OLD_JPEG:
        return True
    return page.photometric == _YCBCR and page.compression != _JPEG


def _arranged(page: TiffPage, name: str) -> Samples:
    """Samples as (rows, columns, samples), however the file orders them."""
    array = page.asarray()
    axes = page.axes
    if axes == "YX":
        return array[:, :, None]
    if axes == "SYX":
        return array.transpose(1, 2, 0)
    if axes != "YXS":
        raise damaged(name, f"its axes are {axes}, not rows and columns")
    return array


def interpreted(  # noqa: PLR0913, PLR0917 - one step for each thing the header says
    samples: Samples,
    page: TiffPage,
    layout: Layout,
    dtype: str,
    icc: bytes | None,
    notes: list[str],
) -> Samples:
    """What stored samples mean, pixel by pixel; notes say what was converted."""
    if layout == "numbers":
        notes.append(f"{dtype} samples taken as numbers")
        return samples
    alpha = _alpha(page)
    colours = _COLOURS[page.photometric]
    opacity = None if alpha is None else _full_range(samples[..., alpha : alpha + 1], page, dtype)
    colour = _colour(samples[..., :colours], page, dtype, icc, notes)
    if samples.shape[2] > colours + (alpha is not None):
        notes.append("samples beyond colour and alpha left out")
    if opacity is None:
        return colour
    if page.extrasamples and page.extrasamples[(alpha or 0) - colours] == _ASSOCIATED:
        notes.append("colour divided by its associated alpha")
        colour = _divided(colour, opacity)
    import numpy as np

    return np.concatenate([colour, opacity], axis=2)


def _colour(
    samples: Samples, page: TiffPage, dtype: str, icc: bytes | None, notes: list[str]
) -> Samples:
    import numpy as np

    if page.photometric == _PALETTE:
        notes.append("palette decoded to RGB")
        return _looked_up(samples[..., 0].astype(np.intp), page.colormap)
    if page.photometric == _LAB:
        from convcli.io.ink import lab_to_rgb

        notes.append("LAB converted to sRGB")
        return lab_to_rgb(samples)
    full = _full_range(samples, page, dtype)
    if page.bitspersample not in {8, 16, 32, 64}:
        grey = "grey" if full.shape[2] == 1 else "samples"
        notes.append(f"{page.bitspersample}-bit decoded to {8 * full.itemsize}-bit {grey}")
    if page.photometric == _WHITE_IS_ZERO and full.dtype.kind == "u":
        return ~full
    if page.photometric == CMYK:
        from convcli.io.ink import cmyk_to_rgb

        rgb, note = cmyk_to_rgb(full, icc)
        notes.append(note)
        return rgb
    return full


def _full_range(samples: Samples, page: TiffPage, dtype: str) -> Samples:
    """`round(v * full / (2**bits - 1))` where a sample has fewer bits than its dtype."""
    import numpy as np

    bits, target = page.bitspersample, np.dtype(dtype)
    if target.kind == "f" or bits == 8 * target.itemsize or page.photometric == _PALETTE:
        return samples.astype(target, copy=False)
    top, full = (1 << bits) - 1, int(np.iinfo(target).max)
    return ((samples.astype(np.uint32) * (2 * full) + top) // (2 * top)).astype(target)


def _looked_up(indices: Samples, table: Any) -> Samples:  # noqa: ANN401 - an array or None
    import numpy as np

    if table is None:
        raise ValueError("a palette picture without a palette")
    colours = np.asarray(table, np.uint16)
    # Some writers fill the 16-bit table with 8-bit values; libtiff guesses the same way.
    eight = colours if colours.max(initial=0) < 256 else colours >> 8  # noqa: PLR2004 - as said
    return eight.astype(np.uint8).T[indices]


def _divided(colour: Samples, opacity: Samples) -> Samples:
    """`colour / alpha`, and 0 where alpha is 0."""
    import numpy as np

    full = 1.0 if colour.dtype.kind == "f" else float(np.iinfo(colour.dtype).max)
    share = np.divide(full, opacity, out=np.zeros(opacity.shape), where=opacity != 0)
    scaled = colour * share
    if colour.dtype.kind == "f":
        return scaled.astype(colour.dtype)
    return np.minimum(np.floor(scaled + 0.5), full).astype(colour.dtype)
