"""Plain PNGs row by row: the samples of libpng, or libpng is left to it."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
import pytest
from io_pictures import png_chunks, png_file
from test_io_png_read import KINDS, PER_PIXEL, noise

from convcli.errors import InputError
from convcli.io import decode, png_rows
from convcli.io.arrival import at_once
from convcli.io.png_chunks import Png, read_chunks

PLAIN = [(colour, depth) for colour, depth in KINDS if colour != 3 and depth >= 8]
SIDES = [(1, 1), (2, 3), (7, 9), (33, 18), (1500, 301)]

needs_compiled = pytest.mark.skipif(
    png_rows.compiled() is None, reason="the row filters were not compiled: libpng reads all"
)


def opened(payload: bytes) -> Png:
    return read_chunks(payload, "x.png", strict=True)


def read_rows(png: Png) -> Any:
    """Samples, or None where they are left to libpng."""
    rows = png_rows.plain(png)
    return rows.samples if rows and rows.fill(at_once) else None


def stream(payload: bytes) -> bytes:
    return b"".join(bytes(part) for part in opened(payload).samples)


def with_stream(payload: bytes, packed: bytes) -> bytes:
    """The same picture with other compressed samples, in many chunks."""
    header = next(contents for kind, contents in png_chunks(payload) if kind == b"IHDR")
    size = 11 if len(packed) < 9999 else 9999
    parts = [packed[at : at + size] for at in range(0, len(packed), size)]
    chunks = [(b"IHDR", header), *((b"IDAT", part) for part in parts), (b"IEND", b"")]
    joined = b"".join(
        struct.pack(">I", len(contents))
        + kind
        + contents
        + struct.pack(">I", zlib.crc32(kind + contents))
        for kind, contents in chunks
    )
    return payload[:8] + joined


@needs_compiled
@pytest.mark.parametrize(("colour", "depth"), PLAIN)
@pytest.mark.parametrize("sides", SIDES)
def test_every_filter_is_undone_as_libpng_does(
    colour: int, depth: int, sides: tuple[int, int]
) -> None:
    payload = noise(colour, depth, sides, interlaced=False, key=False)
    samples = read_rows(opened(payload))
    assert samples is not None
    expected = imagecodecs.png_decode(payload)
    assert samples.dtype == expected.dtype
    np.testing.assert_array_equal(samples, expected.reshape(samples.shape))


@needs_compiled
@pytest.mark.parametrize("sides", [(33, 18), (700, 800)])
def test_rows_do_not_depend_on_how_chunks_are_cut(sides: tuple[int, int]) -> None:
    payload = noise(2, 8, sides, interlaced=False, key=False)
    whole = read_rows(opened(payload))
    cut = read_rows(opened(with_stream(payload, stream(payload))))
    assert whole is not None
    assert cut is not None
    np.testing.assert_array_equal(whole, cut)


@pytest.mark.parametrize(
    ("colour", "depth", "interlaced", "key"),
    [(0, 1, False, False), (0, 4, False, False), (3, 8, False, False), (2, 8, True, False),
     (2, 8, False, True), (0, 16, False, True)],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_libpng(
    colour: int,
    depth: int,
    interlaced: bool,  # noqa: FBT001 - a parameter of the table
    key: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    payload = noise(colour, depth, (9, 7), interlaced=interlaced, key=key)
    assert read_rows(opened(payload)) is None


def damaged() -> dict[str, bytes]:
    payload = noise(2, 8, (33, 18), interlaced=False, key=False)
    packed = stream(payload)
    rows = zlib.decompress(packed)
    return {
        "checksum": with_stream(payload, packed[:-1] + bytes([packed[-1] ^ 1])),
        "without its checksum": with_stream(payload, packed[:-4]),
        "cut short": with_stream(payload, packed[:-9]),
        "a row too few": with_stream(payload, zlib.compress(rows[: -(1 + 33 * 3)])),
        "a byte too many": with_stream(payload, zlib.compress(rows + b"\0")),
        "something behind": with_stream(payload, packed + b"behind"),
        "a filter too high": with_stream(payload, zlib.compress(rows[:-100] + b"\5" + rows[-99:])),
        "no stream": with_stream(payload, b"nothing of the kind"),
    }


@pytest.mark.parametrize("kind", sorted(damaged()))
def test_what_is_damaged_is_left_to_libpng(kind: str) -> None:
    assert read_rows(opened(damaged()[kind])) is None


@pytest.mark.parametrize("kind", ["cut short", "a filter too high", "no stream"])
def test_damage_is_refused_as_ever(kind: str) -> None:
    with pytest.raises(InputError, match=r"x\.png"):
        decode(damaged()[kind], "x.png", max_pixels=None)


@pytest.mark.parametrize(("colour", "depth"), [(2, 8), (6, 16)])
def test_without_the_extension_libpng_reads_the_same(
    colour: int, depth: int, monkeypatch: Any
) -> None:
    payload = noise(colour, depth, (40, 30), interlaced=False, key=False)
    fast = decode(payload, "x.png", max_pixels=None).samples
    monkeypatch.setattr(png_rows, "compiled", lambda: None)
    np.testing.assert_array_equal(decode(payload, "x.png", max_pixels=None).samples, fast)


@needs_compiled
@pytest.mark.parametrize(
    ("count", "pixel", "first", "stop"),
    [(0, 3, 0, 0), (3, 3, 0, 4), (4, 0, 0, 4), (4, 10, 0, 4), (4, 3, -1, 4), (4, 3, 3, 2),
     (4, 3, 0, 5), (5, 3, 0, 4)],
)  # fmt: skip
def test_rows_beyond_the_buffers_are_refused(count: int, pixel: int, first: int, stop: int) -> None:
    undo = png_rows.compiled()
    filtered, rows = np.zeros(4 * 10, np.uint8), np.zeros(4 * 9, np.uint8)
    assert undo(filtered, rows, 4, 3, 0, 4)
    with pytest.raises(ValueError, match="do not fit"):
        undo(filtered, rows, count, pixel, first, stop)


def test_a_plain_picture_fits_its_header() -> None:
    """A test of this file's own tool: png_file gives what libpng reads."""
    rows = b"\0" + bytes(range(2 * PER_PIXEL[2]))
    image = decode(png_file((2, 1, 8, 2, 0), rows), "x.png", max_pixels=None)
    assert image.samples.ravel().tolist() == list(range(6))
