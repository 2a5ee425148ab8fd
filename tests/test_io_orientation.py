"""Orientation 1..8 against a hand-made picture, wherever a file may state it."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import tifffile
from io_pictures import exif, metadata, picture, png_file, samples, xmp
from PIL import Image as PillowImage

from convcli.io import Image, Metadata, decode, encode, probe
from convcli.io.orientation import exif_orientation, upright, upright_exif, xmp_orientation

# The letter F, as EXIF's own drawing has it: what is stored under each orientation.
STORED = {
    1: ["####", "#...", "###.", "#...", "#..."],
    2: ["####", "...#", ".###", "...#", "...#"],
    3: ["...#", "...#", ".###", "...#", "####"],
    4: ["#...", "#...", "###.", "#...", "####"],
    5: ["#####", "#.#..", "#.#..", "#...."],
    6: ["#....", "#.#..", "#.#..", "#####"],
    7: ["....#", "..#.#", "..#.#", "#####"],
    8: ["#####", "..#.#", "..#.#", "....#"],
}


def stored(orientation: int, channels: int = 1) -> Any:
    marks = [[255 * (mark == "#") for mark in row] for row in STORED[orientation]]
    return np.repeat(np.array(marks, np.uint8)[:, :, None], channels, axis=2)


UPRIGHT = stored(1)


@pytest.mark.parametrize("turn", range(1, 9))
def test_the_letter_stands_upright(turn: int) -> None:
    np.testing.assert_array_equal(upright(stored(turn), turn), UPRIGHT)


def carried(name: str, turn: int) -> bytes:
    """A file that stores the letter turned, and says so where its format says it."""
    array = stored(turn)
    if name == "PNG eXIf":
        header = (array.shape[1], array.shape[0], 8, 0, 0)
        rows = b"".join(b"\0" + row.tobytes() for row in array)
        return png_file(header, rows, (b"eXIf", exif(turn)))
    if name == "PNG XMP":
        header = (array.shape[1], array.shape[0], 8, 0, 0)
        rows = b"".join(b"\0" + row.tobytes() for row in array)
        return png_file(header, rows, (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(turn)))
    stream = BytesIO()
    if name == "TIFF":
        tifffile.imwrite(stream, array[:, :, 0], extratags=[(274, 3, 1, turn, True)], metadata=None)
    elif name == "JPEG":
        told = b"Exif\0\0" + exif(turn)
        PillowImage.fromarray(array[:, :, 0]).save(stream, "JPEG", quality=100, exif=told)
    elif name == "WEBP":
        rgb = PillowImage.fromarray(np.repeat(array, 3, axis=2))
        rgb.save(stream, "WEBP", lossless=True, exif=exif(turn))
    else:
        rgb = PillowImage.fromarray(np.repeat(array, 3, axis=2))
        rgb.save(stream, "AVIF", quality=100, subsampling="4:4:4", exif=exif(turn))
    return stream.getvalue()


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("name", ["PNG eXIf", "PNG XMP", "TIFF", "JPEG", "WEBP", "AVIF"])
def test_every_format_is_turned_once_and_only_once(name: str, turn: int) -> None:
    payload = carried(name, turn)
    image, header = decode(payload, "x", max_pixels=None), probe(payload, "x")
    assert image.samples.shape[:2] == (header.height, header.width) == (5, 4)
    np.testing.assert_allclose(image.samples[:, :, :1], UPRIGHT, atol=8 if "E" in name[1:] else 0)
    assert (f"orientation {turn} baked in" in image.notes) == (turn > 1)
    assert exif_orientation(image.metadata.exif) in {None, 1}
    assert xmp_orientation(image.metadata.xmp) in {None, 1}


@pytest.mark.parametrize("name", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_reading_again_turns_nothing(name: str) -> None:
    image = decode(carried("PNG eXIf", 6), "x", max_pixels=None)
    payload = encode(image, name)
    again = decode(payload, "x", max_pixels=None)
    assert again.samples.shape[:2] == (5, 4)
    assert not [note for note in again.notes if "orientation" in note]


def test_resolution_changes_places_with_the_sides() -> None:
    told = replace(metadata("rgb"), exif=exif(6), dpi=(300.0, 150.0))
    payload = encode(Image(samples("rgb"), "rgb", told), "PNG")
    back = decode(payload, "x", max_pixels=None)
    assert back.metadata.dpi == pytest.approx((150, 300), abs=0.0127)  # whole dots per metre


def test_only_the_two_bytes_of_the_orientation_change() -> None:
    for order in ("<", ">"):
        before, after = exif(7, order), upright_exif(exif(7, order))
        assert after == exif(1, order)
        assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


@pytest.mark.parametrize("cut", range(len(exif())))
def test_a_damaged_exif_is_no_reason_to_fail(cut: int) -> None:
    assert exif_orientation(exif(6)[:cut]) in {None, 6}
    told = Metadata(exif=exif(6)[:cut] or None)
    image = decode(encode(Image(samples("rgb"), "rgb", told), "PNG"), "x", max_pixels=None)
    assert image.samples.shape in {(7, 5, 3), (5, 7, 3)}


@pytest.mark.parametrize("value", [0, 9, 99, 65535])
def test_an_impossible_orientation_is_none(value: int) -> None:
    told = Metadata(exif=exif(value), xmp=xmp(value))
    payload = encode(Image(samples("rgb"), "rgb", told), "PNG")
    image = decode(payload, "x", max_pixels=None)
    assert image.samples.shape == picture().samples.shape
    assert exif_orientation(image.metadata.exif) == 1
