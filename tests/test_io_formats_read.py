"""TIFF, JPEG, PNM and the others: kinds of samples that need undoing, and damage."""

from __future__ import annotations

import struct
import subprocess
import sys
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from io_pictures import exif, grey_profile, picture, pillow, png_file, samples
from PIL import Image as PillowImage

from convcli.errors import InputError
from convcli.io import Image, Metadata, decode, encode, probe

if TYPE_CHECKING:
    from numpy.typing import NDArray


def tiff(array: NDArray[Any], **options: Any) -> bytes:
    stream = BytesIO()
    tifffile.imwrite(stream, array, metadata=None, **options)
    return stream.getvalue()


def by_pillow(mode: str, array: NDArray[Any], name: str, **options: Any) -> bytes:
    stream = BytesIO()
    PillowImage.fromarray(array, mode=mode).save(stream, name, **options)
    return stream.getvalue()


def read(payload: bytes) -> Image:
    """Decode, and hold the header against the result."""
    image, header = decode(payload, "x", max_pixels=None), probe(payload, "x")
    assert (header.height, header.width, header.channels) == image.samples.shape
    assert (header.dtype, header.layout) == (image.samples.dtype.name, image.layout)
    return image


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("compression", [None, "lzw", "adobe_deflate"])
def test_tiff_of_every_arrangement(
    dtype: str, byteorder: str, planar: str, tile: tuple[int, int] | None, compression: str | None
) -> None:
    array = samples("rgb", dtype, rows=37, columns=21)
    stored = array if planar == "contig" else array.transpose(2, 0, 1)
    options = {"byteorder": byteorder, "tile": tile, "compression": compression}
    image = read(tiff(stored, photometric="rgb", planarconfig=planar, **options))
    wanted = array.astype(np.float32) if dtype == "float16" else array
    assert image.samples.dtype == wanted.dtype
    np.testing.assert_array_equal(image.samples, wanted)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_tiff_white_is_zero_is_turned_around(dtype: str) -> None:
    array = samples("grey", dtype)[:, :, 0]
    image = read(tiff(array, photometric="miniswhite"))
    np.testing.assert_array_equal(image.samples[:, :, 0], np.iinfo(dtype).max - array)


def test_tiff_of_one_bit_spans_the_range() -> None:
    array = np.eye(9, dtype=bool)
    for photometric, wanted in (("minisblack", array), ("miniswhite", ~array)):
        image = read(tiff(array, photometric=photometric))
        np.testing.assert_array_equal(image.samples[:, :, 0], wanted * np.uint8(255))
        assert "1-bit decoded to 8-bit grey" in image.notes


