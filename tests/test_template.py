"""Search by a crop: `template:FILE` and `--normalize`, beside OpenCV's matchTemplate."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from convcli import apply
from convcli.cli.main import run
from convcli.errors import InputError, KernelError, UsageError
from convcli.kernels.exchange import write
from convcli.kernels.kernel import Bias, Kernel, Recipe
from convcli.pixels import Best, Clipped
from convcli.template import find

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RNG = np.random.default_rng(11)
COLOURS = ndimage.gaussian_filter(RNG.uniform(0, 255, (60, 70, 3)), (1.5, 1.5, 0))
COLOURS = ((COLOURS - COLOURS.min()) * (255 / np.ptp(COLOURS))).astype(np.uint8)
GREY = COLOURS[..., 1].copy()
ROW, COLUMN, HIGH, WIDE = 17, 31, 9, 12


def crop(image: NDArray[Any]) -> NDArray[Any]:
    return image[ROW : ROW + HIGH, COLUMN : COLUMN + WIDE].copy()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, image in (("grey", GREY), ("rgb", COLOURS)):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
        Image.fromarray(crop(image)).save(tmp_path / f"{name}-crop.png")
    return tmp_path


def scores(image: NDArray[Any], kernel: str | Recipe, normalize: str, **more: Any) -> NDArray[Any]:
    """Plain scores -1 .. 1: floats in, floats out."""
    given: dict[str, Any] = {"extent": "valid", "range": "clip", **more}
    return apply(image.astype(np.float64), kernel, normalize=normalize, **given)


def matched(image: NDArray[Any], method: str) -> NDArray[Any]:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed here")
    return cv2.matchTemplate(image, crop(image), getattr(cv2, method))  # type: ignore[no-any-return]  # of OpenCV


METHODS = {
    "ncc": ("TM_CCOEFF_NORMED", ""),
    "ncc of the raw crop": ("TM_CCOEFF_NORMED", ",raw"),
    "ccorr": ("TM_CCORR_NORMED", ",raw"),
    "none": ("TM_CCORR", ",raw"),
}


@pytest.mark.parametrize("word", METHODS)
@pytest.mark.parametrize(("name", "image"), [("grey", GREY), ("rgb", COLOURS)])
def test_scores_are_those_of_opencv(name: str, image: NDArray[Any], word: str, files: Path) -> None:
    (method, raw), normalize = METHODS[word], word.split(maxsplit=1)[0]
    ours = scores(image, f"template:{files / name}-crop.png{raw}", normalize)
    expected = matched(image, method)
    assert ours.squeeze().shape == expected.shape
    # OpenCV computes with float32; `exact` below is the stricter witness.
    rtol, atol = (1e-6, 0.0) if normalize == "none" else (0.0, 1e-5)
    np.testing.assert_allclose(ours.squeeze(), expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize(("name", "image"), [("grey", GREY), ("rgb", COLOURS)])
def test_without_normalize_it_is_the_matched_filter_of_unit_size(
    name: str, image: NDArray[Any], files: Path
) -> None:
    ours = scores(image, f"template:{files / name}-crop.png", "none").squeeze()
    centred = crop(image).astype(float) - crop(image).mean(axis=(0, 1))
    expected = matched(image, "TM_CCOEFF") / np.sqrt((centred**2).sum())
    np.testing.assert_allclose(ours, expected, rtol=0, atol=5e-3)
    assert ours[ROW, COLUMN] == pytest.approx(np.sqrt((centred**2).sum()), rel=1e-12)


def exact(image: NDArray[Any], part: NDArray[Any]) -> NDArray[Any]:
    """Window by window, in the plainest way; 0 where nothing varies."""
    rows, columns = (n - m + 1 for n, m in zip(image.shape[:2], part.shape[:2], strict=True))
    out = np.zeros((rows, columns))
    w = part.astype(float) - part.mean()
    for i in range(rows):
        for j in range(columns):
            x = image[i : i + part.shape[0], j : j + part.shape[1]].astype(float)
            x = x - x.mean()
            size = np.sqrt((w * w).sum() * (x * x).sum())
            out[i, j] = (w * x).sum() / size if (x != 0).any() else 0.0
    return out


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("engine", ["direct", "auto"])
def test_scores_are_exact_in_every_type(dtype: str, engine: str) -> None:
    image = GREY.astype(dtype) * (257 if dtype == "uint16" else 1)
    if dtype.startswith("float"):
        image /= 255
    ours = apply(
        image, crop(image), operation="correlate", normalize="ncc", extent="valid", range="clip",
        depth="float", engine=engine,
    )  # fmt: skip
    # Plain numbers as floats have no white: a perfect match is 1. 8 and 16 bits become float32.
    bound = 1e-12 if dtype == "float64" else 1e-7
    np.testing.assert_allclose(ours, exact(image, crop(image)), rtol=bound, atol=bound)


def test_a_nearly_flat_window_of_16_bits_is_scored_exactly() -> None:
    image = np.full((40, 40), 65_535, np.uint16)
    image[20, 20] -= 1
    image[5, 30] -= 1
    part = image[15:26, 15:26]
    ours = apply(image.astype(np.float64), part.astype(np.float64), operation="correlate",
                 normalize="ncc", extent="valid")  # fmt: skip
    np.testing.assert_allclose(ours, exact(image, part), atol=1e-9)
    assert ours[15, 15] == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("engine", ["direct", "auto"])
def test_a_large_nearly_flat_window_of_16_bits_is_scored_exactly(engine: str) -> None:
    # 52 900 cells of 65535: their sum of squares times their number is beyond 2**63.
    image = np.full((231, 231), 65_535, np.uint16)
    image[100, 100] -= 1
    ours = apply(image, image[:230, :230].astype(float), operation="correlate", normalize="ncc",
                 extent="valid", range="clip", depth="float", engine=engine)  # fmt: skip
    assert ours[0, 0] == 1
    np.testing.assert_allclose(ours, exact(image, image[:230, :230]), atol=1e-7)


def test_a_window_is_scored_whatever_lies_beside_it() -> None:
    image = RNG.integers(0, 5, (60, 60)).astype(np.uint32)
    alone = apply(image[:, :30], image[:9, :9].astype(float), normalize="ncc", extent="valid",
                  range="clip", depth="float")  # fmt: skip
    image[:, 40:] = 4_294_967_295
    both = apply(image, image[:9, :9].astype(float), normalize="ncc", extent="valid",
                 range="clip", depth="float")  # fmt: skip
    assert (both[:, : alone.shape[1]] == alone).all()


def test_flat_windows_score_nothing() -> None:
    image = np.full((30, 30), 0.1)
    image[:, 20:] = RNG.uniform(0, 1, (30, 10))
    part = image[4:9, 22:27]
    ours = apply(image, part, operation="correlate", normalize="ncc", extent="valid")
    assert (ours[:, :16] == 0).all()
    assert ours[4, 22] == pytest.approx(1)
    zeros = apply(np.zeros((9, 9)), [[1.0, 2.0]], normalize="ccorr")
    assert (zeros == 0).all()


def test_any_kernel_can_be_searched_for_at_the_end_of_a_chain() -> None:
    part = crop(GREY).astype(float)
    search = partial(apply, GREY, operation="correlate", normalize="ncc", extent="valid")
    ours = search("identity", part)
    assert (ours == np.floor(127.5 + 127.5 * exact(GREY, crop(GREY)) + 0.5 + 2.0**-20)).all()
    turned = apply(GREY, part[::-1, ::-1], normalize="ncc", extent="valid")
    assert (turned == ours).all()
    negative = search(-part).astype(int)
    assert abs(negative + ours - 255).max() <= 1


def test_no_score_is_beyond_a_perfect_one() -> None:
    image = RNG.uniform(0, 1, (40, 40))
    for row in range(30):
        part = image[row : row + 7, row : row + 9]
        ours = apply(image, part, operation="correlate", normalize="ncc", extent="valid")
        assert abs(ours).max() <= 1
        assert ours[row, row] == pytest.approx(1, abs=1e-14)


def test_a_negative_scale_turns_scores_and_bias_and_activation_follow() -> None:
    rows = tuple(map(tuple, crop(GREY).astype(float).tolist()))
    plain = Recipe("crop", (Kernel(rows),), operation="correlate")
    ours = scores(GREY, plain, "ncc")
    turned = scores(GREY, replace(plain, kernels=(Kernel(rows, -2.0),)), "ncc")
    np.testing.assert_array_equal(turned, -ours)
    lifted = scores(GREY, replace(plain, activation="relu", bias=Bias(-0.25)), "ncc")
    np.testing.assert_array_equal(lifted, (ours - 0.25).clip(min=0))


def test_a_crop_in_colours_is_scaled_as_one_filter(files: Path) -> None:
    kernel, part = f"template:{files / 'rgb-crop.png'},raw", crop(COLOURS).astype(float)
    white = np.full((HIGH, WIDE, 3), 1.0) * (1, 2, 4)
    for word in ("sum", "abs"):
        ours = apply(white, kernel, scale=word, extent="valid", range="clip", layout="rgb")
        assert ours.item() == pytest.approx((part * white).sum() / part.sum(), rel=1e-12)


def test_floats_keep_scores_as_they_are(files: Path) -> None:
    words = ["apply", str(files / "rgb.png"), "--normalize", "ncc", "-q", "--depth", "float"]
    words += ["-k", f"template:{files / 'rgb-crop.png'}", "--extent", "valid", "-o"]
    assert run([*words, str(files / "out.npy")]) == 0
    assert run([*words, str(files / "out.tif"), "--range", "clip"]) == 0
    expected = matched(COLOURS, "TM_CCOEFF_NORMED")
    for found in (np.load(files / "out.npy"), tifffile.imread(files / "out.tif")):
        np.testing.assert_allclose(found.squeeze(), expected, rtol=0, atol=1e-5)


def test_a_picture_of_scores_lies_around_middle_grey(files: Path) -> None:
    out = files / "out.png"
    words = ["apply", str(files / "rgb.png"), "-o", str(out), "--normalize", "ncc", "-q"]
    assert run([*words, "-k", f"template:{files / 'rgb-crop.png'}", "--extent", "valid"]) == 0
    picture = np.asarray(Image.open(out))
    assert picture.shape == (60 - HIGH + 1, 70 - WIDE + 1)
    assert picture[ROW, COLUMN] == 255
    expected = np.floor(127.5 + 127.5 * matched(COLOURS, "TM_CCOEFF_NORMED") + 0.5)
    assert abs(picture - expected).max() <= 1


@pytest.mark.parametrize("extent", ["same", "valid", "full"])
@pytest.mark.parametrize("name", ["grey", "rgb"])
def test_the_best_place_is_told_whatever_the_extent(
    name: str, extent: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(files / "out.png")
    words = ["apply", str(files / f"{name}.png"), "-o", out, "--normalize", "ncc"]
    kernel = f"template:{files / name}-crop.png"
    assert run([*words, "-k", kernel, "--extent", extent, "--verify"]) == 0
    told = capsys.readouterr().err
    assert f"best match at row {ROW}, column {COLUMN}: 1.000" in " ".join(told.split())


def test_tiles_bands_and_engines_do_not_show(files: Path) -> None:
    big = np.tile(COLOURS, (12, 12, 1))
    kernel = find(f"template:{files / 'rgb-crop.png'}")
    results = [
        apply(big, kernel, normalize="ncc", layout="rgb", engine=engine, jobs=jobs)
        for engine, jobs in (("direct", 1), ("direct", 2), ("auto", 2), ("fft", 1))
    ]
    for other in results[1:]:
        assert (other == results[0]).all()


def test_a_large_tiff_is_searched_in_bands(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = RNG.integers(0, 256, (4000, 900), np.uint8)
    tifffile.imwrite(files / "big.tif", image, rowsperstrip=16)
    Image.fromarray(image[333:340, 77:90]).save(files / "part.png")
    words = ["apply", str(files / "big.tif"), "-k", f"template:{files / 'part.png'}"]
    words += ["--normalize", "ncc", "-o"]
    for memory, name in (("1G", "whole.tif"), ("28M", "bands.tif")):
        assert run([*words, str(files / name), "--memory", memory, "-j", "1"]) == 0
        told = " ".join(capsys.readouterr().err.split())
        assert "best match at row 333, column 77: 1.000" in told
    assert "streamed in bands" in told
    assert (tifffile.imread(files / "whole.tif") == tifffile.imread(files / "bands.tif")).all()


def test_alpha_is_kept_and_does_not_count(files: Path) -> None:
    opaque = np.concatenate([COLOURS, np.full((60, 70, 1), 255, np.uint8)], axis=2)
    ours = apply(opaque, find(f"template:{files / 'rgb-crop.png'}"), normalize="ncc",
                 layout="rgb+alpha", range="signed")  # fmt: skip
    plain = apply(COLOURS, find(f"template:{files / 'rgb-crop.png'}"), normalize="ncc",
                  layout="rgb", range="signed")  # fmt: skip
    assert (ours[..., 0] == plain[..., 0]).all()
    assert (ours[..., 1] == 255).all()


def test_alpha_of_a_crop_is_no_channel_of_it(files: Path) -> None:
    part = crop(COLOURS)
    Image.fromarray(np.dstack([part, part[..., 0]])).save(files / "alpha.png")
    plain, clear = (find(f"template:{files / name}.png") for name in ("rgb-crop", "alpha"))
    assert clear.kernels == plain.kernels
    # Whole numbers and one scale: engines add them up exactly.
    assert all(kernel.integral for kernel in plain.kernels)


def test_of_equal_scores_the_first_in_reading_order_is_told() -> None:
    places = [Best(0.5, 0, 0), Best(1.0, 4, 1), Best(1.0, 3, 9), Best(1.0, 3, 2)]
    for order in permutations(places):
        found = Clipped()
        for best in order:
            found.add(Clipped(best=best))
        assert found.best == Best(1.0, 3, 2)


def test_what_cannot_be_searched_is_refused(files: Path) -> None:
    colour = find(f"template:{files / 'rgb-crop.png'}")
    with pytest.raises(KernelError, match="reads 3 channels, and is given 1"):
        apply(GREY, colour)
    Image.fromarray(np.full((5, 5), 9, np.uint8)).save(files / "flat.png")
    with pytest.raises(KernelError, match="is flat"):
        find(f"template:{files / 'flat.png'}")
    with pytest.raises(KernelError, match="is flat"):
        apply(GREY, "box", normalize="ncc")
    with pytest.raises(InputError):
        find(f"template:{files / 'missing.png'}")
    with pytest.raises(KernelError, match="'template:,raw' names no file"):
        find("template:,raw")
    with pytest.raises(KernelError, match=r"'sobel' is 2 filters\.\nName"):
        apply(GREY, "sobel", normalize="ncc")
    with pytest.raises(KernelError, match="--padding normalize changes the kernel"):
        apply(GREY, "gaussian:2", normalize="ncc", padding="normalize")
    with pytest.raises(UsageError, match="normalize 'nonsense'"):
        apply(GREY, "gaussian:2", normalize="nonsense")
    with pytest.raises(KernelError, match="channels of one filter"):
        write(colour, "vips")
    Image.fromarray(np.zeros((1001, 1000), np.uint8)).save(files / "large.png")
    with pytest.raises((KernelError, InputError)):
        find(f"template:{files / 'large.png'}")


def test_show_tells_of_a_template(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kernels", "show", f"template:{files / 'grey-crop.png'}"]) == 0
    told = capsys.readouterr().out
    for said in ("Template of 9 x 12", "correlate", "signed", "0: flat areas become 0"):
        assert said in told
