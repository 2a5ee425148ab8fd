"""
The only code that opens image files.

    data = read_bytes("photo.png")                      bytes
    probe(data, "photo.png")                            Header: format, sides, depth, frames
    image = decode(data, "photo.png", max_pixels=None)  Image: samples, layout, metadata, notes
    payload = encode(image, output_format("out.tif"))   bytes; losses(...) says what is left out
    write_bytes("out.tif", payload, overwrite=False)    whole or not at all

Importing this package imports neither NumPy nor Pillow; opening a file imports what it needs.
"""

from __future__ import annotations

from convcli.io.files import check_target, read_bytes, replacing, write_bytes
from convcli.io.formats import FORMATS, holds, output_format
from convcli.io.image import Header, Image, Layout, Metadata
from convcli.io.limits import check_size
from convcli.io.reading import decode, probe
from convcli.io.settle import settle
from convcli.io.sniffing import is_tiff
from convcli.io.writing import check_fit, encode, losses, unused

__all__ = [
    "FORMATS",
    "Header",
    "Image",
    "Layout",
    "Metadata",
    "check_fit",
    "check_size",
    "check_target",
    "decode",
    "encode",
    "holds",
    "is_tiff",
    "losses",
    "output_format",
    "probe",
    "read_bytes",
    "replacing",
    "settle",
    "unused",
    "write_bytes",
]
