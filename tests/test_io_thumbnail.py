"""The small picture in EXIF shows what was filtered away: it is not handed on."""

from __future__ import annotations

import struct

import pytest
from io_pictures import exif, samples

from convcli.io import Image, Metadata, decode, encode
from convcli.io.thumbnail import without_thumbnail

SMALL = b"\xff\xd8 a face \xff\xd9"
NOTE = "EXIF thumbnail left out: it shows the input"


def with_thumbnail(order: str, behind: bytes = b"", begin: int | None = None) -> bytes:
    """The usual stream and a second directory; the thumbnail last, unless there is more."""
    stream = exif(1, order)
    at = len(stream)
    begins = at + 2 + 2 * 12 + 4 if begin is None else begin
    second = struct.pack(order + "H", 2)
    second += struct.pack(order + "HHII", 513, 4, 1, begins)
    second += struct.pack(order + "HHII", 514, 4, 1, len(SMALL)) + bytes(4)
    link = 8 + 2 + 4 * 12
    linked = stream[:link] + struct.pack(order + "I", at) + stream[link + 4 :]
    return linked + second + SMALL + behind


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("behind", [b"", b"more"])
def test_the_thumbnail_goes_and_all_else_stays(order: str, behind: bytes) -> None:
    before = exif(1, order)
    after = without_thumbnail(with_thumbnail(order, behind))
    assert after[: len(before)] == before
    assert b"face" not in after
    assert after.endswith(behind)
    assert without_thumbnail(after) == after


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_files_are_read_without_their_thumbnail(form: str) -> None:
    told = Metadata(exif=with_thumbnail("<"))
    payload = encode(Image(samples("rgb"), "rgb", told), form)
    assert b"face" in payload
    image = decode(payload, "x", max_pixels=None)
    assert b"face" not in (image.metadata.exif or b"face")
    assert NOTE in image.notes


@pytest.mark.parametrize("begin", [0, 4, 50, 1 << 30])
def test_a_thumbnail_that_lies_nowhere_takes_nothing_away(begin: int) -> None:
    before = exif()
    after = without_thumbnail(with_thumbnail("<", begin=begin))
    assert after[: len(before)] == before


@pytest.mark.parametrize("cut", range(0, len(with_thumbnail("<")), 3))
def test_a_damaged_stream_is_no_reason_to_fail(cut: int) -> None:
    assert len(without_thumbnail(with_thumbnail("<")[:cut])) <= cut
