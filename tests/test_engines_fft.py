"""What only `fft` does: tiles in pairs, spectra that are kept, samples that are not for it."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from engine_cases import (
    EXTENTS,
    MODES,
    STRIDES,
    agree,
    filtered,
    fits,
    picture,
    placed,
    taps,
    whole,
)
from reference import nearest, reference
from scipy.signal import convolve2d

from convcli import engines
from convcli.engines import fft
from convcli.padding import Padding
from convcli.source import Filtered, Samples
from convcli.spec import Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECT = engines.engine("direct", engines.NUMPY)


def by_fft(image: NDArray[Any], stage: Stage) -> Filtered:
    constant = (stage.padding.value,) * image.shape[2]
    return Filtered(Samples(image), stage, engines.engine("fft", engines.NUMPY), constant)


@pytest.mark.parametrize("inputs", [1, 2])
@pytest.mark.parametrize("side", [1, 5, 8])
def test_tiles_and_their_pairs_never_show(
    side: int, inputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fft, "SIDE", side)
    monkeypatch.setattr(fft, "FAR", 2)
    axes = product(MODES, STRIDES, [(1, 1), (2, 1)], [(5, 7), (9, 4), (1, 13)])
    for seed, (mode, stride, dilation, shape) in enumerate(axes):
        image = picture(seed, "uint8", (*shape, 2))
        bank = taps(seed, (2, inputs, 3, 1 + seed % 4), mode)
        stage = Stage(bank, (1, 0), (1.0, 0.5), (0.0, 4.0), padding=Padding(mode, 40.0))
        stage = replace(stage, stride=stride, dilation=dilation, **placed(EXTENTS[2]))
        agree("fft", whole(by_fft(image, stage)), reference(image, stage), stage, image)


@pytest.mark.parametrize("mode", MODES)
def test_a_single_pixel(mode: str) -> None:
    image = np.array([[[200, 3, 0]]], np.uint8)
    for size in ((1, 1), (3, 3), (6, 5)):
        stage = Stage(taps(1, (1, 1, *size), mode), (0, 0), padding=Padding(mode, 7.0))
        for extent in EXTENTS:
            placing = replace(stage, **placed(extent))
            if fits(placing, image.shape):
                values = whole(by_fft(image, placing))
                agree("fft", values, reference(image, placing), placing, image)


def test_a_kernel_larger_than_image_and_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fft, "SIDE", 4)
    image = picture(3, "uint8", (9, 11, 1))
    kernel = taps(4, (23, 31), "edge")
    stage = Stage(kernel[None, None], (11, 15), padding=Padding("constant"), extent="full")
    expected = convolve2d(image[..., 0].astype(float), kernel[::-1, ::-1])[..., None]
    agree("fft", whole(by_fft(image, stage)), expected, stage, image)


def test_an_image_of_many_tiles() -> None:
    image = picture(5, "uint16", (1000, 470, 2))
    kernel = np.random.default_rng(2).random((41, 63))
    stage = Stage(kernel[None, None] / kernel.sum(), (20, 31))
    values = whole(by_fft(image, stage))
    picks = np.random.default_rng(3).integers(0, values.shape, (300, 3)).tolist()
    padded = np.pad(image.astype(float), ((20, 20), (31, 31), (0, 0)), "reflect")
    for y, x, c in picks:
        exact = float((padded[y : y + 41, x : x + 63, c] * stage.bank[0, 0]).sum())
        assert abs(values[y, x, c] - exact) <= 1e-12 * 65535
        assert nearest(values[y, x, c], 0, 65535) == nearest(exact, 0, 65535)


def test_rows_are_cut_into_two_tiles_for_one_transform(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(np.ones((1, 1, 11, 5)), (5, 2))
    fft.spectra(stage, 160, 105)
    shapes = []

    def transform(packed: NDArray[np.complex128], **_: bool) -> NDArray[np.complex128]:
        shapes.append(packed.shape)
        return np.fft.fft2(packed)

    monkeypatch.setattr(fft, "fft2", transform)
    whole(by_fft(np.zeros((300, 101, 3), np.uint8), stage))
    # 150 rows and 10 more are 160; 101 columns and 4 more are 105.
    assert shapes == [(3, 160, 105)]


# --- samples that are not for it ----------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e298, -1e308])
@pytest.mark.parametrize("row", [1, 13])
def test_tiles_that_are_not_finite_are_done_directly(
    row: int, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fft, "SIDE", 10)
    image = picture(1, "float64", (16, 5, 2))
    image[row, 2, 1] = value
    stage = Stage(taps(2, (1, 1, 3, 3), "edge"), (1, 1), (0.5,), padding=Padding("normalize"))
    stage = replace(stage, bank=abs(stage.bank) + 1e8)
    expected = whole(replace(by_fft(image, stage), engine=DIRECT))
    values = whole(by_fft(image, stage))
    # Two tiles of 8 rows: the one with the sample has the bits of direct, the other is as ever.
    touched = slice(0, 8) if row == 1 else slice(8, 16)
    np.testing.assert_array_equal(values[touched], expected[touched])
    other = slice(8, 16) if row == 1 else slice(0, 8)
    assert np.isfinite(values[other]).all()
    np.testing.assert_allclose(values[other], expected[other], rtol=1e-12)
    assert (values[other] != expected[other]).any()


def test_a_pair_of_tiles_that_are_not_finite() -> None:
    image = np.full((20, 20, 1), np.nan)
    stage = Stage(np.ones((1, 1, 3, 3)), (1, 1))
    assert np.isnan(whole(by_fft(image, stage))).all()


def test_weights_that_are_not_finite_are_added_directly() -> None:
    image = picture(1, "float64", (4, 4, 1))
    stage = Stage(np.array([[[[1.0, np.inf]]]]), (0, 0))
    expected = whole(replace(filtered("direct", image, stage), engine=DIRECT))
    np.testing.assert_array_equal(whole(by_fft(image, stage)), expected)


# --- spectra ------------------------------------------------------------------------------------


def test_spectra_are_computed_once_for_each_stage_and_size() -> None:
    fft.spectra.cache_clear()
    image = picture(1, "uint8", (30, 20, 3))
    stage = Stage(taps(2, (2, 1, 3, 3), "edge"), (1, 1), (1.0, 1.0), (0.0, 0.0))
    first = whole(by_fft(image, stage))
    assert fft.spectra.cache_info()[:2] == (0, 1)  # hits, misses
    assert whole(by_fft(image, stage)).tobytes() == first.tobytes()
    assert fft.spectra.cache_info()[:2] == (1, 1)
    twin = replace(stage, bank=2 * stage.bank)
    np.testing.assert_allclose(whole(by_fft(image, twin)), 2 * first, atol=1e-9)
    assert fft.spectra.cache_info()[:2] == (1, 2)
    with pytest.raises(ValueError, match="read-only"):
        fft.spectra(stage, 16, 16)[0, 0, 0, 0] = 1


def test_spectra_are_those_of_spread_taps() -> None:
    stage = Stage(np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), (0, 0), dilation=(2, 1))
    spread = np.zeros((6, 5))
    spread[:3:2, :2] = stage.bank[0, 0]
    np.testing.assert_allclose(fft.spectra(stage, 6, 5)[0, 0], np.fft.fft2(spread).conj())


def test_threads_get_the_same_bits() -> None:
    image = picture(1, "uint8", (60, 70, 3))
    for seed in range(5):
        stage = Stage(taps(seed, (1, 1, 9, 9), "edge"), (4, 4))
        with ThreadPoolExecutor(8) as pool:
            done = [*pool.map(whole, [by_fft(image, stage)] * 24)]
        assert len({values.tobytes() for values in done}) == 1


def test_scipy_is_imported_only_with_this_engine() -> None:
    probe = (
        "import sys; from convcli.engines import engine;"
        "engine('direct', 'numpy'), engine('separable', 'numpy');"
        "print('scipy' in sys.modules); engine('fft', 'numpy'); print('scipy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
