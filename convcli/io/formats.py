"""
FORMATS: one table of what each file format is called and what it can hold.

    name   suffixes     dtypes            layouts               lossless  keeps
    PNG    .png         uint8 uint16      grey rgb, +alpha      yes       icc exif xmp dpi png
    JPEG   .jpg .jpeg   uint8             grey rgb              no        icc exif xmp dpi
    WAV    .wav         int8 int16 ...    sound                 yes       sound

Formats without dtypes are read, not written.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from convcli.errors import UsageError
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convcli.io.image import Layout

GREY_RGB: frozenset[Layout] = frozenset({"grey", "rgb"})
PICTURES: frozenset[Layout] = GREY_RGB | {"grey+alpha", "rgb+alpha"}
ALL: frozenset[Layout] = PICTURES | {"numbers"}

_BYTE = frozenset({"uint8"})
_WHOLE = _BYTE | {"uint16"}
_TIFF = _WHOLE | {"int8", "int16", "int32", "uint32", "float32", "float64"}
_NUMBERS = _TIFF | {"bool", "int64", "uint64", "float16"}
_EVERYTHING = frozenset({"icc", "exif", "xmp", "dpi"})


COMPRESSIONS = {
    "none": "samples as they are",
    "deflate": "zip; every program reads it",
    "lzw": "older; every program reads it",
    "zstd": "faster and smaller; newer programs read it",
}
"""How the samples of TIFF can be packed."""

LEVELLED = frozenset({"deflate", "zstd"})
"""Those of COMPRESSIONS that have levels: less time, or smaller files."""


TEXTS = {"CSV": ",", "TSV": "\t"}
"""Formats of numbers as text, and what they write between numbers."""


@record
class Format:
    """
    One row of the table.

    `dtypes` and `layouts` are those it can be written with; `keeps` names the fields of `Metadata`
    that survive; `grey_becomes_rgb` where the format stores grey as three equal channels;
    `setting`: the option that trades size for time or fidelity, `quality` or `compress`, if any;
    `frames`: what one of several pictures in a file is called, empty where there is only one.
    """

    name: str
    suffixes: tuple[str, ...]
    dtypes: frozenset[str] = frozenset()
    layouts: frozenset[Layout] = frozenset()
    lossless: bool = True
    keeps: frozenset[str] = frozenset()
    grey_becomes_rgb: bool = False
    setting: str = ""
    frames: str = ""

    @property
    def writable(self) -> bool:
        """Whether `encode` knows this format."""
        return bool(self.dtypes)


def _table(rows: Iterable[Format]) -> dict[str, Format]:
    return {row.name: row for row in rows}


FORMATS: dict[str, Format] = _table(
    (
        Format(
            "PNG",
            (".png", ".apng"),
            _WHOLE,
            PICTURES,
            keeps=_EVERYTHING | {"png"},
            setting="compress",
            frames="frame",
        ),
        Format(
            "JPEG",
            (".jpg", ".jpeg", ".jpe", ".jfif"),
            _BYTE,
            GREY_RGB,
            lossless=False,
            keeps=_EVERYTHING | {"comment"},
            setting="quality",
        ),
        Format(
            "TIFF",
            (".tif", ".tiff"),
            _TIFF,
            ALL,
            keeps=_EVERYTHING,
            setting="compress",
            frames="page",
        ),
        Format(
            "WEBP",
            (".webp",),
            _BYTE,
            PICTURES,
            lossless=False,
            keeps=_EVERYTHING - {"dpi"},
            grey_becomes_rgb=True,
            setting="quality",
            frames="frame",
        ),
        Format(
            "AVIF",
            (".avif", ".avifs"),
            _BYTE,
            PICTURES,
            lossless=False,
            keeps=_EVERYTHING - {"dpi"},
            grey_becomes_rgb=True,
            setting="quality",
        ),
        Format("BMP", (".bmp", ".dib"), _BYTE, GREY_RGB, keeps=frozenset({"dpi"})),
        Format("GIF", (".gif",), _BYTE, PICTURES, lossless=False, frames="frame"),
        Format("PGM", (".pgm",), _WHOLE, frozenset({"grey"})),
        Format("PPM", (".ppm",), _WHOLE, frozenset({"rgb"})),
        Format("PNM", (".pnm",), _WHOLE, GREY_RGB),
        Format("PAM", (".pam",), _WHOLE, PICTURES),
        Format("PFM", (".pfm",), frozenset({"float32"}), GREY_RGB),
        Format("NPY", (".npy",), _NUMBERS, ALL),
        Format("CSV", (".csv",), _NUMBERS, frozenset({"grey", "numbers"})),
        Format("TSV", (".tsv",), _NUMBERS, frozenset({"grey", "numbers"})),
        Format(
            "WAV",
            (".wav", ".wave", ".bwf", ".rf64"),
            frozenset({"int8", "int16", "int32", "float32", "float64"}),
            frozenset({"sound"}),
            keeps=frozenset({"sound"}),
        ),
        Format("PBM", (".pbm",)),
        Format("JPEG2000", (".jp2", ".j2k", ".jpx", ".j2c", ".jpc", ".jpf")),
        Format("TGA", (".tga", ".icb", ".vda", ".vst")),
        Format("QOI", (".qoi",)),
        Format("ICO", (".ico",)),
        Format("SGI", (".sgi", ".rgb", ".rgba", ".bw")),
        Format("PCX", (".pcx",)),
        Format("DCX", (".dcx",)),
        Format("DDS", (".dds",)),
        Format("XBM", (".xbm",)),
        Format("XPM", (".xpm",)),
        Format("IM", (".im",)),
        Format("MSP", (".msp",)),
        Format("FITS", (".fits", ".fit")),
    )
)

_BY_SUFFIX = {suffix: row.name for row in FORMATS.values() for suffix in row.suffixes} | {
    ".mpo": "JPEG",
    ".txt": "CSV",
}


def suffix_format(name: str) -> str | None:
    """Format that the suffix of `name` stands for, or None: a hint, the contents decide."""
    found = _BY_SUFFIX.get(os.path.splitext(name)[1].lower())  # noqa: PTH122 - names, not paths
    return "CSV" if found in TEXTS else found  # read alike: a text shows what stands between


def writable_suffixes() -> tuple[str, ...]:
    """Suffixes that `output_format` accepts, in the order of the table."""
    return tuple(s for row in FORMATS.values() if row.writable for s in row.suffixes)


def output_format(path: str, *, fallback: str | None = None) -> str:
    """
    Format to write `path` in, by its suffix: `a/b.JPG` -> `JPEG`; `-` and no suffix -> `fallback`.

    A fallback that is only read, never written, gives way to PNG. UsageError for a suffix that is
    unknown, read-only or missing without a fallback.
    """
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122 - names, not paths
    if path == "-" or not suffix:
        return _fallback(path, fallback)
    name = _BY_SUFFIX.get(suffix)
    if name is None:
        raise UsageError(f"{path}: '{suffix}' is not a format convcli writes.", _suggestion(suffix))
    if not FORMATS[name].writable:
        raise UsageError(
            f"{path}: convcli reads {name} files, but does not write them.", _suggestion("")
        )
    return name


def _fallback(path: str, fallback: str | None) -> str:
    if fallback is not None:
        return fallback if FORMATS[fallback].writable else "PNG"
    raise UsageError(f"{path}: no suffix to tell the format by.", "Add one, such as .png")


def _suggestion(suffix: str) -> str:
    import difflib

    known = writable_suffixes()
    close = difflib.get_close_matches(suffix, known, n=1)
    meant = f"Did you mean '{close[0]}'? " if close else ""
    return f"{meant}Known: {' '.join(known)}"


def holds(format: str, dtype: object, layout: Layout) -> bool:  # noqa: A002 - the word users see
    """Whether files of `format` hold samples of `dtype` (name or NumPy dtype) and `layout`."""
    row = FORMATS[format]
    return str(dtype) in row.dtypes and layout in row.layouts
