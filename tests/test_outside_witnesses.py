"""Second opinions: other libraries on the same random images, kernels and borders."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from reference import run, stage_of
from scipy import ndimage, signal

from convcli.padding import PADDING_ALIASES, Padding
from convcli.spec import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from convcli.spec import Extent

    Values = NDArray[np.float64]

CLOSE: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-13}
"""Samples lie in 0..1 and weights in -1..1; a sum that cancels keeps the error of its terms."""

ROW = np.array([10.0, 20, 30, 40, 50, 60])
SHAPES = [*product((1, 2, 5, 9), (1, 3, 8))]
KERNELS = [*product(range(1, 7), range(1, 7))]


def noise(*shape: int) -> Values:
    return np.random.default_rng([*shape]).random(shape)


def weights(*shape: int) -> Values:
    return np.random.default_rng([7, *shape]).uniform(-1, 1, shape)


def installed(library: str) -> Any:
    """A library that only this test asks, and that nobody is made to install."""
    return pytest.importorskip(library, reason=f"{library} is not installed")


# --- borders, by the other library's word -------------------------------------------------------


def _numpy(mode: Any) -> Values:
    return np.pad(ROW, 4, mode=mode)


def _scipy(mode: Any) -> Values:
    # One tap four samples to either side reads the border.
    before, after = np.eye(9)[[0, 8]]
    left, right = (ndimage.correlate1d(ROW, taps, mode=mode) for taps in (before, after))
    return np.concatenate([left[:4], ROW, right[2:]])


def _opencv(mode: str) -> Values:
    cv2 = installed("cv2")
    border = getattr(cv2, f"BORDER_{mode.upper()}")
    return np.array(cv2.copyMakeBorder(ROW[None], 0, 0, 4, 4, border)[0], np.float64)


def _torch(mode: str) -> Values:
    torch = installed("torch")
    word = "constant" if mode == "zeros" else mode
    row = torch.nn.functional.pad(torch.from_numpy(ROW)[None], (4, 4), mode=word)
    return np.asarray(row[0], np.float64)


LIBRARIES: dict[str, Callable[[str], Values]] = {
    "numpy": _numpy,
    "scipy": _scipy,
    "opencv": _opencv,
    "torch": _torch,
}


@pytest.mark.parametrize("alias", PADDING_ALIASES)
def test_an_alias_pads_as_its_library_does(alias: str) -> None:
    library, _, mode = alias.partition(":")
    here = Stage(np.ones((1, 1, 1, 1)), (0, 0), padding=Padding.parse(alias), pad_by=(0, 4, 0, 4))
    assert run(ROW, here).tolist() == LIBRARIES[library](mode).tolist()


def test_every_library_is_asked() -> None:
    assert {alias.partition(":")[0] for alias in PADDING_ALIASES} == {*LIBRARIES}


# --- SciPy and NumPy ----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["nearest", "mirror", "reflect", "grid-wrap", "constant"])
@pytest.mark.parametrize("operation", ["correlate", "convolve"])
def test_scipy_ndimage(operation: str, mode: Any) -> None:
    theirs: Any = {"correlate": ndimage.correlate, "convolve": ndimage.convolve}[operation]
    padding = Padding.parse(f"scipy:{mode}")
    for kernel, shape in product(KERNELS, SHAPES):
        image, matrix = noise(*shape), weights(*kernel)
        # SciPy's centre is k//2 moved by `origin`, as written, for both operations.
        low, high = [-(k // 2) for k in kernel], [(k - 1) // 2 for k in kernel]
        for origin in ([0, 0], low, high, [low[0], high[1]]):
            anchor = (kernel[0] // 2 + origin[0], kernel[1] // 2 + origin[1])
            expected = theirs(image, matrix, mode=mode, origin=origin)
            stage = stage_of(matrix, operation, anchor=anchor, padding=padding)
            np.testing.assert_allclose(run(image, stage), expected, **CLOSE)


BOUNDARIES = {"constant:0.25": "fill", "symmetric": "symm", "wrap": "wrap"}


@pytest.mark.parametrize("extent", ["same", "full", "valid"])
@pytest.mark.parametrize("operation", ["correlate", "convolve"])
def test_scipy_signal(operation: str, extent: Extent) -> None:
    theirs: Any = {"correlate": signal.correlate2d, "convolve": signal.convolve2d}[operation]
    compared = 0
    for kernel, shape in product(KERNELS, SHAPES):
        if extent == "valid" and (kernel[0] > shape[0] or kernel[1] > shape[1]):
            continue  # SciPy swaps the two
        image, matrix = noise(*shape), weights(*kernel)
        for mode, boundary in BOUNDARIES.items():
            stage = stage_of(matrix, operation, extent=extent, padding=Padding.parse(mode))
            expected = theirs(image, matrix, mode=extent, boundary=boundary, fillvalue=0.25)
            np.testing.assert_allclose(run(image, stage), expected, **CLOSE)
            compared += 1
    assert compared == 3 * {"valid": 14 * 10}.get(extent, len(KERNELS) * len(SHAPES))


@pytest.mark.parametrize("extent", ["same", "full", "valid"])
def test_numpy_convolve_and_correlate(extent: Extent) -> None:
    compared = 0
    for size, taps in product(range(1, 12), range(1, 7)):
        if taps > size:
            continue  # NumPy swaps the two
        row, kernel = noise(size), weights(taps)
        wishes: dict[str, Any] = {"extent": extent, "padding": Padding("constant")}
        convolved = run(row, stage_of(kernel, "convolve", **wishes))
        np.testing.assert_allclose(convolved, np.convolve(row, kernel, extent), **CLOSE)
        # NumPy correlates by convolving with the turned kernel: its even centre is k//2.
        correlated = run(row, stage_of(kernel, "correlate", anchor=(0, taps // 2), **wishes))
        np.testing.assert_allclose(correlated, np.correlate(row, kernel, extent), **CLOSE)
        compared += 1
    assert compared == 1 + 2 + 3 + 4 + 5 + 6 * 6


# --- OpenCV -------------------------------------------------------------------------------------


@pytest.mark.parametrize("border", ["REFLECT_101", "REPLICATE", "REFLECT", "CONSTANT"])
def test_opencv_filter2d(border: str) -> None:
    cv2 = installed("cv2")
    padding = Padding.parse(f"opencv:{border}")
    for kernel, shape in product(KERNELS, [(7, 9), (6, 6), (12, 7)]):
        image, matrix = noise(*shape, 3), weights(*kernel)
        for anchor in {(0, 0), (kernel[0] // 2, kernel[1] // 2), (kernel[0] - 1, 0)}:
            stage = stage_of(matrix, "correlate", anchor=anchor, padding=padding)
            expected = cv2.filter2D(
                image, -1, matrix, anchor=anchor[::-1], borderType=getattr(cv2, f"BORDER_{border}")
            )
            np.testing.assert_allclose(run(image, stage), expected, **CLOSE)


# --- PyTorch ------------------------------------------------------------------------------------

LAYERS = [*product((1, 2, 3), (1, 2), (0, 1, 3), [(1, 1), (3, 2), (2, 5)])]
"""Stride, dilation, zeros on every side, rows and columns of the kernel."""


@pytest.mark.parametrize("grouped", [False, True])
def test_torch_conv2d(grouped: bool) -> None:  # noqa: FBT001 - pytest names it
    torch = installed("torch")
    image = noise(11, 12, 3)
    batch = torch.from_numpy(np.moveaxis(image, 2, 0)[None].copy())
    for stride, dilation, padding, kernel in LAYERS:
        bank, bias = weights(6 if grouped else 4, 1 if grouped else 3, *kernel), weights(6)
        layer = torch.nn.functional.conv2d(
            batch,
            torch.from_numpy(bank),
            torch.from_numpy(bias[: len(bank)]),
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=3 if grouped else 1,
        )
        expected = np.moveaxis(np.asarray(layer)[0], 0, 2)
        along: dict[str, Any] = {
            "padding": Padding("constant"),
            "pad_by": (padding,) * 4,
            "stride": (stride, stride),
            "dilation": (dilation, dilation),
        }
        if grouped:  # two filters of its own for each channel
            for channel in range(3):
                two = slice(2 * channel, 2 * channel + 2)
                stage = Stage(bank[two], (0, 0), (1.0,) * 2, tuple(bias[two].tolist()), **along)
                values = run(image[..., channel : channel + 1], stage)
                np.testing.assert_allclose(values, expected[..., two], **CLOSE)
        else:
            stage = Stage(bank, (0, 0), (1.0,) * 4, tuple(bias[:4].tolist()), **along)
            np.testing.assert_allclose(run(image, stage), expected, **CLOSE)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_torch_layer_with_its_own_padding(mode: str) -> None:
    torch = installed("torch")
    image = noise(6, 5)
    for size, dilation in product((1, 3, 5), (1, 2)):
        pad = (size - 1) * dilation // 2
        if pad >= 5:
            continue
        layer = torch.nn.Conv2d(
            1, 2, size, padding=pad, dilation=dilation, padding_mode=mode, dtype=torch.float64
        )
        with torch.no_grad():
            expected = np.moveaxis(np.asarray(layer(torch.from_numpy(image)[None, None]))[0], 0, 2)
            bank, bias = np.asarray(layer.weight), tuple(np.asarray(layer.bias).tolist())
        middle = (size - 1) // 2
        stage = Stage(bank, (middle, middle), (1.0, 1.0), bias, dilation=(dilation, dilation))
        stage = replace(stage, padding=Padding.parse(f"torch:{mode}"))
        np.testing.assert_allclose(run(image[..., None], stage), expected, **CLOSE)
