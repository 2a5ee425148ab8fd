"""
TIFF -> Image: a page at full depth, by tifffile; by Pillow for the few kinds it leaves.

    pages -> checked: sides, places, segments -> stored samples -> their meaning -> upright Image

What stored samples mean is told by `tiff_meaning`.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

from convcli.io.film import Film, Shot, check_together
from convcli.io.image import CHANNELS, Header, Image, Metadata, Samples
from convcli.io.limits import check_size, damaged
from convcli.io.orientation import swaps_sides
from convcli.io.settle import native, settle
from convcli.io.tiff_directory import check_directory, plain_directory
from convcli.io.tiff_meaning import fitting, interpreted, target
from convcli.io.tiff_metadata import read_metadata
from convcli.io.tiff_segments import check_segments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from tifffile import TiffFile, TiffPage

_YCBCR = 6
_JPEG, _OLD_JPEG = 7, 6
_ORIENTATION = 274
_DERIVED = 1 | 4  # bits of NewSubfileType: smaller copy, mask
_CHANNEL_LIMIT = 64


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
    layout, dtype = target(page, name)
    channels = CHANNELS.get(layout, page.samplesperpixel)
    return Header("TIFF", width, height, channels, dtype, layout, pages, size)


def orientation(page: TiffPage) -> int:
    """How the stored rows must be turned, 1 to 8."""
    tag = page.tags.get(_ORIENTATION)
    value = tag.value if tag is not None else 1
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else 1  # noqa: PLR2004 - the eight


def decode(data: bytes, name: str, *, max_pixels: int | None) -> Image:
    """First page at full depth; notes say what was converted, InputError what can't be read."""
    with opened(BytesIO(data)) as tif:
        image = _decoded(data, first_page(tif, name), name, max_pixels)
        notes = page_notes(tif)
    return replace(image, notes=(*notes, *image.notes))


def _decoded(data: bytes, page: TiffPage, name: str, max_pixels: int | None) -> Image:
    check_page(page, name, max_pixels)
    layout, dtype = target(page, name)
    turn = orientation(page)
    notes = [*check_places(page, name, len(data))]
    check_directory(data, page, name)
    metadata = read_metadata(page, data, notes)
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
