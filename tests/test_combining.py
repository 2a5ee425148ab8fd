"""Ways to combine kernels: units, ties and noise; every engine against the naive reference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from engine_cases import ENGINES, agree, filtered, picture, taps, whole
from reference import reference

import convcli
from convcli.errors import KernelError
from convcli.kernels.kernel import Kernel, Recipe
from convcli.kernels.library import shipped_kernels
from convcli.padding import Padding
from convcli.response import COMBINES, combined, unfit
from convcli.spec import Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEW = ("max-index", "orientation", "energy", "ratio", "ratio:2", "ratio:4")


def filtered_by(name: str, image: NDArray[Any], **wishes: Any) -> NDArray[Any]:
    return convcli.apply(image, name, folders=[shipped_kernels()], **wishes)


@pytest.mark.parametrize("combine", NEW)
@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_agrees_with_the_reference(name: str, combine: str) -> None:
    image = picture(1, "uint8", (5, 6, 3))
    for inputs in (1, 3):
        bank = taps(2, (4, inputs, 3, 2), "edge")
        scale, bias = (1.0, 0.5, -2.0, 1 / 9), (0.0, 8.0, -4.0, 0.1)
        stage = Stage(
            bank, (1, 0), scale, bias, combine, 3.0, "relu", padding=Padding("edge"), full=255.0
        )
        agree(name, whole(filtered(name, image, stage)), reference(image, stage), stage, image)


def test_shares_are_of_the_full_range() -> None:
    values = np.array([[3.0, -1.0], [4.0, 0.0], [0.0, 0.0]])
    assert combined("max-index", values, 255.0).tolist() == [85, 85]
    assert combined("energy", values, 255.0).tolist() == [25 / 255, 1 / 255]
    assert combined("energy", values, 1.0).tolist() == [25, 1]
    assert combined("ratio", values, 255.0).tolist() == [pytest.approx(0.6 * 255), 255]
    assert combined("ratio:2", values, 1.0).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("right", "down", "share"),
    [
        *((1, 0, 0), (1, -1, 1 / 8), (0, -1, 1 / 4), (-1, -1, 3 / 8), (-1, 0, 1 / 2)),
        *((0, 1, 3 / 4), (1, 1, 7 / 8), (0, 0, 0)),
    ],
)
def test_orientation_counts_counter_clockwise_from_the_right(
    right: float, down: float, share: float
) -> None:
    values = np.array([[right], [down]], np.float64)
    for noise in (0.0, 1e-9, -1e-9):
        found = combined("orientation", values + noise, 255.0)[0]
        assert found == pytest.approx(255 * share, abs=1e-6)


def test_noise_chooses_no_direction() -> None:
    assert combined("max-index", np.array([[7.0], [7.0 + 1e-9]]), 255.0) == 0
    assert combined("max-index", np.array([[7.0], [7.0 + 1e-3]]), 255.0) == 127.5
    assert combined("ratio", np.array([[1e-9], [0.0]]), 255.0) == 0


def test_the_hue_wheel_of_a_disk() -> None:
    y, x = np.mgrid[-20:21, -20:21]
    cone = np.clip(20 - np.hypot(x, y), 0, None) * 12
    found = filtered_by("gradient-direction", cone.astype(np.float64))
    # The cone gets brighter towards its tip.
    for angle in range(0, 360, 15):
        row, column = (
            round(20 - 12 * f(math.radians(angle))) for f in (lambda a: -math.sin(a), math.cos)
        )
        towards = math.degrees(math.atan2(row - 20, 20 - column)) % 360
        assert found[row, column] * 360 == pytest.approx(towards, abs=2)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_units_are_the_same_at_every_depth(dtype: Any) -> None:
    full = {np.uint8: 255, np.uint16: 65535}.get(dtype, 1)
    step: NDArray[Any] = np.zeros((9, 9, 3), dtype)
    step[:4] = full
    up = filtered_by("gradient-direction", step)
    assert up[4, 4].tolist() == [round(full / 4 + 0.01) if full > 1 else 0.25] * 3
    assert up[8, 8].tolist() == [0] * 3
    energy = filtered_by("freichen-edge", step)
    assert float(energy[4, 4, 0]) / full > 0.5
    assert filtered_by("kirsch-direction", step)[4, 4, 0] == 0
    south = float(filtered_by("kirsch-direction", step[::-1])[4, 4, 0])
    assert south == (math.floor(full / 2 + 0.5) if full > 1 else 0.5)


def test_alpha_does_not_dim_a_direction() -> None:
    step = np.zeros((9, 9, 4), np.uint8)
    step[:4, :, :3], step[..., 3] = 255, 255
    step[:, :4, 3] = 100
    found = filtered_by("gradient-direction", step, layout="rgb+alpha")
    assert found[4, [2, 7]].tolist() == [[64, 64, 64, 100], [64, 64, 64, 255]]


@pytest.mark.parametrize("name", ["gradient-direction", "kirsch-direction", "freichen-edge"])
def test_engines_give_the_same_bytes(name: str) -> None:
    image = picture(5, "uint8", (40, 60, 3))
    image[:, 20:40] = 77  # a flat area, where noise could choose
    expected = filtered_by(name, image, engine="direct")
    np.testing.assert_array_equal(filtered_by(name, image), expected)


def test_frei_and_chens_share() -> None:
    image = picture(3, "uint8", (12, 11, 1))[..., 0].astype(np.float64)
    shares = {n: filtered_by(n, image) for n in ("freichen-edge", "freichen-line")}
    mean = filtered_by("box", image) * 3
    parts = [filtered_by(f"freichen-{n}", image, range="clip") for n in range(1, 10)]
    squares = (np.stack(parts) ** 2).sum(axis=0)
    rest = shares["freichen-edge"] ** 2 + shares["freichen-line"] ** 2 + mean**2 / squares
    np.testing.assert_allclose(rest, 1, rtol=1e-12)
    # Nine orthonormal kernels keep the length of a patch.
    assert squares[5, 5] == pytest.approx((image[4:7, 4:7] ** 2).sum(), rel=1e-12)


@pytest.mark.parametrize(
    ("word", "count", "words"),
    [
        ("orientation", 3, "takes two kernels"),
        ("ratio:5", 4, "from 1 to 4"),
        ("ratio:0", 4, "from 1 to 4"),
        ("ratio:x", 4, "from 1 to 4"),
        ("max:2", 4, "is not one of"),
        ("largest", 2, "is not one of"),
    ],
)
def test_words_that_do_not_fit(word: str, count: int, words: str) -> None:
    assert words in unfit(word, count)
    with pytest.raises(KernelError, match=words):
        Recipe("given", (Kernel(((1.0,),)),) * count, combine=word)


def test_every_word_fits_two() -> None:
    assert not [word for word in (*COMBINES, "ratio:2") if unfit(word, 2)]
