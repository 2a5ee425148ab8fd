"""
First bytes -> format name. The suffix is a hint for the few formats without a signature.

A file that is something else altogether (a PDF, a web page, an archive) is called by its name, so
that the message says more than "cannot be identified".
"""

from __future__ import annotations

import os
import re

from convcli.errors import InputError
from convcli.io.formats import suffix_format

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8", "JPEG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"qoif", "QOI"),
    (b"DDS ", "DDS"),
    (b"\0\0\1\0", "ICO"),
    (b"\x01\xda", "SGI"),
    (b"\xb1\x68\xde\x3a", "DCX"),
    (b"DanM", "MSP"),
    (b"LinS", "MSP"),
    (b"SIMPLE  =", "FITS"),
    (b"/* XPM */", "XPM"),
    (b"\x93NUMPY", "NPY"),
)
_PNM = {
    b"P1": "PBM", b"P4": "PBM", b"P2": "PGM", b"P5": "PGM", b"P3": "PPM", b"P6": "PPM",
    b"P7": "PAM", b"Pf": "PFM", b"PF": "PFM",
}  # fmt: skip
_RIFF = {b"RIFF", b"RF64", b"BW64"}
_RIFF_KINDS = {b"WEBP": "WEBP", b"WAVE": "WAV"}
_XBM = re.compile(rb"\s*#define[ \t]+\S+_width[ \t]+[0-9]")
_PCX_VERSIONS = {0, 2, 3, 5}
_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"%PDF", "a PDF document"),
    (b"8BPS", "a Photoshop document"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (b"#?RADIANCE", "a Radiance HDR picture"),
    (b"#?RGBE", "a Radiance HDR picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x80\x04\x95", "a Python pickle"),
    (b"\x89HDF", "an HDF5 file"),
    (b"icns", "an Apple icon"),
    (b"farbfeld", "a farbfeld picture"),
    (b"fLaC", "FLAC sound"),
    (b"OggS", "Ogg sound"),
    (b"ID3", "MP3 sound"),
    (b"\xff\xfb", "MP3 sound"),
    (b"\xff\xf3", "MP3 sound"),
    (b"RIFX", "big-endian WAV sound"),
    (b"riff\x2e\x91\xcf\x11", "Wave64 sound"),
)
_FORMS = {b"AIFF": "AIFF sound", b"AIFC": "AIFF sound"}
_SUFFIX_ONLY = {"TGA", "IM", "CSV"}
_HEAD = 512
"""Bytes that any signature needs at most."""
_READABLE = "convcli reads PNG, JPEG, TIFF, WebP, AVIF, GIF, BMP, PNM, JPEG 2000, .npy, .csv, .wav"


def sniff(data: bytes, name: str) -> str:
    """Name of the format `data` is in, a key of FORMATS; InputError when it is in none."""
    found = _signature(data)
    if found is not None:
        return found
    foreign = _foreign(data)
    if foreign is not None:
        sound = foreign.endswith(" sound")
        raise InputError(
            f"{name} is {foreign}, which convcli does not read.",
            "Convert it: ffmpeg -i INPUT plain.wav" if sound else f"{_READABLE}.",
            cause="not-an-image",
        )
    hinted = suffix_format(name)
    if hinted in _SUFFIX_ONLY:
        return hinted
    if _looks_like_numbers(data):
        return "CSV"
    raise InputError(
        f"{name} is not an image convcli can read.",
        f"{_READABLE}; {_seen(data)}.",
        cause="not-an-image",
    )


def is_tiff(path: str) -> bool:
    """Whether `path` is a plain file that begins as a TIFF does; no other byte is read."""
    try:
        if not os.path.isfile(path):  # noqa: PTH113 - a name of any length, or `-`
            return False
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as above
            return _signature(file.read(4)) == "TIFF"
    except (OSError, ValueError):
        return False


def is_picture(path: str) -> bool:
    """Whether the first bytes of a file are a picture's, whatever its name; numbers are none."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a name of any length
            return _signature(file.read(_HEAD)) not in {None, "NPY"}
    except (OSError, ValueError):
        return False


def _signature(data: bytes) -> str | None:
    for magic, format_name in _MAGIC:
        if data.startswith(magic):
            return format_name
    if data[:4] in _RIFF and data[8:12] in _RIFF_KINDS:
        return _RIFF_KINDS[data[8:12]]
    if data[:1] == b"\x0a" and len(data) > 3 and data[1] in _PCX_VERSIONS and data[2] == 1:  # noqa: PLR2004 - bytes 0-3 are the signature
        return "PCX"
    if data[:2] in _PNM and data[2:3].isspace():
        return _PNM[data[:2]]
    if _XBM.match(data[:512]):
        return "XBM"
    return "AVIF" if _brands(data) & {b"avif", b"avis"} else None


def _brands(data: bytes) -> set[bytes]:
    """Brands of an ISO base media file: `....ftyp` major, version, compatible ones."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4], "big"), 256)
    return {data[8:12]} | {data[at : at + 4] for at in range(16, end, 4)}


def _foreign(data: bytes) -> str | None:
    for magic, words in _FOREIGN:
        if data.startswith(magic):
            return words
    if data[:4] == b"FORM" and data[8:12] in _FORMS:
        return _FORMS[data[8:12]]
    if _brands(data):
        return "a HEIF picture or a film"
    text = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml")):
        return "an SVG or XML document"
    return "a web page" if text.startswith((b"<!doctype html", b"<html")) else None


def _looks_like_numbers(data: bytes) -> bool:
    """Whether the first line that is no comment holds numbers and nothing else."""
    for line in data[:4096].splitlines():
        text = line.strip()
        if text and not text.startswith(b"#"):
            return re.fullmatch(rb"[-+0-9.eE,; \t]*[0-9][-+0-9.eE,; \t]*", text) is not None
    return False


def _seen(data: bytes) -> str:
    return f"this begins with {data[:8]!r}"
