"""Real files of other projects: each is read, or refused in one sentence, as its manifest says."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import tifffile
from io_pictures import CORPUS, png_file, slow_png
from PIL import Image as PillowImage
from PIL import ImageOps

from convcli.errors import InputError
from convcli.io import Image, decode, probe
from convcli.io.orientation import exif_orientation, xmp_orientation

HERE = pytest.mark.skipif(not CORPUS.is_dir(), reason="shared test data is not here")
LIMIT = 150_000_000

# Files that Pillow can't read, or not rightly, and convcli can; each was looked at.
READ_ANYWAY = {
    "unsupported/image-rs__images__tiff__testsuite__rgb32f_bw.tiff": "float RGB",
    "unsupported/image-rs__images__tiff__testsuite__rgb32f_color.tiff": "float RGB",
    "unsupported/pillow__hopper_webp.tif": "WebP within TIFF",
    "hostile/image-rs/bad__tiff__TODO_hpredict_cmyk.tiff": "sound; image-rs has yet to read it",
    "hostile/pillow/apng__chunk_no_fctl.png": "only the animation is damaged, not the picture",
    "hostile/pillow/hopper_unknown_pixel_mode.tif": "32-bit RGB, read as numbers",
}
# Colour that Pillow converts otherwise: by no profile, by rounding down, or not at all.
OTHERWISE = ("CMYK converted", "LAB converted", "colour divided", "12-bit", "taken as numbers")


def files() -> list[dict[str, Any]]:
    if not CORPUS.is_dir():
        return []
    listed: list[dict[str, Any]] = json.loads((CORPUS / "manifest.json").read_bytes())["files"]
    return listed


def group(name: str) -> list[str]:
    if not CORPUS.is_dir():
        return []
    listed: list[str] = json.loads((CORPUS / "groups.json").read_bytes())[name]["files"]
    return listed


def read(file: str) -> Image:
    return decode((CORPUS / file).read_bytes(), file, max_pixels=LIMIT)


def refused(file: str) -> InputError:
    with pytest.raises(InputError) as caught:
        decode((CORPUS / file).read_bytes(), file, max_pixels=LIMIT)
    error = caught.value
    assert file in error.message
    assert error.hint
    assert "\n" not in error.message
    return error


@HERE
def test_the_corpus_is_whole() -> None:
    assert len(files()) > 1100


@HERE
@pytest.mark.parametrize("entry", files(), ids=lambda entry: entry["file"])
def test_each_file_is_read_or_refused_as_it_must(
    entry: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    file, must = entry["file"], entry["must"]
    payload = (CORPUS / file).read_bytes()
    if must == "process" or file in READ_ANYWAY:
        image, header = read(file), probe(payload, file)
        assert (header.height, header.width, header.channels) == image.samples.shape
        assert (header.dtype, header.layout) == (image.samples.dtype.name, image.layout)
        assert header.bytes == len(payload)
    elif must.startswith("process") or "or process" in must:
        try:
            read(file)
        except InputError as error:
            assert file in error.message  # noqa: PT017 - either is right, silence is not
    else:
        said = refused(file).message
        if "too large" in must and not file.endswith(".icns"):  # a kind that is not read at all
            assert "too large" in said
    assert capfd.readouterr() == ("", "")


def seen_by_pillow(payload: bytes, layout: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = ImageOps.exif_transpose(PillowImage.open(BytesIO(payload)))
        mode = {"grey": "L", "grey+alpha": "LA", "rgb": "RGB", "rgb+alpha": "RGBA"}[layout]
        plain = picture.mode in {"I", "F"} or picture.mode.startswith("I;16")
        array = np.asarray(picture if plain else picture.convert(mode))
    return array.reshape(*array.shape[:2], -1)


@HERE
def test_samples_are_those_of_pillow_where_it_is_right() -> None:
    compared = 0
    for entry in files():
        file = entry["file"]
        if not file.startswith("valid/"):
            continue
        payload, image = (CORPUS / file).read_bytes(), read(file)
        if payload.startswith(b"\x89PNG") or any(
            words in note for note in image.notes for words in OTHERWISE
        ):
            continue
        seen = seen_by_pillow(payload, image.layout)
        samples = image.samples
        if samples.dtype == np.uint16 and seen.dtype == np.uint8:
            samples = samples >> 8  # what Pillow does in silence
        np.testing.assert_array_equal(samples, seen, err_msg=file)
        compared += 1
    assert compared > 300


@HERE
def test_png_samples_are_those_of_the_book() -> None:
    compared = 0
    for entry in files():
        file = entry["file"]
        payload = (CORPUS / file).read_bytes()
        small = entry.get("size") and entry["size"][0] * entry["size"][1] < 20_000
        if file.startswith("valid/") and payload.startswith(b"\x89PNG") and small:
            image = read(file)
            if "orientation" in " ".join(image.notes):
                continue
            np.testing.assert_array_equal(image.samples, slow_png(payload), err_msg=file)
            compared += 1
    assert compared > 200


@HERE
@pytest.mark.parametrize("file", group("deep_colour_16bit"))
def test_sixteen_bits_stay_sixteen(file: str) -> None:
    image = read(file)
    assert image.samples.dtype == np.uint16
    assert (image.samples & 0xFF != image.samples >> 8).any() or "png" in file
    notes = " ".join(image.notes)
    if file.endswith((".tif", ".tiff")) and not any(words in notes for words in OTHERWISE):
        stored = tifffile.imread(CORPUS / file)
        if stored.shape != image.samples.shape:
            stored = np.moveaxis(stored, 0, -1)
        np.testing.assert_array_equal(image.samples, stored)


@HERE
@pytest.mark.parametrize("file", group("exif_orientation"))
def test_a_turned_file_is_upright_and_says_so_no_more(file: str) -> None:
    image = read(file)
    assert any(note.startswith("orientation") for note in image.notes) or "rot0" in file
    assert exif_orientation(image.metadata.exif) in {None, 1}
    assert xmp_orientation(image.metadata.xmp) in {None, 1}


@HERE
@pytest.mark.parametrize("kind", ["Landscape", "Portrait"])
def test_the_nine_photographs_show_one_scene(kind: str) -> None:
    folder = "valid/exif-orientation"
    first = read(f"{folder}/{kind}_1.jpg").samples[::8, ::8].astype(float)
    for turn in (0, *range(2, 9)):
        other = read(f"{folder}/{kind}_{turn}.jpg").samples[::8, ::8].astype(float)
        assert other.shape == first.shape
        # Each bears its own number, drawn small; everything else is the same scene.
        assert np.median(np.abs(other - first)) < 6


@HERE
@pytest.mark.parametrize(
    ("name", "words"),
    [("palette", "palette decoded"), ("one_bit", "1-bit decoded"), ("multi_frame", " of ")],
)
def test_what_was_changed_is_said(name: str, words: str) -> None:
    for file in group(name):
        notes = " ".join(read(file).notes)
        assert words in notes, f"{file}: {notes}"


@HERE
def test_profiles_are_kept_or_their_loss_is_said() -> None:
    for file in group("icc"):
        image = read(file)
        assert image.metadata.icc or "profile" in " ".join(image.notes), file


MEMORY = """
import resource, sys, convcli.io, numpy, imagecodecs, tifffile, PIL.Image
imagecodecs.png_decode
data = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    convcli.io.decode(data, sys.argv[1], max_pixels=10**8)
except convcli.errors.InputError as error:
    assert "too large" in error.message, error
