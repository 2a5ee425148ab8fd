"""Every depth, layout and format that claims to hold it: what goes in comes out."""

from __future__ import annotations

import struct
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import pytest
from io_pictures import exif, metadata, picture, pillow, samples, slow_png
from PIL import Image as PillowImage

from convcli.errors import OutputError, UsageError
from convcli.io import (
    FORMATS,
    Image,
    Metadata,
    check_fit,
    decode,
    encode,
    holds,
    losses,
    output_format,
    probe,
    tiff_write,
)

if TYPE_CHECKING:
    from convcli.io import Layout

LAYOUTS: tuple[Layout, ...] = ("grey", "grey+alpha", "rgb", "rgb+alpha")
HELD = [
    (row.name, dtype, layout)
    for row in FORMATS.values()
    for dtype in sorted(row.dtypes)
    for layout in sorted(row.layouts)
    if layout != "sound"  # of one row: see test_io_wav.py
]
# A file of numbers knows no layouts, and TIFF tells pictures from numbers by the depth alone.
PICTURE_DEPTHS = {"uint8", "uint16", "float32", "float64"}


def comes_back(name: str, dtype: str, layout: Layout) -> Layout:
    if name in {"NPY", "CSV", "TSV"} or (name == "TIFF" and dtype not in PICTURE_DEPTHS):
        return "numbers"
    if name == "TIFF" and layout == "numbers":
        return "grey"
    if FORMATS[name].grey_becomes_rgb:
        return "rgb+alpha" if layout.endswith("alpha") else "rgb"
    return layout


@pytest.mark.parametrize(("name", "dtype", "layout"), HELD)
@pytest.mark.parametrize("sides", [(1, 1), (7, 5), (1, 40), (33, 2)])
def test_lossless_formats_return_every_sample(
    name: str, dtype: str, layout: Layout, sides: tuple[int, int]
) -> None:
    image = picture(layout, dtype, rows=sides[0], columns=sides[1])
    payload = encode(image, name, lossless=True)
    back = decode(payload, f"x{FORMATS[name].suffixes[0]}", max_pixels=None)
    assert back.layout == comes_back(name, dtype, layout)
    assert back.samples.shape[:2] == sides
    assert back.samples.flags.c_contiguous
    assert back.samples.dtype.isnative
    exact = name == "GIF" and not image.alpha  # these few colours fit its palette
    if FORMATS[name].lossless or name == "WEBP" or exact:
        wanted = image.samples
        if back.samples.shape != wanted.shape:
            wanted = np.concatenate([wanted[..., :1]] * 3 + [wanted[..., 1:]], axis=2)
        if name in {"CSV", "TSV"}:
            assert (back.samples.dtype.kind == "f") == (wanted.dtype.kind == "f")
            back = replace(back, samples=back.samples.astype(wanted.dtype))
        assert back.samples.dtype == wanted.dtype
        np.testing.assert_array_equal(back.samples, wanted)


@pytest.mark.parametrize(("name", "dtype", "layout"), HELD)
def test_the_header_says_what_decoding_returns(name: str, dtype: str, layout: Layout) -> None:
    payload = encode(picture(layout, dtype), name)
    file = f"x{FORMATS[name].suffixes[0]}"
    header, image = probe(payload, file), decode(payload, file, max_pixels=None)
    assert (header.height, header.width, header.channels) == image.samples.shape
    assert (header.dtype, header.layout) == (image.samples.dtype.name, image.layout)
    assert (header.frames, header.bytes) == (1, len(payload))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_profile_exif_xmp_and_resolution_are_kept(name: str, layout: Layout, order: str) -> None:
    if layout not in FORMATS[name].layouts:
        pytest.skip(f"{name} holds no {layout}")
    told = replace(metadata(layout), exif=exif(order=order))
    if FORMATS[name].grey_becomes_rgb and layout.startswith("grey"):
        told = replace(told, icc=None)
    payload = encode(Image(samples(layout), layout, told), name)
    back = decode(payload, "x", max_pixels=None).metadata
    assert (back.icc, back.xmp) == (told.icc, told.xmp)
    assert back.exif is not None
    if name == "TIFF":
        again = encode(Image(samples(layout), layout, back), "TIFF")
        assert decode(again, "x", max_pixels=None).metadata.exif == back.exif
    if name not in {"TIFF", "AVIF"}:  # rebuilt there: from tags, and without the orientation
        assert back.exif == told.exif
    if "dpi" in FORMATS[name].keeps:
        assert back.dpi == pytest.approx((300, 150), abs=0.0127)  # PNG: whole dots per metre
    with PillowImage.open(BytesIO(payload)) as opened:
        seen = opened.getexif()
        inner = seen.get_ifd(34665), seen.get_ifd(34853)
    assert seen[270] == "a hill, 1999"
    assert seen.get(274, 1) == 1
    assert inner[0][0x829A] == pytest.approx(1 / 250)
    assert inner[1][6] == pytest.approx(123.4)


