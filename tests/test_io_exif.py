"""EXIF on its way into TIFF and out of it: every form of directory, and damaged ones."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from io_pictures import exif, pillow, samples
from PIL import Image as PillowImage

from convcli.cli.main import run
from convcli.io import Image, Metadata, decode, encode, losses, redescribed, tiff_write
from convcli.io.tiff_exif import sound

if TYPE_CHECKING:
    from pathlib import Path

FIRST, EXIF_AT = 10, 8 + 2 + 4 * 12 + 4  # the first entry; the Exif directory of `exif()`
EXPOSURE, ALTITUDE = 0x829A, 6


def picture(stream: bytes) -> Image:
    return Image(samples("rgb"), "rgb", Metadata(exif=stream))


def read(stream: bytes) -> tuple[str, dict[int, object], dict[int, object]]:
    """Description, Exif and GPS directory by Pillow."""
    found = PillowImage.Exif()
    found.load(b"Exif\0\0" + stream)
    return found[270], found.get_ifd(34665), found.get_ifd(34853)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("classic", [True, False], ids=["TIFF", "BigTIFF"])
def test_exif_comes_back_from_tiff_and_from_bigtiff(
    order: str, monkeypatch: pytest.MonkeyPatch, *, classic: bool
) -> None:
    if not classic:
        monkeypatch.setattr(tiff_write, "_CLASSIC", 0)
    payload = encode(picture(exif(1, order)), "TIFF")
    assert (payload[2:4] in {b"*\0", b"\0*"}) == classic
    image = decode(payload, "in.tif", max_pixels=None)
    assert image.notes == ()
    assert image.metadata.exif
    description, photo, place = read(image.metadata.exif)
    assert description == "a hill, 1999"
    assert photo == {EXPOSURE: 1 / 250}
    assert place == {ALTITUDE: 123.4}
    jpeg = pillow(encode(image, "JPEG")).getexif()
    assert jpeg.get_ifd(34665) == {EXPOSURE: 1 / 250}


def test_whole_numbers_of_64_bits_become_those_of_32() -> None:
    """A BigTIFF whose Exif directory counts in 64 bits, which an EXIF stream has no type for."""
    stream = BytesIO()
    tags = [(34664, 16, 1, 0, True), (270, 2, 7, b"a hill\0", True)]
    tifffile.imwrite(
        stream, np.zeros((4, 5), np.uint8), bigtiff=True, extratags=tags, metadata=None
    )
    whole = bytearray(stream.getvalue())
    at = whole.index(struct.pack("<HHQ", 34664, 16, 1))
    inner = struct.pack("<QHHQQHHQq", 2, 0xA002, 16, 1, 4000, 0xA003, 17, 1, -5) + b"\0" * 8
    struct.pack_into("<HHQQ", whole, at, 34665, 18, 1, len(whole))
    image = decode(bytes(whole) + inner, "in.tif", max_pixels=None)
    assert image.metadata.exif
    assert read(image.metadata.exif)[:2] == ("a hill", {0xA002: 4000, 0xA003: -5})


def spoiled(what: str) -> bytes:
    stream = bytearray(exif())
    if what == "a directory beyond the end":
        struct.pack_into("<I", stream, FIRST + 2 * 12 + 8, 999_999)
    elif what == "more entries than bytes":
        struct.pack_into("<H", stream, EXIF_AT, 60_000)
    elif what == "a circle":
        struct.pack_into("<HHII", stream, EXIF_AT + 2, 40965, 4, 1, EXIF_AT)
    elif what == "a larger circle":
        struct.pack_into("<HHII", stream, EXIF_AT + 2, 34665, 4, 1, 8)
    elif what == "cut":
        stream = stream[:70]
    return bytes(stream)


DAMAGE = ["a directory beyond the end", "more entries than bytes", "a circle", "a larger circle",
          "cut"]  # fmt: skip


@pytest.mark.parametrize("what", DAMAGE)
@pytest.mark.parametrize("classic", [True, False], ids=["TIFF", "BigTIFF"])
def test_damaged_exif_is_left_out_and_told_not_refused(
    what: str, monkeypatch: pytest.MonkeyPatch, *, classic: bool
) -> None:
    if not classic:
        monkeypatch.setattr(tiff_write, "_CLASSIC", 0)
    image = picture(spoiled(what))
    back = decode(encode(image, "TIFF"), "out.tif", max_pixels=None)
    np.testing.assert_array_equal(back.samples, image.samples)
    assert back.metadata.exif is None
    assert losses(image, "TIFF") == ("EXIF left out: it is damaged",)
    assert losses(picture(exif()), "TIFF") == ()


@pytest.mark.parametrize("what", ["beyond", "circle"])
def test_damaged_exif_of_a_tiff_is_told(what: str) -> None:
    whole = bytearray(encode(picture(exif()), "TIFF"))
    at = whole.index(struct.pack("<HHI", 34665, 4, 1))
    if what == "beyond":
        struct.pack_into("<I", whole, at + 8, 1 << 30)
    else:
        (start,) = struct.unpack_from("<I", whole, at + 8)
        struct.pack_into("<HHII", whole, start + 2, 40965, 4, 1, start)
    image = decode(bytes(whole), "in.tif", max_pixels=None)
    assert image.metadata.exif is None
    assert image.notes == ("EXIF left out: it is damaged",)


def test_values_that_overlap_a_thousand_times_are_not_copied() -> None:
    """64 kB whose 1,000 entries name the same 60 kB each, in a BigTIFF: 60 MB."""
    count, text = 1000, 60_000
    entries = b"".join(struct.pack("<HHII", 1000 + tag, 2, text, 20_000) for tag in range(count))
    stream = b"II*\0" + struct.pack("<IHHHIII", 8, 1, 34665, 4, 1, 26, 0)
    stream += struct.pack("<H", count) + entries + b"\0" * 4
    assert sound(stream.ljust(90_000, b"\0")) is None
    assert sound(stream.ljust(30_000, b"\0")) is not None  # beyond the end


@pytest.mark.parametrize("kind", ["JPEG", "TIFF 33723", "TIFF 34377", "other APP13", "plain"])
def test_iptc_is_left_out_and_told(kind: str) -> None:
    stream, block = BytesIO(), b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0"
    if kind.startswith("TIFF"):
        tag = (int(kind[5:]), 7, len(block), block, True)
        tifffile.imwrite(stream, np.zeros((4, 5), np.uint8), extratags=[tag], metadata=None)
        payload = stream.getvalue()
    else:
        plain = encode(Image(samples("rgb"), "rgb"), "JPEG")
        block = block if kind == "JPEG" else b"Adobe_CM"
        segment = b"\xff\xed" + struct.pack(">H", len(block) + 2) + block
        payload = plain if kind == "plain" else plain[:2] + segment + plain[2:]
    told = ("IPTC and Photoshop data left out",) if kind[:4] in {"JPEG", "TIFF"} else ()
    assert decode(payload, "in", max_pixels=None).notes == told


def test_xmp_that_goes_on_in_other_segments_is_told() -> None:
    plain = encode(Image(samples("rgb"), "rgb", Metadata(xmp=b"<x/>")), "JPEG")
    contents = b"http://ns.adobe.com/xmp/extension/\0" + bytes(40)
    segment = b"\xff\xe1" + struct.pack(">H", len(contents) + 2) + contents
    image = decode(plain[:2] + segment + plain[2:], "in.jpg", max_pixels=None)
    assert image.notes == ("XMP beyond 64 kB left out",)
    assert image.metadata.xmp == b"<x/>"


def test_how_a_png_describes_its_colours_is_told_where_it_is_lost() -> None:
    chunks = ((b"gAMA", b"\0\1\x86\xa0"), (b"cHRM", bytes(32)), (b"sRGB", b"\0"))
    image = Image(samples("rgb"), "rgb", Metadata(png=chunks))
    [told] = losses(image, "TIFF")
    assert told == "TIFF keeps no PNG description of colour (gAMA cHRM left out)"
    assert losses(image, "PNG") == ()
    assert losses(Image(samples("rgb"), "rgb", Metadata(png=chunks[2:])), "JPEG") == ()
    assert losses(Image(samples("rgb"), "rgb", Metadata(png=chunks, icc=b"x")), "TIFF") == ()


SHAPED = {"photometric": "rgb", "metadata": {"axes": "YXS"}}


@pytest.mark.parametrize(
    ("out", "kept", "more"),
    [
        ("o.tif", True, []),
        ("o.tif", False, ["--stride", "2"]),
        ("o.tif", False, ["--extent", "full"]),
        ("o.tif", False, ["--channels", "luma"]),
        ("o.tif", False, ["--stride", "2", "--memory", "14M"]),
        ("o{filter}.tif", False, []),
        ("o.jpg", False, ["--stride", "2"]),
    ],
)
def test_a_description_of_another_shape_is_left_out_and_all_else_stays(  # noqa: PLR0917 - a table
    out: str,
    more: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    *,
    kept: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = 1500 if "--memory" in more else 21
    noise = np.random.default_rng(1).integers(0, 256, (rows, 1000, 3)).astype(np.uint8)
    tags = [(315, 2, 4, b"Ada\0", True)]
    tifffile.imwrite("a.tif", noise, rowsperstrip=32, extratags=tags, **SHAPED)  # type: ignore[arg-type]  # options by name
    assert run(["apply", "a.tif", "-k", "box", "-o", out, *more]) == 0
    said = capsys.readouterr().err
    assert ("description left out: it tells of samples of another shape" in said) != kept
    caplog.clear()
    with PillowImage.open(out.format(filter=1)) as found:
        told = found.getexif()
    assert told[315] == "Ada"
    assert (270 in told) == kept
    if out.endswith(".tif"):
        tifffile.imread(out.format(filter=1))
    assert not caplog.records


@pytest.mark.parametrize("text", ["a hill", '{"shape": 3}', '{"shape": [', '{"shapes": [1]}'])
def test_other_descriptions_stay(text: str) -> None:
    stream = BytesIO()
    tifffile.imwrite(stream, np.zeros((4, 5), np.uint8), description=text, metadata=None)
    metadata = decode(stream.getvalue(), "a.tif", max_pixels=None).metadata
    assert redescribed(metadata, (2, 2, 1)) == (metadata, ())


def test_a_planar_description_is_left_out_of_what_is_not_planar() -> None:
    stream = BytesIO()
    tifffile.imwrite(stream, np.zeros((3, 4, 5), np.uint8), photometric="rgb")
    metadata = decode(stream.getvalue(), "a.tif", max_pixels=None).metadata
    assert redescribed(metadata, (4, 5, 3))[1]
    assert redescribed(Metadata(exif=b"II*\0\xff\0\0\0"), (4, 5, 3)) == (
        Metadata(exif=b"II*\0\xff\0\0\0"),
        (),
    )