else:
    raise SystemExit("was decoded")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def huge(name: str) -> bytes:
    """A header of 60000 x 60000 pixels and next to nothing behind it."""
    if name == "x.png":
        return png_file((60000, 60000, 16, 6, 0), bytes(1 << 20))
    if name == "x.tif":
        stream = BytesIO()
        tifffile.imwrite(stream, np.zeros((8, 8), np.uint8), metadata=None)
        payload = bytearray(stream.getvalue())
        for code in (256, 257, 278):
            at = tifffile.TiffFile(BytesIO(bytes(payload))).pages[0].tags[code].valueoffset  # type: ignore[union-attr]  # a page, not a frame
            payload[at : at + 2] = (60000).to_bytes(2, "little")
        return bytes(payload)
    stream = BytesIO()
    PillowImage.new("RGB", (8, 8)).save(stream, {"x.jpg": "JPEG", "x.bmp": "BMP"}[name])
    payload = bytearray(stream.getvalue())
    if name == "x.jpg":
        at = payload.index(b"\xff\xc0") + 5
        payload[at : at + 4] = (60000).to_bytes(2, "big") * 2
    else:
        payload[18:26] = (60000).to_bytes(4, "little") * 2
    return bytes(payload)


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.jpg", "x.bmp"])
def test_a_huge_header_is_refused_before_memory_is_touched(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, name], input=huge(name), capture_output=True, check=False
    )
    assert done.stderr == b""
    assert int(done.stdout) < 20_000  # kilobytes
