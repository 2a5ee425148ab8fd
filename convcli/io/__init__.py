"""
The only code that opens image files.

    data = read_bytes("photo.png")                      bytes
    probe(data, "photo.png")                            Header: format, sides, depth, frames
    image = decode(data, "photo.png", max_pixels=None)  Image: samples, layout, metadata, notes
    payload = encode(image, output_format("out.tif"))   bytes; losses(...) says what is left out
    decoding, encoding, replacing                       the same while rows still come and go
    write_bytes("out.tif", payload, overwrite=False)    whole or not at all
    open_film(data, "film.gif", max_pixels=None)        Film: every frame, one by one
    reel("GIF", film)                                   takes encoded frames, gives one file

Importing this package imports neither NumPy nor Pillow; opening a file imports what it needs.
"""

from __future__ import annotations

from convcli.io.described import redescribed
from convcli.io.files import check_target, occupied, read_bytes, replacing, write_bytes
from convcli.io.film import Film, Shot, check_number, merged
from convcli.io.formats import FORMATS, holds, output_format, suffix_format
from convcli.io.image import Header, Image, Layout, Metadata
from convcli.io.limits import check_size
from convcli.io.parts import (
    Number,
    Parts,
    Place,
    Series,
    called,
    has_field,
    holds_channels,
    no_picture,
    numbered,
)
from convcli.io.reading import decode, decoding, has_film, header_of, open_film, probe
from convcli.io.reel import check_alike, fitted, reel
from convcli.io.settle import settle
from convcli.io.sniffing import is_picture, is_tiff
from convcli.io.writing import Choices, check_fit, encode, encoding, losses, unused

__all__ = [
    "FORMATS",
    "Choices",
    "Film",
    "Header",
    "Image",
    "Layout",
    "Metadata",
    "Number",
    "Parts",
    "Place",
    "Series",
    "Shot",
    "called",
    "check_alike",
    "check_fit",
    "check_number",
    "check_size",
    "check_target",
    "decode",
    "decoding",
    "encode",
    "encoding",
    "fitted",
    "has_field",
    "has_film",
    "header_of",
    "holds",
    "holds_channels",
    "is_picture",
    "is_tiff",
    "losses",
    "merged",
    "no_picture",
    "numbered",
    "occupied",
    "open_film",
    "output_format",
    "probe",
    "read_bytes",
    "redescribed",
    "reel",
    "replacing",
    "settle",
    "suffix_format",
    "unused",
    "write_bytes",
]
