"""The PNG writer: any shape, depth, level and pieces, as every other decoder reads it."""

from __future__ import annotations

import shutil
import struct
import subprocess
import zlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from io_pictures import exif, picture, pillow, png_chunks, rgb_profile, samples, slow_png, xmp
from PIL import Image as PillowImage

from convcli.errors import OutputError
from convcli.io import Header, Image, Metadata, encode, png_strips
from convcli.io.png import STRIP, Writer
from convcli.io.png_filters import Desk
from convcli.io.png_strips import adler_joined

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from convcli.io import Layout

LAYOUTS: tuple[Layout, ...] = ("grey", "grey+alpha", "rgb", "rgb+alpha")
SIDES = [(1, 1), (1, 2), (2, 1), (1, 999), (999, 1), (3, 3), (7, 301), (64, 63)]
PHOTO = Path(__file__).parents[1] / "samples" / "dandelions.jpg"


def decoded(payload: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
    """What libpng reads; where Pillow keeps the depth, what it reads must be that too."""
    found: NDArray[Any] = imagecodecs.png_decode(payload).reshape(shape)
    if found.dtype == np.uint8 or shape[2] == 1:
        seen = np.asarray(pillow(payload)).reshape(shape)
        np.testing.assert_array_equal(seen, found)
    return found


def ramp(rows: int, columns: int, layout: Layout, dtype: str) -> NDArray[Any]:
    """Slopes with a little noise, some rows of them repeated: each filter suits somewhere."""
    noise = samples(layout, dtype, rows=rows, columns=columns) & 3
    slope = np.add.outer(np.arange(rows) * 7, np.arange(columns) * 3)[:, :, None]
    mixed: NDArray[Any] = (slope + noise).astype(dtype)
    mixed[rows // 3 : rows // 2] = mixed[rows // 3]
    mixed[rows // 2 : 2 * rows // 3] = 200
    return mixed


def in_pieces(array: NDArray[Any], layout: Layout, pieces: Iterable[int], **options: Any) -> bytes:
    """The file of a writer that gets so many rows at a time, then the rest."""
    rows, columns, channels = array.shape
    sink, at = BytesIO(), 0
    header = Header("PNG", columns, rows, channels, array.dtype.name, layout)
    with Writer(sink, header, Metadata(), **options) as writer:
        for piece in pieces:
            writer.write(array[at : at + piece])
            at = min(at + piece, rows)
        writer.write(array[at:])
    return sink.getvalue()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("sides", SIDES)
def test_every_shape_and_level_is_read_by_others(
    layout: Layout, dtype: str, sides: tuple[int, int]
) -> None:
    for compress in range(10):
        for array in (samples(layout, dtype, *sides), ramp(*sides, layout, dtype)):
            payload = encode(Image(array, layout), "PNG", compress=compress)
            found = decoded(payload, array.shape)
            assert found.dtype == array.dtype
            np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("step", [1, 2, 3, 4, 6, 8])
def test_each_filter_is_that_of_the_specification(kind: int, step: int) -> None:
    rows = samples("grey", rows=60, columns=step * 21, seed=kind)[:, :, 0]
    rows[20:40] //= 64  # many ties between neighbours
    rows[40:] = 255
    desk = Desk(rows.size + len(rows))
    above = np.zeros_like(rows[:1])
    found = desk.filtered(above, rows, step, kind)
    assert (found[:, 0] == kind).all()
    for row, (line, wanted) in enumerate(zip(found[:, 1:], rows, strict=True)):
        up = rows[row - 1] if row else above[0]
        assert unfiltered(line.tolist(), up.tolist(), step, kind) == wanted.tolist()


def unfiltered(line: list[int], up: list[int], step: int, kind: int) -> list[int]:
    """Section 9.2 of the specification, byte by byte."""
    for i in range(len(line)):
        a, c = (line[i - step], up[i - step]) if i >= step else (0, 0)
        b = up[i]
        estimate = a + b - c
        nearest = min((abs(estimate - v), n, v) for n, v in enumerate((a, b, c)))[2]
        line[i] = (line[i] + (0, a, b, (a + b) // 2, nearest)[kind]) & 255
    return line


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("compress", range(1, 10))
def test_the_filter_is_taken_that_leaves_the_least(kind: int, compress: int) -> None:
    rng = np.random.default_rng(kind)
    left, up, rows = rng.integers(0, 5, (60, 400)).tolist(), [0] * 400, []
    for line in left:
        up = unfiltered(line, up, 1, kind)
        rows.append(up)
    array = np.array(rows, np.uint8)[:, :, None]
    payload = encode(Image(array, "grey"), "PNG", compress=compress)
    raw = zlib.decompress(b"".join(c for k, c in png_chunks(payload) if k == b"IDAT"))
    assert set(raw[::401]) == {kind}
    np.testing.assert_array_equal(decoded(payload, array.shape), array)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("strips", [1, 2, 5])
def test_heights_around_the_border_of_a_strip(dtype: str, more: int, strips: int) -> None:
    columns = 5000
    line = 1 + columns * 3 * np.dtype(dtype).itemsize
    array = ramp(STRIP // line * strips + more, columns, "rgb", dtype)
    payload = encode(Image(array, "rgb"), "PNG", threads=2)
    chunks = [contents for kind, contents in png_chunks(payload) if kind == b"IDAT"]
    assert len(chunks) == strips + (more > 0) + 1  # the last is the checksum
    np.testing.assert_array_equal(decoded(payload, array.shape), array)


@pytest.mark.parametrize("compress", [0, 1, 6])
def test_strips_of_one_row(compress: int) -> None:
    array = ramp(5, STRIP // 3, "rgb", "uint8")
    payload = encode(Image(array, "rgb"), "PNG", compress=compress)
    assert sum(kind == b"IDAT" for kind, _ in png_chunks(payload)) == 6
    np.testing.assert_array_equal(decoded(payload, array.shape), array)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_rows_in_any_pieces_make_the_very_same_file(data: st.DataObject) -> None:
    layout = data.draw(st.sampled_from(LAYOUTS))
    dtype = data.draw(st.sampled_from(["uint8", "uint16"]))
    rows, columns = data.draw(st.integers(1, 40)), data.draw(st.sampled_from([1, 3, 90_000]))
    array = ramp(rows, columns, layout, dtype)
    compress = data.draw(st.sampled_from([0, 1, 1, 2, 3]))
    pieces = data.draw(st.lists(st.integers(0, rows), max_size=12))
    threads = data.draw(st.integers(1, 3))
    whole = encode(Image(array, layout), "PNG", compress=compress, threads=1)
    assert in_pieces(array, layout, pieces, compress=compress, threads=threads) == whole
    np.testing.assert_array_equal(imagecodecs.png_decode(whole).reshape(array.shape), array)


def test_a_tall_picture_is_held_a_few_strips_at_a_time() -> None:
    class Counting(BytesIO):
        """Counts what came, and keeps none of it."""

        count = 0

        def write(self, piece: Any, /) -> int:
            self.count += len(piece)
            return len(piece)

    sink, band = Counting(), samples("rgb", rows=STRIP // 3000, columns=1000)
    header = Header("PNG", 1000, 30 * len(band), 3, "uint8", "rgb")
    behind = []
    with Writer(sink, header, Metadata(), compress=0, threads=2) as writer:
        for came in range(1, 31):
            writer.write(band)
            behind.append(came * band.nbytes - sink.count)
    assert max(behind) < 6 * STRIP  # two threads, two strips each, and one that gathers
    assert sink.count > 30 * band.nbytes


@pytest.mark.parametrize(
    ("shape", "dtype", "said"),
    [
        ((4, 5, 3), "uint16", "uint16 do not fit"),
        ((4, 6, 3), "uint8", r"\(4, 6, 3\)"),
        ((4, 5, 1), "uint8", "3 channels"),
        ((8, 5, 3), "uint8", "7 rows left"),
        ((6, 5, 3), "uint8", "has 7 rows; 6 came"),
    ],
)
def test_rows_that_do_not_fit_the_header_are_refused(
    shape: tuple[int, ...], dtype: str, said: str
) -> None:
    header = Header("PNG", 5, 7, 3, "uint8", "rgb")
    with (
        pytest.raises(OutputError, match=said) as caught,
        Writer(BytesIO(), header, Metadata(), compress=1) as writer,
    ):
        writer.write(np.zeros(shape, dtype))
    assert caught.value.hint


def test_an_error_of_the_sink_ends_the_writing() -> None:
    class Full(BytesIO):
        """A disk with room for the header only."""

        def write(self, piece: Any, /) -> int:
            if len(piece) > 100:
                raise OSError(28, "No space left on device")
            return len(piece)

    header = Header("PNG", 1000, 9000, 1, "uint8", "grey")
    with (
        pytest.raises(OSError, match="No space"),
        Writer(Full(), header, Metadata(), compress=1, threads=2) as writer,
    ):
        writer.write(samples("grey", rows=9000, columns=1000))


def test_checksums_are_joined() -> None:
    rng = np.random.default_rng(1)
    for length in (0, 1, 5551, 65521, 200_000):
        first, second = rng.bytes(777), rng.bytes(length)
        joined = adler_joined(zlib.adler32(first), zlib.adler32(second), length)
        assert joined == zlib.adler32(first + second)


def test_higher_levels_make_no_photograph_larger() -> None:
    with PillowImage.open(PHOTO) as opened:
        array = np.asarray(opened.convert("RGB"))[:400, :600]
    sizes = [len(encode(Image(array, "rgb"), "PNG", compress=level)) for level in range(10)]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) >= 8
    assert sizes[0] > array.nbytes


def everything() -> Metadata:
    """All that a PNG can carry here."""
    chunks = (
        (b"gAMA", b"\0\0\xb1\x8f"),
        (b"tEXt", b"Author\0somebody"),
        (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
        (b"zTXt", b"Comment\0\0" + zlib.compress(b"long " * 99)),
    )
    return Metadata(rgb_profile(), exif(), xmp(), (300.0, 150.0), None, chunks)


def test_chunks_stand_where_the_specification_wants_them() -> None:
    image = Image(samples("rgb"), "rgb", everything())
    kinds = [kind for kind, _ in png_chunks(encode(image, "PNG"))]
    assert kinds == [
        b"IHDR", b"gAMA", b"cHRM", b"iCCP", b"pHYs", b"eXIf", b"iTXt", b"tEXt", b"zTXt",
        b"IDAT", b"IDAT", b"IEND",
    ]  # fmt: skip


def test_a_profile_takes_the_place_of_srgb() -> None:
    told = Metadata(icc=rgb_profile(), png=((b"sRGB", b"\0"),))
    with_profile = encode(Image(samples("rgb"), "rgb", told), "PNG")
    assert b"sRGB" not in [kind for kind, _ in png_chunks(with_profile)]
    alone = encode(Image(samples("rgb"), "rgb", Metadata(png=told.png)), "PNG")
    assert (b"sRGB", b"\0") in png_chunks(alone)


@pytest.mark.parametrize("program", [("pngcheck", "-v"), ("optipng", "-o0", "-simulate")])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_checker_finds_nothing(
    program: tuple[str, ...], layout: Layout, dtype: str, tmp_path: Path
) -> None:
    if shutil.which(program[0]) is None:
        pytest.skip(f"{program[0]} is not installed")
    told = everything() if layout == "rgb" else Metadata()
    for compress in (0, 1, 3, 6):
        for rows, columns in ((1, 1), (3, 50), (90, 9000)):
            image = Image(ramp(rows, columns, layout, dtype), layout, told)
            (tmp_path / "x.png").write_bytes(encode(image, "PNG", compress=compress))
            done = subprocess.run(
                [*program, "x.png"], cwd=tmp_path, capture_output=True, text=True, check=False
            )
            said = done.stdout + done.stderr
            assert done.returncode == 0, said
            assert not [word for word in ("arning", "WARN", "invalid") if word in said]


def test_what_the_slow_decoder_reads_is_what_went_in() -> None:
    image = picture("rgb+alpha", "uint16", rows=29, columns=31)
    np.testing.assert_array_equal(slow_png(encode(image, "PNG")), image.samples)


@pytest.mark.parametrize(("height", "line"), [(1, 6), (5, 300), (64, 192), (200, 3), (9, 900)])
def test_a_sample_is_stretches_of_the_strip_and_what_lies_above_them(
    height: int, line: int
) -> None:
    noise = np.random.default_rng(height).integers(0, 256, (height + 1, line), np.uint8)
    found = png_strips._sample(noise[:1], noise[1:], 3, 1 << 10)  # noqa: SLF001 - shows in sizes only
    width, places = found[1].shape[1], []
    for above, own in zip(*found, strict=True):
        ways = [(row, left) for row in range(height) for left in range(0, line - width + 1, 3)]
        [(row, left)] = [way for way in ways if (stretch(noise[1:], *way, width) == own).all()]
        assert (stretch(noise, row, left, width) == above).all()
        places.append((row, left))
    assert places == sorted(places)
    assert len(places) == min(height, max(8, 1024 // line))
    assert [left for _, left in places] == sorted(left for _, left in places)


def stretch(rows: NDArray[Any], row: int, left: int, width: int) -> NDArray[Any]:
    return rows[row, left : left + width]
