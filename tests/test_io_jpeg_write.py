"""JPEG of strips: the samples of a file in one piece, whatever the number of threads."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image as PillowImage

from convcli.io import Image, Metadata, decode, encode, losses

if TYPE_CHECKING:
    from convcli.io import Layout
    from convcli.io.image import Samples


def picture(rows: int, columns: int, layout: Layout) -> Image:
    """Waves with noise: every block differs from its neighbours."""
    noise = np.random.default_rng(rows).normal(0, 20, (rows, columns, 3 if layout == "rgb" else 1))
    waves = 128 + 90 * np.sin(np.arange(columns) / 9)[None, :, None]
    return Image((waves + noise).clip(0, 255).astype(np.uint8), layout)


def decoded(payload: bytes) -> Samples:
    with PillowImage.open(BytesIO(payload)) as file:
        return np.asarray(file)


def in_one_piece(image: Image, quality: int) -> Samples:
    stream = BytesIO()
    samples = image.samples[..., 0] if image.layout == "grey" else image.samples
    PillowImage.fromarray(samples).save(stream, "JPEG", quality=quality, subsampling=0)
    return decoded(stream.getvalue())


@pytest.mark.parametrize("quality", [1, 50, 95, 100])
@pytest.mark.parametrize(
    ("rows", "columns", "layout", "strips"),
    [
        (1, 1, "grey", 1),
        (17, 23, "rgb", 1),
        (88, 4000, "rgb", 2),
        (165, 5003, "rgb", 3),
        (1300, 2500, "rgb", 10),
        (1030, 4099, "grey", 5),
    ],
)
def test_strips_hold_the_samples_of_a_file_in_one_piece(
    rows: int, columns: int, layout: Layout, strips: int, quality: int
) -> None:
    image = picture(rows, columns, layout)
    payload = encode(image, "JPEG", quality=quality)
    assert (decoded(payload) == in_one_piece(image, quality)).all()
    marks = [payload.count(bytes((0xFF, 0xD0 + number))) for number in range(8)]
    assert marks == [(strips - 1 + 7 - number) // 8 for number in range(8)]


def test_threads_change_no_byte() -> None:
    image = picture(700, 3000, "rgb")
    assert len({encode(image, "JPEG", threads=threads) for threads in (None, 1, 2, 5)}) == 1


def test_metadata_comes_before_the_picture_in_the_usual_order() -> None:
    icc = bytes(range(256)) * 300  # more than one segment holds
    metadata = Metadata(icc, b"II*\0exif", b"<xmp/>", (300.0, 72.4), b"hello")
    payload = encode(Image(picture(8, 8, "rgb").samples, "rgb", metadata), "JPEG", quality=90)
    heads = [b"JFIF\0", b"Exif\0\0II*\0", b"http://ns.adobe.com/xap/1.0/\0<xmp/>"]
    heads += [b"ICC_PROFILE\0\1\2", b"ICC_PROFILE\0\2\2", b"hello", b"\xff\xdb", b"\xff\xc0"]
    places = [payload.index(head) for head in heads]
    assert places == sorted(places)
    with PillowImage.open(BytesIO(payload)) as file:
        assert (file.info["dpi"], file.info["icc_profile"]) == ((300, 72), icc)
    assert [payload.count(b"JFIF\0"), payload.count(b"\xff\xdd")] == [1, 0]


@pytest.mark.parametrize("field", ["exif", "xmp", "comment"])
def test_metadata_that_jpeg_has_no_room_for_is_left_out_and_told(field: str) -> None:
    known: dict[str, bytes] = {"exif": b"II*\0", "xmp": b"<x/>", "comment": b"a hill"}
    long = {**known, field: known[field].ljust(65_600, b"z")}
    image = replace(picture(20, 30, "rgb"), metadata=Metadata(**long))  # type: ignore[arg-type]  # fields by name
    back = decode(encode(image, "JPEG"), "out.jpg", max_pixels=None).metadata
    kept = {**known, field: None}
    assert {name: getattr(back, name) for name in kept} == kept
    named = field if field == "comment" else field.upper()
    [told] = losses(image, "JPEG")
    assert told.startswith(f"{named} left out: it has 65,6")
    assert told.endswith("JPEG has room for 65,533")
    assert losses(replace(image, metadata=Metadata(**known)), "JPEG") == ()  # type: ignore[arg-type]  # fields by name


def test_a_profile_that_255_segments_cannot_hold_is_left_out_and_told() -> None:
    room = 255 * (65_533 - 14)
    icc = (bytes(16) + b"RGB ").ljust(room, b"\0")
    image = replace(picture(20, 30, "rgb"), metadata=Metadata(icc, b"II*\0"))
    assert losses(image, "JPEG") == ()
    assert decode(encode(image, "JPEG"), "a", max_pixels=None).metadata == image.metadata
    image = replace(image, metadata=Metadata(icc + b"\0", b"II*\0"))
    [told] = losses(image, "JPEG")
    assert told == f"ICC profile left out: it has {room + 1:,} bytes, JPEG has room for {room:,}"
    back = decode(encode(image, "JPEG"), "a", max_pixels=None).metadata
    assert (back.icc, back.exif) == (None, b"II*\0")
