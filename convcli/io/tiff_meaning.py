"""
What stored samples of a TIFF page mean: layout and dtype, then colour and alpha, pixel by pixel.

    photometric  0 white is zero  1 black is zero  2 RGB  3 palette  5 CMYK  6 YCbCr  8 LAB
    extra        0 unspecified    1 associated alpha (colour multiplied by it)   2 alpha
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convcli.errors import InputError
from convcli.io.limits import damaged

if TYPE_CHECKING:
    from tifffile import TiffPage

    from convcli.io.image import Layout, Metadata, Samples

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, CMYK, _LAB = 0, 1, 2, 3, 5, 8
_COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}
_UNSPECIFIED, _ASSOCIATED = 0, 1
_KINDS = {"uint8", "uint16", "float32", "float64"}
_NUMBERS = {"int8", "int16", "int32", "uint32", "int64", "uint64"}


def target(page: TiffPage, name: str) -> tuple[Layout, str]:
    """Layout and dtype that decoding gives; InputError for what convcli reads not at all."""
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
    grey = page.photometric in {_WHITE_IS_ZERO, _BLACK_IS_ZERO}
    layout: Layout = "grey" if grey else "rgb"
    if _alpha(page) is not None:
        layout = "grey+alpha" if grey else "rgb+alpha"
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


def fitting(page: TiffPage, metadata: Metadata) -> Metadata:
    """Without a profile of inks: the samples are RGB by then."""
    return replace(metadata, icc=None) if page.photometric in {CMYK, _LAB} else metadata


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

    colours = np.asarray(() if table is None else table, np.uint16)
    if colours.ndim != 2 or len(colours) != 3:  # noqa: PLR2004 - rows of red, green, blue
        raise ValueError("a palette picture without a palette")
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