def test_png_text_and_colour_chunks_travel_to_png_only() -> None:
    kept = ((b"gAMA", b"\0\0\xb1\x8f"), (b"tEXt", b"Author\0somebody"))
    image = Image(samples("rgb"), "rgb", Metadata(png=kept))
    assert decode(encode(image, "PNG"), "x", max_pixels=None).metadata.png == kept
    assert losses(image, "PNG") == ()
    assert losses(image, "TIFF") == ("TIFF keeps no PNG text (1 left out)",)


def test_losses_are_sentences() -> None:
    image = Image(samples("rgb"), "rgb", metadata("rgb"))
    assert losses(image, "BMP") == (
        "BMP keeps no ICC profile",
        "BMP keeps no EXIF",
        "BMP keeps no XMP",
    )
    assert losses(image, "PNG") == losses(image, "TIFF") == losses(image, "JPEG") == ()
    assert losses(picture("grey"), "WEBP") == ("WEBP has no grey: written as three equal channels",)


@pytest.mark.parametrize(
    ("layout", "dtype", "name", "said"),
    [
        ("rgb", "uint16", "JPEG", "photo.png has 16 bits per channel; JPEG holds 8"),
        ("rgb+alpha", "uint8", "JPEG", "photo.png has alpha; JPEG holds none"),
        ("grey+alpha", "uint8", "BMP", "photo.png has alpha; BMP holds none"),
        ("rgb+alpha", "uint16", "PPM", "photo.png has alpha; PPM holds none"),
        ("rgb", "uint16", "GIF", "photo.png has 16 bits per channel; GIF holds 8"),
        ("rgb", "float32", "PNG", "float32 samples; PNG holds whole numbers of 16 bits"),
        ("rgb", "uint8", "CSV", "photo.png has 3 channels; CSV holds one"),
        ("numbers", "int64", "PNG", "photo.png holds numbers, not a picture"),
        ("grey", "uint8", "TGA", "reads TGA files, but does not write them"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_cure(
    layout: Layout, dtype: str, name: str, said: str
) -> None:
    with pytest.raises(OutputError) as caught:
        encode(picture(layout, dtype), name, name="photo.png")
    assert said in caught.value.message
    assert caught.value.hint


def test_sides_beyond_a_format_are_refused() -> None:
    with pytest.raises(OutputError, match="ends at 16383"):
        check_fit(Image(np.zeros((1, 16384, 3), np.uint8), "rgb"), "WEBP")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("compress", range(10))
def test_png_is_what_three_other_decoders_read(layout: Layout, dtype: str, compress: int) -> None:
    image = picture(layout, dtype, rows=23, columns=17)
    payload = encode(image, "PNG", compress=compress)
    np.testing.assert_array_equal(slow_png(payload), image.samples)
    codec = imagecodecs.png_decode(payload).reshape(image.samples.shape)
    np.testing.assert_array_equal(codec, image.samples)
    if dtype == "uint8":
        seen = np.asarray(pillow(payload)).reshape(image.samples.shape)
        np.testing.assert_array_equal(seen, image.samples)


@pytest.mark.parametrize("compress", [0, 1, 6])
@pytest.mark.parametrize("flat", [True, False])
def test_png_of_many_strips_is_one_stream(compress: int, flat: bool) -> None:  # noqa: FBT001 - a parameter of the table
    ramp = np.add.outer(np.arange(1500), np.arange(1500)).astype(np.uint8)
    both = np.stack([ramp, ramp.T, ramp ^ 255], axis=2)
    image = Image(np.zeros_like(both) if flat else both, "rgb")
    payload = encode(image, "PNG", compress=compress)
    assert payload.count(b"IDAT") == 5  # four strips, and the checksum
    np.testing.assert_array_equal(np.asarray(pillow(payload)), image.samples)
    np.testing.assert_array_equal(imagecodecs.png_decode(payload), image.samples)
    if compress:
        assert len(payload) < 50_000


def test_jpeg_keeps_colour_at_full_resolution() -> None:
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2] = (255, 0, 0)
    stripes[:, 1::2] = (0, 0, 255)
    back = decode(encode(Image(stripes, "rgb"), "JPEG", quality=100), "x", max_pixels=None)
    assert np.abs(back.samples.astype(int) - stripes).max() < 12


def test_quality_changes_the_size() -> None:
    image = picture(rows=64, columns=64)
    for name in ("JPEG", "WEBP", "AVIF"):
        assert len(encode(image, name, quality=40)) < len(encode(image, name)) * 0.8


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.png", "PNG"),
        ("A.JPG", "JPEG"),
        ("x/y.tiff", "TIFF"),
        ("a.b.npy", "NPY"),
        ("f.pgm", "PGM"),
    ],
)
def test_the_suffix_names_the_format(path: str, name: str) -> None:
    assert output_format(path) == name
    assert output_format("-", fallback=name) == name


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("a.jppeg", "Did you mean '.jpeg'"),
        ("a.tga", "does not write"),
        ("noext", "no suffix"),
        ("-", "no suffix"),
    ],
)
def test_other_suffixes_are_usage_errors(path: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        output_format(path)
    assert said in str(caught.value)


def test_the_table_is_what_encode_believes() -> None:
    assert holds("PNG", np.dtype("uint16"), "rgb")
    assert not holds("JPEG", "uint16", "rgb")
    assert not holds("PNG", "float32", "grey")
    for row in FORMATS.values():
        for layout in LAYOUTS:
            for dtype in ("uint8", "uint16", "float32"):
                image = picture(layout, dtype)
                try:
                    check_fit(image, row.name)
                except OutputError:
                    assert not holds(row.name, dtype, layout)
                else:
                    assert holds(row.name, dtype, layout)


def test_the_comment_of_a_jpeg_is_kept_or_its_loss_said() -> None:
    samples = np.zeros((8, 8, 3), np.uint8)
    image = Image(samples, "rgb", Metadata(comment=b"by hand"))
    back = decode(encode(image, "JPEG"), "x.jpg", max_pixels=None)
    assert back.metadata.comment == b"by hand"
    assert losses(back, "JPEG") == ()
    assert "PNG keeps no comment" in losses(back, "PNG")


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("deep", [1, 12])
def test_exif_that_points_back_to_itself_is_written_once(
    monkeypatch: pytest.MonkeyPatch,
    big: bool,  # noqa: FBT001 - a column of the table
    deep: int,
) -> None:
    if big:
        monkeypatch.setattr(tiff_write, "_CLASSIC", 0)
    wide, step = 20, 2 + 12 * 20 + 4
    starts = [8 + step * (level % deep) for level in range(1, deep + 1)]
    tables = (
        struct.pack("<H", wide) + struct.pack("<HHII", 34665, 4, 1, start) * wide + bytes(4)
        for start in starts
    )
    exif = b"II*\0" + struct.pack("<I", 8) + b"".join(tables)
    image = replace(picture("rgb"), metadata=Metadata(exif=exif))
    written = encode(image, "TIFF")
    assert len(written) < 40_000
    np.testing.assert_array_equal(decode(written, "x.tif", max_pixels=None).samples, image.samples)


@pytest.mark.parametrize(("kind", "big"), [("deflate", False), ("zstd", False), ("lzw", True)])
def test_a_tiff_has_room_for_samples_that_grow_when_they_are_packed(
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    big: bool,  # noqa: FBT001 - a column of the table
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 1)).astype(np.uint8)
    monkeypatch.setattr(tiff_write, "_CLASSIC", noise.nbytes * 5 // 4)
    written = encode(Image(noise, "grey"), "TIFF", compression=kind)
    assert (written[2:4] == b"+\0") == big
    assert len(written) > noise.nbytes * (1.25 if big else 1)


def test_a_jpeg_is_no_larger_than_libjpeg_reads() -> None:
    image = Image(np.zeros((65500, 1, 1), np.uint8), "grey")
    assert pillow(encode(image, "JPEG")).size == (1, 65500)
    with pytest.raises(OutputError, match="JPEG ends at 65500 a side"):
        encode(replace(image, samples=np.zeros((65501, 1, 1), np.uint8)), "JPEG")
