"""
decoded samples + what the file said about them -> an upright Image.

The last step of every reader: orientation baked in and reset, profiles that do not fit and the
thumbnail dropped, byte order and memory layout made plain.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from convcli.io.arrival import at_once
from convcli.io.image import Image, Layout, Metadata, Samples
from convcli.io.orientation import stated, swaps_sides, upright, upright_exif, upright_xmp
from convcli.io.thumbnail import without_thumbnail

if TYPE_CHECKING:
    from convcli.io.arrival import Ready

_SPACES = {b"GRAY": "grey", b"RGB ": "rgb"}


def settle(  # noqa: PLR0913 - samples, and what a file says of them
    samples: Samples,
    layout: Layout,
    metadata: Metadata,
    notes: tuple[str, ...] = (),
    *,
    orientation: int | None = None,
    ready: Ready = at_once,
) -> Image:
    """
    Image from `samples` (rows, columns, channels) as stored, any byte order and strides.

    `orientation` where the format states it outside EXIF and XMP (TIFF's own tag). What is turned
    must be there first; else rows may come later, this machine's byte order and C-contiguous.
    """
    turn = stated(metadata.exif, metadata.xmp) if orientation is None else orientation
    if turn != 1:
        ready(len(samples))
        ready = at_once
        notes = (*notes, f"orientation {turn} baked in")
    if swaps_sides(turn) and metadata.dpi is not None:
        metadata = replace(metadata, dpi=metadata.dpi[::-1])
    exif = without_thumbnail(metadata.exif) if metadata.exif else None
    if exif != metadata.exif:
        metadata = replace(metadata, exif=exif)
        notes = (*notes, "EXIF thumbnail left out: it shows the input")
    unfit = _unfit_profile(metadata.icc, layout)
    if unfit:
        metadata, notes = replace(metadata, icc=None), (*notes, unfit)
    return Image(upright(native(samples), turn), layout, _reset(metadata), notes, ready=ready)


def native(samples: Samples) -> Samples:
    """The same values in this machine's byte order."""
    if samples.dtype.isnative:
        return samples
    return samples.astype(samples.dtype.newbyteorder("="))


def _reset(metadata: Metadata) -> Metadata:
    exif, xmp = metadata.exif, metadata.xmp
    if exif is None and xmp is None:
        return metadata
    return replace(
        metadata,
        exif=upright_exif(exif) if exif else None,
        xmp=upright_xmp(xmp) if xmp else None,
    )


def _unfit_profile(icc: bytes | None, layout: Layout) -> str:
    """Why this ICC profile can't stay, or nothing."""
    if icc is None or layout == "numbers":
        return ""
    space = _SPACES.get(icc[16:20])
    if space == layout.removesuffix("+alpha"):
        return ""
    described = icc[16:20].decode("latin-1").strip() if space or icc[16:20].isalnum() else "nothing"
    return f"ICC profile dropped: it describes {described}, the samples are {layout}"
