"""Films: frames as Pillow composes them, durations, plays; and files joined of single pictures."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from io_pictures import CORPUS, exif, metadata, picture, png_chunks, png_file, samples
from PIL import Image as PillowImage
from PIL import ImageSequence

from convcli.errors import InputError, OutputError
from convcli.io import Film, check_fit, encode, open_film, probe, reel, webp_reel
from convcli.io.film import MOST, TOGETHER
from convcli.io.image import Image, Metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convcli.io.image import Layout

TIMES = tuple(Fraction(n, 100) for n in (10, 3, 250))


def film_of(payload: bytes, name: str = "x", max_pixels: int | None = 10**6) -> Film:
    return open_film(payload, name, max_pixels=max_pixels)


def frames_of(payload: bytes) -> list[NDArray[Any]]:
    return [shot.image.samples for shot in film_of(payload).shots(0)]


def pillow_frames(payload: bytes, mode: str) -> list[NDArray[Any]]:
    with PillowImage.open(BytesIO(payload)) as opened:
        return [np.asarray(frame.convert(mode)) for frame in ImageSequence.Iterator(opened)]


def joined(
    images: Sequence[Image], form: str, *, plays: int = 0, poster: bool = False, **how: Any
) -> bytes:
    """A file of `images`, shown for TIMES over and over."""
    headers = tuple(probe(encode(image, "TIFF"), "x") for image in images)
    film = Film(headers, lambda _: iter(()), plays, poster=poster)
    joiner = reel(form, film)
    for number, image in enumerate(images):
        check_fit(image, form)
        joiner.add(encode(image, form, **how), TIMES[number % len(TIMES)])
    return joiner.close()


def apng(
    sides: tuple[int, int], colour: int, frames: Sequence[tuple[tuple[int, ...], bytes]]
) -> bytes:
    """A PNG of 8 bits whose frames are (x, y, w, h, dispose, blend), each of one colour."""
    chunks: list[tuple[bytes, bytes]] = [(b"acTL", struct.pack(">II", len(frames), 0))]
    number = 0
    for n, ((left, top, width, height, dispose, blend), pixel) in enumerate(frames):
        head = (number, width, height, left, top, n + 1, 0, dispose, blend)
        chunks.append((b"fcTL", struct.pack(">IIIIIHHBB", *head)))
        rows = zlib.compress((b"\0" + pixel * width) * height)
        chunks.append(
            (b"IDAT", rows) if n == 0 else (b"fdAT", struct.pack(">I", number + 1) + rows)
        )
        number += 1 + (n > 0)
    whole = png_file((*sides, 8, colour, 0), b"")
    body = b"".join(
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks
    )
    return whole[:33] + body + whole[-12:]


HELD: list[tuple[str, Layout, str]] = [
    ("PNG", "grey", "uint8"), ("PNG", "rgb", "uint16"), ("PNG", "rgb+alpha", "uint8"),
    ("PNG", "grey+alpha", "uint16"), ("GIF", "grey", "uint8"), ("GIF", "rgb", "uint8"),
    ("WEBP", "rgb", "uint8"), ("WEBP", "rgb+alpha", "uint8"), ("TIFF", "rgb", "uint16"),
    ("TIFF", "rgb+alpha", "uint8"), ("TIFF", "grey", "float32"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "layout", "dtype"), HELD)
@pytest.mark.parametrize("count", [2, 5])
def test_every_sample_of_every_frame_comes_back(
    form: str, layout: Layout, dtype: str, count: int
) -> None:
    arrays = [samples(layout, dtype, seed=seed) for seed in range(count)]
    arrays[1] = arrays[0]  # two frames alike stay two
    payload = joined([Image(array, layout) for array in arrays], form, lossless=True)
    assert probe(payload, "x").frames == count
    film = film_of(payload)
    assert {header.layout for header in film.headers} == {layout}
    found = [shot.image.samples for shot in film.shots(0)]
    assert len(found) == count
    for array, back in zip(arrays, found, strict=True):
        assert back.dtype == array.dtype
        np.testing.assert_array_equal(back, array)
    np.testing.assert_array_equal(next(film.shots(1)).image.samples, arrays[1])


@pytest.mark.parametrize("form", ["PNG", "GIF", "WEBP"])
@pytest.mark.parametrize("plays", [0, 1, 2, 7])
def test_durations_and_plays_come_back_and_pillow_agrees(form: str, plays: int) -> None:
    payload = joined([picture(seed=seed) for seed in range(3)], form, plays=plays)
    film = film_of(payload)
    assert film.plays == plays
    assert tuple(shot.seconds for shot in film.shots(0)) == TIMES
    with PillowImage.open(BytesIO(payload)) as opened:
        loop = opened.info.get("loop")
        times = []
        for frame in ImageSequence.Iterator(opened):
            frame.load()
            times.append(frame.info["duration"])
    assert times == [100, 30, 2500]
    repeats = {0: 0, 1: None, 2: 1, 7: 6}[plays]  # GIF counts what follows the first time
    assert loop == (repeats if form == "GIF" else plays)


@pytest.mark.parametrize(("form", "mode"), [("PNG", "RGBA"), ("GIF", "RGBA"), ("WEBP", "RGBA")])
def test_pillow_sees_the_frames_that_were_written(form: str, mode: str) -> None:
    arrays = [samples("rgb+alpha", seed=seed) for seed in range(4)]
    for array in arrays:
        array[..., 3] = np.where(array[..., 3] < 100, 0, 255)
    arrays[2][..., 3] = 255
    payload = joined([Image(array, "rgb+alpha") for array in arrays], form, lossless=True)
    for array, back in zip(arrays, pillow_frames(payload, mode), strict=True):
        np.testing.assert_array_equal(back[..., 3], array[..., 3])
        seen = array[..., 3] > 0
        np.testing.assert_array_equal(back[seen], array[seen])


def test_a_poster_stays_outside_the_animation() -> None:
    images = [picture(seed=seed) for seed in range(3)]
    payload = joined(images, "PNG", poster=True)
    kinds = [kind for kind, _ in png_chunks(payload)]
    assert kinds.index(b"IDAT") < kinds.index(b"fcTL")
    assert kinds.count(b"fcTL") == 2
    film = film_of(payload)
    assert film.poster
    for image, back in zip(images, frames_of(payload), strict=True):
        np.testing.assert_array_equal(back, image.samples)
    cut = film.unposted()
    assert len(cut.headers) == 2
    np.testing.assert_array_equal(next(cut.shots(0)).image.samples, images[1].samples)


def test_metadata_is_that_of_a_single_picture() -> None:
    about = metadata("rgb")
    images = [replace(picture(seed=seed), metadata=about) for seed in range(3)]
    for form, kept in (("PNG", about), ("WEBP", replace(about, dpi=None)), ("TIFF", about)):
        alone = open_film(joined(images, form), "x", max_pixels=None)
        single = open_film(encode(images[0], form), "x", max_pixels=None)
        found = [shot.image.metadata for shot in alone.shots(0)]
        (wanted,) = [shot.image.metadata for shot in single.shots(0)]
        assert found == [wanted] * 3
        assert wanted.icc == kept.icc
        assert wanted.exif


def test_tiff_pages_differ_in_everything_and_keep_their_own_metadata() -> None:
    pages = [
        replace(
            picture("grey", "uint8", rows=3, columns=40), metadata=Metadata(dpi=(300.0, 300.0))
        ),
        replace(picture("rgb", "uint16", rows=20, columns=9), metadata=Metadata(exif=exif())),
        picture("rgb+alpha", "float32", rows=1, columns=1),
    ]
    payload = joined(pages, "TIFF")
    with tifffile.TiffFile(BytesIO(payload)) as tif:
        for page, wanted in zip(tif.pages, pages, strict=True):
            found = page.asarray().reshape(wanted.samples.shape)
            np.testing.assert_array_equal(found, wanted.samples)
    film = film_of(payload)
    sides = [(header.height, header.width, header.dtype) for header in film.headers]
    assert sides == [(3, 40, "uint8"), (20, 9, "uint16"), (1, 1, "float32")]
    about = [shot.image.metadata for shot in film.shots(0)]
    assert [each.dpi for each in about] == [(300.0, 300.0), None, None]
    assert about[1].exif is not None
    assert b"a hill, 1999" in about[1].exif
    assert about[2].exif is None
    ifd = PillowImage.Exif()
    ifd.load(about[1].exif)
    assert ifd.get_ifd(34665)[0x829A] == pytest.approx(1 / 250)


def test_smaller_copies_and_masks_are_no_pages() -> None:
    stream = BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for kind, seed in ((1, 0), (0, 1), (1, 2), (4, 3), (2, 4)):
            array = samples("grey", seed=seed)[..., 0]
            kept = array > 9 if kind == 4 else array
            writer.write(kept, subfiletype=kind, metadata=None)
    film = film_of(stream.getvalue())
    assert len(film.headers) == 3
    assert film.notes == ("TIFF: 2 smaller copies or masks of pages left out",)
    for seed, back in zip((0, 1, 4), frames_of(stream.getvalue()), strict=True):
        np.testing.assert_array_equal(back, samples("grey", seed=seed))


@pytest.mark.parametrize("disposal", [0, 1, 2, 3])
def test_gif_disposal_is_done_with(disposal: int) -> None:
    drawn = [PillowImage.new("P", (12, 8), 0) for _ in range(4)]
    for n, frame in enumerate(drawn):
        frame.putpalette([255, 255, 255, 200, 0, 0, 0, 200, 0, 0, 0, 200])
        frame.paste(1 + n % 3, (2 * n, n, 2 * n + 5, n + 4))
    stream = BytesIO()
    drawn[0].save(
        stream, "GIF", save_all=True, append_images=drawn[1:], disposal=disposal, transparency=0,
        duration=[50, 60, 70, 80], loop=3,
    )  # fmt: skip
    film = film_of(stream.getvalue())
    shots = list(film.shots(0))
    assert film.plays == 4
    assert [shot.seconds * 100 for shot in shots] == [5, 6, 7, 8]
    for shot, wanted in zip(shots, pillow_frames(stream.getvalue(), "RGBA"), strict=True):
        np.testing.assert_array_equal(shot.image.samples, wanted)
    last = shots[-1].image.samples
    painted = (last[..., 3] > 0).sum()  # four boxes that overlap, or the last one
    assert (painted > 40) == (disposal < 2)
    later = next(film.shots(2)).image.samples
    np.testing.assert_array_equal(later, shots[2].image.samples)


RED, CLEAR, HALF = b"\xff\0\0\xff", b"\0\0\0\0", b"\0\0\xff\x80"


@pytest.mark.parametrize(
    ("dispose", "blend", "pixel", "inside", "after"),
    [
        (0, 0, CLEAR, CLEAR, CLEAR),  # source: even nothing takes the place of red
        (0, 1, CLEAR, RED, RED),  # over: nothing changes nothing
        (0, 1, HALF, b"\x7f\0\x80\xff", b"\x7f\0\x80\xff"),
        (1, 0, HALF, HALF, CLEAR),  # background: cleared afterwards
        (2, 0, HALF, HALF, RED),  # previous: as if it had never been
    ],
)
def test_apng_blending_and_disposal(
    dispose: int, blend: int, pixel: bytes, inside: bytes, after: bytes
) -> None:
    frames = [
        ((0, 0, 4, 3, 0, 0), RED),
        ((1, 1, 2, 2, dispose, blend), pixel),
        ((3, 0, 1, 1, 0, 1), CLEAR),
    ]
    first, second, third = frames_of(apng((4, 3), 6, frames))
    assert (first == list(RED)).all()
    for frame, wanted in ((second, inside), (third, after)):
        assert (frame[1:, 1:3] == list(wanted)).all()
        assert (frame[0] == list(RED)).all()
        assert (frame[:, 0] == list(RED)).all()


@pytest.mark.parametrize(
    ("dispose", "width", "layout"),
    [(0, 2, "rgb"), (1, 2, "rgb+alpha"), (1, 4, "rgb"), (2, 2, "rgb+alpha"), (2, 4, "rgb")],
)
def test_apng_has_alpha_only_where_the_canvas_is_seen(
    dispose: int, width: int, layout: str
) -> None:
    frames = [
        ((0, 0, 4, 3, dispose, 0), b"\1\2\3"),
        ((0, 0, width, 3, 0, 0), b"\4\5\6"),
    ]
    film = film_of(apng((4, 3), 2, frames))
    assert [header.layout for header in film.headers] == [layout] * 2
    last = list(film.shots(0))[-1].image
    assert last.samples[0, 0, :3].tolist() == [4, 5, 6]
    if layout == "rgb+alpha":
        assert last.samples[0, :, 3].tolist() == [255, 255, 0, 0]


def test_apng_shows_a_hole_that_comes_back() -> None:
    frames = [
        ((0, 0, 4, 3, 1, 0), b"\1\2\3"),
        ((0, 0, 4, 3, 2, 0), b"\4\5\6"),
        ((0, 0, 2, 3, 0, 0), b"\7\7\7"),
    ]
    film = film_of(apng((4, 3), 2, frames))
    assert {header.layout for header in film.headers} == {"rgb+alpha"}
    last = list(film.shots(0))[-1].image
    assert last.samples[0, :, 3].tolist() == [255, 255, 0, 0]


def test_the_first_frame_of_an_apng_fills_the_canvas() -> None:
    frames = [((0, 0, 4, 2, 0, 0), b"\1\2\3"), ((0, 0, 4, 3, 0, 0), b"\4\5\6")]
    with pytest.raises(InputError, match="the first frame of the PNG does not fill its canvas"):
        film_of(apng((4, 3), 2, frames))


def test_apng_over_mixes_as_the_specification_says_in_16_bits() -> None:
    from convcli.io.apng_read import _over

    rng = np.random.default_rng(7)
    below, above = rng.integers(0, 65536, (2, 50, 50, 4)).astype(np.uint16)
    mixed = _over(below, above)
    under, upper = below / 65535, above / 65535
    alpha = upper[..., 3:] + under[..., 3:] * (1 - upper[..., 3:])
    colour = upper[..., :3] * upper[..., 3:] + under[..., :3] * under[..., 3:] * (
        1 - upper[..., 3:]
    )
    wanted = np.concatenate([colour / alpha, alpha], axis=2) * 65535
    assert np.abs(mixed - wanted).max() <= 0.5 + 1e-6


@pytest.mark.parametrize(
    ("sound", "wrong", "said"),
    [
        (b"acTL\0\0\0\3", b"acTL\0\0\0\4", "4 frames"),
        (b"fdAT\0\0\0\2", b"fdAT\0\0\0\5", "out of order"),
        (struct.pack(">IIII", 2, 2, 1, 1), struct.pack(">IIII", 2, 2, 3, 1), "canvas"),
    ],
)
def test_a_broken_apng_is_refused(sound: bytes, wrong: bytes, said: str) -> None:
    frames = [((0, 0, 4, 3, 0, 0), RED), *[((1, 1, 2, 2, 0, 0), CLEAR)] * 2]
    broken = bytearray(apng((4, 3), 6, frames).replace(sound, wrong))
    at = 8
    while at < len(broken):  # checksums are right: it is the frames that are wrong
        (length,) = struct.unpack_from(">I", broken, at)
        end = at + 8 + length
        struct.pack_into(">I", broken, end, zlib.crc32(broken[at + 4 : end]))
        at = end + 4
    with pytest.raises(InputError, match=rf"x\.png .*{said}"):
        film_of(bytes(broken), "x.png")


@pytest.mark.parametrize("layout", ["grey+alpha", "rgb", "rgb+alpha"])
def test_gif_reduces_what_it_cannot_hold_and_says_so(layout: Layout) -> None:
    from convcli.io import losses

    image = picture(layout, rows=40, columns=40)
    said = " ".join(losses(image, "GIF"))
    assert ("256 colours" in said) == layout.startswith("rgb")
    assert ("half-transparent" in said) == image.alpha
    back = frames_of(encode(image, "GIF"))[0].astype(int)
    wanted = image.samples.astype(int)
    if image.alpha:
        np.testing.assert_array_equal(back[..., -1], np.where(wanted[..., -1] < 128, 0, 255))
        back, wanted = back[wanted[..., -1] >= 128], wanted[wanted[..., -1] >= 128]
    gap = np.abs(back - wanted)[..., : 1 if layout.startswith("grey") else 3]
    assert gap.max() <= (1 if layout.startswith("grey") else 128)
    assert gap.mean() < 20


def test_256_colours_in_a_gif_are_exact() -> None:
    array = np.stack([np.arange(256, dtype=np.uint8)] * 3, axis=1).reshape(16, 16, 3).copy()
    array[..., 1] = 255 - array[..., 0]
    from convcli.io import losses

    assert losses(Image(array, "rgb"), "GIF") == ()
    np.testing.assert_array_equal(frames_of(encode(Image(array, "rgb"), "GIF"))[0], array)
    array[0, 0] = 9
    clear = np.concatenate([array, np.full((16, 16, 1), 255, np.uint8)], axis=2)
    assert len(losses(Image(clear, "rgb+alpha"), "GIF")) == 1


@pytest.mark.parametrize("form", ["PNG", "GIF", "WEBP", "TIFF"])
def test_frames_that_are_too_many_together_are_refused(form: str) -> None:
    count = TOGETHER + 1
    payload = joined([picture(rows=10, columns=10)] * count, form)
    assert len(film_of(payload, max_pixels=107).headers) == count  # 17 * 100 <= 16 * 107
    with pytest.raises(InputError, match=rf"x is too large: {count} frames .* {TOGETHER} times"):
        film_of(payload, max_pixels=100)
    with pytest.raises(InputError, match=r"10 x 10 = .* megapixels"):
        film_of(payload, max_pixels=99)


def test_files_of_very_many_frames_are_refused() -> None:
    one = joined([picture("grey", rows=1, columns=1)] * 2, "GIF")
    frame = one[one.index(b"\x21\xf9", 20) : -1]
    many = one[:-1] + frame * (MOST // 2) + b"\x3b"
    with pytest.raises(InputError, match=r"x has 10,002 frames; the limit is 10,000"):
        film_of(many)


def test_rounding_durations_does_not_add_up() -> None:
    from convcli.io.reel import Ticks

    ticks = Ticks(100, 65535)
    assert [ticks.of(Fraction(1, 30)) for _ in range(6)] == [3, 4, 3, 3, 4, 3]
    assert [Ticks(100, 65535).of(Fraction(n, 1000)) for n in (0, 1, 10**6)] == [0, 1, 65535]


@pytest.mark.parametrize("seconds", [Fraction(1, 1000), Fraction(10**4)])
def test_a_duration_beyond_the_format_takes_nothing_from_the_next(seconds: Fraction) -> None:
    from convcli.io.reel import Ticks

    ticks = Ticks(100, 65535)
    for _ in range(20):
        ticks.of(seconds)
    assert ticks.of(Fraction(1, 10)) == 10


def test_a_tiff_of_pages_ends_where_its_offsets_end() -> None:
    film = Film((probe(encode(picture(), "TIFF"), "x"),) * 2, lambda _: iter(()))
    joiner = reel("TIFF", film)
    stream = BytesIO()
    tifffile.imwrite(stream, samples("grey")[..., 0], bigtiff=True)
    with pytest.raises(OutputError, match="larger than 4 GiB"):
        joiner.add(stream.getvalue(), Fraction(1))


def test_a_webp_of_frames_ends_where_its_length_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    one = encode(picture(), "WEBP")
    film = Film((probe(one, "x"),) * 2, lambda _: iter(()))
    monkeypatch.setattr(webp_reel, "_ROOM", 2 * len(one))
    for frames in (1, 3):
        joiner = reel("WEBP", film)
        for _ in range(frames):
            joiner.add(one, Fraction(1))
        if frames == 1:
            assert joiner.close()[:4] == b"RIFF"
        else:
            with pytest.raises(OutputError, match="larger than 4 GiB, where a WebP"):
                joiner.close()


PILLOWS = re.compile(
    "over_near|dispose_op_previous(_region)?.png|16bit|(grayscale|1bit)_alpha|iss634.a"
)
"""Where Pillow's own frames are wrong: half-transparent ones laid over others, and disposals."""


@pytest.mark.parametrize(
    "name",
    sorted(
        path.name
        for path in (CORPUS / "valid" / "pillow").glob("*")
        if path.name.startswith(("apng__", "dispose_", "iss634", "duplicate_frame", "different_tr"))
    ),
)
def test_other_peoples_films_look_as_pillow_shows_them(name: str) -> None:
    payload = (CORPUS / "valid" / "pillow" / name).read_bytes()
    frames = [shot.image for shot in film_of(payload, name).shots(0)]
    if PILLOWS.search(name):
        ends_green = name.startswith(("apng__dispose_op", "apng__blend_op"))
        assert not ends_green or frames[-1].samples[9, 9].tolist() == [0, 255, 0, 255]
        return
    for image, wanted in zip(frames, pillow_frames(payload, "RGBA"), strict=True):
        assert image.samples.dtype == np.uint8
        found = image.samples
        if found.shape[2] < 3:
            found = np.concatenate([found[..., :1]] * 3 + [found[..., 1:]], axis=2)
        seen = wanted[..., 3] > 0
        np.testing.assert_array_equal(found[..., :3][seen], wanted[..., :3][seen])
        if image.alpha:
            np.testing.assert_array_equal(found[..., 3], wanted[..., 3])
