"""Exported kernels run by the programs they were written for, beside convcli's own results."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from convcli import apply
from convcli.kernels.exchange import write
from convcli.kernels.kernel import Kernel, Recipe
from convcli.kernels.library import find

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def is_imagemagick(program: str) -> bool:
    """Whether a name is that program's: Windows has a `convert` of its own, others a stand-in."""
    if shutil.which(program) is None:
        return False
    done = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
    return done.returncode == 0 and "ImageMagick" in done.stdout


CONVERT = next(filter(is_imagemagick, ("convert-im6.q16", "magick", "convert")), "ImageMagick")
IMAGE = np.random.default_rng(3).integers(0, 256, (24, 30), np.uint8)

EVEN = Recipe("even", (Kernel(((1.0, 2.0), (3.0, 4.0)), 0.1),), operation="convolve")
ASIDE = Recipe("aside", (Kernel(((1.0, 2.0, 3.0),), 0.125, anchor=(0, 0)),), operation="correlate")
KERNELS: dict[str, Recipe | str] = {
    **{name: name for name in ("box", "sharpen", "sobel-x", "kirsch-ne", "emboss", "binomial5")},
    "even": EVEN,
    "aside": ASIDE,
}


def needs(program: str) -> pytest.MarkDecorator:
    there = shutil.which(program) is not None
    return pytest.mark.skipif(not there, reason=f"{program} is not installed here")


def recipe(name: str) -> Recipe:
    found = KERNELS[name]
    return find(found) if isinstance(found, str) else found


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(IMAGE).save(tmp_path / "in.png")
    return tmp_path / "in.png"


def call(*words: str | Path) -> str:
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def exported(name: str, form: str) -> str:
    return write(recipe(name), form).data.decode().strip()


def floats(name: str, padding: str) -> NDArray[Any]:
    return apply(IMAGE.astype(np.float64), recipe(name), padding=padding)


def levels(name: str, padding: str) -> NDArray[Any]:
    return apply(IMAGE, recipe(name), padding=padding, range="clip").astype(int)


@needs(CONVERT)
@pytest.mark.parametrize("name", KERNELS)
def test_imagemagick_agrees_to_one_level(name: str, photo: Path) -> None:
    out = photo.with_name("out.png")
    kernel = exported(name, "imagemagick")
    edge = ("-virtual-pixel", "edge")
    call(CONVERT, photo, *edge, "-morphology", "Convolve", kernel, "-depth", "8", out)
    result = np.asarray(Image.open(out).convert("L")).astype(int)
    # Its 16 bits cut fractions off before they are rounded to 8.
    assert abs(result - levels(name, "edge")).max() <= 1


@needs("vips")
@pytest.mark.parametrize("name", KERNELS)
def test_vips_agrees_as_far_as_float32(name: str, photo: Path) -> None:
    matrix, out = photo.with_name("k.mat"), photo.with_name("out.tif")
    matrix.write_bytes(write(recipe(name), "vips").data)
    call("vips", "conv", photo, out, matrix)
    result = tifffile.imread(out)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, floats(name, "edge"), rtol=1e-6, atol=1e-4)


def run_ffmpeg(photo: Path, text: str) -> NDArray[Any]:
    out = photo.with_name("out.png")
    call("ffmpeg", "-v", "error", "-y", "-i", photo, "-vf", f"format=gray,{text}", out)
    return np.asarray(Image.open(out).convert("L")).astype(int)


def as_ffmpeg_divides(photo: Path, found: Recipe) -> Recipe:
    """FFmpeg 5.1.9 ignores rdiv: the numbers are right there, their factor is 1 / sum."""
    dark = run_ffmpeg(photo, "convolution=0m='0 0 0 0 1 0 0 0 0':0rdiv=0.5")
    if (dark < IMAGE).any():
        return found
    total = sum(map(sum, found.kernel.matrix)) or 1.0
    return replace(found, kernels=(replace(found.kernel, scale=1 / total),))


