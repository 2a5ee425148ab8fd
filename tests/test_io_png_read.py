"""PNG of every colour type, depth, filter and interlacing against a decoder by the book."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from io_pictures import CORPUS, picture, png_chunks, png_file, slow_png

from convcli.errors import InputError
from convcli.io import Metadata, decode, encode, probe

KINDS = [
    (0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8),
    (4, 8), (4, 16), (6, 8), (6, 16),
]  # fmt: skip
PER_PIXEL = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PASSES = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip


def noise(colour: int, depth: int, sides: tuple[int, int], *, interlaced: bool, key: bool) -> bytes:
    """A PNG of random filtered rows: any bytes are a picture."""
    rng = np.random.default_rng(depth * 7 + colour + sides[0])
    width, height = sides
    rows = b""
    for left, top, across, down in PASSES if interlaced else ((0, 0, 1, 1),):
        columns, lines = -(-(width - left) // across), -(-(height - top) // down)
        size = -(-columns * PER_PIXEL[colour] * depth // 8)
        if columns > 0 and lines > 0:
            # A palette index must lie in the palette, whatever the filter: no filter there.
            filters = [0 if colour == 3 else line % 5 for line in range(lines)]
            rows += b"".join(bytes([kind]) + rng.bytes(size) for kind in filters)
    extra = [(b"PLTE", rng.bytes(3 << depth))] if colour == 3 else []
    if key:
        single = {0: 2, 2: 6, 3: 1 << depth}[colour]
        value = rng.bytes(single) if colour == 3 else struct.pack(">H", 1) * (single // 2)
        extra.append((b"tRNS", value))
    return png_file((width, height, depth, colour, int(interlaced)), rows, *extra)


@pytest.mark.parametrize(("colour", "depth"), KINDS)
@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("key", [False, True])
@pytest.mark.parametrize("sides", [(1, 1), (2, 3), (9, 7), (33, 18)])
def test_every_kind_decodes_by_the_book(
    colour: int,
    depth: int,
    interlaced: bool,  # noqa: FBT001 - a parameter of the table
    key: bool,  # noqa: FBT001 - a parameter of the table
    sides: tuple[int, int],
) -> None:
    if key and colour in {4, 6}:
        pytest.skip("a picture with alpha has no key")
    payload = noise(colour, depth, sides, interlaced=interlaced, key=key)
    image, header = decode(payload, "x.png", max_pixels=None), probe(payload, "x.png")
    wanted = slow_png(payload)
    assert image.samples.dtype == wanted.dtype
    np.testing.assert_array_equal(image.samples, wanted)
    assert (header.height, header.width, header.channels) == wanted.shape
    assert (header.dtype, header.layout) == (wanted.dtype.name, image.layout)


def test_a_flip_of_any_bit_is_noticed() -> None:
    payload = encode(picture("rgb", "uint16", rows=3, columns=2), "PNG")
    for at in range(len(payload)):
        for bit in (0, 7):
            broken = bytearray(payload)
            broken[at] ^= 1 << bit
            with pytest.raises(InputError) as caught:
                decode(bytes(broken), "photo.png", max_pixels=10**8)
            assert "photo.png" in caught.value.message


def test_a_cut_anywhere_is_noticed() -> None:
    payload = encode(picture("rgb"), "PNG")
    for end in range(len(payload)):
        with pytest.raises(InputError, match=r"photo\.png"):
            decode(payload[:end], "photo.png", max_pixels=10**8)


def test_too_few_samples_under_good_checksums_are_noticed() -> None:
    short = png_file((4, 4, 8, 0, 0), b"\0abcd" * 3)
    with pytest.raises(InputError, match=r"photo\.png"):
        decode(short, "photo.png", max_pixels=None)


def test_a_text_bomb_is_refused_and_a_large_profile_is_not() -> None:
    bomb = b"Comment\0\0" + zlib.compress(bytes(1 << 25))
    with pytest.raises(InputError, match="inflates to over 1 MB"):
        decode(png_file((1, 1, 8, 0, 0), b"\0a", (b"zTXt", bomb)), "x.png", max_pixels=None)
    profile = b"GRAY".rjust(20, b"\0") + bytes(1 << 21)
    icc = b"name\0\0" + zlib.compress(profile)
    image = decode(png_file((1, 1, 8, 0, 0), b"\0a", (b"iCCP", icc)), "x.png", max_pixels=None)
    assert image.metadata.icc == profile


def _raw(kind: bytes, contents: bytes) -> tuple[bytes, bytes]:
    told = b"\n%s\n%8d\n%s\n" % (kind, len(contents), contents.hex().encode())
    return b"tEXt", b"Raw profile type " + kind + b"\0" + told


def test_of_raw_profiles_exif_is_decoded_and_others_are_kept() -> None:
    iptc, ours = _raw(b"iptc", b"8BIM"), b"II*\0" + bytes(8)
    chunks = (iptc, _raw(b"APP1", b"http://ns.adobe.com/"), _raw(b"exif", b"Exif\0\0" + ours))
    payload = png_file((1, 1, 8, 0, 0), b"\0a", *chunks)
    metadata = decode(payload, "x.png", max_pixels=None).metadata
    assert (metadata.exif, metadata.png) == (ours, (iptc,))


def test_what_describes_colour_goes_on_once() -> None:
    colour = [(kind, bytes([n] * 8)) for n, kind in enumerate((b"gAMA", b"cICP", b"mDCV", b"cLLI"))]
    twice = (b"gAMA", b"\7" * 4)
    image = decode(png_file((1, 1, 8, 0, 0), b"\0a", *colour, twice), "x.png", max_pixels=None)
    assert list(image.metadata.png) == colour
    kinds = [kind for kind, _ in png_chunks(encode(image, "PNG"))]
    assert kinds[:6] == [b"IHDR", *(kind for kind, _ in colour), b"IDAT"]


def test_a_broken_profile_is_dropped_aloud() -> None:
    payload = png_file((1, 1, 8, 0, 0), b"\0a", (b"iCCP", b"name\0\0nonsense"))
    image = decode(payload, "x.png", max_pixels=None)
    assert image.metadata == Metadata()
    assert image.notes == ("ICC profile dropped: it does not decompress",)


def test_a_profile_of_another_colour_space_is_dropped_aloud() -> None:
    icc = b"name\0\0" + zlib.compress(b"RGB ".rjust(20, b"\0"))
    image = decode(png_file((1, 1, 8, 0, 0), b"\0a", (b"iCCP", icc)), "x.png", max_pixels=None)
    assert image.metadata.icc is None
    assert image.notes == ("ICC profile dropped: it describes RGB, the samples are grey",)


def test_an_animation_says_what_it_left_out() -> None:
    control = (b"acTL", struct.pack(">II", 12, 0))
    for first, frames in (((b"fcTL", bytes(26)), 12), ((b"tIME", bytes(7)), 13)):
        payload = png_file((1, 1, 8, 0, 0), b"\0a", control, first)
        assert probe(payload, "x.png").frames == frames
        notes = decode(payload, "x.png", max_pixels=None).notes
        assert notes == (f"PNG: first of {frames} frames taken",)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="shared test data is not here")
def test_pngsuite_decodes_by_the_book() -> None:
    files = sorted((CORPUS / "valid" / "pngsuite").glob("*.png"))
    assert len(files) > 100
    for file in files:
        payload = file.read_bytes()
        image = decode(payload, file.name, max_pixels=None)
        np.testing.assert_array_equal(image.samples, slow_png(payload), err_msg=file.name)
        assert len(png_chunks(payload)) >= 3
