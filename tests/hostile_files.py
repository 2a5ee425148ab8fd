"""Small sound files of every format that convcli reads: what `test_hostile_bytes` damages."""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from io_pictures import exif, picture, png_file, rgb_profile, samples, xmp
from PIL import Image as PillowImage

from convcli.io import encode
from convcli.io.image import Image, Metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

PER_PIXEL = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 4, 8), 4: (8, 16), 6: (8, 16)}
TEXT = (
    b"# numbers\n1.5;-2e3;nan\n4;5;6\n",
    b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nENDHDR\n01234567",
    b'/* XPM */\nstatic char *a[] = {\n"2 2 2 1",\n"a c #f00",\n"b c #0f0",\n"ab",\n"ba"\n};\n',
    b"#define a_width 9\n#define a_height 2\nstatic char a_bits[] = {\n0x01,0x02,0x03,0x04\n};\n",
)


def _png(colour: int, depth: int, interlace: int) -> bytes:
    rows = bytearray()
    for columns, lines in ((1, 1), (1, 1), (2, 1), (1, 2), (3, 1)) if interlace else ((3, 3),):
        rows += (b"\0" + bytes(-(-columns * PER_PIXEL[colour] * depth // 8))) * lines
    palette = [(b"PLTE", b"abcdef")] if colour == 3 else []
    return png_file((3, 3, depth, colour, interlace), bytes(rows), *palette)


def _by_pillow(mode: str, name: str, side: int = 6, **options: Any) -> bytes:
    stream, rng = BytesIO(), np.random.default_rng(3)
    noise = PillowImage.fromarray(rng.integers(0, 256, (side, side, 4), np.uint8))
    noise.convert("RGB" if mode == "P" else mode).convert(mode).save(stream, name, **options)
    return stream.getvalue()


def _frames(name: str) -> bytes:
    first, *others = (PillowImage.fromarray(samples("rgb", seed=seed)) for seed in range(3))
    stream = BytesIO()
    first.save(stream, name, save_all=True, append_images=others)
    return stream.getvalue()


def _tiff(array: Any, **options: Any) -> bytes:
    stream = BytesIO()
    tifffile.imwrite(stream, array, **{"metadata": None, **options})
    return stream.getvalue()


def _numbers(array: Any) -> bytes:
    stream = BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def files() -> Iterator[tuple[str, bytes]]:
    """(name, contents) of each."""
    for colour, depths in DEPTHS.items():
        for depth in depths:
            for interlace in (0, 1):
                yield f"{colour}-{depth}-{interlace}.png", _png(colour, depth, interlace)
    told = Metadata(
        icc=rgb_profile()[:200],
        exif=exif(6),
        xmp=xmp(6),
        dpi=(72.0, 72.0),
        png=((b"tEXt", b"k\0v"), (b"zTXt", b"k\0\0" + zlib.compress(b"text"))),
    )
    for name in ("PNG", "JPEG", "WEBP", "TIFF"):
        told_all = Image(samples("rgb", rows=3, columns=3), "rgb", told)
        yield f"told.{name.lower()}", encode(told_all, name)
    for name in ("PNG", "GIF", "WEBP"):
        yield f"frames.{name.lower()}", _frames(name)
    yield from _tiffs()
    yield from _plain()
    yield from _others()


def _others() -> Iterator[tuple[str, bytes]]:
    for mode in ("L", "RGB", "CMYK"):
        yield f"{mode}.jpg", _by_pillow(mode, "JPEG")
        yield f"{mode}-progressive.jpg", _by_pillow(mode, "JPEG", progressive=True)
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield f"{mode}.bmp", _by_pillow(mode, "BMP")
    yield "lossless.webp", _by_pillow("RGBA", "WEBP", lossless=True)
    for name in ("AVIF", "JPEG2000", "ICO"):
        yield f"a.{name.lower()}", _by_pillow("RGBA", name, 16)
    for name in ("GIF", "QOI", "TGA", "SGI", "PCX", "DDS"):
        yield f"a.{name.lower()}", _by_pillow("RGB", name)
    yield "packed.tga", _by_pillow("RGB", "TGA", compression="tga_rle")
    yield "a.msp", _by_pillow("1", "MSP")
    head = (b"SIMPLE  =  T", b"BITPIX  =  8", b"NAXIS   =  2", b"NAXIS1  =  3", b"NAXIS2  =  2")
    fits = b"".join(card.ljust(80) for card in (*head, b"END")).ljust(2880)
    yield "a.fits", fits + b"abcdef"


def _tiffs() -> Iterator[tuple[str, bytes]]:
    colour = {"photometric": "rgb"}
    for name in ("lzw", "packbits", "jpeg", "webp", "png", "zstd"):
        yield f"{name}.tif", _tiff(samples("rgb"), **colour, compression=name)
    sixteen = samples("rgb", "uint16")
    yield "deflate.tif", _tiff(sixteen, **colour, compression="zlib", predictor=True)
    yield "big.tif", _tiff(samples("rgb"), **colour, bigtiff=True)
    yield "strips.tif", _tiff(samples("rgb"), **colour, rowsperstrip=2)
    yield "motorola.tif", _tiff(sixteen, **colour, byteorder=">")
    yield "tiles.tif", _tiff(samples("grey", rows=20, columns=17)[..., 0], tile=(16, 16))
    yield (
        "planes.tif",
        _tiff(np.moveaxis(samples("rgb"), 2, 0).copy(), **colour, planarconfig="separate"),
    )
    floats = samples("grey", "float32")[..., 0]
    yield "float.tif", _tiff(floats, compression="zlib", predictor=3)
    yield "bits.tif", _tiff(floats > 0)
    yield "ycbcr.tif", _tiff(samples("rgb"), photometric="ycbcr", compression="jpeg")
    yield "inks.tif", _tiff(samples("rgb+alpha"), photometric="separated")
    yield "palette.tif", _by_pillow("P", "TIFF")
    stream = BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for _ in range(3):
            writer.write(samples("grey")[..., 0], metadata=None)
    yield "pages.tif", stream.getvalue()


def _plain() -> Iterator[tuple[str, bytes]]:
    for text, suffix in zip(TEXT, ("csv", "pam", "xpm", "xbm"), strict=True):
        yield f"text.{suffix}", text
    yield "bits.pbm", b"P4 9 2\n\0\1\2\3"
    yield "digits.pbm", b"P1\n#c\n3 2\n1 0 1\n0 1 0\n"
    yield "digits.pgm", b"P2 3 2 100\n1 2 3 4 5 6\n"
    for name, dtype in (("PGM", "uint8"), ("PPM", "uint16"), ("PFM", "float32")):
        layout = "grey" if name == "PGM" else "rgb"
        yield f"a.{name.lower()}", encode(picture(layout, dtype, rows=2, columns=3), name)  # type: ignore[arg-type]  # a literal
    yield "a.npy", _numbers(samples("rgb", "uint16", rows=2, columns=3))
    yield "fortran.npy", _numbers(np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    yield "whole.csv", b"1,2,3\n4,5,6\n"
