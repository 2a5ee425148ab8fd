"""Small files that would fill the memory or never end: refused in words, under limits on both."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from io_pictures import png_file
from PIL import Image as PillowImage

from convcli.errors import InputError
from convcli.io import decode

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
LIMITED = pytest.mark.skipif(sys.platform != "linux", reason="limits on memory are Linux's")
ONE = ((1, 1, 8, 0, 0), b"\0a")
MEBIBYTE = zlib.compress(bytes(1 << 20), 9)

CHILD = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
from convcli.cli.main import run
sys.exit(run())
"""


def tiff_around(payload: bytes, compression: int) -> bytes:
    """16 x 16 pixels, RGB, in one strip, which is said to hold `payload`."""
    stream = BytesIO()
    tifffile.imwrite(stream, np.zeros((16, 16, 3), np.uint8), photometric="rgb", metadata=None)
    whole = bytearray(stream.getvalue())
    page: Any = tifffile.TiffFile(BytesIO(bytes(whole))).pages[0]
    struct.pack_into("<H", whole, page.tags[259].valueoffset, compression)
    struct.pack_into("<I", whole, page.tags[273].valueoffset, len(whole))
    struct.pack_into("<I", whole, page.tags[279].valueoffset, len(payload))
    return bytes(whole) + payload


def of_size(name: str, mark: bytes, fields: bytes) -> bytes:
    """A picture of 16 x 16 pixels whose header says another size, behind `mark`."""
    stream = BytesIO()
    PillowImage.new("RGB", (16, 16)).save(stream, name, lossless=True)
    payload = bytearray(stream.getvalue())
    at = payload.index(mark) + len(mark)
    payload[at : at + len(fields)] = fields
    return bytes(payload)


def painted(times: int) -> bytes:
    """A progressive JPEG of 2000 x 2000 pixels whose last scan is repeated."""
    stream = BytesIO()
    PillowImage.new("RGB", (2000, 2000)).save(stream, "JPEG", progressive=True)
    payload = stream.getvalue()
    return payload[:-2] + payload[payload.rindex(b"\xff\xda") : -2] * times + payload[-2:]


def chain(pages: int) -> bytes:
    """A TIFF whose last directory is followed by its first."""
    stream = BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for _ in range(pages):
            writer.write(np.zeros((4, 4), np.uint8), metadata=None)
    whole = bytearray(stream.getvalue())
    offsets = [page.offset for page in tifffile.TiffFile(BytesIO(bytes(whole))).pages]
    (count,) = struct.unpack_from("<H", whole, offsets[-1])
    struct.pack_into("<I", whole, offsets[-1] + 2 + 12 * count, offsets[0])
    return bytes(whole)


JPEG = of_size("JPEG", b"\xff\xc0\0\x11\x08", struct.pack(">HH", 65000, 65000))
WEBP = of_size("WEBP", b"VP8L\x0e\0\0\0\x2f", struct.pack("<I", 16382 | 16382 << 14))
J2K = of_size("JPEG2000", b"\xff\x51\0\x2f\0\0", struct.pack(">II", 30000, 30000))
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "texts.png": (
        lambda: png_file(*ONE, *[(b"zTXt", b"k\0\0" + MEBIBYTE)] * 1500),
        "the texts in it inflate to over 16 MB",
    ),
    "jpeg.tif": (lambda: tiff_around(JPEG, 7), "65000 x 65000 lies in 16 x 16"),
    "webp.tif": (lambda: tiff_around(WEBP, 50001), "16383 x 16383 lies in 16 x 16"),
    "jpeg2000.tif": (lambda: tiff_around(J2K, 34712), "30000 x 30000 lies in 16 x 16"),
    "png.tif": (
        lambda: tiff_around(png_file((20000, 20000, 8, 2, 0), bytes(9)), 34933),
        "20000 x 20000 lies in 16 x 16",
    ),
    "jxl.tif": (lambda: tiff_around(b"\xff\x0a", 50002), "no TIFF of JPEG XL"),
    "scans.jpg": (lambda: painted(10_000), "paints its picture 10,010 times over"),
    "scans.tif": (lambda: tiff_around(painted(10_000), 7), "10,010 times over"),
    "canvas.webp": (lambda: WEBP, "is too large"),
    "deflate.tif": (lambda: tiff_around(zlib.compress(bytes(1 << 26), 9), 8), "can't be read"),
    "profile.png": (
        lambda: png_file(*ONE, (b"iCCP", b"k\0\0" + zlib.compress(bytes(1 << 28)))),
        "inflates to over 16 MB",
    ),
}
TAKEN: dict[str, Callable[[], bytes]] = {
    "blanks.png": lambda: png_file(
        *ONE, (b"tEXt", b"Raw profile type exif\0\nexif\n8\n" + b" " * 300_000 + b"!")
    ),
    "more.png": lambda: png_file(ONE[0], ONE[1] + bytes(1 << 28)),
    "loop.tif": lambda: chain(1),
    "ring.tif": lambda: chain(3),
    "chunks.png": lambda: png_file(*ONE, *[(b"tEXt", b"k\0")] * 100_000),
    "exif.png": lambda: png_file(
        *ONE, (b"eXIf", b"II*\0" + struct.pack("<IHHHIII", 8, 1, 34665, 4, 1, 8, 0))
    ),
}


def limited(folder: Path, name: str, payload: bytes) -> tuple[int, str]:
    """Apply box to the file with a gibibyte of addresses and 20 s; exit code, standard error."""
    (folder / name).write_bytes(payload)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, "apply", name, "-q", "-o", "out.npy", "-k", "box", "-j", "1"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
    )
    return done.returncode, done.stderr


@LIMITED
@pytest.mark.parametrize("name", REFUSED)
def test_a_bomb_is_refused_in_words(name: str, tmp_path: Path) -> None:
    make, words = REFUSED[name]
    code, told = limited(tmp_path, name, make())
    assert words in told
    assert name in told
    assert code == InputError.exit_code
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208 - names


@LIMITED
@pytest.mark.parametrize("name", TAKEN)
def test_what_costs_no_more_than_its_size_is_read(name: str, tmp_path: Path) -> None:
    assert limited(tmp_path, name, TAKEN[name]()) == (0, "")
    assert np.load(tmp_path / "out.npy").size in {1, 16}


def test_a_picture_painted_ninety_times_is_read() -> None:
    assert decode(painted(80), "x.jpg", max_pixels=None).samples.shape == (2000, 2000, 3)
    with pytest.raises(InputError, match="101 times over"):
        decode(painted(91), "x.jpg", max_pixels=None)


@pytest.mark.parametrize("compression", ["jpeg", "png", "webp", "jpeg2000"])
@pytest.mark.parametrize("cut", [{"tile": (16, 16)}, {"rowsperstrip": 16}, {}])
def test_pictures_that_fit_their_strip_or_tile_are_read(
    compression: str, cut: dict[str, Any]
) -> None:
    stream = BytesIO()
    array = np.full((40, 24, 3), 90, np.uint8)
    tifffile.imwrite(stream, array, photometric="rgb", compression=compression, **cut)
    seen = decode(stream.getvalue(), "x.tif", max_pixels=None).samples
    assert seen.shape == array.shape
    assert np.abs(seen.astype(int) - 90).max() < 3
