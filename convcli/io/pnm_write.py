"""
Image -> PNM: P5 grey, P6 colour, P7 with alpha, Pf and PF floats.

Two bytes a sample, big-endian, for uint16; PFM little-endian, from the bottom row to the top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convcli.io.image import Image

_TUPLES = {
    "grey": "GRAYSCALE", "grey+alpha": "GRAYSCALE_ALPHA", "rgb": "RGB", "rgb+alpha": "RGB_ALPHA",
}  # fmt: skip


def encode(image: Image, format_name: str) -> bytes:
    """PGM, PPM, PNM, PAM (uint8, uint16) or PFM (float32)."""
    rows, columns, channels = image.samples.shape
    if format_name == "PFM":
        kind = "PF" if image.layout == "rgb" else "Pf"
        body = image.samples[::-1].astype("<f4").tobytes()
        return f"{kind}\n{columns} {rows}\n-1.0\n".encode() + body
    top = 255 if image.samples.itemsize == 1 else 65535
    if format_name == "PAM":
        header = (
            f"P7\nWIDTH {columns}\nHEIGHT {rows}\nDEPTH {channels}\nMAXVAL {top}\n"
            f"TUPLTYPE {_TUPLES[image.layout]}\nENDHDR\n"
        )
    else:
        header = f"P{'5' if image.layout == 'grey' else '6'}\n{columns} {rows}\n{top}\n"
    big_endian = image.samples.dtype.newbyteorder(">")
    return header.encode() + image.samples.astype(big_endian, copy=False).tobytes()