@needs("ffmpeg")
@pytest.mark.parametrize("name", KERNELS)
def test_ffmpeg_agrees_to_the_bit_away_from_the_edges(name: str, photo: Path) -> None:
    result = run_ffmpeg(photo, exported(name, "ffmpeg"))
    kernel = as_ffmpeg_divides(photo, recipe(name))
    ours = apply(IMAGE, kernel, padding="edge", range="clip").astype(int)
    inside = (slice(2, -2), slice(2, -2))
    # Its factors are float32, so a half may fall to either side; no other sample differs.
    sums = apply(IMAGE.astype(np.float64), kernel, padding="edge")
    halves = abs(sums % 1 - 0.5)[inside] < 1e-5
    differ = abs(result - ours)[inside]
    assert differ[~halves].max() == 0
    assert differ.max() <= 1


@needs("gmic")
@pytest.mark.parametrize("name", KERNELS)
def test_gmic_agrees_as_far_as_float32(name: str, photo: Path) -> None:
    out = photo.with_name("out.tif")
    words = (exported(name, "gmic"), "correlate[0]", "[1]", "keep[0]", "output", f"{out},float")
    call("gmic", "-v", "-1", photo, *words)
    np.testing.assert_allclose(tifffile.imread(out), floats(name, "edge"), rtol=1e-6, atol=1e-4)


SHOW = ("-define", "showkernel=1", "-morphology", "Convolve:0")
NAMES = [
    *("Unity", "Gaussian:0x1", "Gaussian:2x1", "Gaussian:0x2.5", "Gaussian:0x0.6", "Binomial:2"),
    *(f"Laplacian:{kind}" for kind in (0, 1, 2, 3, 5, 7, 15, 19)),
    *("Sobel", "Sobel:45", "Sobel:270", "Roberts", "Roberts:135", "Prewitt:90", "Compass:225"),
    *("Kirsch", "Sobel:@", "Kirsch:@", "Prewitt:>", "Roberts:@", "Binomial"),
    *("2x2+0+0>: 1,2,3,4", "3x3@: 1,2,3 4,5,6 7,8,9", "3x3<: 1,2,3 4,5,6 7,8,9", "3x1<: 1,2,3"),
    *("3x1+0+0>: 1,2,3", "3x3>: 0,1,0 1,2,1 0,1,0", "3: 1,2,3 4,nan,6 7,-,9", "1,2,3 4,5,6 7,8,9"),
    *("3x2+2+1: 1,2,3 4,5,6", "2: 1,2 3,4; 3: 0,1,0 1,1,1 0,1,0"),
]


@needs(CONVERT)
@pytest.mark.parametrize("text", NAMES)
def test_kernels_of_imagemagick_are_read_as_it_reads_them(text: str) -> None:
    told = call(CONVERT, "xc:", *SHOW, text, "null:")
    kernels = find(f"im:{text}").kernels
    assert [size(kernel) for kernel in kernels] == re.findall(r"of size (\S+) with", told)
    rows = re.findall(r"^ *\d+: (.*)$", told, re.MULTILINE)
    printed = [float(cell) for row in rows for cell in row.replace("nan", "0").split()]
    ours = [cell for kernel in kernels for row in kernel.weights for cell in row]
    np.testing.assert_allclose(ours, printed, rtol=1e-5)


def size(kernel: Kernel) -> str:
    row, column = kernel.center
    return f"{kernel.columns}x{kernel.rows}+{column}+{row}"


@needs(CONVERT)
def test_a_list_of_imagemagick_is_the_greatest_with_lighten(photo: Path) -> None:
    out = photo.with_name("out.png")
    compose = ("-virtual-pixel", "edge", "-define", "morphology:compose=Lighten")
    call(CONVERT, photo, *compose, "-morphology", "Convolve", "Kirsch:@", "-depth", "8", out)
    result = np.asarray(Image.open(out).convert("L")).astype(int)
    ours = apply(IMAGE, "im:Kirsch:@", padding="edge").astype(int)
    assert abs(result - ours).max() <= 1