@pytest.mark.parametrize("bits", [2, 4, 6, 10, 12, 14])
def test_tiff_of_few_bits_spans_the_range(bits: int) -> None:
    top = (1 << bits) - 1
    array = np.array([[0, 1, top // 2, top]], np.uint8 if bits <= 8 else np.uint16)
    image = read(tiff(array, bitspersample=bits, photometric="minisblack"))
    full = 255 if bits <= 8 else 65535
    np.testing.assert_array_equal(
        image.samples[0, :, 0], [0, round(full / top), round(top // 2 * full / top), full]
    )


def test_tiff_palette_becomes_colour() -> None:
    table = np.zeros((3, 256), np.uint16)
    table[:, 3], table[:, 200] = (65535, 0, 257), (2570, 65535, 0)
    image = read(tiff(np.array([[3, 200, 0]], np.uint8), photometric="palette", colormap=table))
    np.testing.assert_array_equal(image.samples[0], [[255, 0, 1], [10, 255, 0], [0, 0, 0]])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_tiff_associated_alpha_is_divided_out(dtype: str) -> None:
    full = 1.0 if dtype == "float32" else np.iinfo(dtype).max
    array = np.array([[[0.25, 0.5, 0, 0.5], [0, 0, 0, 0], [1, 1, 1, 1]]]) * full
    image = read(tiff(array.astype(dtype), photometric="rgb", extrasamples=["assocalpha"]))
    wanted = np.array([[[0.5, 1, 0, 0.5], [0, 0, 0, 0], [1, 1, 1, 1]]]) * full
    np.testing.assert_allclose(image.samples, wanted.astype(dtype), atol=1 if full > 1 else 0)
    assert image.layout == "rgb+alpha"
    assert "colour divided by its associated alpha" in image.notes


def test_tiff_samples_of_no_stated_meaning_are_left_out_aloud() -> None:
    array = np.dstack([samples("rgb"), samples("grey", seed=2)])
    image = read(tiff(array, photometric="rgb", extrasamples=["unspecified"]))
    np.testing.assert_array_equal(image.samples, array[..., :3])
    assert "samples beyond colour and alpha left out" in image.notes


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint32"])
def test_tiff_of_other_integers_is_numbers(dtype: str) -> None:
    image = read(tiff(samples("grey", dtype)[:, :, 0]))
    assert image.layout == "numbers"
    np.testing.assert_array_equal(image.samples, samples("grey", dtype))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_tiff_of_inks_becomes_colour(dtype: str) -> None:
    full = int(np.iinfo(dtype).max)
    inks = np.array([[[0, 0, 0, 0], [full, 0, 0, 0], [0, 0, 0, full], [0, full, full, 0]]], dtype)
    image = read(tiff(inks, photometric="separated", iccprofile=grey_profile()))
    wanted = [[full, full, full], [0, full, full], [0, 0, 0], [full, 0, 0]]
    np.testing.assert_array_equal(image.samples[0], wanted)
    assert image.metadata.icc is None
    assert image.notes == ("CMYK converted to RGB without a colour profile, ICC profile dropped",)


def test_tiff_lab_becomes_colour() -> None:
    lab = np.array([[[255, 0, 0], [0, 0, 0], [138, 81, 70]]], np.uint8)
    image = read(tiff(lab, photometric="cielab"))
    np.testing.assert_allclose(image.samples[0], [[255] * 3, [0] * 3, [255, 3, 1]], atol=6)


def test_tiff_says_how_many_pages_it_left_out() -> None:
    stream = BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for page in range(3):
            writer.write(samples("grey", seed=page)[:, :, 0], metadata=None)
    image = read(stream.getvalue())
    assert image.notes == ("TIFF: first of 3 pages taken",)
    assert probe(stream.getvalue(), "x").frames == 3


@pytest.mark.parametrize("compression", [None, "lzw", "adobe_deflate", "jpeg"])
def test_tiff_cut_anywhere_is_refused(compression: str | None) -> None:
    payload = tiff(samples("rgb", rows=20), photometric="rgb", compression=compression)
    size, whole = len(payload), decode(payload, "x.tif", max_pixels=None)
    for end in sorted({*range(1, min(size, 300)), *range(1, size, 17), size - 1}):
        try:
            cut = decode(payload[:end], "x.tif", max_pixels=10**6)
        except InputError:
            continue
        # Only padding, or an end marker no sample needs, may be missing.
        assert end >= size - 1
        np.testing.assert_array_equal(cut.samples, whole.samples)


def test_jpeg_is_what_pillow_reads() -> None:
    for mode, array in (("L", samples("grey", rows=40)[:, :, 0]), ("RGB", samples("rgb", rows=40))):
        for options in ({}, {"progressive": True}, {"subsampling": 2}, {"quality": 100}):
            payload = by_pillow(mode, array, "JPEG", **options)
            seen = np.asarray(pillow(payload)).reshape(*array.shape[:2], -1)
            np.testing.assert_array_equal(read(payload).samples, seen)


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_cut_anywhere_is_refused(progressive: bool) -> None:  # noqa: FBT001 - a parameter of the table
    told = Metadata(exif=exif())
    payload = by_pillow("RGB", samples("rgb", rows=30), "JPEG", progressive=progressive)
    payload = payload if progressive else encode(Image(samples("rgb"), "rgb", told), "JPEG")
    for end in range(len(payload)):
        with pytest.raises(InputError):
            decode(payload[:end], "x.jpg", max_pixels=10**6)


def test_jpeg_inks_are_not_inverted() -> None:
    inks = np.zeros((16, 16, 4), np.uint8)
    inks[:, 8:] = (0, 255, 255, 0)
    image = read(by_pillow("CMYK", inks, "JPEG", quality=100))
    np.testing.assert_allclose(image.samples[8, [2, 13]], [[255] * 3, [255, 0, 0]], atol=6)
    assert image.notes == ("CMYK converted to RGB without a colour profile",)


def test_jpeg_with_12_bits_is_refused_by_name() -> None:
    payload = bytearray(by_pillow("L", samples("grey")[:, :, 0], "JPEG"))
    at = payload.index(b"\xff\xc0")
    payload[at + 4] = 12
    with pytest.raises(InputError, match=r"x\.jpg is a lossy JPEG with 12 bits"):
        decode(bytes(payload), "x.jpg", max_pixels=None)


def test_a_long_profile_is_put_together_again() -> None:
    profile = b"RGB ".rjust(20, b"\0") + bytes(range(256)) * 600
    payload = encode(Image(samples("rgb"), "rgb", Metadata(icc=profile)), "JPEG")
    assert read(payload).metadata.icc == profile


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"P1 3 1\n1 0 1\n", [0, 255, 0]),
        (b"P1 # c\n3 1\n101", [0, 255, 0]),
        (b"P2 3 1 255\n0 1 255 ", [0, 1, 255]),
        (b"P2\n# c\n3 1 # d\n15\n0 1 15 # e\n", [0, 17, 255]),
        (b"P2 3 1 1000 0 500 1000", [0, 32768, 65535]),
        (b"P4 3 1 \xa0", [0, 255, 0]),
        (b"P5 3 1 255 \0\1\xff", [0, 1, 255]),
        (b"P5 3 1 65535 \0\0\0\1\xff\xff", [0, 1, 65535]),
        (b"P5 3 1 1023 \0\0\0\1\3\xff", [0, 64, 65535]),
        (b"P3 1 1 255 1 2 3", [1, 2, 3]),
        (b"P6 1 1 255 \1\2\3", [1, 2, 3]),
        (b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE X\nENDHDR\n\1\2\3\4", [1, 2, 3, 4]),
        (b"Pf 2 1 -1.0 \0\0\x80?\0\0\xc0\x7f", [1, np.nan]),
        (b"PF\n1 1\n1.0\n?\x80\0\0@\0\0\0\0\0\0\0", [1, 2, 0]),
    ],
)
def test_pnm(text: bytes, wanted: list[float]) -> None:
    np.testing.assert_array_equal(read(text).samples.ravel(), wanted)


def test_pfm_rows_run_upwards() -> None:
    image = read(b"Pf 1 2 -1.0 \0\0\x80?\0\0\0@")
    np.testing.assert_array_equal(image.samples.ravel(), [2, 1])


@pytest.mark.parametrize(
    "text",
    [
        b"P5 3 1 255 \0\1",
        b"P5 3 1 100 \0\1\xff",
        b"P5 3 1 0 \0\1\2",
        b"P5 3 1 65536 \0\1\2",
        b"P5 -3 1 255 \0\1\2",
        b"P5 0 1 255 ",
        b"P5 3",
        b"P2 2 1 255 1",
        b"P2 2 1 255 1 x",
        b"P2 2 1 255 1 256",
        b"P1 3 1 1 0",
        b"P1 3 1 1 0 2",
        b"P4 9 1 \0",
        b"Pf 1 1 0 \0\0\0\0",
        b"Pf 1 1 nan \0\0\0\0",
        b"P7\nWIDTH 1\nENDHDR\n",
        b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 9\nMAXVAL 255\nENDHDR\n123456789",
        b"P5 99999 99999 255 \0",
    ],
)
def test_bad_pnm_is_refused(text: bytes) -> None:
    with pytest.raises(InputError, match=r"x\.pnm"):
        decode(text, "x.pnm", max_pixels=10**8)


def test_gif_says_what_it_decoded_and_left_out() -> None:
    frames = [PillowImage.fromarray(samples("rgb", seed=seed)) for seed in range(12)]
    stream = BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], transparency=0)
    image = read(stream.getvalue())
    assert image.notes[0] == "GIF: first of 12 frames taken"
    assert image.notes[1].startswith("palette decoded to RGB")
    np.testing.assert_array_equal(
        image.samples, np.asarray(pillow(stream.getvalue()).convert("RGBA"))
    )


@pytest.mark.parametrize("name", ["BMP", "GIF", "WEBP", "AVIF", "TGA", "QOI", "JPEG2000"])
def test_a_cut_in_half_is_refused(name: str) -> None:
    array = samples("rgb", rows=64, columns=64)
    payload = by_pillow("RGB", array, name)
    suffix = ".tga" if name == "TGA" else ".x"
    assert decode(payload, f"a{suffix}", max_pixels=None).samples.shape == (64, 64, 3)
    with pytest.raises(InputError):
        decode(payload[: len(payload) // 2], f"a{suffix}", max_pixels=None)


@pytest.mark.parametrize("name", ["BMP", "GIF", "WEBP", "AVIF", "JPEG", "TIFF", "PNG", "JPEG2000"])
def test_damage_is_an_input_error_or_a_picture_of_the_right_size(name: str) -> None:
    rng = np.random.default_rng(5)
    payload = by_pillow("RGB", samples("rgb", rows=24, columns=24), name)
    for _ in range(150):
        broken = bytearray(payload)
        for at in rng.integers(0, len(payload), 3):
            broken[at] ^= int(rng.integers(1, 256))
        try:
            image = decode(bytes(broken), "x", max_pixels=10**6)
        except InputError as error:
            assert error.message.startswith(("x ", "x: "))  # noqa: PT017 - most, not all, are refused
        else:
            assert image.samples.size <= 4 * 10**6


def test_nothing_is_printed_and_no_log_reaches_the_terminal() -> None:
    # In a process of its own: pytest's log handlers would hide what a user sees.
    script = (
        "import sys, contextlib, convcli.io\n"
        "from convcli.errors import InputError\n"
        "data = sys.stdin.buffer.read()\n"
        "for at in range(8, len(data)):\n"
        "    broken = data[:at] + bytes([data[at] ^ 255]) + data[at + 1:]\n"
        "    with contextlib.suppress(InputError):\n"
        "        convcli.io.decode(broken, 'x', max_pixels=10**6)\n"
        "convcli.io.decode(data, 'x', max_pixels=None)\n"
    )
    interlaced = png_file((1, 1, 8, 0, 1), b"\0a")
    for payload in (interlaced, tiff(samples("rgb"), photometric="rgb")):
        done = subprocess.run(
            [sys.executable, "-c", script], input=payload, capture_output=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_short_pnm_says_by_how_much() -> None:
    with pytest.raises(InputError, match="it holds 2 bytes of samples, its header says 3"):
        decode(b"P5 3 1 255 \0\1", "x.pnm", max_pixels=None)


def test_reading_a_png_imports_neither_tifffile_nor_pillow() -> None:
    script = (
        "import sys, convcli.io\n"
        "assert not {'numpy', 'PIL', 'tifffile', 'imagecodecs', 'isal'} & set(sys.modules)\n"
        "data = sys.stdin.buffer.read()\n"
        "image = convcli.io.decode(data, 'x', max_pixels=None)\n"
        "assert not {'PIL', 'tifffile'} & set(sys.modules), 'read'\n"
        "convcli.io.encode(image, 'PNG')\n"
        "assert not {'PIL', 'tifffile'} & set(sys.modules), 'written'\n"
    )
    payload = encode(picture(), "PNG")
    done = subprocess.run([sys.executable, "-c", script], input=payload, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n(a) print\n", "x.png is PostScript"),
        (b"%PDF-1.7\n", "x.png is a PDF document"),
        (b"<!DOCTYPE html><p>404</p>", "x.png is a web page"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "x.png is a HEIF picture or a film"),
        (b"not a picture", "x.png is not an image convcli can read"),
    ],
)
def test_what_is_no_picture_is_called_by_its_name(data: bytes, said: str) -> None:
    for look in (probe, lambda *file: decode(*file, max_pixels=None)):
        with pytest.raises(InputError) as caught:
            look(data, "x.png")
        assert said in caught.value.message


def test_a_tiff_that_lacks_the_end_of_a_tag_is_refused() -> None:
    payload = tiff(samples("grey")[:, :, 0])
    text = b"a long description"
    longer = bytearray(tiff(samples("grey")[:, :, 0], description=text.decode()))
    at = longer.index(struct.pack("<HHI", 270, 2, len(text) + 1)) + 8
    longer[at : at + 4] = struct.pack("<I", len(longer))
    whole = bytes(longer) + text + b"\0"
    assert decode(whole, "x.tif", max_pixels=None).samples.shape == (7, 5, 1)
    with pytest.raises(InputError, match="ends before the value of its tag 270"):
        decode(whole[:-1], "x.tif", max_pixels=None)
    assert decode(payload, "x.tif", max_pixels=None).samples.shape == (7, 5, 1)
